"""A drill on a whole site: real hooks, relay, bridge, ledger, mail, chat and board; and somebody dies in the middle of it."""

import json
import re

import pytest

from bridge.wire.drill import STORIES
from tests.drill.site import BOARD, HOST
from tests.waiting import eventually

pytestmark = [pytest.mark.timeout(180), pytest.mark.whole]
HOPS = ("called_ms", "came_ms", "committed_ms", "decided_ms")


def good(result):
    code, told = result
    assert (code, told["verdict"], told["wrong"]) == (0, "green", []), told
    return told


def red(result):
    code, told = result
    assert (code, told["verdict"]) == (1, "red"), told
    return [one["what"] for one in told["wrong"]]


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_it_goes_all_the_way_and_leaves_nothing_behind(make, everybody, ledger, request):
    site = make(request.getfixturevalue("postgres").database() if ledger == "postgresql" else "").begin()
    for story in STORIES if ledger == "sqlite" else ("failover",):
        mails, posts = len(everybody.mails), len(everybody.chat.posts)
        told = good(site.drill(story))
        assert (told["woken"], told["played_by"], told["cluster"]) == (["ops", "team"], "n1", "alpha")
        assert [one["step"] for one in told["steps"]] == list(range(1, told["of"] + 1))
        for step in told["steps"]:
            hops = [step[name] for name in HOPS]
            assert hops == sorted(hops), "each after the one before"
            assert step["spooled_ms"] >= step["called_ms"]
            assert step["said"]
        assert {(one["receiver"], one["kind"], one["verdict"]) for one in told["told"]} >= {
            ("ops", "opened", "delivered"),
            ("ops", "closed", "delivered"),
            ("team", "opened", "delivered"),
            ("team", "closed", "delivered"),
        }
        first, last = everybody.subjects()[mails:]
        assert first.startswith("DRILL [alpha] ")
        assert last == f"Re: {first}"
        said = everybody.posts()[posts:]
        assert said[0].startswith("**DRILL 🔔 Vorbei"), "it was kept true in its place"
        assert [one["tried"] for one in told["boards"]] == [True]
        assert told["drill"] in everybody.board.thing(HOST, BOARD).output
        assert everybody.board.state(HOST, BOARD) == "ok"
        assert told["took_ms"] < 60_000
    assert set(site.sources()) == {"drill"}
    looks = ("incidents", "--json"), ("deliveries", "--json")
    for again in (lambda: None, lambda: site.restart("bridge"), lambda: site.command("replay")):
        again()
        assert site.known() == []
        assert [json.loads(site.command(*words).stdout) for words in looks] == [[], []]
    for thing in (("alpha", "Cluster"), ("drill-node", "Cluster Node")):
        assert "was never told" in everybody.board.thing(*thing).output or not everybody.board.thing(*thing).output


def test_dry_it_says_who_would_be_woken_and_tells_nobody(site, everybody):
    before = everybody.board.thing(HOST, BOARD).output
    told = good(site.drill("--dry"))
    assert told["woken"] == ["ops", "team"]
    assert {one["verdict"] for one in told["told"]} == {"not sent"}
    assert (everybody.mails, everybody.posts()) == ([], [])
    assert everybody.board.thing(HOST, BOARD).output == before


def test_a_person_reads_it(site, everybody):
    done = site.command("drill", "fencing-failure")
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"drill [0-9a-f]{8} in alpha: fencing-failure, played by n1", lines[0])
    assert any(line.startswith("1/6 ") and "drill-service runs on drill-node" in line for line in lines)
    assert any(line.split()[:2] == ["ops", "opened"] and "delivered: 1 recipient accepted" in line for line in lines)
    assert "woken in earnest: ops, team" in lines
    assert lines[-1].startswith("GREEN: all of it went through in ")


def test_a_real_failure_is_told_meanwhile_as_always(site, everybody):
    """Even if it is the same node's that is lost in the story."""
    site.slow()
    drill = site.drill_meanwhile("--node", "n2", "--resource", "web")
    eventually(lambda: everybody.mails)
    words = "Operation reboot of n2 by n1 for pacemaker-controld.1@n1: OK (ref=11111111-1111-1111-1111-111111111111)"
    site.call(kind="node", node="n2", desc="lost")
    site.call(kind="fencing", node="n2", task="st_notify_fence", rc="0", desc=words)
    eventually(lambda: any(one.startswith("[alpha] Node n2 failed") for one in everybody.subjects()))
    out, _ = drill.communicate(timeout=60)
    good((drill.returncode, json.loads(out)))
    (incident,) = json.loads(site.command("incidents", "--json").stdout)
    assert (incident["kind"], incident["state"]) == ("node-failure", "open"), "the node that came back is the drill's"
    assert len([one for one in everybody.subjects() if one.startswith("DRILL [alpha] Node n2")]) == 1
    assert not any(
        mail.get("X-Quorumbell-Drill") for mail in everybody.mails if not mail["Subject"].startswith(("DRILL", "Re: DRILL"))
    )


