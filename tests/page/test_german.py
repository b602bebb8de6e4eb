"""The page in German over every recording: no row of it is told in the core's English."""

import html
import re
from pathlib import Path

import pytest

from bridge.config.config import parse_config
from bridge.config.correlation import CorrelationSettings
from bridge.core.telling.match import Route
from bridge.core.world.event import Severity
from bridge.ledger.records import Edge
from bridge.page.links import Links
from bridge.page.person import Person
from bridge.page.render import rendered
from bridge.page.sight.clusters import picture
from bridge.page.sight.sight import Sight
from bridge.rehearse.rehearse import Rehearsal, read_recording
from bridge.texts.translated import phrases

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"
PATHS = sorted(one for one in RECORDINGS.iterdir() if one.is_dir() or (one.suffix == ".json" and one.stat().st_size > 3))
"""Some are empty: nothing was told of it."""
STEMS = {max(re.split(r"\{\w+\}", english), key=len).strip(" ,;:()") for english in phrases()}
ENGLISH = [stem for stem in STEMS if " " in stem and stem != "not configured"]
"""The longest piece of each English phrase that no name interrupts; this one Pacemaker says, too."""


class Worst(Rehearsal):
    """Remembers the cluster as it was when the most of it was not well."""

    def __init__(self):
        super().__init__(CorrelationSettings().core(), (Route(receivers=("bell",)),))
        self._now_known, self._laid = {}, {}
        self.conditions, self.layout, self.nodes = [], [], set()
        self._most = -1

    def _keep(self, outcome):
        super()._keep(outcome)
        self._now_known |= {one.subject: one for one in outcome.conditions}
        self._laid |= {one.name: one for one in outcome.layout}
        count = sum(one.severity is not Severity.OK for one in self._now_known.values())
        if outcome.conditions and count > self._most:
            self._most, self.conditions, self.layout = count, [*self._now_known.values()], [*self._laid.values()]


def page(path, language, tmp_path):
    worst = Worst()
    reports = read_recording(path)
    worst.take(reports)
    at = reports[-1].received_at
    cluster = worst.conditions[0].cluster
    edges = [Edge(cluster=cluster, node=node, last_heard_at=at, silent=False) for node in {report.node for report in reports}]
    drawn = picture(cluster, worst.conditions, worst.layout, edges, [], at)
    found = Sight(
        number=1, state=drawn.state, sentence=("no_reports", {}), beside=(), since=at, at=at, failover=None, clusters=(drawn,), piles=(),
    )  # fmt: skip
    links = Links(parse_config("", tmp_path / "q.toml"))
    return html.unescape(rendered(Person(name="anna", language=language), "_now.html", sight=found, wall=False, links=links))


@pytest.mark.many
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_no_row_is_english(path, tmp_path):
    shown = page(path, "de", tmp_path)
    assert [english for english in ENGLISH if english in shown] == []


def test_this_would_be_seen(tmp_path):
    """The same in English has some."""
    shown = page(RECORDINGS / "lab-down-then-disabled.json", "en", tmp_path)
    assert [english for english in ENGLISH if english in shown] != []
