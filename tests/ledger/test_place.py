"""Who may write, what happens when the database goes away, and whether a plug pulled loses anything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.ledger.ledger import Ledger, LedgerAway, LedgerBusy, LedgerError, LedgerGone
from bridge.ledger.store import doubts

pytestmark = pytest.mark.many

BATCH = 50

WRITER = """
import itertools, os, sys
from datetime import UTC, datetime, timedelta
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.telling.notice import Notice, Telling
from bridge.ledger.ledger import Commit, Ledger, StoredReport

now = datetime(2026, 11, 24, tzinfo=UTC)
ledger = Ledger.open(sys.argv[1])
for number in itertools.count():
    key = f"node/n3@{number}"
    reports = [
        StoredReport(uid=number.to_bytes(8) + n.to_bytes(8), cluster="a", node="n1", source="pacemaker", at=now,
                     received_at=now, offset=timedelta(0), body=os.urandom(1000), incident_key=key, decision="x")
        for n in range(%d)
    ]
    incident = Incident(key=key, cluster="a", kind=Kind.NODE_FAILURE, root="node/n3", state=State.OPEN,
                        severity=Severity.CRITICAL, peak=Severity.CRITICAL, opened_at=now, changed_at=now)
    notice = Notice(incident_id=0, receiver="mail", kind=Telling.OPENED, reason="opened", at=now, incident=incident)
    ledger.commit(Commit(now=now, reports=reports, incidents=[incident], notices=[notice]))
    print(number, flush=True)
"""


def test_a_second_writer_is_refused_in_plain_words(url):
    first = Ledger.open(url)
    with pytest.raises(LedgerBusy, match=rf"process {os.getpid()} .*stop that one|another quorumbell: stop that one"):
        Ledger.open(url)
    first.close()
    Ledger.open(url).close()


LINKS = {
    "the file by a symbolic link": lambda home: (home / "other.db").symlink_to(home / "led/ledger.db") or home / "other.db",
    "a dangling one": lambda home: (home / "other.db").symlink_to(home / "led/ledger.db") or home / "other.db",
    "a link through a link": lambda home: (
        (home / "one.db").symlink_to(home / "led/ledger.db") or (home / "two.db").symlink_to("one.db") or home / "two.db"
    ),
    "the folder by a symbolic link": lambda home: (home / "linked").symlink_to(home / "led") or home / "linked/ledger.db",
    "a way around": lambda home: home / "led/../led/ledger.db",
    "the file by a hard link": lambda home: (home / "hard.db").hardlink_to(home / "led/ledger.db") or home / "hard.db",
}


@pytest.mark.parametrize("name", LINKS)
def test_the_same_file_is_not_written_twice_whatever_it_is_called(tmp_path, name):
    (tmp_path / "led").mkdir()
    other = LINKS[name](tmp_path) if name == "a dangling one" else None
    first = Ledger.open(f"sqlite:///{tmp_path}/led/ledger.db")
    other = other or LINKS[name](tmp_path)
    command = [sys.executable, "-c", "import sys; from bridge.ledger.ledger import Ledger; Ledger.open(sys.argv[1])"]
    second = subprocess.run([*command, f"sqlite:///{other}"], capture_output=True, text=True, check=False)
    assert "LedgerBusy" in second.stderr
    assert "stop that one first" in second.stderr
    first.close()
    subprocess.run([*command, f"sqlite:///{other}"], check=True)


def test_a_file_with_two_names_is_remarked_upon(tmp_path):
    Ledger.open(f"sqlite:///{tmp_path}/ledger.db").close()
    (tmp_path / "hard.db").hardlink_to(tmp_path / "ledger.db")
    opened = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    opened.close()
    assert [one for one in opened.remarks if "has 2 names (hard links)" in one]


def test_the_last_folder_of_its_path_is_made(tmp_path):
    Ledger.open(f"sqlite:///{tmp_path}/quorumbell/ledger.db").close()
    assert (tmp_path / "quorumbell").stat().st_mode & 0o7027 == 0
    assert (tmp_path / "quorumbell/ledger.db").exists()
    with pytest.raises(LedgerError, match=r"a: No such file or directory: make the ledger's folder .*install -d"):
        Ledger.open(f"sqlite:///{tmp_path}/b/a/ledger.db")


def test_a_reader_stands_beside_the_writer_and_cannot_write(ledger, url, make):
    ledger.commit(make.commit(reports=[make.report()]))
    reader = Ledger.open(url, write=False)
    assert reader.counts()["reports"] == 1
    ledger.commit(make.commit(reports=[make.report()]))
    assert reader.counts()["reports"] == 2
    with pytest.raises(LedgerError, match=r"readonly|read-only"):
        reader.commit(make.commit(reports=[make.report()]))
    reader.close()
    assert ledger.counts()["reports"] == 2


def test_commits_survive_a_power_cut(ledger, url):
    """FULL and on: a relay deletes its copy when we acknowledge."""
    with ledger._store.transaction() as connection:
        if url.startswith("sqlite"):
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_weaker_postgresql_is_made_strict_and_a_stricter_one_left(postgres):
    for configured, expected in (("off", "on"), ("remote_apply", "remote_apply")):
        url = postgres.database()
        with postgres.connect() as connection:
            connection.execute(f"ALTER DATABASE postgres SET synchronous_commit = {configured}")
        ledger = Ledger.open(url)
        with ledger._store.transaction() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == expected
        ledger.close()


def test_the_lock_of_a_dead_machine_is_freed_soon(postgres):
    """A session's lock lives as long as PostgreSQL believes in its client: by default, more than two hours."""
    ledger = Ledger.open(f"{postgres.database()}&application_name=here")
    with ledger._store.transaction() as connection:
        found = connection.exec_driver_sql(
            "SELECT name FROM pg_settings WHERE name LIKE 'tcp_keepalives%%' AND source = 'session'"
        )
        assert len(found.all()) == 3
    ledger.close()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_is_gone_is_noticed_before_anything_is_acknowledged(sqlite_url, tmp_path, make, how):
    ledger = Ledger.open(sqlite_url)
    ledger.commit(make.commit(reports=[make.report()]))
    (tmp_path / "ledger.db").rename(tmp_path / "old.db")
    if how == "replaced":
        (tmp_path / "ledger.db").write_bytes((tmp_path / "old.db").read_bytes())
    with pytest.raises(LedgerGone, match=r"deleted or replaced.*restart"):
        ledger.commit(make.commit(reports=[make.report()]))
    ledger.close()


