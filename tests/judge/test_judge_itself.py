"""The judge finds a wrong answer: each row spoils one thing of a right one."""

from copy import deepcopy

import pytest

from tests.judge.judge import complaints

EXPECTED = {
    "incidents": [
        {
            "kind": ["node-failure"],
            "root": ["node/n3"],
            "peak": ["critical"],
            "end": ["closed"],
            "members": ["resource/web", "node/n3"],
            "outages": {"resource/web": [1.5, 6], "root": [2, 20]},
            "says": ["web"],
        }
    ],
    "n": [1, 1],
    "rings": [1, 2],
}


def notice(at, kind, receiver="bell"):
    return {"at": f"2026-01-01T00:00:{at:02}+00:00", "kind": kind, "receiver": receiver, "reason": "because"}


def incident(kind="node-failure", root="node/n3", **changes):
    return {
        "kind": kind,
        "root": root,
        "peak": "critical",
        "severity": "ok",
        "state": "closed",
        "opened_at": "2026-01-01T00:00:00+00:00",
        "closed_at": "2026-01-01T00:00:20+00:00",
        "subjects": ["node/n3", "resource/web"],
        "outages": {"resource/web": 2.5, "node/n3": 10},
        "planned": False,
        "summary": "n3 failed and was fenced; web moved to n1",
        "notices": [notice(1, "opened"), notice(5, "updated"), notice(20, "closed")],
        **changes,
    }


def answer(*incidents, **changes):
    return {"incidents": list(incidents), "reports": 10, "unreadable": 0, **changes}


def expect(*stories, **changes):
    return {"incidents": list(stories), "n": [len(stories), len(stories)], "rings": [0, 9], **changes}


def story(kind="resource-down", root="resource/a", **changes):
    return {"kind": [kind], "root": [root], "peak": ["critical"], "end": ["open"], **changes}


def test_a_right_answer_has_no_complaint():
    assert complaints(answer(incident()), EXPECTED) == []


SPOILED = {
    "kind": ({"kind": "resource-failure"}, "nobody told node-failure"),
    "root": ({"root": "node/n2"}, "nobody told node-failure of node/n3"),
    "peak": ({"peak": "warning"}, "peak is not critical"),
    "info is not told": ({"peak": "info"}, "0 incidents told"),
    "planned is not told": ({"planned": True}, "0 incidents told"),
    "end": ({"state": "open", "notices": [notice(1, "opened")]}, "end is not closed"),
    "clearing is no end": ({"state": "clearing", "notices": [notice(1, "opened")]}, "end is not closed"),
    "member": ({"subjects": ["node/n3"]}, "resource/web is not drawn in"),
    "no outage": ({"outages": {"node/n3": 10}}, "no outage of resource/web"),
    "outage too long": ({"outages": {"resource/web": 7, "node/n3": 10}}, "outage of resource/web is 7 s"),
    "outage of the root": ({"outages": {"resource/web": 2, "node/n3": 1}}, "outage of node/n3 is 1 s"),
    "says": ({"summary": "n3 failed"}, "does not say web"),
    "names the root": ({"summary": "a node failed, web moved"}, "does not say n3"),
    "no part of a word": ({"summary": "n31 failed, web moved"}, "does not say n3"),
    "no ring": ({"notices": []}, "rang 0 times"),
    "too many rings": ({"notices": [notice(1, "opened"), *[notice(9, "reminder")] * 2, notice(20, "closed")]}, "rang 3 times"),
    "end without beginning": ({"notices": [notice(20, "closed")]}, "before opened"),
    "escalated first": ({"notices": [notice(1, "escalated"), notice(2, "opened"), notice(20, "closed")]}, "before opened"),
    "no end": ({"notices": [notice(1, "opened")]}, "never heard of the end"),
    "after the end": ({"notices": [notice(1, "opened"), notice(20, "closed"), notice(21, "escalated")]}, "after closed"),
    "opened twice": ({"notices": [notice(1, "opened"), notice(2, "opened"), notice(20, "closed")]}, "2 times that it opened"),
    "no reason": ({"notices": [{**notice(1, "opened"), "reason": ""}, notice(20, "closed")]}, "without a reason"),
    "unknown notice": ({"notices": [notice(1, "opened"), notice(2, "shouted"), notice(20, "closed")]}, "unknown kind"),
}


@pytest.mark.parametrize("changes, words", SPOILED.values(), ids=SPOILED.keys())
def test_a_wrong_incident_is_found(changes, words):
    assert words in " | ".join(complaints(answer(incident(**changes)), EXPECTED))


FORBIDDEN = {
    "never_says": (["nobody fenced"], {"summary": "n3 failed, nobody fenced it; web"}, "'nobody fenced' is said"),
    "never_says in a notice": (["because"], {}, "'because' is said"),
    "never_members": (["resource/web"], {}, "resource/web is drawn in"),
    "never_away": (["node/n3"], {"outages": {"resource/web": 2.5, "node/n3": None}}, "node/n3 is still away"),
    "severity": (["warning"], {"state": "open", "severity": "critical"}, "is critical, not warning"),
}


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_what_may_not_be_is_found(rule):
    forbidden, changes, words = FORBIDDEN[rule]
    expected = deepcopy(EXPECTED)
    expected["incidents"][0][rule.split()[0]] = forbidden
    assert words in " | ".join(complaints(answer(incident(**changes)), expected))


def test_unreadable_reports_are_found():
    assert complaints(answer(incident(), unreadable=2), EXPECTED) == ["2 reports were unreadable"]


def test_an_answer_without_its_fields_is_found():
    broken = incident()
    del broken["outages"]
    assert complaints({"incidents": [broken], "reports": 1, "unreadable": 0}, EXPECTED) == [
        "incident node-failure node/n3 has no 'outages'"
    ]
    assert "the answer has no 'reports'" in complaints({"incidents": [], "unreadable": 0}, EXPECTED)


