"""An acknowledgement at a board and one here are the same thing: whichever side has changed is followed by the other."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from bridge.core.showing.orders import LONGEST_COMMENT, Act, Fields, Order, Orders, Story, signed
from bridge.core.showing.picture import Seen, Shade, Target, words

MERGE: Final[dict[tuple[bool, bool, bool | None], Act]] = {
    # (acknowledged there, acknowledged here, what both last agreed on; None when that is not known)
    (True, False, True): Act.WITHDRAW,
    (True, False, False): Act.TAKE_HERE,
    (True, False, None): Act.TAKE_HERE,
    (False, True, True): Act.GIVE_BACK_HERE,
    (False, True, False): Act.ACKNOWLEDGE,
    (False, True, None): Act.ACKNOWLEDGE,
    **{(both, both, agreed): Act.NOTHING for both in (True, False) for agreed in (True, False, None)},
}
_ACKS: Final = (Act.ACKNOWLEDGE, Act.WITHDRAW)


class _Agreed(NamedTuple):
    keys: tuple[str, ...]
    shade: Shade | None
    acknowledged: bool


class Acknowledgements:
    """What one board and we last agreed on, of each object that is not well."""

    def __init__(self, name: str, orders: Orders) -> None:
        self._name = name
        self._orders = orders
        self._agreed: dict[Target, _Agreed] = {}

    def shown(self, target: Target) -> None:
        """It was sent another state: with that an acknowledgement may lapse there, which is nobody's wish."""
        self._agreed.pop(target, None)

    def compare(
        self, seen: Seen, story: Story, taken: Callable[[str], str], now: datetime, reports: list[Fields], orders: list[Order]
    ) -> None:
        keys = tuple(incident.key for incident in story.incidents)
        if not keys or seen.shade in {None, Shade.OK}:
            self._agreed.pop(seen.target, None)
            return
        last = self._agreed.get(seen.target)
        agreed = last.acknowledged if last is not None and (last.keys, last.shade) == (keys, seen.shade) else None
        there, here = seen.mark is not None, all(taken(key) for key in keys)
        act = MERGE[there, here, agreed]
        if act is Act.TAKE_HERE and seen.mark is not None and seen.mark.ours:
            act = Act.WITHDRAW  # it was withdrawn here while nobody could tell the board
        if act is Act.TAKE_HERE and seen.mark is not None:
            by, comment = signed(seen.mark.author, self._name), words(seen.mark.comment, LONGEST_COMMENT)
            reports += [_ack(key, by, comment) for key in keys if not taken(key)]
        elif act is Act.GIVE_BACK_HERE:
            why = f"the acknowledgement of {seen.target} was removed there"
            reports += [_ack(key, signed("", self._name), why, withdraw=True) for key in keys if taken(key)]
        elif act is Act.ACKNOWLEDGE:
            names = dict.fromkeys(taken(key) for key in keys)
            orders += self._orders.give(Order(Act.ACKNOWLEDGE, seen.target, f"acknowledged by {', '.join(names)}"), now)
        elif act is Act.WITHDRAW:
            orders += self._orders.give(Order(Act.WITHDRAW, seen.target), now)
        if act in {Act.NOTHING, Act.TAKE_HERE, Act.GIVE_BACK_HERE}:
            self._agreed[seen.target] = _Agreed(keys, seen.shade, there)
            self._orders.done(_ACKS, seen.target)


def _ack(key: str, author: str, comment: str, *, withdraw: bool = False) -> Fields:
    return {"do": "ack", "incident_key": key, "withdraw": withdraw, "author": author, "comment": comment}
