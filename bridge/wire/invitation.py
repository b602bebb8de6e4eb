"""The line with which a node joins: where the bridge is, how it is known, and an invitation's secret key.

    quorumbell1.BASE64URL        of JSON and its CRC-32: a line that lost an end on its way is noticed

It holds a secret that is good for one node and for a while.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from bridge.wire.endpoint import ENDPOINT
from bridge.wire.keys import NAME, is_key

VERSION: Final = "quorumbell1"


class Token(NamedTuple):
    """Prints without its secret. `node` "": whatever the node calls itself."""

    bridges: tuple[str, ...]
    bridge_key: str
    secret: str
    cluster: str
    node: str = ""

    def __repr__(self) -> str:
        return f"Token({', '.join(self.bridges)}, cluster={self.cluster!r}, node={self.node!r}, secret=***)"


def to_line(token: Token) -> str:
    text = json.dumps(token._asdict(), separators=(",", ":")).encode()
    return f"{VERSION}.{urlsafe_b64encode(text + binascii.crc32(text).to_bytes(4, 'big')).decode().rstrip('=')}"


def from_line(line: str) -> Token:
    """Raises ValueError with the cure. Blanks and line breaks are a terminal's."""
    version, _, packed = "".join(line.split()).partition(".")
    if version != VERSION:
        raise ValueError(
            f"this is no line of quorumbell join-token: it begins with {VERSION}. (or node and bridge differ in their version)"
        )
    try:
        whole = urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        token = _read(whole[:-4]) if whole[-4:] == binascii.crc32(whole[:-4]).to_bytes(4, "big") else None
    except (ValueError, TypeError, KeyError):
        token = None
    if token is None:
        raise ValueError("the line is not whole: copy it again, from its first to its last character")
    return token


def _read(text: bytes) -> Token | None:
    told = json.loads(text)
    token = Token(tuple(told["bridges"]), told["bridge_key"], told["secret"], told["cluster"], told["node"])
    names = (token.cluster, *([token.node] if token.node else []))
    good = token.bridges and all(ENDPOINT.fullmatch(one) for one in token.bridges) and all(NAME.fullmatch(one) for one in names)
    return token if good and is_key(token.bridge_key) and is_key(token.secret) else None
