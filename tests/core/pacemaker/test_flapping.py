"""Many failures with successes between them are one series, which is over when it has been quiet."""


def flap(cluster, times, every=30):
    for number in range(times):
        cluster.at(100 + every * number).fails("n1", "db").stops("n1", "db").starts("n1", "db")


def test_it_lasted_as_long_as_it_flapped_not_the_quiet_time_after(cluster):
    flap(cluster, 4)
    assert cluster.at(700).stories() == [("resource-flapping", "resource/db", "warning", "open")]
    assert cluster.at(900).stories() == [("resource-flapping", "resource/db", "ok", "closed")]
    series = next(one for one in cluster.incidents.values() if one.absorbed_into is None)
    assert series.facts["recovered_at"].startswith("2026-01-01T00:03:10")
    assert series.facts["failures"] == "4"


def test_two_failures_are_not_a_series(cluster):
    flap(cluster, 2)
    assert {kind for kind, *_ in cluster.at(900).stories()} == {"resource-failure"}


def test_a_series_whose_node_dies_is_over_in_the_larger_story(cluster):
    """The service goes on with the node's story; the series does not stay open for ever."""
    flap(cluster, 3)
    cluster.at(200).lost("n1", by="n2 n3").fenced("n1", by="n2 n3").starts("n2", "db").at(210).member("n1", by="n2 n3")
    assert {state for *_, state in cluster.at(1500).stories()} == {"closed"}


def test_why_it_rings_is_the_series_not_its_first_failure(cluster):
    flap(cluster, 3)
    series = next(one for one in cluster.incidents.values() if one.absorbed_into is None)
    assert series.reason == "db failed 3 times within 10 minutes, with successes between"
