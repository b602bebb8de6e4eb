"""Matrix against a real homeserver: what stands in the room, what hangs below it, who is notified, and how it says no."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from bridge.core.telling.notice import Delivered, Telling, TryLater
from bridge.core.world.incident import Kind, State
from bridge.receivers.matrix import Matrix, Settings
from bridge.secret import Secret
from tests.receivers.kit import SECRET, TIMEOUT, HttpKit
from tests.servers import synapse
from tests.servers.synapse import NAME, Synapse


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Synapse]:
    if reason := synapse.why_not():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with synapse.running() as made:
        yield made


class _Shown(HTMLParser):
    """What a client shows of the tags that it must know; a tag that is not ours would be markup out of a name."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in {"p", "strong", "pre", "code"}, tag
        self.text += "\n\n" if tag == "p" and self.text else "\n" if tag == "pre" else ""

    def handle_data(self, data):
        self.text += data


def as_shown(formatted: str) -> str:
    parser = _Shown()
    parser.feed(formatted)
    parser.close()
    return parser.text


class Place:
    """A room of its own with a bot in it and somebody who reads."""

    def __init__(self, server: Synapse) -> None:
        self.port = server.port
        self.server = server
        self.bot, self.reader = server.person(), server.person()
        self.room = self.reader.make_room(invite=(self.bot,))
        self.bot.join(self.room)

    def said(self) -> list[str]:
        return [as_shown(one["content"]["formatted_body"]) for one in self.shown()]

    def shown(self) -> list[dict]:
        return self.reader.shown(self.room)

    def bell(self, **changes) -> Matrix:
        return make(self.port, room=self.room, token=Secret.literal(self.bot.token), **changes)


def make(port: int, *, tls: bool = False, **changes) -> Matrix:
    fields = {
        "url": f"http{'s' if tls else ''}://127.0.0.1:{port}",
        "token": Secret.literal(SECRET),
        "room": "!nowhere:test.example",
        "timeout": TIMEOUT,
    }
    return Matrix("night", Settings(**(fields | changes)))


@pytest.fixture
def place(homeserver) -> Place:
    return Place(homeserver)


class TestTheKit(HttpKit):
    kind = "matrix"

    @pytest.fixture
    def bell(self, authority, request):
        def bell(port: int, **changes) -> Matrix:
            if "place" in request.fixturenames:
                where = request.getfixturevalue("place")
                changes |= {"room": where.room, "token": Secret.literal(where.bot.token)}
            return make(port, **({"ca_file": authority} | changes))

        return bell


def test_an_incident_is_one_message_kept_true_with_its_details_in_the_thread(place, tell):
    bell = place.bell()
    assert isinstance(tell(bell, Telling.OPENED), Delivered)
    root, details = place.shown()
    assert root["content"]["body"].startswith("🔴 Critical · mill: Node n3 failed and was fenced (reboot by n1).")
    assert "<strong>🔴 Critical · mill</strong>" in root["content"]["formatted_body"]
    assert (root["thread"], details["thread"]) == ("", root["id"])
    assert "<pre><code>crm_mon --one-shot --inactive --failcounts</code></pre>" in details["content"]["formatted_body"]
    tell(bell, Telling.UPDATED)
    assert [one["id"] for one in place.shown()] == [root["id"], details["id"]], "the same sentence needs no word of its own"
    tell(bell, Telling.CLOSED)
    root, _, last = place.shown()
    assert root["edited"]
    assert root["content"]["body"].startswith("🟢 Over after 4 h 31 min · mill")
    assert "guest vm-a   at least 31 s" in root["content"]["body"]
    assert last["thread"] == root["id"]
    assert last["content"]["body"] == "🟢 Over after 4 h 31 min · mill: Node n3 failed and was fenced (reboot by n1)."


def test_an_update_that_changes_the_sentence_is_said_in_the_thread(place, tell):
    bell = place.bell()
    tell(bell, Telling.OPENED)
    tell(bell, Telling.UPDATED, facts={"node": "n3", "behind": "db", "fencing_action": "reboot"})
    root, _, changed = place.shown()
    assert "because db could not be stopped" in root["content"]["body"]
    assert changed["thread"] == root["id"]
    assert changed["content"]["body"].startswith("🔴 Changed · mill: Node n3 was fenced")


def test_while_it_clears_the_message_says_so(place, tell):
    bell = place.bell()
    tell(bell, Telling.OPENED)
    tell(bell, Telling.UPDATED, state=State.CLEARING)
    assert place.said()[0].startswith("🟢 Well again, watched for a while · mill")


def test_only_what_rings_notifies(place, tell):
    """By the homeserver's own push rules, for somebody with the defaults."""
    bell = place.bell()
    for telling in (Telling.OPENED, Telling.UPDATED, Telling.ESCALATED, Telling.REMINDER, Telling.CLOSED):
        tell(bell, telling)
    notified = place.reader.notified()
    by_id = {one["id"]: one for one in place.shown()}
    assert [by_id.get(one, {}).get("content", {}).get("body", "an edit")[:12] for one in notified] == [
        "🟢 Over after",  # the first message, as it now is
        "🔴 Worse · mi",
        "🔴 Still so a",
    ]
    worse = next(one for one in place.shown() if "Worse" in one["content"]["body"])
    assert (worse["thread"], worse["answers"]) == ("", place.shown()[0]["id"]), "a new message in the room, tied to the first"


