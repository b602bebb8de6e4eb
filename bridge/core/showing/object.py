"""One object of a board: what it should show, what it was sent last, and how far the board has come with it."""

from datetime import datetime, timedelta

import msgspec

from bridge.core.showing.life import Life, Step, advance
from bridge.core.showing.picture import Picture, Seen, Shade, Show, Target


class Object(msgspec.Struct):
    """It is sent again after `refresh`; `flight` is the request under way, `sent` the last one that was taken."""

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
    last: bool = False
    """There is nothing behind it any more: it is dropped when the board has it."""
    accepted: str = ""
    """Other words than those sent, that it shows all the same."""
    why: str = ""

    def step(self, step: Step, now: datetime, why: str) -> Life:
        """Moves it along its table. Gives what its life was before."""
        before, self.life = self.life, advance(self.life, step)
        if why or self.life is not Life.REFUSED:  # a change does not tell why it is refused
            self.why = why
        if self.life is not before:
            self.since = now
        return before

    @property
    def is_done(self) -> bool:
        """The board shows its last words, as far as is known; or knows no such object, and shows nothing."""
        return self.last and self.flight is None and self.life in {Life.TAKEN, Life.TRUE, Life.REFUSED}

    def show(self, target: Target, now: datetime) -> Show:
        """The request for it as it should be now; it is under way with that."""
        picture = self.picture
        bad_for = timedelta(0) if picture.shade is Shade.OK else None
        if picture.shade in {Shade.WARNING, Shade.CRITICAL} and picture.since is not None:
            bad_for = max(timedelta(0), now - picture.since)
        self.flight = Show(target, picture.shade, picture.text, bad_for)
        return self.flight

    def is_shown(self, seen: Seen) -> bool:
        """The same state is enough once the same words were sent twice: some filters mend what they show."""
        sent = self.sent
        if sent is None or seen.shade is not sent.shade:
            return False
        if self.life is Life.TAKEN and self.tries and _bare(seen.text) != _bare(sent.text):
            self.accepted = _bare(seen.text)
        return _bare(seen.text) in {_bare(sent.text), self.accepted}


def _bare(text: str) -> str:
    return " ".join(text.split())
