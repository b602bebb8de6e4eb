"""What comes while the database does not answer waits in memory, and no more than fits there: relays send the rest again."""

import os
from datetime import UTC, datetime
from types import SimpleNamespace

from bridge.intake.arrivals import Arrival, Drained
from bridge.ledger.ledger import LedgerAway
from bridge.serve import writer as writing
from bridge.serve.faults import Faults
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import BESIDE, MOST_AT_ONCE, MOST_HELD, Writer
from bridge.wire import codec

BODY = b"x" * codec.MAX_EVENT
NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def arrival(body=BODY, uid=b""):
    return Arrival(peer=b"", uid=uid, body=body, cluster="demo", node="n1", received_ns=0, offset_ns=0, fields={})


def writer(*intakes, ledger=None):
    line = SimpleNamespace(correlator=SimpleNamespace(checkpoint=lambda: None, waits_since=dict))
    return Writer(ledger, line, intakes, Metrics(), lambda _: None, lambda *_: None, Faults(Metrics()))


class Flooded:
    """An intake at which somebody does not care for the window."""

    def __init__(self):
        self.fd, self._in = os.pipe()
        os.write(self._in, b"!")
        self.windows = []
        self.brought = 0

    def fileno(self):
        return self.fd

    def set_window(self, number):
        self.windows.append(number)

    def drain(self):
        self.brought += 256
        return Drained(arrivals=[arrival()] * 256, spoiled=[])

    def close(self):
        os.close(self.fd)
        os.close(self._in)


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(writing, "RETRY_COMMIT_AFTER", 0.2)
    intake = Flooded()
    made = writer(intake)
    while intake.brought * len(BODY) < 2 * MOST_HELD:
        made._hold(LedgerAway("gone"))
    assert MOST_HELD - len(BODY) - BESIDE <= sum(len(arrival.body) + BESIDE for _, arrival in made.backlog) <= MOST_HELD
    assert set(intake.windows) == {0, codec.DEFAULT_WINDOW}
    intake.close()


class Quiet:
    """An intake at which nothing comes any more."""

    def __init__(self):
        self.again = []
        self.knows_all = True
        self.acknowledged = []

    def drain(self):
        return Drained(arrivals=[], spoiled=[])

    def peers(self):
        return []

    def repeated(self, arrivals):
        self.again += arrivals

    def acknowledge(self, arrivals):
        self.acknowledged += arrivals


def test_what_was_held_is_taken_in_pieces_and_said_to_be_known():
    """Here all of it is in the ledger already: whoever sends that again and again is to be noticed."""
    intake = Quiet()
    made = writer(intake, ledger=SimpleNamespace(known=set))
    made.backlog = [(intake, arrival(uid=bytes([number % 256, number // 256]))) for number in range(MOST_AT_ONCE + 1)]
    held = [one for _, one in made.backlog]
    made.receive(NOW)
    assert intake.acknowledged == intake.again == held[:-1]
    made.receive(NOW)
    assert intake.acknowledged == intake.again == held
    assert made.backlog == []
