"""Who may look at the page and act on it: people, their sessions, the tokens of programs.

The only tables that another process than the bridge writes (the page, `quorumbell user` and `token`). It does not hurt the one
writer: each call is one transaction of a row or two that waits for nothing but the disk, begun when all that takes time (the
hash of a password) is done, and the bridge never touches these tables. On SQLite, which lets one write at a time, the bridge's
commit waits for such a transaction as it waits for a disk; on PostgreSQL it does not wait at all.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bridge.core.world.event import from_us, to_us
from bridge.ledger import schema
from bridge.ledger.store import Store
from bridge.ledger.tables import person, session, token

Role = Literal["viewer", "operator"]
Scope = Literal["read", "act"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person. Without a `password` only a trusted proxy can let them in."""

    name: str
    role: Role
    language: Literal["en", "de"] = "en"
    zone: str = "UTC"
    password: str = ""
    """As `bridge.page.people.passwords` writes it: a hash, with all that is needed to check it."""
    made_at: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    hash: bytes
    """Of the secret in the cookie."""
    person: str
    began_at: datetime
    ends_at: datetime


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """For a program. `act` may do what an operator may; `read` what a viewer may."""

    name: str
    scope: Scope
    hash: bytes
    made_at: datetime
    ends_at: datetime | None = None


class People:
    """May be asked by many threads. Every method raises LedgerError when the ledger does not answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._fits = False
        """Whether its tables are ours: looked at once."""

    # --- people

    def account(self, name: str) -> Account | None:
        with self._look() as connection:
            row = connection.execute(select(person).where(person.c.name == name)).one_or_none()
        return None if row is None else _account(row)

    def accounts(self) -> list[Account]:
        with self._look() as connection:
            return [_account(row) for row in connection.execute(select(person).order_by(person.c.name))]

    def add(self, account: Account) -> bool:
        """False when there is one of this name."""
        return self._insert(person, msgspec.structs.asdict(account) | {"made_at": to_us(account.made_at)})

    def change(self, name: str, **values: str) -> bool:
        """False when there is nobody of this name."""
        with self._write() as connection:
            return connection.execute(update(person).where(person.c.name == name).values(values)).rowcount == 1

    def change_password(self, name: str, password: str, keep: bytes | None = None) -> bool:
        """Ends the sessions of whoever knew the old one, but for the one that is kept."""
        with self._write() as connection:
            changed = connection.execute(update(person).where(person.c.name == name).values(password=password)).rowcount == 1
            theirs = session.c.person == name
            connection.execute(delete(session).where(theirs if keep is None else theirs & (session.c.hash != keep)))
        return changed

    def remove(self, name: str) -> bool:
        with self._write() as connection:
            connection.execute(delete(session).where(session.c.person == name))
            return connection.execute(delete(person).where(person.c.name == name)).rowcount == 1

    # --- sessions

    def begin(self, begun: Session) -> bool:
        """False when the person was removed meanwhile. What has run out is removed with it."""
        with self._write() as connection:
            connection.execute(delete(session).where(session.c.ends_at <= to_us(begun.began_at)))
            connection.execute(delete(token).where(token.c.ends_at <= to_us(begun.began_at)))
        times = {"began_at": to_us(begun.began_at), "ends_at": to_us(begun.ends_at)}
        return self._insert(session, msgspec.structs.asdict(begun) | times)

    def session(self, hashed: bytes, now: datetime) -> tuple[Account, Session] | None:
        """As long as it has not run out; with the person as they are now."""
        wanted = select(session.c.began_at, session.c.ends_at, person).join(person)
        with self._look() as connection:
            row = connection.execute(wanted.where(session.c.hash == hashed, session.c.ends_at > to_us(now))).one_or_none()
        if row is None:
            return None
        times = {"began_at": from_us(row.began_at), "ends_at": from_us(row.ends_at)}
        return _account(row), Session(hash=hashed, person=row.name, **times)

    def inside(self, now: datetime) -> frozenset[bytes | str]:
        """The hashes of all sessions that have not run out, and the names of all people."""
        with self._look() as connection:
            hashes = connection.scalars(select(session.c.hash).join(person).where(session.c.ends_at > to_us(now)))
            return frozenset([*hashes, *connection.scalars(select(person.c.name))])

    def prolong(self, hashed: bytes, ends_at: datetime) -> None:
        with self._write() as connection:
            connection.execute(update(session).where(session.c.hash == hashed).values(ends_at=to_us(ends_at)))

    def end(self, hashed: bytes) -> None:
        with self._write() as connection:
            connection.execute(delete(session).where(session.c.hash == hashed))

    # --- tokens

    def add_token(self, made: Token) -> bool:
        """False when there is one of this name."""
        times = {"made_at": to_us(made.made_at), "ends_at": None if made.ends_at is None else to_us(made.ends_at)}
        return self._insert(token, msgspec.structs.asdict(made) | times)

    def token(self, hashed: bytes, now: datetime) -> Token | None:
        """As long as it has not run out."""
        with self._look() as connection:
            row = connection.execute(select(token).where(token.c.hash == hashed)).one_or_none()
        found = None if row is None else _token(row)
        return None if found is None or (found.ends_at is not None and found.ends_at <= now) else found

    def tokens(self) -> list[Token]:
        with self._look() as connection:
            return [_token(row) for row in connection.execute(select(token).order_by(token.c.name))]

    def revoke(self, name: str) -> bool:
        with self._write() as connection:
            return connection.execute(delete(token).where(token.c.name == name)).rowcount == 1

    # --- the ledger

    def _insert(self, table: Any, values: dict[str, Any]) -> bool:
        try:
            with self._write() as connection:
                connection.execute(insert(table).values(values))
        except IntegrityError:
            return False
        return True

    @contextmanager
    def _look(self) -> Iterator[Connection]:
        with self._opened(write=False) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if not self._fits:
            with self._look():
                pass
        with self._opened(write=True) as connection:
            yield connection

    @contextmanager
    def _opened(self, *, write: bool) -> Iterator[Connection]:
        with closing(Store.open(self._url, write=write, beside=write)) as store:
            if not self._fits:
                schema.check(store)
                self._fits = True
            with store.transaction() as connection:
                yield connection


def _account(row: Any) -> Account:
    return Account(
        name=row.name,
        role=row.role,
        language=row.language,
        zone=row.zone,
        password=row.password,
        made_at=from_us(row.made_at),
    )


def _token(row: Any) -> Token:
    ends_at = None if row.ends_at is None else from_us(row.ends_at)
    return Token(name=row.name, scope=row.scope, hash=row.hash, made_at=from_us(row.made_at), ends_at=ends_at)
