"""The seam to the outside: a receiver takes a notice and answers with a verdict."""

from collections.abc import Mapping
from typing import Final, Protocol

from bridge.core.notice import Notice, Verdict


class Receiver(Protocol):
    """A bell. One instance per configured receiver, used by one worker thread at a time.

    `deliver` never raises for what the other side does: it answers with a verdict. What it raises nevertheless is taken as
    TryLater and logged loudly. `memory` is what earlier notices of the same incident asked to remember.
    """

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict: ...

    def close(self) -> None: ...


BUILT_IN: Final[dict[str, str]] = {
    # kind in the config -> module:class; each module has a Settings struct (the fields of its table) and this class,
    # which is made as Class(name, settings).
    "mail": "bridge.receivers.mail:Mail",
    "opsview": "bridge.receivers.opsview:Opsview",
}
