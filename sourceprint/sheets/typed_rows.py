"""Rows of a table whose columns have fixed names, such as reported usage, each read as one value.

For tables that money is computed from: nothing in them is guessed, all that is wrong is listed with its line, and
nothing is taken from a file in which anything is wrong.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from fingerprint.disk import refusals
from fingerprint.errors import ListedError, ParameterError, RightsError, printable
from sourceprint.sheets.columns import named_columns
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.opened import Sheet, open_sheet

__all__ = ["typed_rows"]

_SHOWN_PROBLEMS = 20

T = TypeVar("T")
RowReader = Callable[[int, dict[str, str]], T]


def typed_rows(
    path: Path, columns: Sequence[str], needed: Sequence[Sequence[str]], reader: Callable[[Sheet], RowReader[T]]
) -> tuple[tuple[T, ...], str]:
    """Return the records of a table's rows, and the SHA-256 of the file in hexadecimal.

    Parameters
    ----------
    path : Path
        As for `open_sheet`.
    columns : sequence of str
        Names that are known; others are passed over.
    needed : sequence of sequence of str
        Of each, one at least must be there.
    reader : callable
        Takes the open sheet, and returns the function that reads a row: from its line and its cells by name of column,
        without white space around them; it raises ParameterError.

    Raises
    ------
    RightsError
        If the file cannot be read, or in one way only with a guess; a needed column is missing or two have one name;
        anything is wrong with a row; or the file changes meanwhile.
    """
    name = printable(path)
    if path.exists() and not path.is_file():
        raise RightsError(f"{name}: is a folder, pipe or device; save the table as a regular file, which is read twice")
    digest = _digest(path)
    with open_sheet(path, RightsError, known=set(map(normalised, columns))) as sheet:
        if sheet.notes:
            remedy = "give a file with this table alone, its header first, in UTF-8"
            raise RightsError(f"{name}: is not read on a guess ({sheet.notes[0]}); {remedy}")
        matched = named_columns(sheet, {column: (column,) for column in columns}, needed, RightsError)
        rows = _rows(sheet, name, matched.positions, reader(sheet))
    if _digest(path) != digest:
        raise RightsError(f"{name}: changed while it was read; run the command again")
    return rows, digest


def _digest(path: Path) -> str:
    with refusals(printable(path), RightsError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(sheet: Sheet, name: str, positions: Mapping[str, int], read: RowReader[T]) -> tuple[T, ...]:
    width = len(sheet.header)
    rows: list[T] = []
    problems: list[str] = []
    n_problems = 0
    for line, cells in sheet.rows:
        try:
            if any(map(str.strip, cells[width:])):
                raise ParameterError(
                    f"has {len(cells)} cells, the header {width}; quote values that hold the delimiter"
                )
            rows.append(read(line, {column: cells[at].strip() for column, at in positions.items() if at < len(cells)}))
        except ParameterError as error:
            n_problems += 1
            if n_problems <= _SHOWN_PROBLEMS:
                problems.append(printable(f"line {line}: {error}"))
    if n_problems:
        more = [f"and {n_problems - len(problems)} more"] if n_problems > len(problems) else []
        are = "rows are" if n_problems > 1 else "row is"
        lines = "\n".join(f"  {problem}" for problem in [*problems, *more])
        raise ListedError(f"{name}: {n_problems} {are} wrong, nothing was taken:\n{lines}")
    return tuple(rows)
