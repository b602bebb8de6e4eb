"""A cluster as a picture: where things run, what belongs together, and that nothing is green by nobody's word."""

from datetime import timedelta

import pytest

from bridge.core.world.incident import Kind, State
from bridge.page.sight.clusters import MOST_ROWS, MOST_WELL, picture
from bridge.page.sight.seen import Silence
from tests.page.scenes import (
    CRITICAL,
    INFO,
    NOW,
    OK,
    UNKNOWN,
    WARNING,
    condition,
    edges,
    minutes,
    node_lost,
    planned,
    replica,
    service,
    silent,
    to_us,
    well,
)
from tests.page.test_seen import brief


def drawn(*commits, open_now=(), works=(), heard=True):
    """As the ledger holds it after these commits: the last word of each."""
    conditions, layout, relays = {}, {}, {}
    for commit in commits:
        conditions |= {one.subject: one for one in commit.conditions}
        layout |= {one.name: one for one in commit.layout}
        relays |= {one.node: one for one in commit.edges}
    return picture("berlin", conditions.values(), layout.values(), relays.values(), open_now, NOW, works=works, heard=heard)


def rows(found):
    return {row.name: row for band in (*found.bands, *found.well) for row in band.rows}


def test_nodes_are_columns_and_each_service_has_its_mark():
    found = drawn(well("berlin"))
    assert (found.state, [head.name for head in found.heads]) == ("ok", ["n1", "n2", "n3"])
    cells = {name: row.cells for name, row in rows(found).items()}
    assert cells["vm-mail"] == ("started", "", "")
    assert cells["dlm"] == ("started", "started", "started")
    assert cells["db"] == ("started", "started", "promoted")
    assert {row.look.state for row in rows(found).values()} == {"ok"}
    assert found.remarks == ()


def test_what_belongs_together_stands_together_in_its_order():
    found = drawn(well("berlin"))
    bands = [(band.sort, band.title, [row.name for row in band.rows]) for band in found.bands]
    assert bands == [
        ("clone", "db-clone", ["db"]),
        ("clone", "dlm-clone", ["dlm"]),
        ("group", "web", ["web-fs", "web-ip", "web-srv"]),
        ("", "", ["vm-files", "vm-mail", "vm-web"]),
        ("", "", ["fence-a", "fence-b"]),
    ]


def test_replicas_are_ties_between_their_nodes():
    found = drawn(well("berlin"))
    files, mail = found.replicas
    (tie,) = files.ties
    assert (tie.left, tie.right, tie.state, tie.to) == (0, 2, "ok", None)
    assert [(copy.column, copy.role, copy.disk) for copy in mail.copies] == [
        (0, "Primary", "UpToDate"),
        (1, "Secondary", "UpToDate"),
    ]


def test_a_lost_node():
    found = drawn(well("berlin"), node_lost(), open_now=[brief(4, key="berlin/node/n3", kind=Kind.NODE_FAILURE)])
    assert found.state == "critical"
    assert [head.look.state for head in found.heads] == ["ok", "ok", "critical"]
    assert (found.heads[2].look.why, found.heads[2].look.number) == ("lost", 4)
    gone = rows(found)["vm-files"]
    assert (gone.look.state, gone.look.since, gone.runs) == ("critical", minutes(7), False)
    files, mail = found.replicas
    assert [tie.state for tie in files.ties] == ["warning"]
    (tie,) = mail.ties
    assert (tie.to, tie.link.done, tie.state) == (1, 40, "warning")
    assert found.up == ("n1", "n2")


def test_planned_work_is_neither_well_nor_wrong():
    found = drawn(well("berlin"), planned("berlin"))
    assert found.state == "ok"
    assert [head.look.state for head in found.heads] == ["ok", "planned", "ok"]
    assert rows(found)["web-srv"].look.state == "planned"
    everything = drawn(
        well("berlin"), type(planned("x"))(now=NOW, conditions=[condition("berlin", "cluster", INFO, "in maintenance")])
    )
    assert [(one.subject, one.look.state) for one in everything.remarks] == [("cluster", "planned")]


def work(what, *matchers, until=NOW + timedelta(hours=1)):
    said = {"id": "w", "matchers": matchers, "author": "anna", "comment": "new memory", "until_us": to_us(until), "planned": what}
    return Silence.of(said)


def test_what_somebody_works_on_is_marked_however_it_is():
    on_node = work("node=n3", 'cluster="berlin"', r'root=~"(node|fencing|relay)/n3|[^/]+/.*@n3"')
    on_guest = work("guest=vm-mail", 'cluster="berlin"', 'root=~"(resource|guest)/vm-mail"')
    others = [
        work("node=n1", 'cluster="hamburg"', 'root=~"node/n1"'),
        work("node=n1", 'cluster="berlin"', 'root=~"node/n1"', until=NOW),
        work("", 'cluster="berlin"', 'root=~"node/n1"'),
    ]
    found = drawn(well("berlin"), node_lost(), works=[on_node, on_guest, *others])
    assert [one.planned for one in found.works] == ["node=n3", "guest=vm-mail"]
    assert [head.look.classes for head in found.heads] == ["ok", "ok", "critical worked"]
    assert [name for name, row in rows(found).items() if row.look.worked_on] == ["vm-mail"]
    assert rows(found)["vm-mail"].look.classes == "ok worked"


