"""Every bell in the table passes the kit: nobody can add one and forget it."""

import importlib
import pkgutil

import pytest

import tests.receivers
from bridge.receivers import BUILT_IN
from bridge.receivers.registry import load
from tests.receivers.kit import HttpKit, Kit


def kits() -> dict[str, type[Kit]]:
    found = {}
    for module in pkgutil.iter_modules(tests.receivers.__path__, "tests.receivers."):
        if module.name.rpartition(".")[2].startswith("test_") and module.name != __name__:
            for made in vars(importlib.import_module(module.name)).values():
                if isinstance(made, type) and issubclass(made, Kit) and made not in {Kit, HttpKit}:
                    found[made.kind] = made
    return found


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_bell_passes_the_kit(kind):
    if load(kind).board:
        pytest.skip("a board is told states, not notices: it has a kit of its own")
    assert kind in kits()
