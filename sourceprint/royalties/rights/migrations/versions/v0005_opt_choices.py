"""Choices of owners: opt-in and opt-out by recording, work and party, purpose, territory and day.

Version 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CURRENT = sa.text("until IS NULL")


def upgrade() -> None:
    """Make the table, without any choice."""
    op.create_table(
        "opt",
        sa.Column("row_id", _BIG, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "subject", "subject_id", "choice", "purposes")),
        sa.Column("included", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.String(10), nullable=False),
        sa.Column("valid_to", sa.String(10), nullable=False),
        sa.Column("weight_millionths", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["since"], ["revision.id"], name="fk_opt_since_revision"),
        sa.ForeignKeyConstraint(["until"], ["revision.id"], name="fk_opt_until_revision"),
        sa.PrimaryKeyConstraint("row_id", name="pk_opt"),
    )
    op.create_index("uq_opt_current", "opt", ["id"], unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT)
    for column in ("id", "subject_id", "since", "until"):
        op.create_index(f"ix_opt_{column}", "opt", [column])
