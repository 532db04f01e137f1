"""What the database has on file under a key: the rights that `showing` and `look_up` print, and the record's history.

A key is the id of a recording, work, party or licence, an ISRC, an ISWC, or an id in the index. For a party everything
that it has a share in is read, for whatever else is asked for all licences, so that those that cover it are shown.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, Table, select

from index.isrc import compact as compact_isrc
from royalties.identifiers import iswc
from royalties.rights.history import Version, holding_at, record_history
from royalties.rights.licences import Licence
from royalties.rights.reading import all_records, load_rights
from royalties.rights.rights import Rights
from royalties.rights.schema import licence, master_share, party, recording, work, work_share

__all__ = ["rights_under_key"]


def rights_under_key(
    connection: Connection, key: str, *, revision: int | None = None
) -> tuple[Rights, tuple[Version, ...]]:
    """Return the rights that concern whatever is on file under a key, and its versions, oldest first.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    key : str
        Id, ISRC, ISWC, or id in the index.
    revision : int or None
        At which to read; None is the latest. The history is told whole.

    Raises
    ------
    UnknownRightsError
        If there is no such revision.
    """
    wanted = key.strip()
    code = iswc.compact(wanted)
    works = set(_ids(connection, work, "iswc", code, revision)) if code else set()
    shared = {
        column: _ids(connection, table, "party_id", wanted, revision, of=column)
        for table, column in ((master_share, "recording_id"), (work_share, "work_id"))
    }
    rights = load_rights(
        connection,
        asset_ids=[wanted],
        isrcs=[compact_isrc(wanted)],
        recording_ids=[wanted, *shared["recording_id"]],
        work_ids=[wanted, *works, *shared["work_id"]],
        licensee=wanted,  # which loads a party that has no share
        revision=revision,
    )
    licences = [found for found in all_records(connection, licence, revision) if isinstance(found, Licence)]
    rights = replace(rights, licences={found.id: found for found in licences})
    tables = (recording, work, party, licence)
    history = next((versions for table in tables if (versions := record_history(connection, table, wanted))), [])
    if not history:  # asked for by another identifier than its own id
        record_ids = {*rights.by_isrc.get(compact_isrc(wanted), ()), *rights.by_index_id.get(wanted, ()), *works}
        history = [
            version
            for table in tables
            for one in sorted(record_ids)
            for version in record_history(connection, table, one)
        ]
    return rights, tuple(history)


def _ids(
    connection: Connection, table: Table, column: str, value: str, revision: int | None, *, of: str = "id"
) -> Iterable[str]:
    query = select(table.c[of]).where(table.c[column] == value, holding_at(table, revision)).distinct()
    return sorted(connection.scalars(query))
