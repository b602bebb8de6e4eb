"""What an incident looks like in a chat, whatever the product. A chat's test file inherits, and looks at what is its product's own.

    class TestZulip(RuledChatStories):
        kind = "zulip"
        make = maker(Zulip, Settings, channel="alarms")      # see kit.py
        place_of = Place                                     # (Alarms, the server with rules); `meant(one)`: whom a message rings
        everybody = ("all",)

`shown()` of a place gives what a reader sees, in order: dicts with `id`, `text`, `edited`, and `thread` (the first message, or "").
"""

from collections.abc import Callable

import msgspec
import pytest

from bridge.core.telling.notice import Delivered, Telling, TryLater
from bridge.core.world.incident import State
from bridge.receivers.chat import ChatReceiver
from tests.receivers.kit import MARKUP, SECRET, HttpKit
from tests.servers.faults import Lossy
from tools.notices import bundle

LINK, LINK_WORDS = "https://bell.example.org/incidents/17", "Incident 17 on the page"
SENTENCE = "Node n3 failed and was fenced (reboot by n1)."
BEHIND = {"node": "n3", "behind": "db", "fencing_action": "reboot"}


class ChatStories(HttpKit):
    """For every chat."""

    make: Callable[..., ChatReceiver]
    everybody: tuple[object, ...]
    """What `meant` of the place gives for a message that rings everybody."""

    @pytest.fixture
    def bell(self, authority, request):
        def bell(port: int, **changes) -> ChatReceiver:
            there = request.getfixturevalue("place").settings() if "place" in request.fixturenames else {}
            return type(self).make(port, **({"ca_file": authority} | there | changes))

        return bell

    @pytest.fixture
    def chat(self, bell, place):
        return bell(place.port)

    def look_at_the_beginning(self, root, details):
        """How the product shows them; likewise below."""

    def look_at_the_link(self, message):
        """It leads to LINK, by the words LINK_WORDS, in the product's own markup."""
        raise NotImplementedError

    def look_at_the_ring(self, place, root, worse): ...

    def look_at_the_end(self, root, last): ...

    def test_an_incident_is_one_message_kept_true_with_its_details_in_the_thread(self, place, chat, tell):
        assert isinstance(tell(chat, Telling.OPENED), Delivered)
        root, details = place.shown()
        assert root["text"].startswith(f"🔴 Critical · mill: {SENTENCE}")
        assert (root["thread"], details["thread"]) == ("", root["id"])
        self.look_at_the_beginning(root, details)
        self.look_at_the_link(root)
        tell(chat, Telling.UPDATED)
        assert [one["id"] for one in place.shown()] == [root["id"], details["id"]], "the same sentence needs no word of its own"
        tell(chat, Telling.UPDATED, state=State.CLEARING)
        self.look_at_the_link(place.shown()[0])
        assert place.said()[0].startswith("🟢 Well again, watched for a while · mill")
        tell(chat, Telling.CLOSED)
        root, _, last = place.shown()
        assert root["edited"]
        assert root["text"].startswith("🟢 Over after 4 h 31 min · mill")
        assert "guest vm-a   at least 31 s" in root["text"]
        assert (last["thread"], last["text"]) == (root["id"], f"🟢 Over after 4 h 31 min · mill: {SENTENCE}")
        self.look_at_the_end(root, last)
        self.look_at_the_link(root)

    def test_an_update_that_changes_the_sentence_is_said_in_the_thread(self, place, chat, tell):
        tell(chat, Telling.OPENED)
        tell(chat, Telling.UPDATED, facts=BEHIND)
        root, _, changed = place.shown()
        assert "because db could not be stopped" in root["text"]
        assert changed["thread"] == root["id"]
        assert changed["text"].startswith("🔴 Changed · mill: Node n3 was fenced")

    def test_an_escalation_is_a_message_that_everybody_in_the_room_sees(self, place, chat, tell):
        tell(chat, Telling.OPENED)
        tell(chat, Telling.ESCALATED)
        root, _, worse = place.shown()
        assert worse["text"].startswith("🔴 Worse · mill")
        self.look_at_the_ring(place, root, worse)
        self.look_at_the_link(worse)
        assert root["edited"], "and the first one is true again"

    def test_everybody_is_meant_only_when_that_is_wanted_and_it_is_critical(self, place, bell, chat, tell):
        tell(chat, Telling.OPENED, facts={"node": MARKUP})
        assert [place.meant(one) for one in place.shown()] == [(), ()], "a name mentions nobody"
        loud = bell(place.port, mention=True)
        tell(loud, Telling.ESCALATED)
        assert place.meant(place.shown()[-1]) == self.everybody
        tell(loud, Telling.CLOSED)
        assert place.meant(place.shown()[-1]) == ()

    def test_an_agents_name_shows_no_heart(self, place, chat, tell):
        tell(chat, Telling.OPENED, facts={"node": "ocf:heartbeat:IPaddr2"})
        assert "ocf:heartbeat:IPaddr2" in place.said()[0]

    def test_an_incident_that_became_part_of_another_goes_on_in_its_message(self, place, bell, chat, told):
        verdict = chat.deliver(told(), {})
        assert isinstance(verdict, Delivered)
        part_of = told(Telling.UPDATED, id=2, incident_id=18, key="another birth", facts=BEHIND)
        verdict = bell(place.port).deliver(part_of, verdict.remember)  # after a restart, too
        assert isinstance(verdict, Delivered)
        root, details, changed = place.shown()
        assert "because db could not be stopped" in root["text"]
        assert "quorumbell explain 18" in root["text"]
        assert {details["thread"], changed["thread"]} == {root["id"]}
        assert verdict.remember["root"] == root["id"]

    def test_who_was_told_of_both_reads_in_the_old_message_where_it_goes_on(self, place, chat, told):
        verdict = chat.deliver(told(), {})
        last = told(Telling.UPDATED, id=2, state=State.CLOSED, absorbed_into="a larger story")
        chat.deliver(msgspec.structs.replace(last, goes_on_as=18), verdict.remember)
        root, details = place.shown()
        assert root["text"].startswith("🔵 Part of another incident · mill")
        assert "This is part of incident 18 now, and goes on there" in root["text"]
        assert "🟢" not in root["text"], "nothing is over"
        assert details["thread"] == root["id"]

    @pytest.mark.parametrize("telling", [one for one in Telling if one.bundles])
    def test_what_is_about_several_incidents_is_one_message_of_its_own(self, place, chat, telling):
        told = msgspec.structs.replace(bundle(telling, "en"), id=7)
        assert isinstance(chat.deliver(told, {}), Delivered)
        (message,) = place.shown()
        assert all(f"#{number}: " in message["text"] for number in told.numbers)


