"""The kinds that Pacemaker's alerts and the relays tell of."""

from typing import Final

from bridge.core.world.incident import Kind
from tools.scenes.scene import WARNING, Scene, alone

P2: Final = {"pacemaker_version": "2.1.5"}
P1: Final = {"pacemaker_version": "1.1.24"}
WORDS: Final = {"1": "error", "5": "not installed", "7": "not running"}
BACK: Final = {"node_back": "yes"}
ON_N1: Final = {"now_on": "n1"}
ON_N2: Final = {"now_on": "n2"}


def failed(resource: str, action: str, on: str, rc: str = "", /, **more: str) -> dict[str, str]:
    """What is known of an operation that failed: on which node, and Pacemaker's code with its word where it has one."""
    codes = {"rc": rc} if rc else {}
    words = {"rc_words": WORDS[rc]} if rc in WORDS else {}
    return {**P2, "resource": resource, "action": action, "failed_on": on, **codes, **words, **more}


def overdue(resource: str, action: str, on: str, timeout_ms: str, /, **more: str) -> dict[str, str]:
    return failed(resource, action, on, timed_out="yes", timeout_ms=timeout_ms, **more)


def fenced(node: str, by: str, /, **more: str) -> dict[str, str]:
    return {"node": node, "fencing_action": "reboot", "fenced_by": by, **more}


SCENES: Final[dict[Kind, Scene]] = {
    Kind.NODE_FAILURE: Scene(
        "node/n3",
        fenced("n3", "n1", lost_by="n1, n2", moved="web → n1", **P2),
        ("node/n3", "resource/web", "guest/vm-a", "drbd/r0"),
        {"resource/web": 4.2, "guest/vm-a": 31.0},
        worse={"moved": "web → n1, vm-a → n2"},
        end=BACK,
    ),
    Kind.NODE_FENCED_BY_ADMIN: Scene(
        "node/n2",
        fenced("n2", "n1", fencing_client="stonith_admin.4711", moved="db → n1"),
        ("node/n2", "resource/db"),
        {"resource/db": 6.4},
        end=BACK,
        severity=WARNING,
    ),
    Kind.FENCING_FAILURE: Scene(
        "node/n3",
        {"node": "n3", "fencing_action": "reboot", "fencing_result": "No route to host", "fencing_failures": "1"},
        ("node/n3", "fencing/n3", "resource/web"),
        {"resource/web": 16270.0},
        worse={"fencing_failures": "4"},
        end={"moved": "web → n1", **BACK},
    ),
    Kind.FENCING_LOOP: Scene(
        "resource/db",
        {"node": "n2", "fenced_nodes": "n1, n2", "behind": "db", "resource": "db", "failures": "5", **P2},
        ("resource/db", "node/n1", "node/n2", "resource/web"),
        {"resource/web": 64.0, "resource/db": 16200.0},
        worse={"failures": "10", "fenced_nodes": "n1, n2, n3"},
    ),
    Kind.FENCE_DEVICE_FAILURE: Scene("resource/fence-n1", overdue("fence-n1", "monitor", "n2", "20000"), end=ON_N2),
    Kind.CLUSTER_PARTITION: Scene(
        "cluster",
        {"cut_off": "n3", "node": "n3", "lost_by": "n1, n2"},
        ("node/n3", "resource/web"),
        {"resource/web": 5.1},
        worse={"fenced_nodes": "n3", "moved": "web → n1"},
    ),
    Kind.QUORUM_LOST: Scene(
        "cluster",
        {"lost_nodes": "n2, n3", "node": "n1"},
        ("cluster", "node/n2", "node/n3", "resource/web"),
        {"resource/web": 48.0},
    ),
    Kind.RESOURCE_FAILURE: alone(
        "resource/web",
        failed("web", "monitor", "n1", "7", failures="1"),
        2.3,
        worse={"failures": "2"},
        end=ON_N2,
        severity=WARNING,
    ),
    Kind.RESOURCE_DOWN: alone("resource/db", failed("db", "start", "n3", "1", tried_on="n1, n2, n3"), 16100.0, end=ON_N1),
    Kind.RESOURCE_BLOCKED: alone("resource/db", overdue("db", "stop", "n1", "60000") | P1, 16100.0, end=ON_N1),
    Kind.RESOURCE_FLAPPING: alone(
        "resource/web", failed("web", "monitor", "n1", "7", failures="3", restarted="yes", **ON_N1), 9.8, worse={"failures": "12"}
    ),
    Kind.RESOURCE_DEGRADED: alone("resource/db", failed("db", "monitor", "n1", "190"), severity=WARNING),
    Kind.RESOURCE_MISCONFIGURED: alone(
        "resource/ghost", failed("ghost", "start", "n2", "5", tried_on="n1, n2"), severity=WARNING
    ),
    Kind.MULTIPLE_ACTIVE: alone(
        "guest/vm-a", {"resource": "vm-a", "found_on": "n1, n2", **P2}, 12.0, end=ON_N2, severity=WARNING
    ),
    Kind.MIGRATION_FAILURE: alone("guest/vm-a", failed("vm-a", "migrate_to", "n1", "1"), 8.6, end=ON_N2, severity=WARNING),
    Kind.GUEST_FAILURE: alone(
        "guest/vm-web01", failed("vm-web01", "monitor", "n1", "7"), 3.6, worse={"tried_on": "n1, n2"}, end=ON_N1
    ),
    Kind.CONNECTIVITY: alone(
        "attribute/pingd@n1", {"node": "n1", "attribute": "pingd", "value": "0", "before": "1000"}, severity=WARNING
    ),
    Kind.PLANNED_TOO_LONG: alone("node/n3", {"node": "n3", "arranged": "standby", **P2}, severity=WARNING),
    Kind.REDUNDANCY_LOST: alone("node/n3", {"node": "n3", **P2}, severity=WARNING),
    Kind.EDGE_SILENT: alone("relay/n2", {"node": "n2", "silent_since": "2026-11-24T02:12:05+00:00"}, severity=WARNING),
}

