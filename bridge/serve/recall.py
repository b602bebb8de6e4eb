"""The bridge's memory, filled again from the ledger: at a start (`restore`), or all of it anew (`replay`)."""

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from bridge.config.config import Config
from bridge.core.correlate import Correlator, Restored
from bridge.core.line import Line, Outcome
from bridge.core.normalise import EVERYWHERE
from bridge.core.telling.notice import Notice
from bridge.core.world.event import Report
from bridge.core.world.incident import Incident, State
from bridge.ledger.ledger import Commit, Ledger, StoredReport
from bridge.ledger.reader import Reader
from bridge.serve.clock import TimeLine

BATCH: Final = 256
"""Reports that are understood at once."""
PROGRESS: Final = 50_000
"""Reports between two words about how far a start is."""

RINGS: Final = 1000
"""So many of the last notices say how often each receiver was rung lately, which is what its brake goes by."""

log = logging.getLogger("quorumbell.bridge")


def new_line(config: Config) -> Line:
    languages = {name: receiver.language for name, receiver in config.receivers.items()}
    in_place = frozenset(name for name, receiver in config.receivers.items() if getattr(receiver.factory, "in_place", False))
    digests = frozenset(name for name, receiver in config.receivers.items() if receiver.digest is not None)
    return Line(config.correlation.core(), config.routes, languages, in_place, config.brakes, digests)


def restore(line: Line, ledger: Reader, now: datetime | None = None, beat: Callable[[], None] = lambda: None) -> None:
    """Fills the memory from the ledger: the worlds at their horizons, what happened since, and what was told.

    `now` says which brakes are still on; without it, it is the time of the last change.
    `beat` is called at each step.
    """
    last, worlds = _worlds(line, ledger)
    beat()
    # Cluster by cluster and as it happened, not as it came: so nothing is understood twice.
    clusters = [one for one in ledger.clusters() if one != EVERYWHERE]
    for cluster in worlds:
        _reach_back(line, ledger, cluster, worlds[cluster], last, beat)
    received = [_understand(line, ledger, one, worlds.get(one, Restored()), beat) for one in clusters]
    if any(received):
        line.tick(max(filter(None, received)))
    # People's words are in no world: all of them count, and the last one spoken is right.
    for words in _read(ledger, sorted(ledger.understood(EVERYWHERE)), beat):
        line.take([word.report() for word in words], words[-1].received_at)
    _recall(line, ledger, now)


def renewed(line: Line, config: Config, ledger: Reader, now: datetime, beat: Callable[[], None]) -> Line:
    """The line that a changed config asks for, with what is in the ledger; `line` stays as it is.

    What the understanding goes by is no different when only routes or receivers are: then the worlds go on as they are, and
    what each receiver was told is remembered anew. Else all is filled again as at a start, so that the incidents are those that
    a restart would make.
    """
    new = new_line(config)
    if new.correlator.settings == line.correlator.settings:
        new.router.keep_quiet(line.router.quiet)
        new = line.rerouted(new.router)
        _recall(new, ledger, now)
        return new
    restore(new, ledger, now, beat)
    new.correlator.gathers = line.correlator.gathers
    return new


def _worlds(line: Line, ledger: Reader) -> tuple[int, dict[str, Restored]]:
    """Begins from the last checkpoint; gives the number of its last report, and what of each cluster must be understood again."""
    checkpoint = ledger.latest_checkpoint()
    if checkpoint is not None:
        try:
            return checkpoint.seq, line.correlator.restore(checkpoint.data)
        except (msgspec.MsgspecError, KeyError, zlib.error):
            log.warning("the checkpoint was written by another version: understanding all reports again")
            line.correlator = Correlator(line.correlator.settings)
    return 0, {}


def _reach_back(line: Line, ledger: Reader, cluster: str, restored: Restored, last: int, beat: Callable[[], None]) -> None:
    """What happened before the horizon, and came, or was to be understood, after the world was written down."""
    if restored.since is None:
        return
    for found in _read(ledger, ledger.came_late(cluster, restored.since, last, restored.waits), beat):
        line.take([one.report() for one in found], restored.since)


def _understand(line: Line, ledger: Reader, cluster: str, restored: Restored, beat: Callable[[], None]) -> datetime | None:
    """A cluster's reports; gives when the last of them was received."""
    numbers = ledger.understood(cluster, restored.since)
    last, done, told = None, 0, 0
    for found in _read(ledger, numbers, beat):
        received = max(one.received_at for one in found)
        reports = [one.report() for one in found]
        if found[0].at == restored.since:
            reports = [one for one in reports if not restored.is_known(one)]
        line.take(reports, min(found[-1].at, received))
        last, done = max(last or received, received), done + len(found)
        if done - told >= PROGRESS:
            told = done
            log.info("understanding again what was reported of %s: %d of %d", cluster, done, len(numbers))
    return last


