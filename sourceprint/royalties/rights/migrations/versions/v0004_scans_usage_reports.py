"""Searches of tracks, and usage reports with their versions.

Version 0004, after 0003. Tracks of earlier attributions with uses on file are entered as scanned, in the index that the
uses name. Nothing is known of other tracks that were searched then.
"""

import json
import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_READ_AT_ONCE = 1000


def upgrade() -> None:
    """Make the tables, and enter the known tracks."""
    scan, track = _make_scans()
    _make_usage_reports()
    use = sa.table("use", *map(sa.column, ("row_id", "attribution_id", "licensee", "track_sha256", "document")))
    scans: dict[tuple[int, str], int] = {}
    last = (0, "")
    connection = op.get_bind()
    order = (use.c.attribution_id, use.c.track_sha256, use.c.row_id)
    for row in connection.execute(sa.select(use).order_by(*order)).yield_per(_READ_AT_ONCE):
        if (row.attribution_id, row.track_sha256) == last:
            continue
        last = (row.attribution_id, row.track_sha256)
        document = json.loads(row.document)
        key = (row.attribution_id, document["index_digest"])
        if key not in scans:
            searched = json.dumps({"index_digest": key[1]}, separators=(",", ":"))
            values = {"attribution_id": key[0], "document": searched, "reason": ""}
            made = connection.execute(sa.insert(scan).values(values).returning(scan.c.id))
            scans[key] = made.scalar_one()
        name = document["track"]["name"]
        connection.execute(
            sa.insert(track).values(
                attribution_id=row.attribution_id,
                scan_id=scans[key],
                licensee=row.licensee,
                track_sha256=row.track_sha256,
                track_name=name,
                file_name=re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1],
                track_id="",
                status="matched",
            )
        )


def _make_scans() -> tuple[sa.Table, sa.Table]:
    scan = op.create_table(
        "scan",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("attribution_id", sa.Integer(), nullable=False),
        _text("document"),
        _text("reason"),
        sa.PrimaryKeyConstraint("id", name="pk_scan"),
        sa.ForeignKeyConstraint(["attribution_id"], ["attribution.id"], name="fk_scan_attribution_id_attribution"),
    )
    op.create_index("ix_scan_attribution_id", "scan", ["attribution_id"])
    track = op.create_table(
        "scanned_track",
        sa.Column("row_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("attribution_id", sa.Integer(), nullable=False),
        sa.Column("scan_id", _BIG, nullable=False),
        _text("licensee"),
        _text("track_sha256", 64),
        _text("track_name"),
        _text("file_name"),
        _text("track_id"),
        _text("status"),
        sa.PrimaryKeyConstraint("row_id", name="pk_scanned_track"),
        sa.ForeignKeyConstraint(
            ["attribution_id"], ["attribution.id"], name="fk_scanned_track_attribution_id_attribution"
        ),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name="fk_scanned_track_scan_id_scan"),
    )
    for column in ("attribution_id", "scan_id"):
        op.create_index(f"ix_scanned_track_{column}", "scanned_track", [column])
    for short, column in (("sha256", "track_sha256"), ("file_name", "file_name"), ("track_id", "track_id")):
        op.create_index(f"ix_scanned_track_licensee_{short}", "scanned_track", ["licensee", column])
    return scan, track


def _make_usage_reports() -> None:
    op.create_table(
        "usage_report",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        _text("licensee"),
        _text("period_label"),
        _text("period_start", 10),
        _text("period_end", 10),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("sha256", 64),
        _text("document"),
        _text("reason"),
        _text("made_at", 20),
        _text("made_by"),
        sa.PrimaryKeyConstraint("id", name="pk_usage_report"),
        sa.UniqueConstraint(
            "licensee", "period_start", "period_end", "version",
            name="uq_usage_report_licensee_period_start_period_end_version",
        ),
    )  # fmt: skip


def _text(name: str, length: int | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text() if length is None else sa.String(length), nullable=False)
