"""Every metric that the rules for Prometheus and Grafana's dashboard name is one that the bridge has."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bridge.core.telling.circuit import Health
from bridge.serve.telemetry import Metrics

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"


@pytest.fixture(scope="module")
def known():
    metrics = Metrics()
    metrics.set_receiver("oncall", Health(), 0, None, 0, now=datetime.now(UTC))
    text = generate_latest(metrics.registry).decode()
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("name, least", [("prometheus-rules.yml", 7), ("grafana-dashboard.json", 14)])
def test_each_metric_is_there(known, name, least):
    asked = set(re.findall(r"quorumbell_\w+", (PACKAGING / name).read_text()))
    assert len(asked) >= least
    assert asked <= known


def test_panels_do_not_lie_over_one_another():
    panels = json.loads((PACKAGING / "grafana-dashboard.json").read_text())["panels"]
    cells = [
        (x, y)
        for one in panels
        for p in [one["gridPos"]]
        for x in range(p["x"], p["x"] + p["w"])
        for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
