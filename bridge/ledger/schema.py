"""The ledger's tables in a database: made, brought up to date, or refused."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

import bridge
from bridge.ledger.records import LedgerError
from bridge.ledger.store import Store
from bridge.ledger.tables import metadata

REVISION: Final = "0007"
"""The newest migration; kept here so that only a migration has to load Alembic."""


def scripts() -> Path:
    """migrations/ of the checkout, which the wheel carries inside the package."""
    package = Path(bridge.__file__).parent
    packed = package / "_migrations"
    return packed if packed.is_dir() else package.parent / "migrations"


def migrate(store: Store, target: str = "head") -> None:
    """The writer's way in: make the tables, or bring them up to date; a copy of an SQLite file is made first."""
    with store.transaction() as connection:
        found = revision_of(connection)
        tables = set(inspect(connection).get_table_names())
    if target == "head" and found == REVISION:
        return
    if found is None and tables & set(metadata.tables):
        raise LedgerError(f"{store.name} holds tables of another program: name an empty database")
    refuse_newer(store, found)
    if store.file and found is not None:
        copy(store.file.path, Path(f"{store.file.path}.before-{REVISION}"))
    with store.transaction() as connection:
        _run(connection, target)


def check(store: Store) -> None:
    """The reader's way in: it changes nothing, so the tables must fit as they are."""
    with store.transaction() as connection:
        found = revision_of(connection)
    if found == REVISION:
        return
    if found is None:
        raise LedgerError(f"{store.name} holds no ledger: start quorumbell serve once, or correct the ledger's url")
    refuse_newer(store, found)
    raise LedgerError(
        f"{store.name} was made by an older Quorumbell (schema {found}, ours is {REVISION}): run quorumbell migrate"
    )


def revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def copy(path: Path, to: Path) -> None:
    """A whole copy of a database in use, by SQLite's own backup: the file alone may lack what still stands in its log."""
    draft = to.with_name(to.name + ".part")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    shutil.copymode(path, draft)
    draft.replace(to)


def refuse_newer(store: Store, found: str | None) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - reading commands must not pay for Alembic

    known = {script.revision for script in ScriptDirectory(str(scripts())).walk_revisions()}
    if found is not None and found not in known:
        raise LedgerError(
            f"{store.name} was made by a newer Quorumbell (schema {found}, this one knows up to {REVISION}): "
            f"install that version, or restore the copy that its migration made (FILE.before-{found})"
        )


def _run(connection: Connection, target: str) -> None:
    from alembic import command  # noqa: PLC0415 - reading commands must not pay for Alembic
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    (command.downgrade if target == "base" else command.upgrade)(config, target)
