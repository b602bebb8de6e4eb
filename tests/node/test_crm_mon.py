"""The relay looks at a cluster whose crm_mon answers, hangs, lies, drips or is not there; nothing of it holds the relay up."""

import json
import os
import select
import time
from pathlib import Path

import pytest

from bridge.node import child as children
from bridge.node import crm_mon as crm
from bridge.node.crm_mon import Onlooker
from bridge.node.parts import parts
from bridge.wire.body import MAX_BODY, boot_id, moment
from tests.node.programs import Programs
from tests.waiting import eventually

SHOWN = Path(__file__).parent / "crm_mon"
HERE = moment(boot_id())
NOT_RUNNING = SHOWN / "2.1.5/14-not-running.xml"


@pytest.fixture
def program(tmp_path):
    return Programs(tmp_path)


@pytest.fixture
def onlooker(program):
    made = []

    def make(script: str, configuration: str = "") -> Onlooker:
        made.append(Onlooker(program(script), program(configuration, "cibadmin") if configuration else "off"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def look(onlooker, now, *, seconds=5.0):
    """A look at `now`, to its end, and another when it is due at once; what was told of it."""
    bodies = []
    end = time.monotonic() + seconds
    while onlooker._child is not None or onlooker._hurry.is_due(now):
        assert time.monotonic() < end
        if onlooker.fileno() >= 0 and select.select([onlooker.fileno()], [], [], 0.05)[0]:
            bodies += onlooker.on_readable(now, HERE)
        else:
            bodies += onlooker.on_tick(now, HERE)
    if onlooker._last is not None:  # a killed one takes a moment to be gone, which passes between two looks
        eventually(lambda: onlooker._last.ended(now) is not None)
    return [json.loads(body) for _, body in bodies]


def whys(said):
    return [(one["edge"], one.get("over", False), one["why"]) for one in said]


# --- time, by hand -------------------------------------------------------------------------------------------------------


def test_it_looks_every_fifteen_seconds_and_two_after_a_word(onlooker, program):
    one = onlooker(f"cat {SHOWN}/2.1.5/01-healthy.xml")
    for now in range(31):
        look(one, float(now))
    assert len(program.calls()) == 3

    one.hurry(31.0)
    one.hurry(32.9)
    looked = []
    for tenth in range(310, 440):
        before = len(program.calls())
        look(one, tenth / 10)
        looked += [tenth / 10] * (len(program.calls()) - before)
    assert looked == [33.0]


def test_what_looks_other_than_before_is_looked_at_again_two_seconds_later(onlooker, program, tmp_path):
    """No event may have told of it, and the bridge wants to know whether it lasts."""
    shown = tmp_path / "shown.xml"
    shown.write_bytes((SHOWN / "2.1.5/01-healthy.xml").read_bytes())
    one, looked = onlooker(f"cat {shown}"), []
    for now in range(40):
        if now == 10:
            shown.write_bytes((SHOWN / "2.1.5/07-banned-everywhere.xml").read_bytes())
        before = len(program.calls())
        look(one, float(now))
        looked += [now] * (len(program.calls()) - before)
    assert looked == [0, 15, 17, 32]


def test_what_happens_without_end_does_not_hurry_it_without_end(onlooker, program):
    one = onlooker("exit 102")
    for now in range(600):
        one.hurry(float(now))
        look(one, float(now))
    assert 600 / 15 <= len(program.calls()) <= 20 + 2 * 600 / 15 + 5


def test_a_cluster_that_does_not_run_here_is_a_picture_and_no_fault(onlooker):
    one = onlooker(f"cat {NOT_RUNNING}; exit 102")
    assert look(one, 0.0) == []
    assert one.picture.says == {
        "running": False,
        "why": "Not connected; error: Could not connect to launcher: Connection refused; crm_mon: Connection to cluster failed: Connection refused",
    }
    (body,) = [json.loads(text) for _, text in parts(*one.picture)]
    assert (body["src"], body["part"], body["of"], body["says"]["running"]) == ("crm_mon", 0, 1, False)


def test_not_connected_is_not_believed_of_who_may_not_ask(onlooker, monkeypatch):
    """2.0 says "not connected" to those who are not in the group haclient."""
    monkeypatch.setattr(crm.answers, "may_ask", lambda: False)
    one = onlooker(f"cat {SHOWN}/2.0.5/13-not-allowed.xml; exit 102")
    said = look(one, 0.0) + look(one, 6.0)
    assert one.picture is None
    assert [(what, "let the relay's user join the group haclient" in why) for what, _, why in whys(said)] == [("crm_mon", True)]


@pytest.mark.parametrize(
    "script, why",
    [
        (f"cat {SHOWN}/2.1.5/13-not-allowed.xml; exit 4", "not allowed (Insufficient privileges"),
        (f"head -c 3000 {SHOWN}/2.1.5/01-healthy.xml", "no XML of Pacemaker"),
        ("echo garbage; exit 1", "exit code 1: it printed what is no XML of Pacemaker (syntax error"),
        ("echo '<html/>'", "it printed <html>"),
        ("exit 0", "it printed nothing"),
        ("kill -SEGV $$", "exit code 139"),
        ("printf '<!DOCTYPE a [<!ENTITY b \"c\">]><crm_mon>&b;</crm_mon>'", "no XML of Pacemaker (a document type or an entity"),
        ("printf '<crm_mon>'; yes '<nodes><node name=\"x\"/></nodes>' | head -c 20000000", "more than 8 MiB"),
        ("printf '<crm_mon a=\"'; exec cat /dev/zero", "more than 8 MiB"),
        ("yes", "more than 8 MiB"),
    ],
)
def test_what_is_no_answer_is_told_once_and_so_is_its_end(onlooker, program, script, why):
    one = onlooker(script)
    said = [found for now in (0.0, 6.0, 22.0, 40.0, 60.0) for found in look(one, now, seconds=20)]
    (told,) = whys(said)
    assert told[:2] == ("crm_mon", False)
    assert why in told[2]
    assert one.picture is None

    program(f"cat {SHOWN}/2.1.5/01-healthy.xml")
    assert whys(look(one, 80.0)) == [("crm_mon", True, "the cluster is looked at again")]
    assert one.picture.says["dc"] == "n3"


@pytest.mark.parametrize(
    "script", ["sleep 60", "sleep 60 & exit 0", "exec >&-; sleep 60", "while :; do printf ' '; sleep 0.1; done"]
)
def test_who_hangs_or_drips_is_killed_with_all_that_it_started(onlooker, script):
    one = onlooker(script)
    one.on_tick(0.0, HERE)
    group = one._child._process.pid
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert one.on_tick(9.9, HERE) == []
        assert one.on_readable(9.9, HERE) == []
    said = one.on_tick(10.0, HERE) + one.on_tick(10.0, HERE)
    assert said == [], "once may be a cluster that is just starting"
    eventually(lambda: not one.on_tick(10.0, HERE) and one._last.ended(10.0) is not None)
    eventually(lambda: not _alive(group))

    one.on_tick(16.0, HERE)
    told = one.on_tick(26.0, HERE) + one.on_tick(26.1, HERE)
    assert "it did not answer within 10 s" in json.loads(told[0][1])["why"]


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_who_cannot_be_killed_is_asked_nothing_more(onlooker, program, monkeypatch):
    """A process that waits for a dead disk stays, whatever is done to it."""
    one = onlooker("sleep 60")
    one.on_tick(0.0, HERE)
    process = one._child._process
    monkeypatch.setattr(children.os, "killpg", lambda *_: None)
    said = [body for now in range(1, 200) for body in one.on_tick(float(now), HERE)]
    assert len(program.calls()) <= 1
    assert "cannot even be killed" in json.loads(said[-1][1])["why"]
    monkeypatch.undo()
    process.kill()


def test_no_crm_mon_is_no_fault_and_is_looked_for_again(tmp_path, program, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(children, "FOLDERS", str(tmp_path))
    one = Onlooker("auto", "auto")
    assert [look(one, float(now)) for now in range(0, 290, 10)] == [[]] * 29
    program("/bin/cat " + str(SHOWN / "2.1.5/01-healthy.xml"))
    look(one, 299.0)
    assert one.picture is None
    look(one, 301.0)
    assert one.picture.says["quorate"] is True
    one.close()


def test_one_that_is_named_and_not_there_is_told():
    one = Onlooker("/no/such/crm_mon", "off")
    assert "/no/such/crm_mon cannot be started: No such file" in whys(look(one, 0.0) + look(one, 6.0))[0][2]


def test_an_old_one_is_asked_as_it_understands(onlooker, program):
    """1.1 knows no --output-as and says so on stderr; later ones may not know a section."""
    old = f'case "$1" in --as-xml) sed -e "s/pacemaker-result/crm_mon/" -e "/<status/d" {SHOWN}/2.0.5/01-healthy.xml;; *) echo usage >&2; exit 64;; esac'
    one = onlooker(old)
    look(one, 0.0)
    for _ in range(3):
        look(one, 0.1)
    assert one.picture.says["dc"] == "n3"
    look(one, 20.0)
    assert [call.split()[0] for call in program.calls()] == ["--output-as=xml", "--output-as=xml", "--as-xml", "--as-xml"]


def test_the_configuration_is_read_when_it_changed(onlooker, program):
    said = SHOWN / "mixed/2.1.5.xml"
    one = onlooker(f"cat {said}", f"cat {SHOWN}/mixed/configuration.xml")
    for now in (0.0, 20.0, 40.0, 60.0):
        look(one, now)
    assert program.calls("cibadmin") == ["--query --xpath //configuration"] * 2
    assert one.picture.says["configured"] is True
    assert {row["id"] for row in one.picture.says["resources"] if row.get("maintenance")} == {"rest", "dlm"}

    program(f'sed \'s/<last_change time="[^"]*"/<last_change time="now"/\' {said}')
    program("exit 4", "cibadmin")
    told = [body for now in (80.0, 100.0) for body in look(one, now)]
    assert [what for what, _, _ in whys(told)] == ["cibadmin"]
    assert one.picture.says["changed"]["time"] == "now", "the picture is not held up by it"
    assert one.picture.says["configured"] is True

    program(f"cat {SHOWN}/mixed/configuration.xml", "cibadmin")
    assert whys(look(one, 120.0)) == [("cibadmin", True, "the configuration is read again")]


def test_a_large_picture_goes_in_parts_that_a_report_can_hold():
    rows = [{"id": f"resource-{number:05d}", "agent": "ocf:pacemaker:Dummy", "nodes": ["ü" * 50]} for number in range(1000)]
    bodies = [json.loads(text) for _, text in parts({"dc": "n1", "resources": rows, "bans": [{"id": "b"}]}, HERE)]
    assert len(bodies) > 3
    assert all(len(text) <= MAX_BODY for _, text in parts({"resources": rows}, HERE))
    assert [(body["part"], body["of"]) for body in bodies] == [(number, len(bodies)) for number in range(len(bodies))]
    assert len({body["picture"] for body in bodies}) == 1
    assert [row for body in bodies for row in body["says"].get("resources", [])] == rows
    assert [body["says"].get("dc") for body in bodies] == ["n1", *[None] * (len(bodies) - 1)]
