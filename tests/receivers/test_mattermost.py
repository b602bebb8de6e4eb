"""Mattermost against a server with its rules."""

import re
from datetime import timedelta

import msgspec
import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.core.world.incident import State
from bridge.receivers.mattermost import Mattermost, Settings
from bridge.secret import Secret
from tests.receivers.kit import MARKUP, SECRET, TIMEOUT, HttpKit
from tests.servers.faults import Lossy
from tests.servers.mattermost import Mattermost as Server
from tests.servers.mattermost import mentions
from tools.scenes import bundle


class Place(Server):
    """A channel with the bot in it, at the time at which the notices are told."""

    def __init__(self, now: float) -> None:
        super().__init__(clock=lambda: now + self.ahead)
        self.ahead = 0.0
        self.bot = self.add_bot(SECRET)
        self.channel = self.add_channel("alarms", self.bot)

    def shown(self) -> list[dict]:
        return self.contents()["alarms"]

    def said(self) -> list[str]:
        return [one["text"] for one in self.shown()]


def make(port: int, *, tls: bool = False, **changes) -> Mattermost:
    fields = {
        "url": f"http{'s' if tls else ''}://127.0.0.1:{port}",
        "token": Secret.literal(SECRET),
        "channel": "y" * 26,
        "timeout": TIMEOUT,
    }
    return Mattermost("night", Settings(**(fields | changes)))


@pytest.fixture
def place(told):
    with Place(told().at.timestamp()) as server:
        yield server


@pytest.fixture
def bell(place):
    return make(place.port, channel=place.channel)


class TestTheKit(HttpKit):
    kind = "mattermost"

    @pytest.fixture
    def bell(self, authority, request):
        def bell(port: int, **changes) -> Mattermost:
            if "place" in request.fixturenames:
                changes["channel"] = request.getfixturevalue("place").channel
            return make(port, **({"ca_file": authority} | changes))

        return bell


def test_an_incident_is_one_post_kept_true_with_its_details_in_the_thread(place, bell, tell):
    assert isinstance(tell(bell, Telling.OPENED), Delivered)
    root, details = place.shown()
    assert root["text"].startswith("🔴 Critical · mill: Node n3 failed and was fenced (reboot by n1).")
    assert (root["thread"], details["thread"]) == ("", root["id"])
    assert "```\ncrm_mon --one-shot --inactive --failcounts\n```" in details["raw"]
    tell(bell, Telling.UPDATED)
    assert len(place.shown()) == 2
    tell(bell, Telling.UPDATED, state=State.CLEARING)
    assert place.said()[0].startswith("🟢 Well again")
    tell(bell, Telling.CLOSED)
    root, _, last = place.shown()
    assert root["edited"]
    assert root["text"].startswith("🟢 Over after 4 h 31 min · mill")
    assert (last["thread"], last["text"]) == (
        root["id"],
        "🟢 Over after 4 h 31 min · mill: Node n3 failed and was fenced (reboot by n1).",
    )


def test_an_escalation_is_a_post_of_its_own_that_leads_to_the_first(place, bell, tell):
    tell(bell, Telling.OPENED)
    tell(bell, Telling.ESCALATED)
    root, _, worse = place.shown()
    assert worse["thread"] == ""
    assert worse["text"].startswith("🔴 Worse · mill")
    assert f"[#17]({place.url}/_redirect/pl/{root['id']})" in worse["raw"]
    assert root["edited"], "and the first one is true again"


def test_everybody_is_meant_only_when_that_is_wanted_and_it_is_critical(place, bell, tell):
    tell(bell, Telling.OPENED, facts={"node": MARKUP})
    assert [mentions(one["raw"]) for one in place.shown()] == [[], []], "a name mentions nobody"
    tell(make(place.port, channel=place.channel, mention=True), Telling.ESCALATED)
    assert mentions(place.shown()[-1]["raw"]) == ["channel"]


def test_an_agents_name_shows_no_heart(place, bell, tell):
    tell(bell, Telling.OPENED, facts={"node": "ocf:heartbeat:IPaddr2"})
    assert "ocf:heartbeat:IPaddr2" in place.said()[0]


def test_a_channel_by_its_names(place, told):
    assert isinstance(make(place.port, channel="cluster/alarms").deliver(told(), {}), Delivered)
    assert len(place.said()) == 2


def test_a_retry_long_after_the_server_has_forgotten_is_harmless_too(place, bell, told):
    notice = told()
    assert isinstance(bell.deliver(notice, {}), Delivered)
    place.ahead = 3600.0
    assert isinstance(make(place.port, channel=place.channel).deliver(notice, {"tried": "3"}), Delivered)
    assert len(place.said()) == 2


def test_a_post_that_somebody_deleted_is_made_anew(place, bell, tell):
    tell(bell, Telling.OPENED)
    place.delete(place.shown()[0]["id"])
    assert isinstance(tell(bell, Telling.UPDATED), Delivered)
    fresh = place.shown()[1]
    assert fresh["text"].startswith("🔴 Critical · mill")
    assert place.shown()[2]["thread"] == fresh["id"], "with its details"
    tell(bell, Telling.ESCALATED)
    tell(bell, Telling.CLOSED)
    assert place.shown()[1]["text"].startswith("🟢 Over")


def test_an_escalation_whose_first_post_is_gone_rings_all_the_same(place, bell, tell):
    tell(bell, Telling.OPENED)
    place.delete(place.shown()[0]["id"])
    assert isinstance(tell(bell, Telling.ESCALATED), Delivered)
    assert any(text.startswith("🔴 Worse") for text in place.said())


