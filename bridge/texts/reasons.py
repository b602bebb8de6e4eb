"""Phrases for what a picture of the cluster gives a code for: why something runs nowhere, what somebody has arranged."""

from collections.abc import Mapping
from typing import Final

from bridge.texts.words import listed

CAUSES: Final = {
    "en": {
        "forbidden": "location constraints forbid all nodes ({constraints})",
        "standby": "the nodes that it may run on are in standby ({cause_nodes})",
        "failed": "it has failed on {cause_nodes} and is not tried again",
        "waits": "it needs {needs}, which does not run",
        "leads": "it needs {needs}, which is promoted nowhere",
    },
    "de": {
        "forbidden": "Standortregeln (location constraints) verbieten alle Knoten ({constraints})",
        "standby": "die erlaubten Knoten sind im Standby ({cause_nodes})",
        "failed": "gescheitert auf {cause_nodes} und nicht wieder versucht",
        "waits": "gebraucht wird {needs}, und das läuft nicht",
        "leads": "gebraucht wird {needs} als Primary (promoted), und das ist nirgends so",
    },
}


ARRANGED: Final = {
    "en": {
        "standby": "in standby",
        "put-aside": "in standby (a resource failed there, on-fail=standby)",
        "maintenance": "in maintenance",
        "unmanaged": "unmanaged",
        "leaving": "about to leave in good order",
        "stop-all": "told to run nothing (stop-all-resources)",
    },
    "de": {
        "standby": "im Standby",
        "put-aside": "im Standby (dort fiel eine Ressource aus, on-fail=standby)",
        "maintenance": "in Wartung",
        "unmanaged": "unmanaged",
        "leaving": "dabei, sich ordentlich abzumelden",
        "stop-all": "angewiesen, nichts laufen zu lassen (stop-all-resources)",
    },
}
SOMEHOW_ARRANGED: Final = {"en": "in planned work", "de": "in geplanter Arbeit"}


def arranged(known: Mapping[str, str], language: str) -> str:
    """What somebody has arranged for it."""
    return ARRANGED[language].get(known.get("arranged", ""), SOMEHOW_ARRANGED[language])


def cause(known: Mapping[str, str], language: str) -> str:
    """Why it runs nowhere, as the cluster's own word has it; empty where it has none."""
    phrase = CAUSES[language].get(known.get("cause", ""), "")
    if not phrase:
        return ""
    names = {name: listed(known.get(name, ""), language) for name in ("cause_nodes", "needs")}
    reason = f": {known['exit_reason']}" if known["cause"] == "failed" and "exit_reason" in known else ""
    return phrase.format(constraints=known.get("constraints", ""), **names) + reason
