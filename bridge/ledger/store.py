"""Where the ledger lies, who may write it, and one transaction on it: all that differs between SQLite and PostgreSQL."""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)

from bridge.ledger.records import LedgerAway, LedgerBusy, LedgerError, LedgerGone, Waits

# A relay deletes its copy when we acknowledge: what is committed must survive a power cut.
# The log is folded into the file every 32 MiB instead of 4: reports of many nodes touch many pages of the index of ids again
# and again, and this writes each of them less often. It narrows what a million stored reports cost, by little but always.
PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -16000",
    "wal_autocheckpoint = 8000",
)
READING_PRAGMAS: Final = ("query_only = ON",)
# Beside the one writer: the log is folded into the file by that one alone, whose commits know what they wait for.
BESIDE_PRAGMAS: Final = ("synchronous = FULL", "foreign_keys = ON", "cache_size = -500", "wal_autocheckpoint = 0")
BUSY_SECONDS: Final = 5.0
BETWEEN_TRIES: Final = 0.002

AWAY: Final = (OperationalError, InterfaceError, InternalError)
"""Nothing can be stored now. So it is with a broken page or file (a plain DatabaseError of SQLite): somebody has to mend it."""
MISTAKES: Final = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""Of a place that was named wrongly; with all else the disk itself is in trouble."""


FORGETFUL: Final = {"tmpfs", "ramfs"}
FAR: Final = {"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.glusterfs", "fuse.sshfs", "9p"}


def of_a_row(error: BaseException) -> bool:
    """Whether a row is to blame, and not the place: SQLSTATE 22 data, 23 integrity, 54 limits (PostgreSQL, appendix A).

    What raises in our own code while a row is made is of that row, too.
    """
    if isinstance(error, DataError | IntegrityError):
        return True
    if isinstance(error, Exception) and not isinstance(error, SQLAlchemyError | LedgerError | OSError):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return state[:2] in {"22", "23", "54"}


def doubts(path: Path, mounts: str) -> tuple[str, ...]:
    """What is unwise about a place for an SQLite file, told from /proc/self/mounts."""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found = line.split(" ")[:3]
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    if kind in FORGETFUL:
        return (f"{path} lies on {kind}: a restart of the machine forgets it; choose a disk",)
    if kind in FAR:
        return (f"{path} lies on {kind}, where locks cannot be trusted: choose a local disk, or PostgreSQL",)
    return ()


class File:
    """The SQLite file: locked against a second writer, and watched for being replaced.

    While SQLite has it open it is only looked at by stat(): to open and close it here would drop SQLite's own locks
    (fcntl(2), POSIX locks).
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        self.locks: list[int] = []
        self.identity: tuple[int, int] | None = None
        self._log = Path(f"{os.path.realpath(path)}-wal")
        self._log_identity: tuple[int, int] | None = None
        if not write and not path.exists():
            raise LedgerError(f"no ledger at {path}: start quorumbell serve once, or correct the ledger's url")
        if write:
            self._lock()

    def remember(self) -> None:
        """The file is there now."""
        self.identity = self._now()
        if len(self.locks) == 1:
            self._lock_itself()

    def check(self) -> None:
        """SQLite itself would go on, in files that nobody finds again. Its log is made with the first transaction, and stays
        until the last connection ends, which brings all that is in it into the file."""
        if self.identity is None:
            return
        log = _identity(self._log)
        self._log_identity = self._log_identity or log
        for path, was, is_now in ((self.path, self.identity, self._now()), (self._log, self._log_identity, log)):
            if was != is_now:
                raise LedgerGone(
                    f"{path} was deleted or replaced while it was open: nothing more is stored; restart quorumbell serve"
                )

    def close(self) -> None:
        while self.locks:
            os.close(self.locks.pop())

    def remarks(self) -> tuple[str, ...]:
        names = self.path.stat().st_nlink
        linked = f"{self.path} has {names} names (hard links): what SQLite has in its log is found by one of them only; keep one"
        return (*((linked,) if names > 1 else ()), *doubts(self.path, Path("/proc/self/mounts").read_text(encoding="utf-8")))

    def _lock(self) -> None:
        """By its own path, whatever links lead to it; and, for other names of the same file, by the file."""
        real = Path(os.path.realpath(self.path))
        _make_folder(real.parent)
        self.locks.append(_lock(real))
        if real.exists():
            self._lock_itself()

    def _lock_itself(self) -> None:
        """By flock(2), which SQLite does not use: it has nothing to do with the locks of fcntl(2)."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.close()
            raise LedgerError(f"{self.path}: {error.strerror}: it must be this user's own") from error
        self.locks.append(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise LedgerBusy(f"{self.path} is written by another process, under another name: stop that one first") from None

    def _now(self) -> tuple[int, int] | None:
        return _identity(self.path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_folder(folder: Path) -> None:
    """The last folder of the path only: where the others are missing, the path is probably wrong."""
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"{folder}: {error.strerror}: make the ledger's folder and give it to this user (install -d -m 750 -o USER {folder})"
        ) from error


def _lock(path: Path) -> int:
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        kind = LedgerError if error.errno in MISTAKES else LedgerAway
        raise kind(f"{path}.lock: {error.strerror}: the folder must be writable for this user") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        writer = os.read(descriptor, 20).decode() or "another process"
        os.close(descriptor)
        raise LedgerBusy(f"{path} is written by process {writer} (it holds {path}.lock): stop that one first") from None
    owner = path.parent.stat()
    if os.geteuid() == 0 != owner.st_uid:  # who repairs as root must not lock out the bridge's user
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    os.truncate(descriptor, 0)
    with suppress(OSError):  # a full disk has no room for the number; the lock holds without it
        os.write(descriptor, str(os.getpid()).encode())
    return descriptor


class Store:
    """One connection; every transaction of a writer starts as a writing one, so that it never has to be promoted."""

    def __init__(self, engine: Engine, file: File | None) -> None:
        self.file = file
        self.name = engine.url.render_as_string(hide_password=True)
        self._engine = engine
        with self._in_plain_words():
            self._connection = engine.connect()
        if file:
            file.remember()
        self.remarks = file.remarks() if file else ()

    @classmethod
    def open(cls, url: str, *, write: bool, beside: bool = False, waits: Waits = lambda _: True) -> Self:
        """Of writers there is one, which holds the ledger's lock. `beside` writes without it, tables that the one never touches,
        in transactions so short that it can wait for them."""
        target = _parse(url)
        file = None
        if target.get_backend_name() == "sqlite":
            file = File(Path(target.database or "").absolute(), write=write and not beside)
        try:
            return cls(_engine(target, write=write, beside=beside, waits=waits), file)
        except BaseException:
            if file:
                file.close()
            raise

    @staticmethod
    @contextmanager
    def locked(url: str) -> Iterator[Path]:
        """The SQLite file itself, behind all links, while nobody else may write it. Raises LedgerBusy when somebody does."""
        file = File(Path(_parse(url).database or "").absolute(), write=True)
        try:
            yield Path(os.path.realpath(file.path))
        finally:
            file.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing. Inside another transaction it is a part of that one, and can fail alone.

        The place is looked at after the commit: what went into a file that nobody will find again is not acknowledged.
        """
        inside = self._connection.in_transaction()
        with self._in_plain_words(), self._connection.begin_nested() if inside else self._connection.begin():
            yield self._connection
        if self.file and not inside:
            self.file.check()

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
        if self.file:
            self.file.close()

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if of_a_row(error):
                raise
            if self.file:
                self.file.check()
            passing = isinstance(error, AWAY) or type(error) is DatabaseError or error.connection_invalidated
            raise (LedgerAway if passing else LedgerError)(f"{self.name}: {error.orig}") from error


