"""Drills: begun for who asks, one at a time in a cluster; each in a world of its own, past the ledger, in memory only.

What of it is written down are its reports, as all that relays bring: the clusters' own line leaves them alone
(core/world/marked.py), so nothing of a drill is ever open. A bridge that dies in the middle of one has forgotten it; what still
comes of it is kept, and told to nobody.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bridge.config.config import Config
from bridge.core.drill import Stage
from bridge.core.line import Line
from bridge.core.telling.quiet import Quiet, Silence
from bridge.core.world.event import Report
from bridge.core.world.marked import drill_of
from bridge.intake.intake import Intake
from bridge.intake.peers import PeerState
from bridge.serve import control
from bridge.serve.bells import Bells
from bridge.serve.boards import Boards
from bridge.serve.drill import Drill
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line
from bridge.wire import codec
from bridge.wire.drill import STORIES
from bridge.wire.keys import NAME, Peer

EVERY: Final = timedelta(milliseconds=100)
SILENT_AFTER: Final = 5.0
"""Seconds; a relay speaks each second."""
NODE, SERVICE, REPLICA = "drill-node", "drill-service", "drill-replica"
"""The names in the stories, where none are given: what is told then fits nothing real."""


class Drills:
    """In the writer's thread. `silences` gives those that are in force now."""

    def __init__(
        self,
        config: Callable[[], Config],
        intakes: Sequence[Intake],
        bells: Bells,
        boards: Boards,
        silences: Callable[[], Sequence[Silence]],
        clock: Callable[[], datetime],
        faults: Faults,
    ) -> None:
        self._config = config
        self._intakes = intakes
        self._bells = bells
        self._boards = boards
        self._silences = silences
        self._clock = clock
        self._faults = faults
        self._running: list[tuple[Drill, control.Answer]] = []

    def begin(self, request: control.Drill, answer: control.Answer) -> None:
        """Asks a node for the story; the answer comes when all of it is over."""
        why, cluster, player = self._choose(request)
        if why or player is None:
            answer(why=why)
            return
        usual = REPLICA if request.story == "split-brain" else SERVICE
        asked = codec.Drill(os.urandom(4).hex(), request.story, player.node, request.node or NODE, request.resource or usual)
        if not any(intake.play(Peer(cluster, player.node), asked) for intake in self._intakes):
            answer(why=f"the relay of {player.node} is not connected just now; try again")
            return
        stage = Stage(asked.drill, request.author, self._new_line())
        drill = Drill(asked, cluster, request.author, stage, self._bells.trials, self._clock, answer, dry=request.dry)
        if not request.dry:
            drill.waits_for = self._boards.drill(f"{request.story} of {cluster}", asked.drill, drill.board_answered)
        self._running.append((drill, answer))

    def hear(self, reports: Sequence[Report]) -> None:
        """Reports of drills that are committed; of one that is over, or another bridge's, nothing is made."""
        for report in reports:
            for drill, _ in self._running:
                if (drill.asked.drill, drill.cluster) == (drill_of(report.body), report.cluster):
                    try:
                        drill.hear(report)
                    except Exception as error:  # noqa: BLE001 - the report is stored, and its sender must hear so
                        self._faults.met("drilled", error, self._clock())

    def turn(self, now: datetime) -> None:
        running, self._running = self._running, []
        for drill, answer in running:
            try:
                drill.turn()
            except Exception as error:  # noqa: BLE001 - the asker is told, and the bridge goes on
                self._faults.met("drilled", error, now)
                answer(why=f"an error of Quorumbell itself ({type(error).__name__}: {error}); the bridge's log has all of it")
                continue
            self._running += [] if drill.over else [(drill, answer)]

    def next_at(self) -> datetime | None:
        return self._clock() + EVERY if self._running else None

    def close(self) -> None:
        for _, answer in self._running:
            answer(why="the bridge is being stopped, and the drill is over with it; nothing of it stays")

    def _new_line(self) -> Line:
        """Of the config in force; what people have silenced is silenced in a drill, too."""
        line, quiet = new_line(self._config()), Quiet()
        for silence in self._silences():
            quiet.silence(silence)
        line.router.keep_quiet(quiet)
        return line

    def _choose(self, request: control.Drill) -> tuple[str, str, PeerState | None]:
        """The cluster and the node that plays; or why there is none."""
        known = [(peer, intake.silence(peer)) for intake in self._intakes for peer in intake.peers()]
        clusters = sorted({peer.cluster for peer, _ in known})
        cluster = request.cluster or (clusters[0] if len(clusters) == 1 else "")
        names = [name for name in (request.node, request.resource) if name and not NAME.fullmatch(name)]
        if request.story not in STORIES:
            return f"there is no story {request.story!r}; there are {', '.join(STORIES)}", "", None
        if cluster not in clusters:
            return f"say which cluster, with --cluster; known are {', '.join(clusters) or 'none'}", "", None
        if names:
            return f"{names[0]!r} is not a name: letters, digits, . _ - are", "", None
        if running := next((drill for drill, _ in self._running if drill.cluster == cluster), None):
            return f"drill {running.asked.drill} of {cluster} runs just now; it is over in a minute at the latest", "", None
        return self._player(cluster, request.played_by, [one for one in known if one[0].cluster == cluster])

    def _player(self, cluster: str, wanted: str, known: Sequence[tuple[PeerState, float]]) -> tuple[str, str, PeerState | None]:
        states = {peer.node: _cannot(peer, silent) for peer, silent in known}
        able = [peer for peer, _ in known if not states[peer.node] and wanted in {"", peer.node}]
        if able:
            return "", cluster, able[0]
        how = "; ".join(f"{node}: {why or 'speaks'}" for node, why in sorted(states.items()))
        return f"no node of {cluster} {f'named {wanted} ' if wanted else ''}can play it: {how}", "", None


def _cannot(peer: PeerState, silent: float) -> str:
    """Why a node cannot play; empty when it can."""
    if peer.last_heard is None:
        return "its relay has not been heard since the bridge began (quorumbell-node join, if it never joined)"
    if peer.stopped or silent > SILENT_AFTER:
        return "its relay is silent (systemctl status quorumbell-relay there)"
    if peer.kept_out:
        return f"it is kept out, since it sent too much ({peer.kept_out})"
    return "" if peer.drills else f"its relay, version {peer.version or 'unknown'}, plays no drills (upgrade it)"
