"""What people read: subject, one sentence, text and HTML of a notice, in their language and their time zone.

One template per kind and language says what is wrong, what happens already, and what to type. Facts that nobody told are left
out of the sentences, never shown as holes.
"""

import logging
import shlex
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final

import jinja2
import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, State
from bridge.texts import bundles, layout, tables, words
from bridge.texts.facts import Facts, clean, complete, quoted, root_names
from bridge.texts.words import LANGUAGES

__all__ = ["LANGUAGES", "TEST_KEY", "Text", "bare", "bare_facts", "frame", "render", "render_strictly", "summary"]

log = logging.getLogger(__name__)

TEST_KEY: Final = "test@"
"""How the key of the incident of a test notice begins: nothing is wrong, and the text says only that."""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` stays the same through an incident's life; `headline` is what is new, in one line; `summary` what is wrong."""

    subject: str
    headline: str
    summary: str
    body: str
    html: str


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
_HTML: Final = _environment(html=True)


def summary(incident: Incident, language: str = "en") -> str:
    """One sentence in plain words that names the root and what happened to it."""
    notice = _as_notice(incident)
    try:
        return _sentence(incident, _context(notice, language, UTC), language)
    except jinja2.TemplateError:
        log.exception("no sentence for %s: its template is broken", incident.kind)
        return bare(incident)


def render(what: Notice | Incident, language: str = "", *, zone: tzinfo = UTC) -> Text:
    """The whole message. `language` defaults to the notice's own.

    A broken template must not keep an alarm from anybody: then the bare facts are told, and the log says so.
    """
    notice = what if isinstance(what, Notice) else _as_notice(what)
    try:
        return render_strictly(notice, language or notice.language, zone)
    except jinja2.TemplateError:
        log.exception("no text for %s (%s): its template is broken", notice.incident.kind, notice.kind)
        plain_word = bare(notice.incident)
        body = f"{plain_word}\n\n" + "\n".join(bare_facts(notice.incident)) + "\n"
        return Text(subject=plain_word, headline=plain_word, summary=plain_word, body=body, html="")


def render_strictly(notice: Notice, language: str, zone: tzinfo) -> Text:
    """As `render`, but a mistake in a template raises: the tests' way."""
    told = frame(notice, language, zone)
    return Text(
        subject=told["subject"],
        headline=told["headline"],
        summary=told["sentence"],
        body=tables.plain_body(told),
        html=_HTML.get_template("mail.html.j2").render(told),
    )


def frame(notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    """All that a message is made of, in words but not yet in a shape. A mistake in a template raises."""
    if notice.kind.bundles:
        return bundles.frame(notice, language, zone, summary)
    incident, labels = notice.incident, words.LABELS[language]
    context = _context(notice, language, zone)
    sentence = _sentence(incident, context, language)
    context["sentence"] = sentence
    over = notice.kind is Telling.CLOSED
    goes_on = labels["goes_on_as" if notice.goes_on_as else "goes_on"].format(notice.goes_on_as)
    return {
        "language": language,
        "labels": labels,
        "subject": _subject(notice, layout.one_line(_part("title", incident, context, language))),
        "sentence": sentence,
        "headline": f"{_word(notice, context, labels)}: {sentence}",
        "word": _word(notice, context, labels),
        "colour": "ok" if over else str(incident.severity),
        "story": layout.pieces(goes_on if notice.moved else _part(str(notice.kind), incident, context, language)),
        "sections": [],
        "runbook": [] if over or notice.moved else layout.pieces(_part("runbook", incident, context, language)),
        "outages": tables.outages(() if notice.moved else incident.outages, notice.at, language),
        "involved": tables.involved(incident, language),
        "foot": _foot(notice, labels),
    }


def _as_notice(incident: Incident) -> Notice:
    closed = incident.state is State.CLOSED
    return Notice(
        incident_id=0,
        receiver="",
        kind=Telling.CLOSED if closed else Telling.OPENED,
        reason="",
        at=incident.closed_at or incident.changed_at,
        incident=incident,
    )


def _part(part: str, incident: Incident, context: dict[str, Any], language: str) -> str:
    name = "_test" if incident.key.startswith(TEST_KEY) else incident.kind
    return _TEXT.get_template(f"{language}/{name}.j2").render(context, part=part)


def _sentence(incident: Incident, context: dict[str, Any], language: str) -> str:
    sentence = layout.one_line(_part("summary", incident, context, language))
    # An incident may be understood in a way that its template did not foresee; its root is named all the same.
    unnamed = [name for name in root_names(incident.root) if name not in sentence]
    return f"{' '.join(unnamed)}: {sentence}" if unnamed and not incident.key.startswith(TEST_KEY) else sentence


def _context(notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    incident = notice.incident
    known = complete(incident)
    over = (incident.state is State.CLOSED and not notice.moved) or notice.kind is Telling.CLOSED
    ended_at = (incident.over_at if over else None) or notice.at
    return {
        "f": Facts(known),
        "q": quoted(known),
        "cluster": clean(incident.cluster),
        "over": over,
        "began": words.moment(incident.opened_at, language, zone),
        "ended": _ended(incident.opened_at, ended_at, language, zone),
        "lasted": words.span(ended_at - incident.opened_at, language),
        "old": known.get("pacemaker_version", "").startswith("1."),
        "version_known": "pacemaker_version" in known,
        **words.thing(incident.root, known, language),
        "failed": words.failed(known, language),
        "why": words.why(known, language),
        "listed": partial(words.listed, language=language),
        "together": words.some(known.get("replica", ""), known.get("replicas", ""), language),
        **words.roles(known.get("roles", "")),
        "sides": known["nodes"].split(", ") if "nodes" in known else [],
        "behinds": [shlex.quote(one) for one in known.get("behind", "").split(", ") if one],
        "silent": _silent(known.get("silent_since", ""), language, zone),
    }


def _silent(since: str, language: str, zone: tzinfo) -> str:
    """An ISO instant becomes the reader's time; other words stay as they were told."""
    try:
        instant = datetime.fromisoformat(since)
    except ValueError:
        return since
    return words.moment(instant if instant.tzinfo else instant.replace(tzinfo=UTC), language, zone)


def _ended(began_at: datetime, ended_at: datetime, language: str, zone: tzinfo) -> str:
    """Only the time where the day is the same as the beginning's, which stands beside it."""
    same_day = began_at.astimezone(zone).date() == ended_at.astimezone(zone).date()
    return words.clock(ended_at, zone) if same_day else words.moment(ended_at, language, zone)


def _subject(notice: Notice, title: str) -> str:
    number = f" (#{notice.incident_id})" if notice.incident_id else ""
    return f"[{clean(notice.incident.cluster)}] {title}{number}"


def _word(notice: Notice, context: dict[str, Any], labels: dict[str, str]) -> str:
    """What is new, in a word or two: `Worse`, `Over after 4 min`."""
    if notice.moved:
        return labels["moved"]
    if notice.kind is Telling.CLOSED:
        return labels["over_after"].format(context["lasted"])
    if notice.kind is Telling.REMINDER:
        return labels["still_after"].format(context["lasted"])
    return labels[notice.kind]


def _foot(notice: Notice, labels: dict[str, str]) -> list[str]:
    cluster = clean(notice.incident.cluster)
    if not notice.incident_id:
        return [labels["incident_unnumbered"].format(cluster), labels["printed"]]
    ask = labels["ended_ask" if notice.kind is Telling.CLOSED or notice.moved else "ask"].format(notice.incident_id)
    return [labels["incident"].format(notice.incident_id, cluster), ask, labels["printed"]]


def bare_facts(incident: Incident) -> list[str]:
    """What is known, where no sentence can be made of it."""
    return [f"{name}: {value}" for name, value in sorted(complete(incident).items())]


def bare(incident: Incident) -> str:
    return f"{incident.kind}: {clean(incident.root)} in cluster {clean(incident.cluster)}"
