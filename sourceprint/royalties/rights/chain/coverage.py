"""Rows that an entry of the chain covers, and the digest of each.

An entry is of one kind and covers a range of numbers in the first table of that kind. A revision covers the records
that it made and those that it ended. An attribution covers its uses, its scans and their tracks, and the uses that it
superseded. A statement covers its parts. A row that ends is covered twice: as made, without the column that ends it,
and as ended.
"""

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DefaultClause,
    LargeBinary,
    Table,
    case,
    cast,
    func,
    literal_column,
    select,
)

from sourceprint.royalties.rights.schema import (
    VERSIONED,
    attribution,
    person,
    revision,
    scan,
    scanned_track,
    statement,
    statement_part,
    usage_report,
    use,
    use_event,
)

__all__ = ["COVERED", "CoveredPart", "CoveredRow", "covered_rows", "extents", "listed_line"]

_ENDS = frozenset({"until", "superseded_by"})
_STREAM_ROWS = 2_000
_LONG = frozenset({statement.c.document, usage_report.c.document})  # each as long as thousands of rows of others
_BLOCK_BYTES = 1 << 18
_encoded = msgspec.json.Encoder().encode  # as `canonical_json` for texts and integers in order of name; much faster
_DIGITS = 64  # of a SHA-256 in hexadecimal
_LISTED_DIGITS = 16  # of a digest in the list that names changed rows; the digest over all rows takes all 64


@dataclass(frozen=True, slots=True)
class CoveredPart:
    """Rows of one table that belong to entries of one kind.

    Attributes
    ----------
    table : Table
    owner : Column
        Column with a number of the kind; the row belongs to the entry whose range holds it.
    """

    table: Table
    owner: Column[int]

    @property
    def ended(self) -> bool:
        """Whether the entry ended these rows, rather than made them."""
        return self.owner.name in _ENDS


COVERED: dict[str, tuple[CoveredPart, ...]] = {
    "revision": (
        CoveredPart(revision, revision.c.id),
        *(CoveredPart(table, table.c.since) for table in VERSIONED),
        *(CoveredPart(table, table.c.until) for table in VERSIONED),
    ),
    "attribution": (
        CoveredPart(attribution, attribution.c.id),
        CoveredPart(use, use.c.attribution_id),
        CoveredPart(use, use.c.superseded_by),
        CoveredPart(scan, scan.c.attribution_id),
        CoveredPart(scanned_track, scanned_track.c.attribution_id),
    ),
    "usage": (CoveredPart(usage_report, usage_report.c.id),),
    "decision": (CoveredPart(use_event, use_event.c.id),),
    "statement": (
        CoveredPart(statement, statement.c.row_id),
        CoveredPart(statement_part, statement_part.c.statement_row),
    ),
    "person": (CoveredPart(person, person.c.id),),
}
"""Covered rows by kind of entry: the table that numbers the kind, then the tables that belong to its rows."""


class CoveredRow(NamedTuple):
    """One row, as made or as ended.

    Attributes
    ----------
    table : str
    ended : bool
    row : int
        Primary key.
    id : str
        Id of the record, use or statement; name of a person; or "".
    digest : str
        SHA-256 of table, `ended` and the covered columns that are neither null nor at their default, 64 hexadecimal
        digits.
    """

    table: str
    ended: bool
    row: int
    id: str
    digest: str

    def line(self) -> bytes:
        """Return the row as a line of canonical JSON."""
        return _encoded(self) + b"\n"

    @property
    def listed(self) -> bytes:
        """Line of the row in the list that its entry keeps."""
        return listed_line(self.line())


def listed_line(line: bytes) -> bytes:
    """Return a row's line as the entry's list has it: the digest, at its end, cut to 16 digits."""
    end = len(line) - len(b'"]\n')
    return line[: end - _DIGITS + _LISTED_DIGITS] + line[end:]


