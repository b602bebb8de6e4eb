"""One template per kind of incident and language: what is wrong, what happens already, and what to type.

Facts that nobody told are left out of the sentences, never shown as holes.
"""

import logging
from datetime import UTC
from typing import Any, Final

import jinja2

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State
from bridge.texts import layout
from bridge.texts.context import context_of
from bridge.texts.facts import bare, root_names

log = logging.getLogger("bridge.texts")

TEST_KEY: Final = "test@"
"""How the key of the incident of a test notice begins: nothing is wrong, and the text says only that."""


def _pre(value: Any, before: str, after: str = "") -> str:
    """` on n1`, or nothing where the fact is missing."""
    return f"{before}{value}{after}" if value else ""


def _environment(*, html: bool) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bridge.texts"),
        undefined=jinja2.StrictUndefined,
        autoescape=html,  # noqa: S701 - plain text has nothing to escape
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["pre"] = _pre
    return made


_TEXT: Final = _environment(html=False)
HTML: Final = _environment(html=True)


def summary(incident: Incident, language: str = "en") -> str:
    """One sentence in plain words that names the root and what happened to it."""
    notice = as_notice(incident)
    try:
        return sentence_of(incident, context_of(notice, language, UTC), language)
    except jinja2.TemplateError:
        log.exception("no sentence for %s: its template is broken", incident.kind)
        return bare(incident)


def as_notice(incident: Incident) -> Notice:
    closed = incident.state is State.CLOSED
    return Notice(
        incident_id=0,
        receiver="",
        kind=Telling.CLOSED if closed else Telling.OPENED,
        reason="",
        at=incident.closed_at or incident.changed_at,
        incident=incident,
    )


def part_of(part: str, incident: Incident, context: dict[str, Any], language: str) -> str:
    name = "_test" if incident.key.startswith(TEST_KEY) else incident.kind
    return _TEXT.get_template(f"{language}/{name}.j2").render(context, part=part)


def sentence_of(incident: Incident, context: dict[str, Any], language: str) -> str:
    sentence = layout.one_line(part_of("summary", incident, context, language))
    # An incident may be understood in a way that its template did not foresee; its root is named all the same.
    unnamed = [name for name in root_names(incident.root) if name not in sentence]
    return f"{' '.join(unnamed)}: {sentence}" if unnamed and not incident.key.startswith(TEST_KEY) else sentence
