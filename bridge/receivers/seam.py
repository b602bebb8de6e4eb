"""What a receiver is: it takes a notice, or what a board must show, and answers with a verdict."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Protocol

from bridge.core.showing.pace import Pace
from bridge.core.showing.picture import Seen, Show, Target
from bridge.core.telling.notice import GiveUp, Notice, TryLater, Verdict
from bridge.core.world.event import Subject


class Receiver(Protocol):
    """A bell. One instance per configured receiver, used by one worker thread at a time.

    `deliver` never raises for what the other side does: it answers with a verdict. What it raises nevertheless is taken as
    TryLater and logged loudly. `memory` is what earlier notices of the same incident asked to remember; at a retry it also has
    TRIED: then the notice may be there already, perhaps told by a process that died over it.

    A class attribute `in_place = True` says that it can change what it showed: then it also gets UPDATED notices.
    """

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict: ...

    def close(self) -> None: ...


TRIED: Final = "tried"
"""In a receiver's memory, how often this notice was tried before; absent at the first time."""


class BoardReceiver(Protocol):
    """A board: `board = True` in its class. Every call answers with a verdict; it belongs to one worker thread.

    `place` says which object shows a subject (None: none does), `own` is the bridge's own object. `look` reads what is shown on
    some hosts. The four that follow are asked only when `feedback` is true, `provide` only when `provides` is: it makes the
    objects that are missing (of each, whether its host is a machine of that name), a step at each call. One that also has a
    `drill: Target` is sent the results of drills there.
    """

    own: Target
    pace: Pace
    feedback: bool
    provides: bool

    def place(self, cluster: str, subject: Subject) -> Target | None: ...

    def show(self, show: Show) -> Verdict: ...

    def look(self, hosts: Collection[str]) -> list[Seen] | TryLater | GiveUp: ...

    def acknowledge(self, target: Target, comment: str) -> Verdict: ...

    def withdraw(self, target: Target) -> Verdict: ...

    def begin_downtime(self, target: Target, end: datetime, comment: str) -> Verdict: ...

    def end_downtime(self, target: Target, comment: str) -> Verdict: ...

    def provide(self, missing: Mapping[Target, bool], now: datetime) -> Verdict: ...

    def close(self) -> None: ...
