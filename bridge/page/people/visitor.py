"""Who knocks: from which address, whether by TLS, and whom a trusted proxy says it is. Pure."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from bridge.config.page import PageSettings
from bridge.page.people.passwords import Unfit, name_of


class Visitor(NamedTuple):
    address: str
    """An IPv6 network of 64 bits counts as one: whoever has one address has all of them."""
    tls: bool
    named: str | None = None
    """By a trusted proxy; "" when what it says is no name."""


def visitor_of(scope: Mapping[str, Any], settings: PageSettings) -> Visitor:
    """What a proxy's headers say counts only when they come from its address."""
    client = _address(scope["client"][0] if scope.get("client") else "")
    tls = scope.get("scheme") == "https"
    if client is None or not _is_trusted(client, settings):
        return Visitor(_counted(client), tls)
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    named = _all(headers, settings.user_header) if settings.user_header else []
    forwarded = [_address(one.strip()) for one in ",".join(_all(headers, "x-forwarded-for")).split(",")]
    # The last hop that is no proxy of ours: what stands before it, the visitor may have written.
    last = next((one for one in reversed(forwarded) if one is None or not _is_trusted(one, settings)), None)
    return Visitor(
        _counted(last or client),
        tls or _all(headers, "x-forwarded-proto")[-1:] == ["https"],
        _named(named) if any(named) else None,
    )


def _named(found: Sequence[str]) -> str:
    """Of two names one is the visitor's own: nobody is let in by that."""
    try:
        return name_of(found[0]) if len(found) == 1 else ""
    except Unfit:
        return ""


def _all(headers: Sequence[tuple[bytes, bytes]], name: str) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name.lower().encode()]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _is_trusted(address: IPv4Address | IPv6Address, settings: PageSettings) -> bool:
    return any(address in network for network in settings.networks)


def _counted(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((address, 64), strict=False))
    return str(address or "nowhere")
