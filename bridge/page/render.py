"""A template becomes an answer, in the language and the zone of who asks."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bridge.page.person import Person
from bridge.page.words import word
from bridge.texts.words import clock, span

STATIC: Final = Path(__file__).parent / "static"
_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# The frame's own goes before those of the views.
_ENVIRONMENT.globals["sheets"] = ["page.css", *sorted(path.name for path in STATIC.glob("*.css") if path.name != "page.css")]


def person_of(request: Request) -> Person:
    """Whom the guard let in; views are never reached without one."""
    found: Person = request.scope["person"]
    return found


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """In templates: `t(key, …)` is a word of the page, `many(key, count)` one that counts; `at(instant)` a time in the person's
    zone, `clock` without its day, `when(instant, now)` with the day only where it is another one; `span(length)` a duration;
    `person` who looks, `said()` what came of what they did, once."""
    return HTMLResponse(
        rendered(person_of(request), template, path=request.url.path, said=request.scope.get("said", list), **values), status
    )


def rendered(person: Person, template: str, **values: Any) -> str:
    """A template, or a part of one, for whoever looks like this person."""
    zone = ZoneInfo(person.zone)
    return _ENVIRONMENT.get_template(template).render(
        person=person,
        t=partial(word, person.language),
        at=partial(_at, zone),
        clock=partial(clock, zone=zone),
        when=partial(_when, zone),
        span=partial(span, language=person.language),
        ident=_identity,
        many=partial(_many, person.language),
        **values,
    )


def _at(zone: ZoneInfo, instant: datetime) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _when(zone: ZoneInfo, instant: datetime, now: datetime) -> str:
    there = instant.astimezone(zone)
    return there.strftime("%H:%M:%S" if there.date() == now.astimezone(zone).date() else "%Y-%m-%d %H:%M")


def _many(language: str, key: str, count: int, **values: object) -> str:
    return word(language, f"{key}_one" if count == 1 else f"{key}_many", count=count, **values)


def _identity(name: str) -> str:
    """A name as a part of an id, where only letters, digits and `-` may stand; two names stay two."""
    return "".join(char if char.isalnum() and char.isascii() else f"-{ord(char):x}-" for char in name)
