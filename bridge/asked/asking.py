"""What the running bridge and its ledger say, and that one of them keeps silent keeps nobody waiting."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from bridge.config.config import Config
    from bridge.ledger.reader import Reader

SILENT_AFTER: Final = 10.0
"""Seconds that a ledger has for its answer, while the bridge finds it well."""
BUSY_AFTER: Final = 0.6
"""… and while the bridge answers from memory, since its loop is busy: it may wait for the same ledger."""
ASK_EVERY: Final = 0.35
R = TypeVar("R")
_CONTROL: Final = re.compile(r"""^[ \t]*control[ \t]*=[ \t]*(["'])(.+?)\1""", re.MULTILINE)


def control_of(path: Path) -> Path:
    """Where the running bridge is asked: as the file says, also when it has mistakes and cannot be used for anything else."""
    from bridge.config.bridge import BridgeSettings

    try:
        named = _CONTROL.search(path.read_text("utf-8", "replace"))
    except OSError:
        named = None
    return Path(named[2]) if named else BridgeSettings().control


class Silent(Exception):  # noqa: N818 - what it is
    """The ledger cannot be read now, and why; `bridge` is what the bridge said last."""

    def __init__(self, why: str, bridge: dict[str, Any]) -> None:
        super().__init__(why)
        self.bridge = bridge


def running(config: "Config") -> dict[str, Any]:
    """What the bridge says of itself; `ledger_away` is there when nothing can be stored."""
    return running_at(config.bridge.control)


def running_at(control: Path, *, whole: bool = False) -> dict[str, Any]:
    """With `whole` also what it knows without its ledger."""
    from bridge.serve.control import ControlError, Hello, ask

    try:
        return {"running": True, **ask(control, Hello(whole=whole), timeout=3)}
    except ControlError as error:
        return {"running": False, "why": str(error)}


def read(config: "Config", bridge: dict[str, Any], look: Callable[["Reader"], R]) -> R:
    """What `look` finds in the ledger. Raises Silent when it does not answer, or the bridge says that it does not;
    LedgerError when there is no bridge that could say so."""
    from bridge.ledger.ledger import LedgerError
    from bridge.secret import redact

    if bridge.get("ledger_away"):
        raise Silent(bridge["ledger_away"]["why"], bridge)
    reader = _Reader(config, look)
    reader.start()
    limit = BUSY_AFTER if "busy_seconds" in bridge else SILENT_AFTER
    until = time.monotonic() + limit
    while not reader.done.wait(ASK_EVERY):
        if time.monotonic() > until:
            why = f"no answer within {limit:g} s"
            raise Silent(why, bridge) if bridge["running"] else LedgerError(f"{config.bridge.ledger}: {why}; {bridge['why']}")
        if bridge["running"] and (said := running(config)).get("ledger_away"):
            raise Silent(said["ledger_away"]["why"], said)
    if reader.trouble is None:
        return reader.found[0]
    if not bridge["running"]:
        raise reader.trouble
    raise Silent(redact(str(reader.trouble)), bridge) from reader.trouble


class _Reader(threading.Thread, Generic[R]):
    """On a thread that nobody has to wait for."""

    def __init__(self, config: "Config", look: Callable[["Reader"], R]) -> None:
        super().__init__(daemon=True)
        self._config = config
        self._look = look
        self.done = threading.Event()
        self.found: list[R] = []
        self.trouble: Exception | None = None

    def run(self) -> None:
        from bridge.ledger.ledger import Ledger

        try:
            ledger = Ledger.open(self._config.bridge.ledger_url, write=False)
            with closing(ledger):
                self.found.append(self._look(ledger))
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            self.trouble = error
        self.done.set()
