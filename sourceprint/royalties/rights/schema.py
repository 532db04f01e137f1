"""Tables of the database of rights, uses and statements (SQLAlchemy Core), for SQLite and PostgreSQL.

Records of rights are versioned and never overwritten. Every change belongs to a `revision`, which holds its author,
time and source. A row holds from its revision `since` to the one before `until`, and is current while `until` is null.
A read at revision N takes the rows with since <= N and (until is null or until > N).

Uses, events, scans, usage reports and statements are only added to. The chain
(`sourceprint.royalties.rights.chain`) covers every column of every row that is neither null nor at its server default;
rows on file have that default in a column that is added later.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    or_,
    text,
)

__all__ = ["VERSIONED", "in_order", "metadata", "record_columns", "valid_at"]

_BOOKKEEPING = frozenset({"row_id", "since", "until"})

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

_Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in INTEGER columns

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made_at", String(20), nullable=False),  # 2026-11-22T10:00:00Z
    Column("made_by", Text, nullable=False),
    Column("source", Text, nullable=False),  # imported file, or command
    Column("digest", String(71), nullable=False),  # sha256:... of the source, or ""
)


def _versioned(name: str, *columns: Column, lookups: tuple[str, ...] = ()) -> Table:  # type: ignore[type-arg]
    """Return a table of versioned records; `id` is the record's own id, a text."""
    table = Table(
        name,
        metadata,
        Column("row_id", _Big, primary_key=True, autoincrement=True),
        Column("id", Text, nullable=False),
        *columns,
        Column("since", Integer, ForeignKey("revision.id"), nullable=False),
        Column("until", Integer, ForeignKey("revision.id"), nullable=True),
    )
    # One current row per record: two imports at once cannot both win.
    current = text("until IS NULL")
    Index(f"uq_{name}_current", table.c.id, unique=True, sqlite_where=current, postgresql_where=current)
    Index(f"ix_{name}_id", table.c.id)
    for lookup in (*lookups, "since", "until"):
        Index(f"ix_{name}_{lookup}", table.c[lookup])
    return table


