"""Which incidents need somebody: what people took, silenced and planned stands apart, the gravest first."""

from datetime import timedelta

import msgspec
import pytest

from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind, State
from bridge.ledger.overview import Brief, Overview
from bridge.page.sight.seen import MOST_SHOWN, PILES, Seen, Silence, chosen
from tests.page.scenes import NOW, incident, minutes, to_us


def brief(number, **given):
    filled = {
        "number": number,
        "key": f"k{number}",
        "cluster": "berlin",
        "kind": Kind.RESOURCE_FAILURE,
        "severity": Severity.WARNING,
        "peak": Severity.WARNING,
        "state": State.OPEN,
        "root": "resource/web",
        "planned": False,
        "opened_at": minutes(number),
    }
    return Brief(**(filled | given))


def seen(*briefs, **given):
    overview = Overview(
        revision=1,
        briefs=list(briefs),
        conditions=[],
        unwell={},
        layout=[],
        edges=[],
        failovers={},
        last_end=None,
        last_report=None,
    )
    return Seen(overview=overview, **given)


def silence(*matchers, until=NOW + timedelta(hours=1), name="s1"):
    return Silence.of({"id": name, "matchers": matchers, "author": "carl", "comment": "", "until_us": to_us(until)})


def piles(one, stories=(), at=NOW):
    def read(numbers):
        return [(number, story) for number, story in stories if number in numbers]

    found = chosen(one, at, read)
    assert set(found.piles) == set(PILES)
    return {name: numbers for name, numbers in found.piles.items() if numbers}


def test_the_gravest_first_and_of_these_the_oldest():
    critical = {"severity": Severity.CRITICAL}
    found = piles(seen(brief(1), brief(2), brief(3, **critical), brief(4, **critical)))
    assert found == {"needs": (4, 3, 2, 1)}


def test_what_somebody_is_on_stands_apart():
    one = seen(brief(1), brief(2), bridge={"running": True, "acknowledged": {"k1": "anna"}})
    assert piles(one) == {"needs": (2,), "taken": (1,)}


@pytest.mark.parametrize("state", [State.WATCHING, State.CLEARING])
def test_what_heals_or_is_not_clear_needs_nobody_yet(state):
    assert piles(seen(brief(1, state=state))) == {"watched": (1,)}


@pytest.mark.parametrize("given", [{"planned": True}, {"severity": Severity.INFO}])
def test_what_is_only_shown_needs_nobody(given):
    assert piles(seen(brief(1, **given))) == {"planned": (1,)}


@pytest.mark.parametrize("matcher", ['cluster="berlin"', 'kind=~"resource-.*"', 'root="resource/web"', 'severity="warning"'])
def test_a_silence_about_columns_needs_no_story(matcher):
    def read(numbers):
        raise AssertionError(f"nobody has to read {numbers}")

    found = chosen(seen(brief(1), silences=(silence(matcher),)), NOW, read)
    assert (found.piles["silenced"], found.silenced) == ((1,), {1: "s1"})


def test_a_silence_about_more_is_held_against_the_stories():
    stories = [(number, incident(f"k{number}", subjects=(f"guest/vm-{number}",))) for number in (1, 2)]
    one = seen(brief(1), brief(2), silences=(silence('guest="vm-2"'),))
    assert piles(one, stories) == {"needs": (1,), "silenced": (2,)}


@pytest.mark.parametrize(
    "one",
    [
        silence('cluster="berlin"', until=NOW),
        silence('cluster="hamburg"'),
        silence('cluster="berlin"', 'kind="node-failure"'),
        silence("there is no such matcher"),
    ],
    ids=["over", "another cluster", "one of two", "unreadable"],
)
def test_what_no_silence_holds_back_needs_somebody(one):
    assert piles(seen(brief(1), silences=(one,))) == {"needs": (1,)}


def test_a_silence_without_an_end_that_a_calendar_has_holds_nothing_back():
    said = {"id": "x", "matchers": ['cluster="berlin"'], "author": "", "comment": "", "until_us": 10**30}
    assert piles(seen(brief(1), silences=(Silence.of(said),))) == {"needs": (1,)}


def test_of_ten_thousand_a_few_are_told_and_all_are_counted():
    found = chosen(seen(*(brief(number) for number in range(1, 5001))), NOW, lambda _: [])
    assert len(found.piles["needs"]) == 5000
    assert len(found.shown) == MOST_SHOWN
    half = msgspec.structs.replace(found, piles={"taken": tuple(range(100))})
    assert len(half.shown) == MOST_SHOWN // 2
