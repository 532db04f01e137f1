"""Rights in memory: the records that concern some recordings and works, at one revision.

Attribution and statements look records up in `Rights`; `load_rights`, or a test, builds it from records. `all_records`
yields every record of one kind in order. Both can read an earlier revision. Two reads that must agree belong inside one
`Database.reading()`.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.apportionment import largest_remainder
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import (
    WHOLE,
    OptChoice,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.rows import Record, record_of

__all__ = ["Rights", "all_records", "current_revision", "load_rights"]

_STREAM_ROWS = 2_000
_ID, _SUBJECT, _RECORDING = attrgetter("id"), attrgetter("subject_id"), attrgetter("recording_id")
T = TypeVar("T", Party, RightsRecording, Work, Share, Licence, OptChoice)
R = TypeVar("R")
K = TypeVar("K", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Rights:
    """Records by id, at one revision.

    Attributes
    ----------
    revision : int
        Revision of the records.
    recordings, works, parties, licences : mapping of str to record
        By id.
    by_index_id : mapping of str to tuple of str
        Ids of the recordings with an id in the index; several make it ambiguous.
    by_isrc : mapping of str to tuple of str
        Likewise by ISRC.
    work_weights : mapping of str to mapping of str to int
        Works of a recording, with parts in millionths that sum to 1 000 000.
    parts : mapping of str to tuple of RecordingPart
        Contained passages of a recording, by start.
    master_shares, work_shares : mapping of str to tuple of Share
        All shares of a recording or work, by id.
    choices : mapping of (str, str) to tuple of OptChoice
        All choices on a subject and its id, by id.
    """

    revision: int = 0
    recordings: Mapping[str, RightsRecording] = field(default_factory=dict)
    works: Mapping[str, Work] = field(default_factory=dict)
    parties: Mapping[str, Party] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    by_index_id: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_isrc: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    work_weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    parts: Mapping[str, tuple[RecordingPart, ...]] = field(default_factory=dict)
    master_shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    work_shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    choices: Mapping[tuple[str, str], tuple[OptChoice, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        recordings: Iterable[RightsRecording] = (),
        works: Iterable[Work] = (),
        parties: Iterable[Party] = (),
        links: Iterable[RecordingWork] = (),
        parts: Iterable[RecordingPart] = (),
        master_shares: Iterable[Share] = (),
        work_shares: Iterable[Share] = (),
        licences: Iterable[Licence] = (),
        choices: Iterable[OptChoice] = (),
        revision: int = 0,
    ) -> "Rights":
        """Return rights from records in any order."""
        by_id = _by_id(recordings)
        linked = _grouped(links, of=_RECORDING)
        of_index_id = _grouped((one for one in by_id.values() if one.index_id), of=attrgetter("index_id"))
        of_isrc = _grouped((one for one in by_id.values() if one.isrc), of=attrgetter("isrc"))
        return cls(
            revision=revision,
            recordings=by_id,
            works=_by_id(works),
            parties=_by_id(parties),
            licences=_by_id(licences),
            by_index_id={index_id: tuple(one.id for one in found) for index_id, found in of_index_id.items()},
            by_isrc={isrc: tuple(one.id for one in found) for isrc, found in of_isrc.items()},
            work_weights={recording_id: _weights(of_one) for recording_id, of_one in linked.items()},
            parts=_grouped(sorted(parts, key=attrgetter("start_ms", "end_ms", "part_id")), of=_RECORDING),
            master_shares=_grouped(sorted(master_shares, key=_ID), of=_SUBJECT),
            work_shares=_grouped(sorted(work_shares, key=_ID), of=_SUBJECT),
            choices=_grouped(sorted(choices, key=_ID), of=attrgetter("subject", "subject_id")),
        )

    def works_of(self, recording_id: str) -> tuple[str, ...]:
        """Return the ids of the works that a recording performs, sorted; empty if none is known."""
        return tuple(sorted(self.work_weights.get(recording_id, ())))


def _by_id(records: Iterable[T]) -> dict[str, T]:
    return {record.id: record for record in sorted(records, key=_ID)}


def _grouped(records: Iterable[R], *, of: Callable[[R], K]) -> dict[K, tuple[R, ...]]:
    """Return records by key, keys sorted; the records of one key keep their order."""
    found: dict[K, list[R]] = {}
    for record in records:
        found.setdefault(of(record), []).append(record)
    return {subject: tuple(found[subject]) for subject in sorted(found)}


def _weights(links: Sequence[RecordingWork]) -> dict[str, int]:
    """Return the parts of a recording's works; equal if any is not stated, or all are zero."""
    stated = {link.work_id: link.weight_millionths or 0 for link in links}
    if len(stated) == 1:  # the case of nearly all recordings
        return dict.fromkeys(stated, WHOLE)
    if any(link.weight_millionths is None for link in links) or not any(stated.values()):
        stated = dict.fromkeys(stated, 1)
    return largest_remainder(WHOLE, stated)


