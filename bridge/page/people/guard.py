"""Who may come in, stands before every view: no view is reached by somebody who may not see it, or do it.

    static files                          anybody
    /login                                anybody, with a word that the browser got from us
    /api/                                 a token; what changes something, a token of scope act
    all else                              a session; what changes something, its word, and an operator
    a person's own: /logout, /account     … or a viewer

What changes something is every method but GET and HEAD. Whoever adds a view need not think of any of this.
"""

import hmac
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.config import Config
from bridge.ledger.people import People
from bridge.ledger.records import LedgerError
from bridge.page.people.bodies import Refused, again, body_of, fields_of
from bridge.page.people.cookies import baked, cookies_of, names
from bridge.page.people.entry import Entry, Found, NotNow
from bridge.page.people.passwords import secret, word_of
from bridge.page.people.refusal import refusal, told
from bridge.page.people.visitor import Visitor, visitor_of
from bridge.page.person import Person

LOOKS: Final = ("GET", "HEAD")
OWN: Final = ("/logout", "/account")
"""What also a viewer may change."""
OPEN: Final = "/api/v1/openapi.json"


class Guard:
    """ASGI middleware. Views find whom it let in as `request.scope["person"]`, and a form's fields in `scope["form"]`; what lasts
    asks `scope["still_in"]` whether they would be let in now."""

    def __init__(self, app: ASGIApp, entry: Entry) -> None:
        self._app = app
        self._entry = entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = visitor_of(scope, self._entry.settings)
        request = Request(scope)
        scope.update(entry=self._entry, visitor=visitor, person=_nobody(request.headers))
        try:
            if scope["path"].startswith("/static/") or scope["path"] == OPEN:
                await (self._app(scope, receive, send) if scope["method"] in LOOKS else _no_method(scope, receive, send))
            elif scope["path"].startswith("/api/"):
                await self._program(request, receive, send)
            else:
                await self._browser(request, visitor, receive, send)
        except (Refused, NotNow, LedgerError) as error:
            answer = told(request, error) if scope["path"].startswith("/api/") else refusal(request, error)
            await answer(scope, receive, send)

    # --- programs

    async def _program(self, request: Request, receive: Receive, send: Send) -> None:
        scope = request.scope
        kind, _, word = request.headers.get("authorization", "").partition(" ")
        token = await self._entry.token(word, scope["visitor"]) if kind.lower() == "bearer" and word else None
        if token is None:
            answer = JSONResponse({"error": "a token is needed: quorumbell token add NAME --scope read"}, 401)
            answer.headers["www-authenticate"] = "Bearer"
            await answer(scope, receive, send)
            return
        scope["person"] = Person(name=f"token {token.name}", role="operator" if token.scope == "act" else "viewer")
        if scope["method"] not in LOOKS:
            if not scope["person"].may_act:
                raise Refused(403, "may_not")
            if _kind(request) != "application/json":
                raise Refused(415, "no_json")
            receive = again(await body_of(request.headers, receive), receive)
        await self._app(scope, receive, send)

    # --- people

    async def _browser(self, request: Request, visitor: Visitor, receive: Receive, send: Send) -> None:
        scope = request.scope
        jar = cookies_of(request.headers)
        cookie, form_cookie = names(visitor)
        if visitor.named is not None:
            cookie = form_cookie
            found = await self._entry.named(visitor.named, jar.get(cookie, ""))
            if found is None:
                raise Refused(403, "not_here", name=visitor.named or "?")
        else:
            found = await self._entry.find(jar[cookie]) if jar.get(cookie) else None
        if found is not None:
            scope.update(person=_person(found), found=found, said=partial(self._entry.said, word_of(found.cookie)))
            scope["still_in"] = partial(self._entry.still_in, found)
            send = baked(send, cookie, found.cookie, self._entry.length, tls=visitor.tls) if found.fresh else send
        elif scope["path"] == "/login":
            word = jar.get(form_cookie) or secret()
            scope["person"] = _nobody(request.headers, word)
            send = baked(send, form_cookie, word, self._entry.length, tls=visitor.tls) if form_cookie not in jar else send
        else:
            await _ask_in(request)(scope, receive, send)
            return
        if scope["method"] not in LOOKS:
            receive = await self._checked(request, receive)
        await self._app(scope, receive, send)

    async def _checked(self, request: Request, receive: Receive) -> Receive:
        """A form that one of our pages sent, by one who may. Raises Refused."""
        scope, person = request.scope, request.scope["person"]
        if not _is_from_here(request.headers):
            raise Refused(403, "elsewhere")
        if _kind(request) != "application/x-www-form-urlencoded":
            raise Refused(415, "no_form")
        body = await body_of(request.headers, receive)
        scope["form"] = fields_of(body)
        words = scope["form"].get("csrf", [])
        if len(words) != 1 or not hmac.compare_digest(words[0].encode(), person.csrf.encode()):
            raise Refused(403, "elsewhere")
        if scope["path"] not in {*OWN, "/login"} and not person.may_act:
            raise Refused(403, "may_not")
        return again(body, receive)


def _person(found: Found) -> Person:
    account = found.account
    csrf = word_of(found.cookie)
    return Person(name=account.name, role=account.role, language=account.language, zone=account.zone, csrf=csrf)


def _nobody(headers: Headers, word: str = "") -> Person:
    """Who has not come in yet; in the language that the browser asks for."""
    german = headers.get("accept-language", "").lower().startswith("de")
    return Person(name="", language="de" if german else "en", csrf=word_of(word) if word else "")


def _ask_in(request: Request) -> Response:
    """A browser is led to the login, and back to where it wanted; a script only learns that it is out."""
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse("log in first\n", 401)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = quote(wanted, safe="/") if request.method in LOOKS else "/"
    return RedirectResponse(f"/login?back={back}", 303)


def _is_from_here(headers: Headers) -> bool:
    """Browsers say which page sends a form; whoever says nothing is none. Over TLS and on the own machine they say it themselves
    (Fetch Metadata); elsewhere by the origin, which is "null" where a page's referrer policy hides it (Fetch, 3.2)."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _no_method(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("method not allowed\n", 405, {"allow": "GET, HEAD"})(scope, receive, send)


def guarding(config: Config) -> Callable[[ASGIApp], Guard]:
    """The guard of an application: it lets in whom the ledger knows."""
    return partial(Guard, entry=Entry(People(config.bridge.ledger_url), config.page))
