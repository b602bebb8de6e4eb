from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.commands.common import Instant, Trouble, emit, json_option, load, reading

if TYPE_CHECKING:
    from bridge.config.config import Config
    from bridge.rehearse.rehearse import Rehearsal


@click.command()
@click.argument("recordings", type=click.Path(exists=True, path_type=Path), nargs=-1)
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), help="Rehearse with its routes and settings.")
@click.option("--since", type=Instant(), help="Instead of RECORDINGS: what the ledger holds from this time on.")
@click.option("--until", type=Instant(), help="… and up to this time.")
@click.option("--texts", is_flag=True, help="Print the messages, whole, as they would be sent.")
@click.option("--language", default="", help="… all in this language (en, de) instead of each receiver's own.")
@json_option
def rehearse(
    recordings: tuple[Path, ...],
    config_path: Path | None,
    since: datetime | None,
    until: datetime | None,
    *,
    texts: bool,
    language: str,
    as_json: bool,
) -> None:
    """Play recordings, or past hours, through the bridge's mind, and show what would have been told.

    A recording is a JSON array of {host, received, env} (Pacemaker's alerts), or a folder with the dumps of DRBD's handlers
    (*.json) and HOST.events2.txt (`drbdsetup events2 --timestamps`). What crm_mon showed on a node lies beside NAME.json as
    NAME.HOST.crm_mon.jsonl, or is a recording of its own: one {host, received, body} a line. Several
    recordings are laid over one another.

    Nobody is told anything. The clock is the recording's own, with one quiet hour after its end. Without a config there is
    one bell called `bell` on the default routes, which speaks English and has the time of UTC. The messages have no incident
    number, and so no link to its page: only a ledger gives it.

    \b
    Examples:
      quorumbell rehearse power-cut.json
      quorumbell rehearse power-cut.json replicas/
      quorumbell rehearse --config new.toml --since 24h
      quorumbell rehearse --texts --language de power-cut.json
    """
    config = load(config_path) if config_path else None
    past = since is not None or until is not None
    if past == bool(recordings):
        raise click.UsageError("name RECORDINGS, or a time with --since and --until: one of the two")
    if past and config is None:
        raise click.UsageError("--since and --until read a ledger: name its config with --config")
    _check_language(language, texts=texts)
    rehearsal = _past(config, since, until) if past and config else _recorded(recordings, config)
    sent = _sent(rehearsal, config, language) if texts else []
    result = rehearsal.result() | ({"texts": sent} if texts else {})
    if as_json:
        emit(result)
    elif texts:
        _show_texts(sent)
    else:
        _show(result)
    if result["faults"]:
        raise Trouble(_own(result["faults"]))


def _check_language(language: str, *, texts: bool) -> None:
    from bridge.texts import LANGUAGES

    if language and not texts:
        raise click.UsageError("--language is the language of --texts: name both")
    if language and language not in LANGUAGES:
        raise click.BadParameter(f"{language!r} is none of {', '.join(LANGUAGES)}", param_hint="--language")


def _recorded(recordings: tuple[Path, ...], config: "Config | None") -> "Rehearsal":
    from bridge.rehearse.rehearse import BadRecording, rehearsed

    try:
        if config is None:
            return rehearsed(recordings)
        return rehearsed(recordings, config.correlation.core(), config.routes, config.brakes, _languages(config))
    except BadRecording as error:
        raise Trouble(str(error)) from None


def _past(config: "Config", since: datetime | None, until: datetime | None) -> "Rehearsal":
    from bridge.rehearse.rehearse import Rehearsal

    rehearsal = Rehearsal(config.correlation.core(), config.routes, config.brakes, _languages(config))
    with reading(config) as ledger:
        rehearsal.take(report.report() for _, report in ledger.reports(since=since, until=until))
    return rehearsal


def _languages(config: "Config") -> dict[str, str]:
    return {name: receiver.language for name, receiver in config.receivers.items()}


def _sent(rehearsal: "Rehearsal", config: "Config | None", language: str) -> list[dict[str, str]]:
    from zoneinfo import ZoneInfo

    from bridge.rehearse.messages import messages

    receivers = config.receivers.items() if config else ()
    zones = {name: ZoneInfo(getattr(receiver.settings, "time_zone", "UTC")) for name, receiver in receivers}
    return messages(rehearsal.notices, zones, language)


def _own(faults: list[dict[str, str]]) -> str:
    """Errors of ours: what they were met with is missing above. The first with its trace."""
    lines = [f"OUR ERROR   while it was {one['where']}: {one['what']}" for one in faults]
    return "\n".join([faults[0]["trace"], *dict.fromkeys(lines), "what it was met with was set aside: please report it"])


def _show(result: dict[str, Any]) -> None:
    from bridge.asked.plain import plain
    from bridge.commands.format import count, instant

    told = (
        f"{count(result['reports'], 'report')}, {result['unreadable']} unreadable: {count(len(result['incidents']), 'incident')}"
    )
    click.echo(told)
    for one in result["incidents"]:
        planned = ", planned" if one["planned"] else ""
        opened, closed = (datetime.fromisoformat(one[name]) if one[name] else None for name in ("opened_at", "closed_at"))
        click.echo(f"\n{plain(one['summary'])}")
        click.echo(f"  {one['kind']}, {one['peak']}, {one['state']}{planned}; {instant(opened)} to {instant(closed)}")
        for notice in one["notices"]:
            at = instant(datetime.fromisoformat(notice["at"]))
            click.echo(f"  {at}  {notice['receiver']} {notice['kind']}: {plain(notice['reason'])}")


def _show_texts(sent: list[dict[str, str]]) -> None:
    from bridge.asked.plain import plain
    from bridge.commands.format import count

    click.echo(count(len(sent), "message"))
    for one in sent:
        at = datetime.fromisoformat(one["at"]).isoformat(" ", "seconds")
        click.echo(f"\n==== {at}  {one['receiver']} {one['kind']} ====")
        click.echo(f"Subject: {plain(one['subject'])}\n")
        click.echo("\n".join(plain(line) for line in one["text"].rstrip().split("\n")))
