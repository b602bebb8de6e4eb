"""A downtime at a board is a silence here, about what its object stands for; silences and planned work here are downtimes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Final

import msgspec

from bridge.core.showing.orders import LONGEST_COMMENT, Act, Fields, Order, Orders, Story, signed
from bridge.core.showing.picture import Downtime, Seen, Target, words
from bridge.core.telling.match import Matcher, all_hold, labels_of
from bridge.core.telling.planned import is_over
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Subject, to_us
from bridge.core.world.incident import Incident

LEASE: Final = timedelta(hours=1)
"""A downtime whose end nobody could read is a silence of this length, made anew while it runs."""
LONGEST_MATCHER: Final = 3000
"""Bytes, escaped: a value of a report is cut at 4 KiB."""
SHORTEST_DOWNTIME: Final = timedelta(minutes=2)
LONGEST_PLAN: Final = timedelta(days=1)
"""What lasts longer shows that it is planned, and is no reason to be silent about it."""
OF_PLAN: Final = "planned work: "
_OF_SILENCE: Final = re.compile(r"silence (\S+) by ")


class Wanted(msgspec.Struct, frozen=True):
    """A silence as a downtime asks for it."""

    id: str
    matchers: str
    author: str
    comment: str
    until: datetime
    leased: bool


class Downtimes:
    """The silences that one board's downtimes became. `_made` is until when each was made: what ends before was ended here.
    `_planned` are the objects that were seen in a downtime for what is planned here."""

    def __init__(self, name: str, orders: Orders) -> None:
        self._name = name
        self._prefix = f"{name}-downtime-"
        self._orders = orders
        self._made: dict[str, datetime] = {}
        self._planned: set[Target] = set()

    # --- their downtimes, our silences

    def reports(
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
                gone = Wanted(number, _matchers(known), signed("", self._name), "the downtime is over", now, leased=False)
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
            author=signed(downtime.author, self._name),
            comment=words(downtime.comment, LONGEST_COMMENT),
            until=now + LEASE if leased or downtime.end is None else downtime.end,
            leased=leased,
        )

    # --- our silences and what is planned here, their downtimes

    def orders(
        self, seen: Iterable[Seen], stories: Mapping[Target, Story], in_force: Mapping[str, Silence], now: datetime
    ) -> list[Order]:
        mine = [silence for number, silence in in_force.items() if not number.startswith(self._prefix)]
        orders: list[Order] = []
        for one in seen:
            story = stories[one.target]
            order = self._begin(one.target, story, mine, now) if one.downtime is None else None
            if one.downtime is not None and one.downtime.ours:
                order = self._end(one.target, one.downtime, story, in_force)
            if order is not None:
                orders += self._orders.give(order, now)
        return orders

    def _begin(self, target: Target, story: Story, silences: Iterable[Silence], now: datetime) -> Order | None:
        silence = _planned(story.subjects, silences, now) or _over(story.incidents, silences, now)
        if silence is not None:
            text = f"silence {silence.id} by {silence.author}: {silence.comment}"
            return Order(Act.BEGIN_DOWNTIME, target, text, silence.until)
        if story.planned is None:
            self._planned.discard(target)
            return None
        until = story.planned.since + LONGEST_PLAN
        if target in self._planned or until - now < SHORTEST_DOWNTIME:
            return None  # somebody ended it there: it stays ended
        return Order(Act.BEGIN_DOWNTIME, target, f"{OF_PLAN}{story.planned.words}", until)

    def _end(self, target: Target, running: Downtime, story: Story, in_force: Mapping[str, Silence]) -> Order | None:
        number = _OF_SILENCE.search(running.comment)
        if number is None and OF_PLAN in running.comment and story.planned is not None:
            self._planned.add(target)
        elif number is None and OF_PLAN not in running.comment:
            return None
        elif number is None or number[1] not in in_force:
            return Order(Act.END_DOWNTIME, target, running.comment)
        return None


def _planned(subjects: Sequence[tuple[str, Subject]], silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The work on all that the object stands for: its downtime begins before anything has happened."""
    fitting = [one for one in silences if is_over(one, subjects) and one.until - now >= SHORTEST_DOWNTIME]
    return max(fitting, key=lambda one: one.until, default=None)


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


def _silence(wanted: Wanted, until: datetime) -> Fields:
    told: Fields = {"do": "silence", "silence": wanted.id, "matchers": wanted.matchers, "until_us": to_us(until)}
    return {**told, "author": wanted.author, "comment": wanted.comment}
