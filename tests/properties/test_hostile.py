"""Reports as no hook would write them, from an enrolled peer: nothing raises, on the whole way from the door to the texts."""

import json
import os
import random
from binascii import crc32
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.core.line import Line
from bridge.core.telling.match import Route
from bridge.core.world.event import Report
from bridge.core.world.settings import Settings
from bridge.intake.admit import Unacceptable, inspect
from bridge.ledger.ledger import Ledger
from bridge.node.parts import parts
from bridge.node.picture import reduced
from bridge.node.xml_tree import Tree
from bridge.receivers import mail
from bridge.serve.writer import commit_of, stored
from bridge.texts import render_strictly
from bridge.texts.chat import chat
from bridge.wire.body import Moment

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"
SHOWN = Path(__file__).parents[1] / "node" / "crm_mon"
NUMBER = 5000 if os.environ.get("CI") else 1000
AFRESH = 150
"""A world that only grows makes each report dearer."""
NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

NASTY = (
    *("", "0", "-1", "1", "99999999999999", "-62135596800", "-62135596799", "253402300799", "9" * 15, "-" + "9" * 14, "9" * 5000),
    *(
        "1e9",
        "١٢",
        "  7 ",
        "0x10",
        "NaN",
        "\0",
        "a\0b",
        "\udc80",
        "\n",
        "\r\nBcc: x@y",
        "\x1b[2J",
        "\u202e",
        "@channel",
        "<!here>",
    ),
    *("<script>alert(1)</script>", "{{7*7}}", "{0.__class__}", "%s%n", "../../etc/passwd", "a/b", "a@b", "a:0", "x" * 5000),
    *("é" * 3000, "'; DROP TABLE report;--", "node/n1@2020", "*", "lost", "member", "start", "stop", "monitor", "promote"),
    *("demote", "migrate_to", "migrate_from", "7", "8", "9", "190", "191", "shutdown", "maintenance", "standby", "terminate"),
    *("fail-count-db#monitor_10000", "last-failure-db#stop_0", "ping", "pingd", "#health-x", "0001-01-01T00:00:00+00:00"),
    *("9999-12-31T23:59:59.999999+00:00", "0001-01-01T00:00:00+23:59"),
    "response helper name:r0 helper:fence-peer status:" + "9" * 5000,
    "change resource name:r0 role:Primary suspended:no",
    "0001-01-01T00:00:00+00:00 change resource name:r0 role:Primary suspended:user",
    *("destroy resource name:r0", "rename resource name:r0 new_name:r1"),
    "exists connection name:r0 peer-node-id:1 conn-name:b connection:Connected role:Secondary",
    "Operation reboot of n1 by n2 for crmd@n3: OK (ref=1)",
    "Operation off of n1 by n2 for crmd@n3: Timer expired (ref=x)",
)
ODD = (None, True, 1, -1, 1.5, [], {}, [1, [2]], 10**18, -(10**18), 2**70, 2**5000, 1e308)
KEYS = (
    *("CRM_alert_timestamp_epoch", "CRM_alert_timestamp_usec", "CRM_alert_node_sequence", "CRM_alert_rc", "CRM_alert_node"),
    *("CRM_alert_rsc", "CRM_alert_desc", "line1", "line2", "dump", "boot", "boot_ns"),
)


def pool():
    found = []
    for file in sorted(RECORDINGS.glob("*.json")):
        for one in json.loads(file.read_text()):
            env = one.get("env", {})
            found.append(("pacemaker" if "CRM_alert_kind" in env else "clustermon", env))
    for file in sorted(RECORDINGS.glob("*/*")):
        if file.name.endswith(".events2.txt"):
            found += [("drbd-events", {"line1": line}) for line in file.read_text(errors="replace").splitlines() if line]
        elif file.suffix == ".json":
            env = json.loads(file.read_text())
            env = env.get("env", env) if isinstance(env, dict) else {}
            found.append(("drbd", {name: one for name, one in env.items() if isinstance(one, str)}))
    for file in sorted(SHOWN.glob("*/*.xml")):
        tree = Tree()
        tree.feed(file.read_bytes())
        root = tree.root()
        if root.tag != "configuration":
            ((_, picture),) = parts(reduced(root, {}), Moment("b1", 1, 1))
            body = json.loads(picture)
            found.append(("crm_mon", {name: body[name] for name in ("picture", "part", "of", "says")}))
    return [*found, ("edge", {"edge": "torn", "why": "x", "of": "y"}), ("drbd-events", {"dump": True, "resources": "r0 r1"})]


