"""Reading the rights: what concerns some recordings and works, or everything of one kind in order.

Both can look at an earlier revision. Whoever reads twice and needs both to agree does so inside one
`Database.reading()`.
"""

from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from fingerprint.errors import UnknownRightsError
from royalties.rights.history import chunks_of, holding_at, in_order, record_columns
from royalties.rights.licences import Licence
from royalties.rights.records import Party, Recording, RecordingPart, RecordingWork, Share, Work
from royalties.rights.rights import Rights
from royalties.rights.rows import Record, record_of
from royalties.rights.schema import (
    licence,
    master_share,
    party,
    recording,
    recording_part,
    recording_work,
    work,
    work_share,
)
from royalties.rights.schema import revision as revision_table

__all__ = ["all_records", "current_revision", "load_rights"]

_STREAM_ROWS = 2_000

R = TypeVar("R", Party, Recording, Work, RecordingWork, RecordingPart, Share, Licence)


def current_revision(connection: Connection) -> int:
    """Return the number of the latest revision; 0 where nothing was ever imported."""
    return connection.scalar(select(func.max(revision_table.c.id))) or 0


def load_rights(
    connection: Connection,
    *,
    asset_ids: Iterable[str] = (),
    isrcs: Iterable[str] = (),
    recording_ids: Iterable[str] = (),
    work_ids: Iterable[str] = (),
    licensee: str = "",
    revision: int | None = None,
    owners: bool = True,
) -> Rights:
    """Return everything that concerns some recordings, works and a licensee.

    These are the recordings with those ids, index ids and ISRCs, the recordings that they contain, and so on; the works
    that any of these perform, and those named; the shares of them all; the licences of the licensee; and the parties
    that shares and licences name. The number of queries does not depend on how many are asked for, but in steps of 900.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    asset_ids, isrcs, recording_ids, work_ids : iterable of str
        Unknown ones are simply not in what is returned; asset ids are what scan results call `asset_id`, and records
        `index_id`.
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
        for column, wanted in (("id", recording_ids), ("index_id", asset_ids), ("isrc", isrcs))
        for found in reader.where(Recording, recording, column, wanted)
    }
    parts: list[RecordingPart] = []
    containing = set(recordings)
    while containing:  # what is contained may contain others; a circle ends where all are known
        inside = reader.where(RecordingPart, recording_part, "recording_id", containing)
        parts += inside
        containing = {part.part_id for part in inside} - recordings.keys()
        contained = reader.where(Recording, recording, "id", containing)
        recordings |= {found.id: found for found in contained}
        containing &= recordings.keys()
    links = reader.where(RecordingWork, recording_work, "recording_id", recordings)
    works = reader.where(Work, work, "id", {link.work_id for link in links} | set(work_ids))
    master_shares = reader.where(Share, master_share, "recording_id", recordings)
    work_shares = reader.where(Share, work_share, "work_id", {found.id for found in works})
    licences = reader.where(Licence, licence, "licensee", [licensee])
    owning = {share.party_id for share in (*master_shares, *work_shares)} if owners else set()
    named = {party_id for found in licences for party_id in (found.licensor, found.licensee)} | {licensee}
    return Rights.of(
        recordings=recordings.values(),
        works=works,
        parties=reader.where(Party, party, "id", owning | named),
        links=links,
        parts=parts,
        master_shares=master_shares,
        work_shares=work_shares,
        licences=licences,
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
    order = [in_order(connection, table.c[column]) for column in dict.fromkeys((by, "id"))]
    query = _select(table).where(holding_at(table, revision)).order_by(*order)
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
        for chunk in chunks_of(sorted({value for value in wanted if value})):
            query = _select(table).where(table.c[column].in_(chunk), holding_at(table, self._revision))
            for row in self._connection.execute(query).mappings():
                record = record_of(table, row)
                if isinstance(record, kind):
                    found.append(record)
        return found


def _select(table: Table) -> Any:
    return select(*(table.c[name] for name in record_columns(table)))


def _require_revision(revision: int | None, latest: int) -> None:
    if revision is not None and not 0 <= revision <= latest:
        raise UnknownRightsError(f"revision {revision}: the rights have revisions up to {latest}; name one of these")
