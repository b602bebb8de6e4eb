"""Label matchers `= != =~ !~`, as users of Alertmanager know them, and the routes and silences that are made of them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.core.telling.holds import UNBRAKED, hold_of
from bridge.core.telling.intervals import Calendar
from bridge.core.world.event import Severity, subject_name
from bridge.core.world.incident import Incident, Kind

Labels = Mapping[str, tuple[str, ...]]
"""A label has several values when several subjects are drawn in; a label without values counts as empty text."""

LABELS: Final = ("cluster", "kind", "severity", "peak", "root", "subject", "node", "resource", "guest", "planned")
FOUR_HOURS: Final = timedelta(hours=4)

MOST_REPEATS: Final = 3
MOST_MAYBE: Final = 8
"""`*`, `+` and `{}` of a regular expression, and `?`: the time that a name takes grows with their power."""

_FORM: Final = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(?:\"((?:\\.|[^\"\\])*)\"|([^\s\"]*))\s*", re.DOTALL)
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:[:=!]|i:|i\))|\(\?|\{\d*,?\d*\}|.", re.DOTALL)


class BadMatcher(ValueError):  # noqa: N818 - the name of the mistake
    """The text is no matcher; says what is wrong and the cure."""


class Matcher(msgspec.Struct, frozen=True):
    label: str
    sign: str
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.sign}"{escaped}"'


class Compiled(msgspec.Struct, frozen=True):
    """A matcher with its regular expression made ready. The whole value must match."""

    matcher: Matcher
    pattern: re.Pattern[str]

    def holds(self, labels: Labels) -> bool:
        hit = any(self.pattern.fullmatch(value) for value in labels.get(self.matcher.label) or ("",))
        return hit is (self.matcher.sign[0] == "=")

    def __str__(self) -> str:
        return str(self.matcher)


def parse(text: str) -> Compiled:
    """`kind=~"replica-.*"`; raises BadMatcher with what is wrong and the cure."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise BadMatcher(f'{text!r} is no matcher; write label="value", with one of = != =~ !~ between them')
    label, sign, quoted, bare = form.groups()
    if label not in LABELS:
        raise BadMatcher(f"there is no label {label!r}; the labels are {', '.join(LABELS)}")
    value = re.sub(r"\\([\"\\])", r"\1", quoted) if quoted is not None else bare
    try:
        pattern = re.compile(value if sign[-1] == "~" else re.escape(value), re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadMatcher(f"the regular expression {value!r} is wrong: {error}; mend it, or use = for plain text") from None
    if sign[-1] == "~" and is_slow(value):
        raise BadMatcher(
            f"the regular expression {value!r} might keep everybody waiting for ever: at most {MOST_REPEATS} times * or + and "
            f"{MOST_MAYBE} times ?, no unusual group, and nothing repeated that has some of * + ? | in it; list the names: (a|b)"
        )
    return Compiled(Matcher(label, sign, value), pattern)


def is_slow(expression: str) -> bool:
    """Whether a name could take it years: then one silence would stand between the bridge and everything else. What is repeated
    must be readable in one way only, and repeats are few. It has been found well formed."""
    has_ways, group_has_ways, repeats, maybes = [False], False, 0, 0
    for piece in _PIECE.findall(expression):
        is_repeat = piece in {"*", "+"} or (piece[0] == "{" and len(piece) > 1)
        if is_repeat and group_has_ways:
            return True
        group_has_ways = False
        if piece == "(?":
            return True
        if piece[0] == "(" and piece != "(?i)":
            has_ways.append(False)
        elif piece == ")":
            group_has_ways = has_ways.pop()
            has_ways[-1] |= group_has_ways
        elif is_repeat or piece in {"?", "|"}:
            has_ways[-1] = True
            repeats, maybes = repeats + is_repeat, maybes + (piece == "?")
    return repeats > MOST_REPEATS or maybes > MOST_MAYBE


def all_hold(matchers: Iterable[Compiled], labels: Labels) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)


def labels_of(incident: Incident) -> Labels:
    """What routes and silences may ask about an incident."""
    everything = (incident.root, *incident.subjects)
    facts = incident.facts
    return {
        "cluster": (incident.cluster,),
        "kind": (incident.kind.value,),
        "severity": (incident.severity.value,),
        "peak": (incident.peak.value,),
        "root": (incident.root,),
        "subject": tuple(dict.fromkeys(everything)),
        "node": _named("node", everything, facts.get("node")),
        "resource": _named("resource", everything, facts.get("resource")),
        "guest": _named("guest", everything, facts.get("guest")),
        "planned": ("yes" if incident.planned else "no",),
    }


def _named(sort: str, subjects: Iterable[str], fact: str | None) -> tuple[str, ...]:
    names = [subject_name(subject) for subject in subjects if subject.startswith(f"{sort}/")]  # type: ignore[arg-type]
    return tuple(dict.fromkeys([*names, fact] if fact else names))


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Whom else to tell when nobody has acknowledged for so long, counted from the first ring of the route's own receivers."""

    after: timedelta
    receivers: tuple[str, ...]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ordered routes: whom to tell of the incidents that its matchers describe, after which hold time, how often."""

    number: int = 1
    matchers: tuple[Compiled, ...] = ()
    receivers: tuple[str, ...] = ()
    hold: timedelta | None = None
    holds: Mapping[Kind, timedelta | None] = {}
    repeat: timedelta | None = FOUR_HOURS
    language: str | None = None
    goes_on: bool = False
    """Also ask the routes below (`continue` in the config)."""
    group: timedelta | None = None
    """What opens in the same cluster so soon after a ring is told together, in one summary."""
    escalate: tuple[Step, ...] = ()
    calendar: Calendar = Calendar()
    """When it may ring. What would ring at another time waits, and is told if it is still open then."""
    anytime: frozenset[Kind] = UNBRAKED
    """Kinds that ring whatever the calendar says."""
    anytime_critical: bool = False

    def opens_at(self, incident: Incident, now: datetime) -> datetime | None:
        """When it may ring for this incident: now, or when its calendar opens; None: never in years."""
        if not self.calendar or incident.kind in self.anytime:
            return now
        if self.anytime_critical and incident.severity is Severity.CRITICAL:
            return now
        return self.calendar.opens_at(now)

    def describes(self, labels: Labels) -> bool:
        return all_hold(self.matchers, labels)

    def hold_for(self, kind: Kind, severity: Severity) -> timedelta | None:
        """How long such an incident must last before it rings; None: shown, never rung. Some kinds never wait."""
        if kind in UNBRAKED:
            return timedelta(0)
        if kind in self.holds:
            return self.holds[kind]
        usual = hold_of(kind, severity)
        if usual is None or self.hold is None:
            return usual
        return self.hold
