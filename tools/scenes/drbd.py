"""The kinds that DRBD tells of."""

from typing import Final

from bridge.core.world.incident import Kind
from tools.scenes.scene import WARNING, Scene, alone

DRBD: Final = {"generation": "9", "roles": "alpha Primary, bravo Secondary", "disks": "alpha UpToDate, bravo UpToDate"}
NODES: Final = {"nodes": "alpha, bravo", "link": "alpha, bravo", "sure": "yes"}
R0: Final = "drbd/r0"
ALPHA, BRAVO = f"{R0}@alpha", f"{R0}@bravo"
WHOLE: Final = (R0, ALPHA, BRAVO)


def replica(**more: str) -> dict[str, str]:
    """A pair, seen from alpha."""
    return {**DRBD, **NODES, "side": "alpha", "peer": "bravo", **more}


SCENES: Final[dict[Kind, Scene]] = {
    Kind.REPLICA_SPLIT_BRAIN: Scene(
        R0,
        {"generation": "9", "roles": "alpha Primary, bravo Primary", "links": "alpha StandAlone, bravo StandAlone", **NODES},
        WHOLE,
        end={"victim": "bravo", "survivor": "alpha"},
    ),
    Kind.REPLICA_DEGRADED: Scene(
        BRAVO,
        {
            **DRBD,
            **NODES,
            "side": "bravo",
            "peer": "alpha",
            "volume": "0",
            "disks": "alpha UpToDate, bravo Inconsistent",
            "links": "alpha Connected, bravo Connected",
            "stuck": "alpha PausedSyncS (suspended: peer), bravo PausedSyncT (suspended: user)",
        },
        WHOLE,
        severity=WARNING,
    ),
    Kind.REPLICA_DISCONNECTED: Scene(
        R0,
        replica(),
        WHOLE,
        worse={"handler": "before-resync-target", "side": "bravo", "peer": "alpha", "rc": "1"},
        severity=WARNING,
    ),
    Kind.REPLICA_OUT_OF_SYNC: Scene(R0, replica(volume="0"), WHOLE),
    Kind.REPLICA_IO_ERROR: alone(
        ALPHA,
        {
            **DRBD,
            "nodes": "alpha, bravo",
            "side": "alpha",
            "peer": "bravo",
            "volume": "0",
            "role": "Primary",
            "disks": "alpha Diskless, bravo UpToDate",
        },
    ),
    Kind.REPLICA_NO_DATA: Scene(
        ALPHA, replica(volume="0", disks="alpha Diskless"), (ALPHA, "resource/db"), {"resource/db": 16000.0}
    ),
    Kind.REPLICA_QUORUM_LOST: Scene(
        ALPHA, replica(nodes="alpha, bravo, charlie", peer="", frozen="yes"), (ALPHA, "resource/db"), {"resource/db": 16000.0}
    ),
    Kind.REPLICA_FENCING: Scene(R0, replica(handler="fence-peer", frozen="yes"), (R0, ALPHA), worse={"fence_result": "1"}),
}

