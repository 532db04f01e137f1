"""Import of rights: folders of tables shaped like BWARM, spreadsheets, licences; all or nothing, or the good rows.

The steps: find the files, read each as a stream into a temporary database (`staging`), refuse bare shares of unknown
unit, compare the rows with each other and with the records on file (`consistency`), and update these in one transaction
(`history.apply_records`). Nothing is half imported, and importing the same files again changes nothing. Records that
the files do not name stay as they are.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from fingerprint.digests import exact_json
from fingerprint.disk import decoded, read_small
from fingerprint.errors import RightsError, SourceprintError
from sourceprint.outputs import once_kept
from sourceprint.royalties.garbage import rare_collections
from sourceprint.royalties.rights.database import Change, Database, in_chunks
from sourceprint.royalties.rights.history import Applied, apply_records
from sourceprint.royalties.rights.licence_toml import licence_document, parse_licence
from sourceprint.royalties.rights.schema import VERSIONED
from sourceprint.royalties.tables.cells import UNITS, Unit
from sourceprint.royalties.tables.columns import SINGLE
from sourceprint.royalties.tables.consistency import (
    require_clear_shares,
    resolve_circles,
    resolve_duplicates,
    resolve_links,
    warn_of_parties,
)
from sourceprint.royalties.tables.label_sheets import single_columns
from sourceprint.royalties.tables.problems import SHOWN, ImportReport, LicenceRead, write_problems
from sourceprint.royalties.tables.sources import Sources, find_sources, known_names
from sourceprint.royalties.tables.staged_records import stage_single, stage_table
from sourceprint.royalties.tables.staging import COLUMNS, Staging
from sourceprint.royalties.tables.stated_terms import keep_stated_terms
from sourceprint.sheets.columns import ColumnMap
from sourceprint.sheets.delimited import sniff_encoding
from sourceprint.sheets.opened import open_sheet

__all__ = ["import_rights"]

_MAX_LICENCE_BYTES = 1 << 20
_KEPT_WHERE_ABSENT = frozenset({"party", "recording", "work"})
_TITLES = {"party": "name", "recording": "title", "work": "title"}


class _DryRunError(Exception):
    """End of a dry run, which rolls its transaction back."""


@rare_collections()
def import_rights(
    database: Database,
    paths: Sequence[Path],
    *,
    by: str | None = None,
    partial: bool = False,
    shares: Unit | None = None,
    dry_run: bool = False,
    report_file: Path | None = None,
    columns: ColumnMap | None = None,
    sheet: str | None = None,
    correct: str = "",
    called: str = "",
    now: datetime | None = None,
    tell: Callable[[str], None] | None = None,
) -> ImportReport:
    """Update the rights on file from files, and return a report.

    Parameters
    ----------
    paths : sequence of Path
        Folders, tables and licences; see `docs/formats/rights-tables.md`.
    partial : bool
        Whether to import the good rows beside wrong ones; rows that depend on wrong ones are left out as well.
    shares : "percent", "fraction" or None
        Unit of shares without the sign %, where no manifest states it.
    dry_run : bool
        Whether to roll everything back at the end.
    report_file : Path or None
        File for all problems: tab separated, or JSON lines where the name ends in .json or .jsonl.
    correct : str
        Reason for a change to terms under which statements were issued; kept with the revision. With "", such terms
        change only by amendments.
    called : str
        Name of the source that is kept with the revision; by default the paths.
    tell : callable, optional
        Called with each sentence about the columns taken from a spreadsheet, before anything is imported.

    Returns
    -------
    ImportReport
        With `imported` False and the errors, if rows are wrong and `partial` is False.

    Raises
    ------
    AmbiguousSharesError
        If shares are bare numbers and `shares` is None.
    RightsError
        If a file cannot be read to its end, or is no table of rights.
    RightsDatabaseError, StorageFullError
        If the database refuses, or a disk is full. Nothing is imported after any error but one: if the report cannot be
        written, the import stays, and the message says so.
    """
    if shares is not None and shares not in UNITS:
        raise RightsError(f"shares {shares!r:.40}: write percent or fraction")
    given = columns or ColumnMap()
    sources = find_sources(paths, given, sheet=sheet)
    name = called or sources.name
    with Staging() as staging:
        rows, taken = _read(staging, sources, shares, given, sheet)
        if tell is not None:
            for sentence in taken:
                tell(sentence)
        require_clear_shares(staging)
        resolve_duplicates(staging)
        applied: dict[str, Applied] = {}
        revision = None
        try:
            source = f"{name} (correction: {correct})" if correct else name
            with database.changing(source=source, digest=sources.digest, by=by, now=now) as change:
                resolve_links(staging, change.connection)
                resolve_circles(staging, change.connection)
                if not correct:
                    keep_stated_terms(staging, change.connection)
                warn_of_parties(staging)
                if partial or not staging.count_errors():
                    applied = _apply(staging, change)
                    revision = change.revision if change.made and not dry_run else None
                if dry_run:
                    raise _DryRunError
        except _DryRunError:
            pass
        report = ImportReport(
            source=name,
            digest=sources.digest,
            imported=bool(applied) and not dry_run,
            dry_run=dry_run,
            partial=partial,
            revision=revision,
            rows=rows,
            taken=tuple(taken),
            licences=_licences_read(staging),
            applied=applied,
            refused=staging.count_refused() if partial else 0,
            counts=staging.counts(),
            problems=staging.shown(),
        )
        if report_file is not None:
            kept = "nothing was imported" if revision is None else f"revision {revision} was imported, and is kept"
            with once_kept(f"{kept}; only the report of problems is missing"):
                write_problems(report_file, staging.problems())
    return report


def _read(
    staging: Staging, sources: Sources, shares: Unit | None, given: ColumnMap, chosen: str | None
) -> tuple[dict[str, int], list[str]]:
    """Stage every file and return the rows of each, and sentences about the columns taken from spreadsheets."""
    rows: dict[str, int] = {}
    taken: list[str] = []
    for path, reason in sources.not_used:
        staging.problem("note", staging.add_file(path), 0, "", "", "file-not-used", reason)
    for source in sources.files:
        file = staging.add_file(source.path)
        name = staging.file_name(file)
        if source.shape is None:
            _stage_licence(staging, file, source.path)
            count = 1
        else:
            unit = source.unit or shares
            with open_sheet(source.path, RightsError, known=known_names(given), sheet=chosen) as sheet:
                if source.shape is SINGLE:
                    how = single_columns(sheet, given)
                    count = stage_single(staging, file, sheet, how, unit=unit)
                    taken += (f"{name}: {sentence}" for sentence in how.taken)
                else:
                    count = stage_table(staging, file, sheet, source.shape, unit=unit)
        if source.records is not None and source.records != count:
            remedy = f"has {count} rows, but the manifest says {source.records}; copy the whole folder again"
            staging.problem("error", file, 0, "", "", "manifest", remedy)
        rows[name] = rows.get(name, 0) + count
    staging.finish_reading()
    return rows, taken


def _stage_licence(staging: Staging, file: int, path: Path) -> None:
    name = staging.file_name(file)
    if sniff_encoding(path, RightsError) != "utf-8-sig":
        raise RightsError(f"{name}: is in UTF-16, but a licence (TOML) is in UTF-8; save it as UTF-8")
    too_large = f"more than {_MAX_LICENCE_BYTES} bytes; is it a licence?"
    data = read_small(path, RightsError, most=_MAX_LICENCE_BYTES, too_large=too_large, name=name)
    text = decoded(data, name, RightsError)
    try:
        licence = parse_licence(text, name=name)
    except SourceprintError as error:
        for fault in str(error).split("\n"):
            staging.problem("error", file, 0, "", "", "licence", fault.removeprefix(f"{name}: "))
        return
    document = exact_json(licence_document(licence)).decode()
    staging.add("licence", file, 1, (licence.id, licence.licensor, licence.licensee, document, licence.digest))


def _licences_read(staging: Staging) -> tuple[LicenceRead, ...]:
    """Return licensee and days of the first licences that are staged."""
    documents = staging.query(f"SELECT document FROM licence ORDER BY seq LIMIT {SHOWN}")
    read = [json.loads(document) for (document,) in documents]
    return tuple(LicenceRead(one["id"], one["licensee"], one["valid_from"], one.get("valid_to")) for one in read)


def _apply(staging: Staging, change: Change) -> dict[str, Applied]:
    return {
        table.name: apply_records(change, table, _rows(staging, change.connection, table))
        for table in VERSIONED
        if staging.query(f"SELECT 1 FROM {table.name} LIMIT 1")
    }


def _rows(staging: Staging, connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield staged records; of parties, recordings and works, a missing column keeps its value on file."""
    if table.name not in _KEPT_WHERE_ABSENT:
        yield from staging.rows(table.name)
        return
    for batch in in_chunks(staging.rows(table.name)):
        yield from _filled(staging, connection, table, batch)


