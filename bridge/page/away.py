"""When the ledger does not answer: that is said, and nothing old is shown."""

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from bridge.asked.asking import Silent
from bridge.ledger.records import LedgerError
from bridge.page.render import page
from bridge.secret import redact

View = Callable[[Request], Awaitable[Response]]


def told_when_away(view: View) -> View:
    @wraps(view)
    async def told(request: Request) -> Response:
        try:
            return await view(request)
        except (Silent, LedgerError) as error:
            return page(request, "away.html", status=503, why=redact(str(error)))

    return told
