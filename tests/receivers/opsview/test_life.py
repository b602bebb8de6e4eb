"""The bridge and an Opsview server with rules, on one clock: the life of an incident, and all that goes wrong meanwhile."""

import logging
from datetime import timedelta

import pytest

from bridge.core.telling.planned import matchers_of
from tests.conftest import times
from tests.receivers.opsview.site import OWN, PASSWORD, Site
from tests.servers.opsview import Rules


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path)
    yield one
    one.close()


def test_the_life_of_an_incident(site):
    site.db_fails()
    word, text = site.shown()
    assert word == "critical"
    assert "incident 1, since 2026-11-24 03:00:00 UTC" in text
    assert site.opsview.thing("ha1", "Resource: db").perfdata.startswith("outage=")
    site.db_heals()
    assert site.state() == "ok"
    site.wait(60)
    (row,) = site.ledger.boards()
    assert (row.receiver, row.standing.owed, row.standing.untrue) == ("noc", 0, ())
    assert row.standing.seen_at is not None


def test_a_token_that_expires_and_a_server_that_restarts(tmp_path):
    site = Site(tmp_path, Rules(sessions_survive_restart=False, token_lifetime=3600))
    site.db_fails()
    site.opsview.expire_tokens()
    site.db_heals()
    assert site.state() == "ok"
    site.opsview.stop()
    site.action("db", "stop", 1)
    site.wait(30)
    (row,) = site.ledger.boards()
    assert row.standing.owed
    assert "Connection refused" in row.standing.last_word
    site.opsview.start()
    site.wait(65)
    assert site.state() == "critical"
    assert site.ledger.boards()[0].standing.last_word == ""
    site.close()


def test_an_unknown_object_is_told_once_then_shown_after_the_reload(site, caplog):
    caplog.set_level(logging.WARNING)
    site.action("web", "stop", 1)
    site.wait(300)
    site.action("web", "start", 0)
    site.wait(5)
    site.action("web", "stop", 1)
    site.wait(600)
    told = [one.getMessage() for one in caplog.records if "Resource: web" in one.getMessage()]
    assert len(told) == 1
    assert "does not show Resource: web on ha1" in told[0]
    (row,) = site.ledger.boards()
    assert [one[:3] for one in row.standing.untrue] == [("ha1", "Resource: web", "refused")]
    assert site.state(*OWN) == "warning"
    assert "Resource: web on ha1 cannot be shown here, see quorumbell status" in site.shown(*OWN)[1]
    site.opsview.provide("ha1", ["Resource: web"])
    site.wait(60)
    assert site.state("ha1", "Resource: web") == "critical"
    assert site.state(*OWN) == "ok"


def test_freshness_runs_out_when_the_bridge_is_gone_and_not_while_it_is_there(site):
    site.db_fails()
    site.db_heals()
    site.wait(2 * 3600, step=15)
    assert (site.state(), site.state(*OWN)) == ("ok", "ok")
    assert {one["state"] for one in site.opsview.world.events if one.get("servicename") in {"Resource: db", "Quorumbell"}} <= {
        "ok",
        "critical",
    }
    site.stop()
    site.now += timedelta(seconds=100)
    assert site.state(*OWN) == "ok"
    site.now += timedelta(seconds=90)
    assert site.state(*OWN) == "unknown", "three minutes after its last word"
    site.now += timedelta(seconds=1800)
    assert site.state() == "unknown"
    site.start()
    site.wait(10)
    assert (site.state(), site.state(*OWN)) == ("ok", "ok"), "after a start everything is shown again"


def test_somebody_else_changes_what_is_shown(site):
    site.db_fails()
    site.person("POST", "/rest/status", **{"svc.hs": "ha1::Resource: db", "new_state": "0", "comment": "all is well"})
    site.wait(5)
    assert site.state() == "ok"
    site.wait(60)
    assert site.state() == "critical"


def test_a_result_that_was_taken_and_lost_is_sent_again(site):
    site.wait(5)
    site.opsview.fault("answer", "POST /rest/detail.*db", status=200, text='{"success":"1"}')
    site.db_fails()
    assert site.state() == "ok"
    site.wait(60)
    assert site.state() == "critical"


def test_nobody_speaks_for_the_cluster(site):
    site.action("db", "start", 0)
    site.relay("n1", silent=False)
    site.db_fails()
    site.db_heals()
    assert site.state() == "ok"
    site.relay("n1", silent=True)
    site.wait(10)
    word, text = site.shown()
    assert word == "unknown"
    assert "no relay of ha1 is heard; the last word was OK" in text
    site.relay("n1", silent=False)
    site.wait(10)
    assert site.state() == "ok"


