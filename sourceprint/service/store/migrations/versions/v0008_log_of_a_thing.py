"""Subject and actor of each entry of the log, so that those about one thing are found.

Version 0008.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000


def upgrade() -> None:
    """Add the columns, and fill them from the entries that are there."""
    op.add_column("outbox", sa.Column("subject", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("actor", sa.Text(), nullable=True))
    outbox = sa.table(
        "outbox", sa.column("sequence", sa.BigInteger()), sa.column("entry", sa.LargeBinary()),
        sa.column("subject", sa.Text()), sa.column("actor", sa.Text()),
    )  # fmt: skip
    connection, last = op.get_bind(), 0
    first = sa.select(outbox.c.sequence, outbox.c.entry).order_by(outbox.c.sequence).limit(_AT_ONCE)
    filled = sa.update(outbox).where(outbox.c.sequence == sa.bindparam("of"))
    while rows := connection.execute(first.where(outbox.c.sequence > last)).all():
        entries = [(row.sequence, json.loads(bytes(row.entry))) for row in rows]
        values = [{"of": of, "subject": one["subject"], "actor": one["actor"]} for of, one in entries]
        connection.execute(filled, values)
        last = rows[-1].sequence
    op.create_index("ix_outbox_subject", "outbox", ["subject"], unique=False)
    op.create_index("ix_outbox_actor", "outbox", ["actor"], unique=False)
