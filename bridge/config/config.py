"""One TOML file -> frozen structs. Every mistake at once, each as `FILE:LINE: key: what is wrong; cure`."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec

from bridge.config.fields import Findings, Problem, did_you_mean, read
from bridge.config.gaps import look_for_gaps
from bridge.config.intervals import read_digest, read_intervals
from bridge.config.routes import Language, read_route
from bridge.config.toml_lines import locate
from bridge.core.telling.brake import Brake
from bridge.core.telling.intervals import Daily
from bridge.core.telling.match import Route
from bridge.core.world.settings import Settings
from bridge.receivers.registry import KindError, kinds, load
from bridge.secret import Secret, SecretError, exposed

DEFAULT_PATH: Final = Path("/etc/quorumbell/quorumbell.toml")


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "quorumbell"
    """Under which name this bridge speaks: in its greetings to relays, in test notices, in logs."""
    ledger: str = "sqlite:////var/lib/quorumbell/ledger.db"
    ledger_password: Secret | None = None
    listen: tuple[str, ...] = ("tcp://*:7710",)
    listen_plain: tuple[str, ...] = ()
    keys: Path = Path("/etc/quorumbell/keys")
    allowed: Path = Path("/etc/quorumbell/allowed.d")
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


Count = Annotated[int, msgspec.Meta(ge=2, le=1000)]
_CORE: Final = Settings()


class Flapping(msgspec.Struct, frozen=True, kw_only=True):
    count: Count = _CORE.flapping_count
    window: timedelta = _CORE.flapping_window
    quiet: timedelta = _CORE.flapping_quiet


class FencingLoop(msgspec.Struct, frozen=True, kw_only=True):
    count: Count = _CORE.loop_count
    window: timedelta = _CORE.loop_window


class CorrelationSettings(msgspec.Struct, frozen=True, kw_only=True):
    guests: tuple[str, ...] = _CORE.guests
    fence_devices: tuple[str, ...] = _CORE.fence_devices
    connectivity: tuple[str, ...] = _CORE.connectivity
    clear_after: timedelta = _CORE.clear_after
    down_after: timedelta = _CORE.down_after
    unfenced_after: timedelta = _CORE.unfenced_after
    redundancy_after: timedelta = _CORE.redundancy_after
    edge_silent_after: timedelta = timedelta(seconds=60)
    flapping: Flapping = Flapping()
    fencing_loop: FencingLoop = FencingLoop()

    def core(self) -> Settings:
        """The same in the words of the core, which knows no tables."""
        names = {field.name for field in msgspec.structs.fields(Settings)}
        plain = {name: value for name, value in msgspec.structs.asdict(self).items() if name in names}
        return Settings(
            **plain,
            flapping_count=self.flapping.count,
            flapping_window=self.flapping.window,
            flapping_quiet=self.flapping.quiet,
            loop_count=self.fencing_loop.count,
            loop_window=self.fencing_loop.window,
        )


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """`[receivers.NAME]`: `settings` is the struct of the kind's own module."""

    name: str
    kind: str
    language: str
    board: bool
    settings: Any
    factory: Any
    brake: Brake | None = None
    digest: Daily | None = None
    """When it is told what healed by itself."""

    def make(self) -> Any:
        return self.factory(self.name, self.settings)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    path: Path
    bridge: BridgeSettings
    correlation: CorrelationSettings
    receivers: dict[str, Receiver]
    routes: tuple[Route, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def brakes(self) -> dict[str, Brake]:
        return {name: receiver.brake for name, receiver in self.receivers.items() if receiver.brake is not None}


class ConfigError(Exception):
    """All that is wrong with the file, in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class _Top(msgspec.Struct, frozen=True, kw_only=True):
    bridge: Any = {}
    correlation: Any = {}
    receivers: Any = {}
    intervals: Any = {}
    routes: Any = []


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every receiver's table may have, beside its kind's own keys."""

    kind: str
    language: Language | None = None
    brake: Any = None
    digest: Any = None


class _Brake(msgspec.Struct, frozen=True, kw_only=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = Brake().count
    window: timedelta = Brake().window


def load_config(path: Path = DEFAULT_PATH, *, secrets: bool = True) -> Config:
    """Raises ConfigError. Without `secrets` they are fetched when first used, not now: for commands that send nothing."""
    path = path.absolute()
    text = _text(path)
    return parse_config(text, path, secrets=secrets)


def parse_config(text: str, path: Path, *, secrets: bool = True) -> Config:
    everything = _tables(text, path)
    findings = Findings(path, locate(text))
    top = read(_Top, everything, (), findings) or _Top()
    bridge = read(BridgeSettings, top.bridge, ("bridge",), findings)
    correlation = read(CorrelationSettings, top.correlation, ("correlation",), findings)
    if bridge is not None:
        _check_bridge(bridge, findings)
    language = bridge.language if bridge is not None else "en"
    receivers = {
        name: _receiver(name, table, language, findings) for name, table in _named_tables(top.receivers, findings).items()
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
        receivers=made,
        routes=tuple(route for route in routes if route) or default_routes(made),
        warnings=tuple(sorted(findings.warnings)),
    )


def default_routes(receivers: dict[str, Receiver]) -> tuple[Route, ...]:
    """Every bell hears of everything that rings by default."""
    bells = tuple(name for name, receiver in receivers.items() if not receiver.board)
    return (Route(receivers=bells),)


_FOUND_AT: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_CURES: Final = (
    ("Cannot overwrite", "it stands twice; keep one of them"),
    ("Cannot declare", "the table stands twice; join the two"),
    ("Invalid value", 'text needs quotes: key = "text"'),
    ("Expected '='", 'write key = "value"'),
    ("Expected newline", "one key on each line"),
    ("Unclosed array", "a ] or a comma is missing above"),
    ("Unterminated string", "the closing quote is missing"),
    ("Illegal character", "a quote is missing, or the line break must go"),
    ("Unescaped '\\'", "use single quotes: 'vm-\\d+'"),
)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _only(path, 0, "there is no such file; write it (see docs/config.md), or name another with --config") from None
    except OSError as error:
        raise _only(path, 0, f"{error.strerror}; make it readable for this user") from None
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _only(path, line, "is not UTF-8; save the file as UTF-8") from None


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _FOUND_AT.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        words = _FOUND_AT.sub("", str(error)).removesuffix(" (at end of document)")
        cure = next((cure for head, cure in _CURES if words.startswith(head)), "write it as TOML 1.0 wants it")
        raise _only(path, line, f"not TOML: {words}; {cure}") from None


def _only(path: Path, line: int, text: str) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", text)])


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


_ENDPOINT: Final = re.compile(r"tcp://(\*|\[[0-9a-fA-F:]+\]|[^\s:/*\[\]]+):(\d+)|ipc:///\S+")
_LOOPBACK: Final = re.compile(r"tcp://(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+|ipc:///\S+")
_HOST_PORT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d+)")


def _check_bridge(bridge: BridgeSettings, findings: Findings) -> None:
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


def _receiver(name: str, table: object, language: str, findings: Findings) -> Receiver | None:
    key = ("receivers", name)
    if not isinstance(table, dict):
        findings.wrong(key, f"must be a table; write [receivers.{name}]")
        return None
    of_all = {field.name for field in msgspec.structs.fields(_Common)}
    own = {field: value for field, value in table.items() if field not in of_all}
    common = read(_Common, {field: value for field, value in table.items() if field not in own}, key, findings)
    if common is None:
        return None
    if common.kind not in kinds():
        findings.wrong((*key, "kind"), f"there is no kind {common.kind!r}; {did_you_mean(common.kind, kinds())}")
        return None
    try:
        kind = load(common.kind)
    except KindError as error:
        findings.wrong((*key, "kind"), str(error))
        return None
    settings = read(kind.settings, own, key, findings)
    if settings is None:
        return None
    if kind.board:
        for field in ("brake", "digest"):
            if field in table:
                findings.wrong((*key, field), "is for bells; a board shows what is, and tells nothing: remove it")
    zone = getattr(settings, "time_zone", "UTC")
    return Receiver(
        name=name,
        kind=common.kind,
        language=common.language or language,
        board=kind.board,
        settings=settings,
        factory=kind.make,
        brake=None if kind.board else _brake(common.brake, (*key, "brake"), findings),
        digest=None if kind.board else read_digest(table.get("digest", "07:30"), zone, (*key, "digest"), findings),
    )


def _brake(raw: Any, key: tuple[str, ...], findings: Findings) -> Brake | None:
    if raw is False:
        return None
    if raw is not None and not isinstance(raw, dict):
        findings.wrong(key, 'must be a table; write brake = { count = 10, window = "10m" }, or false for none')
        return None
    said = read(_Brake, raw or {}, key, findings)
    if said is None:
        return None
    if not timedelta(0) < said.window <= timedelta(days=1):
        findings.wrong((*key, "window"), 'must be longer than nothing and at most a day; write "10m"')
    return Brake(count=said.count, window=said.window)


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
