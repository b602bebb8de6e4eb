"""Slack, a bell: the Web API with a bot's token. HTTP 200 with `ok: false` is a no.

Texts are rich_text blocks, whose text elements are shown as they are (reference/block-kit/blocks/rich-text-block): a name with
markup in it needs no escape. chat.postMessage knows no key against doubles; so each message carries ours in its metadata
(messaging/message-metadata), and at a retry the channel or the thread is asked for it first. That needs the scope
channels:history (groups:history for a private channel); without it a retry after a lost answer may be a second message, and the
log says so.
"""

import html
import logging
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from bridge.core.telling.notice import GiveUp, Notice, TryLater
from bridge.receivers.chat import ChatReceiver, ChatSettings, Fixed, Gone, Message, Refused, TooLong, Where
from bridge.receivers.web import Answer
from bridge.texts.chat import Part, plain

log = logging.getLogger(__name__)

CHANNEL: Final = re.compile(r"[CGD][A-Z0-9]{8,20}")
LOOK_BACK: Final = timedelta(minutes=10)  # Slack's clock may be that much before ours
MOST_LOOKED_AT: Final = 200
EVENT: Final = "quorumbell_notice"
TOKEN: Final = "put the bot token (xoxb-…) of an app that is installed in this workspace into token"  # noqa: S105 - no token
CURES: Final = {
    "not_authed": TOKEN,
    "invalid_auth": f"the token is wrong: {TOKEN}",
    "token_revoked": f"the token was revoked: {TOKEN}",
    "token_expired": f"the token has expired: {TOKEN}",
    "account_inactive": f"the app was removed from the workspace: {TOKEN}",
    "not_allowed_token_type": TOKEN,
    "missing_scope": "add the scope to the app and install it again; see docs/chat.md",
    "no_permission": "add the scope chat:write to the app and install it again",
    "channel_not_found": "is channel right? It is an id like C0123456789; invite the app there if it is private",
    "not_in_channel": "invite the app there: /invite @name-of-the-app",
    "is_archived": "the channel is archived: name another one in channel",
    "restricted_action": "an administrator of the workspace must allow the app to post there",
    "ekm_access_denied": "an administrator of the workspace must allow the app to post there",
    "team_access_not_granted": "an administrator of the workspace must allow the app to post there",
    "access_denied": "an administrator of the workspace must allow the app to post there",
    "unknown_method": 'is url right? Usually it is not given at all, or "https://slack.com/api"',
}
"""Words about the account or the place: a person mends that, and then what was not told must go out."""
PASSING: Final = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
TOO_LONG: Final = frozenset({"msg_too_long", "msg_blocks_too_long"})
NOT_THERE: Final = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
FIXED: Final = frozenset({"edit_window_closed", "cant_update_message"})


