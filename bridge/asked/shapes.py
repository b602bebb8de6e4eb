"""Records of the ledger as `--json` shows them."""

import json
from datetime import datetime
from typing import Any

from bridge.asked.plain import plain
from bridge.core.telling.circuit import Health
from bridge.core.world.condition import Condition
from bridge.core.world.incident import Incident
from bridge.ledger.ledger import BoardRow, Edge, NoticeRow, Queue, StoredReport
from bridge.texts import summary


def incident(number: int, one: Incident) -> dict[str, Any]:
    return {
        "id": number,
        "cluster": one.cluster,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "peak": one.peak.value,
        "state": one.state.value,
        "root": one.root,
        "subjects": sorted(one.subjects),
        "more_subjects": one.more_subjects,
        "opened_at": one.opened_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        "planned": one.planned,
        "absorbed_into": one.absorbed_into,
        "outages": one.seconds_away,
        "more_outages": one.more_away,
        "summary": summary(one),
        "reason": one.reason,
        "facts": dict(one.facts),
    }


def notice(row: NoticeRow) -> dict[str, Any]:
    return {
        "id": row.notice.id,
        "incident": row.notice.incident_id or None,
        "incidents": list(row.notice.numbers) or [row.notice.incident_id],
        "receiver": row.notice.receiver,
        "kind": row.notice.kind.value,
        "reason": row.notice.reason,
        "decided_at": row.notice.at.isoformat(),
        "state": row.state.value,
        "attempts": row.attempts,
        "next_at": row.next_at.isoformat() if row.state.value in {"pending", "leased"} else None,
        "delivered_at": row.delivered_at.isoformat() if row.delivered_at else None,
        "last_word": row.last_word,
        "tries": [{"at": one.at.isoformat(), "verdict": one.verdict, "why": one.why} for one in row.tries],
    }


def receiver(name: str, health: Health, queue: Queue, held: int | None, now: datetime) -> dict[str, Any]:
    """`held_back` is known to the running bridge only; null without one."""
    return {
        "name": name,
        "circuit": health.circuit(now).value,
        "failures": health.failures,
        "failing_since": _iso(health.failing_since),
        "paused_until": _iso(health.paused_until),
        "last_success_at": _iso(health.success_at),
        "last_failure_at": _iso(health.failure_at),
        "last_failure": health.failure,
        "pending": queue.pending,
        "oldest_pending_at": _iso(queue.oldest_at),
        "given_up": queue.given_up,
        "held_back": held,
    }


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def edge(one: Edge) -> dict[str, Any]:
    return {
        "cluster": one.cluster,
        "node": one.node,
        "last_heard_at": one.last_heard_at.isoformat() if one.last_heard_at else None,
        "silent": one.silent,
        "clock_offset_seconds": one.offset.total_seconds(),
        "backlog": one.backlog_count,
        "backlog_bytes": one.backlog_bytes,
        "oldest_at": one.oldest_at.isoformat() if one.oldest_at else None,
        "version": one.version,
    }


def condition(one: Condition) -> dict[str, Any]:
    return {
        "cluster": one.cluster,
        "subject": one.subject,
        "severity": one.severity.value,
        "since": one.since.isoformat(),
        "why": one.why,
    }


def board(one: BoardRow) -> dict[str, Any]:
    standing = one.standing
    return {
        "receiver": one.receiver,
        "at": one.at.isoformat(),
        "objects": standing.objects,
        "owed": standing.owed,
        "owed_since": standing.owed_since.isoformat() if standing.owed_since else None,
        "taken_at": standing.taken_at.isoformat() if standing.taken_at else None,
        "seen_at": standing.seen_at.isoformat() if standing.seen_at else None,
        "failures": standing.failures,
        "last_word": standing.last_word,
        "making": standing.making,
        "untrue": [
            {"host": host, "service": service, "state": state, "why": why} for host, service, state, why in standing.untrue
        ],
    }


def report(one: StoredReport) -> dict[str, Any]:
    return {
        "uid": one.uid.hex(),
        "cluster": one.cluster,
        "node": one.node,
        "source": one.source,
        "at": one.at.isoformat(),
        "received_at": one.received_at.isoformat(),
        "says": says(one.body),
        "unreadable": one.unreadable,
        "decision": one.decision,
    }


def says(body: bytes) -> str:
    """A report's own words in one line, as near to what its sender wrote as a line allows."""
    try:
        words = json.loads(body)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        return f"no JSON object: {body[:60]!r}"
    return plain(_sentence({name: str(value) for name, value in words.items()}))


def _sentence(words: dict[str, str]) -> str:
    kind = words.get("CRM_alert_kind")
    if kind == "resource":
        return _joined(
            words, "{CRM_alert_rsc} {CRM_alert_task} on {CRM_alert_node}: rc {CRM_alert_rc} ({CRM_alert_desc})"
        ) + _interval(words)
    if kind == "node":
        return _joined(words, "{CRM_alert_node} is {CRM_alert_desc}")
    if kind == "attribute":
        return _joined(words, "{CRM_alert_attribute_name}={CRM_alert_attribute_value} on {CRM_alert_node}")
    if kind is not None:
        return words.get("CRM_alert_desc") or f"CRM_alert_kind={kind}"
    if "CRM_notify_task" in words:
        return _joined(words, "{CRM_notify_rsc} {CRM_notify_task} on {CRM_notify_node}: rc {CRM_notify_rc} ({CRM_notify_desc})")
    if "DRBD_RESOURCE" in words:
        return _joined(words, "{handler} of {DRBD_RESOURCE}, volume {DRBD_VOLUME}, peer {DRBD_PEER}")
    own = {"v", "id", "src", "boot", "boot_ns", "wall_ns", "uid", "pid", "crc"}
    return ", ".join(f"{name}={value}" for name, value in words.items() if name not in own) or "nothing"


def _interval(words: dict[str, str]) -> str:
    interval = words.get("CRM_alert_interval", "0")
    return f", every {interval} ms" if interval not in {"", "0"} else ""


class _Gaps(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def _joined(words: dict[str, str], form: str) -> str:
    return form.format_map(_Gaps(words))
