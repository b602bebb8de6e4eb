"""`[[routes]]` of the config -> Route: whom to tell of what, and which receivers and kinds really exist."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from bridge.config.fields import read
from bridge.config.findings import Findings, did_you_mean
from bridge.config.toml_lines import Path as Key
from bridge.core.telling.holds import UNBRAKED
from bridge.core.telling.intervals import Calendar, Interval
from bridge.core.telling.match import FOUR_HOURS, BadMatcher, Compiled, Route, Step, parse
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind

Language = Literal["en", "de"]


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    after: timedelta
    receivers: tuple[str, ...]


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    match: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    hold: timedelta | dict[str, timedelta | None] | None = None
    repeat: timedelta | None = FOUR_HOURS
    language: Language | None = None
    goes_on: bool = msgspec.field(name="continue", default=False)
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    anytime: tuple[str, ...] = tuple(sorted(UNBRAKED))
    group: timedelta | None = None
    escalate: tuple[Any, ...] = ()


def read_route(
    number: int,
    table: Any,
    receivers: Collection[str],
    findings: Findings,
    intervals: Mapping[str, tuple[Interval, ...]],
) -> Route | None:
    key = ("routes", number)
    said = read(_Route, table, key, findings)
    if said is None:
        return None
    if "receivers" not in table:
        findings.wrong((*key, "receivers"), 'is missing; add receivers = ["NAME"], or [] to tell nobody')
    _look_for(said.receivers, receivers, (*key, "receivers"), findings)
    steps = [_step(step, receivers, (*key, "escalate", place), findings) for place, step in enumerate(said.escalate)]
    found = [_matcher(text, (*key, "match", place), findings) for place, text in enumerate(said.match)]
    holds = _holds(said.hold, (*key, "hold"), findings) if isinstance(said.hold, dict) else {}
    return Route(
        number=number + 1,
        matchers=tuple(matcher for matcher in found if matcher is not None),
        receivers=tuple(dict.fromkeys(said.receivers)),
        hold=said.hold if isinstance(said.hold, timedelta) else None,
        holds=holds,
        repeat=said.repeat,
        language=said.language,
        goes_on=said.goes_on,
        group=said.group,
        escalate=tuple(step for step in steps if step is not None),
        calendar=Calendar(
            only=_named(said.only, intervals, (*key, "only"), findings),
            never=_named(said.never, intervals, (*key, "never"), findings),
        ),
        anytime=frozenset(_kinds([name for name in said.anytime if name != "critical"], (*key, "anytime"), findings)),
        anytime_critical="critical" in said.anytime,
    )


def _look_for(names: Collection[str], receivers: Collection[str], key: Key, findings: Findings) -> None:
    for place, name in enumerate(names):
        if name not in receivers:
            findings.wrong((*key, place), f"there is no receiver {name!r}; {_known_receivers(name, receivers)}")


def _step(table: Any, receivers: Collection[str], key: Key, findings: Findings) -> Step | None:
    said = read(_Step, table, key, findings)
    if said is None:
        return None
    if not said.receivers:
        findings.wrong((*key, "receivers"), "names nobody; name whom to tell, or remove the step")
    _look_for(said.receivers, receivers, (*key, "receivers"), findings)
    return Step(after=said.after, receivers=said.receivers)


def _named(
    names: Collection[str], intervals: Mapping[str, tuple[Interval, ...]], key: Key, findings: Findings
) -> tuple[Interval, ...]:
    for place, name in enumerate(names):
        if name not in intervals:
            cure = did_you_mean(name, intervals) if intervals else f"write a table [intervals.{name}]"
            findings.wrong((*key, place), f"there is no interval {name!r}; {cure}")
    return tuple(one for name in names for one in intervals.get(name, ()))


def _known_receivers(name: str, receivers: Collection[str]) -> str:
    return did_you_mean(name, receivers) if receivers else f"write a table [receivers.{name}]"


def _holds(table: dict[str, timedelta | None], key: Key, findings: Findings) -> dict[Kind, timedelta | None]:
    for kind in sorted(UNBRAKED & table.keys()):
        findings.wrong(
            (*key, kind), f"{kind} always rings at once; remove it, or tell nobody of it by a route with receivers = []"
        )
    return {kind: table[kind] for kind in _kinds(table, key, findings)}


def _kinds(names: Collection[str], key: Key, findings: Findings) -> list[Kind]:
    for place, name in enumerate(names):
        if name not in set(Kind):
            where = (*key, name) if isinstance(names, dict) else (*key, place)
            findings.wrong(where, f"there is no kind of incident {name!r}; {did_you_mean(name, Kind)}")
    return [Kind(name) for name in names if name in set(Kind)]


_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "kind": tuple(Kind),
    "severity": tuple(Severity),
    "peak": tuple(Severity),
    "planned": ("yes", "no"),
}


def _matcher(text: str, key: tuple[str | int, ...], findings: Findings) -> Compiled | None:
    try:
        matcher = parse(text)
    except BadMatcher as error:
        findings.wrong(key, str(error))
        return None
    label, value = matcher.matcher.label, matcher.matcher.value
    possible = _VALUES.get(label)
    if possible and not any(matcher.pattern.fullmatch(one) for one in possible):
        findings.wrong(key, f"no {label} is {value!r}; {did_you_mean(value, possible)}")
        return None
    return matcher
