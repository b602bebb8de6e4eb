"""One look for the whole process: what changed in the ledger, and how the bridge is. However many pages are open, nobody is asked
more often.

A thread of its own looks; pages and streams read what it saw last, and never wait for it. What it saw is old when it has not come
back in time: then nobody knows how it is now, and the page says so.
"""

import asyncio
import contextlib
import ctypes
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from bridge.asked.asking import running_at
from bridge.asked.status import now_of
from bridge.config.config import Config
from bridge.ledger.ledger import Ledger, LedgerError
from bridge.ledger.reader import Reader
from bridge.page.sight.seen import NOBODY_YET, Seen, Silence, chosen
from bridge.page.sight.sight import Sight, sight
from bridge.page.words import LANGUAGES
from bridge.secret import redact
from bridge.serve.control import ControlError, Silences, ask

LOOK_EVERY: Final = 0.25
REST: Final = 3.0
"""Times as long as the last look took, …"""
REST_AT_MOST: Final = 2.0
"""… and at the most so many seconds."""
ASK_EVERY: Final = 8.0
"""Seconds between two questions to the bridge while the ledger tells of nothing new; whether it is there is looked at between."""
KNOCK_EVERY: Final = 1.0
ASK_AT_MOST_EVERY: Final = 0.5
OLD_AFTER: Final = 6.0
"""Seconds after which what was seen is no longer how it is."""
PING_EVERY: Final = 4.0
PASSING: Final = ("now_us", "held_back", "busy_seconds", "known_at", "held", "relays", "looks", "clock_set", "clocks_set", "ok")
"""What the bridge says that changes without anything being different for who looks."""

log = logging.getLogger("quorumbell.page")
_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)


class Watch:
    """`seen` may be read from any thread; it is replaced as a whole."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seen = Seen(why=NOBODY_YET)
        self._looked_at = time.monotonic()
        self._asked_at = float("-inf")
        self._asks_soon = True
        self._knocked_at = float("-inf")
        self._word: dict[str, Any] = {"running": False, "why": NOBODY_YET}
        self._clock = datetime.now(UTC), time.monotonic()
        """What the bridge's was, and when."""
        self._silences: tuple[Silence, ...] = ()
        self._reader: Reader | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams: set[asyncio.Event] = set()

    @property
    def seen(self) -> Seen:
        """What was seen last; without the ledger's part when that is too long ago."""
        seen, late = self._seen, time.monotonic() - self._looked_at
        if late <= OLD_AFTER:
            return seen
        return Seen(number=-seen.number - 1, why=f"no answer for {late:.0f} s", at=seen.at, bridge=seen.bridge)

    def sight(self, language: str) -> Sight:
        """What was seen last, in words; made once, for all who look."""
        seen = self.seen
        return seen.sights[language] if language in seen.sights else sight(seen, language)

    @property
    def now(self) -> datetime:
        """By the bridge's own time, which is that of all that it wrote down."""
        at, heard_at = self._clock
        return at + timedelta(seconds=time.monotonic() - heard_at)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Streams end, and the thread with the look it is at."""
        self._closing.set()
        self._wake()

    async def changes(self) -> AsyncIterator[Seen | None]:
        """What is seen: at once, then whenever it is another one; None when nothing was for a while. Ends with the page."""
        self._loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._streams.add(woken)
        last: int | None = None
        try:
            while not self._closing.is_set():
                seen = self.seen
                yield seen if seen.number != last else None
                last = seen.number
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), PING_EVERY)
                woken.clear()
        finally:
            self._streams.discard(woken)

    def _run(self) -> None:
        pause = LOOK_EVERY
        while not self._closing.wait(pause):
            begun = time.monotonic()
            try:
                self.look()
                give_back()
            except Exception:
                log.exception("the page could not look")
                self._let_go()
            # With ten thousand open incidents a look takes its time, and the bridge needs the machine, too.
            pause = max(LOOK_EVERY, min(REST_AT_MOST, REST * (time.monotonic() - begun)))
        self._let_go()

    def look(self) -> None:
        """Once. What cannot be read is said, with why."""
        before = self._seen
        try:
            news, why = self._is_another(before), ""
        except LedgerError as error:
            self._let_go()
            news, why = not before.why, redact(str(error))
        self._listen(news=news)
        word = {name: value for name, value in self._word.items() if name not in PASSING}
        if news or why != before.why or word != before.bridge or self._silences != before.silences:
            self._see(Seen(number=before.number + 1, why=why, at=self.now, bridge=word, silences=self._silences))
        self._looked_at = time.monotonic()

    def _is_another(self, before: Seen) -> bool:
        """Whether the ledger holds something else than what was seen."""
        if self._reader is None:
            self._reader = Ledger.open(self._config.bridge.ledger_url, write=False)
        return before.overview is None or self._reader.revision() != before.overview.revision

    def _listen(self, *, news: bool) -> None:
        self._asks_soon |= news
        waited = time.monotonic() - self._asked_at
        if waited < (ASK_AT_MOST_EVERY if self._asks_soon else ASK_EVERY) and self._is_as_it_was():
            return
        self._asked_at, self._asks_soon = time.monotonic(), False
        control = self._config.bridge.control
        self._word = running_at(control, whole=self._reader is None)
        self._clock = now_of(self._word), time.monotonic()
        if self._word["running"]:
            with contextlib.suppress(ControlError):
                self._silences = tuple(map(Silence.of, ask(control, Silences(), timeout=3)["silences"]))

    def _is_as_it_was(self) -> bool:
        """Whether the bridge is there, or not, as when it was asked last: a knock costs it next to nothing."""
        if time.monotonic() - self._knocked_at < KNOCK_EVERY:
            return True
        self._knocked_at = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.settimeout(KNOCK_EVERY)
            there = knock.connect_ex(str(self._config.bridge.control)) == 0
        return there == bool(self._word["running"])

    def _see(self, seen: Seen) -> None:
        """By a connection of its own, which takes what SQLite keeps in memory with it."""
        if not seen.why:
            try:
                with closing(Ledger.open(self._config.bridge.ledger_url, write=False)) as reader:
                    found = chosen(replace(seen, overview=reader.overview()), seen.at, lambda some: reader.incidents(ids=some))
                    seen = _told(found.with_stories(reader.incidents(ids=found.shown), reader.woken(found.shown)))
            except LedgerError as error:
                self._let_go()
                seen = replace(seen, why=redact(str(error)))
        self._seen = seen
        self._wake()

    def _let_go(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(LedgerError):
                self._reader.close()
        self._reader = None

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for one in self._streams:
            one.set()


def _told(seen: Seen) -> Seen:
    """In the words of each language; the ten thousand that may be open are in memory only so long."""
    if seen.overview is None:
        return seen
    sights = {language: sight(seen, language) for language in LANGUAGES}
    slim = replace(seen.overview, briefs=[], conditions=[], layout=[])
    return replace(seen, sights=sights, stories={}, woken=(), overview=slim)


def give_back() -> None:
    """What was freed, by this look or by an answer since the last one, goes back to the system, where the C library can do that;
    where there is nothing it takes some microseconds. (malloc_trim(3))"""
    if _TRIM is not None:
        _TRIM(0)
