"""Nodes as the cluster sees them: back, gone in good order, fenced, unclean, stuck. What no alert told is told now, through the
rules for the alert that did not come. (Pacemaker Explained, node status)

A node that was fenced and one that left in good order look alike: what tells them apart is a fencing younger than the last
picture that shows it online.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bridge.core.pacemaker.connectivity import goes_away
from bridge.core.pacemaker.devices import let_go
from bridge.core.pacemaker.fencing import on_fencing
from bridge.core.pacemaker.losing import on_unfenced
from bridge.core.pacemaker.membership import on_node_seen
from bridge.core.pacemaker.returning import come_back
from bridge.core.pacemaker.tables import FENCED, FENCED_BEFORE
from bridge.core.pacemaker.truth.finding import AT_ONCE, AT_WORK, LASTING, Finding, wake
from bridge.core.pacemaker.truth.voice import ON_ITS_WAY, STILL_SO, Voice, is_there
from bridge.core.world.event import Fencing, NodeSeen, Severity, Subject, node_subject
from bridge.core.world.incident import Kind
from bridge.core.world.nodes import node, set_node
from bridge.core.world.picture import FenceEvent, PictureNode
from bridge.core.world.shown import show_member
from bridge.core.world.tables import CONDITION, PLAN
from bridge.core.world.world import World

JOINS_WITHIN: Final = timedelta(minutes=2)
DONE: Final = "success"
FAILED: Final = "failed"
PENDING: Final = "pending"
ON_THE_WAY: Final = frozenset({"Starting", "Stopping"})
UNDER_WAY: Final = "its fencing is under way"


def look(world: World, voice: Voice) -> Iterator[Finding]:
    for one in voice.picture.nodes:
        back_at = node(world, one.name).back_at
        if one.kind == "ping" or _is_on_its_way(voice, one):
            continue
        _under_way(world, voice, one.name)
        if is_there(one):
            _is_there(world, voice, one)
        elif back_at is not None and not voice.is_newer_than(back_at):
            wake(world, back_at + STILL_SO + 2 * ON_ITS_WAY)
        elif one.unclean:
            yield from _unclean(world, voice, one)
        elif one.online:
            yield Finding(f"joining {one.name}", JOINS_WITHIN, partial(_stuck, world, voice, one.name))
        else:
            yield from _away(world, voice, one)


def _is_on_its_way(voice: Voice, one: PictureNode) -> bool:
    """A remote or guest node is called online while its connection is only being made. (crm_mon of 2.1.5)"""
    rows = (row for row in voice.picture.resources if row.id == one.name)
    return one.kind == "remote" and any(not ON_THE_WAY.isdisjoint({row.role, row.pending}) for row in rows)


def _under_way(world: World, voice: Voice, name: str) -> None:
    """A fencing that is not done yet, and that it is no longer so."""
    subject, pending, last = Subject(f"fencing/{name}"), _fencings(voice, name, PENDING), world.get(FENCED, name)
    known = world.get(CONDITION, subject)
    if last is not None and not voice.is_newer_than(last[0]):
        return
    if pending:
        asked = f", asked for by {pending[0].client} of {pending[0].origin}" if pending[0].client else ""
        world.note(subject, Severity.WARNING, voice.at, f"{UNDER_WAY}: {pending[0].action}{asked}")
    elif known is not None and known.why.startswith(UNDER_WAY):
        world.note(subject, Severity.OK, voice.at, "no fencing is under way any more")


def _is_there(world: World, voice: Voice, one: PictureNode) -> None:
    name = one.name
    world.put((FENCED_BEFORE, name), frozenset(map(_mark, _fencings(voice, name, DONE))))
    if not voice.is_newer_than(_last_heard_of(world, name)):
        return
    known = node(world, name)
    fencing = Subject(f"fencing/{name}")
    away = known.lost_at is not None or known.fenced_at is not None or known.left
    hurt = world.wound(node_subject(name)) is not None
    if away or hurt:
        come_back(world, name, voice.at, f"{name} is a member again: {voice.witness} sees it online")
        if world.wound(fencing) is not None and not _fencings(voice, name, PENDING):
            key = world.heal(fencing, voice.at, f"{name} is a member, and nobody tries to fence it any more")
            if key is not None:
                let_go(world, key, voice.at)
    if not (away or hurt) or world.get(PLAN, node_subject(name)) is not None:
        show_member(world, name, voice.at)


def _last_heard_of(world: World, name: str) -> datetime | None:
    known, wound = node(world, name), world.wound(node_subject(name))
    times = [known.lost_at, known.fenced_at, wound.began_at if wound is not None else None]
    return max((one for one in times if one is not None), default=None)


def _unclean(world: World, voice: Voice, one: PictureNode) -> Iterator[Finding]:
    name, known = one.name, node(world, one.name)
    if not one.online and known.lost_at is None and known.fenced_at is None:
        yield Finding(f"unclean {name}", AT_ONCE, partial(_call_lost, world, voice, name))
    if _in_vain(world, voice, name):
        yield Finding(f"in vain {name}", AT_ONCE, partial(_fence, world, voice, _fencings(voice, name, FAILED)[0]))
    hold = AT_WORK if _fencings(voice, name, PENDING) else LASTING
    yield Finding(f"unfenced {name}", hold, partial(_unfenced, world, voice, one))


def _in_vain(world: World, voice: Voice, name: str) -> bool:
    """Attempts to fence it have failed, and nobody told of one."""
    untold = world.wound(Subject(f"fencing/{name}")) is None and node(world, name).attempts == 0
    return untold and bool(_fencings(voice, name, FAILED)) and not _new_fencings(world, voice, name)


def _call_lost(world: World, voice: Voice, name: str, _: datetime) -> None:
    uid = world.uid or b""
    on_node_seen(world, NodeSeen(uid=uid, witness=voice.witness, at=voice.at, node=name, member=False))


def _unfenced(world: World, voice: Voice, one: PictureNode, since: datetime) -> None:
    name = one.name
    if node(world, name).lost_at is not None:
        on_unfenced(world, name, voice.at)
    elif one.online and world.wound(node_subject(name)) is None:
        ends = "its fencing does not end" if _fencings(voice, name, PENDING) else "does not fence it"
        reason = f"{name} is unclean: the cluster does not trust it, and {ends}"
        key = world.open_incident(Kind.NODE_FAILURE, node_subject(name), since, Severity.CRITICAL, reason)
        world.hurt(key, node_subject(name), since, Severity.CRITICAL, reason)
        world.change(key, voice.at, facts={"node": name, "unclean": "yes", "unfenced": "yes"})


def _stuck(world: World, voice: Voice, name: str, since: datetime) -> None:
    world.note(
        node_subject(name), Severity.WARNING, voice.at, f"joining the cluster since {since:%H:%M:%S} (UTC), and not in yet"
    )


def _away(world: World, voice: Voice, one: PictureNode) -> Iterator[Finding]:
    name, known = one.name, node(world, one.name)
    if known.fenced_at is not None or known.left:
        return
    new = _new_fencings(world, voice, name)
    if (CONDITION, node_subject(name)) not in world.facts:
        words = "offline; it left in good order, or was fenced, before this was looked at"
        set_node(world, name, left=True)
        goes_away(world, name, voice.at, words, for_good=True)
        world.note(node_subject(name), Severity.INFO, voice.at, words)
    elif new:
        yield Finding(f"fenced {name}", LASTING, partial(_fence, world, voice, new[0]))
    elif not one.expected_up:
        yield Finding(f"left {name}", LASTING, partial(_left, world, voice, name))
    elif known.lost_at is None:
        yield Finding(f"lost {name}", LASTING, partial(_call_lost, world, voice, name))


def _left(world: World, voice: Voice, name: str, _: datetime) -> None:
    """The cluster does not expect it: it said that it would go, though nobody told us."""
    known = node(world, name)
    if known.lost_at is not None:
        if not voice.is_newer_than(known.lost_at):
            return
        come_back(world, name, voice.at, f"the cluster says that {name} left in good order")
    set_node(world, name, announced_at=voice.at)
    _call_lost(world, voice, name, voice.at)


def _fence(world: World, voice: Voice, told: FenceEvent, _: datetime) -> None:
    done = told.status == DONE
    event = Fencing(
        uid=world.uid or b"",
        witness=voice.witness,
        at=voice.at,
        target=told.target,
        action=told.action,
        rc=0 if done else 1,
        executioner=told.delegate,
        client=told.client,
        origin=told.origin,
        result="OK" if done else told.reason or "failed",
        ref="",
    )
    on_fencing(world, event)


def _fencings(voice: Voice, name: str, status: str) -> list[FenceEvent]:
    return [one for one in voice.picture.fencings if one.target == name and one.status == status and one.action != "on"]


def _new_fencings(world: World, voice: Voice, name: str) -> list[FenceEvent]:
    """Those that worked since it was last seen online. What was there when it was first looked at says nothing of a node that
    nobody misses."""
    before = world.get(FENCED_BEFORE, name)
    done = _fencings(voice, name, DONE)
    if before is None:
        return done if node(world, name).lost_at is not None else []
    return [one for one in done if _mark(one) not in before]


def _mark(one: FenceEvent) -> str:
    return f"{one.action} {one.completed}"
