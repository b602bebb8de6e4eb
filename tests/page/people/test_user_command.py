"""`quorumbell user` and `quorumbell token`, as they are typed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.ledger.ledger import Ledger
from bridge.ledger.people import People
from bridge.page.people.passwords import fits, hash_of


class Terminal:
    def __init__(self, home):
        self.url = f"sqlite:///{home}/ledger.db"
        Ledger.open(self.url).close()
        self.people = People(self.url)
        (home / "q.toml").write_text(f'[bridge]\nledger = "{self.url}"\n')
        self._config = str(home / "q.toml")

    def says(self, *words, typed=None, exit_code=0):
        done = CliRunner().invoke(main, [*words, "-c", self._config], input=typed)
        assert done.exit_code == exit_code, done.output
        return done.output


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path)


def test_a_user_comes_and_goes(terminal):
    terminal.says("user", "add", "Anna", "--role", "operator", "--password-stdin", typed="correct horse\n")
    (anna,) = terminal.people.accounts()
    assert (anna.name, anna.role, anna.language, anna.zone) == ("anna", "operator", "en", "UTC")
    assert fits("correct horse", anna.password)
    assert "correct" not in anna.password
    assert "already" in terminal.says("user", "add", "anna", "--role", "viewer", "--no-password", exit_code=1)
    terminal.says("user", "role", "anna", "viewer")
    assert "viewer" in terminal.says("user", "list")
    (shown,) = json.loads(terminal.says("user", "list", "--json"))
    assert {**shown, "made_at": ""} == {
        "name": "anna", "role": "viewer", "language": "en", "zone": "UTC", "password": True, "made_at": "",
    }  # fmt: skip
    terminal.says("user", "password", "anna", "--password-stdin", typed="battery staple\n")
    assert fits("battery staple", terminal.people.account("anna").password)
    terminal.says("user", "remove", "ANNA")
    assert "nobody" in terminal.says("user", "list")


def test_a_password_that_is_asked_for_is_typed_twice(terminal):
    terminal.says("user", "add", "bob", "--role", "viewer", typed="correct horse\ncorrect horse\n")
    assert fits("correct horse", terminal.people.account("bob").password)


@pytest.mark.parametrize(
    "words,typed,why",
    [
        (("user", "add", "anna (page)", "--role", "viewer", "--no-password"), None, "is no name"),
        (("user", "add", "../x", "--role", "viewer", "--no-password"), None, "is no name"),
        (("user", "add", "anna", "--role", "viewer", "--password-stdin"), "short\n", "10 to 200 characters"),
        (("user", "add", "anna", "--role", "viewer", "--password-stdin"), "x" * 201, "10 to 200 characters"),
        (("user", "add", "anna", "--role", "viewer", "--no-password", "--zone", "Europe"), None, "no time zone 'Europe'"),
        (("user", "add", "anna", "--role", "viewer", "--no-password", "--zone", "../etc"), None, "no time zone"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(terminal, words, typed, why):
    assert why in terminal.says(*words, typed=typed, exit_code=2)
    assert terminal.people.accounts() == []


@pytest.mark.parametrize("words", [("remove", "eve"), ("role", "eve", "viewer"), ("password", "eve", "--password-stdin")])
def test_nobody_is_no_user(terminal, words):
    assert "there is no user eve" in terminal.says("user", *words, typed="correct horse\n", exit_code=1)


def test_a_token_is_shown_once_and_kept_as_a_hash(terminal):
    word = terminal.says("token", "add", "grafana", "--scope", "read", "--for", "1d").strip()
    now = datetime.now(UTC)
    found = terminal.people.token(hash_of(word), now)
    assert (found.name, found.scope) == ("grafana", "read")
    assert terminal.people.token(hash_of(word), now + timedelta(days=1)) is None
    assert "already" in terminal.says("token", "add", "grafana", "--scope", "act", exit_code=1)
    assert word not in terminal.says("token", "list") + terminal.says("token", "list", "--json")
    assert json.loads(terminal.says("token", "list", "--json"))[0]["scope"] == "read"
    assert terminal.people.token(hash_of(terminal.says("token", "add", "ever", "--scope", "act").strip()), now).ends_at is None
    terminal.says("token", "revoke", "grafana")
    assert terminal.people.token(hash_of(word), now) is None
    assert "there is no token" in terminal.says("token", "revoke", "grafana", exit_code=1)
