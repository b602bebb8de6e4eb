"""HTTP for receivers: in one place, how long we wait, whom we trust, how much we read, and what a status means.

An answer is an `Answer` whatever its status; what is not an answer (refused, cut, too slow, half, too long) is `NoAnswer`.
Neither ever holds a secret: addresses are told as scheme and host, other sides' words are scrubbed. One `Web` belongs to one
worker thread. Nothing is retried here except a connection that was never made: when to try again is the outbox's decision.
"""

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict

CHUNK: Final = 16 * 1024
BODY_LIMIT: Final = 1024 * 1024
CONNECT_WITHIN: Final = 5.0
LONGEST_WAIT: Final = timedelta(days=1)
# Heals by itself: timeout, too early, too many requests (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4); and every 5xx.
PASSING: Final = frozenset({408, 425, 429})


class NoAnswer(Exception):  # noqa: N818  # it is an outcome of asking, not a mistake
    """The other side gave no usable answer; `str()` says why in plain words and holds no secret."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    headers: Mapping[str, str]
    """Looked up in any letter case."""
    where: str
    """Scheme and host, for messages."""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def retry_after(self) -> timedelta | None:
        return retry_after(self.headers)


class Web:
    """A client with a deadline. `secrets` are masked wherever their text turns up."""

    def __init__(
        self,
        *,
        deadline: timedelta,
        ca_file: str | None = None,
        verify: bool = True,
        secrets: Iterable[str] = (),
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._deadline = deadline.total_seconds()
        self._body_limit = body_limit
        self._secrets = tuple(secrets)
        self._session = requests.Session()
        # No proxy, no .netrc and no CA bundle out of somebody's environment.
        self._session.trust_env = False
        self._session.verify = _trusted(ca_file, verify=verify)
        adapter = _Adapter()
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(self, url: str, **how: Any) -> Answer:
        return self.request("GET", url, **how)

    def post(self, url: str, **how: Any) -> Answer:
        return self.request("POST", url, **how)

    def put(self, url: str, **how: Any) -> Answer:
        return self.request("PUT", url, **how)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        json: Any = msgspec.UNSET,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: timedelta | None = None,
    ) -> Answer:
        """One request and its whole answer, redirects not followed; raises NoAnswer. `json` is encoded by msgspec."""
        head = dict(headers or {})
        if json is not msgspec.UNSET:
            data = msgspec.json.encode(json)
            head.setdefault("Content-Type", "application/json")
        within = deadline.total_seconds() if deadline else self._deadline
        with _telling(url, within) as cut, cut.after(within):
            with self._session.request(
                method,
                url,
                params=params if isinstance(params, Mapping) else list(params),
                data=data,
                headers=head,
                timeout=(min(CONNECT_WITHIN, within), within),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = self._read(answer)
            return Answer(status=answer.status_code, body=body, headers=answer.headers, where=_where(url))

    def _read(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.iter_content(CHUNK):
            body += chunk
            if len(body) > self._body_limit:
                raise NoAnswer(f"{_where(answer.url)} sent more than {self._body_limit} bytes")
        return bytes(body)

    def scrub(self, text: str) -> str:
        """The text without our secrets, also where they stand percent-encoded."""
        return scrub(text, self._secrets)

    def verdict(self, answer: Answer) -> Verdict:
        """What the status means when the service has no words of its own."""
        why = f"{answer.status} from {answer.where}"
        said = self.scrub(one_line(answer.text))
        told = f"{why}: {said}" if said else why
        if answer.status // 100 == 2:
            return Delivered(why=why)
        if answer.status // 100 == 3:
            return GiveUp(why=f"{why}: it redirects; put the address it redirects to into the config")
        if answer.status in PASSING or answer.status >= 500:
            return TryLater(why=told, after=answer.retry_after)
        return GiveUp(why=told)

    def close(self) -> None:
        self._session.close()


def one_line(text: str, limit: int = 200) -> str:
    """Other sides' words, fit for a log line: white space folded, unprintables gone, cut."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def scrub(text: str, secrets: Iterable[str]) -> str:
    forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret), quote(secret))}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wish in seconds or as a date (RFC 9110 10.2.3). A date is taken against the answer's own Date, so no clocks differ."""
    wish = headers.get("Retry-After", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(timedelta(seconds=min(int(wish[:9]), 10**8)), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(wish) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))


def _where(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _trusted(ca_file: str | None, *, verify: bool) -> str | bool:
    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return False
    system = ssl.get_default_verify_paths()
    return ca_file or system.cafile or system.capath or True


@contextlib.contextmanager
def _telling(url: str, within: float) -> Iterator["_Cut"]:
    """Turns what requests raises into NoAnswer in plain words: its own texts quote the address with everything in it."""
    cut = _Cut()
    try:
        yield cut
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if cut.done:
            raise NoAnswer(f"no whole answer from {_where(url)} within {within:g} s") from None
        raise NoAnswer(f"{_words(error)}: {_where(url)}") from None
    if cut.done:
        # An answer without a length ends where we cut it, and looks whole.
        raise NoAnswer(f"no whole answer from {_where(url)} within {within:g} s")


def _words(error: Exception) -> str:
    match error:
        case requests.exceptions.SSLError():
            return f"TLS failed ({_root(error)})"
        case requests.exceptions.ConnectTimeout():
            return "no connection in time"
        case requests.exceptions.Timeout():
            return "no answer in time"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "half an answer"
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema() | requests.exceptions.MissingSchema():
            return "not an address that can be called"
    return f"no answer ({_root(error)})"


def _root(error: BaseException) -> str:
    """The innermost cause's own words: `Connection refused`, `certificate has expired`."""
    seen: list[BaseException] = [error]
    while inner := _inner(seen[-1], seen):
        seen.append(inner)
    last = seen[-1]
    if isinstance(last, ssl.SSLCertVerificationError):
        return last.verify_message
    if isinstance(last, OSError) and last.strerror:
        return last.strerror
    return type(last).__name__


def _inner(error: BaseException, seen: list[BaseException]) -> BaseException | None:
    reason = getattr(error, "reason", None)
    causes = [reason, error.__cause__, error.__context__, *error.args, *error.args[1:]]
    return next((c for c in causes if isinstance(c, BaseException) and c not in seen), None)


class _Cut:
    """Ends a request at its deadline whatever it is stuck in: handshake, header, body. (A socket's own timeout only bounds
    the wait for the next byte; a side that sends one byte a second would hold us for ever. Name resolution alone has the
    resolver's limits.)
    """

    def __init__(self) -> None:
        self.done = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()

    def carries(self, line: socket.socket) -> None:
        # A descriptor of our own: TLS takes the first one away, and http.client closes early when the body ends with the line.
        with self._lock:
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))
            if self.done:
                _shut(self._lines[-1])

    @contextlib.contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        _underway.cut = self
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            _underway.cut = None
            self._close()

    def _cut(self) -> None:
        with self._lock:
            self.done = True
            for line in self._lines:
                _shut(line)

    def _close(self) -> None:
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


_underway = threading.local()


class _Connection(HTTPConnection):
    """Shows the request under way which socket carries it: at its making, before TLS, and whenever it is used again."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _show(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _show(self.sock)
        super().request(*args, **kwargs)


def _show(line: socket.socket) -> None:
    cut: _Cut | None = getattr(_underway, "cut", None)
    if cut is not None:
        cut.carries(line)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        once = urllib3.Retry(total=1, connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False)
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=once)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
