"""Outages: how long guests and services were away, without end in number and with an end in size.

Of each subject the last few absences are kept as they were; what is older is one entry with their number, sum and longest.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.world.event import Subject

LAST: Final = 5
"""Absences of one subject that are kept each for itself; with the entry of the older ones, that is one more."""
MOST_AWAY: Final = 200
"""Subjects of one incident whose outages are kept."""
NOTHING: Final = timedelta(0)


class Outage(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a guest or service was away: first bad sign to first good one, in the events' own times.

    One that stands for several (`times`) says how long they were in all, and the longest of them; it began with the first and
    ended with the last.
    """

    subject: Subject
    began_at: datetime
    ended_at: datetime | None = None
    times: int = 1
    in_all: timedelta | None = None
    longest_of_all: timedelta | None = None

    def lasted(self, now: datetime) -> timedelta:
        """In all, and so far: what has not ended goes on until now."""
        return self._single(now) if self.in_all is None else self.in_all

    def longest(self, now: datetime) -> timedelta:
        return self._single(now) if self.longest_of_all is None else self.longest_of_all

    def _single(self, now: datetime) -> timedelta:
        return max((self.ended_at or now) - self.began_at, NOTHING)


Outages = tuple[Outage, ...]


def began(outages: Outages, subject: Subject, at: datetime) -> Outages:
    """With one more absence, which has not ended."""
    return _folded((*outages, Outage(subject, at)), subject)


def ended(outages: Outages, subject: Subject, at: datetime) -> Outages:
    return tuple(
        msgspec.structs.replace(one, ended_at=at) if one.subject == subject and one.ended_at is None else one for one in outages
    )


def joined(mine: Outages, theirs: Outages) -> Outages:
    """Both lists; of one subject's overlapping absences one that spans both."""
    both = list(mine)
    for outage in theirs:
        for index, other in enumerate(both):
            if other.subject == outage.subject and _overlap(other, outage):
                until = None if None in (other.ended_at, outage.ended_at) else max(other.ended_at, outage.ended_at)  # type: ignore[type-var]
                both[index] = Outage(outage.subject, min(other.began_at, outage.began_at), until)
                break
        else:
            both.append(outage)
    found = tuple(both)
    for subject in dict.fromkeys(one.subject for one in theirs):
        found = _folded(found, subject)
    return found


def bounded(outages: Outages) -> tuple[Outages, frozenset[Subject]]:
    """Those of the subjects that are worth it when there are too many: still away, then the longest; and who is left out."""
    if len(outages) <= MOST_AWAY:
        return outages, frozenset()
    away: dict[Subject, tuple[bool, timedelta]] = {}
    for one in outages:
        still, length = away.get(one.subject, (False, NOTHING))
        away[one.subject] = (still or one.ended_at is None, length + one.lasted(one.began_at))
    left_out = frozenset(sorted(away, key=lambda subject: away[subject], reverse=True)[MOST_AWAY:])
    return tuple(one for one in outages if one.subject not in left_out), left_out


def _overlap(one: Outage, other: Outage) -> bool:
    """What stands for several has gaps: nothing overlaps with it, for one subject's absences are told one after the other."""
    if one.times > 1 or other.times > 1:
        return False
    return (one.ended_at is None or other.began_at <= one.ended_at) and (other.ended_at is None or one.began_at <= other.ended_at)


def _folded(outages: Outages, subject: Subject) -> Outages:
    """The oldest absences of the subject as one, if it has more than may stand for themselves; fewer may where many are away."""
    own = [one for one in outages if one.subject == subject]
    many = len(own) - (LAST if len(outages) <= MOST_AWAY else 1)
    over = [one for one in own if one.ended_at is not None][: max(0, many)]
    if len(over) < 2:
        return outages
    first = outages.index(over[0])
    return tuple(
        as_one(over) if place == first else one for place, one in enumerate(outages) if place == first or one not in over
    )


def as_one(several: list[Outage]) -> Outage:
    """One that stands for all of these, which have ended; of a single one itself."""
    if len(several) == 1:
        return several[0]
    ends = [one.ended_at for one in several if one.ended_at is not None]
    return Outage(
        subject=several[0].subject,
        began_at=min(one.began_at for one in several),
        ended_at=max(ends),
        times=sum(one.times for one in several),
        in_all=sum((one.lasted(one.began_at) for one in several), NOTHING),
        longest_of_all=max(one.longest(one.began_at) for one in several),
    )
