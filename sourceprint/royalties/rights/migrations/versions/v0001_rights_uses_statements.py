"""Records of rights with their history, uses with their events, and statements.

Version 0001, the first. A released version is not edited; later needs of `schema.py` go into the next one.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CURRENT = sa.text("until IS NULL")


def upgrade() -> None:
    """Make all tables."""
    _table("revision", _number("id"), _text("made_at", 20), _text("made_by"), _text("source"), _text("digest", 71))
    _make_rights()
    _make_uses()
    _make_statements()


def _make_rights() -> None:
    _versioned("party", _text("name"), _text("ipi"), _text("isni"), _text("dpid"))
    _versioned(
        "recording",
        _text("title"),
        _text("subtitle"),
        _text("artists"),
        _text("isrc"),
        _text("label"),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        _text("index_id"),
        _text("vocals"),
        _text("tags"),
        lookups=("isrc", "index_id"),
    )
    _versioned("work", _text("title"), _text("iswc"), _text("writers"), lookups=("iswc",))
    _versioned(
        "recording_work",
        _text("recording_id"),
        _text("work_id"),
        sa.Column("weight_millionths", sa.Integer(), nullable=True),
        lookups=("recording_id", "work_id"),
    )
    _versioned(
        "recording_part",
        _text("recording_id"),
        _text("part_id"),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        lookups=("recording_id",),
    )
    for name, subject in (("master_share", "recording_id"), ("work_share", "work_id")):
        _versioned(
            name,
            _text(subject),
            _text("party_id"),
            sa.Column("right", sa.Text(), nullable=False, quote=True),
            _number("millionths"),
            _text("included"),
            _text("excluded"),
            _text("valid_from", 10),
            _text("valid_to", 10),
            _text("role"),
            lookups=(subject, "party_id"),
        )
    _versioned(
        "licence", _text("licensor"), _text("licensee"), _text("document"), _text("digest", 71), lookups=("licensee",)
    )


def _make_uses() -> None:
    _table(
        "attribution",
        _number("id"),
        _text("made_at", 20),
        _text("made_by"),
        _text("licensee"),
        _text("results_sha256", 64),
        _text("policy_digest", 71),
        _text("policy"),
        _number("rights_revision"),
    )
    _table(
        "use",
        _row_id(),
        _text("id", 25),
        _number("attribution_id"),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        _text("licensee"),
        _text("track_sha256", 64),
        _text("track_name"),
        _text("generated_on", 10),
        _text("recording_id"),
        _text("document"),
        sa.ForeignKeyConstraint(["attribution_id"], ["attribution.id"], name="fk_use_attribution_id_attribution"),
        sa.ForeignKeyConstraint(["superseded_by"], ["attribution.id"], name="fk_use_superseded_by_attribution"),
    )
    op.create_index("ix_use_id", "use", ["id"])
    op.create_index("ix_use_licensee_track", "use", ["licensee", "track_sha256"])
    op.create_index("ix_use_licensee_generated_on", "use", ["licensee", "generated_on"])
    _table(
        "use_event",
        _row_id("id"),
        _text("use_id", 25),
        _text("state"),
        _text("reason"),
        _text("document"),
        _text("made_at", 20),
        _text("made_by"),
    )
    op.create_index("ix_use_event_use_id", "use_event", ["use_id"])


def _make_statements() -> None:
    _table(
        "statement",
        _row_id(),
        _text("id"),
        _text("licensee"),
        _text("currency", 3),
        _text("period_label"),
        _text("period_start", 10),
        _text("period_end", 10),
        _text("issued_on", 10),
        _text("issued_at", 20),
        _text("issued_by"),
        _text("document"),
        _text("digest", 71),
        sa.UniqueConstraint("id", name="uq_statement_id"),
    )
    op.create_index("ix_statement_licensee_period_start", "statement", ["licensee", "period_start"])


def _versioned(name: str, *columns: sa.Column[Any], lookups: Sequence[str] = ()) -> None:
    _table(
        name,
        _row_id(),
        _text("id"),
        *columns,
        _number("since"),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["since"], ["revision.id"], name=f"fk_{name}_since_revision"),
        sa.ForeignKeyConstraint(["until"], ["revision.id"], name=f"fk_{name}_until_revision"),
    )
    op.create_index(f"uq_{name}_current", name, ["id"], unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT)
    for lookup in ("id", *lookups):
        op.create_index(f"ix_{name}_{lookup}", name, [lookup])


def _table(name: str, first: sa.Column[int], *others: sa.schema.SchemaItem) -> None:
    op.create_table(name, first, *others, sa.PrimaryKeyConstraint(first.name, name=f"pk_{name}"))


def _row_id(name: str = "row_id") -> sa.Column[int]:
    return sa.Column(name, _BIG, autoincrement=True, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _text(name: str, length: int | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text() if length is None else sa.String(length), nullable=False)
