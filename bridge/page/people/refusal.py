"""A no, with its reason: as a page for people, as JSON for programs."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.asked.asking import Silent
from bridge.config.findings import Wrong
from bridge.core.telling.match import BadMatcher
from bridge.core.telling.planned import BadWork
from bridge.ledger.records import LedgerError
from bridge.page.people.bodies import Refused
from bridge.page.people.entry import NotNow
from bridge.page.render import page
from bridge.page.words import word
from bridge.secret import redact
from bridge.serve.control import ControlError

WRONG: Final = (Wrong, BadMatcher, BadWork)
"""What somebody typed: the error says what is wrong with it, and the cure."""


def refusal(request: Request, error: Exception) -> Response:
    """Raises what is none of ours."""
    status, key, values = _meant(error)
    response: Response
    if request.scope["path"].startswith("/api/"):
        response = JSONResponse({"error": word("en", f"no.{key}", **values)}, status)
    else:
        text = word(request.scope["person"].language, f"no.{key}", **values)
        response = page(request, "people/refused.html", status=status, text=text)
    if isinstance(error, NotNow):
        response.headers["retry-after"] = str(error.seconds)
    return response


def _meant(error: Exception) -> tuple[int, str, Mapping[str, object]]:
    if isinstance(error, Refused):
        return error.status, error.key, error.values
    if isinstance(error, NotNow):
        return 429, "wait", {"seconds": error.seconds}
    if isinstance(error, LedgerError | Silent):
        return 503, "ledger", {"why": redact(str(error))}
    if isinstance(error, ControlError):
        return 409, "bridge", {"why": redact(str(error))}
    return 400, "mistake", {"why": str(error)}


handlers: Final[Mapping[Any, Any]] = dict.fromkeys((Refused, NotNow, LedgerError, Silent, ControlError, *WRONG), refusal)
"""For the application: what views may raise."""
