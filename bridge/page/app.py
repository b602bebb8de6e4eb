"""The page as a whole: which view answers which address."""

from starlette.applications import Starlette

from bridge.page.site import Site


def application(site: Site) -> Starlette:
    """Views find the site as `request.app.state.site`."""
    app = Starlette(routes=[])
    app.state.site = site
    return app
