"""A mail server that keeps what it is given: for the demo. It offers no encryption and believes everybody."""

import socketserver
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

OnMail = Callable[[EmailMessage], None]


class _Session(socketserver.StreamRequestHandler):
    """The commands of RFC 5321 that a sender of mail uses."""

    def handle(self) -> None:
        self._say("220 mail sink")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"QUIT":
                self._say("221 bye")
                return
            if word == b"DATA":
                self._say("354 end with a dot")
                self._data()
            else:
                self._say("250 fine")

    def _data(self) -> None:
        lines = []
        for line in self.rfile:
            if line in {b".\r\n", b".\n"}:
                break
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self._say("250 kept")
        mail = cast("EmailMessage", message_from_bytes(b"".join(lines), policy=default))
        cast("MailSink", self.server).on_mail(mail)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailSink(socketserver.ThreadingTCPServer):
    """Listens on loopback, on a port of the system's choice, in a thread of its own."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, on_mail: OnMail) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.on_mail = on_mail
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])
