"""History of records of rights: new records are added, changed ones superseded, none overwritten.

Input: rows as `sourceprint.royalties.rights.rows` makes them, with id and columns of the record, in any order and
number. They go into a temporary table and are compared there set against set, so that memory does not grow with them. A
row that equals the current one is left alone; importing the same rows again makes no revision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import (
    BigInteger,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    not_,
    or_,
    select,
    text,
    update,
)

from fingerprint.errors import RightsError, printable
from sourceprint.royalties.rights.database import Change
from sourceprint.royalties.rights.schema import in_order, record_columns, revision

__all__ = [
    "MAX_LOOKUP_BYTES",
    "Applied",
    "Version",
    "apply_records",
    "record_history",
]

MAX_LOOKUP_BYTES = 2_500
"""Longest id or other indexed text, in UTF-8: an index of PostgreSQL holds little more."""

_CHUNK_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Applied:
    """Numbers of records that were added, changed and left alone."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record.

    Attributes
    ----------
    row : dict of str to object
        Id and columns of the record.
    since : int
        First revision in which it holds.
    made_at, made_by, source : str
        Of that revision.
    until : int or None
        Revision that ended it; None while it is current.
    ended_at, ended_by : str
        Of that revision; "" while it is current.
    """

    row: dict[str, object]
    since: int
    made_at: str
    made_by: str
    source: str
    until: int | None
    ended_at: str
    ended_by: str


def apply_records(change: Change, table: Table, rows: Iterable[Mapping[str, object]]) -> Applied:
    """Bring the current records of a table up to the given rows; records without a row stay.

    Parameters
    ----------
    change : Change
        The transaction; its revision is made if anything differs.
    rows : iterable of mapping
        `id` and every column of the record; each id once.

    Returns
    -------
    Applied

    Raises
    ------
    RightsError
        If an id occurs twice, a row has other columns, or a value cannot be stored. Once the error leaves the block of
        the transaction, nothing is changed.
    """
    connection = change.connection
    names = record_columns(table)
    staged = _stage(connection, table, rows)
    current = and_(staged.c.id == table.c.id, table.c.until.is_(None))
    differs = or_(*(staged.c[name].is_distinct_from(table.c[name]) for name in names if name != "id"))
    total = connection.scalar(select(func.count()).select_from(staged)) or 0
    known = connection.scalar(select(func.count()).select_from(staged.join(table, current))) or 0
    changed = 0
    if known:
        superseded = select(table.c.row_id).select_from(staged.join(table, current)).where(differs)
        changed = connection.scalar(select(func.count()).select_from(superseded.subquery())) or 0
        if changed:
            outdated = update(table).where(table.c.until.is_(None), table.c.row_id.in_(superseded))
            connection.execute(outdated.values(until=change.revision))
    if changed or known < total:
        missing = not_(select(table.c.row_id).where(current).exists())
        fresh = select(*(staged.c[name] for name in names), bindparam("since", change.revision, Integer))
        connection.execute(
            insert(table).from_select(
                [*names, "since"], fresh.where(missing).order_by(in_order(connection, staged.c.id))
            )
        )
    staged.drop(connection)
    return Applied(total - known, changed, known - changed)


def record_history(connection: Connection, table: Table, record_id: str) -> list[Version]:
    """Return every version of a record, oldest first; empty if there never was one."""
    began, ended = revision.alias("began"), revision.alias("ended")
    names = record_columns(table)
    versions = (
        select(
            *(table.c[name] for name in names),
            table.c.since,
            table.c.until,
            began.c.made_at.label("began_at"),
            began.c.made_by.label("began_by"),
            began.c.source.label("began_source"),
            ended.c.made_at.label("ended_at"),
            ended.c.made_by.label("ended_by"),
        )
        .select_from(table.join(began, began.c.id == table.c.since).outerjoin(ended, ended.c.id == table.c.until))
        # A version that one transaction both made and superseded never held.
        .where(table.c.id == record_id, or_(table.c.until.is_(None), table.c.until > table.c.since))
        .order_by(table.c.since)
    )
    return [
        Version(
            row={name: row[name] for name in names},
            since=row["since"],
            made_at=row["began_at"],
            made_by=row["began_by"],
            source=row["began_source"],
            until=row["until"],
            ended_at=row["ended_at"] or "",
            ended_by=row["ended_by"] or "",
        )
        for row in connection.execute(versions).mappings()
    ]


def _stage(connection: Connection, table: Table, rows: Iterable[Mapping[str, object]]) -> Table:
    """Return a temporary table with the rows; RightsError if an id occurs twice."""
    names = record_columns(table)
    staged = Table(
        f"staged_{table.name}",
        MetaData(),
        *(table.c[name]._copy() for name in names),
        prefixes=["TEMPORARY"],
    )
    staged.create(connection)
    row_check = _RowCheck(table)
    remaining = iter(rows)
    statement = insert(staged)
    while chunk := [row_check(row) for row in islice(remaining, _CHUNK_ROWS)]:
        connection.execute(statement, chunk)
    by_id = Index(f"ix_{staged.name}_id", staged.c.id)
    by_id.create(connection)
    twice = (
        select(staged.c.id)
        .group_by(staged.c.id)
        .having(func.count() > 1)
        .order_by(in_order(connection, staged.c.id))
        .limit(1)
    )
    if (record_id := connection.scalar(twice)) is not None:
        raise RightsError(f"{table.name} {printable(record_id):.80}: occurs twice; give every record an id of its own")
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {staged.name}"))  # a new table has no statistics for its plans
    return staged


class _RowCheck:
    """Refusal of values that either database cannot hold, so that both hold the same."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = frozenset(record_columns(table))
        indexed = {column.name for index in table.indexes for column in index.columns} & self._names
        self._lookups = tuple(sorted(indexed))
        columns = [table.c[name] for name in sorted(self._names)]
        self._lengths = {c.name: c.type.length for c in columns if isinstance(c.type, String) and c.type.length}
        self._limits = {
            column.name: 2**63 - 1 if isinstance(column.type, BigInteger) else 2**31 - 1
            for column in columns
            if isinstance(column.type, Integer)
        }

    def __call__(self, row: Mapping[str, object]) -> Mapping[str, object]:
        if row.keys() != self._names:
            wrong = ", ".join(sorted(row.keys() ^ self._names))
            raise RightsError(f"{self._label(row)}: columns missing or not of this table: {printable(wrong):.200}")
        texts = [value for value in row.values() if isinstance(value, str)]
        joined = "".join(texts)
        if "\0" in joined or not joined.isascii():
            self._refuse_characters(row)
        for name in self._lookups:
            value = row[name]
            if isinstance(value, str) and 4 * len(value) > MAX_LOOKUP_BYTES < len(value.encode()):
                raise RightsError(
                    f"{self._label(row)}: {name} has {len(value.encode())} bytes in UTF-8; shorten it to "
                    f"{MAX_LOOKUP_BYTES}"
                )
        for name, length in self._lengths.items():
            if len(str(row[name])) > length:
                raise RightsError(
                    f"{self._label(row)}: {name} {printable(str(row[name])):.80}: longer than {length} characters; "
                    "shorten it"
                )
        for name, limit in self._limits.items():
            number = row[name]
            if isinstance(number, int) and abs(number) > limit:
                raise RightsError(
                    f"{self._label(row)}: {name} {number}: beyond {limit}, the largest number stored; correct it"
                )
        return row

    def _refuse_characters(self, row: Mapping[str, object]) -> None:
        for name, value in row.items():
            if not isinstance(value, str):
                continue
            if "\0" in value:
                raise RightsError(f"{self._label(row)}: {name} holds a null character; take it out")
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise RightsError(f"{self._label(row)}: {name} is not valid Unicode; correct its encoding") from error

    def _label(self, row: Mapping[str, object]) -> str:
        return f"{self._table.name} {printable(str(row.get('id', ''))):.80}".rstrip()
