"""Slack against a server with its rules."""

from datetime import timedelta

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.receivers.slack import Settings, Slack
from bridge.secret import Secret
from tests.receivers.kit import MARKUP, SECRET, guests_away, made, maker, refuses
from tests.receivers.stories import LINK, LINK_WORDS, SENTENCE, Alarms, RuledChatStories
from tests.servers.faults import Answering
from tests.servers.slack import Slack as Server
from tests.servers.slack import broadcasts

make = maker(Slack, Settings, "/api", channel="C0123456789")


class Place(Alarms, Server):
    def meant(self, one: dict) -> tuple[str, ...]:
        return tuple(broadcasts(one["raw"]))


class TestSlack(RuledChatStories):
    kind = "slack"
    make = make
    place_of = Place
    everybody = ("channel",)

    def look_at_the_beginning(self, root, details):
        assert root["text"].startswith(f"🔴 Critical · mill: {SENTENCE}\n\nIt began")
        assert root["raw"]["text"] == f"🔴 Critical · mill: {SENTENCE}"
        assert details["broadcast"] is False
        fixed = [one for one in details["raw"]["blocks"][0]["elements"] if one["type"] == "rich_text_preformatted"]
        assert fixed[0]["elements"] == [{"type": "text", "text": "crm_mon --one-shot --inactive --failcounts"}]

    def look_at_the_link(self, message):
        elements = [one for holder in message["raw"]["blocks"][0]["elements"] for one in holder["elements"]]
        assert {"type": "link", "url": LINK, "text": LINK_WORDS} in elements

    def look_at_the_ring(self, place, root, worse):
        assert (worse["thread"], worse["broadcast"]) == (root["id"], True)

    def look_at_the_end(self, root, last):
        assert last["broadcast"] is False

    def test_a_name_mentions_nobody_in_the_notification_either(self, place, chat, told):
        chat.deliver(told(facts={"node": MARKUP}), {})
        assert "<!channel>" not in place.shown()[0]["raw"]["text"]

    def test_without_the_scope_to_read_a_retry_goes_out_all_the_same_and_says_so(self, place, chat, told, caplog):
        place.scopes.remove("channels:history")
        assert isinstance(chat.deliver(told(), {"tried": "1"}), Delivered)
        assert "add the scope channels:history" in caplog.text

    def test_long_texts_are_cut_with_a_word_and_shorter_ones_where_less_is_taken(self, place, chat, told):
        away = guests_away(told, "x" * 150, 40)
        assert isinstance(chat.deliver(told(outages=away), {}), Delivered)
        assert "The rest is cut off here; the page shows it all." in place.said()[1]
        assert "crm_mon" in place.said()[1], "what to do comes first"
        place.longest_blocks = 1500
        assert isinstance(chat.deliver(told(outages=away, id=2, thread="other"), {}), Delivered)
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
    def test_what_a_person_must_mend_is_told_with_the_cure_and_kept(self, place, chat, told, spoil, word, cure):
        spoil(place)
        verdict = chat.deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert word in verdict.why
        assert cure in verdict.why.partition(";")[2]

    def test_too_many_messages_wait_as_long_as_wished(self, place, chat, told):
        place.burst = 1
        verdict = chat.deliver(told(), {})
        assert verdict == TryLater(verdict.why, timedelta(seconds=1))
        assert "ratelimited" in verdict.why
        place.burst = 0
        assert isinstance(chat.deliver(told(), {"tried": "1"}), Delivered)
        assert len(place.said()) == 2

    @pytest.mark.parametrize(
        "word,kind", [("internal_error", TryLater), ("fatal_error", TryLater), ("invalid_blocks", GiveUp), ("a_new_word", GiveUp)]
    )
    def test_ok_false_is_a_no(self, told, word, kind):
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
    def test_mistakes_in_the_settings_name_the_cure(self, changes, cure):
        fields = {"token": Secret.literal("long enough"), "channel": "C0123456789"}
        refuses(Settings, fields, changes, cure)
