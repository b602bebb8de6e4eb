"""What is known of one node."""

from datetime import datetime

import msgspec


class Node(msgspec.Struct, frozen=True):
    """What is known of one node. `lost_at` and `fenced_at` are None while it is there."""

    lost_at: datetime | None = None
    was_lost_at: datetime | None = None
    fenced_at: datetime | None = None
    announced_at: datetime | None = None
    emptied_at: datetime | None = None
    left: bool = False
    left_with: tuple[tuple[str, str], ...] = ()
    """What was known to run there when it left, with its roles: stopped before it went, if it went in good order."""
    unseen_at: datetime | None = None
    """When it was seen that it had died and come back, unseen."""
    attempts: int = 0
    given_up: bool = False
    """Lost, and its resources were started elsewhere although nobody told of a fencing."""
    remote: bool = False
