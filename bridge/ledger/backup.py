"""A whole copy of the ledger in one SQLite file, made while the bridge writes; and the way back.

The file is a ledger like any other, whichever database it came from: a look at it, a replay, a rehearsal need no more than it.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.core.world.event import from_us
from bridge.ledger import schema
from bridge.ledger.records import LedgerBusy, LedgerError
from bridge.ledger.store import Store
from bridge.ledger.tables import incident, metadata, report

AT_ONCE: Final = 1000
LOGS: Final = ("", "-wal", "-shm")
"""What belongs to an SQLite file: without its log it is another, with a foreign one it is broken."""


class Copied(NamedTuple):
    reports: int
    incidents: int
    until: datetime | None
    """When the last report was received."""


def back_up(url: str, to: Path) -> Copied:
    """What is committed now, as one file that was not there before. Raises LedgerError, and then leaves nothing behind."""
    if to.exists():
        raise LedgerError(f"{to} is there already: name a new file")
    with closing(Store.open(url, write=False)) as source, _draft(to) as draft:
        if source.file:
            _copy_file(source.file.path, draft)
        else:
            schema.check(source)
            _copy_rows(source, draft)
        copied = _examined(draft)
        _sync(draft)
        _keep(draft, to)
    return copied


def restore(url: str, file: Path) -> tuple[Copied, Path | None]:
    """Makes a backup the ledger; gives where the earlier one was put aside. Raises LedgerError, and then nothing has changed.

    An SQLite ledger is put aside as it is, be it broken, or only its log; on PostgreSQL the database must hold no reports.
    """
    if not file.is_file():
        raise LedgerError(f"no backup at {file}")
    try:
        return _into_file(url, file) if url.startswith("sqlite") else (_into_database(url, file), None)
    except LedgerBusy as error:
        raise LedgerError(f"{error} (a ledger that is in use cannot be replaced)") from error


def _into_file(url: str, file: Path) -> tuple[Copied, Path | None]:
    with Store.locked(url) as to, _draft(to) as draft:
        _copy_file(file, draft)
        copied = _examined(draft)
        _belongs(draft, to if to.exists() else to.parent)
        _sync(draft)
        aside = _put_aside(to)
        _keep(draft, to)
    return copied, aside


def _into_database(url: str, file: Path) -> Copied:
    with closing(Store.open(url, write=True)) as target, tempfile.TemporaryDirectory(prefix="quorumbell-restore-") as home:
        schema.migrate(target)
        with target.transaction() as connection:
            if connection.execute(select(func.count()).select_from(report)).scalar():
                raise LedgerError(f"{target.name} holds reports already: restore into an empty database")
        draft = Path(home) / "ledger.db"
        _copy_file(file, draft)
        copied = _examined(draft)
        with closing(Store.open(f"sqlite:///{draft}", write=True)) as source:
            schema.migrate(source)
            with source.transaction() as old, target.transaction() as new:
                _copy_tables(old, new)
                _go_on_counting(new)
    return copied


@contextmanager
def _draft(to: Path) -> Iterator[Path]:
    """A file beside the one that is to be, for this user only; gone when it was not kept."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{to.name}.", suffix=".part", dir=to.parent)
    except OSError as error:
        raise LedgerError(f"{to.parent}: {error.strerror}: name a file in a folder that is there and can be written") from error
    os.close(descriptor)
    try:
        yield Path(name)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise LedgerError(f"{to} was not written: {getattr(error, 'orig', None) or error}") from error
    finally:
        for beside in (*LOGS, ".lock"):
            Path(name + beside).unlink(missing_ok=True)


def _copy_file(path: Path, draft: Path) -> None:
    """By SQLite's own backup, in one step: one moment's state, which no commit disturbs and which holds up none."""
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(draft)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it


def _copy_rows(source: Store, draft: Path) -> None:
    with closing(Store.open(f"sqlite:///{draft}", write=True)) as target:
        schema.migrate(target)
        with source.transaction() as old, target.transaction() as new:
            old.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            _copy_tables(old, new)
    with closing(sqlite3.connect(draft)) as whole:
        whole.execute("PRAGMA journal_mode = DELETE")


def _copy_tables(old: Connection, new: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        new.execute(delete(table))  # what a new ledger begins with, and whoever was let in meanwhile
    for table in metadata.sorted_tables:
        found = old.execute(select(table), execution_options={"yield_per": AT_ONCE}).mappings()
        for some in found.partitions():
            new.execute(insert(table), [dict(row) for row in some])


def _go_on_counting(connection: Connection) -> None:
    """PostgreSQL counts numbers by itself, and saw none of these."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            last = select(func.setval(func.pg_get_serial_sequence(table.name, column.name), func.max(column)))
            connection.execute(last)


def _examined(draft: Path) -> Copied:
    """Raises LedgerError for what is no ledger, or a damaged one."""
    with closing(sqlite3.connect(draft)) as copy:
        (word,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if word != "ok":
            raise LedgerError(f"what was copied is damaged: {word}")
    with closing(Store.open(f"sqlite:///{draft}", write=False)) as store, store.transaction() as connection:
        found = schema.revision_of(connection)
        if found is None:
            raise LedgerError("that is no ledger of Quorumbell")
        schema.refuse_newer(store, found)
        reports, last = connection.execute(select(func.count(), func.max(report.c.received_at)).select_from(report)).one()
        incidents = connection.execute(select(func.count()).select_from(incident)).scalar() or 0
    return Copied(reports, incidents, None if last is None else from_us(last))


def _put_aside(path: Path) -> Path | None:
    """What is there of the file and its logs, under the first name that is free; None when nothing is. The logs go first: what
    is left when this is interrupted is a ledger that lacks the end, never one with a log of another."""
    there = [log for log in reversed(LOGS) if Path(f"{path}{log}").exists()]
    number = 1
    while any(Path(f"{path}.before-restore-{number}{log}").exists() for log in LOGS):
        number += 1
    for log in there:
        Path(f"{path}{log}").rename(f"{path}.before-restore-{number}{log}")
    return Path(f"{path}.before-restore-{number}") if there else None


def _belongs(draft: Path, model: Path) -> None:
    """Who restores as root must not lock out the bridge's user."""
    found = model.stat()
    if model.is_file():
        draft.chmod(found.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(draft, found.st_uid, found.st_gid)


def _sync(path: Path) -> None:
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _keep(draft: Path, to: Path) -> None:
    if to.exists():
        raise LedgerError(f"{to} came there meanwhile: name a new file")
    draft.rename(to)
    _sync(to.parent)
