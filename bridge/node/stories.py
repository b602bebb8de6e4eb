"""The stories of drills: which hook is called with what, one call after the other.

The variables are those of Pacemaker 2.1 and of DRBD 8.4, as far as their meaning needs them (Pacemaker Administration, alerts;
drbd.conf(5), handlers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import uuid4

from bridge.node.hooks import ALERT, HANDLER
from bridge.wire import codec


class Call(NamedTuple):
    hook: str
    variables: dict[str, str]
    arguments: tuple[str, ...] = ()


def story(asked: codec.Drill) -> list[Call]:
    """Raises KeyError for one that is not known here."""
    return _STORIES[asked.story](asked)


def _failover(asked: codec.Drill) -> list[Call]:
    return [
        _started(asked, asked.node),
        _node(asked, "lost"),
        _fenced(asked, "OK"),
        _started(asked, asked.here),
        _node(asked, "member"),
    ]


def _fencing_failure(asked: codec.Drill) -> list[Call]:
    began, lost, *rest = _failover(asked)
    return [began, lost, _fenced(asked, "No such device", rc=1), *rest]


def _split_brain(asked: codec.Drill) -> list[Call]:
    """It ends with a resync, of which the handlers tell as well."""
    return [_handler(asked, name) for name in ("split-brain", "before-resync-target", "after-resync-target")]


def _started(asked: codec.Drill, node: str) -> Call:
    codes = {"rc": "0", "target_rc": "0", "status": "0", "interval": "0", "exec_time": "31"}
    return _alert(kind="resource", rsc=asked.resource, node=node, task="start", desc="ok", **codes)


def _node(asked: codec.Drill, how: str) -> Call:
    return _alert(kind="node", node=asked.node, desc=how)


def _fenced(asked: codec.Drill, result: str, rc: int = 0) -> Call:
    words = f"Operation reboot of {asked.node} by {asked.here} for quorumbell-drill@{asked.here}: {result} (ref={uuid4()})"
    return _alert(kind="fencing", node=asked.node, task="st_notify_fence", rc=str(rc), desc=words)


def _alert(**variables: str) -> Call:
    return Call(ALERT, {f"CRM_alert_{name}": value for name, value in variables.items()})


def _handler(asked: codec.Drill, name: str) -> Call:
    about = {"DRBD_RESOURCE": asked.resource, "DRBD_PEER": asked.node, "DRBD_VOLUME": "0", "DRBD_MINOR": "0"}
    return Call(HANDLER, about, (name,))


_STORIES: Final[dict[str, Callable[[codec.Drill], list[Call]]]] = {
    "failover": _failover,
    "split-brain": _split_brain,
    "fencing-failure": _fencing_failure,
}
