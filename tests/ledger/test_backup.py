"""A backup is one moment's whole ledger, made while the bridge writes; restored and replayed it tells the same story."""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bridge.config.config import load_config
from bridge.ledger.backup import back_up, restore
from bridge.ledger.ledger import Ledger, LedgerError
from bridge.rehearse.rehearse import read_recording
from bridge.serve.recall import new_line, replay
from bridge.serve.writer import commit_of, stored
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
REPORTS = sorted(
    (
        msgspec.structs.replace(report, cluster=name, uid=f"{name}{number:09}".encode()[-16:])
        for name in ("node-power-cut", "stop-fail-fence", "vm-host-crash")
        for number, report in enumerate(read_recording(ROOT / f"tests/judge/recordings/{name}.json"))
    ),
    key=lambda report: report.received_at,
)


@pytest.fixture
def config(tmp_path, url):
    file = tmp_path / "q.toml"
    file.write_text(
        f'[bridge]\nledger = "{url}"\nlisten = ["tcp://127.0.0.1:1"]\nkeys = "{tmp_path}/keys"\nallowed = "{tmp_path}/allowed.d"\n'
        '[receivers.oncall]\nkind = "mail"\nhost = "127.0.0.1"\nsecurity = "none"\nfrom = "q@e.org"\nto = ["a@e.org"]\n'
    )
    return load_config(file)


class Life(threading.Thread):
    """A bridge's writer: report by report, until all are in."""

    def __init__(self, url, config):
        super().__init__()
        self.url, self.config, self.done = url, config, 0

    def run(self):
        line = new_line(self.config)
        with closing(Ledger.open(self.url)) as ledger:
            for report in REPORTS:
                outcome = line.take([report], report.received_at)
                row = stored(report, msgspec.json.encode(report.body), outcome)
                ledger.commit(commit_of([row], outcome, report.received_at, line.correlator.checkpoint()))
                self.done += 1
                time.sleep(0.002)


def derived(ledger):
    incidents = {one.key: (number, msgspec.structs.replace(one, changed_at=one.opened_at)) for number, one in ledger.incidents()}
    return incidents, {(one.cluster, one.subject): one for one in ledger.conditions()}


def lived_until(config, count):
    """What the bridge had made of the first reports, at the moment when it had them."""
    line = new_line(config)
    incidents = {}
    for report in REPORTS[:count]:
        incidents |= line.take([report], report.received_at).incidents
    return {key: msgspec.structs.replace(one, changed_at=one.opened_at) for key, one in incidents.items()}


