"""Every bell in the table passes the kit: nobody can add one and forget it."""

import http.client
import importlib
import pkgutil

import pytest

import tests.receivers
from bridge.receivers import BUILT_IN
from bridge.receivers.registry import load
from tests.receivers.kit import HttpKit, Kit
from tests.servers.faults import Answering, Lossy


def kits() -> dict[str, type[Kit]]:
    found = {}
    for module in pkgutil.iter_modules(tests.receivers.__path__, "tests.receivers."):
        if module.name.rpartition(".")[2].startswith("test_") and module.name != __name__:
            for made in vars(importlib.import_module(module.name)).values():
                if isinstance(made, type) and issubclass(made, Kit) and made not in {Kit, HttpKit}:
                    found[made.kind] = made
    return found


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_bell_passes_the_kit(kind):
    if load(kind).board:
        pytest.skip("a board is told states, not notices: it has a kit of its own")
    assert kind in kits()


def test_a_line_that_hangs_up_after_each_answer_says_so():
    """Else a receiver may send its next request into a line that is just being closed, and is told of no answer."""
    with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as server, Lossy(server.port) as line:
        client = http.client.HTTPConnection("127.0.0.1", line.port, timeout=5)
        client.request("GET", "/")
        answer = client.getresponse()
        assert (answer.read(), answer.will_close) == (b"{}", True)
        client.close()
