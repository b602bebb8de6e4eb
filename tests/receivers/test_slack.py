"""Slack against a server with its rules."""

import re
from datetime import timedelta

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.core.world.incident import State
from bridge.receivers.slack import Settings, Slack
from bridge.secret import Secret
from tests.receivers.kit import MARKUP, SECRET, TIMEOUT, HttpKit, made
from tests.servers.faults import Answering, Lossy
from tests.servers.slack import Slack as Server
from tests.servers.slack import broadcasts


class Place(Server):
    """A channel with the bot in it, at the time at which the notices are told."""

    def __init__(self, now: float) -> None:
        super().__init__(clock=lambda: now)
        self.bot = self.add_bot(SECRET)
        self.channel = self.add_channel("alarms", self.bot)

    def shown(self) -> list[dict]:
        return self.contents()["alarms"]

    def said(self) -> list[str]:
        return [one["text"] for one in self.shown()]


def make(port: int, *, tls: bool = False, **changes) -> Slack:
    fields = {
        "url": f"http{'s' if tls else ''}://127.0.0.1:{port}/api",
        "token": Secret.literal(SECRET),
        "channel": "C0123456789",
        "timeout": TIMEOUT,
    }
    return Slack("night", Settings(**(fields | changes)))


@pytest.fixture
def place(told):
    with Place(told().at.timestamp()) as server:
        yield server


@pytest.fixture
def bell(place):
    return make(place.port, channel=place.channel)


class TestTheKit(HttpKit):
    kind = "slack"

    @pytest.fixture
    def bell(self, authority, request):
        def bell(port: int, **changes) -> Slack:
            if "place" in request.fixturenames:
                changes["channel"] = request.getfixturevalue("place").channel
            return make(port, **({"ca_file": authority} | changes))

        return bell


def test_an_incident_is_one_message_kept_true_with_its_details_in_the_thread(place, bell, tell):
    assert isinstance(tell(bell, Telling.OPENED), Delivered)
    root, details = place.shown()
    assert root["text"].startswith("🔴 Critical · mill: Node n3 failed and was fenced (reboot by n1).\n\nIt began")
    assert root["raw"]["text"] == "🔴 Critical · mill: Node n3 failed and was fenced (reboot by n1)."
    assert (root["thread"], details["thread"], details["broadcast"]) == ("", root["id"], False)
    fixed = [one for one in details["raw"]["blocks"][0]["elements"] if one["type"] == "rich_text_preformatted"]
    assert fixed[0]["elements"] == [{"type": "text", "text": "crm_mon --one-shot --inactive --failcounts"}]
    tell(bell, Telling.UPDATED)
    assert len(place.shown()) == 2
    tell(bell, Telling.UPDATED, state=State.CLEARING)
    assert place.said()[0].startswith("🟢 Well again")
    tell(bell, Telling.CLOSED)
    root, _, last = place.shown()
    assert root["edited"]
    assert root["text"].startswith("🟢 Over after 4 h 31 min · mill")
    assert (last["thread"], last["broadcast"]) == (root["id"], False)


def test_an_escalation_is_a_reply_that_the_whole_channel_sees(place, bell, tell):
    tell(bell, Telling.OPENED)
    tell(bell, Telling.ESCALATED)
    root, _, worse = place.shown()
    assert (worse["thread"], worse["broadcast"]) == (root["id"], True)
    assert worse["text"].startswith("🔴 Worse · mill")


def test_everybody_is_meant_only_when_that_is_wanted_and_it_is_critical(place, bell, tell):
    tell(bell, Telling.OPENED, facts={"node": MARKUP})
    assert [broadcasts(one["raw"]) for one in place.shown()] == [[], []], "a name mentions nobody"
    assert "<!channel>" not in place.shown()[0]["raw"]["text"], "nor in the notification"
    tell(make(place.port, channel=place.channel, mention=True), Telling.ESCALATED)
    assert broadcasts(place.shown()[-1]["raw"]) == ["channel"]


def test_a_retry_asks_first_also_in_the_thread(place, bell, told):
    notice = told()
    with Lossy(place.port) as line:
        broken = make(line.port, channel=place.channel)
        line.lose = 1
        assert isinstance(broken.deliver(notice, {}), TryLater)
        assert isinstance(broken.deliver(notice, {"tried": "1"}), Delivered)
    assert isinstance(bell.deliver(notice, {"tried": "2"}), Delivered)
    assert len(place.said()) == 2


