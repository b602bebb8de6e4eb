"""The same mails through a real Postfix, read with a real Dovecot: what a mailbox makes of them."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.receivers.mail import Mail, Settings
from tests.missing import missing
from tests.servers import mailsystem
from tests.servers.mailsystem import MailSystem


@pytest.fixture(scope="session")
def system(signed) -> Iterator[MailSystem]:
    if reason := mailsystem.why_not():
        missing(reason)
    with mailsystem.running(signed) as made:
        yield made


@pytest.fixture
def mail(system, authority):
    def make(*to: str) -> Mail:
        settings = Settings(
            host="localhost",
            port=system.smtp_port,
            sender="bell@example.com",
            to=to,
            ca_file=authority,
            timeout=timedelta(seconds=20),
        )
        return Mail("night", settings)

    return make


def threads(system: MailSystem, address: str) -> list[list[str]]:
    """The subjects of each thread. REFS goes by References alone; REFERENCES would also join what has the same subject."""
    with system.mailbox(address) as imap:
        answer = imap.thread("REFS", "UTF-8", "ALL")[1][0].decode()
        found = [[int(number) for number in group.replace("(", " ").replace(")", " ").split()] for group in _groups(answer)]
        return [[subject(imap, number) for number in group] for group in found]


def _groups(answer: str) -> list[str]:
    """`((1)(2))(3 4)` is one thread without its first mail, and one of two."""
    groups, depth, start = [], 0, 0
    for place, char in enumerate(answer):
        depth += (char == "(") - (char == ")")
        if char == "(" and depth == 1:
            start = place
        if char == ")" and depth == 0:
            groups.append(answer[start : place + 1])
    return groups


def subject(imap, number: int) -> str:
    data = imap.fetch(str(number), "(BODY.PEEK[HEADER])")[1]
    return str(message_from_bytes(data[0][1], policy=policy.default)["Subject"])


def test_a_thread_holds_in_a_real_mailbox_though_its_first_mail_was_lost(system, mail, told):
    bell = mail("ops@example.com")
    for notice in (told(Telling.ESCALATED), told(Telling.CLOSED), told(Telling.OPENED, thread="another", incident_id=18)):
        verdict = bell.deliver(notice, {})
        assert isinstance(verdict, Delivered), verdict
    system.wait_for("ops@example.com", 3)
    found = sorted(threads(system, "ops@example.com"), key=len)
    assert found == [["[mill] Node n3 failed (#18)"], ["Re: [mill] Node n3 failed (#17)"] * 2]


def test_refusals_of_a_real_server(mail, told):
    later = mail("later@example.com").deliver(told(), {})
    assert isinstance(later, TryLater)
    assert "450 4.2.1 <later@example.com>: Recipient address rejected: come back later" in later.why
    never = mail("never@example.com").deliver(told(), {})
    assert isinstance(never, GiveUp)
    assert "550 5.1.1" in never.why


def test_partly_refused_by_a_real_server(system, mail, told):
    verdict = mail("day@example.com", "never@example.com").deliver(told(language="de"), {})
    assert isinstance(verdict, Delivered)
    assert "never@example.com: 550" in verdict.why
    system.wait_for("day@example.com", 1)
    with system.mailbox("day@example.com") as imap:
        data = imap.fetch("1", "(BODY.PEEK[])")[1]
    received = message_from_bytes(data[0][1], policy=policy.default)
    assert "Knoten n3 ist ausgefallen" in received.get_body(("plain",)).get_content()
    assert "Knoten n3 ist ausgefallen" in received.get_body(("html",)).get_content()
    lines = received.get_body(("plain",)).get_content().splitlines()
    assert "Vorfall 17 auf der Seite: https://bell.example.org/incidents/17" in lines
    assert '<a href="https://bell.example.org/incidents/17"' in received.get_body(("html",)).get_content()
