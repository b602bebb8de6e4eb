"""Who is let in, for how long, and what they were told since: all that the guard and the views of this room share."""

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar, cast

import anyio
import anyio.to_thread
import msgspec

from bridge.config.page import PageSettings
from bridge.ledger.people import Account, People, Session, Token
from bridge.ledger.records import LedgerError
from bridge.page.people.doors import ZERO, Doors
from bridge.page.people.passwords import Unfit, fits, hash_of, name_of, secret
from bridge.page.people.visitor import Visitor

R = TypeVar("R")

AWAY_AFTER: Final = 2.0
"""Seconds that the ledger has to say who somebody is."""
WRITTEN_AFTER: Final = 8.0
"""… and to write down that they are in: the bridge goes first."""
LOOK_AGAIN_AFTER: Final = timedelta(seconds=5)
REMEMBERED: Final = timedelta(hours=1)
"""While the ledger does not answer, whoever was known so lately still sees what the bridge says."""
MOST_REMEMBERED: Final = 1000
INSIDE_FOR: Final = timedelta(seconds=3)
MOST_WAITING: Final = 10
"""Passwords are looked at one after another: each takes 8 MiB and a fifth of a second."""
THREADS: Final = 4
"""That ask the ledger who somebody is."""
SAY_EVERY: Final = timedelta(minutes=1)

log = logging.getLogger("quorumbell.page")


