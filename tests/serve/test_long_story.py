"""A story with very many reports and very many words, as it lies in the ledger: a restart, and `explain`, which reads its two ends."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from bridge.asked.story import MOST_SHOWN
from bridge.core.line import Line
from bridge.core.telling.notice import Telling
from bridge.core.world.event import Report
from bridge.core.world.settings import Settings
from bridge.ledger.ledger import Commit, Ledger
from bridge.rehearse.rehearse import bell, read_recording
from bridge.serve.recall import restore
from bridge.serve.writer import commit_of, stored
from tests.serve.test_recall import RECORDINGS

TURN = (("monitor", "7", "10000"), ("stop", "0", "0"), ("start", "0", "0"), ("monitor", "0", "10000"))
EVERY = timedelta(seconds=1)


def flapping(count: int) -> list[Report]:
    template = next(one for path in RECORDINGS for one in read_recording(path) if one.body.get("CRM_alert_kind") == "resource")
    return [_told(template, number) for number in range(1, count + 1)]


def _told(template: Report, number: int) -> Report:
    task, rc, interval = TURN[(number - 1) % len(TURN)]
    at = template.received_at + number * EVERY
    body = template.body | {
        "CRM_alert_rsc": "web",
        "CRM_alert_task": task,
        "CRM_alert_rc": rc,
        "CRM_alert_target_rc": "0",
        "CRM_alert_status": "0",
        "CRM_alert_interval": interval,
        "CRM_alert_timestamp_epoch": str(int(at.timestamp())),
        "CRM_alert_node_sequence": str(number),
    }
    return msgspec.structs.replace(template, cluster="prod", body=body, received_at=at, uid=number.to_bytes(16, "big"))


@pytest.fixture
def told(tmp_path):
    """A ledger with one story of 2,400 reports, whose bell was told once, and whose chat was updated 300 times."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    line = Line(Settings(), bell())
    reports = flapping(2400)
    with closing(Ledger.open(url)) as ledger:
        for at in range(0, len(reports), 100):
            some, now = reports[at : at + 100], reports[at + 99].received_at
            outcome = line.take(some, now)
            kept = [stored(one, json.dumps(dict(one.body)).encode(), outcome) for one in some]
            ledger.commit(commit_of(kept, outcome, now, None))
        (opened,) = [row.notice for row in ledger.notices() if row.notice.kind is Telling.OPENED]
        chat = msgspec.structs.replace(opened, id=0, receiver="chat")
        kinds = [Telling.OPENED, *(Telling.UPDATED if number % 60 else Telling.REMINDER for number in range(1, 301))]
        ledger.commit(Commit(now=now, notices=[msgspec.structs.replace(chat, kind=kind) for kind in kinds]))
    return url


def test_a_restart_rings_nobody_again(told):
    with closing(Ledger.open(told)) as ledger:
        line = Line(Settings(), tuple(msgspec.structs.replace(one, receivers=("bell", "chat")) for one in bell()))
        restore(line, ledger)
    (story,) = [one for one in line.correlator.incidents().values() if one.absorbed_into is None]
    assert story.facts["failures"] == "600"
    now = story.changed_at + EVERY
    assert [one for one in line.tick(now).notices if one.kind.rings] == []


def test_explain_shows_the_beginning_and_the_end_and_says_how_much_lies_between(told, tmp_path):
    config = tmp_path / "quorumbell.toml"
    config.write_text(
        f'[bridge]\nledger = "{told}"\nlisten = ["tcp://127.0.0.1:1"]\nkeys = "{tmp_path}"\nallowed = "{tmp_path}"\n'
    )

    def explain(*more):
        command = [sys.executable, "-m", "bridge", "explain", "1", "-c", str(config), *more]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    text = explain()
    assert f"the first {MOST_SHOWN} and the last {MOST_SHOWN} are shown; {2400 - 2 * MOST_SHOWN} lie between them" in text
    assert len([line for line in text.splitlines() if " reports  " in line]) == 2 * MOST_SHOWN
    assert ", 600 times, the longest 2.0 s" in text.split("away: ")[1]
    shown = json.loads(explain("--json"))
    assert len(shown["reports"]) == 2 * MOST_SHOWN
    assert shown["reports_left_out"] == 2400 - 2 * MOST_SHOWN
