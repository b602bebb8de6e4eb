"""An SMTP server with rules: STARTTLS or TLS, login, and an answer of your choice for each command and recipient.

As a program it keeps what it gets: `python -m tests.servers.smtp PORT FOLDER [CERTIFICATE KEY]`. Replies are those of RFC 5321,
for the login those of RFC 4954.
"""

import asyncio
import ssl
import sys
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

ACCEPTED = "250 OK"


class Rules:
    """What the server answers. `recipients` by address; the rest for everybody. `mails` is what it accepted."""

    def __init__(self) -> None:
        self.mail = ACCEPTED
        self.data = ACCEPTED
        self.recipients: dict[str, str] = {}
        self.logins: dict[str, str] = {}
        self.mails: list[Received] = []
        self.tls_seen: list[bool] = []
        self.greetings = 0


class Received:
    def __init__(self, sender: str, recipients: list[str], content: bytes, *, tls: bool) -> None:
        self.sender = sender
        self.recipients = recipients
        self.content = content
        self.tls = tls
        parsed = message_from_bytes(content, policy=policy.SMTP)
        assert isinstance(parsed, EmailMessage)
        self.message = parsed

    def part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        assert body is not None
        text: str = body.get_content()
        return text


class Handler:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802 - the library calls it so
        self._rules.greetings += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - the library calls it so
        if self._rules.mail == ACCEPTED:
            envelope.mail_from = address
        return self._rules.mail

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - the library calls it so
        reply = self._rules.recipients.get(address, ACCEPTED)
        if reply == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library calls it so
        if self._rules.data == ACCEPTED:
            tls = session.ssl is not None or getattr(server, "implicit_tls", False)
            self._rules.mails.append(Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, tls=tls))
        return self._rules.data


class Server:
    """Runs in a thread of its own on a port of its own; `with Server(...) as server: server.port`."""

    def __init__(
        self,
        rules: Rules,
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.rules = rules
        self.port = port
        self._host = host
        self._starttls = starttls
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def _protocol(self) -> SMTP:
        made = SMTP(
            Handler(self.rules),
            hostname="test-server",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_required=bool(self.rules.logins),
            auth_require_tls=self._starttls is not None,
            authenticator=self._authenticate,
            loop=self._loop,
        )
        made.implicit_tls = self._tls is not None  # type: ignore[attr-defined]
        return made

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = data if isinstance(data, LoginPassword) else LoginPassword(b"", b"")
        wanted = self.rules.logins.get(given.login.decode())
        return AuthResult(success=wanted is not None and wanted.encode() == given.password, handled=False)

    async def _start(self) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, self._host, self.port, ssl=self._tls)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


class _Kept(list[Received]):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def append(self, mail: Received) -> None:
        super().append(mail)
        (self._folder / f"{len(self):04d}.eml").write_bytes(mail.content)
        print(mail.message["Subject"], flush=True)


def main(port: str, folder: str, *tls: str) -> None:
    rules = Rules()
    Path(folder).mkdir(parents=True, exist_ok=True)
    rules.mails = _Kept(Path(folder))
    with Server(rules, port=int(port), starttls=context(Path(tls[0]), Path(tls[1])) if tls else None) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