# --- acknowledgements


def test_an_acknowledgement_made_there_is_one_here_and_back(site):
    site.db_fails()
    site.person("POST", "/rest/acknowledge", **{"svc.hs": "ha1::Resource: db", "comment": "on my way"})
    site.wait(40)
    assert site.acknowledged() == {"resource/db": "admin (noc)"}
    decided = [report for _, report in site.ledger.reports() if report.source == "opsview"]
    assert [one.decision for one in decided] == ["acknowledged by admin (noc): on my way"]
    site.wait(300)
    assert len([1 for _, report in site.ledger.reports() if report.source == "opsview"]) == 1, "it is read once"
    site.person("DELETE", "/rest/acknowledge", **{"svc.hs": "ha1::Resource: db"})
    site.wait(40)
    assert site.acknowledged() == {"resource/db": ""}
    site.wait(120)
    assert site.opsview.thing("ha1", "Resource: db").ack is None, "nobody acknowledges it again"


def taken_here(site, *, withdraw=False):
    ((_, incident),) = site.ledger.incidents(["open"])
    words = {"do": "ack", "incident_key": incident.key, "author": "ann", "comment": "mine", "withdraw": withdraw}
    site.writer.report("operator", "*", words, site.now)
    site.wait(70)


def test_an_acknowledgement_made_here_is_one_there_and_back_and_is_never_read_as_theirs(site):
    site.db_fails()
    taken_here(site)
    ack = site.opsview.thing("ha1", "Resource: db").ack
    assert (ack.author, ack.comment, ack.sticky) == ("bell", "Quorumbell: acknowledged by ann", True)
    site.wait(300)
    site.stop()
    site.start()
    site.wait(300)
    assert not [report for _, report in site.ledger.reports() if report.source == "opsview"]
    assert sum(one.path == "/rest/acknowledge" for one in site.opsview.asked) == 1
    taken_here(site, withdraw=True)
    assert site.opsview.thing("ha1", "Resource: db").ack is None
    site.wait(120)
    assert site.acknowledged() == {"resource/db": ""}


def test_what_was_withdrawn_while_the_board_was_away_is_withdrawn_there(site):
    site.db_fails()
    taken_here(site)
    site.opsview.stop()
    taken_here(site, withdraw=True)
    site.stop()
    site.start()
    site.opsview.start()
    site.wait(120)
    assert site.opsview.thing("ha1", "Resource: db").ack is None
    assert site.acknowledged() == {"resource/db": ""}


def test_an_acknowledgement_outlives_a_short_recovery(site):
    site.db_fails()
    taken_here(site)
    read = site.opsview.count("GET /rest/status/service")
    while site.opsview.count("GET /rest/status/service") == read:
        site.wait(5)
    site.action("db", "start", 0)
    site.wait(10)
    assert site.opsview.thing("ha1", "Resource: db").ack is None, "Opsview drops it at a recovery"
    site.action("db", "stop", 1)
    site.wait(10)
    assert site.opsview.count("GET /rest/status/service") == read + 1, "nobody read it in between"
    site.wait(120)
    assert site.state() == "critical"
    assert site.acknowledged() == {"resource/db": "ann"}
    assert site.opsview.thing("ha1", "Resource: db").ack is not None


def test_an_opsview_that_cannot_withdraw_is_told_of_once(tmp_path, caplog):
    site = Site(tmp_path, Rules(delete_acknowledge=False))
    site.db_fails()
    taken_here(site)
    taken_here(site, withdraw=True)
    site.wait(900)
    assert sum("is refused" in one.getMessage() for one in caplog.records) == 1
    assert site.opsview.count("DELETE") == 1
    site.close()


# --- downtimes


def downtime(site, seconds=1200, **chosen):
    end = int(site.now.timestamp()) + seconds
    site.person("POST", "/rest/downtime", starttime="now", endtime=str(end), comment="new disk", **chosen)
    site.wait(40)
    return end


def test_a_downtime_there_is_a_silence_here_until_it_ends(site):
    site.action("db", "start", 0)
    site.db_fails()
    end = downtime(site, **{"svc.hs": "ha1::Resource: db"})
    (silence,) = site.line.router.silences(site.now)
    assert int(silence.until.timestamp()) == end
    assert (silence.author, silence.comment) == ("admin (noc)", "Service 'ha1::Resource: db': new disk")
    assert [str(one) for one in silence.matchers] == ['cluster="ha1"', 'root=~"resource/db"']
    site.wait(600)
    assert len([1 for _, report in site.ledger.reports() if report.source == "opsview"]) == 1
    site.stop()
    site.start()
    site.wait(60)
    assert len(site.line.router.silences(site.now)) == 1
    site.person("DELETE", "/rest/downtime", **{"svc.hs": "ha1::Resource: db"})
    site.wait(60)
    assert site.line.router.silences(site.now) == []
    assert len([1 for _, report in site.ledger.reports() if report.source == "opsview"]) == 2


