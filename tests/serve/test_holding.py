"""What comes while the database does not answer waits in memory, and no more than fits there: relays send the rest again."""

import os
from types import SimpleNamespace

from bridge.intake.arrivals import Arrival, Drained
from bridge.ledger.ledger import LedgerAway
from bridge.serve import writer as writing
from bridge.serve.faults import Faults
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import MOST_HELD, Writer
from bridge.wire import codec

BODY = b"x" * codec.MAX_EVENT


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
        one = Arrival(peer=b"", uid=b"", body=BODY, cluster="demo", node="n1", received_ns=0, offset_ns=0, fields={})
        return Drained(arrivals=[one] * 256, spoiled=[])

    def close(self):
        os.close(self.fd)
        os.close(self._in)


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(writing, "RETRY_COMMIT_AFTER", 0.2)
    intake = Flooded()
    line = SimpleNamespace()
    made = Writer(None, line, [intake], Metrics(), lambda _: None, lambda *_: None, Faults(Metrics()))
    while intake.brought * len(BODY) < 2 * MOST_HELD:
        made._hold(LedgerAway("gone"))
    assert sum(len(arrival.body) for _, arrival in made.backlog) == MOST_HELD
    assert set(intake.windows) == {0, codec.DEFAULT_WINDOW}
    intake.close()
