"""What the first sight reads: of one moment, in both databases; and a number that changes with all that people see."""

from datetime import timedelta

from bridge.core.telling.notice import Delivered, Telling
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind, State
from bridge.core.world.laid import Laid, Link, Replica, Service, Side
from bridge.ledger.ledger import Ledger
from bridge.ledger.records import Edge, Standing

WEB = Service(subject="resource/web", on={"n1": "started"}, group="g")
R0 = Replica(
    subject="drbd/r0",
    sides=(Side(node="n1", role="Primary", disk="UpToDate"),),
    links=(Link(one="n1", other="n2", state="Connected", good=False, target="n2", done=40),),
)


def test_how_a_cluster_lies_is_kept_and_goes_with_its_things(ledger, make):
    ledger.commit(make.commit(layout=[Laid("alpha", "service/web", WEB), Laid("alpha", "replica/r0", R0)]))
    assert ledger.layout() == [Laid("alpha", "replica/r0", R0), Laid("alpha", "service/web", WEB)]
    moved = Service(subject="resource/web", on={"n2": "promoted"})
    ledger.commit(make.commit(layout=[Laid("alpha", "service/web", moved), Laid("alpha", "replica/r0", None)]))
    assert ledger.layout() == [Laid("alpha", "service/web", moved)]


def test_the_number_changes_with_what_people_see_and_with_nothing_else(ledger, make):
    def changes(**what):
        before = ledger.revision()
        ledger.commit(make.commit(**what))
        return ledger.revision() != before

    incident = make.incident()
    condition = Condition(cluster="alpha", subject="node/n1", severity=Severity.OK, since=make.now, why="member")
    assert changes(incidents=[incident])
    assert changes(notices=[make.notice(incident)])
    assert changes(conditions=[condition])
    assert changes(layout=[Laid("alpha", "service/web", WEB)])
    assert changes(reports=[make.report(node="", source="operator")])
    assert not changes(reports=[make.report()])
    assert not changes(edges=[Edge(cluster="alpha", node="n1", last_heard_at=make.now)])
    before = ledger.revision()
    ledger.record(1, Delivered(), make.now, None)
    assert ledger.revision() != before


def test_a_replay_begins_with_no_layout(ledger, make):
    ledger.commit(make.commit(layout=[Laid("alpha", "service/web", WEB)]))
    with ledger.rebuild():
        assert ledger.layout() == []


def test_all_that_is_open_in_short(ledger, make):
    told, planned = make.incident(), make.incident("node/n1@1", planned=True, root="node/n1")
    over = make.closed(make.incident("node/n2@1", root="node/n2"), make.now + timedelta(hours=1))
    other = make.closed(make.incident("x", cluster="beta", kind=Kind.RESOURCE_DOWN, root="resource/x"))
    ledger.commit(make.commit(incidents=[told, planned, over, other], reports=[make.report()]))
    seen = ledger.overview()
    assert sorted((one.number, one.key, one.state, one.planned) for one in seen.briefs) == [
        (1, told.key, State.OPEN, False),
        (2, planned.key, State.OPEN, True),
    ]
    assert {name: number for name, (number, _) in seen.failovers.items()} == {"alpha": 3}
    assert seen.failovers["alpha"][1] == make.now
    assert seen.last_end == make.now + timedelta(hours=1)
    assert seen.last_report == make.now + timedelta(seconds=1, milliseconds=250)
    assert seen.revision == ledger.revision() > 0


def test_who_was_rung(ledger, make):
    one, two = make.incident(), make.incident("node/n1@1", root="node/n1")
    ledger.commit(make.commit(incidents=[one, two]))
    summary = make.notice(one, kind=Telling.SUMMARY, receiver="chat", items=(one, two))
    ledger.commit(make.commit(notices=[make.notice(one), make.notice(one, kind=Telling.UPDATED), summary], now=make.now))
    ledger.record(1, Delivered(), make.now, None)
    woken = [(row.number, row.receiver, row.kind, row.state) for row in ledger.woken([1, 2])]
    assert woken == [
        (1, "mail", Telling.OPENED, Standing.DELIVERED),
        (1, "chat", Telling.SUMMARY, Standing.PENDING),
        (2, "chat", Telling.SUMMARY, Standing.PENDING),
    ]
    assert ledger.woken([1])[0].delivered_at == make.now


def test_a_reader_sees_the_same(url, ledger, make):
    ledger.commit(make.commit(layout=[Laid("alpha", "service/web", WEB)]))
    reader = Ledger.open(url, write=False)
    try:
        assert reader.layout() == ledger.layout()
    finally:
        reader.close()
