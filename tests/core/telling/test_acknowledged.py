"""Who has taken an incident keeps it, whatever it becomes part of."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route
from bridge.core.telling.route import Router
from bridge.core.world.incident import Kind

MINUTE = timedelta(minutes=1)


@pytest.fixture
def router():
    return Router((Route(receivers=("noc",), repeat=60 * MINUTE),))


@pytest.fixture
def small(make):
    return make.open("web")


@pytest.fixture
def large(make):
    return make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")


def absorbed(incident, into):
    return replace(incident, absorbed_into=into.key)


def taken(router, incident, now, author="ann"):
    assert router.acknowledge(incident.key, author, withdrawn=False, now=now) == []


def test_an_incident_that_becomes_part_of_another_brings_its_acknowledgement(router, make, small, large):
    router.review([small], make.now)
    taken(router, small, make.now)
    router.review([absorbed(small, large), replace(large, kind=small.kind, root=small.root)], make.now + MINUTE)
    assert router.acknowledged() == {large.key: "ann"}
    assert (router.who_has(large.key), router.who_has(small.key)) == ("ann", "")
    assert router.review([], make.now + 300 * MINUTE) == [], "no reminder: somebody has it"


def test_who_took_the_other_one_first_keeps_it(router, make, small, large):
    router.review([small, large], make.now)
    taken(router, small, make.now)
    taken(router, large, make.now, "bob")
    router.review([absorbed(small, large), large], make.now + MINUTE)
    assert router.acknowledged() == {large.key: "bob"}


def test_what_is_over_is_nobodys(router, make, small):
    router.review([small], make.now)
    taken(router, small, make.now)
    router.review([make.closed(small)], make.now + MINUTE)
    assert router.acknowledged() == {}
    (again,) = router.review([small], make.now + 2 * MINUTE)
    assert again.kind.rings, "and rings again"
