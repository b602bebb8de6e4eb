"""What a config that is read again changes: what can be taken over, and what a running bridge cannot change any more."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bridge.config.config import Config

AT_ONCE: Final = frozenset({"language", "log_level", "log_format"})
"""The keys of [bridge] that are taken over. All others name what a process opens once, or what relays and commands know it by."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the file, as people write them."""

    taken: tuple[str, ...]
    restart: tuple[str, ...]


def changes(old: Config, new: Config) -> Changes:
    """`old` is what is in force."""
    ours = set(_keys(old.bridge, new.bridge))
    taken = [f"bridge.{key}" for key in sorted(ours & AT_ONCE)]
    taken += [f"correlation.{key}" for key in _keys(old.correlation, new.correlation)]
    taken += ["page.address"] if old.page.links_to != new.page.links_to else []
    taken += _named(old.receivers, new.receivers)
    taken += ["routes"] if old.routes != new.routes else []
    return Changes(taken=tuple(taken), restart=tuple(f"bridge.{key}" for key in sorted(ours - AT_ONCE)))


def in_force(old: Config, new: Config) -> Config:
    """The new one, with what only a restart takes over as it was."""
    ours = {key: getattr(new.bridge, key) for key in AT_ONCE}
    return msgspec.structs.replace(new, bridge=msgspec.structs.replace(old.bridge, **ours))


def _keys(old: msgspec.Struct, new: msgspec.Struct) -> list[str]:
    return [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]


def _named(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield f"receivers.{name} (removed)"
        elif name not in old:
            yield f"receivers.{name} (added)"
        elif old[name] != new[name]:
            yield f"receivers.{name}"
