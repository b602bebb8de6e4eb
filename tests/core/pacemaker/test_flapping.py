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


def series_of(cluster):
    return next(one for one in cluster.incidents.values() if one.absorbed_into is None)


def test_it_sinks_as_soon_as_it_has_been_well_for_its_usual_time(cluster):
    flap(cluster, 3)
    cluster.at(200).fails("n1", "db").stops("n1", "db").at(240)
    assert cluster.stories() == [("resource-flapping", "resource/db", "critical", "open")]
    assert series_of(cluster).facts["down"] == "db"
    cluster.at(300).starts("n1", "db").at(310)
    assert series_of(cluster).facts["quiet_since"] == ""
    assert cluster.at(325).stories() == [("resource-flapping", "resource/db", "warning", "open")]
    assert series_of(cluster).facts["quiet_since"].startswith("2026-01-01T00:05:00")
    assert series_of(cluster).facts["down"] == ""


def test_another_failure_ends_the_quiet(cluster):
    flap(cluster, 3)
    cluster.at(300)
    assert series_of(cluster).facts["quiet_since"]
    cluster.fails("n1", "db")
    assert series_of(cluster).facts["quiet_since"] == ""
    assert cluster.at(325).stories() == [("resource-flapping", "resource/db", "warning", "open")]


def test_what_gets_well_without_a_start_is_not_restarted(cluster):
    for number in range(3):
        cluster.at(100 + 30 * number).fails("n1", "db").does("n1", "db", "monitor", interval=10_000)
    assert series_of(cluster).kind == "resource-flapping"
    assert "restarted" not in series_of(cluster).facts
    cluster.at(200).fails("n1", "db").stops("n1", "db").starts("n1", "db")
    assert series_of(cluster).facts["restarted"] == "yes"
