"""The list of incidents, one incident, and its report to hand on."""

from collections import defaultdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge import __version__
from bridge.asked.status import now_of
from bridge.asked.story import story
from bridge.core.telling.digest import was_nothing
from bridge.core.world.event import to_us
from bridge.core.world.incident import Incident
from bridge.ledger.reader import Reader
from bridge.page.links import Links
from bridge.page.numbers import INCIDENT
from bridge.page.people.planned import parts
from bridge.page.render import page, person_of
from bridge.page.site import one_at_a_time
from bridge.page.story import seeking
from bridge.page.story.incident import MOST_REPORTS, Shown, is_over, lane_name, lasted, matchers_for, shown
from bridge.page.story.sorts import SORTS
from bridge.page.story.timeline import rows
from bridge.texts import summary
from bridge.texts.words import span

STATIC: Final = Path(__file__).parent.parent / "static"


async def listed(request: Request) -> Response:
    person, site = person_of(request), request.app.state.site
    asked: defaultdict[str, str] = defaultdict(str, request.query_params)
    wrong = ""
    try:
        sought = seeking.sought(asked, ZoneInfo(person.zone))
    except seeking.BadDay as error:
        sought, wrong = seeking.sought({}, ZoneInfo(person.zone)), str(error)

    def look(ledger: Reader) -> Any:
        return ledger.search(sought, seeking.PAGE), ledger.clusters()

    bridge = await site.bridge()
    found, clusters = await site.read(look)
    return page(
        request,
        "incidents.html",
        asked=asked,
        wrong=wrong,
        rows=[(number, one, summary(one, person.language)) for number, one in found.incidents if not was_nothing(one)],
        older=seeking.address(asked, found.more) if found.more else "",
        newest=seeking.address(asked) if "before" in asked else "",
        clusters=[one for one in clusters if one != "*"],
        seeking=seeking,
        lasted=partial(_lasted, person.language, now_of(bridge)),
    )


def _lasted(language: str, now: datetime, incident: Incident) -> str:
    return span(lasted(incident, now), language)


@one_at_a_time
async def one(request: Request) -> Response:
    number = request.path_params["id"]
    found, values = await _found(request)
    if found is None:
        return page(request, "no-incident.html", status=404, number=number)
    if found.number != number:
        return RedirectResponse(f"/incidents/{found.number}?was={number}", 303)
    was = request.query_params.get("was", "")
    values["was"] = int(was) if was.isascii() and was.isdigit() and int(was[:9]) in found.parts else 0
    return page(request, "incident.html", shown=found, **values)


async def news(request: Request) -> Response:
    """A word about it, if the incident is another by now than a page of it shows."""
    number, site = request.path_params["id"], request.app.state.site
    bridge = await site.bridge()
    found = await site.read(lambda ledger: ledger.story(number))
    asked = request.query_params.get("as_of")
    changed = found is not None and (found[0] != number or asked != _as_of(found[1], _taken_by(bridge, found[1])))
    return page(request, "_news.html", changed=changed, number=number)


def _as_of(incident: Incident, taken_by: str) -> str:
    """Another word with each change that its page shows."""
    return f"{to_us(incident.changed_at)}-{taken_by}"


def _taken_by(bridge: dict[str, Any], incident: Incident) -> str:
    found: str = bridge.get("acknowledged", {}).get(incident.key, "")
    return found


@one_at_a_time
async def report(request: Request) -> Response:
    """One file that needs nothing else, so its style stands in it."""
    found, values = await _found(request)
    if found is None:
        return page(request, "no-incident.html", status=404, number=request.path_params["id"])
    answer = page(request, "report.html", shown=found, style=_style(), version=__version__, **values)
    answer.headers["content-disposition"] = f'attachment; filename="quorumbell-incident-{found.number}.html"'
    return answer


def _style() -> str:
    return "\n".join((STATIC / name).read_text("utf-8") for name in ("page.css", "story.css"))


async def _found(request: Request) -> tuple[Shown | None, dict[str, Any]]:
    """The incident, and what its templates need beside it."""
    person, site, number = person_of(request), request.app.state.site, request.path_params["id"]
    bridge = await site.bridge()
    told = await site.read(lambda ledger: story(ledger, number, MOST_REPORTS))
    if told is None:
        return None, {}
    now = now_of(bridge)
    found = shown(told, person.language, ZoneInfo(person.zone), now)
    taken_by = _taken_by(bridge, found.incident)
    return found, {
        "taken_by": taken_by,
        "as_of": _as_of(found.incident, taken_by),
        "bridge_runs": bridge["running"],
        "is_over": is_over(found.incident),
        "lasted": partial(_lasted, person.language, now),
        "lane_name": lane_name,
        "sorts": SORTS,
        "rows": rows(found.timeline),
        "most_reports": MOST_REPORTS,
        "matchers": matchers_for(found.incident),
        "work": next(iter(parts([found.incident.root])[1:]), ""),
        "links": _elsewhere(Links(site.config), found.incident),
    }


def _elsewhere(found: Links, incident: Incident) -> list[tuple[str, str]]:
    """(word, address) of what shows the same, where the config names it."""
    nodes = tuple(name for name in (incident.facts.get("node"), incident.facts.get("now_on")) if name)
    ways = {
        "story_opsview": found.opsview(incident.cluster, incident.root),
        "story_gui": found.cluster_gui(incident.cluster, nodes),
    }
    return [(word, address) for word, address in ways.items() if address]


routes: Final = [
    Route("/incidents", listed),
    Route(INCIDENT, one),
    Route(f"{INCIDENT}/news", news),
    Route(f"{INCIDENT}/report", report),
]
