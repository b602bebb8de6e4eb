"""What the config says about who comes in."""

from ipaddress import IPv4Network, IPv6Network

import msgspec

Network = IPv4Network | IPv6Network


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True):
    trusted_proxy: tuple[Network, ...] = ()
    """From these addresses alone it is believed who asks, from where, and whether by TLS."""
    user_header: str = ""
    """The header in which such a proxy names whom it let in; "" lets in nobody so."""
    session_hours: float = 12
    """So long after their last click somebody stays logged in."""