def test_taken_under_load_restored_and_replayed_it_tells_the_same_incidents(url, config, tmp_path):
    life = Life(url, config)
    life.start()
    eventually(lambda: life.done > len(REPORTS) // 3)
    copied = back_up(url, tmp_path / "backup.db")
    at_its_end = life.done
    life.join()
    assert len(REPORTS) // 3 < copied.reports <= at_its_end + 1
    assert copied.reports < len(REPORTS) == life.done, "the bridge went on writing"

    again = f"sqlite:///{tmp_path}/again/ledger.db"
    assert restore(again, tmp_path / "backup.db") == (copied, None)
    with closing(Ledger.open(again)) as ledger:
        assert [one.uid for _, one in ledger.reports()] == [one.uid for one in REPORTS[: copied.reports]]
        before = derived(ledger)
        assert ledger.notices()
    there = (tmp_path / "q.toml").read_text().replace(url, again)
    (tmp_path / "again.toml").write_text(there)
    replay(load_config(tmp_path / "again.toml"), REPORTS[copied.reports - 1].received_at)
    with closing(Ledger.open(again)) as ledger:
        assert derived(ledger) == before
        assert {key: one for key, (_, one) in before[0].items()} == lived_until(config, copied.reports)


def test_a_backup_of_either_database_becomes_a_ledger_in_postgresql_and_goes_on(url, postgres, make, tmp_path):
    incident = make.incident()
    with closing(Ledger.open(url)) as ledger:
        ledger.commit(make.commit(reports=[make.report(), make.report()], incidents=[incident], notices=[make.notice(incident)]))
        everything = (list(ledger.reports()), ledger.incidents(), ledger.notices())
    back_up(url, tmp_path / "backup.db")
    other = postgres.database()
    restore(other, tmp_path / "backup.db")
    with closing(Ledger.open(other)) as ledger:
        assert (list(ledger.reports()), ledger.incidents(), ledger.notices()) == everything
        more = make.incident("node/n4@1")
        ledger.commit(make.commit(reports=[make.report()], incidents=[more], notices=[make.notice(more)]))
        assert [seq for seq, _ in ledger.reports()] == [1, 2, 3]
        assert {number for number, _ in ledger.incidents()} == {1, 2}
    with pytest.raises(LedgerError, match="holds reports already: restore into an empty database"):
        restore(other, tmp_path / "backup.db")


def test_it_is_one_file_for_its_owner_and_nothing_is_left_beside_it(url, tmp_path):
    Ledger.open(url).close()
    folder = tmp_path / "backups"
    folder.mkdir()
    back_up(url, folder / "b.db")
    assert list(folder.iterdir()) == [folder / "b.db"]
    assert (folder / "b.db").stat().st_mode & 0o777 == 0o600


def test_it_replaces_nothing_and_says_what_is_missing(sqlite_url, tmp_path):
    with pytest.raises(LedgerError, match="no ledger at"):
        back_up(sqlite_url, tmp_path / "b.db")
    Ledger.open(sqlite_url).close()
    (tmp_path / "there.db").write_text("mine")
    with pytest.raises(LedgerError, match="is there already: name a new file"):
        back_up(sqlite_url, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"
    with pytest.raises(LedgerError, match="nowhere: No such file or directory: name a file in a folder that is there"):
        back_up(sqlite_url, tmp_path / "nowhere/b.db")
    with pytest.raises(LedgerError, match="no backup at"):
        restore(sqlite_url, tmp_path / "b.db")


def test_a_full_disk_is_said_and_leaves_nothing(sqlite_url, tmp_path, make):
    with closing(Ledger.open(sqlite_url)) as ledger:
        ledger.commit(make.commit(reports=[make.report(body=os.urandom(30_000)) for _ in range(20)]))
    (tmp_path / "small").mkdir()
    run = subprocess.run(
        [
            "bash",
            "-c",
            'ulimit -f 100; trap "" XFSZ; exec "$@"',
            "bash",
            sys.executable,
            "-c",
            BACK_UP,
            sqlite_url,
            tmp_path / "small/b.db",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "b.db was not written" in run.stderr
    assert not list((tmp_path / "small").iterdir())


BACK_UP = "import sys, pathlib; from bridge.ledger.backup import back_up; back_up(sys.argv[1], pathlib.Path(sys.argv[2]))"


def test_a_damaged_ledger_gives_no_backup(sqlite_url, tmp_path, make):
    with closing(Ledger.open(sqlite_url)) as ledger:
        ledger.commit(make.commit(reports=[make.report() for _ in range(500)]))
    file = tmp_path / "ledger.db"
    with file.open("r+b") as written:
        for page in range(10, file.stat().st_size // 4096, 3):
            written.seek(page * 4096)
            written.write(os.urandom(4096))
    with pytest.raises(LedgerError, match=r"damaged|malformed"):
        back_up(sqlite_url, tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()


def test_a_ledger_in_use_is_not_replaced(url, tmp_path):
    with closing(Ledger.open(url)):
        back_up(url, tmp_path / "b.db")
        with pytest.raises(LedgerError, match="stop that one first"):
            restore(url, tmp_path / "b.db")


def test_what_was_there_is_put_aside_with_its_log_be_it_broken(sqlite_url, tmp_path, make):
    with closing(Ledger.open(sqlite_url)) as ledger:
        ledger.commit(make.commit(reports=[make.report()]))
    back_up(sqlite_url, tmp_path / "b.db")
    (tmp_path / "ledger.db").write_bytes(b"nonsense")
    (tmp_path / "ledger.db-wal").write_bytes(b"of another")
    copied, aside = restore(sqlite_url, tmp_path / "b.db")
    assert aside == tmp_path / "ledger.db.before-restore-1"
    assert aside.read_bytes() == b"nonsense"
    assert Path(f"{aside}-wal").read_bytes() == b"of another"
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == aside.stat().st_mode & 0o777
    with closing(Ledger.open(sqlite_url)) as ledger:
        assert ledger.counts()["reports"] == copied.reports == 1
    assert restore(sqlite_url, tmp_path / "b.db")[1] == tmp_path / "ledger.db.before-restore-2"


def killed(url):
    """A bridge that died with two reports: they stand in the log only."""
    run = "import os, sys; from tests.ledger.conftest import Make; from bridge.ledger.ledger import Ledger; make = Make(); "
    run += "ledger = Ledger.open(sys.argv[1]); ledger.commit(make.commit(reports=[make.report(), make.report()])); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", run, url], check=False).returncode == 9


def test_a_log_without_its_ledger_does_not_get_into_the_restored_one(sqlite_url, tmp_path):
    Ledger.open(sqlite_url).close()
    back_up(sqlite_url, tmp_path / "b.db")
    killed(sqlite_url)
    (tmp_path / "ledger.db").unlink()
    log = (tmp_path / "ledger.db-wal").read_bytes()
    copied, aside = restore(sqlite_url, tmp_path / "b.db")
    assert aside is not None
    assert Path(f"{aside}-wal").read_bytes() == log
    with closing(Ledger.open(sqlite_url)) as ledger:
        assert ledger.counts()["reports"] == copied.reports == 0


def test_what_cannot_be_written_puts_nothing_aside(sqlite_url, tmp_path, monkeypatch):
    Ledger.open(sqlite_url).close()
    back_up(sqlite_url, tmp_path / "b.db")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="No space left on device"):
        restore(sqlite_url, tmp_path / "b.db")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"hello" * 1000, b""])
def test_what_is_no_backup_is_refused_and_the_ledger_stays(sqlite_url, tmp_path, content):
    Ledger.open(sqlite_url).close()
    before = (tmp_path / "ledger.db").read_bytes()
    (tmp_path / "b.db").write_bytes(content)
    with pytest.raises(LedgerError, match=r"not a database|no ledger"):
        restore(sqlite_url, tmp_path / "b.db")
    assert (tmp_path / "ledger.db").read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_who_restores_as_root_does_not_lock_out_the_bridges_user(sqlite_url, tmp_path):
    Ledger.open(sqlite_url).close()
    back_up(sqlite_url, tmp_path / "b.db")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    restore(f"sqlite:///{tmp_path}/theirs/ledger.db", tmp_path / "b.db")
    assert {one.name: one.stat().st_uid for one in (tmp_path / "theirs").iterdir()} == {
        "ledger.db": 65534,
        "ledger.db.lock": 65534,
    }
