"""A story that has not happened goes the whole way of the real site: who would have been woken, and how long each hop took."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from bridge.commands.common import ask, config_option, emit, json_option, load, who
from bridge.wire.drill import STORIES

PATIENCE: Final = 90.0
"""Seconds; a drill is over in one minute, whatever goes wrong in it."""


def _stories() -> str:
    return "\n".join(f"      {name:<17}{words}" for name, words in STORIES.items())


@click.command(
    help=f"""Play a STORY that has not happened, and say who would have been woken.

    A node's relay calls the real hooks, and their reports go through spool, wire and ledger to the bridge, which decides on them
    by the routes and silences in force, and sends real messages that begin with DRILL. Nothing of it touches what is shown and
    told of the cluster, and nothing stays open. Exit code 0 when all went through, 1 when something did not, with the cure.

    \b
    Stories:
{_stories()}

    \b
    Examples:
      quorumbell drill
      quorumbell drill split-brain --cluster ha1 --from n2 --dry
    """
)
@click.argument("story", type=click.Choice(list(STORIES)), default="failover", metavar="[STORY]")
@click.option("--cluster", default="", metavar="NAME", help="Where; may be left out when there is only one.")
@click.option("--from", "played_by", default="", metavar="NODE", help="The node that plays it; otherwise the first that can.")
@click.option("--node", default="", metavar="NAME", help="Of the node that fails in the story; otherwise nobody's name.")
@click.option("--resource", default="", metavar="NAME", help="Of its service or replica; otherwise nobody's name.")
@click.option("--dry", is_flag=True, help="Send nothing; only say who would have been woken.")
@config_option
@json_option
def drill(
    story: str, cluster: str, played_by: str, node: str, resource: str, config_path: Path, *, dry: bool, as_json: bool
) -> None:
    from bridge.serve.control import Drill

    config = load(config_path)
    request = Drill(story=story, cluster=cluster, played_by=played_by, node=node, resource=resource, dry=dry, author=who())
    result = ask(config, request, timeout=PATIENCE)
    result.pop("ok")
    if as_json:
        emit(result)
    else:
        click.echo("\n".join(_lines(result)))
    if result["verdict"] != "green":
        raise click.exceptions.Exit(1)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    from bridge.asked.plain import plain
    from bridge.commands.format import table

    dry = ", dry: nothing is sent" if result["dry"] else ""
    yield f"drill {result['drill']} in {result['cluster']}: {result['story']}, played by {result['played_by']}{dry}"
    if result["steps"]:
        yield ""
        yield table(("STEP", "HOOK", "SPOOLED", "ARRIVED", "COMMITTED", "DECIDED", "UNDERSTOOD AS"), _steps(result))
    told = [*_told(result), *_boards(result)]
    if told:
        yield ""
        yield table(("RECEIVER", "WHAT", "DECIDED", "HANDED", "ANSWERED", "IN EARNEST", "ANSWER"), told)
    yield ""
    yield f"woken in earnest: {', '.join(map(plain, result['woken'])) or 'nobody'}"
    yield from _verdict(result)


def _steps(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """When its hook was called, and how long after that it was where."""
    for one in result["steps"]:
        called = one["called_ms"]
        hops = (one[f"{hop}_ms"] for hop in ("spooled", "came", "committed", "decided"))
        took = ("-" if at is None else f"+{max(0, at - called)} ms" for at in hops)
        yield (f"{one['step']}/{result['of']}", _seconds(called), *took, one["said"].partition("; ")[0])


def _told(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in result["told"]:
        times = (_seconds(one[f"{hop}_ms"]) for hop in ("decided", "handed", "answered"))
        answer = ": ".join(filter(None, (one["verdict"], one["why"])))
        yield (one["receiver"], one["kind"], *times, f"after {_seconds(one['after_ms'])}", answer)


def _boards(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in result["boards"]:
        answer = one["why"] if one["tried"] else f"not tried: {one['why']}"
        yield (one["board"], "result", "-", "-", _seconds(one["at_ms"]) if one["tried"] else "-", "-", answer)


def _verdict(result: dict[str, Any]) -> Iterator[str]:
    from bridge.asked.plain import plain

    took = _seconds(result["took_ms"])
    if not result["wrong"]:
        yield f"GREEN: all of it went through in {took}, and nothing of it is left open"
        return
    yield f"RED, after {took}:"
    for wrong in result["wrong"]:
        yield f"  {plain(wrong['what'])}"
        yield f"    {plain(wrong['cure'])}"


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.2f} s"
