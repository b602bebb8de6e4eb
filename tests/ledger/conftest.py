import itertools
import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from bridge.ledger.ledger import Commit, Ledger, StoredReport
from tests.servers.postgres import Postgres

NOW = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def ledger(url):
    opened = Ledger.open(url)
    yield opened
    opened.close()


class Make:
    """Nouns with everything filled in; a test names only what it is about."""

    now = NOW

    def __init__(self):
        self._number = itertools.count(1)

    def report(self, **given):
        number = next(self._number)
        filled = {
            "uid": number.to_bytes(8) + os.urandom(8),
            "cluster": "alpha",
            "node": "n1",
            "source": "pacemaker",
            "at": NOW + timedelta(seconds=number),
            "received_at": NOW + timedelta(seconds=number, milliseconds=250),
            "offset": timedelta(microseconds=-17),
            "body": b'{"v":1,"CRM_alert_desc":"\xc3\xa4"}\n',
            "incident_key": None,
            "decision": "shown only",
        }
        return StoredReport(**(filled | given))

    def incident(self, key="node/n3@1", **given):
        filled = {
            "key": key,
            "cluster": "alpha",
            "kind": Kind.NODE_FAILURE,
            "root": "node/n3",
            "state": State.OPEN,
            "severity": Severity.CRITICAL,
            "peak": Severity.CRITICAL,
            "opened_at": NOW,
            "changed_at": NOW,
            "facts": {"node": "n3", "words": "zwölf „Ringe“"},
        }
        return Incident(**(filled | given))

    def notice(self, incident, **given):
        filled = {
            "incident_id": 0,
            "receiver": "mail",
            "kind": Telling.OPENED,
            "reason": "opened",
            "at": NOW,
            "incident": incident,
        }
        return Notice(**(filled | given))

    def commit(self, **given):
        return Commit(**({"now": NOW} | given))

    def closed(self, incident, at=NOW):
        return msgspec.structs.replace(incident, state=State.CLOSED, severity=Severity.OK, closed_at=at, changed_at=at)


@pytest.fixture
def make():
    return Make()
