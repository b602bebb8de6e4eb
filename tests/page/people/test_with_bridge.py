"""The page beside a whole bridge: what somebody does on the page stands in the ledger under their name."""

import json
import time
from types import SimpleNamespace

import pytest

from bridge.config.config import load_config
from bridge.page.people import passwords
from bridge.page.site import Site
from tests.page.people.conftest import CHEAP, PASSWORD, Page
from tests.serve.test_bridge import bridge, stop_failed  # noqa: F401 - a fixture
from tests.waiting import eventually


class Beside(Page):
    """The page of a bridge that runs already."""

    def __init__(self, bridge):  # noqa: F811
        import asyncio

        from bridge.ledger.people import People

        self.site = Site(load_config(bridge.config, secrets=False))
        self.people = People(self.site.config.bridge.ledger_url)
        self.open()
        self.loop = asyncio.Runner()
        self.ledger = SimpleNamespace(close=lambda: None)


@pytest.fixture
def beside(bridge, monkeypatch):  # noqa: F811
    monkeypatch.setattr(passwords, "USUAL", CHEAP)
    page = Beside(bridge)
    page.add("anna", "operator")
    yield page
    page.close()


def test_what_somebody_does_on_the_page_stands_in_the_ledger_under_their_name(bridge, beside):  # noqa: F811
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    anna = beside.inside("anna")
    assert anna.post("/incidents/1/acknowledge", {"comment": "on my way"}).status_code == 303
    assert "Incident 1 is yours" in anna.get("/planned").text
    assert json.loads(bridge.command("status", "--json"))["incidents"][0]["acknowledged_by"] == "anna (page)"
    assert "acknowledged by anna (page): on my way" in bridge.command("explain", "1")
    assert anna.post("/incidents/1/give-back").status_code == 303
    assert json.loads(bridge.command("status", "--json"))["incidents"][0]["acknowledged_by"] is None
    assert anna.post("/silences", {"matchers": "node=n9", "length": "1h"}).status_code == 303
    (silence,) = json.loads(bridge.command("silence", "list", "--json"))
    assert (silence["author"], silence["planned"]) == ("anna (page)", "")
    assert anna.post(f"/silences/{silence['id']}/end").status_code == 303
    anna.get("/planned")
    assert anna.post("/planned", {"cluster": "alpha", "what": "resource=db", "length": "2h"}).status_code == 303
    assert "resource=db of alpha" in anna.get("/planned").text
    (work,) = json.loads(bridge.command("planned", "list", "--json"))
    assert (work["author"], work["planned"]) == ("anna (page)", "resource=db")
    assert "Open now: 1" in anna.get("/silences/preview?cluster=alpha&what=resource%3Ddb").text
    assert anna.post(f"/planned/{work['id']}/end").status_code == 303
    assert "No work is planned now." in anna.get("/planned").text
    anna.post("/ring")
    assert "oncall: delivered" in anna.get("/planned").text
    said = [json.loads(report.body) for report in bridge.stored() if report.source == "operator"]
    assert {one["author"] for one in said} == {"anna (page)"}
    assert [one["do"] for one in said] == ["ack", "ack", "silence", "silence", "silence", "silence", "ring"]
    assert [report.decision for report in bridge.stored() if report.source == "operator"][-1] == (
        "a test for oncall, rung by anna (page)"
    )
    assert PASSWORD not in (bridge.home / "bridge.log").read_text()


def test_the_page_says_so_when_the_bridge_is_gone(bridge, beside):  # noqa: F811
    anna = beside.inside("anna")
    bridge.end(bridge.process)
    answer = anna.post("/silences", {"matchers": "node=n1", "length": "1h"})
    assert answer.status_code == 502
    assert "no bridge answers there" in answer.text
    assert "nobody can say what is silenced now" in anna.get("/planned").text
