"""E-mail against a real SMTP server: threads, retries, refusals, and nothing in plain text."""

import logging
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.receivers.mail import Mail, Settings, compose
from bridge.secret import Secret
from tests.receivers.kit import SECRET, TIMEOUT, Kit
from tests.servers import faults
from tests.servers.faults import FaultServer, LossyLine
from tests.servers.smtp import Rules, Server, context
from tools.notices import bundle

PASSWORD = "correct horse: battery/staple"


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def server(rules, signed) -> Iterator[Server]:
    with Server(rules, starttls=context(*signed)) as made:
        yield made


@pytest.fixture
def mail(server, authority):
    def make(name: str = "night", **changes) -> Mail:
        return Mail(name, make_settings(server, authority, changes))

    return make


def make_settings(server, authority, changes) -> Settings:
    fields = {
        "host": "127.0.0.1",
        "port": server.port,
        "sender": "Quorumbell <bell@example.com>",
        "to": ("ops@example.com",),
        "ca_file": authority,
        "timeout": timedelta(seconds=5),
    }
    return Settings(**(fields | changes))


class Place(Rules):
    """A mailbox in which, as in every mail program, two mails of one id are one mail."""

    def __init__(self) -> None:
        super().__init__()
        self.logins = {"bell": SECRET}
        self.port = 0

    def said(self) -> list[str]:
        ids = {str(mail.message["Message-ID"]): mail for mail in self.mails}
        return [f"{mail.message['Subject']}\n\n{mail.part('plain')}" for mail in ids.values()]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
class TestTheKit(Kit):
    kind = "mail"

    @pytest.fixture
    def bell(self, authority):
        def bell(port: int, *, tls: bool = False, **changes) -> Mail:
            fields = {
                "host": "127.0.0.1",
                "port": port,
                "sender": "bell@example.com",
                "to": ("ops@example.com",),
                "ca_file": authority,
                "timeout": TIMEOUT,
                "security": "tls" if tls else "none",
                "user": "bell",
                "password": Secret.literal(SECRET),
            }
            return Mail("night", Settings(**(fields | changes)))

        return bell

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        place = Place()
        with Server(place) as server:
            place.port = server.port
            yield place

    def lossy(self, port: int) -> LossyLine:
        return LossyLine(port, b"\r\n.\r\n")


def test_text_and_html_over_verified_starttls(mail, rules, told):
    verdict = mail().deliver(told(), {})
    assert isinstance(verdict, Delivered), verdict
    (received,) = rules.mails
    assert received.tls
    assert received.sender == "bell@example.com"
    assert received.recipients == ["ops@example.com"]
    assert received.message["From"] == "Quorumbell <bell@example.com>"
    assert received.message["Auto-Submitted"] == "auto-generated"
    assert received.message["Importance"] == "high"
    assert "Node n3 failed and was fenced (reboot by n1)." in received.part("plain")
    assert "→" in received.part("plain")
    assert "<pre" in received.part("html")
    assert all(len(line) <= 998 for line in received.content.split(b"\r\n"))
    assert received.content.isascii()


def test_the_readers_language_and_time_zone(mail, rules, told):
    mail(time_zone="Europe/Berlin").deliver(told(language="de"), {})
    (received,) = rules.mails
    assert "03:12:05 (UTC+01:00)" in received.part("plain")
    assert received.message["Content-Language"] == "de"


def test_all_of_an_incident_is_one_thread_even_if_the_first_mail_was_lost(mail, rules, told):
    bell = mail()
    tellings = (Telling.ESCALATED, Telling.REMINDER, Telling.CLOSED)
    for telling in tellings:
        assert isinstance(bell.deliver(told(telling), {}), Delivered)
    bell.deliver(told(Telling.OPENED), {})
    *later, first = [received.message for received in rules.mails]
    assert {message["References"] for message in later} == {message["In-Reply-To"] for message in later} == {first["Message-ID"]}
    assert first["References"] is None
    assert len({message["Message-ID"] for message in (*later, first)}) == 4
    assert {message["Subject"] for message in later} == {f"Re: {first['Subject']}"}


def test_a_retry_is_the_same_mail(mail, rules, told):
    for telling in (Telling.OPENED, Telling.CLOSED):
        rules.mails.clear()
        notice = told(telling)
        mail().deliver(notice, {})
        time.sleep(1.1)
        mail().deliver(notice, {})
        one, other = (received.message for received in rules.mails)
        assert [one[name] for name in ("Message-ID", "Date", "Subject")] == [
            other[name] for name in ("Message-ID", "Date", "Subject")
        ]
        assert parsedate_to_datetime(one["Date"]) == notice.at.replace(microsecond=0)


def test_stories_clusters_and_receivers_do_not_share_a_thread(mail, rules, told):
    for bell, notice in [
        ("night", told()),
        ("day", told()),
        ("night", told(thread="another")),
        ("night", told(cluster="another")),
    ]:
        mail(bell).deliver(notice, {})
    assert len({received.message["Message-ID"] for received in rules.mails}) == 4


