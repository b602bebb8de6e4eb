"""A real Synapse, with a configuration and a database of its own, on loopback and a free port.

Made by `make synapse`, in an environment of its own (`.synapse/`): it needs other versions of libraries than we do. As a program,
`python -m tests.servers.synapse`, it prints what a bot needs, and then what is said in its room.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.servers.ports import free_port

PYTHON = Path(__file__).resolve().parents[2] / ".synapse" / "bin" / "python"
SECRET = "sesame"
NAME = "test.example"

CONFIG = """
server_name: {name}
report_stats: false
suppress_key_server_warning: true
pid_file: {folder}/pid
signing_key_path: {folder}/signing.key
media_store_path: {folder}/media
registration_shared_secret: {secret}
trusted_key_servers: []
federation_domain_whitelist: []
refreshable_access_token_lifetime: 1s
database: {{name: sqlite3, args: {{database: "{folder}/homeserver.db"}}}}
listeners:
  - {{port: {port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{{names: [client], compress: false}}]}}
bcrypt_rounds: 4
rc_message: {{per_second: 1000, burst_count: 1000}}
rc_registration: {{per_second: 1000, burst_count: 1000}}
rc_joins: {{local: {{per_second: 1000, burst_count: 1000}}}}
rc_invites: {{per_room: {{per_second: 1000, burst_count: 1000}}, per_user: {{per_second: 1000, burst_count: 1000}}}}
rc_login:
  address: {{per_second: 1000, burst_count: 1000}}
  account: {{per_second: 1000, burst_count: 1000}}
  failed_attempts: {{per_second: 1000, burst_count: 1000}}
"""


def why_not() -> str:
    """Why this cannot run here, with the cure; empty if it can."""
    return "" if PYTHON.exists() else "needs a real Synapse: make synapse"


class Said(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status: int, body: dict) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


class Person:
    """Somebody with an account and a token."""

    def __init__(self, server: "Synapse", name: str, token: str) -> None:
        self.server, self.token = server, token
        self.id = f"@{name}:{NAME}"

    def do(self, method: str, path: str, body: object = None) -> dict:
        return self.server.call(method, path, body, self.token)

    def make_room(self, *, alias: str = "", invite: tuple["Person", ...] = (), public: bool = False) -> str:
        wanted = {"preset": "public_chat" if public else "private_chat", "invite": [person.id for person in invite]}
        made = self.do("POST", "/_matrix/client/v3/createRoom", wanted | ({"room_alias_name": alias} if alias else {}))
        return str(made["room_id"])

    def join(self, room: str) -> None:
        self.do("POST", f"/_matrix/client/v3/join/{quote(room, safe='')}", {})

    def log_out(self) -> None:
        self.do("POST", "/_matrix/client/v3/logout", {})

    def events(self, room: str) -> list[dict]:
        """Everything that was sent to the room, in order, as the homeserver has it: edits are events of their own."""
        found = self.do("GET", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/messages?dir=b&limit=200")["chunk"]
        return [event for event in reversed(found) if event["type"] == "m.room.message"]

    def shown(self, room: str) -> list[dict]:
        """What a client shows: the latest text of each message, and where it hangs."""
        made: dict[str, dict] = {}
        for event in self.events(room):
            content, relates = event["content"], event["content"].get("m.relates_to", {})
            if relates.get("rel_type") == "m.replace":
                made[relates["event_id"]] |= {"content": content["m.new_content"], "edited": True}
            else:
                thread = relates["event_id"] if relates.get("rel_type") == "m.thread" else ""
                answers = "" if thread else relates.get("m.in_reply_to", {}).get("event_id", "")
                made[event["event_id"]] = {
                    "id": event["event_id"],
                    "content": content,
                    "thread": thread,
                    "answers": answers,
                    "edited": False,
                }
        return list(made.values())

    def notified(self) -> list[str]:
        """The ids of the events that the homeserver's push rules notify this person of."""
        found = self.do("GET", "/_matrix/client/v3/notifications?limit=100")["notifications"]
        return [one["event"]["event_id"] for one in reversed(found)]


class Synapse:
    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._admin: Person | None = None

    def call(self, method: str, path: str, body: object = None, token: str = "") -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Authorization": f"Bearer {token}"} if token else {}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise Said(error.code, json.load(error)) from None

    def person(self, name: str = "", *, admin: bool = False) -> Person:
        """A new account, by the shared secret (Synapse: Shared-Secret Registration)."""
        name = name or f"p{secrets.token_hex(6)}"
        nonce = self.call("GET", "/_synapse/admin/v1/register")["nonce"]
        told = b"\0".join([nonce.encode(), name.encode(), b"pw", b"admin" if admin else b"notadmin"])
        mac = hmac.new(SECRET.encode(), told, hashlib.sha1).hexdigest()
        wanted = {"nonce": nonce, "username": name, "password": "pw", "admin": admin, "mac": mac}
        return Person(self, name, self.call("POST", "/_synapse/admin/v1/register", wanted)["access_token"])

    def short_lived(self, person: Person) -> str:
        """A token that expires after a second, as tokens with a refresh token do (Client-Server API, "Refreshing access tokens")."""
        who = {"type": "m.id.user", "user": person.id}
        wanted = {"type": "m.login.password", "identifier": who, "password": "pw", "refresh_token": True}
        return str(self.call("POST", "/_matrix/client/v3/login", wanted)["access_token"])

    def limit(self, person: Person, per_second: int, burst: int) -> None:
        """rc_message for one account (Synapse Admin API, "Override ratelimiting for users"); 0 and 0 would lift it."""
        self._admin = self._admin or self.person(admin=True)
        path = f"/_synapse/admin/v1/users/{quote(person.id, safe='')}/override_ratelimit"
        self._admin.do("POST", path, {"messages_per_second": per_second, "burst_count": burst})


@contextmanager
def running(port: int = 0) -> Iterator[Synapse]:
    with tempfile.TemporaryDirectory(prefix="synapse-") as folder:
        server = Synapse(port or free_port())
        config = Path(folder) / "homeserver.yaml"
        config.write_text(CONFIG.format(name=NAME, folder=folder, port=server.port, secret=SECRET))
        command = [str(PYTHON), "-m", "synapse.app.homeserver", "-c", str(config)]
        subprocess.run([*command, "--generate-keys"], check=True, capture_output=True, timeout=120, cwd=folder)
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=_environment())
        try:
            _answers(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _answers(server: Synapse, process: "subprocess.Popen[bytes]", log: Path, within: float = 90) -> None:
    until = time.monotonic() + within
    while True:
        try:
            server.call("GET", "/_matrix/client/versions")
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"Synapse did not start: {log.read_text()[-3000:]}") from None
        else:
            return
        time.sleep(0.2)


def show(one: dict) -> str:
    mark = "  └ " if one["thread"] else "↩ " if one["answers"] else ""
    body = re.sub(r"\n+", f"\n{'    ' if one['thread'] else ''}", one["content"]["body"])
    return f"{mark}{body}{' (edited)' if one['edited'] else ''}"


def main() -> None:
    if reason := why_not():
        sys.exit(reason)
    with running(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as server:
        bot, reader = server.person("quorumbell"), server.person("reader")
        room = reader.make_room(alias="ops", invite=(bot,))
        print(f'url = "{server.url}"\nroom = "#ops:{NAME}"\ntoken = "{bot.token}"\n(end with Ctrl-C)', flush=True)
        told: dict[str, str] = {}
        try:
            while True:
                for one in reader.shown(room):
                    if told.get(one["id"]) != (line := show(one)):
                        told[one["id"]] = line
                        print(line, flush=True)
                time.sleep(0.5)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
