"""What is known of one cluster: its subjects, what hurts them, and the incidents that tell of it.

Rules call the verbs below (`open_incident`, `hurt`, `heal`, `absorb` ...); nothing else knows how incidents are kept.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bridge.core.world.condition import Condition, Wound
from bridge.core.world.event import Severity, Subject, subject_name
from bridge.core.world.incident import Incident, Kind, State, Step, advance
from bridge.core.world.known import Known
from bridge.core.world.lists import count_elsewhere, with_alarm, with_outages, with_subjects, without_subjects
from bridge.core.world.outage import Outages, began, ended, joined
from bridge.core.world.settings import Settings
from bridge.core.world.tables import CONDITION, GONE, HOLDER, INCIDENT, REMARK, REPLICATED, WOUND, WOUNDS

SAME_STORY: Final = timedelta(minutes=2)
"""An incident that a larger one overtakes so soon after its beginning was the larger one's first sign."""
SERVICES: Final = ("resource/", "guest/")
"""Subjects whose absence is an outage."""


class World(Known):
    """The tables of one cluster, and the verbs of the rules over them."""

    def __init__(self, cluster: str, settings: Settings) -> None:
        super().__init__(settings)
        self.cluster = cluster
        self.uid: bytes | None = None
        self.decisions: list[tuple[str | None, str]] = []

    # --- words about it ----------------------------------------------------------------------------------------------

    def say(self, why: str, key: str | None = None) -> None:
        """A decision on the report at hand, and the incident it belongs to: what `explain` prints."""
        self.decisions.append((key, why))

    # --- incidents ---------------------------------------------------------------------------------------------------

    def open_incident(
        self, kind: Kind, root: Subject, at: datetime, severity: Severity, reason: str, *, watch: bool = False
    ) -> str:
        """A new incident; with `watch` it is only suspected. Gives its key, which a second birth at one instant makes unique."""
        key = f"{self.cluster}/{root}@{at.isoformat()}"
        while (INCIDENT, key) in self.facts:
            key += "+"
        incident = Incident(
            key=key,
            cluster=self.cluster,
            kind=kind,
            root=root,
            state=State.WATCHING if watch else State.OPEN,
            severity=severity,
            peak=severity,
            opened_at=at,
            changed_at=at,
            subjects=(root,),
            reason=reason,
            facts={} if (replica := self.get(REPLICATED, subject_name(root))) is None else {"of_replica": replica},
        )
        self.put((INCIDENT, key), incident)
        self.draw_in(key, root, at)
        self.say(reason, key)
        return key

    def change(self, key: str, at: datetime, **changes: Any) -> None:
        """Sets fields of an incident; `facts` are added to those it has, and the peak follows the severity."""
        incident = self.incident(key)
        if "facts" in changes:
            changes["facts"] = incident.facts | changes["facts"]
        severity = changes.get("severity", incident.severity)
        if severity.rank > incident.peak.rank:
            changes["peak"] = severity
        if any(getattr(incident, name) != value for name, value in changes.items()):
            self.put((INCIDENT, key), msgspec.structs.replace(incident, changed_at=max(at, incident.changed_at), **changes))

    def step(self, key: str, step: Step, at: datetime, reason: str) -> None:
        """Moves an incident along its table, and does what the new state asks for."""
        incident = self.incident(key)
        state = advance(incident.state, step)
        closed_at = at if state is State.CLOSED and incident.state is not State.CLOSED else incident.closed_at
        self.change(key, at, state=state, closed_at=closed_at, reason=reason)
        self.say(reason, key)
        if state is State.CLEARING:
            self.change(key, at, facts={"recovered_at": at.isoformat()})  # what it lasted, without the quiet time after it
            self.set_timer(at + self.settings.clear_after, "clear", key)
        else:
            self.cancel_timer("clear", key)
        if state is State.CLOSED:
            self._let_go(incident)

    def confirm(self, key: str, at: datetime, reason: str) -> None:
        """It is an incident: from now on people may be told."""
        if self.incident(key).state is State.WATCHING:
            self.step(key, Step.CONFIRM, at, reason)

    def alarm(self, key: str, at: datetime, reason: str, severity: Severity = Severity.CRITICAL) -> None:
        """It got worse in a way that a person must hear of, though it was told before."""
        incident = self.incident(key)
        if reason not in incident.alarms:
            worse = max(severity, incident.severity, key=lambda one: one.rank)
            self.change(key, at, **with_alarm(incident, reason), severity=worse, reason=reason)
            self.say(reason, key)

    def keep_open(self, key: str, hold: str) -> None:
        """The incident does not recover before `release` of this hold, though every subject be well."""
        self._wound(key, hold)

    def release(self, key: str, hold: str, at: datetime, why: str, *, waited: bool = False) -> None:
        """Ends what `keep_open` began, in whatever the incident became a part of. With `waited` the hold was quiet time and no
        trouble: if the incident recovers with it, it had lasted only until the last of its outages ended."""
        while (into := self.incident(key).absorbed_into) is not None:
            key = into
        self.put((WOUNDS, key, hold), None)
        self._settle(key, at, why)
        incident = self.incident(key)
        ends = [outage.ended_at for outage in incident.outages if outage.ended_at is not None]
        if waited and ends and incident.state is State.CLEARING:
            self.change(key, at, facts={"recovered_at": max(ends).isoformat()})

    def draw_in(self, key: str, subject: Subject, at: datetime) -> None:
        """The subject belongs to the incident's story; one that another incident holds as hurt stays that one's too."""
        if changes := with_subjects(self, self.incident(key), (subject,)):
            self.change(key, at, **changes)
        if self.wound(subject) is None:
            self.put((HOLDER, subject), key)

    def leave(self, key: str, subjects: Collection[Subject], at: datetime) -> None:
        """The subjects do not belong to the incident's story after all."""
        self.change(key, at, **without_subjects(self, self.incident(key), subjects))

    def hurt(self, key: str, subject: Subject, at: datetime, severity: Severity, why: str, *, outage: bool = True) -> None:
        """The subject is not well, because of this incident; the first word counts for the length of the outage.

        A subject that another incident holds as hurt moves over with its wound.
        """
        old = self.wound(subject)
        was = self.get(HOLDER, subject) if old is not None else None
        self.draw_in(key, subject, at)
        self.put((HOLDER, subject), key)
        self._wound(key, subject)
        since = at if old is None else min(old.began_at, at)
        outage = outage and subject.startswith(SERVICES)
        self.put((WOUND, subject), Wound(since, severity, why, outage or (old is not None and old.outage)))
        if outage and (old is None or not old.outage):
            self._keep_outages(key, began(self.incident(key).outages, subject, at), at)
        self._condition(subject, severity, since, why, key)
        self._settle(key, at, why if subject_name(subject) in why else f"{subject_name(subject)}: {why}")
        if was is not None and was != key:
            self._left(was, subject, key, at)
        if severity.rank > self.incident(key).severity.rank:
            self.change(key, at, severity=severity)

    def heal(self, subject: Subject, at: datetime, why: str, *, ended_at: datetime | None = None) -> str | None:
        """The subject is well again: its outage ends, and its incident recovers with the last of its wounds. Gives its key.

        `ended_at` is when it was well, if that was before it became known."""
        if self.wound(subject) is None:
            return None
        key: str = self.facts[HOLDER, subject]
        self.put((WOUND, subject), None)
        self._keep_outages(key, ended(self.incident(key).outages, subject, ended_at or at), at)
        self._condition(subject, Severity.OK, at, why, key)
        self.say(why, key)
        self.put((WOUNDS, key, subject), None)
        self._settle(key, at, why)
        return key

    def absorb(self, key: str, into: str, at: datetime, reason: str) -> None:
        """What was an incident of its own is part of another: its subjects, wounds, outages and facts move over.

        Its alarms do not: nobody is rung for that two stories are one."""
        if key == into:
            return
        incident, other = self.incident(key), self.incident(into)
        if incident.state is State.CLOSED and incident.absorbed_into is not None:
            return
        self.change(
            into,
            at,
            opened_at=min(other.opened_at, incident.opened_at),
            facts=incident.facts | other.facts,
            peak=max(incident.peak, other.peak, key=lambda severity: severity.rank),
        )
        count_elsewhere(self, key, into)
        self.change(into, at, **with_subjects(self, self.incident(into), self.members(key)))
        self._keep_outages(into, joined(other.outages, incident.outages), at)
        for subject in self.members(key):
            if self.get(HOLDER, subject) == key:
                self.put((HOLDER, subject), into)
            known = self.get(CONDITION, subject)
            if known is not None and known.incident_key == key:
                self.put((CONDITION, subject), msgspec.structs.replace(known, incident_key=into))
        for name in self.wounds(key):
            self._wound(into, name)
        self.change(key, at, absorbed_into=into)
        self.step(key, Step.ABSORB, at, reason)
        self._settle(into, at, reason)

    def dismiss(self, key: str, at: datetime, reason: str) -> None:
        """It was nothing, or asked for: its wounds go with it, and nobody is told of it any more than they were."""
        for subject in self.members(key):
            if self.get(HOLDER, subject) == key and self.wound(subject) is not None:
                self.put((WOUND, subject), None)
                self._condition(subject, Severity.OK, at, reason, key)
        self._no_wounds(key)
        self.change(key, at, planned=True, severity=Severity.INFO, outages=(), more_away=0)
        self.step(key, Step.DISMISS, at, reason)

    def end(self, key: str, at: datetime) -> None:
        """The quiet time is over."""
        if self.incident(key).state is State.CLEARING:
            self.change(key, at, severity=Severity.OK)
            self.step(key, Step.END, at, "quiet since the last good word")

    def note(self, subject: Subject, severity: Severity, at: datetime, why: str, key: str | None = None) -> None:
        """How a subject is, without a wound: shown, never rung. A wound's word about it goes before; what is known already is
        no change."""
        if (WOUND, subject) in self.facts:
            return
        known = self.get(CONDITION, subject)
        if known is None or known.why != why or known.severity is not severity:
            self._condition(subject, severity, at, why, key or self.get(HOLDER, subject))

    def let_go(self, subject: Subject, at: datetime, why: str) -> None:
        """There is no such thing any more: nothing is known of it, and that is the last word about it."""
        self.heal(subject, at, f"{subject_name(subject)}: {why}")
        if (CONDITION, subject) in self.facts:
            self.put((GONE, subject), (at, why))
            self.put((CONDITION, subject), None)
        self.put((REMARK, subject), None)

    def _keep_outages(self, key: str, outages: Outages, at: datetime) -> None:
        self.change(key, at, **with_outages(self, self.incident(key), outages))

    def _wound(self, key: str, name: str) -> None:
        """What keeps an incident open: its hurt subjects, and holds. Never a number, which one verb might forget to count."""
        if self.incident(key).state is State.CLOSED:
            raise ValueError(f"{key} is over: nothing keeps it open")
        self.put((WOUNDS, key, name), value=True)

    def _no_wounds(self, key: str) -> None:
        for name in list(self.wounds(key)):
            self.put((WOUNDS, key, name), None)

    def _settle(self, key: str, at: datetime, why: str) -> None:
        """Brings the state to what the wounds say: with the last one healed it recovers, with a new one it relapses."""
        state, hurt = self.incident(key).state, self.wounds(key)
        if hurt and state is State.CLEARING:
            self.step(key, Step.RELAPSE, at, why)
        elif not hurt and state in {State.WATCHING, State.OPEN}:
            self.step(key, Step.RECOVER, at, f"all is well again: {why}")

    def _left(self, key: str, subject: Subject, into: str, at: datetime) -> None:
        """A hurt subject has gone over to another incident, and with it the outage that has not ended. If nothing else is wrong
        here, and it was what this was about, and both began about one time, that one tells this story too; otherwise this one
        goes on without it."""
        self.put((WOUNDS, key, subject), None)
        incident = self.incident(key)
        still = tuple(one for one in incident.outages if one.subject == subject and one.ended_at is None)
        if still:
            self._keep_outages(into, joined(self.incident(into).outages, still), at)
            self._keep_outages(key, tuple(one for one in incident.outages if one not in still), at)
        if not self.wounds(key) and incident.root == subject and at - incident.opened_at < SAME_STORY:
            self.absorb(key, into, at, f"{subject_name(subject)} is part of a larger story")
        else:
            self._settle(key, at, f"{subject_name(subject)} is part of another story now")

    def _let_go(self, incident: Incident) -> None:
        for subject in self.members(incident.key):
            if self.get(HOLDER, subject) == incident.key:
                self.put((HOLDER, subject), None)
        self._no_wounds(incident.key)

    def _condition(self, subject: Subject, severity: Severity, since: datetime, why: str, key: str | None) -> None:
        condition = Condition(
            cluster=self.cluster, subject=subject, severity=severity, since=since, why=why, uid=self.uid, incident_key=key
        )
        self.put((CONDITION, subject), condition)
