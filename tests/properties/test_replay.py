"""A ledger of all recordings, each its own cluster: a replay arrives at the same incidents, decisions and conditions as life did."""

from datetime import timedelta
from hashlib import blake2s

import msgspec

from bridge.config.config import load_config
from bridge.ledger.ledger import Ledger
from bridge.serve.faults import Faults
from bridge.serve.recall import new_line, replay, restore
from bridge.serve.telemetry import Metrics
from bridge.serve.writer import Writer, stored
from tests.conftest import IN_CI
from tests.properties.recordings import HOUR, NAMES, REPORTS


def as_its_own_cluster(name, number, report):
    uid = blake2s(f"{name} {number}".encode(), digest_size=16).digest()
    return msgspec.structs.replace(report, cluster=name, uid=uid)


def lived(config, reports):
    """What the bridge does with reports as they come, on a real ledger; then an hour passes."""
    ledger = Ledger.open(config.bridge.ledger_url)
    writer = Writer(ledger, new_line(config), [], Metrics(), lambda _: None, lambda *_: None, Faults(Metrics()))
    for report in reports:
        pass_time(writer, report.received_at)
        outcome = writer.line.take([report], report.received_at)
        writer._commit([stored(report, msgspec.json.encode(report.body), outcome)], outcome, report.received_at)
    end = reports[-1].received_at + HOUR
    pass_time(writer, end)
    return ledger, end


def pass_time(writer, until):
    while (due := writer.line.next_due()) is not None and due <= until:
        writer.pass_time(due)


def timeless(incident):
    return msgspec.structs.replace(incident, changed_at=incident.opened_at)


def derived(ledger):
    """All that a replay makes anew, without what tells when the bridge came to know it."""
    incidents = {one.key: (number, timeless(one)) for number, one in ledger.incidents()}
    decisions = {report.uid: (report.incident_key, report.decision) for _, report in ledger.reports()}
    conditions = {(one.cluster, one.subject): one for one in ledger.conditions()}
    return incidents, decisions, conditions


def test_a_replay_arrives_at_the_same_story(tmp_path):
    file = tmp_path / "q.toml"
    file.write_text(
        f'[bridge]\nledger = "sqlite:///{tmp_path}/ledger.db"\nlisten = ["tcp://127.0.0.1:1"]\nkeys = "{tmp_path}/keys"\n'
        f'allowed = "{tmp_path}/allowed.d"\n[receivers.oncall]\nkind = "mail"\nhost = "127.0.0.1"\nsecurity = "none"\n'
        'from = "q@e.org"\nto = ["a@e.org"]\n'
    )
    config = load_config(file)
    names = NAMES if IN_CI else NAMES[::4]
    reports = [as_its_own_cluster(name, number, one) for name in names for number, one in enumerate(REPORTS[name])]
    reports.sort(key=lambda one: one.received_at)
    ledger, end = lived(config, reports)
    before = derived(ledger)
    assert len(before[1]) == len(reports)
    assert len(before[0]) > len(names) / 2
    notices = ledger.notices()
    ledger.close()

    replay(config, end + timedelta(seconds=1))
    ledger = Ledger.open(config.bridge.ledger_url)
    incidents, decisions, conditions = derived(ledger)
    stand = {key: one for key, one in before[0].items() if one[1].absorbed_into is None}
    assert {key: one for key, one in incidents.items() if one[1].absorbed_into is None} == stand
    assert decisions == before[1]
    assert conditions == before[2]
    assert ledger.notices() == notices

    line = new_line(config)
    restore(line, ledger)
    line.tick(end)
    remembered = line.correlator.incidents()
    assert {key: timeless(remembered[key]) for key in stand} == {key: one for key, (_, one) in stand.items()}
    ledger.close()
