"""What a cluster's picture is made of: heads of columns, rows in bands, replicas, remarks; each with how it is."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from bridge.core.world.event import Severity, Subject
from bridge.core.world.laid import Link
from bridge.page.sight.seen import Silence

State = Literal["ok", "planned", "unknown", "warning", "critical"]
OF_SEVERITY: Final[Mapping[Severity, State]] = {
    Severity.OK: "ok",
    Severity.INFO: "planned",
    Severity.UNKNOWN: "unknown",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "critical",
}
WORST_FIRST: Final = ("critical", "warning", "unknown", "planned", "ok")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How one thing is. `number` is that of the incident that tells of it."""

    state: State
    why: str = ""
    since: datetime | None = None
    number: int | None = None
    worked_on: bool = False
    """Somebody said that they work on it."""

    @property
    def classes(self) -> str:
        return f"{self.state} worked" if self.worked_on else self.state


NOTHING: Final = Look(state="unknown")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A node."""

    name: str
    look: Look


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A service or guest; `cells` are in the order of the nodes: "", "started" or "promoted"."""

    name: str
    sort: Literal["service", "guest", "device"]
    look: Look
    cells: tuple[str, ...]

    @property
    def runs(self) -> bool:
        return any(self.cells)


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that belong together; `title` is the name of their group or clone, "" of those that stand alone."""

    title: str
    sort: Literal["group", "clone", ""]
    rows: tuple[Row, ...]

    @property
    def is_alone(self) -> bool:
        """A clone of one resource: its own name says it all."""
        return self.sort == "clone" and len(self.rows) == 1


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A side of a replica, in the column of its node."""

    column: int
    role: str
    disk: str
    look: Look


class Tie(msgspec.Struct, frozen=True, kw_only=True):
    """A connection, from column to column; `to` is the column that copies from the other now."""

    left: int
    right: int
    link: Link
    state: State
    to: int | None


class ReplicaRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    look: Look
    copies: tuple[Copy, ...]
    ties: tuple[Tie, ...]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not well, and is no node, service or replica."""

    subject: Subject
    look: Look


class ClusterPicture(msgspec.Struct, frozen=True, kw_only=True):
    """`well` are bands of which nothing is to be said, when there are too many to show them all; of these the first."""

    name: str
    state: State
    heads: tuple[Head, ...]
    bands: tuple[Band, ...]
    well: tuple[Band, ...]
    replicas: tuple[ReplicaRow, ...]
    remarks: tuple[Remark, ...]
    failover: tuple[int, datetime] | None = None
    silent_since: datetime | None = None
    works: tuple[Silence, ...] = ()
    """What people work on there, as they said."""
    folded: int = 0
    folded_there: tuple[int, ...] = ()
    """How many are well and folded, and how many of them run on each node."""
    more: int = 0
    """Rows and remarks that there is no room for, though they are not well."""

    @property
    def up(self) -> tuple[str, ...]:
        """Nodes that are well."""
        return tuple(head.name for head in self.heads if head.look.state == "ok")


def worst(states: Iterable[State]) -> State:
    found = set(states)
    return next((state for state in WORST_FIRST if state in found), "ok")
