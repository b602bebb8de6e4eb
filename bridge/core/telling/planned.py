"""Work that people have planned on a part of a cluster: which silence it is, and what a board shows in a downtime for it."""

import re
from collections.abc import Iterable
from typing import Final

from bridge.core.telling.match import Matcher, all_hold
from bridge.core.telling.quiet import Silence
from bridge.core.world.event import Subject

PARTS: Final = {
    "node": r"(node|fencing|relay)/{0}|[^/]+/.*@{0}",
    "resource": r"(resource|guest)/{0}",
    "guest": r"(resource|guest)/{0}",
    "replica": r"drbd/{0}(@.*)?",
}
"""The subjects that belong to a part of a cluster, by the name of the part."""


class BadWork(ValueError):  # noqa: N818 - the name of the mistake
    """What is to be worked on was not understood; says the cure."""


def matchers_of(cluster: str, what: str) -> tuple[str, ...]:
    """Of work on `node=n3`, `resource=web`, `guest=vm-a`, `replica=r0`, or on the whole `cluster`. By the root of an incident:
    work on a guest must not hide that the node under it has failed. Raises BadWork."""
    where = str(Matcher("cluster", "=", cluster))
    if what == "cluster":
        return (where,)
    part, _, name = what.partition("=")
    if part not in PARTS or not name:
        raise BadWork(f'{what!r} is no part of a cluster; write {", ".join(f"{part}=NAME" for part in PARTS)}, or "cluster"')
    return where, str(Matcher("root", "=~", PARTS[part].format(re.escape(name))))


def is_over(silence: Silence, subjects: Iterable[tuple[str, Subject]]) -> bool:
    """Whether it is planned work on all of these: a downtime would hide the rest."""
    labels = [{"cluster": (cluster,), "root": (subject,)} for cluster, subject in subjects]
    return bool(silence.planned and labels) and all(all_hold(silence.matchers, one) for one in labels)
