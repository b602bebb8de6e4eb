"""The bridge's half from the writer to the board, without relays: real ledger, real line, real threads, one clock for both sides."""

import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from bridge.config.receivers import Receiver
from bridge.core.line import Line
from bridge.core.normalise import EVERYWHERE
from bridge.core.world.event import Report
from bridge.core.world.settings import Settings as Core
from bridge.ledger.ledger import Commit, Edge, Ledger
from bridge.receivers.opsview.board import Opsview as OpsviewReceiver
from bridge.receivers.opsview.board import Settings
from bridge.secret import Secret
from bridge.serve.boards import Boards
from bridge.serve.faults import Faults
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer, stored
from tests.servers.opsview import ADMIN, OPERATOR, Opsview, Rules

BEGIN = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PASSWORD = "open/sesame & more"
OWN = ("bellhost", "Quorumbell")
SERVICES = {
    "ha1": ["Cluster", "Resource: db", "Guest: vm-a"],
    "n1": ["Cluster Node", "Quorumbell Relay"],
    "bellhost": ["Quorumbell"],
}


class Site:
    def __init__(self, home, rules=None, **settings):
        self.home, self.settings = home, settings
        self.now = BEGIN
        self.opsview = Opsview(rules or Rules(), clock=self.time)
        self.opsview.add_user("bell", PASSWORD, rights=ADMIN if settings.get("create") else OPERATOR)
        for host, services in () if settings.get("create") else SERVICES.items():
            self.opsview.provide(host, services, freshness=180 if host == "bellhost" else 1800)
        self.opsview.start()
        self._woken = threading.Event()
        self.sequence = 0
        self.ledger = None
        self.start()

    def time(self):
        return self.now.timestamp()

    # --- the bridge

    def start(self):
        self.metrics = Metrics()
        self.ledger = Ledger.open(f"sqlite:///{self.home}/ledger.db")
        self.line = Line(Core(clear_after=timedelta(seconds=20)), ())
        from bridge.serve.recall import restore

        restore(self.line, self.ledger)
        given = {"url": self.opsview.url, "user": "bell", "password": Secret.literal(PASSWORD), "own_host": "bellhost"}
        made = Settings(**{**given, "timeout": timedelta(seconds=1), **self.settings})
        receiver = Receiver(name="noc", kind="opsview", language="en", board=True, settings=made, factory=OpsviewReceiver)
        self.boards = Boards({"noc": receiver}, self.ledger, self.line, self.metrics, self.now, self._woken.set)
        self.writer = Writer(
            self.ledger, self.line, [], self.metrics, lambda _: None, self.boards.committed, Faults(self.metrics)
        )

    def stop(self):
        """Ends in order; a kill is the same without the last word."""
        if self.ledger is not None:
            self.boards.close(self.now)
            self.ledger.close()
            self.ledger = None

    def close(self):
        self.stop()
        self.opsview.stop()

    def pump(self):
        """Until nothing is left to do at this instant."""
        while True:
            self._woken.clear()
            for fields in self.boards.turn(self.now):
                self.writer.report("opsview", EVERYWHERE, fields, self.now)
            if any(one.busy for one in self.boards._boards):
                assert self._woken.wait(30), "a worker does not answer"
                continue
            due = self.boards.next_at()
            if due is None or due > self.now:
                return

    def wait(self, seconds, step=5):
        for _ in range(0, seconds, step):
            self.now += timedelta(seconds=step)
            self.opsview.advance(0)
            if self.ledger is not None:
                self.writer.pass_time(self.now)
                self.pump()
                self.opsview.advance(0)

    # --- the cluster

    def report(self, cluster="ha1", by="n1", **variables):
        self.sequence += 1
        stamp = {
            "timestamp_epoch": str(int(self.now.timestamp())),
            "timestamp_usec": "000000",
            "node_sequence": str(self.sequence),
        }
        body = {f"CRM_alert_{key}": value for key, value in {**stamp, **variables}.items()}
        one = Report(
            uid=self.sequence.to_bytes(16, "big"), cluster=cluster, node=by, source="pacemaker", received_at=self.now, body=body
        )
        outcome = self.line.take([one], self.now)
        self.writer._commit([stored(one, msgspec.json.encode(body), outcome)], outcome, self.now)

    def action(self, rsc, task, rc, node="n1", **more):
        words = {"desc": "ok" if rc == 0 else "error", "interval": "0", "target_rc": "0", "status": "0"}
        self.report(kind="resource", node=node, rsc=rsc, task=task, rc=str(rc), **{**words, **more})

    def db_fails(self):
        self.action("db", "stop", 1)
        self.wait(10)

    def db_heals(self):
        self.action("db", "start", 0)
        self.wait(10)

    def relay(self, node, *, silent):
        edges = [Edge(cluster="ha1", node=node, last_heard_at=self.now, silent=silent)]
        self.ledger.commit(Commit(now=self.now, edges=edges))
        self.boards.hear(edges, self.now)

    # --- what is seen

    def shown(self, host="ha1", service="Resource: db"):
        thing = self.opsview.thing(host, service)
        return thing.word, thing.output

    def state(self, host="ha1", service="Resource: db"):
        return self.shown(host, service)[0]

    def acknowledged(self):
        """By whom each incident that is not over is taken here."""
        live = [incident for _, incident in self.ledger.incidents(["watching", "open", "clearing"])]
        return {incident.root: self.line.router.who_has(incident.key) for incident in live}

    def submissions(self):
        return [one for one in self.opsview.asked if one.verb == "POST" and one.path in {"/rest/detail", "/rest/status"}]

    def person(self, verb, path, **fields):
        """Somebody at Opsview's own page, through the same doors as all clients."""
        import requests

        with requests.Session() as browser:
            token = browser.post(f"{self.opsview.url}/rest/login", json={"username": "admin", "password": "initial"}).json()[
                "token"
            ]
            headers = {"X-Opsview-Username": "admin", "X-Opsview-Token": token, "Content-Type": "application/json"}
            answer = browser.request(verb, self.opsview.url + path, json=fields, headers=headers)
            if verb == "DELETE":
                answer = browser.request(verb, self.opsview.url + path, params=fields, headers=headers)
            assert answer.status_code == 200, answer.text


@contextmanager
def site(home, *given, **settings):
    with closing(Site(home, *given, **settings)) as one:
        yield one
