"""The mailbox of the examples and the demo takes what the mail receiver sends."""

import smtplib
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from bridge.core.telling.notice import Delivered, Telling
from bridge.receivers.mail import Mail, Settings
from examples.mail_sink import MailSink


def bell(port: int) -> Mail:
    return Mail(
        "night", Settings(host="127.0.0.1", port=port, security="none", sender="bell@example.com", to=("ops@example.com",))
    )


def test_it_keeps_what_comes(tmp_path, told):
    heard = []
    with MailSink(heard.append, keep=tmp_path / "mails") as sink:
        for telling in (Telling.OPENED, Telling.CLOSED):
            assert isinstance(bell(sink.port).deliver(told(telling), {}), Delivered)
    first, last = heard
    assert sink.mails == heard
    assert first["X-Envelope-To"] == "ops@example.com"
    assert last["In-Reply-To"] == first["Message-ID"]
    assert [path.name for path in sorted((tmp_path / "mails").iterdir())] == ["0001.eml", "0002.eml"]


def test_dots_at_the_start_of_lines_survive():
    mail = EmailMessage()
    mail.set_content("one\n.\n..two\nthree\n")
    with MailSink(lambda _: None) as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.send_message(mail, "a@b.c", ["d@e.f"])
    assert sink.mails[0].get_content().splitlines() == ["one", ".", "..two", "three"]


def test_a_client_that_leaves_in_the_middle_leaves_no_mail():
    with MailSink(lambda _: None) as sink:
        client = smtplib.SMTP("127.0.0.1", sink.port)
        client.ehlo()
        client.mail("a@b.c")
        client.rcpt("d@e.f")
        client.putcmd("data")
        client.getreply()
        client.send(b"Subject: half\r\n\r\nof it")
        client.close()
        with smtplib.SMTP("127.0.0.1", sink.port) as another, pytest.raises(smtplib.SMTPResponseException):
            another.data(b"nothing before")
    assert sink.mails == []


def test_as_a_program(told):
    program = [sys.executable, str(Path(__file__).parents[2] / "examples" / "mail_sink.py"), "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = int(sink.stdout.readline().partition("127.0.0.1:")[2].partition(";")[0])
        assert isinstance(bell(port).deliver(told(), {}), Delivered)
        lines = [sink.stdout.readline() for _ in range(3)]
        sink.terminate()
    assert "Subject: [mill] Node n3 failed (#17)\n" in lines
