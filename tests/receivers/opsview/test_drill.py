"""Drills on a board, which has one object for all of them."""

from tests.receivers.opsview.site import site
from tests.servers.opsview import Rules

DRILLED = "Quorumbell drill"


def test_two_clusters_drills_at_once_are_shown_one_after_the_other(tmp_path):
    """Each is read back before the next takes its place; Opsview takes two seconds to show what it took."""
    with site(tmp_path, Rules(delays=[2.0]), drill_service=DRILLED) as one:
        one.opsview.provide("bellhost", ["Quorumbell", DRILLED], freshness=180)
        told = []
        for drill in ("d1", "d2"):
            assert one.boards.drill("failover", drill, told.append) == {"noc"}
        one.wait(25, step=1)
        assert [(word.good, word.why) for word in told] == [(True, f"shown as {DRILLED} on bellhost")] * 2
        assert "d2" in one.shown("bellhost", DRILLED)[1]
