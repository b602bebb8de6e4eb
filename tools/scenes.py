"""One plausible story per kind: what the gallery shows, and what the tests of the texts are fed with."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import CLUSTER, Severity, Subject
from bridge.core.world.incident import Incident, Kind, Outage, State

BEGAN_AT: Final = datetime(2026, 11, 24, 2, 12, 5, tzinfo=UTC)
TOLD_AFTER: Final = {
    Telling.OPENED: timedelta(seconds=2),
    Telling.UPDATED: timedelta(seconds=40),
    Telling.ESCALATED: timedelta(minutes=1, seconds=3),
    Telling.REMINDER: timedelta(hours=4, seconds=2),
    Telling.CLOSED: timedelta(hours=4, minutes=31, seconds=17),
}
P2: Final = {"pacemaker_version": "2.1.5"}
P1: Final = {"pacemaker_version": "1.1.24"}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """`facts` are those at the opening; `worse` and `end` come to be known later. `away` is in seconds, by subject."""

    root: str
    case: str = ""
    facts: dict[str, str] = {}
    worse: dict[str, str] = {}
    end: dict[str, str] = {}
    subjects: tuple[str, ...] = ()
    away: dict[str, float] = {}
    severity: Severity = Severity.CRITICAL


MONITOR: Final = {"resource": "web", "action": "monitor", "failed_on": "n1", "rc": "7", "rc_words": "not running"}
DRBD: Final = {"generation": "9", "roles": "alpha Primary, bravo Secondary", "disks": "alpha UpToDate, bravo UpToDate"}
PAIR: Final = {"nodes": "alpha, bravo", "link": "alpha, bravo", "side": "alpha", "peer": "bravo"}

SCENES: Final[dict[Kind, Scene]] = {
    Kind.NODE_FAILURE: Scene(
        root="node/n3",
        facts={"node": "n3", "lost_by": "n1, n2", "fencing_action": "reboot", "fenced_by": "n1", "moved": "web → n1", **P2},
        worse={"moved": "web → n1, vm-a → n2"},
        end={"node_back": "yes"},
        subjects=("node/n3", "resource/web", "guest/vm-a", "drbd/r0"),
        away={"resource/web": 4.2, "guest/vm-a": 31.0},
    ),
    Kind.NODE_FENCED_BY_ADMIN: Scene(
        root="node/n2",
        facts={
            "node": "n2",
            "fencing_action": "reboot",
            "fenced_by": "n1",
            "fencing_client": "stonith_admin.4711",
            "moved": "db → n1",
        },
        end={"node_back": "yes"},
        subjects=("node/n2", "resource/db"),
        away={"resource/db": 6.4},
        severity=Severity.WARNING,
    ),
    Kind.FENCING_FAILURE: Scene(
        root="node/n3",
        facts={"node": "n3", "fencing_action": "reboot", "fencing_result": "No route to host", "fencing_failures": "1"},
        worse={"fencing_failures": "4"},
        end={"node_back": "yes", "moved": "web → n1"},
        subjects=("node/n3", "fencing/n3", "resource/web"),
        away={"resource/web": 16270.0},
    ),
    Kind.FENCING_LOOP: Scene(
        root="resource/db",
        facts={"node": "n2", "fenced_nodes": "n1, n2", "behind": "db", "resource": "db", "failures": "5", **P2},
        worse={"failures": "10", "fenced_nodes": "n1, n2, n3"},
        subjects=("resource/db", "node/n1", "node/n2", "resource/web"),
        away={"resource/web": 64.0, "resource/db": 16200.0},
    ),
    Kind.FENCE_DEVICE_FAILURE: Scene(
        root="resource/fence-n1",
        facts={**P2, "resource": "fence-n1", "action": "monitor", "failed_on": "n2", "timed_out": "yes", "timeout_ms": "20000"},
        end={"now_on": "n2"},
    ),
    Kind.CLUSTER_PARTITION: Scene(
        root="cluster",
        facts={"cut_off": "n3", "node": "n3", "lost_by": "n1, n2"},
        worse={"fenced_nodes": "n3", "moved": "web → n1"},
        subjects=("node/n3", "resource/web"),
        away={"resource/web": 5.1},
    ),
    Kind.QUORUM_LOST: Scene(
        root="cluster",
        facts={"lost_nodes": "n2, n3", "node": "n1"},
        subjects=("cluster", "node/n2", "node/n3", "resource/web"),
        away={"resource/web": 48.0},
    ),
    Kind.RESOURCE_FAILURE: Scene(
        root="resource/web",
        facts={**MONITOR, **P2, "failures": "1"},
        worse={"failures": "2"},
        end={"now_on": "n2"},
        subjects=("resource/web",),
        away={"resource/web": 2.3},
        severity=Severity.WARNING,
    ),
    Kind.RESOURCE_DOWN: Scene(
        root="resource/db",
        facts={
            **P2,
            "resource": "db",
            "action": "start",
            "failed_on": "n3",
            "rc": "1",
            "rc_words": "error",
            "tried_on": "n1, n2, n3",
        },
        end={"now_on": "n1"},
        subjects=("resource/db",),
        away={"resource/db": 16100.0},
    ),
    Kind.RESOURCE_BLOCKED: Scene(
        root="resource/db",
        facts={**P1, "resource": "db", "action": "stop", "failed_on": "n1", "timed_out": "yes", "timeout_ms": "60000"},
        end={"now_on": "n1"},
        subjects=("resource/db",),
        away={"resource/db": 16100.0},
    ),
    Kind.RESOURCE_FLAPPING: Scene(
        root="resource/web",
        facts={**MONITOR, **P2, "failures": "3", "now_on": "n1"},
        worse={"failures": "12"},
        subjects=("resource/web",),
        away={"resource/web": 9.8},
    ),
    Kind.RESOURCE_DEGRADED: Scene(
        root="resource/db",
        facts={**P2, "resource": "db", "action": "monitor", "failed_on": "n1", "rc": "190"},
        subjects=("resource/db",),
        severity=Severity.WARNING,
    ),
    Kind.RESOURCE_MISCONFIGURED: Scene(
        root="resource/ghost",
        facts={
            **P2,
            "resource": "ghost",
            "action": "start",
            "failed_on": "n2",
            "rc": "5",
            "rc_words": "not installed",
            "tried_on": "n1, n2",
        },
        subjects=("resource/ghost",),
        severity=Severity.WARNING,
    ),
    Kind.MULTIPLE_ACTIVE: Scene(
        root="guest/vm-a",
        facts={"resource": "vm-a", "found_on": "n1, n2", **P2},
        end={"now_on": "n2"},
        subjects=("guest/vm-a",),
        away={"guest/vm-a": 12.0},
        severity=Severity.WARNING,
    ),
    Kind.MIGRATION_FAILURE: Scene(
        root="guest/vm-a",
        facts={**P2, "resource": "vm-a", "action": "migrate_to", "failed_on": "n1", "rc": "1", "rc_words": "error"},
        end={"now_on": "n2"},
        subjects=("guest/vm-a",),
        away={"guest/vm-a": 8.6},
        severity=Severity.WARNING,
    ),
    Kind.GUEST_FAILURE: Scene(
        root="guest/vm-web01",
        facts={**P2, "resource": "vm-web01", "action": "monitor", "failed_on": "n1", "rc": "7", "rc_words": "not running"},
        worse={"tried_on": "n1, n2"},
        end={"now_on": "n1"},
        subjects=("guest/vm-web01",),
        away={"guest/vm-web01": 3.6},
    ),
    Kind.CONNECTIVITY: Scene(
        root="attribute/pingd@n1",
        facts={"node": "n1", "attribute": "pingd", "value": "0", "before": "1000"},
        subjects=("attribute/pingd@n1",),
        severity=Severity.WARNING,
    ),
    Kind.REDUNDANCY_LOST: Scene(root="node/n3", facts={"node": "n3", **P2}, subjects=("node/n3",), severity=Severity.WARNING),
    Kind.EDGE_SILENT: Scene(
        root="relay/n2",
        facts={"node": "n2", "silent_since": "2026-11-24T02:12:05+00:00"},
        subjects=("relay/n2",),
        severity=Severity.WARNING,
    ),
    Kind.REPLICA_SPLIT_BRAIN: Scene(
        root="drbd/r0",
        facts={
            "generation": "9",
            "roles": "alpha Primary, bravo Primary",
            "links": "alpha StandAlone, bravo StandAlone",
            "nodes": "alpha, bravo",
            "link": "alpha, bravo",
        },
        end={"victim": "bravo", "survivor": "alpha"},
        subjects=("drbd/r0", "drbd/r0@alpha", "drbd/r0@bravo"),
    ),
    Kind.REPLICA_DISCONNECTED: Scene(
        root="drbd/r0",
        facts={**DRBD, **PAIR},
        worse={"handler": "before-resync-target", "side": "bravo", "peer": "alpha", "rc": "1"},
        subjects=("drbd/r0", "drbd/r0@alpha", "drbd/r0@bravo"),
        severity=Severity.WARNING,
    ),
    Kind.REPLICA_OUT_OF_SYNC: Scene(
        root="drbd/r0", facts={**DRBD, **PAIR, "volume": "0"}, subjects=("drbd/r0", "drbd/r0@alpha", "drbd/r0@bravo")
    ),
    Kind.REPLICA_IO_ERROR: Scene(
        root="drbd/r0@alpha",
        facts={
            **DRBD,
            "nodes": "alpha, bravo",
            "side": "alpha",
            "peer": "bravo",
            "volume": "0",
            "role": "Primary",
            "disks": "alpha Diskless, bravo UpToDate",
        },
        subjects=("drbd/r0@alpha",),
    ),
    Kind.REPLICA_NO_DATA: Scene(
        root="drbd/r0@alpha",
        facts={**DRBD, **PAIR, "volume": "0", "disks": "alpha Diskless"},
        subjects=("drbd/r0@alpha", "resource/db"),
        away={"resource/db": 16000.0},
    ),
    Kind.REPLICA_QUORUM_LOST: Scene(
        root="drbd/r0@alpha",
        facts={**DRBD, **PAIR, "nodes": "alpha, bravo, charlie", "peer": "", "frozen": "yes"},
        subjects=("drbd/r0@alpha", "resource/db"),
        away={"resource/db": 16000.0},
    ),
    Kind.REPLICA_FENCING: Scene(
        root="drbd/r0",
        facts={**DRBD, **PAIR, "handler": "fence-peer", "frozen": "yes"},
        worse={"fence_result": "1"},
        subjects=("drbd/r0", "drbd/r0@alpha"),
    ),
}

OTHER_SCENES: Final[dict[Kind, tuple[Scene, ...]]] = {
    Kind.NODE_FAILURE: (
        Scene(
            case="a stop that failed is behind it",
            root="node/n1",
            facts={"node": "n1", "fencing_action": "reboot", "fenced_by": "n2", "behind": "db", "moved": "db → n2", **P2},
            subjects=("node/n1", "resource/db"),
            away={"resource/db": 9.0},
        ),
        Scene(
            case="nobody fences it",
            root="node/n3",
            facts={"node": "n3", "lost_by": "n1, n2", "unfenced": "yes", **P2},
            subjects=("node/n3", "guest/vm-a"),
            away={"guest/vm-a": 700.0},
        ),
        Scene(case="only lost so far", root="node/n3", facts={"node": "n3", "lost_by": "n1, n2"}),
    ),
    Kind.GUEST_FAILURE: (
        Scene(
            case="started again",
            root="guest/vm-web01",
            facts={**MONITOR, "resource": "vm-web01", "failures": "1", "now_on": "n1", **P1},
            away={"guest/vm-web01": 3.6},
        ),
    ),
    Kind.REPLICA_SPLIT_BRAIN: (
        Scene(
            case="two of three nodes",
            root="drbd/r0",
            facts={
                "generation": "9",
                "roles": "alpha Primary, bravo Primary, charlie Secondary",
                "links": "alpha Connected/StandAlone, bravo Connected/StandAlone, charlie Connected",
                "nodes": "alpha, bravo",
                "link": "alpha, bravo",
                "many": "yes",
            },
        ),
        Scene(
            case="solved by policy",
            root="drbd/r0",
            facts={"generation": "8.4", "nodes": "alpha, bravo", "policy": "yes", "victim": "alpha", "survivor": "bravo"},
            severity=Severity.WARNING,
        ),
    ),
    Kind.REPLICA_DISCONNECTED: (
        Scene(
            case="several replicas, the peer fenced",
            root="drbd/www",
            facts={**DRBD, **PAIR, "replicas": "db, mail, queue, wiki, www", "handler": "fence-peer", "fence_result": "4"},
            subjects=("drbd/www", "drbd/db", "drbd/mail", "drbd/queue", "drbd/wiki"),
            severity=Severity.WARNING,
        ),
        Scene(
            case="a resync refused by a handler",
            root="drbd/r0",
            facts={
                **PAIR,
                "generation": "8.4",
                "disks": "alpha UpToDate, bravo Outdated",
                "links": "alpha Connecting, bravo StandAlone",
                "handler": "before-resync-target",
                "side": "bravo",
                "peer": "alpha",
                "rc": "127",
            },
            severity=Severity.WARNING,
        ),
        Scene(
            case="connected again, still copying",
            root="drbd/r0",
            facts={**DRBD, **PAIR, "eased": "yes", "disks": "alpha UpToDate, bravo Inconsistent"},
            severity=Severity.WARNING,
        ),
        Scene(case="lost again and again", root="drbd/r0", facts={**DRBD, **PAIR, "failures": "3"}, severity=Severity.WARNING),
    ),
    Kind.REPLICA_NO_DATA: (
        Scene(
            case="the data are back, the disk is not",
            root="drbd/r0@alpha",
            facts={**DRBD, **PAIR, "eased": "yes", "disks": "alpha Diskless, bravo UpToDate"},
        ),
    ),
    Kind.REPLICA_OUT_OF_SYNC: (
        Scene(case="DRBD 8.4", root="drbd/r0", facts={**DRBD, **PAIR, "generation": "8.4", "volume": "0"}),
    ),
    Kind.REPLICA_FENCING: (
        Scene(
            case="the peer was shot",
            root="drbd/r0",
            facts={**DRBD, **PAIR, "handler": "fence-peer", "fence_result": "7"},
            severity=Severity.WARNING,
        ),
        Scene(
            case="several replicas, and the fencing failed",
            root="drbd/r0",
            facts={**DRBD, **PAIR, "replicas": "mail, r0", "handler": "fence-peer", "fence_result": "1", "frozen": "yes"},
            subjects=("drbd/r0", "drbd/mail"),
        ),
    ),
    Kind.REPLICA_QUORUM_LOST: (
        Scene(
            case="several replicas",
            root="drbd/r0@alpha",
            facts={**DRBD, **PAIR, "replicas": "mail, r0", "frozen": "yes"},
            subjects=("drbd/r0@alpha", "drbd/mail@alpha"),
        ),
    ),
    Kind.REDUNDANCY_LOST: (
        Scene(case="a replica", root="drbd/r0@alpha", facts={**DRBD, "side": "alpha"}, severity=Severity.WARNING),
    ),
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
        items=tuple(items),
        numbers=tuple(range(17, 17 + len(items))),
        since=since,
        until=until,
    )


def _outages(scene: Scene, now: datetime) -> tuple[Outage, ...]:
    """Those that have ended by now, and those that still last."""
    made = []
    for subject, seconds in scene.away.items():
        ended_at = BEGAN_AT + timedelta(seconds=seconds)
        made.append(Outage(Subject(subject), BEGAN_AT, ended_at if ended_at <= now else None))
    return tuple(made)
