"""The ledger takes nothing, in the ways in which that happens: who asks is answered at once, each receiver is told once, and the
end as well; and a bridge that is started meanwhile waits."""

import json
import resource
import subprocess
import sys
import time

import psycopg
import pytest

from tests.commanding import typed
from tests.serve.supervisor import Supervisor
from tests.serve.test_bridge import ROOT, Bridge, stop_failed
from tests.serve.test_ledger_away import OnPostgres
from tests.servers.opsview import OPERATOR, Opsview
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.waiting import eventually

pytestmark = pytest.mark.whole

# `serve` with a short patience: nothing else of it can be waited for in a test.
SHORT = "from bridge.serve import alarm as a; a.TELL_AFTER = 6; a.OVER_AFTER = 2; from bridge.cli import main; main()"
SUBJECT = "[quorumbell] Quorumbell can store nothing"
NOTHING = [SUBJECT, f"Re: {SUBJECT}"]


class Short:
    def start(self, name, *arguments):
        return super().start(name, *(("-c", SHORT, *arguments[2:]) if name == "bridge" else arguments))

    def subjects(self):
        """Of what was told past the ledger; the same mail once more is the same mail."""
        unique = {mail["Message-ID"]: mail["Subject"] for mail in self.mails}
        return [subject for subject in unique.values() if SUBJECT in subject]

    def ask(self, *words):
        run = typed(*words, "-c", str(self.config))
        return run.returncode, run.stdout + run.stderr

    def away(self):
        code, said = self.ask("status", "--json")
        return json.loads(said)["bridge"].get("ledger_away") if code == 0 else None

    def call(self, number):
        return self.hook(kind="node", node=f"n{number}", desc="member")


class OnFile(Short, Bridge):
    def log(self):
        return (self.home / "bridge.log").read_text()

    def answers(self):
        return "listening on" in self.log()


class OnServer(Short, OnPostgres):
    def rows(self):
        with psycopg.connect(self.url) as connection:
            return connection.execute("SELECT uid FROM report WHERE source = 'pacemaker'").fetchall()


@pytest.fixture
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def on_server(tmp_path, postgres):
    bridge = OnServer(tmp_path, postgres)
    yield bridge
    bridge.stop()


@pytest.fixture
def on_file(tmp_path):
    bridge = OnFile(tmp_path)
    eventually(bridge.answers)
    yield bridge
    bridge.stop()


def test_a_server_that_is_stopped(on_server):
    bridge = on_server
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: len(bridge.mails) == 1)
    time.sleep(6)  # now it stands in the bridge's memory, too
    bridge.postgres.stop()
    eventually(lambda: "connection to server" in (bridge.away() or {"why": ""})["why"])
    code, text = bridge.ask("status")
    assert code == 0
    assert "NOTHING CAN BE STORED since" in text
    assert "relays hold their reports on disk, nothing is lost" in text
    assert "Resource db could not be stopped on n1" in text, "what was known before"
    assert "alpha    n1" in text
    code, text = bridge.ask("doctor")
    assert code == 2
    assert "NOTHING CAN BE STORED since" in text
    code, text = bridge.ask("ack", "1")
    assert code == 1
    assert "nothing was done" in text
    eventually(lambda: bridge.subjects() == NOTHING[:1])
    eventually(lambda: bridge.away()["told"] == ["oncall"])
    assert bridge.call(1) == 0
    bridge.postgres.start()
    eventually(lambda: bridge.subjects() == NOTHING)
    eventually(lambda: len(bridge.rows()) == 2)
    assert bridge.away() is None
    assert bridge.log().count("relays hold their reports: ") == 1, "one line, not two a second"


def test_a_table_that_is_locked(on_server):
    bridge = on_server
    with psycopg.connect(bridge.url) as other:
        other.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        assert bridge.call(1) == 0
        assert "lock timeout" in eventually(lambda: (bridge.away() or {"why": ""})["why"])
        eventually(lambda: bridge.subjects() == NOTHING[:1])
    eventually(lambda: bridge.subjects() == NOTHING)
    assert len(bridge.rows()) == 1


