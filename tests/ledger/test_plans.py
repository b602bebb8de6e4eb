"""No walk through everything where every report passes: the planner is asked, with the very statements that are sent."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from bridge.core.telling.notice import Delivered
from bridge.ledger.ledger import Ledger

pytestmark = pytest.mark.many

QUESTIONS = {
    "known": (lambda ledger, make: ledger.known([b"u" * 16]), {"uq_report_uid", "sqlite_autoindex_report_1"}),
    "ids": (lambda ledger, make: ledger.incident_ids(["k"]), {"uq_incident_key", "sqlite_autoindex_incident_1"}),
    "claim": (
        lambda ledger, make: ledger.claim("mail", make.now, timedelta(60), 9999),
        {"ix_notice_urgent", "ix_notice_owed", "ix_notice_thread"},
    ),
    "next urgent": (lambda ledger, make: ledger.next_due(make.now, ["mail"], only_urgent=True), {"ix_notice_thread"}),
    "what ended": (lambda ledger, make: ledger.closed(make.now, make.now), {"ix_incident_closed_at"}),
    "explain who was told": (lambda ledger, make: ledger.notices(7), {"ix_notice_incident_id_receiver"}),
    "next due": (lambda ledger, make: ledger.next_due(make.now), {"ix_notice_due", "ix_notice_thread"}),
    "next due of some": (lambda ledger, make: ledger.next_due(make.now, ["mail"]), {"ix_notice_thread"}),
    "explain": (lambda ledger, make: list(ledger.reports(incident_key="node/n3@7")), {"ix_report_incident_key"}),
    "which clusters": (lambda ledger, make: ledger.clusters(), {"ix_report_understood"}),
    "what a restart understands": (lambda ledger, make: ledger.understood("alpha", make.now), {"ix_report_understood"}),
    "and reads": (lambda ledger, make: ledger.reports_of([7, 5]), {"INTEGER PRIMARY KEY"}),
    "since": (lambda ledger, make: list(ledger.reports(since=make.now)), {"ix_report_received_at"}),
    "redecide": (
        lambda ledger, make: ledger.commit(make.commit(redecided=[(b"u" * 16, None, "")])),
        {"uq_report_uid", "sqlite_autoindex_report_1"},
    ),
}


@pytest.fixture
def asked(sqlite_url, make):
    ledger = Ledger.open(sqlite_url)
    incidents = [make.incident(f"node/n3@{number}") for number in range(300)]
    ledger.commit(
        make.commit(
            reports=[make.report(incident_key=f"node/n3@{number}") for number in range(300)],
            incidents=incidents,
            notices=[make.notice(one) for one in incidents],
        )
    )
    for number in range(1, 290):
        ledger.record(number, Delivered(), make.now, None)
    yield ledger
    ledger.close()


def _plan(ledger, question, make):
    plans = []
    engine = ledger._store._engine

    def explain(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith(("SELECT", "UPDATE")):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters[0] if executemany else parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    question(ledger, make)
    event.remove(engine, "before_cursor_execute", explain)
    return plans


@pytest.mark.parametrize("name", QUESTIONS)
def test_sqlite_answers_from_an_index(asked, make, name):
    question, indices = QUESTIONS[name]
    plan = _plan(asked, question, make)
    used = " ".join(plan)
    assert plan
    assert [one for one in plan if one.startswith("SCAN") and "USING" not in one] == []
    assert any(index in used for index in indices), used
    if name in {"claim", "next due"}:
        assert all(index in used for index in indices), used
        assert "TEMP B-TREE" not in used
