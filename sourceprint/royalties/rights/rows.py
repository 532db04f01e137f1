r"""Records as rows of the database, and back: the one module that knows how a record is stored.

A row has the fields of its record, by name and type. A list of names, tags or territories is one text, joined by `|`,
which no item may contain. Dates are YYYY-MM-DD, "" where open. The id of a link joins the linked ids by tabulators,
which no id may contain. A licence is stored as a document.
"""

import json
import sys
from collections.abc import Callable
from datetime import date
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Protocol, cast, get_type_hints

from sqlalchemy import Table

from fingerprint.digests import exact_json
from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.licence_toml import licence_document, licence_of
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import (
    MASTER,
    OptChoice,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.territories import EVERYWHERE, WORLDWIDE, Territories

__all__ = ["Record", "Row", "record_of", "row_of", "table_of"]

Record = Party | RightsRecording | Work | RecordingWork | RecordingPart | Share | Licence | OptChoice


class Row(Protocol):
    """Values by column name, as in a dict or a row of SQLAlchemy."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value in a column."""


_RECORDS: dict[Table, type[Any]] = {
    schema.party: Party,
    schema.recording: RightsRecording,
    schema.work: Work,
    schema.recording_work: RecordingWork,
    schema.recording_part: RecordingPart,
    schema.master_share: Share,
    schema.work_share: Share,
    schema.licence: Licence,
    schema.opt: OptChoice,
}
_TABLES = {record: table for table, record in _RECORDS.items()}
_KEYS = {
    RecordingWork: ("recording_id", "work_id"),
    RecordingPart: ("recording_id", "start_ms", "end_ms", "part_id"),
}
_SUBJECTS = {schema.master_share: "recording_id", schema.work_share: "work_id"}
_ALIKE = frozenset({"party_id", "right", "role", "label"})
"""Columns with the same texts in many rows, which are in memory once."""

_IDS = frozenset({"id", "subject_id", "recording_id", "work_id", "part_id"})


def table_of(record: Record) -> Table:
    """Return the table of a record; shares of recordings and of works have one each."""
    if isinstance(record, Share):
        return schema.master_share if record.right == MASTER else schema.work_share
    return _TABLES[type(record)]


def row_of(record: Record) -> dict[str, object]:
    r"""Return a record as a row: its id and the columns of `table_of(record)`.

    Raises
    ------
    ParameterError
        If an id is empty or holds a tabulator, or a name in a list is empty or holds `|`.

    Examples
    --------
    >>> row_of(RecordingWork("R1", "W1"))
    {'recording_id': 'R1', 'work_id': 'W1', 'weight_millionths': None, 'id': 'R1\tW1'}
    """
    if isinstance(record, Licence):
        return {
            "id": _id(record.id),
            "licensor": record.licensor,
            "licensee": record.licensee,
            "document": exact_json(licence_document(record)).decode(),
            "digest": record.digest,
        }
    row: dict[str, object] = {}
    for field, column, kind in _columns(table_of(record)):
        value = getattr(record, field)
        if kind is Territories:
            row["included"], row["excluded"] = "|".join(value.included), "|".join(value.excluded)
        elif kind == date | None:
            row[column] = value.isoformat() if value else ""
        elif kind == tuple[str, ...]:
            row[column] = _joined(value, field.removesuffix("s"))
        else:
            row[column] = _id(value) if field in _IDS else value
    if key := _KEYS.get(type(record)):
        row["id"] = "\t".join(str(row[column]) for column in key)
    return row


def record_of(table: Table, row: Row) -> Record:
    """Return the record in a row of a table; other columns of the row are ignored."""
    if table is schema.licence:
        return _parsed_licence(row["document"], row["digest"])
    return cast(Record, _RECORDS[table](*[read(row) for read in _readers(table)]))


@cache
def _columns(table: Table) -> tuple[tuple[str, str, Any], ...]:
    """Return name, column and type of each field of a table's records."""
    hints = get_type_hints(_RECORDS[table])
    subject = _SUBJECTS.get(table, "subject_id")
    return tuple((field, subject if field == "subject_id" else field, kind) for field, kind in hints.items())


@cache
def _readers(table: Table) -> tuple[Callable[[Row], Any], ...]:
    """Return a function for each field of a table's records, which reads it from a row."""
    return tuple(_reader(column, kind) for _, column, kind in _columns(table))


def _reader(column: str, kind: Any) -> Callable[[Row], Any]:
    if kind is Territories:
        return lambda row: _territories(row["included"], row["excluded"])
    if kind == date | None:
        return lambda row: _date(row[column])
    if kind == tuple[str, ...]:
        return lambda row: _split(row[column])
    if column in _ALIKE:
        return lambda row: _alike(row[column])
    return itemgetter(column)


@lru_cache(32)  # each batch of tracks asks for the same few licences, which may list thousands of works
def _parsed_licence(document: str, digest: str) -> Licence:
    return licence_of(json.loads(document), digest)


def _id(text: str) -> str:
    if not text:
        raise ParameterError("id '': is empty; give each party, recording, work, share and licence an id")
    if "\t" in text:
        raise ParameterError(f"id {printable(text)!r:.80}: holds a tab, which separates ids on file; take it out")
    return text


def _joined(names: tuple[str, ...], noun: str) -> str:
    joined = "|".join(names)
    if joined.count("|") != max(len(names) - 1, 0) or not all(names):
        wrong = next(name for name in names if not name or "|" in name)
        raise ParameterError(
            f"{noun} {printable(wrong)!r:.80}: is empty or holds |, which separates them; leave it out"
        )
    return joined


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _alike(text: Any) -> Any:
    return sys.intern(text) if type(text) is str else text


@lru_cache(maxsize=4_096)
def _territories(included: str, excluded: str) -> Territories:
    return EVERYWHERE if included == WORLDWIDE and not excluded else Territories(_split(included), _split(excluded))


@lru_cache(maxsize=4_096)
def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
