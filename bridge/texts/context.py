"""What a template is given of a notice: facts, names and times, in the reader's language and time zone."""

import shlex
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.incident import State
from bridge.texts import reasons, words
from bridge.texts.facts import Facts, clean, complete, quoted

COUNTS: Final = frozenset({"fail_count", "failures", "fencing_failures", "threshold"})


def context_of(notice: Notice, language: str, zone: tzinfo) -> dict[str, Any]:
    incident = notice.incident
    known = complete(incident)
    known |= {name: words.number(known[name], language) for name in COUNTS & known.keys()}
    over = (incident.state is State.CLOSED and not notice.moved) or notice.kind is Telling.CLOSED
    ended_at = (incident.over_at if over else None) or notice.at
    return {
        "f": Facts(known),
        "q": quoted(known),
        "cluster": clean(incident.cluster),
        "over": over,
        "began": words.moment(incident.opened_at, language, zone),
        "ended": _ended(incident.opened_at, ended_at, language, zone),
        "lasted": words.span(ended_at - incident.opened_at, language),
        "old": known.get("pacemaker_version", "").startswith("1."),
        "version_known": "pacemaker_version" in known,
        **words.thing(clean(incident.root), known, language),
        "failed": words.failed(known, language),
        "why": words.why(known, language),
        "arranged": reasons.arranged(known, language),
        "cause": reasons.cause(known, language),
        "listed": partial(words.listed, language=language),
        "together": words.some(known.get("replica", ""), known.get("replicas", ""), language),
        **words.roles(known.get("roles", "")),
        "sides": known["nodes"].split(", ") if "nodes" in known else [],
        "called": _called(known.get("called", "")),
        "behinds": _words(known.get("behind", "")),
        "causing": _words(known.get("cause_nodes", "")),
        "quiet": _silent(known.get("quiet_since", ""), language, zone),
        "silent": _silent(known.get("silent_since", ""), language, zone),
    }


def _words(names: str) -> list[str]:
    """Each as a word of a command line."""
    return [shlex.quote(one) for one in names.split(", ") if one and one[0] != "+"]


def _called(words: str) -> dict[str, str]:
    """By node what it calls its peer, as a word of a command line."""
    named = (one.split(" ", 1) for one in words.split("; ") if " " in one)
    return {node: shlex.quote(peer) for node, peer in named}


def _silent(since: str, language: str, zone: tzinfo) -> str:
    """An ISO instant becomes the reader's time; other words stay as they were told."""
    try:
        instant = datetime.fromisoformat(since)
    except ValueError:
        return since
    return words.moment(instant if instant.tzinfo else instant.replace(tzinfo=UTC), language, zone)


def _ended(began_at: datetime, ended_at: datetime, language: str, zone: tzinfo) -> str:
    """Only the time where the day is the same as the beginning's, which stands beside it."""
    same_day = began_at.astimezone(zone).date() == ended_at.astimezone(zone).date()
    return words.clock(ended_at, zone) if same_day else words.moment(ended_at, language, zone)