def covered_rows(
    connection: Connection, part: CoveredPart, *, between: tuple[int, int] | None = None
) -> Iterator[tuple[int, CoveredRow]]:
    """Yield each row of a part with its owner's number, in order of owner and primary key.

    `between` limits the owners to a range that includes both ends; None is all of them.
    """
    key = next(iter(part.table.primary_key))
    table, names = str(part.table.name), [str(column.name) for column in part.table.columns]
    label = next((name for name in ("id", "use_id", "name") if name in names and name != key.name), "")
    if part.ended:
        names = list(dict.fromkeys(map(str, (key.name, label, part.owner.name))))
    elif part.table.name in _ENDED_TABLES:
        names = [name for name in names if name not in _ENDS]
    names.sort()  # as canonical JSON has them
    columns = [part.table.c[name] for name in names]
    is_long = part.table is statement_part or not _LONG.isdisjoint(columns)
    query = select(*(_in_utf8(connection, one) if one in _LONG else one for one in columns)).order_by(part.owner, key)
    query = query.where(part.owner.is_not(None) if between is None else part.owner.between(*between))
    at_owner, at_key, at_label = names.index(part.owner.name), names.index(key.name), names.index(label or key.name)
    ended, defaults = part.ended, {name: value for name, value in _defaults(part.table).items() if name in names}
    digest_of = _digest_of_long if is_long else _digest
    with connection.execute(query, execution_options={"yield_per": 1 if is_long else _STREAM_ROWS}) as result:
        for rows in result.partitions():
            for row in rows:
                text = str(row[at_label]) if label else ""
                digest = digest_of([table, ended, _held(names, row, defaults)])
                yield row[at_owner], CoveredRow(table, ended, row[at_key], text, digest)


def extents(connection: Connection) -> dict[str, int]:
    """Return the highest number of each kind; 0 where there is no row."""
    return {kind: connection.scalar(select(func.max(parts[0].owner))) or 0 for kind, parts in COVERED.items()}


_PLAIN = frozenset({str, int})
_ENDED_TABLES = frozenset(part.table.name for parts in COVERED.values() for part in parts if part.ended)


def _defaults(table: Table) -> dict[str, str | int]:
    """Return the server defaults by column; rows on file get them in a column that is added later."""
    found: dict[str, str | int] = {}
    for column in table.columns:
        if isinstance(column.server_default, DefaultClause):
            written = str(column.server_default.arg)
            found[column.name] = written[1:-1] if written.startswith("'") else int(written)
    return found


def _held(names: Sequence[str], row: Sequence[Any], defaults: dict[str, str | int]) -> dict[str, str | int]:
    """Return the columns of a row that are neither null nor at their default.

    A column at its default counts as one that was added later: the digest leaves it out.
    """
    held = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    for name, default in defaults.items():
        if held.get(name) == default:
            del held[name]
    return held


def _in_utf8(connection: Connection, column: Column[str]) -> ColumnElement[bytes | None]:
    """Return a column of long texts as bytes, which are half as long as texts of Python; null where it is no text."""
    if connection.dialect.name == "postgresql":
        return func.convert_to(column, literal_column("'UTF8'"), type_=LargeBinary)
    return case((func.typeof(column) == "text", cast(column, LargeBinary)))


def _digest(value: list[Any]) -> str:
    held = value[-1]
    if _PLAIN.issuperset(map(type, held.values())):
        data = _encoded(value)
    else:  # a part of a statement; or bytes or a broken number, which this program never wrote
        data = repr(value).encode("utf-8", "backslashreplace")
    return hashlib.sha256(data).hexdigest()


def _digest_of_long(value: list[Any]) -> str:
    """Return the same digest of a row with a long text in UTF-8, which is encoded block by block."""
    table, ended, held = value
    document, others = held.get("document"), {**held, "document": ""}
    if document is None or not _PLAIN.issuperset(map(type, others.values())):
        return _digest(value)  # of a part of a statement, or of no row that this program wrote
    start, end = _encoded([table, ended, others]).split(b'"document":""')
    digest = hashlib.sha256(start + b'"document":"')
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(document), _BLOCK_BYTES):
            text = decoder.decode(document[at : at + _BLOCK_BYTES], final=at + _BLOCK_BYTES >= len(document))
            digest.update(_encoded(text)[1:-1])
    except UnicodeDecodeError:
        return _digest(value)
    digest.update(b'"' + end)
    return digest.hexdigest()
