"""A writer beside a ledger that raises what a test wants, and intakes that note what they are told to do."""

import json
import os
from datetime import UTC, datetime

from bridge.config.config import parse_config
from bridge.intake.arrivals import Arrival, Drained
from bridge.ledger.ledger import Commit, Ledger
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
CONFIG = '[receivers.x]\nkind = "mail"\nhost = "h"\nfrom = "a@b.c"\nto = ["a@b.c"]\n'
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


class Wire:
    """An intake as the writer sees it; `log` is what it was told to do, in order."""

    knows_all = True

    def __init__(self, log):
        self.log = log
        self.answered = []
        self.waiting, self.spoiled = [], []
        self._end, self._other = os.pipe()

    def close(self):
        os.close(self._end)
        os.close(self._other)

    def fileno(self):
        return self._end

    def peers(self):
        return []

    def drain(self):
        arrivals, self.waiting = self.waiting, []
        return Drained(arrivals=arrivals, spoiled=self.spoiled)

    def acknowledge(self, arrivals):
        self._say("acknowledged", arrivals)

    def repeated(self, arrivals):
        self._say("repeated", arrivals)

    def _say(self, what, arrivals):
        self.answered += [(what, one.uid[-1]) for one in arrivals]
        self.log += [(what, one.uid[-1]) for one in arrivals]

    def refuse(self, arrival, code, why):
        self.log.append(("refused", arrival.uid[-1]))

    def set_window(self, size):
        self.log.append(("window", size))


class Moody:
    """A ledger that raises what it is given before it answers."""

    def __init__(self, ledger, log):
        self._ledger, self._log = ledger, log
        self.raises = []

    def commit(self, commit: Commit):
        if self.raises:
            raise self.raises.pop(0)
        self._log += [("stored", one.uid[-1]) for one in commit.reports]
        return self._ledger.commit(commit)

    def __getattr__(self, name):
        return getattr(self._ledger, name)


class Site:
    def __init__(self, tmp_path):
        self.log, self.owed, self.committed, self.beats = [], [], [], 0
        self.ledger = Moody(Ledger.open(f"sqlite:///{tmp_path}/ledger.db"), self.log)
        self.wires = [Wire(self.log), Wire(self.log)]
        self.metrics = Metrics()
        line = new_line(parse_config(CONFIG, tmp_path / "q.toml"))
        committed = lambda commit, numbers: self.committed.append((commit, numbers))  # noqa: E731
        faults = Faults(self.metrics)
        self.writer = Writer(self.ledger, line, self.wires, self.metrics, self.owed.append, committed, faults, self._beat)

    def _beat(self):
        self.beats += 1

    def arrives(self, number, wire=0, source="pacemaker", **fields):
        body = {"v": 1, "src": source, "wall_ns": int(NOW.timestamp() * 1e9)}
        body |= {f"CRM_alert_{name}": value for name, value in (STOP | {"rsc": f"r{number}"} | fields).items()}
        made = Arrival(
            peer=b"p", uid=number.to_bytes(16), body=json.dumps(body).encode(), cluster="alpha", node="n1",
            received_ns=int(NOW.timestamp() * 1e9), offset_ns=0, fields=body,
        )  # fmt: skip
        self.wires[wire].waiting.append(made)

    def stored(self):
        return {one.uid[-1] for _, one in self.ledger.reports()}

    def count(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"quorumbell_{name}_total", labels)
