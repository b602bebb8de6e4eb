"""Whether a bridge rang for what needed a person, and for nothing else."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from bridge.core.telling.notice import Notice
from bridge.core.world.event import Report, subject_name
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.reading import stamp_of
from tests.month.arrival import SILENT_AFTER, seconds
from tests.month.bridge import Bridge, about
from tests.month.cluster import Away
from tests.month.month import Month
from tests.month.troubles import Trouble

HOLD = 60
"""Seconds that the longest hold lasts, of what a month brings."""
IN_TIME = 15
"""Seconds after which a report is late."""
ON_THEIR_WAY = 5
"""Seconds within which all comes that a relay hands over when it is back: nobody is rung before."""
LONG_ENOUGH = 2 * HOLD
"""What is there for so long when the last sign of it comes is told."""


def complaints(month: Month, reports: Sequence[Report], bridge: Bridge, cut: Sequence[Away] = ()) -> list[str]:
    """In plain words; none when all is well. `cut` are the relays that were not heard."""
    troubles = [*month.troubles, *(_silence(one) for one in cut)]
    rung: list[list[Notice]] = [[] for _ in troubles]
    came = {report.uid[:16]: seconds(report.received_at) for report in reversed(reports)}
    wrong = []
    for ring in bridge.rings:
        for incident in about(ring):
            place = next((place for place, one in enumerate(troubles) if _is_about(one, incident, ring, cut)), None)
            if place is None and not _is_withheld(month, incident, seconds(ring.at), came):
                wrong.append(f"{ring.at} {ring.kind} {incident.kind} {incident.root}, for nothing: {ring.reason}")
            elif place is not None:
                rung[place].append(ring)
    for one, rings in zip(troubles[: len(month.troubles)], rung, strict=False):
        wrong += _of_one(one, rings, [*_signs(month, one, came)], _unheard(one, cut))
    wrong += [f"{one.kind} {one.root} is open for ever: {one.reason}" for one in bridge.still_open()]
    return wrong


def _is_about(trouble: Trouble, incident: Incident, ring: Notice, cut: Collection[Away]) -> bool:
    unheard = _unheard(trouble, cut)
    until = max([trouble.over_at + HOLD, *(one.until + LONG_ENOUGH for one in unheard)])
    whole = incident.kind in trouble.kinds and incident.root in trouble.roots
    partly = bool(unheard) and (incident.kind, incident.root) in trouble.partly
    return (whole or partly) and incident.state is State.OPEN and trouble.began_at <= seconds(ring.at) <= until


def _is_withheld(month: Month, incident: Incident, rung_at: float, came: Mapping[bytes, float]) -> bool:
    """Whether what would have said that nobody is needed had been written down and could not come: a good word about a service,
    or of a node what it did before it left. Nobody can know better then, and that is said."""
    name = subject_name(incident.root)
    key = "CRM_alert_node" if incident.root.startswith("node/") else "CRM_alert_rsc"
    late = (one for one in month.reports if seconds(one.received_at) < rung_at < came[one.uid] - ON_THEIR_WAY)
    return any(one.body.get(key) == name and not _is_bad(one.body) for one in late)


def _of_one(
    trouble: Trouble, rings: Sequence[Notice], signs: Sequence[tuple[float, float]], unheard: Collection[Away]
) -> Iterator[str]:
    told = f"{' or '.join(trouble.kinds)} of {' or '.join(trouble.roots)}, {trouble.began_at:.0f} to {trouble.over_at:.0f}:"
    why = [one.reason for one in rings]
    came = [came_at for _, came_at in signs]
    if len(rings) > trouble.rings + (1 + len(trouble.partly) // 2 if unheard else 0):
        yield f"{told} rung {len(rings)} times: {why}"
    if rings and came and min(came) > trouble.over_at:
        yield f"{told} rung, and it was over when its reports came: {why}"
    if not rings and (_is_in_time(signs) if signs else not unheard):
        yield f"{told} nobody was rung"
    if not rings and came and max(came) < trouble.over_at - LONG_ENOUGH:
        yield f"{told} nobody was rung, though it was still so when all of its reports were there"


def _is_in_time(signs: Sequence[tuple[float, float]]) -> bool:
    return all(came_at - at < IN_TIME for at, came_at in signs)


def _unheard(trouble: Trouble, cut: Collection[Away]) -> list[Away]:
    return [one for one in cut if one.since < trouble.over_at and one.until > trouble.began_at]


def _signs(month: Month, trouble: Trouble, came: Mapping[bytes, float]) -> Iterator[tuple[float, float]]:
    """When its bad reports were written, and when they came."""
    for report in month.reports:
        at = (stamp_of(report.body) or 0) / 1e6
        if trouble.began_at <= at <= trouble.over_at and _is_bad(report.body):
            yield at, came[report.uid]


def _is_bad(body: Mapping[str, str]) -> bool:
    kind = body["CRM_alert_kind"]
    if kind == "resource":
        return body["CRM_alert_status"] == "2" or (
            body["CRM_alert_status"] == "0" and body["CRM_alert_rc"] != body["CRM_alert_target_rc"]
        )
    return kind == "fencing" or body.get("CRM_alert_desc") == "lost" or body.get("CRM_alert_attribute_name") == "pingd"


def _silence(cut: Away) -> Trouble:
    """That a relay is silent is rung for as well."""
    return Trouble(kinds=(Kind.EDGE_SILENT,), roots=(f"relay/{cut.node}",), began_at=cut.since + SILENT_AFTER, over_at=cut.until)
