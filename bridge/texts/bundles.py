"""The parts of a message about several incidents: what a brake held back, what a receiver missed, and the morning's digest."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import Incident, Kind, State
from bridge.texts import words
from bridge.texts.facts import clean
from bridge.texts.layout import Line, Piece
from bridge.texts.tables import Outages

A_WEEK: Final = timedelta(days=6)
"""Within it, a weekday says which day is meant."""
Sentence = Callable[[Incident, str], str]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One line for each incident, under a title."""

    title: str
    lines: tuple[Line, ...]


WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "one": "1 incident",
        "many": "{} incidents",
        "clusters": "{} clusters",
        "braked": "Too many messages: the next are held back until {}",
        "braked_why": "Many messages have come within a short time. What else begins, gets worse or goes on is told together "
        "at {}; quorumbell status shows all of it now. Split brain, replicas out of sync and failing fencing still ring at once.",
        "summary": "{} told together, {} still open",
        "summary_over": "{} told together, all over",
        "summary_why": "These were not told one by one since {}.",
        "summary_plain": "These were not told one by one.",
        "digest": "Nobody was rung: {}",
        "digest_why": "From {} until {} this healed by itself, or was planned. Nothing has to be done at once.",
        "open": "Still open",
        "over": "Over",
        "planned": "Planned work",
        "since": "since {}",
        "from_to": "{} to {}, {}",
        "left_out": "{} more; quorumbell incidents lists all of them.",
        "ask": "quorumbell explain NUMBER shows how each was concluded.",
        "times": "Times are {}.",
    },
    "de": {
        "one": "1 Vorfall",
        "many": "{} Vorfälle",
        "clusters": "{} Cluster",
        "braked": "Zu viele Meldungen: die nächsten werden bis {} zurückgehalten",
        "braked_why": "In kurzer Zeit sind viele Meldungen gekommen. Was noch beginnt, schlimmer wird oder andauert, wird um {} "
        "zusammen gemeldet; quorumbell status zeigt alles schon jetzt. Split-Brain, auseinandergelaufene Replikate und "
        "fehlschlagendes Fencing melden sich weiterhin sofort.",
        "summary": "{} zusammen gemeldet, {} noch offen",
        "summary_over": "{} zusammen gemeldet, alle vorbei",
        "summary_why": "Das wurde seit {} nicht einzeln gemeldet.",
        "summary_plain": "Das wurde nicht einzeln gemeldet.",
        "digest": "Niemand wurde gerufen: {}",
        "digest_why": "Von {} bis {} ist das von selbst geheilt oder war geplant. Nichts davon eilt.",
        "open": "Noch offen",
        "over": "Vorbei",
        "planned": "Geplante Arbeiten",
        "since": "seit {}",
        "from_to": "{} bis {}, {}",
        "left_out": "{} weitere; quorumbell incidents nennt alle.",
        "ask": "quorumbell explain NUMMER zeigt, wie jeweils darauf geschlossen wurde.",
        "times": "Die Zeiten sind {}.",
    },
}


def frame(notice: Notice, language: str, zone: tzinfo, sentence: Sentence) -> dict[str, Any]:
    """What the frames of mails and plain texts need, as for a notice about one incident."""
    said = WORDS[language]
    headline = _headline(notice, said, zone)
    is_open = [one for one in notice.items if one.state is State.OPEN]
    return {
        "language": language,
        "labels": words.LABELS[language],
        "subject": f"[{_where(notice.items, said)}] {headline}",
        "headline": headline,
        "sentence": f"{headline}.",
        "word": "",
        "colour": str(is_open[0].severity) if is_open else "ok",
        "story": [Piece(text=_why(notice, said, language, zone))],
        "link": "",
        "sections": _sections(notice, language, zone, sentence),
        "runbook": [],
        "outages": Outages(),
        "involved": "",
        "foot": [said["ask"], said["times"].format(words.offset(notice.at.astimezone(zone)))],
    }


def _headline(notice: Notice, said: dict[str, str], zone: tzinfo) -> str:
    number = len(notice.items) + notice.left_out
    count = said["one"] if number == 1 else said["many"].format(number)
    still = sum(one.state is State.OPEN for one in notice.items)
    match notice.kind:
        case Telling.BRAKED:
            return said["braked"].format(words.clock(notice.until or notice.at, zone)[:5])
        case Telling.DIGEST:
            return said["digest"].format(count)
        case _:
            return said["summary"].format(count, still) if still else said["summary_over"].format(count)


def _why(notice: Notice, said: dict[str, str], language: str, zone: tzinfo) -> str:
    since = words.weekday_time(notice.since or notice.at, language, zone)
    until = notice.until or notice.at
    match notice.kind:
        case Telling.BRAKED:
            return said["braked_why"].format(words.clock(until, zone)[:5])
        case Telling.DIGEST:
            return said["digest_why"].format(since, words.weekday_time(until, language, zone))
        case _:
            return said["summary_why"].format(since) if notice.since else said["summary_plain"]


def _where(items: Sequence[Incident], said: dict[str, str]) -> str:
    clusters = {one.cluster for one in items}
    return clean(clusters.pop()) if len(clusters) == 1 else said["clusters"].format(len(clusters))


def _sections(notice: Notice, language: str, zone: tzinfo, sentence: Sentence) -> list[Section]:
    said, found = WORDS[language], dict[str, list[Line]]()
    for place, one in enumerate(notice.items):
        number = notice.numbers[place] if notice.numbers else 0
        text = f"{_when(one, notice.at, language, zone)}, {clean(one.cluster)}: {sentence(one, language)}"
        line = Line(text=text, number=f"#{number}" if number else "", link=notice.link_to(number))
        found.setdefault(_sort(one), []).append(line)
    titles = [sort for sort in ("open", "over", "planned") if sort in found]
    if notice.left_out:
        found[titles[-1]].append(Line(text=said["left_out"].format(notice.left_out)))
    return [Section(title=said[sort], lines=tuple(found[sort])) for sort in titles]


def _sort(one: Incident) -> str:
    if one.state is State.OPEN:
        return "open"
    return "planned" if one.planned or one.kind is Kind.NODE_FENCED_BY_ADMIN else "over"


def _when(one: Incident, now: datetime, language: str, zone: tzinfo) -> str:
    said = WORDS[language]
    name = words.weekday_time if now - one.opened_at < A_WEEK else words.moment
    began = name(one.opened_at, language, zone)
    if one.state is State.OPEN:
        return said["since"].format(began)
    ended_at: datetime = max(one.over_at or one.changed_at, one.opened_at)
    same_day = one.opened_at.astimezone(zone).date() == ended_at.astimezone(zone).date()
    ended = words.clock(ended_at, zone) if same_day else words.weekday_time(ended_at, language, zone)
    return said["from_to"].format(began, ended, words.span(ended_at - one.opened_at, language))
