"""The first ledger.

A migration is history: it says what the tables were then, and never imports what they are now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNFINISHED = sa.text("state IN ('pending', 'leased')")


def upgrade() -> None:
    _report()
    _incident()
    _notice()
    _deliveries()
    _present()


def downgrade() -> None:
    for table in ("edge", "checkpoint", "condition", "memory", "attempt", "notice", "incident", "report"):
        op.drop_table(table)


def _text(name, *, null=False):
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name, *, null=False):
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _partial(name, table, columns, where):
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _report() -> None:
    op.create_table(
        "report",
        sa.Column("seq", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(16), nullable=False),
        _text("cluster"),
        _text("node"),
        _text("source"),
        _number("at"),
        _number("received_at"),
        _number("offset_us"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _text("unreadable", null=True),
        _text("incident_key", null=True),
        _text("decision"),
        sa.PrimaryKeyConstraint("seq", name="pk_report"),
        sa.UniqueConstraint("uid", name="uq_report_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_received_at", "report", ["received_at"])
    _partial("ix_report_incident_key", "report", ["incident_key"], sa.text("incident_key IS NOT NULL"))
    _partial("ix_report_unreadable", "report", ["seq"], sa.text("unreadable IS NOT NULL"))


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", ID, nullable=False),
        _text("key"),
        _text("cluster"),
        _text("kind"),
        _text("severity"),
        _text("peak"),
        _text("state"),
        _text("root"),
        sa.Column("planned", sa.Boolean(), nullable=False),
        _number("opened_at"),
        _number("changed_at"),
        _number("closed_at", null=True),
        _text("absorbed_into", null=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
        sa.UniqueConstraint("key", name="uq_incident_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_state", "incident", ["state"])
    op.create_index("ix_incident_opened_at", "incident", ["opened_at"])


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("incident_id", ID, nullable=False),
        _text("receiver"),
        _text("kind"),
        _text("reason"),
        _text("severity"),
        _text("peak"),
        _number("at"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _text("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _number("next_at"),
        _number("leased_until", null=True),
        _number("delivered_at", null=True),
        _text("last_word"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_notice_incident_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_incident_id_receiver", "notice", ["incident_id", "receiver"])
    _partial("ix_notice_owed", "notice", ["receiver", "id", "next_at"], UNFINISHED)
    _partial("ix_notice_due", "notice", ["next_at"], UNFINISHED)
    _partial("ix_notice_thread", "notice", ["incident_id", "receiver", "id"], UNFINISHED)


def _deliveries() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        _number("at"),
        _text("verdict"),
        _text("why"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_attempt_notice_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempt_notice_id", "attempt", ["notice_id"])
    op.create_table(
        "memory",
        _text("receiver"),
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "incident_id", name="pk_memory"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_memory_incident_id"),
    )


def _present() -> None:
    op.create_table(
        "condition",
        _text("cluster"),
        _text("subject"),
        _text("severity"),
        _number("since"),
        _text("why"),
        sa.Column("uid", sa.LargeBinary(16)),
        _text("incident_key", null=True),
        sa.PrimaryKeyConstraint("cluster", "subject", name="pk_condition"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        _number("at"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_checkpoint"),
    )
    op.create_table(
        "edge",
        _text("cluster"),
        _text("node"),
        _number("last_heard_at", null=True),
        sa.Column("silent", sa.Boolean(), nullable=False),
        _number("offset_us"),
        _number("backlog_count"),
        _number("backlog_bytes"),
        _number("oldest_at", null=True),
        _text("version"),
        _text("boot"),
        sa.PrimaryKeyConstraint("cluster", "node", name="pk_edge"),
    )
