"""Statements in compressed parts, so that none is ever in memory as one text.

Version 0007, after 0006. Statements on file stay as they are: the chain covers their text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "statement_part",
        sa.Column("row_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("statement_row", _BIG, nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_statement_part"),
    )
    op.create_index("ix_statement_part_statement_row_field", "statement_part", ["statement_row", "field"])
