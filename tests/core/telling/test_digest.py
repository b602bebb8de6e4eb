"""What stands in the morning's digest, and what does not."""

import pytest
from msgspec.structs import replace

from bridge.core.telling.digest import IT_WAS_NOTHING, digest, worth_telling
from bridge.core.world.incident import Kind


def test_it_tells_what_ended_and_was_not_heard_of(make):
    web, db = make.closed(make.open("web")), make.closed(make.open("db"))
    since, until = make.now - make.minute, make.now + make.minute
    told = digest("noc", [(1, web), (2, db)], {2}, since, until, until, "de")
    assert ([one.root for one in told.items], told.since, told.until, told.language) == (["resource/web"], since, until, "de")
    assert digest("noc", [(2, db)], {2}, since, until, until, "de") is None, "nothing to tell, no message"


@pytest.mark.parametrize(
    "given, worth",
    [
        ({}, True),
        ({"absorbed_into": "other"}, False),
        ({"planned": True}, False),
        ({"planned": True, "kind": Kind.NODE_FENCED_BY_ADMIN}, True),
        ({"kind": Kind.NODE_FENCED_BY_ADMIN}, True),
        ({"reason": IT_WAS_NOTHING}, False),
    ],
)
def test_what_is_worth_a_line(make, given, worth):
    assert worth_telling(replace(make.closed(make.open()), **given)) is worth
    assert not worth_telling(make.open(**{name: value for name, value in given.items() if name != "reason"}))
