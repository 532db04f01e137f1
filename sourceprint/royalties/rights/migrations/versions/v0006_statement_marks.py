"""Dependencies of statements, so that only statements with changes are computed again.

Version 0006, after 0005. They are unknown for statements on file: the next statement computes these again and notes
them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "statement_mark",
        sa.Column("statement_row", _BIG, autoincrement=False, nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("statement_row", name="pk_statement_mark"),
    )
    op.create_table(
        "statement_subject",
        sa.Column("row_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("statement_row", _BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("territories", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_statement_subject"),
    )
    op.create_index("ix_statement_subject_kind_key", "statement_subject", ["kind", "key"])
    op.create_index("ix_statement_subject_statement_row", "statement_subject", ["statement_row"])
