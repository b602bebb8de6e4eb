"""What is wrong with this installation, from the outside: config, keys, ledger, disk, the bridge, and who it speaks with."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from bridge import __version__
from bridge.asked.asking import Silent, read, running
from bridge.commands.common import Trouble, config_option, emit, json_option, load, now, plainly

if TYPE_CHECKING:
    from bridge.config.config import Config
    from bridge.core.showing.board import Standing
    from bridge.core.telling.circuit import Health

OK, NOTE, WRONG = "ok", "note", "WRONG"
MOST_NAMED: Final = 3
LEAST_FREE: Final = 256 << 20
"""Bytes: some hundred thousand reports."""
FAR_OFF: Final = 5.0
"""Seconds between two machines' clocks: their times are corrected, but what people read in logs is not."""


class Finding(NamedTuple):
    """What was looked at, how it is, and in words why, with what mends it."""

    what: str
    how: str
    words: str


@click.command()
@config_option
@json_option
@click.pass_context
def doctor(context: click.Context, config_path: Path, *, as_json: bool) -> None:
    """Look at the installation, and say what is wrong and the cure.

    Each line is one thing that was looked at. Exit code 0 when all is well, 1 when there is something to know, 2 when something
    is wrong; 78 when the config cannot be used. It changes nothing.

    \b
    Example:
      sudo quorumbell doctor
    """
    config = load(config_path, secrets=True)
    found = [Finding("config", OK, str(config_path)), *_look(config)]
    if as_json:
        emit([one._asdict() for one in found])
    else:
        for one in found:
            click.echo(f"{one.how:<6} {one.what}: {one.words}")
    context.exit(max({OK: 0, NOTE: 1, WRONG: 2}[one.how] for one in found))


class Seen(NamedTuple):
    """What the bridge says of itself, and what the ledger holds; None: it did not answer, and why."""

    bridge: dict[str, Any]
    held: "Held | None"
    trouble: Silent | Trouble | None


class Held(NamedTuple):
    edges: list[Any]
    troubles: dict[tuple[str, str], str]
    healths: dict[str, Any]
    boards: list[Any]


def _look(config: "Config") -> Iterator[Finding]:
    seen = _see(config)
    for what, well, look in LOOKS:
        found = [Finding(what, how, words) for how, words in look(config, seen)]
        yield from found or [Finding(what, OK, well)]


def _see(config: "Config") -> Seen:
    """The ledger is asked once: one that keeps silent is waited for."""
    from bridge.asked.status import troubles

    bridge = running(config)
    try:
        with plainly():
            held = read(config, bridge, lambda one: Held(one.edges(), troubles(one.conditions()), one.healths(), one.boards()))
    except (Silent, Trouble) as error:
        return Seen(bridge, None, error)
    return Seen(bridge, held, None)


Words = Iterator[tuple[str, str]]
Look = Callable[["Config", Seen], Words]


def _package(_config: "Config", _seen: Seen) -> Words:
    from importlib.metadata import packages_distributions

    owners = set(packages_distributions().get("bridge", ()))
    if owners - {"quorumbell"}:
        yield WRONG, f"{', '.join(sorted(owners))} share the name bridge; give Quorumbell an environment of its own"


def _keys(config: "Config", _seen: Seen) -> Words:
    from bridge.wire.key_value import Mistakes
    from bridge.wire.keys import AllowList, load_secret

    if not config.bridge.listen:
        return
    try:
        load_secret(str(config.bridge.keys / "bridge.secret"))
        peers = AllowList(str(config.bridge.allowed), str(config.bridge.joined)).peers
    except Mistakes as error:
        yield from ((WRONG, text) for text in error.texts)
        return
    if not peers:
        yield WRONG, "no node may speak yet; quorumbell join-token --cluster NAME prints the line with which one joins"


def _ledger(config: "Config", seen: Seen) -> Words:
    from bridge.asked.status import from_memory
    from bridge.commands.from_memory import lines

    if isinstance(seen.trouble, Silent):
        yield WRONG, "\n       ".join(line.strip() for line in lines(from_memory(seen.trouble, config.bridge.ledger)))
    elif seen.trouble is not None:
        yield WRONG, str(seen.trouble)


def _disk(config: "Config", _seen: Seen) -> Words:
    path = config.bridge.ledger.partition("sqlite:///")[2]
    folder = Path(path).parent
    if path and folder.is_dir() and (free := shutil.disk_usage(folder).free) < LEAST_FREE:
        yield WRONG, f"{folder} has {free >> 20} MiB left; make room, or relays have to keep their reports"


