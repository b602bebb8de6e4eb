"""Checks that several kinds' tables share. Each raises ValueError with the cure."""

import ipaddress
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST_TIMEOUT: Final = timedelta(seconds=100)
"""Shorter than the deadline of a delivery, so that the receiver itself says what took so long."""


def check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'time_zone {name!r} is not known here; write one like "Europe/Berlin", or "UTC"') from None


def check_timeout(timeout: timedelta) -> None:
    if not timedelta(seconds=1) <= timeout <= LONGEST_TIMEOUT:
        raise ValueError('timeout must lie between one and 100 seconds; write timeout = "30s"')


def check_url(url: str, example: str) -> None:
    """An address to which a secret may be sent: https, or plain http to this machine itself."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f'url is no address; write url = "{example}"') from None
    if parts.scheme not in {"http", "https"} or not host or port == 0 or not url.isascii() or any(c.isspace() for c in url):
        raise ValueError(f'url is no address; write url = "{example}"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("url holds a user or a password; put the secret into token")
    if parts.query or parts.fragment:
        raise ValueError(f'url goes on behind its path; write url = "{example}"')
    if parts.scheme == "http" and not loopback(host):
        raise ValueError("url would send the token in plain text; write https://")


def loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
