"""A ledger in which a recorded power cut was told, and one whose names and reasons were chosen by somebody with bad intentions."""

import asyncio
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
import uvicorn

from bridge.config.config import parse_config
from bridge.core.telling.notice import Delivered
from bridge.core.world.event import Report
from bridge.ledger.ledger import Ledger
from bridge.page.app import application
from bridge.page.person import Person
from bridge.page.site import Site
from bridge.rehearse.rehearse import read_recording
from bridge.serve.recall import new_line
from bridge.serve.writer import commit_of, stored
from tests.page.scenes import always

RECORDING = Path("examples/node-power-cut.json")
BEGIN = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MAIL = '[receivers.oncall]\nkind = "mail"\nhost = "mx.example.com"\nsecurity = "none"\nfrom = "q@example.com"\nto = ["n@example.com"]\n'
ANN = Person(name="Ann", role="operator", zone="Europe/Berlin", csrf="a word")


class Told:
    """Reports go through the line into a ledger, each at its time, and everybody hears what is owed."""

    def __init__(self, home):
        text = f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\ncontrol = "{home}/control.sock"\n{MAIL}'
        self.config = parse_config(text, home / "quorumbell.toml")
        self.ledger = Ledger.open(self.config.bridge.ledger_url)
        self._line = new_line(self.config)
        self._count = 0

    def play(self, path, cluster, begin):
        found = read_recording(path)
        shift = begin - min(one.received_at for one in found)
        self.take(
            msgspec.structs.replace(one, cluster=cluster, received_at=one.received_at + shift, offset=shift) for one in found
        )
        return self

    def action(self, resource, at, *, task="monitor", rc="1", desc="error", node="n1", cluster="alpha", **more):
        self._count += 1
        body = {"CRM_alert_kind": "resource", "CRM_alert_rsc": resource, "CRM_alert_task": task, "CRM_alert_node": node}
        body |= {"CRM_alert_rc": rc, "CRM_alert_desc": desc, "CRM_alert_target_rc": "0", "CRM_alert_status": "0"}
        body |= {"CRM_alert_interval": "10000" if task == "monitor" else "0", "CRM_alert_version": "2.1.5", **more}
        uid = self._count.to_bytes(16)
        body["CRM_alert_timestamp_epoch"] = str(int(at.timestamp()))
        body["CRM_alert_timestamp_usec"] = "0"
        self.take([Report(uid=uid, cluster=cluster, node=node, source="pacemaker", received_at=at, body=body)])
        return self

    def say(self, body, at, cluster="*"):
        self._count += 1
        self.take([Report(uid=self._count.to_bytes(16), cluster=cluster, node="", source="operator", received_at=at, body=body)])
        return self

    def take(self, reports):
        for one in sorted(reports, key=lambda report: report.received_at):
            self.until(one.received_at)
            outcome = self._line.take([one], one.received_at)
            self._commit([stored(one, json.dumps(dict(one.body)).encode(), outcome)], outcome, one.received_at)

    def until(self, now):
        while (due := self._line.next_due()) is not None and due <= now:
            self._commit([], self._line.tick(due), due)
        return self

    def _commit(self, reports, outcome, now):
        self.ledger.commit(commit_of(reports, outcome, now, None))
        for notice, _, _ in self.ledger.claim("oncall", now, timedelta(minutes=1), 100):
            self.ledger.record(notice.id, Delivered(why="250 queued"), now, None)


@pytest.fixture
def empty(tmp_path):
    told = Told(tmp_path)
    yield told
    told.ledger.close()


@pytest.fixture(scope="session")
def power_cut(tmp_path_factory):
    """A node loses power, is fenced and comes back: the one incident of the ledger, which is over."""
    told = Told(tmp_path_factory.mktemp("power-cut")).play(RECORDING, "alpha", BEGIN).until(BEGIN + timedelta(hours=1))
    told.ledger.close()
    return told


class Guard:
    """Lets in the person that the test is about."""

    def __init__(self, app, person):
        self.app, self.person = app, person

    async def __call__(self, scope, receive, send):
        scope.update(person=self.person, still_in=always)
        await self.app(scope, receive, send)


def page_of(config, person):
    return application(Site(config), lambda app: Guard(app, person))


class Visitor:
    def __init__(self, app):
        self._app = app

    def get(self, address):
        async def get():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://page") as client:
                return await client.get(address)

        return asyncio.run(get())


@pytest.fixture
def visit():
    """A client of the pages of a ledger, as the person who looks."""

    def client(told, **person):
        return Visitor(page_of(told.config, msgspec.structs.replace(ANN, **person)))

    return client


@pytest.fixture
def served():
    """The pages at an address, for a browser."""
    servers = []

    def serve(told, **person):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        site = Site(told.config)
        app = application(site, lambda app: Guard(app, msgspec.structs.replace(ANN, **person)))
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        site.watch.start()
        servers.append((server, thread, site.watch))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    yield serve
    for server, thread, watch in servers:
        watch.close()
        server.should_exit = True
        thread.join(10)
