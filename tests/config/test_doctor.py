"""quorumbell doctor: each thing that can be wrong, provoked, with its cure and the exit code that a monitoring system reads."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bridge import __version__
from bridge.asked.asking import Silent
from bridge.cli import main
from bridge.commands import doctor
from bridge.commands.common import Trouble
from bridge.core.showing.board import Standing
from bridge.core.telling.circuit import Health
from bridge.wire.keys import enrol, make_bridge_keys, make_node_keys
from tests.covering import covers

AT = datetime.now(UTC)


class Site:
    """What the running bridge and its ledger say is put in their place; the rest is real."""

    def __init__(self, home, monkeypatch):
        self.home = home
        make_bridge_keys(str(home / "keys"))
        enrol(str(home / "allowed"), make_node_keys(str(home / "node")).public, "ha1", "n1")
        self.config = home / "q.toml"
        self.config.write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nkeys = "{home}/keys"\nallowed = "{home}/allowed"\n'
            f'joined = "{home}/joined"\n[receivers.oncall]\nkind = "mail"\nhost = "localhost"\nsecurity = "none"\n'
            'from = "q@example.com"\nto = ["a@example.com"]\n'
        )
        self.bridge = {"running": True, "version": __version__}
        well = {"oncall": Health(success_at=AT)}
        self.ledger = SimpleNamespace(edges=list, conditions=list, healths=lambda: well, boards=list)
        self.trouble = None
        monkeypatch.setattr(doctor, "running", lambda _: self.bridge)
        monkeypatch.setattr(doctor, "read", self._read)

    def _read(self, _config, _bridge, look):
        if self.trouble:
            raise self.trouble
        return look(self.ledger)

    def run(self):
        """The exit code, and what is not well: (what, how, words)."""
        done = CliRunner().invoke(main, ["doctor", "--json", "-c", str(self.config)])
        said = json.loads(done.output)
        return done.exit_code, [(one["what"], one["how"], one["words"]) for one in said if one["how"] != "ok"]


@pytest.fixture
def site(tmp_path, monkeypatch):
    return Site(tmp_path, monkeypatch)


def only(site):
    code, ((what, how, words),) = site.run()
    assert code == {"note": 1, "WRONG": 2}[how]
    return what, how, words


def relay(**more):
    return SimpleNamespace(**{"cluster": "ha1", "node": "n1", "silent": False, "offset": timedelta(0), **more})


def test_all_is_well(site):
    site.ledger.edges = lambda: [relay(), relay(node="n2")]
    assert site.run() == (0, [])


def test_a_person_reads_a_line_for_each_thing(site):
    site.bridge["version"] = "0.0.1"
    done = CliRunner().invoke(main, ["doctor", "-c", str(site.config)])
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0] == f"ok     config: {site.config}"
    assert [line for line in lines if not line.startswith("ok ")] == [
        f"note   bridge: version 0.0.1 runs, and {__version__} is installed: systemctl restart quorumbell-bridge"
    ]


def test_a_config_that_is_broken_is_told_as_check_tells_it(site):
    site.config.write_text("[bridge]\nledgr = 1\n")
    done = CliRunner().invoke(main, ["doctor", "-c", str(site.config)])
    assert (done.exit_code, "q.toml:2" in done.output) == (78, True)


def test_keys_that_others_may_read_and_an_empty_allow_list(site):
    (site.home / "allowed/ha1.n1.public").unlink()
    assert "quorumbell join-token" in only(site)[2]
    (site.home / "keys/bridge.secret").chmod(0o644)
    assert "chmod 600" in only(site)[2]


def test_somebody_else_installs_a_package_of_our_name(site, monkeypatch):
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"bridge": ["quorumbell", "other"]})
    assert only(site) == (
        "package",
        "WRONG",
        "other, quorumbell share the name bridge; give Quorumbell an environment of its own",
    )


def test_plain_text_alone_needs_no_keys(site):
    (site.home / "keys/bridge.secret").unlink()
    assert only(site)[:2] == ("keys", "WRONG")
    site.config.write_text(
        site.config.read_text().replace("[bridge]", '[bridge]\nlisten = []\nlisten_plain = ["tcp://127.0.0.1:1"]')
    )
    assert site.run() == (0, [])


@pytest.mark.parametrize("trouble", [Trouble("another version"), Silent("frozen", {"running": True})])
def test_a_ledger_that_cannot_be_read(site, trouble):
    site.trouble = trouble
    code, found = site.run()
    assert (code, [(what, how) for what, how, _ in found]) == (
        2,
        [("ledger", "WRONG"), ("relays", "note"), ("receivers", "note")],
    )


def test_a_disk_that_is_full(site, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 60)
    assert only(site)[:2] == ("disk", "WRONG")


def test_a_bridge_that_does_not_run(site):
    site.bridge = {"running": False, "why": "no bridge answers there; start it"}
    code, found = site.run()
    assert (code, [(what, how) for what, how, _ in found]) == (2, [("bridge", "WRONG"), ("in force", "note"), ("relays", "note")])


def test_a_bridge_that_still_runs_an_older_version(site):
    site.bridge["version"] = "0.0.1"
    what, how, words = only(site)
    assert (what, how) == ("bridge", "note")
    assert words == f"version 0.0.1 runs, and {__version__} is installed: systemctl restart quorumbell-bridge"


def test_errors_of_our_own(site):
    site.bridge["faults"] = [{"what": "KeyError: x"}]
    assert only(site) == (
        "bridge",
        "note",
        "an error of Quorumbell itself: KeyError: x; the report is kept, quorumbell status says more",
    )


def test_a_config_that_was_refused_or_needs_a_restart(site):
    site.bridge["config"] = {"mistakes": ["q.toml:3: no"], "restart": []}
    assert only(site)[:2] == ("in force", "WRONG")
    site.bridge["config"] = {"mistakes": [], "restart": ["bridge.listen"]}
    assert "systemctl restart quorumbell-bridge" in only(site)[2]


def test_a_relay_that_is_silent_complains_or_has_another_time(site):
    site.ledger.edges = lambda: [relay(silent=True)]
    assert "quorumbell-node doctor" in only(site)[2]
    site.ledger.edges = lambda: [relay(offset=timedelta(minutes=2))]
    assert only(site) == ("relays", "note", "the clock of n1 of ha1 is +120 s off; let it follow NTP (chronyc tracking)")
    hook = SimpleNamespace(cluster="ha1", subject="relay/n1", severity=doctor_warning(), why="the hook is missing")
    site.ledger.edges, site.ledger.conditions = (lambda: [relay()]), (lambda: [hook])
    assert only(site) == ("relays", "WRONG", "n1 of ha1: the hook is missing")


def doctor_warning():
    from bridge.core.world.event import Severity

    return Severity.WARNING


@pytest.mark.parametrize("failures, how", [(1, "note"), (9, "WRONG")])
def test_a_receiver_that_fails(site, failures, how):
    site.ledger.healths = lambda: {
        "oncall": Health(failures=failures, failure="refused", failure_at=AT),
        "gone": Health(failures=9),
    }
    what, is_, words = only(site)
    assert (what, is_, "quorumbell ring oncall" in words) == ("receivers", how, True)


def test_a_receiver_that_refuses_what_it_is_told(site):
    """It answers, so it is no failure of the receiver; and yet nobody hears anything."""
    site.ledger.healths = lambda: {"oncall": Health(success_at=AT, failure="no such channel", failure_at=AT + timedelta(1))}
    what, how, words = only(site)
    assert (what, how) == ("receivers", "WRONG")
    assert words.startswith("oncall refuses what it is told: no such channel; ")
    site.ledger.healths = lambda: {"oncall": Health(success_at=AT, failure="no such channel", failure_at=AT - timedelta(1))}
    assert site.run() == (0, [])


def test_a_receiver_that_was_never_tried(site):
    site.ledger.healths = dict
    assert only(site) == ("receivers", "note", "oncall has never taken anything; quorumbell ring oncall tries it")


@pytest.mark.parametrize(
    "standing, how, said",
    [
        ({"untrue": [("ha1", "Guest: vm", "missing", "no such service")]}, "note", "not show as they are: Guest: vm on ha1; "),
        ({"untrue": [("ha1", f"Guest: {n}", "missing", "") for n in range(5)]}, "note", "Guest: 2 on ha1 and 2 more; "),
        ({"failures": 1, "last_word": "refused"}, "note", "noc cannot be told: refused; "),
        ({"failures": 5, "last_word": "refused"}, "WRONG", "noc cannot be told: refused; "),
        ({"making": "changes wait there"}, "note", "noc was asked to make what it lacks: changes wait there"),
    ],
)
def test_a_board_that_shows_something_else_or_cannot_be_told(site, standing, how, said):
    site.config.write_text(
        site.config.read_text()
        + '[receivers.noc]\nkind = "opsview"\nurl = "http://127.0.0.1:1"\nuser = "q"\npassword = "p"\nown_host = "b"\n'
    )
    gone = SimpleNamespace(receiver="gone", standing=Standing(objects=1, owed=0, failures=9))
    site.ledger.boards = lambda: [
        SimpleNamespace(receiver="noc", standing=Standing(**{"objects": 1, "owed": 0, **standing})),
        gone,
    ]
    what, is_, words = only(site)
    assert (what, is_, said in words) == ("receivers", how, True), words


def test_nobody_would_be_told(site):
    text = site.config.read_text()
    site.config.write_text(text[: text.index("[receivers")])
    assert only(site)[:2] == ("receivers", "WRONG")


def test_each_finding_has_a_test_here(tmp_path):
    covers(doctor, __file__, tmp_path)
