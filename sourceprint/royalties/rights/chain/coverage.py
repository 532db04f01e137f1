"""The rows that an entry of the chain covers: which they are, and the digest of each.

An entry is of one kind and covers a range of numbers, the `id` of the kind's first table. To a revision belong the
records that it made and those that it ended; to an attribution its uses and scans, and the uses that it superseded. A
row is covered twice where it ends: as it was made, without the column that ends it, and as it ended.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, DefaultClause, Table, func, select

from sourceprint.royalties.rights.schema import (
    VERSIONED,
    attribution,
    person,
    revision,
    scan,
    scanned_track,
    statement,
    usage_report,
    use,
    use_event,
)

__all__ = ["COVERED", "CoveredPart", "CoveredRow", "covered_rows", "extents", "listed_line"]

_ENDS = frozenset({"until", "superseded_by"})
_STREAM_ROWS = 2_000
_encoded = msgspec.json.Encoder().encode  # of texts and whole numbers by sorted names: `canonical_json`, much faster
_DIGITS = 64  # of a digest
_LISTED_DIGITS = 16  # of a digest in the list by which a changed row is named; what is hashed has all 64


@dataclass(frozen=True, slots=True)
class CoveredPart:
    """Rows of one table that belong to entries of a kind.

    Attributes
    ----------
    table : Table
    owner : Column
        Number of what the row belongs to, inside the range of its entry.
    """

    table: Table
    owner: Column[int]

    @property
    def ended(self) -> bool:
        """Whether rows belong to the entry as what it ended, not as what it made."""
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
    "statement": (CoveredPart(statement, statement.c.row_id),),
    "person": (CoveredPart(person, person.c.id),),
}
"""What is covered, by kind of entry: the table that numbers them first, then what belongs to its rows."""


@dataclass(frozen=True, slots=True)
class CoveredRow:
    """One row, as made or as ended.

    Attributes
    ----------
    table : str
    ended : bool
    row : int
        Its primary key.
    id : str
        Of the record, use or statement that it is of, or "".
    digest : str
        SHA-256 of all its columns that hold something, 64 hexadecimal digits.
    """

    table: str
    ended: bool
    row: int
    id: str
    digest: str

    def line(self) -> bytes:
        """Return it as a line of canonical JSON."""
        return _encoded([self.table, self.ended, self.row, self.id, self.digest]) + b"\n"

    @property
    def listed(self) -> bytes:
        """The line that an entry keeps of it."""
        return listed_line(self.line())


def listed_line(line: bytes) -> bytes:
    """Return the line that an entry keeps of a row, given the whole one: with fewer digits of its digest, its end."""
    end = len(line) - len(b'"]\n')
    return line[: end - _DIGITS + _LISTED_DIGITS] + line[end:]


def covered_rows(
    connection: Connection, part: CoveredPart, *, between: tuple[int, int] | None = None
) -> Iterator[tuple[int, CoveredRow]]:
    """Yield the owner's number and each row of a part, by both; only those of a range of owners, or all."""
    key = next(iter(part.table.primary_key))
    table, names = str(part.table.name), [str(column.name) for column in part.table.columns]
    label = next((name for name in ("id", "use_id", "name") if name in names and name != key.name), "")
    if part.ended:
        names = list(dict.fromkeys(map(str, (key.name, label, part.owner.name))))
    elif part.table.name in _ENDED_TABLES:
        names = [name for name in names if name not in _ENDS]
    names.sort()  # as canonical JSON has them
    defaults = _defaults(part.table)
    columns = [(name, defaults.get(name)) for name in names]
    query = select(*(part.table.c[name] for name in names)).order_by(part.owner, key)
    query = query.where(part.owner.is_not(None) if between is None else part.owner.between(*between))
    at_owner, at_key, at_label = names.index(part.owner.name), names.index(key.name), names.index(label or key.name)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as result:
        for rows in result.partitions():
            for row in rows:
                # A column with its default is as one that came later: no part of what is digested.
                held = {
                    name: value
                    for (name, default), value in zip(columns, row, strict=True)
                    if value is not None and value != default
                }
                text = str(row[at_label]) if label else ""
                digest = _digest([table, part.ended, held])
                yield row[at_owner], CoveredRow(table, part.ended, row[at_key], text, digest)


def extents(connection: Connection) -> dict[str, int]:
    """Return the highest number there is of each kind, 0 where there is none."""
    return {kind: connection.scalar(select(func.max(parts[0].owner))) or 0 for kind, parts in COVERED.items()}


_PLAIN = frozenset({str, int})
_ENDED_TABLES = frozenset(part.table.name for parts in COVERED.values() for part in parts if part.ended)


def _defaults(table: Table) -> dict[str, str | int]:
    """Return what a server gives to columns that are left out, and so to those that came later: a text or a number."""
    found: dict[str, str | int] = {}
    for column in table.columns:
        if isinstance(column.server_default, DefaultClause):
            written = str(column.server_default.arg)
            found[column.name] = written[1:-1] if written.startswith("'") else int(written)
    return found


def _digest(value: list[Any]) -> str:
    held = value[-1]
    if _PLAIN.issuperset(map(type, held.values())):
        data = _encoded(value)
    else:  # bytes or a broken number: nothing that this program ever wrote
        data = repr(value).encode("utf-8", "backslashreplace")
    return hashlib.sha256(data).hexdigest()
