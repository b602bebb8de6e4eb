"""The node's side of the wire: from hooks and spool to a bridge, until it says that it has them.

    python3 -m bridge.node.relay SETTINGS

Standard library and pyzmq only, Python 3.9. One thread, one poller. A report leaves the spool when the bridge acknowledged it,
and never before; all that is in memory can be lost at any moment.
"""

from __future__ import annotations

import logging
import random
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import zmq

from bridge import __version__
from bridge.node import folders, settings
from bridge.node.crm_mon import LOOKING, OFF, Onlooker
from bridge.node.door import Door
from bridge.node.drbd_states import Follower
from bridge.node.drill import Player
from bridge.node.feed import Body, Feed, edge
from bridge.node.feeds import Feeds
from bridge.node.folders import Lock
from bridge.node.incoming import Incoming
from bridge.node.link import Link
from bridge.node.outgoing import Outgoing
from bridge.node.own_reports import OwnReports
from bridge.node.pages import Pages
from bridge.node.pending import Pending
from bridge.node.places import Check, Places, SpoolCheck
from bridge.node.present import Present
from bridge.node.process import Prefixed, StopSignal, tell_systemd
from bridge.node.reload import Reload
from bridge.node.spool import Spool
from bridge.node.spool_health import Backlog, Health
from bridge.wire import codec
from bridge.wire.body import Moment, boot_id, moment
from bridge.wire.key_value import Mistakes

SWEEP_EVERY: Final = 60.0
BUSY_TICK_MS: Final = 50
IDLE_TICK_MS: Final = 250
LAST_WORDS: Final = 2.0

log = logging.getLogger("quorumbell.relay")


class Relay:
    """`feeds` are what makes reports beside the hooks, and `onlooker` what looks at the cluster; each joins the poller and the
    ticks."""

    def __init__(self, conf: settings.Settings, feeds: Sequence[Feed] = (), onlooker: Onlooker | None = None) -> None:
        self._conf = conf
        self._boot = boot_id()
        self._instance = secrets.token_hex(8)
        self._door = Door(conf.door)
        self._locks = hold(conf)
        self._spool = Spool(conf.spool, conf.second)
        chance = random.Random()  # noqa: S311 - spreads retries, guards nothing
        pages = Pages()
        self._pending = Pending(chance, pages, self._spool.boxes)
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link = Link(
            conf, self._context, self._poller, hello=self._hello, ping=self._ping, fresh=self._pending.reset, chance=chance
        )
        self._own = OwnReports(self._spool, self._pending, self._boot)
        self._onlooker = onlooker or Onlooker(OFF)
        self._present = Present(self._pending, self._link, lambda: self._onlooker.picture)
        self._incoming = Incoming(self._spool, self._door, pages, self._pending, self._own, self._poller, self._stirred)
        self._outgoing = Outgoing(self._spool, self._door, self._link, self._pending, self._own, self._boot)
        self._health = Health(self._spool, conf.ballast, self._backlog)
        self._followers = feeds
        self._player = Player()
        own = self._health, self._places(), self._player
        self._feeds = Feeds([*own, *feeds, self._onlooker], self._poller, self._own.tell)
        self._sweep_at = 0.0
        for feed in own:  # the door is open before anybody hears that we are here
            self._own.tell(feed.on_tick(time.monotonic(), moment(self._boot)))

    def _stirred(self) -> None:
        self._onlooker.hurry(time.monotonic())

    def _places(self) -> Places:
        spool, second, run = self._conf.spool, self._conf.second, self._conf.run
        on_spool, on_run = self._locks
        checks: dict[str, Check] = {
            run: lambda _tries: folders.prepare_run(run) or [*on_run.hold(), *self._door.open()],
            second: SpoolCheck(second),
            spool: SpoolCheck(spool, on_spool, lambda: folders.prepare_bad(spool)),
        }
        return Places(checks, self._spool, self._incoming.watch)

    def run(self, stop: StopSignal, read_again: Callable[[], None] = lambda: None) -> None:
        """`read_again` is called for each SIGHUP."""
        self._poller.register(stop.fileno(), zmq.POLLIN)
        while not stop.heard:
            self.turn(IDLE_TICK_MS)
            if stop.hung_up():
                read_again()
        self._poller.unregister(stop.fileno())
        self._say_goodbye()

    def take_over(self, conf: settings.Settings) -> None:
        """Other settings from now on, with the same folders."""
        before, self._conf = self._conf, conf
        log.setLevel(conf.log.upper())
        self._health.take_over(conf.ballast)
        self._link.take_over(conf, time.monotonic(), same_name=_names(conf) == _names(before))
        if (conf.drbd, conf.drbdsetup) != (before.drbd, before.drbdsetup):
            followers = [Follower(conf.drbdsetup)] if conf.drbd == "auto" else []
            self._replace("drbd", self._followers, followers)
            self._followers = followers
        if (conf.crm_mon, conf.cibadmin) != (before.crm_mon, before.cibadmin):
            onlooker = Onlooker(conf.crm_mon, conf.cibadmin)
            self._replace(LOOKING, [self._onlooker], [onlooker])
            self._onlooker = onlooker

    def _replace(self, what: str, old: Sequence[Feed], new: Sequence[Feed]) -> None:
        """What the old ones complained of is no more; the new ones say what is wrong with them."""
        self._feeds.replace(old, new)
        _close(old)
        self.tell([edge(what, {"why": f"other settings for {what} are in force", "over": True}, moment(self._boot))])

    def tell(self, bodies: Sequence[Body]) -> None:
        """Reports of our own."""
        self._own.tell(bodies)

    def close(self) -> None:
        """The children end."""
        _close([*self._followers, self._onlooker, self._player])

    def turn(self, longest_ms: int) -> None:
        wait = longest_ms if not self._pending and self._link.may_send else min(longest_ms, BUSY_TICK_MS)
        if self._incoming.walk.under_way:
            wait = 0
        for ready, _ in self._poller.poll(wait):
            self._on_ready(ready, time.monotonic())
        now = time.monotonic()
        self._tick(now)
        self._outgoing.send(now)

    def _on_ready(self, ready: object, now: float) -> None:
        if isinstance(ready, int):  # the stop signal's is nobody's: it has only to wake us
            here = moment(self._boot)
            self._incoming.on_readable(ready, here)
            self._feeds.on_readable(ready, now, here)
        else:
            for message in self._link.on_readable(ready, now):
                if isinstance(message, codec.Drill):
                    self._player.play(message, self._conf)
                else:
                    self._outgoing.answered(message)

    def _tick(self, now: float) -> None:
        here = moment(self._boot)
        self._feeds.on_tick(now, here)
        self._present.tick(now)
        self._incoming.walk.step(now, here)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._sweep(here)
        self._pending.expire(now)
        self._link.tick(now, self._pending.in_flight)

    def _sweep(self, here: Moment) -> None:
        if kept := self._spool.sweep(here.wall_ns):
            why = f"{kept} whole reports lay in tmp/ for ten minutes: their hooks were killed; they are in bad/"
            self._own.tell([edge("stale", {"why": why, "count": kept}, here)])

    def _say_goodbye(self) -> None:
        """An orderly stop: what waits gets two seconds to leave, for a node that goes down has just made its last reports."""
        end = time.monotonic() + LAST_WORDS
        self.turn(0)  # they may not have been looked at yet
        while self._pending and self._link.may_send and time.monotonic() < end:
            self.turn(BUSY_TICK_MS)
        self._link.send(codec.Bye())
        self._link.close(200)
        self._door.close()
        self._incoming.close()
        self._context.term()
        for lock in self._locks:
            lock.let_go()
        log.info("stopped; %d reports wait in the spool", len(self._pending))

    def _backlog(self, here: Moment) -> Backlog:
        """The oldest by the wall clock as it is now: it may have been set since."""
        oldest, waiting = self._pending.oldest_ns(), len(self._pending)
        at = 0 if oldest is None else max(1, here.wall_ns - here.boot_ns + oldest)
        return Backlog(waiting, self._incoming.walk.size if waiting else 0, at)

    def _hello(self) -> codec.Hello:
        here = moment(self._boot)
        backlog = self._backlog(here)
        return codec.Hello(
            node=self._conf.node,
            cluster=self._conf.cluster,
            boot=self._boot,
            instance=self._instance,
            version=__version__,
            backlog=backlog.files,
            backlog_bytes=backlog.size,
            oldest_ns=backlog.oldest_ns,
            wall_ns=here.wall_ns,
            boot_ns=here.boot_ns,
            drills=1,
        )

    def _ping(self, token: bytes) -> codec.Ping:
        here = moment(self._boot)
        backlog = self._backlog(here)
        return codec.Ping(
            token,
            wall_ns=here.wall_ns,
            boot_ns=here.boot_ns,
            backlog=backlog.files,
            backlog_bytes=backlog.size,
            oldest_ns=backlog.oldest_ns,
            looked_ms=self._onlooker.age_ms(here),
        )


