"""What all chats have in common: one message for each incident, kept true in place; what to do hangs below it; a ring is new.

    opened               a message in the room; below it, in its thread, what to do
    escalated, reminder  a new message that everybody in the room sees and is notified of; the first one is edited
    updated              the first one is edited, which notifies nobody; a line in its thread when the sentence is another
    closed               the first one is edited, and a line in its thread

A product's own module says how a message is written there, posted and edited. Every step has a key that follows from its notice,
or from its thread for what a thread has only once, so that a retry is the same message again: whether the other side knows keys
or has to be asked for them is the module's affair. Once the notice's own word is said, nothing that merely goes with it keeps the
next notices waiting.
"""

import abc
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum, auto
from functools import cached_property
from hashlib import blake2s
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import msgspec

from bridge.core.telling.notice import Delivered, GiveUp, Notice, Telling, TryLater, Verdict
from bridge.core.world.event import Severity
from bridge.receivers import TRIED
from bridge.receivers.settings import check_timeout, check_url, check_zone
from bridge.receivers.web import Answer, NoAnswer, Web, one_line
from bridge.secret import Secret, SecretError
from bridge.texts.chat import Chat, Part, Parts, chat, fit

log = logging.getLogger(__name__)

MOST_KEPT: Final = 1000
SHORTEST_CUT: Final = 500
"""Below so many characters nothing is cut any more: who refuses even these refuses for another reason."""
OF_THE_PLACE: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405, 410})
"""Statuses that complain of the address, the token or the room, not of this message: a person corrects that, and then what was
not told must go out."""


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every chat's table has. `timeout` is for all that one notice needs."""

    url: str
    token: Secret
    mention: bool = False
    timeout: timedelta = timedelta(seconds=30)
    ca_file: Path | None = None
    time_zone: str = "UTC"

    example: ClassVar[str] = "https://chat.example.com"

    def __post_init__(self) -> None:
        check_url(self.url, self.example)
        check_timeout(self.timeout)
        check_zone(self.time_zone)


class Where(Enum):
    ROOM = auto()  # a message of its own
    THREAD = auto()  # below the first one; notifies nobody who does not follow the thread
    ALOUD = auto()  # belongs to the first one, but everybody in the room sees it and is notified


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`root` is the incident's first message, for THREAD and ALOUD. `quiet`: notifies nobody, where that can be asked for."""

    parts: Parts
    where: Where
    root: str = ""
    quiet: bool = False
    mention: bool = False


class Refused(Exception):  # noqa: N818 - it is an answer, and carries the verdict
    """The other side said no; `later` tells a passing trouble of the line from a word about this account, place or message."""

    def __init__(self, verdict: TryLater | GiveUp, *, passing: bool = False) -> None:
        super().__init__(verdict.why)
        self.verdict = verdict
        self.passing = passing


class Gone(Refused):
    """The message that should be edited or replied to is no longer there."""


class Fixed(Refused):
    """The message is there and may not be edited (any more)."""


class TooLong(Refused):
    """Longer than we thought it may be."""