def test_a_story_that_goes_on_under_another_number_stays_in_its_thread(mail, rules, told):
    mail("night").deliver(told(), {})
    mail("night").deliver(told(Telling.CLOSED, key="another birth", incident_id=18), {})
    first, last = (received.message for received in rules.mails)
    assert last["In-Reply-To"] == last["References"] == first["Message-ID"]


def test_the_subject_stays_when_the_incident_is_understood_better(mail, rules, told):
    bell = mail()
    verdict = bell.deliver(told(), {})
    assert isinstance(verdict, Delivered)
    bell.deliver(told(Telling.CLOSED, root="node/n9", facts={"node": "n9"}), verdict.remember)
    first, last = (received.message["Subject"] for received in rules.mails)
    assert last == f"Re: {first}"


def test_no_header_can_be_smuggled_in(mail, rules, told):
    evil = "n3\r\nBcc: everybody@example.com\n\n<script>alert(1)</script>"
    for telling in (one for one in Telling if not one.bundles):
        verdict = mail().deliver(told(telling, facts={"node": evil}, cluster=evil, reason=evil), {"subject": evil})
        assert isinstance(verdict, Delivered), verdict
    for received in rules.mails:
        assert received.message["Bcc"] is None
        assert received.recipients == ["ops@example.com"]
        assert "<script>" not in received.part("html")


@pytest.mark.parametrize(
    "answer,kind",
    [
        (("mail", "451 4.3.0 try again"), TryLater),
        (("mail", "550 5.7.1 we do not know you"), GiveUp),
        (("mail", "530 5.7.0 Authentication required"), TryLater),
        (("data", "452 4.2.2 mailbox full"), TryLater),
        (("data", "554 5.7.1 looks like spam"), GiveUp),
        (("data", "421 4.3.2 shutting down"), TryLater),
    ],
)
def test_refusals_of_the_mail(mail, rules, told, answer, kind):
    where, reply = answer
    setattr(rules, where, reply)
    verdict = mail().deliver(told(), {})
    assert isinstance(verdict, kind), verdict
    assert reply in verdict.why
    assert "127.0.0.1" in verdict.why


@pytest.mark.parametrize("code,kind", [(450, TryLater), (451, TryLater), (550, GiveUp), (552, GiveUp), (553, GiveUp)])
def test_every_recipient_refused(mail, rules, told, code, kind):
    rules.recipients = {"ops@example.com": f"{code} not now or never"}
    verdict = mail().deliver(told(), {})
    assert isinstance(verdict, kind), verdict
    assert f"ops@example.com: {code} not now or never" in verdict.why
    assert rules.mails == []


def test_partly_refused_for_good_is_told(mail, rules, told, caplog):
    rules.recipients = {"gone@example.com": "550 5.1.1 no such user"}
    verdict = mail(to=("ops@example.com", "Gone <gone@example.com>")).deliver(told(), {})
    assert isinstance(verdict, Delivered)
    assert "1 recipient accepted" in verdict.why
    assert "gone@example.com: 550 5.1.1 no such user" in verdict.why
    assert "gone@example.com" in caplog.text
    assert [received.recipients for received in rules.mails] == [["ops@example.com"]]


def test_partly_put_off_is_tried_again_for_those_only(mail, rules, told):
    bell = mail(to=("ops@example.com", "grey@example.com", "gone@example.com"))
    rules.recipients = {"grey@example.com": "450 4.2.0 greylisted", "gone@example.com": "550 5.1.1 no such user"}
    notice = told()
    first = bell.deliver(notice, {})
    assert isinstance(first, TryLater)
    assert "grey@example.com: 450" in first.why
    del rules.recipients["grey@example.com"]
    second = bell.deliver(notice, {})
    assert isinstance(second, Delivered)
    assert "gone@example.com: 550" in second.why
    assert [received.recipients for received in rules.mails] == [["ops@example.com"], ["grey@example.com"]]
    assert len({received.message["Message-ID"] for received in rules.mails}) == 1


def test_who_was_reached_is_not_mailed_again_when_the_rest_is_hopeless(mail, rules, told):
    bell = mail(to=("ops@example.com", "grey@example.com"))
    rules.recipients = {"grey@example.com": "450 4.2.0 greylisted"}
    notice = told()
    bell.deliver(notice, {})
    rules.recipients = {"grey@example.com": "550 5.1.1 gone meanwhile"}
    verdict = bell.deliver(notice, {})
    assert isinstance(verdict, Delivered)
    assert len(rules.mails) == 1


def test_a_certificate_of_nobody_we_trust(mail, rules, told):
    verdict = mail(ca_file=None).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "the certificate is not trusted" in verdict.why
    assert "ca_file" in verdict.why
    assert rules.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_name(rules, signed_for_another, authority, told, security):
    made = context(*signed_for_another)
    with Server(rules, starttls=made if security == "starttls" else None, tls=made if security == "tls" else None) as server:
        verdict = Mail("night", make_settings(server, authority, {"security": security})).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "the certificate is not trusted" in verdict.why
    assert rules.mails == []


