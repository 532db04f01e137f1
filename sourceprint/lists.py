"""Lists of recordings or tracks: sheets with a column of paths, and plain texts with a path per line.

    path            id       title           artist         isrc
    music/one.mp3   one-42   One for Tonight The Ones|Guest USRC17607839

A list is a file that ends in .csv, .tsv or .xlsx, in the dialect of `sourceprint.sheets`: one recording per row, its
columns in any order, under the names that labels and distributors give them; only the column of paths is needed. Paths
are relative to the folder of the list, or to the one that is named. Several artists are separated by `|`. Two more
columns may say what a recording is for and which parts of it never count, both with `|` between several: `tags`, and
`exclude` with ranges of time as in `0:00-0:12.5|75-80.25` (see `index.storage.tags`).

A path is looked for as it is written, then with its letters composed and decomposed (an Umlaut is one character or
two), and with backslashes for slashes. A row that cannot be used becomes a `Refusal`, and the rest is taken; a wrong
header or encoding concerns the whole list and raises.
"""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fingerprint.disk import decoded, read_small
from fingerprint.errors import ParameterError, printable
from index.storage.tags import parse_ranges, parse_tags
from sourceprint.identifiers.isrc import validate
from sourceprint.items import NOT_FETCHED, Item, Refusal, is_url
from sourceprint.sheets.columns import ColumnMap, matched_columns
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.opened import SHEET_SUFFIXES, Sheet, open_sheet
from sourceprint.text.nearest import nearest
from sourceprint.text.tables import listed

__all__ = ["LIST_SUFFIXES", "ListReading", "ListRows", "present_rows", "read_list", "read_paths"]

LIST_SUFFIXES = SHEET_SUFFIXES

_FIELDS = ("path", "id", "title", "artists", "isrc", "tags", "exclude")
_GUARDED = frozenset({"title", "isrc"})
_RIGHTS = frozenset({"share", "right", "party", "party_id", "iswc", "work_id"})
_NO_SOUND = SHEET_SUFFIXES | {"", ".jpeg", ".jpg", ".json", ".pdf", ".png", ".txt", ".xml"}  # often beside audio
_MAX_ID = 512
_MAX_PATHS_BYTES = 256 << 20
_MOST_NEAREST = 20  # missing files for which the nearest name is looked up
_MOST_NAMES = 20_000  # in a folder that is searched for it


@dataclass(frozen=True, slots=True)
class ListReading:
    """How lists are read.

    Attributes
    ----------
    columns : ColumnMap
        The user's mapping of their columns.
    audio_root : Path or None
        The folder that relative paths start from; None is that of the list.
    sheet : str or None
        Of workbooks, the name of the sheet; None is the first one.
    only_paths : bool
        Whether no more than path and id are wanted, as of tracks; then no other column is missed.
    """

    columns: ColumnMap = field(default_factory=ColumnMap)
    audio_root: Path | None = None
    sheet: str | None = None
    only_paths: bool = False


class ListRows(NamedTuple):
    """Content of a list: `items` in the order of the rows, `refusals` for wrong rows, and `notes` on all."""

    items: list[Item]
    refusals: list[Refusal]
    notes: list[str]


def read_list(path: Path, reading: ListReading | None = None) -> ListRows:
    """Read a list; files that it names need not exist.

    Parameters
    ----------
    path : Path
        A file that ends in .csv, .tsv or .xlsx.
    reading : ListReading, optional
        How it is read.

    Raises
    ------
    ParameterError
        If the file cannot be read, is in an unknown encoding, has no column `path`, two columns that mean the same, or
        one that looks like a title or an ISRC and would go unused; or if it is no CSV, or no workbook.
    """
    how = reading or ListReading()
    name = printable(path)
    folder = path.parent if how.audio_root is None else how.audio_root
    with open_sheet(path, ParameterError, known=how.columns.names(), sheet=how.sheet) as sheet:
        uses = _FIELDS[:2] if how.only_paths else _FIELDS
        guarded = frozenset[str]() if how.only_paths else _GUARDED
        columns = matched_columns(sheet, uses, how.columns, ParameterError, guarded=guarded)
        if "path" not in columns.positions:
            raise ParameterError(_no_path(sheet, name, how.columns))
        notes = [] if how.only_paths else [*columns.notes]
        rows = ListRows([], [], [f"{name}: {sentence}" for sentence in (*sheet.notes, *notes)])
        for line, cells in sheet.rows:
            source = f"{name}, line {line}"
            if len(cells) > len(sheet.header) and any(cell.strip() for cell in cells[len(sheet.header) :]):
                reason = f"has {len(cells)} cells, the header {len(sheet.header)}; quote values that hold the delimiter"
                rows.refusals.append(Refusal(source, reason))
                continue
            values = {known: cells[at].strip() for known, at in columns.positions.items() if at < len(cells)}
            try:
                rows.items.append(_item(values, folder, source))
            except ParameterError as error:
                rows.refusals.append(Refusal(source, str(error)))
    return rows


