"""Workbooks (.xlsx), read as a stream of rows of the text that a spreadsheet would save as CSV.

The first sheet is read, or the one that is named. A cell becomes the text that its owner sees: a number without
needless zeros, with the zeros in front that its format shows; a fraction that is formatted as a percentage with the
sign %; a day as 2026-07-01; a time of day or a duration as 3:20 or 0:03:20. Formulas count by the values that were
stored with them.

A workbook is a compressed archive of XML that anybody can have made. Its unpacked size is bounded by its own directory,
which the decompression keeps to. Before the library reads them, its parts are parsed once without being kept: a
document type, by which XML can be made to grow or to fetch files, is refused, and so is more than a spreadsheet can
hold in a row, in all cells, or beside them.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from fingerprint.disk import refusals
from fingerprint.errors import SourceprintError, printable
from sourceprint.sheets.delimited import Rows
from sourceprint.text.tables import listed

__all__ = ["WORKBOOK_SUFFIXES", "open_workbook"]

WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm"})

_MAX_MEMBERS = 4_096
_MAX_UNPACKED = 512 << 20  # bytes of all parts together, of which those that are read whole have a limit of their own
_MAX_WHOLE = 128 << 20  # bytes of the shared strings and of the styles
_MAX_ROWS = 1 << 20  # the limits of the format itself
_MAX_COLUMNS = 1 << 14
_MAX_CELLS = 20_000_000
_MAX_TEXT = 32_767
_MAX_ROW_ELEMENTS = 8 * _MAX_COLUMNS
_MAX_OTHER_ELEMENTS = 4_000_000
_MAX_DEPTH = 64
_BLOCK = 1 << 16
_PADDED = re.compile(r"0+")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_REMEDY = "open it in a spreadsheet program and save it again as .xlsx, or save the table as CSV UTF-8"


@contextmanager
def open_workbook(
    path: Path, failure: type[SourceprintError], sheet: str | None = None
) -> Iterator[tuple[Rows, list[str], str]]:
    """Yield all rows of one sheet of a workbook, notes on how it is read, and "", as nothing stands between its cells.

    Parameters
    ----------
    path : Path
        The file.
    failure : type
        The error to raise.
    sheet : str, optional
        Name of the sheet; the first one by default.

    Raises
    ------
    SourceprintError
        Of the kind `failure`, if the file is no workbook, has no such sheet, or is larger than anything that people
        make; from reading rows too.
    """
    name = printable(path.name)
    with refusals(name, failure), warnings.catch_warnings(), path.open("rb") as file:
        warnings.filterwarnings("ignore", module="openpyxl")  # it warns of parts that it does not read
        with _damage(name, failure):
            has_formulas = _inspected(file, name, failure)
        from openpyxl import load_workbook

        with _damage(name, failure):
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            chosen, notes = _chosen(book, sheet, name, failure)
            formulas = load_workbook(file, read_only=True, keep_links=False)[chosen.title] if has_formulas else None
        yield _rows(chosen, formulas, name, failure), notes, ""


@contextmanager
def _damage(name: str, failure: type[SourceprintError]) -> Iterator[None]:
    """Turn any exception of the library on a damaged workbook into an error of ours."""
    try:
        yield
    except (SourceprintError, OSError, GeneratorExit):
        raise
    except MemoryError as error:
        raise failure(f"{name}: does not fit into memory; save the table as CSV UTF-8") from error
    except Exception as error:
        what = " ".join(f"{type(error).__name__} {error}".split())
        raise failure(f"{name}: cannot be read as a workbook ({what:.100}); {_REMEDY}") from error


def _inspected(file: IO[bytes], name: str, failure: type[SourceprintError]) -> bool:
    """Return whether sheets hold formulas, once the size and the beginning of every part are found harmless."""
    if file.read(4) == b"\xd0\xcf\x11\xe0":
        raise failure(f"{name}: an old workbook (.xls), or one with a password; {_REMEDY}")
    file.seek(0)
    if not zipfile.is_zipfile(file):
        raise failure(f"{name}: no workbook, whatever its name says; {_REMEDY}")
    has_formulas = False
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        whole = max((m.file_size for m in members if not m.filename.startswith("xl/worksheets/")), default=0)
        if len(members) > _MAX_MEMBERS or unpacked > _MAX_UNPACKED or whole > _MAX_WHOLE:
            raise failure(
                f"{name}: unpacks to {len(members)} parts and {unpacked} bytes, the largest beside the sheets {whole}; "
                f"at most {_MAX_MEMBERS}, {_MAX_UNPACKED} and {_MAX_WHOLE} are read; save the table as CSV UTF-8"
            )
        if len({member.filename for member in members}) < len(members):
            raise failure(f"{name}: has two parts of one name; {_REMEDY}")
        for member in members:
            with archive.open(member) as part:
                inspection = _Inspection()
                if reason := inspection.reason_against(part):
                    raise failure(f"{name}: {printable(member.filename)} {reason}; {_REMEDY}")
                has_formulas |= inspection.has_formulas
    file.seek(0)
    return has_formulas


class _Inspection:
    """Parses one part of a workbook without keeping anything of it."""

    def __init__(self) -> None:
        self.has_formulas = False
        self._reason = ""
        self._depth = 0
        self._row_depth = 0
        self._in_row = 0
        self._others = 0
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def reason_against(self, part: IO[bytes]) -> str:
        """Return why this part is refused, or ""; a part that is no XML, such as an image, is left to its reader."""
        with suppress(expat.ExpatError):
            while not self._reason and (block := part.read(_BLOCK)):
                self._parser.Parse(block)
            self._parser.Parse(b"", True)  # it may have put off what it has
        return self._reason

    def _document_type(self, *_: object) -> None:
        self._reason = "has a document type"

    def _start(self, name: str, _: object) -> None:
        self._depth += 1
        tag = name.rpartition(":")[2]
        if self._row_depth:
            self._in_row += 1
            self.has_formulas |= tag == "f"
        elif tag == "row":
            self._row_depth, self._in_row = self._depth, 0
        else:
            self._others += 1
        if self._depth > _MAX_DEPTH or self._in_row > _MAX_ROW_ELEMENTS or self._others > _MAX_OTHER_ELEMENTS:
            self._reason = "holds more than a spreadsheet can"

    def _end(self, _: str) -> None:
        if self._depth == self._row_depth:
            self._row_depth = 0
        self._depth -= 1


def _chosen(book: Any, sheet: str | None, name: str, failure: type[SourceprintError]) -> tuple[Any, list[str]]:
    sheets = {one.title: one for one in book.worksheets}
    titles = listed(sheets, quoted=True)
    if not sheets:
        raise failure(f"{name}: has no sheet with cells; {_REMEDY}")
    if sheet is None:
        chosen = next(iter(sheets.values()))
        if len(sheets) == 1:
            return chosen, []
        return chosen, [
            f"sheet {printable(chosen.title)!r} is read, of {titles}; put the one that is meant first, or name it "
            "(--sheet)"
        ]
    if sheet not in sheets:
        raise failure(f"{name}: no sheet {printable(sheet)!r}; it has {titles}")
    return sheets[sheet], []


def _rows(sheet: Any, formulas: Any, name: str, failure: type[SourceprintError]) -> Rows:
    with _damage(name, failure):
        yield from _texts(sheet, formulas, name, failure)


def _texts(sheet: Any, formulas: Any, name: str, failure: type[SourceprintError]) -> Rows:
    n_cells = 0
    stored = 0
    lacking = ""
    others = iter(()) if formulas is None else _cells(formulas)
    for number, cells in enumerate(_cells(sheet), 1):
        row = next(others, ())
        n_cells += len(cells)
        if len(cells) > _MAX_COLUMNS or n_cells > _MAX_CELLS:
            raise failure(
                f"{name}, row {number}: {len(cells)} columns, {n_cells} cells so far; at most {_MAX_COLUMNS} and "
                f"{_MAX_CELLS} are read; save the table as CSV UTF-8"
            )
        texts = []
        for position, cell in enumerate(cells):
            text = _text(cell)
            if len(text) > _MAX_TEXT:
                raise failure(f"{name}, row {number}: a cell of {len(text)} characters; a cell has at most {_MAX_TEXT}")
            if position < len(row) and row[position].data_type == "f":
                stored += cell.value is not None
                lacking = lacking or ("" if cell.value is not None else row[position].coordinate)
            texts.append(text)
        while texts and not texts[-1]:
            texts.pop()
        yield number, texts
    if lacking and not stored:
        raise failure(
            f"{name}: holds formulas without stored values, such as {lacking}, as no spreadsheet program has computed "
            f"them; {_REMEDY}"
        )


def _cells(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # the stated size of a sheet is often wrong
    yield from sheet.iter_rows(max_row=_MAX_ROWS)


def _text(cell: Any) -> str:
    """Return the text of a cell as its owner sees it, as far as that changes its meaning."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    layout = _QUOTED.sub("", cell.number_format or "").split(";")[0].lower()
    if isinstance(value, datetime):
        day = value.date().isoformat()
        return day if value.time() == time() else f"{day} {value.time().isoformat()}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time | timedelta):
        return _clock(value, with_seconds="s" in layout or "ss" in (cell.number_format or "").lower())
    return _number(value, layout)


def _number(value: float, layout: str) -> str:
    """Return a number in decimals, as a percentage or with zeros in front where its format says so.

    Examples
    --------
    >>> _number(0.255, "0.0%"), _number(5099749.0, "general"), _number(42, "00000"), _number(1e-07, "general")
    ('25.5 %', '5099749', '00042', '0.0000001')
    """
    number = Decimal(repr(value))
    if layout.rstrip().endswith("%"):
        return f"{_plain(number * 100)} %"
    text = _plain(number)
    if _PADDED.fullmatch(layout.strip()) and text.isdecimal():
        return text.zfill(len(layout.strip()))
    return text


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _clock(value: time | timedelta, *, with_seconds: bool) -> str:
    """Return a time of day or a duration as hours, minutes and, if its format has them, seconds."""
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    milliseconds = round(value / timedelta(milliseconds=1))
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    if not with_seconds and not rest:
        return f"{hours}:{minutes:02d}"
    fraction = f".{rest % 1000:03d}".rstrip("0") if rest % 1000 else ""
    return f"{hours}:{minutes:02d}:{rest // 1000:02d}{fraction}"