class Peer:
    """Says what is in the recordings, with something wrong in it."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.pool = pool()

    def report(self):
        source, env = self.chance.choice(self.pool)
        uid = self.chance.randbytes(16)
        wall = int(NOW.timestamp() * 1e9)
        fields = {
            "v": self.chance.choice([1, 1, 2]),
            "id": uid.hex(),
            "src": source,
            "boot": self.chance.choice(["b1", "b2", ""]),
            "boot_ns": self.chance.choice([0, 1, 2**63 - 1, wall % 10**15]),
            "wall_ns": self.chance.choice([wall, wall, 0, 2**63 - 1, wall - 10**15, wall + 10**15]),
            **self.bent(env),
        }
        if self.chance.random() < 0.3:
            for _ in range(self.chance.randint(1, 3)):
                name = self.chance.choice([one for one in fields if one not in {"id", "v"}])
                fields[name] = self.chance.choice(ODD + NASTY)
        text = json.dumps(fields, separators=(",", ":")).encode()[:-1]
        return uid, text + b',"crc":"%08x"}\n' % crc32(text)

    def bent(self, env):
        env = dict(env)
        for _ in range(self.chance.choice([0, 0, 1, 1, 2, 4])):
            name, how = self.chance.choice([*env, *KEYS]), self.chance.random()
            if how < 0.15:
                env.pop(name, None)
            elif how < 0.85:
                env[name] = self.chance.choice(NASTY)
            else:
                env[name] = self.chance.choice(self.pool)[1].get(name, "")
        if self.chance.random() < 0.8 and "CRM_alert_timestamp_epoch" in env:
            env["CRM_alert_timestamp_epoch"] = str(int(NOW.timestamp()) + self.chance.randint(-300, 30))
        return env


def heard(peer):
    """A report that the door admits, or None."""
    uid, raw = peer.report()
    try:
        fields = inspect(uid, raw)
    except Unacceptable:
        return None
    node, off = peer.chance.choice(["n1", "n2", "alpha"]), peer.chance.choice([0, 0, 10**6, -(10**6)])
    source = str(fields.get("src"))
    return raw, Report(
        uid=uid, cluster="c", node=node, source=source, received_at=NOW, body=fields, offset=timedelta(seconds=off)
    )


def tell(notice, settings):
    """In every way, in both languages."""
    told = mail.compose(notice, settings, "oncall", BERLIN, {})
    assert b"\nBcc:" not in told.as_bytes().partition(b"\n\n")[0]
    for language in ("en", "de"):
        render_strictly(notice, language, BERLIN)
    chat(notice, BERLIN)


@pytest.mark.parametrize("seed", [1, 2] if os.environ.get("CI") else [1])
def test_nothing_raises(seed, tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    settings = msgspec.convert({"host": "h", "from": "q@e.org", "to": ["a@e.org"], "security": "none"}, mail.Settings)
    peer, told = Peer(seed), 0
    for number in range(NUMBER):
        if number % AFRESH == 0:
            line = Line(Settings(), (Route(receivers=("oncall", "chat")),), {}, frozenset({"chat"}), {})
        if (found := heard(peer)) is None:
            continue
        raw, report = found
        outcome = line.take([report], NOW)
        assert not outcome.faults, (outcome.faults, raw)
        line.correlator.checkpoint()
        ledger.commit(commit_of([stored(report, raw, outcome)], outcome, NOW, None))
        for notice in outcome.notices[:2]:
            tell(notice, settings)
            told += 1
    assert told > NUMBER / 50
    assert ledger.counts()["reports"] > NUMBER / 2
    ledger.close()
