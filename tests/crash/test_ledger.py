"""The ledger is stopped, frozen, locked and full in the middle, under hooks, while relay and bridge are killed with -9.

Each time the bell is told once that nothing can be stored, and once that it is over; what a hook was promised is stored once.
"""

import os
import random
import resource
import time
from collections import Counter
from contextlib import contextmanager

import psycopg
import pytest

from examples.mail_sink import MailSink
from tests.crash.site import Site
from tests.servers.postgres import Postgres

A_SECOND = 40
"""Hooks."""
KILLED_EVERY = {"bridge": (4.0, 12.0), "relay": (2.0, 8.0)}
"""Seconds: a bridge must live long enough to see that it is over."""
SUBJECT = "Quorumbell can store nothing"
# `serve` with a short patience, or this would take an hour.
SHORT = "from bridge.serve import alarm as a; a.TELL_AFTER = 5; a.OVER_AFTER = 1; from bridge.cli import main; main()"

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]


class Troubled(Site):
    """`room` is how long a file of the bridge may become."""

    def __init__(self, home, ledger=""):
        self.mails, self.room = [], resource.RLIM_INFINITY
        self.sink = MailSink(self.mails.append)
        mail = f'[receivers.oncall]\nkind = "mail"\nhost = "127.0.0.1"\nport = {self.sink.port}\nsecurity = "none"\nfrom = "q@e.org"\nto = ["a@e.org"]\n'
        super().__init__(home, ledger, mail, ("-c", SHORT))
        self.chance = random.Random(int(os.environ.get("QUORUMBELL_SEED", "7")))
        self.promised, self.hooks, self.called, self.kills = set(), {}, 0, Counter()
        self.kill_at = {name: time.monotonic() + 5 for name in KILLED_EVERY}

    def start(self, name):
        super().start(name)
        if name == "bridge":
            resource.prlimit(self.running[name].pid, resource.RLIMIT_FSIZE, (self.room, resource.RLIM_INFINITY))

    def told(self):
        """The same mail once more is the same mail."""
        unique = {mail["Message-ID"]: mail["Subject"] for mail in self.mails}
        return [subject.startswith("Re: ") for subject in unique.values() if SUBJECT in subject]

    def until(self, condition, *, at_least=0.0, seconds=60.0):
        began = time.monotonic()
        while time.monotonic() - began < at_least or not condition():
            assert time.monotonic() - began < seconds, (self.home / "bridge.log").read_text()[-4000:]
            self.turn()

    def turn(self):
        """A hook, perhaps a death, and whoever is dead is started again."""
        self.called += 1
        self.hooks[self.hook(self.called)] = self.called
        self.collect()
        for name, at in self.kill_at.items():
            if time.monotonic() > at:
                self.kill_at[name] = time.monotonic() + self.chance.uniform(*KILLED_EVERY[name])
                self.kills[name] += 1
                self.running[name].kill()
            if self.running[name].poll() is not None:
                self.start(name)
        time.sleep(1 / A_SECOND)

    def collect(self):
        for pid in list(self.hooks):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                number = self.hooks.pop(pid)
                if status == 0:
                    self.promised.add(number)

    def finish(self):
        while self.hooks:
            self.collect()
            time.sleep(0.01)
        until = time.monotonic() + 60
        while self.promised - set(self.stored()) and time.monotonic() < until:
            for name in self.commands:
                if self.running[name].poll() is not None:
                    self.start(name)
            time.sleep(0.5)
        return self.stored()


@contextmanager
def stopped(postgres, _):
    postgres.stop()
    yield
    postgres.start()


@contextmanager
def frozen(postgres, _):
    with postgres.frozen():
        yield


@contextmanager
def locked(_, site):
    with psycopg.connect(site.ledger) as other:
        other.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def full(_, site):
    pid = site.running["bridge"].pid
    site.room = (site.home / "ledger.db-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (site.room, resource.RLIM_INFINITY))
    yield
    site.room = resource.RLIM_INFINITY
    resource.prlimit(site.running["bridge"].pid, resource.RLIMIT_FSIZE, (site.room, resource.RLIM_INFINITY))


def slowly(site):
    """Each commit waits for most of a second: nobody is told, and nothing is lost."""
    for _ in range(6):
        with locked(None, site):
            time.sleep(0.7)
        site.turn()


@pytest.mark.parametrize("troubles", [(stopped, frozen, locked), (full,)], ids=["postgresql", "sqlite"])
def test_a_ledger_that_takes_nothing_costs_no_report_and_is_told_once(tmp_path, troubles):
    postgres = Postgres() if full not in troubles else None
    site = Troubled(tmp_path, postgres.database() if postgres else "")
    site.begin()
    try:
        for number, trouble in enumerate(troubles):
            site.until(lambda: True, at_least=4)
            with trouble(postgres, site):
                site.until(lambda number=number: len(site.told()) > 2 * number, at_least=8)
            site.until(lambda number=number: len(site.told()) > 2 * number + 1)
            assert site.told() == [False, True] * (number + 1)
        if postgres:
            slowly(site)
        stored = site.finish()
        print(f"{site.called} hooks, {len(site.promised)} exited 0, killed {dict(site.kills)}, stored {sum(stored.values())}")
        assert site.told() == [False, True] * len(troubles)
        assert len(site.promised) > site.called * 0.9
        assert min(site.kills["relay"], site.kills["bridge"]) > len(troubles)
        assert site.promised - set(stored) == set(), "promised, and not stored"
        assert [number for number, times in stored.items() if times > 1] == [], "stored twice"
    finally:
        site.stop()
        site.sink.shutdown()
        site.sink.server_close()
        if postgres:
            postgres.close()
