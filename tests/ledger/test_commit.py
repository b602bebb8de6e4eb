from contextlib import contextmanager
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event

from bridge.core.telling.notice import Delivered, Telling
from bridge.core.world.condition import gone
from bridge.core.world.event import Severity
from bridge.core.world.incident import State
from bridge.ledger import reading
from bridge.ledger.ledger import BadRows, Condition, Edge, LedgerAway, LedgerError

POISON = "\ud800"  # a lone surrogate: neither database takes it as text


def test_a_report_comes_out_as_it_went_in(ledger, make):
    report = make.report(unreadable="kind=banana", incident_key="node/n3@1", body=bytes(range(256)))
    ledger.commit(make.commit(reports=[report]))
    assert list(ledger.reports()) == [(1, report)]


def test_a_second_delivery_of_a_report_changes_nothing(ledger, make):
    report = make.report()
    ledger.commit(make.commit(reports=[report, report]))
    ledger.commit(make.commit(reports=[msgspec.structs.replace(report, decision="another"), make.report()]))
    assert [found.decision for _, found in ledger.reports()] == ["shown only", "shown only"]


@contextmanager
def without_its_answer(ledger):
    """A database that ends with COMMIT under way: here it has stored everything, and nobody hears of it."""
    real = ledger._store.transaction

    @contextmanager
    def lost():
        with real() as connection:
            yield connection
        raise LedgerAway("server closed the connection unexpectedly")

    ledger._store.transaction = lost
    with pytest.raises(LedgerAway):
        yield
    ledger._store.transaction = real


def test_a_commit_of_which_only_the_answer_was_lost_rings_nobody_twice(ledger, make):
    one, other = make.incident("a"), make.incident("b")
    notices = [make.notice(one), make.notice(one, receiver="chat"), make.notice(one, kind=Telling.SUMMARY, items=(one, other))]
    commit = make.commit(reports=[make.report()], incidents=[one, other], notices=notices)
    with without_its_answer(ledger):
        ledger.commit(commit)
    assert ledger.commit(commit) == {"a": 1, "b": 2}
    assert [row.notice.receiver for row in ledger.notices()] == ["mail", "chat", "mail"]
    assert len(ledger.notices(incident_id=2)) == 1


def test_what_no_row_explains_is_tried_again_and_in_no_hurry(ledger, make, monkeypatch):
    """Else the writer would go round and round, leave nothing out, and look as if it stood still."""
    report = make.report()

    def fails_once(*_):
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr(reading, "ids_of", fails_once)
    with pytest.raises(LedgerAway, match="each row of it would be taken"):
        ledger.commit(make.commit(reports=[report]))
    assert ledger.known([report.uid]) == set()
    ledger.commit(make.commit(reports=[report]))
    assert ledger.known([report.uid]) == {report.uid}


def test_known_tells_what_is_there(ledger, make):
    reports = [make.report() for _ in range(1200)]
    ledger.commit(make.commit(reports=reports[:1100]))
    assert ledger.known([one.uid for one in reports]) == {one.uid for one in reports[:1100]}
    assert ledger.known([]) == set()


