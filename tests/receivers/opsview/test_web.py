"""What every receiver that speaks HTTP relies on, against servers that misbehave on real sockets."""

import socket
import threading
import time
from datetime import timedelta

import pytest

from bridge.core.telling.notice import Delivered, GiveUp, TryLater
from bridge.receivers.web import Answer, NoAnswer, Web, retry_after, scrub

SECRET = "hush/secret token"


@pytest.fixture
def web():
    client = Web(deadline=timedelta(seconds=0.5), secrets=[SECRET], body_limit=1000)
    yield client
    client.close()


@pytest.fixture
def rude():
    """Gives the address of a server that answers with the given function of the connection; counts the connections."""
    open_sockets, ending = [], threading.Event()

    def make(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        open_sockets.append(listener)
        seen = []

        def one(line):
            with line:
                try:
                    seen.append(line.recv(65536))
                    answer(line, ending)
                except OSError:
                    pass

        def run():
            while not ending.is_set():
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(line,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", seen

    yield make
    ending.set()
    for each in open_sockets:
        each.shutdown(socket.SHUT_RDWR)
        each.close()


def says(*parts, pause=0.0):
    def answer(line, ending):
        for part in parts:
            line.sendall(part)
            if pause and ending.wait(pause):
                return

    return answer


def bytewise(text):
    return [bytes([b]) for b in text]


SLOW = {
    "head": says(*bytewise(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500), pause=0.1),
    "body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *bytewise(b"a" * 500), pause=0.1),
    "body that ends with the line": says(b"HTTP/1.1 200 OK\r\n\r\n", *bytewise(b"a" * 500), pause=0.1),
    "everything": lambda line, ending: ending.wait(10),
}


@pytest.mark.parametrize("what", SLOW)
def test_the_deadline_bounds_the_whole_request_also_byte_by_byte(web, rude, what):
    where, _ = rude(SLOW[what])
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"within 0\.5 s|in time"):
        web.post(f"{where}/x", json={})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc",),
        (b"\x00\x01garbage\r\n\r\n",),
        (),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000,),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",),
    ],
    ids=["half", "half a chunk", "garbage", "nothing", "too long", "not what it says"],
)
def test_what_is_no_whole_answer_is_told_and_not_asked_again(web, rude, parts):
    where, seen = rude(says(*parts))
    with pytest.raises(NoAnswer):
        web.post(f"{where}/x", json={"a": 1})
    assert len(seen) == 1


def test_a_refused_connection_says_so_without_the_path():
    web = Web(deadline=timedelta(seconds=2))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer, match=rf"Connection refused\): http://127.0.0.1:{port}$"):
        web.get(f"http://user:pw@127.0.0.1:{port}/hooks/hush?token=hush")
    web.close()


def test_redirects_are_not_followed_and_tell_the_cure(web, rude):
    where, seen = rude(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    verdict = web.verdict(web.post(where, json={}))
    assert isinstance(verdict, GiveUp)
    assert "put the address it redirects to into the config" in verdict.why
    assert len(seen) == 1


def test_the_environments_proxy_is_not_used(web, rude, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    where, _ = rude(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    assert web.get(where).text == "ok"


def test_a_kept_connection_is_used_again_and_still_cut(web, rude):
    def twice(line, ending):
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        line.recv(65536)
        ending.wait(10)

    where, seen = rude(twice)
    assert web.get(where).text == "ok"
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        web.get(where)
    assert time.monotonic() - began < 2
    assert len(seen) == 1


def answer(status, body=b"", **headers):
    return Answer(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}, where="http://h")


@pytest.mark.parametrize(
    "status,kind",
    [
        *((status, Delivered) for status in (200, 201, 204)),
        *((status, GiveUp) for status in (301, 400, 401, 403, 404, 405)),
        *((status, TryLater) for status in (408, 425, 429, 500, 503, 599)),
    ],
)
def test_every_status_has_a_meaning_and_no_verdict_a_secret(web, status, kind):
    verdict = web.verdict(answer(status, b"you sent hush/secret token and hush%2Fsecret%20token and hush%2Fsecret+token"))
    assert isinstance(verdict, kind)
    assert str(status) in verdict.why
    assert "hush" not in verdict.why


@pytest.mark.parametrize(
    "headers,after",
    [
        ({"Retry_After": "17"}, timedelta(seconds=17)),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, timedelta(seconds=30)),
        ({"Retry_After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, timedelta(0)),
        ({"Retry_After": "99999999999999999999"}, timedelta(days=1)),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_both_forms(web, headers, after):
    reply = answer(429, **headers)
    assert retry_after(reply.headers) == after
    assert web.verdict(reply).after == after


def test_scrubbing_finds_the_longer_secret_first():
    assert scrub("token=abcdef", ["abc", "abcdef"]) == "token=***"


def test_an_answer_that_is_no_json_is_none():
    assert answer(200, b"<html>").json is None
    assert answer(200, b"[" * 100_000).json is None
    assert answer(200, b'{"a":"\xff"}').json is None
