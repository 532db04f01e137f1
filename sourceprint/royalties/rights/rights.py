"""Rights in memory: the records that concern some recordings and works, read from the database at one revision.

`Rights` is what attribution and statements look records up in; it is built from records, by `load_rights` or a test.
`all_records` yields everything of one kind in order. Both can read an earlier revision. Whoever reads twice and needs
both to agree does so inside one `Database.reading()`.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.money import largest_remainder
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
R = TypeVar("R", Party, RightsRecording, Work, RecordingWork, RecordingPart, Share, Licence, OptChoice)


@dataclass(frozen=True, slots=True)
class Rights:
    """Records by id, at one revision.

    Attributes
    ----------
    revision : int
        Of the catalogue of rights.
    recordings, works, parties, licences : mapping of str to record
        By id.
    by_index_id : mapping of str to tuple of str
        Ids of the recordings that have an id in the index; more than one is an ambiguity.
    by_isrc : mapping of str to tuple of str
        Likewise by ISRC.
    work_weights : mapping of str to mapping of str to int
        By recording: its works, with parts in millionths that sum to 1 000 000.
    parts : mapping of str to tuple of RecordingPart
        By recording that contains: what it contains, by start.
    master_shares, work_shares : mapping of str to tuple of Share
        By recording and by work: all shares, by id.
    choices : mapping of (str, str) to tuple of OptChoice
        By subject and its id: all choices, by id.
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
        by_id = {recording.id: recording for recording in sorted(recordings, key=lambda recording: recording.id)}
        by_index_id: dict[str, tuple[str, ...]] = {}
        by_isrc: dict[str, tuple[str, ...]] = {}
        for recording in by_id.values():
            if recording.index_id:
                by_index_id[recording.index_id] = (*by_index_id.get(recording.index_id, ()), recording.id)
            if recording.isrc:
                by_isrc[recording.isrc] = (*by_isrc.get(recording.isrc, ()), recording.id)
        linked: dict[str, list[RecordingWork]] = {}
        for link in links:
            linked.setdefault(link.recording_id, []).append(link)
        contained: dict[str, list[RecordingPart]] = {}
        for part in parts:
            contained.setdefault(part.recording_id, []).append(part)
        return cls(
            revision=revision,
            recordings=by_id,
            works={work.id: work for work in sorted(works, key=lambda work: work.id)},
            parties={party.id: party for party in sorted(parties, key=lambda party: party.id)},
            licences={licence.id: licence for licence in sorted(licences, key=lambda licence: licence.id)},
            by_index_id=by_index_id,
            by_isrc=by_isrc,
            work_weights={recording_id: _weights(of_one) for recording_id, of_one in sorted(linked.items())},
            parts={
                recording_id: tuple(sorted(of_one, key=lambda part: (part.start_ms, part.end_ms, part.part_id)))
                for recording_id, of_one in sorted(contained.items())
            },
            master_shares=_by_subject(master_shares),
            work_shares=_by_subject(work_shares),
            choices=_choices_by_subject(choices),
        )

    def works_of(self, recording_id: str) -> tuple[str, ...]:
        """Return the ids of the works that a recording performs, sorted; empty where none is known."""
        return tuple(sorted(self.work_weights.get(recording_id, ())))


def _weights(links: list[RecordingWork]) -> dict[str, int]:
    """Return the parts of the works of one recording; where any is not stated, all are equal."""
    stated = {link.work_id: link.weight_millionths or 0 for link in links}
    if len(stated) == 1:  # as nearly all recordings have one
        return dict.fromkeys(stated, WHOLE)
    if any(link.weight_millionths is None for link in links) or not any(stated.values()):
        stated = dict.fromkeys(stated, 1)
    return largest_remainder(WHOLE, stated)


def _by_subject(shares: Iterable[Share]) -> dict[str, tuple[Share, ...]]:
    grouped: dict[str, list[Share]] = {}
    for share in shares:
        grouped.setdefault(share.subject_id, []).append(share)
    return {subject: tuple(sorted(of_one, key=lambda share: share.id)) for subject, of_one in sorted(grouped.items())}


def _choices_by_subject(choices: Iterable[OptChoice]) -> dict[tuple[str, str], tuple[OptChoice, ...]]:
    grouped: dict[tuple[str, str], list[OptChoice]] = {}
    for choice in sorted(choices, key=lambda choice: choice.id):
        grouped.setdefault((choice.subject, choice.subject_id), []).append(choice)
    return {subject: tuple(of_one) for subject, of_one in sorted(grouped.items())}


