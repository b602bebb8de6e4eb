"""All addresses of this room, and what its views may raise."""

from bridge.page.people import account, acts, login, planned
from bridge.page.people.refusal import handlers

__all__ = ["handlers", "routes"]

routes = [*login.routes, *account.routes, *planned.routes, *acts.routes]
