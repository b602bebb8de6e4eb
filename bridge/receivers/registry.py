"""Kinds of receivers: ours, and what other distributions bring under the entry-point group `quorumbell.receivers`.

The config knows no receiver by name. A kind is `module:Class`; the module's `Settings` struct is the kind's table in the
config, and `Class(name, settings)` is the receiver.
"""

import importlib
from importlib.metadata import entry_points
from typing import Any, Final

import msgspec

from bridge.receivers import BUILT_IN

GROUP: Final = "quorumbell.receivers"


class KindError(Exception):
    """A kind exists, but its module cannot be used."""


class Kind(msgspec.Struct, frozen=True):
    settings: type[msgspec.Struct]
    make: Any
    board: bool
    """Boards hold state and are told everything; bells ring by the routes."""


def kinds() -> dict[str, str]:
    """Every kind that may stand in a config, with the `module:Class` behind it. Ours win."""
    return {point.name: point.value for point in entry_points(group=GROUP)} | BUILT_IN


def load(name: str) -> Kind:
    module_name, _, class_name = kinds()[name].partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise KindError(f"{module_name} cannot be loaded: {error}; install what it needs") from error
    settings, made = getattr(module, "Settings", None), getattr(module, class_name, None)
    if made is None or not (isinstance(settings, type) and issubclass(settings, msgspec.Struct)):
        raise KindError(f"{module_name} lacks {class_name} or a Settings struct; see docs/write-a-receiver.md")
    return Kind(settings, made, bool(getattr(made, "board", False)))
