"""The node's side of the wire: from hooks and spool to a bridge, until it says that it has them.

    python3 -m bridge.node.relay SETTINGS

Standard library and pyzmq only, Python 3.9. One thread, one poller. A report leaves the spool when the bridge acknowledged it,
and never before; all that is in memory can be lost at any moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import zmq

from bridge import __version__
from bridge.node import folders, settings
from bridge.node.door import Door
from bridge.node.drbd_states import Follower
from bridge.node.feed import Body, Feed, Words, edge
from bridge.node.inotify import Inotify
from bridge.node.link import Link
from bridge.node.pending import Entry, Pending
from bridge.node.process import Prefixed, StopSignal, tell_systemd
from bridge.node.spool import BOXES, PACEMAKER_SOURCES, Spool, read_file, remove, uid_of, write_file
from bridge.node.spool_health import Health
from bridge.wire import codec
from bridge.wire.body import Torn, boot_id, envelope, moment
from bridge.wire.key_value import Mistakes

RESCAN_EVERY: Final = 5.0
SWEEP_EVERY: Final = 60.0
BUSY_TICK_MS: Final = 50
IDLE_TICK_MS: Final = 250
LAST_WORDS: Final = 2.0
HEAD: Final = 512

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
        self._feeds: dict[Feed, int] = dict.fromkeys([self._health, *feeds], -1)
        chance = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._pending = Pending(chance)
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link = Link(
            conf, self._context, self._poller, hello=self._hello, ping=self._ping, fresh=self._pending.reset, chance=chance
        )
        self._door = Door(conf.door)
        self._inotify = Inotify()
        self._stuck: set[str] = set()
        self._batch = 0
        self._rescan_at = self._sweep_at = 0.0
        self._handlers: dict[int, Callable[[float], None]] = {}
        self._listen()

    def _listen(self) -> None:
        for box in self._spool.boxes:
            self._inotify.watch(f"{box}/new")
        self._handlers[self._door.fileno()] = self._on_door
        self._handlers[self._inotify.fileno()] = self._on_inotify
        for handle in self._handlers:
            self._poller.register(handle, zmq.POLLIN)

    # -- the loop -------------------------------------------------------------------------------------------------------

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
        self._send(now)

    def _on_ready(self, ready: object, now: float) -> None:
        if isinstance(ready, int):
            handler = self._handlers.get(ready)
            if handler is not None:  # else the stop signal's
                handler(now)
        elif ready is self._link.monitor:
            self._link.watch(now)
        elif ready is self._link.socket:
            for message in self._link.receive(now):
                self._answered(message)

    def _tick(self, now: float) -> None:
        here = moment(self._boot)
        for feed, before in self._feeds.items():
            self._tell(feed.on_tick(now, here))
            self._poll_feed(feed, before)
        if now >= self._rescan_at:
            self._rescan_at = now + RESCAN_EVERY
            self._rescan()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            if kept := self._spool.sweep(here.wall_ns):
                why = f"{kept} whole reports lay in tmp/ for ten minutes: their hooks were killed; they are in bad/"
                self._tell([edge("stale", {"why": why, "count": kept}, here)])
        self._pending.expire(now)
        self._link.tick(now, self._pending.in_flight)

    def _poll_feed(self, feed: Feed, before: int) -> None:
        """What a feed reads from comes and goes: a child that ended, another that was started."""
        after = feed.fileno()
        if after == before:
            return
        self._feeds[feed] = after
        if before >= 0:
            self._poller.unregister(before)
            del self._handlers[before]
        if after >= 0:
            self._handlers[after] = self._on_feed(feed)
            self._poller.register(after, zmq.POLLIN)

    def _say_goodbye(self) -> None:
        """An orderly stop: what waits gets two seconds to leave, for a node that goes down has just made its last reports."""
        end = time.monotonic() + LAST_WORDS
        while self._pending and self._link.may_send and time.monotonic() < end:
            self.turn(BUSY_TICK_MS)
        self._link.send(codec.Bye())
        self._link.close(200)
        self._door.close()
        self._inotify.close()
        self._context.term()
        os.close(self._lock)
        log.info("stopped; %d reports wait in the spool", len(self._pending))

    # -- what comes in --------------------------------------------------------------------------------------------------

    def _on_door(self, _now: float) -> None:
        for uid, body in self._door.read():
            settled = self._pending.settled(uid)
            if settled is None:
                self._pending.offer_body(uid, body)
            elif settled:
                self._door.stored(uid)

    def _on_inotify(self, _now: float) -> None:
        arrived, missed = self._inotify.read()
        for folder, name in arrived:
            self._found(folder, name)
        if missed:
            self._rescan()

    def _on_feed(self, feed: Feed) -> Callable[[float], None]:
        return lambda now: self._tell(feed.on_readable(now, moment(self._boot)))

    def _rescan(self) -> None:
        for box, name in list(self._spool.names()):
            self._found(f"{box}/new", name)

    def _found(self, folder: str, name: str) -> None:
        path = f"{folder}/{name}"
        uid = uid_of(name)
        if uid is None:
            self._put_aside(path, name, "its name is not that of a report")
            return
        settled = self._pending.settled(uid)
        if settled is None:
            self._pending.offer_file(uid, path)
        elif settled:
            remove(path)
        else:
            self._spool.quarantine(path)

    def _tell(self, bodies: Sequence[Body]) -> None:
        """Our own reports go through the spool like all others, but nobody waits for the disk: nothing was promised."""
        for uid, body in bodies:
            self._pending.offer_body(uid, body, must=True)
            for top in (self._conf.spool, self._conf.second):
                try:
                    self._pending.offer_file(uid, write_file(f"{top}/root", uid, body, sync=False))
                    break
                except OSError as failed:
                    self._health.hurry()
                    log.warning("a report of our own could not be written to %s/root: %s", top, failed)

    # -- what goes out --------------------------------------------------------------------------------------------------

    def _send(self, now: float) -> None:
        while self._link.may_send:
            batch = self._pending.take(self._link.window, self._link.window_bytes, now, self._load)
            if not batch:
                return
            self._batch += 1
            if not self._link.send(codec.Batch(self._batch, tuple(batch))):
                self._pending.reset()
                return

    def _load(self, uid: bytes, entry: Entry) -> bytes | None:
        if entry.path is None:
            return None
        try:
            body = read_file(entry.path)
            self._admit(uid, entry.path, body)
        except FileNotFoundError:
            return None
        except Torn as wrong:
            self._put_aside(entry.path, uid.hex(), str(wrong))
            return None
        except OSError as failed:
            log.warning("%s cannot be read now: %s", entry.path, failed)
            return None  # the next look at the folder finds it again
        return body

    def _admit(self, uid: bytes, path: str, body: bytes) -> None:
        known = envelope(body)
        if known.uid != uid:
            raise Torn(f"its name says {uid.hex()}, its text {known.uid.hex()}")
        if f"/{BOXES[0]}/new/" in path and known.src not in PACEMAKER_SOURCES:
            raise Torn(f"a report of {known.src!r} does not belong in the box of Pacemaker's hooks")
        if len(body) > self._link.max_event:
            raise Torn(f"{len(body)} bytes; the bridge takes {self._link.max_event}")

    def _put_aside(self, path: str, name: str, why: str) -> None:
        head = _head(path)
        if not self._spool.quarantine(path):
            if os.path.lexists(path) and path not in self._stuck:
                self._stuck.add(path)
                log.error("%s is no report (%s) and cannot be moved to bad/: look at the modes of %s", path, why, self._spool.bad)
            return
        log.warning("%s went to bad/: %s", path, why)
        self._tell([edge("torn", {"of": name, "why": why, "head": head}, moment(self._boot))])

    def _answered(self, message: codec.Message) -> None:
        if isinstance(message, codec.Taken):
            for uid in message.ids:
                self._stored(uid)
        elif isinstance(message, codec.Refused):
            self._refused(message)

    def _stored(self, uid: bytes) -> None:
        entry = self._pending.settle(uid, stored=True)
        if entry is not None and entry.path is not None:
            remove(entry.path)
        self._door.stored(uid)

    def _refused(self, message: codec.Refused) -> None:
        """Kept in bad/, and told with a small report: what a hook promised is never silent. Our own small reports end here."""
        entry = self._pending.settle(message.uid, stored=False)
        if entry is None:
            return
        body = entry.body
        if entry.path is not None:
            with contextlib.suppress(OSError, Torn):
                body = read_file(entry.path)
            self._spool.quarantine(entry.path)
        elif body is not None:
            self._spool.keep(message.uid.hex(), body)
        log.error("the bridge refused %s for ever (%d): %s; it is in bad/", message.uid.hex(), message.code, message.text)
        head = (body or b"")[:HEAD].decode("utf-8", "backslashreplace")
        if '"src":"edge"' in head:
            return
        words: Words = {"of": message.uid.hex(), "code": message.code, "why": message.text, "head": head}
        self._tell([edge("refused", words, moment(self._boot))])

    # -- what we say about ourselves ------------------------------------------------------------------------------------

    def _hello(self) -> codec.Hello:
        backlog = self._health.backlog
        return codec.Hello(
            node=self._conf.node,
            cluster=self._conf.cluster,
            boot=self._boot,
            instance=self._instance,
            version=__version__,
            backlog=len(self._pending),
            backlog_bytes=backlog.size,
            oldest_ns=backlog.oldest_ns,
            wall_ns=time.time_ns(),
        )

    def _ping(self, token: bytes, round_trip_ns: int) -> codec.Ping:
        here, backlog = moment(self._boot), self._health.backlog
        return codec.Ping(token, here.wall_ns, here.boot_ns, round_trip_ns, len(self._pending), backlog.size, backlog.oldest_ns)


def _head(path: str) -> str:
    """The first bytes of a file that could not be read whole, for the report about it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(handle, HEAD).decode("utf-8", "backslashreplace")
        finally:
            os.close(handle)
    return ""


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