def read_paths(path: Path, reading: ListReading | None = None) -> ListRows:
    """Read a text with one path per line; empty lines are passed over.

    Raises
    ------
    ParameterError
        If the file cannot be read, is no UTF-8, or names nothing.
    """
    how = reading or ListReading()
    name = printable(path)
    too_large = f"more than {_MAX_PATHS_BYTES} bytes; is it a text with one path per line?"
    data = read_small(path, ParameterError, most=_MAX_PATHS_BYTES, too_large=too_large, name=name)
    folder = path.parent if how.audio_root is None else how.audio_root
    lines = decoded(data, name, ParameterError).replace("\r\n", "\n").split("\n")
    items = [
        Item(_located(folder, line), source=f"{name}, line {n}") for n, line in enumerate(lines, 1) if line.strip()
    ]
    if not items:
        raise ParameterError(f"{name}: empty; write one path per line")
    return ListRows(items, [], [])


def present_rows(rows: ListRows, reading: ListReading | None = None) -> ListRows:
    """Return rows with a refusal for every file that is not there: where it was looked for, and the nearest name."""
    items: list[Item] = []
    refusals = list(rows.refusals)
    n_missing = 0
    for item in rows.items:
        if os.path.lexists(item.path):
            items.append(item)
            continue
        n_missing += 1
        reason = _missing(item.path, reading or ListReading(), with_nearest=n_missing <= _MOST_NEAREST)
        refusals.append(Refusal(item.source, reason))
    return ListRows(items, refusals, rows.notes)


def _item(values: dict[str, str], folder: Path, source: str) -> Item:
    if not values.get("path"):
        raise ParameterError("the path is empty")
    if is_url(values["path"]):
        raise ParameterError(f"{printable(values['path'])} {NOT_FETCHED}")
    recording_id = unicodedata.normalize("NFC", values.get("id", ""))
    if len(recording_id) > _MAX_ID:
        raise ParameterError(f"the id has {len(recording_id)} characters, at most {_MAX_ID} are possible")
    isrc = values.get("isrc", "")
    artists = tuple(artist.strip() for artist in values.get("artists", "").split("|") if artist.strip())
    return Item(
        _located(folder, values["path"]),
        recording_id,
        values.get("title", ""),
        artists,
        validate(isrc) if isrc else "",
        source,
        parse_tags(values.get("tags", "")),
        parse_ranges(values.get("exclude", "")),
    )


def _located(folder: Path, text: str) -> Path:
    """Return the place of a path as the disk writes it, or as the list does if it is not there."""
    plain = folder / text
    if os.path.lexists(plain):
        return plain
    for written in dict.fromkeys((text, text.replace("\\", "/"))):
        place = folder
        for part in Path(written).parts:
            forms = dict.fromkeys((part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))))
            place = next((place / form for form in forms if os.path.lexists(place / form)), place / part)
        if os.path.lexists(place):
            return place
    return plain


def _missing(path: Path, how: ListReading, *, with_nearest: bool) -> str:
    """Return the reason against a file that is not there."""
    folder = Path(os.path.abspath(path.parent))
    reason = f"{printable(path.name)!r}: no such file in {printable(folder)!r}"
    remedy = "mend the path, which starts at the folder of the list unless it is absolute"
    if how.columns.by_options:
        remedy = "mend the path, or say with --audio-root where relative paths start"
    if not folder.is_dir():
        return f"{reason}, which is no folder; {remedy}"
    nearest = _nearest(path.name, folder) if with_nearest else ""
    return f"{reason}, where the nearest name is {printable(nearest)!r}; {remedy}" if nearest else f"{reason}; {remedy}"


def _nearest(name: str, folder: Path) -> str:
    """Return the name in a folder of which another may be a slip, with the same ending, or with its own stem; or ""."""
    try:
        entries = [os.path.splitext(entry) for entry in sorted(os.listdir(folder))[:_MOST_NAMES]]
    except OSError:
        return ""
    stem, ending = map(_compared, os.path.splitext(name))
    others = (one for one in entries if _compared(one[0]) == stem and one[1].lower() not in _NO_SOUND)
    alike = {_compared(one[0]): one for one in entries if _compared(one[1]) == ending}
    found = alike.get(stem) or next(others, None) or alike.get(nearest(stem, alike))
    return "".join(found or ())


def _compared(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _other_sheet(sheet: Sheet, given: ColumnMap) -> str:
    """Return which command takes a sheet that looks as if it were for another one; "" if none does."""
    names = {normalised(heading) for heading in sheet.header}
    if names & {"usages", "netrevenue"}:
        return "; this looks like a usage report: `sourceprint usage enter` takes it"
    if {"date", "from", "to", "rate"} <= names:
        return "; these look like rates of exchange: `sourceprint statement --fx` takes them"
    is_table = any(name.endswith("recordid") for name in names) or "choice" in names
    if is_table or _RIGHTS & {given.field_of(heading) for heading in sheet.header}:
        return "; this looks like a table of rights: `sourceprint rights import` takes it"
    return ""


def _no_path(sheet: Sheet, name: str, given: ColumnMap) -> str:
    option = ', or as --columns "HEADING=path" says' if given.by_options else ""
    return (
        f"{name}: no column path; one column must name the audio files, as path or file{option} "
        f"(found: {listed(sheet.header)}){_other_sheet(sheet, given) if given.by_options else ''}"
    )
