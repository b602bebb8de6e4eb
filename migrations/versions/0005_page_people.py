"""People who look at the page, their sessions, and the tokens of programs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text(name):
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name, *, null=False):
    return sa.Column(name, sa.BigInteger(), nullable=null)


def upgrade() -> None:
    op.create_table(
        "person",
        *(_text(name) for name in ("name", "role", "language", "zone", "password")),
        _number("made_at"),
        sa.PrimaryKeyConstraint("name", name="pk_person"),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        _text("person"),
        _number("began_at"),
        _number("ends_at"),
        sa.PrimaryKeyConstraint("hash", name="pk_session"),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name="fk_session_person"),
    )
    op.create_index("ix_session_person", "session", ["person"])
    op.create_index("ix_session_ends_at", "session", ["ends_at"])
    op.create_table(
        "token",
        _text("name"),
        _text("scope"),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        _number("made_at"),
        _number("ends_at", null=True),
        sa.PrimaryKeyConstraint("name", name="pk_token"),
        sa.UniqueConstraint("hash", name="uq_token_hash"),
    )


def downgrade() -> None:
    for table in ("token", "session", "person"):
        op.drop_table(table)
