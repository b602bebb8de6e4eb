from typing import Any, Final

import msgspec

from bridge.core.world.event import Severity

WARNING: Final = Severity.WARNING


class Scene(msgspec.Struct, frozen=True):
    """`facts` are those at the opening; `worse` and `end` come to be known later. `away` is in seconds, by subject."""

    root: str
    facts: dict[str, str]
    subjects: tuple[str, ...] = ()
    away: dict[str, float] = {}
    worse: dict[str, str] = {}
    end: dict[str, str] = {}
    severity: Severity = Severity.CRITICAL
    case: str = ""


def alone(root: str, facts: dict[str, str], away: float = 0.0, **more: Any) -> Scene:
    """Nothing is drawn in but its root, which was away for so many seconds."""
    return Scene(root, facts, (root,), {root: away} if away else {}, **more)
