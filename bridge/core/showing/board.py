"""What a board should show, what it is known to show, and so what must be sent next.

A board holds one state for each of its objects (a service of a host) and forgets it when nobody repeats it. So nothing queues up
here: of each object only the newest picture counts, one request for it is under way at most, and what was sent is sent again
before it goes stale, and again when reading back shows something else. An object's life is a table.

Pure: conditions and silent relays come in, requests and the board's answers go out; time is an argument.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from bridge.core.showing.life import Life, Step
from bridge.core.showing.object import Object
from bridge.core.showing.pace import Pace, Rest, wait_after
from bridge.core.showing.picture import BADNESS, Picture, Scene, Seen, Shade, Show, Target, last_word, words
from bridge.core.showing.queue import Queue
from bridge.core.telling.notice import GiveUp, TryLater, Verdict
from bridge.core.world.condition import Condition
from bridge.core.world.event import Subject


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
    making: str = ""
    """What it said when it was asked to make what it lacks."""


class Board:
    """One board's objects. `place` says where a subject is shown; None leaves it out."""

    def __init__(
        self, place: Callable[[str, Subject], Target | None], own: Target, pace: Pace | None = None, *, name: str = "the board"
    ) -> None:
        self.scene = Scene(place)
        self._own = own
        self._pace = pace or Pace()
        self._name = name
        self._objects: dict[Target, Object] = {}
        self._queue = Queue()
        self._rest = Rest()
        self._look_at: datetime | None = None
        self._taken_at: datetime | None = None
        self._seen_at: datetime | None = None
        self._unread = ""
        self._lives = dict.fromkeys(Life, 0)
        self.remarks: list[str] = []
        """What a person must hear of, each once; whoever logs it empties the list."""

    # --- what is true ------------------------------------------------------------------------------------------------

    def learn(self, condition: Condition, now: datetime, number: int | None = None) -> None:
        """How a subject is now, and the number of its incident."""
        target = self.scene.learn(condition, number)
        if target is None:
            return
        last = self.scene.is_empty(target)
        picture = last_word(condition) if last else self.scene.picture(target)
        self._paint(target, picture, now)
        self._objects[target].last = last

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
        if self._rest.rests(now):
            return []
        for target in self._queue.due(now):
            if self._objects[target].is_done:
                self._drop(target)
            else:
                self._enqueue(target)
        found: list[Show] = []
        while len(found) < (1 if self._rest.failures else limit) and (due := self._queue.take()) is not None:
            found.append(self._objects[due].show(due, now))
        return found

    def next_at(self) -> datetime | None:
        """When next() or look() may have something, if nothing is learnt before; in the past when it has."""
        first = min((at for at in (self._queue.next_at(), self._look_at) if at is not None), default=None)
        return first if first is None or self._rest.until is None else max(first, self._rest.until)

    def answered(self, show: Show, verdict: Verdict, now: datetime) -> None:
        """What the board said to a request."""
        known = self._objects[show.target]
        known.flight = None
        if isinstance(verdict, TryLater):
            self._failed(verdict, now)
            known.tries += 1
            self._step(show.target, Step.FAIL, now, verdict.why)
            self._queue.put_off(show.target, now + wait_after(known.tries))
            return
        self._answers(now)
        if isinstance(verdict, GiveUp) and known.last:
            self._drop(show.target)
            return
        if isinstance(verdict, GiveUp):
            self._step(show.target, Step.REFUSE, now, verdict.why)
            self._queue.put_off(show.target, now + self._pace.retry_refused)
            return
        self._taken_at = now
        if known.absent:  # some servers take everything (opsview-rest.md 11): reading back knows better
            self._queue.put_off(show.target, now + self._pace.retry_absent)
            return
        if known.sent is None or known.sent.text != show.text:
            known.accepted = ""
        known.sent, known.sent_at = show, now
        self._step(show.target, Step.TAKE, now, "")
        same = known.picture.text == show.text or show.target == self._own
        if known.picture.shade is show.shade and same:
            self._queue.put_off(show.target, now + known.refresh)
        else:  # it changed while this was under way
            self._step(show.target, Step.CHANGE, now, "")
            self._enqueue(show.target)

    def unsent(self, show: Show) -> None:
        """It was handed out and not tried: the one before it failed."""
        self._objects[show.target].flight = None
        self._enqueue(show.target)

    def _paint(self, target: Target, picture: Picture, now: datetime) -> None:
        known = self._objects.get(target)
        if known is None:
            refresh = self._pace.beat if target == self._own else self._pace.refresh
            self._objects[target] = Object(picture=picture, refresh=refresh, since=now)
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

    def _drop(self, target: Target) -> None:
        """Nothing is sent for it any more."""
        self._lives[self._objects.pop(target).life] -= 1
        self._queue.drop(target)

    def _enqueue(self, target: Target) -> None:
        known = self._objects[target]
        if target == self._own:
            rank = -1
        elif known.life in {Life.TAKEN, Life.TRUE}:  # a refresh: what changed goes before it
            rank = len(BADNESS)
        else:
            rank = BADNESS.index(known.picture.shade)
        self._queue.put(target, rank)  # what it will show is looked up when its turn comes

    def _step(self, target: Target, step: Step, now: datetime, why: str) -> None:
        known = self._objects[target]
        before = known.step(step, now, why)
        if known.life is before:
            return
        self._lives[before] -= 1
        self._lives[known.life] += 1
        if known.life is Life.REFUSED:
            self.remarks.append(f"{self._name} does not show {target}: {why}")
        elif before is Life.REFUSED:
            self.remarks.append(f"{self._name} takes {target} now")

    def _failed(self, verdict: TryLater, now: datetime) -> None:
        if self._rest.failed(verdict, now):
            self.remarks.append(f"{self._name} cannot be told: {verdict.why}")

    def _answers(self, now: datetime) -> None:
        if failures := self._rest.answers():
            self.remarks.append(f"{self._name} answers again, after {failures} failures")
        if self._look_at is None:
            self._look_at = now + self._pace.look_every

    # --- reading back ------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> list[str] | None:
        """The hosts to read now, if it is time to."""
        if self._look_at is None or now < self._look_at or self._rest.rests(now):
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

    def _compare(self, target: Target, known: Object, seen: Seen | None, asked_at: datetime, now: datetime) -> None:
        if seen is None:
            if not known.absent:
                known.absent = True
                self._step(
                    target, Step.LACK, now, "there is no such service, or this user may not see it; see quorumbell setup opsview"
                )
                self._queue.put_off(target, now + self._pace.retry_absent)
            return
        before, known.absent = known.absent, False
        if before is not False and known.life is Life.REFUSED:
            if before:  # else it may have been refused for another reason: one more try tells
                self._step(target, Step.FIND, now, "")
            self._enqueue(target)
            return
        if known.sent is None or known.sent_at is None or known.life in {Life.OWED, Life.REFUSED}:
            return
        if known.is_shown(seen):
            self._step(target, Step.SEE, now, "")
            known.tries = 0
        elif asked_at - known.sent_at >= self._pace.patience:
            self._differs(target, known, seen, now)

    def _differs(self, target: Target, known: Object, seen: Seen, now: datetime) -> None:
        shown = seen.shade.name if seen.shade is not None else "a state that is none"
        self._step(target, Step.DIFFER, now, f"it shows {shown}: {seen.text}"[:300])
        known.tries += 1
        if known.tries == 1:
            self._enqueue(target)
        else:
            self._queue.put_off(target, now + wait_after(known.tries))

    def absent(self) -> list[Target]:
        """What reading back did not find."""
        return [target for target, known in self._objects.items() if known.absent and not known.last]

    def knows(self, target: Target) -> bool:
        return target in self._objects

    def lives(self) -> dict[Life, int]:
        """How many objects are how far."""
        return {life: count for life, count in self._lives.items() if count}

    def standing(self, making: str = "") -> Standing:
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
            failures=self._rest.failures,
            last_word=self._rest.last_word or (f"it cannot be read back: {self._unread}" if self._unread else ""),
            untrue=tuple(untrue),
            making=making,
        )


def _only(objects: dict[Target, Object], *lives: Life) -> Iterable[tuple[Target, Object]]:
    return (item for item in objects.items() if item[1].life in lives)
