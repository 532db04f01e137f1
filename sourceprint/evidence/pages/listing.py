"""Long tables of a page: rows as JSON for its script, which sorts and filters them, and the first of them as HTML.

In come columns and rows of plain values; out comes a record for the template. Readers without scripts have the first
200 rows. Values are milliseconds, percentages and probabilities until they are shown; None is an empty cell.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from fingerprint.errors import printable
from sourceprint.evidence.pages.words import in_odds
from sourceprint.text.tables import clock

__all__ = ["PAGE_ROWS", "ListedColumn", "listing", "rows_as_json"]

PAGE_ROWS = 200
"""Rows of a table that are shown at a time."""

Kind = Literal["text", "order", "count", "clock", "percent", "odds", "exponent"]


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """A column of a table.

    Attributes
    ----------
    key : str
        Its value in a row.
    heading : str
        As the table has it.
    kind : str
        How values are written, and which way they are sorted first; "order" is text that is sorted as the rows are.
    link : str
        Key of the address that its text leads to, or "".
    """

    key: str
    heading: str
    kind: Kind = "text"
    link: str = ""


def listing(
    columns: Sequence[ListedColumn],
    rows: Sequence[Mapping[str, Any]],
    *,
    noun: str,
    order: str,
    by: str = "",
    choices: str = "",
) -> dict[str, Any]:
    """Return a table for the template.

    Parameters
    ----------
    columns : sequence of ListedColumn
        The first heads each row.
    rows : sequence of mapping
        Values by key, in the order in which they are shown first.
    noun : str
        Noun for a row, in the singular.
    order : str
        That order, in words.
    by : str
        Key of the column that it follows, with "-" before it where it descends; "" if none.
    choices : str
        Key of the column by whose values rows can be chosen, or "".
    """
    return {
        "columns": columns,
        "rows": [_shown(columns, row) for row in rows[:PAGE_ROWS]],
        "json": rows_as_json(columns, rows),
        "n_rows": len(rows),
        "noun": noun,
        "order": order,
        "by": by.removeprefix("-"),
        "way": "descending" if by.startswith("-") else "ascending",
        "choices": list(dict.fromkeys(row[choices] for row in rows)) if choices else [],
        "chosen_by": choices,
    }


def rows_as_json(columns: Sequence[ListedColumn], rows: Sequence[Mapping[str, Any]]) -> Markup:
    r"""Return rows as JSON that may stand in a script element of a page: nothing in it can end the element.

    Examples
    --------
    >>> print(rows_as_json([ListedColumn("name", "Name")], [{"name": "</script>&"}]))
    {"columns": [["name", "text", ""]], "keys": ["name"], "rows": [["\u003c/script\u003e\u0026"]]}
    """
    keys = [key for column in columns for key in (column.key, column.link) if key]
    values = [[printable(row[key]) if isinstance(row[key], str) else row[key] for key in keys] for row in rows]
    text = json.dumps({"columns": [[c.key, c.kind, c.link] for c in columns], "keys": keys, "rows": values})
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _shown(columns: Sequence[ListedColumn], row: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a row by key, and its addresses."""
    texts = {column.key: _text(column.kind, row[column.key]) for column in columns}
    return {**texts, **{column.link: row[column.link] for column in columns if column.link}}


def _text(kind: Kind, value: Any) -> str:
    """Return a value as it is shown; the script of the pages does the same.

    Examples
    --------
    >>> _text("clock", 61_250), _text("percent", 12.3), _text("odds", 1e-9), _text("exponent", 2e-5), _text("count", 3)
    ('1:01.2', '12.3 %', '1 in 10\u2079', '2.0e-05', '3')
    """
    if value is None:
        return ""
    if kind == "clock":
        return clock(value / 1000)
    if kind == "percent":
        return f"{value:.1f} %"
    if kind == "odds":
        return in_odds(value)
    return f"{value:.1e}" if kind == "exponent" else str(value)