def _runs(_config: "Config", seen: Seen) -> Words:
    if not seen.bridge["running"]:
        yield WRONG, seen.bridge["why"]
    elif seen.bridge["version"] != __version__:
        words = f"version {seen.bridge['version']} runs, and {__version__} is installed"
        yield NOTE, f"{words}: systemctl restart quorumbell-bridge"
    for one in seen.bridge.get("faults", ()):
        yield NOTE, f"an error of Quorumbell itself: {one['what']}; the report is kept, quorumbell status says more"


def _in_force(_config: "Config", seen: Seen) -> Words:
    if not seen.bridge["running"]:
        yield NOTE, "not known while the bridge does not run"
        return
    said = seen.bridge.get("config") or {}
    yield from (
        (WRONG, f"the running bridge refused it: {text}; mend it, and quorumbell reload") for text in said.get("mistakes", ())
    )
    if said.get("restart"):
        yield NOTE, f"a restart is needed for {', '.join(said['restart'])}: systemctl restart quorumbell-bridge"


def _relays(_config: "Config", seen: Seen) -> Words:
    if seen.held is None or not seen.bridge["running"]:
        yield NOTE, "not known while bridge or ledger do not answer"
        return
    for one in seen.held.edges:
        name = f"{one.node} of {one.cluster}"
        if one.silent:
            yield WRONG, f"{name} is silent; on it: systemctl status quorumbell-relay, then quorumbell-node doctor"
        elif trouble := seen.held.troubles.get((one.cluster, one.node)):
            yield WRONG, f"{name}: {trouble}"
        elif abs(one.offset.total_seconds()) > FAR_OFF:
            yield NOTE, f"the clock of {name} is {one.offset.total_seconds():+.0f} s off; let it follow NTP (chronyc tracking)"


def _receivers(config: "Config", seen: Seen) -> Words:
    from bridge.core.telling.circuit import Health

    if not config.receivers:
        yield WRONG, "nobody will be told anything: the config names no receiver"
        return
    if seen.held is None:
        yield NOTE, "not known while the ledger does not answer"
        return
    at = now()
    for name in (name for name, one in config.receivers.items() if not one.board):
        yield from _of_bell(name, seen.held.healths.get(name, Health()), at)
    for one in seen.held.boards:
        if one.receiver in config.receivers:
            yield from _of_board(one.receiver, one.standing)


def _of_bell(name: str, health: "Health", at: datetime) -> Words:
    if health.failures:
        how = WRONG if health.circuit(at).value != "closed" else NOTE
        yield how, f"{name} fails: {health.failure}; when it is mended, quorumbell ring {name} lets all go out that waits"
    elif health.failure_at is not None and (health.success_at is None or health.failure_at > health.success_at):
        yield WRONG, f"{name} refuses what it is told: {health.failure}; when that is mended, quorumbell ring {name} tries it"
    elif health.success_at is None:
        yield NOTE, f"{name} has never taken anything; quorumbell ring {name} tries it"


def _of_board(name: str, standing: "Standing") -> Words:
    from bridge.core.telling.circuit import OPENS_AFTER

    if standing.failures:
        how = WRONG if standing.failures >= OPENS_AFTER else NOTE
        yield how, f"{name} cannot be told: {standing.last_word}; when that is mended, it is told all by itself"
    if standing.making:
        yield NOTE, f"{name} was asked to make what it lacks: {standing.making}"
    if standing.untrue:
        things = ", ".join(f"{service} on {host}" for host, service, _, _ in standing.untrue[:MOST_NAMED])
        more = len(standing.untrue) - MOST_NAMED
        words = f"{name} does not show as they are: {things}{f' and {more} more' if more > 0 else ''}"
        yield NOTE, f"{words}; quorumbell status lists them, quorumbell setup opsview makes what is missing"


LOOKS: Final[tuple[tuple[str, str, Look], ...]] = (
    ("package", "nobody else installs `bridge`", _package),
    ("keys", "the bridge's own pair, and the nodes that may speak", _keys),
    ("ledger", "can be read, and is of this version", _ledger),
    ("disk", "has room", _disk),
    ("bridge", "runs and answers", _runs),
    ("in force", "the config, as the file has it", _in_force),
    ("relays", "all are heard, and none complains", _relays),
    ("receivers", "take what they are told", _receivers),
)
