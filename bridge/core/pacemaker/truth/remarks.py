"""What is odd about a service and hurts nobody now: shown with it, and rung nowhere. What is left of `crm_resource --ban` and
`--move` keeps it from a node, or on one, for good; what was removed while it ran is looked after by nobody.
"""

from typing import Final

from bridge.core.pacemaker.truth.causes import few
from bridge.core.pacemaker.truth.service import Service
from bridge.core.world.picture import Ban, Picture

LEFT: Final = ("cli-ban-", "cli-standby-")
"""How the constraints begin that crm_resource makes; older ones said standby."""


def remark_on(picture: Picture, service: Service) -> str:
    """Empty, mostly."""
    if service.first.removed and not service.stopped:
        return "removed from the configuration while it ran: nobody looks after it"
    held = [one for one in picture.moved if one.resource in service.names and one.node]
    on = f"held on {few({one.node for one in held})} by {few(one.id for one in held)}, left of a move" if held else ""
    left = [ban for ban in picture.bans if ban.resource in service.names and ban.id.startswith(LEFT)]
    return "; ".join(filter(None, (on, *(_left_behind(left, promoted_only=only) for only in (False, True)))))


def _left_behind(bans: list[Ban], *, promoted_only: bool) -> str:
    nodes = few({ban.node for ban in bans if ban.promoted_only is promoted_only and ban.node})
    ids = few(ban.id for ban in bans if ban.promoted_only is promoted_only and ban.node)
    what = "from being promoted on" if promoted_only else "from"
    return f"kept {what} {nodes} by {ids}, left of a move or a ban" if nodes else ""
