from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Make:
    """Incidents with everything filled in; a test names only what it is about."""

    now = NOW
    second = timedelta(seconds=1)
    minute = timedelta(minutes=1)

    def open(self, name="web", kind=Kind.RESOURCE_DOWN, severity=Severity.CRITICAL, at=NOW, **given):
        filled = {
            "key": f"{name}@{at.isoformat()}",
            "cluster": "alpha",
            "kind": kind,
            "root": f"resource/{name}",
            "state": State.OPEN,
            "severity": severity,
            "peak": severity,
            "opened_at": at,
            "changed_at": at,
            "reason": f"{name} is down",
        }
        return Incident(**(filled | given))

    def closed(self, incident, at=NOW):
        return replace(incident, state=State.CLOSED, severity=Severity.OK, closed_at=at, changed_at=at, reason="well again")


@pytest.fixture
def make():
    return Make()
