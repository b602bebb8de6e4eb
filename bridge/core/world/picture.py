"""The cluster's own word: what `crm_mon` and `cibadmin` show on one node, as its relay reduced it (bridge/node/picture.py).

One spelling for all versions: roles are Promoted and Unpromoted, an agent has one colon between its parts, exit codes are
numbers, and what groups, clones and bundles hand down stands with each instance. Rows and names are those of Pacemaker's XML
schemas (crm_mon, 1.1 to 3.0). A picture shows what the cluster knows; whether to believe it is for rules to say: without quorum
it lists the services of lost nodes as started there.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from bridge.core.world.event import EPOCH, Event
from bridge.core.world.table import Table

MOST_PARTS: Final = 64
_HOLDABLE: Final = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$"
Name = Annotated[str, msgspec.Meta(max_length=200, pattern=_HOLDABLE)]
Words = Annotated[str, msgspec.Meta(max_length=1000, pattern=_HOLDABLE)]
Number = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Pairs = tuple[tuple[Name, Words], ...]
"""Names and their values."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a relay leaves out has its usual value."""


# --- crm_mon -------------------------------------------------------------------------------------------------------------


class Changed(Row, frozen=True):
    """Who last changed the configuration, in crm_mon's words; `time` is text, in a form that differs."""

    time: Words = ""
    user: Name = ""
    client: Name = ""
    origin: Name = ""


class Options(Row, frozen=True):
    maintenance: bool = False
    stop_all: bool = False
    fencing: bool = True
    symmetric: bool = True
    no_quorum_policy: Name = "stop"


class PictureNode(Row, frozen=True):
    """`kind` is member, remote or ping. `resource` is that of a guest node, `container` what it runs in."""

    name: Name
    kind: Name = "member"
    online: bool = False
    standby: bool = False
    standby_onfail: bool = False
    maintenance: bool = False
    pending: bool = False
    unclean: bool = False
    shutdown: bool = False
    expected_up: bool = False
    health: Name = "green"
    resource: Name = ""
    container: Name = ""


class PictureResource(Row, frozen=True):
    """One instance of a resource. `nodes` are those that it runs on, or is thought to; "" in `group`, `clone`, `bundle`: it is in
    none. `managed`, `maintenance`, `disabled` and `target_role` are what holds for it, whoever it was said of."""

    id: Name
    agent: Name = ""
    role: Name = "Started"
    nodes: tuple[Name, ...] = ()
    target_role: Name = ""
    managed: bool = True
    maintenance: bool = False
    disabled: bool = False
    active: bool = False
    blocked: bool = False
    failed: bool = False
    ignored: bool = False
    removed: bool = False
    """Still there, and no longer in the configuration (orphaned)."""
    pending: Name = ""
    """An action under way: Starting, Stopping, Migrating …; a monitor is none."""
    locked_to: Name = ""
    group: Name = ""
    clone: Name = ""
    promotable: bool = False
    unique: bool = False
    bundle: Name = ""
    replica: Name = ""


class Failure(Row, frozen=True):
    """An action that failed, and was not cleaned up; the trouble may long be over. `last` is text."""

    resource: Name
    node: Name
    task: Name = ""
    interval_ms: Number = 0
    rc: Number = 0
    status: Name = ""
    reason: Words = ""
    last: Name = ""
    exec_ms: Number = 0


class FailCount(Row, frozen=True):
    """1,000,000 is INFINITY, of either. `last` is text."""

    resource: Name
    node: Name
    fails: Number = 0
    threshold: Number = 0
    last: Name = ""


class FenceEvent(Row, frozen=True):
    """`status` is success, failed or pending; `completed` is text. History, and not what is so now, unless it is pending."""

    target: Name
    action: Name = ""
    status: Name = ""
    client: Name = ""
    origin: Name = ""
    delegate: Name = ""
    completed: Name = ""
    reason: Words = ""


class Ban(Row, frozen=True):
    """A location constraint of minus infinity; `cli-ban-…` is left of `crm_resource --ban` and `--move`."""

    id: Name
    resource: Name
    node: Name = ""
    promoted_only: bool = False


class Ticket(Row, frozen=True):
    id: Name
    granted: bool = False
    standby: bool = False


