"""What is known of one node."""

from datetime import datetime

import msgspec


class Node(msgspec.Struct, frozen=True):
    """What is known of one node. `lost_at` and `fenced_at` are None while it is there."""

    lost_at: datetime | None = None
    was_lost_at: datetime | None = None
    fenced_at: datetime | None = None
    back_at: datetime | None = None
    """When it was last said to be a member."""
    announced_at: datetime | None = None
    emptied_at: datetime | None = None
    left: bool = False
    left_with: tuple[tuple[str, str], ...] = ()
    """What was known to run there when it left, with its roles: stopped before it went, if it went in good order."""
    taken: tuple[tuple[str, str], ...] = ()
    """What was taken for away with it, with its roles, though nobody knows that it is off."""
    stopped: tuple[str, ...] = ()
    """What was stopped there since it was lost: it is not there any more, should the node have lived on."""
    unseen_at: datetime | None = None
    """When it was seen that it had died and come back, unseen."""
    attempts: int = 0
    ordered_at: datetime | None = None
    """When a person asked the cluster to fence it."""
    given_up: bool = False
    """Lost, and its resources were started elsewhere although nobody told of a fencing."""
    remote: bool = False
