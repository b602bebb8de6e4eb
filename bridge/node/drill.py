"""A drill on its node: the hooks are called as in earnest, only marked; at the end the relay itself tells how that went."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from typing import Final

from bridge.node import hooks
from bridge.node.feed import Body
from bridge.node.settings import Settings
from bridge.node.stories import Call, story
from bridge.wire import codec
from bridge.wire.body import Moment, make_body
from bridge.wire.drill import ALERT, HANDLER, OWN, SOURCE, Mark
from bridge.wire.keys import NAME

PAUSE: Final = 0.3
"""Seconds between two calls: so the story is understood in its order, and step by step."""
PATIENCE: Final = 10.0
"""Seconds for a hook; it never takes longer than 3."""
MOST_WORDS: Final = 300


class Player:
    """A feed. `play` may be called at any moment: a bridge has one drill at a time, so it knows no more of an earlier one."""

    def __init__(self) -> None:
        self._play: _Play | None = None
        self._refused: list[tuple[codec.Drill, str]] = []

    def play(self, asked: codec.Drill, conf: Settings) -> None:
        try:
            calls = story(asked)
        except KeyError:
            self._refused.append((asked, f"this relay knows no story {asked.story!r}: upgrade it"))
            return
        if not all(NAME.fullmatch(name) for name in (asked.drill, asked.here, asked.node, asked.resource)):
            self._refused.append((asked, "a name in it is none: letters, digits, . _ - are"))
        else:
            self.close()
            self._play = _Play(asked, calls, conf)

    def fileno(self) -> int:
        return -1 if self._play is None else self._play.pipe

    def on_readable(self, now: float, moment: Moment) -> list[Body]:
        return self.on_tick(now, moment)

    def on_tick(self, now: float, moment: Moment) -> list[Body]:
        bodies = [_told(asked, 0, [], why, moment) for asked, why in self._refused]
        self._refused = []
        if self._play is not None and self._play.step(now):
            bodies.append(self._play.told(moment))
            self._play = None
        return bodies

    def close(self) -> None:
        """Of a drill that is played, nothing more comes."""
        if self._play is not None:
            self._play.close()
            self._play = None


class _Play:
    """`pipe` is what a hook that runs complains into: its end is the hook's end."""

    def __init__(self, asked: codec.Drill, calls: list[Call], conf: Settings) -> None:
        self.pipe = -1
        self._asked = asked
        self._calls = calls
        self._conf = conf
        self._next_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._path = ""
        self._said = b""
        self._began = 0.0
        self._took_ms: list[int] = []
        self._why = ""

    def step(self, now: float) -> bool:
        """Calls the next hook when it is time, and looks whether the last has ended; whether all of it is over."""
        if self._process is not None:
            self._look(self._process, now)
        elif now >= self._next_at and len(self._took_ms) < len(self._calls):
            self._begin(self._calls[len(self._took_ms)])
        return bool(self._why) or len(self._took_ms) == len(self._calls)

    def told(self, moment: Moment) -> Body:
        return _told(self._asked, len(self._calls), self._took_ms, self._why, moment)

    def close(self) -> None:
        """The hook ends, if it has not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._process, self.pipe = None, -1

    def _begin(self, call: Call) -> None:
        self._path, self._began = f"{self._conf.hooks}/{call.hook}", time.monotonic()
        try:
            self._process = subprocess.Popen(
                [self._path, *call.arguments],
                env=hooks.environ(self._conf, self._variables(call)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                **(hooks.caller() if call.hook == hooks.ALERT else {}),
            )
        except OSError as wrong:
            cure = "install the hooks there, mode 755, or name their folder with `hooks` in relay.conf"
            self._why = f"{self._path}: {wrong.strerror}: {cure}"
            return
        if self._process.stderr is not None:
            self.pipe = self._process.stderr.fileno()
            os.set_blocking(self.pipe, False)

    def _variables(self, call: Call) -> dict[str, str]:
        mark = str(Mark(self._asked.drill, self._asked.story, len(self._took_ms) + 1, len(self._calls)))
        if call.hook == hooks.HANDLER:
            return {**call.variables, HANDLER: mark}
        seconds, rest = divmod(time.time_ns() // 1000, 10**6)
        times = {"CRM_alert_timestamp_epoch": str(seconds), "CRM_alert_timestamp_usec": str(rest)}
        return {**call.variables, **times, "CRM_alert_version": "2.1.5", ALERT: mark}

    def _look(self, process: subprocess.Popen[bytes], now: float) -> None:
        self._listen(process)
        code = process.poll()
        if code is None and time.monotonic() - self._began <= PATIENCE:
            return
        self.close()
        if code is None:
            self._why = f"{self._path} has not ended within {PATIENCE:.0f} s"
        elif code:
            words = self._said.decode("utf-8", "replace").strip() or "it said nothing; syslog may know more"
            self._why = f"{self._path} ended with {code}: {words}"[:MOST_WORDS]
        else:
            self._took_ms.append(int((time.monotonic() - self._began) * 1000))
            self._next_at = now + PAUSE

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """After its last word it is gone at once."""
        if self.pipe < 0:
            return
        try:
            more = os.read(self.pipe, 4096)
        except BlockingIOError:
            return
        self._said = (self._said + more)[:MOST_WORDS]
        if not more:
            self.pipe = -1
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)


def _told(asked: codec.Drill, of: int, took_ms: list[int], why: str, moment: Moment) -> Body:
    """What the relay itself has to say: how long each call took until its report was durable, and why the story stopped."""
    mark = str(Mark(asked.drill, asked.story, 0, of))
    return make_body(SOURCE, {OWN: mark, "took_ms": json.dumps(took_ms), "why": why}, moment)
