"""`[bridge]` of the config: the ledger, where it listens, what it says of itself."""

import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit

import msgspec

from bridge.config.findings import Findings
from bridge.config.routes import Language
from bridge.secret import Secret


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "quorumbell"
    """Under which name this bridge speaks: in its greetings to relays, in test notices, in logs."""
    ledger: str = "sqlite:////var/lib/quorumbell/ledger.db"
    ledger_password: Secret | None = None
    listen: tuple[str, ...] = ("tcp://*:7710",)
    listen_plain: tuple[str, ...] = ()
    keys: Path = Path("/etc/quorumbell/keys")
    allowed: Path = Path("/etc/quorumbell/allowed.d")
    joined: Path = Path("/var/lib/quorumbell/joined.d")
    """Where the bridge keeps who joined with a line: its own user writes there."""
    control: Path = Path("/run/quorumbell/control.sock")
    metrics: str | None = None
    language: Language = "en"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @property
    def ledger_url(self) -> str:
        """The ledger's address with its password in it: for Ledger.open, never for a log."""
        if self.ledger_password is None:
            return self.ledger
        scheme, _, rest = self.ledger.partition("://")
        user, _, place = rest.partition("@")
        return f"{scheme}://{user}:{quote(self.ledger_password.reveal(), safe='')}@{place}"


_ENDPOINT: Final = re.compile(r"tcp://(\*|\[[0-9a-fA-F:]+\]|[^\s:/*\[\]]+):(\d+)|ipc:///\S+")
_LOOPBACK: Final = re.compile(r"tcp://(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+|ipc:///\S+")
_HOST_PORT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d+)")


def check_bridge(bridge: BridgeSettings, findings: Findings) -> None:
    _check_ledger(bridge, findings)
    for name, form in (("listen", _ENDPOINT), ("listen_plain", _ENDPOINT)):
        for number, endpoint in enumerate(getattr(bridge, name)):
            match = form.fullmatch(endpoint)
            if not match or not _is_port(match[2]):
                findings.wrong(("bridge", name, number), f'{endpoint!r} is no endpoint; write it like "tcp://*:7710"')
            elif name == "listen_plain" and not _LOOPBACK.fullmatch(endpoint):
                findings.wrong(
                    ("bridge", name, number), f'{endpoint!r} would carry plain text over a network; use 127.0.0.1, or "listen"'
                )
    if not bridge.listen and not bridge.listen_plain:
        findings.wrong(("bridge", "listen"), 'no relay could reach the bridge; write listen = ["tcp://*:7710"]')
    if bridge.metrics is not None:
        match = _HOST_PORT.fullmatch(bridge.metrics)
        if not match or not _is_port(match[2]):
            findings.wrong(("bridge", "metrics"), f'{bridge.metrics!r} is no address; write it like "127.0.0.1:9710"')


def _is_port(digits: str | None) -> bool:
    return digits is None or 0 < int(digits[:6]) < 65536


def _check_ledger(bridge: BridgeSettings, findings: Findings) -> None:
    key = ("bridge", "ledger")
    url = urlsplit(bridge.ledger)
    if url.scheme == "sqlite":
        if url.netloc or not url.path.startswith("//") or len(url.path) < 3:
            findings.wrong(
                key, f"{bridge.ledger!r} names no absolute path; write sqlite:////var/lib/quorumbell/ledger.db (four slashes)"
            )
        if bridge.ledger_password is not None:
            findings.wrong(("bridge", "ledger_password"), "SQLite has no password; remove it")
    elif url.scheme not in {"postgresql", "postgresql+psycopg"}:
        findings.wrong(key, "must begin with sqlite:////path or postgresql://; write one of the two")
    elif url.password is not None:
        findings.wrong(key, 'a password stands in the address; move it to ledger_password = { credential = "ledger" }')
    elif bridge.ledger_password is not None and not url.username:
        findings.wrong(key, "has a password but no user; write postgresql://user@host/database")
