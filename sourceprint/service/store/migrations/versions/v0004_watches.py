"""Watched folders, and the files that were found in them.

Version 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "watch",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("settle_seconds", sa.Integer(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=24), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.String(length=24), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.String(length=24), nullable=True),
        sa.Column("looked_at", sa.String(length=24), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_watch_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch")),
    )
    op.create_index(op.f("ix_watch_organisation_id"), "watch", ["organisation_id"], unique=False)
    op.create_table(
        "watched_file",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("watch_id", sa.String(length=64), nullable=False),
        sa.Column("path_digest", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("found_at", sa.String(length=24), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_watched_file_job_id_job")),
        sa.ForeignKeyConstraint(["watch_id"], ["watch.id"], name=op.f("fk_watched_file_watch_id_watch")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_watched_file")),
        sa.UniqueConstraint(
            "watch_id", "path_digest", "sha256", name=op.f("uq_watched_file_watch_id_path_digest_sha256")
        ),
    )