def hold(conf: settings.Settings) -> tuple[Lock, Lock]:
    """Of the spool, and of the socket's folder, for when the spool is away. Raises Mistakes when another relay has one."""
    folders.prepare(conf)
    locks = Lock(conf.spool), Lock(conf.run)
    wrong = [text for lock in locks for text in lock.hold() if lock.is_taken]
    if wrong:
        raise Mistakes(wrong)
    return locks


def _names(conf: settings.Settings) -> tuple[object, ...]:
    """All that a bridge knows us by."""
    return conf.keys, conf.bridge_key, conf.node, conf.cluster


def _close(feeds: Sequence[Feed]) -> None:
    for feed in feeds:
        if isinstance(feed, (Follower, Onlooker, Player)):
            feed.close()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python3 -m bridge.node.relay SETTINGS-FILE", file=sys.stderr)
        return 64
    handler = logging.StreamHandler()
    handler.setFormatter(Prefixed("%(message)s"))
    log.addHandler(handler)
    try:
        conf = settings.load(arguments[0])
        log.setLevel(conf.log.upper())
        stop = StopSignal()
        follower, onlooker = Follower(conf.drbdsetup), Onlooker(conf.crm_mon, conf.cibadmin)
        relay = Relay(conf, [follower] if conf.drbd == "auto" else [], onlooker)
    except Mistakes as wrong:
        print(wrong, file=sys.stderr)
        return 78
    if conf.keys is None:
        log.warning(
            "PLAIN TEXT: no key is set; reports go unprotected over loopback, and whoever is on this machine can forge them"
        )
    log.info("relay %s of node %s serves %s for %s", __version__, conf.node, conf.spool, ", ".join(conf.bridges))
    reload = Reload(arguments[0], conf, relay.take_over, relay.tell)
    tell_systemd(b"READY=1")
    try:
        relay.run(stop, reload)
    finally:
        relay.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
