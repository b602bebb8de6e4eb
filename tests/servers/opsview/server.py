"""The server itself: sockets, the clock that can be moved, faults on request, and a record of who asked what."""

import contextlib
import json
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.servers.opsview import formats, reads
from tests.servers.opsview.routes import Call, find
from tests.servers.opsview.rules import Refused, Rules
from tests.servers.opsview.sessions import Sessions, User
from tests.servers.opsview.setup import Setup
from tests.servers.opsview.world import World

PAGE = "<!DOCTYPE HTML><html><head><title>{0} Proxy Error</title></head><body><h1>Proxy Error</h1></body></html>"


@dataclass
class Fault:
    """What happens instead of an answer, to the next `times` requests whose `VERB /path` matches.

    reset   the line is cut before anything is answered          lost    the call is done, then the line is cut
    slow    the answer waits `seconds`                           page    an HTML page of the proxy with `status`
    deadlock 500 whose text holds "Deadlock found" [RestAPI]     401     the token is refused although it is good
    redirect 302 to `text`                                       answer  `status`, `text` and `headers` as given
    half    a promised length that is not kept
    """

    kind: str
    match: str = "."
    times: int = 1
    status: int = 502
    seconds: float = 0.0
    text: str = ""
    headers: tuple = ()
    seen: int = 0


@dataclass
class Asked:
    verb: str
    path: str
    params: dict
    body: object
    headers: dict
    status: int = 0


