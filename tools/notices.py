"""Notices of the scenes: at each telling what is known by then, and those that are about several incidents."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import CLUSTER, Subject
from bridge.core.world.incident import Incident, Kind, Outage, State
from bridge.serve.outage import Outage as LedgerOutage
from tools.scenes import SCENES, Scene

PAGE: Final = "https://bell.example.org"
BEGAN_AT: Final = datetime(2026, 11, 24, 2, 12, 5, tzinfo=UTC)
TOLD_AFTER: Final = {
    Telling.OPENED: timedelta(seconds=2),
    Telling.UPDATED: timedelta(seconds=40),
    Telling.ESCALATED: timedelta(minutes=1, seconds=3),
    Telling.REMINDER: timedelta(hours=4, seconds=2),
    Telling.CLOSED: timedelta(hours=4, minutes=31, seconds=17),
}


def notice(
    kind: Kind, telling: Telling, language: str, *, facts: dict[str, str] | None = None, scene: Scene | None = None
) -> Notice:
    """The scene's notice; other facts than its own, or none, where they are given."""
    scene = scene or SCENES[kind]
    at = BEGAN_AT + TOLD_AFTER[telling]
    over = telling is Telling.CLOSED
    later = telling not in {Telling.OPENED, Telling.UPDATED}
    own = scene.facts | (scene.worse if later else {}) | (scene.end if over else {})
    incident = Incident(
        key=f"{scene.root}@{BEGAN_AT.isoformat()}",
        cluster="mill",
        kind=kind,
        root=CLUSTER if scene.root == CLUSTER else Subject(scene.root),
        state=State.CLOSED if over else State.OPEN,
        severity=scene.severity,
        peak=scene.severity,
        opened_at=BEGAN_AT,
        changed_at=at,
        closed_at=at if over else None,
        subjects=tuple(Subject(subject) for subject in scene.subjects),
        outages=_outages(scene, at) if facts is None else (),
        facts=own if facts is None else facts,
    )
    return Notice(
        incident_id=17,
        receiver="night",
        kind=telling,
        reason="the gallery",
        at=at,
        incident=incident,
        language=language,
        thread="17-night",
        page=PAGE,
        id=40 + list(Telling).index(telling),
    )


def bundle(telling: Telling, language: str) -> Notice:
    """A storm's beginning, what it held back, or a night's digest; with numbers, as the ledger gives them."""
    kinds = (Kind.RESOURCE_DOWN, Kind.GUEST_FAILURE, Kind.RESOURCE_FAILURE, Kind.NODE_FENCED_BY_ADMIN)
    made = []
    for place, kind in enumerate(kinds):
        is_open = telling is not Telling.DIGEST and place < 2
        one = notice(kind, Telling.OPENED if is_open else Telling.CLOSED, language).incident
        closed_at = None if is_open else BEGAN_AT + timedelta(seconds=20 + place)
        made.append(msgspec.structs.replace(one, closed_at=closed_at, planned=kind is Kind.NODE_FENCED_BY_ADMIN))
    items = made[:1] if telling is Telling.BRAKED else made[2:] if telling is Telling.DIGEST else made
    times = {
        Telling.BRAKED: (BEGAN_AT, BEGAN_AT + timedelta(minutes=10)),
        Telling.SUMMARY: (BEGAN_AT, None),
        Telling.DIGEST: (
            BEGAN_AT - timedelta(hours=19, minutes=42, seconds=5),
            BEGAN_AT + timedelta(hours=4, minutes=17, seconds=55),
        ),
    }
    since, until = times[telling]
    return Notice(
        incident_id=0,
        receiver="ops-mail",
        kind=telling,
        reason="what was held back",
        at=until if telling is Telling.DIGEST and until else BEGAN_AT + timedelta(minutes=10),
        incident=items[0],
        language=language,
        thread="bundle",
        page=PAGE,
        items=tuple(items),
        numbers=tuple(range(17, 17 + len(items))),
        since=since,
        until=until,
    )


def drill(kind: Kind, telling: Telling, language: str) -> Notice:
    """As in a drill, whose incidents have no number."""
    return msgspec.structs.replace(notice(kind, telling, language), incident_id=0, drill="3f2a91c0 anna")


def nothing_stored(language: str, ledger: str, why: str, *, over: bool) -> Notice:
    """That the ledger takes nothing, or that it does again. Without a reason it was lost."""
    outage = LedgerOutage(BEGAN_AT, why, ledger, lost=not why)
    if over:
        outage.end(BEGAN_AT + TOLD_AFTER[Telling.CLOSED])
    return outage.notice("night", language, "bridge1", BEGAN_AT + TOLD_AFTER[Telling.ESCALATED])


def _outages(scene: Scene, now: datetime) -> tuple[Outage, ...]:
    """Those that have ended by now, and those that still last."""
    made = []
    for subject, seconds in scene.away.items():
        ended_at = BEGAN_AT + timedelta(seconds=seconds)
        made.append(Outage(Subject(subject), BEGAN_AT, ended_at if ended_at <= now else None))
    return tuple(made)
