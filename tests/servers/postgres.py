"""A private PostgreSQL for tests: made by initdb, reached by a socket in its own folder, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.missing import missing

HOMES = "/usr/lib/postgresql/*/bin"  # where Debian keeps what it does not put on the path


def program(name):
    found = shutil.which(name) or next((str(one) for one in sorted(Path("/").glob(f"{HOMES[1:]}/{name}"), reverse=True)), None)
    if found is None:
        missing(f"no {name} here: install the package postgresql")
    return found


def user():
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        missing("no user postgres here: install the package postgresql")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _children(parent):
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.parent.name))
    return found


class Postgres:
    def __init__(self):
        initdb, server, self._as = program("initdb"), program("postgres"), user()
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._data = self.folder / "data"
        made = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=postgres"]
        self._run([initdb, *made, "-D", self._data])
        self._server = server
        self.start()

    def start(self):
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "max_connections=40"]
        options = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._server, "-D", self._data, *options], cwd="/", stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as
            )
        self._wait()

    def stop(self):
        """At once, as in a crash of the machine: connections break."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    @contextmanager
    def frozen(self):
        """The kernel takes connections, and then nothing comes: all its processes are stopped."""
        processes = [self._process.pid, *_children(self._process.pid)]
        try:
            for process in processes:
                with suppress(ProcessLookupError):  # one that just had its work done
                    os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def close(self):
        if self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def database(self):
        """The url of an empty database. It is always the same, emptied: a new one would be a copy of eight megabytes."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            )
            connection.execute("ALTER DATABASE postgres RESET ALL")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def connect(self):
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)

    def _run(self, words):
        done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False, **self._as)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _wait(self):
        for _ in range(300):
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self.folder / "log").read_text())
