"""What is wrong with this installation, from the outside: config, keys, ledger, disk, the bridge, and who it speaks with."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from bridge.commands.asked import Silent, read, running
from bridge.commands.common import Trouble, config_option, emit, json_option, load, now

if TYPE_CHECKING:
    from bridge.config.config import Config

OK, NOTE, WRONG = "ok", "note", "WRONG"
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


def _look(config: "Config") -> Iterator[Finding]:
    bridge = running(config)
    for what, well, look in LOOKS:
        found = [Finding(what, how, words) for how, words in look(config, bridge)]
        yield from found or [Finding(what, OK, well)]


Words = Iterator[tuple[str, str]]
Look = Callable[["Config", dict[str, Any]], Words]


def _package(_config: "Config", _bridge: dict[str, Any]) -> Words:
    from importlib.metadata import packages_distributions

    owners = set(packages_distributions().get("bridge", ()))
    if owners - {"quorumbell"}:
        yield WRONG, f"{', '.join(sorted(owners))} share the name bridge; give Quorumbell an environment of its own"


def _keys(config: "Config", _bridge: dict[str, Any]) -> Words:
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


def _ledger(config: "Config", bridge: dict[str, Any]) -> Words:
    from bridge.commands.from_memory import lines, result

    try:
        read(config, bridge, lambda _: None)
    except Silent as error:
        yield WRONG, "\n       ".join(line.strip() for line in lines(result(error, config.bridge.ledger)))
    except Trouble as error:
        yield WRONG, str(error)


def _disk(config: "Config", _bridge: dict[str, Any]) -> Words:
    path = config.bridge.ledger.partition("sqlite:///")[2]
    folder = Path(path).parent
    if path and folder.is_dir() and (free := shutil.disk_usage(folder).free) < LEAST_FREE:
        yield WRONG, f"{folder} has {free >> 20} MiB left; make room, or relays have to keep their reports"


def _runs(_config: "Config", bridge: dict[str, Any]) -> Words:
    if not bridge["running"]:
        yield WRONG, bridge["why"]
    for one in bridge.get("faults", ()):
        yield NOTE, f"an error of Quorumbell itself: {one['what']}; the report is kept, quorumbell status says more"


def _in_force(_config: "Config", bridge: dict[str, Any]) -> Words:
    if not bridge["running"]:
        yield NOTE, "not known while the bridge does not run"
        return
    said = bridge.get("config") or {}
    yield from (
        (WRONG, f"the running bridge refused it: {text}; mend it, and quorumbell reload") for text in said.get("mistakes", ())
    )
    if said.get("restart"):
        yield NOTE, f"a restart is needed for {', '.join(said['restart'])}: systemctl restart quorumbell-bridge"


def _relays(config: "Config", bridge: dict[str, Any]) -> Words:
    from bridge.commands import relays

    told = _asked(config, bridge, lambda ledger: (ledger.edges(), relays.troubles(ledger)))
    if told is None or not bridge["running"]:
        yield NOTE, "not known while bridge or ledger do not answer"
        return
    edges, troubles = told
    for one in edges:
        name = f"{one.node} of {one.cluster}"
        if one.silent:
            yield WRONG, f"{name} is silent; on it: systemctl status quorumbell-relay, then quorumbell-node doctor"
        elif trouble := troubles.get((one.cluster, one.node)):
            yield WRONG, f"{name}: {trouble}"
        elif abs(one.offset.total_seconds()) > FAR_OFF:
            yield NOTE, f"the clock of {name} is {one.offset.total_seconds():+.0f} s off; let it follow NTP (chronyc tracking)"


def _receivers(config: "Config", bridge: dict[str, Any]) -> Words:
    told = _asked(config, bridge, lambda ledger: (ledger.healths(), ledger.boards()))
    if told is None:
        yield NOTE, "not known while the ledger does not answer"
        return
    healths, boards = told
    at: datetime = now()
    for name, health in healths.items():
        if name in config.receivers and health.failures:
            how = WRONG if health.circuit(at).value != "closed" else NOTE
            yield how, f"{name} fails: {health.failure}; when it is mended, quorumbell ring {name} lets all go out that waits"
    for one in boards:
        if one.receiver in config.receivers and one.standing.untrue:
            words = f"{one.receiver} does not show {len(one.standing.untrue)} thing(s) as they are"
            yield NOTE, f"{words}; quorumbell status lists them, quorumbell setup opsview makes what is missing"
    if not config.receivers:
        yield WRONG, "nobody will be told anything: the config names no receiver"


def _asked(config: "Config", bridge: dict[str, Any], look: Callable[[Any], Any]) -> Any:
    """None when the ledger does not answer, which is said above."""
    try:
        return read(config, bridge, look)
    except (Silent, Trouble):
        return None


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
