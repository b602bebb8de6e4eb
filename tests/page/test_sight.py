"""One sentence on top: what is so, and never that all is well when nobody knows it."""

from datetime import timedelta

import msgspec
import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import State
from bridge.core.world.outage import Outage
from bridge.ledger.overview import Overview, Woken
from bridge.ledger.records import Standing
from bridge.page.sight.seen import Seen, chosen
from bridge.page.sight.sight import sight
from bridge.page.words import LANGUAGES, word
from tests.page.scenes import CRITICAL, NOW, WARNING, condition, incident, minutes, node_lost, silent, well
from tests.page.test_seen import brief, silence

RUNS = {"running": True}


def seen(*commits, briefs=(), bridge=RUNS, stories=None, **given):
    conditions, layout, relays = {}, {}, {}
    for commit in commits:
        conditions |= {(one.cluster, one.subject): one for one in commit.conditions}
        layout |= {(one.cluster, one.name): one for one in commit.layout}
        relays |= {(one.cluster, one.node): one for one in commit.edges}
    overview = Overview(
        revision=1,
        briefs=list(briefs),
        conditions=list(conditions.values()),
        unwell={},
        layout=list(layout.values()),
        edges=list(relays.values()),
        failovers={"berlin": (3, minutes(600)), "hamburg": (9, minutes(60))},
        last_end=minutes(90),
        last_report=minutes(2),
    )
    known = stories if stories is not None else {one.number: incident(one.key, cluster=one.cluster) for one in briefs}
    found = chosen(Seen(overview=overview, bridge=bridge, **given), NOW, lambda _: known.items())
    return found.with_stories(known.items(), given.get("woken", ()))


def said(found, language="en"):
    key, values = sight(found, language).sentence
    return word(language, key, **values)


def test_all_is_well():
    found = sight(seen(well("berlin"), well("hamburg")), "en")
    assert (found.state, found.sentence[0], found.since, found.failover) == (
        "ok",
        "well_many",
        minutes(90),
        ("hamburg", 9, minutes(60)),
    )
    assert said(seen(well("berlin"))) == "All is well in 1 cluster"
    assert said(seen(well("berlin"), well("hamburg")), "de") == "In 2 Clustern ist alles gut"


def test_somebody_is_needed():
    one = seen(well("berlin"), node_lost(), briefs=[brief(1, severity=CRITICAL), brief(2)])
    found = sight(one, "en")
    assert (found.state, said(one), found.since) == ("critical", "2 incidents need somebody", minutes(2))
    assert found.clusters[0].state == "critical"
    assert said(seen(well("berlin"), briefs=[brief(1)])) == "1 incident needs somebody"
    assert sight(seen(well("berlin"), briefs=[brief(1)]), "en").state == "warning"


def test_what_is_looked_after_is_not_called_well():
    one = seen(
        well("berlin"),
        briefs=[brief(1), brief(2)],
        bridge={"running": True, "acknowledged": {"k1": "anna"}},
        silences=(silence('root="resource/web"'),),
    )
    assert (sight(one, "en").state, said(one)) == ("warning", "2 incidents are being looked after")


def test_what_heals():
    one = seen(well("berlin"), briefs=[brief(1, state=State.CLEARING)])
    assert (sight(one, "en").state, said(one)) == ("ok", "1 incident is healing or not yet clear")


def test_trouble_without_an_incident_is_not_called_well():
    odd = msgspec.structs.replace(condition("berlin", "node/n1"), severity=WARNING, why="no quorum")
    one = seen(well("berlin"), type(well("x"))(now=NOW, conditions=[odd]))
    assert (sight(one, "en").state, said(one)) == ("warning", "Nothing is open, but not all is well in berlin")


def test_a_silent_cluster_is_unknown_however_well_the_others_are():
    one = seen(well("berlin"), well("hamburg"), silent("hamburg"))
    assert (sight(one, "en").state, said(one)) == ("unknown", "Nobody knows how hamburg is: no relay is heard")
    both = seen(well("berlin"), well("hamburg"), silent("hamburg"), briefs=[brief(1)])
    assert said(both) == "1 incident needs somebody"
    assert [key for key, _ in sight(both, "en").beside] == ["unknown_one"]


def test_without_a_bridge_nothing_is_well_and_nothing_is_counted_as_known():
    one = seen(well("berlin"), briefs=[brief(1, severity=CRITICAL)], bridge={"running": False, "why": "no bridge answers there"})
    found = sight(one, "en")
    assert (found.state, found.sentence, found.is_known) == (
        "unknown",
        ("bridge_away", {"why": "no bridge answers there"}),
        False,
    )
    assert found.since == minutes(2), "when the last report came"
    assert {cluster.state for cluster in found.clusters} == {"unknown"}


