"""The recordings as reports, and what can be done with them: renamed, shifted, laid over one another, judged by their outcome."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec

from bridge.core.line import Line
from bridge.core.world.incident import State
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import Rehearsal, bell, read_recording

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))
REPORTS = {name: read_recording(RECORDINGS / f"{name}.json") for name in NAMES}
HOUR = timedelta(hours=1)
END = "CRM_alert_timestamp_epoch"
OTHER_ID = "7"
"""Makes a node's id a stranger's: two nodes never have the same."""
SINGLE = [name for name in NAMES if REPORTS[name] and all(END in report.body for report in REPORTS[name])]
"""What ClusterMon and Pacemaker 1.1 tell has no time of its own that says the day: it cannot be shifted or be late."""


def outcome(batches):
    """Incidents after the quiet hour: what must not depend on arrival (never the notices)."""
    line = Line(Settings(), bell())
    found = {}
    end = max(report.received_at for batch in batches for report in batch) + HOUR
    for batch in batches:
        now = max(report.received_at for report in batch)
        found |= line.take(batch, now).incidents
        check(line)
    found |= line.tick(end).incidents
    check(line)
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


def check(line):
    """What holds between any two reports: an incident is open while something in it is hurt, and a hurt has one incident."""
    for world in line.correlator.worlds():
        holders = {key[1]: world.facts["holder", key[1]] for key in world.facts if key[0] == "wound"}
        hurt = {holder: {subject for subject in holders if holders[subject] == holder} for holder in holders.values()}
        for key, one in [(key[1], value) for key, value in world.facts.items() if key[0] == "incident"]:
            wounds = world.wounds(key)
            if one.state is State.CLOSED:
                assert not wounds, f"{key} is over, but {wounds} keep it open"
                assert key not in hurt, f"{hurt[key]} are hurt by {key}, which is over"
                continue
            assert (one.state is State.CLEARING) is (not wounds), f"{key} is {one.state} with {wounds}"
            subjects = {name for name in wounds if not name.startswith("flapping ") and name != "unseen"}
            assert subjects == hurt.get(key, set()), f"{key} counts {subjects}"
            assert subjects <= set(world.members(key)), f"{key} does not show all that is hurt in it"


def renamed(name, suffix="x"):
    """The recording with other nodes and resources: a stranger's story."""
    records = json.loads((RECORDINGS / f"{name}.json").read_text())
    nodes = {record["host"] for record in records} | {r["env"].get("CRM_alert_node", "") for r in records}
    resources = {r["env"].get("CRM_alert_rsc", "") for r in records} - {""} - nodes
    plain = {resource.partition(":")[0] for resource in resources}
    names = {one: one + (OTHER_ID if one.isdigit() else suffix) for one in (nodes | plain) - {""}}
    return [_rename(report, names) for report in REPORTS[name]]


def _rename(report, names):
    body = dict(report.body)
    for key in ("CRM_alert_node", "CRM_alert_rsc"):
        base, colon, instance = body.get(key, "").partition(":")
        if base in names:
            body[key] = names[base] + colon + instance
    if "CRM_alert_nodeid" in body:
        body["CRM_alert_nodeid"] += OTHER_ID
    for old, new in sorted(names.items(), key=lambda pair: -len(pair[0])):
        if "CRM_alert_attribute_name" in body:
            body["CRM_alert_attribute_name"] = body["CRM_alert_attribute_name"].replace(f"-{old}#", f"-{new}#")
        if body.get("CRM_alert_kind") == "fencing":
            for before, after in ((" of ", " by "), (" by ", " for "), ("@", ":")):
                body["CRM_alert_desc"] = body["CRM_alert_desc"].replace(f"{before}{old}{after}", f"{before}{new}{after}")
    return msgspec.structs.replace(
        report, body=body, node=names.get(report.node, report.node), uid=report.uid + b"x" + str(sorted(names)[:1]).encode()[:4]
    )


def shifted(reports, seconds):
    return [
        msgspec.structs.replace(
            report,
            received_at=report.received_at + timedelta(seconds=seconds),
            body={**report.body, END: str(int(report.body[END]) + seconds)},
        )
        for report in reports
    ]


def overlaid(one, other, seconds):
    """Two recordings as of one cluster: the other's nodes and resources renamed, its beginning so long after the one's."""
    mine, theirs = REPORTS[one], renamed(other)
    gap = int((mine[0].received_at - theirs[0].received_at).total_seconds()) + seconds
    return mine, shifted(theirs, gap)


class Checked(Rehearsal):
    def _keep(self, outcome):
        super()._keep(outcome)
        check(self._line)


def told(reports):
    """The incidents of a rehearsal, without instants."""
    rehearsal = Checked(Settings(), bell())
    rehearsal.take(reports)
    rows = rehearsal.result()["incidents"]
    return sorted(
        (
            row["kind"],
            row["root"],
            row["peak"],
            row["state"],
            tuple(row["subjects"]),
            tuple(sorted((k, v if v is not None else -1) for k, v in row["outages"].items())),
        )
        for row in rows
        if not row["planned"]
    )
