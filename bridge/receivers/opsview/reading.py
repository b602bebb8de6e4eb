"""What Opsview shows, read back: states, and who acknowledged or silenced them."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from bridge.core.showing.picture import Downtime, Mark, Seen, Shade, Target
from bridge.core.telling.notice import GiveUp, TryLater
from bridge.core.world.event import EPOCH
from bridge.receivers.opsview.api import Api, Reply
from bridge.receivers.opsview.targets import SIGNED, services_of

HOSTS_AT_ONCE: Final = 20
ACKNOWLEDGED, DOWNTIME = "1", "2"  # eventtype (opsview-rest.md 3.4)
NEWEST_FIRST: Final = '[{"col":"time","order":"desc"}]'
SHADES: Final = {shade.name.lower(): shade for shade in Shade}


class Reading:
    """An author and a comment are asked for once; they are kept while the acknowledgement or the downtime lasts."""

    def __init__(self, api: Api, *, feedback: bool) -> None:
        self._api = api
        self._feedback = feedback
        self._marks: dict[Target, Mark] = {}
        self._downtimes: dict[Target, Downtime] = {}

    def look(self, hosts: Collection[str]) -> list[Seen] | TryLater | GiveUp:
        """What is shown on these hosts, with acknowledgements and downtimes."""
        found: list[Seen] = []
        for some in _chunks(hosts, HOSTS_AT_ONCE):
            reply = self._api.get("/status/service", [*(("host", host) for host in some), ("rows", "all")])
            if not reply.ok:
                return _final(reply)
            for row in reply.rows():
                if row.get("name") in some:  # a name with wildcards brings others along
                    found += [self._seen(str(row["name"]), one) for one in services_of(row)]
        return found

    def _seen(self, host: str, row: dict[str, Any]) -> Seen:
        target = Target(host, str(row.get("name", "")))
        return Seen(
            target=target,
            shade=SHADES.get(str(row.get("state", "")).lower()),
            text=str(row.get("output", "")),
            mark=self._mark(target, row) if self._feedback else None,
            downtime=self._downtime(target, row) if self._feedback else None,
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