def test_numbers_of_incidents_last_and_have_no_holes(ledger, make):
    first, second = make.incident("a"), make.incident("b")
    assert ledger.commit(make.commit(incidents=[first])) == {"a": 1}
    for _ in range(5):
        ledger.commit(make.commit(incidents=[make.incident("a", state=State.CLEARING)]))
    assert ledger.commit(make.commit(incidents=[second, make.incident("a", reason="again")])) == {"a": 1, "b": 2}
    assert ledger.incident_ids(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert ledger.incident(1) == make.incident("a", reason="again")
    assert ledger.incident(99) is None


def test_the_last_word_about_an_incident_within_a_commit_counts(ledger, make):
    ledger.commit(make.commit(incidents=[make.incident("a"), make.closed(make.incident("a"))]))
    assert [one.state for _, one in ledger.incidents()] == [State.CLOSED]


def test_incidents_are_found_by_state_time_and_number(ledger, make):
    at = [make.now + timedelta(hours=hour) for hour in range(3)]
    ledger.commit(
        make.commit(
            incidents=[
                make.incident("a", opened_at=at[0]),
                make.closed(make.incident("b", opened_at=at[1])),
                make.incident("c", opened_at=at[2], state=State.CLEARING),
            ]
        )
    )

    def keys(**asked):
        return [one.key for _, one in ledger.incidents(**asked)]

    assert keys() == ["c", "b", "a"]
    assert keys(state=State.OPEN) == ["a"]
    assert keys(state=[State.OPEN, State.CLEARING]) == ["c", "a"]
    assert keys(since=at[1]) == ["c", "b"]
    assert keys(until=at[1]) == ["a"]
    assert keys(limit=1) == ["c"]
    assert [one.key for _, one in ledger.each_incident([State.OPEN, State.CLEARING])] == ["c", "a"]
    assert [one.key for _, one in ledger.each_incident([State.OPEN, State.CLOSED], at[1])] == ["b"]
    assert keys(ids=[1, 2]) == ["b", "a"]
    assert keys(ids=[]) == []


def test_a_report_can_be_decided_again(ledger, make):
    report, other = make.report(), make.report()
    ledger.commit(make.commit(reports=[report, other]))
    ledger.commit(make.commit(redecided=[(report.uid, "node/n3@1", "the cause")]))
    ledger.commit(make.commit(redecided=[(other.uid, None, "shown only")]))
    assert [(found.incident_key, found.decision) for _, found in ledger.reports()] == [
        ("node/n3@1", "the cause"),
        (None, "shown only"),
    ]


def test_reports_are_found_by_number_time_cluster_and_incident(ledger, make):
    reports = [make.report(cluster="beta" if number % 2 else "alpha") for number in range(10)]
    reports[4] = msgspec.structs.replace(reports[4], incident_key="key")
    ledger.commit(make.commit(reports=reports))

    def seqs(**asked):
        return [seq for seq, _ in ledger.reports(**asked)]

    assert seqs(batch=3) == list(range(1, 11))
    assert seqs(after_seq=4, until_seq=7, batch=2) == [5, 6, 7]
    assert seqs(since=reports[2].received_at, until=reports[5].received_at) == [3, 4, 5]
    assert seqs(since=reports[9].received_at + timedelta(1)) == []
    assert seqs(incident_key="key") == [5]


def test_what_a_restart_needs_is_found_by_cluster_in_the_order_of_happening(ledger, make):
    reports = [make.report(cluster="beta" if number % 2 else "alpha") for number in range(6)]
    reports.append(make.report(at=reports[0].at, received_at=make.now + timedelta(days=1)))
    reports.append(make.report(unreadable="no JSON object", cluster="gamma"))
    ledger.commit(make.commit(reports=reports))
    assert ledger.clusters() == ["alpha", "beta"]
    assert ledger.understood("alpha") == [1, 7, 3, 5]
    assert ledger.understood("alpha", reports[2].at) == [3, 5]
    assert ledger.understood("gamma") == []
    assert ledger.reports_of([7, 1]) == [reports[6], reports[0]]


def test_the_span_of_a_time_is_looked_up_once_however_many_pages_it_has(ledger, make):
    reports = [make.report() for _ in range(9)]
    ledger.commit(make.commit(reports=reports))
    asked = []
    event.listen(ledger._store._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    found = [seq for seq, _ in ledger.reports(since=reports[1].received_at, batch=2)]
    assert found == list(range(2, 10))
    assert len([one for one in asked if "min(" in one]) == 1


def test_commits_are_welcome_while_reports_are_read(ledger, make):
    ledger.commit(make.commit(reports=[make.report() for _ in range(4)]))
    seen = []
    for seq, _ in ledger.reports(batch=2):
        seen.append(seq)
        if seq == 1:
            ledger.commit(make.commit(reports=[make.report()]))
    assert seen == [1, 2, 3, 4, 5]


def test_conditions_and_edges_keep_the_last_word(ledger, make):
    ok = Condition(cluster="alpha", subject="node/n3", severity="ok", since=make.now, why="seen", uid=b"u" * 16, incident_key="k")
    bad = msgspec.structs.replace(ok, severity=Severity.CRITICAL, why="lost", uid=None)
    other = msgspec.structs.replace(ok, cluster="beta")
    edge = Edge(cluster="alpha", node="n3", last_heard_at=make.now, offset=timedelta(microseconds=-5), backlog_count=3)
    silent = msgspec.structs.replace(edge, silent=True, oldest_at=make.now, version="1", boot="b")
    ledger.commit(make.commit(conditions=[other, ok], edges=[edge]))
    ledger.commit(make.commit(conditions=[bad], edges=[silent]))
    assert ledger.conditions() == [bad, other]
    assert ledger.edges() == [silent]


def test_of_what_is_gone_no_condition_stays(ledger, make):
    there = Condition(cluster="alpha", subject="node/n3", severity="ok", since=make.now, why="seen")
    other = msgspec.structs.replace(there, subject="node/n1")
    ledger.commit(make.commit(conditions=[there, other]))
    ledger.commit(make.commit(conditions=[there, gone("alpha", "node/n3", (make.now, "deleted"))]))
    assert ledger.conditions() == [other]
    ledger.commit(make.commit(conditions=[gone("alpha", "node/n3", (make.now, "deleted")), there]))
    assert ledger.conditions() == [other, there]


def test_three_checkpoints_are_kept_with_their_place(ledger, make):
    assert ledger.latest_checkpoint() is None
    for number in range(5):
        ledger.commit(make.commit(reports=[make.report()], checkpoint=b"%d" % number))
    ledger.commit(make.commit(checkpoint=b"no report since"))
    assert ledger.latest_checkpoint() == (5, make.now, b"no report since")
    assert [(seq, data) for seq, _, data in ledger.checkpoints()] == [(5, b"no report since"), (4, b"3"), (3, b"2")]


def test_counts(ledger, make):
    incident = make.incident()
    later = make.notice(incident, receiver="chat", at=make.now + timedelta(seconds=5))
    ledger.commit(
        make.commit(
            reports=[make.report(), make.report(unreadable="why")],
            incidents=[incident, make.closed(make.incident("b"))],
            notices=[make.notice(incident), later],
        )
    )
    ledger.record(1, Delivered(), make.now, None)
    ledger.record(2, Delivered(), make.now, None)
    ledger.commit(make.commit(notices=[make.notice(incident, at=make.now + timedelta(seconds=7))]))
    assert ledger.counts() == {
        "reports": 2,
        "unreadable": 1,
        "open_incidents": 1,
        "pending_notices": 1,
        "given_up_notices": 0,
        "oldest_pending_at": make.now + timedelta(seconds=7),
    }


def _nothing_stored(ledger):
    counts = ledger.counts()
    return counts["reports"] == 0 and counts["pending_notices"] == 0 and not ledger.incidents() and not ledger.conditions()


def test_reports_that_the_database_refuses_are_named_and_nothing_is_stored(ledger, make):
    reports = [make.report() for _ in range(256)]
    for place in (0, 77, 255):
        reports[place] = msgspec.structs.replace(reports[place], decision=POISON)
    with pytest.raises(BadRows) as raised:
        ledger.commit(make.commit(reports=reports, incidents=[make.incident()]))
    assert raised.value.uids == {reports[0].uid, reports[77].uid, reports[255].uid}
    assert _nothing_stored(ledger)
    good = [one for one in reports if one.uid not in raised.value.uids]
    ledger.commit(make.commit(reports=good, incidents=[make.incident()]))
    assert ledger.counts()["reports"] == 253


def test_a_zero_byte_is_refused_by_postgresql_and_named(postgres, make):
    from bridge.ledger.ledger import Ledger

    ledger = Ledger.open(postgres.database())
    bad, good = make.report(node="n\x00"), make.report()
    with pytest.raises(BadRows) as raised:
        ledger.commit(make.commit(reports=[good, bad]))
    assert raised.value.uids == {bad.uid}
    ledger.close()


@pytest.mark.parametrize("where", ["incident", "notice", "condition", "key"])
def test_what_was_made_of_a_report_is_blamed_on_the_report(ledger, make, where):
    key = POISON if where == "key" else "bad"
    bad, good = make.report(incident_key=None if where == "key" else key), make.report()
    incident = make.incident(key, facts={"node": POISON} if where == "incident" else {})
    notice = make.notice(incident, reason=POISON if where == "notice" else "opened")
    condition = Condition(
        cluster="alpha", subject="node/n3", severity="ok", since=make.now, why=POISON if where == "condition" else "", uid=bad.uid
    )
    redecided = [(bad.uid, key, "x")]
    with pytest.raises(BadRows) as raised:
        ledger.commit(
            make.commit(reports=[good, bad], redecided=redecided, incidents=[incident], notices=[notice], conditions=[condition])
        )
    assert raised.value.uids == {bad.uid}
    assert _nothing_stored(ledger)
    ledger.commit(make.commit(reports=[good]))


def test_what_no_report_explains_is_our_own_mistake(ledger, make):
    with pytest.raises(LedgerError, match="no report explains") as raised:
        ledger.commit(make.commit(reports=[make.report()], edges=[Edge(cluster="alpha", node=POISON)]))
    assert not isinstance(raised.value, BadRows)
    assert _nothing_stored(ledger)


def test_open_incidents_are_counted_by_kind(ledger, make):
    over = make.incident("c", state=State.CLOSED, closed_at=make.now)
    ledger.commit(make.commit(incidents=[make.incident("a"), make.incident("b"), over]))
    assert ledger.open_kinds() == {make.incident("a").kind: 2}


def test_a_relay_that_is_no_longer_enrolled_is_forgotten(ledger, make):
    edges = [Edge(cluster=cluster, node=node) for cluster in ("alpha", "beta") for node in ("n1", "n2")]
    ledger.commit(make.commit(edges=edges))
    ledger.commit(make.commit(edges_gone=[("alpha", "n2"), ("beta", "n1")]))
    assert {(one.cluster, one.node) for one in ledger.edges()} == {("alpha", "n1"), ("beta", "n2")}


def test_of_a_commit_that_is_tried_again_only_what_is_not_there_is_added(ledger, make):
    """The answer to the first try was lost: nobody is rung twice, and nobody is left out."""
    one, other = make.incident("a"), make.incident("b")
    ledger.commit(make.commit(incidents=[one], notices=[make.notice(one)]))
    ledger.commit(make.commit(incidents=[one, other], notices=[make.notice(one), make.notice(other)], tried=True))
    assert [row.notice.incident.key for row in ledger.notices()] == ["b", "a"]
