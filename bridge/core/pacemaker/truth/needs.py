"""What needs what: a member of a group those before it, and what colocations and orders say. (Pacemaker Explained)"""

from typing import Final

from bridge.core.pacemaker.truth.service import Service
from bridge.core.world.picture import Picture

INFINITE: Final = frozenset({"INFINITY", "+INFINITY"})
LEADS: Final = frozenset({"Promoted", "Master"})
COMES: Final = frozenset({"", "start", "promote"})


class Needs:
    """Of one picture."""

    def __init__(self, picture: Picture, services: list[Service]) -> None:
        self._services = services
        self._called: dict[str, list[Service]] = {}
        """By what constraints may call them; in the order of the picture."""
        for one in services:
            for name in one.names:
                self._called.setdefault(name, []).append(one)
        self._wanted: dict[str, list[tuple[str, bool]]] = {}
        """By what constraints call it: what they want it to go with or to come after, and whether that must be promoted. What
        only its own promotion needs keeps it from running nowhere."""
        for row in picture.colocations:
            if row.score in INFINITE and row.role not in LEADS:
                self._wanted.setdefault(row.resource, []).append((row.partner, row.partner_role in LEADS))
        for order in picture.orders:
            if _must(order.kind, order.score) and order.first_action in COMES and order.then_action in {"", "start"}:
                self._wanted.setdefault(order.then, []).append((order.first, order.first_action == "promote"))
        self._found: dict[str, Service | None] = {}

    def missing(self, service: Service) -> Service | None:
        """What it needs, directly or through others, that runs or leads nowhere, and itself needs nothing that does not."""
        path: list[Service] = []
        seen = {service.name}
        one: Service | None = service
        while one is not None and one.name not in self._found:
            path.append(one)
            one = next((other for other in self._absent(one) if other.name not in seen), None)
            seen |= {one.name} if one is not None else set()
        end = path[-1] if one is None else self._found[one.name] or one
        for other in path:
            self._found[other.name] = end if end.name != other.name else None
        return self._found[service.name]

    def _absent(self, service: Service) -> list[Service]:
        """What it needs directly, and is not there."""
        group = self._called.get(service.first.group, []) if service.first.group else []
        names = [one.name for one in group]
        before = group[: names.index(service.name)] if service.name in names else []
        wanted = [want for called in sorted(service.names) for want in self._wanted.get(called, ())]
        others = [(one, leads) for name, leads in wanted for one in self._called.get(name, ()) if one.name != service.name]
        return [
            *(one for one in before if one.stopped),
            *(one for one, leads in others if one.stopped or (leads and one.leads_nowhere)),
        ]


def _must(kind: str, score: str) -> bool:
    return kind == "Mandatory" if kind else score in {"", *INFINITE}
