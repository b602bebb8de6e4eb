"""What people ask of the running bridge, through its local socket: acknowledge, silence, ring, drill, who are you."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge import __version__
from bridge.core.normalise import EVERYWHERE
from bridge.core.telling.match import all_hold, parse
from bridge.core.telling.planned import BadWork, matchers_of
from bridge.core.world.event import to_us
from bridge.core.world.incident import State
from bridge.intake.intake import Intake
from bridge.ledger.ledger import LedgerError, LedgerGone
from bridge.serve import control, kept_out, looks
from bridge.serve.bells import Bells
from bridge.serve.clock import TimeLine, WasSet
from bridge.serve.desk import Desk
from bridge.serve.drills import Drills
from bridge.serve.relays import Edges
from bridge.serve.reload import Reload
from bridge.serve.writer import Fields, Writer
from bridge.wire.key_value import Mistakes


class Orders:
    """What a person says becomes a report: one writer, and `replay` knows it too."""

    def __init__(
        self,
        asked: Desk,
        writer: Writer,
        bells: Bells,
        edges: Edges,
        clock: TimeLine,
        name: str,
        lost_at: datetime | None,
        reload: Reload,
        drills: Drills,
    ) -> None:
        """`lost_at` is when the ledger before this one was deleted or replaced, by the wall clock."""
        self._asked = asked
        self._writer = writer
        self._bells = bells
        self._edges = edges
        self._clock = clock
        self._name = name
        self._lost_at = lost_at
        self._reload = reload
        self._drills = drills
        self._started_at = clock()

    def listen(self, now: datetime) -> None:
        for request, answer in self._asked.handle():
            try:
                self._obey(request, answer, now)
            except LedgerGone:
                raise
            except LedgerError as error:
                answer(why=f"nothing can be stored just now, so nothing was done ({error}); see quorumbell status")
            except Exception as error:  # noqa: BLE001 - the asker is told, and the bridge goes on
                self._writer.faults.met("asked", error, now)
                answer(why=f"an error of Quorumbell itself ({type(error).__name__}: {error}); the bridge's log has all of it")

    def _obey(self, request: control.Asked, answer: control.Answer, now: datetime) -> None:
        if isinstance(request, control.Ack):
            self._acknowledge(request, answer, now)
        elif isinstance(request, control.Silence):
            number = os.urandom(4).hex()
            until_us = request.until_us - self._ahead_us()
            self._silence(number, "\n".join(request.matchers), request.author, request.comment, until_us, now)
            answer(id=number, until_us=request.until_us)
        elif isinstance(request, control.EndSilence | control.EndPlanned):
            self._end_silence(request, answer, now)
        elif isinstance(request, control.Planned):
            self._plan(request, answer, now)
        elif isinstance(request, control.Silences):
            answer(silences=[_shown(one, self._ahead_us()) for one in self._writer.line.router.silences(now)])
        elif isinstance(request, control.Invite):
            _invite(request, answer, self._edges.intakes)
        elif isinstance(request, control.Ring):
            self._ring(request, answer, now)
        elif isinstance(request, control.Drill):
            self._drills.begin(request, answer)
        elif isinstance(request, control.Reload):
            self._reload.ask(answer)
        else:
            answer(**{**(self._asked.known() if request.whole else {}), **self.introduction(now)})

    def _ahead_us(self) -> int:
        """People name times by the machine's wall clock."""
        return self._clock.gap // timedelta(microseconds=1)

    def introduction(self, now: datetime) -> dict[str, Any]:
        """What the bridge says of itself."""
        router = self._writer.line.router
        return {
            "name": self._name,
            "version": __version__,
            "pid": os.getpid(),
            "since_us": to_us(self._started_at),
            "now_us": to_us(now),
            "ahead_us": self._ahead_us(),
            "ledger_lost_at": self._lost_at.isoformat() if self._lost_at else None,
            "clock_set": _was_set(self._clock.last_set),
            "clocks_set": [
                {"cluster": cluster, "node": node, **_was_set(one)} for (cluster, node), one in self._edges.clocks_set.items()
            ],
            "held_back": {name: count for name, count in router.held().items() if count},
            "acknowledged": router.acknowledged(),
            "faults": self._writer.faults.shown(),
            "kept_out": kept_out.shown(self._writer.relays()),
            "looks": looks.shown(self._writer.relays()),
            "config": self._reload.shown(),
        }

    def _acknowledge(self, request: control.Ack, answer: control.Answer, now: datetime) -> None:
        found = self._writer.ledger.story(request.incident)
        if found is None:
            answer(why=f"there is no incident {request.incident}; see quorumbell incidents")
            return
        number, incident = found
        if incident.state is State.CLOSED:
            answer(why=f"incident {number} is over: nobody is reminded of it any more")
        else:
            words: Fields = {"do": "ack", "incident_key": incident.key, "withdraw": request.withdraw}
            self._say({**words, "author": request.author, "comment": request.comment}, now)
            answer(incident=number)

    def _ring(self, request: control.Ring, answer: control.Answer, now: datetime) -> None:
        """That it was rung is written down; the verdicts are the answer."""
        trials = self._bells.trials
        if wanted := trials.meant(request.receivers, answer):
            self._say({"do": "ring", "receivers": ", ".join(wanted), "author": request.author}, now)
            trials.ring(wanted, answer, now)

    def _plan(self, request: control.Planned, answer: control.Answer, now: datetime) -> None:
        try:
            matchers = matchers_of(request.cluster, request.what)
        except BadWork as error:
            answer(why=str(error))
            return
        clusters = self._writer.ledger.clusters()
        if request.cluster not in clusters:
            answer(why=f"there is no cluster {request.cluster!r}; known are {', '.join(clusters) or 'none'}")
            return
        parts = [parse(one) for one in matchers]
        known = any(
            all_hold(parts, {"cluster": (one.cluster,), "root": (one.subject,)}) for one in self._writer.ledger.conditions()
        )
        number = os.urandom(4).hex()
        until_us = request.until_us - self._ahead_us()
        self._silence(number, "\n".join(matchers), request.author, request.comment, until_us, now, request.what)
        answer(id=number, until_us=request.until_us, matchers=matchers, known=known)

    def _end_silence(self, request: control.EndSilence | control.EndPlanned, answer: control.Answer, now: datetime) -> None:
        """Planned work ends with its silence, whichever of the two is named."""
        wanted = isinstance(request, control.EndPlanned)
        in_force = [one for one in self._writer.line.router.silences(now) if one.planned or not wanted]
        found = next((one for one in in_force if one.id == request.id), None)
        if found is None:
            what, where = ("planned work", "planned") if wanted else ("silence", "silence")
            answer(why=f"there is no {what} {request.id!r} in force; see quorumbell {where} list")
            return
        self._silence(found.id, "\n".join(map(str, found.matchers)), request.author, "ended", to_us(now), now, found.planned)
        answer(id=found.id)

    def _silence(
        self, number: str, matchers: str, author: str, comment: str, until_us: int, now: datetime, planned: str = ""
    ) -> None:
        words: Fields = {"do": "silence", "silence": number, "matchers": matchers, "until_us": until_us}
        words |= {"planned": planned} if planned else {}
        self._say({**words, "author": author, "comment": comment}, now)

    def _say(self, words: Fields, now: datetime) -> None:
        self._writer.report("operator", EVERYWHERE, words, now)


def _invite(request: control.Invite, answer: control.Answer, intakes: Sequence[Intake]) -> None:
    for intake in intakes:
        if intake.enrolment is not None:
            try:
                pair = intake.enrolment.invite(request.cluster, request.node, request.seconds, again=request.again)
            except Mistakes as wrong:
                answer(why="; ".join(wrong.texts))
            else:
                answer(secret=pair.secret.decode(), bridge=intake.public)
            return
    answer(why="this bridge has no port with keys; write [bridge] listen")


def _was_set(clock: WasSet | None) -> dict[str, int]:
    return {} if clock is None else {"at_us": to_us(clock.at), "by_us": clock.by // timedelta(microseconds=1)}


def _shown(silence: Any, ahead_us: int) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "author": silence.author,
        "comment": silence.comment,
        "until_us": to_us(silence.until) + ahead_us,
        "planned": silence.planned,
    }
