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

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def person_of(request: Request) -> Person:
    """Whom the guard let in; views are never reached without one."""
    found: Person = request.scope["person"]
    return found


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """In templates: `t(key, …)` is a word of the page, `at(instant)` a time in the person's zone, `person` who looks, `said()`
    what came of what they did, once."""
    person = person_of(request)
    body = _ENVIRONMENT.get_template(template).render(
        person=person,
        t=partial(word, person.language),
        at=partial(_at, ZoneInfo(person.zone)),
        path=request.url.path,
        said=request.scope.get("said", list),
        **values,
    )
    return HTMLResponse(body, status)


def _at(zone: ZoneInfo, instant: datetime) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
