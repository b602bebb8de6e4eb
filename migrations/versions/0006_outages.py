"""Every absence of a guest or service, as the page counts them by month; filled with what the incidents still know."""

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ABSORBED = sa.text("absorbed_into IS NOT NULL")
AT_ONCE = 500
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Outage(msgspec.Struct):
    subject: str
    began_at: datetime
    ended_at: datetime | None = None
    times: int = 1
    in_all: timedelta | None = None
    longest_of_all: timedelta | None = None


class Incident(msgspec.Struct):
    """What an incident's data says of outages."""

    planned: bool = False
    outages: list[Outage] = []
    facts: dict[str, str] = {}
    reason: str = ""


def upgrade() -> None:
    op.create_index("ix_incident_absorbed_into", "incident", ["absorbed_into"], sqlite_where=ABSORBED, postgresql_where=ABSORBED)
    table = op.create_table(
        "outage",
        sa.Column("incident_key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("away_us", sa.BigInteger()),
        sa.Column("longest_us", sa.BigInteger()),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("incident_key", "subject", "began_at", name="pk_outage"),
    )
    op.create_index("ix_outage_ended_at", "outage", ["ended_at"])
    _fill(table)


def _fill(table: sa.Table) -> None:
    """A piece of the incidents at a time: there may be a hundred thousand."""
    connection = op.get_bind()
    told = sa.text(
        "SELECT id, key, data FROM incident WHERE id > :after AND absorbed_into IS NULL ORDER BY id LIMIT :most"
    ).columns(data=sa.LargeBinary())
    after = 0
    while found := connection.execute(told, {"after": after, "most": AT_ONCE}).all():
        rows = [row for one in found for row in _rows(one.key, msgspec.json.decode(one.data, type=Incident))]
        if rows:
            connection.execute(table.insert(), rows)
        after = found[-1].id


def _rows(key: str, told: Incident) -> list[dict[str, object]]:
    if told.reason == "later reports show that it was nothing":
        return []
    planned = told.planned or bool(told.facts.get("planned"))
    return [
        _row(one) | {"incident_key": key, "planned": planned}
        for one in {(o.subject, o.began_at): o for o in told.outages}.values()
    ]


def _row(one: Outage) -> dict[str, object]:
    return {
        "subject": one.subject,
        "began_at": _us(one.began_at - EPOCH),
        "ended_at": None if one.ended_at is None else _us(one.ended_at - EPOCH),
        "times": one.times,
        "away_us": _us(one.in_all),
        "longest_us": _us(one.longest_of_all),
    }


def _us(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(microseconds=1)


def downgrade() -> None:
    op.drop_table("outage")
    op.drop_index("ix_incident_absorbed_into", "incident")
