"""Reported usage: read exactly from any program, or refused with every wrong line named."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from openpyxl import Workbook

from fingerprint.errors import RightsError
from sourceprint.royalties.uses.usage import Usage, UsageRow, read_usage

HEADER = "track,territory,usages,net_revenue,currency,generated_on,purpose\n"
SHA = "ab" * 32


def written(folder: Path, text: str | bytes, name: str = "usage.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_every_column_arrives(tmp_path: Path) -> None:
    path = written(
        tmp_path, HEADER + f"{SHA.upper()},de,1200,34.567,eur,2026-07-14,generate\n,Worldwide,,-9000,JPY,,\n"
    )
    usage = read_usage(path)
    assert usage.rows == (
        UsageRow(SHA, "DE", 1200, Fraction("3456.7"), "EUR", "2026-07-14", "generate"),
        UsageRow("", "Worldwide", 0, Fraction(-9000), "JPY", "", ""),
    )
    assert usage.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert usage.territory_rows == usage.rows[1:]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\ufeffterritory;track;net_revenue;currency\r\nDE;one.wav;1234,5;EUR\r\n;;;\r\n", "u.csv"),
        ("territory\ttrack\tnet_revenue\tcurrency\nDE\tone.wav\t1234.5\tEUR\n", "u.tsv"),
        ('territory\ttrack\tnet_revenue\tcurrency\n"DE"\t"one.wav"\t1234,5\tEUR\n', "u.csv"),
        ("territory,track,net_revenue,currency\nDE,one.wav,1234.5,EUR\n".encode("utf-16"), "u.csv"),
        ('Territory,Track,Net_Revenue,Currency,Remarks\nDE,one.wav,1234.5,EUR,"a, b"\n', "u.csv"),
    ],
)
def test_the_habits_of_spreadsheets_make_no_difference(tmp_path: Path, text: str | bytes, name: str) -> None:
    assert read_usage(written(tmp_path, text, name)).rows == (UsageRow("one.wav", "DE", 1, Fraction(123450), "EUR"),)


def test_a_workbook_is_read_like_any_sheet(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["territory", "track", "net_revenue", "currency", "used_on"])
    sheet.append(["DE", "one.wav", 1234.5, "EUR", date(2026, 7, 14)])
    book.save(tmp_path / "u.xlsx")
    (row,) = read_usage(tmp_path / "u.xlsx").rows
    assert row == UsageRow("one.wav", "DE", 1, Fraction(123450), "EUR", used_on="2026-07-14")


def test_revenue_in_two_currencies_does_not_count_the_track_twice(tmp_path: Path) -> None:
    header = "track,territory,net_revenue,currency\n"
    usage = read_usage(written(tmp_path, header + "one.wav,DE,5,EUR\none.wav,DE,6,USD\none.wav,FR,7,EUR\n"))
    assert [(row.territory, row.currency, row.usages) for row in usage.rows] == [
        ("DE", "EUR", 1),
        ("DE", "USD", 0),
        ("FR", "EUR", 1),
    ]


def test_a_file_without_rows_is_refused_as_it_would_count_every_track_once(tmp_path: Path) -> None:
    with pytest.raises(RightsError, match=r"no rows under the header.*leave the file out"):
        read_usage(written(tmp_path, HEADER))


def test_a_track_is_found_by_digest_then_path_then_file_name() -> None:
    rows = [UsageRow(track, "DE", n, None, "") for n, track in enumerate((SHA, "out/one.wav", "one.wav", ""))]
    usage = Usage(tuple(rows))
    assert usage.rows_of(SHA, "out/one.wav") == (rows[0],)
    assert usage.rows_of("0" * 64, "out/one.wav") == (rows[1],)
    assert usage.rows_of("0" * 64, "elsewhere/one.wav") == (rows[2],)
    assert usage.rows_of("0" * 64, "two.wav") == ()


def test_composed_and_decomposed_names_are_one() -> None:
    usage = Usage((UsageRow("caf\u00e9.wav", "DE", 1, None, ""),))
    assert usage.key_of("", "cafe\u0301.wav") == "caf\u00e9.wav"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,DE,-1,,,,", r"line 2: usages '-1': write a whole number from 0"),
        ("a.wav,DE,1.5,,,,", r"line 2: usages '1.5'"),
        ("a.wav,DE,,,,,", r"line 2: usages '': .*; 0 where there were none"),
        ("a.wav,DE,9223372036854775808,,,,", r"line 2: usages '9223372036854775808'"),
        ("a.wav,UK,1,,,,", r"line 2: territory 'UK': .*the United Kingdom is GB"),
        ("a.wav,,1,,,,", r"line 2: territory ''"),
        ("a.wav,DE,1,5,XYZ,,", r"line 2: currency 'XYZ': not a currency of ISO 4217"),
        ("a.wav,DE,1,5,,,", r"line 2: net_revenue '5' has no currency"),
        ("a.wav,DE,1,92233720368547758.08,EUR,,", r"line 2: net_revenue .*: beyond 9223372036854775807 minor units"),
        ('a.wav,DE,1,"1,5",EUR,,', r"line 2: net_revenue '1,5': write it without grouping"),
        ("a.wav,DE,1,1e3,EUR,,", r"line 2: net_revenue '1e3': not a decimal number"),
        ("a.wav,DE,1,,,14.07.2026,", r"line 2: generated_on '14.07.2026': write YYYY-MM-DD"),
        ("a.wav,DE,1,,,2026-02-30,", r"line 2: generated_on '2026-02-30': there is no such day"),
        ("a.wav,DE,1,,,,sing", r"line 2: purpose 'sing': write one of train"),
        ("a.wav,DE,1,5,EUR,,,extra", r"line 2: has 8 cells, the header 7"),
        ("a.wav,DE,1,,,,\na.wav,de,2,,,,", r"line 3: track a.wav in DE is reported on line 2 already"),
        (",DE,1,,,,\n,DE,2,,,,", r"line 3: territory DE is reported on line 2 already"),
        ("a.wav,DE,1,,,2026-07-01,\na.wav,FR,1,,,2026-07-02,", r"line 3: .* a track is generated once"),
        ("a\x01.wav,DE,1,,,,", r"line 2: track a\\x01.wav: has control characters"),
        ("a" * 5000 + ",DE,1,,,,", r"line 2: track has 5000 characters"),
    ],
)
def test_a_wrong_row_is_named_with_line_value_and_remedy(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(RightsError, match=message):
        read_usage(written(tmp_path, HEADER + row + "\n"))


def test_all_wrong_rows_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "a.wav,DE,1,,,,\n" + "".join(f"t{n}.wav,XX,1,,,,\n" for n in range(30)))
    with pytest.raises(RightsError, match=r"30 rows are wrong, nothing was taken") as caught:
        read_usage(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[1].startswith("  line 3: territory 'XX'")
    assert lines[-1] == "  and 10 more"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty; the first row must name the columns"),
        (b"track,usages\n", r"no column territory; add it to the first row \(found: track, usages\)"),
        (b"territory,usages,usages\n", "two columns 'usages'"),
        (b"territory,usages\nDE,1\n\xff,2\n", r"not read on a guess \(no UTF-8, .* line 3 is"),
        (b"territory,usages\n\x00,1\n", r"line 2: holds a null character"),
        (b"Report of July\n\nterritory,usages\nDE,1\n", r"not read on a guess \(the columns are named in row 3"),
        (b'territory,usages\n"DE"x,1\n', r"line 2: not CSV as RFC 4180"),
        (b'territory,usages\nDE,1\n"DE,1\n', r"line 3: a quotation mark is opened and never closed"),
        (b"territory,usages\n" + b"x" * (1 << 20) + b"y", r"line 2: more than 1048576 characters"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(RightsError, match=message):
        read_usage(written(tmp_path, data))


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RightsError, match="cannot be read"):
        read_usage(tmp_path / "none.csv")


def test_an_input_that_can_be_read_once_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "usage.csv")
    for path in (tmp_path, tmp_path / "usage.csv"):
        with pytest.raises(RightsError, match="is a folder, pipe or device; save the table as a regular file"):
            read_usage(path)


def test_a_track_may_be_named_by_the_licensees_id_and_its_usage_split_by_days(tmp_path: Path) -> None:
    text = (
        "track,track_id,territory,usages,used_on\n"
        ",N-1,DE,5,2026-07-14\n,N-1,DE,6,2026-07-15\none.wav,N-2,DE,7,\n,,FR,8,\n"
    )
    usage = read_usage(written(tmp_path, text))
    assert [(row.key, row.usages, row.used_on) for row in usage.rows] == [
        ("id:N-1", 5, "2026-07-14"),
        ("id:N-1", 6, "2026-07-15"),
        ("one.wav", 7, ""),
        ("", 8, ""),
    ]
    assert usage.names_tracks
    assert len(usage.rows_of(SHA, "any.wav", "N-1")) == 2
    assert usage.territory_rows == usage.rows[3:]
    with pytest.raises(RightsError, match="track id:N-1 in DE on 2026-07-14 is reported on line 2 already"):
        read_usage(written(tmp_path, text + ",N-1,DE,5,2026-07-14\n"))
    with pytest.raises(RightsError, match="used_on '14 July': write YYYY-MM-DD"):
        read_usage(written(tmp_path, text + ",N-1,DE,5,14 July\n"))
