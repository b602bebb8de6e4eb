"""Opsview's REST API: the session, and what an answer means. Facts and their sources: the vendor's manual of 4.6 to 6.11.

A token lives for an hour and each good call renews it; a 401 means: log in once more and repeat. A 200 means queued, not done. An
object with a `message` is an error whatever its status, and some errors are no JSON at all. Nothing here raises for what the
other side does, and no answer that leaves this module holds the password or a token.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.receivers.web import PASSING, Answer, NoAnswer, Web, one_line, scrub
from bridge.secret import Secret

HEADERS: Final = {
    # Content-Type decides the form of the answer, also of a GET; without it Perl's own form comes back.
    "Accept": "application/json",
    "Content-Type": "application/json",
    # Error pages that are said to be compressed and are not: the vendor's own tool switches it off.
    "Accept-Encoding": "identity",
}
BODY_LIMIT: Final = 32 * 1024 * 1024
"""The state of ten thousand services is some megabytes."""
ONCE_MORE: Final = timedelta(seconds=1)
WRONG_PASSWORD_WAIT: Final = timedelta(minutes=5)
"""Whoever tries a wrong password each second gets locked out."""

Params = Iterable[tuple[str, str]]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where, and as whom."""

    url: str
    user: str
    password: Secret
    timeout: timedelta
    ca_file: str | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError('url is none; write url = "https://opsview.example.com", the password apart')
        if parts.scheme == "http" and not self.insecure and not _loopback(parts.hostname):
            raise ValueError("url would send the password in plain text; write https, or set insecure = true")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, or (status 0) why there was none. `words` say what is wrong; empty when all is well."""

    status: int
    data: Any = None
    words: str = ""
    after: timedelta | None = None

    @property
    def ok(self) -> bool:
        return not self.words

    def rows(self, key: str = "list") -> list[dict[str, Any]]:
        """The objects of a list in it, whatever else stands there."""
        found = self.data.get(key) if isinstance(self.data, dict) else None
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def table(self, key: str) -> dict[str, Any]:
        found = self.data.get(key) if isinstance(self.data, dict) else None
        return found if isinstance(found, dict) else {}

    def verdict(self) -> Verdict:
        if self.ok:
            return Delivered(why="taken")
        if "deadlock" in self.words.lower():
            return TryLater(self.words, ONCE_MORE)
        passing = self.status in PASSING or self.status >= 500 or self.status < 400
        if passing or self.status in {401, 403}:
            return TryLater(self.words, self.after)
        return GiveUp(self.words)


class Api:
    """One session. Belongs to one thread at a time."""

    def __init__(self, account: Account) -> None:
        self.account = account
        url = account.url.rstrip("/")
        self._base = url if url.endswith("/rest") else f"{url}/rest"
        self._web = Web(deadline=account.timeout, ca_file=account.ca_file, verify=not account.insecure, body_limit=BODY_LIMIT)
        self._token = ""

    def get(self, path: str, params: Params = ()) -> Reply:
        return self.call("GET", path, params)

    def post(self, path: str, params: Params = (), body: Any = msgspec.UNSET) -> Reply:
        return self.call("POST", path, params, body)

    def call(self, verb: str, path: str, params: Params = (), body: Any = msgspec.UNSET) -> Reply:
        """`path` as in the manual, without /rest. Logs in when there is no session, and once more when it has ended."""
        asked = list(params)
        for attempt in (1, 2):
            if not self._token and not (logged_in := self._login()).ok:
                return logged_in
            reply = self._send(verb, path, asked, body, {"X-Opsview-Username": self.account.user, "X-Opsview-Token": self._token})
            if reply.status != 401 or attempt == 2:
                return reply
            self._token = ""
        raise AssertionError("the second attempt always returns")

    def close(self) -> None:
        self._web.close()

    def _login(self) -> Reply:
        body = {"username": self.account.user, "password": self.account.password.reveal()}
        reply = self._send("POST", "/login", (), body, {})
        if reply.status in {401, 403}:
            words = f"{reply.words} (user {self.account.user} cannot log in: correct user or password)"
            return Reply(status=reply.status, words=words, after=WRONG_PASSWORD_WAIT)
        if not reply.ok:
            return reply
        token = reply.data.get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            return Reply(status=0, words="the login was answered without a token")
        self._token = token
        return reply

    def _send(self, verb: str, path: str, params: Params, body: Any, headers: Mapping[str, str]) -> Reply:
        try:
            answer = self._web.request(verb, f"{self._base}{path}", params=params, json=body, headers={**HEADERS, **headers})
        except NoAnswer as error:
            return Reply(status=0, words=self._clean(str(error)))
        return self._read(answer, f"{verb} /rest{path}")

    def _read(self, answer: Answer, what: str) -> Reply:
        data, where = answer.json, f"{what}: {answer.status} from {answer.where}"
        said = ""
        if isinstance(data, dict):
            # `info` and `detail` are only sent where the server was told to (opsview-rest.md 1.2).
            told = [str(data[name]) for name in ("message", "info", "detail") if data.get(name)]
            said = one_line(": ".join(told)) if data.get("message") or answer.status != 200 else ""
            if answer.status != 200 and not said:
                said = one_line("; ".join(map(str, data.get("messages") or ())))
        elif answer.status == 200:
            return Reply(status=0, words=f"{where}: that is no answer of Opsview's; does the url lead to it?")
        else:
            said = one_line(answer.text)
        if answer.status == 200 and not said:
            return Reply(status=200, data=data)
        if answer.status // 100 == 3:
            said = "it redirects; put the address it redirects to into the config"
        return Reply(
            status=answer.status if answer.status != 200 else 400,
            data=data,
            words=self._clean(f"{where}: {said}" if said else where),
            after=answer.retry_after,
        )

    def _clean(self, text: str) -> str:
        return scrub(text, (self.account.password.reveal(), self._token))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
