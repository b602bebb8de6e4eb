"""What stands around every view."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "now": ("Now", "Jetzt"),
    "incidents": ("Incidents", "Vorfälle"),
    "history": ("History", "Verlauf"),
    "planned": ("Planned work", "Geplante Arbeiten"),
    "log_out": ("Log out", "Abmelden"),
    "skip": ("To the content", "Zum Inhalt"),
}
