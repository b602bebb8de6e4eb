"""Work that people have planned: what it holds back, and what it must not hide."""

from datetime import timedelta

import pytest

from bridge.core.telling.match import all_hold, labels_of, parse
from bridge.core.telling.planned import BadWork, is_over, matchers_of
from bridge.core.telling.quiet import Silence

HOUR = timedelta(hours=1)


def work(make, what, cluster="alpha"):
    matchers = tuple(parse(one) for one in matchers_of(cluster, what))
    return Silence(id="1", matchers=matchers, author="ann", comment="", until=make.now + HOUR, planned=what)


@pytest.mark.parametrize(
    "what,root,held",
    [
        ("node=n3", "node/n3", True),
        ("node=n3", "fencing/n3", True),
        ("node=n3", "relay/n3", True),
        ("node=n3", "drbd/r0@n3", True),
        ("node=n3", "storage/md0@n3", True),
        ("node=n3", "node/n33", False),
        ("node=n3", "resource/n3", False),
        ("node=n.", "node/n3", False),
        ("resource=web", "resource/web", True),
        ("resource=vm-a", "guest/vm-a", True),
        ("guest=vm-a", "guest/vm-a", True),
        ("guest=vm-a", "node/n3", False),
        ("replica=r0", "drbd/r0", True),
        ("replica=r0", "drbd/r0@n3", True),
        ("replica=r0", "drbd/r01", False),
        ("cluster", "cluster", True),
        ("cluster", "node/n1", True),
    ],
)
def test_it_holds_back_what_has_its_root_there(make, what, root, held):
    incident = make.open(root=root, subjects=("node/n3", "guest/vm-a", "drbd/r0"), facts={"node": "n3"})
    silence = work(make, what)
    assert all_hold(silence.matchers, labels_of(incident)) is held
    assert is_over(silence, [("alpha", root)]) is held
    assert not all_hold(work(make, what, "beta").matchers, labels_of(incident))


@pytest.mark.parametrize("what", ["", "n3", "node=", "disk=sda", "cluster=alpha"])
def test_what_is_no_part_of_a_cluster_is_refused_with_the_cure(what):
    with pytest.raises(BadWork, match=r'write node=NAME.*or "cluster"'):
        matchers_of("alpha", what)


def test_it_is_over_an_object_only_if_it_is_over_all_that_it_stands_for(make):
    silence = work(make, "node=n3")
    assert is_over(silence, [("alpha", "node/n3"), ("alpha", "relay/n3")])
    assert not is_over(silence, [("alpha", "node/n3"), ("alpha", "resource/web")])
    assert not is_over(silence, [("beta", "node/n3")])
    assert not is_over(silence, []), "of an object that stands for nothing nobody has planned anything"
