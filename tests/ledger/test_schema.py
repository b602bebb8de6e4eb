"""Migrations up and down, and the databases that are refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from bridge.ledger import schema
from bridge.ledger.ledger import Ledger, LedgerError
from bridge.ledger.store import Store
from bridge.ledger.tables import metadata


@pytest.fixture
def store(url):
    opened = Store.open(url, write=True)
    yield opened
    opened.close()


def _change(url, statement):
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_migrated_tables_are_those_of_the_code(store):
    schema.migrate(store)
    with store.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_partial_indices_are_partial_in_the_database_too(store):
    schema.migrate(store)
    with store.transaction() as connection:
        where = "sql" if connection.dialect.name == "sqlite" else "indexdef"
        table = "sqlite_master" if connection.dialect.name == "sqlite" else "pg_indexes"
        found = connection.scalars(text(f"SELECT {where} FROM {table} WHERE {where} LIKE '% WHERE %'")).all()
    assert len(found) == 8


def test_up_down_and_up_again(store):
    schema.migrate(store)
    schema.migrate(store, "base")
    with store.transaction() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    schema.migrate(store)
    with store.transaction() as connection:
        assert schema.revision_of(connection) == schema.REVISION
        assert set(metadata.tables) < set(inspect(connection).get_table_names())


def test_the_code_knows_the_newest_migration():
    assert ScriptDirectory(str(schema.scripts())).get_current_head() == schema.REVISION


def test_the_folder_inside_a_wheel_goes_before_that_of_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "bridge"
    package.mkdir()
    monkeypatch.setattr(schema.bridge, "__file__", str(package / "__init__.py"))
    assert schema.scripts() == tmp_path / "migrations"
    (package / "_migrations").mkdir()
    assert schema.scripts() == package / "_migrations"


@pytest.mark.parametrize("write", [True, False])
def test_a_database_of_a_newer_program_is_refused(url, write):
    Ledger.open(url).close()
    _change(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"newer Quorumbell \(schema 9999.*before-9999"):
        Ledger.open(url, write=write)


def test_a_database_of_another_program_is_refused(url):
    _change(url, "CREATE TABLE report (id INTEGER)")
    with pytest.raises(LedgerError, match="tables of another program"):
        Ledger.open(url)


def test_a_reader_does_not_migrate(url):
    Ledger.open(url).close()
    _change(url, "DELETE FROM alembic_version")
    with pytest.raises(LedgerError, match="holds no ledger"):
        Ledger.open(url, write=False)


def test_a_reader_says_how_to_bring_an_older_ledger_up_to_date(url, monkeypatch):
    Ledger.open(url).close()
    monkeypatch.setattr(schema, "REVISION", "9999")
    with pytest.raises(LedgerError, match="run quorumbell migrate"):
        Ledger.open(url, write=False)


def test_a_failed_migration_leaves_nothing(url, monkeypatch, tmp_path):
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    real = Path(schema.scripts())
    (broken / "env.py").write_text((real / "env.py").read_text())
    first = (real / "versions" / "0001_ledger.py").read_text()
    (broken / "versions" / "0001_ledger.py").write_text(first.replace("    _present()\n", "    raise ZeroDivisionError\n", 1))
    monkeypatch.setattr(schema, "scripts", lambda: broken)
    with pytest.raises(ZeroDivisionError):
        Ledger.open(url)
    monkeypatch.undo()
    Ledger.open(url).close()


def test_a_file_is_copied_before_it_is_migrated(sqlite_url, tmp_path, monkeypatch, make):
    ledger = Ledger.open(sqlite_url)
    ledger.commit(make.commit(reports=[make.report()]))
    copy = tmp_path / f"ledger.db.before-{schema.REVISION}"
    ledger.close()
    assert not copy.exists()
    Path(tmp_path / "ledger.db").chmod(0o600)
    store = Store.open(sqlite_url, write=True)
    monkeypatch.setattr(schema, "_run", lambda connection, target: None)
    schema.migrate(store, "base")
    store.close()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM report").fetchone() == (1,)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))
