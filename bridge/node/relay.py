"""The node's side of the wire: from hooks and spool to a bridge, until it says that it has them.

    python3 -m bridge.node.relay SETTINGS

Standard library and pyzmq only, Python 3.9. One thread, one poller. A report leaves the spool when the bridge acknowledged it,
and never before; all that is in memory can be lost at any moment.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Final

import zmq

from bridge import __version__
from bridge.node import folders, settings
from bridge.node.door import Door
from bridge.node.drbd_states import Follower
from bridge.node.feed import Feed, edge
from bridge.node.feeds import Feeds
from bridge.node.incoming import Incoming
from bridge.node.link import Link
from bridge.node.outgoing import Outgoing
from bridge.node.own_reports import OwnReports
from bridge.node.pending import Pending
from bridge.node.process import Prefixed, StopSignal, tell_systemd
from bridge.node.spool import Spool
from bridge.node.spool_health import Health
from bridge.wire import codec
from bridge.wire.body import Moment, boot_id, moment
from bridge.wire.key_value import Mistakes

RESCAN_EVERY: Final = 5.0
SWEEP_EVERY: Final = 60.0
BUSY_TICK_MS: Final = 50
IDLE_TICK_MS: Final = 250
LAST_WORDS: Final = 2.0

log = logging.getLogger("quorumbell.relay")


class Relay:
    """`feeds` are what makes reports beside the hooks; each joins the poller and the ticks."""

    def __init__(self, conf: settings.Settings, feeds: Sequence[Feed] = ()) -> None:
        folders.prepare(conf)
        self._lock = folders.lock(conf.spool)
        self._conf = conf
        self._boot = boot_id()
        self._instance = secrets.token_hex(8)
        self._spool = Spool(conf.spool, conf.second)
        self._health = Health(self._spool, conf.ballast)
        chance = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._pending = Pending(chance)
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link = Link(
            conf, self._context, self._poller, hello=self._hello, ping=self._ping, fresh=self._pending.reset, chance=chance
        )
        self._door = Door(conf.door)
        self._own = OwnReports((conf.spool, conf.second), self._spool, self._pending, self._health, self._boot)
        self._feeds = Feeds([self._health, *feeds], self._poller, self._own.tell)
        self._incoming = Incoming(self._spool, self._door, self._pending, self._own)
        self._outgoing = Outgoing(self._spool, self._door, self._link, self._pending, self._own, self._boot)
        self._rescan_at = self._sweep_at = 0.0
        for handle in self._incoming.filenos():
            self._poller.register(handle, zmq.POLLIN)

    def run(self, stop: StopSignal) -> None:
        self._poller.register(stop.fileno(), zmq.POLLIN)
        while not stop.heard:
            self.turn(IDLE_TICK_MS)
        self._poller.unregister(stop.fileno())
        self._say_goodbye()

    def turn(self, longest_ms: int) -> None:
        wait = longest_ms if not self._pending and self._link.may_send else min(longest_ms, BUSY_TICK_MS)
        for ready, _ in self._poller.poll(wait):
            self._on_ready(ready, time.monotonic())
        now = time.monotonic()
        self._tick(now)
        self._outgoing.send(now)

    def _on_ready(self, ready: object, now: float) -> None:
        if isinstance(ready, int):  # the stop signal's is nobody's: it has only to wake us
            self._incoming.on_readable(ready)
            self._feeds.on_readable(ready, now, moment(self._boot))
        else:
            for message in self._link.on_readable(ready, now):
                self._outgoing.answered(message)

    def _tick(self, now: float) -> None:
        here = moment(self._boot)
        self._feeds.on_tick(now, here)
        if now >= self._rescan_at:
            self._rescan_at = now + RESCAN_EVERY
            self._incoming.rescan()
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
        while self._pending and self._link.may_send and time.monotonic() < end:
            self.turn(BUSY_TICK_MS)
        self._link.send(codec.Bye())
        self._link.close(200)
        self._door.close()
        self._incoming.close()
        self._context.term()
        os.close(self._lock)
        log.info("stopped; %d reports wait in the spool", len(self._pending))

    def _hello(self) -> codec.Hello:
        here, backlog = moment(self._boot), self._health.backlog
        return codec.Hello(
            node=self._conf.node,
            cluster=self._conf.cluster,
            boot=self._boot,
            instance=self._instance,
            version=__version__,
            backlog=len(self._pending),
            backlog_bytes=backlog.size,
            oldest_ns=backlog.oldest_ns,
            wall_ns=here.wall_ns,
            boot_ns=here.boot_ns,
        )

    def _ping(self, token: bytes) -> codec.Ping:
        here, backlog = moment(self._boot), self._health.backlog
        return codec.Ping(
            token,
            wall_ns=here.wall_ns,
            boot_ns=here.boot_ns,
            backlog=len(self._pending),
            backlog_bytes=backlog.size,
            oldest_ns=backlog.oldest_ns,
        )


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
        follower = Follower(conf.drbdsetup)
        relay = Relay(conf, [follower] if conf.drbd == "auto" else [])
    except Mistakes as wrong:
        print(wrong, file=sys.stderr)
        return 78
    if conf.keys is None:
        log.warning(
            "PLAIN TEXT: no key is set; reports go unprotected over loopback, and whoever is on this machine can forge them"
        )
    log.info("relay %s of node %s serves %s for %s", __version__, conf.node, conf.spool, ", ".join(conf.bridges))
    tell_systemd(b"READY=1")
    try:
        relay.run(StopSignal())
    finally:
        follower.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