def test_what_was_told_late_as_another_notice_is_still_one_message_and_true(place, told):
    """The answer was lost; while the outbox waited, the incident changed, and what is owed now is another notice of its thread."""
    with Lossy(place.port) as line:
        bell = make(line.port, channel=place.channel)
        line.lose = 1
        assert isinstance(bell.deliver(told(id=1), {}), TryLater)
        place.ahead = 3600.0
        assert isinstance(bell.deliver(told(id=2, facts={"node": "n3", "behind": "db"}), {}), Delivered)
    root, _ = place.shown()
    assert "because db could not be stopped" in root["text"]


def test_an_incident_that_became_part_of_another_goes_on_in_its_message(place, bell, told):
    verdict = bell.deliver(told(), {})
    assert isinstance(verdict, Delivered)
    part_of = told(Telling.UPDATED, id=2, incident_id=18, key="another birth", facts={"node": "n3", "behind": "db"})
    verdict = make(place.port, channel=place.channel).deliver(part_of, verdict.remember)  # after a restart, too
    assert isinstance(verdict, Delivered)
    root, details, changed = place.shown()
    assert "because db could not be stopped" in root["text"]
    assert "quorumbell explain 18" in root["text"]
    assert {details["thread"], changed["thread"]} == {root["id"]}
    assert verdict.remember["root"] == root["id"]


def test_who_was_told_of_both_reads_in_the_old_message_where_it_goes_on(place, bell, told):
    verdict = bell.deliver(told(), {})
    last = told(Telling.UPDATED, id=2, state=State.CLOSED, absorbed_into="a larger story")
    bell.deliver(msgspec.structs.replace(last, goes_on_as=18), verdict.remember)
    root, details = place.shown()
    assert root["text"].startswith("🔵 Part of another incident · mill")
    assert "This is part of incident 18 now, and goes on there" in root["text"]
    assert "🟢" not in root["text"], "nothing is over"
    assert details["thread"] == root["id"]


def test_where_nothing_may_be_edited_the_thread_tells(place, bell, tell):
    tell(bell, Telling.OPENED)
    place.may_edit = False
    verdict = tell(bell, Telling.CLOSED)
    assert isinstance(verdict, Delivered), verdict
    root, _, last = place.shown()
    assert last["thread"] == root["id"]
    assert last["text"].startswith("🟢 Over after")
    assert "it lasted 4 h 31 min" in last["text"]


def test_an_old_server_takes_only_4000_characters(place, bell, told):
    place.longest = 4000
    moved = [type(told().incident.outages[0])(f"guest/{'x' * 200}-{n}", told().incident.opened_at) for n in range(40)]
    for number in range(2):
        verdict = bell.deliver(told(outages=tuple(moved), id=number + 1, thread=f"t{number}"), {})
        assert isinstance(verdict, Delivered), verdict
    assert "The rest is cut off here; quorumbell explain 17 shows it all." in place.said()[1]
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
def test_what_a_person_must_mend_is_told_with_the_cure_and_kept(place, bell, told, spoil, cure):
    spoil(place)
    verdict = bell.deliver(told(), {})
    assert isinstance(verdict, TryLater), verdict
    assert cure in verdict.why.partition(";")[2]


def test_a_team_or_channel_that_is_not_there(place, told):
    verdict = make(place.port, channel="cluster/nowhere").deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "add the bot" in verdict.why


def test_too_many_calls_are_heard(place, bell, told):
    place.next_answers = [(429, "limit exceeded\n", {"X-Ratelimit-Reset": "9"})]
    verdict = bell.deliver(told(), {})
    assert verdict == TryLater(verdict.why, timedelta(seconds=9))
    place.per_second = 1
    assert isinstance(bell.deliver(told(), {}), TryLater)
    place.per_second = 0
    assert isinstance(bell.deliver(told(), {"tried": "2"}), Delivered)
    assert len(place.said()) == 2


def test_details_that_are_refused_do_not_hold_up_the_word_itself(place, bell, told):
    place.next_answers = []
    real = place.answer

    def no_threads(asked):
        if isinstance(asked.body, dict) and asked.body.get("root_id"):
            return 400, {"id": "plugin.no", "message": "no threads here"}, {}
        return real(asked)

    place.answer = no_threads
    verdict = bell.deliver(told(), {})
    assert isinstance(verdict, Delivered)
    assert "not told with it: 400" in verdict.why
    assert "no threads here" in verdict.why


def test_what_is_refused_as_such_is_given_up(place, bell, told):
    place.next_answers = [(400, {"id": "Post rejected by plugin. words", "message": "words"}, {})]
    assert isinstance(bell.deliver(told(), {}), GiveUp)


@pytest.mark.parametrize(
    "changes,cure",
    [
        ({"channel": "town-square"}, 'write channel = "team/town-square"'),
        ({"url": "http://mattermost.example.com"}, "in plain text"),
        ({"url": "ftp://mattermost.example.com"}, "url is no address"),
        ({"timeout": timedelta(hours=1)}, "between one and 100 seconds"),
    ],
)
def test_mistakes_in_the_settings_name_the_cure(changes, cure):
    fields = {"url": "https://mattermost.example.com", "token": Secret.literal("long enough"), "channel": "a/b"}
    with pytest.raises(ValueError, match=re.escape(cure)):
        Settings(**(fields | changes))


@pytest.mark.parametrize("telling", [one for one in Telling if one.bundles])
def test_what_is_about_several_incidents_is_one_post_of_its_own(place, bell, telling):
    told = msgspec.structs.replace(bundle(telling, "en"), id=7)
    assert isinstance(bell.deliver(told, {}), Delivered)
    (post,) = place.shown()
    assert all(f"• #{number}, " in post["text"] for number in told.numbers)