@dataclass
class Opsview:
    rules: Rules = field(default_factory=Rules)
    clock: object = time.time
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self):
        self.sessions = Sessions(self.rules)
        self.world = World(self.rules)
        self.setup = Setup(self.rules)
        self.faults = []
        self.asked = []
        self.under_way = Counter()
        self.most_at_once = Counter()
        self.lock = threading.RLock()
        self._ahead = 0.0
        self._http = None
        self.add_user("admin", "initial")

    # --- the clock

    @property
    def now(self):
        return self.clock() + self._ahead

    def advance(self, seconds):
        """Moves the clock on; what falls due on the way happens at its own time."""
        with self.lock:
            self._ahead += seconds
            self.settle()

    def settle(self):
        ends = self.setup.reload_ends_at
        if ends is not None and ends <= self.now:
            self.finish_reload(ends)
        self.world.settle(self.now)

    def finish_reload(self, at):
        self.world.settle(at)
        if (meant := self.setup.finish_reload(at)) is not None:
            self.world.rebuild(meant, at)

    # --- furniture

    def add_user(self, name, password, rights=None, hosts=None):
        self.sessions.users[name] = User(name, password, *([] if rights is None else [frozenset(rights)]), hosts=hosts)

    def provide(self, host, services=(), *, freshness=None, stale_state=3, stale_text="", group="HA Clusters", reload=True):
        """A host with passive services, by way of the configuration and a reload. `freshness` in seconds switches it on."""
        with self.lock:
            put = self.setup.put
            put("servicegroup", {"name": "HA Cluster"})
            put("hostgroup", {"name": group, "parent": {"name": "Opsview"}})
            watch = {"check_freshness": "0" if freshness is None else "1", "stale_threshold_seconds": str(freshness or 1800)}
            watch |= {"stale_state": str(stale_state), "stale_text": stale_text}
            known = self.setup.named("host", host)
            checks = [{"name": c["name"]} for c in known["servicechecks"]] if known else []
            for service in services:
                check, _, value = service.partition(": ")
                body = {"name": check, "checktype": {"name": "Passive"}, "servicegroup": {"name": "HA Cluster"}, **watch}
                if value:
                    body["attribute"] = {"name": self._variable(check)}
                put("servicecheck", body)
                checks += [{"name": check}] if {"name": check} not in checks else []
            values = [
                {"name": self._variable(s.partition(": ")[0]), "value": s.partition(": ")[2]} for s in services if ": " in s
            ]
            kept = [v for v in (known["hostattributes"] if known else []) if {k: v[k] for k in ("name", "value")} not in values]
            fields = {"name": host, "ip": "192.0.2.1", "hostgroup": {"name": group}, "servicechecks": checks}
            put("host", {**fields, "hostattributes": kept + values})
            if reload:
                self.reload()

    def _variable(self, check):
        name = re.sub(r"[^A-Z0-9_]", "_", check.upper())
        if self.setup.named("attribute", name) is None:
            self.setup.put("attribute", {"name": name})
        return name

    def reload(self):
        with self.lock:
            self.setup.start_reload(self.now)
            self.finish_reload(self.setup.reload_ends_at)

    def thing(self, host, service=None):
        with self.lock:
            self.settle()
            return self.world.things[host, service]

    def state(self, host, service=None):
        return self.thing(host, service).word

    def fault(self, kind, match=".", **how):
        made = Fault(kind, match, **how)
        self.faults.append(made)
        return made

    def count(self, match):
        return sum(bool(re.search(match, f"{a.verb} {a.path}")) for a in self.asked)

    def expire_tokens(self):
        for session in self.sessions.open.values():
            session.expires_at = self.now - 1

    # --- being a program

    def start(self):
        server = self

        class Handler(_Handler):
            opsview = server

        self._http = _Http((self.host, self.port), Handler)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Nobody listens any more; what it knows stays (it is in a database). `start` comes back on the same port."""
        if self._http:
            self._http.shutdown()
            self._http.server_close()
            self._http.cut()
            self._http = None
        if not self.rules.sessions_survive_restart:
            self.sessions.open.clear()

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- one request

    def answer(self, verb, target, headers, raw):
        """(status, kind, body, headers)"""
        path = unquote(urlsplit(target).path).rstrip("/") or "/"
        with self.lock:
            self.settle()
            try:
                params, body = formats.read(urlsplit(target).query, headers, raw)
            except Refused as refusal:
                return self._refused(refusal)
            if path.startswith("/-/"):
                return self._control(path, params, body)
            asked = Asked(verb, path, params, body, dict(headers))
            self.asked.append(asked)
            try:
                reply = self._do(verb, path, params, body, headers)
            except Refused as refusal:
                reply = self._refused(refusal)
            asked.status = reply[0]
            return reply

    def _do(self, verb, path, params, body, headers):
        if path == "/rest/login":
            return self._login(verb, params, headers)
        if path == "/rest/logout":
            return self._logout(verb, headers)
        function = find(self, verb, path)
        if path == "/rest":
            return 200, function(None), ()
        session = self.sessions.check(headers.get("X-Opsview-Token"), headers.get("X-Opsview-Username"), self.now)
        call = Call(self, verb, path, params, body, session.user, self.now)
        try:
            reply = function(call)
        except Refused:
            if self.rules.failed_calls_renew:
                self.sessions.renew(session, self.now)
            raise
        self.sessions.renew(session, self.now)
        return 200, reply, ()

    def _login(self, verb, params, headers):
        """Credentials as JSON body, as form or in the URL with an empty body [doc 6.8; RestAPI]; no GET, no PUT."""
        if verb == "DELETE":
            return self._logout("POST", headers)
        if verb != "POST":
            raise Refused(405, "", body=f"Method {verb} not implemented\n", headers=[("Allow", "DELETE, POST")])
        token, user = self.sessions.login(params.first("username"), params.first("password"), self.now)
        # exactly one compact object: clients take it apart with Python literals and string tools [nagstamon]
        more = {"user_data": reads.user_data(user)} if params.first("include_user_data") == "1" else {}
        return 200, {"token": token, **more}, ()

    def _logout(self, verb, headers):
        if verb != "POST":
            raise Refused(405, "", body=f"Method {verb} not implemented\n", headers=[("Allow", "POST")])
        self.sessions.check(headers.get("X-Opsview-Token"), headers.get("X-Opsview-Username"), self.now)
        self.sessions.open.pop(headers.get("X-Opsview-Token"), None)
        return 200, {"logout_via": "REST API"}, ()

    def _refused(self, refusal):
        body = refusal.body
        if body is None:
            body = {"message": refusal.message}
            if refusal.detail and self.rules.error_detail:
                body["detail"] = refusal.detail
        return refusal.status, body, refusal.headers

    def _control(self, path, params, body):
        """For those who only have the address: /-/advance?seconds=N, /-/fault (a Fault as JSON), /-/provide, /-/expire."""
        match path:
            case "/-/advance":
                self.advance(float(params.first("seconds", "0")))
            case "/-/fault":
                self.faults.append(Fault(**body))
            case "/-/provide":
                self.provide(**body)
            case "/-/expire":
                self.expire_tokens()
            case _:
                return 404, {"message": "Not Found"}, ()
        return 200, {"success": "1"}, ()

    def fault_for(self, verb, path):
        with self.lock:
            for fault in self.faults:
                if fault.seen < fault.times and re.search(fault.match, f"{verb} {path}"):
                    fault.seen += 1
                    return fault
        return None

    @contextlib.contextmanager
    def watched(self, target):
        """Counts how many requests are under way for each object at once."""
        key = urlsplit(target).query
        with self.lock:
            self.under_way[key] += 1
            self.most_at_once[key] = max(self.most_at_once[key], self.under_way[key])
        try:
            yield
        finally:
            with self.lock:
                self.under_way[key] -= 1


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args):
        self.lines = set()
        super().__init__(*args)

    def cut(self):
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    opsview: Opsview
    server_version = "Apache"
    sys_version = ""
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.lines.add(self.connection)

    def finish(self):
        self.server.lines.discard(self.connection)
        super().finish()

    def log_message(self, *args):
        pass

    def _any(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # A verb may be tunnelled in a POST [doc 6.8 Config - Request Format; catalyst]
        verb = self.headers.get("x-tunneled-method") or self.command
        with self.opsview.watched(self.path):
            fault = self.opsview.fault_for(verb, unquote(self.path))
            if fault and fault.kind == "slow":
                time.sleep(fault.seconds)
            elif fault and fault.kind == "lost":
                self.opsview.answer(verb, self.path, self.headers, raw)
                return self._cut()
            elif fault:
                return self._fail(fault)
            status, body, headers = self.opsview.answer(verb, self.path, self.headers, raw)
        kind, raw = formats.write(formats.reply_format(self.headers), body)
        return self._send(status, kind, raw, headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815  # http.server's names

    def _fail(self, fault):
        match fault.kind:
            case "reset":
                return self._cut()
            case "page":
                return self._send(fault.status, "text/html; charset=iso-8859-1", PAGE.format(fault.status).encode())
            case "deadlock":
                words = "DBI Exception: DBD::mysql::st execute failed: Deadlock found when trying to get lock"
                return self._send(500, formats.JSON, json.dumps({"message": words}).encode())
            case "401":
                return self._send(401, formats.JSON, b'{"message":"Token has expired"}')
            case "redirect":
                return self._send(302, "text/html", b"", [("Location", fault.text)])
            case "half":
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"succ')
                return self._cut()
        return self._send(fault.status, formats.JSON, fault.text.encode(), fault.headers)

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status, kind, raw, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers:
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n")
        head = b"".join(self._headers_buffer)
        self._headers_buffer = []
        self.wfile.write(head + raw)
