"""A client with a deadline: one request, its whole answer, and what the status means."""

import ssl
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import requests
import urllib3

from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.receivers.web.answer import Answer, NoAnswer, one_line, scrub, where
from bridge.receivers.web.deadline import Adapter
from bridge.receivers.web.faults import telling

CHUNK: Final = 16 * 1024
BODY_LIMIT: Final = 1024 * 1024
CONNECT_WITHIN: Final = 5.0
# Heals by itself: timeout, too early, too many requests (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4); and every 5xx.
PASSING: Final = frozenset({408, 425, 429})


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
        adapter = Adapter()
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
        with telling(url, within) as cut, cut.after(within):
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
            return Answer(status=answer.status_code, body=body, headers=answer.headers, where=where(url))

    def _read(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.iter_content(CHUNK):
            body += chunk
            if len(body) > self._body_limit:
                raise NoAnswer(f"{where(answer.url)} sent more than {self._body_limit} bytes")
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


def _trusted(ca_file: str | None, *, verify: bool) -> str | bool:
    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return False
    system = ssl.get_default_verify_paths()
    return ca_file or system.cafile or system.capath or True
