"""Delimited files as spreadsheets and databases write them, read as a stream of rows.

- Encoding: UTF-8 with or without a byte order mark, or UTF-16 with one. A file that is neither, and holds no character
  of UTF-8 that takes more than one byte, is read as Windows-1252, as Excel writes CSV in much of the world, and a note
  says so with an example. Anything else is refused with the byte and its place.
- `.tsv` has a tab between cells and no quoting, so that a title may start with a quotation mark. Any other ending is
  CSV as RFC 4180 has it, with the one of `,` `;` and tab that the header is made with, or with the one that a line
  `sep=;` before the header names, as Excel writes and reads it.

Memory is bounded by one row, which has a limit. A file that cannot be read to its end is refused as a whole.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from fingerprint.disk import refusals
from fingerprint.errors import SourceprintError, printable

__all__ = ["HEADER_ROWS", "Rows", "normalised", "open_delimited", "sniff_encoding"]

Rows = Iterator[tuple[int, list[str]]]
"""Number of the line on which a row starts, from 1, and its cells."""

HEADER_ROWS = 30
"""Among so many rows at the top, the names of the columns are looked for."""

_MAX_LINE = 1 << 20
_BLOCK = 1 << 16
_DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[,;\t]*\s*', re.IGNORECASE)
_REMEDY_ENCODING = "save the file as UTF-8 (in Excel: CSV UTF-8)"
_FALLBACK = "cp1252"
_UTF_8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SHOWN = 60


def normalised(name: str) -> str:
    """Return the name of a column or table without case, spaces and punctuation, so that people need not care.

    Examples
    --------
    >>> normalised("#Party_Record ID"), normalised("Artist(s)"), normalised("Owner share %")
    ('partyrecordid', 'artists', 'ownershare')
    """
    return re.sub(r"[\W_]", "", name.casefold())


def sniff_encoding(path: Path, failure: type[SourceprintError]) -> str:
    """Return "utf-8-sig" or "utf-16", by the first bytes of a file.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if the first bytes are those of another encoding, of a spreadsheet or of a compressed
        file.
    """
    name = printable(path.name)
    with refusals(name, failure), path.open("rb") as file:
        start = file.read(4)
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise failure(f"{name}: UTF-32; {_REMEDY_ENCODING}")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")):
        raise failure(
            f"{name}: a workbook or a compressed file, no text; save the table as CSV or TSV, or a workbook as .xlsx"
        )
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


@contextmanager
def open_delimited(
    path: Path, failure: type[SourceprintError], known: Set[str]
) -> Iterator[tuple[Rows, list[str], str]]:
    """Yield all rows of a file, notes on how it is read, and its delimiter.

    Parameters
    ----------
    path : Path
        The file.
    failure : type
        The error to raise.
    known : set of str
        Names of columns, as `normalised`: the delimiter is the one that makes most of them.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if the file cannot be read, is in another encoding, is empty, is no CSV, holds a null
        character, or has a line or cell of absurd length; from reading rows too. The message names the line.
    """
    name = printable(path.name)
    encoding = sniff_encoding(path, failure)
    notes: list[str] = []
    try:
        with refusals(name, failure):
            if encoding == "utf-8-sig" and (strange := _first_strange_line(path)) is not None:
                encoding = _FALLBACK
                line, text = strange
                notes.append(
                    f"no UTF-8, so read as Windows-1252: line {line} is {printable(text)!r:.80}; see that its letters "
                    f"are right, else {_REMEDY_ENCODING}"
                )
            with path.open(encoding=encoding, newline="") as file:
                lines = _lines(file, name, failure)
                top = list(islice((line for line in lines if line[1].strip()), 1))
                if not top:
                    raise failure(f"{name}: empty; the first row must name the columns")
                tab_separated = path.suffix.lower() == ".tsv"
                named = None if tab_separated else _SEPARATOR_LINE.fullmatch(top[0][1])
                if named is not None:
                    top = list(islice((line for line in lines if line[1].strip()), 1))
                    if not top:
                        raise failure(f"{name}: empty below its first line; the next row must name the columns")
                top += islice(lines, HEADER_ROWS - 1)
                every = chain(top, lines)
                if tab_separated:
                    yield _plain_rows(every), notes, "\t"
                else:
                    delimiter = _delimiter([text for _, text in top], known) if named is None else named[1]
                    yield _csv_rows(every, delimiter, name, failure), notes, delimiter
    except UnicodeDecodeError as error:
        raise failure(_undecodable(path, name, encoding)) from error


def _first_strange_line(path: Path) -> tuple[int, str] | None:
    """Return the first line that is not UTF-8, with its number, of a file that reads as Windows-1252; None of others.

    A file with characters of UTF-8 beside it is damaged, or mixed; then neither reading is right.
    """
    found: tuple[int, str] | None = None
    with path.open("rb") as file:
        number = 1
        while line := file.readline(_MAX_LINE):
            try:
                text = line.decode("ascii")
            except UnicodeDecodeError:
                if _UTF_8_CHARACTER.search(line):
                    return None
                try:
                    text = line.decode(_FALLBACK)
                except UnicodeDecodeError:
                    return None
                found = found or (number, text.strip())
            number += line.endswith(b"\n")
    return found


def _lines(file: TextIO, name: str, failure: type[SourceprintError]) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(_MAX_LINE + 1):
        number += 1
        if len(line) > _MAX_LINE:
            raise failure(f"{name}, line {number}: more than {_MAX_LINE} characters; is it a table?")
        if "\0" in line:
            raise failure(f"{name}, line {number}: holds a null character; export the table again, as text")
        yield number, line


def _delimiter(lines: list[str], known: Set[str]) -> str:
    """Return the delimiter that makes most names of columns in one line, else the most frequent of the first line."""

    def weight(delimiter: str) -> tuple[int, int, bool]:
        names = max(sum(normalised(cell) in known for cell in line.split(delimiter)) for line in lines)
        return names, lines[0].count(delimiter), delimiter == ","

    return max(_DELIMITERS, key=weight)


def _plain_rows(lines: Iterator[tuple[int, str]]) -> Rows:
    for number, line in lines:
        yield number, line.rstrip("\r\n").split("\t")


def _csv_rows(lines: Iterator[tuple[int, str]], delimiter: str, name: str, failure: type[SourceprintError]) -> Rows:
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
        raise failure(f"{name}, line {start or last}: {why}") from error


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
