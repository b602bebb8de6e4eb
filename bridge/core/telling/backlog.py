"""What a receiver is told that could not be reached for a while: what is true now, and what is over in one summary.

of an incident that is open   one notice, as it is now
over, and never heard of      a line in the summary
over, and its beginning heard its end
part of another now           where it goes on, if its beginning was heard
data in danger (UNBRAKED)     its beginning and its end, each for itself
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from bridge.core.telling.decide import bundle, face
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State

STRONGEST = (Telling.OPENED, Telling.ESCALATED, Telling.REMINDER, Telling.UPDATED)


class CatchUp(msgspec.Struct, kw_only=True):
    """What is withdrawn, by number, and what is told instead."""

    withdrawn: list[int] = []
    notices: list[Notice] = []


def catch_up(
    owed: Sequence[Notice],
    mentioned: Mapping[int, Sequence[int]],
    current: Mapping[int, Incident],
    heard: Collection[int],
    now: datetime,
) -> CatchUp:
    """Shortens what waits for one receiver. `mentioned` are the incidents of bundles; `current` is how each is now, by number."""
    made = CatchUp()
    over: dict[str, Incident] = {}
    by_key = {one.key: one for one in current.values()}
    lone: list[Notice] = []
    for thread in _threads(owed):
        one = _now(thread[-1], current, by_key)
        if thread[-1].moved:  # nobody needs to hear where goes on what was not heard of
            begun = any(notice.incident_id in heard for notice in thread)
            made.withdrawn += [notice.id for notice in (thread[:-1] if begun else thread)]
        elif one.state is State.OPEN:
            _as_it_is(thread, one, made, now)
        elif one.state is State.CLOSED and thread[-1].kind is Telling.CLOSED:
            if one.kind in UNBRAKED:
                made.withdrawn += [notice.id for notice in thread[1:-1]]
            elif any(notice.incident_id in heard for notice in thread):
                made.withdrawn += [notice.id for notice in thread[:-1]]
            else:
                over[one.key] = one
                lone = thread
                made.withdrawn += [notice.id for notice in thread]
    summaries = [notice for notice in owed if notice.kind is Telling.SUMMARY]
    made.withdrawn += [notice.id for notice in owed if notice.kind is Telling.BRAKED and (notice.until or now) <= now]
    if len(over) == 1 and not summaries:
        made.withdrawn.remove(lone[-1].id)  # the one end says it all
    elif over or len(summaries) > 1 or any(_changed(notice, mentioned, current) for notice in summaries):
        _sum_up(summaries, over, mentioned, current, made, [*owed], now)
    return made


def _threads(owed: Sequence[Notice]) -> list[list[Notice]]:
    threads: dict[str, list[Notice]] = {}
    for notice in owed:
        if not notice.kind.bundles:
            threads.setdefault(notice.thread, []).append(notice)
    return list(threads.values())


def _as_it_is(thread: list[Notice], one: Incident, made: CatchUp, now: datetime) -> None:
    last = thread[-1]
    if len(thread) == 1 and _same(last.incident, one):
        return
    strongest = min(
        (notice for notice in thread if notice.kind in STRONGEST), key=lambda notice: STRONGEST.index(notice.kind), default=last
    )
    made.withdrawn += [notice.id for notice in thread]
    made.notices.append(
        msgspec.structs.replace(strongest, id=0, at=now, incident=one, reason=f"told late, as it is now: {strongest.reason}")
    )


def _sum_up(
    summaries: list[Notice],
    over: Mapping[str, Incident],
    mentioned: Mapping[int, Sequence[int]],
    current: Mapping[int, Incident],
    made: CatchUp,
    owed: list[Notice],
    now: datetime,
) -> None:
    items = {one.key: one for notice in summaries for one in _items(notice, mentioned, current)}
    items |= over
    made.withdrawn += [notice.id for notice in summaries]
    since = min(notice.since or notice.at for notice in owed)
    first = owed[0]
    made.notices.append(
        bundle(
            Telling.SUMMARY,
            first.receiver,
            items.values(),
            now,
            reason="the receiver could not be reached; what is over is told together",
            language=first.language,
            since=since,
        )
    )


def _items(notice: Notice, mentioned: Mapping[int, Sequence[int]], current: Mapping[int, Incident]) -> Iterable[Incident]:
    return [current[number] for number in mentioned.get(notice.id, ()) if number in current]


def _changed(notice: Notice, mentioned: Mapping[int, Sequence[int]], current: Mapping[int, Incident]) -> bool:
    then = {one.key: one for one in notice.items}
    return any(one.key in then and not _same(then[one.key], one) for one in _items(notice, mentioned, current))


def _now(notice: Notice, current: Mapping[int, Incident], by_key: Mapping[str, Incident]) -> Incident:
    """The incident as it is, or the one that it is part of now."""
    one = current.get(notice.incident_id, notice.incident)
    while one.absorbed_into is not None and one.absorbed_into in by_key:
        one = by_key[one.absorbed_into]
    return one


def _same(one: Incident, other: Incident) -> bool:
    return face(one) == face(other) and one.worsened == other.worsened and one.severity is other.severity
