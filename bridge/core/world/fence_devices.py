"""Which node a fence device is for, by its name: no alert tells it."""

import re

from bridge.core.world.event import Subject, subject_name
from bridge.core.world.nodes import node
from bridge.core.world.world import World


def is_of(device: str, name: str) -> bool:
    """Whether the device's name says that it fences the node."""
    short = re.escape(name.partition(".")[0])
    return re.search(rf"(?<![A-Za-z0-9]){short}(?![A-Za-z0-9])", device) is not None


def is_needless(world: World, device: str, key: str) -> bool:
    """Whether it fences a node of this story that is off: nobody needs it before that one is back."""
    if not world.is_fence_device(device):
        return False
    away = (subject_name(Subject(name)) for name in world.wounds(key) if name.startswith("node/"))
    return any(is_of(device, name) and node(world, name).fenced_at for name in away)
