"""A receiver that does not answer: who waits, who does not, and what it hears when it is back. On the real ledger."""

from datetime import timedelta

from bridge.core.telling.circuit import Circuit
from bridge.core.telling.notice import GiveUp
from bridge.core.world.incident import State
from tests.conftest import times
from tests.timeline import hand_bell
from tests.timeline.conftest import BELL

HOUR = 3600
NOC = f"[receivers.noc]\n{BELL}brake = false\ndigest = false\n"
AT_ONCE = '[correlation]\nclear_after = "2s"\ndown_after = "9h"\n[[routes]]\nreceivers = ["noc"]\nhold = "0s"\n'


def test_an_hour_away_and_five_thousand_changes(timeline):
    story = timeline(NOC + AT_ONCE)
    story.at(0).fails("before").expect("noc", "opened resource-failure")
    story.down("noc")
    lasting = ["lasting-1", "lasting-2"]
    story.at(1).fails(*lasting, task="monitor")
    rounds = times(50)  # of 50 resources that fail and heal: 5,000 reports in CI
    for number in range(rounds):
        names = [f"r{number}-{place}" for place in range(50)]
        story.at(10 + 3500 // rounds * number).fails(*names)
        story.at(10 + 3500 // rounds * number + 5).starts(*names)
    story.starts("before").at(HOUR - 1)
    changes = sum(1 for _ in story.ledger.reports())
    assert changes > 100 * rounds
    assert story.bells.health["noc"].circuit(story.now) is not Circuit.CLOSED
    assert story.tried("noc") < 150, "nobody hammers at a closed door"
    story.restart().up("noc").at(HOUR + 20 * 60)
    told = story.heard("noc")
    singles = [(str(one.kind), one.incident.root) for one in told if not one.kind.bundles]
    assert sorted(singles) == [("closed", "resource/before"), ("opened", "resource/lasting-1"), ("opened", "resource/lasting-2")]
    bundles = [one for one in told if one.kind.bundles]
    assert len(bundles) <= 3, [(one.at, len(one.items)) for one in bundles]
    assert all(item.state is State.CLOSED for one in bundles for item in one.items)
    listed = {number for one in bundles for number in story.ledger.mentioned([one.id])[one.id]}
    assert len(listed) == 50 * rounds, "each that ended has its line"
    still = [one for one in told if one.kind == "opened"]
    assert all(one.incident.state is State.OPEN for one in still)
    assert all(queue.pending == 0 for queue in story.ledger.queues().values())


def test_an_open_incident_is_told_as_it_is_now(timeline):
    story = timeline(NOC)
    story.down("noc")
    story.at(0).lost("c", seen_by="ab").at(61).at(70).fencing_fails("c", seen_by="ab").at(400)
    assert story.heard("noc") == []
    story.up("noc").at(1500)
    (notice,) = story.heard("noc")
    assert (str(notice.kind), str(notice.incident.kind)) == ("opened", "fencing-failure")
    assert "told late, as it is now" in notice.reason


def test_what_is_urgent_does_not_wait_for_the_circuit(timeline):
    story = timeline(NOC + AT_ONCE)
    story.down("noc")
    story.at(0).fails("web").at(55)
    health = story.bells.health["noc"]
    assert health.circuit(story.now) is Circuit.OPEN
    before = story.tried("noc")
    story.fails("mild")
    assert story.tried("noc") == before, "a warning waits for the pause to end"
    story.up("noc").fails("db", task="stop")
    told = story.heard("noc")
    assert (str(told[0].kind), told[0].incident.root) == ("opened", "resource/db"), "critical: tried at once, and first"
    assert {one.incident.root for one in told} == {"resource/db", "resource/web", "resource/mild"}, "then all others at once"
    assert story.bells.health["noc"].circuit(story.now) is Circuit.CLOSED


def test_the_circuit_outlives_a_restart_and_is_probed_by_one(timeline):
    story = timeline(NOC + AT_ONCE)
    story.down("noc")
    story.at(0).fails("web").at(55)
    paused = story.bells.health["noc"].paused_until
    story.fails("one", "two", "three").restart()
    assert story.bells.health["noc"].paused_until == paused
    before = story.tried("noc")
    story.until(paused - timedelta(seconds=1))
    assert story.tried("noc") == before
    story.until(paused + timedelta(seconds=1))
    assert story.tried("noc") == before + 1, "one probe"
    assert story.bells.health["noc"].circuit(story.now) is Circuit.OPEN


def test_a_wish_for_rest_is_for_all_that_is_not_urgent(timeline):
    story = timeline(NOC + AT_ONCE)
    story.down("noc", "429", timedelta(minutes=3))
    story.at(0).fails("web").at(1).fails("other").at(170)
    assert story.tried("noc") == 1
    story.up("noc").at(240)
    assert len(story.heard("noc")) == 2


def test_what_is_given_up_proves_that_somebody_answers(timeline):
    story = timeline(NOC + AT_ONCE)
    hand_bell.ANSWERS["noc"] = GiveUp("no such room")
    story.at(0).fails("web").at(1).fails("other")
    health = story.bells.health["noc"]
    assert (health.failures, health.failure) == (0, "no such room")
    assert story.ledger.queues()["noc"].given_up == 2