class Settings(ChatSettings, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind slack."""

    url: str = "https://slack.com/api"
    channel: str

    example: ClassVar[str] = "https://slack.com/api"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not CHANNEL.fullmatch(self.channel):
            raise ValueError(f'channel {self.channel!r} is no channel id; write channel = "C0123456789" (channel details, below)')


class Slack(ChatReceiver):
    limit = 4000  # characters: what clients should keep to (changelog/2018-04-truncating-really-long-messages)
    _settings: Settings

    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str:
        found = self._find(message.root, key, notice) if again else ""
        if found:
            return found
        body = self._body(message) | {
            "metadata": {"event_type": EVENT, "event_payload": {"key": key}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if message.root:
            body |= {"thread_ts": message.root, "reply_broadcast": message.where is Where.ALOUD}
        return self._ask("chat.postMessage", body)

    def edit(self, message_id: str, message: Message, key: str) -> None:
        del key  # an edit done twice is the same edit
        self._ask("chat.update", self._body(message) | {"ts": message_id})

    def size(self, parts: Sequence[Part]) -> int:
        return sum(
            len(part.lead) + len(part.text) + len(part.link) + sum(len(line) + 1 for line in part.fixed) + 6 for part in parts
        )

    def _body(self, message: Message) -> dict[str, Any]:
        """`text` is for notifications and screen readers; there & < > must be escaped (messaging/formatting-message-text)."""
        text = html.escape(plain(message.parts[:1]), quote=False)
        return {"channel": self._settings.channel, "text": text, "blocks": to_blocks(message.parts, mention=message.mention)}

    def _find(self, root: str, key: str, notice: Notice) -> str:
        """The message that an earlier attempt has made, if any and if we may look."""
        oldest = f"{(notice.at - LOOK_BACK).timestamp():.6f}"
        fields = {"channel": self._settings.channel, "oldest": oldest, "limit": MOST_LOOKED_AT, "include_all_metadata": "true"}
        method = "conversations.replies" if root else "conversations.history"
        answer = self.call("GET", f"/{method}", params=fields | ({"ts": root} if root else {}))
        code = _word(answer)
        if code == "missing_scope":
            log.warning("receiver %s: a message may be there twice; add the scope channels:history to the app", self._name)
            return ""
        if code in NOT_THERE:
            return ""
        if code:
            raise self._refused(answer, code)
        messages = answer.json.get("messages") if isinstance(answer.json, dict) else None
        for one in messages if isinstance(messages, list) else []:
            if isinstance(one, dict) and _key(one) == key and isinstance(one.get("ts"), str):
                return str(one["ts"])
        return ""

    def _ask(self, method: str, body: dict[str, Any]) -> str:
        # Without a charset Slack warns (apis/web-api, "POST bodies").
        answer = self.call("POST", f"/{method}", json=body, headers={"Content-Type": "application/json; charset=utf-8"})
        code = _word(answer)
        ts = answer.json.get("ts") if not code and isinstance(answer.json, dict) else None
        if not isinstance(ts, str) or not ts:
            raise self._refused(answer, code)
        return ts

    def _refused(self, answer: Answer, code: str) -> Refused:
        body = answer.json if isinstance(answer.json, dict) else {}
        needed = body.get("needed")
        said = f"{code} (needed: {needed})" if isinstance(needed, str) else code
        refused = self.refusal(answer, said, CURES.get(code, ""))
        why = refused.verdict.why
        if answer.status != 200 or not code:
            return refused
        if code in PASSING:
            return Refused(TryLater(why, answer.retry_after), passing=True)
        if code in CURES:
            return Refused(TryLater(why))
        why = self.web.scrub(f"200 from {answer.where}: {said}")
        kind = TooLong if code in TOO_LONG else Gone if code in NOT_THERE else Fixed if code in FIXED else Refused
        return kind(GiveUp(why))


def _word(answer: Answer) -> str:
    """Slack's word for its no; nothing when it said yes, or nothing of the kind."""
    body = answer.json
    if not isinstance(body, dict) or body.get("ok") is True:
        return ""
    word = body.get("error")
    return word if body.get("ok") is False and isinstance(word, str) else ""


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""


def to_blocks(parts: Iterable[Part], *, mention: bool = False) -> list[dict[str, Any]]:
    holders: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = [{"type": "broadcast", "range": "channel"}, _text(" ")] if mention else []
    for part in parts:
        if words and words[-1].get("range") is None and words[-1]["text"] != " ":
            words.append(_text("\n\n"))
        if part.lead:
            words.append(_linked(part.lead, part.link) | {"style": {"bold": True}})
        if part.text:
            words.append(_text(f": {part.text}") if part.lead else _linked(part.text, part.link))
        if part.fixed:
            holders += [{"type": "rich_text_section", "elements": words}] if words else []
            holders.append({"type": "rich_text_preformatted", "elements": [_text("\n".join(part.fixed))]})
            words = []
    holders += [{"type": "rich_text_section", "elements": words}] if words else []
    return [{"type": "rich_text", "elements": holders}]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _linked(text: str, link: str) -> dict[str, Any]:
    return {"type": "link", "url": link, "text": text} if link else _text(text)
