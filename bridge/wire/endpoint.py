"""Addresses of a bridge, as settings write them."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

ENDPOINT: Final = re.compile(r"tcp://(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


def is_loopback(endpoint: str) -> bool:
    """Only addresses count, and `localhost`: a name could mean anything tomorrow."""
    host = _host(endpoint)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def families(endpoint: str) -> tuple[bool, ...]:
    """How to reach it, in this order: True with libzmq's IPV6 on, False without. With it, libzmq takes the first address that a
    name has of any family, and only that; without it the first of IPv4."""
    try:
        return (ipaddress.ip_address(_host(endpoint)).version == 6,)
    except ValueError:
        return True, False


def plain_address(address: str) -> str:
    """An IPv4 address as everybody writes it; a socket of both families calls it `::ffff:10.0.0.1`."""
    return address.removeprefix("::ffff:") if "." in address else address


def _host(endpoint: str) -> str:
    match = ENDPOINT.fullmatch(endpoint)
    return (match.group(1) or match.group(2)) if match else ""