class PictureAttribute(Row, frozen=True):
    """`expected`, where an ocf:pacemaker:ping resource says what it should be, else ""."""

    node: Name
    name: Name
    value: Words = ""
    expected: Name = ""


# --- the configuration ---------------------------------------------------------------------------------------------------


class Primitive(Row, frozen=True):
    """Only parameters that say what the resource is, and never a secret."""

    id: Name
    agent: Name = ""
    parameters: Pairs = ()
    meta: Pairs = ()

    def parameter(self, name: str) -> str:
        """Empty when it is not given."""
        return dict(self.parameters).get(name, "")


class Bundle(Row, frozen=True):
    id: Name
    kind: Name = ""
    image: Words = ""
    replicas: Name = ""
    network: Name = ""
    """The first address of its containers (ip-range-start)."""


class Location(Row, frozen=True):
    """Of minus infinity. `ruled`: a rule says where, and `node` is ""."""

    id: Name
    resource: Name = ""
    pattern: Name = ""
    node: Name = ""
    role: Name = ""
    ruled: bool = False


class Moved(Row, frozen=True):
    """A location constraint `cli-prefer-…`: it is left of `crm_resource --move`, and holds the resource on the node for good."""

    id: Name
    resource: Name = ""
    node: Name = ""


class Colocation(Row, frozen=True):
    """`resource` goes where `partner` is; with a score of -INFINITY it never does."""

    id: Name
    resource: Name
    partner: Name
    score: Name = ""
    role: Name = ""
    partner_role: Name = ""


class Order(Row, frozen=True):
    id: Name
    first: Name
    then: Name
    first_action: Name = ""
    then_action: Name = ""
    kind: Name = ""
    """Mandatory, Optional or Serialize; "": by `score`, which is older."""
    score: Name = ""


class Ticketed(Row, frozen=True):
    """A resource that runs only where the ticket is."""

    id: Name
    resource: Name
    ticket: Name
    loss_policy: Name = ""


class ConfiguredAlert(Row, frozen=True):
    """No `kinds`: the usual ones. `attributes`: of these alone."""

    id: Name
    path: Words = ""
    recipients: tuple[Words, ...] = ()
    kinds: tuple[Name, ...] = ()
    attributes: tuple[Name, ...] = ()


# --- all of it -----------------------------------------------------------------------------------------------------------


class Picture(Row, frozen=True):
    """What one node's crm_mon said. `running`: whether the cluster runs there; if not, `why` is all there is. `configured`:
    whether the configuration could be read, and what follows it is known."""

    at: datetime = EPOCH
    """When the relay began to look: what happened since may be in it, or not."""
    running: bool = True
    why: Words = ""
    version: Name = ""
    dc: Name = ""
    quorate: bool = False
    mixed: bool = False
    changed: Changed = Changed()
    options: Options = Options()
    nodes: tuple[PictureNode, ...] = ()
    resources: tuple[PictureResource, ...] = ()
    failures: tuple[Failure, ...] = ()
    counts: tuple[FailCount, ...] = ()
    fencings: tuple[FenceEvent, ...] = ()
    bans: tuple[Ban, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    attributes: tuple[PictureAttribute, ...] = ()
    configured: bool = False
    primitives: tuple[Primitive, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    locations: tuple[Location, ...] = ()
    moved: tuple[Moved, ...] = ()
    colocations: tuple[Colocation, ...] = ()
    orders: tuple[Order, ...] = ()
    ticketed: tuple[Ticketed, ...] = ()
    alerts: tuple[ConfiguredAlert, ...] = ()


LISTS: Final = tuple(field.name for field in msgspec.structs.fields(Picture) if field.default == ())
"""The fields of a picture that are rows: its parts divide them among themselves."""


class PictureTold(Event, frozen=True, kw_only=True):
    """A part of a picture, number `part` of `of`. `picture` names its content: equal content, equal name. The first part has all
    that is no list."""

    node: str
    picture: str
    part: int
    of: int
    says: Picture


PARTS: Final = Table("picture_parts", tuple[PictureTold, ...])
"""By node: those of the newest picture, while it is not whole."""
PICTURE: Final = Table("picture", Picture)
"""By node: the newest that is whole."""
