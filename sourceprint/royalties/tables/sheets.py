"""Delimited files as spreadsheets and databases write them, read as a stream: the header, then row by row.

- Encoding: UTF-8 with or without a byte order mark, or UTF-16 with one. Anything else is refused with the byte and its
  place; it is not guessed, since a name in the wrong letters pays nobody.
- `.tsv` has a tab between cells and no quoting, so that a title may start with a quotation mark. Any other ending is
  CSV as RFC 4180 has it, with the one of `,` `;` and tab that the header is made with, or with the one that a line
  `sep=;` before the header names, as Excel writes and reads it.
- The header may start with `#`, as in BWARM. Below it, a line of one cell that starts with `#` is a comment, and rows
  of empty cells are skipped.

Memory is bounded by one row, which has a limit. A file that cannot be read to its end is refused as a whole.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from fingerprint.disk import refusals
from fingerprint.errors import RightsError, printable

__all__ = ["Sheet", "normalised", "open_sheet", "sniff_encoding"]

_MAX_LINE = 1 << 20
_BLOCK = 1 << 16
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[,;\t]*\s*', re.IGNORECASE)
_REMEDY_ENCODING = "save the file as UTF-8 (in Excel: CSV UTF-8)"


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open table.

    Attributes
    ----------
    name : str
        Of the file, fit for messages.
    header : tuple of str
        Names of the columns as they are written, without a leading `#`.
    rows : iterator of (int, list of str)
        Number of the line on which a row starts, from 1, and its cells, as many as the header has or more.
    """

    name: str
    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def normalised(name: str) -> str:
    """Return the name of a column or table without case and separators, so that people need not care.

    Examples
    --------
    >>> normalised("#Party_Record ID")
    'partyrecordid'
    """
    return re.sub(r"[\s_#-]", "", name).lower()


def sniff_encoding(path: Path) -> str:
    """Return "utf-8-sig" or "utf-16", by the first bytes of a file.

    Raises
    ------
    RightsError
        If the first bytes are those of another encoding, of a spreadsheet or of a compressed file.
    """
    name = printable(path.name)
    with refusals(name, RightsError), path.open("rb") as file:
        start = file.read(4)
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise RightsError(f"{name}: UTF-32; {_REMEDY_ENCODING}")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")):
        raise RightsError(f"{name}: a workbook or a compressed file, no text; save the table as CSV or TSV")
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


@contextmanager
def open_sheet(path: Path) -> Iterator[Sheet]:
    """Yield a table; reading its rows raises as soon as something in the file cannot be read.

    Raises
    ------
    RightsError
        If the file cannot be read, is in another encoding, has no header, names a column twice, is no CSV, holds a null
        character, or has a line or cell of absurd length. The message names the line.
    """
    name = printable(path.name)
    encoding = sniff_encoding(path)
    try:
        with refusals(name, RightsError), path.open(encoding=encoding, newline="") as file:
            lines = _lines(file, name)
            first = next((line for line in lines if line[1].strip()), None)
            if first is None:
                raise RightsError(f"{name}: empty; the first row must name the columns")
            tab_separated = path.suffix.lower() == ".tsv"
            named = None if tab_separated else _SEPARATOR_LINE.fullmatch(first[1])
            if named is not None:
                first = next((line for line in lines if line[1].strip()), None)
                if first is None:
                    raise RightsError(f"{name}: empty below its first line; the next row must name the columns")
            delimiter = "\t" if tab_separated else named[1] if named is not None else _delimiter(first[1])
            header = _header(first, delimiter, name, quoted=not tab_separated)
            rows = _plain_rows(lines) if tab_separated else _csv_rows(lines, delimiter, name)
            yield Sheet(name, header, (row for row in rows if _holds_something(row[1])))
    except UnicodeDecodeError as error:
        raise RightsError(_undecodable(path, name, encoding)) from error


def _lines(file: TextIO, name: str) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(_MAX_LINE + 1):
        number += 1
        if len(line) > _MAX_LINE:
            raise RightsError(f"{name}, line {number}: more than {_MAX_LINE} characters; is it a table?")
        if "\0" in line:
            raise RightsError(f"{name}, line {number}: holds a null character; export the table again, as text")
        yield number, line


def _delimiter(header: str) -> str:
    return max(",;\t", key=lambda character: (header.count(character), character == ","))


def _header(first: tuple[int, str], delimiter: str, name: str, *, quoted: bool) -> tuple[str, ...]:
    number, line = first
    text = line.rstrip("\r\n")
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True)) if quoted else text.split(delimiter)
    except csv.Error as error:
        raise RightsError(
            f"{name}, line {number}: the names of the columns are no CSV ({error}); write them plainly"
        ) from error
    header = tuple(cell.strip().lstrip("#").strip() for cell in cells)
    seen: dict[str, str] = {}
    for cell in header:
        key = normalised(cell)
        if key and key in seen:
            raise RightsError(f"{name}: two columns {printable(cell)!r:.60}; remove one")
        seen[key] = cell
    return header


def _plain_rows(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    for number, line in lines:
        yield number, line.rstrip("\r\n").split("\t")


def _csv_rows(lines: Iterator[tuple[int, str]], delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    last = 1
    start = 0

    def texts() -> Iterator[str]:
        nonlocal last, start
        for number, line in lines:
            last = number
            start = start or number
            yield line

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield start or last, cells
            start = 0
    except csv.Error as error:
        limit = csv.field_size_limit()
        if "field larger" in str(error):
            why = f"a cell of more than {limit} characters; is a quotation mark open?"
        elif "unexpected end" in str(error):
            why = "a quotation mark is opened and never closed; close it, or double it where it is part of the text"
        else:
            why = f"not CSV as RFC 4180 has it ({error}); put quotation marks round the whole cell, double those inside"
        raise RightsError(f"{name}, line {start or last}: {why}") from error


def _holds_something(cells: list[str]) -> bool:
    if len(cells) == 1 and cells[0].startswith("#"):
        return False
    return any(cell and not cell.isspace() for cell in cells)


def _undecodable(path: Path, name: str, encoding: str) -> str:
    """Return the message about the first bytes that cannot be decoded, with their place."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    position = 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                start = position - pending + error.start
                lines += error.object[: error.start].count(b"\n")
                byte = error.object[error.start]
                wanted = encoding.removesuffix("-sig").upper()
                return (
                    f"{name}, line {lines}: byte 0x{byte:02x} at position {start} is not {wanted}; {_REMEDY_ENCODING}"
                )
            if not block:
                return f"{name}: cannot be decoded; {_REMEDY_ENCODING}"
            position += len(block)
            lines += text.count("\n")
