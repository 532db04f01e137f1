"""Open a sheet of any file format: the names of its columns and the rows below them.

The names of the columns are in the first row that is not empty; where that holds no name that is known and one of the
next rows holds two, as below the head of a letter, they are there, and a note says so. The header may start with `#`,
as in BWARM. Below a header of several names, a line of one cell that starts with `#` is a comment. Rows of empty cells
are skipped.
"""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from fingerprint.errors import SourceprintError, printable
from sourceprint.sheets.delimited import HEADER_ROWS, Rows, normalised, open_delimited
from sourceprint.sheets.workbooks import WORKBOOK_SUFFIXES, open_workbook

__all__ = ["SHEET_SUFFIXES", "Sheet", "open_sheet"]

SHEET_SUFFIXES = frozenset({".csv", ".tsv", *WORKBOOK_SUFFIXES})
"""Endings of the names of sheets; a .txt is one too where the caller says so."""

_SAMPLE_ROWS = 50
_FEW = 2


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open table.

    Attributes
    ----------
    name : str
        Of the file, fit for messages.
    header : tuple of str
        Names of the columns as they are written, on one line, without a leading `#`.
    rows : iterator of (int, list of str)
        Number of the line on which a row starts, from 1, and its cells, as many as the header has or more.
    sample : tuple of list of str
        Cells of the first rows.
    notes : tuple of str
        How it is read, where that is not a matter of course.
    delimiter : str
        Between cells; "" in a workbook.
    """

    name: str
    header: tuple[str, ...]
    rows: Rows
    sample: tuple[list[str], ...] = ()
    notes: tuple[str, ...] = ()
    delimiter: str = ""


@contextmanager
def open_sheet(
    path: Path, failure: type[SourceprintError], *, known: Set[str] = frozenset(), sheet: str | None = None
) -> Iterator[Sheet]:
    """Yield a table; reading its rows raises as soon as something in the file cannot be read.

    Parameters
    ----------
    path : Path
        A file of text or, where its name ends so, a workbook.
    failure : type
        The error to raise.
    known : set of str
        Names of columns that may be there, as `normalised`.
    sheet : str, optional
        Of a workbook, the name of the sheet; the first one by default.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if the file cannot be read, is in another encoding, has no header, is no CSV and no
        workbook, or is of absurd size. The message names the line.
    """
    is_workbook = path.suffix.lower() in WORKBOOK_SUFFIXES
    opened = open_workbook(path, failure, sheet) if is_workbook else open_delimited(path, failure, known)
    name = printable(path.name)
    with opened as (every, notes, delimiter):
        rows = (row for row in every if any(cell and not cell.isspace() for cell in row[1]))
        top = list(islice(rows, HEADER_ROWS))
        if not top:
            raise failure(f"{name}: empty; the first row must name the columns")
        counts = [sum(normalised(cell) in known for cell in cells) for _, cells in top]
        at = counts.index(max(counts)) if not counts[0] and max(counts) >= _FEW else 0
        if at:
            notes = [*notes, f"the columns are named in row {top[at][0]}; what stands above is passed over"]
        header = tuple(" ".join(cell.split()).removeprefix("#").strip() for cell in top[at][1])
        below = (row for row in chain(top[at + 1 :], rows) if len(header) == 1 or not _is_comment(row[1]))
        sample = list(islice(below, _SAMPLE_ROWS))
        first_rows = tuple(cells for _, cells in sample)
        yield Sheet(name, header, chain(sample, below), first_rows, tuple(notes), delimiter)


def _is_comment(cells: list[str]) -> bool:
    return len(cells) == 1 and cells[0].startswith("#")
