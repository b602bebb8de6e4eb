"""A bridge that was away, and a relay with a backlog, as processes: what is over rings nobody, what is still so rings once."""

import json
import time

import pytest

from bridge.node.spool import write_file
from bridge.wire.body import Moment, make_body
from tests.serve.test_bridge import Bridge, eventually, stop_failed

HOUR = 3600


class Away(Bridge):
    def leave(self):
        self.end(self.process, self.relay)

    def return_(self):
        self.process = self.serve()
        self.relay = self.start("relay", "-m", "bridge.node.relay", str(self.home / "relay.conf"))

    def happened(self, ago, number, **variables):
        """A report of an earlier boot, as the hook left it in the spool."""
        at = time.time() - ago
        fields = {
            f"CRM_alert_{key}": value for key, value in {**stop_failed(at), "node_sequence": str(number), **variables}.items()
        }
        uid, body = make_body("pacemaker", fields, Moment("an-earlier-boot", number * 1_000_000, int(at * 1e9)))
        write_file(str(self.home / "base/spool/root"), uid, body)

    def healed(self, ago, number, **variables):
        self.happened(ago, number, task="start", rc="0", desc="ok", **variables)

    def incidents(self):
        return json.loads(self.command("incidents", "--json"))


@pytest.fixture
def bridge(tmp_path):
    bridge = Away(tmp_path)
    yield bridge
    bridge.stop()


def test_one_summary_and_it_rings_only_for_what_is_still_so(bridge):
    bridge.leave()
    for number in range(0, 40, 2):
        bridge.happened(50 * HOUR - number * 60, number + 1, rsc=f"svc-{number}")
        bridge.healed(50 * HOUR - number * 60 - 30, number + 2, rsc=f"svc-{number}")
    bridge.happened(40 * HOUR, 100, rsc="db")
    bridge.happened(39 * HOUR, 101, rsc="web")
    bridge.return_()
    eventually(lambda: len(bridge.incidents()) == 22, seconds=40)
    (mail,) = eventually(lambda: bridge.mails)
    assert "22 incidents told together, 2 still open" in mail["Subject"]
    text = mail.get_body(("plain",)).get_content()
    assert text.index("db") < text.index("svc-")
    time.sleep(1)
    assert len(bridge.mails) == 1
