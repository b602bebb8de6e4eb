"""The page with people in it: a ledger in a file, a clock that is moved by hand, cheap passwords, and whatever bridge a test wants."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bridge.config.config import parse_config
from bridge.ledger.ledger import Ledger
from bridge.ledger.people import Account, People, Token
from bridge.page.app import application
from bridge.page.people import passwords
from bridge.page.people.guard import guarding
from bridge.page.people.passwords import Cost, hash_of, kept
from bridge.page.site import Site
from bridge.serve.control import ControlError, Hello, Silences

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CHEAP = Cost(16, 1, 1)
PASSWORD = "correct horse battery"
RECEIVERS = '[receivers.ops]\nkind = "mail"\nhost = "mail.example.org"\nfrom = "q@example.org"\nto = ["ops@example.org"]\n'


class Bridge(Site):
    """Takes down what it was asked, and answers as it is told."""

    def __init__(self, config):
        super().__init__(config)
        self.heard = []
        self.answers = {
            "Silences": {"silences": []},
            "Ack": {"incident": 1},
            "Silence": {"id": "5eed", "until_us": 1},
            "EndSilence": {"id": "5eed"},
            "Planned": {"id": "face", "until_us": 1, "matchers": [], "known": True},
            "EndPlanned": {"id": "face"},
            "Ring": {"verdicts": [{"receiver": "ops", "verdict": "delivered", "why": "250 ok"}]},
        }

    async def ask(self, request):
        if not isinstance(request, Hello | Silences):
            self.heard.append(request)
        answer = self.answers.get(type(request).__name__, {})
        if isinstance(answer, str):
            raise ControlError(answer)
        return {"ok": True, **answer}


class Page:
    """What stands on a host of its own; browsers come and go."""

    def __init__(self, home, **settings):
        self.url = f"sqlite:///{home}/ledger.db"
        self.ledger = Ledger.open(self.url)
        self.people = People(self.url)
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        text = f'[bridge]\nledger = "{self.url}"\ncontrol = "{home}/control.sock"\n{RECEIVERS}[page]\n{lines}'
        self.site = Bridge(parse_config(text, home / "q.toml"))
        self.now = NOW
        self.open()
        self.entry.clock = lambda: self.now
        self.loop = asyncio.Runner()

    def open(self):
        def guard(app):
            made = guarding(self.site.config)(app)
            self.entry = made._entry
            return made

        self.app = application(self.site, guard)

    def add(self, name, role="viewer", **more):
        self.people.add(Account(name=name, role=role, password=kept(PASSWORD, CHEAP), made_at=NOW, **more))

    def token(self, scope, name="grafana"):
        word = f"word-{name}"
        self.people.add_token(Token(name=name, scope=scope, hash=hash_of(word), made_at=NOW, ends_at=NOW + timedelta(days=1)))
        return {"authorization": f"Bearer {word}"}

    def browser(self, host="http://bell.example.org", address="192.0.2.7", **headers):
        way = httpx.ASGITransport(self.app, client=(address, 5000))
        client = httpx.AsyncClient(transport=way, base_url=host, headers={"accept": "text/html", **headers})
        return Browser(Client(client, self.loop))

    def inside(self, name, **more):
        browser = self.browser(**more)
        assert browser.log_in(name).status_code == 303
        return browser

    def close(self):
        self.loop.close()
        self.ledger.close()


class Client:
    """httpx knows an application only from within a loop."""

    def __init__(self, client, loop):
        self._client = client
        self._loop = loop
        self.cookies = client.cookies

    def request(self, *words, **more):
        return self._loop.run(self._client.request(*words, **more))

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)


class Browser:
    def __init__(self, client):
        self.client = client
        self.cookies = client.cookies

    def get(self, path, **more):
        return self.client.get(path, **more)

    def word(self, path="/planned"):
        """What the forms of this session carry."""
        return re.search(r'name="csrf" value="([^"]*)"', self.get(path).text)[1]

    def post(self, path, form=None, **more):
        """A form of ours, filled in."""
        return self.client.post(path, data={"csrf": self.word(), **(form or {})}, **more)

    def log_in(self, name, password=PASSWORD, back="/", **more):
        word = self.word("/login")
        return self.client.post("/login", data={"csrf": word, "name": name, "password": password, "back": back}, **more)


@pytest.fixture
def page_with(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "USUAL", CHEAP)
    made = []

    def make(**settings):
        page = Page(tmp_path, **settings)
        page.add("anna", "operator")
        page.add("bob")
        made.append(page)
        return page

    yield make
    for page in made:
        page.close()


@pytest.fixture
def page(page_with):
    return page_with()
