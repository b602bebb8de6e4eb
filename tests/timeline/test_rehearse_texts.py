"""`quorumbell rehearse --texts`: the messages, whole, as each receiver would get them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.texts.broken import take_broken

CUT = str(Path(__file__).resolve().parents[2] / "examples/node-power-cut.json")
CONFIG = """
[bridge]
ledger = "sqlite:///{folder}/ledger.db"

[receivers.night]
kind = "mail"
language = "de"
host = "127.0.0.1"
from = "quorumbell@example.com"
to = ["night@example.com"]
time_zone = "Europe/Berlin"

[receivers.day]
kind = "mail"
host = "127.0.0.1"
from = "quorumbell@example.com"
to = ["day@example.com"]
time_zone = "Asia/Kolkata"

[[routes]]
receivers = ["night", "day"]
"""


@pytest.fixture(autouse=True)
def no_faults_of_other_tests():
    take_broken()


def rehearse(*words):
    return CliRunner().invoke(main, ["rehearse", *words, CUT])


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "quorumbell.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return str(path)


def messages(run):
    """Heading → text."""
    assert run.exit_code == 0, run.output
    _, *parts = run.stdout.split("\n==== ")
    return dict(part.split(" ====\n", 1) for part in parts)


def test_one_bell_without_a_config():
    told = messages(rehearse("--texts"))
    assert list(told) == ["2026-11-22 20:03:34+00:00  bell opened", "2026-11-22 20:04:03+00:00  bell closed"]
    opened, closed = told.values()
    assert opened.startswith("Subject: [rehearsal] Node n3 failed\n\nNew: Node n3 failed and was fenced (reboot by n1).\n")
    assert "\nWhat to look at and what to do\n" in opened
    assert "stonith_admin --history n3" in opened
    assert closed.startswith("Subject: Re: [rehearsal] Node n3 failed\n\nOver after 10 s: ")


def test_each_receiver_in_its_language_and_time(config):
    told = messages(rehearse("--texts", "--config", config))
    assert "Knoten n3 ist ausgefallen" in told["2026-11-22 21:03:34+01:00  night opened"]
    assert "20:03:33 (UTC)" not in told["2026-11-22 21:03:34+01:00  night opened"]
    assert "21:03:33 (UTC+01:00)" in told["2026-11-22 21:03:34+01:00  night opened"]
    assert "Node n3 failed" in told["2026-11-23 01:33:34+05:30  day opened"]
    assert "01:33:33 (UTC+05:30)" in told["2026-11-23 01:33:34+05:30  day opened"]


def test_all_in_one_language(config):
    for text in messages(rehearse("--texts", "--language", "de", "--config", config)).values():
        assert "Knoten n3 ist ausgefallen" in text.replace("\n", " ")


def test_programs_get_the_rest_too():
    told = json.loads(rehearse("--texts", "--json").stdout)
    (one,) = told["incidents"]
    assert [(text["receiver"], text["kind"]) for text in told["texts"]] == [("bell", note["kind"]) for note in one["notices"]]
    assert "texts" not in json.loads(rehearse("--json").stdout)


def test_a_broken_text_is_told(monkeypatch):
    monkeypatch.setattr("bridge.texts.layout.pieces", lambda _: 1 / 0)  # only the whole message needs it
    run = rehearse("--texts")
    assert run.exit_code == 1
    assert "ZeroDivisionError" in run.stderr


@pytest.mark.parametrize("words", [["--language", "de"], ["--texts", "--language", "fr"]], ids=" ".join)
def test_a_language_that_would_do_nothing_is_refused(words):
    run = rehearse(*words)
    assert run.exit_code == 2
    assert "language" in run.stderr
