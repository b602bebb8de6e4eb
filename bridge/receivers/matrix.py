"""Matrix, a bell: Client-Server API over HTTPS, any homeserver; what we say in an encrypted room is plain text there.

Every event is sent under a transaction id that follows from its notice: a homeserver answers a repeated one with the event it
made the first time (Client-Server API, "Transaction identifiers"), so that a retry is never a second message. Edits notify nobody
(`.m.rule.suppress_edits`), and neither does `m.notice` (`.m.rule.suppress_notices`).
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from bridge.core.telling.notice import GiveUp, Notice, TryLater
from bridge.receivers.chat import ChatReceiver, ChatSettings, Message, Refused, TooLong, Where
from bridge.receivers.web import Answer, retry_after
from bridge.texts.chat import Part, plain

API: Final = "/_matrix/client/v3"
ROOM: Final = re.compile(r"[!#][^\s\x00-\x1f]{1,254}")
ACCOUNT: Final = "put the access token of the bot's account into token; see docs/chat.md"
CURES: Final = {
    "M_UNKNOWN_TOKEN": f"the token is wrong, has expired or was logged out: {ACCOUNT}",
    "M_MISSING_TOKEN": f"no token was sent: {ACCOUNT}",
    "M_USER_DEACTIVATED": f"the bot's account is closed: {ACCOUNT}",
    "M_USER_LOCKED": "the bot's account is locked: ask the administrator of the homeserver",
    "M_NOT_FOUND": "is room right? An alias like #ops:example.com must exist",
    "M_UNKNOWN": "is room right? If so, invite the bot into it",
    "M_UNRECOGNIZED": "is url the address of a homeserver?",
}
NOT_IN_ROOM: Final = (
    "the bot may not write in that room: invite it there (it joins by itself), or check room and its power levels"
)


class Settings(ChatSettings, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind matrix. `room` is an id (!…) or an alias (#…:…)."""

    room: Annotated[str, msgspec.Meta(max_length=255)]

    example: ClassVar[str] = "https://matrix.example.com"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not ROOM.fullmatch(self.room) or (self.room[0] == "#" and ":" not in self.room):
            raise ValueError(f'room {self.room!r} is neither a room id nor an alias; write room = "#ops:example.com"')


class Matrix(ChatReceiver):
    limit = 24_000  # bytes of both texts: an event may have 65,536 in all (Client-Server API, "Size limits")

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(name, settings)
        self._room = "" if settings.room.startswith("#") else settings.room
        self._wanted = settings.room

    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str:
        del notice, again  # the transaction id says all that is needed
        content = _content(message)
        if message.where is Where.THREAD:
            # The fallback is for clients without threads (Client-Server API, "Fallback for unthreaded clients").
            content["m.relates_to"] = {
                "rel_type": "m.thread",
                "event_id": message.root,
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": message.root},
            }
        elif message.where is Where.ALOUD:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": message.root}}
        return self._send(content, key)

    def edit(self, message_id: str, message: Message, key: str) -> None:
        new = _content(message)
        content = {
            "msgtype": new["msgtype"],
            "body": f"* {plain(message.parts[:1])}",
            "m.mentions": {},
            "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": message_id},
        }
        self._send(content, key)

    def size(self, parts: Sequence[Part]) -> int:
        return len(plain(parts).encode(errors="replace")) + len(to_html(parts).encode(errors="replace"))

    def _send(self, content: dict[str, Any], key: str) -> str:
        """The event's id. Who was only invited joins, once, and tries again."""
        try:
            return self._put(content, key)
        except _NotInRoom:
            self._join()
            return self._put(content, key)

    def _put(self, content: dict[str, Any], key: str) -> str:
        path = f"{API}/rooms/{quote(self._room_id(), safe='')}/send/m.room.message/{quote(key, safe='')}"
        answer = self.call("PUT", path, json=content)
        event_id = _field(answer, "event_id")
        if not event_id:
            raise self._refused(answer)
        return event_id

    def _room_id(self) -> str:
        if not self._room:
            answer = self.call("GET", f"{API}/directory/room/{quote(self._wanted, safe='')}")
            self._room = _field(answer, "room_id")
            if not self._room:
                raise self._refused(answer)
        return self._room

    def _join(self) -> None:
        answer = self.call("POST", f"{API}/join/{quote(self._wanted, safe='')}", json={})
        if not _field(answer, "room_id"):
            raise self._refused(answer, joining=True)

    def _refused(self, answer: Answer, *, joining: bool = False) -> Refused:
        code, error = _field(answer, "errcode", of_error=True), _field(answer, "error", of_error=True)
        said = f"{code} {error}".strip()
        if code == "M_LIMIT_EXCEEDED" or answer.status == 429:
            return Refused(TryLater(f"{self.refusal(answer, said).verdict.why}", _wish(answer)), passing=True)
        if code == "M_TOO_LARGE":
            return TooLong(GiveUp(self.refusal(answer, said).verdict.why))
        cure = CURES.get(code, "")
        if joining or code in {"M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN"}:
            cure = CURES.get(code) or NOT_IN_ROOM
        refused = self.refusal(answer, said, cure)
        return _NotInRoom(refused.verdict) if code == "M_FORBIDDEN" and not joining else refused


class _NotInRoom(Refused):
    """Not a member: perhaps only not yet."""


def _field(answer: Answer, name: str, *, of_error: bool = False) -> str:
    """A text of the answer's object; nothing where the answer is not of that kind, or no JSON at all."""
    body = answer.json
    if not isinstance(body, dict) or (answer.status // 100 == 2) is of_error:
        return ""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _wish(answer: Answer) -> Any:
    """Retry-After, or its older form in the body (Client-Server API, "Rate limiting")."""
    body = answer.json
    old = body.get("retry_after_ms") if isinstance(body, dict) else None
    if answer.retry_after is None and isinstance(old, int) and 0 <= old < 10**11:
        return retry_after({"Retry-After": str(-(-old // 1000))})
    return answer.retry_after


def _content(message: Message) -> dict[str, Any]:
    """`m.mentions` says who is meant: a name with an @ in it rings nobody (Client-Server API, "User and room mentions")."""
    text, formatted = plain(message.parts), to_html(message.parts)
    if message.mention:
        text, formatted = f"@room {text}", f"@room {formatted}"
    return {
        "msgtype": "m.notice" if message.quiet else "m.text",
        "body": text,
        "format": "org.matrix.custom.html",
        "formatted_body": formatted,
        "m.mentions": {"room": True} if message.mention else {},
    }


def to_html(parts: Iterable[Part]) -> str:
    """Only the tags that a client must know (Client-Server API, "m.room.message msgtypes")."""
    return "".join(_part(part) for part in parts)


def _part(part: Part) -> str:
    lead = f"<strong>{_linked(part.lead, part.link)}</strong>" if part.lead else ""
    text = html.escape(part.text) if part.lead else _linked(part.text, part.link)
    head = f"<p>{lead}{': ' if lead and text else ''}{text}</p>" if lead or text else ""
    fixed = html.escape("\n".join(part.fixed))
    return head + (f"<pre><code>{fixed}</code></pre>" if fixed else "")


def _linked(text: str, link: str) -> str:
    return f'<a href="{html.escape(link)}">{html.escape(text)}</a>' if link else html.escape(text)
