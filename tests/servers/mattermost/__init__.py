"""A Mattermost server with rules: the part of REST API v4 that a bot needs. Imports nothing of ours.

Sources: [api] the API reference, api/v4/source/posts.yaml and channels.yaml in mattermost/mattermost; [app] the server's own code,
server/channels/app/post.go and server/public/model/post.go there; [docs] the administrator's guide, "Rate limiting";
[belief] nobody could be asked: a client must survive either answer.
"""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from tests.servers.chat_server import Asked, ChatServer, Reply

ID: Final = re.compile(r"[a-z0-9]{26}")  # [app] model.IsValidId
ALPHABET: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"  # [app] model.NewId: z-base-32
REMEMBERED_FOR: Final = 30.0  # [app] pendingPostIDsCacheTTL
LONGEST: Final = 16383  # [app] PostMessageMaxRunesV2; 4000 (V1) where the column was never widened
MENTION: Final = re.compile(r"(?<![\w@])@(channel|all|here)\b")  # [app] mentions are found in the message's text


def new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(26))


class Refusal(Exception):  # noqa: N818 - it is an answer
    """[api] AppError: id, message, status_code, request_id, detailed_error."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(error)
        self.status, self.error, self.message = status, error, message


FORBIDDEN: Final = Refusal(403, "api.context.permissions.app_error", "You do not have the appropriate permissions.")
EXPIRED: Final = Refusal(401, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")


class Mattermost(ChatServer):
    """One team, channels, and bots that are members of some."""

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(port)
        self.longest = LONGEST
        self.may_edit = True
        self.per_second = 0
        """[docs] requests a second that are allowed; 0 for any number, as it is by default."""
        self.clock = clock
        self.team = "cluster"
        self.bots: dict[str, str] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.members: set[tuple[str, str]] = set()
        self.posts: dict[str, dict[str, Any]] = {}
        self._pending: dict[str, tuple[float, str]] = {}
        self._calls: list[float] = []

    def add_bot(self, token: str = "") -> str:
        token = token or new_id()
        self.bots[token] = new_id()
        return token

    def add_channel(self, name: str, *tokens: str) -> str:
        number = new_id()
        self.channels[number] = {"id": number, "name": name, "delete_at": 0}
        self.members |= {(number, self.bots[token]) for token in tokens}
        return number

    def delete(self, post_id: str) -> None:
        self.posts[post_id]["delete_at"] = self.posts[post_id]["update_at"] = self._now()

    # --- requests

    def answer(self, asked: Asked) -> Reply:
        try:
            self._count()
            return self._route(asked)
        except Refusal as no:
            body = {"id": no.error, "message": no.message, "detailed_error": "", "request_id": new_id(), "status_code": no.status}
            return no.status, body, {}
        except TooMany as many:
            # [docs] "limit exceeded", with X-Ratelimit-Reset: seconds until the limit is reset
            return 429, "limit exceeded\n", {"X-Ratelimit-Reset": str(many.wait), "Retry-After": str(many.wait)}

    def _count(self) -> None:
        now = self.clock()
        self._calls = [at for at in self._calls if now - at < 1] + [now]
        if self.per_second and len(self._calls) > self.per_second:
            raise TooMany(1)

    def _route(self, asked: Asked) -> Reply:
        user = self.bots.get(asked.token)
        if user is None:
            raise EXPIRED  # [api] 401 for a missing and for a wrong token
        match asked.verb, asked.path.removeprefix("/api/v4").strip("/").split("/"):
            case "POST", ["posts"]:
                return self._create(user, asked.body)
            case "PUT", ["posts", post_id, "patch"]:
                return self._patch(user, post_id, asked.body)
            case "GET", ["channels", channel, "posts"]:
                return self._list(user, channel, asked.form)
            case "GET", ["teams", "name", team, "channels", "name", channel]:
                return self._find(user, team, channel)
        raise Refusal(404, "api.context.404.app_error", "Sorry, we could not find the page.")

    def _member(self, user: str, channel: str) -> dict[str, Any]:
        if not ID.fullmatch(channel):
            raise Refusal(400, "api.context.invalid_url_param.app_error", "Invalid or missing channel_id parameter in request.")
        if channel not in self.channels or (channel, user) not in self.members:
            raise FORBIDDEN  # [belief] a channel that does not exist is answered like one that is closed to you
        return self.channels[channel]

    def _create(self, user: str, body: Any) -> Reply:
        if not isinstance(body, dict) or not isinstance(body.get("channel_id"), str) or not isinstance(body.get("message"), str):
            raise Refusal(400, "api.context.invalid_body_param.app_error", "Invalid or missing post in request body.")
        channel = self._member(user, body["channel_id"])
        if channel["delete_at"]:
            error = "api.post.create_post.can_not_post_to_deleted.error"  # [app] CreatePostAsUser
            raise Refusal(400, error, "Can not post to deleted channel.")
        pending = body.get("pending_post_id", "")
        seen_at, known = self._pending.get(pending, (0.0, ""))
        if pending and known and self.clock() - seen_at < REMEMBERED_FOR:
            return 201, self.posts[known], {}  # [app] deduplicateCreatePost
        self._check_message(body["message"])
        root = body.get("root_id", "")
        if root:
            self._check_root(root, channel["id"])
        now = self._now()
        post = {
            "id": new_id(),
            "create_at": now,
            "update_at": now,
            "edit_at": 0,
            "delete_at": 0,
            "user_id": user,
            "channel_id": channel["id"],
            "root_id": root,
            "message": body["message"],
            "props": {**body.get("props", {}), "from_bot": "true"},  # [app] PostPropsFromBot
            "pending_post_id": pending,
        }
        self.posts[post["id"]] = post
        self._pending[pending] = (self.clock(), post["id"])
        return 201, post, {}

    def _check_message(self, message: str) -> None:
        if not message:
            raise Refusal(400, "model.post.is_valid.msg.app_error", "Invalid message.")
        if len(message) > self.longest:  # [app] counted in runes
            raise Refusal(
                400, "model.post.is_valid.message_length.app_error", "Post Message property is longer than the maximum."
            )

    def _check_root(self, root: str, channel: str) -> None:
        post = self.posts.get(root)
        if post is None or post["delete_at"] or post["root_id"]:  # [app] a thread begins at a post that is in none
            raise Refusal(400, "api.post.create_post.root_id.app_error", "Invalid RootId parameter.")
        if post["channel_id"] != channel:
            raise Refusal(400, "api.post.create_post.channel_root_id.app_error", "Invalid ChannelId for RootId parameter.")

    def _patch(self, user: str, post_id: str, body: Any) -> Reply:
        post = self.posts.get(post_id)
        if post is None or post["delete_at"]:
            raise Refusal(404, "app.post.get.app_error", "Unable to get the post.")
        if post["user_id"] != user:
            raise FORBIDDEN  # [api] edit_others_posts
        if not self.may_edit:  # [app] PostEditTimeLimit
            raise Refusal(
                400, "api.post.update_post.permissions_time_limit.app_error", "Post edit is only allowed for 0 seconds."
            )
        self._check_message(body["message"])
        post["message"] = body["message"]
        post["edit_at"] = post["update_at"] = self._now()
        return 200, post, {}

    def _list(self, user: str, channel: str, form: dict[str, str]) -> Reply:
        self._member(user, channel)
        since = int(form.get("since", "0"))  # [api] posts changed since, deleted ones too
        found = [post for post in self.posts.values() if post["channel_id"] == channel and post["update_at"] >= since]
        order = [post["id"] for post in sorted(found, key=lambda post: -post["create_at"])]
        return 200, {"order": order, "posts": {post["id"]: post for post in found}}, {}

    def _find(self, user: str, team: str, name: str) -> Reply:
        for channel in self.channels.values():
            if channel["name"] == name and team == self.team and (channel["id"], user) in self.members:
                return 200, channel, {}
        raise Refusal(404, "app.channel.get_by_name.missing.app_error", "Channel does not exist.")

    def _now(self) -> int:
        return int(self.clock() * 1000)

    # --- readers

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        made: dict[str, list[dict[str, Any]]] = {channel["name"]: [] for channel in self.channels.values()}
        for post in self.posts.values():
            if not post["delete_at"]:
                shown = {"id": post["id"], "thread": post["root_id"], "edited": post["edit_at"] > 0}
                text = rendered(post["message"])
                made[self.channels[post["channel_id"]]["name"]].append(shown | {"text": text, "raw": post["message"]})
        return made


class TooMany(Exception):  # noqa: N818 - it is an answer
    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


def mentions(message: str) -> list[str]:
    """Whom a message rings: code is left out [docs: "Mention people in messages"]."""
    return MENTION.findall(re.sub(r"```.*?```|`[^`]*`", "", message, flags=re.DOTALL))


def rendered(message: str) -> str:
    """What a reader sees, as far as these rules go: fences away, `**`, links, and what a backslash makes ordinary [docs: Markdown]."""
    shown = []
    for number, piece in enumerate(re.split(r"^```.*\n?", message, flags=re.MULTILINE)):
        shown.append(piece if number % 2 else _inline(piece))
    return "".join(shown).replace("\u200b", "")


def _inline(text: str) -> str:
    kept: list[str] = []

    def keep(found: "re.Match[str]") -> str:
        kept.append(found[1])
        return f"\0{len(kept) - 1}\0"

    text = re.sub(r"\\([\\`*{}\[\]()#+\-.!_>~|<&])", keep, text)
    text = re.sub(r"`([^`]*)`", r"\1", text)
    text = re.sub(r"<[^>]*>", "", text)  # raw HTML is not shown
    text = re.sub(r":[a-z0-9_+-]*[a-z][a-z0-9_+-]*:", "(emoji)", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\*\*|__|~~)(\S.*?\S|\S)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_])(\S.*?\S|\S)\1(?!\w)", r"\2", text)
    return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)