def test_a_log_that_is_gone_takes_no_report_with_it(sqlite_url, tmp_path, make):
    """What was acknowledged is brought into the file by the end, what was not is sent again."""
    ledger = Ledger.open(sqlite_url)
    ledger.commit(make.commit(reports=[make.report()]))
    (tmp_path / "ledger.db-wal").unlink()
    with pytest.raises(LedgerGone, match=r"ledger\.db-wal was deleted or replaced"):
        ledger.commit(make.commit(reports=[make.report()]))
    ledger.close()
    again = Ledger.open(sqlite_url)
    assert again.counts()["reports"] == 2
    again.close()


def test_a_full_disk_blames_no_report(sqlite_url, make):
    ledger = Ledger.open(sqlite_url)
    with ledger._store.transaction() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerAway, match="full"):
        ledger.commit(make.commit(reports=[make.report(body=b"x" * 30000) for _ in range(9)]))
    assert ledger.counts()["reports"] == 0
    with ledger._store.transaction() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages * 100}")
    ledger.commit(make.commit(reports=[make.report()]))
    ledger.close()


def test_a_ledger_outlives_a_restart_of_postgresql(postgres, make):
    url = postgres.database()
    ledger = Ledger.open(url)
    ledger.commit(make.commit(reports=[make.report()]))
    postgres.stop()
    for _ in range(2):
        with pytest.raises(LedgerAway):
            ledger.commit(make.commit(reports=[make.report()]))
    postgres.start()
    ledger.commit(make.commit(reports=[make.report()]))
    assert ledger.counts()["reports"] == 2
    with pytest.raises(LedgerBusy):  # the lock was taken again with the new connection
        Ledger.open(url)
    ledger.close()


@pytest.mark.parametrize("after", [0.0, 0.003, 0.011, 0.02])
def test_a_killed_writer_leaves_whole_commits_and_all_it_acknowledged(url, after):
    Ledger.open(url).close()
    with subprocess.Popen([sys.executable, "-c", WRITER % BATCH, url], stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = [next(writer.stdout) for _ in range(3)]
        time.sleep(after)
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.readlines()
    ledger = _open_when_free(url)
    counts = ledger.counts()
    incidents = ledger.incidents()
    assert len(incidents) >= len(acknowledged)
    assert counts["reports"] == BATCH * len(incidents)
    assert counts["pending_notices"] == len(incidents)
    assert len(ledger.known([int(number).to_bytes(8) + bytes(8) for number in acknowledged])) == len(acknowledged)
    ledger.close()


def _open_when_free(url):
    """PostgreSQL needs a moment to see that the other side is dead."""
    for _ in range(100):
        try:
            return Ledger.open(url)
        except LedgerBusy:
            time.sleep(0.05)
    return Ledger.open(url)


@pytest.mark.parametrize(
    "url, cure",
    [
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("mysql://x/y", "sqlite or postgresql, not in mysql"),
        ("nonsense", "is no database url: write sqlite:"),
        ("sqlite:////proc/nowhere/ledger.db", "make the ledger's folder and give it to this user"),
    ],
)
def test_a_wrong_url_is_answered_with_a_cure(url, cure):
    with pytest.raises(LedgerError, match=cure):
        Ledger.open(url)


def test_a_reader_makes_no_file(sqlite_url, tmp_path):
    with pytest.raises(LedgerError, match="start quorumbell serve once"):
        Ledger.open(sqlite_url, write=False)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_refused(sqlite_url, tmp_path):
    (tmp_path / "ledger.db").write_text("hello" * 1000)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(sqlite_url)
    (tmp_path / "ledger.db").unlink()
    Ledger.open(sqlite_url).close()


def test_a_password_is_not_said(postgres):
    url = postgres.database().replace("postgres@", "nobody:geheim@")
    with pytest.raises(LedgerAway, match="nobody") as raised:
        Ledger.open(url)
    assert "geheim" not in str(raised.value)


def test_an_unwise_place_is_remarked_on():
    mounts = "/dev/sda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\nnas:/x /srv/far nfs4 rw 0 0\n"
    assert "restart of the machine forgets" in doubts(Path("/run/q/ledger.db"), mounts)[0]
    assert "PostgreSQL" in doubts(Path("/srv/far/ledger.db"), mounts)[0]
    assert doubts(Path("/srv/farther/ledger.db"), mounts) == ()
