"""The runtime: what the monitoring core knows of hosts and services. Time is handed in; nothing here waits."""

import heapq
import itertools
from dataclasses import dataclass, field

SERVICE_STATES = ("ok", "warning", "critical", "unknown")
HOST_STATES = ("up", "down", "unreachable")
STATE, ACKNOWLEDGED, DOWNTIME_START, DOWNTIME_STOP = "0", "1", "2", "3"  # eventtype [doc 6.8 Event]


@dataclass
class Freshness:
    after: float
    state: int
    text: str


@dataclass
class Acknowledgement:
    author: str
    comment: str
    sticky: bool


@dataclass
class Downtime:
    start: float
    end: float
    comment: str
    author: str
    started_at: float | None = None


@dataclass
class Thing:
    """A host (service None) or a service."""

    id: int
    host: str
    service: str | None
    state: int = 0
    output: str = ""
    perfdata: str = ""
    updated_at: float = 0.0
    changed_at: float = 0.0
    checktype: int = 2
    freshness: Freshness | None = None
    ack: Acknowledgement | None = None
    downtimes: list[Downtime] = field(default_factory=list)
    hostgroups: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    servicegroup: str = ""

    @property
    def key(self):
        return (self.host, self.service)

    @property
    def word(self):
        return (SERVICE_STATES if self.service else HOST_STATES)[self.state]

    def downtime(self, now):
        """0 none, 1 scheduled, 2 running [nagstamon; core]."""
        if any(d.start <= now < d.end for d in self.downtimes):
            return 2
        return 1 if any(now < d.start for d in self.downtimes) else 0


class World:
    def __init__(self, rules):
        self.rules = rules
        self.things = {}
        self.events = []
        self._ids = itertools.count(101)
        self._due = []
        self._turn = itertools.count()

    # --- what exists

    def rebuild(self, wanted, now):
        """After a reload: `wanted` is key -> fields. What stays keeps its state; what is new has never been checked."""
        for key in [k for k in self.things if k not in wanted]:
            del self.things[key]
        for key, fields in wanted.items():
            thing = self.things.get(key)
            if thing is None:
                thing = self.things[key] = Thing(id=next(self._ids), host=key[0], service=key[1], changed_at=now)
            for name, value in fields.items():
                setattr(thing, name, value)
            if key[1] is None:
                self._at(now + self.rules.host_check_interval, self._ping, thing)
            else:
                self._watch(thing, now)

    # --- what happens later

    def _at(self, when, what, *args):
        heapq.heappush(self._due, (when, next(self._turn), what, args))

    def later(self, now, what, *args):
        """Acting calls are queued, not done [doc 6.x Acknowledge, Downtime, Recheck; results queue]."""
        delays = self.rules.delays
        delays.append(delays.pop(0))
        self._at(now + delays[-1], what, *args)

    def settle(self, now):
        while self._due and self._due[0][0] <= now:
            when, _, what, args = heapq.heappop(self._due)
            what(when, *args)

    # --- results

    def result(self, when, thing, state, output):
        if self.things.get(thing.key) is not thing:
            return  # gone with a reload: results for unknown names are dropped, with a line in syslog [doc 6.x Results Forwarder]
        text, _, perfdata = _cut(output, self.rules.text_limit).partition("|")
        before, thing.state = thing.state, state
        thing.output, thing.perfdata, thing.updated_at = text.strip(), perfdata.strip(), when
        if before != state:
            thing.changed_at = when
            # not sticky: until any change of state; sticky: until recovery (Nagios's meaning) [doc 6.x Acknowledge]
            if thing.ack and (state == 0 or not thing.ack.sticky):
                thing.ack = None
            # A submitted state is hard at once [doc 6.9.5 Detail - Setting]
            self.event(when, thing, STATE, state=thing.word, state_type="hard", output=thing.output)
        self._watch(thing, when)

    def _watch(self, thing, since):
        if thing.service and thing.freshness:
            self._at(since + thing.freshness.after, self._stale, thing, thing.freshness, thing.updated_at)

    def _stale(self, when, thing, freshness, updated_at):
        """Without a result for stale_threshold_seconds it takes stale_state by itself [rs: stock passive checks; core]."""
        if self.things.get(thing.key) is thing and thing.freshness is freshness and thing.updated_at == updated_at:
            self.result(when, thing, freshness.state, freshness.text)

    def _ping(self, when, thing):
        if self.things.get(thing.key) is thing:
            self.result(when, thing, 0, "PING OK - Packet loss = 0%, RTA = 0.31 ms")
            self._at(when + self.rules.host_check_interval, self._ping, thing)

    # --- acknowledgements and downtimes

    def acknowledge(self, when, thing, ack):
        if thing.state == 0:
            return  # nothing to acknowledge (Nagios Core, ACKNOWLEDGE_SVC_PROBLEM); the API lists it all the same: believed
        thing.ack = ack
        told = {"ack_author": ack.author, "ack_comment": ack.comment}
        self.event(when, thing, ACKNOWLEDGED, state=thing.word, state_type="hard", output=thing.output, **told)

    def unacknowledge(self, _when, thing):
        thing.ack = None

    def schedule(self, when, thing, downtime):
        thing.downtimes.append(downtime)
        self._at(max(when, downtime.start), self._begin, thing, downtime)
        self._at(max(when, downtime.end), self._end, thing, downtime)

    def _begin(self, when, thing, downtime):
        if any(d is downtime for d in thing.downtimes):
            downtime.started_at = when
            self.event(when, thing, DOWNTIME_START, **_told(downtime))

    def _end(self, when, thing, downtime):
        if any(d is downtime for d in thing.downtimes):
            thing.downtimes = [d for d in thing.downtimes if d is not downtime]
            self.event(when, thing, DOWNTIME_STOP, **_told(downtime))

    def unschedule(self, when, thing, unwanted):
        for downtime in [d for d in thing.downtimes if unwanted(d)]:
            if downtime.started_at is not None:
                self._end(when, thing, downtime)
            else:
                thing.downtimes = [d for d in thing.downtimes if d is not downtime]

    def in_downtime(self, thing, now):
        """A service's downtime is raised to its host's if that is higher [core]."""
        host = self.things.get((thing.host, None))
        return max(thing.downtime(now), host.downtime(now) if host else 0)

    def unhandled(self, thing, now):
        """A host: DOWN, not acknowledged, not in downtime. A service: not OK, its host UP, neither of both [core]."""
        if thing.ack or self.in_downtime(thing, now) == 2:
            return False
        if thing.service is None:
            return thing.state == 1
        host = self.things.get((thing.host, None))
        return thing.state != 0 and (host is None or host.state == 0)

    def event(self, when, thing, kind, **more):
        fields = {"eventid": str(len(self.events) + 1), "eventtype": kind, "objectid": str(thing.id), "hostname": thing.host}
        if thing.service:
            fields["servicename"] = thing.service
        self.events.append({**fields, "markdown": "0", "time": str(int(when)), **more})


def _told(downtime):
    return {
        "downtime_author": downtime.author,
        "downtime_comment": downtime.comment,
        "downtime_start": str(int(downtime.start)),
        "downtime_end": str(int(downtime.end)),
    }


def _cut(text, limit):
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
