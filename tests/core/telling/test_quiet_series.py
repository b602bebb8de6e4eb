"""A series of failures that is quiet is watched on: whoever heard of it hears of its end, and nobody else is got up for it."""

import pytest
from msgspec.structs import replace

from bridge.core.telling.match import Route
from bridge.core.telling.notice import Telling
from bridge.core.telling.route import Router
from bridge.core.world.incident import Kind


@pytest.fixture
def router():
    return Router((Route(receivers=("noc",)),))


def quiet(incident, at):
    return replace(incident, facts={"quiet_since": at.isoformat()}, changed_at=at)


def test_what_is_quiet_when_it_becomes_known_rings_nobody_and_when_it_goes_on_it_rings(make, router):
    series = make.open(kind=Kind.RESOURCE_FLAPPING)
    assert router.review([quiet(series, make.now)], make.now + make.minute) == []
    (notice,) = router.review([series], make.now + 2 * make.minute)
    assert notice.kind is Telling.OPENED


def test_who_was_rung_hears_of_the_end(make, router):
    series = make.open(kind=Kind.RESOURCE_FLAPPING)
    router.review([series], make.now)
    assert [one for one in router.review([quiet(series, make.now)], make.now + make.minute) if one.kind.rings] == []
    (end,) = router.review([make.closed(series)], make.now + 10 * make.minute)
    assert end.kind is Telling.CLOSED
