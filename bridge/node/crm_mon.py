"""The cluster's own word: the relay looks at what crm_mon shows, every 15 seconds and soon after the cluster did something.

A feed of the relay, and it never waits: crm_mon and cibadmin are children (child.py). What it has seen last stands in `picture`;
present.py brings that to the bridge. Only what goes wrong with the looking is a report of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.node import answers, configuration
from bridge.node.answers import Answer
from bridge.node.called import Called
from bridge.node.child import Child, installed
from bridge.node.complaint import Complaint
from bridge.node.feed import Body
from bridge.node.hurry import Hurry
from bridge.node.picture import SKIPPED, reduced, telling
from bridge.node.rows import Row
from bridge.node.xml_tree import Element, Tree
from bridge.wire.body import Moment

LOOKING: Final = "crm_mon"
"""What its complaints are called at the bridge."""
AUTO: Final = "auto"
OFF: Final = "off"
EVERY: Final = 15.0
AGAIN: Final = 5.0
"""Seconds after a look in vain; the second one is told."""
ABSENT: Final = 300.0
"""Seconds between two looks for a crm_mon that is not installed."""
SECTIONS: Final = "none,summary,options,nodes,attributes,resources,failures,failcounts,fencing,bans,tickets"
WAYS: Final = (
    ("--output-as=xml", f"--include={SECTIONS}", "--inactive"),  # 2.0.4
    ("--output-as=xml", "--inactive"),  # 2.0.3
    ("--as-xml", "--inactive", "--show-node-attributes", "--failcounts", "--neg-locations", "--tickets"),  # 1.1
)
"""How it may have to be called, the newest first."""
CONFIGURATION: Final = ("--query", "--xpath", "//configuration")

log = logging.getLogger("quorumbell.relay")


class Picture(NamedTuple):
    """What was seen, and when the look began that saw it last."""

    says: Row
    moment: Moment


class Onlooker:
    """`crm_mon` and `cibadmin` are paths, `auto` (where they are installed) or `off`."""

    def __init__(self, crm_mon: str = AUTO, cibadmin: str = AUTO, every: float = EVERY) -> None:
        self._crm_mon = crm_mon
        self._every = every
        self._cibadmin = cibadmin
        self._way = 0
        self._child: Child | None = None
        self._last: Child | None = None
        """The one before, which may have been killed and yet not be gone: then no other is started."""
        self._tree = Tree()
        self._root: Element | None = None
        """What crm_mon has shown, while cibadmin is asked."""
        self._began: Moment | None = None
        self._known: configuration.Configured | None = None
        self._changed: dict[str, str] = {}
        self._asks = 0
        self._hurry = Hurry()
        self._in_vain = 0
        self._absent = False
        self._trouble = Complaint(LOOKING, "the cluster is not looked at", "the cluster is looked at again")
        self._unread = Complaint("cibadmin", "the configuration is not read", "the configuration is read again")
        self._called = Called()
        self.picture: Picture | None = None

    def fileno(self) -> int:
        return -1 if self._child is None else self._child.fileno()

    def age_ms(self, moment: Moment) -> int:
        """How long ago the last look began; 0 when there was none."""
        return 0 if self.picture is None else max(1, (moment.boot_ns - self.picture.moment.boot_ns) // 1_000_000)

    def hurry(self, now: float) -> None:
        """The cluster has just done something, or looks other than before."""
        self._hurry.stir(now)

    def on_readable(self, now: float, moment: Moment) -> list[Body]:
        if self._child is not None:
            self._child.on_readable()
        return self.on_tick(now, moment)

    def on_tick(self, now: float, moment: Moment) -> list[Body]:
        if self._crm_mon == OFF:
            return []
        if self._child is None:
            return self._begin(now, moment) if self._hurry.is_due(now) else []
        code = self._child.ended(now)
        if code is None and not self._child.fault:
            return []
        answer = answers.read(self._tree, code or 0, self._child.fault)
        self._last, self._child = self._child, None
        return self._answered(answer, now, moment)

    def close(self) -> None:
        for child in filter(None, (self._child, self._last)):
            child.close()
        self._child = self._last = None

    # --- crm_mon ---------------------------------------------------------------------------------------------------------

    def _begin(self, now: float, moment: Moment) -> list[Body]:
        self._hurry.begun()
        path = _found(self._crm_mon, "crm_mon")
        if not path:
            return self._no_crm_mon(now)
        if self._last is not None and self._last.ended(now) is None:
            return self._saw_nothing("it hangs, and cannot even be killed: look at its disks", now, moment)
        self._last = None
        self._began = moment
        return self._ask((path, *WAYS[self._way]), Tree(SKIPPED), now, moment)

    def _no_crm_mon(self, now: float) -> list[Body]:
        """A node without Pacemaker: nothing is wrong."""
        self._hurry.next_at(now + ABSENT)
        if not self._absent:
            log.info("no crm_mon is installed: the cluster is looked at as soon as there is one")
        self._absent = True
        return []

    def _ask(self, command: Sequence[str], tree: Tree, now: float, moment: Moment) -> list[Body]:
        self._tree = tree
        try:
            self._child = Child(command, tree.feed, now)
        except OSError as wrong:
            return self._answered(Answer(why=f"{command[0]} cannot be started: {wrong.strerror}"), now, moment)
        return []

    def _answered(self, answer: Answer, now: float, moment: Moment) -> list[Body]:
        before = self.picture
        told = self._looked(answer, now, moment) if self._root is None else self._configured(answer, moment)
        after = self.picture
        if before is not None and after is not None and after is not before and telling(before.says) != telling(after.says):
            self.hurry(now)  # no event may have told of it: whether it lasts is to be seen soon
        return told

    def _looked(self, answer: Answer, now: float, moment: Moment) -> list[Body]:
        if answer.strange and self._way + 1 < len(WAYS):
            self._way += 1
            self._hurry.next_at(now)
            return []
        if answer.root is None and not answer.away:
            return self._saw_nothing(answer.why, now, moment)
        self._in_vain = 0
        self._hurry.next_at(now + self._every)
        over = self._trouble.over(moment)
        if answer.root is None:
            self._see({"running": False, "why": answer.why})
            return over
        return over + self._saw(answer.root, now, moment)

    def _saw_nothing(self, why: str, now: float, moment: Moment) -> list[Body]:
        """Once in vain may be a cluster that is just starting."""
        self._way = 0
        self._in_vain += 1
        self._hurry.next_at(now + (AGAIN if self._in_vain == 1 else self._every))
        return self._trouble.told(why, moment) if self._in_vain > 1 else []

    def _see(self, says: Row) -> None:
        self._root = None
        if self._began is not None:
            self.picture = Picture(says, self._began)

    # --- cibadmin --------------------------------------------------------------------------------------------------------

    def _saw(self, root: Element, now: float, moment: Moment) -> list[Body]:
        """The configuration is read once for each change, and once more: its time has seconds, and one may see two changes."""
        changed = root.first("summary").first("last_change").values
        if changed != self._changed:
            self._changed, self._asks = changed, 2
        path = _found(self._cibadmin, "cibadmin")
        if not self._asks or not path:
            self._see_cluster(root)
            return self._called.look(self._known, moment)
        self._asks -= 1
        self._root = root
        return self._ask((path, *CONFIGURATION), Tree(), now, moment)

    def _configured(self, answer: Answer, moment: Moment) -> list[Body]:
        root = self._root or Element("", {})
        if answer.root is None:
            self._asks = 1  # at the next look
            self._see_cluster(root)
            return self._unread.told(answer.why, moment)
        self._known = configuration.reduced(answer.root)
        self._see_cluster(root)
        return self._unread.over(moment) + self._called.look(self._known, moment)

    def _see_cluster(self, root: Element) -> None:
        """With what is known of its configuration, as it was read last."""
        known = self._known or configuration.Configured({}, {})
        self._see({**reduced(root, known.meta), **known.says})


def _found(setting: str, name: str) -> str:
    """Where the program is; empty when it is nowhere, or not to be run."""
    if setting == AUTO:
        return installed(name) or ""
    return "" if setting == OFF else setting
