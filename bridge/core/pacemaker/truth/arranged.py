"""What somebody arranged, by subject, and the reminder when it lasts too long: it may have been forgotten."""

from datetime import datetime
from typing import Final

from bridge.core.pacemaker.truth.ending import SWITCHED_OFF, WORDS
from bridge.core.world.event import Severity, Subject, subject_name
from bridge.core.world.incident import Kind
from bridge.core.world.shown import show_plan
from bridge.core.world.tables import HOLDER, PLAN, REMINDED
from bridge.core.world.world import World

OFF: Final = WORDS[SWITCHED_OFF]
UNMANAGED: Final = "unmanaged: the cluster does not look after it"
RESTING: Final = "in maintenance"
STANDBY: Final = "in standby"
PUT_ASIDE: Final = "in standby, because a resource failed there (on-fail=standby)"
LEAVING: Final = "about to leave in good order"
ALL_RESTING: Final = "the whole cluster is in maintenance: it starts, stops and watches nothing"
ALL_STOPPED: Final = "all resources are stopped by order (stop-all-resources)"

LASTING: Final = {
    UNMANAGED: "unmanaged",
    RESTING: "maintenance",
    STANDBY: "standby",
    PUT_ASIDE: "put-aside",
    LEAVING: "leaving",
    ALL_RESTING: "maintenance",
    ALL_STOPPED: "stop-all",
}
"""Of what is meant to end, the code that its texts know. A service may be switched off for good."""
HOLD: Final = "arranged"


def arrange(world: World, subject: Subject, words: str | None, at: datetime) -> bool:
    """`words` (None: nothing is arranged any more) is one of the above. Gives whether that is new."""
    before = world.get(PLAN, subject)
    world.put((PLAN, subject), words)
    if (words in LASTING) != (before in LASTING):
        if words in LASTING:
            _begin(world, subject, at)
        else:
            _end(world, subject, at)
    return before != words


def on_too_long(world: World, name: str, at: datetime) -> None:
    """A timer. The incident is open as long as the arrangement lasts. It holds no subject: what fails meanwhile is a story of its
    own."""
    subject, words = Subject(name), world.get(PLAN, name)
    if words not in LASTING:
        return
    since = at - world.settings.planned_too_long
    reason = f"{subject_name(subject)} has been so for long: {words}"
    before = world.get(HOLDER, subject)
    key = world.open_incident(Kind.PLANNED_TOO_LONG, subject, since, Severity.WARNING, reason)
    world.change(key, at, facts={"arranged": LASTING[words]})
    world.keep_open(key, HOLD)
    world.put((REMINDED, subject), key)
    world.put((HOLDER, subject), before)
    show_plan(world, subject, at)


def _begin(world: World, subject: Subject, at: datetime) -> None:
    if world.settings.planned_too_long:
        world.set_timer(at + world.settings.planned_too_long, "planned", subject)


def _end(world: World, subject: Subject, at: datetime) -> None:
    world.cancel_timer("planned", subject)
    key = world.get(REMINDED, subject)
    if key is None:
        return
    world.put((REMINDED, subject), None)
    world.release(key, HOLD, at, "what was arranged is over")
