"""The receiver against the server with rules: what is sent, what is read, and what each answer means."""

import json
import logging
from contextlib import contextmanager
from datetime import timedelta

import pytest

from bridge.core.showing.picture import Mark, Shade, Show, Target
from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.receivers.opsview.board import Opsview as Receiver
from bridge.receivers.opsview.board import Settings
from bridge.secret import Secret
from tests.servers.opsview import OPERATOR, Opsview, Rules

PASSWORD = "open/sesame & more"
R0 = Target("ha1", "DRBD: r0")


@pytest.fixture
def opsview():
    with Opsview() as server:
        yield furnished(server)


def furnished(server):
    server.add_user("bell", PASSWORD, rights=OPERATOR)
    server.provide("ha1", ["DRBD: r0", "DRBD: r1", "Cluster"], freshness=1800)
    return server


@pytest.fixture
def receiver(opsview):
    with made(opsview) as one:
        yield one


@contextmanager
def made(server, **settings):
    given = {"url": server.url, "user": "bell", "password": Secret.literal(PASSWORD), "timeout": timedelta(seconds=1)}
    receiver = Receiver("noc", Settings(**{**given, **settings}))
    try:
        yield receiver
    finally:
        receiver.close()


def show(target=R0, shade=Shade.CRITICAL, text="CRITICAL - r0 is split", bad_for=timedelta(seconds=90)):
    return Show(target, shade, text, bad_for)


def test_a_result_arrives_with_its_performance_data(opsview, receiver):
    assert receiver.show(show()) == Delivered(why="taken")
    opsview.advance(1)
    thing = opsview.thing(*R0)
    assert (thing.word, thing.output, thing.perfdata) == ("critical", "CRITICAL - r0 is split", "outage=90s;;;0")
    assert opsview.state("ha1", "DRBD: r1") == "ok"
    assert receiver.show(show(bad_for=None)) == Delivered(why="taken")
    opsview.advance(1)
    assert opsview.thing(*R0).perfdata == ""


@pytest.mark.parametrize(
    "rules,submit,used",
    [
        ({}, "detail", ["/rest/detail", "/rest/detail"]),
        ({}, "status", ["/rest/status", "/rest/status"]),
        ({"detail_route": False}, "detail", ["/rest/detail", "/rest/status", "/rest/status"]),
        ({"status_route": False}, "status", ["/rest/status", "/rest/detail", "/rest/detail"]),
    ],
)
def test_both_ways_in_and_the_one_that_is_there_is_found(rules, submit, used):
    with Opsview(Rules(**rules)) as server, made(furnished(server), submit=submit) as receiver:
        for number in range(2):
            assert isinstance(receiver.show(show(text=f"CRITICAL - {number}")), Delivered)
            server.advance(1)
            assert server.thing(*R0).output == f"CRITICAL - {number}"
        assert [asked.path for asked in server.asked if asked.verb == "POST" and asked.path != "/rest/login"] == used


@pytest.mark.parametrize("rules", [{}, {"status_route": False}, {"detail_route": False}])
@pytest.mark.parametrize("submit", ["detail", "status"])
def test_wildcards_in_names_never_hit_another_object(rules, submit):
    """`db_1` is a pattern that also fits `dbx1` (opsview-rest.md 2.4)."""
    with Opsview(Rules(**rules)) as server, made(furnished(server), submit=submit) as receiver:
        for host in ("db_1", "dbx1", "dba_"):
            server.provide(host, ["DRBD: r_0", "DRBD: rx0", "Cluster"])
        for target in (Target("db_1", "Cluster"), Target("db_1", "DRBD: r_0")):
            verdict = receiver.show(show(target))
            server.advance(1)
            if "status_route" in rules:
                assert isinstance(verdict, GiveUp), "it cannot be told without hitting others: then it is not"
                assert "dbx1" in verdict.why or "rx0" in verdict.why
            else:
                assert isinstance(verdict, Delivered)
                assert server.state(*target) == "critical"
        assert isinstance(receiver.show(show(Target("dba_", "Cluster"))), Delivered), "nothing else fits"
        assert receiver.look(["db_1"])
        assert {seen.target.host for seen in receiver.look(["db_1"])} == {"db_1"}
        receiver.acknowledge(Target("db_1", "Cluster"), "mine")
        server.advance(1)
        hit = {key for key, thing in server.world.things.items() if thing.word == "critical" or thing.ack}
        assert hit <= {("db_1", "Cluster"), ("db_1", "DRBD: r_0"), ("dba_", "Cluster")}


