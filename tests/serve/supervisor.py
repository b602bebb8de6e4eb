"""What systemd does for a unit with Type=notify, Restart=always and WatchdogSec=, by its protocol (sd_notify(3), systemd.service(5))."""

import os
import signal
import socket
import subprocess
import threading
import time

RESTART_AFTER = 0.2
ABORT_WITHIN = 5.0


class Supervisor:
    """`said` is what the service told, with the time and its process; `fates` is how each of its processes ended."""

    def __init__(self, command, log, *, watchdog=None, start_within=90.0, **how):
        self._command = command
        self._how = how
        self._log = log
        self._watchdog = watchdog
        self._start_within = start_within
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")
        self._socket.settimeout(0.05)
        self._env = {**os.environ, "NOTIFY_SOCKET": "@" + self._socket.getsockname()[1:].decode()}
        if watchdog is not None:
            self._env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self._wanted = True
        self.said = []
        self.fates = []
        self.process = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ready(self, nth=1):
        """Whether the service was ready so many times."""
        return sum("READY=1" in words for _, _, words in self.said) >= nth

    def send_signal(self, number):
        """As `systemctl stop`, when it is SIGTERM: then the service is not wanted any more."""
        self._wanted = self._wanted and number != signal.SIGTERM
        self.process.send_signal(number)

    def wait(self, seconds):
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        self._socket.close()
        return self.fates[-1]

    def poll(self):
        return None if self._thread.is_alive() else self.fates[-1]

    def _run(self):
        while self._wanted:
            self._serve_once()
            time.sleep(RESTART_AFTER)

    def _serve_once(self):
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._env, **self._how)
        deadline, ready = time.monotonic() + self._start_within, False
        while self.process.poll() is None:
            for words in self._heard():
                self.said.append((time.monotonic(), self.process.pid, words))
                ready = ready or "READY=1" in words
                deadline = self._until(words, deadline, ready)
            if time.monotonic() > deadline and self._wanted:
                self._abort()
        self.fates.append(self.process.returncode)

    def _until(self, words, deadline, ready):
        """Until when the next word must come."""
        now = time.monotonic()
        if ready and self._watchdog is None:
            return float("inf")
        if "READY=1" in words or "WATCHDOG=1" in words:
            return now + self._watchdog
        name, _, value = words[0].partition("=")
        return max(deadline, now + int(value) / 1e6) if name == "EXTEND_TIMEOUT_USEC" else deadline

    def _heard(self):
        try:
            return [self._socket.recv(4096).decode().split("\n")]
        except TimeoutError:
            return []

    def _abort(self):
        """WatchdogSignal=SIGABRT, and SIGCONT so that it is heard; what does not end by it is killed."""
        self.process.send_signal(signal.SIGABRT)
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(ABORT_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
