"""One look for all pages: what changed is seen within a moment, nobody is asked more for many pages, and old is not shown as now."""

import asyncio
import time
from contextlib import closing
from datetime import timedelta

import pytest

from bridge.ledger.ledger import Commit, Ledger
from bridge.page import watch as watching
from bridge.page.watch import Watch
from tests.page.scenes import NOW, Place, condition, incident, node_lost, several, to_us, well
from tests.waiting import eventually


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def watch(place):
    made = Watch(place.config)
    yield made
    made.close()


def test_it_sees_the_ledger_and_the_bridge(place, watch):
    place.commit(well("berlin"), node_lost(), several())
    place.bridge.words["acknowledged"] = {"x/taken": "berta"}
    place.bridge.silences = [
        {"id": "s", "matchers": ['root="resource/db"'], "author": "carl", "comment": "", "until_us": to_us(NOW) + 10**9}
    ]
    watch.look()
    seen = watch.seen
    assert (seen.runs, seen.why) == (True, "")
    assert timedelta(0) <= seen.at - NOW < timedelta(seconds=20), "the bridge's own time"
    assert {name: numbers for name, numbers in seen.piles.items() if numbers} == {
        "needs": (1,),
        "taken": (2,),
        "silenced": (3,),
        "watched": (4,),
    }
    told = [story for pile in watch.sight("en").piles for story in pile.stories]
    assert {story.number for story in told} == {1, 2, 3, 4}
    assert {rung.receiver for story in told for rung in story.rung} == {"oncall", "room"}
    assert seen.overview.briefs == [], "ten thousand of them are not kept"


def test_it_changes_its_number_only_with_what_people_see(place, watch):
    place.commit(well("berlin"))
    watch.look()
    number = watch.seen.number
    place.bridge.words["now_us"] += 10**6
    watch._asked_at = float("-inf")
    watch.look()
    assert watch.seen.number == number, "time passes for everybody"
    place.commit(Commit(now=NOW, conditions=[condition("berlin", "node/n9", why="member")]))
    watch.look()
    assert watch.seen.number == number + 1
    place.bridge.words["acknowledged"] = {"x": "anna"}
    watch._asked_at = float("-inf")
    watch.look()
    assert watch.seen.number == number + 2


def test_time_goes_on_by_the_bridge_s_own_clock(place, watch, monkeypatch):
    watch.look()
    at, seen = time.monotonic(), watch.now
    monkeypatch.setattr(watching.time, "monotonic", lambda: at + 3600)
    assert timedelta(minutes=59) < watch.now - seen < timedelta(minutes=61)


def test_a_bridge_that_ended_is_seen(place, watch):
    watch.look()
    place.bridge.close()
    watch._asked_at = float("-inf")
    watch.look()
    assert not watch.seen.runs
    place.bridge.close = lambda: None


def test_a_ledger_that_is_gone_is_said_and_nothing_is_kept_of_it(place, watch):
    place.commit(well("berlin"))
    watch.look()
    (place.home / "ledger.db").rename(place.home / "away.db")
    watch._let_go()
    watch.look()
    assert watch.seen.overview is None
    assert "no ledger at" in watch.seen.why
    number = watch.seen.number
    watch.look()
    assert watch.seen.number == number, "it is said once"
    (place.home / "away.db").rename(place.home / "ledger.db")
    watch.look()
    assert watch.seen.why == ""
    assert watch.seen.overview is not None


def test_what_was_seen_too_long_ago_is_not_shown(place, watch, monkeypatch):
    place.commit(well("berlin"))
    watch.look()
    assert watch.seen.overview is not None
    number = watch.seen.number
    at = time.monotonic()
    monkeypatch.setattr(watching.time, "monotonic", lambda: at + watching.OLD_AFTER + 1)
    assert watch.seen.overview is None
    assert watch.seen.number != number
    assert watch.seen.why.startswith("no answer for")


def test_a_stream_hears_of_a_commit_within_a_moment_and_ends_with_the_page(place, watch):
    place.commit(well("berlin"))

    async def hear():
        watch.start()
        told = []
        async for seen in watch.changes():
            if seen is None or seen.overview is None:
                continue
            told.append((seen.number, time.monotonic()))
            if len(told) == 1:
                begun = time.monotonic()
                await asyncio.to_thread(place.commit, node_lost())
                begun = time.monotonic()
            elif seen.piles["needs"]:
                watch.close()
                assert told[-1][1] - begun < 1.0
        return told

    told = asyncio.run(asyncio.wait_for(hear(), 20))
    assert len({number for number, _ in told}) == len(told) >= 2


def test_two_hundred_streams_ask_nobody_more_than_one(place, watch):
    place.commit(well("berlin"))

    async def listen(ready):
        async for seen in watch.changes():
            if seen is not None and seen.overview is not None:
                ready.append(seen)

    async def many():
        watch.start()
        ready = []
        listeners = [asyncio.create_task(listen(ready)) for _ in range(200)]
        await asyncio.sleep(1.5)
        assert len(ready) == 200
        asked, begun = place.bridge.asked, time.monotonic()
        await asyncio.sleep(2.5)
        lasted = time.monotonic() - begun
        watch.close()
        await asyncio.gather(*listeners)
        return (place.bridge.asked - asked) / lasted

    rate = asyncio.run(asyncio.wait_for(many(), 30))
    assert rate <= 2 / watching.ASK_EVERY + 1, "two questions each time"


def test_a_silence_that_asks_about_guests_is_held_against_each_story(place, watch):
    place.commit(Commit(now=NOW, incidents=[incident(f"k{n}", subjects=(f"guest/vm-{n}",)) for n in range(1, 400)]))
    place.bridge.silences = [
        {"id": "s", "matchers": ['guest="vm-333"'], "author": "carl", "comment": "", "until_us": to_us(NOW) + 10**9}
    ]
    watch.look()
    (number,) = watch.seen.piles["silenced"]
    with closing(Ledger.open(place.url, write=False)) as ledger:
        assert ledger.incident(number).key == "k333"


def test_it_looks_by_itself(place, watch):
    watch.start()
    place.commit(well("berlin"))
    eventually(lambda: watch.seen.overview is not None and watch.seen.overview.conditions)
