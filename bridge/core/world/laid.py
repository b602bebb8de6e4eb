"""Where things are: what the page draws of a service and of a replica, beside their conditions."""

import msgspec

from bridge.core.world.event import Subject


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="service"):
    """`on`: by node, in which role it runs there (`started`, `promoted`). Members of a group stand in the order of `place`."""

    subject: Subject
    on: dict[str, str] = {}
    group: str = ""
    clone: str = ""
    place: int = 0
    device: bool = False
    """A fence device."""
    replica: str = ""
    """The DRBD resource that it makes primary and secondary."""


class Side(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node's copy: its role and disk in DRBD's words, of several volumes the disks that there are."""

    node: str
    role: str = ""
    disk: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The connection of two nodes, by name; `state` in DRBD's words."""

    one: str
    other: str
    state: str = ""
    good: bool = True
    """It is made, and the copies at its ends are whole."""
    target: str = ""
    """The node that copies from the other one now."""
    done: int | None = None
    """Percent of it, in steps; None where nobody counts."""
    stalled: bool = False


class Replica(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="replica"):
    subject: Subject
    sides: tuple[Side, ...] = ()
    links: tuple[Link, ...] = ()


class Laid(msgspec.Struct, frozen=True):
    """Of a cluster's `service/NAME` or `replica/NAME` how it lies; None: there is no such thing any more."""

    cluster: str
    name: str
    how: Service | Replica | None
