"""What the templates may name: an incident's facts, cleaned, and completed from its root and its members."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined

from bridge.core.world.event import CLUSTER, Subject, subject_name
from bridge.core.world.incident import Incident

NAMES: Final = frozenset(
    {
        "absence",  # `runs` or `promoted`: what it does nowhere
        "action",
        "all_sides",  # where the same is wrong on several sides
        "arranged",  # a code: what has been planned for too long
        "attribute",
        "away",  # it left in order, and is not back
        "before",
        "behind",
        "called",  # `alpha bravo.lan; bravo alpha.lan`: what each end calls its peer, where that is not the name
        "cause",  # a code: why it runs nowhere, as the cluster's own word has it
        "cause_nodes",
        "client",  # it has no disk of its own, as is wanted
        "constraints",  # their ids
        "cut_off",
        "disks",
        "down",
        "eased",  # it is not so any more, but not all is well yet
        "ended_by",  # a code: somebody took it out of the game
        "exit_reason",  # the agent's own words
        "fail_count",
        "failed_on",
        "failures",
        "fence_result",
        "fenced_by",
        "fenced_nodes",
        "fencing_action",
        "fencing_client",
        "fencing_failures",
        "fencing_result",
        "forced",  # it was demoted by force
        "found",  # it was so when it was first heard of
        "found_on",
        "frozen",
        "further",  # what has gone away since the last ring
        "generation",
        "given_up",
        "guest",
        "handler",
        "ignored",  # the cluster is told to ignore that it failed
        "incomplete",  # whose copy was left in the middle of a resync
        "ledger",
        "ledger_folder",
        "ledger_lost",
        "link",
        "links",
        "lost_by",
        "lost_nodes",
        "many",  # more than two sides: commands name the peer
        "missing_on",
        "moved",
        "needs",  # what must run before it can
        "node",
        "node_back",
        "nodes",
        "now_on",
        "nowhere",  # no node has the replica any more
        "of_replica",  # the DRBD resource that this resource of the cluster is
        "pacemaker_version",
        "peer",
        "planned",  # it failed while somebody worked on it
        "policy",
        "quiet_since",
        "ran_on",
        "rc",
        "rc_words",
        "recovered_at",
        "reopened",  # it was told to be over, and is not
        "replica",  # of the root: `r0` of `drbd/r0@alpha`
        "replicas",
        "resource",
        "restarted",
        "role",
        "roles",
        "runs_on",
        "seen_by",  # whose pictures show it
        "side",
        "silent_since",
        "standby",
        "still",  # of several nodes: those that are not back yet
        "stuck",  # the states of what should move and does not
        "sure",  # both sides are known for sure: commands that throw data away may be shown
        "survivor",
        "suspected",  # nobody said so, it was concluded
        "threshold",  # so many failures, and the cluster moves it away
        "timed_out",
        "timeout_ms",
        "tried_on",
        "trouble",
        "unclean",  # there, and not trusted by the cluster
        "unfenced",
        "unpromoted",
        "unfencing_failures",
        "unfencing_result",
        "value",
        "victim",
        "volume",
    }
)
LISTS: Final = frozenset({"behind", "down", "further", "moved", "replicas", "tried_on"})
LONGEST: Final = 400


class Missing(StrictUndefined):
    """A fact that nobody told: may be asked for and compared (`{% if f.node %}`, `f.node or …`), never printed."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # there it never returns

    def __bool__(self) -> bool:  # type: ignore[override]  # there it never returns
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]  # there it never returns
        return False

    def __ne__(self, other: object) -> bool:  # type: ignore[override]  # there it never returns
        return True


class Facts:
    """Attribute access for templates; a name that no correlator writes is a typing mistake and raises."""

    def __init__(self, known: Mapping[str, str], shape: Callable[[str], str] = str) -> None:
        self._known = known
        self._shape = shape

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)
        value = self._known.get(name)
        return self._shape(value) if value else Missing(f"the fact {name} is not known here", name=name)


def quoted(known: Mapping[str, str]) -> Facts:
    """The same facts as words of a command line: a name with a blank or a semicolon stays one harmless word."""
    return Facts(known, shlex.quote)


def clean_line(value: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())


def clean(value: str) -> str:
    """One line without control characters, not endless: facts come from reports, which may hold anything."""
    line = clean_line(value)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def clean_names(value: str) -> str:
    """As `clean`, for a list of names, whose last may be `+5`: of one too long the first names, and how many more there are."""
    *names, last = clean_line(value).split(", ")
    more = int(last[1:]) if last[:1] == "+" and last[1:].isdecimal() else 0
    names += [] if more else [last]
    while len(names) > 1 and len(", ".join(names)) > LONGEST:
        more += 1
        names.pop()
    return clean(", ".join([*names, f"+{more}"] if more else names))


def complete(incident: Incident) -> dict[str, str]:
    """The facts, and what root and members tell where a fact is missing."""
    told = {name: clean_names(value) if name in LISTS else clean(value) for name, value in incident.facts.items()}
    known = {name: value for name, value in told.items() if value}
    for name, value in _from_root(incident.root).items():
        known.setdefault(name, clean(value))
    if "replica" in known:
        _complete_sides(known, incident.subjects)
    return known


def _from_root(root: Subject) -> dict[str, str]:
    kind, _, name = root.partition("/")
    inner, _, where = name.partition("@")
    match kind:
        case "node" | "fencing" | "relay":
            return {"node": name}
        case "resource" | "guest":
            return {kind: name, "resource": name}
        case "drbd":
            return {"replica": inner} | ({"side": where} if where else {})
        case "attribute":
            return {"attribute": inner} | ({"node": where} if where else {})
    return {}


def _complete_sides(known: dict[str, str], subjects: Iterable[Subject]) -> None:
    """The nodes of a replica, from whatever names them."""
    told = [known[name] for name in ("nodes", "link", "side", "peer", "victim", "survivor") if name in known]
    drawn = [clean(subject.partition("@")[2]) for subject in subjects if subject.startswith("drbd/") and "@" in subject]
    nodes = [name.strip() for words in (*told, *drawn) for name in words.replace(";", ",").split(",")]
    both = list(dict.fromkeys(name for name in nodes if name))
    if len(both) > 1:
        known["nodes"] = ", ".join(both)


def root_names(root: Subject) -> list[str]:
    """The names that a sentence about the root must contain."""
    if root == CLUSTER:
        return []
    return [clean(part) for part in subject_name(root).split("@") if part]


def bare_facts(incident: Incident) -> list[str]:
    """What is known, where no sentence can be made of it."""
    return [f"{name}: {value}" for name, value in sorted(complete(incident).items())]


def bare(incident: Incident) -> str:
    return f"{incident.kind}: {clean(incident.root)} in cluster {clean(incident.cluster)}"
