"""Times, durations and the few words that no template owns, per language. An offset always stands beside a time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Final

LANGUAGES: Final = ("en", "de")

_DAYS: Final = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "de": ("Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."),
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_WORDS: Final = {"en": ("day", "days"), "de": ("Tag", "Tage")}

LABELS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "runbook": "What to look at and what to do",
        "outages": "How long they were away",
        "involved": "Drawn in",
        "guest": "guest",
        "service": "service",
        "node": "node",
        "replica": "replica",
        "still": "still away, for {}",
        "in_all": "{} times",
        "longest": "{} times, the longest {}",
        "more": "{} more, each away for a shorter time",
        "and_more": "and {} more",
        "opened": "New",
        "escalated": "Worse",
        "further": "Worse (also away: {})",
        "reopened": "Not over after all",
        "reminder": "Still so",
        "updated": "Changed",
        "closed": "Over",
        "moved": "Part of another incident",
        "goes_on": "This is part of a larger story, which is told on there; nothing more comes here.",
        "goes_on_as": "This is part of incident {} now, and goes on there; nothing more comes here.",
        "over_after": "Over after {}",
        "still_after": "Still so after {}",
        "incident": "Incident {} in cluster {}.",
        "incident_unnumbered": "Cluster {}.",
        "on_page": "Incident {} on the page",
        "own": "Bridge {}.",
        "ask": "quorumbell explain {0} shows how it was concluded; quorumbell ack {0} tells the others that you are on it.",
        "ended_ask": "quorumbell explain {0} shows how it was concluded.",
        "printed": "Quorumbell only prints commands; it never runs them.",
        "critical": "Critical",
        "warning": "Warning",
        "info": "Note",
        "ok": "Well",
        "clearing": "Well again, watched for a while",
        "test": "Test",
        "as_of": "as of {}",
        "in_thread": "What to look at and what to do stands in the thread.",
        "cut": "The rest is cut off here; quorumbell explain {} shows it all.",
        "cut_on_page": "The rest is cut off here; the page shows it all.",
        "cut_unnumbered": "The rest is cut off here.",
    },
    "de": {
        "runbook": "Was anzusehen und was zu tun ist",
        "outages": "Wie lange sie weg waren",
        "involved": "Mitbetroffen",
        "guest": "Gast",
        "service": "Dienst",
        "node": "Knoten",
        "replica": "Replikat",
        "still": "noch weg, seit {}",
        "in_all": "{}-mal",
        "longest": "{}-mal, am längsten {}",
        "more": "{} weitere, alle kürzer weg",
        "and_more": "und {} weitere",
        "opened": "Neu",
        "escalated": "Schlimmer",
        "further": "Schlimmer (auch weg: {})",
        "reopened": "Doch nicht vorbei",
        "reminder": "Noch immer",
        "updated": "Geändert",
        "closed": "Vorbei",
        "moved": "Teil eines anderen Vorfalls",
        "goes_on": "Das gehört zu einer größeren Geschichte und wird dort weitererzählt; hier kommt nichts mehr.",
        "goes_on_as": "Das gehört jetzt zu Vorfall {} und geht dort weiter; hier kommt nichts mehr.",
        "over_after": "Vorbei nach {}",
        "still_after": "Noch immer, nach {}",
        "incident": "Vorfall {} im Cluster {}.",
        "incident_unnumbered": "Cluster {}.",
        "on_page": "Vorfall {} auf der Seite",
        "own": "Bridge {}.",
        "ask": "quorumbell explain {0} zeigt, wie darauf geschlossen wurde; quorumbell ack {0} sagt den anderen, "
        "dass Sie sich kümmern.",
        "ended_ask": "quorumbell explain {0} zeigt, wie darauf geschlossen wurde.",
        "printed": "Quorumbell schreibt Befehle nur hin; es führt nie welche aus.",
        "critical": "Kritisch",
        "warning": "Warnung",
        "info": "Hinweis",
        "ok": "Gut",
        "clearing": "Wieder gut, noch unter Beobachtung",
        "test": "Probe",
        "as_of": "Stand {}",
        "in_thread": "Was anzusehen und was zu tun ist, steht im Thread.",
        "cut": "Der Rest ist hier abgeschnitten; quorumbell explain {} zeigt alles.",
        "cut_on_page": "Der Rest ist hier abgeschnitten; die Seite zeigt alles.",
        "cut_unnumbered": "Der Rest ist hier abgeschnitten.",
    },
}

# What a failed action means for the thing it was done to: the sentence goes on after the thing's name.
FAILED: Final[dict[str, dict[str, str]]] = {
    "en": {
        "start": "could not be started{}",
        "stop": "could not be stopped{}",
        "monitor": "failed{}",
        "promote": "could not be promoted{}",
        "demote": "could not be demoted{}",
        "migrate_to": "could not be migrated away{}",
        "migrate_from": "could not be taken over{}",
    },
    "de": {
        "start": "ließ sich{} nicht starten",
        "stop": "ließ sich{} nicht stoppen",
        "monitor": "ist{} ausgefallen",
        "promote": "ließ sich{} nicht zum Primary machen",
        "demote": "ließ sich{} nicht zum Secondary machen",
        "migrate_to": "ließ sich{} nicht wegmigrieren",
        "migrate_from": "ließ sich{} nicht übernehmen",
    },
}
FAILED_SOMEHOW: Final = {"en": "failed{}", "de": "ist{} ausgefallen"}
AND: Final = {"en": "and", "de": "und"}
ON: Final = {"en": " on {}", "de": " auf {}"}

_MORE: Final = {"en": "{} more", "de": "{} weitere"}

_THINGS: Final = {"en": {"guest": "guest", "resource": "resource"}, "de": {"guest": "Gast", "resource": "Ressource"}}
_SOME: Final = {
    "en": {"guest": "a guest", "resource": "a resource"},
    "de": {"guest": "ein Gast", "resource": "eine Ressource"},
}

TIMED_OUT: Final = {"en": "timed out", "de": "Zeitüberschreitung"}
TIMED_OUT_AFTER: Final = {"en": "timed out after {}", "de": "Zeitüberschreitung nach {}"}


def number(count: int | str, language: str) -> str:
    """`4,312`; what is no number stays as it is."""
    text = str(count)
    if not (text.isascii() and text.isdigit()):
        return text
    grouped = f"{int(text[:15]):,}"
    return grouped.replace(",", ".") if language == "de" else grouped


def span(length: timedelta, language: str) -> str:
    """A duration, rounded down, in at most two units: `4 s`, `2 min 5 s`, `1 h 3 min`, `2 days 3 h`."""
    seconds = max(length, timedelta(0)).total_seconds()
    if seconds < 1:
        return _fraction(seconds, language)
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    day_word = _DAY_WORDS[language][days != 1]
    parts = [(days, day_word), (hour, "h"), (minute, "min"), (second, "s")]
    first = next(place for place, (amount, _) in enumerate(parts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)


def _fraction(seconds: float, language: str) -> str:
    tenths = f"{int(seconds * 10) / 10:.1f}" if seconds >= 0.1 else "0.1"
    number = tenths.replace(".", ",") if language == "de" else tenths
    if seconds >= 0.1:
        return f"{number} s"
    return f"unter {number} s" if language == "de" else f"under {number} s"


def at_least(length: timedelta, language: str) -> str:
    """An outage: detection came later than the failure, so the measured length is a lower bound."""
    text = span(length, language)
    if length < timedelta(seconds=0.1):
        return text
    return f"mindestens {text}" if language == "de" else f"at least {text}"


def offset(instant: datetime) -> str:
    """`UTC+01:00`; never a zone's abbreviation, which nobody knows abroad."""
    away = instant.utcoffset() or timedelta(0)
    minutes = int(away.total_seconds()) // 60
    sign = "+" if minutes >= 0 else "-"
    return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"


