"""Coming in and going out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.page.people.acting import entry_of, field
from bridge.page.people.backs import path_of_ours
from bridge.page.people.cookies import set_session
from bridge.page.people.entry import NotNow
from bridge.page.render import page


async def login(request: Request) -> Response:
    """Whoever is in already is led on."""
    back = path_of_ours(request.query_params.get("back", ""))
    if "found" in request.scope:
        return RedirectResponse(back, 303)
    return _form(request, back)


async def log_in(request: Request) -> Response:
    back, name = path_of_ours(field(request, "back")), field(request, "name")
    entry, visitor = entry_of(request), request.scope["visitor"]
    password = (request.scope["form"].get("password") or [""])[0]
    try:
        found = await entry.log_in(name, password, visitor)
    except NotNow as error:
        answer = _form(request, back, name, "wait", 429, seconds=error.seconds)
        answer.headers["retry-after"] = str(error.seconds)
        return answer
    if found is None:
        return _form(request, back, name, "login", 403)
    if "found" in request.scope:
        await entry.end(request.scope["found"].cookie)
    response = RedirectResponse(back, 303)
    set_session(response, visitor, found.cookie, entry.length)
    return response


async def log_out(request: Request) -> Response:
    """Whom a proxy lets in is in again at once."""
    await entry_of(request).end(request.scope["found"].cookie)
    response = RedirectResponse("/login", 303)
    set_session(response, request.scope["visitor"], "", entry_of(request).length)
    return response


def _form(request: Request, back: str, name: str = "", wrong: str = "", status: int = 200, **values: object) -> Response:
    shown = name[:64]
    return page(request, "people/login.html", status=status, back=back, name=shown, wrong=wrong, values=values)


routes = [
    Route("/login", login, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
