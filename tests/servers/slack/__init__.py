"""A Slack with rules: the four Web API methods that a bot needs. Imports nothing of ours.

Sources, all under docs.slack.dev: [post] reference/methods/chat.postMessage, [update] …/chat.update, [history]
…/conversations.history, [replies] …/conversations.replies, [web] apis/web-api ("Using the Web API"), [limits]
apis/web-api/rate-limits, [meta] messaging/message-metadata, [rich] reference/block-kit/blocks/rich-text-block, [long]
changelog/2018-04-truncating-really-long-messages; [measured] slackapi/bolt-js issue 2867: 9,597 characters in blocks were taken,
11,341 were not; [belief] nobody could be asked: a client must survive either answer.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from tests.servers.chat_server import Asked, ChatServer, Reply

LONGEST: Final = 40_000  # [long] longer texts are cut, with a warning
LONGEST_BLOCKS: Final = 10_000  # [measured]
MOST_METADATA: Final = 16 * 1024  # [belief] metadata_too_large
STYLED: Final = {"text", "link", "emoji", "user", "channel", "broadcast", "usergroup", "date", "color"}
HOLDERS: Final = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}


class Refusal(Exception):  # noqa: N818 - it is an answer
    """[web] HTTP 200 with ok: false and a word."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.body = {"ok": False, "error": error, **more}


