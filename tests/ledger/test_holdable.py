"""What a database cannot hold is made holdable before it comes there: the same on SQLite and PostgreSQL."""

import json
import random
from datetime import UTC, datetime

import pytest

from bridge.config.config import parse_config
from bridge.core.world.event import Report
from bridge.core.world.reading import holdable, named
from bridge.intake.arrivals import Arrival, Drained
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer, to_report
from bridge.wire.codec import Code

LONG = "".join(random.Random(7).choices([chr(one) for one in range(0x4E00, 0x9000)], k=3000))
NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
STOP = {
    "kind": "resource",
    "node": "n1",
    "task": "stop",
    "interval": "0",
    "rc": "1",
    "target_rc": "0",
    "status": "0",
    "desc": "e",
}
POISON = {
    "a NUL in a name": ("pacemaker", STOP | {"rsc": "d\0b"}),
    "half a character": ("pacemaker", STOP | {"rsc": "d\udc80b"}),
    "a name of 3,000 characters": ("pacemaker", STOP | {"rsc": LONG}),
    "such a node": ("pacemaker", {"kind": "node", "node": LONG + "\0", "desc": "lost"}),
    "such a target": (
        "pacemaker",
        {"kind": "fencing", "rc": "1", "desc": f"Operation reboot of {LONG} by n2 for crmd@n3: Timer expired (ref=1)"},
    ),
    "a fencing in the year 1": (
        "pacemaker",
        {
            "kind": "fencing",
            "rc": "0",
            "desc": "Operation reboot of n3 by n2 for crmd@n3: OK (ref=1)",
            "timestamp_epoch": "-62135596800",
        },
    ),
    "such an attribute": (
        "pacemaker",
        {"kind": "attribute", "node": LONG, "attribute_name": f"pingd{LONG}", "attribute_value": "0"},
    ),
    "words": ("edge", {"edge": "torn\0", "why": "w\0" * 100}),
    "a source": ("pace\0maker" * 1000, {}),
    "a replica": (
        "drbd-events",
        {"line1": f"change connection name:{LONG} peer-node-id:1 conn-name:{LONG} connection:StandAlone"},
    ),
    "5,000 digits": ("drbd-events", {"line1": "response helper name:r0 helper:fence-peer status:" + "9" * 5000}),
    "a number of 5,000 digits": ("pacemaker", STOP | {"rsc": "web", "node_sequence": "9" * 5000}),
    "a clock of 300 bits": ("pacemaker", STOP | {"rsc": "web", "boot_ns": 2**300}),
}


CONFIG = '[receivers.x]\nkind = "mail"\nhost = "h"\nfrom = "a@b.c"\nto = ["a@b.c"]\n'


class Desk:
    """What an intake does, without a wire."""

    def __init__(self):
        self.count = 0

    def arrival(self, source, fields):
        self.count += 1
        fields = {
            name if name in {"boot_ns", "line1", "edge", "why"} else f"CRM_alert_{name}": one for name, one in fields.items()
        }
        body = {"v": 1, "src": source, "wall_ns": int(NOW.timestamp() * 1e9), **fields}
        uid = self.count.to_bytes(16)
        return Arrival(
            peer=b"p",
            uid=uid,
            body=json.dumps(body).encode(),
            cluster="alpha",
            node="n1",
            received_ns=int(NOW.timestamp() * 1e9),
            offset_ns=0,
            fields=body,
        )


@pytest.fixture
def writer(ledger, tmp_path):
    line = new_line(parse_config(CONFIG, tmp_path / "q.toml"))
    return Writer(ledger, line, [], Metrics(), lambda _: None, lambda *_: None, Faults(Metrics()))


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_kept_and_its_neighbours_are_not_held_up(writer, ledger, kind):
    desk = Desk()
    arrivals = [
        desk.arrival("pacemaker", STOP | {"rsc": "db"}),
        desk.arrival(*POISON[kind]),
        desk.arrival("pacemaker", STOP | {"rsc": "web", "node": "n2"}),
    ]
    assert writer.take([(None, one) for one in arrivals], NOW) == set()

    assert {one.uid for _, one in ledger.reports()} == {one.uid for one in arrivals}
    roots = {root for _, one in ledger.incidents() for root in one.subjects}
    assert {"resource/db", "resource/web"} <= roots
    assert writer.faults.shown() == []


