r"""Scan results as CSV: RFC 4180, UTF-8 without a mark, lines end with CR LF, the rows of `evidence.exports.rows`.

Every row is one line: line breaks, tabs, other control characters and marks that turn the direction of writing are
escaped as in Python (`\n`), and so is what was no UTF-8 in a file name. Lists are joined by ` | `; cells that do not
apply are empty. Numbers are written so that reading them gives the same number again.

A spreadsheet takes text that starts with = + - @ (or their wide forms) for a formula, and would run it: such text,
which comes from outside, gets an apostrophe before it, also where white space (tabs and line breaks included) comes
first, and inside a cell behind a semicolon, at which some regions' spreadsheets start another. Numbers are written as
numbers, a minus included. Exact texts stand in JSON Lines and, but for what is no UTF-8, in Parquet.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping

from evidence.exports.rows import COLUMNS, Cell, segment_rows
from evidence.exports.text import one_line
from evidence.results import FileResult

__all__ = ["segment_csv"]

# Spreadsheets skip white space before they look for a formula; a tab or line break is one before it is escaped.
_STARTS_A_FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def segment_csv(results: Iterable[FileResult], q_values: Mapping[tuple[str, str], float]) -> Iterator[bytes]:
    """Yield a CSV file line by line, the names of the columns first.

    Parameters
    ----------
    results : iterable of FileResult
    q_values : mapping of (name, asset_id) to float
        As `evidence.runs.rates.q_values` returns them for the whole batch.
    """
    yield _line(COLUMNS)
    for row in segment_rows(results, q_values):
        yield _line(_cell(value) for value in row.values())


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        value = " | ".join(value)
    return one_line(_STARTS_A_FORMULA.sub(r"\1'", value))
