"""Relay and bridge are killed with -9 at random moments, under two thousand real hooks. What a hook was promised is stored once."""

import os
import random
import time
from collections import Counter

import pytest

from tests.crash.site import Site

HOOKS = 2000
AT_ONCE = 6

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    site.begin()
    yield site
    site.stop()


def test_what_a_hook_was_promised_is_stored_exactly_once(site):
    chance = random.Random(int(os.environ.get("QUORUMBELL_SEED", "7")))
    promised, running = set(), {}
    started, kills, kill_at = 0, Counter(), 100
    while started < HOOKS or running:
        while len(running) < AT_ONCE and started < HOOKS:
            started += 1
            running[site.hook(started)] = started
        pid, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if pid in running:
            number = running.pop(pid)
            if status == 0:
                promised.add(number)
        elif not pid:
            time.sleep(0.001)
        if started > kill_at:  # by hooks, not by seconds: as often on a fast machine as on a slow one
            name = chance.choice(["relay", "bridge"])
            site.kill(name)
            site.start(name)
            kills[name] += 1
            kill_at = started + chance.randint(50, 250)
    until = time.monotonic() + 60
    while promised - set(site.stored()) and time.monotonic() < until:
        time.sleep(0.5)
    stored = site.stored()
    print(f"{started} hooks, {len(promised)} exited 0, killed {dict(kills)}, stored {sum(stored.values())}")
    assert len(promised) > HOOKS * 0.9
    assert kills["relay"] > 1
    assert kills["bridge"] > 1
    assert promised - set(stored) == set(), "promised, and not stored"
    assert [number for number, times in stored.items() if times > 1] == [], "stored twice"
