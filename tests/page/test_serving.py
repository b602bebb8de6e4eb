"""`quorumbell page` as a process: where it listens, that it says why when it cannot, and that it ends when it is asked."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.config.page import PageSettings
from bridge.page import connections
from bridge.page.connections import MOST_SILENT, Connection
from bridge.page.serving import listen
from tests.page.scenes import Place
from tests.page.served import Served
from tests.servers.certificates import make_authority, sign
from tests.servers.ports import free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def page(place):
    """Starts it with these lines in [page]; gives the process and its port."""
    running = []

    def start(*lines, wait=True):
        port = free_port()
        config = place.home / "q.toml"
        config.write_text(
            f'[bridge]\nledger = "{place.url}"\ncontrol = "{place.home}/control.sock"\n[page]\nlisten = "127.0.0.1:{port}"\n'
            + "\n".join(lines)
        )
        with (place.home / "page.log").open("wb") as log:
            environment = {**os.environ, "NOTIFY_SOCKET": str(place.home / "notify")}
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "bridge", "page", "-c", str(config)], stdout=log, stderr=log, cwd=ROOT, env=environment
                )
            )
        if wait:
            eventually(lambda: is_open(port), 20)
        return running[-1], port

    yield start
    for one in running:
        one.kill()
        one.wait()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(place, *lines):
    (place.home / "q.toml").write_text(
        f'[bridge]\nledger = "{place.url}"\ncontrol = "{place.home}/c"\n[page]\n' + "\n".join(lines)
    )
    return subprocess.run(
        [sys.executable, "-m", "bridge", "page", "-c", str(place.home / "q.toml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )


def test_it_serves_and_ends_quietly_though_streams_are_open(place, page):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(place.home / "notify"))
        notify.settimeout(20)
        process, port = page()
        assert notify.recv(1000).startswith(b"READY=1\nSTATUS=at http://127.0.0.1:")
    streams = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(3)]
    for one in streams:
        one.request("GET", "/live")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 6
    log = (place.home / "page.log").read_text()
    assert "Traceback" not in log
    assert log.count("\n") == 1, "where it is, and nothing else"
    for one in streams:
        one.close()


def test_whoever_connects_and_asks_nothing_keeps_nobody_out(place, page):
    _, port = page()
    silent = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(MOST_SILENT + 30)]
    try:
        eventually(lambda: sum(map(is_closed, silent)) >= 30, 5)
        assert [is_closed(one) for one in silent[-MOST_SILENT + 5 :]] == [False] * (MOST_SILENT - 5), "the oldest go"
        answer = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        answer.request("GET", "/login")
        assert answer.getresponse().status == 200
        answer.close()
    finally:
        for one in silent:
            one.close()


def is_closed(connection):
    connection.setblocking(False)
    try:
        while connection.recv(10_000):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize(
    "begin", [b"", b"GET /login HTTP/1.1\r\nHost: x\r\n", b"GET /login HTTP/1.1\r\nHost: x\r\n\r\nGET /login HTTP/1.1\r\n"]
)
def test_whoever_asks_too_slowly_is_not_waited_for(place, monkeypatch, begin):
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    served = Served(place.config)
    try:
        with (
            socket.create_connection(("127.0.0.1", served.port), 5) as slow,
            socket.create_connection(slow.getpeername()) as live,
        ):
            slow.sendall(begin)
            live.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            eventually(lambda: is_closed(slow), 5)
            time.sleep(1)
            live.setblocking(False)
            assert live.recv(10_000).startswith(b"HTTP/1.1 200 OK"), "what lasts is no silence"
            assert not is_closed(live)
        assert not Connection._silent
    finally:
        served.close()


@pytest.mark.parametrize("place", ["127.0.0.1", "[::1]", "localhost"])
def test_answers_are_sent_at_once(place):
    """asyncio sets TCP_NODELAY where it is told that it is TCP; without it every answer waits for 40 ms."""
    with listen(PageSettings(listen=f"{place}:{free_port()}")) as listener:
        assert (listener.proto, listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) == (socket.IPPROTO_TCP, 1)


def test_with_its_own_certificate(place, page):
    authority, made = make_authority(place.home), sign(place.home, "page")
    _, port = page(f'certificate = "{made.certificate}"', f'key = "{made.key}"')
    trusting = ssl.create_default_context(cafile=str(authority))
    answer = http.client.HTTPSConnection("127.0.0.1", port, context=trusting)
    answer.request("GET", "/")
    assert answer.getresponse().getheader("strict-transport-security") == "max-age=31536000"
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    plain.request("GET", "/")
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.getresponse()
    answer.close()
    plain.close()


def test_a_place_that_is_taken_is_told_with_the_cure(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(place, f'listen = "127.0.0.1:{port}"')
    assert (done.returncode, done.stderr) == (
        1,
        f"127.0.0.1:{port}: Address already in use: stop what listens there, or give [page] another listen\n",
    )


def test_a_certificate_that_is_none_is_told_with_the_cure(place):
    (place.home / "c.pem").write_text("no certificate")
    done = run(place, 'certificate = "c.pem"', 'key = "c.pem"')
    assert done.returncode == 1
    assert "both must be PEM, belong together, and be readable" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(place, 'certificate = "gone.pem"', 'key = "c.pem"')
    assert "No such file or directory: both must be" in done.stderr


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_without_the_extra_it_says_what_to_install(place, missing):
    place.home.joinpath("q.toml").write_text("[page]\n")
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['quorumbell', 'page', '-c', {str(place.home / 'q.toml')!r}];"
        "from bridge.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr == f"the page needs {missing}, which is not installed: install quorumbell[web]\n"


def test_a_mistake_in_the_config_is_told_as_always(place):
    done = run(place, 'listen = "0.0.0.0:80"')
    assert (done.returncode, "plain text over a network" in done.stderr) == (78, True)
