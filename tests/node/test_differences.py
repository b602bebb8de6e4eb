"""Lines of a real `drbdsetup events2` in, reports out: the first dump whole, then what changed, and no number for its own sake."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.normalise import normalise
from bridge.core.world.event import Report
from bridge.node.events2 import Differences, listing
from bridge.wire.body import MAX_BODY, boot_id, make_body, moment

RECORDED = Path(__file__).parent / "events2"
END = "2026-11-22T20:00:00.5+00:00 exists -"
AT = "2026-11-22T20:00:01.000001+00:00"


def follow(lines):
    differences = Differences()
    return [dict(told) for line in lines for told in differences.take(line, 0.0)] + [
        dict(told) for told in differences.flush(0.0)
    ]


def after_dump(*lines, dump=()):
    return follow([*dump, END, *lines])[len({line.split("name:")[1].split()[0] for line in dump}) + 1 :]


def recorded(name):
    return (RECORDED / name).read_text().splitlines()


@pytest.mark.parametrize("name", ["8.4-split-brain.txt", "9.2-quorum-lost.txt", "9.2-out-of-sync.txt"])
def test_a_recording_begins_with_all_there_is_and_goes_on_with_states(name):
    reports = follow(recorded(name))

    assert [report.get("dump") for report in reports[:3]] == [True, True, None]
    assert reports[1] == {"dump": True, "resources": "r0"}
    assert len(reports) < len(recorded(name)), "numbers alone are no report"
    for report in reports[2:]:
        assert report["line1"][:4] == "2026"
        assert not any("read:" in line or "sent:" in line for line in report.values())


def test_the_dump_keeps_states_and_drops_numbers():
    dump, *_ = follow(recorded("8.4-split-brain.txt"))

    assert dump == {
        "dump": True,
        "line1": "2026-11-22T20:01:20.061758+00:00 exists resource name:r0 role:Secondary suspended:no",
        "line2": "exists connection name:r0 peer-node-id:0 conn-name:peer connection:Connected role:Secondary",
        "line3": "exists device name:r0 volume:0 minor:0 disk:UpToDate",
        "line4": "exists peer-device name:r0 peer-node-id:0 conn-name:peer volume:0"
        " replication:Established peer-disk:UpToDate resync-suspended:no out-of-sync:0",
    }


def test_what_belongs_to_one_instant_is_one_report():
    reports = follow(recorded("8.4-split-brain.txt"))

    lost = next(report for report in reports[2:] if "NetworkFailure" in report["line1"])
    assert lost == {
        "line1": "2026-11-22T20:01:26.685596+00:00 change connection name:r0 peer-node-id:0 conn-name:peer"
        " connection:NetworkFailure role:Unknown",
        "line2": "change peer-device name:r0 peer-node-id:0 conn-name:peer volume:0"
        " replication:Off peer-disk:DUnknown out-of-sync:0",
    }


def test_quorum_and_frozen_io_of_9_are_told():
    text = json.dumps(follow(recorded("9.2-quorum-lost.txt"))[2:])

    for said in ("suspended:quorum", "quorum:no", "helper:quorum-lost", "quorum:yes", "suspended:no"):
        assert said in text


def test_what_a_verify_found_goes_along_with_its_end():
    found = [
        line
        for report in follow(recorded("9.2-out-of-sync.txt"))[2:]
        for line in report.values()
        if "replication:Established" in line
    ]

    assert any("out-of-sync:" in line and "out-of-sync:0" not in line for line in found)


def test_a_state_that_is_told_again_is_no_news():
    line = f"{AT} change device name:r0 volume:0 minor:0 disk:UpToDate"

    assert len(after_dump(line, f"{AT[:-6]}9+00:00 change device name:r0 volume:0 minor:0 disk:UpToDate size:9")) == 1


def test_numbers_alone_are_no_news():
    assert after_dump(f"{AT} change peer-device name:r0 conn-name:b volume:0 out-of-sync:4711 sent:1") == []


def test_a_value_may_hold_colons_and_a_key_an_underscore():
    (report,) = after_dump(f"{AT} rename resource name:old new_name:a:b")

    assert report == {"line1": f"{AT} rename resource name:old new_name:a:b"}


@pytest.mark.parametrize(
    "line",
    ["", "  ", f"{AT} change path name:r0 local:a peer:b", f"{AT} create galaxy name:r0 x:y", f"{AT} change device disk:Failed"],
)
def test_what_is_not_known_is_skipped(line):
    differences = Differences()
    list(differences.take(END, 0.0))

    assert [*differences.take(line, 0.0), *differences.flush(0.0)] == []
    assert differences.strange == ""


@pytest.mark.parametrize(
    "line", ["Could not connect to 'drbd' generic netlink family", "\x00\ufffd", f"{AT} shout device name:r0 disk:Failed"]
)
def test_what_is_no_line_of_events2_is_kept_for_the_log(line):
    differences = Differences()
    list(differences.take(END, 0.0))

    assert [*differences.take(line, 0.0), *differences.flush(0.0)] == []
    assert differences.strange == line.strip()[:200]


def test_what_was_destroyed_and_made_anew_is_told_anew():
    change = "connection name:r0 peer-node-id:0 conn-name:peer connection:StandAlone"
    reports = after_dump(f"{AT} create {change}", f"{AT} destroy {change.rpartition(' ')[0]}", f"{AT} create {change}")

    assert [line.split()[-1] for line in reports[0].values()] == [
        "connection:StandAlone",
        "conn-name:peer",
        "connection:StandAlone",
    ]


# --- loops ---------------------------------------------------------------------------------------------------------------


class Clock:
    """Lines at seconds; what was told of them, as lines."""

    def __init__(self):
        self.differences = Differences()
        list(self.differences.take(END, 0.0))

    def say(self, at, words):
        return self._lines(self.differences.take(f"2026-11-22T20:00:{at % 60:09.6f}+00:00 {words}", at))

    def quiet(self, at):
        return self._lines(self.differences.flush(at))

    @staticmethod
    def _lines(reports):
        return [line for report in reports for key, line in report.items() if key.startswith("line")]


PEER = "peer-device name:r0 peer-node-id:1 conn-name:b volume:0"


def test_a_loop_of_states_is_a_few_lines_and_its_last_state_is_told():
    clock = Clock()
    lines = []
    for turn in range(2001):
        lines += clock.say(turn * 0.5, f"change {PEER} replication:{'Ahead' if turn % 2 else 'SyncSource'} out-of-sync:{turn}")
    assert len(lines) < 15
    settled = clock.quiet(1004.0)
    assert settled == [], "not yet quiet for long enough"
    (last,) = clock.quiet(1006.0)
    assert last.endswith("replication:SyncSource out-of-sync:2000")
    assert last.startswith("2026-11-22T20:00:40.0"), "as old as it says"
    assert clock.quiet(2000.0) == []


def test_a_loop_that_ends_where_it_was_last_told_is_no_news():
    clock = Clock()
    told = [
        line
        for turn in range(21)
        for line in clock.say(turn * 0.5, f"change {PEER} replication:{'Ahead' if turn % 2 else 'Off'}")
    ]
    assert "Off" in told[-1] or "Ahead" in told[-1]
    last = told[-1].rpartition(":")[2]
    clock.say(11.0, f"change {PEER} replication:{last}")
    clock.say(11.1, f"change {PEER} replication:{'Ahead' if last == 'Off' else 'Off'}")
    clock.say(11.2, f"change {PEER} replication:{last}")
    assert clock.quiet(60.0) == []


def test_a_new_state_in_a_loop_is_told_at_once():
    clock = Clock()
    for turn in range(100):
        clock.say(turn * 0.5, f"change {PEER} replication:{'Ahead' if turn % 2 else 'SyncSource'}")
    clock.say(50.0, f"change {PEER} replication:Off peer-disk:Failed")
    (line,) = clock.quiet(50.05)
    assert "peer-disk:Failed" in line


def test_a_call_again_and_again_is_a_few_lines_and_another_answer_is_told():
    clock = Clock()
    call = "helper name:r0 peer-node-id:1 conn-name:b helper:before-resync-source"
    lines = []
    for turn in range(600):
        lines += clock.say(turn * 1.0, f"call {call}") + clock.say(turn * 1.0 + 0.1, f"response {call} status:0")
    assert len(lines) < 30
    clock.say(600.0, f"response {call} status:256")
    assert any("status:256" in line for line in clock.quiet(600.05))


def test_changes_with_time_between_them_are_all_told():
    clock = Clock()
    lines = [
        line
        for turn in range(60)
        for line in clock.say(turn * 20.0, f"change {PEER} replication:{'Ahead' if turn % 2 else 'Off'}")
    ]
    assert len(lines) == 59, "the last one waits for more of its instant"


def test_numbers_that_come_and_do_not_fall_are_a_state():
    clock = Clock()
    clock.say(0.0, f"change {PEER} replication:SyncSource out-of-sync:500")
    lines = [line for at in range(10, 900, 10) for line in clock.say(at, f"change {PEER} sent:{at} out-of-sync:500")]
    assert [line.partition(" volume:0 ")[2] for line in lines] == [
        "replication:SyncSource out-of-sync:500",
        "stalled:yes out-of-sync:500",
    ]
    clock.say(910, f"change {PEER} out-of-sync:499")
    assert "stalled:no" in clock.quiet(911)[0]


def test_each_tenth_of_a_resync_is_told_and_nothing_between():
    clock = Clock()
    clock.say(0.0, f"change {PEER} replication:SyncTarget out-of-sync:1000")
    lines = [line for at in range(1, 100) for line in clock.say(at, f"change {PEER} received:{at} out-of-sync:{1000 - at * 10}")]
    lines += clock.say(100.0, f"change {PEER} replication:Established out-of-sync:0") + clock.quiet(101.0)
    told = [line.partition(" volume:0 ")[2].partition(" out-of-sync")[0] for line in lines]
    steps = [f"resynced:{step}" for step in range(10, 100, 10)]
    assert told == ["replication:SyncTarget", *steps, "replication:Established resynced:0"]


def test_a_short_resync_only_begins_and_ends():
    clock = Clock()
    clock.say(0.0, f"change {PEER} replication:SyncTarget out-of-sync:1000")
    lines = [line for at in range(1, 40) for line in clock.say(at / 10, f"change {PEER} out-of-sync:{1000 - at * 25}")]
    lines += clock.say(4.1, f"change {PEER} replication:Established out-of-sync:0") + clock.quiet(5.0)
    assert not any("resynced" in line for line in lines)


def test_what_is_written_meanwhile_takes_no_step_back():
    clock = Clock()
    clock.say(0.0, f"change {PEER} replication:SyncTarget out-of-sync:1000")
    clock.say(10.0, f"change {PEER} out-of-sync:500")
    clock.say(20.0, f"change {PEER} out-of-sync:800")
    clock.say(30.0, f"change {PEER} replication:PausedSyncT")
    clock.say(40.0, f"change {PEER} replication:SyncTarget out-of-sync:800")
    lines = clock.say(50.0, f"change {PEER} out-of-sync:700") + clock.quiet(60.0)
    assert not any("resynced" in line for line in lines)


def test_a_resync_of_which_no_number_is_told_is_not_called_stalled():
    clock = Clock()
    clock.say(0.0, f"change {PEER} replication:SyncSource out-of-sync:500")
    clock.quiet(1.0)
    clock.say(4000.0, f"change {PEER} replication:Established out-of-sync:0")
    assert "stalled" not in clock.quiet(4001.0)[0]


# --- colours and differences ---------------------------------------------------------------------------------------------

FOREIGN = [
    f"{AT} change connection name:r0 peer-node-id:1 conn-name:b connection:\x1b[1;32mConnected\x1b[0m role:Primary",
    f"{AT} change connection name:r0 peer-node-id:1 conn-name:b connection:Connecting->Connected",
]


@pytest.mark.parametrize("line", FOREIGN)
def test_colours_and_differences_are_not_taken_for_states(line):
    differences = Differences()
    told = [*differences.take(line, 0.0), *differences.take(END, 0.0), *differences.flush(0.0)]
    assert told == [], "a list without what could not be read would say that it is gone"
    assert differences.foreign
    assert differences.strange.startswith(AT)


def test_an_arrow_in_a_number_or_a_name_is_no_difference():
    differences = Differences()
    told = [*differences.take(f"{AT} exists device name:r0 volume:0 minor:0 backing_dev:/dev/a->b disk:UpToDate", 0.0)]
    told += differences.take(END, 0.0)
    assert "disk:UpToDate" in told[0]["line1"]


# --- sizes ---------------------------------------------------------------------------------------------------------------


def sent(fields):
    _, body = make_body("drbd-events", fields, moment(boot_id()))
    return json.loads(body)


def test_many_resources_are_all_listed():
    """A list that was cut would say of the rest that it is gone."""
    names = [f"pvc-0b5bd28e-9b1c-4b8f-8d0e-{number:012d}" for number in range(700)]

    body = sent(listing(names))

    assert "truncated" not in body
    report = Report(uid=b"", cluster="demo", node="alpha", source="drbd-events", received_at=datetime.now(UTC), body=body)
    assert normalise(report).resources == tuple(names)


def test_a_resource_too_large_for_one_report_shows_what_is_there_and_hides_nothing():
    lines = [f"exists device name:big volume:{number} minor:{number} disk:UpToDate" for number in range(1000)]

    reports = follow([*lines, END])

    assert sum(line.count("disk:UpToDate") for report in reports for line in map(str, report.values())) == 1000
    assert [report.get("dump") for report in reports] == [None] * (len(reports) - 1) + [True]


def test_no_report_is_ever_cut():
    name = "n" * 120
    lines = [f"exists peer-device name:{name} peer-node-id:{n} conn-name:{name} volume:{n} replication:Off" for n in range(300)]

    for report in follow([*lines, END, *(f"{AT} {line.replace('exists', 'create')}" for line in lines)]):
        body = sent(report)
        assert "truncated" not in body
        assert len(json.dumps(body)) < MAX_BODY


def test_no_resource_at_all_is_a_list_too():
    assert follow([END]) == [{"dump": True, "resources": ""}]
