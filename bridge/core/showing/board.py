"""What a board should show, what it is known to show, and so what must be sent next.

A board holds one state for each of its objects (a service of a host) and forgets it when nobody repeats it. So nothing queues up
here: of each object only the newest picture counts, one request for it is under way at most, and what was sent is sent again
before it goes stale, and again when reading back shows something else. An object's life is a table.

Pure: conditions and silent relays come in, requests and the board's answers go out; time is an argument.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from typing import Final

import msgspec

from bridge.core.showing.picture import BADNESS, Picture, Scene, Seen, Shade, Show, Target, words
from bridge.core.telling.notice import GiveUp, TryLater, Verdict
from bridge.core.world.event import Subject
from bridge.core.world.world import Condition


class Life(StrEnum):
    OWED = "owed"  # the board has not taken what it should show
    TAKEN = "taken"  # taken, and not yet seen there
    TRUE = "true"  # seen there
    FALSE = "false"  # it shows something else than it took, and is told again
    REFUSED = "refused"  # it knows no such object, or does not take this: a person must look


class Step(StrEnum):
    CHANGE = "change"  # it should show something new
    TAKE = "take"  # the board took it
    FAIL = "fail"  # the board could not, just now
    REFUSE = "refuse"
    SEE = "see"  # reading back showed it
    DIFFER = "differ"  # reading back showed something else
    LACK = "lack"  # reading back, there was no such object
    FIND = "find"  # an object that was not there is there


LIFE: Final[dict[tuple[Life, Step], Life]] = {
    **{(life, Step.CHANGE): Life.OWED for life in (Life.OWED, Life.TAKEN, Life.TRUE, Life.FALSE)},
    # What the board does not know it will not know sooner for a change.
    (Life.REFUSED, Step.CHANGE): Life.REFUSED,
    **{(life, Step.TAKE): Life.TAKEN for life in (Life.OWED, Life.TAKEN, Life.FALSE, Life.REFUSED)},
    # A refresh that was taken is no news: it showed it, and does.
    (Life.TRUE, Step.TAKE): Life.TRUE,
    **{(life, Step.FAIL): life for life in Life},
    **{(life, Step.REFUSE): Life.REFUSED for life in Life},
    **{(life, Step.SEE): Life.TRUE for life in (Life.TAKEN, Life.TRUE, Life.FALSE)},
    **{(life, Step.DIFFER): Life.FALSE for life in (Life.TAKEN, Life.TRUE, Life.FALSE)},
    **{(life, Step.LACK): Life.REFUSED for life in Life},
    (Life.REFUSED, Step.FIND): Life.OWED,
}


def advance(life: Life, step: Step) -> Life:
    """A pair that is not in the table is a mistake of ours and raises."""
    try:
        return LIFE[life, step]
    except KeyError:
        raise ValueError(f"an object that is {life} cannot {step}") from None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often, how patiently."""

    refresh: timedelta = timedelta(minutes=10)
    beat: timedelta = timedelta(minutes=1)
    """The bridge's own object is repeated so often."""
    look_every: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(seconds=20)
    """What was taken may be shown so much later: results are queued (opsview-rest.md 2.7)."""
    retry_refused: timedelta = timedelta(minutes=15)
    retry_absent: timedelta = timedelta(hours=1)
    """What reading back did not find; it is sent as soon as it is found."""


