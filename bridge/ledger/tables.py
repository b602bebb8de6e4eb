"""The ledger's tables. Every instant is microseconds since 1970, UTC; `data` is the noun itself, as JSON."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite hands out row ids only for the type INTEGER.
Id: Final = BigInteger().with_variant(Integer(), "sqlite")
Instant: Final = BigInteger()

READABLE: Final = text("unreadable IS NULL")
UNFINISHED: Final = text("state IN ('pending', 'leased')")
URGENT: Final = text(
    "state IN ('pending', 'leased') AND severity = 'critical'"
    " AND kind IN ('opened', 'escalated', 'reminder', 'braked', 'summary')"
)
"""What Notice.urgent says of what is still owed."""

report: Final = Table(
    "report",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("uid", LargeBinary(16), nullable=False, unique=True),
    Column("cluster", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Column("offset_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("unreadable", Text),
    Column("incident_key", Text),
    Column("decision", Text, nullable=False),
    # Most reports belong to no incident and can be read: indices of the few cost the many nothing.
    Index(None, "incident_key", sqlite_where=text("incident_key IS NOT NULL"), postgresql_where=text("incident_key IS NOT NULL")),
    Index(
        "ix_report_unreadable",
        "seq",
        sqlite_where=text("unreadable IS NOT NULL"),
        postgresql_where=text("unreadable IS NOT NULL"),
    ),
    # What a restart understands again, cluster by cluster.
    Index("ix_report_understood", "cluster", "at", sqlite_where=READABLE, postgresql_where=READABLE),
    sqlite_autoincrement=True,
)

incident: Final = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("cluster", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("peak", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("root", Text, nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False, index=True),
    Column("changed_at", Instant, nullable=False),
    Column("closed_at", Instant, index=True),
    Column("absorbed_into", Text),
    Column("data", LargeBinary, nullable=False),
    Index(
        None,
        "absorbed_into",
        sqlite_where=text("absorbed_into IS NOT NULL"),
        postgresql_where=text("absorbed_into IS NOT NULL"),
    ),
    # When a cluster last had one of a kind, however many incidents there were.
    Index("ix_incident_kind", "cluster", "kind", "opened_at"),
    sqlite_autoincrement=True,
)

# Every absence of a guest or service, for whoever counts a month; `away_us` and `longest_us` are of rows that stand for several.
outage: Final = Table(
    "outage",
    metadata,
    Column("incident_key", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("began_at", Instant, primary_key=True, autoincrement=False),
    Column("ended_at", Instant, index=True),
    Column("times", Integer, nullable=False),
    Column("away_us", BigInteger),
    Column("longest_us", BigInteger),
    Column("planned", Boolean, nullable=False),
)

notice: Final = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, ForeignKey("incident.id"), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("peak", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("delivered_at", Instant),
    Column("last_word", Text, nullable=False),
    Index(None, "incident_id", "receiver"),
    # Claiming looks at the few that are owed, never at the many that were told.
    Index("ix_notice_owed", "receiver", "id", "next_at", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    Index("ix_notice_urgent", "receiver", "id", "next_at", sqlite_where=URGENT, postgresql_where=URGENT),
    Index("ix_notice_due", "next_at", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    Index("ix_notice_thread", "incident_id", "receiver", "id", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    sqlite_autoincrement=True,
)

# What a notice about several incidents tells of; its own incident_id is the first of them.
mention: Final = Table(
    "mention",
    metadata,
    Column("notice_id", Id, ForeignKey("notice.id"), primary_key=True, autoincrement=False),
    Column("incident_id", Id, ForeignKey("incident.id"), primary_key=True, autoincrement=False, index=True),
)

receiver: Final = Table(
    "receiver",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Instant),
    Column("paused_until", Instant),
    Column("success_at", Instant),
    Column("failure_at", Instant),
    Column("failure", Text, nullable=False),
    Column("digested_until", Instant),
)

attempt: Final = Table(
    "attempt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("notice_id", Id, ForeignKey("notice.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_autoincrement=True,
)

memory: Final = Table(
    "memory",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("incident_id", Id, ForeignKey("incident.id"), primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

condition: Final = Table(
    "condition",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("why", Text, nullable=False),
    Column("uid", LargeBinary(16)),
    Column("incident_key", Text),
)

# Where each service runs and how each replica is linked: what the page draws beside the conditions.
layout: Final = Table(
    "layout",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# One row. Its number changes with all that people see: who shows it asks for nothing else while it stays the same.
revision: Final = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

board: Final = Table(
    "board",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# A relay each, and one row of the bridge's own: records.Anchor.
edge: Final = Table(
    "edge",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("last_heard_at", Instant),
    Column("silent", Boolean, nullable=False),
    Column("offset_us", BigInteger, nullable=False),
    Column("backlog_count", BigInteger, nullable=False),
    Column("backlog_bytes", BigInteger, nullable=False),
    Column("oldest_at", Instant),
    Column("version", Text, nullable=False),
    Column("boot", Text, nullable=False),
)

# Who may look at the page and act on it. What opens a door is kept as a hash only.
person: Final = Table(
    "person",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)

session: Final = Table(
    "session",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("person", Text, ForeignKey("person.name"), nullable=False, index=True),
    Column("began_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
)

token: Final = Table(
    "token",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("made_at", Instant, nullable=False),
    Column("ends_at", Instant),
)
