"""What people hear, from the report to the bell."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.world.incident import State
from tests.timeline.conftest import BELL

NOC = f"[receivers.noc]\n{BELL}"
BOSS = f"[receivers.boss]\n{BELL}"
HOUR = 3600


def test_a_lost_node_that_is_fenced_and_comes_back(timeline):
    story = timeline(NOC)
    story.at(0).lost("c", seen_by="ab").expect("noc")
    story.at(20).fenced("c", seen_by="ab").at(31).expect("noc", "opened node-failure")
    story.restart().at(100).expect("noc")  # a restart tells nothing again
    story.at(120).member("c", seen_by="ab").at(200).expect("noc", "closed node-failure")
    story.restart().at(2 * HOUR).expect("noc")


def test_a_lost_node_that_nobody_fences(timeline):
    story = timeline(NOC)
    story.at(0).lost("c", seen_by="ab").at(59).expect("noc").at(61).expect("noc", "opened node-failure")
    story.at(70).fencing_fails("c", seen_by="ab").expect("noc", "escalated fencing-failure")
    story.restart().at(80).expect("noc")  # what got worse was told


def test_a_reminder_comes_when_it_is_due_over_a_restart(timeline):
    story = timeline(NOC)
    story.at(0).fails("db", task="stop").expect("noc", "opened resource-blocked")
    story.at(3 * HOUR).restart().expect("noc")
    story.at(4 * HOUR + 1).expect("noc", "reminder resource-blocked")
    story.restart().at(5 * HOUR).expect("noc")
    story.at(8 * HOUR + 2).expect("noc", "reminder resource-blocked")


def test_office_hours(timeline):
    office = '[intervals.office]\nweekdays = ["mon-fri"]\ntimes = ["08:00-18:00"]\nlocation = "Europe/Berlin"\n'
    story = timeline(NOC + "digest = false\n" + office + '[[routes]]\nreceivers = ["noc"]\nonly = ["office"]\n')
    story.at(0).fails("db", task="stop").at(60).fails("web", task="stop").at(120).starts("web")
    story.restart().until(datetime(2026, 11, 24, 6, 59, 59, tzinfo=UTC)).expect("noc")
    story.until(datetime(2026, 11, 24, 7, 0, 1, tzinfo=UTC))
    (notice,) = story.heard("noc")
    assert notice.incident.root == "resource/db", "what ended meanwhile is no news"


def test_nobody_acknowledges(timeline):
    route = '[[routes]]\nreceivers = ["noc"]\n[[routes.escalate]]\nafter = "15m"\nreceivers = ["boss"]\n'
    story = timeline(NOC + BOSS + route)
    story.at(0).fails("db", task="stop").expect("noc", "opened resource-blocked").expect("boss")
    story.at(14 * 60).restart().expect("boss").at(15 * 60 + 1).expect("boss", "opened resource-blocked")
    story.at(16 * 60).starts("db").at(17 * 60 + 30).expect("boss", "closed resource-blocked")


def test_somebody_acknowledges(timeline):
    route = '[[routes]]\nreceivers = ["noc"]\n[[routes.escalate]]\nafter = "15m"\nreceivers = ["boss"]\n'
    story = timeline(NOC + BOSS + route)
    story.at(0).fails("db", task="stop").at(600).acknowledge().restart().at(9 * HOUR)
    story.expect("noc", "opened resource-blocked").expect("boss")


def test_a_storm_is_held_back_and_told_together(timeline):
    story = timeline(NOC + 'brake = { count = 3, window = "10m" }\ndigest = false\n')
    names = [f"r{number:02}" for number in range(12)]
    story.at(0)
    for name in names:  # each on a node of its own: else it would be one story
        story.fails(name, task="stop", on=f"of-{name}")
    story.expect("noc", *["opened resource-blocked"] * 3, "braked")
    story.at(60).starts(names[5]).fencing_fails("n9", seen_by="ab").expect("noc", "opened fencing-failure")
    story.at(120).restart().expect("noc")
    story.at(601)
    (summary,) = story.heard("noc")
    assert summary.kind == "summary"
    assert len(summary.items) == 8, "what ended while the bridge was restarted is left to the digest"
    assert len(summary.numbers) == 8
    story.restart().at(650).expect("noc")
    story.starts(*names).at(680).expect("noc", *["closed resource-blocked"] * 3, "closed fencing-failure")
    story.at(735)
    (ends,) = story.heard("noc")
    assert [one.state for one in ends.items] == [State.CLOSED] * 8
    assert [one.root for one in ends.items] == [f"resource/{name}" for name in names[3:5] + names[6:]]


def test_the_morning_digest_tells_what_healed_and_comes_once(timeline):
    story = timeline(NOC + 'digest = { at = "07:30", location = "Europe/Berlin" }\n')
    due = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
    story.at(0).fails("web").at(2).starts("web").at(HOUR).expect("noc")
    story.fails("db", task="stop").at(HOUR + 60).starts("db").at(2 * HOUR)
    story.expect("noc", "opened resource-blocked", "closed resource-blocked")
    story.close()  # the bridge is down at that hour
    story.now = due + timedelta(hours=1)
    story.open()
    story.turn()
    (digest,) = story.heard("noc")
    assert digest.kind == "digest"
    assert [one.root for one in digest.items] == ["resource/web"], "who heard of it needs no digest of it"
    assert (digest.since, digest.until) == (due - timedelta(days=1), due)
    story.restart().until(due + timedelta(days=3)).expect("noc")


@pytest.mark.parametrize("wait", [0, 3 * HOUR])
def test_a_silence_keeps_quiet_but_not_about_the_end(timeline, wait):
    story = timeline(NOC + "digest = false\n")
    story.at(0).fails("db", task="stop").expect("noc", "opened resource-blocked")
    story.silence("cluster=alpha", 6 * HOUR).fails("web", task="stop").restart().at(wait + 10).starts("db", "web")
    story.at(wait + 100)
    (end,) = story.heard("noc")
    assert (str(end.kind), end.incident.root) == ("closed", "resource/db")


def test_planned_work_survives_a_restart_and_ends_by_itself(timeline):
    story = timeline(NOC + "digest = false\n")
    story.at(0).plan("resource=web", HOUR).restart().at(10).fails("web", task="stop").at(HOUR - 10).expect("noc")
    ((work,),) = ([one for one in story.line.router.silences(story.now) if one.planned == "resource=web"],)
    assert work.author == "ann (page)"
    story.fails("db", task="stop").expect("noc", "opened resource-blocked")
    story.at(HOUR + 10).expect("noc", "opened resource-blocked")
    assert story.line.router.silences(story.now) == []


def test_two_stories_that_become_one_go_on_in_one_thread_and_the_other_says_so(timeline):
    story = timeline(NOC + "digest = false\n")
    story.at(0).member("e", seen_by="abcd").lost("d", seen_by="abce").at(100).lost("e", seen_by="abc").at(170)
    first, second = story.heard("noc")
    story.at(200).lost("c", seen_by="ab").at(230)
    worse, last = story.heard("noc")  # an update in the thread that ends; and a ring, since the quorum is lost
    assert (str(worse.kind), worse.incident.kind) == ("escalated", "quorum-lost")
    (whole,) = story.ledger.incidents(state="open")
    assert (str(last.kind), last.moved, last.goes_on_as) == ("updated", True, whole[0])
    story.restart().at(240).starts("web").restart().at(300).expect("noc")
    story.at(400).member("c", seen_by="ab").member("d", seen_by="abc").member("e", seen_by="abcd").at(700)
    (end,) = story.heard("noc")
    assert str(end.kind) == "closed"
    assert (first.thread, second.thread) == (last.thread, end.thread) == (last.thread, worse.thread)
