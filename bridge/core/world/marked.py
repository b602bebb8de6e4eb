"""What a drill makes is marked, and is never taken for something that happened."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bridge.core.world.event import Drilled, Report

MARKS: Final = ("CRM_alert_drill", "DRBD_drill", "drill")
"""Fields that only a drill gives a report: as the alert hook writes it, as the handler does, and as the relay does itself. The
value is `DRILL STORY STEP/OF`."""
PLAYED: Final = frozenset({"pacemaker", "drbd"})
"""Sources of the reports that tell a drill's story; others are about the drill itself."""
_LONGEST: Final = 60


def is_marked(body: Mapping[str, Any]) -> bool:
    return any(name in body for name in MARKS)


def drill_of(body: Mapping[str, Any]) -> str:
    """Which drill it belongs to; empty when that cannot be read."""
    said = next((body[name] for name in MARKS if name in body), "")
    return said.partition(" ")[0][:_LONGEST] if isinstance(said, str) and said.isascii() and said.isprintable() else ""


def drilled(report: Report) -> Drilled:
    return Drilled(uid=report.uid, witness=report.node, at=report.received_at, drill=drill_of(report.body))


def as_in_earnest(report: Report) -> Report:
    """The report that it stands for."""
    body = {name: value for name, value in report.body.items() if name not in MARKS}
    return msgspec.structs.replace(report, source=str(body.get("src", "")), body=body)