def test_a_server_that_does_not_answer_at_all(on_server):
    bridge = on_server
    with bridge.postgres.frozen():
        assert bridge.call(1) == 0
        eventually(lambda: "keeps it waiting" in (bridge.away() or {"why": ""})["why"])
        began = time.monotonic()
        assert "NOTHING CAN BE STORED" in bridge.ask("status")[1]
        assert time.monotonic() - began < 15, (
            "two seconds, and what Python needs on a busy machine; the server would never answer"
        )
        eventually(lambda: bridge.subjects() == NOTHING[:1])
    eventually(lambda: bridge.subjects() == NOTHING)
    assert len(bridge.rows()) == 1


def test_a_bridge_that_is_killed_in_the_middle_tells_nobody_twice(on_server):
    bridge = on_server
    bridge.postgres.stop()
    eventually(lambda: bridge.subjects() == NOTHING[:1])
    eventually(lambda: bridge.away()["told"] == ["oncall"])
    since = bridge.away()["since"]
    bridge.process.kill()
    bridge.process.wait()
    bridge.process = bridge.serve()
    eventually(lambda: (bridge.away() or {}).get("since") == since)
    time.sleep(7)
    assert bridge.subjects() == NOTHING[:1]
    bridge.postgres.start()
    eventually(lambda: bridge.subjects() == NOTHING)
    time.sleep(1)
    assert bridge.subjects() == NOTHING


def test_a_full_disk(on_file):
    bridge = on_file
    assert bridge.call(1) == 0
    eventually(lambda: len(bridge.stored()) >= 1)
    room = (bridge.home / "ledger.db-wal").stat().st_size
    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))  # the file can grow no more
    try:
        assert bridge.call(2) == 0
        assert eventually(bridge.away)["why"]
        eventually(lambda: bridge.subjects() == NOTHING[:1])
    finally:
        resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: bridge.subjects() == NOTHING)
    assert len([report for report in bridge.stored() if report.source == "pacemaker"]) == 2


def test_a_broken_file(on_file):
    bridge = on_file
    bridge.end(bridge.process)
    ledger = bridge.home / "ledger.db"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    bridge.process = bridge.serve()
    assert "malformed" in eventually(lambda: (bridge.away() or {"why": ""})["why"])
    eventually(lambda: bridge.subjects() == NOTHING[:1])
    with ledger.open("r+b") as file:
        file.write(whole)
    eventually(lambda: bridge.subjects() == NOTHING)
    assert bridge.process.poll() is None


def test_a_board_says_it_too(tmp_path, postgres):
    with Opsview() as opsview:
        opsview.add_user("bell", "op3n sesame", rights=OPERATOR)
        opsview.provide("bellhost", ["Quorumbell"], freshness=180)
        bridge = OnServer(tmp_path, postgres)
        try:
            bridge.process.terminate()
            bridge.process.wait(20)
            with bridge.config.open("a") as config:
                config.write(
                    f'[receivers.noc]\nkind = "opsview"\nurl = "{opsview.url}"\nuser = "bell"\npassword = "op3n sesame"\n'
                    'own_host = "bellhost"\nlook_every = "5s"\n'
                )
            bridge.process = bridge.serve()
            eventually(lambda: opsview.state("bellhost", "Quorumbell") == "ok")
            postgres.stop()
            eventually(lambda: opsview.state("bellhost", "Quorumbell") == "critical")
            assert "can store nothing since" in opsview.thing("bellhost", "Quorumbell").output
            postgres.start()
            eventually(lambda: opsview.state("bellhost", "Quorumbell") == "ok")
        finally:
            bridge.stop()


class Waits(Short, Bridge):
    """Started by a supervisor, on a server that is not up yet."""

    def __init__(self, home, url):
        self.url = url
        super().__init__(home)

    def start(self, name, *arguments):
        if name != "bridge":
            return super().start(name, *arguments)
        self.config.write_text(self.config.read_text().replace(f"sqlite:///{self.home}/ledger.db", self.url))
        command = [sys.executable, "-c", SHORT, *arguments[2:]]
        return Supervisor(command, self.home / "bridge.log", watchdog=4.0, cwd=ROOT)

    def said(self):
        return [words for _, _, words in self.process.said]


