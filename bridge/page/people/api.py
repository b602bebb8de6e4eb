"""The page for programs: JSON in the shapes of `--json`, with a token; openapi.json describes it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bridge.asked import shapes
from bridge.asked.asking import Silent
from bridge.asked.status import UNFINISHED, from_memory, whole
from bridge.config.findings import Wrong
from bridge.core.telling.digest import was_nothing
from bridge.ledger.reader import Reader
from bridge.page.numbers import INCIDENT
from bridge.page.people.acting import author_of, comment_of, until_us
from bridge.page.people.acts import silenced
from bridge.page.people.bodies import Refused
from bridge.page.people.refusal import for_programs
from bridge.page.site import Site, one_at_a_time
from bridge.serve.control import Ack, Asked, EndPlanned, EndSilence, Planned, Ring, Silence, Silences

STATES: Final[dict[str, Sequence[str] | None]] = {"open": UNFINISHED, "closed": ("closed",), "all": None}
MOST: Final = 1000
USUAL: Final = 50


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent with an act."""


class Taken(Body, frozen=True, kw_only=True):
    comment: str = ""


class NewSilence(Body, frozen=True, kw_only=True):
    matchers: list[str]
    length: str
    comment: str = ""


class NewWork(Body, frozen=True, kw_only=True):
    cluster: str
    what: str
    length: str
    comment: str = ""


class NewRing(Body, frozen=True, kw_only=True):
    receivers: list[str] = []


B = TypeVar("B", bound=Body)


# --- looks


@one_at_a_time
async def status(request: Request) -> Response:
    """As `quorumbell status --json`; also while the ledger does not answer."""
    config = request.app.state.site.config
    try:
        return _json(await run_in_threadpool(whole, config, _written))
    except Silent as error:
        return _json(from_memory(error, config.bridge.ledger))


@one_at_a_time
async def incidents(request: Request) -> Response:
    """As `quorumbell incidents --json`. Raises Wrong."""
    asked = request.query_params
    state, limit = asked.get("state", "all"), asked.get("limit", str(USUAL))
    if state not in STATES:
        raise Wrong(f"state={state} is none of {', '.join(STATES)}")
    if not limit.isascii() or not limit.isdigit() or not 0 < int(limit[:9]) <= MOST:
        raise Wrong(f"limit={limit} is not between 1 and {MOST}")
    since, until = _instant("since", asked.get("since")), _instant("until", asked.get("until"))
    found = await request.app.state.site.read(
        lambda ledger: ledger.incidents(state=STATES[state], since=since, until=until, limit=int(limit))
    )
    told = [(number, one) for number, one in found if one.absorbed_into is None and not was_nothing(one)]
    return _json([shapes.incident(number, one) for number, one in told])


async def incident(request: Request) -> Response:
    """The one that tells the story of this number now, and who was told of it. Raises Refused."""
    number = request.path_params["id"]
    found = await request.app.state.site.read(lambda ledger: _story(ledger, number))
    if found is None:
        raise Refused(404, "no_incident", id=number)
    return _json(found)


async def silences(request: Request) -> Response:
    """As `quorumbell silence list --json`."""
    return _json((await request.app.state.site.ask(Silences()))["silences"])


async def planned(request: Request) -> Response:
    """As `quorumbell planned list --json`."""
    return _json([one for one in (await request.app.state.site.ask(Silences()))["silences"] if one["planned"]])


@one_at_a_time
async def conditions(request: Request) -> Response:
    found = await request.app.state.site.read(lambda ledger: ledger.conditions())
    return _json([shapes.condition(one) for one in found if not one.gone])


def _story(ledger: Reader, number: int) -> dict[str, Any] | None:
    found = ledger.story(number)
    if found is None:
        return None
    return shapes.incident(*found) | {"notices": [shapes.notice(row) for row in ledger.notices(found[0])]}


def _instant(name: str, text: str | None) -> datetime | None:
    """Without an offset it is UTC. Raises Wrong."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"{name}={text} is no time; write it like 2026-11-24T03:00:00+01:00") from None


# --- acts


async def acknowledge(request: Request) -> Response:
    return await _take(request, withdraw=False)


async def give_back(request: Request) -> Response:
    return await _take(request, withdraw=True)


async def _take(request: Request, *, withdraw: bool) -> Response:
    said = await _body(request, Taken)
    number, comment = request.path_params["id"], comment_of(said.comment)
    return await _act(request, Ack(incident=number, comment=comment, withdraw=withdraw, author=author_of(request)))


async def silence(request: Request) -> Response:
    said = await _body(request, NewSilence)
    until, matchers = until_us(said.length, request), silenced("\n".join(said.matchers))
    asked = Silence(matchers=matchers, until_us=until, comment=comment_of(said.comment), author=author_of(request))
    return await _act(request, asked)


async def plan(request: Request) -> Response:
    said = await _body(request, NewWork)
    until, comment = until_us(said.length, request), comment_of(said.comment)
    asked = Planned(cluster=said.cluster, what=said.what, until_us=until, comment=comment, author=author_of(request))
    return await _act(request, asked)


async def end_silence(request: Request) -> Response:
    await _body(request, Body)
    return await _act(request, EndSilence(id=request.path_params["id"], author=author_of(request)))


async def end_planned(request: Request) -> Response:
    await _body(request, Body)
    return await _act(request, EndPlanned(id=request.path_params["id"], author=author_of(request)))


async def ring(request: Request) -> Response:
    said = await _body(request, NewRing)
    return await _act(request, Ring(receivers=tuple(said.receivers), author=author_of(request)))


async def _body(request: Request, kind: type[B]) -> B:
    """Nothing counts as an empty object. Raises Wrong."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong(str(error)) from None


async def _act(request: Request, asked: Asked) -> Response:
    said = await request.app.state.site.ask(asked)
    return _json({name: value for name, value in said.items() if name != "ok"})


async def described(_: Request) -> Response:
    return FileResponse(Path(__file__).with_name("openapi.json"), media_type="application/json")


def _written(found: Any) -> msgspec.Raw:
    """A tenth of what it takes as objects: of ten thousand that counts."""
    return msgspec.Raw(msgspec.json.encode(found))


def _json(found: Any) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")


def _route(path: str, view: Any, method: str = "GET") -> Route:
    return Route(path, view, methods=[method])


def application(site: Site) -> Starlette:
    """One of its own: whatever is refused in there is refused as JSON."""
    app = Starlette(routes=routes, exception_handlers=for_programs)
    app.state.site = site
    return app


routes = [
    _route("/openapi.json", described),
    _route("/status", status),
    _route("/incidents", incidents),
    _route(INCIDENT, incident),
    _route("/silences", silences),
    _route("/planned", planned),
    _route("/conditions", conditions),
    _route(f"{INCIDENT}/acknowledge", acknowledge, "POST"),
    _route(f"{INCIDENT}/give-back", give_back, "POST"),
    _route("/silences", silence, "POST"),
    _route("/silences/{id}/end", end_silence, "POST"),
    _route("/planned", plan, "POST"),
    _route("/planned/{id}/end", end_planned, "POST"),
    _route("/ring", ring, "POST"),
]
