"""`status` while the ledger cannot be read: what the bridge has in its memory."""

from datetime import datetime, timedelta
from typing import Any

from bridge.commands.common import now
from bridge.commands.format import ago, ago_of, count, instant, table


def lines(found: dict[str, Any]) -> list[str]:
    """What is wrong, and what that means."""
    bridge, why, ledger = found["bridge"], found["ledger_trouble"], found["ledger"]
    away = bridge.get("ledger_away")
    if away is None:
        busy = f"; the bridge has been busy for {bridge['busy_seconds']:g} s" if "busy_seconds" in bridge else ""
        return [f"LEDGER      {ledger} cannot be read by this command: {why}{busy}"]
    since = datetime.fromisoformat(away["since"])
    told = ", ".join(away["told"]) or "nobody yet; each receiver is, after a minute"
    held = f"; {count(bridge['held'], 'report')} wait in memory" if bridge.get("held") else ""
    return [
        f"LEDGER      NOTHING CAN BE STORED since {instant(since)}, {ago(since, now())}: {why}",
        f"            it is {ledger}; the bridge goes on by itself as soon as it takes something",
        f"            relays hold their reports on disk, nothing is lost{held}; nobody is told of what happens meanwhile",
        f"            who knows of it: {told}",
    ]


def now_of(bridge: dict[str, Any]) -> datetime:
    """By the bridge's own time, which is that of relays and incidents: its word is older, but says how far it is apart."""
    return now() - timedelta(microseconds=bridge.get("ahead_us", 0))


def tables(found: dict[str, Any], at: datetime) -> list[str]:
    """As it was known last."""
    bridge, incidents = found["bridge"], found["incidents"]
    known_at = bridge.get("known_at")
    if known_at is None:
        return []
    relays = [(one["cluster"], one["node"], ago_of(one["last_heard_at"], at), one["backlog"]) for one in found["edges"]]
    rows = [(one["severity"], one["state"], one["kind"], ago_of(one["opened_at"], at), one["summary"]) for one in incidents]
    more = bridge.get("open_incidents", 0) - len(rows)
    return [
        f"Without the ledger, this is known of {instant(datetime.fromisoformat(known_at))}:",
        table(("CLUSTER", "NODE", "LAST WORD", "BACKLOG"), relays) if relays else "no relay was heard",
        table(("SEVERITY", "STATE", "KIND", "SINCE", "WHAT"), rows) if rows else "no incident was open",
        *([f"and {count(more, 'incident')} more"] if more > 0 else []),
    ]
