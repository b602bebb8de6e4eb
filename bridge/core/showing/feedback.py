"""What people do at a board becomes a report, and what they do here is done there.

An acknowledgement or a downtime is one thing in two places. Each reading of the board is compared with what is so here, and
where the two differ, what both last agreed on says which side has changed. What this bridge set is signed, and never read as
somebody's word. A board's downtime is a silence here, about what its object stands for, for as long as it runs.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2s
from typing import Final, NamedTuple

import msgspec

from bridge.core.showing.picture import Downtime, Seen, Shade, Target, words
from bridge.core.telling.match import Matcher, all_hold, labels_of
from bridge.core.telling.notice import GiveUp, Verdict
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Subject, to_us
from bridge.core.world.incident import Incident

Fields = dict[str, str | int | bool]

ASK_AGAIN_AFTER: Final = timedelta(minutes=1)
"""What was asked of the board may be shown so much later."""
LEASE: Final = timedelta(hours=1)
"""A downtime whose end nobody could read is a silence of this length, made anew while it runs."""
LONGEST_COMMENT: Final = 500
LONGEST_MATCHER: Final = 3000
"""Bytes, escaped: a value of a report is cut at 4 KiB."""
SHORTEST_DOWNTIME: Final = timedelta(minutes=2)
_OF_SILENCE: Final = re.compile(r"silence (\S+) by ")


class Act(StrEnum):
    """What feedback leads to: at the board (these may be orders), or here."""

    ACKNOWLEDGE = "acknowledge"
    WITHDRAW = "withdraw the acknowledgement of"
    BEGIN_DOWNTIME = "begin a downtime of"
    END_DOWNTIME = "end the downtime of"
    TAKE_HERE = "take it here"
    GIVE_BACK_HERE = "give it back here"
    NOTHING = "nothing"


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


class _Agreed(NamedTuple):
    keys: tuple[str, ...]
    shade: Shade | None
    acknowledged: bool


class Wanted(msgspec.Struct, frozen=True):
    """A silence as a downtime asks for it."""

    id: str
    matchers: str
    author: str
    comment: str
    until: datetime
    leased: bool


class Feedback:
    """The memory of one board's feedback: little, and none of it is missed after a restart."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._prefix = f"{name}-downtime-"
        self._agreed: dict[Target, _Agreed] = {}
        self._asked: dict[tuple[Act, Target], datetime] = {}
        self._refused: dict[tuple[Act, Target], str] = {}
        self._made: dict[str, datetime] = {}

    def compare(
        self,
        seen: Collection[Seen],
        story: Callable[[Target], Story],
        taken: Callable[[str], str],
        silences: Iterable[Silence],
        now: datetime,
    ) -> tuple[list[Fields], list[Order]]:
        """Reports to be made here, and orders for the board. `taken` says who acknowledged an incident, or ""."""
        reports: list[Fields] = []
        orders: list[Order] = []
        stories = {one.target: story(one.target) for one in seen}
        for one in seen:
            self._acknowledgement(one, stories[one.target], taken, now, reports, orders)
        in_force = {silence.id: silence for silence in silences}
        reports += self._silences(seen, stories, in_force, now)
        orders += self._downtimes(seen, stories, in_force, now)
        return reports, orders

    def answered(self, order: Order, verdict: Verdict) -> str:
        """What the board said to an order; gives what a person must hear of, once."""
        place = (order.act, order.target)
        if not isinstance(verdict, GiveUp):
            self._refused.pop(place, None)
            return ""
        known = self._refused.get(place)
        self._refused[place] = verdict.why
        return "" if known == verdict.why else f"{self._name}: {order.act} {order.target} is refused: {verdict.why}"

    def shown(self, target: Target) -> None:
        """It was sent another state: with that an acknowledgement may lapse there, which is nobody's wish."""
        self._agreed.pop(target, None)

    # --- acknowledgements

    def _acknowledgement(
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
            by, comment = self._by(seen.mark.author), words(seen.mark.comment, LONGEST_COMMENT)
            reports += [_ack(key, by, comment) for key in keys if not taken(key)]
        elif act is Act.GIVE_BACK_HERE:
            why = f"the acknowledgement of {seen.target} was removed there"
            reports += [_ack(key, self._by(""), why, withdraw=True) for key in keys if taken(key)]
        elif act is Act.ACKNOWLEDGE:
            names = dict.fromkeys(taken(key) for key in keys)
            orders += self._order(Order(Act.ACKNOWLEDGE, seen.target, f"acknowledged by {', '.join(names)}"), now)
        elif act is Act.WITHDRAW:
            orders += self._order(Order(Act.WITHDRAW, seen.target), now)
        if act in {Act.NOTHING, Act.TAKE_HERE, Act.GIVE_BACK_HERE}:
            self._agreed[seen.target] = _Agreed(keys, seen.shade, there)
            for asked in _ACKS:
                self._asked.pop((asked, seen.target), None)

    def _by(self, author: str) -> str:
        return f"{words(author, LONGEST_COMMENT) or 'somebody'} ({self._name})"

    def _order(self, order: Order, now: datetime) -> list[Order]:
        place = (order.act, order.target)
        asked_at = self._asked.get(place)
        wait = ASK_AGAIN_AFTER * (30 if place in self._refused else 1)
        if asked_at is not None and now - asked_at < wait:
            return []
        self._asked[place] = now
        return [order]

    # --- their downtimes, our silences

    def _silences(
        self, seen: Iterable[Seen], stories: Mapping[Target, Story], in_force: Mapping[str, Silence], now: datetime
    ) -> list[Fields]:
        wanted = {one.id: one for one in self._wanted(seen, stories, now)}
        reports = []
        for number, one in wanted.items():
            known = in_force.get(number)
            if known is None and now < self._made.get(number, now):
                continue  # somebody ended it here: it stays ended
            same = known is not None and _matchers(known) == one.matchers
            if known is None or not same or (_renew(known, now) if one.leased else known.until != one.until):
                reports.append(_silence(one, one.until))
                self._made[number] = one.until
        for number, known in in_force.items():
            if number.startswith(self._prefix) and number not in wanted:
                gone = Wanted(number, _matchers(known), self._by(""), "the downtime is over", now, leased=False)
                reports.append(_silence(gone, now))
        self._made = {number: until for number, until in self._made.items() if number in wanted}
        return reports

    def _wanted(self, seen: Iterable[Seen], stories: Mapping[Target, Story], now: datetime) -> list[Wanted]:
        """One for each downtime and cluster, about the subjects of all the objects in it."""
        found: dict[tuple[str, Downtime], set[Subject]] = {}
        for one in seen:
            if one.downtime is not None and not one.downtime.ours:
                for cluster, subject in stories[one.target].subjects:
                    found.setdefault((cluster, one.downtime), set()).add(subject)
        return [
            self._wish(cluster, downtime, part, roots, now)
            for (cluster, downtime), subjects in found.items()
            for part, roots in enumerate(_alternatives(subjects))
        ]

    def _wish(self, cluster: str, downtime: Downtime, part: int, alternatives: str, now: datetime) -> Wanted:
        # By the root: a guest in downtime must not hide that the node under it has failed.
        roots = Matcher("root", "=~", alternatives)
        birth = repr((cluster, downtime.author, downtime.comment, downtime.end, part))
        leased = downtime.end is None or downtime.end <= now
        return Wanted(
            id=self._prefix + blake2s(birth.encode(errors="replace"), digest_size=4).hexdigest(),
            matchers=f"{Matcher('cluster', '=', cluster)}\n{roots}",
            author=self._by(downtime.author),
            comment=words(downtime.comment, LONGEST_COMMENT),
            until=now + LEASE if leased or downtime.end is None else downtime.end,
            leased=leased,
        )

    # --- our silences, their downtimes

    def _downtimes(
        self, seen: Iterable[Seen], stories: Mapping[Target, Story], in_force: Mapping[str, Silence], now: datetime
    ) -> list[Order]:
        mine = [silence for number, silence in in_force.items() if not number.startswith(self._prefix)]
        orders: list[Order] = []
        for one in seen:
            if one.downtime is None:
                silence = _over(stories[one.target].incidents, mine, now)
                if silence is not None:
                    text = f"silence {silence.id} by {silence.author}: {silence.comment}"
                    orders += self._order(Order(Act.BEGIN_DOWNTIME, one.target, text, silence.until), now)
            elif one.downtime.ours:
                number = _OF_SILENCE.search(one.downtime.comment)
                if number is not None and number[1] not in in_force:
                    orders += self._order(Order(Act.END_DOWNTIME, one.target, one.downtime.comment), now)
        return orders


_ACKS: Final = (Act.ACKNOWLEDGE, Act.WITHDRAW)


def _over(incidents: Iterable[Incident], silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence that lies over all of them, of several the one that ends first."""
    found = []
    for incident in incidents:
        labels = labels_of(incident)
        fitting = [one for one in silences if all_hold(one.matchers, labels) and one.until - now >= SHORTEST_DOWNTIME]
        if not fitting:
            return None
        found.append(max(fitting, key=lambda one: one.until))
    return min(found, key=lambda one: one.until, default=None)


def _alternatives(subjects: Iterable[Subject]) -> list[str]:
    """Regular expressions for all of them, each of a length that a report takes."""
    found: list[str] = []
    for text in (re.escape(subject) for subject in sorted(subjects)):
        if found and len(str(Matcher("root", "=~", f"{found[-1]}|{text}")).encode(errors="replace")) <= LONGEST_MATCHER:
            found[-1] = f"{found[-1]}|{text}"
        else:
            found.append(text)
    return found


def _renew(known: Silence, now: datetime) -> bool:
    return known.until - now < LEASE / 2


def _matchers(silence: Silence) -> str:
    return "\n".join(map(str, silence.matchers))


def _ack(key: str, author: str, comment: str, *, withdraw: bool = False) -> Fields:
    return {"do": "ack", "incident_key": key, "withdraw": withdraw, "author": author, "comment": comment}


def _silence(wanted: Wanted, until: datetime) -> Fields:
    told: Fields = {"do": "silence", "silence": wanted.id, "matchers": wanted.matchers, "until_us": to_us(until)}
    return {**told, "author": wanted.author, "comment": wanted.comment}
