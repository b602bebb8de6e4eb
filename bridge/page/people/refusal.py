"""A no, with its reason: as a page for people, as JSON for programs."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.asked.asking import Silent
from bridge.config.findings import Wrong
from bridge.core.telling.match import BadMatcher
from bridge.core.telling.planned import BadWork
from bridge.ledger.records import LedgerError
from bridge.page.people.bodies import Refused
from bridge.page.people.entry import NotNow
from bridge.page.render import page, person_of
from bridge.page.words import word
from bridge.secret import redact
from bridge.serve.control import ControlError

WRONG: Final = (Wrong, BadMatcher, BadWork)
"""What somebody typed: the error says what is wrong with it, and the cure."""

log = logging.getLogger("quorumbell.page")


def refusal(request: Request, error: Exception) -> Response:
    """Whoever is not in yet sees nothing of what stands around a view."""
    person = person_of(request)
    status, key, values = _meant(error)
    text = word(person.language, f"no.{key}", **values)
    if person.name:
        response = page(request, "failure.html", status=status, key="not_allowed", why=text)
    else:
        response = page(request, "people/refused.html", status=status, text=text)
    return _later(response, error)


def told(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's form
    """To a program."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    status, key, values = _meant(error)
    return _later(JSONResponse({"error": word("en", f"no.{key}", **values)}, status), error)


def broken(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, redact(str(error)), exc_info=error)
    return JSONResponse({"error": "an error of Quorumbell itself; the page's log has all of it"}, 500)


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


def _later(response: Response, error: Exception) -> Response:
    if isinstance(error, NotNow):
        response.headers["retry-after"] = str(error.seconds)
    return response


Handlers = Mapping[Any, Any]
handlers: Final[Handlers] = dict.fromkeys((Refused, NotNow, *WRONG), refusal)
"""For the application: what views may raise beside what the page itself answers."""
for_programs: Final[Handlers] = {
    **dict.fromkeys((HTTPException, Refused, NotNow, LedgerError, Silent, ControlError, *WRONG), told),
    Exception: broken,
}
