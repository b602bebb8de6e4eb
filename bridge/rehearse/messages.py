"""The messages of a rehearsal, whole, as they would be sent: in each receiver's language and time zone."""

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo

from bridge.core.telling.notice import Notice, Telling
from bridge.texts import render

Message = dict[str, str]


def messages(notices: Iterable[Notice], zones: Mapping[str, tzinfo], language: str = "") -> list[Message]:
    """In the order of telling. `language` instead of the receiver's own; who has no zone reads UTC.

    An incident's number is missing, and with it the link to its page: only a ledger gives it."""
    return [_message(notice, zones.get(notice.receiver, UTC), language) for notice in notices]


def _message(notice: Notice, zone: tzinfo, language: str) -> Message:
    text = render(notice, language, zone=zone)
    first = notice.kind is Telling.OPENED or notice.kind.bundles
    return {
        "at": notice.at.astimezone(zone).isoformat(),
        "receiver": notice.receiver,
        "kind": notice.kind.value,
        "subject": text.subject if first else f"Re: {text.subject}",
        "text": text.body,
    }
