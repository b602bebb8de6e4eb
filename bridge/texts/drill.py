"""A drill's messages: as in earnest, but their first word says what they are, and nothing in them can be pasted and run."""

from collections.abc import Sequence
from datetime import timedelta, tzinfo
from typing import Any, Final

from msgspec.structs import replace

from bridge.core.telling.notice import Notice, Telling
from bridge.texts import words
from bridge.texts.facts import clean
from bridge.texts.layout import Piece

WORD: Final = "DRILL"
OVER_AFTER: Final = timedelta(minutes=2)
"""By then a drill is over, whoever dies in the middle of it."""
SAID: Final = {
    "en": {
        "now": "This is a drill: nothing of it has happened, and nothing has to be done. It is over at {} at the latest, even if "
        "no further word comes.",
        "was": "This was a drill: nothing of it has happened, and nothing has to be done.",
        "steps": "In earnest the commands stand with the steps below.",
        "foot": "Drill {} in cluster {}, asked for by {}.",
    },
    "de": {
        "now": "Das ist eine Übung: nichts davon ist geschehen, und es ist nichts zu tun. Sie ist spätestens um {} vorbei, auch "
        "wenn keine weitere Nachricht kommt.",
        "was": "Das war eine Übung: nichts davon ist geschehen, und es ist nichts zu tun.",
        "steps": "Im Ernstfall stehen bei den Schritten unten die Befehle.",
        "foot": "Übung {} im Cluster {}, ausgelöst von {}.",
    },
}


def marked(text: str, notice: Notice) -> str:
    return f"{WORD}: {text}" if notice.drill else text


def as_drill(told: dict[str, Any], notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    """The frame of its message; of what to do, the words without the commands."""
    said = SAID[language]
    until = words.moment(notice.at + OVER_AFTER, language, zone)
    about = said["was"] if notice.kind is Telling.CLOSED else said["now"].format(until)
    intro = Piece(text=f"{about} {said['steps']}" if told["runbook"] else about)
    drill, _, author = notice.drill.partition(" ")
    return {
        **told,
        "subject": f"{WORD} {told['subject']}",
        "headline": marked(told["headline"], notice),
        "story": [intro, *without_commands(told["story"])],
        "runbook": without_commands(told["runbook"]),
        "foot": [said["foot"].format(clean(drill), clean(notice.incident.cluster), clean(author))],
    }


def without_commands(pieces: Sequence[Piece]) -> list[Piece]:
    return [replace(piece, commands=()) for piece in pieces]
