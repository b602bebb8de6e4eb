"""`[page]` of the config: where the emergency centre is reached, behind what, and where its links lead."""

import re
import string
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from bridge.config.findings import Findings, did_you_mean


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    listen: str = "127.0.0.1:7780"
    certificate: Path | None = None
    """PEM, with the chain; without one the page speaks plain http."""
    key: Path | None = None
    proxy: tuple[str, ...] = ()
    """Addresses of the proxies in front: nobody else may connect then, and what they say of who asks is believed."""
    user_header: str = ""
    """In which a proxy names whom it has let in."""
    opsview: str = ""
    """The address of a service's page in Opsview, with `{host}` and `{service}`."""
    cluster_gui: str = ""
    """The address of the cluster's own GUI, with `{node}` or `{cluster}`."""

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def url(self) -> str:
        """As a browser on this machine reaches it."""
        return f"{'https' if self.certificate else 'http'}://{self.listen}/"


_PLACE: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_MARKS: Final = {"opsview": ("host", "service", "cluster"), "cluster_gui": ("node", "cluster")}


def check_page(page: PageSettings, findings: Findings) -> None:
    match = _PLACE.fullmatch(page.listen)
    if match is None or not 0 < int(match[2]) < 65536:
        findings.wrong(("page", "listen"), f'{page.listen!r} is no address; write it like "127.0.0.1:7780" or "[::1]:7780"')
    elif page.certificate is None and not page.proxy and not _is_loopback(page.place[0]):
        findings.wrong(
            ("page", "listen"),
            f"{page.listen!r} would carry passwords in plain text over a network; "
            'give certificate and key, or name the proxy in front: proxy = ["192.0.2.7"]',
        )
    if (page.certificate is None) != (page.key is None):
        missing = "certificate" if page.certificate is None else "key"
        findings.wrong(("page", missing), f'is missing beside the other; add {missing} = "/etc/quorumbell/page.pem"')
    _check_proxy(page, findings)
    for name, marks in _MARKS.items():
        _check_link(name, getattr(page, name), marks, findings)


def _check_proxy(page: PageSettings, findings: Findings) -> None:
    for number, address in enumerate(page.proxy):
        if not _is_address(address):
            findings.wrong(("page", "proxy", number), f'{address!r} is no IP address; write it like "192.0.2.7"')
    if page.user_header and not _HEADER.fullmatch(page.user_header):
        findings.wrong(("page", "user_header"), f'{page.user_header!r} is no header; write it like "X-Remote-User"')
    elif page.user_header and not page.proxy:
        findings.wrong(("page", "user_header"), 'anybody could claim to be anybody; name the proxy: proxy = ["127.0.0.1"]')


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
