"""`[[routes]]` of the config -> Route: whom to tell of what, and which receivers and kinds really exist."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from bridge.core.event import Severity
from bridge.core.incident import Kind
from bridge.core.match import FOUR_HOURS, BadMatcher, Compiled, Route, parse
from bridge.fields import Findings, did_you_mean, read

Language = Literal["en", "de"]


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    match: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    hold: timedelta | dict[str, timedelta | None] | None = None
    repeat: timedelta | None = FOUR_HOURS
    language: Language | None = None
    goes_on: bool = msgspec.field(name="continue", default=False)


def read_route(number: int, table: Any, receivers: Collection[str], findings: Findings) -> Route | None:
    key = ("routes", number)
    said = read(_Route, table, key, findings)
    if said is None:
        return None
    if "receivers" not in table:
        findings.wrong((*key, "receivers"), 'is missing; add receivers = ["NAME"], or [] to tell nobody')
    for place, name in enumerate(said.receivers):
        if name not in receivers:
            findings.wrong((*key, "receivers", place), f"there is no receiver {name!r}; {_known_receivers(name, receivers)}")
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
    )


def _known_receivers(name: str, receivers: Collection[str]) -> str:
    return did_you_mean(name, receivers) if receivers else f"write a table [receivers.{name}]"


def _holds(table: dict[str, timedelta | None], key: tuple[str | int, ...], findings: Findings) -> dict[Kind, timedelta | None]:
    holds: dict[Kind, timedelta | None] = {}
    for name, hold in table.items():
        if name in set(Kind):
            holds[Kind(name)] = hold
        else:
            findings.wrong((*key, name), f"there is no kind of incident {name!r}; {did_you_mean(name, Kind)}")
    return holds


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
