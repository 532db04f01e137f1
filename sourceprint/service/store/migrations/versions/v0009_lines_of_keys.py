"""The line of a key, whose searches are counted together: a rotated key and its successors.

Version 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; keys that are there keep a budget each, as they had."""
    op.add_column("api_key", sa.Column("line", sa.String(64), nullable=True))