def test_without_the_ledger_nothing_is_shown_as_it_was():
    gravest = [{"summary": "Node n3 is lost.", "severity": "critical", "cluster": "berlin"}]
    found = sight(Seen(why="disk I/O error", at=NOW, bridge={"running": True, "gravest": gravest}), "en")
    assert (found.state, found.sentence, found.clusters, found.piles) == (
        "unknown",
        ("ledger_unread", {"why": "disk I/O error"}),
        (),
        (),
    )
    assert found.from_memory == tuple(gravest)
    alone = sight(Seen(why="away", at=NOW, bridge={"running": False, "why": "gone"}), "en")
    assert [key for key, _ in alone.beside] == ["bridge_away_too"]


def test_while_nothing_can_be_stored_nobody_knows_what_came_since():
    gravest = [{"summary": "Node n3 is lost.", "severity": "critical", "cluster": "berlin"}]
    word_of_it = {"ledger_away": {"why": "disk full"}, "gravest": gravest}
    found = sight(seen(well("berlin"), bridge=RUNS | word_of_it), "en")
    assert (found.state, found.sentence, found.is_known) == ("unknown", ("nothing_stored", {"why": "disk full"}), False)
    assert {cluster.state for cluster in found.clusters} == {"unknown"}
    assert (found.from_memory, found.piles) == (tuple(gravest), ())
    known = sight(seen(well("berlin"), briefs=[brief(1)], bridge=RUNS | {"ledger_away": {"why": "disk full"}}), "en")
    assert (known.state, known.from_memory, known.pile("needs").count) == ("unknown", (), 1)


def test_a_ledger_in_which_nothing_is_yet():
    found = sight(seen(), "en")
    assert (found.state, found.sentence[0]) == ("unknown", "no_reports")


@pytest.mark.parametrize(
    "word_of_it, key",
    [
        ({"kept_out": [{"node": "n1", "cluster": "berlin", "why": "too much"}]}, "kept_out"),
        ({"config": {"mistakes": ["x"]}}, "config_refused"),
        ({"faults": [{"count": 2}, {"count": 1}]}, "faults"),
    ],
)
def test_what_is_wrong_with_the_watch_itself_stands_beside(word_of_it, key):
    found = sight(seen(well("berlin"), bridge=RUNS | word_of_it), "en")
    assert [one for one, _ in found.beside] == [key]
    assert all(word(language, key, **values) for language in LANGUAGES for one, values in found.beside)


def test_an_incident_says_who_has_it_how_long_and_whom_it_woke():
    story = incident(
        "k1",
        outages=(
            Outage("guest/a", minutes(9), minutes(8)),
            Outage("guest/a", minutes(7)),
            Outage("guest/b", minutes(9)),
            Outage("guest/c", minutes(9), minutes(4)),
        ),
        more_away=2,
    )
    woken = (
        Woken(number=1, receiver="mail", kind=Telling.OPENED, state=Standing.DELIVERED, delivered_at=minutes(6)),
        Woken(number=1, receiver="mail", kind=Telling.REMINDER, state=Standing.DELIVERED, delivered_at=minutes(2)),
        Woken(number=1, receiver="chat", kind=Telling.OPENED, state=Standing.PENDING, delivered_at=None),
        Woken(number=1, receiver="sms", kind=Telling.OPENED, state=Standing.GIVEN_UP, delivered_at=None),
    )
    one = seen(briefs=[brief(1)], bridge=RUNS | {"acknowledged": {"k1": "anna"}}, stories={1: story}, woken=woken)
    (told,) = sight(one, "en").pile("taken").stories
    assert told.taken_by == "anna"
    assert [(away.name, away.since, away.lasted) for away in told.away] == [
        ("b", minutes(9), timedelta(0)),
        ("a", minutes(7), timedelta(minutes=1)),
        ("c", None, timedelta(minutes=5)),
    ]
    assert told.more_away == 2
    assert [(rung.receiver, rung.at, rung.failed, rung.times) for rung in told.rung] == [
        ("mail", minutes(6), False, 2),
        ("chat", None, False, 0),
        ("sms", None, True, 0),
    ]
    assert "n3" in told.sentence


def test_the_sentence_of_an_incident_is_in_the_reader_s_language():
    one = seen(briefs=[brief(1)])
    assert sight(one, "en").pile("needs").stories[0].sentence == "Node n3 is lost."
    assert sight(one, "de").pile("needs").stories[0].sentence == "Knoten n3 ist verloren."


def test_who_silenced_it():
    one = seen(briefs=[brief(1)], silences=(silence('root="resource/web"'),))
    assert sight(one, "en").pile("silenced").stories[0].silenced_by == "carl"


def test_what_is_not_told_is_counted():
    one = seen(
        well("berlin"), briefs=[brief(number) for number in range(1, 101)], stories={n: incident(f"k{n}") for n in range(1, 101)}
    )
    pile = sight(one, "en").pile("needs")
    assert (len(pile.stories), pile.more, pile.count) == (20, 80, 100)
