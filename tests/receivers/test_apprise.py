"""Whatever Apprise knows, by way of its plainest service: a JSON body that is posted to an address."""

import re
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.telling.notice import Delivered, Telling, TryLater
from bridge.receivers.apprise import AppriseBell, Settings, keys
from bridge.receivers.registry import load
from bridge.secret import Secret
from tests.receivers.kit import SECRET, TIMEOUT, Kit, made
from tests.servers.chat_server import Asked, ChatServer, Reply
from tests.servers.faults import Answering

# One of its plugins imports what Python 3.13 no longer has, if it is there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Place(ChatServer):
    """Takes what Apprise's json:// posts."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Reply:
        self.taken.append(asked.body)
        return 200, {}, {}

    def said(self) -> list[str]:
        return [f"{one['title']}\n\n{one['message']}" for one in self.taken]


def make(port: int, *, tls: bool = False, ca_file: object = None, **changes) -> AppriseBell:
    del ca_file  # Apprise trusts whom the system trusts
    address = f"json{'s' if tls else ''}://127.0.0.1:{port}/{SECRET}"
    return AppriseBell("night", Settings(**({"url": Secret.literal(address), "timeout": TIMEOUT} | changes)))


@pytest.fixture
def place():
    with Place() as server:
        yield server


class TestTheKit(Kit):
    kind = "apprise"
    knows_what_it_told = False

    @pytest.fixture
    def bell(self):
        return make


def test_one_message_holds_everything(place, told):
    assert not load("apprise").make.in_place
    assert isinstance(make(place.port).deliver(told(), {}), Delivered)
    (only,) = place.taken
    assert only["title"] == "🔴 New · mill: Node n3 failed and was fenced (reboot by n1)."
    assert "\n\nIncident 17 on the page\nhttps://bell.example.org/incidents/17\n\n" in only["message"]
    assert "crm_mon --one-shot" in only["message"]
    assert "guest vm-a   still away" in only["message"]
    assert only["type"] == "failure"
    make(place.port).deliver(told(Telling.CLOSED), {})
    assert place.taken[1]["title"].startswith("🟢 Over after 4 h 31 min · mill")
    assert place.taken[1]["type"] == "success"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
def test_every_no_is_tried_again_for_more_is_not_known(told, status):
    with Answering(made(status, b"no")) as server:
        verdict = make(server.port).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert verdict.after is None
    assert "JSON did not take it" in verdict.why


def test_a_short_service_gets_a_short_text_and_the_word_for_it(place, told):
    bell = make(place.port)
    bell._service.body_maxlen = 400
    assert isinstance(bell.deliver(told(), {}), Delivered)
    (only,) = place.taken
    assert len(only["message"]) <= 400
    assert only["message"].endswith("The rest is cut off here; the page shows it all.\nhttps://bell.example.org/incidents/17")


@pytest.mark.parametrize("url", ["nonsense://example.com/key-of-mine", "https", "tgram://"])
def test_an_address_that_is_none_is_told_without_it(url, told, tmp_path):
    with pytest.raises(ValueError, match="no address that Apprise understands") as raised:
        Settings(url=Secret.literal(url))
    assert "key-of-mine" not in str(raised.value)
    (tmp_path / "url").write_text(url)
    verdict = AppriseBell("night", Settings(url=Secret("file", str(tmp_path / "url")))).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "no address that Apprise understands" in verdict.why


def test_what_of_an_address_is_a_key():
    address = "xmpps://bell:hush-hush@chat.example.com:5222/ops%2Foncall?format=markdown&key=k3y-of-mine&cto=1"
    assert keys(address) == {"hush-hush", "ops%2Foncall", "ops/oncall", "k3y-of-mine"}


@pytest.mark.parametrize("changes,cure", [({"timeout": timedelta(0)}, "between one and 100"), ({"time_zone": "X/Y"}, "Berlin")])
def test_mistakes_in_the_settings_name_the_cure(changes, cure):
    with pytest.raises(ValueError, match=re.escape(cure)):
        Settings(url=Secret.literal("json://127.0.0.1/x"), **changes)
