"""What a telling asks of a product, and how the product says no."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

import msgspec

from bridge.core.telling.notice import GiveUp, Notice, TryLater
from bridge.texts.chat import Part, Parts


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
    """The other side said no; `passing` tells a passing trouble of the line from a word about this account, place or message."""

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


class Room(Protocol):
    """Where messages are shown: ChatReceiver says what each of these must do."""

    limit: int

    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str: ...

    def edit(self, message_id: str, message: Message, key: str) -> None: ...

    def size(self, parts: Sequence[Part]) -> int: ...
