"""A restart finds what it must understand again, of each cluster, without walking over what others reported."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

READABLE = sa.text("unreadable IS NULL")


def upgrade() -> None:
    op.create_index("ix_report_understood", "report", ["cluster", "at"], sqlite_where=READABLE, postgresql_where=READABLE)


def downgrade() -> None:
    op.drop_index("ix_report_understood", "report")
