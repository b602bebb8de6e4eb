"""A whole message: all that it is made of, and its shape as text and HTML."""

from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident
from bridge.texts import bundles, layout, tables, words
from bridge.texts.broken import broken
from bridge.texts.context import context_of
from bridge.texts.drill import as_drill, marked
from bridge.texts.facts import bare, bare_facts, clean
from bridge.texts.own import is_own, is_test
from bridge.texts.sentences import HTML, as_notice, part_of, sentence_of, summary


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` stays the same through an incident's life; `headline` is what is new, in one line; `summary` what is wrong."""

    subject: str
    headline: str
    summary: str
    body: str
    html: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in words, for who shapes them anew: paragraphs, steps with their commands, how long each was away."""

    sentence: str
    story: list[layout.Piece] = []
    runbook: list[layout.Piece] = []
    """Empty when it is over."""
    outages: tables.Outages = tables.Outages()
    involved: str = ""


def told(incident: Incident, language: str, *, zone: tzinfo, now: datetime) -> Told:
    """As it stands at `now`."""
    notice = msgspec.structs.replace(as_notice(incident), at=incident.closed_at or now)
    if incident.worsened and notice.kind is Telling.OPENED:
        notice = msgspec.structs.replace(notice, kind=Telling.ESCALATED)
    try:
        found = frame(notice, language, zone)
    except Exception as error:  # noqa: BLE001 - as in `render`
        broken(f"{incident.kind}, {notice.kind}", error)
        return Told(sentence=bare(incident), story=[layout.Piece(text=one) for one in bare_facts(incident)])
    return Told(**{name: found[name] for name in Told.__struct_fields__})


def render(what: Notice | Incident, language: str = "", *, zone: tzinfo = UTC) -> Text:
    """The whole message. `language` defaults to the notice's own.

    A broken text must not keep an alarm from anybody: then the bare facts are told, and it is counted as a fault of ours.
    """
    notice = what if isinstance(what, Notice) else as_notice(what)
    try:
        return render_strictly(notice, language or notice.language, zone)
    except Exception as error:  # noqa: BLE001 - whatever it is, an alarm needs words
        broken(f"{notice.incident.kind}, {notice.kind}", error)
        plain_word = marked(bare(notice.incident), notice)
        body = "\n".join([f"{plain_word}\n", *bare_facts(notice.incident), *([f"\n{notice.link}"] if notice.link else [])]) + "\n"
        return Text(subject=plain_word, headline=plain_word, summary=plain_word, body=body, html="")


def render_strictly(notice: Notice, language: str, zone: tzinfo) -> Text:
    """As `render`, but a mistake in a template raises: the tests' way."""
    told = frame(notice, language, zone)
    return Text(
        subject=told["subject"],
        headline=told["headline"],
        summary=marked(told["sentence"], notice),
        body=tables.plain_body(told),
        html=HTML.get_template("mail.html.j2").render(told),
    )


def frame(notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    """All that a message is made of, in words but not yet in a shape. A mistake in a template raises."""
    told = bundles.frame(notice, language, zone, summary) if notice.kind.bundles else _of_one(notice, language, zone)
    return as_drill(told, notice, language, zone) if notice.drill else told


def _of_one(notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    incident, labels = notice.incident, words.LABELS[language]
    context = context_of(notice, language, zone)
    sentence = sentence_of(incident, context, language)
    context["sentence"] = sentence
    word = _word(notice, context, language)
    over = notice.kind is Telling.CLOSED
    goes_on = labels["goes_on_as" if notice.goes_on_as else "goes_on"].format(notice.goes_on_as)
    return {
        "language": language,
        "labels": labels,
        "subject": _subject(notice, layout.one_line(part_of("title", incident, context, language))),
        "sentence": sentence,
        "headline": f"{word}: {sentence}",
        "word": word,
        "colour": "ok" if over else str(incident.severity),
        "story": layout.pieces(goes_on if notice.moved else part_of(str(notice.kind), incident, context, language)),
        "link": notice.link,
        "on_page": labels["on_page"].format(notice.goes_on_as or notice.incident_id),
        "sections": [],
        "runbook": [] if over or notice.moved else layout.pieces(part_of("runbook", incident, context, language)),
        "outages": tables.Outages() if notice.moved else tables.outages(incident, notice.at, language),
        "involved": tables.involved(incident, language),
        "foot": _foot(notice, labels),
    }


def _subject(notice: Notice, title: str) -> str:
    number = f" (#{notice.incident_id})" if notice.incident_id else ""
    return f"[{clean(notice.incident.cluster)}] {title}{number}"


def _word(notice: Notice, context: dict[str, Any], language: str) -> str:
    """What is new, in a word or two: `Worse`, `Over after 4 min`."""
    labels = words.LABELS[language]
    if notice.moved:
        return labels["moved"]
    if notice.kind is Telling.CLOSED:
        return labels["over_after"].format(context["lasted"])
    if notice.kind is Telling.REMINDER:
        return labels["still_after"].format(context["lasted"])
    if notice.kind is Telling.ESCALATED and (names := context["f"].further):
        return labels["further"].format(words.listed(names, language))
    return labels["reopened" if notice.kind is Telling.ESCALATED and context["f"].reopened else notice.kind]


def _foot(notice: Notice, labels: dict[str, str]) -> list[str]:
    cluster = clean(notice.incident.cluster)
    if not notice.incident_id:
        whose = "own" if is_own(notice.incident) and not is_test(notice.incident) else "incident_unnumbered"
        return [labels[whose].format(cluster), labels["printed"]]
    ask = labels["ended_ask" if notice.kind is Telling.CLOSED or notice.moved else "ask"].format(notice.incident_id)
    return [labels["incident"].format(notice.incident_id, cluster), ask, labels["printed"]]