def test_an_answer_that_lists_more_than_was_meant_is_no_success(opsview, receiver):
    pair = {"id": "1", "hostname": "ha1", "servicename": "DRBD: r0"}
    for listed, words in (([pair, {**pair, "servicename": "Cluster"}], "also hit Cluster on ha1"), ([], "was not among")):
        text = json.dumps({"summary": {"num_services": str(len(listed))}, "list": {"hosts": [], "services": listed}})
        opsview.fault("answer", "/rest/acknowledge", status=200, text=text)
        verdict = receiver.acknowledge(R0, "mine")
        assert isinstance(verdict, GiveUp)
        assert words in verdict.why


def test_a_token_that_has_expired_is_renewed_once(opsview, receiver):
    receiver.show(show())
    opsview.expire_tokens()
    assert isinstance(receiver.show(show(text="CRITICAL - later")), Delivered)
    assert [asked.status for asked in opsview.asked] == [200, 200, 401, 200, 200]
    opsview.advance(3500)
    receiver.show(show())
    opsview.advance(3500)
    assert isinstance(receiver.show(show()), Delivered)
    assert opsview.count("POST /rest/login") == 2, "each good call renews it"


def test_a_server_that_lost_its_sessions_is_logged_in_to_again():
    with Opsview(Rules(sessions_survive_restart=False)) as server, made(furnished(server)) as receiver:
        receiver.show(show())
        server.stop()
        verdict = receiver.show(show())
        assert isinstance(verdict, TryLater)
        assert "Connection refused" in verdict.why
        server.start()
        assert isinstance(receiver.show(show()), Delivered)


def test_a_token_refused_at_once_is_not_asked_for_again_and_again(opsview, receiver):
    opsview.fault("401", "/rest/detail", times=9)
    assert isinstance(receiver.show(show()), TryLater)
    assert opsview.count("POST /rest/login") == 2


def test_a_wrong_password_says_so_and_waits_long_enough_not_to_be_locked_out(opsview):
    with made(opsview, password=Secret.literal("wrong one")) as receiver:
        verdict = receiver.show(show())
    assert isinstance(verdict, TryLater)
    assert verdict.after == timedelta(minutes=5)
    assert "user bell cannot log in" in verdict.why
    assert "Invalid username/password" in verdict.why


PLAIN_400 = "Content-Type application/json had a problem with your request.\n***ERROR***\nmalformed JSON string\n"
FAULTS = [
    ({"kind": "answer", "status": 400, "text": PLAIN_400}, GiveUp, "malformed JSON string"),
    ({"kind": "answer", "status": 400, "text": json.dumps({"message": "No", "detail": "why"})}, GiveUp, "No: why"),
    ({"kind": "answer", "status": 200, "text": json.dumps({"message": "Not really"})}, GiveUp, "Not really"),
    ({"kind": "answer", "status": 200, "text": "<html>log in here</html>"}, TryLater, "no answer of Opsview's"),
    ({"kind": "answer", "status": 200, "text": json.dumps({"success": "0"})}, GiveUp, "without success"),
    ({"kind": "answer", "status": 200, "text": "[1, 2]"}, TryLater, "no answer of Opsview's"),
    ({"kind": "answer", "status": 403, "text": json.dumps({"message": "Access denied"})}, TryLater, "Access denied"),
    ({"kind": "answer", "status": 503, "text": "Error creating session token"}, TryLater, "503"),
    ({"kind": "page", "status": 502}, TryLater, "502"),
    ({"kind": "page", "status": 504}, TryLater, "504"),
    ({"kind": "deadlock"}, TryLater, "Deadlock found"),
    ({"kind": "answer", "status": 400, "text": json.dumps({"message": "DEADLOCK found"})}, TryLater, "DEADLOCK"),
    ({"kind": "reset"}, TryLater, ""),
    ({"kind": "half"}, TryLater, ""),
    ({"kind": "slow", "seconds": 3}, TryLater, ""),
    ({"kind": "redirect", "text": "https://elsewhere/"}, TryLater, "put the address it redirects to"),
]


