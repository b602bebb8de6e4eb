"""The checker itself, on real answers of crm_mon: what it must find, and what it must leave alone."""

from pathlib import Path

import pytest

from tests.cluster.checker import Shown, contradictions, truth_of

SEEN = Path(__file__).parents[1] / "node/crm_mon"
VERSIONS = ("2.0.5", "2.1.5", "3.0.0")
GREEN = Shown("ok", "OK - runs", downtime=False)
RELAYS = {"n1", "n2"}
RED = Shown("critical", "CRITICAL - runs nowhere", downtime=False)


def picture(name, version="2.1.5"):
    return {"n1": (SEEN / version / f"{name}.xml").read_text()}


def green(pictures):
    """A board on which all is well, whatever the cluster says."""
    truth = truth_of(pictures)
    places = [(name, "Cluster Node") for name in truth.nodes] + [("ha1", "Cluster")]
    places += [("ha1", f"{'Guest' if one.guest else 'Resource'}: {one.name}") for one in truth.services.values()]
    return dict.fromkeys(places, GREEN)


def status(*incidents, silent=()):
    return {"incidents": list(incidents), "edges": [{"node": name, "silent": name in silent} for name in ("n1", "n2", "n3")]}


def incident(root, *subjects, severity="critical", state="open", planned=False):
    words = {"id": 1, "cluster": "ha1", "kind": "some-kind", "summary": "Something is wrong.", "planned": planned}
    return {**words, "root": root, "subjects": list(subjects), "severity": severity, "state": state}


def found(pictures, told=None, **shown):
    """The subjects of the contradictions, by default on a green board with nothing told. `shown` is by service's name, or node's."""
    board = green(pictures)
    for (host, service), _ in list(board.items()):
        for name, one in shown.items():
            if name in {host, service.partition(": ")[2]}:
                board[host, service] = one
    return sorted({line.partition(": ")[0] for line in contradictions(pictures, told or status(), board, "ha1", RELAYS)})


@pytest.mark.parametrize("version", VERSIONS)
def test_where_all_is_well_a_green_board_is_right(version):
    assert found(picture("01-healthy", version)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_that_started_nowhere_must_be_red_and_told(version):
    pictures = picture("03-failed-everywhere-everything", version)
    stopped = [one.name for one in truth_of(pictures).services.values() if not one.runs]
    assert stopped
    assert {f"resource/{name}" for name in stopped} <= set(found(pictures))
    told = status(incident(f"resource/{stopped[0]}", *(f"resource/{name}" for name in stopped)))
    assert found(pictures, told, **dict.fromkeys(stopped, RED)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_banned_everywhere_is_stopped_though_nobody_asked_for_it(version):
    assert [line for line in found(picture("07-banned-everywhere", version)) if line.startswith("resource/")]


@pytest.mark.parametrize("version", VERSIONS)
def test_standby_is_said_or_in_downtime(version):
    assert found(picture("04-standby", version)) == ["node/n2"]
    assert found(picture("04-standby", version), n2=Shown("ok", "OK - in standby", downtime=False)) == []
    assert found(picture("04-standby", version), n2=Shown("warning", "WARNING", downtime=True)) == []
    assert found(picture("04-standby", version), n2=Shown("critical", "CRITICAL - in standby", downtime=False)) == ["node/n2"]


@pytest.mark.parametrize("version", VERSIONS)
def test_unmanaged_and_disabled_are_said(version):
    pictures = picture("06-unmanaged-disabled", version)
    assert found(pictures) == ["resource/ip", "resource/web-fs", "resource/web-srv"]
    off = Shown("ok", "OK - switched off by an administrator", downtime=False)
    says = {"ip": Shown("ok", "OK - unmanaged", downtime=False), "web-fs": off, "web-srv": off}
    assert found(pictures, **says) == []
    assert found(pictures, status(incident("resource/web-fs")), **says) == ["resource/web-fs"]
    assert found(pictures, status(incident("resource/web-fs", planned=True)), **says) == []
    assert found(pictures, **says | {"web-fs": Shown("warning", "WARNING - runs nowhere", downtime=False)}) == ["resource/web-fs"]


def test_what_died_and_nobody_looks_after_is_neither_green_nor_critical():
    (text,) = picture("06-unmanaged-disabled").values()
    runs = 'role="Started" active="true" orphaned="false" blocked="false" managed="false"'
    assert text.count(runs) == 1
    pictures = {"n1": text.replace(runs, runs.replace("Started", "Stopped").replace("true", "false", 1))}
    warned, said = (Shown(state, "unmanaged: it does not run", downtime=False) for state in ("warning", "ok"))
    assert "resource/ip" in found(pictures, ip=said)
    assert "resource/ip" in found(pictures, ip=RED)
    assert "resource/ip" not in found(pictures, ip=warned)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unclean_node_must_be_critical_and_told_and_so_must_what_is_listed_there(version):
    pictures = picture("08b-unclean-fence-failed", version)
    subjects = found(pictures)
    assert "node/n3" in subjects
    on_it = [one.name for one in truth_of(pictures).services.values() if not one.runs]
    assert {f"resource/{name}" for name in on_it} <= set(subjects)


@pytest.mark.parametrize("name", ["09-fenced", "11-orderly-away"])
def test_a_node_that_is_away_is_red_or_said_to_be_shut_down(name):
    assert "node/n3" in found(picture(name))
    assert "node/n3" not in found(picture(name), n3=RED)
    assert "node/n3" not in found(picture(name), n3=Shown("ok", "OK - left in good order", downtime=False))


def test_without_a_quorum_neither_the_cluster_nor_what_ran_on_lost_nodes_is_green():
    subjects = found(picture("12-no-quorum"))
    assert "cluster" in subjects
    assert {"node/n2", "node/n3"} & set(subjects)


def test_what_is_well_is_not_red_and_no_root_of_something_critical():
    pictures = picture("01-healthy")
    assert found(pictures, ip=RED) == ["resource/ip"]
    assert found(pictures, n2=RED) == ["node/n2"]
    assert found(pictures, status(incident("node/n2"))) == ["node/n2"]
    assert found(pictures, status(incident("resource/ip"))) == ["resource/ip"]
    assert found(pictures, status(incident("resource/ip", state="clearing"))) == []
    assert found(pictures, status(incident("resource/ip", severity="warning"))) == []


def test_what_is_gone_is_not_red():
    pictures = picture("01-healthy")
    board = green(pictures) | {("ha1", "Resource: old"): RED}
    assert contradictions(pictures, status(), board, "ha1", RELAYS) == [
        "resource/old: is not in the cluster, and shown as critical: CRITICAL - runs nowhere"
    ]


def test_what_is_not_shown_is_found_and_a_relay_that_is_called_silent_though_it_runs():
    pictures = picture("01-healthy")
    board = green(pictures)
    del board["ha1", "Resource: ip"], board["n2", "Cluster Node"]
    assert sorted(contradictions(pictures, status(silent=["n1", "n3"]), board, "ha1", RELAYS)) == [
        "node/n2: nothing is shown",
        "relay/n1: it runs, and is called silent",
        "resource/ip: nothing is shown",
    ]


def test_the_one_with_quorum_speaks():
    alone = picture("12-no-quorum")["n1"]
    assert not truth_of({"n1": alone}).quorate
    assert truth_of({"n1": alone, "n2": picture("01-healthy")["n1"]}).quorate
