from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.commands.common import Trouble, config_option, emit, json_option, load, plainly, reading

if TYPE_CHECKING:
    from bridge.config.config import Config
    from bridge.config.receivers import Receiver
    from bridge.receivers.opsview.settings import Settings
    from bridge.receivers.opsview.setup import Survey, Wish


@click.command()
@config_option
@json_option
@click.option("--receiver", "name", help="Which one, when the config has several of kind opsview.")
@click.option("--apply", "apply_", is_flag=True, help="Make what is missing. Nothing is shown there before a reload.")
@click.option("--reload", "reload_", is_flag=True, help="Reload Opsview afterwards. It also makes live what others changed.")
@click.option("--pending-too", is_flag=True, help="Reload although changes were pending before.")
@click.option("--hostgroup", default="", help="The group that new hosts are put into; it must be there.")
@click.option(
    "--address", "addresses", multiple=True, metavar="HOST=ADDRESS", help="Address of a new host; may stand several times."
)
@click.option("--user", default="", help="Do it as this user, who may configure; asks for the password.")
def opsview(
    config_path: Path,
    *,
    as_json: bool,
    name: str | None,
    apply_: bool,
    reload_: bool,
    pending_too: bool,
    hostgroup: str,
    addresses: tuple[str, ...],
    user: str,
) -> None:
    """Show which hosts and services Opsview lacks for the subjects that are known, and make them on demand.

    A service check that is made is passive and has its freshness set: without a word from the bridge it turns UNKNOWN. Hosts that
    are there keep all they have. A new host that is no cluster node is given the address 127.0.0.1, so that it is always up.

    \b
    Examples:
      quorumbell setup opsview
      quorumbell setup opsview --apply --hostgroup "HA Clusters" --user admin
      quorumbell setup opsview --reload --user admin
    """
    config = load(config_path)
    receiver = _chosen(config, name)
    wish = _wish(config, receiver.settings, hostgroup, _addresses(addresses))
    from bridge.receivers.opsview.api import Api
    from bridge.receivers.opsview.setup import SetupError, apply, reload, survey
    from bridge.secret import Secret

    settings: Settings = receiver.settings
    password = Secret.literal(click.prompt(f"Password of {user}", hide_input=True, err=True)) if user else None
    with plainly():
        settings.password.reveal()
        api = Api(settings.account(user, password))
    try:
        found = survey(api, wish)
        _show(found, settings, as_json=as_json)
        if apply_ and found.changes:
            apply(api, _allowed(found, apply_=True))
            click.echo(f"made or changed {len(found.changes)} objects; {_hint(reload_=reload_)}", err=True)
        if reload_:
            _check_pending(_allowed(found, apply_=False), pending_too=pending_too)
            words = reload(api)
            click.echo(f"Opsview has reloaded{f', with warnings: {words}' if words else ''}", err=True)
    except SetupError as error:
        raise Trouble(str(error)) from None
    finally:
        api.close()


def _chosen(config: "Config", name: str | None) -> "Receiver":
    found = {one.name: one for one in config.receivers.values() if one.kind == "opsview"}
    if name is not None and name not in found:
        raise Trouble(f"there is no receiver {name} of kind opsview; known are {', '.join(found) or 'none'}", 2)
    if name is None and len(found) != 1:
        cure = "name one with --receiver" if found else 'write [receivers.opsview] with kind = "opsview"'
        raise Trouble(f"the config has {len(found)} receivers of kind opsview; {cure}", 2)
    return found[name] if name is not None else next(iter(found.values()))


def _addresses(written: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in written]
    wrong = next(("".join(pair) for pair in pairs if not pair[0] or not pair[2]), None)
    if wrong is not None:
        raise Trouble(f"--address {wrong}: write it like --address n1=192.0.2.11", 2)
    return {host: address for host, _, address in pairs}


