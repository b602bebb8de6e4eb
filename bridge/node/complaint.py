"""What goes wrong with something that is tried again and again: told once, and once that it is over."""

from __future__ import annotations

import logging

from bridge.node.feed import Body, edge
from bridge.wire.body import Moment

log = logging.getLogger("quorumbell.relay")


class Complaint:
    """`what` names it in reports; `words` is what is not done now, `again` what is done again."""

    def __init__(self, what: str, words: str, again: str) -> None:
        self._what = what
        self._words = words
        self._again = again
        self._why = ""

    def told(self, why: str, moment: Moment) -> list[Body]:
        """Unless it is told already."""
        if why == self._why:
            return []
        self._why = why
        log.warning("%s: %s", self._words, why)
        return [edge(self._what, {"why": f"{self._words}: {why}"}, moment)]

    def over(self, moment: Moment) -> list[Body]:
        if not self._why:
            return []
        self._why = ""
        log.info("%s", self._again)
        return [edge(self._what, {"why": self._again, "over": True}, moment)]
