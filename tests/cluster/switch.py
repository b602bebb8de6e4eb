"""What cuts the power of machines: outside of them, as a power distribution unit or a management board is."""

import contextlib
import socket
import threading

BOOT_TAKES = 6.0
"""Seconds from a reboot to the start of services: long enough for the others to notice, as with real hardware."""


class Switch:
    """The power switch of all machines, on a socket that they see: a line `on|off|reboot|status NAME`, or `list all`.

    While `refuses` is set it does nothing that changes anything.
    """

    def __init__(self, path, machines):
        self.refuses = False
        self.done = []
        """(verb, machine) of what was asked and done."""
        self._machines = machines
        self._timers = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._socket.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError):
            verb, name = connection.makefile().readline().split()
            connection.sendall(f"{self._do(verb, name)}\n".encode())

    def _do(self, verb, name):
        if verb == "list":
            return "\n".join(self._machines)
        if name not in self._machines:
            return f"error: no machine {name}"
        machine = self._machines[name]
        if verb == "status":
            return "ok on" if machine.powered else "ok off"
        if self.refuses:
            return "error: the switch does not answer"
        self.done.append((verb, name))
        if verb in {"off", "reboot"}:
            machine.off()
        if verb == "on":
            machine.on()
        if verb == "reboot":
            self._later(machine)
        return "ok done"

    def _later(self, machine):
        timer = threading.Timer(BOOT_TAKES, machine.on)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def close(self):
        for timer in self._timers:
            timer.cancel()
            timer.join(30)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
