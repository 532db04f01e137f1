"""Works in dispute: a flag of BWARM that holds every share of a work.

Version 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the flag, unknown for works on file."""
    op.add_column("work", sa.Column("disputed", sa.Text(), nullable=False, server_default=sa.text("''")))
