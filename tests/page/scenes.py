"""Ledgers with something in them, a stand-in for the bridge's socket, and a guard that lets one person in."""

import asyncio
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from starlette.responses import PlainTextResponse, RedirectResponse

from bridge.config.config import parse_config
from bridge.core.telling.notice import Delivered, Notice, Telling
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, to_us
from bridge.core.world.incident import Incident, Kind, State
from bridge.core.world.laid import Laid, Link, Replica, Service, Side
from bridge.core.world.outage import Outage
from bridge.ledger.ledger import Commit, Ledger
from bridge.ledger.records import Edge
from bridge.page.person import Person
from bridge.serve.control import Control, Silences

NOW = datetime(2026, 11, 24, 3, 12, 45, tzinfo=UTC)
OK, INFO, WARNING, CRITICAL, UNKNOWN = Severity.OK, Severity.INFO, Severity.WARNING, Severity.CRITICAL, Severity.UNKNOWN


def minutes(number):
    return NOW - timedelta(minutes=number)


def condition(cluster, subject, severity=OK, why="", since=3000, incident=None):
    return Condition(cluster=cluster, subject=subject, severity=severity, since=minutes(since), why=why, incident_key=incident)


def service(cluster, name, *nodes, subject=None, promoted="", **more):
    """Its condition is well, unless the test gives another one behind it."""
    on = {node: "promoted" if node == promoted else "started" for node in nodes}
    return Laid(cluster, f"service/{name}", Service(subject=subject or f"resource/{name}", on=on, **more))


def replica(cluster, name, *sides, link=None):
    made = tuple(Side(node=node, role=role, disk=disk) for node, role, disk in sides)
    ends = {"one": made[0].node, "other": made[1].node, "state": "Connected"}
    return Laid(
        cluster, f"replica/{name}", Replica(subject=f"drbd/{name}", sides=made, links=(Link(**{**ends, **(link or {})}),))
    )


def incident(key, **given):
    filled = {
        "key": key,
        "cluster": "berlin",
        "kind": Kind.NODE_FAILURE,
        "root": "node/n3",
        "state": State.OPEN,
        "severity": CRITICAL,
        "peak": CRITICAL,
        "opened_at": minutes(7),
        "changed_at": minutes(1),
        "facts": {"node": "n3"},
    }
    return Incident(**(filled | given))


def notice(one, receiver, **given):
    return Notice(
        **(
            {
                "incident_id": 0,
                "receiver": receiver,
                "kind": Telling.OPENED,
                "reason": "opened",
                "at": one.opened_at,
                "incident": one,
            }
            | given
        )
    )


def edges(cluster, *nodes, silent=()):
    return [
        Edge(cluster=cluster, node=node, last_heard_at=minutes(4) if node in silent else NOW, silent=node in silent)
        for node in nodes
    ]


def well(cluster, nodes=("n1", "n2", "n3")):
    """Three nodes, a group, a clone, guests, a promotable database, fencing, two replicas: nothing is wrong."""
    a, b, c = nodes
    guests = [("vm-mail", a), ("vm-web", b), ("vm-files", c)]
    conditions = [condition(cluster, "cluster", why="nobody has lost quorum")]
    conditions += [condition(cluster, f"node/{node}", why="member of the cluster") for node in nodes]
    conditions += [condition(cluster, f"relay/{node}", why="its reports come in") for node in nodes]
    conditions += [condition(cluster, f"guest/{name}", why=f"runs on {node}") for name, node in guests]
    names = ("web-fs", "web-ip", "web-srv", "dlm", "db", "fence-a", "fence-b")
    conditions += [condition(cluster, f"resource/{name}", why="runs") for name in names]
    layout = [service(cluster, name, node, subject=f"guest/{name}", replica=name.removeprefix("vm-")) for name, node in guests]
    layout += [service(cluster, name, b, group="web", place=place) for place, name in enumerate(names[:3])]
    layout += [service(cluster, "dlm", *nodes, clone="dlm-clone"), service(cluster, "db", *nodes, promoted=c, clone="db-clone")]
    layout += [service(cluster, "fence-a", b, device=True), service(cluster, "fence-b", a, device=True)]
    layout += [
        replica(cluster, "mail", (a, "Primary", "UpToDate"), (b, "Secondary", "UpToDate")),
        replica(cluster, "files", (a, "Secondary", "UpToDate"), (c, "Primary", "UpToDate")),
    ]
    for name, sides in (("mail", (a, b)), ("files", (a, c))):
        conditions += [condition(cluster, f"drbd/{name}", why="Connected UpToDate/UpToDate")]
        conditions += [condition(cluster, f"drbd/{name}@{side}", why="UpToDate") for side in sides]
    return Commit(now=NOW, conditions=conditions, layout=layout, edges=edges(cluster, *nodes))


def node_lost(cluster="berlin"):
    """Its third node fails: a guest is away, another is back, a replica copies, a receiver was rung."""
    story = incident(
        f"{cluster}/node/n3",
        cluster=cluster,
        subjects=("node/n3", "guest/vm-files", "guest/vm-web"),
        outages=(Outage("guest/vm-files", minutes(7)), Outage("guest/vm-web", minutes(7), minutes(5))),
        facts={"node": "n3", "fenced": "yes"},
    )
    bad = [
        condition(cluster, "node/n3", CRITICAL, "lost", 7, story.key),
        condition(cluster, "guest/vm-files", CRITICAL, "vm-files runs nowhere", 7, story.key),
        condition(cluster, "resource/dlm", WARNING, "dlm is there, but not on n3, where it failed", 7, story.key),
        condition(cluster, "drbd/files", WARNING, "Connecting UpToDate/DUnknown", 7, story.key),
        condition(cluster, "drbd/mail", WARNING, "SyncSource UpToDate/Inconsistent", 2, story.key),
    ]
    layout = [
        service(cluster, "vm-files", subject="guest/vm-files"),
        service(cluster, "dlm", "n1", "n2", clone="dlm-clone"),
        service(cluster, "db", "n1", "n2", promoted="n1", clone="db-clone"),
        replica(cluster, "files", ("n1", "Secondary", "UpToDate"), ("n3", "", ""), link={"state": "Connecting", "good": False}),
        replica(
            cluster,
            "mail",
            ("n1", "Primary", "UpToDate"),
            ("n2", "Secondary", "Inconsistent"),
            link={"good": False, "target": "n2", "done": 40},
        ),
    ]
    return Commit(
        now=NOW, incidents=[story], notices=[notice(story, "oncall"), notice(story, "room")], conditions=bad, layout=layout
    )


