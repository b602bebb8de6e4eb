"""What may be asked of the ledger, by its writer and by whoever only looks. Nothing here changes it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Notice
from bridge.core.world.condition import Condition
from bridge.core.world.incident import Incident
from bridge.core.world.laid import Laid
from bridge.ledger import claims, notices, outages, overview, reading, searching
from bridge.ledger.outages import Absence
from bridge.ledger.overview import Overview, Woken
from bridge.ledger.records import Anchor, BoardRow, Checkpoint, Edge, NoticeRow, Queue, StoredReport, ToldRow
from bridge.ledger.searching import Ends, Found, Sought
from bridge.ledger.store import Store


class Reader:
    """Belongs to one thread. `remarks` says what is unwise about its place; the caller logs it."""

    def __init__(self, store: Store) -> None:
        self.remarks = store.remarks
        self._store = store

    def close(self) -> None:
        self._store.close()

    def known(self, uids: Sequence[bytes]) -> set[bytes]:
        with self._store.transaction() as connection:
            return reading.known(connection, uids)

    def incident_ids(self, keys: Collection[str]) -> dict[str, int]:
        with self._store.transaction() as connection:
            return reading.ids_of(connection, keys)

    def next_due(self, now: datetime, receivers: Collection[str] | None = None, *, only_urgent: bool = False) -> datetime | None:
        """When claim() can next find something (never before `now`); name the idle receivers to leave out the others."""
        with self._store.transaction() as connection:
            due = claims.next_due(connection, receivers, only_urgent=only_urgent)
        return None if due is None else max(due, now)

    def told(self, incident_ids: Collection[int] | None = None, *, closed_since: datetime | None = None) -> list[ToldRow]:
        """What was owed. Without ids: of incidents not closed, and of those closed since (a day before the last word)."""
        with self._store.transaction() as connection:
            return notices.told(connection, incident_ids, closed_since)

    def latest_checkpoint(self) -> Checkpoint | None:
        with self._store.transaction() as connection:
            return next(iter(reading.checkpoints(connection, limit=1)), None)

    def checkpoints(self) -> list[Checkpoint]:
        with self._store.transaction() as connection:
            return reading.checkpoints(connection)

    def clusters(self) -> list[str]:
        """Those of which a report could be read."""
        with self._store.transaction() as connection:
            return reading.clusters(connection)

    def understood(self, cluster: str, since: datetime | None = None) -> list[int]:
        """The numbers of a cluster's reports that could be read and happened since, in the order in which they happened."""
        with self._store.transaction() as connection:
            return reading.understood(connection, cluster, since)

    def came_late(self, cluster: str, before: datetime, after_seq: int, uids: Collection[bytes]) -> list[int]:
        """The numbers of its reports of before that time that were stored after that number, or are of these; in their order."""
        with self._store.transaction() as connection:
            return reading.came_late(connection, cluster, before, after_seq, uids)

    def reports_of(self, numbers: Sequence[int]) -> list[StoredReport]:
        """In the order of the numbers given."""
        with self._store.transaction() as connection:
            return reading.reports_of(connection, numbers)

    def reports(
        self,
        after_seq: int = 0,
        *,
        until_seq: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        incident_key: str | None = None,
        batch: int = 1000,
    ) -> Iterator[tuple[int, StoredReport]]:
        """In the order of storing; since and until are times of receiving. Commits are welcome between two reports."""
        with self._store.transaction() as connection:
            span = reading.bounded(connection, reading.Span(after_seq, until_seq, since, until, incident_key))
        while True:
            with self._store.transaction() as connection:
                found = reading.reports(connection, span, batch)
            yield from found
            if len(found) < batch:
                return
            span = span._replace(after_seq=found[-1][0])

    def incidents(
        self,
        state: str | Collection[str] | None = None,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        ids: Collection[int] | None = None,
    ) -> list[tuple[int, Incident]]:
        """The newest first; since and until are times of opening."""
        with self._store.transaction() as connection:
            parts = [None] if ids is None else list(reading.chunks(ids))
            found = [
                row
                for some in parts
                for row in reading.incidents(connection, states=_some(state), ids=some, since=since, until=until, limit=limit)
            ]
        return found if len(parts) < 2 else sorted(found, key=lambda row: (row[1].opened_at, row[0]), reverse=True)[:limit]

    def each_incident(self, state: str | Collection[str], since: datetime | None = None) -> Iterator[tuple[int, Incident]]:
        """The newest first, a few hundred in memory at a time; since is a time of opening."""
        with self._store.transaction() as connection:
            yield from reading.incidents(connection, states=_some(state), ids=None, since=since, until=None, limit=None)

    def incident(self, incident_id: int) -> Incident | None:
        return next((one for _, one in self.incidents(ids=[incident_id])), None)

    def story(self, incident_id: int) -> tuple[int, Incident] | None:
        """The incident that tells the story of this number now: a notice keeps the number of what became part of another."""
        found = next(iter(self.incidents(ids=[incident_id])), None)
        with self._store.transaction() as connection:
            while found is not None and found[1].absorbed_into is not None:
                into = next(iter(reading.incidents_of(connection, [found[1].absorbed_into])), None)
                if into is None:
                    break
                found = into
        return found

    def search(self, sought: Sought, most: int) -> Found:
        """So many of the incidents that are looked for, the newest first."""
        with self._store.transaction() as connection:
            return searching.search(connection, sought, most)

    def absorbed(self, key: str) -> list[tuple[int, Incident]]:
        """Those that turned out to be part of the incident of this key."""
        with self._store.transaction() as connection:
            return searching.absorbed(connection, key)

    def ends(self, keys: Collection[str], most: int) -> Ends:
        """Of the reports of these incidents the first and the last, so many of each, however many there are."""
        with self._store.transaction() as connection:
            return searching.ends(connection, keys, most)

    def absences(self, since: datetime, until: datetime, cluster: str | None = None) -> list[Absence]:
        """Of guests and services those that reach into [since, until), the newest first."""
        with self._store.transaction() as connection:
            return outages.absences(connection, since, until, cluster)

    def first_heard(self) -> dict[str, datetime]:
        """Of each cluster when the first of its reports happened: of the time before that nothing is known."""
        with self._store.transaction() as connection:
            return reading.first_heard(connection)

    def notices(
        self,
        incident_id: int | None = None,
        state: str | Collection[str] | None = None,
        limit: int | None = None,
        receiver: str | None = None,
    ) -> list[NoticeRow]:
        """The newest first; of an incident also those about several in which it stands."""
        with self._store.transaction() as connection:
            return notices.notices(connection, incident_id, _some(state), limit, receiver)

    def notices_about(self, incident_ids: Collection[int]) -> list[tuple[int, Notice]]:
        """Of each of these incidents its notices, also those about several in which it stands; in any order."""
        with self._store.transaction() as connection:
            return list(notices.notices_about(connection, incident_ids))

    def heard(self, receiver: str, incident_ids: Collection[int], *, delivered: bool = False, digests: bool = False) -> set[int]:
        """Of these incidents, those that the receiver was told of; also in a digest; or only what really arrived."""
        with self._store.transaction() as connection:
            return notices.heard(connection, receiver, incident_ids, delivered=delivered, digests=digests)

    def mentioned(self, notice_ids: Collection[int]) -> dict[int, list[int]]:
        """The incidents that notices about several tell of."""
        with self._store.transaction() as connection:
            return notices.mentioned(connection, notice_ids)

    def closed(self, since: datetime, until: datetime) -> list[tuple[int, Incident]]:
        """What ended in [since, until) and is no part of another."""
        with self._store.transaction() as connection:
            return reading.closed(connection, since, until)

    def healths(self) -> dict[str, Health]:
        with self._store.transaction() as connection:
            return notices.healths(connection)

    def digested(self) -> dict[str, datetime]:
        """Up to when each receiver was told what healed by itself."""
        with self._store.transaction() as connection:
            return notices.digested(connection)

    def queues(self) -> dict[str, Queue]:
        """Of each receiver to which something is owed, or was given up."""
        with self._store.transaction() as connection:
            return notices.queues(connection)

    def conditions(self) -> list[Condition]:
        with self._store.transaction() as connection:
            return reading.conditions(connection)

    def edges(self) -> list[Edge]:
        with self._store.transaction() as connection:
            return reading.edges(connection)

    def anchor(self) -> Anchor | None:
        """Where the time line of the last bridge was; None when none ever ran."""
        with self._store.transaction() as connection:
            return reading.anchor(connection)

    def open_kinds(self) -> dict[str, int]:
        """How many incidents of each kind are not over."""
        with self._store.transaction() as connection:
            return reading.open_kinds(connection)

    def boards(self) -> list[BoardRow]:
        with self._store.transaction() as connection:
            return reading.boards(connection)

    def revision(self) -> int:
        """A number that changes with all that people see."""
        with self._store.transaction() as connection:
            return overview.number(connection)

    def layout(self) -> list[Laid]:
        """Where services run and how replicas are linked."""
        with self._store.transaction() as connection:
            return overview.laid(connection)

    def overview(self) -> Overview:
        """All that the first sight shows, of one moment, but the stories of incidents."""
        with self._store.transaction() as connection:
            return overview.read(connection)

    def woken(self, incident_ids: Collection[int]) -> list[Woken]:
        """Who was rung for these incidents, in the order of deciding."""
        with self._store.transaction() as connection:
            return overview.woken(connection, incident_ids)

    def counts(self) -> dict[str, Any]:
        with self._store.transaction() as connection:
            return reading.counts(connection)


def _some(state: str | Collection[str] | None) -> Collection[str] | None:
    return [state] if isinstance(state, str) else state
