"""Looking for incidents, and for the first and last reports of a story."""

from datetime import timedelta

import pytest

from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind, State
from bridge.ledger.searching import Sought


def _incidents(make, count):
    return [
        make.incident(f"resource/r{number}@{number}", root=f"resource/r{number}", opened_at=make.now + timedelta(minutes=number))
        for number in range(count)
    ]


def _numbers(found):
    return [number for number, _ in found.incidents]


def test_pages_follow_one_another_the_newest_first(ledger, make):
    incidents = _incidents(make, 7)
    incidents.append(make.incident("same", opened_at=incidents[3].opened_at))
    ledger.commit(make.commit(incidents=incidents))
    seen, place = [], None
    while (found := ledger.search(Sought(before=place), 3)).more is not None:
        seen += _numbers(found)
        place = found.more
    assert seen + _numbers(found) == [7, 6, 5, 8, 4, 3, 2, 1]
    assert ledger.search(Sought(), 8).more is None


@pytest.mark.parametrize(
    "sought, numbers",
    [
        (Sought(words=("WEB",)), [1]),
        (Sought(words=("zwölf", "web")), [1]),
        (Sought(words=("facts",)), []),
        (Sought(words=("100%",)), []),
        (Sought(words=("_",)), [2]),
        (Sought(number=2), [2]),
        (Sought(cluster="beta"), [2]),
        (Sought(kind="guest-failure"), [2]),
        (Sought(peak="warning"), [2]),
        (Sought(states=("closed",)), [2]),
        (Sought(words=("nothing of it",)), []),
    ],
)
def test_all_that_is_named_must_hold(ledger, make, sought, numbers):
    first = make.incident("a", root="resource/web")
    given = {"cluster": "beta", "kind": Kind.GUEST_FAILURE, "peak": Severity.WARNING, "root": "guest/vm_a", "facts": {}}
    ledger.commit(make.commit(incidents=[first, make.closed(make.incident("b", **given))]))
    assert _numbers(ledger.search(sought, 10)) == numbers


def test_the_times_are_those_of_opening(ledger, make):
    ledger.commit(make.commit(incidents=_incidents(make, 4)))
    since, until = make.now + timedelta(minutes=1), make.now + timedelta(minutes=3)
    assert _numbers(ledger.search(Sought(since=since, until=until), 10)) == [3, 2]


def test_a_part_of_another_is_not_listed_and_is_found_with_it(ledger, make):
    parts = [make.closed(make.incident(key, absorbed_into=into)) for key, into in (("b", "a"), ("c", "b"))]
    ledger.commit(make.commit(incidents=[make.incident("a"), *parts, make.incident("d")]))
    assert _numbers(ledger.search(Sought(), 10)) == [4, 1]
    assert [number for number, _ in ledger.absorbed("a")] == [2, 3]
    assert ledger.absorbed("d") == []


def test_of_very_many_reports_the_first_and_the_last_are_read(ledger, make):
    reports = [make.report(incident_key="ab"[number % 2]) for number in range(40)]
    ledger.commit(make.commit(reports=reports, incidents=[make.incident("a", state=State.OPEN)]))
    found = ledger.ends(["a", "b"], 3)
    assert [seq for seq, _ in found.reports] == [1, 2, 3, 38, 39, 40]
    assert found.left_out == 34
    assert [seq for seq, _ in ledger.ends(["a"], 3).reports] == [1, 3, 5, 35, 37, 39]
    assert ledger.ends(["b"], 10).left_out == 0
    assert ledger.ends(["none"], 10) == ([], 0)


def test_how_far_back_a_cluster_is_known(ledger, make):
    reports = [make.report(at=make.now), make.report(at=make.now - timedelta(days=1)), make.report(cluster="beta", at=make.now)]
    ledger.commit(make.commit(reports=reports))
    assert ledger.first_heard() == {"alpha": make.now - timedelta(days=1), "beta": make.now}
