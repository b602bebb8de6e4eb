"""How soon the first byte of a message reaches a receiver, beside how soon the report behind it is committed: one run, one table."""

import queue
import socket
import statistics
import threading
import time
from pathlib import Path

from benchmarks.site import Site

MATTERMOST = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"id":"p1"}'
CONFIG = """
[receivers.{name}]
kind = "{kind}"
brake = false
{settings}

[[routes]]
receivers = ["{name}"]
hold = "0s"
"""
PAUSE = 0.15
"""Seconds of rest between two reports, so that each meets an idle bridge."""


class FirstByte:
    """Answers like the receiver, and puts down when the first byte of each message came."""

    def __init__(self) -> None:
        self.came: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.listener.close()


class Chat(FirstByte):
    def _talk(self, line: socket.socket) -> None:
        with line:
            while first := line.recv(1):
                self.came.put(time.monotonic())
                got = first
                while b"\r\n\r\n" not in got:
                    got += line.recv(65536)
                head, _, body = got.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                while len(body) < length:
                    body += line.recv(65536)
                line.sendall(MATTERMOST)


class Mail(FirstByte):
    def _talk(self, line: socket.socket) -> None:
        with line, line.makefile("rb") as said:
            line.sendall(b"220 mx ESMTP\r\n")
            if not line.recv(1, socket.MSG_PEEK):
                return
            self.came.put(time.monotonic())
            for heard in said:
                verb = heard[:4].upper()
                if verb == b"DATA":
                    line.sendall(b"354 go on\r\n")
                    while said.readline() != b".\r\n":
                        pass
                line.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return


KINDS = {
    "a chat (Mattermost), line kept": (
        Chat,
        "mattermost",
        'url = "http://127.0.0.1:{port}"\ntoken = "token-of-a-bot"\nchannel = "' + "y" * 26 + '"',
        2,
    ),
    "a mail server, new line": (
        Mail,
        "mail",
        'host = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "q@e.org"\nto = ["a@e.org"]',
        1,
    ),
}
"""Label -> the receiver, its kind, its settings, and how many messages a new incident makes there."""


def telling(home: Path, runs: int) -> None:
    home.mkdir()
    print("\n## report → first byte at a receiver, idle, no hold time, over CURVE, SQLite FULL\n")
    print("| to | committed, p50 ms | first byte, p50 ms | first byte, p95 ms | ratio |\n|---|---|---|---|---|", flush=True)
    for label, (make, kind, settings, messages) in KINDS.items():
        receiver = make()
        config = CONFIG.format(name="bell", kind=kind, settings=settings.format(port=receiver.port))
        site = Site(home / kind, config)
        try:
            pairs = [one(site, receiver, number, messages) for number in range(runs + 3)][3:]  # the first few open the line
        finally:
            site.stop()
            receiver.close()
        committed, told = (statistics.median(column) for column in zip(*pairs, strict=True))
        slow = sorted(first for _, first in pairs)[int(len(pairs) * 0.95)]
        print(f"| {label} | {committed * 1e3:.2f} | {told * 1e3:.2f} | {slow * 1e3:.2f} | {told / committed:.2f} |", flush=True)
    print("\nBound: at most 3 of report -> committed.")


def one(site: Site, receiver: FirstByte, number: int, messages: int) -> tuple[float, float]:
    """Seconds from a report that rings to its commit, and to the first byte of what it rings."""
    at = time.time()
    fields = {
        "CRM_alert_kind": "resource",
        "CRM_alert_version": "2.1.5",
        "CRM_alert_node": "n1",
        "CRM_alert_rsc": f"r{number}",
        "CRM_alert_task": "monitor",
        "CRM_alert_interval": "10000",
        "CRM_alert_rc": "7",
        "CRM_alert_target_rc": "0",
        "CRM_alert_status": "0",
        "CRM_alert_desc": "not running",
        "CRM_alert_node_sequence": str(number + 1),
        "CRM_alert_timestamp_epoch": str(int(at)),
        "CRM_alert_timestamp_usec": f"{int(at % 1 * 1e6):06d}",
    }
    began = time.monotonic()
    committed = site.send(fields)
    first = receiver.came.get(timeout=10)
    for _ in range(messages - 1):
        receiver.came.get(timeout=10)
    time.sleep(PAUSE)
    return committed, first - began
