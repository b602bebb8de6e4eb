"""A mailbox for trying things out: takes every mail on loopback, prints it, and keeps it if asked to.

    python examples/mail_sink.py --port 2525 --keep /tmp/mails

Standard library only; no TLS, no login, no relaying: it listens on 127.0.0.1 and nothing else.
"""

import argparse
import socketserver
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Self

LONGEST_LINE: Final = 65_536
LARGEST_MAIL: Final = 10 * 1024 * 1024
IDLE_FOR: Final = 60.0


class _Conversation(socketserver.StreamRequestHandler):
    """One SMTP connection (RFC 5321), no more of it than a client needs."""

    timeout = IDLE_FOR
    server: "MailSink"

    def handle(self) -> None:
        self._say("220 mail-sink ready")
        recipients: list[str] = []
        while line := self.rfile.readline(LONGEST_LINE):
            command = line.strip().decode("utf-8", "replace")
            match command[:4].upper():
                case "QUIT":
                    self._say("221 bye")
                    return
                case "DATA" if recipients:
                    self._data(recipients)
                    recipients = []
                case "DATA":
                    self._say("503 no recipients")
                case "RCPT":
                    recipients.append(command.partition(":")[2].strip(" <>"))
                    self._say("250 ok")
                case "EHLO" | "HELO" | "MAIL" | "RSET" | "NOOP":
                    recipients = []
                    self._say("250 mail-sink")
                case _:
                    self._say("502 not here")

    def _data(self, recipients: list[str]) -> None:
        self._say("354 go on, end with a dot")
        content = bytearray()
        while (line := self.rfile.readline(LONGEST_LINE)) not in {b".\r\n", b".\n", b""}:
            content += line[1:] if line.startswith(b".") else line
            if len(content) > LARGEST_MAIL:
                self._say("552 too large")
                return
        if not line:
            return  # the client went away in the middle: nothing was accepted
        self.server.take(bytes(content), recipients)
        self._say("250 kept")

    def _say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


class MailSink(socketserver.ThreadingTCPServer):
    """Listens on `port` at once, in a thread of its own, until it is closed; `mails` holds what came, in order."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tell: Callable[[EmailMessage], None], *, port: int = 0, keep: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.port: int = self.server_address[1]
        self.mails: list[EmailMessage] = []
        self._tell = tell
        self._keep = keep
        self._one_at_a_time = threading.Lock()
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def take(self, content: bytes, recipients: list[str]) -> None:
        mail = message_from_bytes(content, policy=policy.default)
        mail["X-Envelope-To"] = ", ".join(recipients)
        with self._one_at_a_time:
            self.mails.append(mail)
            if self._keep is not None:
                (self._keep / f"{len(self.mails):04d}.eml").write_bytes(content)
            self._tell(mail)


def print_mail(mail: EmailMessage) -> None:
    body = mail.get_body(("plain",))
    text = body.get_content() if body is not None else "(no text in it)"
    print(f"{'=' * 78}\nTo:      {mail['X-Envelope-To']}\nSubject: {mail['Subject']}\n{'-' * 78}\n{text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes every mail on 127.0.0.1 and prints it.")
    parser.add_argument("--port", type=int, default=2525, help="default: 2525; 0 for any free one")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep each mail there as NNNN.eml")
    chosen = parser.parse_args()
    with MailSink(print_mail, port=chosen.port, keep=chosen.keep) as sink:
        print(f"waiting for mail on 127.0.0.1:{sink.port}; end with Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(sink.mails)} mails")


if __name__ == "__main__":
    main()
