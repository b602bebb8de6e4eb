"""E-mail, a bell: one thread per incident, text and HTML, over verified TLS.

Every message has an id that follows from its notice. A retry is therefore the same mail again, which mail programs show once,
and answers refer to the id of the first mail, so that the thread holds even if that one never arrived.
"""

import hashlib
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from bridge.core.telling.notice import Delivered, GiveUp, Notice, Telling, TryLater, Verdict
from bridge.core.world.event import Severity
from bridge.receivers.settings import check_timeout, check_zone, loopback
from bridge.secret import Secret, redact
from bridge.texts import render
from bridge.texts.facts import clean
from bridge.texts.own import kind_of

log = logging.getLogger(__name__)

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
ABOUT_THE_ACCOUNT: Final = frozenset({530, 534, 535, 538})
"""Reply codes that complain of the login, not of this mail (RFC 4954): a person will correct that, and then it must go out."""
MOST_UNFINISHED: Final = 1000

Refused = dict[str, tuple[int, bytes]]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One `[receivers.NAME]` table of kind mail. Port 0 means the usual one: 587, 465 with tls, 25 with none."""

    host: str
    sender: str = msgspec.field(name="from")
    to: tuple[str, ...]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    timeout: timedelta = timedelta(seconds=30)
    ca_file: Path | None = None
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise ValueError('host is no name of a mail server; write host = "mail.example.com"')
        if not self.to:
            raise ValueError('to is empty; write to = ["name@example.com"]')
        for address in (self.sender, *self.to):
            _check_address(address)
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password go together; give both or neither")
        if self.user and self.security == "none" and not loopback(self.host):
            raise ValueError('security = "none" would send the password in plain text; use "starttls" or "tls"')
        check_timeout(self.timeout)
        check_zone(self.time_zone)


def _check_address(written: str) -> None:
    local, at, domain = parseaddr(written)[1].rpartition("@")
    if not (local and at and domain) or not written.isascii() or not written.isprintable() or " " in local + domain:
        raise ValueError(f'{written!r} is no e-mail address; write "name@example.com" or "Name <name@example.com>", in ASCII')


class Mail:
    """Sends each notice as one mail to all recipients; those who were reached are not mailed again at a retry."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)
        self._reached: dict[str, set[str]] = {}
        if settings.security == "none" and not loopback(settings.host):
            log.warning(
                'receiver %s: mails to %s travel UNENCRYPTED and to whoever answers there; set security = "starttls"',
                name,
                settings.host,
            )

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        message = compose(notice, self._settings, self._name, self._zone, memory)
        message_id = str(message["Message-ID"])
        reached = self._reached.setdefault(message_id, set())
        wanted = [address for address in map(_bare, self._settings.to) if address not in reached]
        verdict = self._send(message, wanted, reached)
        if not isinstance(verdict, TryLater) or not reached:
            del self._reached[message_id]
        while len(self._reached) > MOST_UNFINISHED:
            del self._reached[next(iter(self._reached))]
        if isinstance(verdict, Delivered):
            return Delivered(verdict.why, {"subject": str(message["Subject"]).removeprefix("Re: ")})
        return verdict

    def _send(self, message: EmailMessage, wanted: list[str], reached: set[str]) -> Verdict:
        try:
            session = self._connect()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return TryLater(self._words(error))
        try:
            refused: Refused = session.send_message(message, _bare(self._settings.sender), wanted)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPResponseException as error:
            return self._judge(error)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return TryLater(self._words(error))
        finally:
            session.leave()
        reached.update(address for address in wanted if address not in refused)
        return self._sum_up(refused, reached)

    def _connect(self) -> "_Session":
        settings = self._settings
        port = settings.port or PORTS[settings.security]
        if settings.security == "tls":
            session: _Session = _TlsSession(
                settings.host, port, self._own_name, settings.timeout.total_seconds(), context=self._trust
            )
        else:
            session = _Session(settings.host, port, self._own_name, settings.timeout.total_seconds())
        try:
            if settings.security == "starttls":
                session.starttls(context=self._trust)
            if settings.password is not None:
                session.login(settings.user, settings.password.reveal())
        except BaseException:
            session.leave()
            raise
        return session

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    @cached_property
    def _own_name(self) -> str:
        # smtplib asks the resolver at every connection; where that is broken, each mail would wait for it.
        return socket.getfqdn()

    def _judge(self, error: smtplib.SMTPResponseException) -> Verdict:
        """5xx about this mail is final; about the login, or 4xx, it is not."""
        words = self._words(error)
        if 500 <= error.smtp_code < 600 and error.smtp_code not in ABOUT_THE_ACCOUNT:
            return GiveUp(words)
        return TryLater(words)

    def _sum_up(self, refused: Refused, reached: set[str]) -> Verdict:
        told = "; ".join(f"{address}: {_reply(code, text)}" for address, (code, text) in sorted(refused.items()))
        if refused:
            log.warning("receiver %s: %s refused for %s", self._name, self._settings.host, redact(told))
        if any(code < 500 for code, _ in refused.values()):
            return TryLater(f"{_count(reached)} accepted, waiting for {told}")
        if refused and not reached:
            return GiveUp(f"every recipient refused: {told}")
        return Delivered(f"{_count(reached)} accepted; refused for good: {told}" if refused else f"{_count(reached)} accepted")

    def _words(self, error: Exception) -> str:
        """What went wrong, with the place and, where it is known, the cure."""
        where = f"{self._settings.host}:{self._settings.port or PORTS[self._settings.security]}"
        if isinstance(error, ssl.SSLCertVerificationError):
            cure = "if this is its own CA, name it in ca_file"
            return f"{where}: the certificate is not trusted ({error.verify_message}); {cure}"
        if isinstance(error, smtplib.SMTPResponseException):
            return redact(f"{where}: {_reply(error.smtp_code, error.smtp_error)}")
        if isinstance(error, smtplib.SMTPNotSupportedError) and self._settings.security == "starttls":
            return f'{where} offers no STARTTLS; nothing was sent ({error}); is security = "tls" meant?'
        return redact(clean(f"{where}: {error or type(error).__name__}"))

    def close(self) -> None:
        """Nothing is kept open between mails."""


