"""Every subject that was ever heard of has a condition; it changes when something changed."""

import pytest


def test_who_is_there_is_shown_by_somebodys_word(cluster):
    assert cluster.condition("node/n2") == ("ok", "member of the cluster")
    assert cluster.condition("relay/n2") == ("ok", "its reports come in")
    assert cluster.condition("cluster") == ("ok", "nobody has lost quorum")
    assert cluster.condition("resource/web") == ("ok", "runs on n3")


def test_a_good_word_that_says_nothing_new_changes_nothing(cluster):
    before = dict(cluster.conditions)
    cluster.at(60).does("n3", "web", "monitor", interval=10_000).member("n1", by="n2").starts("n1", "db")
    assert cluster.conditions == before


@pytest.mark.parametrize(
    "deeds, subject, shown",
    [
        ([("stops", "n3", "web")], "resource/web", ("info", "stopped on n3, as asked")),
        ([("stops", "n3", "web"), ("starts", "n1", "web")], "resource/web", ("ok", "runs on n1")),
        ([("does", "n3", "vm-a", "migrate_to")], "guest/vm-a", ("ok", "moves live from n3")),
        ([("does", "n3", "vm-a", "migrate_to"), ("does", "n1", "vm-a", "migrate_from")], "guest/vm-a", ("ok", "runs on n1")),
        ([("starts", "n1", "ip"), ("starts", "n2", "ip")], "resource/ip", ("ok", "runs on n1, n2")),
        (
            [("starts", "n1", "pg:0"), ("starts", "n2", "pg:1"), ("does", "n1", "pg:0", "promote")],
            "resource/pg",
            ("ok", "promoted on n1, runs on n2"),
        ),
        ([("fenced", "n2", "n1 n3")], "fencing/n2", ("ok", "fencing worked (reboot)")),
        ([("attribute", "n2", "pingd", "1000")], "attribute/pingd@n2", ("ok", "pingd of n2 is 1000")),
        ([("attribute", "n2", "pingd", "0")], "attribute/pingd@n2", ("warning", "pingd of n2 is 0")),
        ([("attribute", "n2", "standby", "on")], "node/n2", ("info", "in standby, until its next start")),
        (
            [("attribute", "n2", "standby", "on"), ("attribute", "n2", "standby", "")],
            "node/n2",
            ("ok", "member of the cluster"),
        ),
        ([("attribute", "n2", "shutdown", "1767225660")], "node/n2", ("info", "about to leave in good order")),
    ],
)
def test_how_it_is(cluster, deeds, subject, shown):
    for verb, *words in deeds:
        getattr(cluster, verb)(*words)
    assert cluster.condition(subject) == shown


def test_planned_work_is_shown_and_no_incident(cluster):
    cluster.at(60).attribute("n3", "shutdown", "1767225660").stops("n3", "web").starts("n1", "web").lost("n3", by="n1 n2")
    assert cluster.at(600).stories() == []
    assert cluster.condition("node/n3") == ("info", "left in good order: it announced its shutdown")
    assert cluster.condition("resource/web") == ("ok", "runs on n1")
    cluster.at(700).member("n3", by="n1 n2")
    assert cluster.condition("node/n3") == ("ok", "member of the cluster")


def test_trouble_goes_before(cluster):
    cluster.at(60).fails("n3", "web")
    assert cluster.condition("resource/web") == ("warning", "web: monitor failed on n3: error")
    cluster.stops("n3", "web").starts("n3", "web")
    assert cluster.condition("resource/web") == ("ok", "runs on n3")
    assert cluster.conditions["resource/web"].incident_key is not None


def test_a_partition_puts_quorum_in_doubt_until_it_is_settled(cluster):
    cluster.at(60).lost("n2", by="n3").lost("n3", by="n2")
    assert cluster.condition("cluster") == ("warning", "n2 and n3 call each other lost")
    cluster.lost("n3", by="n1").fenced("n3", by="n1 n2")
    assert cluster.condition("cluster") == ("ok", "nobody has lost quorum")


def test_only_cut_off_nodes_accused_it(cluster):
    cluster.at(60).lost("n2", by="n3")
    assert cluster.condition("node/n2")[0] == "warning"
    cluster.at(61).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    assert cluster.condition("node/n2")[0] == "ok"


def test_a_condition_that_never_was_is_taken_back(cluster):
    """A report that comes late shows that whoever spoke of a node had no say any more: nothing is known of that node."""
    cluster.at(60).lost("n9", by="n3")
    assert cluster.condition("node/n9")[0] == "warning"
    cluster.at(55).lost("n3", by="n1 n2").fenced("n3", by="n1 n2")
    assert cluster.condition("node/n9") == ("unknown", "what was told of it is void")
