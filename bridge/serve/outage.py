"""An outage of the ledger, and who was told of it: also on disk, so that a bridge that dies meanwhile tells nobody twice.

The note lies beside the control socket, in /run: another disk than the ledger's, and empty after the machine was started anew.
"""

import json
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import CLUSTER, Severity, to_us
from bridge.core.world.incident import Incident, Kind, State
from bridge.texts.own import NOTHING_STORED

log = logging.getLogger("quorumbell.bridge")


class Outage:
    """`told` has each receiver that knows of it, with what it asked to remember; it is replaced, never changed: threads read it.

    `ledger` is its address, without a password. When it was `lost`, another one is in its place: everybody is told, however soon
    that one takes something.
    """

    def __init__(
        self,
        since: datetime,
        why: str,
        ledger: str,
        told: Mapping[str, Mapping[str, str]] | None = None,
        *,
        lost: bool = False,
    ) -> None:
        self.since = since
        self.why = why
        self.ledger = ledger
        self.told = dict(told or {})
        self.lost = lost
        self.ended_at: datetime | None = None
        self.over = threading.Event()
        self._lock = threading.Lock()

    def know(self, name: str, memory: Mapping[str, str]) -> None:
        with self._lock:
            self.told = {**self.told, name: dict(memory)}

    def forget(self, name: str) -> None:
        with self._lock:
            self.told = {other: memory for other, memory in self.told.items() if other != name}

    def end(self, at: datetime) -> None:
        self.ended_at = max(at, self.since)
        self.over.set()

    def notice(self, receiver: str, language: str, bridge: str, now: datetime) -> Notice:
        """What a bell is told: that it began, or that it is over. The same words have the same ids, also after a restart."""
        over = self.ended_at is not None
        number = to_us(self.since) + over
        began = "the ledger was deleted or replaced" if self.lost else "nothing can be stored"
        reason = "it can be stored again" if over else began
        incident = Incident(
            key=f"{NOTHING_STORED}{self.since.isoformat()}",
            cluster=bridge,
            kind=Kind.EDGE_SILENT,  # it is of no kind; its texts go by the key
            root=CLUSTER,
            state=State.CLOSED if over else State.OPEN,
            severity=Severity.CRITICAL,
            peak=Severity.CRITICAL,
            opened_at=self.since,
            changed_at=self.ended_at or now,
            closed_at=self.ended_at,
            facts=_facts(self.ledger, self.why) | ({"ledger_lost": "yes"} if self.lost else {}),
            reason=reason,
        )
        return Notice(
            incident_id=0,
            receiver=receiver,
            kind=Telling.CLOSED if over else Telling.OPENED,
            reason=reason,
            at=self.ended_at or now,
            incident=incident,
            language=language,
            thread=f"nothing-stored-{to_us(self.since)}",
            id=number,
        )


def _facts(ledger: str, why: str) -> dict[str, str]:
    """What the text names: of PostgreSQL its address, of SQLite the file and its folder."""
    scheme, _, place = ledger.partition("://")
    if not scheme.startswith("sqlite"):
        return {"trouble": why, "ledger": ledger}
    path = Path(place.removeprefix("/"))
    return {"trouble": why, "ledger": str(path), "ledger_folder": str(path.parent)}


class Note:
    """The outage that lasts, as the next process finds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._complained = False

    def read(self, ledger: str) -> Outage | None:
        try:
            found = json.loads(self._path.read_bytes())
            since, told = datetime.fromisoformat(found["since"]).astimezone(UTC), found["told"]
            memories = {str(name): dict(memory) for name, memory in told.items()}
            return Outage(since, str(found["why"]), ledger, memories, lost=bool(found.get("lost")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s cannot be read, so nobody is known to have been told: %s", self._path, error)
            return None

    def write(self, outage: Outage) -> None:
        said = {"since": outage.since.isoformat(), "why": outage.why, "told": outage.told, "lost": outage.lost}
        draft = self._path.with_name(self._path.name + ".part")
        with self._lock:
            try:
                draft.write_text(json.dumps(said))
                draft.replace(self._path)
            except OSError as error:
                self._complain(error)

    def remove(self) -> None:
        with self._lock:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            log.warning(
                "%s cannot be written: should the bridge be restarted meanwhile, some are told twice: %s", self._path, error
            )
        self._complained = True
