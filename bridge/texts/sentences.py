"""One template per kind of incident and language: what is wrong, what happens already, and what to type.

Facts that nobody told are left out of the sentences, never shown as holes.
"""

from datetime import UTC
from typing import Any, Final

import jinja2

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State
from bridge.texts import layout
from bridge.texts.broken import broken
from bridge.texts.context import context_of
from bridge.texts.facts import bare, root_names
from bridge.texts.own import is_own, template_of


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
    try:
        notice = as_notice(incident)
        return sentence_of(incident, context_of(notice, language, UTC), language)
    except Exception as error:  # noqa: BLE001 - whatever it is, an alarm needs words
        broken(incident.kind, error)
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
    return _TEXT.get_template(f"{language}/{template_of(incident)}.j2").render(context, part=part)


def sentence_of(incident: Incident, context: dict[str, Any], language: str) -> str:
    sentence = layout.one_line(part_of("summary", incident, context, language))
    # An incident may be understood in a way that its template did not foresee; its root is named all the same.
    unnamed = [name for name in root_names(incident.root) if name not in sentence]
    return f"{' '.join(unnamed)}: {sentence}" if unnamed and not is_own(incident) else sentence
