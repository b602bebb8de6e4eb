"""Matrix against a real homeserver: what stands in the room, what hangs below it, who is notified, and how it says no."""

import time
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from bridge.core.telling.notice import Delivered, Telling, TryLater
from bridge.core.world.incident import Kind
from bridge.receivers.matrix import Matrix, Settings
from bridge.secret import Secret
from tests.missing import missing
from tests.receivers.kit import maker, refuses
from tests.receivers.stories import LINK, LINK_WORDS, ChatStories
from tests.servers import synapse
from tests.servers.synapse import NAME, Synapse
from tools.notices import PAGE


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Synapse]:
    if reason := synapse.why_not():
        missing(reason)
    with synapse.running() as made:
        yield made


make = maker(Matrix, Settings, room="!nowhere:test.example")


class _Shown(HTMLParser):
    """What a client shows of the tags that it must know; a tag that is not ours would be markup out of a name."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in {"p", "strong", "pre", "code"} or (tag == "a" and dict(attrs)["href"].startswith(f"{PAGE}/incidents/")), tag
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
        return [one | {"text": one["content"]["body"]} for one in self.reader.shown(self.room)]

    def meant(self, one: dict) -> tuple[object, ...]:
        return tuple(one["content"]["m.mentions"].items())

    def settings(self) -> dict[str, object]:
        return {"room": self.room, "token": Secret.literal(self.bot.token)}

    def bell(self) -> Matrix:
        return make(self.port, **self.settings())


@pytest.fixture
def place(homeserver) -> Place:
    return Place(homeserver)


class TestMatrix(ChatStories):
    kind = "matrix"
    make = make
    everybody = (("room", True),)

    def look_at_the_beginning(self, root, details):
        assert "<strong>🔴 Critical · mill</strong>" in root["content"]["formatted_body"]
        assert "<pre><code>crm_mon --one-shot --inactive --failcounts</code></pre>" in details["content"]["formatted_body"]

    def look_at_the_link(self, message):
        assert f'<p><a href="{LINK}">{LINK_WORDS}</a></p>' in message["content"]["formatted_body"]
        assert f"{LINK_WORDS}\n{LINK}" in message["content"]["body"]

    def look_at_the_ring(self, place, root, worse):
        assert (worse["thread"], worse["answers"]) == ("", root["id"]), "a new message in the room, tied to the first"


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
    refuses(Settings, fields, changes, cure)
