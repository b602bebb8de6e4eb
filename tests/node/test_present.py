"""When a picture goes out, by hand: changed, hourly, to another bridge; and what a newer one replaces is not sent any more."""

import json
import random
from types import SimpleNamespace

import pytest

from bridge.node.crm_mon import Picture
from bridge.node.pending import Pending
from bridge.node.present import Present
from bridge.wire.body import Moment


class Site:
    def __init__(self):
        self.link = SimpleNamespace(takes_pictures=True, bridge="one")
        self.pending = Pending(random.Random(1))
        self.picture = None
        self.present = Present(self.pending, self.link, lambda: self.picture)
        self.now = 0.0

    def sees(self, after=15.0, **says):
        self.now += after
        self.picture = Picture(says, Moment("b", int(self.now * 1e9) + 1, 1))
        self.present.tick(self.now)

    def goes_out(self):
        return [json.loads(body)["says"] for _, body in self.pending.take(256, 1 << 20, self.now, lambda *_: None)]

    def acknowledged(self):
        for uid in list(self.pending._all):
            self.pending.settle(uid, stored=True)


@pytest.fixture
def site():
    return Site()


def test_what_is_still_so_is_not_sent(site):
    site.sees(dc="n1")
    site.sees(dc="n1", changed={"time": "later"})
    assert site.goes_out() == [{"dc": "n1"}]
    site.sees(dc="n2")
    assert site.goes_out() == [{"dc": "n2"}]


def test_it_is_sent_whole_once_an_hour_as_it_was_seen_last(site):
    site.sees(dc="n1")
    site.goes_out()
    site.acknowledged()
    sent = []
    for _ in range(2 * 240 + 2):
        site.sees(dc="n1")
        sent += [(site.now, body) for _, body in site.pending.take(9, 1 << 20, site.now, lambda *_: None)]
        site.acknowledged()
    assert [at for at, _ in sent] == [3615.0, 7215.0]
    assert json.loads(sent[0][1])["boot_ns"] == 3615 * 10**9 + 1


def test_a_newer_one_takes_the_place_of_what_was_not_acknowledged(site):
    site.sees(dc="n1")
    site.sees(dc="n2")
    assert site.goes_out() == [{"dc": "n2"}]
    site.sees(dc="n3")
    site.pending.reset()
    assert site.goes_out() == [{"dc": "n3"}]
    assert len(site.pending) == 1


def test_while_nobody_takes_it_nothing_waits_and_then_the_newest_goes(site):
    site.link.takes_pictures = False
    site.sees(dc="n1")
    site.sees(dc="n2")
    assert len(site.pending) == 0
    site.link.takes_pictures = True
    site.present.tick(site.now)
    assert site.goes_out() == [{"dc": "n2"}]


def test_a_bridge_that_was_not_told_is_told(site):
    site.sees(dc="n1")
    site.goes_out()
    site.acknowledged()
    site.present.tick(site.now)
    assert site.goes_out() == []
    site.link.bridge = "another"
    site.present.tick(site.now)
    assert site.goes_out() == [{"dc": "n1"}]
