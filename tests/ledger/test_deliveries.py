from datetime import timedelta

import msgspec
import pytest

from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.core.world.event import Severity
from bridge.ledger.ledger import Standing

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


@pytest.fixture
def owe(ledger, make):
    """Commits notices, each given as (incident key, what is special about it); returns them as they should come back."""

    def commit(*owed):
        notices, incidents = [], {}
        for key, given in owed:
            incidents[key] = make.incident(key)
            notices.append(make.notice(incidents[key], **given))
        before = max([row.notice.id for row in ledger.notices()], default=0)
        ids = ledger.commit(make.commit(incidents=list(incidents.values()), notices=notices))
        return [
            msgspec.structs.replace(one, id=before + number, incident_id=ids[one.incident.key])
            for number, one in enumerate(notices, 1)
        ]

    return commit


def test_a_claim_hands_out_what_is_due_in_the_order_of_deciding(ledger, make, owe):
    first, second, _ = owe(("a", {}), ("b", {}), ("c", {"at": make.now + SECOND}))
    owe(("a", {"receiver": "chat"}))
    assert ledger.claim("mail", make.now, LEASE) == [(first, 0, {})]
    assert ledger.claim("mail", make.now, LEASE, limit=9) == [(second, 0, {})]
    assert ledger.claim("mail", make.now, LEASE) == []
    assert ledger.claim("nobody", make.now, LEASE) == []


def test_a_thread_is_told_in_order(ledger, make, owe):
    opened, closed, other = owe(("a", {}), ("a", {"kind": Telling.CLOSED}), ("b", {}))
    assert [one.id for one, _, _ in ledger.claim("mail", make.now, LEASE, limit=9)] == [opened.id, other.id]
    ledger.record(opened.id, TryLater(why="503"), make.now, make.now + 30 * SECOND)
    assert ledger.claim("mail", make.now + SECOND, LEASE, limit=9) == []
    ledger.claim("mail", make.now + 30 * SECOND, LEASE)
    ledger.record(opened.id, Delivered(), make.now + 31 * SECOND, None)
    assert ledger.claim("mail", make.now + 31 * SECOND, LEASE) == [(closed, 0, {})]


@pytest.mark.parametrize("end", ["give-up", "no more tries", "withdrawn"])
def test_a_thread_goes_on_when_its_first_notice_ends_otherwise(ledger, make, owe, end):
    opened, closed = owe(("a", {}), ("a", {"kind": Telling.CLOSED}))
    if end == "withdrawn":
        ledger.commit(make.commit(withdrawn=[opened.id]))
    else:
        ledger.record(opened.id, GiveUp(why="no such room") if end == "give-up" else TryLater(why="503"), make.now, None)
    assert ledger.claim("mail", make.now, LEASE) == [(closed, 0, {})]


def test_a_lease_runs_out(ledger, make, owe):
    (notice,) = owe(("a", {}))
    ledger.claim("mail", make.now, LEASE)
    assert ledger.claim("mail", make.now + LEASE - SECOND, LEASE) == []
    assert ledger.claim("mail", make.now + LEASE, LEASE) == [(notice, 1, {})]


def test_a_new_process_takes_over_what_a_dead_one_had_begun(ledger, make, owe):
    (notice,) = owe(("a", {}))
    ledger.claim("mail", make.now, LEASE)
    assert ledger.release_leases(make.now + SECOND) == 1
    assert ledger.release_leases(make.now + SECOND) == 0
    assert ledger.next_due(make.now) == make.now + SECOND
    assert ledger.claim("mail", make.now + SECOND, LEASE) == [(notice, 1, {})]


