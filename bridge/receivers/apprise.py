"""Everything else, a bell: the services that Apprise knows, each named by one address. Comes with `quorumbell[chat]`.

Apprise tells whether a message went out and no more: neither status nor Retry-After nor a message's id. So every no is tried
again, nothing is edited, and after a lost answer a retry may be a second message. A message holds everything at once, what to do
included.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo

import msgspec

from bridge.core.telling.notice import Delivered, Notice, Telling, TryLater, Verdict
from bridge.core.world.event import Severity
from bridge.receivers.settings import check_timeout, check_zone
from bridge.receivers.web import one_line
from bridge.secret import Secret, SecretError, redact
from bridge.texts.chat import Part, chat, fit, plain

try:
    import apprise
except ImportError:
    raise ImportError("Apprise is not installed; it comes with quorumbell[chat]") from None

MARKS: Final = {Severity.CRITICAL: "failure", Severity.WARNING: "warning"}
HOST: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|localhost")
SECRET_LENGTH: Final = 6
"""Pieces of an address that are shorter are words of it, not keys."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind apprise. Addresses hold keys, so `url` is a secret."""

    url: Secret
    timeout: timedelta = timedelta(seconds=30)
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        check_timeout(self.timeout)
        check_zone(self.time_zone)
        if self.url.origin == "literal":  # others are looked at when they are first needed
            service(self.url)


def service(url: Secret) -> Any:
    """The service behind an address. Raises ValueError with the cure, and without the address."""
    address = url.reveal()
    for piece in keys(address):
        Secret.literal(piece)  # is blanked out from now on, wherever it turns up
    made = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if made is None:
        raise ValueError(
            'url is no address that Apprise understands; write it like "ntfy://topic" (its manual lists all services)'
        )
    return made


def keys(address: str) -> set[str]:
    """The pieces of an address that may be keys: all but the scheme, names of hosts, and the plain words of a query."""
    place, _, query = address.partition("://")[2].partition("?")
    pieces = [piece for piece in re.split(r"[/@:#,]+", place) if not HOST.fullmatch(piece)]
    pieces += [value for _, value in parse_qsl(query) if not value.isalpha()]
    found = {form for piece in pieces for form in (piece, unquote(piece))}
    return {piece for piece in found if len(piece) >= SECRET_LENGTH}


class AppriseBell:
    """Sends each notice as one message."""

    in_place = False

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        del memory  # there is nothing to remember of a message without an id
        try:
            to = self._service
        except (SecretError, ValueError) as error:
            return TryLater(str(error))
        text = chat(notice, self._zone)
        body = fit(text.whole[1:], to.body_maxlen, size, text.cut)
        kind = "success" if notice.kind is Telling.CLOSED else MARKS.get(notice.incident.severity, "info")
        caller = apprise.Apprise()
        caller.add(to)
        said: list[str] = []
        result = caller.notify(
            title=plain(text.brief),
            body=plain(body),
            notify_type=kind,
            body_format="text",
            interpret_escapes=False,
            timeout=self._settings.timeout.total_seconds(),
            log_callback=lambda entry, _: said.append(entry.message),
            log_level=logging.WARNING,
        )
        if result:
            return Delivered(f"{to.service_name} took it")
        words = one_line(redact("; ".join(said)))
        return TryLater(f"{to.service_name} did not take it: {words or 'no answer in time'}")

    @cached_property
    def _service(self) -> Any:
        return service(self._settings.url)

    def close(self) -> None:
        """Nothing is kept open between messages."""


def size(parts: Sequence[Part]) -> int:
    return len(plain(parts))
