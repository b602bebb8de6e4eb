"""The page as a whole: which view answers which address."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from bridge.page.people import views as people
from bridge.page.people.guard import guarding
from bridge.page.people.settings import PeopleSettings
from bridge.page.site import Site


def application(site: Site, settings: PeopleSettings) -> ASGIApp:
    """Views find the site as `request.app.state.site`."""
    app = Starlette(routes=[*people.routes], exception_handlers=people.handlers)
    app.state.site = site
    return guarding(site.config.bridge.ledger_url, settings)(app)