def test_a_downtime_of_a_host_silences_what_is_shown_there(site):
    site.db_fails()
    site.action("vm-a", "stop", 1)
    site.wait(30)
    downtime(site, **{"hst.hostname": "ha1"})
    (silence,) = site.line.router.silences(site.now)
    assert [str(one) for one in silence.matchers] == ['cluster="ha1"', 'root=~"cluster|guest/vm\\\\-a|resource/db"']
    site.wait(1300)
    assert site.line.router.silences(site.now) == []


def test_a_silence_ended_here_stays_ended(site):
    site.db_fails()
    downtime(site, **{"svc.hs": "ha1::Resource: db"})
    (silence,) = site.line.router.silences(site.now)
    matchers = "\n".join(map(str, silence.matchers))
    words = {"do": "silence", "silence": silence.id, "matchers": matchers, "until_us": int(site.now.timestamp() * 1e6)}
    site.writer.report("operator", "*", {**words, "author": "ann", "comment": "ended"}, site.now)
    site.wait(120)
    assert site.line.router.silences(site.now) == []


def silence_here(site, seconds, number="5ilence"):
    until = int((site.now.timestamp() + seconds) * 1e6)
    words = {"do": "silence", "silence": number, "matchers": 'resource="db"', "until_us": until}
    site.writer.report("operator", "*", {**words, "author": "ann", "comment": "new memory"}, site.now)
    site.wait(60)


def test_a_silence_here_is_a_downtime_there_and_ends_with_it(site):
    site.db_fails()
    silence_here(site, 3600)
    (made,) = site.opsview.thing("ha1", "Resource: db").downtimes
    assert made.author == "bell"
    assert made.comment.endswith("Quorumbell: silence 5ilence by ann: new memory")
    site.person("POST", "/rest/downtime", **{"svc.hs": "n1::Cluster Node", "starttime": "now", "duration": "2h", "comment": "x"})
    site.wait(300)
    assert len(site.opsview.thing("ha1", "Resource: db").downtimes) == 1
    authors = {silence.id: silence.author for silence in site.line.router.silences(site.now)}
    assert authors.pop("5ilence") == "ann"
    assert list(authors.values()) == ["admin (noc)"], "of n1; our own is not read as theirs"
    silence_here(site, 0)
    assert site.opsview.thing("ha1", "Resource: db").downtimes == []
    assert len(site.opsview.thing("n1", "Cluster Node").downtimes) == 1, "another's downtime goes on"


def test_planned_work_is_a_downtime_there_at_once_and_both_end_together(site):
    site.db_fails()
    site.db_heals()
    matchers = "\n".join(matchers_of("ha1", "resource=db"))
    words = {
        "do": "silence",
        "silence": "w1",
        "matchers": matchers,
        "author": "ann (page)",
        "comment": "new disk",
        "planned": "resource=db",
    }
    begins = site.now
    site.writer.report("operator", "*", {**words, "until_us": int((begins.timestamp() + 3600) * 1e6)}, site.now)
    site.wait(60)
    (made,) = site.opsview.thing("ha1", "Resource: db").downtimes
    assert made.comment.endswith("Quorumbell: silence w1 by ann (page): new disk")
    assert int(made.end) == int(begins.timestamp()) + 3600, "also if nobody says any more that it is over"
    site.db_fails()
    assert len(site.opsview.thing("ha1", "Resource: db").downtimes) == 1
    site.db_heals()
    site.writer.report("operator", "*", {**words, "until_us": int(site.now.timestamp() * 1e6)}, site.now)
    site.wait(60)
    assert site.opsview.thing("ha1", "Resource: db").downtimes == []
    assert site.line.router.silences(site.now) == []


