"""What Opsview's configuration needs so that every subject can be shown, and making it: nothing that is there is changed or lost.

A check is made once; a service `Check: value` comes from a variable of the host. Each check has a host template of its own, so
that a host gets just the services that are fed. Arrays replace what was there (opsview-rest.md 4.3): what a host has is sent back
with what it lacks. Nothing of it exists for results before a reload.
"""

import re
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from bridge.core.showing.picture import Target
from bridge.receivers.opsview.api import Api, Reply

HASHTAG: Final = "quorumbell"
SERVICE_GROUP: Final = "Quorumbell"
OWN_STALE_AFTER: Final = timedelta(minutes=3)
"""Three beats of the bridge."""
DRILLED_EVERY: Final = timedelta(days=366)
"""Who has not tried it for so long does not know whether it works."""
LONGEST_RELOAD: Final = timedelta(minutes=30)
RUNNING, WITH_WARNINGS = "0", "4"
RELOADING: Final = "1"

Right = tuple[str, ...]
"""One of these (opsview-rest.md 1.7)."""
TO_SHOW: Final[tuple[Right, ...]] = (("VIEWALL", "VIEWSOME"), ("ACTIONALL", "ACTIONSOME"))
FOR_FEEDBACK: Final[tuple[Right, ...]] = (("DOWNTIMESOME", "DOWNTIMEALL"),)
TO_LOOK: Final[tuple[Right, ...]] = (("CONFIGUREVIEW", "CONFIGURESAVE"),)
TO_APPLY: Final[tuple[Right, ...]] = (("CONFIGURESAVE",), ("CONFIGUREHOSTS",), ("CONFIGUREKEYWORDS",))
TO_RELOAD: Final[tuple[Right, ...]] = (("RELOADACCESS",),)


class SetupError(Exception):
    """What Opsview refused, or what a person must decide first; with the cure."""


class Change(msgspec.Struct, frozen=True):
    """A PUT of one object of the configuration; `ident` for one that is there."""

    kind: str
    body: dict[str, Any]
    ident: str = ""

    def __str__(self) -> str:
        return f"{'change' if self.ident else 'make'} {self.kind} {self.body.get('name', '')}".rstrip()