def moment(instant: datetime, language: str, zone: tzinfo) -> str:
    """Day and time where the reader is, with the offset: `Tue 24 Nov 2026, 03:12:05 (UTC+01:00)`."""
    there = instant.astimezone(zone)
    day = _DAYS[language][there.weekday()]
    date = f"{there.day} {_MONTHS[there.month - 1]} {there.year}" if language == "en" else f"{there:%d.%m.%Y}"
    return f"{day} {date}, {there:%H:%M:%S} ({offset(there)})"


def clock(instant: datetime, zone: tzinfo) -> str:
    """Only the time, for a sentence in which the day was already said: `03:12:05`."""
    return f"{instant.astimezone(zone):%H:%M:%S}"


def weekday_time(instant: datetime, language: str, zone: tzinfo) -> str:
    """For lists of what happened within days: `Tue 03:12:05`; the offset stands once, below the list."""
    there = instant.astimezone(zone)
    return f"{_DAYS[language][there.weekday()]} {there:%H:%M:%S}"


def thing(root: str, known: Mapping[str, str], language: str) -> dict[str, str]:
    """`guest vm-a` or `resource web`: what the sentence is about, and its bare name (empty where nobody named it)."""
    kind, _, name = root.partition("/")
    if kind not in {"guest", "resource"}:
        kind = "guest" if "guest" in known else "resource"
        name = known.get(kind, "")
    word = _THINGS[language][kind]
    named = f"{word} {name}" if name else _SOME[language][kind]
    return {"thing": named, "Thing": named[0].upper() + named[1:]}


