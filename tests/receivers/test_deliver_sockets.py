"""A receiver that hangs, answers garbage, 500, 429 or half an answer delays only itself: real receivers on real sockets."""

import contextlib
import threading
import time
from datetime import timedelta

import pytest

from bridge.core.telling.notice import Delivered, TryLater
from bridge.receivers.mattermost import Mattermost, Settings
from bridge.secret import Secret
from bridge.serve.workers import Deliveries
from tests.receivers.kit import made
from tests.servers import faults
from tests.servers.faults import Answering, FaultServer
from tests.servers.mattermost import Mattermost as Server

HANGS = 4.0


def bell(name: str, port: int, channel: str = "y" * 26, token: str = "token-of-a-bot") -> Mattermost:
    timeout = timedelta(seconds=HANGS)
    settings = Settings(url=f"http://127.0.0.1:{port}", token=Secret.literal(token), channel=channel, timeout=timeout)
    return Mattermost(name, settings)


SICK = {
    "hangs": lambda: FaultServer(faults.silent),
    "dribbles": lambda: FaultServer(faults.dribble),
    "talks-garbage": lambda: FaultServer(faults.nonsense),
    "hangs-up": lambda: FaultServer(faults.slam),
    "says-500": lambda: Answering(made(500, b"<html>oops</html>")),
    "says-429": lambda: Answering(made(429, b"{}", "Retry-After: 30")),
    "says-half": lambda: Answering(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{"),
    "says-yes-and-means-nothing": lambda: Answering(made(201, b"{}")),
}


@pytest.fixture
def house():
    """All the sick ones, and one that is well."""
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(make()) for name, make in SICK.items()}
        well = stack.enter_context(Server())
        token = well.add_bot()
        channel = well.add_channel("alarms", token)
        bells = {name: bell(name, server.port) for name, server in servers.items()}
        bells["well"] = bell("well", well.port, channel, token)
        woken = threading.Semaphore(0)
        deliveries = Deliveries(bells, woken.release)
        yield deliveries, woken, well
        deliveries.close(within=HANGS + 2)


def test_the_sick_delay_only_themselves(house, told):
    deliveries, woken, well = house
    began = time.monotonic()
    for place, name in enumerate([*SICK, "well"]):
        deliveries.hand_out(name, [(told(id=place), 0, {})])
    number = len(SICK)
    took, verdicts = 0.0, {}
    while len(verdicts) < len(SICK) + 1:
        assert woken.acquire(timeout=15)
        for one in deliveries.verdicts():
            verdicts[one.notice_id] = one.verdict
            if one.notice_id == number:
                assert isinstance(one.verdict, Delivered), one.verdict
                took = time.monotonic() - began
                assert "hangs" not in deliveries.free(), "it waits on, alone"
    assert 0 < took < HANGS / 2
    assert len(well.contents()["alarms"]) == 2
    by_name = {name: verdicts[place] for place, name in enumerate(SICK)}
    assert all(isinstance(verdict, TryLater) for verdict in by_name.values()), by_name
    assert by_name["says-429"].after == timedelta(seconds=30)
    assert HANGS <= time.monotonic() - began < HANGS + 3, "and no longer than its own timeout"


def test_the_well_go_on_while_another_hangs(house, told):
    deliveries, woken, well = house
    deliveries.hand_out("hangs", [(told(id=1), 0, {})])
    began = time.monotonic()
    for number in range(5):
        deliveries.hand_out("well", [(told(id=10 + number, thread=f"t{number}"), 0, {})])
        assert woken.acquire(timeout=HANGS / 2)
        assert [type(one.verdict) for one in deliveries.verdicts()] == [Delivered]
    assert time.monotonic() - began < HANGS
    assert len(well.contents()["alarms"]) == 10
