"""The steps of one telling, each done once: whatever was posted is not posted again by a retry in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2s
from typing import Final, TypeVar

import msgspec

from bridge.core.telling.notice import Notice
from bridge.receivers.chat.message import Message, Refused, Room, TooLong
from bridge.texts.chat import Part, fit

SHORTEST_CUT: Final = 500
"""Below so many characters nothing is cut any more: who refuses even these refuses for another reason."""
R = TypeVar("R")


class Steps:
    """`done` holds the ids of what this process has posted of the notice already, by the step; `lost` why something is missing.

    `again`: an earlier attempt may have posted it, too.
    """

    def __init__(self, room: Room, notice: Notice, cut: Part, done: dict[str, str], *, again: bool) -> None:
        self.done = done
        self.again = again
        self.lost: list[str] = []
        self._room = room
        self._notice = notice
        self._cut = cut

    @contextmanager
    def losing(self) -> Iterator[None]:
        """The notice's own word is said: what goes with it may be refused, and only a passing trouble is worth a retry."""
        try:
            yield
        except Refused as refused:
            if refused.passing:
                raise
            self.lost.append(refused.verdict.why)

    def post(self, step: str, message: Message, key: str = "") -> str:
        if step not in self.done:
            key = key or self.key(self._notice.id, step)
            self.done[step] = self._fitting(message, lambda made: self._room.post(made, key, self._notice, again=self.again))
        return self.done[step]

    def edit(self, step: str, message_id: str, message: Message) -> None:
        if f"{step} edited" not in self.done:
            self._fitting(message, lambda made: self._room.edit(message_id, made, self.key(self._notice.id, f"{step}-edit")))
            self.done[f"{step} edited"] = message_id

    def _fitting(self, message: Message, send: Callable[[Message], R]) -> R:
        """Some servers allow less than their documents say; what they take then is kept in mind."""
        while True:
            try:
                return send(self._fitted(message))
            except TooLong:
                if self._room.limit // 2 < SHORTEST_CUT:
                    raise
                self._room.limit //= 2

    def _fitted(self, message: Message) -> Message:
        return msgspec.structs.replace(message, parts=fit(message.parts, self._room.limit, self._room.size, self._cut))

    def key(self, *of: object) -> str:
        """The same for the same step, and for no other, on any installation: of a notice, or of the thread as a whole."""
        notice = self._notice
        birth = repr((notice.incident.cluster, notice.thread, notice.receiver, *of))
        return f"quorumbell-{blake2s(birth.encode(errors='replace'), digest_size=12).hexdigest()}"