def test_tls_from_the_first_byte(rules, signed, authority, told):
    with Server(rules, tls=context(*signed)) as server:
        verdict = Mail("night", make_settings(server, authority, {"security": "tls"})).deliver(told(), {})
    assert isinstance(verdict, Delivered), verdict
    assert rules.mails[0].tls


def test_no_starttls_offered_means_no_mail(rules, authority, told):
    with Server(rules) as server:
        verdict = Mail("night", make_settings(server, authority, {})).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "offers no STARTTLS; nothing was sent" in verdict.why
    assert rules.mails == []


def test_plain_text_on_loopback_is_allowed_quietly(rules, authority, told, caplog):
    with Server(rules) as server:
        verdict = Mail("night", make_settings(server, authority, {"security": "none"})).deliver(told(), {})
    assert isinstance(verdict, Delivered)
    assert caplog.text == ""


def test_plain_text_elsewhere_says_so_loudly(caplog):
    Mail("night", Settings(host="mail.example.com", sender="a@b.c", to=("d@e.f",), security="none"))
    assert "UNENCRYPTED" in caplog.text
    assert "night" in caplog.text


def test_login(mail, rules, told):
    rules.logins = {"bell": PASSWORD}
    assert isinstance(mail(user="bell", password=Secret.literal(PASSWORD)).deliver(told(), {}), Delivered)


def test_a_wrong_password_keeps_the_notice_and_shows_no_password(mail, rules, told, caplog):
    """A person will correct it; then what was not told must still be told."""
    rules.logins = {"bell": PASSWORD}
    wrong = "wrong" + PASSWORD
    with caplog.at_level(logging.DEBUG):
        verdict = mail(user="bell", password=Secret.literal(wrong)).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "535" in verdict.why
    assert wrong not in verdict.why + caplog.text
    assert rules.mails == []


def test_a_secret_that_cannot_be_had_is_no_crash(mail, told, tmp_path):
    verdict = mail(user="bell", password=Secret("file", str(tmp_path / "absent"))).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "absent" in verdict.why


@pytest.mark.parametrize("behaviour", [faults.silent, faults.slam, faults.nonsense, faults.half, faults.dribble])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_misbehaves(authority, told, behaviour, security):
    began = time.monotonic()
    with FaultServer(behaviour) as server:
        changes = {"security": security, "timeout": timedelta(seconds=1)}
        verdict = Mail("night", make_settings(server, authority, changes)).deliver(told(), {})
    assert isinstance(verdict, TryLater), verdict
    assert str(server.port) in verdict.why
    assert time.monotonic() - began < 5


def test_nobody_listens(authority, told):
    with FaultServer(faults.slam) as server:
        pass
    verdict = Mail("night", make_settings(server, authority, {})).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert re.search(r"127\.0\.0\.1:\d+: .*refused", verdict.why)


def test_a_name_that_does_not_exist(authority, told, server):
    verdict = Mail("night", make_settings(server, authority, {"host": "no-such-host.invalid"})).deliver(told(), {})
    assert isinstance(verdict, TryLater)
    assert "no-such-host.invalid" in verdict.why


@pytest.mark.parametrize(
    "changes,cure",
    [
        ({"to": ()}, "to is empty"),
        ({"to": ("nobody",)}, "'nobody' is no e-mail address"),
        ({"to": ("a@b\r\nBcc: c@d",)}, "is no e-mail address"),
        ({"sender": "bell@exämple.com"}, "in ASCII"),
        ({"host": ""}, "host is no name"),
        ({"user": "bell"}, "user and password go together"),
        ({"password": Secret.literal("longer")}, "user and password go together"),
        ({"host": "mx", "security": "none", "user": "b", "password": Secret.literal("longer")}, "in plain text"),
        ({"timeout": timedelta(0)}, "between one and 100 seconds"),
        ({"timeout": timedelta(hours=1)}, "between one and 100 seconds"),
        ({"time_zone": "Europe/Bonn"}, "Europe/Berlin"),
        ({"time_zone": "../etc/passwd"}, "is not known here"),
    ],
)
def test_mistakes_in_the_settings_name_the_cure(changes, cure):
    fields = {"host": "mx.example.com", "sender": "a@b.c", "to": ("d@e.f",)}
    with pytest.raises(ValueError, match=re.escape(cure)):
        Settings(**(fields | changes))


@pytest.mark.parametrize("telling", [one for one in Telling if one.bundles])
def test_what_is_about_several_incidents_begins_a_thread_of_its_own(telling):
    settings = Settings(host="m", sender="q@example.com", to=("a@example.com",))
    told = msgspec.structs.replace(bundle(telling, "en"), id=7)
    mail, again = (compose(told, settings, "noc", ZoneInfo("UTC"), {}) for _ in range(2))
    assert mail["Message-ID"] == again["Message-ID"], "a retry is the same mail"
    assert mail["In-Reply-To"] is None
    assert not mail["Subject"].startswith("Re:")
    assert mail["X-Quorumbell-Incident"] == ", ".join(map(str, told.numbers))
