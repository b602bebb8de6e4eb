"""What Quorumbell tells of itself: the ledger takes nothing. (Its address, and what it says; nothing when it was lost.)"""

from typing import Final

OUTAGES: Final[dict[str, tuple[str, str]]] = {
    "SQLite, a full disk": ("sqlite:////var/lib/quorumbell/ledger.db", "database or disk is full"),
    "SQLite, deleted or replaced while it was open": ("sqlite:////var/lib/quorumbell/ledger.db", ""),
    "PostgreSQL, which is down": (
        "postgresql://quorumbell@db.example.com/quorumbell",
        'connection failed: connection to server at "192.0.2.7", port 5432 failed: Connection refused',
    ),
}
