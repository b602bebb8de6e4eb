"""`quorumbell setup opsview` against the server with rules: what it shows, makes, and leaves alone."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.core.showing.picture import Target
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity
from bridge.ledger.ledger import Commit, Edge, Ledger
from bridge.receivers.opsview import setup as opsview_setup
from tests.servers.opsview import OPERATOR, Opsview, Rules

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SUBJECTS = ("cluster", "node/n1", "resource/web", "guest/vm-a", "drbd/r0", "drbd/r0@n1", "relay/n1")


@pytest.fixture
def opsview():
    with Opsview(Rules(reload_takes=0.1)) as server:
        server.add_user("bell", "op3rator", rights=OPERATOR)
        yield server


@pytest.fixture
def setup(opsview, tmp_path, monkeypatch):
    monkeypatch.setattr(opsview_setup.time, "sleep", lambda _: None)
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger.open(url)
    conditions = [
        Condition(cluster="ha1", subject=subject, severity=Severity.OK, since=NOW, why="well", incident_key=None)
        for subject in SUBJECTS
    ]
    ledger.commit(Commit(now=NOW, conditions=conditions, edges=[Edge(cluster="ha1", node="n2", last_heard_at=NOW)]))
    ledger.close()
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "{url}"\n[receivers.noc]\nkind = "opsview"\nurl = "{opsview.url}"\nuser = "bell"\n'
        'password = "op3rator"\nown_host = "bellhost"\n'
    )

    def run(*words, code=0, user="admin"):
        more = ["--user", user] if user else []
        done = CliRunner().invoke(
            main, ["setup", "opsview", "-c", str(config), *words, *more], input="initial\n" if user else None
        )
        assert done.exit_code == code, done.output
        assert "op3rator" not in done.output
        return done.stdout if code == 0 else done.output

    return run


def services(server):
    return {f"{host}/{service}" for host, service in server.world.things if service}


WANTED = {
    *("ha1/Cluster", "ha1/Resource: web", "ha1/Guest: vm-a", "ha1/DRBD: r0", "n1/DRBD: r0", "n1/Cluster Node"),
    *("n1/Quorumbell Relay", "n2/Cluster Node", "n2/Quorumbell Relay", "bellhost/Quorumbell"),
    *("n1/Fencing", "n2/Fencing"),
}


def test_it_shows_and_changes_nothing(opsview, setup):
    said = setup(user="", code=0)
    assert "Resource: web" in said
    assert "missing" in said
    assert "CONFIGUREVIEW" in said, "the bridge's own user may not configure"
    said = setup("--hostgroup", "Opsview Hosts", "--json")
    told = json.loads(said)
    assert {f"{one['host']}/{one['service']}" for one in told["objects"]} == WANTED
    assert {one["state"] for one in told["objects"]} == {"missing"}
    assert "make host n1" in told["changes"]
    assert opsview.count("^(PUT|DELETE|POST /rest/(reload|config))") == 0


def test_it_makes_what_is_missing_and_reloads_when_told(opsview, setup):
    opsview.setup.put("hostgroup", {"name": "KVM", "parent": {"name": "Opsview"}})
    opsview.reload()
    setup("--apply", "--hostgroup", "KVM", "--address", "n2=192.0.2.12")
    assert services(opsview) == set(), "not before a reload"
    told = json.loads(setup("--json"))
    assert {one["state"] for one in told["objects"]} == {"after a reload"}
    assert (told["pending"], told["changes"]) == (True, [])
    assert "were pending" in setup("--reload", code=1)
    setup("--reload", "--pending-too")
    opsview.advance(1)
    assert services(opsview) == WANTED
    assert opsview.setup.named("host", "n2")["ip"] == "192.0.2.12"
    assert opsview.setup.named("host", "n1")["ip"] == "n1"
    assert opsview.setup.named("host", "ha1")["ip"] == "127.0.0.1"
    for name, seconds in (("Resource", "1800"), ("Quorumbell", "180")):
        check = opsview.setup.named("servicecheck", name)
        assert (check["check_freshness"], check["stale_threshold_seconds"], check["stale_state"]) == ("1", seconds, "3")
        assert [one["name"] for one in check["keywords"]] == ["quorumbell"]
    told = json.loads(setup("--json"))
    assert {one["state"] for one in told["objects"]} == {"there"}
    assert (told["pending"], told["changes"], told["notes"]) == (False, [], [])
    opsview.advance(200)
    assert opsview.state("bellhost", "Quorumbell") == "unknown"
    assert opsview.state("ha1", "Cluster") == "ok"
    opsview.advance(1700)
    assert opsview.state("ha1", "Cluster") == "unknown"


def test_a_host_keeps_all_it_has(opsview, setup):
    opsview.provide("n1", ["Disk", "Check: value"])
    opsview.setup.put("hosttemplate", {"name": "OS - Linux"})
    opsview.setup.put("host", {"name": "n1", "ip": "192.0.2.7", "hosttemplates": [{"name": "OS - Linux"}]})
    opsview.reload()
    setup("--apply", "--hostgroup", "HA Clusters", "--reload")
    opsview.advance(1)
    host = opsview.setup.named("host", "n1")
    assert host["ip"] == "192.0.2.7"
    assert {"OS - Linux", "Quorumbell - Cluster Node"} <= {one["name"] for one in host["hosttemplates"]}
    assert {"n1/Disk", "n1/Check: value", "n1/Cluster Node"} <= services(opsview)


def test_a_second_run_adds_only_what_is_new_and_mends_freshness(opsview, setup):
    opsview.provide("x", [])
    setup("--apply", "--hostgroup", "HA Clusters", "--reload")
    opsview.advance(1)
    opsview.setup.put("servicecheck", {"name": "Cluster", "check_freshness": "0"})
    opsview.reload()
    assert json.loads(setup("--json"))["changes"] == ["make servicecheck Cluster"]
    before = opsview.count("PUT")
    setup("--apply", "--reload")
    opsview.advance(1)
    assert opsview.count("PUT") - before == 1
    assert opsview.setup.named("servicecheck", "Cluster")["check_freshness"] == "1"


def test_a_check_of_somebody_else_is_not_touched(opsview, setup):
    opsview.provide("elsewhere", ["Cluster"])
    said = setup("--apply", "--hostgroup", "HA Clusters", code=1)
    assert "that is not Quorumbell's" in said
    assert opsview.count("PUT") == 0
    assert any("that is not Quorumbell's" in one for one in json.loads(setup("--json"))["notes"])


def test_a_service_made_by_hand_counts_and_lacking_freshness_is_told(opsview, setup):
    opsview.provide("ha1", ["Cluster"])
    told = json.loads(setup("--hostgroup", "HA Clusters", "--json"))
    assert {"host": "ha1", "service": "Cluster", "state": "there"} in told["objects"]
    assert any("'Cluster'" in one and "no freshness" in one for one in told["notes"])


@pytest.mark.parametrize(
    "words,rights,said",
    [
        (("--apply", "--hostgroup", "HA Clusters"), {"CONFIGUREVIEW", "VIEWALL"}, "lacks CONFIGURESAVE, CONFIGUREHOSTS"),
        (("--reload",), {"CONFIGUREVIEW", "VIEWALL", "RELOADVIEW"}, "lacks RELOADACCESS"),
        (("--apply",), None, "name the group of new hosts with --hostgroup"),
        (("--address", "x"), None, "write it like --address"),
        (("--receiver", "other"), None, "there is no receiver other"),
    ],
)
def test_what_is_missing_is_named(opsview, setup, words, rights, said):
    opsview.provide("x", [])
    opsview.add_user("admin", "initial", **({} if rights is None else {"rights": rights}))
    code = 2 if words[0] in {"--address", "--receiver"} else 1
    assert said in setup(*words, code=code)
    assert opsview.count("PUT") == 0


def test_rights_of_the_running_bridge(opsview, setup):
    opsview.add_user("bell", "op3rator", rights={"VIEWALL"})
    said = setup(user="")
    assert "this user lacks ACTIONALL or ACTIONSOME" in said
    assert "this user lacks DOWNTIMESOME or DOWNTIMEALL" in said


@pytest.mark.parametrize("ends,code,said", [("4", 0, ""), ("3", 1, "the reload failed: Configuration error")])
def test_how_a_reload_ends(opsview, setup, ends, code, said):
    opsview.rules.reload_ends = ends
    opsview.fault("page", "GET /rest/reload", times=1, status=504)
    assert said in setup("--reload", code=code)


def test_opsview_does_not_answer(opsview, setup):
    opsview.stop()
    assert "Connection refused" in setup(code=1)


def test_an_update_of_a_check_names_the_target():
    assert str(opsview_setup.Change("host", {"name": "n1"}, "7")) == "change host n1"
    assert Target("a", "b") < Target("a", "c")


def test_what_is_left_over_is_named_and_left(opsview, setup):
    opsview.setup.put("hostgroup", {"name": "KVM", "parent": {"name": "Opsview"}})
    opsview.reload()
    setup("--apply", "--reload", "--pending-too", "--hostgroup", "KVM")
    opsview.advance(1)
    host = opsview.setup.named("host", "ha1")
    variables = [*host["hostattributes"], {"name": "QUORUMBELL_RESOURCE", "value": "gone"}]
    opsview.setup.put("host", {"name": "ha1", "hostattributes": variables})
    opsview.reload()
    told = json.loads(setup("--json"))
    assert told["left_over"] == [{"host": "ha1", "service": "Resource: gone"}]
    assert told["changes"] == []
    assert "left over: Resource: gone on ha1 stands for nothing that is known" in setup()


def test_the_service_of_drills_is_made_and_turns_unknown_when_none_was_played_for_a_year(opsview, setup, tmp_path):
    config = tmp_path / "q.toml"
    config.write_text(f'{config.read_text()}drill_service = "Quorumbell drill"\n')
    opsview.setup.put("hostgroup", {"name": "KVM", "parent": {"name": "Opsview"}})
    opsview.reload()
    setup("--apply", "--reload", "--pending-too", "--hostgroup", "KVM")
    opsview.advance(1)
    assert services(opsview) == {*WANTED, "bellhost/Quorumbell drill"}
    opsview.advance(300 * 86_400)
    assert opsview.state("bellhost", "Quorumbell drill") != "unknown"
    opsview.advance(70 * 86_400)
    assert opsview.state("bellhost", "Quorumbell drill") == "unknown"
    assert json.loads(setup("--json"))["left_over"] == []