def test_what_a_receiver_remembers_comes_back_and_adds_up(ledger, make, owe):
    opened, closed, elsewhere = owe(("a", {}), ("a", {"kind": Telling.CLOSED}), ("b", {}))
    ledger.record(opened.id, Delivered(remember={"message": "m1", "room": "!r"}), make.now, None)
    ledger.record(elsewhere.id, Delivered(), make.now, None)
    assert ledger.claim("mail", make.now, LEASE) == [(closed, 0, {"message": "m1", "room": "!r"})]
    ledger.record(closed.id, Delivered(remember={"message": "m2"}), make.now, None)
    (again,) = owe(("a", {"kind": Telling.OPENED}))
    assert ledger.claim("mail", make.now, LEASE) == [(again, 0, {"message": "m2", "room": "!r"})]
    (other_receiver,) = owe(("a", {"receiver": "chat"}))
    assert ledger.claim("chat", make.now, LEASE) == [(other_receiver, 0, {})]


def test_every_try_is_kept(ledger, make, owe):
    (notice,) = owe(("a", {}))
    for why in ("503", "timeout"):
        ledger.claim("mail", make.now, LEASE)
        ledger.record(notice.id, TryLater(why=why), make.now, make.now)
    ledger.claim("mail", make.now, LEASE)
    ledger.commit(make.commit(verdicts=[(notice.id, Delivered(why="250 ok"), None)]))
    (row,) = ledger.notices()
    assert (row.notice, row.state, row.attempts, row.last_word) == (notice, Standing.DELIVERED, 3, "250 ok")
    assert (row.delivered_at, row.leased_until) == (make.now, None)
    assert [(one.verdict, one.why) for one in row.tries] == [
        ("try-later", "503"),
        ("try-later", "timeout"),
        ("delivered", "250 ok"),
    ]


def test_when_a_receiver_answers_again_what_waits_for_it_is_due_and_nothing_else(ledger, make, owe):
    waiting, told, others = owe(("a", {}), ("b", {}), ("c", {"receiver": "chat"}))
    hour, now = make.now + 3600 * SECOND, make.now + SECOND
    for one in (waiting, others):
        ledger.record(one.id, TryLater(why="503"), make.now, hour)
    ledger.record(told.id, Delivered(), make.now, None)
    ledger.hurry("mail", now)
    assert [one.id for one, _, _ in ledger.claim("mail", now, LEASE, limit=9)] == [waiting.id]
    assert ledger.claim("chat", now, LEASE, limit=9) == []
    assert ledger.next_due(hour, ["chat"]) == hour


def test_the_last_word_on_a_receivers_health_counts(ledger, make):
    for failures in (1, 2):
        ledger.keep_health("mail", Health(failures=failures, failure="503"))
    ledger.keep_health("chat", Health(failures=7))
    assert {name: health.failures for name, health in ledger.healths().items()} == {"mail": 2, "chat": 7}


def test_what_is_tried_again_later_is_in_nobodys_hands_until_then(ledger, make, owe):
    (notice,) = owe(("a", {}))
    ledger.claim("mail", make.now, LEASE)
    ledger.record(notice.id, TryLater(why="503"), make.now, make.now + 5 * SECOND)
    (row,) = ledger.notices()
    assert (row.state, row.leased_until, row.last_word) == (Standing.PENDING, None, "503")


def test_what_is_given_up_is_in_nobodys_hands_and_says_why(ledger, make, owe):
    (notice,) = owe(("a", {}))
    ledger.claim("mail", make.now, LEASE)
    ledger.record(notice.id, GiveUp(why="no such room"), make.now, None)
    (row,) = ledger.notices()
    assert (row.state, row.leased_until, row.last_word) == (Standing.GIVEN_UP, None, "no such room")


def test_what_no_database_takes_does_not_stop_a_verdict(ledger, make, owe):
    first, second = owe(("a", {}), ("a", {"kind": Telling.CLOSED}))
    ledger.record(first.id, Delivered(why="250 \0 \ud800", remember={"id": "\0\ud800"}), make.now, None)
    assert [row.last_word for row in ledger.notices(state="delivered")] == ["250 ? ?"]
    assert ledger.claim("mail", make.now, LEASE) == [(second, 0, {"id": "??"})]


