"""What happens now goes before what has waited, and what waits takes no memory."""

import os
import tracemalloc
from itertools import pairwise
from types import SimpleNamespace

import pytest

from bridge.node import pages, spool, walk
from bridge.node.pages import NEWEST, Lying, Pages, born
from bridge.node.pending import Pending
from bridge.node.spool import Spool
from bridge.node.walk import Sieve, Walk
from bridge.wire.body import Moment, make_body

pytestmark = pytest.mark.whole

SECOND = 10**9
HERE = Moment("b007", 5_000 * SECOND, 1_700_000_000 * SECOND)


def uid(born_ns: int) -> bytes:
    return born_ns.to_bytes(8, "big") + os.urandom(8)


def body(_uid, entry):
    assert entry.path
    return b"x" * 100


class Site:
    """Boxes on disk, and what reads them; a `turn` as the relay takes it."""

    def __init__(self, tmp_path, chance):
        for top in ("spool", "second"):
            for box in spool.BOXES:
                (tmp_path / top / box / "new").mkdir(parents=True)
        self.spool = Spool(str(tmp_path / "spool"), str(tmp_path / "second"))
        self.pages = Pages()
        self.pending = Pending(chance, self.pages, self.spool.boxes)
        self.strange, self.settled = [], []
        self.walk = Walk(
            self.spool,
            self.pages,
            self.pending,
            strange=lambda path, name: self.strange.append(name),
            settled=lambda path, uid: self.settled.append(uid) or self.spool.remove(path),
        )
        self.now = 0.0

    def lay(self, born_ns: int, box: int = 0, *, written_ns: int | None = None) -> bytes:
        made = uid(born_ns)
        path = self.spool.path_of(box, made)
        with open(path, "wb") as file:
            file.write(b"x" * 100)
        written_ns = HERE.wall_ns - HERE.boot_ns + born_ns if written_ns is None else written_ns
        os.utime(path, ns=(written_ns, written_ns))
        return made

    def look(self):
        self.walk.step(self.now, HERE)
        while self.walk.under_way:
            self.walk.step(self.now, HERE)

    def take(self, *, remove: bool = True) -> list[bytes]:
        """One batch, which is acknowledged at once."""
        taken = [one for one, _ in self.pending.take(256, 1 << 20, self.now, body)]
        for one in taken:
            entry = self.pending.settle(one, stored=True)
            if remove:
                os.unlink(entry.path)
            else:
                self.pending.leave(entry)
        return taken

    def drain(self, **how) -> list[bytes]:
        self.look()
        got = self.take(**how)
        while len(self.pending):
            self.look()
            got += self.take(**how)
        return got


@pytest.fixture
def site(tmp_path, chance):
    return Site(tmp_path, chance)


def test_a_sieve_keeps_what_is_wanted():
    shown = [os.urandom(3) for _ in range(5000)]
    for largest, wanted in ((False, sorted(shown)[:70]), (True, sorted(shown)[-70:])):
        sieve = Sieve(70, largest=largest)
        for one in shown:
            sieve.add(one)
        assert sieve.sort() == wanted


def test_records_sort_by_age_and_read_back():
    ages = [-(10**18), -1, 0, 1, 10**18]
    records = [Lying(age, 3, uid(7)).record() for age in ages]
    assert records == sorted(records)
    assert [pages.read_record(record).born_ns for record in records] == ages


def test_the_newest_goes_first_in_its_order_then_the_past_in_its_order(site, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 300)
    monkeypatch.setattr(walk, "PAGE", 300)
    laid = [site.lay((1000 + index) * SECOND, box=index % 4) for index in range(NEWEST + 700)]
    assert site.drain() == laid[-NEWEST:] + laid[:-NEWEST]
    assert (len(site.pending), site.pending.oldest_ns()) == (0, None)


def test_a_short_backlog_is_all_of_the_present(site):
    laid = [site.lay((1000 + index) * SECOND) for index in range(NEWEST)]
    assert site.drain() == laid


