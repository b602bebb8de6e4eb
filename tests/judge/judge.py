"""Judges what `quorumbell rehearse --json` told of a recording against what an administrator should have been told.

Imports nothing of the product: it knows only the printed JSON. `complaints` gives plain words, none when all is well.
What is expected of a recording (see the told*.json beside this file):

incidents   the incidents expected, in no order; of each
  kind, root, peak, end   alternatives. `closed+KIND`: closed, and a told incident of that kind is open
  members                 subjects that must be drawn in; the root counts as drawn in
  outages                 seconds (min, max) by subject; `root` is the incident's own root
  says                    names that the summary must contain beside the root's own, or stems of words
  never_says              words that neither the summary nor the reason of any notice may contain
  never_members           subjects that must not be drawn in
  never_away              subjects whose outage must not be open at the end
  severity                alternatives for the severity of what is still open at the end
  planned                 `either`: may be marked as planned. Otherwise it must not be
n           number of incidents told (min, max): not planned, and worse than info
may         kinds, or `kind root`, tolerated beyond the expected ones
with        other recordings that are laid over this one
alone       what is expected of its alerts without what crm_mon showed (NAME.HOST.crm_mon.jsonl beside it)
rings       rings of the receiver that rang most (min, max): opened, escalated, reminder
reopens     what arrives late takes back an end that was told: a ring may follow it
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

Incident = dict[str, Any]
Expected = dict[str, Any]

RINGS = ("opened", "escalated", "reminder")
KINDS_OF_NOTICE = (*RINGS, "updated", "closed")
INCIDENT_KEYS = (
    "kind", "root", "peak", "severity", "state", "opened_at", "closed_at", "subjects", "outages", "planned", "summary", "notices",
)  # fmt: skip
NOT_TOLD_AT_ALL = 1000


def complaints(outcome: dict[str, Any], expected: Expected) -> list[str]:
    malformed = [*_shape(outcome)]
    if malformed:
        return malformed
    incidents: list[Incident] = outcome["incidents"]
    told = [one for one in incidents if _is_told(one)]
    return [
        *_readable(outcome),
        *_count(told, expected),
        *_stories(incidents, told, expected),
        *_rings(incidents, expected),
        *(words for one in incidents for words in _notices(one, reopens=expected.get("reopens", False))),
    ]


def _shape(outcome: dict[str, Any]) -> Iterator[str]:
    for key in ("incidents", "reports", "unreadable"):
        if key not in outcome:
            yield f"the answer has no {key!r}"
    for one in outcome.get("incidents", ()):
        for key in INCIDENT_KEYS:
            if key not in one:
                yield f"incident {one.get('kind')} {one.get('root')} has no {key!r}"


def _readable(outcome: dict[str, Any]) -> Iterator[str]:
    if outcome["unreadable"] != 0:
        yield f"{outcome['unreadable']} reports were unreadable"


def _is_told(one: Incident) -> bool:
    return not one["planned"] and one["peak"] not in {"ok", "info"}


def _name(one: Incident) -> str:
    planned = "planned " if one["planned"] else ""
    return f"{planned}{one['kind']} {one['root']} ({one['peak']}, {one['state']}: {one['summary']!r})"


def _count(told: list[Incident], expected: Expected) -> Iterator[str]:
    low, high = expected["n"]
    if not low <= len(told) <= high:
        yield f"{len(told)} incidents told, not {low} to {high}: " + "; ".join(map(_name, told))


# ---- each story expected is told, and no other ----------------------------------------------------------------------


def _stories(incidents: list[Incident], told: list[Incident], expected: Expected) -> Iterator[str]:
    wanted: list[Expected] = expected["incidents"]
    fewer_allowed = expected["n"][0] < len(wanted)
    best: list[str] | None = None
    best_cost, best_used = 0, list[Incident]()
    for choice in _assignments(incidents, wanted, 0, ()):
        words, cost, used = _weigh(choice, incidents, told, wanted, fewer_allowed=fewer_allowed)
        left = [one for one in told if not any(one is other for other in used) and not _may(one, expected)]
        if best is None or cost + len(left) < best_cost:
            best, best_cost, best_used = words, cost + len(left), used
    yield from best or ()
    for one in told:
        if not any(one is other for other in best_used) and not _may(one, expected):
            yield f"nobody expected {_name(one)}"


def _assignments(
    incidents: list[Incident], wanted: list[Expected], at: int, taken: tuple[int, ...]
) -> Iterator[list[Incident | None]]:
    """Every way to give each expected story an incident of its own, or none."""
    if at == len(wanted):
        yield []
        return
    free = [i for i, one in enumerate(incidents) if i not in taken and _fits(one, wanted[at])][:8]
    for i in free:
        for rest in _assignments(incidents, wanted, at + 1, (*taken, i)):
            yield [incidents[i], *rest]
    for rest in _assignments(incidents, wanted, at + 1, taken):
        yield [None, *rest]


def _fits(one: Incident, wanted: Expected) -> bool:
    return _eligible(one, wanted) and one["kind"] in wanted["kind"] and one["root"] in wanted["root"]


def _eligible(one: Incident, wanted: Expected) -> bool:
    return _is_told(one) or (one["planned"] and wanted.get("planned") == "either")


def _weigh(
    choice: list[Incident | None],
    incidents: list[Incident],
    told: list[Incident],
    wanted: list[Expected],
    *,
    fewer_allowed: bool,
) -> tuple[list[str], int, list[Incident]]:
    words: list[str] = []
    cost = 0
    used = [one for one in choice if one is not None]
    for story, own in zip(wanted, choice, strict=True):
        hosts = [own] if own else [one for one in incidents if fewer_allowed and _tells_within(one, story)]
        found = [(host, [*_wrong(host, story, told)]) for host in hosts]
        if not found:
            words.append(f"nobody told {' or '.join(story['kind'])} of {' or '.join(story['root'])}")
            cost += NOT_TOLD_AT_ALL
            continue
        host, faults = min(found, key=lambda pair: len(pair[1]))
        used.append(host)
        words += [f"{_name(host)}: {fault}" for fault in faults]
        cost += len(faults)
    return words, cost, used


def _tells_within(one: Incident, story: Expected) -> bool:
    named = {one["root"], *one["subjects"]}
    return _eligible(one, story) and one["kind"] in story["kind"] and any(root in named for root in story["root"])


def _may(one: Incident, expected: Expected) -> bool:
    return any(words in {one["kind"], f"{one['kind']} {one['root']}"} for words in expected.get("may", ()))


# ---- what is wrong with the incident that tells a story -------------------------------------------------------------


def _wrong(one: Incident, story: Expected, told: list[Incident]) -> Iterator[str]:
    if one["peak"] not in story["peak"]:
        yield f"peak is not {' or '.join(story['peak'])}"
    if not any(_ends(one, end, told) for end in story["end"]):
        yield f"end is not {' or '.join(story['end'])}"
    yield from _members(one, story)
    yield from _outages(one, story)
    yield from _says(one, story)
    yield from _never(one, story)
    if one["state"] != "closed" and one["severity"] not in story.get("severity", (one["severity"],)):
        yield f"is {one['severity']}, not {' or '.join(story['severity'])}"


def _ends(one: Incident, end: str, told: list[Incident]) -> bool:
    state, _, other = end.partition("+")
    if one["state"] != state:
        return False
    return not other or any(two["kind"] == other and two["state"] == "open" for two in told if two is not one)


def _members(one: Incident, story: Expected) -> Iterator[str]:
    drawn_in = {one["root"], *one["subjects"]}
    for subject in story.get("members", ()):
        if subject not in drawn_in:
            yield f"{subject} is not drawn in"


def _outages(one: Incident, story: Expected) -> Iterator[str]:
    for key, (low, high) in story.get("outages", {}).items():
        subject = one["root"] if key == "root" else key
        seconds = one["outages"].get(subject)
        if seconds is None:
            yield f"no outage of {subject}"
        elif not low <= seconds <= high:
            yield f"outage of {subject} is {seconds} s, not {low} to {high}"


def _says(one: Incident, story: Expected) -> Iterator[str]:
    within = one["root"] not in story["root"]
    named = [root for root in story["root"] if root in one["subjects"]][:1] if within else [one["root"]]
    for name in [*(part for root in named for part in _names(root)), *story.get("says", ())]:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(ed|able|ion)?(?![\w-])", one["summary"] or "", re.IGNORECASE):
            yield f"the summary does not say {name}"


def _names(subject: str) -> list[str]:
    """`drbd/r0@alpha` is named by r0 and alpha, in whatever words; `cluster` by the word."""
    return subject.partition("/")[2].split("@") if "/" in subject else [subject]


def _never(one: Incident, story: Expected) -> Iterator[str]:
    said = [one["summary"] or "", *(note.get("reason") or "" for note in one["notices"])]
    for words in story.get("never_says", ()):
        yield from (f"{words!r} is said: {text!r}" for text in said if words.lower() in text.lower())
    for subject in story.get("never_members", ()):
        if subject in {one["root"], *one["subjects"]}:
            yield f"{subject} is drawn in"
    for subject in story.get("never_away", ()):
        if one["outages"].get(subject, 0) is None:
            yield f"{subject} is still away"


# ---- who was rung and told ------------------------------------------------------------------------------------------


def _rings(incidents: list[Incident], expected: Expected) -> Iterator[str]:
    rung = Counter(note["receiver"] for one in incidents for note in one["notices"] if note["kind"] in RINGS)
    most = max(rung.values(), default=0)
    low, high = expected["rings"]
    if not low <= most <= high:
        kinds = [f"{note['kind']} {one['root']}" for one in incidents for note in one["notices"] if note["kind"] in RINGS]
        yield f"rang {most} times, not {low} to {high}: {', '.join(kinds)}"


def _notices(one: Incident, *, reopens: bool) -> Iterator[str]:
    heard: dict[str, list[str]] = {}
    for note in sorted(one["notices"], key=lambda note: _instant(note["at"])):
        if not note.get("reason"):
            yield f"{_name(one)}: a notice {note['kind']} without a reason"
        if note["kind"] not in KINDS_OF_NOTICE:
            yield f"{_name(one)}: a notice of unknown kind {note['kind']!r}"
        heard.setdefault(note["receiver"], []).append(note["kind"])
    for receiver, kinds in heard.items():
        found = faults_of_order(kinds, closed=one["state"] == "closed", reopens=reopens)
        yield from (f"{_name(one)}: {receiver} {fault}" for fault in found)


def faults_of_order(kinds: list[str], *, closed: bool, reopens: bool = False) -> Iterator[str]:
    heard = [kind for kind in kinds if kind != "updated"]
    if not heard:
        return
    if heard[0] != "opened":
        yield f"heard {heard[0]} first, before opened"
    if heard.count("opened") > 1:
        yield f"heard {heard.count('opened')} times that it opened"
    for before, after in pairwise(heard):
        if before == "closed" and not (reopens and after == "escalated"):
            yield f"heard {after} after closed"
    if closed and heard[-1] != "closed":
        yield "never heard of the end"
    if not closed and (heard[-1] == "closed" or ("closed" in heard and not reopens)):
        yield "heard closed, but it is not"


def _instant(at: str | float) -> float:
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else float(at)
