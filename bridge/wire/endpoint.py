"""Addresses of a bridge, as settings write them."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

ENDPOINT: Final = re.compile(r"tcp://(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


def is_loopback(endpoint: str) -> bool:
    """Only addresses count, and `localhost`: a name could mean anything tomorrow."""
    match = ENDPOINT.fullmatch(endpoint)
    host = (match.group(1) or match.group(2)) if match else ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
