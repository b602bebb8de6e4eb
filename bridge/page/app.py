"""The page as a whole: which view answers which address, who is let in, and what stands around every answer."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.page import failures
from bridge.page.headers import Headers, OnlyProxies
from bridge.page.history import views as history
from bridge.page.people import api
from bridge.page.people import views as people
from bridge.page.render import STATIC
from bridge.page.sight import view
from bridge.page.site import Site
from bridge.page.story import views as story

Guard = Callable[[ASGIApp], ASGIApp]
"""Lets in whom it knows, and says who that is as `scope["person"]`; all others never reach a view."""


class Refusal:
    """Without a guard nobody is let in."""

    def __init__(self, app: ASGIApp) -> None:
        """It leads nowhere."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("Nobody may look at this page.\n", 401)(scope, receive, send)


def application(site: Site, guard: Guard = Refusal) -> ASGIApp:
    """Views find the site as `request.app.state.site`."""
    app = Starlette(
        routes=[
            *view.routes,
            *story.routes,
            *history.routes,
            *people.routes,
            Mount("/api/v1", api.application(site)),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
        ],
        exception_handlers={**failures.HANDLERS, **people.handlers},
    )
    app.state.site = site
    page = site.config.page
    guarded = guard(app)
    return Headers(OnlyProxies(guarded, page.networks) if page.only_proxies else guarded, secure=page.certificate is not None)
