"""Where each service runs and how each replica is linked; and a number that changes with all that people see."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "layout",
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "name", name="pk_layout"),
    )
    number = op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.bulk_insert(number, [{"id": 1, "number": 0}])
    op.create_index("ix_incident_kind", "incident", ["cluster", "kind", "opened_at"])


def downgrade() -> None:
    op.drop_index("ix_incident_kind", "incident")
    op.drop_table("revision")
    op.drop_table("layout")
