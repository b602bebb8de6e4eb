"""Mattermost, a bell: REST API v4 with a bot's token.

A post carries `pending_post_id`, by which the server recognises a repeated one for half a minute (deduplicateCreatePost in
server/channels/app/post.go), and the same key in its `props`, by which we find it later: at a retry the channel is asked first.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from bridge.core.telling.notice import GiveUp, Notice, TryLater
from bridge.receivers.chat import ChatReceiver, ChatSettings, Fixed, Gone, Message, Refused, TooLong, Where
from bridge.receivers.web import Answer, retry_after
from bridge.texts.chat import Part

API: Final = "/api/v4"
ID: Final = re.compile(r"[a-z0-9]{26}")
NAMED: Final = re.compile(r"[a-z0-9_.-]+/[a-z0-9_.-]+")
LOOK_BACK: Final = timedelta(minutes=10)  # the server's clock may be that much before ours
CURES: Final = {
    "api.context.session_expired.app_error": "the token is wrong or was revoked: put a bot account's access token into token",
    "api.context.permissions.app_error": "is channel right? If so, add the bot to its team and its channel",
    "api.context.invalid_url_param.app_error": "is channel right? It is an id of 26 characters, or team/channel",
    "app.channel.get_by_name.missing.app_error": "is channel right? If so, add the bot to its team and its channel",
    "store.sql_team.get_by_name.missing.app_error": "is the team in channel right?",
    "api.post.create_post.can_not_post_to_deleted.error": "the channel is archived: name another one in channel",
    "api.context.404.app_error": "is url the address of a Mattermost server?",
}
TOO_LONG: Final = "model.post.is_valid.message_length.app_error"
NO_ROOT: Final = frozenset({"api.post.create_post.root_id.app_error", "api.post.create_post.channel_root_id.app_error"})
NOT_THERE: Final = frozenset({"app.post.get.app_error", "api.post.get_post.app_error"})
SPECIAL: Final = re.compile(r"([\\`*{}\[\]()#+\-.!_>~|<&])")
NARROW: Final = "\u200b"


class Settings(ChatSettings, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind mattermost. `channel` is an id, or `team/channel` as in the address bar."""

    channel: str

    example: ClassVar[str] = "https://mattermost.example.com"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not ID.fullmatch(self.channel) and not NAMED.fullmatch(self.channel):
            raise ValueError(
                f'channel {self.channel!r} is neither an id of 26 characters nor team/channel; write channel = "team/town-square"'
            )


class Mattermost(ChatReceiver):
    limit = 16_383 - 500  # characters (PostMessageMaxRunesV2 in server/public/model/post.go), less mention and link

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(name, settings)
        self._wanted = settings.channel
        self._channel = settings.channel if ID.fullmatch(settings.channel) else ""

    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str:
        channel = self._channel_id()
        found = self._find(channel, key, notice) if again else ""
        if found:
            return found
        text = to_markdown(message.parts)
        if message.mention:
            text = f"@channel {text}"
        if message.where is Where.ALOUD:  # a reply would be seen by nobody who does not follow the thread
            text += f"\n\n[#{notice.incident_id}]({self._settings.url.rstrip('/')}/_redirect/pl/{message.root})"
        body = {"channel_id": channel, "message": text, "pending_post_id": key, "props": {"quorumbell": key}}
        if message.where is Where.THREAD:
            body["root_id"] = message.root
        return self._ask("POST", f"{API}/posts", "id", json=body)

    def edit(self, message_id: str, message: Message, key: str) -> None:
        del key  # an edit done twice is the same edit
        self._ask("PUT", f"{API}/posts/{quote(message_id, safe='')}/patch", "id", json={"message": to_markdown(message.parts)})

    def size(self, parts: Sequence[Part]) -> int:
        return len(to_markdown(parts))

    def _channel_id(self) -> str:
        if not self._channel:
            team, _, channel = self._wanted.partition("/")
            self._channel = self._ask("GET", f"{API}/teams/name/{quote(team)}/channels/name/{quote(channel)}", "id")
        return self._channel

    def _find(self, channel: str, key: str, notice: Notice) -> str:
        """The post that an earlier attempt has made, if any."""
        since = int((notice.at - LOOK_BACK).timestamp() * 1000)
        answer = self.call("GET", f"{API}/channels/{quote(channel)}/posts", params={"since": since})
        posts = answer.json.get("posts") if answer.status == 200 and isinstance(answer.json, dict) else None
        if not isinstance(posts, dict):
            raise self._refused(answer)
        for post_id, post in posts.items():
            props = post.get("props") if isinstance(post, dict) and not post.get("delete_at") else None
            if isinstance(props, dict) and props.get("quorumbell") == key:
                return str(post_id)
        return ""

    def _ask(self, method: str, path: str, field: str, **how: Any) -> str:
        answer = self.call(method, path, **how)
        body = answer.json
        value = body.get(field) if answer.status in {200, 201} and isinstance(body, dict) else None
        if not isinstance(value, str) or not value:
            raise self._refused(answer)
        return value

    def _refused(self, answer: Answer) -> Refused:
        body = answer.json if isinstance(answer.json, dict) and answer.status >= 400 else {}
        code, words = str(body.get("id", "")), str(body.get("message", ""))
        refused = self.refusal(answer, f"{code}: {words}" if code else "", CURES.get(code, ""))
        why = refused.verdict.why
        if code == TOO_LONG:
            return TooLong(GiveUp(why))
        if code in NO_ROOT or code in NOT_THERE:
            return Gone(GiveUp(why))
        if code.endswith("permissions_time_limit.app_error"):
            return Fixed(GiveUp(why))
        if code in CURES and not refused.passing:
            return Refused(TryLater(why))
        if answer.status == 429 and answer.retry_after is None:
            # X-Ratelimit-Reset: seconds until more is allowed (administrator's guide, "Rate limiting")
            wish = retry_after({"Retry-After": answer.headers.get("X-Ratelimit-Reset", "")})
            return Refused(TryLater(why, wish), passing=True)
        return refused


def to_markdown(parts: Iterable[Part]) -> str:
    return "\n\n".join(_part(part) for part in parts)


def _part(part: Part) -> str:
    lead = f"**{_linked(part.lead, part.link)}**" if part.lead else ""
    text = escaped(part.text) if part.lead else _linked(part.text, part.link)
    lines = [f"{lead}{': ' if lead and text else ''}{text}"] if lead or text else []
    if part.fixed:
        fixed = "\n".join(part.fixed).replace("```", f"`{NARROW}`{NARROW}`")
        lines.append(f"```\n{fixed}\n```")
    return "\n".join(lines)


def _linked(text: str, link: str) -> str:
    return f"[{escaped(text)}]({link})" if link else escaped(text)


def escaped(text: str) -> str:
    """Names stay names: no markup, nobody is mentioned by an @, and `ocf:heartbeat:…` shows no heart."""
    text = SPECIAL.sub(r"\\\1", text)
    return re.sub(r"@(?=\w)|:(?=[\d_+\\-]*[^\W\d_][\w+\\-]*:)", lambda found: found[0] + NARROW, text)
