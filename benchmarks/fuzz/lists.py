"""Lists and tables, as text and as workbooks: read as lists of recordings, and imported as rights in a dry run."""

from __future__ import annotations

import functools
import io
import random
import tempfile
import zipfile
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_text
from fingerprint.errors import ParameterError, RightsError
from sourceprint.lists import read_list
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.tables.imports import import_rights

__all__ = ["FORMAT"]

_Table = list[list[str]]

_HEADINGS: Final = (
    ("path", "id", "title", "artist", "isrc", "tags", "exclude"),
    ("ISRC", "Track Title", "Artist", "Label", "File", "Territory", "Owner share %"),
    ("RecordingId", "ISRC", "RecordingTitle", "Artists", "DurationMs", "Label"),
    ("WorkId", "WorkTitle", "Writers"),
    ("RecordingId", "PartyId", "Role", "Share", "Territories", "ValidFrom", "ValidTo"),
)
_CELLS: Final = (
    *("one.mp3", "r1", "A Title", "An Artist|Another", "QZAAA2600001", "a|b", "0:00-0:12.5|75-80", "50 %", "50", "W1"),
    *("Worldwide", "US;DE", "2026-01-01", "P-1", "200000", "100%", "", "-1", "1e9", "=1+1", "0x10", "NaN", "1,5", "½"),
    *("a\tb", 'say "hi"', "'", "é", "é", "\U0001f3b5", "x" * 40_000, "9" * 5000, "%", "0:00-", "1:99", "QZ-AAA-26"),
)
_ENCODINGS: Final = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32")
_REFERENCES: Final = ("A1", "A999999999", "ZZZZ1", "A0", "A-1", "1A", "", "XFD1048576", "A1:B2")
_KINDS: Final = ("inlineStr", "s", "n", "b", "d", "e", "str", "x", "")
_BOMB: Final = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>'
)
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _make(chance: random.Random, folder: Path) -> Path:
    table = _table(chance)
    suffix = chance.choice((".csv", ".csv", ".tsv", ".xlsx"))
    path = folder / f"x{suffix}"
    data = _workbook(chance, table) if suffix == ".xlsx" else _text(chance, table, tabs=suffix == ".tsv")
    path.write_bytes(damaged(chance, data) if chance.random() < 0.2 else data)
    return path


def _table(chance: random.Random) -> _Table:
    headings = list(chance.choice(_HEADINGS))
    for _ in range(chance.choice((0, 0, 1, 2))):
        at = chance.randrange(len(headings))
        headings[at] = chance.choice((hostile_text(chance), headings[0], headings[at] + " %", headings[at].upper()))
    rows = [[_cell(chance) for _ in range(len(headings) + chance.choice((0, 0, 0, -1, 1)))] for _ in range(6)]
    if chance.random() < 0.05:
        headings, rows = headings * 400, [row * 400 for row in rows]
    return [headings, *rows]


def _cell(chance: random.Random) -> str:
    return hostile_text(chance) if chance.random() < 0.1 else chance.choice(_CELLS)


def _text(chance: random.Random, table: _Table, *, tabs: bool) -> bytes:
    delimiter = "\t" if tabs else chance.choice(",;\t|")
    ending = chance.choice(("\n", "\r\n", "\r", "\n\n"))
    sloppy = chance.random() < 0.3

    def quoted(cell: str) -> str:
        if tabs or sloppy or not any(mark in cell for mark in f'{delimiter}"\r\n'):
            return cell
        return '"' + cell.replace('"', '""') + '"'

    text = ending.join(delimiter.join(quoted(cell) for cell in row) for row in table)
    text = chance.choice(("", "", "", f"sep={delimiter}\n", "# a note\n", "\n", "sep=\n")) + text
    encoding = chance.choice(_ENCODINGS)
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def _workbook(chance: random.Random, table: _Table) -> bytes:
    rows = []
    for number, row in enumerate(table, start=1):
        cells = []
        for column, value in enumerate(row[:50]):
            where = f"{chr(65 + column % 26)}{number}" if chance.random() < 0.97 else chance.choice(_REFERENCES)
            kind = "inlineStr" if chance.random() < 0.9 else chance.choice(_KINDS)
            inside = f"<is><t>{_xml(value)}</t></is>" if kind == "inlineStr" else f"<v>{_xml(value)}</v>"
            if chance.random() < 0.03:
                inside = f"<f>{_xml(value)}</f>{inside}"
            cells.append(f"<c r={quoteattr(where)} t={quoteattr(kind)}>{inside}</c>")
        at = number if chance.random() < 0.97 else chance.choice((0, -1, 10**9, 10**30))
        rows.append(f'<row r="{at}">{"".join(cells)}</row>')
    bomb = _BOMB if chance.random() < 0.05 else ""
    entity = "<c r='A1' t='str'><v>&c;&d;</v></c>" if bomb else ""
    size = chance.choice(("A1:G7", "A1:XFD1048576", "", "B2"))
    sheet = f"{bomb}<worksheet xmlns='{_MAIN}'><dimension ref='{size}'/><sheetData>{''.join(rows)}{entity}</sheetData>"
    parts = {
        "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>"
        "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
        "<Override PartName='/xl/workbook.xml' ContentType="
        "'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml'/>"
        "<Override PartName='/xl/worksheets/sheet1.xml' ContentType="
        "'application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml'/></Types>",
        "_rels/.rels": f"<Relationships xmlns='{_RELATIONS}'><Relationship Id='r1' Type='{_OFFICE}/officeDocument' "
        "Target='xl/workbook.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{_MAIN}' xmlns:r='{_OFFICE}'><sheets>"
        "<sheet name='Sheet 1' sheetId='1' r:id='r1'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{_RELATIONS}'><Relationship Id='r1' "
        f"Type='{_OFFICE}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
        "xl/worksheets/sheet1.xml": f"{sheet}</worksheet>",
    }
    if chance.random() < 0.1:
        del parts[chance.choice(list(parts))]
    if chance.random() < 0.005:
        parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"] + " " * (64 << 20)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            data = text.encode("utf-8", "surrogatepass")
            archive.writestr(zipfile.ZipInfo(name), damaged(chance, data) if chance.random() < 0.03 else data)
    return sink.getvalue()


def _xml(text: str) -> str:
    return escape("".join(letter for letter in text if letter >= " " or letter in "\t\n"))


@functools.cache
def _database() -> Database:
    return Database.open(str(Path(tempfile.mkdtemp(prefix="rights-")) / "rights.sqlite"), create=True)


def _read(path: Path) -> None:
    refused: list[Exception] = []
    try:
        read_list(path)
    except ParameterError as error:
        refused.append(error)
    try:
        import_rights(_database(), [path], dry_run=True, shares="percent")
    except RightsError as error:
        refused.append(error)
    if len(refused) == 2:
        raise refused[0]


FORMAT = Format("list", _make, _read, (ParameterError, RightsError))
