"""What a body must be to enter the ledger. Everything else about it is the normaliser's business."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.wire import codec
from bridge.wire.body import Torn, check

BODY_VERSION: Final = 1
_LARGEST: Final = 2**63 - 1
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Unacceptable(Exception):  # noqa: N818 - their mistake, not ours
    def __init__(self, code: codec.Code, why: str) -> None:
        super().__init__(why)
        self.code = code


def inspect(uid: bytes, body: bytes) -> dict[str, Any]:
    """The fields of a body. What a newer hook says is let through: losing it would be worse than not understanding it."""
    if len(body) > codec.MAX_EVENT:
        raise Unacceptable(codec.Code.TOO_LARGE, f"{len(body)} bytes, more than {codec.MAX_EVENT}")
    try:
        fields = _decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as wrong:
        raise Unacceptable(codec.Code.MALFORMED, f"not a JSON object: {wrong}") from None
    version = fields.get("v")
    if type(version) is not int:
        raise Unacceptable(codec.Code.MALFORMED, "no version")
    if not 0 < version <= BODY_VERSION + 1:
        raise Unacceptable(codec.Code.VERSION, f"version {version}; this bridge reads {BODY_VERSION}: upgrade the bridge first")
    if fields.get("id") != uid.hex() or len(uid) != codec.ID_BYTES:
        raise Unacceptable(codec.Code.MALFORMED, "its id is not that of its envelope")
    if version == BODY_VERSION:
        _inspect_own(body, fields)
    return fields


def _inspect_own(body: bytes, fields: dict[str, Any]) -> None:
    if not isinstance(fields.get("src"), str):
        raise Unacceptable(codec.Code.MALFORMED, "no source")
    for key in ("boot_ns", "wall_ns"):
        if type(fields.get(key)) is not int or not 0 <= fields[key] <= _LARGEST:
            raise Unacceptable(codec.Code.MALFORMED, f"{key} is not a number of nanoseconds")
    try:
        check(body)
    except Torn as wrong:
        raise Unacceptable(codec.Code.MALFORMED, str(wrong)) from None
