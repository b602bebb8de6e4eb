"""What belongs together, as a picture lists it: groups in their order, clones, who is a fence device."""

from tests.core.truth.looks import changed, seen


def laid(cluster):
    return {one.name.partition("/")[2]: one.how for one in cluster.correlator.layout()}


def test_groups_and_clones(cluster):
    found = laid(cluster.shows("n1", seen()))
    assert (found["web-fs"].group, found["web-fs"].place) == ("web", 0)
    assert (found["web-srv"].group, found["web-srv"].place) == ("web", 1)
    assert found["db"].clone == "db-clone"
    assert found["db"].on == {"n1": "started", "n2": "started", "n3": "promoted"}
    assert (found["ip"].group, found["ip"].clone) == ("", "")
    assert [name for name, how in found.items() if how.device] == ["fencing"]


def test_what_was_taken_out_of_its_group_stands_alone(cluster):
    cluster.shows("n1", seen())
    found = laid(cluster.at(70).shows("n1", changed(resources={"web-srv": {"group": ""}})))
    assert (found["web-fs"].group, found["web-srv"].group) == ("web", "")


def test_what_was_deleted_lies_nowhere(cluster):
    cluster.shows("n1", seen())
    found = laid(cluster.at(70).shows("n1", changed(without={"ip"})).at(200))
    assert "ip" not in found
