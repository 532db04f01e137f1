"""Export of rights: a folder of tables shaped like BWARM's, licences as TOML, and a manifest.

Importing it back changes nothing.
Rows are in order of id, line ends are LF, and no file holds the time of the export: the same revision gives the same
bytes. Shares are percentages, as in BWARM, and the manifest says so. `unclaimedmusicalworkrightshares.tsv` lists the
unclaimed part of each right in a work, by territories and days; it follows from the shares and is not read back.

The folder is written beside its name and then renamed, so that it exists whole or not at all.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table

from fingerprint.errors import RightsError, printable
from fingerprint.new_files import new_folder
from index.storage.durable import make_folder, refusals, sync_folder, write_chunks
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.percentages import percent_number
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licence_toml import licence_toml
from sourceprint.royalties.rights.records import OPT_SUBJECTS, Share
from sourceprint.royalties.rights.rights import all_records, current_revision
from sourceprint.royalties.rights.rows import Row, row_of
from sourceprint.royalties.rights.schema import (
    licence,
    master_share,
    opt,
    party,
    recording,
    recording_part,
    recording_work,
    work,
    work_share,
)
from sourceprint.royalties.rights.share_sums import REST_OF_THE_WORLD, Sum, sums_of_shares
from sourceprint.royalties.tables.columns import SHAPES, Shape
from sourceprint.royalties.tables.problems import chunks_of
from sourceprint.royalties.tables.sources import MANIFEST, MANIFEST_COLUMNS
from sourceprint.royalties.tables.staging import hashed_id
from sourceprint.royalties.territories import WORLDWIDE

__all__ = ["ExportReport", "export_report_text", "export_rights"]

_TABLES = {table.name: table for table in (party, recording, work, recording_work, recording_part, opt)}
_SHARES = {"master_share": master_share, "work_share": work_share}
_UNCLAIMED = "unclaimedmusicalworkrightshares"
_UNCLAIMED_COLUMNS = (
    "UnclaimedMusicalWorkRightShareRecordId",
    "MusicalWorkRecordId",
    "RightsType",
    "UnclaimedRightSharePercentage",
    "ValidityStartDate",
    "ValidityEndDate",
    "TerritoryCode",
    "ExcludedTerritoryCode",
)
_BREAKS = re.compile("[\t\r\n\0]")


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Folder, revision and numbers of rows of an export.

    Attributes
    ----------
    folder : Path
    revision : int
        Revision of the rights.
    records : dict of str to int
        Rows by file, in the order of the manifest; licences under "licences".
    """

    folder: Path
    revision: int
    records: dict[str, int]


def export_rights(database: Database, folder: Path, *, revision: int | None = None) -> ExportReport:
    """Write the rights to a new folder.

    Parameters
    ----------
    folder : Path
        Made if missing; must be empty otherwise.

    Raises
    ------
    RightsError
        If the folder is not empty, or a text on file holds a tabulator or a line break.
    UnknownRightsError
        If there is no such revision.
    CatalogueError, StorageFullError
        If the folder cannot be written; nothing is left of it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RightsError(f"{printable(folder)}: exists and is not empty; name a new folder, nothing is overwritten")
    with refusals(folder), new_folder(folder) as place:
        with database.reading() as connection:
            at = current_revision(connection) if revision is None else revision
            records = _write_all(connection, place, at)
        sync_folder(place)
    return ExportReport(folder, at, records)


def export_report_text(report: ExportReport) -> str:
    """Return an export report as lines of text, without a line break at the end."""
    counts = [f"  {name}: {count}" for name, count in report.records.items()]
    return "\n".join([f"{printable(report.folder)}: rights as of revision {report.revision}", *counts])


def _write_all(connection: Connection, folder: Path, at: int) -> dict[str, int]:
    records: dict[str, int] = {}
    manifest: list[Sequence[str]] = []
    for shape in SHAPES:
        name = f"{shape.files[0]}.tsv"
        header = [column.names[0] for column in shape.columns if column.exported]
        with closing(_rows(connection, shape, at)) as rows:  # before the transaction ends, also after an error
            records[name] = _write_table(folder / name, header, rows)
        unit = "percent" if shape.kind in _SHARES else ""
        manifest.append((shape.table_type, name, str(records[name]), unit))
    name = f"{_UNCLAIMED}.tsv"
    with closing(_unclaimed(connection, at)) as rows:
        records[name] = _write_table(folder / name, _UNCLAIMED_COLUMNS, rows)
    manifest.append(("UnclaimedMusicalWorkRightShares", name, str(records[name]), "percent"))
    records["licences"] = _write_licences(connection, folder / "licences", at)
    _write_table(folder / MANIFEST, MANIFEST_COLUMNS, manifest)
    return records


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write a table and return the number of its rows."""
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        yield "#" + "\t".join(header)
        for row in rows:
            count += 1
            for cell in row:
                if _BREAKS.search(cell):
                    raise RightsError(
                        f"{path.name}: {printable(cell)!r:.80} holds a tabulator or a line break, which a cell "
                        "cannot hold; import the text without it"
                    )
            yield "\t".join(row)

    write_chunks(path, chunks_of(lines()))
    return count