FAILED_STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 20, 30, 60))
"""The wait after the first, second, … failure in a row; a minute at most, so that a board that comes back is soon true."""
LONGEST_WISH: Final = timedelta(minutes=5)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How it is with a board: what `quorumbell status` shows."""

    objects: int
    owed: int
    owed_since: datetime | None = None
    taken_at: datetime | None = None
    """When the board last took something."""
    seen_at: datetime | None = None
    """When it was last read."""
    failures: int = 0
    last_word: str = ""
    untrue: tuple[tuple[str, str, str, str], ...] = ()
    """(host, service, life, why) of what it refuses or shows otherwise."""


class _Object(msgspec.Struct):
    picture: Picture
    refresh: timedelta
    life: Life = Life.OWED
    since: datetime | None = None
    flight: Show | None = None
    sent: Show | None = None
    sent_at: datetime | None = None
    tries: int = 0
    absent: bool | None = None
    """Whether reading back found no such object; None until it was looked for."""
    accepted: str = ""
    """Other words than those sent, that it shows all the same."""
    why: str = ""
    turn: int = 0
    """Which of its places in the queue counts: the last one given."""
    waits_at: int | None = None
    """The rank with which it stands in the queue of what can be sent now."""


class Board:
    """One board's objects. `place` says where a subject is shown; None leaves it out."""

    def __init__(
        self, place: Callable[[str, Subject], Target | None], own: Target, pace: Pace | None = None, *, name: str = "the board"
    ) -> None:
        self.scene = Scene(place)
        self._own = own
        self._pace = pace or Pace()
        self._name = name
        self._objects: dict[Target, _Object] = {}
        self._ready: list[tuple[int, int, Target, int]] = []
        self._later: list[tuple[datetime, int, Target, int]] = []
        self._count = 0
        self._failures = 0
        self._paused_until: datetime | None = None
        self._look_at: datetime | None = None
        self._taken_at: datetime | None = None
        self._seen_at: datetime | None = None
        self._last_word = ""
        self._unread = ""
        self._lives = dict.fromkeys(Life, 0)
        self.remarks: list[str] = []
        """What a person must hear of, each once; whoever logs it empties the list."""

    # --- what is true ------------------------------------------------------------------------------------------------

    def learn(self, condition: Condition, now: datetime, number: int | None = None) -> None:
        """How a subject is now, and the number of its incident."""
        target = self.scene.learn(condition, number)
        if target is not None:
            self._paint(target, self.scene.picture(target), now)

    def hear(self, cluster: str, node: str, silent_since: datetime | None, now: datetime) -> None:
        """A relay is silent since then, or (None) heard again."""
        for target in self.scene.hear(cluster, node, silent_since):
            self._paint(target, self.scene.picture(target), now)

    def beat(self, shade: Shade, text: str, now: datetime) -> None:
        """The bridge's word about itself. New words wait for the next beat, a new state does not."""
        known = self._objects.get(self._own)
        picture = Picture(shade, words(text))
        if known is None or known.picture.shade is not shade:
            self._paint(self._own, picture, now)
        else:
            known.picture = picture

    # --- what to send ------------------------------------------------------------------------------------------------

    def next(self, now: datetime, limit: int) -> list[Show]:
        """What to send now, the most urgent first; nothing while the board rests after a failure, then one to try with."""
        if self._paused_until is not None and now < self._paused_until:
            return []
        while self._later and self._later[0][0] <= now:
            _, _, target, turn = heappop(self._later)
            if self._objects[target].turn == turn:
                self._enqueue(target)
        found: list[Show] = []
        while self._ready and len(found) < (1 if self._failures else limit):
            _, _, target, turn = heappop(self._ready)
            known = self._objects[target]
            if known.turn == turn:
                known.waits_at = None
                known.flight = self._show(target, known, now)
                found.append(known.flight)
        return found

    def next_at(self) -> datetime | None:
        """When next() or look() may have something, if nothing is learnt before; in the past when it has."""
        due = LONG_AGO if self._ready else self._later[0][0] if self._later else None
        first = min((at for at in (due, self._look_at) if at is not None), default=None)
        return first if first is None or self._paused_until is None else max(first, self._paused_until)

    def answered(self, show: Show, verdict: Verdict, now: datetime) -> None:
        """What the board said to a request."""
        known = self._objects[show.target]
        known.flight = None
        if isinstance(verdict, TryLater):
            self._failed(verdict, now)
            known.tries += 1
            self._step(show.target, Step.FAIL, now, verdict.why)
            self._put_off(show.target, now + FAILED_STEPS[min(known.tries, len(FAILED_STEPS)) - 1])
            return
        self._answers(now)
        if isinstance(verdict, GiveUp):
            self._step(show.target, Step.REFUSE, now, verdict.why)
            self._put_off(show.target, now + self._pace.retry_refused)
            return
        self._taken_at = now
        if known.absent:  # some servers take everything (opsview-rest.md 11): reading back knows better
            self._put_off(show.target, now + self._pace.retry_absent)
            return
        if known.sent is None or known.sent.text != show.text:
            known.accepted = ""
        known.sent, known.sent_at = show, now
        self._step(show.target, Step.TAKE, now, "")
        same = known.picture.text == show.text or show.target == self._own
        if known.picture.shade is show.shade and same:
            self._put_off(show.target, now + known.refresh)
        else:  # it changed while this was under way
            self._step(show.target, Step.CHANGE, now, "")
            self._enqueue(show.target)

    def unsent(self, show: Show) -> None:
        """It was handed out and not tried: the one before it failed."""
        self._objects[show.target].flight = None
        self._enqueue(show.target)

    def _show(self, target: Target, known: _Object, now: datetime) -> Show:
        picture = known.picture
        bad_for = timedelta(0) if picture.shade is Shade.OK else None
        if picture.shade in {Shade.WARNING, Shade.CRITICAL} and picture.since is not None:
            bad_for = max(timedelta(0), now - picture.since)
        return Show(target, picture.shade, picture.text, bad_for)

    def _paint(self, target: Target, picture: Picture, now: datetime) -> None:
        known = self._objects.get(target)
        if known is None:
            refresh = self._pace.beat if target == self._own else self._pace.refresh
            self._objects[target] = _Object(picture=picture, refresh=refresh, since=now)
            self._lives[Life.OWED] += 1
            self._enqueue(target)
            if self._look_at is None:
                self._look_at = now + self._pace.look_every
            return
        before, known.picture = known.picture, picture
        if (before.shade, before.text) != (picture.shade, picture.text):
            self._step(target, Step.CHANGE, now, "")
            if known.life is Life.OWED and known.flight is None:
                known.tries = 0
                self._enqueue(target)

    def _enqueue(self, target: Target) -> None:
        known = self._objects[target]
        if target == self._own:
            rank = -1
        elif known.life in {Life.TAKEN, Life.TRUE}:  # a refresh: what changed goes before it
            rank = len(BADNESS)
        else:
            rank = BADNESS.index(known.picture.shade)
        if known.waits_at is not None and known.waits_at <= rank:
            return  # what it will show is looked up when its turn comes
        known.waits_at = rank
        known.turn += 1
        self._count += 1
        heappush(self._ready, (rank, self._count, target, known.turn))

    def _put_off(self, target: Target, until: datetime) -> None:
        known = self._objects[target]
        known.waits_at = None
        known.turn += 1
        self._count += 1
        heappush(self._later, (until, self._count, target, known.turn))

    def _step(self, target: Target, step: Step, now: datetime, why: str) -> None:
        known = self._objects[target]
        before, known.life = known.life, advance(known.life, step)
        if why or known.life is not Life.REFUSED:  # a change does not tell why it is refused
            known.why = why
        if known.life is before:
            return
        known.since = now
        self._lives[before] -= 1
        self._lives[known.life] += 1
        if known.life is Life.REFUSED:
            self.remarks.append(f"{self._name} does not show {target}: {why}")
        elif before is Life.REFUSED:
            self.remarks.append(f"{self._name} takes {target} now")

    def _failed(self, verdict: TryLater, now: datetime) -> None:
        """A failure is taken as the board's own: it rests, then one request tries whether it is back."""
        if not self._failures:
            self.remarks.append(f"{self._name} cannot be told: {verdict.why}")
        self._failures += 1
        self._last_word = verdict.why
        wait = FAILED_STEPS[min(self._failures, len(FAILED_STEPS)) - 1]
        self._paused_until = now + max(wait, min(verdict.after or wait, LONGEST_WISH))

    def _answers(self, now: datetime) -> None:
        if self._failures:
            self.remarks.append(f"{self._name} answers again, after {self._failures} failures")
        self._failures = 0
        self._paused_until = None
        self._last_word = ""
        if self._look_at is None:
            self._look_at = now + self._pace.look_every

    # --- reading back ------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> list[str] | None:
        """The hosts to read now, if it is time to."""
        if self._look_at is None or now < self._look_at or (self._paused_until is not None and now < self._paused_until):
            return None
        self._look_at = now + self._pace.look_every
        return sorted({target.host for target in self._objects})

    def seen(self, found: Iterable[Seen] | TryLater | GiveUp, asked_at: datetime, now: datetime) -> None:
        """What was read, of all hosts that look() named, or why nothing could be."""
        if isinstance(found, TryLater):
            self._failed(found, now)
            return
        self._answers(now)
        if isinstance(found, GiveUp):  # it may not be read: then what it took must do
            if found.why != self._unread:
                self.remarks.append(f"{self._name} cannot be read back: {found.why}")
            self._unread = found.why
            return
        self._unread = ""
        self._seen_at = now
        there = {one.target: one for one in found}
        for target, known in self._objects.items():
            if known.flight is None:
                self._compare(target, known, there.get(target), asked_at, now)

    def _compare(self, target: Target, known: _Object, seen: Seen | None, asked_at: datetime, now: datetime) -> None:
        if seen is None:
            if not known.absent:
                known.absent = True
                self._step(
                    target, Step.LACK, now, "there is no such service, or this user may not see it; see quorumbell setup opsview"
                )
                self._put_off(target, now + self._pace.retry_absent)
            return
        before, known.absent = known.absent, False
        if before is not False and known.life is Life.REFUSED:
            if before:  # else it may have been refused for another reason: one more try tells
                self._step(target, Step.FIND, now, "")
            self._enqueue(target)
            return
        if known.sent is None or known.sent_at is None or known.life in {Life.OWED, Life.REFUSED}:
            return
        if self._shows(seen, known):
            self._step(target, Step.SEE, now, "")
            known.tries = 0
        elif asked_at - known.sent_at >= self._pace.patience:
            self._differs(target, known, seen, now)

    def _shows(self, seen: Seen, known: _Object) -> bool:
        """The same state is enough once the same words were sent twice: some filters mend what they show."""
        sent = known.sent
        if sent is None or seen.shade is not sent.shade:
            return False
        if known.life is Life.TAKEN and known.tries and _bare(seen.text) != _bare(sent.text):
            known.accepted = _bare(seen.text)
        return _bare(seen.text) in {_bare(sent.text), known.accepted}

    def _differs(self, target: Target, known: _Object, seen: Seen, now: datetime) -> None:
        shown = seen.shade.name if seen.shade is not None else "a state that is none"
        self._step(target, Step.DIFFER, now, f"it shows {shown}: {seen.text}"[:300])
        known.tries += 1
        if known.tries == 1:
            self._enqueue(target)
        else:
            self._put_off(target, now + FAILED_STEPS[min(known.tries, len(FAILED_STEPS)) - 1])

    def knows(self, target: Target) -> bool:
        return target in self._objects

    def lives(self) -> dict[Life, int]:
        """How many objects are how far."""
        return {life: count for life, count in self._lives.items() if count}

    def standing(self) -> Standing:
        owed = [known for _, known in _only(self._objects, Life.OWED)]
        untrue = [
            (target.host, target.service, str(known.life), known.why)
            for target, known in sorted(_only(self._objects, Life.REFUSED, Life.FALSE))
        ]
        return Standing(
            objects=len(self._objects),
            owed=len(owed),
            owed_since=min((known.since for known in owed if known.since is not None), default=None),
            taken_at=self._taken_at,
            seen_at=self._seen_at,
            failures=self._failures,
            last_word=self._last_word or (f"it cannot be read back: {self._unread}" if self._unread else ""),
            untrue=tuple(untrue),
        )


def _only(objects: dict[Target, _Object], *lives: Life) -> Iterable[tuple[Target, _Object]]:
    return (item for item in objects.items() if item[1].life in lives)


def _bare(text: str) -> str:
    return " ".join(text.split())
