"""Whatever the order of arrival, the story is the same; and two stories at once are two. (hypothesis, over the recordings)"""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.event import Unreadable
from bridge.core.normalise import normalise
from bridge.core.settings import Settings
from bridge.line import Line
from bridge.rehearse import Rehearsal, bell, read_recording

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json") if "notify" not in path.stem)
REPORTS = {name: read_recording(RECORDINGS / f"{name}.json") for name in NAMES}
SINGLE = [name for name in NAMES if name != "clustermon-external-agent" and REPORTS[name]]
HOUR = timedelta(hours=1)


def outcome(batches):
    """Conditions and incidents after the quiet hour: what must not depend on arrival (never the notices)."""
    line = Line(Settings(), bell())
    found = {}
    end = max(report.received_at for batch in batches for report in batch) + HOUR
    for batch in batches:
        now = max(report.received_at for report in batch)
        found |= line.take(batch, now).incidents
    found |= line.tick(end).incidents
    return sorted(
        (
            one.kind,
            one.root,
            one.peak,
            one.state,
            one.opened_at,
            one.planned,
            tuple(sorted(one.subjects)),
            sorted(one.outages, key=str),
        )
        for one in found.values()
        if one.absorbed_into is None and not one.planned
    )


PLAIN = {name: outcome([[report] for report in REPORTS[name]]) for name in SINGLE}


@settings(max_examples=1300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SINGLE), st.randoms(use_true_random=False))
def test_late_and_doubled_reports_change_nothing(name, chance):
    late = []
    for report in REPORTS[name]:
        copies = range(chance.choice([1, 1, 2]))
        late += [(report.received_at + timedelta(seconds=chance.uniform(0, 5)), report) for _ in copies]
    late.sort(key=lambda pair: pair[0])
    batches, batch = [], []
    for _, report in late:
        batch.append(report)
        if chance.random() < 0.3:
            batches.append(batch)
            batch = []
    assert outcome([*batches, batch] if batch else batches) == PLAIN[name]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SINGLE), st.randoms(use_true_random=False))
def test_one_node_an_hour_late_ends_in_the_same_story(name, chance):
    nodes = sorted({report.node for report in REPORTS[name]})
    late = chance.choice(nodes)
    first = [report for report in REPORTS[name] if report.node != late]
    rest = [report for report in REPORTS[name] if report.node == late]
    assert outcome([batch for batch in (first, rest) if batch]) == PLAIN[name]


def renamed(name, suffix):
    """The recording with other nodes and resources: a stranger's story."""
    records = json.loads((RECORDINGS / f"{name}.json").read_text())
    nodes = {record["host"] for record in records} | {r["env"].get("CRM_alert_node", "") for r in records}
    resources = {r["env"].get("CRM_alert_rsc", "") for r in records} - {""} - nodes
    names = {one: one + suffix for one in (nodes | resources) - {""}}
    return [rename(report, names) for report in REPORTS[name]]


def rename(report, names):
    import msgspec

    body = dict(report.body)
    for key in ("CRM_alert_node", "CRM_alert_rsc"):
        base, colon, instance = body.get(key, "").partition(":")
        if base in names:
            body[key] = names[base] + colon + instance
    for old, new in sorted(names.items(), key=lambda pair: -len(pair[0])):
        if "CRM_alert_attribute_name" in body:
            body["CRM_alert_attribute_name"] = body["CRM_alert_attribute_name"].replace(f"-{old}#", f"-{new}#")
        if body.get("CRM_alert_kind") == "fencing":
            for before, after in ((" of ", " by "), (" by ", " for "), ("@", ":")):
                body["CRM_alert_desc"] = body["CRM_alert_desc"].replace(f"{before}{old}{after}", f"{before}{new}{after}")
    return msgspec.structs.replace(
        report, body=body, node=names.get(report.node, report.node), uid=report.uid + b"x" + str(sorted(names)[:1]).encode()[:4]
    )


def told(reports):
    rehearsal = Rehearsal(Settings(), bell())
    rehearsal.take(reports)
    rows = rehearsal.result()["incidents"]
    return sorted((row["kind"], row["root"], row["peak"], row["state"]) for row in rows if not row["planned"])


def shifted(reports, seconds):
    import msgspec

    return [
        msgspec.structs.replace(
            report,
            received_at=report.received_at + timedelta(seconds=seconds),
            body={
                **report.body,
                "CRM_alert_timestamp_epoch": str(int(report.body["CRM_alert_timestamp_epoch"]) + seconds),
            },
        )
        for report in reports
    ]


def about_the_cluster(name):
    """Its root is the cluster itself: laid over another recording in one cluster, it would not be the same fault."""
    return any(root == "cluster" for _, root, *_ in PLAIN[name])


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SINGLE), st.sampled_from(SINGLE), st.integers(-20, 20))
def test_two_causes_at_once_are_two_stories(one, other, seconds):
    if about_the_cluster(one) or about_the_cluster(other):
        return
    mine = REPORTS[one]
    theirs = renamed(other, "x")
    begin = mine[0].received_at
    gap = int((begin - theirs[0].received_at).total_seconds()) + seconds
    theirs = shifted(theirs, gap)
    assert told([*mine, *theirs]) == sorted([*told(mine), *told(theirs)])


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_call_makes_sense(name):
    assert [event.why for event in map(normalise, REPORTS[name]) if isinstance(event, Unreadable)] == []
