"""Hash chain, people who may act, and indexes that find the rows of an entry.

Version 0003, after 0002. `Database` begins the chain itself, once the tables are those of the program.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RECORDS = (
    "party", "recording", "work", "recording_work", "recording_part", "master_share", "work_share", "licence",
)  # fmt: skip


def upgrade() -> None:
    """Make both tables, and list the people who acted so far."""
    op.create_table(
        "chain_entry",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("covered", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_chain_entry"),
    )
    op.create_table(
        "person",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(20), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
    )
    op.create_index("ix_person_name", "person", ["name"])
    for table, columns in [*((name, ("since", "until")) for name in _RECORDS), ("use", _OWNERS_OF_USES)]:
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])
    op.execute(
        "INSERT INTO person (name, allowed, made_at, made_by) "
        "SELECT who, 1, min(made_at), 'on file when the list was begun' FROM ("
        "SELECT made_by AS who, made_at FROM revision UNION ALL SELECT made_by, made_at FROM attribution UNION ALL "
        "SELECT made_by, made_at FROM use_event UNION ALL SELECT issued_by, issued_at FROM statement"
        ") acted GROUP BY who ORDER BY min(made_at), who"
    )


_OWNERS_OF_USES = ("attribution_id", "superseded_by")
