"""A cluster that is told things in plain words, with a clock moved by hand."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bridge.core.correlate import Correlator
from bridge.core.pacemaker.alerts import outcome
from bridge.core.world.event import Action, AttributeSet, EdgeHeard, EdgeSaid, Fencing, NodeSeen
from bridge.core.world.picture import Picture, PictureTold
from bridge.core.world.settings import Settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Cluster:
    """`at(seconds)` moves the clock; every other verb is an event that a witness tells then, each a moment after the last."""

    def __init__(self, **settings):
        self.correlator = Correlator(Settings(**settings))
        self.now = BEGIN
        self.conditions = {}
        self.decisions = []
        self.incidents = {}
        self.stamp = lambda event: event
        self._sequence = {}
        self._count = 0

    def at(self, seconds):
        self.now = BEGIN + timedelta(seconds=seconds)
        return self._keep(self.correlator.tick(self.now))

    def member(self, name, by):
        return self._each(by, NodeSeen, node=name, member=True)

    def lost(self, name, by):
        return self._each(by, NodeSeen, node=name, member=False)

    def fenced(self, name, by, *, rc=0, action="reboot", client="pacemaker-controld.1"):
        self._count += 1
        fields = {"executioner": "n1", "client": client, "origin": "n1", "result": "OK" if rc == 0 else "Error"}
        return self._each(by, Fencing, target=name, action=action, rc=rc, ref=f"ref-{self._count}", **fields)

    def does(self, name, resource, task, *, rc=0, target=0, interval=0, status=0):
        probe = task == "monitor" and interval == 0
        fields = {"rc": rc, "target_rc": target, "status": status, "outcome": outcome(rc, target, status, probe=probe)}
        plain = resource.partition(":")[0]
        where = {"resource": plain, "instance": resource, "node": name}
        return self._each(name, Action, task=task, interval_ms=interval, words="error" if rc else "ok", **where, **fields)

    def starts(self, name, resource):
        return self.does(name, resource, "start")

    def stops(self, name, resource):
        return self.does(name, resource, "stop")

    def fails(self, name, resource, task="monitor"):
        return self.does(name, resource, task, rc=1, interval=10_000 if task == "monitor" else 0)

    def attribute(self, name, key, value, by="n1"):
        return self._each(by, AttributeSet, node=name, name=key, value=value)

    def silent(self, name):
        return self._feed(EdgeHeard(uid=self._uid(), witness="", at=self.now, node=name, silent=True))

    def heard(self, name):
        return self._feed(EdgeHeard(uid=self._uid(), witness="", at=self.now, node=name, silent=False))

    def unenrolled(self, name):
        return self._feed(EdgeHeard(uid=self._uid(), witness="", at=self.now, node=name, silent=False, gone=True))

    def shows(self, name, says):
        """What crm_mon shows on a node: a picture as its relay reduces it."""
        self.now += timedelta(milliseconds=10)
        fields = {"node": name, "picture": f"p{self._count}", "part": 0, "of": 1, "says": msgspec.convert(says, Picture)}
        says = msgspec.structs.replace(fields["says"], at=self.now)
        return self._feed(PictureTold(uid=self._uid(), witness=name, at=self.now, **{**fields, "says": says}))

    def complains(self, name, *, over=False, what="crm_mon", why="hangs"):
        return self._feed(EdgeSaid(uid=self._uid(), witness=name, at=self.now, node=name, what=what, why=why, over=over))

    def condition(self, subject):
        """(severity, why) of a subject, as it was last shown."""
        one = self.conditions[subject]
        return str(one.severity), one.why

    def stories(self):
        """(kind, root, severity, state) of all incidents that stand for themselves and were not planned."""
        rows = [one for one in self.incidents.values() if one.absorbed_into is None and not one.planned]
        return sorted((str(one.kind), one.root, str(one.severity), str(one.state)) for one in rows)

    def _each(self, by, sort, **fields):
        for witness in by.split():
            self._sequence[witness] = self._sequence.get(witness, 0) + 1
            order = ("sequence", self._sequence[witness])
            self._feed(sort(uid=self._uid(), witness=witness, at=self.now, order=order, **fields))
        return self

    def _uid(self):
        self._count += 1
        return self._count.to_bytes(4, "big")

    def _feed(self, event):
        self.now += timedelta(milliseconds=10)
        return self._keep(self.correlator.feed([("prod", self.stamp(event))], self.now))

    def _keep(self, changes):
        for key in changes.gone:
            self.incidents.pop(key, None)
        self.incidents |= changes.incidents
        self.decisions += changes.decisions.values()
        self.conditions |= {one.subject: one for one in changes.conditions}
        return self


@pytest.fixture
def cluster():
    """Three nodes that know of each other; web runs on n3, db on n1."""
    one = Cluster()
    for name in ("n1", "n2", "n3"):
        one.member(name, " ".join({"n1", "n2", "n3"} - {name}))
    one.starts("n3", "web")
    one.starts("n1", "db")
    return one


@pytest.fixture
def cluster_of_two():
    """Two nodes that know of each other; db runs on n1."""
    one = Cluster()
    one.member("n1", by="n2").member("n2", by="n1").starts("n1", "db")
    return one
