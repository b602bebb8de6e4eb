"""`/`, its fragment, and the stream that says when it is another one."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.page.links import Links
from bridge.page.render import page, person_of
from bridge.page.sight.sight import Sight, sight
from bridge.page.site import Site


def sight_of(site: Site, language: str) -> Sight:
    """Made once for what was seen, however many look at it."""
    seen = site.watch.seen
    known = site.sights.get(language)
    if known is None or known.number != seen.number:
        known = site.sights[language] = sight(seen, language)
    return known


async def now(request: Request) -> Response:
    return _sight(request, "now.html")


async def fragment(request: Request) -> Response:
    return _sight(request, "_now.html")


def _sight(request: Request, template: str) -> Response:
    site: Site = request.app.state.site
    found = sight_of(site, person_of(request).language)
    wall = request.query_params.get("wall") == "1"
    return page(request, template, sight=found, wall=wall, links=Links(site.config))


STREAM: Final = {"content-type": "text/event-stream", "x-accel-buffering": "no"}


async def live(request: Request) -> Response:
    site: Site = request.app.state.site
    return StreamingResponse(_events(site, person_of(request).language), headers=STREAM)


async def _events(site: Site, language: str) -> AsyncIterator[bytes]:
    """`revision` when what people see is another one, with `state` for pages that show something else; `ping` between."""
    async for seen in site.watch.changes():
        if seen is None:
            yield b"event: ping\ndata: \n\n"
        else:
            found = sight_of(site, language)
            yield f"event: state\ndata: {found.state}\n\nevent: revision\ndata: {found.number}\n\n".encode()


routes: Final = [
    Route("/", now),
    Route("/fragments/now", fragment),
    Route("/live", live),
]