# --- trouble


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "slow", "seconds": 2},
        {"kind": "reset"},
        {"kind": "half"},
        {"kind": "page", "status": 502},
        {"kind": "answer", "status": 500, "text": "?"},
        {"kind": "answer", "status": 429, "text": "{}", "headers": (("Retry-After", "20"),)},
        {"kind": "answer", "status": 200, "text": "<p>garbage</p>"},
        {"kind": "deadlock"},
        {"kind": "lost"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_what_goes_wrong_delays_itself_only(site, fault):
    site.opsview.fault(match="rest/", times=4, **fault)
    site.db_fails()
    site.wait(120)
    assert site.state() == "critical"
    assert site.ledger.boards()[0].standing.owed == 0
    assert PASSWORD not in str(site.ledger.boards())


def test_an_hour_away_and_five_thousand_changes(site):
    """It ends true, nothing old comes after something new, and nobody sends five thousand requests."""
    names = [f"r{number}" for number in range(50)]
    site.opsview.provide("ha1", [f"Resource: {name}" for name in names], freshness=1800)
    site.opsview.stop()
    turns = times(100)
    for turn in range(turns):
        for name in names:
            site.action(name, "stop" if turn % 2 == 0 else "start", int(turn % 2 == 0))
        site.now += timedelta(hours=1) / turns
        site.pump()
    for name in names[:10]:
        site.action(name, "stop", 1)
    asked = len(site.opsview.asked)
    site.opsview.start()
    site.wait(180)
    bad = [name for name in names if site.state("ha1", f"Resource: {name}") == "critical"]
    flapping = {key[1]: thing.output for key, thing in site.opsview.world.things.items() if key[1] and "r1" in key[1]}
    assert set(bad) >= set(names[:10]), flapping
    assert site.ledger.boards()[0].standing.untrue == ()
    for target, known in site.boards._boards[0].board._objects.items():
        assert site.shown(*target)[1] == known.picture.text or target == OWN
    sent = site.submissions()
    assert len(sent) < 3 * (len(names) + 10)
    assert len(site.opsview.asked) - asked < 5 * len(names)
    for event in site.opsview.world.events:
        assert event.get("state") != "ok" or event["servicename"] not in [f"Resource: {name}" for name in names[:10]]


def test_status_and_deliveries_show_how_it_is_with_the_board(site, tmp_path):
    import json

    from click.testing import CliRunner

    from bridge.cli import main

    site.action("web", "stop", 1)
    site.wait(60)
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "sqlite:///{tmp_path}/ledger.db"\ncontrol = "{tmp_path}/none.sock"\n[receivers.noc]\nkind = "opsview"\n'
        f'url = "{site.opsview.url}"\nuser = "bell"\npassword = "{PASSWORD}"\n'
    )

    def said(*words):
        done = CliRunner().invoke(main, [*words, "-c", str(config)])
        assert done.exit_code == 0, done.output
        return done.output

    (shown,) = json.loads(said("status", "--json"))["boards"]
    assert (shown["receiver"], shown["owed"], shown["failures"]) == ("noc", 0, 0)
    assert [(one["service"], one["state"]) for one in shown["untrue"]] == [("Resource: web", "refused")]
    assert shown["taken_at"] > shown["at"][:11]
    labels = {"receiver": "noc", "state": "refused"}
    assert site.metrics.registry.get_sample_value("quorumbell_board_services", labels) == 1
    for text in (said("status"), said("deliveries")):
        assert "Resource: web  refused" in text
    assert "LAST SUCCESS" in said("status")
    assert "Resource: web" not in said("deliveries", "--state", "pending")
    site.opsview.stop()
    site.action("db", "stop", 1)
    site.wait(60)
    (shown,) = json.loads(said("status", "--json"))["boards"]
    assert shown["owed"] >= 1
    assert "Connection refused" in said("status")


# --- what is there no more


def silent_relay(site):
    site.db_fails()
    site.writer.report("bridge", "ha1", {"node": "n1", "silent": True}, site.now)
    site.wait(10)
    assert site.state("n1", "Quorumbell Relay") == "warning"


def unenrolled(site):
    site.writer.report("bridge", "ha1", {"node": "n1", "silent": False, "gone": True}, site.now)


def of_relay(site):
    return [one for one in site.submissions() if "Quorumbell Relay" in str(one)]


def test_what_is_gone_is_set_to_ok_and_left_alone(site):
    silent_relay(site)
    unenrolled(site)
    site.wait(10)
    assert site.shown("n1", "Quorumbell Relay")[1].startswith("OK - n1 is no longer enrolled")
    assert (told := len(of_relay(site))) > 1
    site.wait(7200, step=60)
    assert len(of_relay(site)) == told
    assert "relay/n1" not in [one.subject for one in site.ledger.conditions()]


def test_also_when_the_bridge_died_before_it_could_say_so(site):
    silent_relay(site)
    unenrolled(site)
    site.stop()
    site.start()
    site.wait(10)
    assert site.shown("n1", "Quorumbell Relay")[1].startswith("OK - n1 is no longer enrolled")
