"""Mattermost against a server with its rules."""

from datetime import timedelta

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.receivers.mattermost import Mattermost, Settings
from bridge.secret import Secret
from tests.receivers.kit import guests_away, maker, refuses
from tests.receivers.stories import LINK, LINK_WORDS, Alarms, RuledChatStories
from tests.servers.mattermost import Mattermost as Server
from tests.servers.mattermost import mentions

make = maker(Mattermost, Settings, channel="y" * 26)


class Place(Alarms, Server):
    def meant(self, one: dict) -> tuple[str, ...]:
        return tuple(mentions(one["raw"]))


class TestMattermost(RuledChatStories):
    kind = "mattermost"
    make = make
    place_of = Place
    everybody = ("channel",)

    def look_at_the_beginning(self, root, details):
        assert "```\ncrm_mon --one-shot --inactive --failcounts\n```" in details["raw"]

    def look_at_the_link(self, message):
        assert f"\n\n[{LINK_WORDS}]({LINK})" in message["raw"]

    def look_at_the_ring(self, place, root, worse):
        assert worse["thread"] == "", "a post of its own that leads to the first"
        assert f"[#17]({place.url}/_redirect/pl/{root['id']})" in worse["raw"]

    def test_a_channel_by_its_names(self, place, told):
        assert isinstance(make(place.port, channel="cluster/alarms").deliver(told(), {}), Delivered)
        assert len(place.said()) == 2

    def test_an_old_server_takes_only_4000_characters(self, place, chat, told):
        place.longest = 4000
        away = guests_away(told, "x" * 200, 40)
        for number in range(2):
            verdict = chat.deliver(told(outages=away, id=number + 1, thread=f"t{number}"), {})
            assert isinstance(verdict, Delivered), verdict
        assert "The rest is cut off here; the page shows it all." in place.said()[1]
        assert "crm_mon" in place.said()[1], "what to do comes first"
        refused = [one for one in place.asked if one.verb == "POST"]
        assert len(refused) == 4 + 2, "what it takes is kept in mind"

    @pytest.mark.parametrize(
        "spoil,cure",
        [
            (lambda place: place.bots.clear(), "put a bot account's access token into token"),
            (lambda place: place.members.clear(), "add the bot to its team and its channel"),
            (lambda place: place.channels.clear(), "is channel right?"),
            (lambda place: place.channels[place.channel].update(delete_at=1), "the channel is archived"),
        ],
    )
    def test_what_a_person_must_mend_is_told_with_the_cure_and_kept(self, place, chat, told, spoil, cure):
        spoil(place)
        verdict = chat.deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert cure in verdict.why.partition(";")[2]

    def test_a_team_or_channel_that_is_not_there(self, place, told):
        verdict = make(place.port, channel="cluster/nowhere").deliver(told(), {})
        assert isinstance(verdict, TryLater)
        assert "add the bot" in verdict.why

    def test_too_many_calls_are_heard(self, place, chat, told):
        place.next_answers = [(429, "limit exceeded\n", {"X-Ratelimit-Reset": "9"})]
        verdict = chat.deliver(told(), {})
        assert verdict == TryLater(verdict.why, timedelta(seconds=9))
        place.per_second = 1
        assert isinstance(chat.deliver(told(), {}), TryLater)
        place.per_second = 0
        assert isinstance(chat.deliver(told(), {"tried": "2"}), Delivered)
        assert len(place.said()) == 2

    def test_details_that_are_refused_do_not_hold_up_the_word_itself(self, place, chat, told):
        place.next_answers = []
        real = place.answer

        def no_threads(asked):
            if isinstance(asked.body, dict) and asked.body.get("root_id"):
                return 400, {"id": "plugin.no", "message": "no threads here"}, {}
            return real(asked)

        place.answer = no_threads
        verdict = chat.deliver(told(), {})
        assert isinstance(verdict, Delivered)
        assert "not told with it: 400" in verdict.why
        assert "no threads here" in verdict.why

    def test_what_is_refused_as_such_is_given_up(self, place, chat, told):
        place.next_answers = [(400, {"id": "Post rejected by plugin. words", "message": "words"}, {})]
        assert isinstance(chat.deliver(told(), {}), GiveUp)

    @pytest.mark.parametrize(
        "changes,cure",
        [
            ({"channel": "town-square"}, 'write channel = "team/town-square"'),
            ({"url": "http://mattermost.example.com"}, "in plain text"),
            ({"url": "ftp://mattermost.example.com"}, "url is no address"),
            ({"timeout": timedelta(hours=1)}, "between one and 100 seconds"),
        ],
    )
    def test_mistakes_in_the_settings_name_the_cure(self, changes, cure):
        fields = {"url": "https://mattermost.example.com", "token": Secret.literal("long enough"), "channel": "a/b"}
        refuses(Settings, fields, changes, cure)
