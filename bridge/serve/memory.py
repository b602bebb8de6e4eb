"""What is known without the ledger: for who asks while nothing can be stored. The loop fills it, the watch's thread reads it."""

import heapq
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bridge import __version__
from bridge.core.world.event import from_ns, to_us
from bridge.core.world.incident import Incident, State
from bridge.intake.peers import PeerState
from bridge.serve.alarm import Alarm
from bridge.serve.storing import Storing
from bridge.texts import LANGUAGES, summary

MOST_SHOWN: Final = 20


class Memory:
    """`learn` replaces what is known as a whole, so that it can be read at any moment."""

    def __init__(self, name: str, storing: Storing, alarm: Alarm, clock: Callable[[], datetime]) -> None:
        self._storing = storing
        self._alarm = alarm
        self._clock = clock
        self._known: dict[str, Any] = {
            "name": name,
            "version": __version__,
            "pid": os.getpid(),
            "since_us": to_us(clock()),
        }
        self._incidents: tuple[list[Incident], int] = ([], 0)

    def learn(self, incidents: list[Incident], relays: list[PeerState], held: int, own: dict[str, Any]) -> None:
        """`held` is how many reports wait in memory; `own` what the bridge says of itself when it is asked."""
        open_now = [one for one in incidents if one.state is not State.CLOSED]
        gravest = heapq.nsmallest(MOST_SHOWN, open_now, key=lambda one: (-one.severity.rank, one.opened_at, one.key))
        self._incidents = gravest, len(open_now)
        self._known = {**own, "known_at": self._clock().isoformat(), "held": held, "relays": [_relay(one) for one in relays]}

    def __call__(self) -> dict[str, Any]:
        gravest, number = self._incidents
        outage, trouble = self._alarm.outage, self._storing.trouble()
        away = None
        if trouble is not None:
            since = min(outage.since, trouble.since) if outage else trouble.since
            away = {"since": since.isoformat(), "why": trouble.why, "told": sorted(outage.told) if outage else []}
        return {
            **self._known,
            "ledger_away": away,
            "busy_seconds": round(self._storing.busy(), 1),
            "open_incidents": number,
            "gravest": [_incident(one) for one in gravest],
        }


def _relay(one: PeerState) -> dict[str, Any]:
    heard_at = from_ns(one.last_heard_ns).isoformat() if one.last_heard_ns else None
    return {"cluster": one.cluster, "node": one.node, "last_heard_at": heard_at, "backlog": one.backlog}


def _incident(one: Incident) -> dict[str, Any]:
    return {
        "cluster": one.cluster,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "state": one.state.value,
        "opened_at": one.opened_at.isoformat(),
        "summary": summary(one),
        "summaries": {language: summary(one, language) for language in LANGUAGES},
    }