def current_revision(connection: Connection) -> int:
    """Return the number of the latest revision; 0 where nothing was ever imported."""
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
    """Return everything that concerns some recordings, works and a licensee.

    These are the recordings with those ids, index ids and ISRCs, the recordings that they contain, and so on; the works
    that any of these perform, and those named; the shares of them all, and what was chosen for them; the licences of
    the licensee; and the parties that shares and licences name. The number of queries does not depend on how many are
    asked for, but in steps of 900.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    index_ids, isrcs, recording_ids, work_ids : iterable of str
        Unknown ones are simply not in what is returned; index ids are the `recording_id` of scan results (`asset_id` in
        their version 1).
    licensee : str
        Id of a party; "" reads no licences.
    revision : int or None
        At which to read; None is the latest.
    owners : bool
        Whether the parties that shares name are read. There are as many as everything else; who compares shares needs
        their ids alone.

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
        for found in reader.where(RightsRecording, schema.recording, column, wanted)
    }
    parts: list[RecordingPart] = []
    containing = set(recordings)
    while containing:  # what is contained may contain others; a circle ends where all are known
        inside = reader.where(RecordingPart, schema.recording_part, "recording_id", containing)
        parts += inside
        containing = {part.part_id for part in inside} - recordings.keys()
        contained = reader.where(RightsRecording, schema.recording, "id", containing)
        recordings |= {found.id: found for found in contained}
        containing &= recordings.keys()
    links = reader.where(RecordingWork, schema.recording_work, "recording_id", recordings)
    works = reader.where(Work, schema.work, "id", {link.work_id for link in links} | set(work_ids))
    master_shares = reader.where(Share, schema.master_share, "recording_id", recordings)
    work_shares = reader.where(Share, schema.work_share, "work_id", {found.id for found in works})
    licences = reader.where(Licence, schema.licence, "licensee", [licensee])
    owning = {share.party_id for share in (*master_shares, *work_shares)}
    subjects = owning | {name for one in recordings.values() for name in (one.id, one.isrc)}
    subjects |= {name for one in works for name in (one.id, one.iswc)}
    any_choice = select(schema.opt.c.row_id).where(schema.opt.c.row_id > 0).limit(1)
    chosen = connection.scalar(any_choice) is not None  # most catalogues have none, and are asked no further
    named = {party_id for found in licences for party_id in (found.licensor, found.licensee)} | {licensee}
    return Rights.of(
        recordings=recordings.values(),
        works=works,
        parties=reader.where(Party, schema.party, "id", (owning if owners else set()) | named),
        links=links,
        parts=parts,
        master_shares=master_shares,
        work_shares=work_shares,
        licences=licences,
        choices=reader.where(OptChoice, schema.opt, "subject_id", subjects) if chosen else (),
        revision=latest if revision is None else revision,
    )


def all_records(
    connection: Connection, table: Table, revision: int | None = None, *, by: str = "id"
) -> Generator[Record, None, None]:
    """Yield every record of a table in order of id, a few at a time.

    Whoever may stop before the end closes it, inside the transaction.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`, which has to last until all are read.
    table : Table
        Of `schema.VERSIONED`.
    revision : int or None
        At which to read; None is the latest.
    by : str
        Another column of text to sort by, ties by id: `work_id` yields the shares of works one work after another.

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
    """Reads records by lists of values, at one revision."""

    def __init__(self, connection: Connection, revision: int | None) -> None:
        self._connection = connection
        self._revision = revision

    def where(self, kind: type[R], table: Table, column: str, wanted: Iterable[str]) -> list[R]:
        """Return the records in which a column has any of the wanted values; the empty text is never one of them."""
        found: list[R] = []
        for chunk in in_chunks(sorted({value for value in wanted if value})):
            query = _select(table).where(table.c[column].in_(chunk), schema.valid_at(table, self._revision))
            for row in self._connection.execute(query).mappings():
                record = record_of(table, row)
                if isinstance(record, kind):
                    found.append(record)
        return found


def _select(table: Table) -> Any:
    return select(*(table.c[name] for name in schema.record_columns(table)))


def _require_revision(revision: int | None, latest: int) -> None:
    if revision is not None and not 0 <= revision <= latest:
        raise UnknownRightsError(f"revision {revision}: the rights have revisions up to {latest}; name one of these")
