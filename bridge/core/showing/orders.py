"""What feedback leads to: orders for the board, given again until it shows that they are obeyed, and reports made here."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from bridge.core.showing.picture import Plan, Target, words
from bridge.core.telling.notice import GiveUp, Verdict
from bridge.core.world.event import Subject
from bridge.core.world.incident import Incident

Fields = dict[str, str | int | bool]

ASK_AGAIN_AFTER: Final = timedelta(minutes=1)
"""What was asked of the board may be shown so much later."""
LONGEST_COMMENT: Final = 500


class Act(StrEnum):
    """What feedback leads to: at the board (these may be orders), or here."""

    ACKNOWLEDGE = "acknowledge"
    WITHDRAW = "withdraw the acknowledgement of"
    BEGIN_DOWNTIME = "begin a downtime of"
    END_DOWNTIME = "end the downtime of"
    TAKE_HERE = "take it here"
    GIVE_BACK_HERE = "give it back here"
    NOTHING = "nothing"


class Order(NamedTuple):
    """Something to be done at the board. `text` is the comment; `end` that of a downtime to begin."""

    act: Act
    target: Target
    text: str = ""
    end: datetime | None = None


class Story(NamedTuple):
    """What an object stands for now: all its subjects, and the incidents that are not over of those that are not well."""

    subjects: tuple[tuple[str, Subject], ...]
    incidents: tuple[Incident, ...]
    planned: Plan | None = None


class Orders:
    """What one board was asked to do, and what it refused."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: dict[tuple[Act, Target], datetime] = {}
        self._refused: dict[tuple[Act, Target], str] = {}

    def give(self, order: Order, now: datetime) -> list[Order]:
        place = (order.act, order.target)
        asked_at = self._asked.get(place)
        wait = ASK_AGAIN_AFTER * (30 if place in self._refused else 1)
        if asked_at is not None and now - asked_at < wait:
            return []
        self._asked[place] = now
        return [order]

    def done(self, acts: Iterable[Act], target: Target) -> None:
        """It is so: whoever wants it again asks at once."""
        for act in acts:
            self._asked.pop((act, target), None)

    def answered(self, order: Order, verdict: Verdict) -> str:
        """What the board said to an order; gives what a person must hear of, once."""
        place = (order.act, order.target)
        if not isinstance(verdict, GiveUp):
            self._refused.pop(place, None)
            return ""
        known = self._refused.get(place)
        self._refused[place] = verdict.why
        return "" if known == verdict.why else f"{self._name}: {order.act} {order.target} is refused: {verdict.why}"


def signed(author: str, board: str) -> str:
    """Who did something at a board."""
    return f"{words(author, LONGEST_COMMENT) or 'somebody'} ({board})"
