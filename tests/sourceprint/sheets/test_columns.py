"""Columns are found by the names that people use; a column like money or a name is never lost in silence."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint.sheets.columns import ColumnMap, MatchedColumns, matched_columns, read_pairs
from sourceprint.sheets.delimited import normalised
from sourceprint.sheets.headings import FIELDS, NAMES, field_named
from sourceprint.sheets.opened import Sheet
from tests.places import ROOT

_EVERY = ("path", "title", "artists", "isrc", "share")
_GUARDED = frozenset({"share", "title", "isrc", "territories"})


def matched(header: str, given: ColumnMap | None = None, guarded: Set[str] = _GUARDED, *rows: str) -> MatchedColumns:
    sheet = Sheet("a.csv", tuple(header.split(",")), iter(()), tuple(row.split(",") for row in rows))
    return matched_columns(sheet, _EVERY, given or ColumnMap(), ParameterError, guarded=guarded)


def test_every_name_is_of_one_field() -> None:
    assert len(NAMES) == sum(len({normalised(name) for name in names}) for names in FIELDS.values())


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Song Title", "title"),
        ("TRACK_TITLE*", "title"),
        ("ISRC code", "isrc"),
        ("ISRC Code (leave blank to get one)", "isrc"),
        ("Artist(s)", "artists"),
        ("Primary Artist", "artists"),
        ("Audio Filename", "path"),
        ("UPC/EAN", "upc"),
        ("Owner share %", "share"),
        ("Album Title", "release"),
        ("Mood", None),
    ],
)
def test_headings_of_exports_are_known(heading: str, name: str | None) -> None:
    assert field_named(heading) == name


def test_the_page_of_headings_has_all_of_them() -> None:
    page = (ROOT / "docs" / "formats" / "headings.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {', '.join(headings)} |" for name, headings in FIELDS.items()]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


def test_a_column_that_the_user_names_and_no_sheet_has_is_named() -> None:
    before = ColumnMap({"Main Act": "artists"})
    given = ColumnMap({"Song  title": "title", "Nope": "isrc"}, ("Gone",)).over(before)
    notes = matched("File,Song Title", given).notes
    absent = "no column 'Nope', 'Gone', which --columns or --ignore-columns names; write it as the sheet does"
    assert [note for note in notes if note.startswith("no column")] == [absent]
    assert not [note for note in matched("File,Title", ColumnMap().over(before)).notes if note.startswith("no column")]


def test_every_column_is_named_with_its_fate() -> None:
    found = matched("File,Song Title,Mood,UPC,isrc,Title,Memo", ColumnMap.of([], ["Memo"]))
    assert found.positions == {"path": 0, "title": 1, "isrc": 4}
    assert found.notes == (
        "columns read: 'File' as path, 'Song Title' as title, 'isrc'",
        "columns ignored: Mood, UPC, Title ('Song Title' is read), Memo; "
        '--columns "HEADING=FIELD" reads one; fields here: path, title, artists, isrc, share',
    )
    assert matched("path,UPC").notes == ("columns read: 'path'", "columns ignored: UPC")
    assert matched("path,ISRC").notes == ()
    many = matched("path," + ",".join(f"c{k}" for k in range(100))).notes[1]
    assert "c58, c59 and 40 more; --columns" in many


@pytest.mark.parametrize(
    ("header", "rows", "what"),
    [
        ("path,Publisher share", (), "'Publisher share' looks like a share"),
        ("path,share,Writer split", (), "'Writer split' looks like a share"),
        ("path,Royalty %", (), "'Royalty %' looks like a share"),
        ("path,Working title", (), "'Working title' looks like a title"),
        ("path,Alternative ISRC", (), "'Alternative ISRC' looks like an ISRC"),
        ("path,Code", ("a,QZAAA2600001", "b,QZ-AAA-26-00002"), "'Code' looks like an ISRC"),
        ("path,Country of sale", (), "'Country of sale' looks like a territory"),
    ],
)
def test_a_column_that_looks_like_an_essential_one_stops_the_import(
    header: str, rows: tuple[str, ...], what: str
) -> None:
    with pytest.raises(ParameterError, match=what) as caught:
        matched(header, None, _GUARDED, *rows)
    heading = header.rpartition(",")[2]
    assert f'--columns "{heading}=FIELD"' in str(caught.value)
    assert f'--ignore-columns "{heading}"' in str(caught.value)
    assert matched(header, ColumnMap.of([], [heading]), _GUARDED, *rows).positions["path"] == 0
    assert matched(header, None, frozenset(), *rows).positions["path"] == 0


def test_the_user_has_the_last_word() -> None:
    given = ColumnMap.of([("Name", "Song Title"), ("Title", "path")], ["File"])
    found = matched("Title,Name,File", given)
    assert (found.positions, found.headings) == ({"path": 0, "title": 1}, {"path": "Title", "title": "Name"})
    later = ColumnMap.of([("file", "path"), ("title", "title")]).over(given)
    assert (later.fields, later.ignored) == ({"Name": "title", "file": "path", "title": "title"}, ())


def test_a_bare_title_gives_way_and_other_doubles_are_refused() -> None:
    found = matched("path,Title,Track Title")
    assert found.headings["title"] == "Track Title"
    assert "columns ignored: Title ('Track Title' is read)" in found.notes[1]
    with pytest.raises(ParameterError, match=r"'Track Title' and 'Song Title' mean the same; .*--ignore-columns"):
        matched("path,Track Title,Song Title")
    with pytest.raises(ParameterError, match="two columns 'PATH'; remove one"):
        matched("path,PATH")


def test_pairs_are_read_from_words_and_files(tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_text("# our sheet\n\nName, of song = title\n", encoding="utf-8")
    assert read_pairs([f"@{tmp_path}/label.txt", "Code=isrc,Main, artist=artist"]) == [
        ("Name, of song", "title"),
        ("Code", "isrc"),
        ("Main, artist", "artist"),
    ]
    for wrong in ("title", "=title", "a=", "a=b,c"):
        with pytest.raises(ParameterError, match="write HEADING=FIELD"):
            read_pairs([wrong])
    with pytest.raises(ParameterError, match="column 'Mood': no field 'mood'; fields are path, id, "):
        ColumnMap.of([("Mood", "mood")])