class _Session(smtplib.SMTP):
    """An SMTP connection that is cut when it takes longer than `within` in all: smtplib's own timeout is for one read only."""

    def __init__(self, host: str, port: int, own_name: str, within: float, **tls: Any) -> None:
        self._alarm = threading.Timer(within, self._cut)
        self._alarm.daemon = True
        self._alarm.start()
        try:
            super().__init__(host, port, local_hostname=own_name, timeout=within, **tls)
        except BaseException:
            self._alarm.cancel()
            raise

    def _cut(self) -> None:
        sock = getattr(self, "sock", None)
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                log.debug("the connection to cut was gone already")

    def leave(self) -> None:
        """QUIT; by now the mail is accepted or not, whatever the answer."""
        try:
            self.quit()
        except (OSError, smtplib.SMTPException, ValueError):
            self.close()
        finally:
            self._alarm.cancel()


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """TLS from the first byte."""


def compose(notice: Notice, settings: Settings, name: str, zone: ZoneInfo, memory: Mapping[str, str]) -> EmailMessage:
    """The mail of a notice; the same notice gives the same mail, to the byte but for the boundary."""
    incident = notice.incident
    text = render(notice, zone=zone)
    first = notice.kind is Telling.OPENED or notice.kind.bundles
    thread = _thread(notice, name)
    domain = _bare(settings.sender).rpartition("@")[2]
    root = f"<{thread}.{notice.kind if notice.kind.bundles else Telling.OPENED}@{domain}>"
    subject = memory.get("subject") or text.subject
    headers: dict[str, Any] = {
        "From": settings.sender,
        "To": ", ".join(settings.to),
        "Subject": clean(subject if first else f"Re: {subject}"),
        "Date": format_datetime(notice.at),
        "Message-ID": root if first else f"<{thread}.{notice.kind}-{notice.id}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": notice.language,
        "X-Quorumbell-Cluster": ", ".join(sorted({clean(one.cluster) for one in notice.items or (incident,)})),
        "X-Quorumbell-Incident": ", ".join(map(str, notice.numbers or (notice.incident_id,))),
        "X-Quorumbell-Kind": ", ".join(sorted({kind_of(one) for one in notice.items or (incident,)})),
        "X-Quorumbell-Notice": f"{notice.kind} {notice.id}",
        "X-Quorumbell-Severity": str(incident.severity),
        "X-Quorumbell-Reason": clean(notice.reason),
        "X-Quorumbell-Drill": clean(notice.drill),
    }
    if not first:
        headers |= {"In-Reply-To": root, "References": root}
    if notice.kind.rings and incident.severity is Severity.CRITICAL:
        headers |= {"Importance": "high", "X-Priority": "1"}
    message = EmailMessage(policy=SMTP)
    message.set_content(text.body, cte="quoted-printable")
    if text.html:
        message.add_alternative(text.html, subtype="html", cte="quoted-printable")
    for header, value in headers.items():  # after the content, which takes Content-… headers to its first part
        if value:
            message[header] = value
    return message


def _thread(notice: Notice, name: str) -> str:
    """Unique beyond this installation, and kept when the story goes on under another number: it follows from its thread."""
    birth = repr((notice.incident.cluster, notice.thread or notice.incident.key, name))
    digest = hashlib.sha256(birth.encode(errors="replace")).hexdigest()[:20]
    return f"{'several' if notice.kind.bundles else 'incident'}.{digest}"


def _bare(written: str) -> str:
    return parseaddr(written)[1]


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {clean(words)}"


def _count(reached: set[str]) -> str:
    return f"{len(reached)} recipient{'' if len(reached) == 1 else 's'}"
