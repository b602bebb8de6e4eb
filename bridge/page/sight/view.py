"""`/`, its fragment, and the stream that says when it is another one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from secrets import token_hex
from typing import Final

from markupsafe import escape
from msgspec import structs
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.page.links import Links
from bridge.page.person import Person
from bridge.page.render import page, person_of, rendered
from bridge.page.sight.sight import Sight
from bridge.page.site import Site

ANYBODY: Final = token_hex(16)
"""Where each one's own word goes; nobody outside can know it."""
LOOKS_AGAIN: Final = 300.0
"""Seconds after which an open page asks anew though nothing has changed, and so stays in."""


async def now(request: Request) -> Response:
    site: Site = request.app.state.site
    person = person_of(request)
    found = site.watch.sight(person.language)
    wall = _is_wall(request)
    again = min(LOOKS_AGAIN, site.config.page.session_hours * 3600 / 4)
    return page(request, "now.html", sight=found, wall=wall, again=again, drawn=_drawn(site, person, found, wall=wall))


async def fragment(request: Request) -> Response:
    site: Site = request.app.state.site
    person = person_of(request)
    return HTMLResponse(_drawn(site, person, site.watch.sight(person.language), wall=_is_wall(request)))


def _is_wall(request: Request) -> bool:
    return request.query_params.get("wall") == "1"


def _drawn(site: Site, person: Person, found: Sight, *, wall: bool) -> str:
    """Drawn once in a second for all who look alike: when something happens, every open page asks for it at the same moment. Only
    the word of each one's forms is their own."""
    now = site.watch.now.replace(microsecond=0)
    key, seen = (person.language, person.zone, person.may_act, wall), (found.number, now)
    known = site.drawn.get(key)
    if known is None or known[0] != seen:
        anybody = structs.replace(person, name="", csrf=ANYBODY)
        found = structs.replace(found, at=now)
        known = site.drawn[key] = seen, rendered(anybody, "_now.html", sight=found, wall=wall, links=Links(site.config))
    return known[1].replace(ANYBODY, escape(person.csrf))


STREAM: Final = {"content-type": "text/event-stream", "x-accel-buffering": "no"}


async def live(request: Request) -> Response:
    site: Site = request.app.state.site
    return StreamingResponse(_events(site, person_of(request).language, request.scope["still_in"]), headers=STREAM)


async def _events(site: Site, language: str, still_in: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """`revision` when what people see is another one, with `state` for pages that show something else; `ping` between, with
    the bridge's own time. Ends when who listens is no longer let in: their browser asks once more in a second, and learns it."""
    yield b"retry: 1000\n\n"
    async for seen in site.watch.changes():
        if not await still_in():
            return
        if seen is None:
            yield f"event: ping\ndata: {site.watch.now.isoformat()}\n\n".encode()
        else:
            found = site.watch.sight(language)
            yield f"event: state\ndata: {found.state}\n\nevent: revision\ndata: {found.number}\n\n".encode()


routes: Final = [
    Route("/", now),
    Route("/fragments/now", fragment),
    Route("/live", live),
]
