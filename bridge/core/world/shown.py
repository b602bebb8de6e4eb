"""How subjects are that nothing is wrong with: shown on boards and the page, rung nowhere. Green only by somebody's word.

A condition changes when the subject's place or state changes, not at each word that says the same.
"""

from datetime import datetime

from bridge.core.world.event import CLUSTER, Severity, Subject, node_subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.nodes import node
from bridge.core.world.tables import ACTIVE, CONDITION, PLAN, STANDBY
from bridge.core.world.world import World


def show_witness(world: World, witness: str, at: datetime) -> None:
    """Who speaks is there: the first report of a node says that it is a member."""
    if (CONDITION, node_subject(witness)) not in world.facts:
        show_member(world, witness, at)
    if (CONDITION, CLUSTER) not in world.facts:
        show_cluster(world, at)


def show_relay(world: World, witness: str, at: datetime) -> None:
    """A report of a node's own shows that its relay works."""
    if (CONDITION, relay_subject(witness)) not in world.facts:
        world.note(relay_subject(witness), Severity.OK, at, "its reports come in")


def relay_subject(node: str) -> Subject:
    return Subject(f"relay/{node}")


def show_member(world: World, name: str, at: datetime) -> None:
    if node(world, name).announced_at is not None:
        world.note(node_subject(name), Severity.INFO, at, "about to leave in good order")
    elif world.get(STANDBY, name):
        world.note(node_subject(name), Severity.INFO, at, "in standby, until its next start")
    elif (plan := world.get(PLAN, node_subject(name))) is not None:
        world.note(node_subject(name), Severity.INFO, at, plan)
    else:
        world.note(node_subject(name), Severity.OK, at, "member of the cluster")


def show_cluster(world: World, at: datetime) -> None:
    """Quorum is in doubt while it is lost (then the cluster is hurt), and while nodes call each other lost."""
    holder = world.holder(CLUSTER)
    if holder is not None and holder.kind is Kind.CLUSTER_PARTITION and holder.state in {State.WATCHING, State.OPEN}:
        world.note(CLUSTER, holder.severity, at, holder.reason)
    elif (plan := world.get(PLAN, CLUSTER)) is not None:
        world.note(CLUSTER, Severity.INFO, at, plan)
    else:
        world.note(CLUSTER, Severity.OK, at, "nobody has lost quorum")


def show_running(world: World, resource: str, at: datetime) -> None:
    """Where it runs; nothing when it runs nowhere, since that has its own reasons."""
    row = world.runs_on.get(resource)
    if row:
        plan = world.get(PLAN, world.service(resource))
        words = place_words(row) if plan is None else f"{plan}; {place_words(row)}"
        world.note(world.service(resource), Severity.OK if plan is None else Severity.INFO, at, words)


def show_stopped(world: World, resource: str, at: datetime, why: str) -> None:
    """Down, and not in trouble."""
    if not world.runs_on.get(resource):
        world.note(world.service(resource), Severity.INFO, at, world.get(PLAN, world.service(resource)) or why)
    else:
        show_running(world, resource, at)


def place_words(row: dict[str, str]) -> str:
    """`runs on n1`; of a promotable clone `promoted on n1, runs on n2, n3`."""
    promoted = sorted(name for name, role in row.items() if role == "promoted")
    others = sorted(name for name, role in row.items() if role != "promoted")
    parts = [f"promoted on {', '.join(promoted)}"] if promoted else []
    return ", ".join([*parts, f"runs on {', '.join(others)}"] if others else parts)


def forget_activity(world: World, name: str, at: datetime, severity: Severity, why: str) -> None:
    """Nothing runs on the node any more, for all that is known; what runs nowhere else is shown with the severity and reason."""
    for resource in list(world.runs_there.get(name, {})):
        world.put((ACTIVE, name, resource), None)
        if world.runs_on.get(resource):
            show_running(world, resource, at)
        else:
            world.note(world.service(resource), severity, at, why)
