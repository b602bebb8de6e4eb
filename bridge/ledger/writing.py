"""What a commit does to the tables. Every function works inside a transaction that its caller opened."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Dialect, Table, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.core.telling.circuit import Health
from bridge.core.telling.notice import Delivered, GiveUp, Notice, Verdict
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, to_us
from bridge.core.world.incident import Incident, State
from bridge.core.world.laid import Laid
from bridge.ledger import outages, rows
from bridge.ledger.reading import beginner, ids_of, incidents_of
from bridge.ledger.records import BadRows, BoardRow, Commit, Culprit, Edge, Standing, StoredReport, Unstorable
from bridge.ledger.store import of_a_row
from bridge.ledger.tables import (
    UNFINISHED,
    attempt,
    board,
    checkpoint,
    condition,
    edge,
    incident,
    layout,
    memory,
    mention,
    notice,
    outage,
    receiver,
    report,
)

Action = Callable[[Connection, Sequence[Any]], object]
Blame = Callable[[Any], set[bytes]]

CHECKPOINTS_KEPT: Final = 3
LONGEST_REASON: Final = 300
_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_redecide: Final = (
    update(report)
    .where(
        report.c.uid == bindparam("of_uid"),
        # A replay mostly decides as before: rows that stay the same are not written again.
        or_(report.c.incident_key.is_distinct_from(bindparam("its_key")), report.c.decision != bindparam("its_decision")),
    )
    .values(incident_key=bindparam("its_key"), decision=bindparam("its_decision"))
)
_change_incident: Final = update(incident).where(incident.c.key == bindparam("of_key"))
_same_notice: Final = select(notice.c.id).where(
    *(notice.c[name] == bindparam(name) for name in ("incident_id", "receiver", "at", "data"))
)
_withdraw: Final = (
    update(notice).where(notice.c.id == bindparam("of_id"), UNFINISHED).values(state=Standing.WITHDRAWN.value, leased_until=None)
)


def write(connection: Connection, commit: Commit) -> None:
    for _, action, items, _ in _parts(commit):
        if items:
            action(connection, items)
    if commit.is_seen:
        revise(connection)


def find_culprits(connection: Connection, commit: Commit) -> list[Culprit]:
    """The rows to blame for a commit that the database refused; nothing of this may be committed."""
    for field, action, items, blame in _parts(commit):
        bad = _halve(connection, action, items)
        if bad:
            return [Culprit(field, item, frozenset(blame(item))) for item in bad]
    return []


def unstorable(connection: Connection, commit: Commit, why: BaseException) -> Unstorable:
    """BadRows when reports explain the refusal; else it is a mistake of ours, and must be seen as such."""
    trial = connection.begin_nested()
    culprits = find_culprits(connection, commit)
    trial.rollback()
    kind = BadRows if any(one.uids for one in culprits) else Unstorable
    return kind(culprits, str(getattr(why, "orig", why))[:LONGEST_REASON])


def _parts(commit: Commit) -> list[tuple[str, Action, Sequence[Any], Blame]]:
    """What a commit does, in order, and which reports each item goes back to."""
    of_key: dict[str | None, set[bytes]] = {}
    for one in commit.reports:
        of_key.setdefault(one.incident_key, set()).add(one.uid)
    for uid, key, _ in commit.redecided:
        of_key.setdefault(key, set()).add(uid)
    latest = list({one.key: one for one in commit.incidents}.values())
    return [
        ("reports", add_reports, commit.reports, lambda item: {item.uid}),
        ("redecided", redecide, commit.redecided, lambda item: {item[0]}),
        ("incidents", keep_stories, latest, lambda item: of_key.get(item.key, set())),
        (
            "notices",
            add_notices_again if commit.tried else add_notices,
            commit.notices,
            lambda item: of_key.get(item.incident.key, set()),
        ),
        ("withdrawn", withdraw, commit.withdrawn, lambda _: set()),
        ("digested", keep_digested, list(commit.digested.items()), lambda _: set()),
        ("verdicts", _recorder(commit.now), commit.verdicts, lambda _: set()),
        (
            "conditions",
            keep_conditions,
            commit.conditions,
            lambda item: {item.uid} if item.uid else of_key.get(item.incident_key, set()),
        ),
        ("layout", keep_layout, commit.layout, lambda _: set()),
        ("edges", keep_edges, commit.edges, lambda _: set()),
        ("edges_gone", drop_edges, commit.edges_gone, lambda _: set()),
        ("boards", keep_boards, commit.boards, lambda _: set()),
        ("checkpoint", _checkpointer(commit.now), [] if commit.checkpoint is None else [commit.checkpoint], lambda _: set()),
    ]


def _halve(connection: Connection, action: Action, items: Sequence[Any]) -> list[Any]:
    if not items:
        return []
    try:
        with connection.begin_nested():
            action(connection, items)
    except Exception as error:
        if not of_a_row(error):
            raise
    else:
        return []
    if len(items) == 1:
        return [items[0]]
    middle = len(items) // 2
    return _halve(connection, action, items[:middle]) + _halve(connection, action, items[middle:])


def add_reports(connection: Connection, reports: Sequence[StoredReport]) -> None:
    """A report that is there already is left as it is: the same file may come twice, and over two ways."""
    statement, order = _add_report(connection.dialect)
    values = map(rows.REPORT.row, reports)
    connection.exec_driver_sql(statement, [order(one) for one in values] if order else list(values))


def redecide(connection: Connection, decided: Sequence[tuple[bytes, str | None, str]]) -> None:
    connection.execute(_redecide, [{"of_uid": uid, "its_key": key, "its_decision": word} for uid, key, word in decided])


def keep_incidents(connection: Connection, incidents: Sequence[Incident]) -> None:
    """Looked up before it is written: an upsert would burn a number for every change, and people say these numbers aloud."""
    there = ids_of(connection, [one.key for one in incidents])
    new = [rows.of_incident(one) for one in incidents if one.key not in there]
    if new:
        connection.execute(insert(incident), new)
    changed = [rows.of_incident(one) | {"of_key": one.key} for one in incidents if one.key in there]
    if changed:
        connection.execute(_change_incident, changed)


def keep_stories(connection: Connection, incidents: Sequence[Incident]) -> None:
    keep_incidents(connection, incidents)
    outages.keep(connection, incidents)


def add_notices(connection: Connection, notices: Sequence[Notice]) -> None:
    ids = _numbers(connection, notices)
    for bundles, some in groupby(notices, lambda one: one.kind.bundles):  # in their order, which is that of telling
        if not bundles:
            connection.execute(insert(notice), [rows.of_notice(one, ids) for one in some])
        for one in some if bundles else ():
            (number,) = connection.execute(insert(notice), rows.of_notice(one, ids)).inserted_primary_key or (0,)
            connection.execute(insert(mention), [{"notice_id": number, "incident_id": ids[item.key]} for item in one.items])


def add_notices_again(connection: Connection, notices: Sequence[Notice]) -> None:
    """Those that are not there, word for word: nobody is rung twice because only an answer was lost."""
    ids = _numbers(connection, notices)
    there = [one for one in notices if connection.execute(_same_notice, rows.of_notice(one, ids)).first() is not None]
    add_notices(connection, [one for one in notices if one not in there])


def _numbers(connection: Connection, notices: Sequence[Notice]) -> dict[str, int]:
    """Of the incidents that are told of."""
    keys = {item.key for one in notices for item in (one.incident, *one.items) if not one.incident_id}
    return ids_of(connection, keys | {one.incident.absorbed_into for one in notices if one.incident.absorbed_into})


def withdraw(connection: Connection, notice_ids: Sequence[int]) -> None:
    connection.execute(_withdraw, [{"of_id": one} for one in notice_ids])


def keep_digested(connection: Connection, digested: Sequence[tuple[str, datetime]]) -> None:
    for name, until in digested:
        _keep_receiver(connection, {"name": name} | rows.HEALTH.row(Health()), {"digested_until": to_us(until)})


def keep_health(connection: Connection, name: str, health: Health) -> None:
    values = {"name": name} | rows.HEALTH.row(health)
    _keep_receiver(connection, values, values)


def _keep_receiver(connection: Connection, new: rows.Values, change: rows.Values) -> None:
    statement = _INSERT[connection.dialect.name](receiver).values(new | change)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=change))


def hurry(connection: Connection, name: str, now: datetime) -> None:
    """It answers again: what waits for its next try is due now."""
    waiting = (notice.c.receiver == name, notice.c.state == Standing.PENDING, notice.c.next_at > to_us(now))
    connection.execute(update(notice).where(UNFINISHED, *waiting).values(next_at=to_us(now)))


def keep_conditions(connection: Connection, conditions: Sequence[Condition]) -> None:
    """Of what is gone no row stays."""
    newest = {(one.cluster, one.subject): one for one in conditions}
    there = [rows.CONDITION.row(one) for one in newest.values() if not one.gone]
    if there:
        connection.execute(_upsert(connection.dialect.name, condition), there)
    for cluster, subject in (place for place, one in newest.items() if one.gone):
        connection.execute(delete(condition).where(condition.c.cluster == cluster, condition.c.subject == subject))


def keep_layout(connection: Connection, laid: Sequence[Laid]) -> None:
    newest = {(one.cluster, one.name): one for one in laid}
    there = [rows.of_laid(one) for one in newest.values() if one.how is not None]
    if there:
        connection.execute(_upsert(connection.dialect.name, layout), there)
    for cluster, name in (place for place, one in newest.items() if one.how is None):
        connection.execute(delete(layout).where(layout.c.cluster == cluster, layout.c.name == name))


def revise(connection: Connection) -> None:
    """What people see is another one with this transaction. The row is there from the beginning."""
    connection.exec_driver_sql("UPDATE revision SET number = number + 1")


def keep_edges(connection: Connection, edges: Sequence[Edge]) -> None:
    connection.execute(_upsert(connection.dialect.name, edge), [rows.EDGE.row(one) for one in edges])


def drop_edges(connection: Connection, gone: Sequence[tuple[str, str]]) -> None:
    for cluster, node in gone:
        connection.execute(delete(edge).where(edge.c.cluster == cluster, edge.c.node == node))


def keep_boards(connection: Connection, boards: Sequence[BoardRow]) -> None:
    connection.execute(_upsert(connection.dialect.name, board), [rows.BOARD.row(one) for one in boards])


def keep_checkpoint(connection: Connection, data: bytes, now: datetime) -> None:
    last = connection.execute(select(func.max(report.c.seq))).scalar() or 0
    connection.execute(_upsert(connection.dialect.name, checkpoint), [{"seq": last, "at": to_us(now), "data": data}])
    newest = select(checkpoint.c.seq).order_by(checkpoint.c.seq.desc()).limit(CHECKPOINTS_KEPT)
    connection.execute(delete(checkpoint).where(checkpoint.c.seq.not_in(newest)))


def record(connection: Connection, notice_id: int, verdict: Verdict, now: datetime, next_at: datetime | None) -> None:
    """A verdict may come late: what was withdrawn stays so and what was delivered stays so, but 'delivered' is always true."""
    connection.execute(insert(attempt), [rows.of_attempt(notice_id, verdict, now)])
    revise(connection)
    change: rows.Values = {"leased_until": None, "last_word": rows.printable(verdict.why)}
    which = update(notice).where(notice.c.id == notice_id)
    if isinstance(verdict, Delivered):
        connection.execute(which.values(change | {"state": Standing.DELIVERED.value, "delivered_at": to_us(now)}))
        _remember(connection, notice_id, verdict.remember)
        return
    if isinstance(verdict, GiveUp) or next_at is None:
        change |= {"state": Standing.GIVEN_UP.value}
    else:
        change |= {"state": Standing.PENDING.value, "next_at": to_us(next_at)}
    connection.execute(which.where(UNFINISHED).values(change))


def _remember(connection: Connection, notice_id: int, new: dict[str, str]) -> None:
    if not new:
        return
    told = rows.to_notice(connection.execute(select(notice).where(notice.c.id == notice_id)).one())
    if told.kind.bundles:
        return
    whose = {"receiver": told.receiver, "incident_id": beginner(connection, told)}
    old = connection.execute(select(memory.c.data).filter_by(**whose)).scalar()
    data = rows.of_memory(rows.to_memory(old) | new)
    connection.execute(_upsert(connection.dialect.name, memory), [whose | {"data": data}])


def forget_derived(connection: Connection) -> None:
    """What a replay makes anew, from nothing. Incidents stay for their numbers, reports until they are decided again."""
    for table in (condition, checkpoint, layout, outage):
        connection.execute(delete(table))


def drop_incidents(connection: Connection, produced: Collection[str]) -> None:
    """The end of a replay: incidents that it did not find go, or are closed when somebody was told of them."""
    told = set(connection.scalars(select(notice.c.incident_id).union(select(mention.c.incident_id))))
    there = connection.execute(select(incident.c.id, incident.c.key, incident.c.state)).all()
    lost = [one for one in there if one.key not in produced]
    gone = [{"of_id": one.id} for one in lost if one.id not in told]
    if gone:
        connection.execute(delete(incident).where(incident.c.id == bindparam("of_id")), gone)
    still_open = [one.key for one in lost if one.id in told and one.state != State.CLOSED]
    if still_open:
        keep_incidents(connection, [_disowned(one) for _, one in incidents_of(connection, still_open)])


def _disowned(one: Incident) -> Incident:
    return replace(one, state=State.CLOSED, severity=Severity.OK, closed_at=one.changed_at, reason="a replay no longer finds it")


def _recorder(now: datetime) -> Action:
    def action(connection: Connection, verdicts: Iterable[tuple[int, Verdict, datetime | None]]) -> None:
        for notice_id, verdict, next_at in verdicts:
            record(connection, notice_id, verdict, now, next_at)

    return action


def _checkpointer(now: datetime) -> Action:
    return lambda connection, data: keep_checkpoint(connection, data[0], now)


@cache
def _add_report(dialect: Dialect) -> tuple[str, Callable[[rows.Values], tuple[Any, ...]] | None]:
    """The one statement that every report passes is compiled once, for plain rows: a fifth of its cost is saved.

    With it comes what brings a row into the driver's order, where the driver counts its parameters.
    """
    statement = _INSERT[dialect.name](report).on_conflict_do_nothing(index_elements=["uid"])
    names = [column.name for column in report.columns if column.name != "seq"]
    compiled = statement.compile(dialect=dialect, column_keys=names)
    return str(compiled), itemgetter(*compiled.positiontup) if compiled.positiontup else None


@cache
def _upsert(dialect: str, table: Table) -> Any:
    statement = _INSERT[dialect](table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)
