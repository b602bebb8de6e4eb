"""Where things run is in the ledger with the report that told it; a start makes good what is not."""

import sqlite3
import time
from contextlib import closing

import pytest

from bridge.ledger.ledger import Ledger
from tests.serve.test_bridge import Bridge, stop_failed
from tests.waiting import eventually


@pytest.fixture
def bridge(tmp_path):
    bridge = Bridge(tmp_path)
    yield bridge
    bridge.stop()


def layout(bridge):
    with closing(Ledger.open(f"sqlite:///{bridge.home}/ledger.db", write=False)) as ledger:
        return {one.name: one.how.on for one in ledger.layout()}


def test_a_start_lays_out_what_the_ledger_lacks(bridge):
    start = {**stop_failed(time.time()), "rsc": "web", "task": "start", "rc": "0", "desc": "ok"}
    assert bridge.hook(**start) == 0
    eventually(bridge.stored)
    assert layout(bridge) == {"service/web": {"n1": "started"}}
    bridge.end(bridge.process)
    with closing(sqlite3.connect(f"{bridge.home}/ledger.db")) as ledger:
        ledger.execute("DELETE FROM layout")
        ledger.execute('INSERT INTO layout VALUES (\'alpha\', \'service/old\', \'{"type":"service","subject":"resource/old"}\')')
        ledger.commit()
    bridge.process = bridge.serve()
    eventually(lambda: layout(bridge) == {"service/web": {"n1": "started"}})
    bridge.end(bridge.process)
    bridge.command("replay")
    assert layout(bridge) == {"service/web": {"n1": "started"}}
    bridge.process = bridge.serve()