def test_a_closed_word_about_an_open_incident_is_found():
    lying = incident(state="open")
    assert "heard closed, but it is not" in " ".join(complaints(answer(lying), EXPECTED))


def test_a_stranger_is_found_unless_it_may_be():
    stranger = incident("redundancy-lost", "node/n3", state="open", notices=[])
    two = {**EXPECTED, "n": [1, 2]}
    assert "nobody expected redundancy-lost" in complaints(answer(incident(), stranger), two)[0]
    assert complaints(answer(incident(), stranger), {**two, "may": ["redundancy-lost"]}) == []
    assert complaints(answer(incident(), stranger), {**two, "may": ["redundancy-lost node/n3"]}) == []
    assert complaints(answer(incident(), stranger), {**two, "may": ["redundancy-lost node/n2"]}) != []


def test_a_planned_one_is_nobodys_business_but_its_rings_count():
    planned = incident("resource-failure", "resource/x", planned=True)
    assert complaints(answer(planned), expect(rings=[0, 1])) == []
    assert "rang 1 times" in complaints(answer(planned), expect(rings=[0, 0]))[0]


def test_planned_only_where_either_is_allowed():
    planned = incident(planned=True)
    either = deepcopy(EXPECTED)
    either["n"] = [0, 1]
    assert complaints(answer(planned), either) != []
    either["incidents"][0]["planned"] = "either"
    assert complaints(answer(planned), either) == []
    assert complaints(answer(incident()), either) == []
    assert "nobody told" in complaints(answer(), {**either, "rings": [0, 0]})[0]


def test_each_receiver_is_counted_and_followed_alone():
    both = incident(
        notices=[notice(1, "opened"), notice(2, "opened", "mail"), notice(20, "closed"), notice(20, "closed", "mail")]
    )
    assert complaints(answer(both), {**EXPECTED, "rings": [1, 1]}) == []
    lame = incident(notices=[notice(1, "opened"), notice(20, "closed"), notice(20, "closed", "mail")])
    assert "mail heard closed first" in " ".join(complaints(answer(lame), EXPECTED))


def test_an_end_may_be_taken_back_by_a_ring_where_that_is_expected():
    expected = deepcopy(EXPECTED) | {"reopens": True, "rings": [1, 3]}
    expected["incidents"][0]["end"] = ["open"]
    told = [notice(1, "opened"), notice(20, "closed"), notice(21, "escalated")]
    back = incident(state="open", notices=told)
    assert complaints(answer(back), expected) == []
    assert "heard escalated after closed" in " ".join(complaints(answer(back), expected | {"reopens": False}))
    assert complaints(answer(incident(state="open", notices=told[:2])), expected) != []
    assert complaints(answer(incident(state="open", notices=[*told[:2], notice(21, "reminder")])), expected) != []


def test_notices_are_judged_in_the_order_of_their_time():
    swapped = incident(notices=[notice(20, "closed"), notice(1, "opened")])
    assert complaints(answer(swapped), EXPECTED) == []


def test_closed_and_nothing_else_is_a_false_green_where_redundancy_is_gone():
    expected = deepcopy(EXPECTED)
    expected["n"] = [1, 2]
    expected["may"] = ["redundancy-lost"]
    expected["incidents"][0]["end"] = ["open", "closed+redundancy-lost"]
    gone = incident("redundancy-lost", "node/n3", peak="warning", state="open", notices=[])
    assert "end is not open" in complaints(answer(incident()), expected)[0]
    assert complaints(answer(incident(), gone), expected) == []
    assert complaints(answer(incident(), {**gone, "state": "closed"}), expected) != []


DOWN = {"kind": "resource-down", "state": "open", "outages": {}, "notices": []}


def test_none_serves_twice():
    one = incident(**DOWN, root="resource/a", subjects=["resource/b"], summary="a and b are down")
    both = [story(root="resource/a"), story(root="resource/b")]
    assert "nobody told resource-down of resource/b" in " ".join(complaints(answer(one), expect(*both)))


def test_one_incident_may_tell_of_several_where_fewer_are_allowed():
    one = incident(**DOWN, root="resource/a", subjects=["resource/b"], summary="a and b are down")
    both = [story(root="resource/a"), story(root="resource/b")]
    assert complaints(answer(one), expect(*both, n=[1, 2])) == []
    silent = {**one, "summary": "a is down"}
    assert "does not say b" in complaints(answer(silent), expect(*both, n=[1, 2]))[0]
    assert complaints(answer({**one, "subjects": []}), expect(*both, n=[1, 2])) != []


def test_the_assignment_that_fits_best_is_taken():
    ended = incident(**{**DOWN, "state": "closed"}, root="resource/a", summary="a")
    still = incident(**DOWN, root="resource/a", summary="a")
    both = [story(end=["open"]), story(end=["closed"])]
    assert complaints(answer(ended, still), expect(*both)) == []
    assert complaints(answer(ended, ended), expect(*both)) != []


def test_a_side_of_a_replica_is_named_by_both_names():
    side = incident(
        "replica-io-error", "drbd/r0@alpha", state="open", outages={}, notices=[], summary="r0 lost its disk on alpha"
    )
    expected = expect(story("replica-io-error", "drbd/r0@alpha"))
    assert complaints(answer(side), expected) == []
    assert "does not say alpha" in complaints(answer({**side, "summary": "r0 lost its disk"}), expected)[0]


def test_nothing_told_of_nothing():
    assert complaints(answer(), expect(rings=[0, 0])) == []
    assert "1 incidents told, not 0 to 0" in complaints(answer(incident()), expect())[0]
