"""Files of an import: folders, tables and licences, told apart by name and by header.

A folder may hold tables, licences as `.toml` (beside them or in `licences/`) and a `manifest.tsv` as the export writes
it, with the number of records of each file and the unit of its shares. Unused files are named, with the reason.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fingerprint.digests import digest_of, exact_json, hash_file
from fingerprint.disk import refusals
from fingerprint.errors import RightsError, printable
from sourceprint.royalties.tables.cells import UNITS, Unit
from sourceprint.royalties.tables.columns import NOT_USED, SHAPES, SINGLE, Shape
from sourceprint.sheets.columns import ColumnMap
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.headings import GENERIC
from sourceprint.sheets.opened import SHEET_SUFFIXES, open_sheet
from sourceprint.text.tables import listed

__all__ = ["MANIFEST", "MANIFEST_COLUMNS", "ImportFile", "Sources", "find_sources", "known_names", "shape_of_header"]

MANIFEST = "manifest.tsv"
MANIFEST_COLUMNS = ("TableType", "FileName", "NumberOfRecords", "SharesAre")

_MOST_REASONS = 5  # unused files that are named with the reason
_TABLE_ENDINGS = SHEET_SUFFIXES | {".txt"}
_NO_TABLE = "neither a table (.tsv, .csv, .txt, .xlsx) nor a licence (.toml)"
_SUBJECTS = frozenset({"isrc", "iswc", "title", "work_title", "recording_id", "work_id", "index_id"})
_BESIDE_TITLES = frozenset({"artists", "label", "party", "share", "writers"})
_OPT = next(shape for shape in SHAPES if shape.kind == "opt")
_CHOICE = frozenset(normalised(name) for one in _OPT.columns if one.needed for name in one.names)
_TABLE_NAMES = frozenset(normalised(name) for shape in SHAPES for column in shape.columns for name in column.names)


@dataclass(frozen=True, slots=True)
class ImportFile:
    """One file to import.

    Attributes
    ----------
    path : Path
    shape : Shape or None
        Shape of a table; None is a licence.
    unit : "percent", "fraction" or None
        Unit of its shares according to the manifest.
    records : int or None
        Number of its rows according to the manifest.
    """

    path: Path
    shape: Shape | None
    unit: Unit | None = None
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """All files to import, and the unused ones.

    Attributes
    ----------
    files : tuple of ImportFile
        In the order given, those of a folder by name, its `licences/` last.
    not_used : tuple of (Path, str)
        Unused files, each with the reason.
    name : str
        Given paths, for messages and the history.
    digest : str
        "sha256:..." of names and contents.
    """

    files: tuple[ImportFile, ...]
    not_used: tuple[tuple[Path, str], ...]
    name: str
    digest: str


@dataclass(slots=True)
class _Found:
    given: ColumnMap
    sheet: str | None
    files: list[ImportFile] = field(default_factory=list)
    not_used: list[tuple[Path, str]] = field(default_factory=list)


def find_sources(paths: Sequence[Path], given: ColumnMap | None = None, *, sheet: str | None = None) -> Sources:
    """Return the files that paths name; the contents are read once, for their digest.

    Raises
    ------
    RightsError
        If a path does not exist, a file among them is no table of rights, or nothing is to be imported.
    """
    found = _Found(given or ColumnMap(), sheet)
    for path in paths:
        if path.is_dir():
            _look_into(path, found)
        elif path.is_file():
            _take(path, found, {}, alone=True)
        else:
            raise RightsError(f"{printable(path)}: no such file or folder; check the path")
    name = ", ".join(printable(path) for path in paths)
    if not found.files:
        reasons = "; ".join(f"{printable(path.name)}: {reason}" for path, reason in found.not_used[:_MOST_REASONS])
        if len(found.not_used) > _MOST_REASONS:
            reasons += f"; and {len(found.not_used) - _MOST_REASONS} more files"
        raise RightsError(
            f"{listed(map(str, paths), most=3)}: no tables of rights and no licences; name a folder with tables such "
            "as parties.tsv, a CSV file or a licence (.toml)" + (f" ({reasons})" if reasons else "")
        )
    contents = []
    for source in found.files:
        with refusals(source.path, RightsError):
            contents.append([source.path.name, hash_file(source.path).sha256])
    return Sources(tuple(found.files), tuple(found.not_used), name, digest_of(exact_json(contents)))


def known_names(given: ColumnMap) -> Set[str]:
    """Return the names of all columns of tables and spreadsheets, as `normalised` makes them."""
    return _TABLE_NAMES | given.names()


def shape_of_header(header: Iterable[str], given: ColumnMap | None = None) -> Shape | None:
    """Return the shape of a header: choices, the spreadsheet, or the table with all needed and most columns; else None.

    Examples
    --------
    >>> shape_of_header(["ISRC", "right", "share"]).kind, shape_of_header(["a"])
    ('single', None)
    >>> shape_of_header(["ISRC", "choice", "purpose"]).kind
    'opt'
    """
    headings = [heading for heading in header if heading.strip()]
    names = {normalised(heading) for heading in headings}
    if names & _CHOICE:
        return _OPT
    fields = {(given or ColumnMap()).field_of(heading) for heading in headings}
    subjects = fields & _SUBJECTS
    if subjects == {"title"} and names & GENERIC and not fields & _BESIDE_TITLES:
        subjects = set()  # a title of anything
    if subjects and not any(name.endswith("recordid") for name in names):
        return SINGLE
    fitting = []
    for order, shape in enumerate(SHAPES):
        if _fits(shape, names, fields):
            known = sum(any(normalised(name) in names for name in column.names) for column in shape.columns)
            fitting.append((-known, order, shape))
    return min(fitting)[2] if fitting else None


def _fits(shape: Shape, names: Set[str], fields: Set[str | None]) -> bool:
    """Return whether a table has its needed columns in a header, and loses no share of it."""
    if "share" in fields and not any(column.field == "share" for column in shape.columns):
        return False
    needed = [column for column in shape.columns if column.needed]
    return all(any(normalised(name) in names for name in column.names) for column in needed)


def _named_or_single(named: Shape | None, header: Sequence[str], given: ColumnMap) -> Shape | None:
    """Return the table that a file is by its name; by its columns where these are the spreadsheet's, or without one."""
    by_columns = shape_of_header(header, given)
    if named is None:
        return by_columns
    names, fields = set(map(normalised, header)), {given.field_of(heading) for heading in header if heading.strip()}
    return SINGLE if by_columns is SINGLE and not _fits(named, names, fields) else named


