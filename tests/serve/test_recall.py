"""A bridge that was restarted knows what it knew: worlds from their checkpoint, reports since, and what people said."""

import json
from contextlib import closing
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from bridge.core import cluster
from bridge.core.line import Line
from bridge.core.world.event import Report, to_us
from bridge.core.world.settings import Settings
from bridge.ledger import rows
from bridge.ledger.ledger import Ledger
from bridge.rehearse.rehearse import bell, read_recording
from bridge.serve import recall
from bridge.serve.recall import restore
from bridge.serve.writer import commit_of, stored

RECORDINGS = sorted((Path(__file__).parents[1] / "judge" / "recordings").glob("*.json"))
HOUR = timedelta(hours=1)


def commit(ledger, line, reports, now, *, checkpoint=True):
    outcome = line.take(reports, now)
    kept = [stored(report, json.dumps(dict(report.body)).encode(), outcome) for report in reports]
    ledger.commit(commit_of(kept, outcome, now, line.correlator.checkpoint() if checkpoint else None))
    return outcome


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger.open(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        yield opened


@pytest.fixture
def short_reach(monkeypatch):
    """Checkpoints after a dozen events, so that every recording has some."""
    monkeypatch.setattr(cluster, "REACH", 12)
    monkeypatch.setattr(cluster, "FACTS_PER_EVENT", 100)


def in_turn(path):
    """The events of a recording, in their own order: what is late is another test's matter."""
    reports = [
        msgspec.structs.replace(report, cluster=path.stem, uid=f"{path.stem}/{number}".encode())
        for number, report in enumerate(read_recording(path))
    ]
    return sorted(reports, key=lambda report: (report.body.get("CRM_alert_timestamp_epoch", ""), report.received_at))


def standing(line):
    return {key: one for key, one in line.correlator.incidents().items() if one.absorbed_into is None}


@pytest.mark.many
@pytest.mark.parametrize("path", [path for path in RECORDINGS if path.stat().st_size > 20_000], ids=lambda path: path.stem)
def test_a_restart_in_the_middle_changes_nothing(ledger, short_reach, path):
    reports = in_turn(path)
    middle = len(reports) * 2 // 3
    straight, first, second = (Line(Settings(), bell()) for _ in range(3))
    for report in reports[:middle]:
        straight.take([report], report.received_at)
        commit(ledger, first, [report], report.received_at)
    restore(second, ledger)
    assert standing(second) == standing(first)
    for report in reports[middle:]:
        straight.take([report], report.received_at)
        commit(ledger, second, [report], report.received_at)
    end = reports[-1].received_at + HOUR
    straight.tick(end)
    second.tick(end)
    assert standing(second) == standing(straight)


@pytest.mark.many
@pytest.mark.parametrize("path", [path for path in RECORDINGS if path.stat().st_size > 20_000], ids=lambda path: path.stem)
def test_nor_when_one_node_delivered_everything_late(ledger, short_reach, path):
    """What was told late in the bridge's life, by the last words of its subjects, a restart understands in the same way."""
    reports = in_turn(path)
    late = reports[len(reports) // 4].node
    arriving = sorted(reports, key=lambda report: report.node == late)
    end = max(report.received_at for report in reports)
    first, second = (Line(Settings(), bell()) for _ in range(2))
    for report in arriving:
        commit(ledger, first, [msgspec.structs.replace(report, received_at=end)], end)
    restore(second, ledger)
    assert standing(second) == standing(first)


def test_most_recordings_are_restored_from_a_checkpoint(ledger, short_reach):
    """Else the test above would show nothing."""
    paths = [path for path in RECORDINGS if path.stat().st_size > 20_000]
    with_checkpoint = 0
    for path in paths:
        line = Line(Settings(), bell())
        for report in in_turn(path):
            commit(ledger, line, [report], report.received_at)
        last = ledger.latest_checkpoint()
        with_checkpoint += last is not None and path.stem in Line(Settings(), bell()).correlator.restore(last.data)
    assert with_checkpoint > len(paths) / 2


def failing(now, number):
    body = {"CRM_alert_kind": "resource", "CRM_alert_node": "n1", "CRM_alert_rsc": "db", "CRM_alert_task": "stop"}
    codes = {"interval": "0", "rc": "1", "target_rc": "0", "status": "0", "desc": "error", "node_sequence": str(number)}
    body |= {f"CRM_alert_{name}": value for name, value in codes.items()}
    body |= {"CRM_alert_timestamp_epoch": str(int(now.timestamp())), "CRM_alert_timestamp_usec": "0"}
    return Report(uid=b"f%d" % number, cluster="c", node="n1", source="pacemaker", received_at=now, body=body)


def word(now, **fields):
    body = {**fields, "author": "eva", "comment": "mine"}
    return Report(
        uid=blake2b(str(fields).encode(), digest_size=16).digest(),
        cluster="*",
        node="",
        source="operator",
        received_at=now,
        body=body,
    )


def monitors(begin, count):
    for number in range(count):
        at = begin + timedelta(seconds=number)
        body = {**failing(at, 10 + number).body, "CRM_alert_rsc": f"r{number}", "CRM_alert_task": "monitor", "CRM_alert_rc": "0"}
        yield Report(uid=b"m%d" % number, cluster="c", node="n1", source="pacemaker", received_at=at, body=body)


def test_an_acknowledgement_and_a_silence_outlive_checkpoint_and_restart(ledger, short_reach):
    now = read_recording(RECORDINGS[-1])[0].received_at
    line = Line(Settings(), bell())
    (notice,) = commit(ledger, line, [failing(now, 1)], now).notices
    commit(ledger, line, [word(now, do="ack", incident_key=notice.incident.key)], now)
    until = now + timedelta(days=2)
    commit(ledger, line, [word(now, do="silence", silence="s1", matchers="node=n2", until_us=to_us(until))], now)
    for report in monitors(now + timedelta(seconds=1), 60):
        commit(ledger, line, [report], report.received_at)
    assert ledger.latest_checkpoint() is not None

    again = Line(Settings(), bell())
    restore(again, ledger)
    later = now + timedelta(hours=10)  # the reminder is due after four
    assert [one.kind for one in again.tick(later).notices] == []
    assert [one.id for one in again.router.silences(later)] == ["s1"]
    back = [word(later, do="ack", incident_key=notice.incident.key, withdraw=True)]
    assert [str(one.kind) for one in again.take(back, later).notices] == ["reminder"]


@pytest.fixture
def read_rows(monkeypatch):
    """The reports that were read from the ledger, whatever was asked of it."""
    read, noun = [], rows.REPORT.noun

    def counted(row):
        read.append(row.seq)
        return noun(row)

    monkeypatch.setattr(rows.REPORT, "noun", counted)
    return read


def test_a_restart_reads_what_happened_since_the_checkpoint_however_much_the_hour_held(ledger, short_reach, read_rows):
    now = read_recording(RECORDINGS[-1])[0].received_at
    line = Line(Settings(), bell())
    quiet = msgspec.structs.replace(failing(now, 1), cluster="quiet")
    commit(ledger, line, [quiet], now)
    for report in monitors(now + timedelta(seconds=1), 400):
        commit(ledger, line, [report], report.received_at)
    again = Line(Settings(), bell())
    restore(again, ledger)
    assert standing(again) == standing(line)
    assert len(read_rows) <= 3 * cluster.REACH, "however many there are"
    assert 1 in read_rows


def test_what_a_clock_ahead_of_all_reported_outlives_a_restart(ledger, short_reach):
    now = read_recording(RECORDINGS[-1])[0].received_at
    line = Line(Settings(), bell())
    ahead = failing(now + 20 * HOUR, 1)
    commit(ledger, line, [msgspec.structs.replace(ahead, received_at=now)], now)
    for report in monitors(now + 2 * HOUR, 60):
        commit(ledger, line, [report], report.received_at)
    assert ledger.latest_checkpoint() is not None
    again = Line(Settings(), bell())
    restore(again, ledger)
    assert standing(again) == standing(line)
    assert [one.reason for one in standing(again).values()] == ["db cannot be stopped"]


def test_a_long_start_says_how_far_it_is_and_shows_signs_of_life(ledger, monkeypatch, caplog):
    now = read_recording(RECORDINGS[-1])[0].received_at
    line = Line(Settings(), bell())
    commit(ledger, line, list(monitors(now, 100)), now + HOUR)
    monkeypatch.setattr(recall, "BATCH", 10)
    monkeypatch.setattr(recall, "PROGRESS", 40)
    beats = []
    with caplog.at_level("INFO", "quorumbell.bridge"):
        restore(Line(Settings(), bell()), ledger, beat=lambda: beats.append(1))
    assert [one.getMessage() for one in caplog.records] == [
        "understanding again what was reported of c: 40 of 100",
        "understanding again what was reported of c: 80 of 100",
    ]
    assert len(beats) >= 10