class Alarms:
    """Goes in front of a server with rules: a channel with the bot in it, at the time at which the notices are told."""

    def __init__(self, now: float) -> None:
        super().__init__(clock=lambda: now + self.ahead)
        self.ahead = 0.0
        self.bot = self.add_bot(SECRET)
        self.channel = self.add_channel("alarms", self.bot)

    def settings(self) -> dict[str, str]:
        return {"channel": self.channel}

    def shown(self) -> list[dict]:
        return self.contents()["alarms"]

    def said(self) -> list[str]:
        return [one["text"] for one in self.shown()]


class RuledChatStories(ChatStories):
    """For chats whose server is one of ours, where rules can be bent and messages deleted."""

    place_of: type[Alarms]

    @pytest.fixture
    def place(self, told):
        with self.place_of(told().at.timestamp()) as server:
            yield server

    def test_a_retry_asks_first_also_in_the_thread(self, place, bell, chat, told):
        notice = told()
        with Lossy(place.port) as line:
            broken = bell(line.port)
            line.lose = 1
            assert isinstance(broken.deliver(notice, {}), TryLater)
            assert isinstance(broken.deliver(notice, {"tried": "1"}), Delivered)
        assert isinstance(chat.deliver(notice, {"tried": "2"}), Delivered)
        assert len(place.said()) == 2

    def test_a_retry_long_after_the_server_has_forgotten_is_harmless_too(self, place, bell, chat, told):
        notice = told()
        assert isinstance(chat.deliver(notice, {}), Delivered)
        place.ahead = 3600.0
        assert isinstance(bell(place.port).deliver(notice, {"tried": "3"}), Delivered)
        assert len(place.said()) == 2

    def test_what_was_told_late_as_another_notice_is_still_one_message_and_true(self, place, bell, told):
        """The answer was lost; while the outbox waited, the incident changed, and what is owed now is another notice of its thread."""
        with Lossy(place.port) as line:
            broken = bell(line.port)
            line.lose = 1
            assert isinstance(broken.deliver(told(id=1), {}), TryLater)
            place.ahead = 3600.0
            assert isinstance(broken.deliver(told(id=2, facts=BEHIND), {}), Delivered)
        root, _ = place.shown()
        assert "because db could not be stopped" in root["text"]

    def test_a_message_that_somebody_deleted_is_made_anew(self, place, chat, tell):
        tell(chat, Telling.OPENED)
        place.delete(place.shown()[0]["id"])
        assert isinstance(tell(chat, Telling.UPDATED), Delivered)
        fresh = place.shown()[1]
        assert fresh["text"].startswith("🔴 Critical · mill")
        assert place.shown()[2]["thread"] == fresh["id"], "with its details"
        tell(chat, Telling.ESCALATED)
        tell(chat, Telling.CLOSED)
        assert place.shown()[1]["text"].startswith("🟢 Over")

    def test_an_escalation_whose_first_message_is_gone_rings_all_the_same(self, place, chat, tell):
        tell(chat, Telling.OPENED)
        place.delete(place.shown()[0]["id"])
        assert isinstance(tell(chat, Telling.ESCALATED), Delivered)
        assert any(text.startswith("🔴 Worse") for text in place.said())
        tell(chat, Telling.CLOSED)
        assert sum(text.startswith("🟢 Over") for text in place.said()) == 2

    def test_where_nothing_may_be_edited_the_thread_tells(self, place, chat, tell):
        tell(chat, Telling.OPENED)
        place.may_edit = False
        verdict = tell(chat, Telling.CLOSED)
        assert isinstance(verdict, Delivered), verdict
        root, _, last = place.shown()
        assert last["thread"] == root["id"]
        assert last["text"].startswith("🟢 Over after")
        assert "it lasted 4 h 31 min" in last["text"]
