"""Nodes by their numbers: a fencing may name its target by Corosync's node id, and only other events say whose it is.

Whose number it is does not change with time, so what is taught of it holds for earlier events, too.
"""

from collections.abc import Iterable

import msgspec

from bridge.core.world.event import AttributeSet, Event, Fencing, NodeSeen


class Names:
    """The names of one cluster's nodes, by their numbers."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}

    def know(self, number: str, name: str) -> None:
        self._by_id[number] = name

    def learn(self, events: Iterable[Event]) -> frozenset[str]:
        """Gives the numbers that were not known before."""
        before = self._by_id.keys() | set()
        for event in events:
            if isinstance(event, NodeSeen | AttributeSet) and event.node_id:
                self._by_id[event.node_id] = event.node
        return frozenset(self._by_id.keys() - before)

    def called(self, event: Event) -> Event:
        """The event with the name of its target. A node whose name looks like another's number keeps its name."""
        if isinstance(event, Fencing) and event.target in self._by_id and event.target not in self._by_id.values():
            return msgspec.structs.replace(event, target=self._by_id[event.target])
        return event


def is_about(event: Event, numbers: frozenset[str]) -> bool:
    return isinstance(event, Fencing) and event.target in numbers