class ChatReceiver(abc.ABC):
    """A bell that can change what it showed. Subclasses know one product."""

    in_place = True
    limit: int
    """How long a message may be, as `size` measures it."""

    def __init__(self, name: str, settings: ChatSettings) -> None:
        self._name = name
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)
        self._begun: dict[int, dict[str, str]] = {}
        self._unsure: dict[str, int] = {}
        self._until = 0.0

    # --- what a product does -----------------------------------------------------------------------------------------

    @abc.abstractmethod
    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str:
        """The id of the new message; `again` when it may be there already. Raises Refused, NoAnswer."""

    @abc.abstractmethod
    def edit(self, message_id: str, message: Message, key: str) -> None:
        """Raises Gone, Fixed, Refused, NoAnswer."""

    @abc.abstractmethod
    def size(self, parts: Sequence[Part]) -> int: ...

    # --- telling -----------------------------------------------------------------------------------------------------

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        # What waits may be told as another notice meanwhile: it is the thread that may have something already.
        again = TRIED in memory or notice.thread in self._unsure
        done = self._begun.setdefault(notice.id, {})
        self._until = time.monotonic() + self._settings.timeout.total_seconds()
        telling = _Telling(self, notice, chat(notice, self._zone), memory, done, again=again)
        try:
            verdict: Verdict = telling.tell()
        except Refused as refused:
            verdict = refused.verdict
        except (NoAnswer, SecretError) as error:
            verdict = TryLater(str(error))
        if isinstance(verdict, TryLater):
            self._unsure[notice.thread] = notice.id
        else:
            del self._begun[notice.id]
        if isinstance(verdict, Delivered):
            self._unsure.pop(notice.thread, None)
        _forget_the_oldest(self._begun)
        _forget_the_oldest(self._unsure)
        return verdict

    def close(self) -> None:
        if "web" in self.__dict__:
            self.web.close()

    # --- for subclasses ----------------------------------------------------------------------------------------------

    @cached_property
    def web(self) -> Web:
        """Made when it is first needed: until then nobody asks for the token."""
        settings = self._settings
        ca_file = str(settings.ca_file) if settings.ca_file else None
        return Web(deadline=settings.timeout, ca_file=ca_file, secrets=[settings.token.reveal()])

    def call(self, method: str, path: str, **how: Any) -> Answer:
        """With the token, within what is left of the time. Raises NoAnswer."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"not done within {self._settings.timeout.total_seconds():g} s: {self._settings.url}")
        headers = {"Authorization": f"Bearer {self._settings.token.reveal()}", **how.pop("headers", {})}
        url = self._settings.url.rstrip("/") + path
        return self.web.request(method, url, headers=headers, deadline=timedelta(seconds=left), **how)

    def refusal(self, answer: Answer, said: str = "", cure: str = "") -> Refused:
        """What a status means by itself, with the product's own words and our cure."""
        verdict = self.web.verdict(answer)
        why = f"{answer.status} from {answer.where}: {said}" if said else verdict.why
        why = self.web.scrub(f"{one_line(why)}; {cure}" if cure else one_line(why))
        if isinstance(verdict, TryLater):
            return Refused(TryLater(why, verdict.after), passing=True)
        if isinstance(verdict, Delivered):
            return Refused(TryLater(f"{why}: that is no answer of this kind of server; is url right?"), passing=True)
        return Refused(TryLater(why) if answer.status in OF_THE_PLACE else GiveUp(why))

    def fitted(self, message: Message, cut: str) -> Message:
        return msgspec.structs.replace(message, parts=fit(message.parts, self.limit, self.size, cut))


def _forget_the_oldest(kept: dict[Any, Any]) -> None:
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]


