"""One TOML file -> frozen structs. Every mistake at once, each as `FILE:LINE: key: what is wrong; cure`."""

from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.config.bridge import BridgeSettings, check_bridge
from bridge.config.correlation import CorrelationSettings
from bridge.config.fields import read
from bridge.config.findings import ConfigError, Findings, Problem
from bridge.config.gaps import look_for_gaps
from bridge.config.intervals import read_intervals
from bridge.config.page import PageSettings, check_page
from bridge.config.receivers import Receiver, read_receiver
from bridge.config.routes import read_route
from bridge.config.toml_file import tables_of, text_of
from bridge.config.toml_lines import locate
from bridge.core.telling.brake import Brake
from bridge.core.telling.match import Route
from bridge.secret import SecretError, exposed

DEFAULT_PATH: Final = Path("/etc/quorumbell/quorumbell.toml")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    path: Path
    bridge: BridgeSettings
    correlation: CorrelationSettings
    page: PageSettings = PageSettings()
    receivers: dict[str, Receiver]
    routes: tuple[Route, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def brakes(self) -> dict[str, Brake]:
        return {name: receiver.brake for name, receiver in self.receivers.items() if receiver.brake is not None}


class _Top(msgspec.Struct, frozen=True, kw_only=True):
    bridge: Any = {}
    correlation: Any = {}
    page: Any = {}
    receivers: Any = {}
    intervals: Any = {}
    routes: Any = []


def load_config(path: Path = DEFAULT_PATH, *, secrets: bool = True) -> Config:
    """Raises ConfigError. Without `secrets` they are fetched when first used, not now: for commands that send nothing."""
    path = path.absolute()
    text = text_of(path)
    return parse_config(text, path, secrets=secrets)


def parse_config(text: str, path: Path, *, secrets: bool = True) -> Config:
    everything = tables_of(text, path)
    findings = Findings(path, locate(text))
    top = read(_Top, everything, (), findings) or _Top()
    bridge = read(BridgeSettings, top.bridge, ("bridge",), findings)
    correlation = read(CorrelationSettings, top.correlation, ("correlation",), findings)
    if bridge is not None:
        check_bridge(bridge, findings)
    page = read(PageSettings, top.page, ("page",), findings)
    if page is not None:
        check_page(page, findings)
    language = bridge.language if bridge is not None else "en"
    receivers = {
        name: read_receiver(name, table, language, findings) for name, table in _named_tables(top.receivers, findings).items()
    }
    intervals = read_intervals(top.intervals, findings)
    tables = _listed_tables(top.routes, findings)
    routes = [read_route(number, table, receivers, findings, intervals) for number, table in enumerate(tables)]
    _look_around(receivers, [route for route in routes if route], findings)
    look_for_gaps([route for route in routes if route], findings)
    _look_at_secrets(findings, fetch=secrets)
    if findings.problems:
        raise ConfigError(findings.problems)
    made = {name: receiver for name, receiver in receivers.items() if receiver is not None}
    return Config(
        path=path,
        bridge=bridge or BridgeSettings(),
        correlation=correlation or CorrelationSettings(),
        page=page or PageSettings(),
        receivers=made,
        routes=tuple(route for route in routes if route) or default_routes(made),
        warnings=tuple(sorted(findings.warnings)),
    )


def default_routes(receivers: dict[str, Receiver]) -> tuple[Route, ...]:
    """Every bell hears of everything that rings by default."""
    bells = tuple(name for name, receiver in receivers.items() if not receiver.board)
    return (Route(receivers=bells),)


def _named_tables(value: object, findings: Findings) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    findings.wrong(("receivers",), "must be tables; write [receivers.NAME]")
    return {}


def _listed_tables(value: object, findings: Findings) -> list[Any]:
    if isinstance(value, list):
        return value
    findings.wrong(("routes",), "must be a list of tables; write [[routes]], with two brackets")
    return []


def _look_around(receivers: dict[str, Receiver | None], routes: list[Route], findings: Findings) -> None:
    """What is allowed, but hardly meant."""
    if not receivers:
        findings.odd(("receivers",), "no receiver is configured; nobody will be told anything")
    named = {name for route in routes for name in route.receivers}
    named |= {name for route in routes for step in route.escalate for name in step.receivers}
    for name, receiver in receivers.items():
        if routes and receiver is not None and not receiver.board and name not in named:
            findings.odd(("receivers", name), "no route names this receiver; it will never ring")
    last = next((route.number for route in routes if not route.matchers and not route.goes_on), None)
    if last is not None and last < len(routes):
        findings.odd(
            ("routes", last - 1), "matches everything; the routes below it are never asked unless it has continue = true"
        )


def _look_at_secrets(findings: Findings, *, fetch: bool) -> None:
    literal = [key for key, secret in findings.secrets if secret.origin == "literal"]
    if literal and findings.file.exists() and exposed(findings.file):
        for key in literal:
            findings.odd(key, f"a secret in a file that everybody may read; chmod o-r {findings.file}, or use credential =")
    for key, secret in findings.secrets if fetch else []:
        try:
            secret.reveal()
        except SecretError as error:
            findings.wrong(key, str(error))
