"""A person's own: language, time zone, password."""

from functools import partial
from zoneinfo import available_timezones

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.page.people.acting import back, entry_of, field
from bridge.page.people.bodies import Refused
from bridge.page.people.entry import Found
from bridge.page.people.passwords import LONGEST, SHORTEST, Unfit, kept
from bridge.page.people.zones import is_zone
from bridge.page.render import page, person_of
from bridge.page.words import LANGUAGES, word


async def account(request: Request) -> Response:
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/")))
    found: Found = request.scope["found"]
    may = found.session is not None
    return page(request, "people/account.html", zones=["UTC", *zones], may_change_password=may, shortest=SHORTEST)


async def change(request: Request) -> Response:
    return await (_password(request) if field(request, "what") == "password" else _looks(request))


async def _looks(request: Request) -> Response:
    language, zone = field(request, "language"), field(request, "zone")
    if language not in LANGUAGES:
        raise Refused(400, "language")
    if not is_zone(zone):
        raise Refused(400, "zone", zone=zone[:64])
    entry = entry_of(request)
    await entry.write(partial(entry.people.change, person_of(request).name, language=language, zone=zone))
    return back(request, word(language, "account.changed"))


async def _password(request: Request) -> Response:
    """Whoever found a page open must not change it: the old one is asked for, and tries are counted as those of a login."""
    entry, person, found = entry_of(request), person_of(request), request.scope["found"]
    new, again = (request.scope["form"].get(name, [""])[0] for name in ("new", "again"))
    if new != again:
        raise Refused(400, "twice")
    if await entry.known(person.name, request.scope["form"].get("old", [""])[0], request.scope["visitor"]) is None:
        raise Refused(403, "old")
    try:
        record = await anyio.to_thread.run_sync(kept, new)
    except Unfit:
        raise Refused(400, "password", shortest=SHORTEST, longest=LONGEST) from None
    await entry.write(partial(entry.people.change_password, person.name, record, found.session and found.session.hash))
    return back(request, word(person.language, "account.password_changed"))


routes = [Route("/account", account, methods=["GET"]), Route("/account", change, methods=["POST"])]
