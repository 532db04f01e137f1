"""Delimited files come in as people save them: the encoding is stated or refused, never guessed in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint.sheets.headings import NAMES
from sourceprint.sheets.opened import Sheet, open_sheet


def opened(tmp_path: Path, data: str | bytes, name: str = "list.csv") -> tuple[Sheet, list[tuple[int, list[str]]]]:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with open_sheet(path, ParameterError, known=NAMES.keys()) as sheet:
        return sheet, list(sheet.rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    sheet, rows = opened(tmp_path, "path,title\n\u00e4.wav,\u65e5\n".encode(encoding))
    assert (sheet.header, rows, sheet.notes) == (("path", "title"), [(2, ["\u00e4.wav", "\u65e5"])], ())


def test_windows_1252_is_read_and_said_with_an_example(tmp_path: Path) -> None:
    sheet, rows = opened(tmp_path, "path,title\na.wav,One\nb.wav,Caf\u00e9 \u2013 live\n".encode("cp1252"))
    assert rows[1] == (3, ["b.wav", "Caf\u00e9 \u2013 live"])
    (note,) = sheet.notes
    assert note.startswith("no UTF-8, so read as Windows-1252: line 3 is 'b.wav,Caf\u00e9 \u2013 live'")


@pytest.mark.parametrize("text", ["path\n\u00e9.wav\n\xff.wav\n", "path\nx.wav\n\u00e9.wav\xff\n"])
def test_utf_8_with_a_byte_of_another_encoding_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    data = text.encode().replace("\xff".encode(), b"\xff")
    with pytest.raises(ParameterError, match=r"list\.csv, line 3: byte 0xff at position 1\d is not UTF-8"):
        opened(tmp_path, data)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_which_makes_names_of_columns(tmp_path: Path, delimiter: str) -> None:
    others = "".join({",", ";", "\t"} - {delimiter})
    header = delimiter.join(["File", f'"Length{others}{others}{others} in seconds"', "Track Title"])
    sheet, rows = opened(tmp_path, f"{header}\n{delimiter.join(['a.wav', '3', 'One'])}\n")
    assert (sheet.header[0], sheet.header[2], rows[0][1]) == ("File", "Track Title", ["a.wav", "3", "One"])


def test_a_line_that_names_the_delimiter_counts(tmp_path: Path) -> None:
    sheet, rows = opened(tmp_path, "sep=;\npath;id\nb.wav;X2\n")
    assert (sheet.header, rows) == (("path", "id"), [(3, ["b.wav", "X2"])])


def test_names_of_columns_may_stand_below_a_heading_and_run_over_lines(tmp_path: Path) -> None:
    sheet, rows = opened(tmp_path, 'Blue Label,,\n,,\n"Track\nTitle",ISRC,File\nOne,QZAAA2600001,a.wav\n')
    assert sheet.header == ("Track Title", "ISRC", "File")
    assert rows == [(5, ["One", "QZAAA2600001", "a.wav"])]
    assert sheet.notes == ("the columns are named in row 3; what stands above is passed over",)


def test_a_comment_needs_a_header_of_several_names(tmp_path: Path) -> None:
    assert opened(tmp_path, "path\n#1 hit.wav\n")[1] == [(2, ["#1 hit.wav"])]
    assert opened(tmp_path, "path\tid\n#1 hit.wav\na.wav\tX\n", "list.tsv")[1] == [(3, ["a.wav", "X"])]
