"""What somebody sends: all of it or nothing, and never much."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Message, Receive

MOST: Final = 64 * 1024
"""Bytes. A form of ours has a few hundred."""
MOST_FIELDS: Final = 500
PATIENCE: Final = 10.0
"""Seconds."""


class Refused(Exception):  # noqa: N818 - what it is
    def __init__(self, status: int, key: str, **values: object) -> None:
        """`key` and `values` are a word of the page."""
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


async def body_of(headers: Mapping[str, str], receive: Receive) -> bytes:
    """Raises Refused; of what is too long no more is taken than it may have."""
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length[:20]) > MOST:
        raise Refused(413, "too_large")
    try:
        async with asyncio.timeout(PATIENCE):
            return await _whole(receive)
    except TimeoutError:
        raise Refused(408, "too_slow") from None


async def _whole(receive: Receive) -> bytes:
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "hung_up")
        found += message.get("body", b"")
        if len(found) > MOST:
            raise Refused(413, "too_large")
        if not message.get("more_body", False):
            return bytes(found)


def fields_of(body: bytes) -> dict[str, list[str]]:
    """Of a form. Raises Refused."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refused(400, "no_form") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def again(body: bytes, receive: Receive) -> Receive:
    """For whoever reads it after us."""
    given = False

    async def _receive() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return _receive
