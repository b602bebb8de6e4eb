"""The config, read again while the bridge runs: a good one is taken over, a broken one refused, and both are told.

Everything is prepared first, and can fail there without a trace: the file is read, receivers are made, the line is filled from
the ledger. Then it is put in the place of the old at one moment of the loop. What is made here is made as at a start, so that a
restart with the same file changes nothing more, but for the keys that only a restart takes over.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from bridge.config.changes import Changes, changes, in_force
from bridge.config.config import Config, load_config
from bridge.config.findings import ConfigError
from bridge.secret import redact
from bridge.serve.bells import Bells
from bridge.serve.boards import Boards
from bridge.serve.control import Answer
from bridge.serve.digests import Digests
from bridge.serve.logs import set_up_logs
from bridge.serve.recall import renewed
from bridge.serve.relays import Edges
from bridge.serve.systemd import sd_notify
from bridge.serve.watch import Watch
from bridge.serve.writer import Writer

MOST_SHOWN: Final = 20
"""Mistakes that `status` shows; the log has all."""
REFUSED: Final = "the changed config is refused, the old one is in force"

log = logging.getLogger("quorumbell.bridge")


class Reload:
    """In the writer's thread; only `ask` may be called from a signal's handler."""

    def __init__(
        self,
        config: Config,
        writer: Writer,
        bells: Bells,
        boards: Boards,
        digests: Digests,
        edges: Edges,
        watch: Watch,
        beat: Callable[[], None],
    ) -> None:
        self._config = config
        self._writer = writer
        self._bells = bells
        self._boards = boards
        self._digests = digests
        self._edges = edges
        self._watch = watch
        self._beat = beat
        self._asked = False
        self._answers: list[Answer] = []
        self._mistakes: tuple[str, ...] = ()
        self._restart: tuple[str, ...] = ()
        self._read_at: datetime | None = None

    def ask(self, answer: Answer | None = None) -> None:
        """`answer` hears what was taken over and what needs a restart, or all mistakes."""
        self._answers += [] if answer is None else [answer]
        self._asked = True

    @property
    def config(self) -> Config:
        """What is in force."""
        return self._config

    def read_again(self, now: datetime) -> None:
        if not self._asked:
            return
        self._asked = False
        answers, self._answers = self._answers, []
        said: dict[str, Any] = {"why": "the bridge is being stopped"}
        sd_notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            said = self._read(now)
        except Exception as error:
            self._refuse((f"it cannot be taken over: {redact(str(error)) or type(error).__name__}",), now)
            said = self._no()
            raise
        finally:
            sd_notify("READY=1", f"STATUS={REFUSED if self._mistakes else 'the config is in force'}")
            for answer in answers:
                answer(**said)

    def shown(self) -> dict[str, Any]:
        """For `status`; nothing when all is as the file says."""
        if not self._mistakes and not self._restart:
            return {}
        mistakes = [*self._mistakes[:MOST_SHOWN]]
        if len(self._mistakes) > MOST_SHOWN:
            mistakes.append(f"and {len(self._mistakes) - MOST_SHOWN} more, in the bridge's log")
        at = self._read_at.isoformat() if self._read_at else None
        return {"file": str(self._config.path), "read_at": at, "mistakes": mistakes, "restart": list(self._restart)}

    def _read(self, now: datetime) -> dict[str, Any]:
        try:
            new = load_config(self._config.path, secrets=True)
        except ConfigError as error:
            self._refuse(tuple(redact(str(one)) for one in error.problems), now)
            return self._no()
        found = changes(self._config, new)
        self._take_over(in_force(self._config, new), now)
        self._mistakes, self._restart, self._read_at = (), found.restart, now
        self._boards.trouble = ""
        self._say(found)
        for warning in new.warnings:
            log.warning("config: %s", warning)
        return {"taken": found.taken, "restart": found.restart, "warnings": [str(one) for one in new.warnings]}

    def _refuse(self, mistakes: tuple[str, ...], now: datetime) -> None:
        """What an earlier file asked for that needs a restart is in no file now."""
        self._mistakes, self._restart, self._read_at = mistakes, (), now
        self._boards.trouble = REFUSED
        for one in mistakes:
            log.error("config: %s", one)
        log.error("config: %s; mistakes: %d", REFUSED, len(mistakes))

    def _no(self) -> dict[str, Any]:
        return {"why": "\n".join([*self._mistakes, REFUSED])}

    def _say(self, found: Changes) -> None:
        log.info("config: taken over: %s", ", ".join(found.taken) or "nothing, for nothing else has changed")
        if found.restart:
            log.warning("config: needs a restart: %s", ", ".join(found.restart))

    def _take_over(self, new: Config, now: datetime) -> None:
        old, patiently = self._config, self._writer.patiently
        made = {name: one.make() for name, one in new.receivers.items() if one != old.receivers.get(name)}
        if new.correlation.core() != old.correlation.core():
            self._writer.understand_all(now)
        line = patiently(partial(renewed, self._writer.line, new, self._writer.ledger, now, self._hold), now)
        patiently(partial(self._boards.take_over, new.receivers, made, line, now), now)
        patiently(partial(self._digests.take_over, new.receivers, line.router, now), now)
        removed = old.receivers.keys() - new.receivers.keys()
        patiently(partial(self._bells.take_over, new.receivers, made, removed, now, new.page.links_to), now)
        self._writer.line = line
        self._writer.lay_out(now)
        self._edges.silent_after = new.correlation.edge_silent_after
        self._watch.take_over(new.receivers)
        if (new.bridge.log_level, new.bridge.log_format) != (old.bridge.log_level, old.bridge.log_format):
            set_up_logs(new.bridge.log_level, new.bridge.log_format)
        self._config = new

    def _hold(self) -> None:
        """Reading the ledger may take some seconds: relays are answered, and hold."""
        self._beat()
        self._writer.hold()
