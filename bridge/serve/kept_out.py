"""Relays that are kept out for a while because they sent too much: the bridge's word about them, and its end."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from prometheus_client import Counter

from bridge.core.world.event import from_ns
from bridge.intake.intake import Intake
from bridge.intake.peers import PeerState
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Fields, Writer

WORDS: Final = "kept out: "
"""With what a condition says so, perhaps beside other things."""


class KeptOut:
    """`shown` is what is shown of each relay, by its node, when the bridge starts: also what one that died has left so."""

    def __init__(self, writer: Writer, intakes: Sequence[Intake], metrics: Metrics, shown: Mapping[tuple[str, str], str]) -> None:
        self._writer = writer
        self._intakes = intakes
        self._metrics = metrics
        self._counted: dict[tuple[int, str], int] = {}
        self._told = {place for place, why in shown.items() if WORDS in why}

    def look(self, now: datetime) -> None:
        """Tells what is new, and takes back what is over."""
        relays = {(one.cluster, one.node): one for one in self._writer.relays()}
        for place, one in relays.items():
            if bool(one.kept_out) is not (place in self._told):
                self._tell(one, now)
        self._metrics.kept_out.set(sum(bool(one.kept_out) for one in relays.values()))
        for number, intake in enumerate(self._intakes):
            self._count(self._metrics.offences, number, intake.offences)
            self._count(self._metrics.turned_away, number, intake.refusals)

    def _tell(self, one: PeerState, now: datetime) -> None:
        place = (one.cluster, one.node)
        if one.kept_out:
            why = f"{WORDS}{one.kept_out}"
            self._told.add(place)
        else:
            why = "it is let in again, and sends no more than it should"
            self._told.discard(place)
        words: Fields = {"node": one.node, "edge": "kept-out", "why": why, "over": not one.kept_out}
        self._writer.report("bridge", one.cluster, words, now)

    def _count(self, counter: Counter, intake: int, counts: Mapping[str, int]) -> None:
        for why, number in counts.items():
            counter.labels(why).inc(number - self._counted.get((intake, why), 0))
            self._counted[intake, why] = number


def shown(relays: Sequence[PeerState]) -> list[dict[str, object]]:
    """For `status`."""
    return [
        {"cluster": one.cluster, "node": one.node, "why": one.kept_out, "until": from_ns(one.kept_out_until_ns).isoformat()}
        for one in relays
        if one.kept_out
    ]
