"""One object and nothing else: how it is named in a call, and whether an answer says that just it was hit.

`%` and `_` in names are wildcards of most calls. An object is therefore named by the pair (`svc.hs`), and what the answer says
was hit is compared; the one call that says nothing of it is used only for names without them (opsview-rest.md 2.4).
"""

from typing import Any, Final

from bridge.core.showing.picture import Target
from bridge.receivers.opsview.api import Reply

SIGNED: Final = "Quorumbell: "
"""How comments of our own begin: by it and by the user they are known again."""


def pair(target: Target) -> tuple[str, str]:
    """The one form that means exactly one service: all others are patterns."""
    return "svc.hs", f"{target.host}::{target.service}"


def wild(target: Target) -> bool:
    return any(sign in text for text in target for sign in "%_")


def compared(reply: Reply, target: Target) -> Reply:
    """The answer, when it says that it hit just what was meant."""
    if not reply.ok:
        return reply
    listed = reply.table("list")
    found = [
        (row.get("hostname"), row.get("servicename", ""))
        for kind in ("hosts", "services")
        for row in listed.get(kind) or ()
        if isinstance(row, dict)
    ]
    if found == [tuple(target)]:
        return reply
    if tuple(target) not in found:
        return Reply(status=400, words=f"{target} was not among what it hit ({len(found)} objects)")
    others = ", ".join(f"{service} on {host}" for host, service in found if (host, service) != target)
    return Reply(status=400, words=f"it also hit {others}; give {target} a name without _ or %")


def services_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    found = row.get("services")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