def planned(cluster):
    """One node in standby, one service unmanaged."""
    conditions = [
        condition(cluster, "node/n2", INFO, "in standby, until its next start", 90),
        condition(cluster, "resource/web-srv", INFO, "unmanaged: the cluster does not look after it; runs on n2", 90),
    ]
    return Commit(now=NOW, conditions=conditions)


def silent(cluster):
    return Commit(now=NOW, edges=edges(cluster, "n1", "n2", "n3", silent=("n1", "n2", "n3")))


def several(cluster="wien"):
    """Incidents of every other pile: one that somebody is on, one that is silenced, one that heals."""
    failed = {"cluster": cluster, "kind": Kind.RESOURCE_FAILURE, "severity": WARNING, "peak": WARNING}
    split = {"cluster": cluster, "kind": Kind.REPLICA_SPLIT_BRAIN, "root": "drbd/mail"}
    taken = incident("x/taken", **split, opened_at=minutes(95), facts={"nodes": "alpha, bravo"})
    quiet = incident("x/quiet", **failed, root="resource/db", opened_at=minutes(30), facts={"resource": "db"})
    heals = incident(
        "x/heals",
        **failed,
        root="resource/web-ip",
        state=State.CLEARING,
        opened_at=minutes(3),
        facts={"resource": "web-ip", "recovered_at": minutes(1).isoformat()},
    )
    sides = ("alpha", "Primary", "UpToDate"), ("bravo", "Secondary", "UpToDate")
    return Commit(
        now=NOW,
        incidents=[taken, quiet, heals],
        notices=[notice(taken, "oncall")],
        conditions=[
            condition(
                cluster, "drbd/mail", CRITICAL, "split brain: alpha and bravo have data that the other has not", 95, taken.key
            ),
            condition(cluster, "resource/db", WARNING, "db: monitor failed on charlie: error", 30, quiet.key),
        ],
        layout=[replica(cluster, "mail", *sides, link={"state": "StandAlone", "good": False})],
    )


def storm(number, cluster="berlin"):
    return Commit(
        now=NOW,
        incidents=[
            incident(
                f"storm/{place}",
                cluster=cluster,
                kind=Kind.RESOURCE_FAILURE,
                severity=WARNING if place % 3 else CRITICAL,
                root=f"resource/r{place}",
                opened_at=minutes(place % 500),
                facts={"resource": f"r{place}"},
            )
            for place in range(number)
        ],
    )


class StandIn:
    """The bridge's socket: answers as the bridge would, with what the test says."""

    def __init__(self, path):
        self.path = path
        self.words = {"name": "b", "version": "1", "pid": 1, "since_us": to_us(minutes(9000)), "now_us": to_us(NOW)}
        self.silences = []
        self.asked = 0
        self._stop = threading.Event()
        self._control = Control(path)
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self):
        while not self._stop.wait(0.01):
            for request, answer in self._control.handle():
                self.asked += 1
                answer(silences=self.silences) if isinstance(request, Silences) else answer(**self.words)

    def close(self):
        self._stop.set()
        self._thread.join()
        self._control.close()


async def always():
    return True


def guard(person):
    """Lets everybody in as this person; None: sends everybody to the log-in."""

    def around(app):
        async def call(scope, receive, send):
            if person is not None:
                await app({**scope, "person": person, "still_in": always}, receive, send)
            elif scope["path"] == "/login":
                await PlainTextResponse("log in")(scope, receive, send)
            else:
                await RedirectResponse("/login", 303)(scope, receive, send)

        return call

    return around


OPERATOR = Person(name="anna", role="operator", language="en", zone="Europe/Berlin", csrf="word")


class Client:
    """Asks the application without a network, as one who comes from `address`."""

    def __init__(self, app, address="127.0.0.1"):
        self._way = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 5000))

    def get(self, path):
        return asyncio.run(self._ask("GET", path))

    def post(self, path):
        return asyncio.run(self._ask("POST", path))

    async def _ask(self, method, path):
        async with httpx.AsyncClient(transport=self._way, base_url="http://page") as client:
            return await client.request(method, path)


class Place:
    """A folder with a ledger, its config, and the stand-in of its bridge."""

    def __init__(self, home, text=""):
        self.home = Path(home)
        self.url = f"sqlite:///{home}/ledger.db"
        toml = f'[bridge]\nledger = "{self.url}"\ncontrol = "{home}/control.sock"\n{text}'
        self.config = parse_config(toml, self.home / "q.toml")
        self.commit(Commit(now=NOW))
        self.bridge = StandIn(self.home / "control.sock")

    def commit(self, *commits):
        with closing(Ledger.open(self.url)) as ledger:
            for one in commits:
                ledger.commit(one)

    def deliver(self, *numbers):
        with closing(Ledger.open(self.url)) as ledger:
            for number in numbers:
                ledger.record(number, Delivered(), minutes(6), None)

    def close(self):
        self.bridge.close()
