"""What the chat servers with rules share: sockets, canned troubles, a record of what was asked, and a look at what a reader sees."""

import argparse
import contextlib
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Reply = tuple[int, Any, dict[str, str]]


class Asked:
    """One request. `body` is its JSON, or None; `form` its query and form fields."""

    def __init__(self, verb: str, path: str, headers: dict[str, str], raw: bytes) -> None:
        parts = urlsplit(path)
        self.verb, self.path, self.headers, self.raw = verb, parts.path, headers, raw
        self.form = dict(parse_qsl(parts.query))
        self.body: Any = None
        kind = headers.get("content-type", "")
        if kind.startswith("application/json"):
            with contextlib.suppress(ValueError):
                self.body = json.loads(raw)
        elif kind.startswith("application/x-www-form-urlencoded"):
            self.form |= dict(parse_qsl(raw.decode()))

    @property
    def token(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""


class ChatServer:
    """`with Server() as server: server.url`. `next_answers` are given instead of the real ones, in turn."""

    def __init__(self, port: int = 0) -> None:
        self.next_answers: list[Reply] = []
        self.asked: list[Asked] = []
        self.lock = threading.RLock()
        self._wanted = port
        self._http: ThreadingHTTPServer | None = None
        self.on_change: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        assert self._http is not None
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """By channel, what a reader sees: dicts with `text`, `thread` (the id of the first message, or ""), `edited`, `id`."""
        raise NotImplementedError

    def as_text(self) -> str:
        lines = []
        for channel, messages in self.contents().items():
            lines.append(f"#{channel}")
            for one in messages:
                lead = "  └ " if one["thread"] else "• "
                told = one["text"].replace("\n", "\n    ")
                lines.append(f"{lead}{told}{' (edited)' if one['edited'] else ''}")
        return "\n".join(lines) + "\n"

    def _answer(self, asked: Asked) -> Reply:
        with self.lock:
            if asked.path == "/contents":  # ours, for people and demos: not a path of the product
                return 200, self.contents(), {}
            if asked.path == "/contents.txt":
                return 200, self.as_text(), {}
            self.asked.append(asked)
            if self.next_answers:
                return self.next_answers.pop(0)
            reply = self.answer(asked)
        self.on_change()
        return reply

    def start(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server.lines.append(self.connection)

            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, body, more = server._answer(Asked(self.command, self.path, headers, self.rfile.read(length)))
                raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815 - the library calls them so

            def log_message(self, *what: object) -> None:
                pass

        self.lines: list[Any] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", self._wanted), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Also when it was never started."""
        if self._http is None:
            return
        self._http.shutdown()
        self._http.server_close()
        for line in self.lines:
            line.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *what: object) -> None:
        self.stop()


def main(make: type[Any], settings: str, about: str) -> None:
    """A server as a program, with a channel and a bot in it. In `settings` stand {server}, {token}, {channel} and {number}, its id."""
    parser = argparse.ArgumentParser(prog=f"python -m {make.__module__}", description=about)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--channel", default="alarms")
    parser.add_argument("--token", default="", help="of the bot; default: a new one")
    given = parser.parse_args()
    server = make(given.port)
    token = server.add_bot(given.token)
    number = server.add_channel(given.channel, token)
    serve(server, lambda: settings.format(server=server, token=token, channel=given.channel, number=number))


def serve(server: ChatServer, settings: Callable[[], str]) -> None:
    """The settings that fit, then what the channels show, whenever that changes."""
    changed = threading.Event()
    server.on_change = changed.set
    with server:
        print(settings(), flush=True)
        print(f"(what is shown: {server.url}/contents.txt, or /contents as JSON; end with Ctrl-C)", flush=True)
        shown = ""
        try:
            while True:
                changed.wait()
                changed.clear()
                with server.lock:
                    text = server.as_text()
                if text != shown:
                    shown = text
                    sys.stdout.write(f"{'=' * 78}\n{text}")
                    sys.stdout.flush()
        except KeyboardInterrupt:
            return
