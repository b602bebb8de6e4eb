"""A program that is asked something: its answer is taken as it comes, and its end is never waited for.

Whatever it does (hang, drip, print without end, leave children of its own behind, get stuck in the kernel), the loop goes on: so
much time, so many bytes, and it is killed with all that it started. One that does not die of it is asked nothing more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

PATIENCE: Final = 10.0
"""Seconds for the whole answer; crm_mon takes 40 ms."""
MOST_BYTES: Final = 8 << 20
CHUNK: Final = 1 << 16
FOLDERS: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
"""A service's PATH may lack the first."""
LATE: Final = f"it did not answer within {PATIENCE:.0f} s"


def installed(name: str) -> str | None:
    """Where the program is."""
    return shutil.which(name) or shutil.which(name, path=FOLDERS)


class Child:
    """`take` is given what it prints. Raises OSError when it cannot be started."""

    def __init__(self, command: Sequence[str], take: Callable[[bytes], None], now: float) -> None:
        self._take = take
        self._bytes = 0
        self._late_at = now + PATIENCE
        self.fault = ""
        """Why it was killed."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        self._pipe: int = self._process.stdout.fileno() if self._process.stdout is not None else -1
        os.set_blocking(self._pipe, False)

    def fileno(self) -> int:
        """-1 when it has nothing more to say."""
        return self._pipe

    def on_readable(self) -> None:
        if self._pipe < 0:
            return
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return
        self._bytes += len(data)
        if not data:
            self._shut()
        elif self._bytes > MOST_BYTES:
            self.kill(f"it printed more than {MOST_BYTES >> 20} MiB")
        else:
            self._take(data)

    def ended(self, now: float) -> int | None:
        """Its exit code (as of a shell: 128 and the signal) once it has said all and is gone; None as long as it is not."""
        if self._pipe < 0 and (code := self._process.poll()) is not None:
            return code if code >= 0 else 128 - code
        if now >= self._late_at and not self.fault:
            self.kill(LATE)
        return None

    def close(self) -> None:
        """It is wanted no more, and gets a moment to be gone."""
        self.kill("not wanted any more")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)

    def kill(self, why: str) -> None:
        """And all that it started."""
        self.fault = self.fault or why
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._shut()

    def _shut(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._pipe = -1