def _filled(
    staging: Staging, connection: Connection, table: Table, batch: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    current = select(table).where(table.c.id.in_([row["id"] for row in batch]), table.c.until.is_(None))
    on_file = {known["id"]: known for known in connection.execute(current).mappings()}
    title = _TITLES[table.name]
    for row in batch:
        known = on_file.get(row["id"])
        for name in COLUMNS[table.name]:
            if row[name] is None and known is not None:
                row[name] = known[name]
            elif row[name] is None:
                row[name] = ""
        if row.get("duration_ms") == "":
            row["duration_ms"] = None
        if not row[title]:
            sentence = f"{table.name} {row['id']!r:.80} has no {title}; add it, so that people recognise it"
            staging.problem("warning", table.name, 0, title, row["id"], "no-title", sentence)
        if known is not None:
            _note_changes(staging, table.name, row, known)
    return batch


def _note_changes(staging: Staging, kind: str, row: Mapping[str, Any], known: Mapping[Any, Any]) -> None:
    """Note the values on file that change."""
    changed = [name for name in COLUMNS[kind] if row[name] != known[name]]
    if changed:
        said = "; ".join(f"{name} {_shown(known[name])} -> {_shown(row[name])}" for name in changed)
        staging.problem("note", kind, 0, ", ".join(changed), row["id"], "changed", f"{kind} {row['id']!r:.80}: {said}")


def _shown(value: object) -> str:
    return "none" if value in (None, "") else f"{value!r:.80}"