def test_notices_are_found_by_incident_and_state(ledger, owe):
    first, second = owe(("a", {}), ("b", {}))
    ledger.record(first.id, GiveUp(why="no"), first.at, None)
    assert [row.notice.id for row in ledger.notices(incident_id=second.incident_id)] == [second.id]
    assert [row.notice.id for row in ledger.notices(state=Standing.GIVEN_UP)] == [first.id]
    assert [row.notice.id for row in ledger.notices(limit=1)] == [second.id]
    assert ledger.counts()["given_up_notices"] == 1


def test_a_late_verdict_does_not_undo_an_end(ledger, make, owe):
    delivered, withdrawn, told_after_all = owe(("a", {}), ("b", {}), ("c", {}))
    ledger.record(delivered.id, Delivered(), make.now, None)
    ledger.record(delivered.id, TryLater(why="timeout"), make.now, make.now)
    ledger.commit(make.commit(withdrawn=[delivered.id, withdrawn.id, told_after_all.id]))
    ledger.record(withdrawn.id, TryLater(why="timeout"), make.now, make.now)
    ledger.record(told_after_all.id, Delivered(), make.now, None)
    states = {row.notice.id: row.state for row in ledger.notices()}
    assert states == {delivered.id: "delivered", withdrawn.id: "withdrawn", told_after_all.id: "delivered"}


def test_next_due_says_when_a_claim_can_succeed(ledger, make, owe):
    assert ledger.next_due(make.now) is None
    opened, closed = owe(("a", {"at": make.now + 5 * SECOND}), ("a", {"at": make.now - SECOND, "kind": Telling.CLOSED}))
    assert ledger.next_due(make.now) == make.now + 5 * SECOND  # the closing waits for the opening
    assert ledger.next_due(make.now + 9 * SECOND) == make.now + 9 * SECOND
    ledger.claim("mail", make.now + 5 * SECOND, LEASE)
    assert ledger.next_due(make.now) == make.now + 5 * SECOND + LEASE
    owe(("b", {"receiver": "chat", "at": make.now + 7 * SECOND}))
    assert ledger.next_due(make.now, ["mail"]) == make.now + 5 * SECOND + LEASE
    assert ledger.next_due(make.now, ["mail", "chat"]) == make.now + 7 * SECOND
    assert ledger.next_due(make.now, []) is None
    ledger.commit(make.commit(withdrawn=[opened.id, closed.id]))
    assert ledger.next_due(make.now, ["mail"]) is None


def test_a_notice_may_name_an_incident_of_an_earlier_commit(ledger, make, owe):
    owe(("a", {}))
    ledger.commit(make.commit(notices=[make.notice(make.incident("a"), receiver="chat")]))
    assert [one.incident_id for one, _, _ in ledger.claim("chat", make.now, LEASE)] == [1]


def test_told_remembers_open_incidents_and_those_closed_lately(ledger, make):
    day = timedelta(hours=24)
    incidents = [
        make.incident("open", severity=Severity.WARNING),
        make.closed(make.incident("yesterday"), make.now - day),
        make.closed(make.incident("long ago"), make.now - day - SECOND),
    ]
    ledger.commit(make.commit(incidents=incidents, notices=[make.notice(one) for one in incidents]))
    ledger.record(1, Delivered(), make.now, None)
    told = ledger.told()
    assert [one.incident_key for one in told] == ["open", "yesterday"]
    assert (told[0].severity, told[0].peak, told[0].kind) == (Severity.WARNING, Severity.CRITICAL, Telling.OPENED)
    assert (told[0].state, told[0].at, told[0].receiver, told[0].incident_id) == (Standing.DELIVERED, make.now, "mail", 1)
    assert [one.incident_key for one in ledger.told([3, 1])] == ["open", "long ago"]
    assert [one.incident_key for one in ledger.told(closed_since=make.now)] == ["open"]