def test_a_cluster_of_which_all_is_planned():
    found = picture("berlin", [condition("berlin", "node/n1", INFO, "in standby")], [], edges("berlin", "n1"), [], NOW)
    assert found.state == "planned"


def test_what_nobody_tells_of_is_unknown_and_not_what_it_was():
    found = drawn(well("berlin"), silent("berlin"))
    assert found.state == "unknown"
    assert found.silent_since == minutes(4)
    assert {row.look.state for row in rows(found).values()} | {head.look.state for head in found.heads} == {"unknown"}
    assert {tie.state for one in found.replicas for tie in one.ties} == {"unknown"}
    assert rows(found)["vm-mail"].look.why == "", "its last word says nothing about now"


def test_of_one_silent_relay_only_what_it_alone_could_tell_is_unknown():
    found = drawn(well("berlin"), type(silent("x"))(now=NOW, edges=edges("berlin", "n1", silent=("n1",))))
    assert rows(found)["vm-mail"].look.state == "ok"
    assert found.silent_since is None
    copies = {(one.name, copy.column): copy.look.state for one in found.replicas for copy in one.copies}
    assert copies == {("files", 0): "unknown", ("files", 2): "ok", ("mail", 0): "unknown", ("mail", 1): "ok"}


def test_without_a_bridge_nothing_is_known():
    found = drawn(well("berlin"), heard=False)
    assert found.state == "unknown"
    assert {row.look.state for row in rows(found).values()} == {"unknown"}
    assert found.remarks[0].look.why == ""


@pytest.mark.parametrize("severity, state", [(WARNING, "warning"), (CRITICAL, "critical"), (UNKNOWN, "unknown")])
def test_what_has_no_place_in_the_picture_is_said(severity, state):
    wrong = type(well("x"))(now=NOW, conditions=[condition("berlin", "fencing/n2", severity, "it failed")])
    found = drawn(well("berlin"), wrong)
    assert (found.state, [(one.subject, one.look.why) for one in found.remarks]) == (state, [("fencing/n2", "it failed")])


@pytest.mark.parametrize("state, cluster", [(State.OPEN, "critical"), (State.CLEARING, "ok"), (State.WATCHING, "ok")])
def test_a_cluster_with_an_open_incident_is_not_well(state, cluster):
    found = drawn(well("berlin"), open_now=[brief(1, severity=CRITICAL, state=state)])
    assert found.state == cluster


def test_a_cluster_of_which_nothing_is_known_is_unknown():
    assert picture("berlin", [], [], edges("berlin", "n1"), [], NOW).state == "unknown"


def test_what_only_a_replica_knows_has_a_column():
    found = picture(
        "berlin",
        [condition("berlin", "drbd/r0")],
        [replica("berlin", "r0", ("a", "Primary", "UpToDate"), ("b", "", ""))],
        [],
        [],
        NOW,
    )
    assert ([head.name for head in found.heads], found.state) == (["a", "b"], "ok")


def test_many_that_are_well_are_folded_and_what_is_not_stands_open():
    names = [f"vm-{number:03}" for number in range(MOST_WELL + 10)]
    conditions = [condition("berlin", f"guest/{name}", CRITICAL if name == "vm-007" else OK) for name in names]
    layout = [service("berlin", name, "n1" if name < "vm-010" else "n2", subject=f"guest/{name}") for name in names]
    found = picture("berlin", conditions, layout, edges("berlin", "n1", "n2"), [], NOW)
    assert [row.name for band in found.bands for row in band.rows] == ["vm-007"]
    assert found.folded == len(names) - 1
    assert found.folded_there == (9, MOST_WELL)
    assert sum(found.folded_there) == found.folded


def test_a_group_is_folded_as_a_whole():
    names = [f"r{number:03}" for number in range(MOST_WELL + 2)]
    conditions = [condition("berlin", f"resource/{name}", CRITICAL if name == "r001" else OK) for name in names]
    layout = [service("berlin", name, "n1", group="g1" if place < 3 else "g2", place=place) for place, name in enumerate(names)]
    found = picture("berlin", conditions, layout, edges("berlin", "n1"), [], NOW)
    assert [band.title for band in found.bands] == ["g1"]
    assert [band.title for band in found.well] == ["g2"]


def test_of_ten_thousand_that_fail_the_gravest_are_drawn_and_all_are_counted():
    names = [f"r{number:05}" for number in range(10_000)]
    conditions = [condition("berlin", f"resource/{name}", CRITICAL if name.endswith("999") else WARNING) for name in names]
    layout = [service("berlin", name, "n1") for name in names]
    found = picture("berlin", conditions, layout, edges("berlin", "n1"), [], NOW)
    drawn_rows = [row for band in found.bands for row in band.rows]
    assert len(drawn_rows) == MOST_ROWS
    assert sum(row.look.state == "critical" for row in drawn_rows) == 10
    assert found.more == 10_000 - MOST_ROWS
    assert found.state == "critical"


def test_many_that_are_well_are_counted_on_their_nodes_though_not_all_are_drawn():
    names = [f"r{number:05}" for number in range(1000)]
    conditions = [condition("berlin", f"resource/{name}") for name in names]
    layout = [service("berlin", name, "n1" if number % 2 else "n2") for number, name in enumerate(names)]
    found = picture("berlin", conditions, layout, edges("berlin", "n1", "n2"), [], NOW)
    assert (found.folded, found.folded_there, found.more) == (1000, (500, 500), 0)
    assert len([row for band in found.well for row in band.rows]) < 1000
