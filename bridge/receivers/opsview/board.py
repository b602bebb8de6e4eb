"""Opsview, a board: results in, what it shows out, acknowledgements both ways. One request after another, each about one object.

`%` and `_` in names are wildcards of most of its calls. An object is therefore named by the pair (`svc.hs`), and what the answer
says was hit is compared; the one call that says nothing of it is used only for names without them (opsview-rest.md 2.4).
"""

import logging
import socket
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from bridge.core.showing.pace import Pace
from bridge.core.showing.picture import Downtime, Mark, Seen, Shade, Show, Target, words
from bridge.core.telling.notice import GiveUp, TryLater, Verdict
from bridge.core.world.event import EPOCH, Subject, to_us
from bridge.receivers.opsview.api import Account, Api, Reply
from bridge.receivers.opsview.names import DEFAULTS, Name, Names, check_names, service_name
from bridge.secret import Secret

log = logging.getLogger(__name__)

HOSTS_AT_ONCE: Final = 20
SIGNED: Final = "Quorumbell: "
"""How comments of our own begin: by it and by the user they are known again."""
LONGEST_COMMENT: Final = 250
LONGEST_TIMEOUT: Final = timedelta(seconds=100)
ACKNOWLEDGED, DOWNTIME = "1", "2"  # eventtype (opsview-rest.md 3.4)
NEWEST_FIRST: Final = '[{"col":"time","order":"desc"}]'
SHADES: Final = {shade.name.lower(): shade for shade in Shade}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind opsview."""

    url: str
    user: str
    password: Secret
    ca_file: Path | None = None
    insecure: bool = False
    timeout: timedelta = timedelta(seconds=20)
    submit: Literal["detail", "status"] = "detail"
    refresh: timedelta = timedelta(minutes=10)
    stale_after: timedelta = timedelta(minutes=30)
    look_every: timedelta = timedelta(seconds=30)
    feedback: bool = True
    own_host: str = ""
    own_service: str = "Quorumbell"
    names: dict[str, Name] = {}
    hide: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.account()
        check_names(self.names)
        for kind in self.hide:
            if kind not in DEFAULTS:
                raise ValueError(f"hide: there is no kind of subject {kind!r}; known are {', '.join(DEFAULTS)}")
        if not timedelta(seconds=1) <= self.timeout <= LONGEST_TIMEOUT:
            raise ValueError('timeout must lie between one and 100 seconds; write timeout = "20s"')
        if not timedelta(minutes=1) <= self.refresh * 2 <= self.stale_after:
            raise ValueError(
                "refresh must be half of stale_after at most, and 30 s at least, so that one lost result makes nothing stale; "
                'write refresh = "10m", stale_after = "30m"'
            )
        if not timedelta(seconds=5) <= self.look_every <= timedelta(minutes=10):
            raise ValueError('look_every must lie between 5 s and 10 min; write look_every = "30s"')

    def account(self, user: str = "", password: Secret | None = None) -> Account:
        return Account(
            url=self.url,
            user=user or self.user,
            password=password or self.password,
            timeout=self.timeout,
            ca_file=str(self.ca_file) if self.ca_file else None,
            insecure=self.insecure,
        )

    def own(self) -> Target:
        """The bridge's own object: by default on the host that has this machine's name."""
        return Target(self.own_host or socket.gethostname().partition(".")[0], service_name(self.own_service))

    def placing(self) -> Names:
        return Names(self.names, frozenset(self.hide))


class Opsview:
    board = True

    def __init__(self, name: str, settings: Settings) -> None:
        self.own = settings.own()
        self.pace = Pace(refresh=settings.refresh, look_every=settings.look_every)
        self.feedback = settings.feedback
        self._names = settings.placing()
        self._api = Api(settings.account())
        self._routes = [self._by_detail, self._by_status]
        if settings.submit == "status":
            self._routes.reverse()
        self._marks: dict[Target, Mark] = {}
        self._downtimes: dict[Target, Downtime] = {}
        if settings.insecure:
            log.warning("receiver %s: the certificate of %s is NOT checked (insecure = true)", name, settings.url)

    def place(self, cluster: str, subject: Subject) -> Target | None:
        return self._names.place(cluster, subject)

    def close(self) -> None:
        self._api.close()

    # --- results

    def show(self, show: Show) -> Verdict:
        """Submits one result. A route that this Opsview does not have is left for the other one."""
        output = words(show.text)
        if show.bad_for is not None:
            output += f"|outage={int(show.bad_for.total_seconds())}s;;;0"
        if _wild(show.target):
            return self._by_pair(show.target, show.shade, output)
        reply = self._routes[0](show.target, show.shade, output)
        if reply.status in {404, 405}:
            other = self._routes[1](show.target, show.shade, output)
            if other.ok:
                self._routes.reverse()
                return other.verdict()
        return reply.verdict()

    def _by_detail(self, target: Target, shade: Shade, output: str) -> Reply:
        """(opsview-rest.md 2.2)"""
        named = [("hostname", target.host), ("servicename", target.service)]
        reply = self._api.post("/detail", named, {"set_state": {"result": int(shade), "output": output}})
        if reply.ok and str(reply.data.get("success")) not in {"1", "True"}:
            return Reply(status=400, words="POST /rest/detail was answered without success")
        return reply

    def _by_status(self, target: Target, shade: Shade, output: str) -> Reply:
        """(opsview-rest.md 2.3)"""
        reply = self._api.post("/status", [_pair(target)], {"new_state": str(int(shade)), "comment": output})
        return _compared(reply, target)

    def _by_pair(self, target: Target, shade: Shade, output: str) -> Verdict:
        """A name with wildcards in it: only a call that takes the exact pair may be used, or one that can hit nothing else."""
        reply = self._by_status(target, shade, output)
        if reply.status not in {404, 405}:
            return reply.verdict()
        found = self._api.get("/status/service", [("host", target.host), ("servicecheck", target.service), ("rows", "all")])
        if not found.ok:
            return found.verdict()
        hit = [(row.get("name"), one.get("name")) for row in found.rows() for one in _services(row)]
        if hit != [tuple(target)]:
            others = ", ".join(f"{service} on {host}" for host, service in hit if (host, service) != target)
            return GiveUp(
                f"{target} is not there" if not others else f"its name would also hit {others}: give it one without _ or %"
            )
        return self._by_detail(target, shade, output).verdict()

    # --- reading back

    def look(self, hosts: Collection[str]) -> list[Seen] | TryLater | GiveUp:
        """What is shown on these hosts, with acknowledgements and downtimes."""
        found: list[Seen] = []
        for some in _chunks(hosts, HOSTS_AT_ONCE):
            reply = self._api.get("/status/service", [*(("host", host) for host in some), ("rows", "all")])
            if not reply.ok:
                return _final(reply)
            for row in reply.rows():
                if row.get("name") in some:  # a name with wildcards brings others along
                    found += [self._seen(str(row["name"]), one) for one in _services(row)]
        return found

    def _seen(self, host: str, row: dict[str, Any]) -> Seen:
        target = Target(host, str(row.get("name", "")))
        return Seen(
            target=target,
            shade=SHADES.get(str(row.get("state", "")).lower()),
            text=str(row.get("output", "")),
            mark=self._mark(target, row) if self.feedback else None,
            downtime=self._downtime(target, row) if self.feedback else None,
        )

    def _mark(self, target: Target, row: dict[str, Any]) -> Mark | None:
        """Who acknowledged it stands in the events only."""
        if str(row.get("acknowledged", "0")) != "1":
            self._marks.pop(target, None)
            return None
        if target not in self._marks:
            event = self._event(target, ACKNOWLEDGED, {target.service})
            author, comment = str(event.get("ack_author", "")), str(event.get("ack_comment", ""))
            self._marks[target] = Mark(author, comment, self._is_ours(author, comment))
        return self._marks[target]

    def _downtime(self, target: Target, row: dict[str, Any]) -> Downtime | None:
        """2 is running (opsview-rest.md 3.5); one of the host covers its services."""
        if str(row.get("downtime", "0")) != "2":
            self._downtimes.pop(target, None)
            return None
        if target not in self._downtimes:
            event = self._event(target, DOWNTIME, {target.service, ""})
            end = _epoch(event.get("downtime_end"))
            author = str(event.get("downtime_author") or row.get("downtime_username") or "")
            comment = str(event.get("downtime_comment") or row.get("downtime_comment") or "")
            self._downtimes[target] = Downtime(author, comment, end, self._is_ours(author, comment))
        return self._downtimes[target]

    def _event(self, target: Target, kind: str, services: set[str]) -> dict[str, Any]:
        """The newest of its kind about the service (or, with "" among them, its host); nothing when events cannot be read."""
        asked = [("host", target.host), ("eventtype", kind), ("rows", "50"), ("sortby", NEWEST_FIRST)]
        if "" not in services:
            asked.append(("service", target.service))
        for event in self._api.get("/event", asked).rows():
            about = event.get("hostname", target.host) == target.host and event.get("servicename", "") in services
            if about and str(event.get("eventtype")) == kind:
                return event
        return {}

    def _is_ours(self, author: str, comment: str) -> bool:
        """A downtime's comment begins with the name of its object (opsview-rest.md 3.2)."""
        return author == self._api.account.user and SIGNED in comment

    # --- acknowledgements

    def acknowledge(self, target: Target, comment: str) -> Verdict:
        """Sticky: it is ours to withdraw when the state changes, not Opsview's."""
        told = {"comment": words(f"{SIGNED}{comment}", LONGEST_COMMENT), "sticky": "1", "notify": "0"}
        return _compared(self._api.post("/acknowledge", [_pair(target)], told), target).verdict()

    def withdraw(self, target: Target) -> Verdict:
        """Whoever made it. Opsview 4 cannot (opsview-rest.md 8)."""
        return _compared(self._api.call("DELETE", "/acknowledge", [_pair(target)]), target).verdict()

    # --- downtimes

    def begin_downtime(self, target: Target, end: datetime, comment: str) -> Verdict:
        """From now on; the times are Opsview's, by its own clock (opsview-rest.md 3.2)."""
        told = {
            "starttime": "now",
            "endtime": str(to_us(end) // 1_000_000),
            "comment": words(f"{SIGNED}{comment}", LONGEST_COMMENT),
        }
        return _compared(self._api.post("/downtime", [_pair(target)], told), target).verdict()

    def end_downtime(self, target: Target, comment: str) -> Verdict:
        """Of this comment only, word for word as it is stored: those of other people go on."""
        return _compared(self._api.call("DELETE", "/downtime", [_pair(target), ("comment", comment)]), target).verdict()


def _pair(target: Target) -> tuple[str, str]:
    """The one form that means exactly one service: all others are patterns."""
    return "svc.hs", f"{target.host}::{target.service}"


def _wild(target: Target) -> bool:
    return any(sign in text for text in target for sign in "%_")


def _compared(reply: Reply, target: Target) -> Reply:
    """The answer, when it says that it hit just what was meant."""
    if not reply.ok:
        return reply
    listed = reply.table("list")
    found = [
        (row.get("hostname"), row.get("servicename", ""))
        for kind in ("hosts", "services")
        for row in listed.get(kind) or ()
        if isinstance(row, dict)
    ]
    if found == [tuple(target)]:
        return reply
    if tuple(target) not in found:
        return Reply(status=400, words=f"{target} was not among what it hit ({len(found)} objects)")
    others = ", ".join(f"{service} on {host}" for host, service in found if (host, service) != target)
    return Reply(status=400, words=f"it also hit {others}; give {target} a name without _ or %")


def _services(row: dict[str, Any]) -> list[dict[str, Any]]:
    found = row.get("services")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _final(reply: Reply) -> TryLater | GiveUp:
    """Why nothing could be read; a missing right does not heal while we wait, and must not hold up what is sent."""
    verdict = reply.verdict()
    if isinstance(verdict, TryLater) and reply.status not in {401, 403}:
        return verdict
    return GiveUp(reply.words)


def _epoch(value: Any) -> datetime | None:
    text = str(value or "")
    return EPOCH + timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
