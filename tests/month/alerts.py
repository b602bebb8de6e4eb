"""What the alert agents of a cluster are called with, as Pacemaker 2.1 does it: node and fencing events on every node that is
alive, an action on the node that ran it, an attribute on the node that writes them. (Pacemaker Administration, alerts)"""

from datetime import timedelta
from random import Random
from typing import Final

from bridge.core.world.event import EPOCH, Report

WORDS: Final = {0: "ok", 1: "error", 7: "not running", 8: "promoted", 190: "OCF_DEGRADED"}
TIMED_OUT: Final = 2
CANCELLED: Final = 1


class Alerts:
    """`attributes`: whether the administrator selected them, too; by default nobody does."""

    def __init__(self, seed: int, *, attributes: bool) -> None:
        self.reports: list[Report] = []
        self._attributes = attributes
        self._chance = Random(seed)
        self._sequence: dict[str, int] = {}
        self._attempts = 0

    def begin(self, host: str) -> None:
        """Pacemaker starts there, and counts its calls anew."""
        self._sequence[host] = 0

    def action(
        self, at: float, node: str, resource: str, task: str, *, rc: int = 0, interval: int = 0, status: int = 0, target: int = 0
    ) -> None:
        words = {CANCELLED: "Cancelled", TIMED_OUT: "Timed Out"}.get(status) or WORDS[rc]
        fields = {"rsc": resource, "task": task, "rc": rc, "interval": interval, "status": status, "target_rc": target}
        self._call(at, node, "resource", node=node, desc=words, exec_time=20000 if status == TIMED_OUT else 12, **fields)

    def member(self, at: float, node: str, word: str, seen_by: list[str]) -> None:
        for host in seen_by:
            self._call(at + self._chance.uniform(0, 0.08), host, "node", node=node, nodeid=node[1:], desc=word)

    def fencing(
        self, at: float, target: str, seen_by: list[str], *, client: str, action: str = "reboot", result: str = "OK"
    ) -> None:
        """One attempt, which all who see it tell of."""
        self._attempts += 1
        of = f"Operation {action} of {target} by {seen_by[0]} for {client}@{seen_by[0]}: {result} (ref={self._attempts:08x})"
        rc = 0 if result == "OK" else -62
        for host in seen_by:
            shown_at = at + self._chance.uniform(0, 0.03)
            self._call(shown_at, host, "fencing", node=target, task="st_notify_fence", rc=rc, desc=of)

    def attribute(self, at: float, writer: str, name: str, values: dict[str, object]) -> None:
        """One call for each node that has a value."""
        for node, value in values.items() if self._attributes else ():
            self._call(at, writer, "attribute", node=node, nodeid=node[1:], attribute_name=name, attribute_value=value)

    def _call(self, at: float, host: str, kind: str, **fields: object) -> None:
        """The agents of one node run at the same time, and some overtake others."""
        number = self._sequence[host] = self._sequence.get(host, 0) + 1
        micro = int(at % 1 * 1e6)
        stamps = {"node_sequence": number, "timestamp_epoch": int(at), "timestamp_usec": f"{micro:06d}"}
        body = {f"CRM_alert_{key}": str(value) for key, value in ({"kind": kind, "version": "2.1.5"} | fields | stamps).items()}
        took = self._chance.uniform(0.02, 0.4)
        came_at = EPOCH + timedelta(seconds=at + took)
        uid = len(self.reports).to_bytes(16)
        self.reports.append(
            Report(
                uid=uid,
                cluster="alpha",
                node=host,
                source="pacemaker",
                received_at=came_at,
                body={"wall_ns": int((at + took) * 1e9)} | body,
            )
        )