def test_without_the_scope_to_read_a_retry_goes_out_all_the_same_and_says_so(place, bell, told, caplog):
    place.scopes.remove("channels:history")
    assert isinstance(bell.deliver(told(), {"tried": "1"}), Delivered)
    assert "add the scope channels:history" in caplog.text


def test_a_message_that_somebody_deleted_is_made_anew(place, bell, tell):
    tell(bell, Telling.OPENED)
    place.delete(place.shown()[0]["id"])
    assert isinstance(tell(bell, Telling.ESCALATED), Delivered)
    assert any(text.startswith("🔴 Worse") for text in place.said())
    tell(bell, Telling.CLOSED)
    assert sum(text.startswith("🟢 Over") for text in place.said()) == 2


def test_where_nothing_may_be_edited_the_thread_tells(place, bell, tell):
    tell(bell, Telling.OPENED)
    place.may_edit = False
    assert isinstance(tell(bell, Telling.CLOSED), Delivered)
    assert place.shown()[-1]["thread"] == place.shown()[0]["id"]
    assert "it lasted 4 h 31 min" in place.said()[-1]


def test_long_texts_are_cut_with_a_word_and_shorter_ones_where_less_is_taken(place, bell, told):
    moved = tuple(type(told().incident.outages[0])(f"guest/{'x' * 150}-{n}", told().incident.opened_at) for n in range(40))
    assert isinstance(bell.deliver(told(outages=moved), {}), Delivered)
    assert "The rest is cut off here; quorumbell explain 17 shows it all." in place.said()[1]
    assert "crm_mon" in place.said()[1], "what to do comes first"
    place.longest_blocks = 1500
    assert isinstance(bell.deliver(told(outages=moved, id=2, thread="other"), {}), Delivered)
    assert place.said()[3].endswith("shows it all.")


@pytest.mark.parametrize(
    "spoil,word,cure",
    [
        (lambda place: place.bots.clear(), "invalid_auth", "put the bot token"),
        (lambda place: place.dead.update({SECRET: "token_revoked"}), "token_revoked", "put the bot token"),
        (lambda place: place.dead.update({SECRET: "account_inactive"}), "account_inactive", "the app was removed"),
        (lambda place: place.scopes.clear(), "missing_scope (needed: chat:write)", "install it again"),
        (lambda place: place.channels.clear(), "channel_not_found", "is channel right?"),
        (lambda place: place.members.clear(), "not_in_channel", "/invite @"),
        (lambda place: place.channels[place.channel].update(is_archived=True), "is_archived", "name another one"),
    ],
)
def test_what_a_person_must_mend_is_told_with_the_cure_and_kept(place, bell, told, spoil, word, cure):
    spoil(place)
    verdict = bell.deliver(told(), {})
    assert isinstance(verdict, TryLater), verdict
    assert word in verdict.why
    assert cure in verdict.why.partition(";")[2]


def test_too_many_messages_wait_as_long_as_wished(place, bell, told):
    place.burst = 1
    verdict = bell.deliver(told(), {})
    assert verdict == TryLater(verdict.why, timedelta(seconds=1))
    assert "ratelimited" in verdict.why
    place.burst = 0
    assert isinstance(bell.deliver(told(), {"tried": "1"}), Delivered)
    assert len(place.said()) == 2


@pytest.mark.parametrize(
    "word,kind", [("internal_error", TryLater), ("fatal_error", TryLater), ("invalid_blocks", GiveUp), ("a_new_word", GiveUp)]
)
def test_ok_false_is_a_no(told, word, kind):
    raw = made(200, f'{{"ok": false, "error": "{word}", "ts": "1.2"}}'.encode(), "Content-Type: application/json")
    with Answering(raw) as server:
        verdict = make(server.port).deliver(told(), {})
    assert isinstance(verdict, kind), verdict
    assert word in verdict.why


@pytest.mark.parametrize(
    "changes,cure",
    [
        ({"channel": "#alarms"}, 'write channel = "C0123456789"'),
        ({"url": "http://slack.example.com/api"}, "in plain text"),
        ({"time_zone": "CET/Bonn"}, "Europe/Berlin"),
    ],
)
def test_mistakes_in_the_settings_name_the_cure(changes, cure):
    fields = {"token": Secret.literal("long enough"), "channel": "C0123456789"}
    with pytest.raises(ValueError, match=re.escape(cure)):
        Settings(**(fields | changes))
