"""Workbooks come in as their owners see them; a crafted one is refused before it costs memory or time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from fingerprint.errors import ParameterError
from sourceprint.sheets import workbooks
from sourceprint.sheets.headings import NAMES
from sourceprint.sheets.opened import Sheet, open_sheet


def saved(path: Path, *rows: list[Any], formats: dict[str, str] | None = None, sheets: tuple[str, ...] = ()) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, layout in (formats or {}).items():
        sheet[cell].number_format = layout
    for title in sheets:
        book.create_sheet(title).append(["path", "id"])
    book.save(path)
    return path


def opened(path: Path, sheet: str | None = None) -> tuple[Sheet, list[tuple[int, list[str]]]]:
    with open_sheet(path, ParameterError, known=NAMES.keys(), sheet=sheet) as found:
        return found, list(found.rows)


def rewritten(path: Path, change: Callable[[str, bytes], bytes], **others: bytes) -> Path:
    """Change the parts of a workbook, and add others."""
    parts = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(parts, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, data in others.items():
            new.writestr(name, data)
    path.write_bytes(parts.getvalue())
    return path


@pytest.mark.parametrize(
    ("value", "layout", "text"),
    [
        (5099749123450, "General", "5099749123450"),
        (5.09974912345e12, "0", "5099749123450"),
        (42, "000000", "000042"),
        (1, "0%", "100 %"),
        (0.255, "0.0%", "25.5 %"),
        (33.3333, "General", "33.3333"),
        (0.1, '0.0"%"', "0.1"),
        (date(2026, 7, 1), "dd.mm.yyyy", "2026-07-01"),
        (datetime(2026, 7, 1, 12, 30), "yyyy-mm-dd hh:mm", "2026-07-01 12:30:00"),
        (time(3, 20), "h:mm", "3:20"),
        (time(0, 3, 20), "h:mm:ss", "0:03:20"),
        (timedelta(hours=26), "[h]:mm:ss", "26:00:00"),
        (True, "General", "TRUE"),
        ("007", "@", "007"),
    ],
)
def test_a_cell_has_the_value_that_its_owner_sees(tmp_path: Path, value: object, layout: str, text: str) -> None:
    path = saved(tmp_path / "a.xlsx", ["path", "id"], ["a.wav", value], formats={"B2": layout})
    assert opened(path)[1] == [(2, ["a.wav", text])]


def test_the_first_sheet_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ["path"], ["a.wav"], sheets=("Other",))
    sheet, rows = opened(path)
    assert rows == [(2, ["a.wav"])]
    assert sheet.notes == (
        "sheet 'Sheet' is read, of 'Sheet', 'Other'; put the one that is meant first, or name it (--sheet)",
    )
    assert opened(path, "Other")[0].header == ("path", "id")
    with pytest.raises(ParameterError, match=r"a\.xlsx: no sheet 'Third'; it has 'Sheet', 'Other'"):
        opened(path, "Third")


def test_formulas_count_by_their_stored_values_and_are_refused_without_any(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ["path", "id"], ["a.wav", '="x"&1'], ["b.wav", '="x"&2'])
    with pytest.raises(ParameterError, match=r"formulas without stored values, such as B2, .* save it again"):
        opened(path)

    def with_values(name: str, data: bytes) -> bytes:
        return data.replace(b"<v></v>", b"<v>7</v>", 1).replace(b"<v />", b"<v>7</v>", 1)

    assert opened(rewritten(path, with_values))[1] == [(2, ["a.wav", "7"]), (3, ["b.wav"])]


def test_rows_and_columns_may_be_missing(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B3"], sheet["D3"], sheet["B9"] = "path", "id", "a.wav"
    book.save(tmp_path / "a.xlsx")
    found, rows = opened(tmp_path / "a.xlsx")
    assert (found.header, rows) == (("", "path", "", "id"), [(9, ["", "a.wav"])])


@pytest.mark.parametrize(
    ("declaration", "encoding"), [("", "utf-8"), ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16")]
)
def test_a_document_type_is_refused_in_any_encoding(tmp_path: Path, declaration: str, encoding: str) -> None:
    bomb = declaration + '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    path = saved(tmp_path / "a.xlsx", ["path"], ["a.wav"])
    rewritten(path, lambda name, data: bomb.encode(encoding) if name == "xl/styles.xml" else data)
    with pytest.raises(ParameterError, match=r"xl/styles\.xml has a document type"):
        opened(path)


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.xlsx", ["path"], ["a.wav"])
    rewritten(path, lambda _, data: data, **{"xl/media/image1.png": bytes(3_000_000)})
    assert path.stat().st_size < 20_000
    assert opened(path)[1] == [(2, ["a.wav"])]
    monkeypatch.setattr(workbooks, "_MAX_WHOLE", 2_000_000)
    with pytest.raises(ParameterError, match=r"unpacks to \d+ parts and 30\d+ bytes"):
        opened(path)


@pytest.mark.parametrize(
    ("limit", "value", "rows"),
    [
        ("_MAX_CELLS", 20, [["path"] * 10] * 3),
        ("_MAX_COLUMNS", 9, [["path"] * 10]),
        ("_MAX_TEXT", 9, [["path"], ["0123456789"]]),
        ("_MAX_ROW_ELEMENTS", 15, [["path"] * 10]),
        ("_MAX_DEPTH", 4, [["path"]]),
        ("_MAX_OTHER_ELEMENTS", 9, [["path"]]),
        ("_MAX_MEMBERS", 3, [["path"]]),
    ],
)
def test_limits_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, rows: list[list[Any]]
) -> None:
    path = saved(tmp_path / "a.xlsx", *rows)
    monkeypatch.setattr(workbooks, limit, value)
    with pytest.raises(ParameterError, match=r"a\.xlsx"):
        opened(path)


@pytest.mark.parametrize("row", [b'<row r="999999999999999">', b'<row r="x">', b'<row r="1.5">'])
def test_a_row_with_an_impossible_number_ends_soon(tmp_path: Path, row: bytes) -> None:
    path = saved(tmp_path / "a.xlsx", ["path"], ["a.wav"])
    rewritten(path, lambda _, data: data.replace(b'<row r="2">', row))
    if b"999" in row:
        assert opened(path)[1] == []
    else:
        with pytest.raises(ParameterError, match=r"cannot be read as a workbook"):
            opened(path)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0rest", b"path\na.wav\n"])
def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(damage)
    with pytest.raises(ParameterError, match=r"a\.xlsx: .*save"):
        opened(tmp_path / "a.xlsx")


@pytest.mark.parametrize("part", ["workbook.xml", "worksheets/sheet1.xml", "styles.xml"])
def test_a_part_that_is_cut_costs_a_message(tmp_path: Path, part: str) -> None:
    path = saved(tmp_path / "a.xlsx", ["path"], ["a.wav"])
    rewritten(path, lambda name, data: data[: len(data) // 2] if name == f"xl/{part}" else data)
    with pytest.raises(ParameterError, match=r"a\.xlsx: cannot be read as a workbook"):
        opened(path)
