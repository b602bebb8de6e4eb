"""A resource as a picture shows it: all its instances together."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from bridge.core.pacemaker.alerts import plain_name
from bridge.core.pacemaker.truth.voice import Voice, is_there
from bridge.core.world.picture import Picture, PictureResource

RUNS: Final = frozenset({"Started", "Promoted", "Unpromoted"})
STOPPED: Final = "Stopped"
SETTLED: Final = RUNS | {STOPPED}
"""In any other role it is on its way from one of these to another."""
PROMOTED: Final = "promoted"


class Service(NamedTuple):
    name: str
    rows: tuple[PictureResource, ...]

    @property
    def first(self) -> PictureResource:
        return self.rows[0]

    @property
    def names(self) -> frozenset[str]:
        """Its own, and of what it is a part of: what constraints may call it."""
        row = self.first
        return frozenset(one for one in (self.name, row.group, row.clone, row.bundle) if one)

    @property
    def of_many(self) -> bool:
        """A clone, or inside a bundle: some instances may be missing by right."""
        return bool(self.first.clone or self.first.bundle)

    @property
    def stopped(self) -> bool:
        """The cluster says that it runs nowhere, and does nothing about it."""
        return all(row.role == STOPPED and not row.nodes and not row.pending for row in self.rows)

    @property
    def leads_nowhere(self) -> bool:
        """A promotable one that is settled, and of which no instance is promoted."""
        roles = {row.role for row in self.rows if not row.pending}
        return any(row.promotable for row in self.rows) and "Unpromoted" in roles and roles <= {"Unpromoted", STOPPED}

    @property
    def failed(self) -> list[PictureResource]:
        return [row for row in self.rows if row.failed or row.blocked]

    def places(self, voice: Voice) -> dict[str, str]:
        """Where it runs, and as what, for all that the picture may say: nothing of nodes that are not there, and without quorum
        only of its own."""
        nodes = voice.nodes
        return {
            name: PROMOTED if row.role == "Promoted" else "started"
            for row in self.rows
            if row.role in RUNS
            for name in row.nodes
            if (voice.whole or name == voice.witness) and (name not in nodes or is_there(nodes[name]))
        }


def services(picture: Picture) -> list[Service]:
    """In the order of the picture, in which the members of a group stand as they start."""
    rows: dict[str, list[PictureResource]] = {}
    for row in picture.resources:
        if row.id:
            rows.setdefault(plain_name(row.id), []).append(row)
    return [Service(name, tuple(one)) for name, one in rows.items()]


def is_busy(rows: Iterable[PictureResource]) -> bool:
    """The cluster starts or stops something: what is not running may be waiting for that."""
    return any(row.pending or row.role not in SETTLED for row in rows)
