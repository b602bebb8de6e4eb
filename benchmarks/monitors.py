"""Reports as a busy cluster makes them: monitors of resources, a millisecond apart."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec

from bridge.core.world.event import Report
from bridge.rehearse.rehearse import read_recording

ROOT = Path(__file__).resolve().parent.parent
SETTLED = 1_000_000
"""Numbers, and so milliseconds, after which everybody was told and nothing is due before the next reminder."""
TEMPLATE = next(r for r in read_recording(ROOT / "examples/node-power-cut.json") if "CRM_alert_rsc" in r.body)


def batches(numbers: range, size: int, *, bad: bool) -> Iterator[list[Report]]:
    """Each report about another resource, which fails; or about one of 5,000 that go well."""
    for at in range(0, len(numbers), size):
        yield [_monitor(number, bad=bad) for number in numbers[at : at + size]]


def _monitor(number: int, *, bad: bool) -> Report:
    at = TEMPLATE.received_at + timedelta(milliseconds=number)
    body = TEMPLATE.body | {
        "CRM_alert_rsc": f"f{number}" if bad else f"r{number % 5000}",
        "CRM_alert_task": "monitor",
        "CRM_alert_interval": "5000",
        "CRM_alert_rc": "7" if bad else "0",
        "CRM_alert_timestamp_epoch": str(int(at.timestamp())),
        "CRM_alert_timestamp_usec": f"{at.microsecond:06d}",
        "CRM_alert_node_sequence": str(number),
    }
    return msgspec.structs.replace(TEMPLATE, body=body, received_at=at, uid=number.to_bytes(16, "big"))