def _read(ledger: Reader, numbers: Sequence[int], beat: Callable[[], None]) -> Iterator[list[StoredReport]]:
    for start in range(0, len(numbers), BATCH):
        yield ledger.reports_of(numbers[start : start + BATCH])
        beat()


def _batches(stored: Iterable[tuple[int, StoredReport]]) -> Iterator[list[Report]]:
    rows = iter(stored)
    while batch := [report.report() for _, report in islice(rows, BATCH)]:
        yield batch


def _recall(line: Line, ledger: Reader, now: datetime | None) -> None:
    """What each receiver was told of incidents that are not over, by its notices: the router's memory."""
    router = line.router
    router.forget_told()
    live = line.correlator.incidents()
    latest = max((incident.changed_at for incident in live.values()), default=None)
    rings = [row.notice for row in reversed(ledger.notices(limit=RINGS)) if row.notice.kind.rings]
    for notice in rings:
        router.remember_ring(notice, now or latest or notice.at)
    families: dict[str, list[int]] = {}
    for number, key in {row.incident_id: row.incident_key for row in ledger.told()}.items():
        if (holder := _holder(live, key)) is not None:
            families.setdefault(holder, []).append(number)
    keys = iter(families)
    while some := list(islice(keys, BATCH)):  # their notices hold an incident each: never all of them in memory at once
        for key, told in _told(ledger, {key: families[key] for key in some}).items():
            _remember(line, live[key], told)
    for incident in live.values():
        if latest is not None and (incident.state is not State.CLOSED or router.was_told(incident.key)):
            router.watch(incident, latest)


def _told(ledger: Reader, families: Mapping[str, Sequence[int]]) -> dict[str, dict[int, Notice]]:
    """Of each family of incidents its notices, by their numbers."""
    holders = {number: key for key, numbers in families.items() for number in numbers}
    told: dict[str, dict[int, Notice]] = {}
    for number, notice in ledger.notices_about(holders):
        told.setdefault(holders[number], {})[notice.id] = notice
    return told


def _remember(line: Line, incident: Incident, told: Mapping[int, Notice]) -> None:
    ended = {(notice.receiver, notice.thread) for notice in told.values() if notice.moved}
    for _, notice in sorted(told.items()):
        if (notice.receiver, notice.thread) not in ended:
            line.router.remember(incident, notice)


def _holder(live: Mapping[str, Incident], key: str) -> str | None:
    """The incident in memory that tells the story of this one now."""
    found = live.get(key)
    while found is not None and found.absorbed_into is not None:
        found = live.get(found.absorbed_into)
    return found.key if found is not None else None


def replay(config: Config, now: datetime | None = None) -> dict[str, int]:
    """Makes all derived state anew from the reports, with the present config. Touches no notice and no delivery.

    `now` is when the bridge would start, if it is not given.
    """
    ledger = Ledger.open(config.bridge.ledger_url)
    try:
        with ledger.rebuild():
            return _replayed(ledger, new_line(config), now or TimeLine(ledger.anchor())())
    finally:
        ledger.close()


def _replayed(ledger: Ledger, line: Line, now: datetime) -> dict[str, int]:
    """What is late is gathered, as in the bridge: else all that is newer than a backlog is understood with each batch of it."""
    keys: set[str] = set()
    count = 0
    line.correlator.gathers = True
    for batch in _batches(ledger.reports()):
        received_at = max(report.received_at for report in batch)
        keys |= _rewrite(ledger, line.take(batch, received_at), received_at)
        due = line.correlator.behind_at()
        if due is not None and due <= received_at:
            keys |= _rewrite(ledger, line.catch_up(received_at, most=None), received_at)
        count += len(batch)
    keys |= _rewrite(ledger, line.catch_up(now, most=None), now)
    return {"reports": count, "incidents": len(keys)}


def _rewrite(ledger: Ledger, outcome: Outcome, now: datetime) -> set[str]:
    decided = [(one.uid, one.incident_key, one.why) for one in outcome.decisions.values()]
    incidents = list(outcome.incidents.values())
    ledger.commit(Commit(now=now, redecided=decided, incidents=incidents, conditions=outcome.conditions, layout=outcome.layout))
    return set(outcome.incidents)
