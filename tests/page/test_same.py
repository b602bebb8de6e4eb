"""One truth: `status --json`, the page and the Opsview board say the same of one ledger, at every step of a story."""

from collections.abc import Callable

import pytest

from bridge.asked.status import whole
from bridge.core.showing.board import Board
from bridge.core.showing.picture import Shade, Target
from bridge.page.watch import Watch
from tests.page.scenes import NOW, Place, node_lost, planned, several, silent, well

pytestmark = pytest.mark.whole

SHADES = {"ok": Shade.OK, "planned": Shade.OK, "warning": Shade.WARNING, "critical": Shade.CRITICAL, "unknown": Shade.UNKNOWN}
STEPS: list[tuple[str, Callable]] = [
    ("all is well", lambda: [well("berlin"), well("hamburg"), well("koeln"), well("wien", ("alpha", "bravo", "charlie"))]),
    ("a node is lost", lambda: [node_lost("berlin")]),
    ("one is worked on", lambda: [planned("hamburg")]),
    ("one says nothing", lambda: [silent("koeln")]),
    ("several more", lambda: [several("wien")]),
]


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


def on_board(commits):
    """The state of each service, as a board is told of it."""
    board = Board(Target, Target("bridge", "Quorumbell"))
    places = []
    for commit in commits:
        for edge in commit.edges:
            board.hear(edge.cluster, edge.node, edge.last_heard_at if edge.silent else None, NOW)
        for one in commit.conditions:
            board.learn(one, NOW)
            places.append((one.cluster, one.subject))
    return {place: board.scene.picture(Target(*place)).shade for place in places}


def on_page(told):
    """The state of each thing that the picture has a place for."""
    found = {}
    for cluster in told.clusters:
        for head in cluster.heads:
            found[cluster.name, f"node/{head.name}"] = head.look.state
        for band in (*cluster.bands, *cluster.well):
            for row in band.rows:
                found[cluster.name, f"{'guest' if row.sort == 'guest' else 'resource'}/{row.name}"] = row.look.state
        for one in cluster.replicas:
            found[cluster.name, f"drbd/{one.name}"] = one.look.state
            for copy in one.copies:
                found[cluster.name, f"drbd/{one.name}@{cluster.heads[copy.column].name}"] = copy.look.state
        found |= {(cluster.name, one.subject): one.look.state for one in cluster.remarks}
    return {where: SHADES[state] for where, state in found.items()}


@pytest.mark.parametrize("steps", range(1, len(STEPS) + 1), ids=[name for name, _ in STEPS])
def test_status_page_and_board_say_the_same(place, steps):
    commits = [commit for _, make in STEPS[:steps] for commit in make()]
    place.commit(*commits)
    place.bridge.words["acknowledged"] = {"x/taken": "berta"}
    watch = Watch(place.config)
    watch.look()
    watch.close()
    board, page = on_board(commits), on_page(watch.sight("en"))
    assert {where: shade.name for where, shade in page.items()} == {where: board[where].name for where in page}
    unseen = board.keys() - page.keys()
    assert {board[where] for where in unseen} <= {Shade.OK}, "what is not well is somewhere on the page"
    told = whole(place.config)
    open_now = {one["id"]: one["acknowledged_by"] for one in told["incidents"]}
    piles = watch.sight("en").piles
    assert {story.number: story.taken_by or None for pile in piles for story in pile.stories} == open_now
    assert sum(pile.count for pile in piles) == told["counts"]["open_incidents"]
    assert {(one["cluster"], one["node"]) for one in told["edges"] if one["silent"]} == {
        (edge.cluster, edge.node) for edge in watch.seen.overview.edges if edge.silent
    }
