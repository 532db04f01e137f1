"""The check of everything that is on file: what `royalties.rights.checking` does, on the records of a database.

In comes a database, and optionally the ids and ISRCs of the recordings of an index; out come findings, in its order.
Records are read as a stream and in one snapshot; what grows with the catalogue is what `checking` remembers of it.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from royalties.rights.checking import Records, check_rights
from royalties.rights.database import Database
from royalties.rights.findings import Finding
from royalties.rights.licences import Licence
from royalties.rights.reading import all_records
from royalties.rights.records import Party, Recording, RecordingPart, RecordingWork, Share, Work
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

__all__ = ["check_database"]


def check_database(
    database: Database, *, index_ids: Mapping[str, str] | None = None, revision: int | None = None
) -> list[Finding]:
    """Return everything that is found to be wrong or missing.

    Parameters
    ----------
    database : Database
    index_ids : mapping of str to str, or None
        The recordings of the index: id and ISRC, "" where it has none. None leaves the comparison out.
    revision : int or None
        At which to check; None is the latest.

    Raises
    ------
    UnknownRightsError
        If there is no such revision.
    RightsDatabaseError
        If the database cannot be read.
    """
    with database.reading() as connection:
        records = Records(
            parties=cast(Iterable[Party], all_records(connection, party, revision)),
            recordings=cast(Iterable[Recording], all_records(connection, recording, revision)),
            works=cast(Iterable[Work], all_records(connection, work, revision)),
            links=cast(Iterable[RecordingWork], all_records(connection, recording_work, revision, by="recording_id")),
            parts=cast(Iterable[RecordingPart], all_records(connection, recording_part, revision, by="recording_id")),
            master_shares=cast(Iterable[Share], all_records(connection, master_share, revision, by="recording_id")),
            work_shares=cast(Iterable[Share], all_records(connection, work_share, revision, by="work_id")),
            licences=cast(Iterable[Licence], all_records(connection, licence, revision)),
        )
        return list(check_rights(records, index_ids=index_ids))
