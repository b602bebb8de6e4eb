"""What an operator does: the bridge is asked, and writes it down with the person's name. Each leads back to its form."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.core.telling.match import parse
from bridge.page.numbers import INCIDENT
from bridge.page.people.acting import act, author_of, back, comment_of, field, matchers_in, until_us
from bridge.page.people.bodies import Refused
from bridge.page.render import person_of
from bridge.page.words import word
from bridge.serve.control import Ack, EndPlanned, EndSilence, Planned, Ring, Silence


async def acknowledge(request: Request) -> Response:
    return await _take(request, withdraw=False, done="did.acknowledge")


async def give_back(request: Request) -> Response:
    return await _take(request, withdraw=True, done="did.give_back")


async def _take(request: Request, *, withdraw: bool, done: str) -> Response:
    number, comment = int(request.path_params["id"]), comment_of(field(request, "comment"))
    return await act(request, Ack(incident=number, comment=comment, withdraw=withdraw, author=author_of(request)), done)


async def silence(request: Request) -> Response:
    matchers = silenced("\n".join(request.scope["form"].get("matchers", [])))
    comment = comment_of(field(request, "comment"))
    until = until_us(field(request, "length"), request)
    return await act(
        request, Silence(matchers=matchers, until_us=until, comment=comment, author=author_of(request)), "did.silence"
    )


def silenced(text: str) -> tuple[str, ...]:
    """The matchers as the bridge takes them. None at all would silence everything. Raises Refused, BadMatcher."""
    matchers = tuple(str(parse(one)) for one in matchers_in(text))
    if not matchers:
        raise Refused(400, "matchers")
    return matchers


async def end_silence(request: Request) -> Response:
    return await act(request, EndSilence(id=request.path_params["id"], author=author_of(request)), "did.end_silence")


async def plan(request: Request) -> Response:
    asked = Planned(
        cluster=field(request, "cluster"),
        what=field(request, "what"),
        until_us=until_us(field(request, "length"), request),
        comment=comment_of(field(request, "comment")),
        author=author_of(request),
    )
    said = await request.app.state.site.ask(asked)
    done = "did.plan" if said["known"] else "did.plan_unknown"
    return back(request, word(person_of(request).language, done, **said), wrong=not said["known"])


async def end_planned(request: Request) -> Response:
    return await act(request, EndPlanned(id=request.path_params["id"], author=author_of(request)), "did.end_planned")


async def ring(request: Request) -> Response:
    """What each receiver answered is told."""
    names = tuple(request.scope["form"].get("receiver", []))
    said = await request.app.state.site.ask(Ring(receivers=names, author=author_of(request)))
    verdicts = "; ".join(f"{one['receiver']}: {one['verdict']} ({one['why']})" for one in said["verdicts"])
    wrong = any(one["verdict"] != "delivered" for one in said["verdicts"])
    return back(request, word(person_of(request).language, "did.ring", verdicts=verdicts), wrong=wrong)


routes = [
    Route(f"{INCIDENT}/acknowledge", acknowledge, methods=["POST"]),
    Route(f"{INCIDENT}/give-back", give_back, methods=["POST"]),
    Route("/silences", silence, methods=["POST"]),
    Route("/silences/{id}/end", end_silence, methods=["POST"]),
    Route("/planned", plan, methods=["POST"]),
    Route("/planned/{id}/end", end_planned, methods=["POST"]),
    Route("/ring", ring, methods=["POST"]),
]
