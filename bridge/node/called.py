"""Whether Pacemaker calls our hook at all, and whether it is on this node: what drifts when nobody looks."""

from __future__ import annotations

import os
from typing import Final

from bridge.node.complaint import Complaint
from bridge.node.configuration import Configured
from bridge.node.feed import Body
from bridge.wire.body import Moment

OURS: Final = "quorumbell"
CLUSTERMON: Final = "ocf:pacemaker:ClusterMon"
"""Calls the hook where there are no alerts yet (docs/heartbeat.md)."""


class Called:
    def __init__(self) -> None:
        words = "nothing that happens in this cluster is reported by the hook"
        self._alert = Complaint("alert", words, "the cluster's configuration has our alert again")
        words = "nothing that happens on this node is reported by the hook"
        self._hook = Complaint("hook", words, "the hook is on this node again")

    def look(self, known: Configured | None, moment: Moment) -> list[Body]:
        """At each look at the cluster: files go without a word."""
        if known is None:
            return []
        paths = [path for alert in known.says.get("alerts", ()) if OURS in (path := alert.get("path", "")).rpartition("/")[2]]
        if not paths and not any(one.get("agent") == CLUSTERMON for one in known.says.get("primitives", ())):
            cure = "its configuration has no alert of ours; quorumbell-node setup --apply writes it, on any node"
            return self._alert.told(cure, moment) + self._hook.over(moment)
        missing = [path for path in paths if not os.access(path, os.X_OK)]
        told = self._alert.over(moment)
        if missing:
            return told + self._hook.told(f"Pacemaker calls {missing[0]}, which is not there, or may not be executed", moment)
        return told + self._hook.over(moment)
