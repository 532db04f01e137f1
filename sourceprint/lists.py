"""Lists of recordings: a file that ends in .csv or .tsv, one recording per row.

      path            id       title           artist         isrc
      music/one.mp3   one-42   One for Tonight The Ones|Guest USRC17607839

The first row names the columns, in any order; of these only `path` (or `file`) is needed, others are ignored. Paths are
relative to the folder of the list. Several artists are separated by `|`. Two more columns may say what a recording is
for and which parts of it never count, both with `|` between several: `tags`, and `exclude` with ranges of time as in
`0:00-0:12.5|75-80.25` (see `index.storage.tags`). UTF-8, with or without a byte order mark. A .csv is read as RFC 4180
has it; the delimiter is the one of `,` `;` and tab that the header is made with. A .tsv has a tab between cells and no
quoting, so that a title may start with a quotation mark.

A row that cannot be used becomes a `Refusal`, and the rest is taken; a wrong header or encoding concerns the whole list
and raises.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from fingerprint.disk import decoded, refusals
from fingerprint.errors import ParameterError, printable
from index.storage.tags import parse_ranges, parse_tags
from sourceprint.identifiers.isrc import validate
from sourceprint.items import Item, Refusal

__all__ = ["COLUMNS", "LIST_SUFFIXES", "read_list"]

LIST_SUFFIXES = frozenset({".csv", ".tsv"})

COLUMNS = {
    "path": "path",
    "file": "path",
    "id": "id",
    "title": "title",
    "artist": "artists",
    "isrc": "isrc",
    "tags": "tags",
    "exclude": "excluded",
}
_MAX_ID = 512


def read_list(path: Path) -> tuple[list[Item], list[Refusal]]:
    """Read a list of recordings.

    Parameters
    ----------
    path : Path
        A file that ends in .csv or .tsv.

    Returns
    -------
    items : list of Item
        In the order of the rows.
    refusals : list of Refusal
        Rows that are wrong, and why.

    Raises
    ------
    ParameterError
        If the file cannot be read, is not UTF-8, has no column `path`, names a column twice, or is no CSV.
    """
    name = printable(path)
    lines = _lines(path, name)
    if not lines:
        raise ParameterError(f"{name}: an empty list; the first row must name the columns, {_wanted()}")
    rows = _rows(lines, name, tab_separated=path.suffix.lower() == ".tsv")
    _, header = next(rows, (1, []))
    columns = _columns(header, name)
    items: list[Item] = []
    refusals: list[Refusal] = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        source = f"{name}, line {line}"
        if len(cells) > len(header):
            refusals.append(
                Refusal(
                    source, f"has {len(cells)} cells, the header {len(header)}; quote values that hold the delimiter"
                )
            )
            continue
        values = {field: cells[at].strip() for field, at in columns.items() if at < len(cells)}
        try:
            items.append(_item(values, path.parent, source))
        except ParameterError as error:
            refusals.append(Refusal(source, str(error)))
    return items, refusals


def _lines(path: Path, name: str) -> list[str]:
    with refusals(name, ParameterError, "this list cannot be read"):
        data = path.read_bytes()
    text = decoded(data, name, ParameterError)
    return list(io.StringIO(text, newline="")) if text.strip() else []  # splitlines would also cut at U+2028 and others


def _rows(lines: list[str], name: str, *, tab_separated: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line on which each row starts, from 1, and its cells."""
    if tab_separated:
        yield from ((n, line.rstrip("\r\n").split("\t")) for n, line in enumerate(lines, 1))
        return
    delimiter = max(
        ",;\t", key=lambda c: (sum(cell.strip(' "').lower() in COLUMNS for cell in lines[0].split(c)), c == ",")
    )
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise ParameterError(
            f"{name}, line {start}: not CSV as RFC 4180 has it ({error}); put quotation marks round the whole "
            "cell, and double those inside it"
        ) from error


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Return where each field stands."""
    columns: dict[str, int] = {}
    for position, cell in enumerate(header):
        word = cell.strip().lower()
        field = COLUMNS.get(word)
        if field in columns and not (
            field == "path" and {word, header[columns[field]].strip().lower()} == {"path", "file"}
        ):
            raise ParameterError(f"{name}: two columns {word!r}; remove one")
        if field is not None and (field not in columns or word == "path"):
            columns[field] = position
    if "path" not in columns:
        found = ", ".join(printable(cell.strip()) for cell in header)
        raise ParameterError(
            f"{name}: no column path; the first row must name the columns, {_wanted()} (found: {found:.200})"
        )
    return columns


def _item(values: dict[str, str], folder: Path, source: str) -> Item:
    if not values.get("path"):
        raise ParameterError("the path is empty")
    recording_id = unicodedata.normalize("NFC", values.get("id", ""))
    if len(recording_id) > _MAX_ID:
        raise ParameterError(f"the id has {len(recording_id)} characters, at most {_MAX_ID} are possible")
    isrc = values.get("isrc", "")
    artists = tuple(artist.strip() for artist in values.get("artists", "").split("|") if artist.strip())
    return Item(
        folder / values["path"],
        recording_id,
        values.get("title", ""),
        artists,
        validate(isrc) if isrc else "",
        source,
        parse_tags(values.get("tags", "")),
        parse_ranges(values.get("excluded", "")),
    )


def _wanted() -> str:
    return "path (or file), and if known id, title, artist, isrc, tags, exclude"