OTHER_SCENES: Final[dict[Kind, tuple[Scene, ...]]] = {
    Kind.REPLICA_DEGRADED: (
        Scene(
            ALPHA,
            replica(
                side="alpha",
                disks="alpha Inconsistent, bravo UpToDate",
                volume="0",
                stuck="alpha Established, bravo Established",
            ),
            case="on the side that the application uses",
            severity=WARNING,
        ),
        Scene(
            R0,
            replica(side="alpha, charlie", peer="bravo", nodes="alpha, bravo, charlie", eased="yes"),
            case="two copies, a resync moves again",
            severity=WARNING,
        ),
    ),
    Kind.REPLICA_SPLIT_BRAIN: (
        Scene(
            R0,
            {
                "generation": "9",
                "roles": "alpha Primary, bravo Primary",
                "links": "alpha StandAlone, bravo StandAlone",
                "suspected": "yes",
                **NODES,
            },
            case="no handler said so",
        ),
        Scene(R0, {"nodes": "alpha", "generation": "8.4"}, (R0, ALPHA), case="one side alone has said so"),
        Scene(
            R0,
            {
                "generation": "9",
                "roles": "alpha Primary, bravo Primary, charlie Secondary",
                "links": "alpha Connected/StandAlone, bravo Connected/StandAlone, charlie Connected",
                **NODES,
                "many": "yes",
            },
            case="two of three nodes",
        ),
        Scene(
            R0,
            {"generation": "8.4", "nodes": "alpha, bravo", "policy": "yes", "victim": "alpha", "survivor": "bravo"},
            case="solved by policy",
            severity=WARNING,
        ),
    ),
    Kind.REPLICA_DISCONNECTED: (
        Scene(
            "drbd/www",
            replica(replicas="db, mail, queue, wiki, www", handler="fence-peer", fence_result="4"),
            ("drbd/www", "drbd/db", "drbd/mail", "drbd/queue", "drbd/wiki"),
            case="several replicas, the peer fenced",
            severity=WARNING,
        ),
        Scene(
            R0,
            {
                **NODES,
                "generation": "8.4",
                "disks": "alpha UpToDate, bravo Outdated",
                "links": "alpha Connecting, bravo StandAlone",
                "handler": "before-resync-target",
                "side": "bravo",
                "peer": "alpha",
                "rc": "127",
            },
            case="a resync refused by a handler",
            severity=WARNING,
        ),
        Scene(
            R0,
            replica(eased="yes", disks="alpha UpToDate, bravo Inconsistent"),
            case="connected again, still copying",
            severity=WARNING,
        ),
        Scene(
            R0,
            replica(side="bravo", peer="bravo", away="yes", disks="alpha UpToDate", links="alpha Connecting"),
            case="closed in order, and not back",
            severity=WARNING,
        ),
        Scene(
            R0,
            replica(
                incomplete="bravo",
                side="bravo",
                peer="alpha",
                disks="alpha UpToDate, bravo Inconsistent",
                links="alpha Connecting, bravo StandAlone",
            ),
            case="closed in the middle of a resync",
            severity=WARNING,
        ),
        Scene(R0, replica(failures="3"), case="lost again and again", severity=WARNING),
    ),
    Kind.REPLICA_IO_ERROR: (
        alone(ALPHA, {**DRBD, "nodes": "alpha, bravo", "side": "alpha", "forced": "yes"}, case="demoted by force"),
        Scene(
            ALPHA,
            {
                "generation": "9",
                "nodes": "alpha, bravo, charlie",
                "side": "alpha",
                "all_sides": "alpha, bravo",
                "volume": "0",
                "found": "yes",
                "disks": "alpha Diskless, bravo Diskless, charlie UpToDate",
                "links": "alpha StandAlone, bravo StandAlone, charlie Connecting",
            },
            (R0, ALPHA, BRAVO),
            case="two sides without a disk since they were first heard of",
        ),
    ),
    Kind.REPLICA_NO_DATA: (
        Scene(
            ALPHA,
            replica(
                replicas="mail, r0, wiki",
                peer="bravo, charlie",
                nodes="alpha, bravo, charlie",
                client="yes",
                frozen="yes",
                disks="alpha Diskless",
                links="alpha Connecting",
            ),
            (ALPHA, "drbd/mail@alpha", "drbd/wiki@alpha"),
            case="a client without a disk has lost its wire",
        ),
        Scene(ALPHA, replica(eased="yes", disks="alpha Diskless, bravo UpToDate"), case="the data are back, the disk is not"),
    ),
    Kind.REPLICA_OUT_OF_SYNC: (
        Scene(R0, replica(generation="8.4", volume="0"), case="DRBD 8.4"),
        Scene(R0, {"nodes": "alpha", "side": "alpha", "volume": "0"}, (R0, ALPHA), case="the other side is not named"),
    ),
    Kind.REPLICA_FENCING: (
        Scene(R0, replica(handler="fence-peer", fence_result="7"), case="the peer was shot", severity=WARNING),
        Scene(
            R0,
            replica(replicas="mail, r0", handler="fence-peer", fence_result="1", frozen="yes"),
            (R0, "drbd/mail"),
            case="several replicas, and the fencing failed",
        ),
    ),
    Kind.REPLICA_QUORUM_LOST: (
        Scene(ALPHA, replica(replicas="mail, r0", frozen="yes"), (ALPHA, "drbd/mail@alpha"), case="several replicas"),
    ),
    Kind.REDUNDANCY_LOST: (Scene(ALPHA, {**DRBD, "side": "alpha"}, case="a replica", severity=WARNING),),
}