class Slack(ChatServer):
    """One workspace, channels, and bots that are members of some."""

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(port)
        self.clock = clock
        self.burst = 0
        """[limits] posts that a channel takes within a second; 0 for any number."""
        self.may_edit = True
        self.scopes = {"chat:write", "channels:history"}
        self.longest_blocks = LONGEST_BLOCKS
        self.bots: dict[str, str] = {}
        self.dead: dict[str, str] = {}
        """[web] tokens that are no longer good, and the word for it: token_revoked, account_inactive, token_expired."""
        self.channels: dict[str, dict[str, Any]] = {}
        self.members: set[tuple[str, str]] = set()
        self.messages: list[dict[str, Any]] = []
        self._posted: dict[str, list[float]] = {}
        self._last_ts = 0

    def add_bot(self, token: str = "") -> str:
        token = token or f"xoxb-{secrets.token_hex(12)}"
        self.bots[token] = f"B{secrets.token_hex(5).upper()}"
        return token

    def add_channel(self, name: str, *tokens: str) -> str:
        number = f"C{secrets.token_hex(5).upper()}"
        self.channels[number] = {"id": number, "name": name, "is_archived": False}
        self.members |= {(number, self.bots[token]) for token in tokens}
        return number

    def delete(self, ts: str) -> None:
        self.messages = [one for one in self.messages if one["ts"] != ts]

    # --- requests

    def answer(self, asked: Asked) -> Reply:
        method = asked.path.removeprefix("/api/")
        known = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }
        try:
            if method not in known:
                return 200, {"ok": False, "error": "unknown_method", "req_method": method}, {}
            return 200, known[method](self._user(asked), self._fields(asked)), {}
        except TooMany:
            # [limits] 429 with Retry-After in seconds
            return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"}
        except Refusal as no:
            return 200, no.body, {}

    def _user(self, asked: Asked) -> str:
        if not asked.token:
            raise Refusal("not_authed")
        if asked.token in self.dead:
            raise Refusal(self.dead[asked.token])
        if asked.token not in self.bots:
            raise Refusal("invalid_auth")
        return self.bots[asked.token]

    def _fields(self, asked: Asked) -> dict[str, Any]:
        """[web] JSON is for writing methods, only as application/json; reading ones take query and form fields."""
        if asked.path.startswith("/api/chat."):
            if not asked.headers.get("content-type", "").startswith("application/json"):
                raise Refusal("invalid_form_data")
            if not isinstance(asked.body, dict):
                raise Refusal("json_not_object" if asked.body is not None else "invalid_json")
            return asked.body
        return asked.form

    def _needs(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _channel(self, wanted: Any, *, by_name: bool = False) -> dict[str, Any]:
        """[post] an id, or for posting also a name; [update] and the reading ones need the id."""
        for channel in self.channels.values():
            if wanted == channel["id"] or (by_name and str(wanted).removeprefix("#") == channel["name"]):
                return channel
        raise Refusal("channel_not_found")

    def _post(self, user: str, said: dict[str, Any]) -> dict[str, Any]:
        self._needs("chat:write")
        channel = self._channel(said.get("channel"), by_name=True)
        if (channel["id"], user) not in self.members:
            raise Refusal("not_in_channel")
        if channel["is_archived"]:
            raise Refusal("is_archived")
        text, warnings = self._text(said)
        self._metadata(said.get("metadata"))
        self._count(channel["id"])
        root = said.get("thread_ts", "")
        if root and not any(one["ts"] == root for one in self.messages):
            raise Refusal("message_not_found")  # [belief]
        made = {
            "ts": self._new_ts(),
            "channel": channel["id"],
            "user": user,
            "text": text,
            "blocks": said.get("blocks", []),
            "thread_ts": root,
            # [post] reply_broadcast shows a reply to everybody in the channel; without thread_ts it means nothing
            "broadcast": bool(root) and said.get("reply_broadcast") is True,
            "metadata": said.get("metadata"),
            "edited": False,
        }
        self.messages.append(made)
        return {"ok": True, "channel": channel["id"], "ts": made["ts"], "message": _shown(made, all_metadata=False), **warnings}

    def _text(self, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        text, blocks = said.get("text", ""), said.get("blocks", [])
        if not text and not blocks:
            raise Refusal("no_text")
        self._check_blocks(blocks)
        if len(text) > LONGEST:
            warned = {"messages": ["[WARN] Your message was truncated but still posted."], "warnings": ["message_truncated"]}
            return text[:LONGEST], {"response_metadata": warned}
        return text, {}

    def _check_blocks(self, blocks: Any) -> None:
        """[rich] what a rich_text block may hold."""
        if not isinstance(blocks, list):
            raise Refusal("invalid_blocks_format")
        for block in blocks:
            if block.get("type") != "rich_text" or not isinstance(block.get("elements"), list) or not block["elements"]:
                raise Refusal("invalid_blocks")
            for holder in block["elements"]:
                if holder.get("type") not in HOLDERS or not isinstance(holder.get("elements"), list):
                    raise Refusal("invalid_blocks")
                for one in holder["elements"]:
                    self._check_element(holder["type"], one)
        if len(shown_text(blocks)) > self.longest_blocks:
            raise Refusal("msg_blocks_too_long")

    def _check_element(self, holder: str, one: dict[str, Any]) -> None:
        kind = one.get("type")
        allowed = {"text", "link"} if holder == "rich_text_preformatted" else STYLED
        if kind not in allowed or (kind == "text" and not (isinstance(one.get("text"), str) and one["text"])):
            raise Refusal("invalid_blocks")
        if kind == "link" and not one.get("url", "").startswith(("https://", "http://")):
            raise Refusal("invalid_blocks")
        if kind == "broadcast" and one.get("range") not in {"here", "channel", "everyone"}:
            raise Refusal("invalid_blocks")
        if set(one.get("style", {})) - {"bold", "italic", "strike", "code"}:
            raise Refusal("invalid_blocks")

    def _metadata(self, metadata: Any) -> None:
        """[meta] event_type and event_payload, both needed."""
        if metadata is None:
            return
        if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
            raise Refusal("invalid_metadata_format")
        if len(str(metadata)) > MOST_METADATA:
            raise Refusal("metadata_too_large")

    def _count(self, channel: str) -> None:
        now = self.clock()
        recent = [at for at in self._posted.get(channel, []) if now - at < 1]
        if self.burst and len(recent) >= self.burst:
            raise TooMany
        self._posted[channel] = [*recent, now]

    def _new_ts(self) -> str:
        """[post] a message's id within its channel: seconds and microseconds, never twice."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _update(self, user: str, said: dict[str, Any]) -> dict[str, Any]:
        self._needs("chat:write")
        channel = self._channel(said.get("channel"))
        found = next((one for one in self.messages if one["ts"] == said.get("ts") and one["channel"] == channel["id"]), None)
        if found is None:
            raise Refusal("message_not_found")
        if found["user"] != user:
            raise Refusal("cant_update_message")
        if not self.may_edit:
            raise Refusal("edit_window_closed")
        text, warnings = self._text(said)
        # [update] blocks that are not given again are gone when a text is given
        found |= {"text": text, "blocks": said.get("blocks", []), "edited": True}
        return {"ok": True, "channel": channel["id"], "ts": found["ts"], "text": text, **warnings}

    def _history(self, user: str, form: dict[str, str]) -> dict[str, Any]:
        """[history] newest first, without replies except broadcast ones."""
        self._may_read(user, form)
        found = [one for one in self.messages if one["channel"] == form["channel"] and (not one["thread_ts"] or one["broadcast"])]
        return self._page(found, form)

    def _replies(self, user: str, form: dict[str, str]) -> dict[str, Any]:
        """[replies] the first message and its replies, oldest first."""
        self._may_read(user, form)
        root = form.get("ts", "")
        found = [one for one in self.messages if one["channel"] == form["channel"] and root in {one["ts"], one["thread_ts"]}]
        if not found:
            raise Refusal("thread_not_found")
        return self._page(found, form)

    def _may_read(self, user: str, form: dict[str, str]) -> None:
        self._needs("channels:history")
        channel = self._channel(form.get("channel"))
        if (channel["id"], user) not in self.members:
            raise Refusal("not_in_channel")

    def _page(self, found: list[dict[str, Any]], form: dict[str, str]) -> dict[str, Any]:
        since = float(form.get("oldest", "0"))
        found = [one for one in found if float(one["ts"]) > since]
        limit = int(form.get("limit", "100"))
        everything = form.get("include_all_metadata") in {"true", "1"}  # [history] without it, only the type is shown
        page = [_shown(one, all_metadata=everything) for one in found[-limit:]]
        return {"ok": True, "messages": page, "has_more": len(found) > limit}

    # --- readers

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        made: dict[str, list[dict[str, Any]]] = {channel["name"]: [] for channel in self.channels.values()}
        for one in self.messages:
            text = shown_text(one["blocks"]) if one["blocks"] else unescaped(one["text"])
            shown = {"id": one["ts"], "thread": one["thread_ts"], "edited": one["edited"], "broadcast": one["broadcast"]}
            made[self.channels[one["channel"]]["name"]].append(shown | {"text": text, "raw": one})
        return made


class TooMany(Exception):  # noqa: N818 - it is an answer
    pass


def _shown(one: dict[str, Any], *, all_metadata: bool) -> dict[str, Any]:
    shown = {"type": "message", "ts": one["ts"], "text": one["text"], "user": one["user"], "blocks": one["blocks"]}
    if one["thread_ts"]:
        shown["thread_ts"] = one["thread_ts"]
    if one["metadata"]:
        shown["metadata"] = (
            one["metadata"] if all_metadata else {"event_type": one["metadata"]["event_type"], "event_payload": {}}
        )
    return shown


def shown_text(blocks: list[dict[str, Any]]) -> str:
    """[rich] text elements are shown as they are: no markup, no mention, no emoji is read out of them."""
    pieces = []
    for block in blocks:
        for holder in block["elements"]:
            told = "".join(
                f"@{one['range']}" if one["type"] == "broadcast" else one.get("text") or one.get("url", "")
                for one in holder["elements"]
            )
            pieces.append(f"\n{told}\n" if holder["type"] == "rich_text_preformatted" else told)
    return "".join(pieces).strip("\n")


def broadcasts(message: dict[str, Any]) -> list[str]:
    """Whom a message rings: elements of blocks, or <!…> in a text without blocks [docs.slack.dev/messaging/formatting-message-text]."""
    found = [
        one["range"]
        for block in message["blocks"]
        for holder in block["elements"]
        for one in holder["elements"]
        if one["type"] == "broadcast"
    ]
    return found + [word for word in ("channel", "here", "everyone") if not message["blocks"] and f"<!{word}>" in message["text"]]


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