def _rows(connection: Connection, shape: Shape, at: int) -> Generator[Sequence[str], None, None]:
    """Yield the rows of a table, with cells in the order of the shape."""
    table: Table = (_TABLES | _SHARES)[shape.kind]
    cells_of = _CELLS.get(shape.kind, _plain)
    fields = [column.field for column in shape.columns if column.exported]
    for record in all_records(connection, table, at):
        cells = cells_of(row_of(record))
        yield [cells[field] for field in fields]


def _plain(row: Row) -> dict[str, Any]:
    return dict(row)  # type: ignore[call-overload, no-any-return]


def _recording(row: Row) -> dict[str, Any]:
    return {
        **_plain(row),
        "resource_type": "SoundRecording",
        "duration": "" if row["duration_ms"] is None else _iso_duration(row["duration_ms"]),
    }


def _link(row: Row) -> dict[str, Any]:
    weight = row["weight_millionths"]
    weight_text = "" if weight is None else percent_number(weight)
    return {**_plain(row), "link_id": hashed_id("L", row["id"]), "weight": weight_text}


def _part(row: Row) -> dict[str, Any]:
    return {**_plain(row), "start_ms": str(row["start_ms"]), "end_ms": str(row["end_ms"])}


def _share(row: Row) -> dict[str, Any]:
    cells = _plain(row)
    return {
        **cells,
        "subject_id": cells.get("recording_id", cells.get("work_id")),
        "share": percent_number(row["millionths"]),
        "share_type": "" if row["party_id"] else "CopyrightControlShare",
        "rights": row["right"],
        "territories": row["included"],
    }


def _choice(row: Row) -> dict[str, Any]:
    weight = row["weight_millionths"]
    return {
        **_plain(row),
        **dict.fromkeys(OPT_SUBJECTS, ""),
        row["subject"]: row["subject_id"],
        "territories": row["included"],
        "weight": "" if weight is None else decimal_text(weight, 6),
    }


_CELLS: dict[str, Callable[[Row], dict[str, Any]]] = {
    "recording": _recording,
    "recording_work": _link,
    "recording_part": _part,
    "master_share": _share,
    "work_share": _share,
    "opt": _choice,
}


def _unclaimed(connection: Connection, at: int) -> Generator[Sequence[str], None, None]:
    shares: Iterator[Share] = all_records(connection, work_share, at, by="work_id")
    for work_id, of_work in groupby(shares, key=lambda share: share.subject_id):
        by_right = sorted(of_work, key=lambda share: (share.right, share.id))
        for right, of_right in groupby(by_right, key=lambda share: share.right):
            together = list(of_right)
            named = {code for share in together for code in (*share.territories.included, *share.territories.excluded)}
            for one in sums_of_shares(together):
                if one.unclaimed:
                    yield _unclaimed_row(work_id, right, one, sorted(named - {WORLDWIDE}))


def _unclaimed_row(work_id: str, right: str, one: Sum, named: Sequence[str]) -> Sequence[str]:
    included, excluded = list(one.territories), []
    if REST_OF_THE_WORLD in included:
        # The world without the other countries that shares name.
        excluded = [code for code in named if code not in included]
        included = [WORLDWIDE]
    cells = (
        work_id,
        right,
        percent_number(one.unclaimed),
        one.valid_from.isoformat() if one.valid_from else "",
        one.valid_to.isoformat() if one.valid_to else "",
        "|".join(included),
        "|".join(excluded),
    )
    return (hashed_id("U", *cells), *cells)


def _write_licences(connection: Connection, folder: Path, at: int) -> int:
    count = 0
    with closing(all_records(connection, licence, at)) as licences:
        for record in licences:
            if not count:
                make_folder(folder)
            count += 1
            write_chunks(folder / _licence_file(record.id), [licence_toml(record).encode()])
    if count:
        sync_folder(folder)
    return count


def _licence_file(licence_id: str) -> str:
    """Return a file name that every system accepts, different for every id."""
    plain = re.sub(r"[^A-Za-z0-9-]", "_", licence_id)[:80]
    changed = plain != licence_id or plain != plain.upper()  # some systems take names that differ in case for one
    return f"{plain}-{hashed_id('', licence_id)[1:13]}.toml" if changed else f"{plain}.toml"


def _iso_duration(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"PT{minutes}M{decimal_text(rest, 3)}S"
