"""Values out of the body of a report: texts, numbers, when it happened, and its place in the order of its witness."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2s
from sys import intern
from typing import Any, Final, TypedDict

from bridge.core.world.event import EPOCH, Report

Body = Mapping[str, Any]

SEQUENCE: Final = "sequence"
ARRIVAL: Final = "arrival"
"""Orders of a witness: by the running number of Pacemaker's calls; numbered too, but timed only by when they arrived (1.1.x)."""
_FUTURE: Final = timedelta(days=1)
_DIGITS: Final = 15
_LONGEST_NAME: Final = 200
"""Characters of a name that stands in keys: PostgreSQL's index takes 2704 bytes, and a key may hold two names."""
_LARGEST: Final = 2**63


class Senseless(ValueError):  # noqa: N818 - said as it is
    """The report cannot mean anything; the text says which variable is at fault."""


class Head(TypedDict):
    """The fields that every event has."""

    uid: bytes
    witness: str
    at: datetime
    stamp: int | None
    order: tuple[str, int]


def head(report: Report, *, witness: str | None = None, stamp: int | None = None) -> Head:
    """What the report's event begins with. The node is the witness, and the stamp is Pacemaker's, unless they are given."""
    if stamp is None:
        stamp = stamp_of(report.body)
    return {
        "uid": report.uid,
        "witness": report.node if witness is None else witness,
        "at": happened_at(report, stamp),
        "stamp": stamp,
        "order": order_of(report),
    }


def happened_at(report: Report, stamp: int | None) -> datetime:
    """When it happened: by its stamp, or else by the hook's own wall clock, and the correction that goes with it."""
    if stamp is None:
        wall = report.body.get("wall_ns")
        if not isinstance(wall, int):
            return report.received_at
        stamp = wall // 1000
    # Days, seconds, microseconds: by place, which is quicker, for every alert passes here.
    return believed(EPOCH + timedelta(0, 0, stamp) + report.offset, report)


def stamp_of(body: Body) -> int | None:
    """When Pacemaker says that it happened, in microseconds by its node's wall clock. Raises Senseless.

    It gives epoch and microseconds from 2.0 on; its formatted timestamp follows the user's taste and is never parsed.
    """
    epoch = body.get("CRM_alert_timestamp_epoch")
    if not epoch:
        return None
    micro = body.get("CRM_alert_timestamp_usec") or "0"
    return integer("CRM_alert_timestamp_epoch", epoch) * 1_000_000 + integer("_usec", micro)


def believed(at: datetime, report: Report) -> datetime:
    """A clock that is more than a day ahead is not, nor one before 1970: then the time of arrival stands for it."""
    return at if EPOCH <= at < report.received_at + _FUTURE else report.received_at


def order_of(report: Report) -> tuple[str, int]:
    sequence = report.body.get("CRM_alert_node_sequence")
    if sequence:
        return SEQUENCE if report.body.get("CRM_alert_timestamp_epoch") else ARRIVAL, integer("CRM_alert_node_sequence", sequence)
    boot_ns = report.body.get("boot_ns")
    return text(report.body, "boot"), boot_ns if isinstance(boot_ns, int) and 0 <= boot_ns < _LARGEST else 0


def text(body: Body, key: str) -> str:
    """A text of a body, empty when it is missing, and such as can be kept; one object for all equal ones. Raises Senseless."""
    value = body.get(key, "")
    if not isinstance(value, str):
        raise Senseless(f"{key} is not a text")
    return intern(value if value.isascii() and "\0" not in value else holdable(value))


def holdable(value: str) -> str:
    """What no database takes, written out: NUL as \\x00, halves of characters as \\udc80. (PostgreSQL, character types)"""
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def named(value: str) -> str:
    """A name that fits into keys and indices: of a longer one its beginning, and a digest that tells it from its like."""
    if len(value) <= _LONGEST_NAME:
        return value
    return intern(f"{value[:_LONGEST_NAME]}~{blake2s(value.encode(), digest_size=4).hexdigest()}")


def name_of(body: Body, key: str) -> str:
    """A name that must be there. Raises Senseless."""
    value = text(body, key)
    if not value:
        raise Senseless(f"{key} is missing or empty")
    return named(value)


def integer(key: str, value: Any) -> int:
    """Python reads integers of any length and raises on very long ones: fifteen digits are more than any code or time has."""
    if isinstance(value, str) and len(value) <= _DIGITS:
        try:
            return int(value)
        except ValueError:
            pass
    shown = "missing" if value is None else repr(value)[:60]
    raise Senseless(f"{key} is not an integer: {shown}")