class NotNow(Exception):  # noqa: N818 - what it is
    """Nobody may try to come in before this time has passed."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("wait")
        self.seconds = max(1, math.ceil(wait.total_seconds()))


class Said(NamedTuple):
    text: str
    wrong: bool


class Found(msgspec.Struct, frozen=True):
    """Somebody who is in. `cookie` is the secret that only their browser has; `fresh` when it is to be told. Whom a proxy lets in
    anew with each request needs no session."""

    account: Account
    cookie: str
    session: Session | None = None
    fresh: bool = False


class Entry:
    """One for the process, on the loop of its server."""

    def __init__(self, people: People, settings: PageSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.people = people
        self.settings = settings
        self.clock = clock
        self.doors = Doors()
        self.length = timedelta(hours=settings.session_hours)
        self._looking = asyncio.Semaphore(1)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._waiting = 0
        self._known: OrderedDict[bytes | str, tuple[Any, datetime]] = OrderedDict()
        self._inside: frozenset[bytes | str] | None = None
        """Who was in at the last look: hashes of sessions, and names for whom a proxy speaks."""
        self._inside_at = datetime.min.replace(tzinfo=UTC)
        self._away_until: datetime | None = None
        self._said: OrderedDict[str, list[Said]] = OrderedDict()
        self._logged_at: datetime | None = None
        self._refused_before = 0

    # --- in

    async def log_in(self, typed: str, password: str, visitor: Visitor) -> Found | None:
        """None when name and password do not fit; raises NotNow, LedgerError."""
        account = await self.known(typed, password, visitor)
        if account is None:
            return None
        log.info("%s has logged in from %s", account.name, visitor.address)
        now, word = self.clock(), secret()
        session = Session(hash=hash_of(word), person=account.name, began_at=now, ends_at=now + self.length)
        begun = await self.write(partial(self.people.begin, session))
        return Found(account, word, session, fresh=True) if begun else None

    async def known(self, typed: str, password: str, visitor: Visitor) -> Account | None:
        """Who has this name and this password; tries are counted. Raises NotNow, LedgerError."""
        now = self.clock()
        try:
            name = name_of(typed)
        except Unfit:
            name = ""
        self._mind(name, visitor, now)
        if self._waiting >= MOST_WAITING:
            raise NotNow(timedelta(seconds=5))
        self._waiting += 1
        try:
            async with self._looking:
                self._mind(name, visitor, self.clock())  # others were looked at meanwhile
                account = await self.ask(partial(self.people.account, name)) if name else None
                right = await anyio.to_thread.run_sync(fits, password, account.password if account else "")
        finally:
            self._waiting -= 1
        if account is not None and right:
            self.doors.opened(name)
            return account
        self.doors.failed(name, visitor.address, self.clock())
        log.warning("%r from %s: name and password do not fit", typed[:64], visitor.address)
        return None

    def _mind(self, name: str, visitor: Visitor, now: datetime) -> None:
        """Raises NotNow. Of many refusals the log has a line a minute."""
        wait = self.doors.wait(name, visitor.address, now)
        if wait == ZERO:
            return
        if self._logged_at is None or now - self._logged_at >= SAY_EVERY:
            count = self.doors.refused_in_all - self._refused_before
            log.warning("%d logins were refused without a look, the last of %r from %s", count, name, visitor.address)
            self._logged_at, self._refused_before = now, self.doors.refused_in_all
        raise NotNow(wait)

    # --- and stays

    async def find(self, cookie: str) -> Found | None:
        """Whose session it is, if it is one that still counts. Raises LedgerError."""
        now, hashed = self.clock(), hash_of(cookie)
        found = await self._lately(hashed, partial(self.people.session, hashed, now), now)
        if found is None or found[1].ends_at <= now:
            return None
        account, session = found
        if session.ends_at - now >= self.length / 2:
            return Found(account, cookie, session)
        try:
            await self.write(partial(self.people.prolong, hashed, now + self.length))
        except LedgerError:
            return Found(account, cookie, session)
        return Found(account, cookie, session, fresh=True)

    async def named(self, name: str, cookie: str) -> Found | None:
        """Whom a trusted proxy names; None when nobody here is called so. Raises LedgerError."""
        account = await self._lately(name, partial(self.people.account, name), self.clock()) if name else None
        return None if account is None else Found(account, cookie or secret(), fresh=not cookie)

    async def still_in(self, found: Found) -> bool:
        """Whether they would be let in now, or a few seconds ago. However many ask, it is one look. While the ledger does not
        answer nobody is turned out."""
        now = self.clock()
        if now - self._inside_at >= INSIDE_FOR:
            self._inside_at = now  # others are answered by the last look meanwhile
            with suppress(LedgerError):
                self._inside = await self.ask(partial(self.people.inside, now))
        key = found.account.name if found.session is None else found.session.hash
        return self._inside is None or key in self._inside or await self._is_in(key, now)

    async def _is_in(self, key: bytes | str, now: datetime) -> bool:
        """Whoever came in since the last look is not in it."""
        look = partial(self.people.session, key, now) if isinstance(key, bytes) else partial(self.people.account, key)
        try:
            return await self.ask(look) is not None
        except LedgerError:
            return True

    async def _lately(self, key: bytes | str, look: Callable[[], R | None], now: datetime) -> R | None:
        """From the ledger; while that does not answer, as it was lately."""
        try:
            found = await self.ask(look)
        except LedgerError:
            known, known_at = self._known.get(key, (None, now))
            if known is None or now - known_at > REMEMBERED:
                raise
            return cast("R", known)
        self._known.pop(key, None)
        if found is not None:
            self._known[key] = (found, now)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found

    async def token(self, word: str, visitor: Visitor) -> Token | None:
        """Raises NotNow, LedgerError."""
        now = self.clock()
        self._mind("", visitor, now)
        found = await self.ask(partial(self.people.token, hash_of(word), now))
        if found is None:
            self.doors.failed("", visitor.address, now)
        return found

    async def end(self, cookie: str) -> None:
        hashed = hash_of(cookie)
        self._known.pop(hashed, None)
        await self.write(partial(self.people.end, hashed))

    async def ask(self, do: Callable[[], R]) -> R:
        """The ledger. Raises LedgerError, also when it keeps silent: then it is not asked again for some seconds."""
        now = self.clock()
        if self._away_until is not None and now < self._away_until:
            raise LedgerError("it keeps silent")
        try:
            found = await self._on_a_thread(do, AWAY_AFTER)
        except LedgerError:
            self._away_until = now + LOOK_AGAIN_AFTER
            raise
        self._away_until = None
        return found

    async def write(self, do: Callable[[], R]) -> R:
        """Raises LedgerError. That something cannot be written says nothing about what can be read."""
        return await self._on_a_thread(do, WRITTEN_AFTER)

    async def _on_a_thread(self, do: Callable[[], R], seconds: float) -> R:
        """Which is left to itself when it takes longer. No bridge that keeps its askers waiting takes these threads."""
        try:
            with anyio.fail_after(seconds):
                return await anyio.to_thread.run_sync(do, abandon_on_cancel=True, limiter=self._threads)
        except TimeoutError:
            raise LedgerError(f"no answer within {seconds:g} s") from None

    # --- what came of what they did

    def say(self, csrf: str, text: str, *, wrong: bool = False) -> None:
        """To the person of this session, on the next page that they see. `wrong`: not all of it went as they wanted."""
        self._said.setdefault(csrf, []).append(Said(text, wrong))
        del self._said[csrf][:-5]
        if len(self._said) > MOST_REMEMBERED:
            self._said.popitem(last=False)

    def said(self, csrf: str) -> list[Said]:
        """Once."""
        return self._said.pop(csrf, [])
