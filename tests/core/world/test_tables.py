"""A table is declared once; the rules write by the declaration, and a checkpoint is read by it."""

from datetime import UTC, datetime

import pytest

from bridge.core import checkpoint
from bridge.core.checkpoint import Page
from bridge.core.world.settings import Settings
from bridge.core.world.table import TABLES, Table
from bridge.core.world.tables import STANDBY
from bridge.core.world.world import World

PLACE = (datetime(2026, 1, 1, tzinfo=UTC), "n1", 1, b"uid")


def test_a_table_that_nobody_declared_cannot_be_written():
    world = World("alpha", Settings())
    with pytest.raises(AttributeError):
        world.put(("standbye", "n1"), True)


def test_a_table_is_declared_once():
    with pytest.raises(ValueError, match="standby is declared twice"):
        Table("standby", bool)
    assert TABLES["standby"] is STANDBY


def test_what_was_read_is_found_by_the_declaration():
    world = World("alpha", Settings())
    world.put((STANDBY, "n1"), True)
    (page,) = checkpoint.read(checkpoint.write([Page("alpha", PLACE, world.facts)]))
    facts = page.facts
    assert facts == {(STANDBY, "n1"): True}
    assert [key[0] is STANDBY for key in facts] == [True]


def test_a_table_that_nobody_declared_cannot_be_read():
    with pytest.raises(KeyError):
        list(checkpoint.read(checkpoint.write([Page("alpha", PLACE, {("standbye", "n1"): True})])))
