"""Rows of an open sheet, matched to the columns of a shape and read cell by cell; and shares, which both forms have.

A wrong cell becomes a problem in the staging and its row is refused; the reading goes on.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.tables.cells import Unit, clean, parse_share, read_territories, share_number
from sourceprint.royalties.tables.columns import Column
from sourceprint.royalties.tables.staging import Staging, hashed_id
from sourceprint.sheets.columns import MatchedColumns
from sourceprint.sheets.headings import says_percent
from sourceprint.sheets.opened import Sheet

__all__ = ["RowReader"]

_CACHED = 65_536
_BARE_LIMIT = 10**12


class RowReader:
    """Reader of the rows of one sheet.

    Parameters
    ----------
    staging : Staging
        Receives problems and shares.
    file : int
        Number of the file in the staging.
    matched : MatchedColumns
        Positions and headings by `Column.field`.
    unit : "percent", "fraction" or None
        Unit of shares without %; None if it is not stated.
    """

    def __init__(
        self,
        staging: Staging,
        file: int,
        sheet: Sheet,
        matched: MatchedColumns,
        columns: tuple[Column, ...],
        *,
        unit: Unit | None,
    ) -> None:
        self.staging = staging
        self.file = file
        self.rows = 0
        self.notes: Counter[str] = Counter()
        self._sheet = sheet
        self._unit = unit
        self._headings = matched.headings
        cached = {column.read: lru_cache(_CACHED)(column.read) for column in columns}  # tables repeat themselves
        self._plan = sorted(
            (
                (matched.positions[column.field], column, cached[column.read])
                for column in columns
                if column.field in matched.positions
            ),
            key=lambda planned: planned[0],
        )
        for sentence in sheet.notes:
            staging.problem("warning", file, 0, "", "", "sheet", sentence)
        for sentence in matched.notes:
            staging.problem("note", file, 0, "", "", "columns", sentence)

    def has(self, *fields: str) -> bool:
        """Return whether the sheet has any of the columns."""
        return any(field in self._headings for field in fields)

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any], bool]]:
        """Yield the line, the values by field ("" where empty), and whether all cells could be read, of each row."""
        width = len(self._sheet.header)
        for line, cells in self._sheet.rows:
            self.rows += 1
            good = True
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                remedy = f"{len(cells)} cells, the header has {width}; quote cells that hold the delimiter"
                self.fault(line, "", "", "cells", remedy)
                good = False
            values: dict[str, Any] = {}
            for position, column, read in self._plan:
                written = cells[position] if position < len(cells) else ""
                if not written:
                    values[column.field] = ""
                    if column.needed:
                        good = self._missing(line, column)
                    continue
                try:
                    text = clean(written)
                    value = read(text) if text else ""
                except ParameterError as error:
                    values[column.field] = ""
                    self.fault(line, column.field, written, column.field.replace("_", "-"), str(error))
                    good = False
                    continue
                values[column.field] = value
                if text[:1] == '"' and _is_quoted(text):
                    self._warn_of_quotes(line, column, text)
                if column.needed and value == "":
                    good = self._missing(line, column)
                if column.warn is not None and value and (warning := column.warn(str(value))):
                    rule = column.field.replace("_", "-")
                    self.staging.problem("warning", self.file, line, self._headings[column.field], text, rule, warning)
            yield line, values, good

    def fault(self, line: int, field: str, value: str, rule: str, remedy: str) -> None:
        """Note an error in a row."""
        self.staging.problem("error", self.file, line, self._headings.get(field, field), value, rule, remedy)

    def close(self) -> None:
        """Note the rows that were left out on purpose, once per reason and file."""
        for sentence, count in sorted(self.notes.items()):
            self.staging.problem("note", self.file, 0, "", "", "rows-not-used", f"{count} rows {sentence}")

    def validity(self, line: int, values: dict[str, Any]) -> tuple[str, str, str, str] | None:
        """Return included and excluded territories, first and last day of a row; None, with its errors, if wrong."""
        good = True
        included, excluded = "", ""
        written = (values.get("territories", ""), values.get("excluded", ""))
        try:
            included, excluded = read_territories(*written)
        except ParameterError as error:
            self.fault(line, "territories", " less ".join(filter(None, written)), "territory", str(error))
            good = False
        valid_from, valid_to = values.get("valid_from", ""), values.get("valid_to", "")
        if valid_from and valid_to and valid_to < valid_from:
            remedy = f"ends on {valid_to}, before it begins on {valid_from}; put the earlier day first"
            self.fault(line, "valid_to", valid_to, "dates-reversed", remedy)
            good = False
        return (included, excluded, valid_from, valid_to) if good else None

    def stage_share(
        self, line: int, values: dict[str, Any], *, subject_id: str, party_id: str, right: str, given_id: str = ""
    ) -> None:
        """Stage one share of a row; an id is made of all but percentage and last day where it has none."""
        held = self.validity(line, values)
        millionths = None
        text = values["share"]
        try:
            millionths = parse_share(text, self._unit or self._unit_of_heading(text))
        except ParameterError as error:
            self.fault(line, "share", text, "share", str(error))
            return
        if held is None:
            return
        included, excluded, valid_from, valid_to = held
        if millionths is None:
            micro = min(int(share_number(text).scaleb(6)), _BARE_LIMIT)
            self.staging.bare_share(subject_id, right, text, micro, self.file, line)
            return
        if not party_id:
            sentence = "names no party: this part stays unclaimed; add the party if it is known"
            self.staging.problem("warning", self.file, line, "", text, "no-party", sentence)
        role = values.get("role", "")
        share_id = given_id or hashed_id("S", subject_id, party_id, right, role, included, excluded, valid_from)
        record = (share_id, subject_id, party_id, right, millionths, included, excluded, valid_from, valid_to, role)
        self.staging.add("master_share" if right == MASTER else "work_share", self.file, line, record)

    def _unit_of_heading(self, text: str) -> Unit | None:
        """Return the unit in the heading of the column; None for 1 and less, which may be fractions all the same."""
        return "percent" if says_percent(self._headings.get("share", "")) and share_number(text) > 1 else None

    def _warn_of_quotes(self, line: int, column: Column, text: str) -> None:
        sentence = (
            "is quoted, with doubled quotation marks inside, as in CSV, and is taken with all of them; save the table "
            "as .csv, or remove the quotation marks"
        )
        heading = self._headings[column.field]
        self.staging.problem("warning", self.file, line, heading, text, "quoted-cell", sentence)

    def _missing(self, line: int, column: Column) -> bool:
        self.fault(line, column.field, "", "empty-cell", f"{column.names[0]} is empty; every row needs one")
        return False


def _is_quoted(text: str) -> bool:
    """Return whether a text that begins with a quotation mark is a CSV cell with doubled ones inside."""
    inner = text[1:-1]
    return len(text) > 1 and text[-1] == '"' and '""' in inner and '"' not in inner.replace('""', "")