def _parse(url: str) -> URL:
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise LedgerError(
            f"{url!r} is no database url: write sqlite:////var/lib/quorumbell/ledger.db or postgresql://…"
        ) from error
    if target.drivername == "postgresql":
        target = target.set(drivername="postgresql+psycopg")
    backend = target.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise LedgerError(f"a ledger is kept in sqlite or postgresql, not in {backend}")
    if backend == "sqlite" and target.database in {None, "", ":memory:"}:
        raise LedgerError("a ledger in memory would lose what was acknowledged: name a file, sqlite:////path/ledger.db")
    return target


def _engine(target: URL, *, write: bool, beside: bool, waits: Waits) -> Engine:
    if target.get_backend_name() == "sqlite":
        return _sqlite(target, write=write, beside=beside)
    try:
        from bridge.ledger import postgresql  # noqa: PLC0415 - its driver is an extra
    except ModuleNotFoundError as error:
        raise LedgerError("PostgreSQL needs its driver: install quorumbell[postgres]") from error
    return postgresql.engine_of(target, write=write, beside=beside, waits=waits)


def _sqlite(target: URL, *, write: bool, beside: bool) -> Engine:
    pragmas = BESIDE_PRAGMAS if beside else PRAGMAS if write else READING_PRAGMAS
    engine = create_engine(target, poolclass=NullPool, connect_args={"timeout": 0 if beside else BUSY_SECONDS})

    # sqlite3 would begin late and by guessing: we begin ourselves (SQLAlchemy, SQLite dialect, transactions).
    @event.listens_for(engine, "connect")
    def _connected(driver: Any, _: Any) -> None:
        driver.isolation_level = None
        for pragma in pragmas:
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        (_slip_in if beside else Connection.exec_driver_sql)(connection, "BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _slip_in(connection: Connection, begin: str) -> None:
    """Between two commits of the writer. SQLite itself waits longer from try to try, and would miss each gap of a busy one."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.exec_driver_sql(begin)
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(BETWEEN_TRIES)
        else:
            return
