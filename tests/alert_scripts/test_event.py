"""What the hook writes down of what Pacemaker gives it."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

NODE = {
    "kind": "node",
    "version": "2.1.5",
    "node": "n3",
    "nodeid": "3",
    "desc": "lost",
    "recipient": "",
    "node_sequence": "1",
    "timestamp": "20:55:32.905425",
    "timestamp_epoch": "1795380932",
    "timestamp_usec": "905425",
}
FENCING = {
    "kind": "fencing",
    "version": "2.1.5",
    "node": "n3",
    "task": "st_notify_fence",
    "rc": "-62",
    "desc": "Operation reboot of n3 by n1 for stonith_admin.105@n1: Timed Out (ref=abeae5db-9fe3-47d2-80e2-055db2849285)",
}
RESOURCE = {
    "kind": "resource",
    "version": "3.0.1",
    "node": "n1",
    "rsc": "web:0",
    "task": "monitor",
    "interval": "10000",
    "rc": "7",
    "target_rc": "0",
    "status": "0",
    "exec_time": "41",
    "desc": "Not running",
}
ATTRIBUTE = {"kind": "attribute", "version": "1.1.18", "node": "n1", "attribute_name": "pingd", "attribute_value": ""}
OLDEST = {"kind": "resource", "version": "1.1.15", "node": "n1", "rsc": "web", "task": "start", "rc": "0", "desc": "ok"}
CLUSTERMON = {
    "CRM_notify_desc": "not running",
    "CRM_notify_node": "n2",
    "CRM_notify_rc": "7",
    "CRM_notify_recipient": "ops@example.com",
    "CRM_notify_rsc": "web",
    "CRM_notify_status": "0",
    "CRM_notify_target_rc": "0",
    "CRM_notify_task": "monitor",
}
OWN_KEYS = {"v", "id", "src", "boot", "boot_ns", "wall_ns", "uid", "crc"}


def alert(values: dict[str, str]) -> dict[str, str]:
    return {f"CRM_alert_{name}": value for name, value in values.items()}


def twins(values: dict[str, str]) -> dict[str, str]:
    return {f"CRM_notify_{name}": value for name, value in values.items()}


def told(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key not in OWN_KEYS}


@pytest.mark.parametrize("values", [NODE, FENCING, RESOURCE, ATTRIBUTE, OLDEST], ids=lambda values: values["kind"])
def test_each_kind_is_kept_with_every_variable_and_without_its_twins(node, python, values):
    surroundings = {"PATH": "/usr/bin", "PCMK_service": "pacemaker-execd", "HA_logfile": "/x", "team": "storage", "LC_ALL": "C"}

    ran = node.run({**alert(values), **twins(values), **surroundings}, python=python)

    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")
    assert told(node.only()) == alert(values)
    assert node.only()["src"] == "pacemaker"


def test_clustermon_gives_only_the_old_names(node, python):
    assert node.run(CLUSTERMON, python=python).code == 0

    assert told(node.only()) == CLUSTERMON
    assert node.only()["src"] == "clustermon"


def test_the_notification_agent_before_alerts_is_pacemaker_itself(node):
    node.run({**CLUSTERMON, "CRM_notify_kind": "resource"})

    assert node.only()["src"] == "pacemaker"
    assert node.only()["CRM_notify_kind"] == "resource"


def test_a_call_without_any_event_is_kept_too(node):
    """Somebody set the agent up wrongly: to be seen in the middle, not to vanish on the node."""
    assert node.run({}).code == 0

    assert told(node.only()) == {}


def test_who_when_and_the_name_of_the_file(node, python):
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    node.run(alert(NODE), python=python)
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()

    report = node.only()
    float_step = 1000  # Python 3.6 has its clocks as floats
    assert before[0] - float_step <= report["boot_ns"] <= after[0] + float_step
    assert before[1] - float_step <= report["wall_ns"] <= after[1] + float_step
    assert report["v"] == 1
    assert report["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert report["uid"] == os.getuid()
    assert node.files()[0].name == report["id"]
    assert bytes.fromhex(report["id"])[:8] == report["boot_ns"].to_bytes(8, "big")
    assert len(report["id"]) == 32
    assert next(iter(report)) == "v"


def test_ids_sort_by_time_and_are_never_the_same(node):
    for count in range(12):
        node.run(alert({**NODE, "node_sequence": str(count)}))

    kept = [path.read_text() for path in node.files()]
    assert [f'"CRM_alert_node_sequence":"{count}"' in text for count, text in enumerate(kept)] == [True] * 12
    assert len({path.name[16:] for path in node.files()}) == 12


def test_odd_bytes_become_text_that_every_database_takes(node, python):
    """There is no NUL here: a process's environment consists of strings that end at it."""
    odd = b'\xff\xfe\xc3\xa4\xed\xa0\x80"\\\x01\x7f\n\t' + "\U0001f514\u2028".encode()

    ran = node.run({b"CRM_alert_kind": b"node", b"CRM_alert_desc": odd, b'CRM_alert_\xe9"': b"x", "LC_ALL": "C"}, python=python)

    assert (ran.code, ran.stderr) == (0, "")
    expected = '\\xff\\xfe\u00e4\\xed\\xa0\\x80"\\\x01\x7f\n\t\U0001f514\u2028'
    assert told(node.only()) == {"CRM_alert_kind": "node", "CRM_alert_desc": expected, 'CRM_alert_\\xe9"': "x"}