class _Telling:
    """One notice under way. `done` holds the ids of what this process has posted of it already."""

    def __init__(
        self, receiver: ChatReceiver, notice: Notice, text: Chat, memory: Mapping[str, str], done: dict[str, str], *, again: bool
    ) -> None:
        self._receiver = receiver
        self._notice = notice
        self._text = text
        self._memory = memory
        self._done = done
        self._again = again
        self._lost: list[str] = []
        critical = notice.incident.severity is Severity.CRITICAL and notice.kind.rings
        self._mention = receiver._settings.mention and critical  # noqa: SLF001 - of the same module

    def tell(self) -> Delivered:
        root = self._memory.get("root", "")
        if not root:
            root = self._first()
        elif self._notice.kind.rings:
            self._ring(root)
            root = self._refresh(root)
        elif self._notice.kind is Telling.CLOSED:
            root = self._refresh(root, main=True)
            self._reply(root)
        else:
            root = self._refresh(root, main=True)
            if self._memory.get("said") != self._said:
                self._reply(root)
        self._details(root)
        lost = f"; not told with it: {'; '.join(self._lost)}" if self._lost else ""
        return Delivered(f"message {root}{lost}", {"root": root, "said": self._said, **self._kept_details()})

    @property
    def _said(self) -> str:
        return blake2s(self._text.brief[-1].text.encode(errors="replace"), digest_size=6).hexdigest()

    def _first(self) -> str:
        """Nobody was told yet, or nobody knows where: then this is the message that will be kept true."""
        quiet = not self._notice.kind.rings
        overview = Message(parts=self._text.overview, where=Where.ROOM, quiet=quiet, mention=self._mention)
        root = self._post("root", overview, self._key("root"))
        if self._again:  # it may be there since an earlier attempt, with what was true then
            with self._losing():
                self._edit("root", root, msgspec.structs.replace(overview, mention=False))
        return root

    def _ring(self, root: str) -> None:
        message = Message(parts=self._text.news, where=Where.ALOUD, root=root, mention=self._mention)
        try:
            self._post("news", message)
        except Gone:
            self._post("news", msgspec.structs.replace(message, where=Where.ROOM, root=""))

    def _refresh(self, root: str, *, main: bool = False) -> str:
        """Makes the first message true; if it is gone or fixed, says so anew. Gives the id of the first message."""
        overview = Message(parts=self._text.overview, where=Where.ROOM)
        try:
            self._edit("root", root, overview)
        except Gone:
            return self._post("root", msgspec.structs.replace(overview, quiet=True), self._key("root", root))
        except Fixed:
            self._post("reply", Message(parts=self._text.news, where=Where.THREAD, root=root, quiet=True))
        except Refused as refused:
            if main or refused.passing:
                raise
            self._lost.append(refused.verdict.why)
        return root

    def _details(self, root: str) -> None:
        if not self._text.details:
            return
        known = self._memory.get("details", "") if root == self._memory.get("root") else ""
        message = Message(parts=self._text.details, where=Where.THREAD, root=root, quiet=True)
        with self._losing():
            try:
                if known:
                    self._edit("details", known, message)
            except Gone:
                known = ""
            if not known:
                self._post("details", message, self._key("details", root))

    def _kept_details(self) -> dict[str, str]:
        return {"details": self._done["details"]} if "details" in self._done else {}

    def _reply(self, root: str) -> None:
        """One line in the thread, unless more than that was said there since the first message could not be edited."""
        if "reply" not in self._done:
            with self._losing():
                self._post("brief", Message(parts=self._text.brief, where=Where.THREAD, root=root, quiet=True))

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """The notice's own word is said: what goes with it may be refused, and only a passing trouble is worth a retry."""
        try:
            yield
        except Refused as refused:
            if refused.passing:
                raise
            self._lost.append(refused.verdict.why)

    def _post(self, step: str, message: Message, key: str = "") -> str:
        if step not in self._done:
            key = key or self._key(self._notice.id, step)
            self._done[step] = self._fitting(
                message, lambda made: self._receiver.post(made, key, self._notice, again=self._again)
            )
        return self._done[step]

    def _edit(self, step: str, message_id: str, message: Message) -> None:
        if f"{step} edited" not in self._done:
            self._fitting(message, lambda made: self._receiver.edit(message_id, made, self._key(self._notice.id, f"{step}-edit")))
            self._done[f"{step} edited"] = message_id

    def _fitting(self, message: Message, send: Any) -> Any:
        """Some servers allow less than their documents say; what they take then is kept in mind."""
        while True:
            try:
                return send(self._receiver.fitted(message, self._text.cut))
            except TooLong:
                if self._receiver.limit // 2 < SHORTEST_CUT:
                    raise
                self._receiver.limit //= 2

    def _key(self, *of: object) -> str:
        """The same for the same step, and for no other, on any installation: of a notice, or of the thread as a whole."""
        notice = self._notice
        birth = repr((notice.incident.cluster, notice.thread, notice.receiver, *of))
        return f"quorumbell-{blake2s(birth.encode(errors='replace'), digest_size=12).hexdigest()}"
