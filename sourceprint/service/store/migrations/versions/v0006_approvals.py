"""Approvals by a second person, and the kinds of requests that need one.

Version 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the column of organisations."""
    op.create_table(
        "approval",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.String(length=24), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(length=24), nullable=False),
        sa.Column("decided_at", sa.String(length=24), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("used_at", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_approval_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_listed", "approval", ["organisation_id", "proposed_at"], unique=False)
    op.add_column("organisation", sa.Column("two_people", sa.Text(), nullable=True))
