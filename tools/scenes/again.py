"""Rings for what was told before: it is worse than was told, or was told to be over."""

from typing import Final

from msgspec.structs import replace

from bridge.core.world.incident import Kind
from tools.scenes.pacemaker import SCENES
from tools.scenes.scene import Scene

_FAILED: Final = SCENES[Kind.NODE_FAILURE]
AGAIN: Final[tuple[tuple[Kind, Scene], ...]] = (
    (
        Kind.NODE_FAILURE,
        replace(
            _FAILED,
            subjects=(*_FAILED.subjects, "resource/db", "guest/vm-b"),
            away=_FAILED.away | {"resource/db": 700.0, "guest/vm-b": 690.0},
            worse=_FAILED.worse | {"further": "db, vm-b"},
            case="further services are away",
        ),
    ),
    (
        Kind.FENCING_FAILURE,
        replace(SCENES[Kind.FENCING_FAILURE], worse={"fencing_failures": "4", "reopened": "yes"}, case="it was told to be over"),
    ),
)
