"""What every receiver must pass. A test file gives a `bell` fixture and inherits; pytest runs the rest.

    class TestNtfy(HttpKit):
        kind = "ntfy"                                   # its name in the table of kinds

        @pytest.fixture
        def bell(self, authority):                      # makes a receiver that speaks to 127.0.0.1:port
            return lambda port, tls=False, **changes: Ntfy("night", Settings(url=..., ca_file=authority, ...))

        @pytest.fixture
        def place(self): ...                            # a server with rules: `port`, and `said()`: every text that is shown there

`Kit` is for all, `HttpKit` for those that speak HTTP. `bell` must use SECRET as its password or token, and a timeout of TIMEOUT.
"""

import logging
import re
import ssl
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, Telling, TryLater
from bridge.core.world.event import Subject
from bridge.core.world.outage import Outage
from bridge.receivers import TRIED, Receiver
from bridge.receivers.registry import load
from bridge.secret import Secret, redact
from tests.servers import faults
from tests.servers.faults import Answering, FaultServer, Lossy, LossyLine

SECRET = "xoxb-hush-4711/secret+token"
TIMEOUT = timedelta(seconds=3)
HARD = "Ünïcödé-名前-🐘-שרת"
MARKUP = "<b>*vm*_a_</b> `x` [l](http://e.example) @channel :heartbeat: <!channel> @room ~~~"


def made(status: int | str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def context(certificate, key) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(certificate, key)
    return found


def maker(receiver: Callable[..., Receiver], settings: Callable[..., object], path: str = "", **own) -> Callable[..., Receiver]:
    """`make(port)`: the receiver that speaks HTTP to 127.0.0.1:port, with `own` fields beside those that all have."""

    def make(port: int, *, tls: bool = False, **changes) -> Receiver:
        url = f"http{'s' if tls else ''}://127.0.0.1:{port}{path}"
        fields = {"url": url, "token": Secret.literal(SECRET), "timeout": TIMEOUT}
        return receiver("night", settings(**(fields | own | changes)))

    return make


def refuses(settings: Callable[..., object], fields: dict[str, object], changes: dict[str, object], cure: str) -> None:
    """Settings that are good but for the changes are refused, with the cure."""
    settings(**fields)
    with pytest.raises(ValueError, match=re.escape(cure)):
        settings(**(fields | changes))


def guests_away(told, name: str, many: int) -> tuple[Outage, ...]:
    return tuple(Outage(Subject(f"guest/{name}-{number}"), told().incident.opened_at) for number in range(many))


class Kit:
    kind = ""
    knows_what_it_told = True
    """Whether a retry after a lost answer can be kept from being a second message."""

    def test_it_stands_in_the_table_with_what_it_can(self):
        found = load(self.kind)
        assert found.settings.__struct_fields__
        assert found.board in {True, False}

    def lossy(self, port: int) -> Lossy | LossyLine:
        """A line to the place on which answers can get lost."""
        return Lossy(port)

    # --- a server that misbehaves

    @pytest.mark.parametrize("behaviour", [faults.silent, faults.slam, faults.nonsense, faults.half, faults.dribble])
    def test_a_server_that_misbehaves_costs_its_time_and_no_more(self, bell, told, behaviour):
        began = time.monotonic()
        with FaultServer(behaviour) as server:
            verdict = bell(server.port, timeout=timedelta(seconds=1)).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert verdict.why
        assert time.monotonic() - began < 8

    def test_nobody_listens(self, bell, told):
        with FaultServer(faults.slam) as server:
            pass
        assert isinstance(bell(server.port).deliver(told(), {}), TryLater)

    def test_a_certificate_that_nobody_trusts(self, bell, told, signed, tls_behaviour):
        with Answering(tls_behaviour, context(*signed)) as server:
            verdict = bell(server.port, tls=True, ca_file=None).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert SECRET.encode() not in b"".join(server.asked), "the secret went to somebody whom nobody trusts"

    def test_a_certificate_for_another_name(self, bell, told, signed_for_another, tls_behaviour):
        with Answering(tls_behaviour, context(*signed_for_another)) as server:
            verdict = bell(server.port, tls=True).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert SECRET.encode() not in b"".join(server.asked)

    @pytest.fixture
    def tls_behaviour(self):
        return made(200, b"{}", "Content-Type: application/json")

    # --- secrets

    def test_no_secret_in_verdict_log_or_traceback(self, bell, told, caplog, capfd):
        with caplog.at_level(logging.DEBUG):
            for raw in self.secret_answers():
                with Answering(raw) as server:
                    one = bell(server.port)
                    try:
                        verdict = one.deliver(told(), {})
                        shown = f"{verdict!r} {one!r} {vars(one)!r}"
                    except Exception:
                        shown = redact(traceback.format_exc())
                    assert SECRET not in shown
        out = capfd.readouterr()
        # The bridge's log is redacted as a whole; what a library prints past it is not.
        ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("bridge"))
        assert SECRET not in ours + out.out + out.err

    def secret_answers(self):
        return [made(400, f"you sent {SECRET}".encode()), made(500, f'{{"error": "{SECRET}"}}'.encode()), b"garbage\r\n\r\n"]

    # --- against the place itself

    def test_every_telling_arrives(self, bell, place, told):
        one, memory = bell(place.port), {}
        for telling in Telling:
            if telling is Telling.UPDATED and not getattr(load(self.kind).make, "in_place", False):
                continue
            verdict = one.deliver(told(telling, id=100 + list(Telling).index(telling)), memory)
            assert isinstance(verdict, Delivered), (telling, verdict)
            memory |= verdict.remember
        assert any("n3" in text for text in place.said())

    @pytest.mark.parametrize("name", [HARD, MARKUP], ids=["unicode", "markup"])
    def test_a_name_stays_the_name_that_it_is(self, bell, place, told, name):
        verdict = bell(place.port).deliver(told(facts={"node": name}, root=f"node/{name}"), {})
        assert isinstance(verdict, Delivered), verdict
        first = re.sub(r"\s+", " ", place.said()[0].partition("    ")[0])  # in its sentence, not only in a command
        assert re.sub(r"\s+", " ", name) in first, place.said()

    @pytest.mark.parametrize("language,word", [("en", "Node"), ("de", "Knoten")])
    def test_the_readers_language(self, bell, place, told, language, word):
        assert isinstance(bell(place.port).deliver(told(language=language), {}), Delivered)
        assert any(f"{word} n3" in text for text in place.said())

    def test_a_long_text_arrives_cut_or_whole(self, bell, place, told):
        moved = ", ".join(f"vm-{number} → n{number % 3}" for number in range(40))
        verdict = bell(place.port).deliver(
            told(facts={"node": "n3", "moved": moved}, outages=guests_away(told, "vm" * 60, 60)), {}
        )
        assert isinstance(verdict, Delivered), verdict
        shown = "\n".join(place.said())
        assert "n3" in shown
        assert "guest " + "vm" * 60 in shown

    def test_a_retry_is_harmless(self, bell, place, told):
        """The answer is lost, the process dies, and another one tries again: to the reader it is one message."""
        notice = told()
        with self.lossy(place.port) as line:
            line.lose = 1
            first = bell(line.port).deliver(notice, {})
            assert line.lost == 1
        assert isinstance(first, TryLater), first
        once = place.said()
        second = bell(place.port).deliver(notice, {TRIED: "1"})
        assert isinstance(second, Delivered), second
        third = bell(place.port).deliver(notice, {TRIED: "2"})
        assert isinstance(third, Delivered), third
        if self.knows_what_it_told:
            assert set(once) <= set(place.said())
            assert len(place.said()) == len(set(place.said())), place.said()


