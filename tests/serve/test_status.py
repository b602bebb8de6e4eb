"""`quorumbell status` is read on a screen, however bad it is; programs get everything."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.core.world.event import Severity
from bridge.core.world.incident import Incident, Kind, State
from bridge.ledger.ledger import Commit, Ledger

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def incident(number, severity):
    return Incident(
        key=f"node/n{number}@1",
        cluster="alpha",
        kind=Kind.NODE_FAILURE,
        root=f"node/n{number}",
        state=State.OPEN,
        severity=severity,
        peak=severity,
        opened_at=NOW + timedelta(seconds=number),
        changed_at=NOW,
    )


@pytest.fixture
def status(tmp_path):
    config = tmp_path / "q.toml"
    config.write_text(
        f'[bridge]\nledger = "sqlite:///{tmp_path}/ledger.db"\nlisten = ["tcp://127.0.0.1:1"]\nkeys = "{tmp_path}/keys"\n'
        f'allowed = "{tmp_path}/allowed.d"\ncontrol = "{tmp_path}/control.sock"\n'
    )

    def run(incidents, *words):
        with closing(Ledger.open(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
            ledger.commit(Commit(now=NOW, incidents=incidents))
        result = CliRunner().invoke(main, ["status", "-c", str(config), *words])
        assert result.exit_code == 0, result.output
        return result.output

    return run


MANY = [incident(number, Severity.CRITICAL if number in {7, 4000} else Severity.WARNING) for number in range(1, 5001)]


def listed(output):
    return [line.split()[1] for line in output.splitlines() if "node-failure" in line]


def test_of_many_incidents_the_gravest_are_shown_and_how_many_more(status):
    output = status(MANY)
    assert "5000; the 20 gravest stand below, 4980 more with --all" in output
    assert listed(output) == ["critical"] * 2 + ["warning"] * 18
    order = [line.split()[0] for line in output.splitlines() if "node-failure" in line]
    assert order[:4] == ["4000", "7", "5000", "4999"]
    assert len(output) < 8_000


def test_all_shows_all_and_json_has_everything(status):
    assert len(listed(status(MANY, "--all"))) == 5000
    assert len(json.loads(status([], "--json"))["incidents"]) == 5000


def test_a_few_stand_in_their_order_without_a_word_more(status):
    output = status([incident(1, Severity.CRITICAL), incident(2, Severity.WARNING)])
    assert listed(output) == ["warning", "critical"]
    assert "incidents   2\n" in output
