"""Notices about several incidents, the health of receivers, and how far each was given its digest."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
URGENT = sa.text(
    "state IN ('pending', 'leased') AND severity = 'critical'"
    " AND kind IN ('opened', 'escalated', 'reminder', 'braked', 'summary')"
)


def upgrade() -> None:
    op.create_table(
        "mention",
        sa.Column("notice_id", ID, autoincrement=False, nullable=False),
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", "incident_id", name="pk_mention"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_mention_notice_id"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="fk_mention_incident_id"),
    )
    op.create_index("ix_mention_incident_id", "mention", ["incident_id"])
    op.create_table(
        "receiver",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("paused_until", sa.BigInteger()),
        sa.Column("success_at", sa.BigInteger()),
        sa.Column("failure_at", sa.BigInteger()),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("digested_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_receiver"),
    )
    op.create_index("ix_notice_urgent", "notice", ["receiver", "id", "next_at"], sqlite_where=URGENT, postgresql_where=URGENT)
    op.create_index("ix_incident_closed_at", "incident", ["closed_at"])


def downgrade() -> None:
    """A notice about several incidents stays, as one about the first of them."""
    op.drop_index("ix_incident_closed_at", "incident")
    op.drop_index("ix_notice_urgent", "notice")
    op.drop_table("receiver")
    op.drop_table("mention")
