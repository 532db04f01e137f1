"""A label's own sheet and the exports of distributors go through `rights import` and `add` as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from fingerprint.errors import AmbiguousSharesError, RightsError
from sourceprint.lists import read_list
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.records import Party, RightsRecording, Share
from sourceprint.royalties.rights.rights import all_records
from sourceprint.royalties.rights.rows import Record
from sourceprint.royalties.rights.schema import VERSIONED
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import import_report_text
from sourceprint.sheets.columns import ColumnMap

LABEL = "ISRC,Track Title,Artist,Label,File,Territory,Owner share %\n"
# Three dialects, as such files look, with names and numbers of our own.
EXPORTS = {
    "upload.csv": (
        "UPC;Release Title;Label;Track Number;Track Title;Mix Version;Primary Artist;ISRC;Audio File Name;Genre\r\n"
        "4006381333931;Nights;Blue Label;1;One;;Ann;QZAAA2600001;a.wav;Pop\r\n"
        "4006381333931;Nights;Blue Label;2;Two;Live;Ann;QZ-AAA-26-00002;b.wav;Pop\r\n"
    ).encode("utf-8-sig"),
    "backstage.csv": (
        "Catalogue transfer,,,,\n,,,,\nTrack title,Main artist,Release title,ISRC Code (optional),File name\n"
        "One,Ann,Nights,QZAAA2600001,a.wav\nTwo,Ann,Nights,QZAAA2600002,b.wav\n"
    ).encode("cp1252"),
    "report.tsv": (
        "Artist\tSong Title\tISRC\tUPC Code\tFilename\nAnn\tOne\tQZAAA2600001\t4006381333931\ta.wav\n"
        "Ann\tTwo\tQZAAA2600002\t4006381333931\tb.wav\n"
    ).encode("utf-16"),
}


@pytest.fixture
def rights(sqlite_database: Database) -> Database:
    return sqlite_database


def written(tmp_path: Path, data: str | bytes, name: str = "label.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def on_file(database: Database) -> list[Record]:
    with database.reading() as connection:
        return [record for table in VERSIONED for record in all_records(connection, table)]


def shares(database: Database) -> list[tuple[str, str, str, int, str]]:
    found = [record for record in on_file(database) if isinstance(record, Share)]
    return sorted((s.subject_id, s.party_id, s.right, s.millionths, str(s.territories)) for s in found)


def test_the_sheet_of_a_label_goes_through_both_commands(rights: Database, tmp_path: Path) -> None:
    rows = "QZAAA2600001,One,Ann,Blue Label,a.wav,World,100\nQZ-AAA-26-00002,Two,Bob,Red,b.wav,DE;AT,50\n"
    path = written(tmp_path, LABEL + rows.replace("DE;AT", '"DE, AT"'))
    told: list[str] = []
    report = import_rights(rights, [path], tell=told.append)
    assert (report.errors, report.taken) == (0, tuple(told))
    assert told == [
        "label.csv: columns read: 'ISRC', 'Track Title' as title, 'Artist' as artists, 'Label', "
        "'Territory' as territories, 'Owner share %' as share",
        "label.csv: no column names the right: every share is a share in the recording (Master)",
        "label.csv: no column names the owner: it is the label, from column 'Label'",
    ]
    assert shares(rights) == [
        ("isrc:QZAAA2600001", "party:blue label", "Master", 1_000_000, "Worldwide"),
        ("isrc:QZAAA2600002", "party:red", "Master", 500_000, "AT, DE"),
    ]
    records = on_file(rights)
    assert Party("party:red", "Red") in records
    assert RightsRecording("isrc:QZAAA2600001", "One", ("Ann",), "QZAAA2600001", label="Blue Label") in records
    items, refusals, _ = read_list(path)
    assert not refusals
    assert [(item.path.name, item.title, item.artists, item.isrc) for item in items] == [
        ("a.wav", "One", ("Ann",), "QZAAA2600001"),
        ("b.wav", "Two", ("Bob",), "QZAAA2600002"),
    ]


def test_owners_of_one_recording_stand_in_rows_of_their_own(rights: Database, tmp_path: Path) -> None:
    rows = "QZAAA2600001,One,Ann,Blue Label,a.wav,World,50\nQZAAA2600001,One,Ann,Red,a.wav,World,50\n"
    path = written(tmp_path, LABEL + rows)
    report = import_rights(rights, [path])
    assert report.errors == 0
    assert shares(rights) == [
        ("isrc:QZAAA2600001", "party:blue label", "Master", 500_000, "Worldwide"),
        ("isrc:QZAAA2600001", "party:red", "Master", 500_000, "Worldwide"),
    ]
    assert [problem.rule for problem in report.problems if problem.severity == "warning"] == []


def test_the_same_sheet_as_a_workbook_says_percent_by_its_format(rights: Database, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["ISRC", "Title", "Artist", "Owner", "Label", "File", "Territory", "Share"])
    sheet.append(["QZAAA2600001", "One", "Ann", "Green", "Blue", "a.wav", "World ex US, Canada", 0.255])
    sheet["H2"].number_format = "0.0%"
    book.save(tmp_path / "label.xlsx")
    assert import_rights(rights, [tmp_path / "label.xlsx"]).errors == 0
    assert shares(rights) == [("isrc:QZAAA2600001", "party:green", "Master", 255_000, "Worldwide less CA, US")]


@pytest.mark.parametrize("share", ["1", "1.0", "0.5"])
def test_a_share_of_one_or_less_is_asked_about_under_any_heading(rights: Database, tmp_path: Path, share: str) -> None:
    path = written(tmp_path, f"{LABEL}QZAAA2600001,One,Ann,Blue,a.wav,,{share}\nQZAAA2600002,Two,Ann,Blue,b.wav,,100\n")
    with pytest.raises(AmbiguousSharesError, match=rf"1 shares are bare numbers \({share} in label\.csv, row 2\)"):
        import_rights(rights, [path])
    assert import_rights(rights, [path], shares="percent").errors == 0
    assert [millionths for *_, millionths, _ in shares(rights)] == [int(float(share) * 10_000), 1_000_000]


def test_a_bare_heading_leaves_hundred_a_question(rights: Database, tmp_path: Path) -> None:
    path = written(tmp_path, LABEL.replace(" %", "") + "QZAAA2600001,One,Ann,Blue,a.wav,,100\n")
    with pytest.raises(AmbiguousSharesError, match="1 shares are bare numbers"):
        import_rights(rights, [path])


@pytest.mark.parametrize("territory", ["Europe", "GSA", "UK", "World ex Europe"])
def test_a_territory_that_means_different_countries_is_refused(
    rights: Database, tmp_path: Path, territory: str
) -> None:
    report = import_rights(rights, [written(tmp_path, f"{LABEL}QZAAA2600001,One,Ann,Blue,a.wav,{territory},100\n")])
    (error,) = [problem for problem in report.problems if problem.severity == "error"]
    assert (error.row, error.column, error.rule) == (2, "Territory", "territory")
    assert on_file(rights) == []


def test_a_second_share_column_stops_the_import_until_it_is_mapped(rights: Database, tmp_path: Path) -> None:
    text = LABEL.replace("\n", ",Publisher share\n") + "QZAAA2600001,One,Ann,Blue,a.wav,,100 %,50 %\n"
    path = written(tmp_path, text)
    with pytest.raises(RightsError, match="'Publisher share' looks like a share and would go unused"):
        import_rights(rights, [path])
    report = import_rights(rights, [path], columns=ColumnMap.of([], ["Publisher share"]))
    assert (report.errors, len(shares(rights))) == (0, 1)


def test_numbers_up_to_100_beside_owners_stop_the_import_where_no_share_is_taken(
    rights: Database, tmp_path: Path
) -> None:
    text = "ISRC,Track Title,Quota,Owner\nQZAAA2600001,One,80,Ann\nQZAAA2600002,Two,100,Ann\n"
    path = written(tmp_path, text)
    with pytest.raises(RightsError, match="'Quota' looks like a share, beside the names of owners"):
        import_rights(rights, [path])
    assert import_rights(rights, [path], columns=ColumnMap.of([], ["Quota"])).errors == 0


def test_labels_that_own_a_recording_together_are_no_contradiction(rights: Database, tmp_path: Path) -> None:
    rows = "".join(f"QZAAA26{n:05d},One,Ann,{label},a.wav,,50 %\n" for n in range(3) for label in ("Blue", "Red"))
    report = import_rights(rights, [written(tmp_path, LABEL + rows)])
    assert (report.errors, [one for one in report.problems if one.rule == "several-names"]) == (0, [])
    assert len(shares(rights)) == 6
    assert {one.label for one in on_file(rights) if isinstance(one, RightsRecording)} == {"Blue"}


def test_a_sheet_of_works_keeps_its_titles_to_the_works(rights: Database, tmp_path: Path) -> None:
    text = "Title,ISWC,Composer,Rights holder,Right,Share\nTonight,T-034.524.680-1,Ann,Ann,Performing,50 %\n"
    assert import_rights(rights, [written(tmp_path, text)]).errors == 0
    assert shares(rights) == [("iswc:T0345246801", "party:ann", "PerformingRight", 500_000, "Worldwide")]
    assert not any(isinstance(record, RightsRecording) for record in on_file(rights))


@pytest.mark.parametrize("name", EXPORTS)
def test_the_export_of_a_distributor_goes_through_both_commands(rights: Database, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, EXPORTS[name], name)
    report = import_rights(rights, [path])
    assert report.errors == 0
    assert report.taken[-1].endswith("recordings are imported without owners")
    recordings = [record for record in on_file(rights) if isinstance(record, RightsRecording)]
    assert [(one.id, one.title, one.artists) for one in recordings] == [
        ("isrc:QZAAA2600001", "One", ("Ann",)),
        ("isrc:QZAAA2600002", "Two", ("Ann",)),
    ]
    items, refusals, _ = read_list(path)
    assert not refusals
    assert [(item.path, item.title, item.artists, item.isrc) for item in items] == [
        (tmp_path / "a.wav", "One", ("Ann",), "QZAAA2600001"),
        (tmp_path / "b.wav", "Two", ("Ann",), "QZAAA2600002"),
    ]


PUBLISHER = "ISRC,Work Title,Writers,Publisher,Right,Share,Territory\n"


def test_the_publisher_of_a_sheet_of_works_is_the_party_of_its_shares(rights: Database, tmp_path: Path) -> None:
    path = written(tmp_path, PUBLISHER + "QZAAA2600001,Tonight,Ann,Quay Songs,Mechanical,50,World\n", "sheet.csv")
    report = import_rights(rights, [path], shares="percent")
    assert "'Publisher' as party" in report.taken[0]
    assert shares(rights) == [("work:tonight/ann", "party:quay songs", "MechanicalRight", 500_000, "Worldwide")]


@pytest.mark.parametrize(
    "header",
    [
        PUBLISHER.replace("Publisher", "Ownr"),
        PUBLISHER.replace("Publisher", "Original Publisher"),
        PUBLISHER.replace("Writers,", "Label,"),
        LABEL.replace("File", "Ownr"),
    ],
)
def test_an_unused_owner_of_shares_stops_the_import(rights: Database, tmp_path: Path, header: str) -> None:
    path = written(tmp_path, header)
    with pytest.raises(RightsError, match="looks like the party of a share and would go unused; say what it is"):
        import_rights(rights, [path])
    assert import_rights(rights, [path], columns=ColumnMap.of([], ["Ownr", "Publisher", "Original Publisher"]))


def test_shares_without_a_party_are_one_line_of_the_report(rights: Database, tmp_path: Path) -> None:
    rows = "".join(f"QZAAA26{n:05d},Song {n},Ann,,Mechanical,{n} %,World\n" for n in range(1, 8))
    report = import_rights(rights, [written(tmp_path, PUBLISHER + rows)])
    assert ("warning", "no-party", 7) in report.counts
    lines = [line for line in import_report_text(report).split("\n") if "no-party" in line]
    sentence = "names no party: this part stays unclaimed; add the party if it is known [no-party]"
    assert lines == [f"  label.csv, rows 2, 3, 4, 5, 6 and 2 more: {sentence}"]


@pytest.mark.parametrize(("names", "partial"), [(("a.toml",), False), (("a.toml", "b.toml"), True)])
def test_partial_is_no_remedy_for_one_licence(
    rights: Database, tmp_path: Path, names: tuple[str, ...], partial: bool
) -> None:
    paths = [written(tmp_path, "schema = 1\n", name) for name in names]
    first = import_report_text(import_rights(rights, paths)).split("\n")[0]
    assert "correct them" in first
    assert ("--partial" in first) is partial


@pytest.mark.parametrize("name", ["works.csv", "resources.csv", "parties.csv", "mastershares.csv"])
def test_a_sheet_with_the_name_of_a_table_is_read_by_its_columns(rights: Database, tmp_path: Path, name: str) -> None:
    row = "QZAAA2600001,Tonight,Ann,Quay Songs,Mechanical,50 %,World\n"
    report = import_rights(rights, [written(tmp_path, PUBLISHER + row, name)])
    assert (report.errors, len(shares(rights))) == (0, 1)


def test_a_sheet_of_works_with_ids_keeps_its_shares_under_the_name_of_a_table(rights: Database, tmp_path: Path) -> None:
    text = "work_id,title,party,right,share\nW1,Tonight,Quay Songs,Mechanical,50 %\n"
    assert import_rights(rights, [written(tmp_path, text, "works.csv")]).errors == 0
    assert shares(rights) == [("W1", "party:quay songs", "MechanicalRight", 500_000, "Worldwide")]


@pytest.mark.parametrize("name", ["parties.csv", "licensee.csv"])
def test_a_licensee_is_entered_with_a_sheet_of_two_columns(rights: Database, tmp_path: Path, name: str) -> None:
    assert import_rights(rights, [written(tmp_path, "party_id,party\nP-GENCO,Gen Co\n", name)]).errors == 0
    assert on_file(rights) == [Party("P-GENCO", "Gen Co")]
    with pytest.raises(RightsError, match="not the columns of a table of rights"):
        import_rights(rights, [written(tmp_path, "party_id,party,share\nP-GENCO,Gen Co,1 %\n", "s.csv")])