def test_everybody_is_meant_when_that_is_wanted_and_it_is_critical(place, tell, homeserver):
    quiet, loud = place.bell(), place.bell(mention=True)
    tell(quiet, Telling.OPENED)
    assert place.shown()[0]["content"]["m.mentions"] == {}
    tell(loud, Telling.ESCALATED)
    assert place.shown()[-1]["content"]["m.mentions"] == {"room": True}
    tell(loud, Telling.CLOSED)
    assert place.shown()[-1]["content"]["m.mentions"] == {}


def test_a_bot_that_is_only_invited_joins(homeserver, told):
    bot, reader = homeserver.person(), homeserver.person()
    room = reader.make_room(invite=(bot,))
    assert isinstance(make(homeserver.port, room=room, token=Secret.literal(bot.token)).deliver(told(), {}), Delivered)
    assert len(reader.shown(room)) == 2


def test_a_room_by_its_alias(homeserver, told):
    bot, reader = homeserver.person(), homeserver.person()
    alias = f"ops-{bot.id[2:8]}"
    room = reader.make_room(alias=alias, public=True)
    bell = make(homeserver.port, room=f"#{alias}:{NAME}", token=Secret.literal(bot.token))
    assert isinstance(bell.deliver(told(), {}), Delivered)
    assert len(reader.shown(room)) == 2


def refused(homeserver: Synapse, told, room: str, token: str) -> TryLater:
    verdict = make(homeserver.port, room=room, token=Secret.literal(token)).deliver(told(), {})
    assert isinstance(verdict, TryLater), verdict
    return verdict


def test_a_room_into_which_nobody_invited_the_bot(homeserver, told):
    bot, reader = homeserver.person(), homeserver.person()
    verdict = refused(homeserver, told, reader.make_room(), bot.token)
    assert "M_FORBIDDEN" in verdict.why
    assert "invite it there" in verdict.why


@pytest.mark.parametrize("room", [f"#nowhere:{NAME}", f"!nowhere:{NAME}"])
def test_a_room_that_does_not_exist(homeserver, told, room):
    verdict = refused(homeserver, told, room, homeserver.person().token)
    assert "room" in verdict.why.partition(";")[2]


def test_tokens_that_are_none(homeserver, told):
    gone = homeserver.person()
    room = gone.make_room()
    short = homeserver.short_lived(gone)
    gone.log_out()
    time.sleep(1.2)
    for token in ("syt_nonsense", gone.token, short):
        verdict = refused(homeserver, told, room, token)
        assert "M_UNKNOWN_TOKEN" in verdict.why
        assert "docs/chat.md" in verdict.why
        assert token not in verdict.why


def test_a_homeserver_that_has_heard_too_much_says_when(place, told, homeserver):
    homeserver.limit(place.bot, 1, 1)
    bell = place.bell()
    notices = [told(id=number, key=f"k{number}", thread=f"t{number}") for number in range(6)]
    verdicts = [bell.deliver(notice, {}) for notice in notices]
    held = [verdict for verdict in verdicts if isinstance(verdict, TryLater)]
    assert held
    assert all(verdict.after and timedelta(0) < verdict.after < timedelta(seconds=10) for verdict in held), held
    assert "M_LIMIT_EXCEEDED" in held[0].why
    homeserver.limit(place.bot, 0, 0)
    for notice, verdict in zip(notices, verdicts, strict=True):
        if isinstance(verdict, TryLater):
            assert isinstance(bell.deliver(notice, {"tried": "1"}), Delivered)
    assert len(place.said()) == 12, "each of the six once, with its details"


def test_an_encrypted_rooms_readers_see_plain_text(place, told):
    state = f"/_matrix/client/v3/rooms/{place.room}/state/m.room.encryption/"
    place.reader.do("PUT", state, {"algorithm": "m.megolm.v1.aes-sha2"})
    assert isinstance(place.bell().deliver(told(), {}), Delivered)
    assert "n3" in place.said()[0]


def test_a_replicas_commands_can_be_pasted(place, told):
    assert isinstance(place.bell().deliver(told(kind=Kind.REPLICA_SPLIT_BRAIN), {}), Delivered)
    assert "drbdadm" in place.shown()[1]["content"]["formatted_body"].partition("<pre><code>")[2]


@pytest.mark.parametrize(
    "changes,cure",
    [
        ({"room": "ops"}, 'write room = "#ops:example.com"'),
        ({"room": "#ops"}, "neither a room id nor an alias"),
        ({"url": "matrix.example.com"}, "url is no address"),
        ({"url": "http://matrix.example.com"}, "in plain text"),
        ({"url": "https://bot:pw@matrix.example.com"}, "put the secret into token"),
        ({"url": "https://matrix.example.com/?x=1"}, "goes on behind its path"),
        ({"timeout": timedelta(0)}, "between one and 100 seconds"),
        ({"time_zone": "Europe/Bonn"}, "Europe/Berlin"),
    ],
)
def test_mistakes_in_the_settings_name_the_cure(changes, cure):
    fields = {"url": "https://matrix.example.com", "token": Secret.literal("long enough"), "room": "#ops:example.com"}
    with pytest.raises(ValueError, match=cure.replace("(", r"\(")):
        Settings(**(fields | changes))