def _wish(config: "Config", settings: "Settings", hostgroup: str, addresses: dict[str, str]) -> "Wish":
    """Every subject that the ledger has heard of; of each node also its fencing, and of each relay its node and cluster, before
    anything happened there."""
    from bridge.core.world.event import CLUSTER, Subject, node_subject, subject_name
    from bridge.receivers.opsview.setup import DRILLED_EVERY, OWN_STALE_AFTER, Wish

    with reading(config) as ledger:
        subjects = {(one.cluster, one.subject) for one in ledger.conditions()}
        edges = [(edge.cluster, edge.node) for edge in ledger.edges()]
    for cluster, node in edges:
        subjects |= {(cluster, CLUSTER), (cluster, node_subject(node)), (cluster, Subject(f"relay/{node}"))}
    subjects |= {(cluster, Subject(f"fencing/{subject_name(one)}")) for cluster, one in subjects if one.startswith("node/")}
    place = settings.placing().place
    targets = {target for one in subjects if (target := place(*one)) is not None}
    stale: dict[Any, timedelta] = dict.fromkeys(targets, settings.stale_after) | {settings.own(): OWN_STALE_AFTER}
    if (drill := settings.drill()) is not None:
        stale[drill] = DRILLED_EVERY
    machines = {subject_name(subject) for _, subject in subjects if subject.startswith(("node/", "guest/", "relay/"))}
    return Wish(stale_after=stale, hostgroup=hostgroup, addresses={name: name for name in machines} | addresses)


def _allowed(found: "Survey", *, apply_: bool) -> "Survey":
    from bridge.receivers.opsview.setup import TO_APPLY, TO_RELOAD

    lacks = found.lacks(TO_APPLY if apply_ else TO_RELOAD)
    if lacks:
        raise Trouble(f"this user lacks {', '.join(lacks)}: give the rights to its role, or name another with --user")
    return found


def _check_pending(found: "Survey", *, pending_too: bool) -> None:
    if found.pending and not pending_too:
        raise Trouble(
            "changes were pending in Opsview before this; the reload would make them live as well: look at them there, then say "
            "quorumbell setup opsview --reload --pending-too"
        )


def _hint(*, reload_: bool) -> str:
    return "Opsview reloads now" if reload_ else "they wait for a reload: quorumbell setup opsview --reload --pending-too"


def _show(found: "Survey", settings: "Settings", *, as_json: bool) -> None:
    from bridge.commands.format import table
    from bridge.receivers.opsview.setup import FOR_FEEDBACK, TO_LOOK, TO_SHOW

    lacks = found.lacks((*TO_SHOW, *(FOR_FEEDBACK if settings.feedback else ())))
    rows = sorted((target.host, target.service, state) for target, state in found.states.items())
    if as_json:
        objects = [{"host": host, "service": service, "state": state} for host, service, state in rows]
        emit(
            {
                "objects": objects,
                "pending": found.pending,
                "lacks": lacks,
                "changes": [str(one) for one in found.changes],
                "left_over": [{"host": one.host, "service": one.service} for one in found.left_over],
                "notes": found.conflicts + found.remarks,
            }
        )
        return
    click.echo(table(("HOST", "SERVICE", "STATE"), rows))
    for change in found.changes:
        click.echo(f"to do: {change}")
    for target in found.left_over:
        click.echo(
            f"left over: {target} stands for nothing that is known; take it off the host in Opsview if it is gone for good"
        )
    for remark in found.conflicts + found.remarks:
        click.echo(f"note: {remark}")
    for right in lacks:
        click.echo(f"this user lacks {right}: the bridge needs it when it speaks as this user")
    if found.lacks(TO_LOOK):
        click.echo("this user may not read the configuration (CONFIGUREVIEW): what there is to do is known with --user only")
    told = {True: "changes wait for a reload", False: "no changes wait for a reload", None: "this user may not know (RELOADVIEW)"}
    click.echo(f"pending: {told[found.pending]}")
