"""One plausible story per kind, and some that go otherwise: what the gallery shows, and what the tests of texts are fed with."""

from typing import Final

from bridge.core.world.incident import Kind
from tools.scenes import drbd, pacemaker
from tools.scenes.scene import Scene

SCENES: Final[dict[Kind, Scene]] = pacemaker.SCENES | drbd.SCENES
OTHER_SCENES: Final[dict[Kind, tuple[Scene, ...]]] = pacemaker.OTHER_SCENES | drbd.OTHER_SCENES

__all__ = ["OTHER_SCENES", "SCENES", "Scene"]