@pytest.mark.parametrize("length, truncated", [(4096, None), (4097, True), (130_000, True)])
def test_a_value_is_cut_at_four_kibibytes_and_says_so(node, python, length, truncated):
    node.run(alert({**NODE, "desc": "x" * length}), python=python)

    report = node.only()
    assert report["CRM_alert_desc"] == "x" * min(length, 4096)
    assert report.get("truncated") is truncated
    assert report["CRM_alert_timestamp"] == NODE["timestamp"]


def test_a_value_is_measured_in_its_raw_bytes(node):
    """4096 bytes that are no UTF-8 become 20 480 characters of JSON: not cut, it is within the whole's 32 KiB."""
    node.run({**alert(NODE), b"CRM_alert_attribute_value": b"\xff" * 4096})

    assert node.only()["CRM_alert_attribute_value"] == "\\xff" * 4096
    assert "truncated" not in node.only()


@pytest.mark.parametrize("fill", [b"x", b"\xff", b"\x01", "\u20ac".encode()], ids=["ascii", "broken", "control", "euro"])
def test_a_megabyte_is_cut_to_32_kibibytes_and_the_short_values_survive(node, python, fill):
    """Linux takes 128 KiB in one variable, so a megabyte is nine of them."""
    big = {f"CRM_alert_big{n}".encode(): fill * (120_000 // len(fill)) for n in range(9)}

    ran = node.run({**alert(RESOURCE), **big}, python=python)

    assert ran.code == 0
    report = node.only()
    assert report["truncated"] is True
    assert alert(RESOURCE).items() <= report.items()
    assert sum(len(value) for value in told(report).values() if isinstance(value, str)) > 4096
    assert len(node.files()[0].read_bytes()) > 16_384


def test_ten_thousand_small_variables_are_no_way_round_the_limit(node, python):
    ran = node.run({**alert(NODE), **{f"CRM_alert_{n:06d}": "y" * 60 for n in range(10_000)}}, python=python)

    assert ran.code == 0
    assert ran.seconds < 3
    assert alert({"kind": "node", "node": "n3"}).items() <= node.only().items()
    assert node.only()["truncated"] is True


def test_what_does_not_fit_at_all_is_left_out_and_never_empty(node):
    """An empty attribute value means that the attribute was deleted."""
    node.run({**alert(ATTRIBUTE), **{f"CRM_alert_z{n}": "z" * 4096 for n in range(20)}})

    report = node.only()
    assert report["CRM_alert_attribute_value"] == ""
    assert all(value for key, value in report.items() if key.startswith("CRM_alert_z"))
