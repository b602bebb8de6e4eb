"""A whole relay in the test's own process, turn by turn, and its bridge in the test's hands."""

import json
import os
import time
from types import SimpleNamespace

from bridge.node import folders, settings
from bridge.node.crm_mon import OFF, Onlooker
from bridge.node.relay import Relay
from bridge.node.spool import write_file
from bridge.wire.body import boot_id, make_body, moment
from bridge.wire.codec import Batch, Hello, Welcome
from tests.node.bridge_double import Bridge


class Ours:
    """A relay and its bridge; `more` are feeds."""

    def __init__(self, node):
        self.base, self.relay = node.base, None
        self.bridge = Bridge(lambda: self.relay.turn(5) if self.relay else time.sleep(0.005))
        self.conf = settings.load(self._file())
        folders.prepare(self.conf)
        self.seen = {}

    def _file(self):
        path = self.base / "relay.conf"
        lines = f"base = {self.base}", f"bridge = {self.bridge.endpoint}", "node = n1", "cluster = demo", "ballast_mib = 1"
        path.write_text("\n".join([*lines, "drbd = off", "crm_mon = off", ""]))
        return str(path)

    def start(self, *feeds):
        self.relay = Relay(self.conf, feeds, Onlooker(OFF))
        return self

    def greet(self):
        hello = self.bridge.hears(Hello)
        self.bridge.says(Welcome("desk"))
        return hello

    def hears(self, *uids):
        """The bodies of these reports, once all of them have come."""
        while not all(uid in self.seen for uid in uids):
            self.seen.update(self.bridge.hears(Batch).pairs)
        return [self.seen[uid] for uid in uids]

    def tells(self, edge):
        """What it said itself."""
        for _ in range(20):
            for body in self.seen.values():
                if (fields := json.loads(body)).get("edge") == edge:
                    return fields
            self.seen.update(self.bridge.hears(Batch).pairs)
        raise AssertionError(self.seen)

    def until(self, true):
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end
            self.relay.turn(5)

    def box(self, name="root"):
        return f"{self.base}/spool/{name}"

    def put(self, box="root", src="pacemaker", now=None):
        uid, body = make_body(src, {}, now or moment(boot_id()))
        return uid, body, write_file(self.box(box), uid, body)

    def stop(self):
        """As SIGTERM does, and what is said then."""
        relay, self.relay = self.relay, None
        never, _ = pipe = os.pipe()
        relay.run(SimpleNamespace(heard=True, fileno=lambda: never))
        for handle in pipe:
            os.close(handle)