def test_it_needs_nothing_that_the_relays_unit_forbids(make, everybody):
    """The unit's own user calls the hooks, under the unit's filter of system calls."""
    site = make()
    site.confine()
    site.begin()
    good(site.drill("failover", "--dry"))
    good(site.drill("split-brain", "--dry"))


def test_one_at_a_time_in_a_cluster(site, everybody):
    site.slow()
    drill = site.drill_meanwhile()
    eventually(lambda: everybody.mails)
    code, why = site.drill()
    assert code == 1
    assert "runs just now" in why
    drill.communicate(timeout=60)
    assert drill.returncode == 0
    good(site.drill("split-brain"))


def test_the_bridge_dies_in_the_middle(site, everybody):
    site.slow()
    drill = site.drill_meanwhile()
    eventually(lambda: everybody.mails)
    site.restart("bridge")
    _, why = drill.communicate(timeout=60)
    assert drill.returncode == 1
    assert "the bridge hung up" in why
    # The rest of the story is brought to the new bridge, which knows of no drill.
    eventually(lambda: len([one for one in site.sources() if one == "drill"]) >= 4)
    assert site.known() == []
    (mail,) = everybody.mails
    assert "It is over at" in " ".join(mail.get_body(("plain",)).get_content().split())
    good(site.drill("split-brain"))
    assert site.known() == []


def test_the_relay_dies_in_the_middle(site, everybody):
    site.slow()
    drill = site.drill_meanwhile()
    eventually(lambda: everybody.mails)
    site.kill("relay")
    out, _ = drill.communicate(timeout=60)
    (what,) = red((drill.returncode, json.loads(out)))
    assert re.search(r"of 5 reports \d came, then none for 10 s", what)
    eventually(lambda: len(everybody.mails) == 2)
    assert everybody.subjects()[1] == f"Re: {everybody.subjects()[0]}"
    assert "DRILL: Over after" in everybody.mails[1].get_body(("plain",)).get_content()
    assert "Vorbei" in everybody.posts()[0]
    site.start("relay")
    site.hears()
    good(site.drill())
    assert site.known() == []
    assert len(everybody.mails) == 4


def test_a_hook_that_cannot_run_is_said_with_the_cure(site, everybody):
    (site.home / "hooks/quorumbell-alert").unlink()
    code, told = site.drill()
    assert code == 1
    (wrong,) = told["wrong"]
    assert "quorumbell-alert: No such file or directory: install the hooks there" in wrong["what"]
    assert wrong["cure"] == "then quorumbell-node doctor on n1"
    assert everybody.mails == []


def test_a_receiver_that_takes_nothing_is_said(site, everybody):
    everybody.sink.shutdown()
    everybody.sink.server_close()
    (what,) = red(site.drill("split-brain"))
    assert what.startswith("ops: opened, closed: not taken: 127.0.0.1:")
    assert any("Vorbei" in post for post in everybody.posts()), "the others are told"
    assert site.known() == []


def test_a_board_without_an_object_for_it_is_left_alone(make, everybody):
    site = make(drill_service="").begin()
    (board,) = good(site.drill("split-brain"))["boards"]
    assert (board["tried"], board["good"]) == (False, True)
    assert "drill_service in its table names one" in board["why"]
    assert "not tried" in site.command("drill", "split-brain").stdout


def test_an_object_that_is_not_there_is_not_tried_and_said(make, everybody):
    site = make(drill_service='drill_service = "Fire alarm"\n').begin()
    code, told = site.drill("split-brain")
    (board,) = told["boards"]
    assert (code, board["tried"], board["good"]) == (1, False, False)
    assert "there is no Fire alarm on bellhost: quorumbell setup opsview makes it" in board["why"]
    asked = [one for one in everybody.board.asked if "DRILL" in str(one.body)]
    assert asked == []


def test_what_is_silenced_is_silenced_in_a_drill(site, everybody):
    site.command("silence", "add", 'kind="node-failure"', "--for", "1h")
    (what,) = red(site.drill())
    assert re.fullmatch(r"nobody would have been woken by node-failure \(critical\): silence \w+ of root", what)
    assert everybody.mails == []
    good(site.drill("split-brain"))


def test_who_cannot_play_it_is_said(make, everybody):
    site = make()
    site.start("bridge")
    eventually((site.home / "control.sock").exists)
    code, why = site.drill()
    assert (code, "n1: its relay has not been heard" in why) == (1, True)
    code, why = site.drill("--cluster", "beta")
    assert "say which cluster, with --cluster; known are alpha" in why
    site.start("relay")
    site.hears()
    assert "no node of alpha named n7 can play it: n1: speaks" in site.drill("--from", "n7")[1]
    assert "'a b' is not a name" in site.drill("--node", "a b")[1]
    good(site.drill("--from", "n1"))
    assert site.command("drill", "earthquake").returncode == 2
