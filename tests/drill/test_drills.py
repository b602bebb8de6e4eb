"""An error of ours in the middle of a drill: who asked is told, it is counted, and the next drill is a new one."""

from datetime import UTC, datetime
from types import SimpleNamespace

from bridge.core.world.event import Report
from bridge.serve.drills import Drills
from bridge.serve.faults import Faults
from bridge.serve.telemetry import Metrics
from bridge.wire.drill import ALERT, SOURCE

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Broken:
    """A drill whose every step raises."""

    asked, cluster, over = SimpleNamespace(drill="d1"), "ha1", False

    def turn(self):
        raise RuntimeError("ours")

    def hear(self, report):
        raise RuntimeError("ours, too")


def test_it_is_told_and_counted_and_over():
    faults, answers = Faults(Metrics()), []
    drills = Drills(None, [], None, None, None, lambda: NOW, faults)
    drills._running.append((Broken(), lambda **said: answers.append(said)))
    body = {ALERT: "d1 failover 1/5"}
    drills.hear([Report(uid=b"1" * 16, cluster="ha1", node="n1", source=SOURCE, received_at=NOW, body=body)])
    assert drills.next_at() is not None
    drills.turn(NOW)
    drills.turn(NOW)
    assert [said["why"] for said in answers] == [
        "an error of Quorumbell itself (RuntimeError: ours); the bridge's log has all of it"
    ]
    assert drills.next_at() is None
    assert sorted(one["count"] for one in faults.shown()) == [1, 1]
