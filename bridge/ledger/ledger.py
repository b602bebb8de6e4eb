"""The ledger: what was reported, what was made of it, and who is owed a word. One writer; whatever it takes, it takes whole.

commit() stands right above the acknowledgement: a report that was acknowledged is in here exactly once.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Verdict
from bridge.core.world.condition import Condition
from bridge.ledger import claims, reading, schema, writing
from bridge.ledger.reader import Reader
from bridge.ledger.records import (
    Anchor,
    Attempt,
    BadRows,
    BoardRow,
    Checkpoint,
    Commit,
    Edge,
    LedgerAway,
    LedgerBusy,
    LedgerError,
    LedgerGone,
    NoticeRow,
    Queue,
    Standing,
    StoredReport,
    ToldRow,
    Unstorable,
    Waits,
)
from bridge.ledger.store import Store, of_a_row

__all__ = [
    "Anchor",
    "Attempt",
    "BadRows",
    "BoardRow",
    "Checkpoint",
    "Commit",
    "Condition",
    "Edge",
    "Ledger",
    "LedgerAway",
    "LedgerBusy",
    "LedgerError",
    "LedgerGone",
    "NoticeRow",
    "Queue",
    "Standing",
    "StoredReport",
    "ToldRow",
    "Unstorable",
]


class Ledger(Reader):
    """The one writer's; and a Reader as well, for who decides must know."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._produced: set[str] | None = None

    @classmethod
    def open(cls, url: str, *, write: bool = True, waits: Waits = lambda _: True) -> Self:
        """A writer locks and migrates. A reader changes nothing and may stand beside the writer."""
        store = Store.open(url, write=write, waits=waits)
        try:
            (schema.migrate if write else schema.check)(store)
        except BaseException:
            store.close()
            raise
        return cls(store)

    # ---- the writer's way

    def commit(self, commit: Commit) -> dict[str, int]:
        """All of it or nothing; the numbers of its incidents. Raises BadRows, LedgerAway, LedgerGone: then nothing is stored; or,
        where the answer alone was lost, all of it: whoever tries again hands in the same Commit, and changes nothing by it."""
        keys = {one.key for one in commit.incidents}
        try:
            with self._store.transaction() as connection:
                writing.write(connection, commit)
                ids = reading.ids_of(connection, keys)
        except LedgerAway:
            commit.tried = True
            raise
        except Exception as error:
            if not of_a_row(error):
                raise
            with self._store.transaction() as connection:
                found = writing.unstorable(connection, commit, error)
            if not found.culprits:
                raise LedgerAway(f"it was refused, and each row of it would be taken: {found.why}") from error
            raise found from error
        if self._produced is not None:
            self._produced |= keys
        return ids

    @contextmanager
    def rebuild(self) -> Iterator[None]:
        """For a replay: what is committed inside replaces all that was derived from reports, in one transaction.

        Incidents keep their numbers by their keys; those not committed again go, unless somebody was told of them: those are
        closed. Notices, attempts, memories and the reports themselves stay as they are.
        """
        with self._store.transaction() as connection:
            self._produced = set()
            try:
                writing.forget_derived(connection)
                yield
                writing.drop_incidents(connection, self._produced)
            finally:
                self._produced = None

    # ---- deliveries

    def claim(
        self, receiver: str, now: datetime, lease: timedelta, limit: int = 1, *, only_urgent: bool = False
    ) -> list[claims.Claim]:
        """Due notices, the urgent first, then in the order of deciding; one of each thread, with the attempts begun before and
        the thread's memory.
        """
        with self._store.transaction() as connection:
            return claims.claim(connection, receiver, now, lease, limit, only_urgent=only_urgent)

    def record(
        self,
        notice_id: int,
        verdict: Verdict,
        now: datetime,
        next_at: datetime | None,
        health: tuple[str, Health] | None = None,
    ) -> None:
        """A TryLater without a next_at is given up. `health` is the receiver's, as it is with this verdict."""
        with self._store.transaction() as connection:
            writing.record(connection, notice_id, verdict, now, next_at)
            if health is not None:
                writing.keep_health(connection, *health)

    def keep_health(self, receiver: str, health: Health) -> None:
        with self._store.transaction() as connection:
            writing.keep_health(connection, receiver, health)

    def hurry(self, receiver: str, now: datetime) -> None:
        """The receiver answers again: what waits for its next try is due now."""
        with self._store.transaction() as connection:
            writing.hurry(connection, receiver, now)

    def release_leases(self, now: datetime) -> int:
        """Ends the leases of an earlier process: this one holds the ledger's lock, so that one is dead. Gives how many."""
        with self._store.transaction() as connection:
            return claims.release(connection, now)

    def give_back(self, ids: Collection[int], now: datetime) -> None:
        """Notices that were claimed, and that nobody began to tell."""
        with self._store.transaction() as connection:
            claims.give_back(connection, ids, now)
