"""Tables of the database of rights, uses and statements (SQLAlchemy Core), for SQLite and PostgreSQL.

Records of rights are versioned and never overwritten. Every change belongs to a `revision`, which holds its author,
time and source. A row holds from its revision `since` to the one before `until`, and is current while `until` is null.
A read at revision N takes the rows with since <= N and (until is null or until > N).

Uses, events, scans, usage reports and statements are only added to. The chain
(`sourceprint.royalties.rights.chain`) covers every column of every row that is neither null nor at its server default;
rows on file have that default in a column that is added later.
"""

from typing import Any

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


def _texts(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


def _fixed(length: int, *names: str) -> list[Column[Any]]:
    """Return columns of short texts: days YYYY-MM-DD have 10 characters, times like 2026-11-22T10:00:00Z 20."""
    return [Column(name, String(length), nullable=False) for name in names]


def _made() -> list[Column[Any]]:
    return [*_fixed(20, "made_at"), *_texts("made_by")]


def _number(name: str = "row_id") -> Column[int]:
    return Column(name, _Big, primary_key=True, autoincrement=True)


revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True),
    *_made(),
    *_texts("source"),  # imported file, or command
    *_fixed(71, "digest"),  # sha256:... of the source, or ""
)


def _versioned(name: str, *columns: Column[Any], lookups: tuple[str, ...] = ()) -> Table:
    """Return a table of versioned records; `id` is the record's own id, a text."""
    since = Column("since", Integer, ForeignKey("revision.id"), nullable=False)
    until = Column("until", Integer, ForeignKey("revision.id"), nullable=True)
    table = Table(name, metadata, _number(), *_texts("id"), *columns, since, until)
    # One current row per record: two imports at once cannot both win.
    current = text("until IS NULL")
    Index(f"uq_{name}_current", table.c.id, unique=True, sqlite_where=current, postgresql_where=current)
    for lookup in ("id", *lookups, "since", "until"):
        Index(f"ix_{name}_{lookup}", table.c[lookup])
    return table


def _validity() -> list[Column[Any]]:
    return [*_texts("included", "excluded"), *_fixed(10, "valid_from", "valid_to")]  # territories, days; "" is open


def _shares(name: str, subject: str) -> Table:
    right = Column("right", Text, nullable=False, quote=True)  # a keyword of SQL
    millionths = Column("millionths", Integer, nullable=False)
    columns: list[Column[Any]] = [*_texts(subject, "party_id"), right, millionths, *_validity(), *_texts("role")]
    return _versioned(name, *columns, lookups=(subject, "party_id"))


# Lists in a text (artists, writers, tags, purposes, territories) are joined by |. "" is not known, or open.
party = _versioned("party", *_texts("name", "ipi", "isni", "dpid"))
recording = _versioned(
    "recording",
    *_texts("title", "subtitle", "artists", "isrc", "label"),
    Column("duration_ms", BigInteger),
    *_texts("index_id", "vocals", "tags"),
    lookups=("isrc", "index_id"),
)
work = _versioned(
    "work",
    *_texts("title", "iswc", "writers"),
    Column("disputed", Text, nullable=False, server_default=text("''")),
    lookups=("iswc",),
)
# The id of a link joins the linked ids: "recording_id\twork_id", "recording_id\tstart_ms\tend_ms\tpart_id".
recording_work = _versioned(
    "recording_work",
    *_texts("recording_id", "work_id"),
    Column("weight_millionths", Integer),
    lookups=("recording_id", "work_id"),
)
recording_part = _versioned(
    "recording_part",
    *_texts("recording_id", "part_id"),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    lookups=("recording_id",),
)
master_share = _shares("master_share", "recording_id")
work_share = _shares("work_share", "work_id")
licence = _versioned(
    "licence",
    *_texts("licensor", "licensee", "document"),  # canonical JSON of the licence as written
    *_fixed(71, "digest"),
    lookups=("licensee",),
)
# An owner's choice for recordings or works: "in" or "out", for some purposes, territories and days.
opt = _versioned(
    "opt",
    *_texts("subject", "subject_id", "choice", "purposes"),  # "" is every purpose
    *_validity(),
    Column("weight_millionths", BigInteger),  # in the pool of a licence for training
    *_texts("reason"),
    lookups=("subject_id",),
)

VERSIONED = (party, recording, work, recording_work, recording_part, master_share, work_share, licence, opt)
"""Tables of records, each after those that it refers to."""