class Survey(msgspec.Struct, kw_only=True):
    """What is there. `states`: "there", "after a reload" or "missing" for each object."""

    rights: frozenset[str]
    pending: bool | None
    states: dict[Target, str]
    changes: list[Change]
    left_over: list[Target] = []
    """Services of our own checks that stand for nothing that is known."""
    remarks: list[str] = []
    conflicts: list[str] = []
    """What a person must decide before anything is made."""
    disputed: list[Target] = []
    """What they are about."""

    def lacks(self, wanted: Iterable[Right]) -> list[str]:
        return [" or ".join(right) for right in wanted if not self.rights & set(right)]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What should be there: the objects with the age at which each is stale, and what new hosts are like."""

    stale_after: Mapping[Target, timedelta]
    hostgroup: str = ""
    addresses: Mapping[str, str] = {}


def survey(api: Api, wish: Wish) -> Survey:
    """Raises SetupError when Opsview does not answer."""
    rights = frozenset(
        name for name, on in _good(api.get("/user")).table("access_list").items() if str(on) not in {"0", "", "None"}
    )
    runtime = _good(api.get("/runtime/service", [("group_by", "host"), ("rows", "all")]))
    there = {Target(str(row.get("name")), str(service)) for row in runtime.rows() for service in row.get("list") or ()}
    found = Survey(rights=rights, pending=pending(api), states={}, changes=[])
    lacking = [target for target in sorted(wish.stale_after) if target not in there]
    found.states = {target: "there" for target in wish.stale_after if target in there}
    if found.lacks(TO_LOOK):
        found.states |= dict.fromkeys(lacking, "missing")
        return found
    planner = _Planner(api, wish)
    for target in lacking:
        found.states[target] = "missing" if planner.want(target) else "after a reload"
    for target in found.states.keys() & there:
        planner.review(target)
    found.left_over = [target for target in sorted(there - wish.stale_after.keys()) if planner.is_ours(target)]
    found.changes, found.remarks = planner.changes(), planner.remarks
    found.conflicts, found.disputed = planner.conflicts, planner.disputed
    return found


def pending(api: Api) -> bool | None:
    """Whether changes wait for a reload; None when this user may not know."""
    reply = api.get("/reload")
    return str(reply.data.get("configuration_status")) == "pending" if reply.ok and isinstance(reply.data, dict) else None


def apply(api: Api, found: Survey) -> None:
    """Raises SetupError before the first change when a person must decide something, or when Opsview refuses one."""
    if found.conflicts:
        raise SetupError("\n".join(found.conflicts))
    for change in found.changes:
        path = f"/config/{change.kind}/{change.ident}" if change.ident else f"/config/{change.kind}"
        _good(api.call("PUT", path, (), change.body), f"cannot {change}")


def reload(api: Api, pause: float = 3.5) -> str:
    """Starts one and waits; of one that runs already, too. Gives the words of its warnings. Raises SetupError when it failed."""
    begun = begin_reload(api)
    until = time.monotonic() + LONGEST_RELOAD.total_seconds()
    while time.monotonic() < until:
        words = reload_ended(api)
        if words is not None:
            if begun or pending(api) is False:
                return words
            begun = begin_reload(api)
        time.sleep(pause)
    raise SetupError(f"the reload did not end within {LONGEST_RELOAD}; look at it in Opsview")


def begin_reload(api: Api) -> bool:
    """Starts one; false when one runs already, which may not know of all that was changed since it began. Raises SetupError."""
    begun = api.post("/reload", [("asynchronous", "1"), ("changelog", "Quorumbell: services for its subjects")])
    if not begun.ok and begun.status != 409:
        raise SetupError(f"the reload cannot begin: {begun.words}")
    return begun.ok


def reload_ended(api: Api) -> str | None:
    """The words of its warnings; None while it goes on. Raises SetupError when it failed."""
    reply = api.get("/reload")  # a proxy may time out meanwhile: it is asked again
    status = str(reply.data.get("server_status")) if reply.ok else RELOADING
    if status in {RUNNING, WITH_WARNINGS}:
        return _messages(reply)
    if status != RELOADING:
        raise SetupError(f"the reload failed: {_messages(reply) or f'server_status {status}'}; look at it in Opsview")
    return None


def _messages(reply: Reply) -> str:
    found = reply.data.get("messages") or []
    return "; ".join(str(one.get("detail", one)) if isinstance(one, dict) else str(one) for one in found)


class _Planner:
    """Collects what is lacking; each object of the configuration is read once."""

    def __init__(self, api: Api, wish: Wish) -> None:
        self._api = api
        self._wish = wish
        self._known: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._made: dict[tuple[str, str], Change] = {}
        self._hosts: dict[str, dict[str, Any]] = {}
        self.remarks: list[str] = []
        self.conflicts: list[str] = []
        self.disputed: list[Target] = []

    def review(self, target: Target) -> None:
        """One that is there must turn stale by itself, or it stays green when nobody speaks."""
        check = target.service.partition(": ")[0]
        known = self._named("servicecheck", check)
        if known is not None and HASHTAG in _names(known.get("keywords")):
            self._check(check, "", self._wish.stale_after[target])
        elif known is not None and str(known.get("check_freshness")) != "1":
            told = f"the service check {check!r} is not Quorumbell's and has no freshness: it stays as it is when nobody speaks"
            _add(self.remarks, told)

    def is_ours(self, target: Target) -> bool:
        """Whether it is a service of a check that Quorumbell has made, for one of the kinds of what is shown."""
        check = target.service.partition(": ")[0]
        if check not in {one.service.partition(": ")[0] for one in self._wish.stale_after}:
            return False
        known = self._named("servicecheck", check)
        return known is not None and HASHTAG in _names(known.get("keywords"))

    def want(self, target: Target) -> bool:
        """Whether anything must be made or changed for it."""
        check, _, value = target.service.partition(": ")
        before = len(self._made), repr(self._hosts)
        variable = self._variable(check) if value else ""
        well = self._check(check, variable, self._wish.stale_after[target])
        if not self._host(target.host, _template(check), variable, value) or not well:
            self.disputed.append(target)
        return (len(self._made), repr(self._hosts)) != before

    def changes(self) -> list[Change]:
        """In the order in which each finds what it refers to."""
        order = ("servicegroup", "attribute", "hosttemplate", "servicecheck")
        made = sorted(self._made.values(), key=lambda change: order.index(change.kind))
        hosts = []
        for name, body in self._hosts.items():
            known = self._named("host", name)
            hosts.append(Change("host", body, str(known["id"]) if known else ""))
        return made + hosts

    def _named(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object of exactly this name: a filter that is not understood gives the whole list (opsview-rest.md 4.2)."""
        if (kind, name) not in self._known:
            reply = _good(self._api.get(f"/config/{kind}", [("s.name", name), ("rows", "all")]))
            self._known[kind, name] = next((row for row in reply.rows() if row.get("name") == name), None)
        return self._known[kind, name]

    def _make(self, kind: str, name: str, **body: Any) -> None:
        if self._named(kind, name) is None:
            self._made.setdefault((kind, name), Change(kind, {"name": name, **body}))

    def _variable(self, check: str) -> str:
        name = f"QUORUMBELL_{re.sub(r'[^A-Z0-9_]', '_', check.upper())}"[:63]
        self._make("attribute", name, value="", label1="", arg1="")
        return name

    def _check(self, check: str, variable: str, stale_after: timedelta) -> bool:
        """Whether no person must decide anything; so does the next."""
        known = self._named("servicecheck", check)
        if known is not None and HASHTAG not in _names(known.get("keywords")):
            told = f"Opsview has a service check {check!r} that is not Quorumbell's (it lacks the hashtag {HASHTAG}); "
            cure = "give the subject another name in [receivers.NAME.names], or that check the hashtag if it is meant for this"
            _add(self.conflicts, told + cure)
            return False
        seconds = str(int(stale_after.total_seconds()))
        watch = {"check_freshness": "1", "stale_threshold_seconds": seconds, "stale_state": "3"}
        if known is not None and all(str(known.get(key)) == value for key, value in watch.items()):
            return True
        self._make("servicegroup", SERVICE_GROUP)
        self._make("hosttemplate", _template(check), description="Services that Quorumbell feeds")
        body = {
            "name": check,
            "description": "Fed by Quorumbell",
            "checktype": {"name": "Passive"},
            "plugin": None,
            "args": "",
            "servicegroup": {"name": SERVICE_GROUP},
            "attribute": {"name": variable} if variable else None,
            "hosttemplates": [{"name": _template(check)}],
            "keywords": [{"name": HASHTAG}],
            **watch,
            "stale_text": f"UNKNOWN: no word from Quorumbell for {seconds} s",
            # Opsview 4 would only repeat the last state; newer ones do not know the key (opsview-rest.md 4.4).
            "freshness_type": "set_stale",
            "alert_from_failure": "1",
            "notification_options": "w,c,r,u",
        }
        if known is not None:
            body = {"name": check, **watch, "stale_text": body["stale_text"]}
        self._made["servicecheck", check] = Change("servicecheck", body)
        return True

    def _host(self, name: str, template: str, variable: str, value: str) -> bool:
        known = self._named("host", name)
        planned = self._hosts.get(name)
        now: Mapping[str, Any] = planned or known or {}
        templates, variables = list(now.get("hosttemplates") or ()), list(now.get("hostattributes") or ())
        has_value = not variable or (variable, value) in {(one.get("name"), one.get("value")) for one in variables}
        if template in _names(templates) and has_value:
            return True
        if template not in _names(templates):
            templates.append({"name": template})
        if not has_value:
            variables.append({"name": variable, "value": value})
        well = known is not None or bool(self._wish.hostgroup)
        if known is None:
            if not well:
                cure = "name the group of new hosts with --hostgroup (hostgroup in the config), or make the host yourself"
                told = f"Opsview has no host {name}; {cure}"
                _add(self.conflicts, told)
            more = {"ip": self._wish.addresses.get(name, "127.0.0.1"), "hostgroup": {"name": self._wish.hostgroup}}
        else:
            more = {}
        self._hosts[name] = {"name": name, **more, "hosttemplates": templates, "hostattributes": variables}
        return well


def _add(list_: list[str], text: str) -> None:
    if text not in list_:
        list_.append(text)


def _template(check: str) -> str:
    return f"Quorumbell - {check}"


def _names(relations: Any) -> Collection[str]:
    return {str(one.get("name")) for one in relations or () if isinstance(one, dict)}


def _good(reply: Reply, what: str = "") -> Reply:
    if not reply.ok:
        raise SetupError(f"{what}: {reply.words}" if what else reply.words)
    return reply