def test_what_happens_now_overtakes_what_waits(site):
    laid = [site.lay((1000 + index) * SECOND) for index in range(NEWEST + 150)]
    site.look()
    for _ in range(NEWEST // 64):
        site.take()
    assert site.take() == laid[:64], "the past, now that nothing else is there"
    fresh = uid(4999 * SECOND)
    site.pending.offer_file(fresh, site.spool.path_of(0, fresh))
    assert [one for one, _ in site.pending.take(256, 1 << 20, 0.0, body)][0] == fresh


def test_the_past_leaves_half_of_the_window_to_what_happens_now(site):
    for index in range(NEWEST + 150):
        site.lay((1000 + index) * SECOND)
    site.look()
    for _ in range(NEWEST // 64):
        site.take()
    flying = 0
    while batch := site.pending.take(100, 1 << 20, 0.0, body):
        flying += len(batch)
    assert flying == 50
    made = [uid(4000 * SECOND + index) for index in range(60)]
    for one in made:
        site.pending.offer_file(one, "path")
    assert [one for one, _ in site.pending.take(100, 1 << 20, 0.0, body)] == made[:50]


def test_nor_does_the_past_take_all_bytes_of_the_window(site):
    for index in range(NEWEST + 150):
        site.lay((1000 + index) * SECOND)
    site.look()
    for _ in range(NEWEST // 64):
        site.take()
    while site.pending.take(256, 4000, 0.0, body):
        pass
    assert site.pending.in_flight == 20
    site.pending.offer_file(made := uid(4999 * SECOND), "path")
    assert [one for one, _ in site.pending.take(256, 4000, 0.0, body)] == [made]


def test_what_no_bridge_takes_is_let_go_of_and_found_again(site):
    """The bridge is away, and hooks go on."""
    laid = [site.lay((1000 + index) * SECOND) for index in range(2 * NEWEST)]
    for one in laid:
        site.pending.offer_body(one, b"x" * 100)
        site.pending.offer_file(one, site.spool.path_of(0, one))
    assert len(site.pending) == 2 * NEWEST
    assert len(site.pending._all) == NEWEST
    assert site.pending._held == NEWEST * 100
    assert site.pending.oldest_ns() == 1000 * SECOND
    assert site.drain() == laid[-NEWEST:] + laid[:-NEWEST]


def test_what_is_in_memory_only_is_not_let_go_of(site):
    made = [uid((1000 + index) * SECOND) for index in range(2 * NEWEST)]
    for one in made:
        assert site.pending.offer_body(one, b"{}")
    got = []
    while taken := site.pending.take(10_000, 1 << 20, 0.0, body):
        got += [one for one, _ in taken]
    assert got == made[NEWEST:] + made[:NEWEST]


def test_what_is_in_flight_goes_again_in_its_own_lane(site):
    for index in range(NEWEST + 150):
        site.lay((1000 + index) * SECOND)
    site.look()
    for _ in range(NEWEST // 64):
        site.take()
    flying = [one for one, _ in site.pending.take(256, 1 << 20, 0.0, body)]
    site.pending.offer_file(fresh := uid(4999 * SECOND), "path")
    site.pending.reset()
    assert [one for one, _ in site.pending.take(256, 1 << 20, 0.0, body)] == [fresh, *flying[:63]]


@pytest.mark.parametrize("box", [0, 1, 2, 3])
def test_the_oldest_is_exact_wherever_it_lies(site, box):
    oldest = site.lay(17 * SECOND, box)
    for index in range(NEWEST + 100):
        site.lay((1000 + index) * SECOND)
    site.look()
    assert site.pending.oldest_ns() == 17 * SECOND
    while oldest not in site.take():
        assert site.pending.oldest_ns() == 17 * SECOND
    assert site.pending.oldest_ns() >= 1000 * SECOND
    site.pending.offer_body(uid(18 * SECOND), b"in memory only")
    assert site.pending.oldest_ns() == 18 * SECOND


def test_the_oldest_never_lies_beyond_the_page(site, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 100)
    monkeypatch.setattr(walk, "PAGE", 100)
    laid = [site.lay((1000 + index) * SECOND) for index in range(NEWEST + 1000)]
    waiting, ages = set(laid), []
    while len(site.pending) or not ages:
        site.look()
        waiting -= set(site.take())
        ages.append(site.pending.oldest_ns())
        assert ages[-1] is None or not waiting or ages[-1] <= min(laid.index(one) + 1000 for one in waiting) * SECOND
    assert all(before <= after for before, after in pairwise(ages[:-1])), "it only grows"


EARLIER_BOOT = HERE.wall_ns - 9_000 * SECOND


@pytest.mark.parametrize(
    "named, written, expected",
    [
        (4000 * SECOND, HERE.wall_ns - 1000 * SECOND, 4000 * SECOND),
        (4000 * SECOND, HERE.wall_ns - 1000 * SECOND - 4_000_000, 4000 * SECOND),  # the kernel's coarse clock
        (4000 * SECOND, HERE.wall_ns + 7200 * SECOND, 4000 * SECOND),  # the clock was set back since
        (4000 * SECOND, EARLIER_BOOT, -4000 * SECOND),
        (90_000 * SECOND, EARLIER_BOOT, -4000 * SECOND),
        (2**64 - 1, HERE.wall_ns + 10**18, HERE.boot_ns),
    ],
)
def test_when_a_report_was_made(named, written, expected):
    assert born(uid(named), written, HERE) == expected


def test_reports_of_an_earlier_boot_are_older_whatever_their_names_say(site):
    late = site.lay(90_000 * SECOND, written_ns=EARLIER_BOOT + SECOND)
    early = site.lay(4999 * SECOND, written_ns=EARLIER_BOOT)
    now = site.lay(100 * SECOND)
    site.look()
    assert site.pending.oldest_ns() == -4000 * SECOND
    assert site.drain() == [early, late, now]


def test_what_can_be_neither_sent_nor_removed_does_not_come_again(site, monkeypatch):
    """A spool that is read-only: all of it is told once, and then no more, until it can be written again."""
    monkeypatch.setattr("bridge.node.pending.RECENT", 100)
    monkeypatch.setattr(pages, "PAGE", 300)
    monkeypatch.setattr(walk, "PAGE", 300)
    monkeypatch.setattr(site.spool, "remove", lambda path: False)
    site.spool.judge(site.spool.path, well=False)
    laid = [site.lay((1000 + index) * SECOND) for index in range(NEWEST + 1000)]
    assert set(site.drain(remove=False)) == set(laid)
    site.now += 1000.0
    assert set(site.drain(remove=False)) <= set(laid[-NEWEST:])
    site.now += 1000.0
    later = len(site.drain(remove=False))
    monkeypatch.undo()
    site.spool.judge(site.spool.path, well=True)
    site.now += 1000.0
    assert later <= NEWEST
    assert set(site.drain()) | set(site.settled) == set(laid)
    assert not any(os.scandir(f"{site.spool.boxes[0]}/new"))


def test_strange_names_and_settled_files_are_handed_over(site):
    (made,) = [site.lay(1000 * SECOND)]
    site.pending.settle(made, stored=True)
    open(f"{site.spool.boxes[1]}/new/README", "w").close()
    site.look()
    assert (site.strange, site.settled, len(site.pending)) == (["README"], [made], 0)


def test_a_look_goes_on_in_small_steps(site, monkeypatch):
    monkeypatch.setattr(walk, "LONGEST_STEP", 0.0)
    for index in range(1000):
        site.lay((1000 + index) * SECOND)
    site.walk.step(0.0, HERE)
    steps = 0
    while site.walk.under_way:
        site.walk.step(0.0, HERE)
        steps += 1
    assert steps >= 1000 // walk.NAMES_AT_ONCE


def test_memory_does_not_grow_with_the_spool(site, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2000)
    monkeypatch.setattr(walk, "PAGE", 2000)
    stat = SimpleNamespace(st_mtime_ns=HERE.wall_ns, st_size=100)

    def many(box):
        for index in range(40_000 if box == 0 else 0):
            name = uid((1000 + index * 7919 % 40_000) * 1_000_000).hex()
            yield SimpleNamespace(name=name, path=name, stat=lambda follow_symlinks: stat)

    monkeypatch.setattr(site.spool, "entries", many)
    tracemalloc.start()
    try:
        site.look()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(site.pending) == 40_000
    assert peak < 1_500_000, "a name alone takes 80 bytes: 3.2 MB"


def test_heartbeats_say_exactly_how_old_the_oldest_is(prepared, make_bridge, make_report, wait):
    """It lies in the second spool, on an earlier day."""
    bridge = make_bridge()
    bridge.acking = False
    made, line = make_report()
    path = spool.write_file(f"{prepared.base}/run/spool2/pcmk", made, line)
    os.utime(path, ns=(10**18, 10**18))
    prepared.put(3)
    prepared.settings(bridge.endpoint).start()
    state = wait(lambda: next((one for one in bridge.do(lambda intake: intake.peers()) if one.backlog == 4), None))
    assert abs(state.oldest_ns - 10**18) < 100_000_000
    bridge.acking = True
    bridge.do(lambda intake: intake.acknowledge(list(bridge.arrivals)))
    wait(lambda: [one.oldest_ns for one in bridge.do(lambda intake: intake.peers())] == [0])


def lay_many(node, number: int) -> set[bytes]:
    laid = set()
    for index in range(number):
        made, line = make_body("pacemaker", {"CRM_alert_kind": "node", "CRM_alert_node_sequence": str(index)}, HERE)
        spool.write_file(f"{node.base}/spool/pcmk", made, line, sync=False)
        laid.add(made)
    return laid


def test_a_fresh_report_does_not_wait_for_the_backlog(prepared, make_bridge_process, make_report, wait):
    bridge = make_bridge_process().start()
    laid = lay_many(prepared, 6000)
    prepared.settings(bridge.endpoint).start()
    wait(lambda: len(bridge.stored()) > 1.5 * NEWEST, 20, "the past is on its way")
    fresh = make_report()
    prepared.knock(fresh)
    wait(lambda: fresh[0] in bridge.stored())
    assert len(bridge.stored()) < 4500
    wait(prepared.empty, 40)
    assert bridge.stored() == laid | {fresh[0]}


@pytest.mark.parametrize("first", ["relay", "bridge"])
def test_kill_9_in_the_middle_of_a_backlog_loses_nothing(prepared, make_bridge_process, make_report, wait, first):
    bridge = make_bridge_process().start()
    promised = lay_many(prepared, 3000)
    prepared.settings(bridge.endpoint).start()
    for turn in range(4):
        before = len(bridge.stored())
        promised |= prepared.put(5)
        wait(lambda than=before: len(bridge.stored()) > than + 200, 20)
        if (turn % 2 == 0) == (first == "relay"):
            prepared.kill()
            promised |= prepared.put(5)
            prepared.start()
        else:
            bridge.kill()
            promised |= prepared.put(5)
            bridge.start()
    wait(prepared.empty, 40, "the spool is empty")
    assert bridge.stored() == promised


def test_a_file_that_the_disk_does_not_show_holds_up_no_other(site, monkeypatch):
    def look(**_how):
        raise OSError(5, "Input/output error")

    laid = site.lay(1000 * SECOND)
    ill = uid(900 * SECOND)
    there = list(site.spool.entries(0))
    sick = SimpleNamespace(name=ill.hex(), path=ill.hex(), stat=look)
    monkeypatch.setattr(site.spool, "entries", lambda box: iter([sick, *there] if box == 0 else []))
    site.look()
    assert site.take() == [laid]
    assert site.spool.doubts == 1