attribution = Table(
    "attribution",
    metadata,
    Column("id", Integer, primary_key=True),
    *_made(),
    *_texts("licensee"),
    *_fixed(64, "results_sha256"),
    *_fixed(71, "policy_digest"),
    *_texts("policy"),  # canonical JSON, with which an earlier period can be computed again
    Column("rights_revision", Integer, nullable=False),
)
use = Table(
    "use",
    metadata,
    _number(),
    *_fixed(25, "id"),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    Column("superseded_by", Integer, ForeignKey("attribution.id")),  # null is current
    *_texts("licensee"),
    *_fixed(64, "track_sha256"),
    *_texts("track_name"),
    *_fixed(10, "generated_on"),
    *_texts("recording_id", "document"),  # canonical JSON of use_to_json, in its first state
    Index("ix_use_id", "id"),
    Index("ix_use_licensee_track", "licensee", "track_sha256"),
    Index("ix_use_licensee_generated_on", "licensee", "generated_on"),
    Index("ix_use_attribution_id", "attribution_id"),
    Index("ix_use_superseded_by", "superseded_by"),
)
use_event = Table(
    "use_event",
    metadata,
    _number("id"),
    *_fixed(25, "use_id"),
    *_texts("state", "reason", "document"),  # the use from this event on, as in `use`; "" is the use as attributed
    *_made(),
    Index("ix_use_event_use_id", "use_id"),
)
scan = Table(
    "scan",
    metadata,
    _number("id"),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    *_texts("document", "reason"),  # of index and settings, canonical JSON; why it supersedes earlier searches, or ""
    Index("ix_scan_attribution_id", "attribution_id"),
)
scanned_track = Table(
    "scanned_track",
    metadata,
    _number(),
    Column("attribution_id", Integer, ForeignKey("attribution.id"), nullable=False),
    Column("scan_id", _Big, ForeignKey("scan.id"), nullable=False),
    *_texts("licensee"),
    *_fixed(64, "track_sha256"),  # "" where the file could not be read
    *_texts("track_name", "file_name", "track_id", "status"),  # name: its last part, in NFC; id: the licensee's
    Index("ix_scanned_track_attribution_id", "attribution_id"),
    Index("ix_scanned_track_scan_id", "scan_id"),
    Index("ix_scanned_track_licensee_sha256", "licensee", "track_sha256"),
    Index("ix_scanned_track_licensee_file_name", "licensee", "file_name"),
    Index("ix_scanned_track_licensee_track_id", "licensee", "track_id"),
)
usage_report = Table(
    "usage_report",
    metadata,
    _number("id"),
    *_texts("licensee", "period_label"),
    *_fixed(10, "period_start", "period_end"),
    Column("version", Integer, nullable=False),
    *_fixed(64, "sha256"),  # of the file
    *_texts("document", "reason"),  # canonical JSON of the rows; why an issued period is reported again, or ""
    *_made(),
    UniqueConstraint("licensee", "period_start", "period_end", "version"),
)
statement = Table(
    "statement",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True),
    *_texts("licensee"),
    *_fixed(3, "currency"),
    *_texts("period_label"),
    *_fixed(10, "period_start", "period_end", "issued_on"),
    *_fixed(20, "issued_at"),
    *_texts("issued_by", "document"),  # canonical JSON of the statement; "" where it is in parts
    *_fixed(71, "digest"),
    Index("ix_statement_licensee_period_start", "licensee", "period_start"),
)
# The canonical JSON of a statement in compressed pieces, in order of field and row.
statement_part = Table(
    "statement_part",
    metadata,
    _number(),
    Column("statement_row", _Big, nullable=False),
    *_texts("field"),
    Column("content", LargeBinary, nullable=False),
    Index("ix_statement_part_statement_row_field", "statement_row", "field"),
)
# Derived from the other tables, so that later statements need not compute it again; made anew where missing.
statement_mark = Table(
    "statement_mark",
    metadata,
    Column("statement_row", _Big, primary_key=True, autoincrement=False),
    # Canonical JSON: last numbers of the tables that only grow, and figures that later statements take from this one.
    *_texts("mark", "figures"),
)
statement_subject = Table(
    "statement_subject",
    metadata,
    _number(),
    Column("statement_row", _Big, nullable=False),
    # Kinds are track, recording, work, counted, adjusts; territories, those where a track counts, "" for other kinds.
    *_texts("kind", "key", "territories"),
    Index("ix_statement_subject_kind_key", "kind", "key"),
    Index("ix_statement_subject_statement_row", "statement_row"),
)
person = Table(
    "person",
    metadata,
    _number("id"),
    *_texts("name"),
    Column("allowed", Integer, nullable=False),  # 1 or 0; the latest row of a name holds
    *_made(),
    Index("ix_person_name", "name"),
)
chain_entry = Table(
    "chain_entry",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, ...
    *_texts("kind"),
    Column("first_id", BigInteger, nullable=False),  # first number in the kind's first table
    Column("last_id", BigInteger, nullable=False),
    *_texts("note"),
    *_fixed(64, "content"),  # SHA-256 of the covered rows
    Column("covered", LargeBinary, nullable=False),  # a line per covered row, to name missing and changed rows
    *_fixed(64, "previous", "hash"),  # `previous` of the entry before; zeros in the first
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