class HttpKit(Kit):
    """Statuses, redirects, Retry-After and content types, whatever the product."""

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 418, 422, 451])
    def test_a_no_is_told_with_its_status(self, bell, told, status):
        with Answering(made(status, b'{"error": "no"}', "Content-Type: application/json")) as server:
            verdict = bell(server.port).deliver(told(), {})
        assert isinstance(verdict, TryLater | GiveUp), verdict
        assert str(status) in verdict.why
        if status in {401, 403, 404}:
            assert isinstance(verdict, TryLater), "a person corrects the account or the place; then it must still go out"

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 599])
    def test_what_passes_is_tried_again(self, bell, told, status):
        with Answering(made(status, b"<html>not now</html>", "Content-Type: text/html")) as server:
            verdict = bell(server.port).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert str(status) in verdict.why

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, bell, told, status):
        with Answering(made(200, b"{}")) as elsewhere:
            to = f"Location: http://127.0.0.1:{elsewhere.port}/"
            with Answering(made(status, b"", to)) as server:
                verdict = bell(server.port).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert "redirect" in verdict.why
        assert elsewhere.asked == []

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_the_wish_to_wait_is_heard(self, bell, told, form):
        at = told().at
        wish = "Retry-After: 77" if form == "seconds" else f"Retry-After: {format_http(at + timedelta(seconds=77))}"
        raw = made(429, b'{"error": "too many"}', wish, f"Date: {format_http(at)}", "Content-Type: application/json")
        with Answering(raw) as server:
            verdict = bell(server.port).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert verdict.after == timedelta(seconds=77)

    @pytest.mark.parametrize(
        "body,kind",
        [
            (b"<html>Welcome to the hotel's wireless network</html>", "text/html"),
            (b"", "application/json"),
            (b"null", "application/json"),
            (b"[1,2]", "application/json"),
            (b'{"ok": "yes", "id": 7, "event_id": [], "ts": {}}', "application/json"),
            (b'"ok"', "text/plain"),
            (b"[" * 100_000, "application/json"),
            (b'{"ok": tr', "application/json"),
        ],
        ids=["page", "nothing", "null", "list", "wrong types", "text", "deep", "torn"],
    )
    def test_a_yes_that_is_not_the_products_own_is_no_yes(self, bell, told, body, kind):
        with Answering(made(200, body, f"Content-Type: {kind}")) as server:
            verdict = bell(server.port).deliver(told(), {})
        assert isinstance(verdict, TryLater), verdict
        assert "200" in verdict.why

    def test_half_an_answer(self, bell, told):
        with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{") as server:
            assert isinstance(bell(server.port).deliver(told(), {}), TryLater)

    def test_an_endless_answer(self, bell, told):
        with Answering(made(200, b"{" + b" " * (2 << 20) + b"}")) as server:
            assert isinstance(bell(server.port).deliver(told(), {}), TryLater)


def format_http(at) -> str:
    return format_datetime(at.replace(microsecond=0), usegmt=True)
