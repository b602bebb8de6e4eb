"""What is stopped because something else failed is part of that story, when it comes back or stays down."""


def app_on_n2(cluster):
    return cluster.at(50).starts("n2", "app")


def test_what_depends_on_it_on_another_node_is_drawn_in(cluster):
    app_on_n2(cluster).at(100).fails("n1", "db").at(101).stops("n2", "app").stops("n1", "db").starts("n1", "db")
    cluster.at(104).starts("n2", "app")
    assert cluster.at(200).stories() == [("resource-failure", "resource/db", "ok", "closed")]
    (story,) = cluster.incidents.values()
    away = {one.subject: (one.ended_at - one.began_at).total_seconds() for one in story.outages}
    assert set(away) == {"resource/db", "resource/app"}
    assert 2 < away["resource/app"] < 4


def test_a_stop_elsewhere_some_time_after_is_the_administrators(cluster):
    app_on_n2(cluster).at(100).fails("n1", "db").at(110).stops("n2", "app").at(112).starts("n2", "app").starts("n1", "db")
    (story,) = cluster.incidents.values()
    assert story.subjects == ("resource/db",)


def test_what_stays_down_with_it_is_told_with_it(cluster):
    app_on_n2(cluster).at(100).fails("n1", "db").at(101).stops("n2", "app").stops("n1", "db")
    assert cluster.condition("resource/app") == ("info", "stopped on n2, right after a failure")
    cluster.at(200)
    assert cluster.condition("resource/app") == ("critical", "stopped with db, and not started again")


def test_a_story_long_forgotten_is_not_asked_about(cluster):
    """A bystander that is started again after days finds no incident any more."""
    app_on_n2(cluster).at(100).fails("n1", "db").at(101).stops("n2", "app").starts("n1", "db").at(200)
    assert cluster.at(300).starts("n2", "app").condition("resource/app") == ("ok", "runs on n2")


def test_what_a_leaving_node_stops_is_not_stopped_because_of_a_failure(cluster):
    cluster.at(50).starts("n3", "app").at(100).fails("n3", "app").stops("n3", "app").starts("n3", "app")
    cluster.at(110).attribute("n3", "shutdown", "1767225700").stops("n3", "web").stops("n3", "app").lost("n3", by="n1 n2")
    cluster.at(111).starts("n1", "web").starts("n1", "app")
    stories = [one for one in cluster.at(300).incidents.values() if one.absorbed_into is None]
    assert {outage.subject for story in stories for outage in story.outages} == {"resource/app"}
