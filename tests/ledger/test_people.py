"""Notices about several incidents, the urgent first, the health of receivers: on both databases."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from bridge.core.telling.circuit import Health
from bridge.core.telling.decide import bundle, thread_of
from bridge.core.telling.notice import Delivered, Telling, TryLater
from bridge.core.world.event import Severity
from bridge.core.world.incident import State
from bridge.ledger.ledger import Ledger

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


@pytest.fixture
def several(ledger, make):
    """A summary of `count` incidents, which are in the ledger."""

    def commit(count, kind=Telling.SUMMARY):
        incidents = [make.incident(f"i{number:03}") for number in range(count)]
        told = bundle(kind, "mail", incidents, make.now, reason="many", language="en", since=make.now)
        return ledger.commit(make.commit(incidents=incidents, notices=[told]))

    return commit


def test_a_bundle_comes_back_with_the_numbers_of_its_incidents(ledger, make, several):
    ids = several(3)
    ((notice, attempts, memory),) = ledger.claim("mail", make.now, LEASE)
    assert (notice.kind, notice.incident_id, attempts, memory) == (Telling.SUMMARY, 0, 0, {})
    assert dict(zip([one.key for one in notice.items], notice.numbers, strict=True)) == ids
    assert notice.since == make.now
    ledger.record(notice.id, Delivered(remember={"message": "m1"}), make.now, None)
    ledger.commit(make.commit(incidents=[], notices=[make.notice(notice.incident, kind=Telling.CLOSED)]))
    assert ledger.claim("mail", make.now, LEASE)[0][2] == {}, "what a bundle asks to remember is no incident's"


def test_a_long_bundle_shows_a_hundred_and_mentions_all(ledger, make, several):
    ids = several(130)
    ((notice, _, _),) = ledger.claim("mail", make.now, LEASE)
    assert (len(notice.items), notice.left_out) == (100, 30)
    assert set(ledger.mentioned([notice.id])[notice.id]) == set(ids.values())
    last = ids["i129"]
    assert [row.notice.id for row in ledger.notices(last)] == [notice.id], "explain finds it by each of them"
    assert [(row.incident_id, row.kind) for row in ledger.told([last])] == [(last, Telling.SUMMARY)]


def test_who_heard_of_what(ledger, make, several):
    ids = several(2)
    numbers = list(ids.values())
    assert ledger.heard("mail", numbers) == set(numbers)
    assert ledger.heard("mail", numbers, delivered=True) == set()
    assert ledger.heard("chat", numbers) == set()
    ((notice, _, _),) = ledger.claim("mail", make.now, LEASE)
    ledger.record(notice.id, Delivered(), make.now, None)
    assert ledger.heard("mail", numbers, delivered=True) == set(numbers)


def test_a_digest_does_not_count_as_heard(ledger, several):
    assert ledger.heard("mail", several(2, Telling.DIGEST).values()) == set()


def test_what_is_urgent_goes_first_and_may_go_alone(ledger, make):
    mild, grave, end = make.incident("a", severity=Severity.WARNING), make.incident("b"), make.incident("c")
    notices = [make.notice(mild), make.notice(end, kind=Telling.CLOSED), make.notice(grave)]
    ledger.commit(make.commit(incidents=[mild, grave, end], notices=notices))
    assert ledger.next_due(make.now, ["mail"], only_urgent=True) == make.now
    assert [one.incident.key for one, _, _ in ledger.claim("mail", make.now, LEASE, 9, only_urgent=True)] == ["b"]
    assert ledger.next_due(make.now, ["mail"], only_urgent=True) == make.now + LEASE
    assert [one.incident.key for one, _, _ in ledger.claim("mail", make.now, LEASE, 9)] == ["a", "c"]


def test_what_the_database_calls_urgent_is_what_the_core_calls_so(ledger, make):
    for telling in Telling:
        for severity in Severity:
            one = make.incident(f"{telling}-{severity}", severity=severity)
            notice = make.notice(one, kind=telling, receiver=one.key, items=(one,) if telling.bundles else ())
            ledger.commit(make.commit(incidents=[one], notices=[notice]))
            claimed = ledger.claim(one.key, make.now, LEASE, only_urgent=True)
            assert bool(claimed) is notice.urgent, (telling, severity)


def test_health_outlives_a_restart_and_goes_with_its_verdict(url, make):
    with_trouble = Health(
        failures=7, failing_since=make.now, paused_until=make.now + SECOND, failure_at=make.now, failure="503 \0 from chat"
    )
    ledger = Ledger.open(url)
    incident = make.incident()
    ledger.commit(make.commit(incidents=[incident], notices=[make.notice(incident)], digested={"mail": make.now}))
    ledger.record(1, TryLater("503"), make.now, make.now + 90 * SECOND, ("mail", with_trouble))
    ledger.close()
    again = Ledger.open(url)
    assert again.healths() == {"mail": msgspec.structs.replace(with_trouble, failure="503 ? from chat")}
    assert again.digested() == {"mail": make.now}, "the one does not overwrite the other"
    assert again.next_due(make.now) == make.now + 90 * SECOND
    again.hurry("mail", make.now + SECOND)
    assert again.next_due(make.now) == make.now + SECOND
    again.commit(make.commit(digested={"mail": make.now + SECOND, "chat": make.now}))
    assert again.healths()["mail"].failures == 7
    again.close()


def test_queues_tell_what_is_owed_to_whom_and_since_when(ledger, make):
    incident = make.incident()
    later = [make.notice(incident, receiver=name, at=make.now + SECOND) for name in ("mail", "chat", "chat")]
    ledger.commit(make.commit(incidents=[incident], notices=[make.notice(incident), *later]))
    ledger.record(3, TryLater("503"), make.now, None)
    assert {name: tuple(queue) for name, queue in ledger.queues().items()} == {
        "mail": (2, make.now, 0),
        "chat": (1, make.now + SECOND, 1),
    }


def test_what_ended_in_a_span_of_time(ledger, make):
    old, new, part = make.incident("old"), make.incident("new"), make.incident("part", absorbed_into="new")
    ended = [make.closed(old, make.now - SECOND), make.closed(new), make.closed(part)]
    ledger.commit(make.commit(incidents=[*ended, make.incident("open")]))
    assert [one.key for _, one in ledger.closed(make.now, make.now + SECOND)] == ["new"]


def test_a_thread_keeps_its_memory_when_its_incident_becomes_part_of_another(ledger, make):
    small, whole = make.incident("small"), make.incident("whole")
    thread = thread_of("small")
    ledger.commit(make.commit(incidents=[small, whole], notices=[make.notice(small, thread=thread)]))
    ((opened, _, _),) = ledger.claim("mail", make.now, LEASE)
    ledger.record(opened.id, Delivered(remember={"root": "m1"}), make.now, None)
    part = replace(small, state=State.CLOSED, absorbed_into="between")
    between = make.incident("between", state=State.CLOSED, absorbed_into="whole")
    words = [make.notice(whole, thread=thread), make.notice(whole, thread=thread_of("whole"))]
    ledger.commit(make.commit(incidents=[part, between], notices=words))
    ((updated, _, memory),) = ledger.claim("mail", make.now, LEASE)
    assert memory == {"root": "m1"}
    ledger.record(updated.id, Delivered(remember={"said": "more"}), make.now, None)
    ((other, _, memory),) = ledger.claim("mail", make.now, LEASE)
    assert memory == {}, "a thread of its own has its own memory"
    ledger.record(other.id, Delivered(remember={"root": "m2"}), make.now, None)
    ledger.commit(make.commit(notices=[make.notice(whole, thread=thread)]))
    assert ledger.claim("mail", make.now, LEASE)[0][2] == {"root": "m1", "said": "more"}


def test_a_last_word_names_the_number_under_which_it_goes_on(ledger, make):
    part, whole = make.incident("small", state=State.CLOSED, absorbed_into="whole"), make.incident("whole")
    ledger.commit(make.commit(incidents=[whole]))
    ledger.commit(make.commit(incidents=[part], notices=[make.notice(part, kind=Telling.UPDATED)]))
    ((told, _, _),) = ledger.claim("mail", make.now, LEASE)
    assert told.goes_on_as == ledger.incident_ids(["whole"])["whole"]
