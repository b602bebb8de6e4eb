"""What is silenced and being worked on, and the forms that begin more of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.asked.status import UNFINISHED
from bridge.core.telling.match import parse
from bridge.core.telling.planned import PARTS, matchers_of
from bridge.core.world.event import from_us, subject_name
from bridge.core.world.incident import State
from bridge.ledger.reader import Reader
from bridge.page.people.acting import comment_of, entry_of, matchers_in, until_us
from bridge.page.people.backs import path_of_ours
from bridge.page.people.preview import LATELY, Numbered, preview
from bridge.page.render import page, person_of
from bridge.page.site import one_at_a_time
from bridge.serve.control import ControlError, Silences
from bridge.texts import summary

PART_OF: Final = {"node": "node", "resource": "resource", "guest": "guest", "drbd": "replica"}
"""Which part of a cluster a subject belongs to, by its kind."""
MOST_SUGGESTED: Final = 2000
LENGTHS: Final = ("30m", "1h", "2h", "4h", "8h", "1d", "7d")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, or (with `what`) planned work."""

    id: str
    matchers: Sequence[str]
    author: str
    comment: str
    until: datetime
    what: str
    cluster: str


def running(said: Mapping[str, Any]) -> list[Running]:
    """Of the bridge's answer; what ends first stands first."""
    found = [
        Running(
            id=one["id"],
            matchers=one["matchers"],
            author=one["author"],
            comment=one["comment"],
            until=from_us(one["until_us"]),
            what=one["planned"],
            cluster=next((parse(text).matcher.value for text in one["matchers"] if text.startswith("cluster=")), ""),
        )
        for one in said["silences"]
    ]
    return sorted(found, key=lambda one: (one.until, one.id))


def parts(subjects: Sequence[str]) -> list[str]:
    """What one may plan to work on, of all that was heard of."""
    found = {
        f"{PART_OF[kind]}={subject_name(subject).partition('@')[0]}"  # type: ignore[arg-type]
        for subject in subjects
        if (kind := subject.partition("/")[0]) in PART_OF
    }
    return ["cluster", *sorted(found)[:MOST_SUGGESTED]]


@one_at_a_time
async def planned(request: Request) -> Response:
    """What stands in the query stands in the forms: others lead here, and so does whoever wants to change what was shown."""
    site = request.app.state.site
    try:
        found, why = running(await site.ask(Silences())), ""
    except ControlError as error:
        found, why = [], str(error)
    clusters, subjects = await site.read(_names)
    return page(
        request,
        "people/planned.html",
        asked=request.query_params,
        why=why,
        work=[one for one in found if one.what],
        silences=[one for one in found if not one.what],
        clusters=clusters,
        parts=parts(subjects),
        kinds=sorted(PARTS),
        lengths=LENGTHS,
        bells=[name for name, receiver in site.config.receivers.items() if not receiver.board],
    )


@one_at_a_time
async def show(request: Request) -> Response:
    """Of a silence, or of planned work; with the form that begins it. Raises BadMatcher, BadWork, Wrong."""
    asked = request.query_params
    cluster, what, length = asked.get("cluster", "").strip(), asked.get("what", "").strip(), asked.get("length", "1h")
    matchers = matchers_of(cluster, what) if what else matchers_in("\n".join(asked.getlist("matchers")))
    parsed = [parse(one) for one in matchers]
    until = from_us(until_us(length, request))
    since = entry_of(request).clock() - LATELY
    found = await request.app.state.site.read(lambda ledger: preview(parsed, _lately(ledger, since) if parsed else ()))
    language = person_of(request).language
    return page(
        request,
        "people/preview.html",
        found=found,
        sentence=lambda one: summary(one, language),
        matchers=list(map(str, parsed)),
        what=what,
        cluster=cluster,
        length=length,
        until=until,
        comment=comment_of(asked.get("comment", "")),
        query=request.url.query,
        back=path_of_ours(asked.get("back", ""), "/planned"),
    )


def _names(ledger: Reader) -> tuple[list[str], list[str]]:
    return ledger.clusters(), [one.subject for one in ledger.conditions() if not one.gone]


def _lately(ledger: Reader, since: datetime) -> Iterator[Numbered]:
    """What is open, however long, and what opened since and is over; of each the newest first."""
    yield from ledger.each_incident(UNFINISHED)
    yield from ledger.each_incident(State.CLOSED, since)


routes = [
    Route("/planned", planned, methods=["GET"]),
    Route("/silences/preview", show, methods=["GET"]),
]