def current_revision(connection: Connection) -> int:
    """Return the latest revision; 0 before the first import."""
    return connection.scalar(select(func.max(schema.revision.c.id))) or 0


def load_rights(
    connection: Connection,
    *,
    index_ids: Iterable[str] = (),
    isrcs: Iterable[str] = (),
    recording_ids: Iterable[str] = (),
    work_ids: Iterable[str] = (),
    licensee: str = "",
    revision: int | None = None,
    owners: bool = True,
) -> Rights:
    """Return all records that concern some recordings, works and a licensee.

    These are the recordings with the given ids, index ids and ISRCs, and those that they contain, recursively; the
    works that any of these perform, and the given works; the shares of all of them, and the choices on them; the
    licences of the licensee; and the parties that shares and licences name. One query asks for up to 900 values.

    Parameters
    ----------
    index_ids, isrcs, recording_ids, work_ids : iterable of str
        Unknown ones are ignored. An index id is the `recording_id` of a scan result (`asset_id` in their version 1).
    licensee : str
        Id of a party; "" reads no licences.
    owners : bool
        Whether to read the parties that shares name, which are as many as all other records. A comparison of shares
        needs only their ids.

    Raises
    ------
    UnknownRightsError
        If there is no such revision.
    """
    latest = current_revision(connection)
    _require_revision(revision, latest)
    reader = _Reader(connection, revision)
    recordings = {
        found.id: found
        for column, wanted in (("id", recording_ids), ("index_id", index_ids), ("isrc", isrcs))
        for found in reader.where(schema.recording, column, wanted)
    }
    parts: list[RecordingPart] = []
    containing = set(recordings)
    while containing:  # contained recordings may contain others; a circle ends once all of its recordings are known
        inside = reader.where(schema.recording_part, "recording_id", containing)
        parts += inside
        containing = {part.part_id for part in inside} - recordings.keys()
        contained = reader.where(schema.recording, "id", containing)
        recordings |= {found.id: found for found in contained}
        containing &= recordings.keys()
    links = reader.where(schema.recording_work, "recording_id", recordings)
    works = reader.where(schema.work, "id", {link.work_id for link in links} | set(work_ids))
    master_shares = reader.where(schema.master_share, "recording_id", recordings)
    work_shares = reader.where(schema.work_share, "work_id", {found.id for found in works})
    licences = reader.where(schema.licence, "licensee", [licensee])
    owning = {share.party_id for share in (*master_shares, *work_shares)}
    subjects = owning | {name for one in recordings.values() for name in (one.id, one.isrc)}
    subjects |= {name for one in works for name in (one.id, one.iswc)}
    any_choice = select(schema.opt.c.row_id).where(schema.opt.c.row_id > 0).limit(1)
    chosen = connection.scalar(any_choice) is not None  # most catalogues have none and need no further query
    named = {party_id for found in licences for party_id in (found.licensor, found.licensee)} | {licensee}
    return Rights.of(
        recordings=recordings.values(),
        works=works,
        parties=reader.where(schema.party, "id", (owning if owners else set()) | named),
        links=links,
        parts=parts,
        master_shares=master_shares,
        work_shares=work_shares,
        licences=licences,
        choices=reader.where(schema.opt, "subject_id", subjects) if chosen else (),
        revision=latest if revision is None else revision,
    )


def all_records(
    connection: Connection, table: Table, revision: int | None = None, *, by: str = "id"
) -> Generator[Any, None, None]:
    """Yield every record of a table, as `record_of` makes it, in order of id, read in small batches.

    Close it inside the transaction when you stop before the end.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`, which has to last until all records are read.
    by : str
        Text column to sort by instead, ties by id: `work_id` yields the shares of works one work after another.

    Raises
    ------
    UnknownRightsError
        If there is no such revision.
    """
    _require_revision(revision, current_revision(connection))
    order = [schema.in_order(connection, table.c[column]) for column in dict.fromkeys((by, "id"))]
    query = _select(table).where(schema.valid_at(table, revision)).order_by(*order)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as result:
        for row in result.mappings():
            yield record_of(table, row)


class _Reader:
    """Reader of records by the values of one column, at one revision."""

    def __init__(self, connection: Connection, revision: int | None) -> None:
        self._connection = connection
        self._revision = revision

    def where(self, table: Table, column: str, wanted: Iterable[str]) -> list[Any]:
        """Return the records with any of the wanted values in a column; the empty text finds none."""
        found: list[Record] = []
        for chunk in in_chunks(sorted({value for value in wanted if value})):
            query = _select(table).where(table.c[column].in_(chunk), schema.valid_at(table, self._revision))
            found += (record_of(table, row) for row in self._connection.execute(query).mappings())
        return found


def _select(table: Table) -> Any:
    return select(*(table.c[name] for name in schema.record_columns(table)))


def _require_revision(revision: int | None, latest: int) -> None:
    if revision is not None and not 0 <= revision <= latest:
        raise UnknownRightsError(f"revision {revision}: the rights have revisions up to {latest}; name one of these")
