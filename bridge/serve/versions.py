"""Relays of another version than this bridge: shown with the relay, so that none is forgotten in an upgrade."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bridge import __version__
from bridge.intake.peers import PeerState
from bridge.serve.writer import Fields, Writer

WORDS: Final = "runs version "


class Versions:
    """`shown`: as KeptOut is given it."""

    def __init__(self, writer: Writer, shown: Mapping[tuple[str, str], str]) -> None:
        self._writer = writer
        self._told = {place: "" for place, why in shown.items() if WORDS in why}
        """By node, the version that was told; "" if the bridge before this one told it."""

    def look(self, now: datetime) -> None:
        for one in self._writer.relays():
            place = (one.cluster, one.node)
            if not one.version or one.version == self._told.get(place):
                continue
            if one.version != __version__:
                self._told[place] = one.version
                self._tell(
                    one, f"{WORDS}{one.version}, and the bridge {__version__}: upgrade the older of the two", now, over=False
                )
            elif place in self._told:
                del self._told[place]
                self._tell(one, f"has the version of the bridge, {__version__}", now, over=True)

    def _tell(self, one: PeerState, why: str, now: datetime, *, over: bool) -> None:
        words: Fields = {"node": one.node, "edge": "version", "why": why, "over": over}
        self._writer.report("bridge", one.cluster, words, now)