def test_a_bridge_that_starts_before_its_database(tmp_path, postgres):
    url = postgres.database()
    postgres.stop()
    bridge = Waits(tmp_path, url)
    try:
        eventually(lambda: any(words[0].startswith("STATUS=nothing can be stored") for words in bridge.said()))
        assert ["READY=1"] in bridge.said(), "`systemctl start` does not wait for a database"
        assert "connection to server" in eventually(bridge.away)["why"]
        assert bridge.call(1) == 0
        eventually(lambda: "said hello" in (bridge.home / "bridge.log").read_text(), what="relays are answered meanwhile")
        eventually(lambda: bridge.subjects() == NOTHING[:1])
        postgres.start()
        eventually(lambda: bridge.subjects() == NOTHING)
        assert bridge.process.fates == [], "the watchdog, too, was content"
        with psycopg.connect(bridge.url) as connection:
            assert len(connection.execute("SELECT uid FROM report WHERE source = 'pacemaker'").fetchall()) == 1
    finally:
        bridge.stop()


class Kept(OnFile):
    """Started again whenever it ends."""

    def start(self, name, *arguments):
        if name != "bridge":
            return super().start(name, *arguments)
        return Supervisor([sys.executable, "-c", SHORT, *arguments[2:]], self.home / "bridge.log", watchdog=4.0, cwd=ROOT)

    def lost(self):
        return {mail["Message-ID"]: mail["Subject"] for mail in self.mails if "lost its ledger" in mail["Subject"]}


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_file_that_goes_away_costs_seconds_and_is_told(tmp_path, replaced):
    bridge = Kept(tmp_path)
    ledger = bridge.home / "ledger.db"
    try:
        eventually(bridge.process.ready)
        assert bridge.call(1) == 0
        eventually(lambda: any(report.source == "pacemaker" for report in bridge.stored()))
        whole = ledger.read_bytes()
        ledger.unlink()
        if replaced:
            ledger.write_bytes(whole)
        assert bridge.call(2) == 0
        eventually(lambda: bridge.process.ready(2))
        assert bridge.process.fates == [1]
        eventually(lambda: len(bridge.lost()) == 2, what="that it was lost, and that it is over")
        eventually(lambda: any(b'"n2"' in report.body for report in bridge.stored()))
        _, text = bridge.ask("status")
        assert "LEDGER LOST" in text
        assert "quorumbell restore" in text
        assert json.loads(bridge.ask("status", "--json")[1])["bridge"]["ledger_lost_at"]
        time.sleep(2)
        assert sorted(bridge.lost().values()) == [
            "Re: [quorumbell] Quorumbell lost its ledger",
            "[quorumbell] Quorumbell lost its ledger",
        ]
    finally:
        bridge.stop()


@pytest.mark.parametrize(
    "wrong, words",
    [
        ("postgresql://postgres@/nowhere", "create it, or correct ledger"),
        ("postgresql://stranger@/postgres", "create it, or correct ledger"),
    ],
)
def test_what_a_person_must_correct_ends_it_at_once(tmp_path, postgres, wrong, words):
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "{wrong}?host={postgres.folder}"\nlisten = []\nlisten_plain = ["tcp://127.0.0.1:{free_port()}"]\n'
        f'control = "{tmp_path}/control.sock"\n'
    )
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "bridge", "serve", "-c", str(config)], capture_output=True, text=True, cwd=ROOT, timeout=30
    )
    assert run.returncode == 1
    assert time.monotonic() - began < 10
    assert words in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "control.sock").exists()


def test_it_can_be_stopped_while_it_waits(tmp_path, postgres):
    url = postgres.database()
    postgres.stop()
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "{url}"\nlisten = []\nlisten_plain = ["tcp://127.0.0.1:{free_port()}"]\ncontrol = "{tmp_path}/control.sock"\n'
    )
    serving = subprocess.Popen([sys.executable, "-m", "bridge", "serve", "-c", str(config)], cwd=ROOT, stderr=subprocess.DEVNULL)
    eventually((tmp_path / "control.sock").exists)
    serving.terminate()
    assert serving.wait(10) == 0
    assert not (tmp_path / "control.sock").exists()