@pytest.mark.parametrize("fault,kind,words", FAULTS, ids=lambda value: str(value)[:60])
def test_what_each_answer_means_and_that_nothing_is_sent_twice(opsview, receiver, fault, kind, words):
    receiver.show(show())
    made_fault = opsview.fault(match="POST /rest/detail", **fault)
    verdict = receiver.show(show())
    assert isinstance(verdict, kind)
    assert words in verdict.why
    assert made_fault.seen == 1
    assert isinstance(receiver.show(show()), Delivered), "and it goes on afterwards"


def test_a_deadlock_is_repeated_soon_and_429_when_it_wishes(opsview, receiver):
    opsview.fault("deadlock", "/rest/detail")
    assert receiver.show(show()).after == timedelta(seconds=1)
    opsview.fault("answer", "/rest/detail", status=429, text="{}", headers=(("Retry-After", "17"),))
    assert receiver.show(show()).after == timedelta(seconds=17)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("submit", ["detail", "status"])
def test_an_object_that_is_not_there(status, submit):
    with Opsview(Rules(unknown_object_status=status)) as server, made(furnished(server), submit=submit) as receiver:
        verdict = receiver.show(show(Target("ha1", "DRBD: r9")))
        assert isinstance(verdict, GiveUp)
        assert "No objects chosen" in verdict.why
        assert isinstance(receiver.show(show()), Delivered)
        server.provide("ha1", ["DRBD: r9"], reload=False)
        assert isinstance(receiver.show(show(Target("ha1", "DRBD: r9"))), GiveUp), "not before the reload"
        server.reload()
        assert isinstance(receiver.show(show(Target("ha1", "DRBD: r9"))), Delivered)


def test_what_is_shown_is_read_with_acknowledgements_and_downtimes(opsview, receiver):
    receiver.show(show())
    opsview.advance(1)
    seen = {one.target: one for one in receiver.look(["ha1", "not-there"])}
    assert set(seen) == {R0, Target("ha1", "DRBD: r1"), Target("ha1", "Cluster")}
    assert (seen[R0].shade, seen[R0].text, seen[R0].mark) == (Shade.CRITICAL, "CRITICAL - r0 is split", None)

    by_hand(opsview, "POST", "/rest/acknowledge", {"svc.hs": "ha1::DRBD: r0", "comment": "on it"})
    seen = {one.target: one for one in receiver.look(["ha1"])}
    assert seen[R0].mark == Mark("admin", "on it", ours=False)
    assert isinstance(receiver.withdraw(R0), Delivered)
    opsview.advance(1)
    assert {one.mark for one in receiver.look(["ha1"])} == {None}
    assert isinstance(receiver.acknowledge(R0, "acknowledged by ann: <on> my way"), Delivered)
    opsview.advance(1)
    seen = {one.target: one for one in receiver.look(["ha1"])}
    assert seen[R0].mark == Mark("bell", "Quorumbell: acknowledged by ann: on my way", ours=True)
    assert opsview.thing(*R0).ack.sticky

    times = {"starttime": "now", "endtime": str(int(opsview.now) + 3600)}
    by_hand(opsview, "POST", "/rest/downtime", {"hst.hostname": "ha1", "comment": "new disk", **times})
    seen = {one.target: one for one in receiver.look(["ha1"])}
    downtime = seen[Target("ha1", "DRBD: r1")].downtime
    assert (downtime.author, downtime.comment) == ("admin", "Host 'ha1': new disk")
    assert int(downtime.end.timestamp()) == int(times["endtime"])
    opsview.advance(4000)
    assert {one.downtime for one in receiver.look(["ha1"])} == {None}


