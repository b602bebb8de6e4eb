"""What one notice does to an incident's messages: the first one, its thread, and new ones that ring."""

from collections.abc import Mapping
from hashlib import blake2s

import msgspec

from bridge.core.telling.notice import Delivered, Notice, Telling
from bridge.core.world.event import Severity
from bridge.receivers.chat.message import Fixed, Gone, Message, Refused, Where
from bridge.receivers.chat.steps import Steps
from bridge.texts.chat import Chat


class ChatTelling:
    """One notice, told with what earlier ones asked to remember. `mention`: a ring of what is critical calls the whole room."""

    def __init__(self, steps: Steps, notice: Notice, text: Chat, memory: Mapping[str, str], *, mention: bool) -> None:
        self._steps = steps
        self._notice = notice
        self._text = text
        self._memory = memory
        self._mention = mention and notice.incident.severity is Severity.CRITICAL and notice.kind.rings

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
        lost = f"; not told with it: {'; '.join(self._steps.lost)}" if self._steps.lost else ""
        return Delivered(f"message {root}{lost}", {"root": root, "said": self._said, **self._kept_details()})

    @property
    def _said(self) -> str:
        return blake2s(self._text.brief[-1].text.encode(errors="replace"), digest_size=6).hexdigest()

    def _first(self) -> str:
        """Nobody was told yet, or nobody knows where: then this is the message that will be kept true."""
        quiet = not self._notice.kind.rings
        overview = Message(parts=self._text.overview, where=Where.ROOM, quiet=quiet, mention=self._mention)
        root = self._steps.post("root", overview, self._steps.key("root"))
        if self._steps.again:  # it may be there since an earlier attempt, with what was true then
            with self._steps.losing():
                self._steps.edit("root", root, msgspec.structs.replace(overview, mention=False))
        return root

    def _ring(self, root: str) -> None:
        message = Message(parts=self._text.news, where=Where.ALOUD, root=root, mention=self._mention)
        try:
            self._steps.post("news", message)
        except Gone:
            self._steps.post("news", msgspec.structs.replace(message, where=Where.ROOM, root=""))

    def _refresh(self, root: str, *, main: bool = False) -> str:
        """Makes the first message true; if it is gone or fixed, says so anew. Gives the id of the first message."""
        overview = Message(parts=self._text.overview, where=Where.ROOM)
        try:
            self._steps.edit("root", root, overview)
        except Gone:
            return self._steps.post("root", msgspec.structs.replace(overview, quiet=True), self._steps.key("root", root))
        except Fixed:
            self._steps.post("reply", Message(parts=self._text.news, where=Where.THREAD, root=root, quiet=True))
        except Refused as refused:
            if main or refused.passing:
                raise
            self._steps.lost.append(refused.verdict.why)
        return root

    def _details(self, root: str) -> None:
        if not self._text.details:
            return
        known = self._memory.get("details", "") if root == self._memory.get("root") else ""
        message = Message(parts=self._text.details, where=Where.THREAD, root=root, quiet=True)
        with self._steps.losing():
            try:
                if known:
                    self._steps.edit("details", known, message)
            except Gone:
                known = ""
            if not known:
                self._steps.post("details", message, self._steps.key("details", root))

    def _kept_details(self) -> dict[str, str]:
        return {"details": self._steps.done["details"]} if "details" in self._steps.done else {}

    def _reply(self, root: str) -> None:
        """One line in the thread, unless more than that was said there since the first message could not be edited."""
        if "reply" not in self._steps.done:
            with self._steps.losing():
                self._steps.post("brief", Message(parts=self._text.brief, where=Where.THREAD, root=root, quiet=True))
