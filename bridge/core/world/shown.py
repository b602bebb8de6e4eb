"""How subjects are that nothing is wrong with: shown on boards and the page, rung nowhere. Green only by somebody's word.

A condition changes when the subject's place or state changes, not at each word that says the same.
"""

from datetime import datetime

from bridge.core.world.event import CLUSTER, Severity, Subject, node_subject
from bridge.core.world.incident import Kind, State
from bridge.core.world.nodes import node
from bridge.core.world.tables import ACTIVE, CONDITION, PLAN, REMARK, REMINDED, STANDBY
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
    elif (PLAN, node_subject(name)) in world.facts:
        show_plan(world, node_subject(name), at)
    else:
        world.note(node_subject(name), Severity.OK, at, "member of the cluster")


def show_cluster(world: World, at: datetime) -> None:
    """Quorum is in doubt while it is lost (then the cluster is hurt), and while nodes call each other lost."""
    holder = world.holder(CLUSTER)
    if holder is not None and holder.kind is Kind.CLUSTER_PARTITION and holder.state in {State.WATCHING, State.OPEN}:
        world.note(CLUSTER, holder.severity, at, holder.reason)
    elif (PLAN, CLUSTER) in world.facts:
        show_plan(world, CLUSTER, at)
    else:
        world.note(CLUSTER, Severity.OK, at, "nobody has lost quorum")


def show_running(world: World, resource: str, at: datetime) -> None:
    """Where it runs; nothing when it runs nowhere, since that has its own reasons."""
    row = world.runs_on.get(resource)
    if row:
        subject = world.service(resource)
        words = [place_words(row), *([world.facts[REMARK, subject]] if (REMARK, subject) in world.facts else [])]
        if (PLAN, subject) in world.facts:
            show_plan(world, subject, at, *words)
        else:
            world.note(subject, Severity.OK, at, "; ".join(words))


def show_stopped(world: World, resource: str, at: datetime, why: str) -> None:
    """Down, and not in trouble."""
    subject = world.service(resource)
    if world.runs_on.get(resource):
        show_running(world, resource, at)
    elif (PLAN, subject) in world.facts:
        show_plan(world, subject, at)
    else:
        world.note(subject, Severity.INFO, at, why)


def show_doubtful(world: World, resource: str, why: str, since: datetime) -> None:
    """Not where it should be, and perhaps only for a moment. What is in trouble has its own words."""
    subject = world.service(resource)
    if world.wound(subject) is None:
        world.note(subject, Severity.UNKNOWN, since, why)


def show_plan(world: World, subject: Subject, at: datetime, *more: str) -> None:
    """What somebody has arranged for it, and a warning when that has lasted for long."""
    key = world.get(REMINDED, subject)
    words = "; ".join([world.facts[PLAN, subject], *([] if key is None else ["for long: is it forgotten?"]), *more])
    world.note(subject, Severity.INFO if key is None else Severity.WARNING, at, words, key)


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
