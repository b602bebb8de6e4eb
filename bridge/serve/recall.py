"""The bridge's memory, filled again from the ledger: at a start (`restore`), or all of it anew (`replay`)."""

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from bridge.config.config import Config
from bridge.core.correlate import Correlator
from bridge.core.line import Line, Outcome
from bridge.core.normalise import EVERYWHERE
from bridge.core.telling.notice import Notice
from bridge.core.world.event import Report
from bridge.core.world.incident import State
from bridge.ledger.ledger import Commit, Ledger, StoredReport
from bridge.ledger.reader import Reader

MARGIN: Final = timedelta(hours=1)
"""A report may have been received so long before its own corrected time."""
BATCH: Final = 256
"""Reports that are understood at once."""

RINGS: Final = 1000
"""So many of the last notices say how often each receiver was rung lately, which is what its brake goes by."""

R = TypeVar("R")

log = logging.getLogger("quorumbell.bridge")


def new_line(config: Config) -> Line:
    languages = {name: receiver.language for name, receiver in config.receivers.items()}
    in_place = frozenset(name for name, receiver in config.receivers.items() if getattr(receiver.factory, "in_place", False))
    return Line(config.correlation.core(), config.routes, languages, in_place, config.brakes)


def to_report(stored: StoredReport) -> Report:
    """A stored report, for the line. What cannot be parsed has no fields, and is Unreadable again."""
    try:
        body = msgspec.json.decode(stored.body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        body = {}
    return Report(
        uid=stored.uid,
        cluster=stored.cluster,
        node=stored.node,
        source=stored.source,
        received_at=stored.received_at,
        body=body,
        offset=stored.offset,
    )


def restore(line: Line, ledger: Reader, now: datetime | None = None, beat: Callable[[], None] = lambda: None) -> None:
    """Fills the memory from the ledger: the worlds at their horizons, the reports since, and what was told.

    `now` says which brakes are still on; without it, it is the time of the last change.
    `beat` is called at each step.
    """
    since: dict[str, datetime | None] = {}
    checkpoint = ledger.latest_checkpoint()
    if checkpoint is not None:
        try:
            since = line.correlator.restore(checkpoint.data)
        except (msgspec.MsgspecError, KeyError, zlib.error):
            log.warning("the checkpoint was written by another version: understanding all reports again")
            line.correlator = Correlator(line.correlator.settings)
    for cluster, horizon in since.items():
        begin = horizon - MARGIN if horizon else None
        # What happened before the horizon is in the checkpoint: it is not even parsed.
        rows = _with_beats(ledger.reports(cluster=cluster, since=begin), beat)
        _feed(line, (row for row in rows if horizon is None or row[1].at >= horizon))
    # What the checkpoint does not know began after it; but people's words are in no world: all of them count.
    after = checkpoint.seq if since and checkpoint is not None else 0
    _feed(line, (row for row in _with_beats(ledger.reports(after), beat) if row[1].cluster not in {*since, EVERYWHERE}))
    _feed(line, _with_beats(ledger.reports(cluster=EVERYWHERE), beat))
    _recall(line, ledger, now)


def _with_beats(rows: Iterable[R], beat: Callable[[], None]) -> Iterator[R]:
    for row in rows:
        beat()
        yield row


def _feed(line: Line, stored: Iterable[tuple[int, StoredReport]]) -> None:
    for batch in _batches(stored):
        line.take(batch, batch[-1].received_at)


def _batches(stored: Iterable[tuple[int, StoredReport]]) -> Iterator[list[Report]]:
    rows = iter(stored)
    while batch := [to_report(report) for _, report in islice(rows, BATCH)]:
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
    families: dict[str, dict[int, Notice]] = {}
    for number, key in {row.incident_id: row.incident_key for row in ledger.told()}.items():
        holder = live.get(key)
        while holder is not None and holder.absorbed_into is not None:
            holder = live.get(holder.absorbed_into)
        if holder is not None:
            families.setdefault(holder.key, {}).update({row.notice.id: row.notice for row in ledger.notices(number)})
    for key, told in families.items():
        ended = {(notice.receiver, notice.thread) for notice in told.values() if notice.moved}
        for _, notice in sorted(told.items()):
            if (notice.receiver, notice.thread) not in ended:
                router.remember(live[key], notice)
    for incident in live.values():
        if latest is not None and (incident.state is not State.CLOSED or router.was_told(incident.key)):
            router.watch(incident, latest)


def replay(config: Config, now: datetime) -> dict[str, int]:
    """Makes all derived state anew from the reports, with the present config. Touches no notice and no delivery."""
    ledger = Ledger.open(config.bridge.ledger_url)
    try:
        with ledger.rebuild():
            return _replayed(ledger, new_line(config), now)
    finally:
        ledger.close()


def _replayed(ledger: Ledger, line: Line, now: datetime) -> dict[str, int]:
    keys: set[str] = set()
    count = 0
    for batch in _batches(ledger.reports()):
        received_at = max(report.received_at for report in batch)
        keys |= _rewrite(ledger, line.take(batch, received_at), received_at)
        count += len(batch)
    keys |= _rewrite(ledger, line.tick(now), now)
    return {"reports": count, "incidents": len(keys)}


def _rewrite(ledger: Ledger, outcome: Outcome, now: datetime) -> set[str]:
    decided = [(one.uid, one.incident_key, one.why) for one in outcome.decisions.values()]
    incidents = list(outcome.incidents.values())
    ledger.commit(Commit(now=now, redecided=decided, incidents=incidents, conditions=outcome.conditions))
    return set(outcome.incidents)