def _look_into(folder: Path, found: _Found) -> None:
    manifest = folder / MANIFEST
    stated = _read_manifest(manifest) if manifest.is_file() else {}
    with refusals(folder, RightsError):
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        licences = sorted((folder / "licences").glob("*.toml"), key=lambda entry: entry.name)
    missing = sorted(stated.keys() - {entry.name for entry in entries})
    if missing:
        raise RightsError(
            f"{printable(manifest)}: names {printable(missing[0])}, which is missing; copy the whole folder again"
        )
    for entry in entries:
        if entry == manifest or entry.name.startswith("."):
            continue
        if entry.is_dir():
            if entry.name != "licences":
                found.not_used.append((entry, "a folder; name it to import its content"))
        else:
            _take(entry, found, stated, alone=False)
    found.files += [ImportFile(path, None) for path in licences]


def _take(path: Path, found: _Found, stated: dict[str, tuple[int, Unit | None]], *, alone: bool) -> None:
    ending = path.suffix.lower()
    stem = normalised(path.stem)
    if ending == ".toml":
        found.files.append(ImportFile(path, None))
        return
    if ending not in _TABLE_ENDINGS:
        if alone:
            raise RightsError(f"{printable(path)}: {_NO_TABLE}")
        found.not_used.append((path, _NO_TABLE))
        return
    if stem in NOT_USED or stem.startswith("bwarmmanifest"):
        found.not_used.append((path, f"holds {NOT_USED.get(stem, 'the manifest of a feed')}: not kept here"))
        return
    named = next((shape for shape in SHAPES if stem in shape.files), None)
    if named is None and ending == ".txt" and not alone:
        found.not_used.append((path, "a text file without the name of a table of rights"))
        return
    with open_sheet(path, RightsError, known=known_names(found.given), sheet=found.sheet) as sheet:
        shape = _named_or_single(named, sheet.header, found.given)
        header = listed(sheet.header)
    if shape is None:
        reason = f"not the columns of a table of rights, see docs/formats/rights-tables.md (found: {header})"
        if alone:
            raise RightsError(f"{printable(path)}: {reason}")
        found.not_used.append((path, reason))
        return
    records, unit = stated.get(path.name, (None, None))
    found.files.append(ImportFile(path, shape, unit, records))


def _read_manifest(path: Path) -> dict[str, tuple[int, Unit | None]]:
    """Return number of records and unit of shares by file name."""
    stated: dict[str, tuple[int, Unit | None]] = {}
    with open_sheet(path, RightsError) as sheet:
        if tuple(map(normalised, sheet.header)) != tuple(map(normalised, MANIFEST_COLUMNS)):
            raise RightsError(
                f"{printable(path)}: its columns must be {', '.join(MANIFEST_COLUMNS)}; mend or remove it"
            )
        for line, cells in sheet.rows:
            _, name, records, unit = (*cells, "", "", "", "")[:4]
            if not records.isdecimal() or unit not in ("", *UNITS):
                raise RightsError(
                    f"{printable(path)}, row {line}: NumberOfRecords is a whole number, and SharesAre is percent, "
                    "fraction or empty; mend or remove the manifest"
                )
            stated[name] = (int(records), cast("Unit", unit) if unit else None)
    return stated
