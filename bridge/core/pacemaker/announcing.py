"""What a node's attributes say that it is about to do. (Pacemaker Explained, node attributes)"""

from datetime import datetime
from typing import Final

from bridge.core.world.event import AttributeSet
from bridge.core.world.nodes import node, set_node
from bridge.core.world.shown import show_member
from bridge.core.world.tables import STANDBY
from bridge.core.world.world import World

TRUE: Final = frozenset({"on", "true", "yes", "y", "1"})


def on_shutdown(world: World, event: AttributeSet) -> None:
    """The transient attribute `shutdown`: the node wants to leave; its deletion comes with its return."""
    asked = event.value not in {"", "0"}
    set_node(world, event.node, announced_at=event.at if asked else None)
    world.say(f"{event.node} announces its shutdown" if asked else f"{event.node} has no shutdown pending")
    _show_plan(world, event.node, event.at)


def on_standby(world: World, event: AttributeSet) -> None:
    """The transient attribute `standby`: in standby until its next start. (Pacemaker Explained, node attributes)"""
    asked = event.value.lower() in TRUE
    world.put((STANDBY, event.node), asked or None)
    world.say(f"{event.node} is {'in standby' if asked else 'not in standby'}")
    _show_plan(world, event.node, event.at)


def _show_plan(world: World, name: str, at: datetime) -> None:
    known = node(world, name)
    if known.lost_at is None and not known.left:
        show_member(world, name, at)