OTHER_SCENES: Final[dict[Kind, tuple[Scene, ...]]] = {
    Kind.NODE_FAILURE: (
        Scene(
            "node/n1",
            fenced("n1", "n2", behind="db", moved="db → n2", **P2),
            ("node/n1", "resource/db"),
            {"resource/db": 9.0},
            case="a stop that failed is behind it",
        ),
        Scene(
            "node/n3",
            {"node": "n3", "lost_by": "n1, n2", "unfenced": "yes", **P2},
            ("node/n3", "guest/vm-a"),
            {"guest/vm-a": 700.0},
            case="nobody fences it",
        ),
        Scene("node/n3", {"node": "n3", "lost_by": "n1, n2"}, case="only lost so far"),
        Scene(
            "node/n3", {"node": "n3", "unfenced": "yes", "unclean": "yes"}, case="it is there, and the cluster does not trust it"
        ),
    ),
    Kind.NODE_FENCED_BY_ADMIN: (
        Scene(
            "node/n2",
            fenced("n2", "n1", moved="db → n1"),
            ("node/n2", "resource/db"),
            {"resource/db": 6.4},
            severity=WARNING,
            case="the cluster was asked to",
        ),
    ),
    Kind.FENCING_FAILURE: (
        Scene(
            "fencing/n3",
            {"node": "n3", "unfencing_failures": "6", "unfencing_result": "Timed Out (Fence agent did not complete within 46s)"},
            ("fencing/n3",),
            severity=WARNING,
            case="the node is there, and cannot be unfenced",
        ),
    ),
    Kind.RESOURCE_DOWN: (
        Scene(
            "resource/web",
            {"resource": "web", "ran_on": "n3", "down": "web, db", "given_up": ""},
            ("resource/web", "resource/db"),
            away={"resource/web": 2.0, "resource/db": 2.0},
            case="its node was fenced by hand, and nothing is started elsewhere",
        ),
        Scene(
            "resource/pgsql",
            failed("pgsql", "promote", "n2", "1", absence="promoted", unpromoted="pgsql", runs_on="n2"),
            away={"resource/pgsql": 64.0},
            case="runs, but is promoted nowhere",
        ),
        Scene(
            "resource/pgsql",
            {"resource": "pgsql", "absence": "promoted", "unpromoted": "pgsql", "runs_on": "n1, n2"},
            away={"resource/pgsql": 64.0},
            case="runs, but is promoted nowhere, and nothing has failed",
        ),
        Scene(
            "resource/ip",
            {"resource": "ip", "absence": "runs", "down": "ip", "cause": "leads", "needs": "pgsql"},
            away={"resource/ip": 64.0},
            case="what it needs is promoted nowhere",
        ),
        Scene(
            "resource/db",
            failed("db", "start", "n3", "1", tried_on="n1, n2, n3", absence="runs", down="db", given_up="yes"),
            away={"resource/db": 64.0},
            case="the start has failed everywhere",
        ),
        Scene(
            "resource/web",
            {
                "resource": "web",
                "down": "web",
                "absence": "runs",
                "cause": "forbidden",
                "cause_nodes": "n1, n2, n3",
                "constraints": "cli-ban-web-on-n1, loc-web-n2, loc-web-n3",
            },
            away={"resource/web": 64.0},
            case="location constraints forbid all nodes",
        ),
        Scene(
            "resource/web",
            {"resource": "web", "cause": "standby", "cause_nodes": "n2", "ended_by": "switched-off"},
            away={"resource/web": 64.0},
            case="its node is in standby, and in the end it is switched off",
        ),
        Scene(
            "resource/web",
            {"resource": "web", "cause": "failed", "cause_nodes": "n1, n2", "exit_reason": "no memory", "ended_by": "deleted"},
            away={"resource/web": 64.0},
            case="failed on all nodes, and in the end it is deleted",
        ),
        Scene(
            "resource/web",
            {"resource": "web", "cause": "waits", "needs": "db"},
            away={"resource/web": 64.0},
            case="what it needs does not run",
        ),
    ),
    Kind.RESOURCE_FAILURE: (
        Scene(
            "resource/pgsql",
            failed("pgsql", "start", "n1", "1", tried_on="n1", missing_on="n1", now_on="n2"),
            ("resource/pgsql",),
            severity=WARNING,
            case="another instance answers",
        ),
        Scene(
            "resource/pgsql",
            failed("pgsql", "start", "n1", "1", tried_on="n1", missing_on="n1", now_on="n2"),
            end={"ended_by": "node-gone"},
            severity=WARNING,
            case="the node where it was missing has left",
        ),
        Scene(
            "resource/pgsql",
            failed("pgsql", "start", "n1", "1", tried_on="n1", missing_on="n1", now_on="n2"),
            end={"ended_by": "stopped", "missing_on": "", "now_on": ""},
            severity=WARNING,
            case="all instances are stopped",
        ),
        Scene(
            "resource/web",
            failed("web", "monitor", "n1", "1", exit_reason="could not connect: refused", fail_count="2", threshold="3"),
            away={"resource/web": 4.0},
            severity=WARNING,
            case="the agent gave a reason, and the cluster counts",
        ),
        Scene(
            "resource/web",
            failed("web", "monitor", "n1", "7", planned="yes"),
            away={"resource/web": 4.0},
            severity=WARNING,
            case="while it is in maintenance",
        ),
        Scene(
            "resource/web", failed("web", "monitor", "n1", "1", ignored="yes"), severity=WARNING, case="its failure is ignored"
        ),
    ),
    Kind.RESOURCE_FLAPPING: (
        Scene(
            "resource/web",
            failed("web", "monitor", "n1", "7", failures="4", quiet_since="2026-11-24T02:12:05+00:00", **ON_N1),
            away={"resource/web": 9.8},
            severity=WARNING,
            case="quiet, but not yet for long",
        ),
        Scene(
            "resource/web",
            failed("web", "start", "n1", "1", failures="5", down="web"),
            away={"resource/web": 64.0},
            case="not restarted any more",
        ),
        Scene(
            "resource/pgsql",
            failed("pgsql", "promote", "n1", "1", failures="5", unpromoted="pgsql", runs_on="n1, n2"),
            away={"resource/pgsql": 64.0},
            case="not promoted any more",
        ),
    ),
    Kind.CONNECTIVITY: (
        Scene(
            "attribute/pingd@n1",
            {"node": "n1", "nodes": "n1, n2, n3", "still": "n1, n3", "attribute": "pingd", "value": "0", "before": "1000"},
            ("attribute/pingd@n1", "attribute/pingd@n2", "attribute/pingd@n3"),
            severity=WARNING,
            case="several nodes at once",
        ),
        Scene(
            "attribute/pingd@n3",
            {"node": "n3", "attribute": "pingd", "value": "0", "before": "1000"},
            ("attribute/pingd@n3",),
            end={"lost_nodes": "n3"},
            severity=WARNING,
            case="it ends with the node",
        ),
    ),
    Kind.GUEST_FAILURE: (
        Scene(
            "guest/vm-web01",
            failed("vm-web01", "monitor", "n1", "7", failures="1", **ON_N1) | P1,
            away={"guest/vm-web01": 3.6},
            case="started again",
        ),
        Scene(
            "guest/vm-web01",
            failed("vm-web01", "start", "n3", "1", tried_on="n1, n2, n3", given_up="yes"),
            away={"guest/vm-web01": 64.0},
            case="it cannot be started anywhere",
        ),
        Scene(
            "guest/vm-web01",
            {"resource": "vm-web01", "cause": "forbidden", "constraints": "cli-ban-vm-web01-on-n1, cli-ban-vm-web01-on-n2"},
            away={"guest/vm-web01": 64.0},
            case="location constraints forbid all nodes",
        ),
        Scene(
            "guest/vm-web01",
            failed("vm-web01", "monitor", "n1", "7", planned="yes"),
            away={"guest/vm-web01": 64.0},
            severity=WARNING,
            case="while it is in maintenance",
        ),
    ),
    Kind.FENCE_DEVICE_FAILURE: (Scene("resource/fence-n1", {"resource": "fence-n1", **P2}, case="it runs nowhere"),),
    Kind.EDGE_SILENT: (
        Scene(
            "relay/n2",
            {"node": "n2", "silent_since": "2026-11-24T02:12:05+00:00", "seen_by": "n1, n3"},
            severity=WARNING,
            case="the others see the node in the cluster",
        ),
    ),
}