def failed(known: Mapping[str, str], language: str) -> Callable[[str], str]:
    """For `failed(f.failed_on)`: German puts the place into the middle of the phrase."""
    phrase = FAILED[language].get(known.get("action", ""), FAILED_SOMEHOW[language])
    return lambda where: phrase.format(ON[language].format(listed(where, language)) if where else "")


def listed(names: str, language: str) -> str:
    """`n1, n2 and n3` of `n1, n2, n3`, `n1, n2 and 5 more` of `n1, n2, +5`; nothing of a fact that nobody told."""
    if not names:
        return ""
    *others, last = names.split(", ")
    if others and last.startswith("+"):
        last = _MORE[language].format(last[1:])
    return f"{', '.join(others)} {AND[language]} {last}" if others else last


MOST_NAMED: Final = 4
MOST_LETTERS: Final = 200
"""More names than MOST_NAMED are written out while they fit into so much."""


def some(first: str, names: str, language: str) -> str:
    """`www, db and 9 more` of eleven names, the first one first; nothing of fewer than two."""
    others = [name for name in names.split(", ") if name and name != first]
    if not others:
        return ""
    named = [first, *(name for name in others if name[0] != "+")]
    more = sum(int(name[1:]) for name in others if name[0] == "+" and name[1:].isdecimal())
    if more or (len(named) > MOST_NAMED and len(", ".join(named)) > MOST_LETTERS):
        shown = named[: MOST_NAMED - 1]
        named = [*shown, _MORE[language].format(len(named) - len(shown) + more)]
    return listed(", ".join(named), language)


TWO_SIDES: Final = 2


def roles(told: str) -> dict[str, str]:
    """The Primary and the Secondary of `alpha Primary, bravo Secondary`; empty when there is not one of each."""
    sides = [tuple(side.rpartition(" ")[::2]) for side in told.split(", ")]
    by_role = {role: name for name, role in sides}
    pair = len(sides) == TWO_SIDES and set(by_role) == {"Primary", "Secondary"}
    return {"primary": by_role["Primary"] if pair else "", "secondary": by_role["Secondary"] if pair else ""}


def why(known: Mapping[str, str], language: str) -> str:
    """` (not running)`, ` (error: no memory)`, ` (timed out after 20 s)`, or nothing: goes right behind what failed."""
    if known.get("timed_out"):
        return f" ({_timed_out(known.get('timeout_ms', ''), language)})"
    told = known.get("rc_words") or ("rc " + known["rc"] if "rc" in known else "")
    told = ": ".join(one for one in (told, known.get("exit_reason", "")) if one)
    return f" ({told})" if told else ""


def _timed_out(milliseconds: str, language: str) -> str:
    if not (milliseconds.isascii() and milliseconds.isdigit()) or len(milliseconds) > 12:
        return TIMED_OUT[language]
    return TIMED_OUT_AFTER[language].format(span(timedelta(milliseconds=int(milliseconds)), language))
