"""The lines of a statement as CSV: RFC 4180, UTF-8 without a mark, lines end with CR LF, one row per line.

The columns are those of `royalties.statements.rows.StatementRow`, with time as `seconds` (six decimals) and amounts in
major units with all decimals of the currency. A spreadsheet takes text that starts with = + - @ for a formula, and
would run it: such text, which comes from outside, gets an apostrophe before it. Numbers are written as numbers, a minus
included.
"""

import csv
import io

from royalties.money import format_amount
from royalties.statements.rows import StatementRow, seconds_text, statement_rows
from royalties.statements.statement import Statement

__all__ = ["COLUMNS", "statement_csv"]

COLUMNS = (
    "statement_id",
    "period",
    "line",
    "kind",
    "payee_id",
    "payee_name",
    "payee_ipi",
    "payee_isni",
    "recording_id",
    "isrc",
    "recording_title",
    "work_id",
    "iswc",
    "work_title",
    "right",
    "territory",
    "licence_id",
    "usages",
    "seconds",
    "currency",
    "gross",
    "deductions",
    "net",
    "reason",
)

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_AMOUNTS = frozenset({"gross", "deductions", "net"})


def statement_csv(statement: Statement) -> bytes:
    """Return the lines of a statement as a CSV file, with a row of column names first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in statement_rows(statement):
        writer.writerow([_cell(row, column) for column in COLUMNS])
    return text.getvalue().encode()


def _cell(row: StatementRow, column: str) -> str:
    if column == "seconds":
        return seconds_text(row.attributed_us)
    value = getattr(row, column)
    if column in _AMOUNTS:
        return format_amount(value, row.currency)
    if isinstance(value, int):
        return str(value)
    text = str(value)
    # Spreadsheets skip spaces before they look for a formula.
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_STARTS_A_FORMULA) else text