party = _versioned(
    "party",
    Column("name", Text, nullable=False),
    Column("ipi", Text, nullable=False),
    Column("isni", Text, nullable=False),
    Column("dpid", Text, nullable=False),
)
recording = _versioned(
    "recording",
    Column("title", Text, nullable=False),
    Column("subtitle", Text, nullable=False),
    Column("artists", Text, nullable=False),  # joined by |
    Column("isrc", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("duration_ms", BigInteger, nullable=True),
    Column("index_id", Text, nullable=False),
    Column("vocals", Text, nullable=False),
    Column("tags", Text, nullable=False),  # sorted, joined by |
    lookups=("isrc", "index_id"),
)
work = _versioned(
    "work",
    Column("title", Text, nullable=False),
    Column("iswc", Text, nullable=False),
    Column("writers", Text, nullable=False),  # joined by |
    Column("disputed", Text, nullable=False, server_default=text("''")),
    lookups=("iswc",),
)
# The id of a link joins the linked ids: "recording_id\twork_id", "recording_id\tstart_ms\tend_ms\tpart_id".
recording_work = _versioned(
    "recording_work",
    Column("recording_id", Text, nullable=False),
    Column("work_id", Text, nullable=False),
    Column("weight_millionths", Integer, nullable=True),
    lookups=("recording_id", "work_id"),
)
recording_part = _versioned(
    "recording_part",
    Column("recording_id", Text, nullable=False),
    Column("part_id", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    lookups=("recording_id",),
)


def _share_columns(subject: str) -> list[Column]:  # type: ignore[type-arg]
    return [
        Column(subject, Text, nullable=False),
        Column("party_id", Text, nullable=False),  # "" where unknown
        Column("right", Text, nullable=False, quote=True),  # "right" is a keyword of SQL
        Column("millionths", Integer, nullable=False),
        Column("included", Text, nullable=False),  # territories, sorted, joined by |
        Column("excluded", Text, nullable=False),
        Column("valid_from", String(10), nullable=False),  # YYYY-MM-DD, "" is open
        Column("valid_to", String(10), nullable=False),
        Column("role", Text, nullable=False),
    ]


master_share = _versioned("master_share", *_share_columns("recording_id"), lookups=("recording_id", "party_id"))
work_share = _versioned("work_share", *_share_columns("work_id"), lookups=("work_id", "party_id"))
licence = _versioned(
    "licence",
    Column("licensor", Text, nullable=False),
    Column("licensee", Text, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of the licence as written
    Column("digest", String(71), nullable=False),
    lookups=("licensee",),
)
# An owner's choice for recordings or works: "in" or "out", for some purposes, territories and days.
opt = _versioned(
    "opt",
    Column("subject", Text, nullable=False),  # recording, isrc, work, iswc, party
    Column("subject_id", Text, nullable=False),
    Column("choice", Text, nullable=False),  # in, out
    Column("purposes", Text, nullable=False),  # sorted, joined by |; "" is every purpose
    Column("included", Text, nullable=False),
    Column("excluded", Text, nullable=False),
    Column("valid_from", String(10), nullable=False),
    Column("valid_to", String(10), nullable=False),
    Column("weight_millionths", BigInteger, nullable=True),  # in the pool of a licence for training
    Column("reason", Text, nullable=False),
    lookups=("subject_id",),
)

VERSIONED = (party, recording, work, recording_work, recording_part, master_share, work_share, licence, opt)
"""Tables of records, each after those that it refers to."""

attribution = Table(
    "attribution",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made_at", String(20), nullable=False),
    Column("made_by", Text, nullable=False),
    Column("licensee", Text, nullable=False),
    Column("results_sha256", String(64), nullable=False),
    Column("policy_digest", String(71), nullable=False),
    Column("policy", Text, nullable=False),  # canonical JSON, with which an earlier period can be computed again
    Column("rights_revision", Integer, nullable=False),
)
use = Table(
    "use",
    metadata,
    Column("row_id", _Big, primary_key=True, autoincrement=True),
    Column("id", String(25), nullable=False),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    Column("superseded_by", Integer, ForeignKey("attribution.id"), nullable=True),  # null is current
    Column("licensee", Text, nullable=False),
    Column("track_sha256", String(64), nullable=False),
    Column("track_name", Text, nullable=False),
    Column("generated_on", String(10), nullable=False),
    Column("recording_id", Text, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of use_to_json, in its first state
    Index("ix_use_id", "id"),
    Index("ix_use_licensee_track", "licensee", "track_sha256"),
    Index("ix_use_licensee_generated_on", "licensee", "generated_on"),
    Index("ix_use_attribution_id", "attribution_id"),
    Index("ix_use_superseded_by", "superseded_by"),
)
use_event = Table(
    "use_event",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("use_id", String(25), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", Text, nullable=False),  # the use from this event on, as in `use`; "" is the use as attributed
    Column("made_at", String(20), nullable=False),
    Column("made_by", Text, nullable=False),
    Index("ix_use_event_use_id", "use_id"),
)
scan = Table(
    "scan",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of the searched index and its settings
    Column("reason", Text, nullable=False),  # why it supersedes earlier searches; "" if it need not
    Index("ix_scan_attribution_id", "attribution_id"),
)
scanned_track = Table(
    "scanned_track",
    metadata,
    Column("row_id", _Big, primary_key=True, autoincrement=True),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    Column("scan_id", _Big, ForeignKey("scan.id"), nullable=False),
    Column("licensee", Text, nullable=False),
    Column("track_sha256", String(64), nullable=False),  # "" where the file could not be read
    Column("track_name", Text, nullable=False),
    Column("file_name", Text, nullable=False),  # the last part of the name, in NFC
    Column("track_id", Text, nullable=False),  # the licensee's own id, or ""
    Column("status", Text, nullable=False),
    Index("ix_scanned_track_attribution_id", "attribution_id"),
    Index("ix_scanned_track_scan_id", "scan_id"),
    Index("ix_scanned_track_licensee_sha256", "licensee", "track_sha256"),
    Index("ix_scanned_track_licensee_file_name", "licensee", "file_name"),
    Index("ix_scanned_track_licensee_track_id", "licensee", "track_id"),
)
usage_report = Table(
    "usage_report",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("licensee", Text, nullable=False),
    Column("period_label", Text, nullable=False),
    Column("period_start", String(10), nullable=False),
    Column("period_end", String(10), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),  # of the file
    Column("document", Text, nullable=False),  # canonical JSON of the rows
    Column("reason", Text, nullable=False),  # why an issued period is reported again, or ""
    Column("made_at", String(20), nullable=False),
    Column("made_by", Text, nullable=False),
    UniqueConstraint("licensee", "period_start", "period_end", "version"),
)
statement = Table(
    "statement",
    metadata,
    Column("row_id", _Big, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("licensee", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("period_label", Text, nullable=False),
    Column("period_start", String(10), nullable=False),
    Column("period_end", String(10), nullable=False),
    Column("issued_on", String(10), nullable=False),
    Column("issued_at", String(20), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of the statement
    Column("digest", String(71), nullable=False),
    Index("ix_statement_licensee_period_start", "licensee", "period_start"),
)
# Derived from the other tables, so that later statements need not compute it again; made anew where missing.
statement_mark = Table(
    "statement_mark",
    metadata,
    Column("statement_row", _Big, primary_key=True, autoincrement=False),
    Column("mark", Text, nullable=False),  # canonical JSON: last numbers of the tables that only grow
    Column("figures", Text, nullable=False),  # canonical JSON: figures that later statements take from this one
)
statement_subject = Table(
    "statement_subject",
    metadata,
    Column("row_id", _Big, primary_key=True, autoincrement=True),
    Column("statement_row", _Big, nullable=False),
    Column("kind", Text, nullable=False),  # track, recording, work, counted, adjusts
    Column("key", Text, nullable=False),
    Column("territories", Text, nullable=False),  # where a track counts, joined by |; "" for other kinds
    Index("ix_statement_subject_kind_key", "kind", "key"),
    Index("ix_statement_subject_statement_row", "statement_row"),
)
person = Table(
    "person",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("allowed", Integer, nullable=False),  # 1 or 0; the latest row of a name holds
    Column("made_at", String(20), nullable=False),
    Column("made_by", Text, nullable=False),
    Index("ix_person_name", "name"),
)
chain_entry = Table(
    "chain_entry",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, ...
    Column("kind", Text, nullable=False),
    Column("first_id", BigInteger, nullable=False),  # first number in the kind's first table
    Column("last_id", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("content", String(64), nullable=False),  # SHA-256 of the covered rows
    Column("covered", LargeBinary, nullable=False),  # a line per covered row, to name missing and changed rows
    Column("previous", String(64), nullable=False),  # hash of the entry before; zeros in the first
    Column("hash", String(64), nullable=False),
)


def record_columns(table: Table) -> tuple[str, ...]:
    """Return the names of a record's columns, id first, without row_id, since and until."""
    return tuple(column.name for column in table.columns if column.name not in _BOOKKEEPING)


def valid_at(table: Table, at: int | None) -> ColumnElement[bool]:
    """Return the condition that a row holds at a revision; None is the latest."""
    if at is None:
        return table.c.until.is_(None)
    return and_(table.c.since <= at, or_(table.c.until.is_(None), table.c.until > at))


def in_order(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Return a column to sort texts by, in order of code points on both databases."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column
