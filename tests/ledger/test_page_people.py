"""Who may look at the page: on both databases, beside the one writer."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.ledger import store
from bridge.ledger.backup import back_up, restore
from bridge.ledger.ledger import Ledger, LedgerError
from bridge.ledger.people import Account, People, Session, Token
from tests.ledger.conftest import NOW

HOUR = timedelta(hours=1)
ANNA = Account(name="anna", role="operator", language="de", zone="Europe/Berlin", password="scrypt$…", made_at=NOW)
OF_ANNA = Session(hash=b"a" * 32, person="anna", began_at=NOW, ends_at=NOW + HOUR)
BOARD = Token(name="board", scope="read", hash=b"t" * 32, made_at=NOW, ends_at=NOW + HOUR)


@pytest.fixture
def people(url, ledger):
    """While the one writer has the ledger open."""
    return People(url)


def test_a_person_is_added_once_and_changed_and_removed(people):
    assert people.add(ANNA)
    assert not people.add(replace(ANNA, role="viewer"))
    assert people.account("anna") == ANNA
    assert people.change("anna", role="viewer", zone="UTC")
    assert people.accounts() == [replace(ANNA, role="viewer", zone="UTC")]
    assert people.remove("anna")
    assert people.account("anna") is None
    assert not people.remove("anna")
    assert not people.change("anna", role="viewer")


def test_a_session_ends_by_itself_and_knows_its_person_as_they_are_now(people):
    people.add(ANNA)
    assert people.begin(OF_ANNA)
    assert people.session(OF_ANNA.hash, NOW) == (ANNA, OF_ANNA)
    people.change("anna", role="viewer")
    assert people.session(OF_ANNA.hash, NOW)[0].role == "viewer"
    assert people.session(b"b" * 32, NOW) is None
    assert people.session(OF_ANNA.hash, NOW + HOUR) is None
    people.prolong(OF_ANNA.hash, NOW + 2 * HOUR)
    assert people.session(OF_ANNA.hash, NOW + HOUR) is not None
    people.end(OF_ANNA.hash)
    assert people.session(OF_ANNA.hash, NOW) is None


def test_whoever_is_removed_is_out_at_once(people):
    people.add(ANNA)
    people.begin(OF_ANNA)
    people.remove("anna")
    assert people.session(OF_ANNA.hash, NOW) is None
    assert not people.begin(OF_ANNA), "nobody can come in who is not there any more"


def test_another_password_ends_all_sessions_but_the_one_at_hand(people):
    people.add(ANNA)
    other = replace(OF_ANNA, hash=b"b" * 32)
    people.begin(OF_ANNA)
    people.begin(other)
    assert people.change_password("anna", "new", keep=OF_ANNA.hash)
    assert people.session(OF_ANNA.hash, NOW)[0].password == "new"
    assert people.session(other.hash, NOW) is None
    people.change_password("anna", "newer")
    assert people.session(OF_ANNA.hash, NOW) is None


def test_a_token_ends_by_itself_or_is_revoked(people):
    for_ever = replace(BOARD, name="ever", hash=b"e" * 32, scope="act", ends_at=None)
    assert people.add_token(BOARD)
    assert people.add_token(for_ever)
    assert not people.add_token(replace(BOARD, hash=b"x" * 32))
    assert people.tokens() == [BOARD, for_ever]
    assert people.token(BOARD.hash, NOW) == BOARD
    assert people.token(BOARD.hash, NOW + HOUR) is None
    assert people.token(for_ever.hash, NOW + 1000 * HOUR) == for_ever
    assert people.revoke("ever")
    assert not people.revoke("ever")
    assert people.token(for_ever.hash, NOW) is None


def test_what_has_run_out_is_removed(people):
    people.add(ANNA)
    people.add_token(BOARD)
    people.begin(OF_ANNA)
    later = replace(OF_ANNA, hash=b"b" * 32, began_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    people.begin(later)
    assert people.tokens() == []
    people.prolong(OF_ANNA.hash, NOW + 2 * HOUR)
    assert people.session(OF_ANNA.hash, NOW) is None, "there is nothing left to prolong"


def test_bridge_and_page_write_beside_each_other(url, ledger, make):
    """The bridge without a pause, the page faster than anybody logs in: each gets all that it wanted, at the first try."""
    people = People(url)
    people.add(ANNA)
    begun, trouble = [], []

    def log_in():
        try:
            for number in range(30):
                assert people.begin(replace(OF_ANNA, hash=number.to_bytes(32)))
                begun.append(number)
        except Exception as error:
            trouble.append(error)

    thread = threading.Thread(target=log_in)
    thread.start()
    commits = 0
    while thread.is_alive():
        ledger.commit(make.commit(reports=[make.report()]))
        commits += 1
    thread.join()
    assert trouble == []
    assert commits > 10, "neither waits for the end of the other"
    assert ledger.counts()["reports"] == commits
    assert all(people.session(number.to_bytes(32), NOW) for number in begun)


def test_the_page_gives_up_when_the_writer_holds_on(sqlite_url, make, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    Ledger.open(sqlite_url).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            People(sqlite_url).add(ANNA)
        writer.execute("ROLLBACK")
    assert People(sqlite_url).add(ANNA)


def test_a_page_that_was_killed_in_a_transaction_holds_nothing_up(sqlite_url, make, tmp_path):
    ledger = Ledger.open(sqlite_url)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as page:
        page.execute("BEGIN IMMEDIATE")
    ledger.commit(make.commit(reports=[make.report()]))
    ledger.close()


def test_a_ledger_that_does_not_fit_is_named_with_the_cure(sqlite_url, tmp_path):
    with pytest.raises(LedgerError, match="start quorumbell serve once"):
        People(sqlite_url).accounts()
    Ledger.open(sqlite_url).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '0004'")
        opened.commit()
    with pytest.raises(LedgerError, match="run quorumbell migrate"):
        People(sqlite_url).add(ANNA)


def test_a_backup_brings_back_who_was_let_in_then(url, postgres, ledger, tmp_path):
    people = People(url)
    people.add(ANNA)
    people.begin(OF_ANNA)
    people.add_token(BOARD)
    back_up(url, tmp_path / "backup.db")
    other = postgres.database()
    Ledger.open(other).close()
    restored = People(other)
    restored.add(replace(ANNA, name="eve"))
    restored.begin(replace(OF_ANNA, person="eve", hash=b"e" * 32))
    restore(other, tmp_path / "backup.db")
    assert restored.accounts() == [ANNA]
    assert restored.session(OF_ANNA.hash, NOW) == (ANNA, OF_ANNA)
    assert restored.session(b"e" * 32, NOW) is None
    assert restored.tokens() == [BOARD]
