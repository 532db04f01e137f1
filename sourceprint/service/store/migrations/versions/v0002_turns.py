"""Indexes for the turns of organisations: the head of each line, and when an organisation was served last.

Version 0002.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index of the line, which ran over all organisations."""
    op.drop_index("ix_job_line", table_name="job")
    op.create_index("ix_job_line", "job", ["state", "organisation_id", "kind", "priority", "id"], unique=False)
    op.create_index("ix_job_turn", "job", ["organisation_id", "started_at"], unique=False)