def by_hand(server, verb, path, fields):
    """A person at Opsview's own page, through the same doors as all clients."""
    import requests

    with requests.Session() as browser:
        login = browser.post(f"{server.url}/rest/login", json={"username": "admin", "password": "initial"})
        headers = {"X-Opsview-Username": "admin", "X-Opsview-Token": login.json()["token"], "Content-Type": "application/json"}
        assert browser.request(verb, server.url + path, json=fields, headers=headers).status_code == 200
    server.advance(1)


def test_ten_thousand_hosts_are_read_in_pieces(opsview, receiver):
    found = receiver.look([f"host{number}" for number in range(100)])
    assert found == []
    assert opsview.count("GET /rest/status/service") == 5


@pytest.mark.parametrize(
    "fault,kind", [({"kind": "answer", "status": 403, "text": "{}"}, GiveUp), ({"kind": "page", "status": 502}, TryLater)]
)
def test_what_cannot_be_read(opsview, receiver, fault, kind):
    opsview.fault(match="GET /rest/status/service", **fault)
    assert isinstance(receiver.look(["ha1"]), kind)


def test_an_opsview_that_cannot_withdraw_says_so():
    with Opsview(Rules(delete_acknowledge=False)) as server, made(furnished(server)) as receiver:
        assert isinstance(receiver.withdraw(R0), GiveUp)


def test_no_secret_in_a_verdict_a_log_or_a_traceback(opsview, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.show(show())
    (token,) = opsview.sessions.open
    for status in (200, 400, 403, 500):
        text = json.dumps({"message": f"you sent {PASSWORD} and open%2Fsesame+%26+more with {token}"})
        opsview.fault("answer", "/rest/(detail|status)", status=status, text=text)
        verdict = receiver.show(show())
        assert "you sent ***" in verdict.why
        assert not any(secret in verdict.why for secret in (PASSWORD, token, "sesame"))
    with made(opsview, url="http://127.0.0.1:1") as lonely:
        assert "sesame" not in lonely.show(show()).why
    assert "sesame" not in caplog.text + repr(receiver.__dict__)
    assert token not in caplog.text


def test_an_endless_text_is_cut_and_strange_letters_survive(opsview, receiver):
    assert isinstance(receiver.show(show(text="CRITICAL - " + "ü" * 9000)), Delivered)
    opsview.advance(1)
    assert opsview.thing(*R0).perfdata == "outage=90s;;;0"
    assert opsview.thing(*R0).output.endswith("ü...")
    receiver.show(show(text="CRITICAL - 東京 \U0001f514 a|b\nc"))
    opsview.advance(1)
    assert opsview.thing(*R0).output == "CRITICAL - 東京 ? a/b c"


def test_events_of_another_kind_or_object_are_not_taken_for_the_acknowledgement(opsview, receiver):
    """A filter that a server does not know is ignored, and everything comes back (opsview-rest.md 4.2)."""
    receiver.show(show())
    opsview.advance(1)
    by_hand(opsview, "POST", "/rest/acknowledge", {"svc.hs": "ha1::DRBD: r0", "comment": "on it"})
    event = {
        "eventid": "9",
        "eventtype": "1",
        "hostname": "ha1",
        "servicename": "DRBD: r0",
        "ack_author": "bob",
        "ack_comment": "yes",
    }
    others = (
        {"eventtype": "2", "ack_author": "x"},
        {"servicename": "DRBD: r1", "ack_author": "y"},
        {"hostname": "z", "ack_author": "z"},
    )
    listed = [{**event, **other} for other in others] + [event]
    opsview.fault("answer", "GET /rest/event", status=200, text=json.dumps({"list": listed}))
    seen = {one.target: one for one in receiver.look(["ha1"])}
    assert seen[R0].mark == Mark("bob", "yes", ours=False)
