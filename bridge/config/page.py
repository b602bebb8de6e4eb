"""`[page]` of the config: where the emergency centre is reached, behind what, and where its links lead."""

import re
import string
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final

import msgspec

from bridge.config.findings import Findings, did_you_mean

Network = IPv4Network | IPv6Network


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    listen: str = "127.0.0.1:7780"
    address: str = ""
    """How browsers reach it, from wherever people read mails and chats: links in these lead there. Without it there are none."""
    certificate: Path | None = None
    """PEM, with the chain; without one the page speaks plain http."""
    key: Path | None = None
    trusted_proxy: tuple[str, ...] = ()
    """Addresses or networks of the proxies in front: what they say of who asks is believed, and nobody else's word."""
    user_header: str = ""
    """In which such a proxy names whom it has let in."""
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=8760)] = 12
    """So long after their last click somebody stays logged in."""
    opsview: str = ""
    """The address of a service's page in Opsview, with `{host}` and `{service}`."""
    cluster_gui: str = ""
    """The address of the cluster's own GUI, with `{node}` or `{cluster}`."""

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def networks(self) -> tuple[Network, ...]:
        return tuple(map(ip_network, self.trusted_proxy))

    @property
    def only_proxies(self) -> bool:
        """Whether it is plain http on a network: then nobody but the proxies may speak to it."""
        return self.certificate is None and not _is_loopback(self.place[0])

    @property
    def links_to(self) -> str:
        """Where the links of notices begin; nothing without an address."""
        return self.address.rstrip("/")

    @property
    def url(self) -> str:
        """As a browser on this machine reaches it."""
        return f"{'https' if self.certificate else 'http'}://{self.listen}/"


_PLACE: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
_ADDRESS: Final = re.compile(r"https?://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?/?")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_MARKS: Final = {"opsview": ("host", "service", "cluster"), "cluster_gui": ("node", "cluster")}


def check_page(page: PageSettings, findings: Findings) -> None:
    match = _PLACE.fullmatch(page.listen)
    if match is None or not 0 < int(match[2]) < 65536:
        findings.wrong(("page", "listen"), f'{page.listen!r} is no address; write it like "127.0.0.1:7780" or "[::1]:7780"')
    elif page.only_proxies and not page.trusted_proxy:
        findings.wrong(
            ("page", "listen"),
            f"{page.listen!r} would carry passwords in plain text over a network; "
            'give certificate and key, or name the proxy in front: trusted_proxy = ["192.0.2.7"]',
        )
    _check_address(page.address, findings)
    if (page.certificate is None) != (page.key is None):
        missing = "certificate" if page.certificate is None else "key"
        findings.wrong(("page", missing), f'is missing beside the other; add {missing} = "/etc/quorumbell/page.pem"')
    _check_proxy(page, findings)
    for name, marks in _MARKS.items():
        _check_link(name, getattr(page, name), marks, findings)


def _check_address(address: str, findings: Findings) -> None:
    match = _ADDRESS.fullmatch(address) if address else None
    if address and (match is None or not 0 < int(match[2] or 1) < 65536):
        findings.wrong(
            ("page", "address"),
            f"{address!r} is no address of a page; write scheme and host, and a port if it needs one, with nothing behind them: "
            '"https://bell.example.com"',
        )
    elif match is not None and address.startswith("http:") and not _is_loopback(match[1].strip("[]")):
        findings.odd(("page", "address"), "whoever follows a link would log in in plain text; write https://")


def _check_proxy(page: PageSettings, findings: Findings) -> None:
    for number, address in enumerate(page.trusted_proxy):
        try:
            ip_network(address)
        except ValueError as error:
            findings.wrong(("page", "trusted_proxy", number), f'{error}; write it like "192.0.2.7" or "192.0.2.0/24"')
    if page.user_header and not _HEADER.fullmatch(page.user_header):
        findings.wrong(("page", "user_header"), f'{page.user_header!r} is no header; write it like "X-Remote-User"')
    elif page.user_header and not page.trusted_proxy:
        findings.wrong(
            ("page", "user_header"), 'anybody could claim to be anybody; name the proxy: trusted_proxy = ["127.0.0.1"]'
        )


def _check_link(name: str, template: str, marks: tuple[str, ...], findings: Findings) -> None:
    if not template:
        return
    if not template.startswith(("https://", "http://")):
        findings.wrong(("page", name), f'{template!r} is no address; write it like "https://host/…"')
        return
    try:
        found = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        findings.wrong(("page", name), f"{template!r}: {error}; write braces that are meant as they are twice")
        return
    for field in found:
        if field not in marks:
            findings.wrong(("page", name), f"there is no {{{field}}} here; {did_you_mean(field, marks)}")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