def test_names_that_are_cut_stay_apart():
    assert named("web") == "web"
    one, other = named(LONG), named(LONG[:-1] + "x")
    assert one != other
    assert len(one.encode()) < 700
    assert named(LONG) == one


def test_what_is_written_out_can_be_read():
    assert holdable("a\0b\udc80é") == "a\\x00b\\udc80é"


def test_a_row_that_nothing_can_hold_leaves_its_report_and_the_others(writer, ledger, monkeypatch):
    """Whatever it is next time: what was made of one report is left out, and the report says so."""
    from bridge.ledger import rows

    of_incident = rows.of_incident

    def breaks(incident):
        if "db" in incident.root:
            raise TypeError("no row can be made of it")
        return of_incident(incident)

    monkeypatch.setattr(rows, "of_incident", breaks)
    desk = Desk()
    arrivals = [desk.arrival("pacemaker", STOP | {"rsc": name, "node": node}) for name, node in (("db", "n1"), ("web", "n2"))]
    for one in arrivals:
        assert writer.take([(None, one)], NOW) == set()

    stored = {one.uid: one for _, one in ledger.reports()}
    assert "cannot be stored: no row can be made of it" in stored[arrivals[0].uid].unreadable
    assert stored[arrivals[1].uid].unreadable is None
    assert [one.root for _, one in ledger.incidents()] == ["resource/web"]
    assert writer.faults.shown()[0]["where"] == "stored"


class Wire:
    """An intake, as the writer sees it: what it was told to say to the relays."""

    def __init__(self, arrivals):
        self._arrivals = arrivals
        self.said = {}

    def drain(self):
        arrivals, self._arrivals = self._arrivals, []
        return Drained(arrivals=arrivals, spoiled=[])

    def acknowledge(self, arrivals):
        self.said |= {one.uid: "acknowledged" for one in arrivals}

    def refuse(self, arrival, code, why):
        self.said |= {arrival.uid: f"refused: {code}"}

    def repeated(self, arrivals):
        pass

    def peers(self):
        return []

    knows_all = True


def test_what_is_refused_is_not_acknowledged(ledger, tmp_path, monkeypatch):
    """A relay deletes what is acknowledged: a report that no ledger has must stay with it."""
    from bridge.ledger import rows

    plain_row, bad = rows.Shape.row, (2).to_bytes(16)

    def breaks(shape, one):
        if getattr(one, "uid", None) == bad:
            raise TypeError("no row can be made of it")
        return plain_row(shape, one)

    monkeypatch.setattr(rows.Shape, "row", breaks)
    desk = Desk()
    wire = Wire([desk.arrival("pacemaker", STOP | {"rsc": name}) for name in ("db", "web", "mail")])
    line = new_line(parse_config(CONFIG, tmp_path / "q.toml"))
    Writer(ledger, line, [wire], Metrics(), lambda _: None, lambda *_: None, Faults(Metrics())).receive(NOW)

    assert {one.uid for _, one in ledger.reports()} == {uid for uid, word in wire.said.items() if word == "acknowledged"}
    assert wire.said[bad] == f"refused: {Code.MALFORMED}"
    assert len(wire.said) == 3, "nobody is left without an answer"


def test_an_arrival_becomes_the_report_that_a_restart_reads(writer):
    arrival = Desk().arrival("bridge", {})
    assert isinstance(to_report(arrival), Report)
    assert to_report(arrival).source == "bridge, claimed by a relay"
