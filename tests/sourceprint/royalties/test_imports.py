"""Imports of rights from spreadsheets: clear cells are read, wrong ones are named by their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fingerprint.errors import AmbiguousSharesError, RightsError
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licence_toml import new_licence
from sourceprint.royalties.rights.records import Party, RecordingWork, RightsRecording, Share, Work
from sourceprint.royalties.rights.rights import all_records, current_revision
from sourceprint.royalties.rights.rows import Record
from sourceprint.royalties.rights.schema import VERSIONED
from sourceprint.royalties.tables.columns import SHAPES, SINGLE
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import ImportReport, TableProblem, import_report_text, import_report_to_json
from tests.places import ROOT

HEADER = "isrc,recording_title,artists,iswc,work_title,party,ipi,role,right,share,territories"
SONG = (
    f"{HEADER}\n"
    "USRC17607839,One for Tonight,The Ones,,,Blue Label,,,Master,100 %,Worldwide\n"
    'USRC17607839,,,T-034.524.680-1,Tonight,Ann Writer,00122619891,Composer,PerformingRight,"33,3333 %",DE|AT\n'
)
TABLES = {
    "parties.tsv": "#PartyRecordId\tISNI\tIpiNameNumber\tFullName\nP1\t\t00122619891\tAnn\nP2\t\t\tBlue Label\n",
    "resources.tsv": "#ResourceRecordId\tISRC\tTitle\tDuration\nR1\tUSRC17607839\tOne\tPT3M20S\nR2\t\tTwo\t\n",
    "musicalworks.tsv": "#MusicalWorkRecordId\tISWC\tMusicalWorkTitle\nW1\tT0345246801\tTonight\n",
    "workresourcelinks.tsv": "#LinkRecordId\tMusicalWorkId\tResourceRecordId\nL1\tW1\tR1\n",
    "musicalworkrightshares.tsv": (
        "#MusicalWorkRightShareRecordId\tMusicalWorkRecordId\tPartyRecordId\tPartyRole\tRightSharePercentage\t"
        "RightShareType\tRightsType\tTerritoryCode\nS1\tW1\tP1\tComposer\t50\tMusicalWorkCollectionShare\t"
        "MechanicalRight|PerformingRight\tWorldwide\n"
    ),
    "mastershares.tsv": (
        "MasterShareRecordId\tResourceRecordId\tPartyRecordId\tRightSharePercentage\nM1\tR1\tP2\t100 %\n"
    ),
    "resourceparts.tsv": "ResourceRecordId\tPartResourceRecordId\tStartMs\tEndMs\nR1\tR2\t1000\t5000\n",
}
LICENCE = """schema = "sourceprint/licence/1"
id = "LIC-1"
licensor = "P2"
licensee = "P1"
valid_from = 2026-01-01
purposes = ["generate"]
[scope]
everything = true
[territories]
include = ["Worldwide"]
[rate_card]
currency = "EUR"
per_second = "0.002"
[rate_card.rights]
Master = "100 %"
"""


@pytest.fixture
def rights(sqlite_database: Database) -> Database:
    return sqlite_database


def written(folder: Path, tables: dict[str, str]) -> Path:
    for name, text in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def csv_file(tmp_path: Path, text: str | bytes, name: str = "rights.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def on_file(database: Database) -> list[Record]:
    with database.reading() as connection:
        return [record for table in VERSIONED for record in all_records(connection, table)]


def revision_of(database: Database) -> int:
    with database.reading() as connection:
        return current_revision(connection)


def errors(report: ImportReport) -> list[TableProblem]:
    return [problem for problem in report.problems if problem.severity == "error"]


def the_error(report: ImportReport) -> TableProblem:
    (error,) = errors(report)
    assert not report.imported
    assert report.exit_code == 2
    return error


def one_row(**cells: str) -> str:
    """Return a spreadsheet of one row that is right but for the cells given."""
    row = {"iswc": "T-034.524.680-1", "work_title": "Tonight", "party": "Ann", "right": "Mechanical", "share": "50 %"}
    row |= cells
    return "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"


def test_a_spreadsheet_becomes_records_with_ids_of_their_own(database: Database, tmp_path: Path) -> None:
    report = import_rights(database, [csv_file(tmp_path, SONG)], by="tester")
    assert (report.revision, report.exit_code, report.errors) == (1, 0, 0)
    recording, work = "isrc:USRC17607839", "iswc:T0345246801"
    records = on_file(database)
    assert Party("ipi:00122619891", "Ann Writer", ipi="00122619891") in records
    assert Party("party:blue label", "Blue Label") in records
    assert RightsRecording(recording, "One for Tonight", artists=("The Ones",), isrc="USRC17607839") in records
    assert Work(work, "Tonight", iswc="T0345246801") in records
    assert RecordingWork(recording, work) in records
    shares = {share.right: share for share in records if isinstance(share, Share)}
    assert (shares["Master"].subject_id, shares["Master"].millionths) == (recording, 1_000_000)
    composer = shares["PerformingRight"]
    assert (composer.subject_id, composer.millionths, composer.role) == (work, 333_333, "Composer")
    assert composer.territories.included == ("AT", "DE")


@pytest.mark.parametrize("column", ["HasRightShareInDispute", "HasRightsInDispute"])
def test_a_work_in_dispute_stays_so_until_the_flag_is_taken_back(
    database: Database, tmp_path: Path, column: str
) -> None:
    def imported(flag: str) -> str:
        table = f"MusicalWorkRecordId\tMusicalWorkTitle\t{column}\nW1\tOne\t{flag}\n"
        import_rights(database, [written(tmp_path / flag, {"musicalworks.tsv": table})])
        return next(record.disputed for record in on_file(database) if isinstance(record, Work))

    assert [imported("true"), imported("TRUE"), imported("false")] == ["yes", "yes", "no"]


def test_a_table_without_the_flag_leaves_a_dispute_on_file(database: Database, tmp_path: Path) -> None:
    sheet = "work_title,iswc,disputed\nTonight,T-034.524.680-1,yes\n"
    import_rights(database, [csv_file(tmp_path, sheet)])
    import_rights(database, [csv_file(tmp_path, "work_title,iswc\nTonight,T-034.524.680-1\n")])
    assert [record.disputed for record in on_file(database) if isinstance(record, Work)] == ["yes"]


def test_tables_shaped_like_bwarm_become_records(database: Database, tmp_path: Path) -> None:
    folder = written(tmp_path / "feed", TABLES | {"licences/a.toml": LICENCE})
    report = import_rights(database, [folder], shares="percent")
    assert (report.revision, report.errors) == (1, 0)
    assert {name: applied.added for name, applied in report.applied.items()} == {
        "party": 2,
        "recording": 2,
        "work": 1,
        "recording_work": 1,
        "recording_part": 1,
        "master_share": 1,
        "work_share": 2,
        "licence": 1,
    }
    shares = [record for record in on_file(database) if isinstance(record, Share)]
    assert [(share.id, share.right, share.millionths) for share in shares] == [
        ("M1", "Master", 1_000_000),
        ("S1/MechanicalRight", "MechanicalRight", 500_000),
        ("S1/PerformingRight", "PerformingRight", 500_000),
    ]


def test_importing_the_same_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    folder = written(tmp_path / "feed", TABLES)
    import_rights(database, [folder], shares="percent")
    again = import_rights(database, [folder], shares="percent")
    assert again.revision is None
    assert again.imported
    assert revision_of(database) == 1
    assert "nothing changed" in import_report_text(again)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_habits_of_spreadsheets_make_no_difference(
    rights: Database, tmp_path: Path, encoding: str, delimiter: str, line_end: str
) -> None:
    rows = [
        ["ISRC", "Recording Title", "party", "IPI", "right", "Share", "valid_from", "duration", ""],
        [
            "US-RC1-76-07839",
            "  Caf\u00e9\u00a0Noir ",
            "Ann",
            "199",
            "Master",
            '"25,5\u00a0%"',
            "01.07.2026",
            "3:20",
            "",
        ],
        [""] * 9,
        [" "] * 9,
    ]
    text = line_end.join(delimiter.join(row) for row in rows) + line_end
    report = import_rights(rights, [csv_file(tmp_path, text.encode(encoding))])
    assert report.errors == 0
    party, recording, share = on_file(rights)
    assert party == Party("ipi:00000000199", "Ann", ipi="00000000199")
    assert isinstance(recording, RightsRecording)
    assert (recording.title, recording.duration_ms) == ("Café Noir", 200_000)
    assert isinstance(share, Share)
    assert (share.millionths, str(share.valid_from)) == (255_000, "2026-07-01")


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;;;;;"])
def test_a_line_that_names_the_delimiter_for_excel_may_stand_before_the_header(
    rights: Database, tmp_path: Path, line: str
) -> None:
    header = "isrc;recording_title;party;right;share"
    text = f"\ufeff{line}\r\n{header}\r\nUSRC17607839;A, B, C, D, E, F;Ann;Master;-1 %\r\n"
    path = csv_file(tmp_path, text)
    assert the_error(import_rights(rights, [path])).row == 3
    path.write_text(text.replace("-1 %", "100 %"), encoding="utf-8")
    assert import_rights(rights, [path]).errors == 0
    assert [record.title for record in on_file(rights) if isinstance(record, RightsRecording)] == ["A, B, C, D, E, F"]


def test_a_line_that_names_the_delimiter_and_nothing_below_it_is_an_empty_table(
    rights: Database, tmp_path: Path
) -> None:
    with pytest.raises(RightsError, match="empty below its first line"):
        import_rights(rights, [csv_file(tmp_path, "sep=;\n\n")])


def test_quotation_marks_that_a_spreadsheet_put_into_a_tsv_are_warned_of(rights: Database, tmp_path: Path) -> None:
    rows = ['R1\t"""Heroes"""', 'R2\t"He said ""hi"""', 'R3\t"Heroes"', 'R4\t"A" and "B"', 'R5\t"']
    tables = {"resources.tsv": "\n".join(["ResourceRecordId\tTitle", *rows]) + "\n"}
    report = import_rights(rights, [written(tmp_path / "feed", tables)])
    warned = [(problem.row, problem.column, problem.rule) for problem in report.problems]
    assert warned == [(2, "Title", "quoted-cell"), (3, "Title", "quoted-cell")]
    titles = [record.title for record in on_file(rights) if isinstance(record, RightsRecording)]
    assert titles == [row.partition("\t")[2] for row in rows]


def test_bare_shares_are_asked_about_with_the_sums_either_way(rights: Database, tmp_path: Path) -> None:
    text = "work_title,party,right,share\nSong,Ann,Mechanical,25\nSong,Bob,Mechanical,75\nSong,Cid,Print,0.5\n"
    path = csv_file(tmp_path, text)
    with pytest.raises(AmbiguousSharesError) as caught:
        import_rights(rights, [path])
    message = str(caught.value)
    assert message.startswith("3 shares are bare numbers (25 in rights.csv, row 2; 75 in rights.csv, row 3; ")
    assert (
        "as percentages, 1 of 2 sums by work or recording and right are 100 %: work:song/ MechanicalRight 100 %"
        in message
    )
    assert "work:song/ MechanicalRight 10000 %; work:song/ PrintRight 50 %" in message
    assert "--shares percent or --shares fraction" in message
    assert on_file(rights) == []
    assert import_rights(rights, [path], shares="percent").errors == 0
    assert sorted(s.millionths for s in on_file(rights) if isinstance(s, Share)) == [5_000, 250_000, 750_000]


def test_a_share_with_the_sign_is_clear_beside_bare_ones_that_are_fractions(rights: Database, tmp_path: Path) -> None:
    path = csv_file(tmp_path, "work_title,party,right,share\nSong,Ann,Mechanical,25 %\nSong,Bob,Mechanical,0.75\n")
    import_rights(rights, [path], shares="fraction")
    assert sorted(s.millionths for s in on_file(rights) if isinstance(s, Share)) == [250_000, 750_000]


@pytest.mark.parametrize(
    ("cells", "column", "rule", "remedy"),
    [
        ({"iswc": "T-034.524.680-2"}, "iswc", "iswc", "check digit"),
        ({"isrc": "USRC1760783O"}, "isrc", "isrc", "letter O or I"),
        ({"ipi": "00122619892"}, "ipi", "ipi", "91"),
        ({"isni": "8.12664E+13"}, "isni", "isni", "spreadsheet"),
        ({"share": "0 %"}, "share", "share", "leave the row out"),
        ({"share": "-5 %"}, "share", "share", "negative"),
        ({"share": "100.5 %"}, "share", "share", "over 100 %"),
        ({"share": "33.333333333333333333333333333333 %"}, "share", "share", "write 33.3333 %"),
        ({"share": "half"}, "share", "share", "not a number"),
        ({"valid_from": "7/1/2026"}, "valid_from", "valid-from", "write YYYY-MM-DD"),
        ({"valid_from": "2026-02-30"}, "valid_from", "valid-from", "no such day"),
        ({"valid_from": "31.02.2026"}, "valid_from", "valid-from", "no such day"),
        ({"valid_from": "46204"}, "valid_from", "valid-from", "write YYYY-MM-DD"),
        ({"valid_from": "2026-07-01", "valid_to": "2026-06-30"}, "valid_to", "dates-reversed", "earlier day first"),
        ({"territories": "UK"}, "territories", "territory", "the United Kingdom is GB"),
        ({"territories": "DE", "excluded_territories": "DE"}, "territories", "territory", "nothing is left"),
        ({"right": "Airplay"}, "right", "rights", "not one of Master"),
        ({"right": ""}, "right", "empty-cell", "write Master"),
        ({"right": "Master"}, "right", "no-subject", "belongs to a recording"),
        ({"isrc": "USRC17607839", "duration": "200"}, "duration", "duration", "unit is unknown"),
        ({"isrc": "USRC17607839", "duration_ms": "3.5"}, "duration_ms", "duration-ms", "whole number"),
        ({"vocals": "perhaps"}, "vocals", "vocals", "write yes or no"),
        ({"iswc": "", "work_title": ""}, "isrc", "no-subject", "names neither"),
        ({"party": "Ann\x07"}, "party", "party", "control character"),
        ({"party": "x" * 10_001}, "party", "party", "at most 10000"),
        ({"party_id": "x" * 1_001}, "party_id", "party-id", "shorten it to 1000"),
    ],
)
def test_a_wrong_cell_is_named_with_its_place_and_remedy(
    rights: Database, tmp_path: Path, cells: dict[str, str], column: str, rule: str, remedy: str
) -> None:
    error = the_error(import_rights(rights, [csv_file(tmp_path, one_row(**cells))]))
    assert (error.file, error.row, error.column, error.rule) == ("rights.csv", 2, column, rule)
    assert remedy in error.remedy
    assert on_file(rights) == []
    assert revision_of(rights) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty; the first row must name the columns"),
        (b"\n \n", "empty"),
        (
            HEADER.encode() + b"\nUSRC17607839,Caf\x81\n",
            r"line 2: byte 0x81 at position 100 is not UTF-8; save",
        ),
        (b"\xff\xfe\x00\x00x", "UTF-32"),
        (b"PK\x03\x04rest", "a workbook"),
        ("isrc\nA".encode("utf-16") + b"\x00", "line 2: byte 0x00 at position 14 is not UTF-16"),
        (b"isrc,party\nUSRC17607839,A\x00B\n", "line 2: holds a null character"),
        (b'isrc,party\nUSRC17607839,"Ann\n\nmore\n', "line 2: a quotation mark is opened and never closed"),
        (b'isrc,party\nUSRC17607839,"Ann"n\n', "line 2: not CSV as RFC 4180 has it"),
        (b'isrc,party\nUSRC17607839,"' + b"a" * 200_000 + b"\n", "line 2: a cell of more than 131072 characters"),
        (b"isrc,party\nUSRC17607839," + b"a" * 10_000_000, "line 2: more than 1048576 characters"),
        (b"isrc,party,ISRC\n", "two columns 'ISRC'"),
        (b"isrc,artist,artists\n", "'artist' and 'artists' mean the same"),
        (b"name,number\nAnn,1\n", "not the columns of a table of rights"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_refused_as_a_whole(
    rights: Database, tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(RightsError, match=message):
        import_rights(rights, [csv_file(tmp_path, data)], partial=True)
    assert revision_of(rights) == 0


def test_a_wrong_byte_is_found_far_into_a_file(rights: Database, tmp_path: Path) -> None:
    good = b"".join(b"USRC1760%04d,Ann \xc3\xa9\n" % number for number in range(9_000))
    data = b"isrc,party\n" + good + b"USRC17607839,\x80\n"
    with pytest.raises(RightsError, match=f"line 9002: byte 0x80 at position {len(data) - 2} is not UTF-8"):
        import_rights(rights, [csv_file(tmp_path, data)])


def test_more_cells_than_columns_are_a_mistake_and_fewer_are_empty(rights: Database, tmp_path: Path) -> None:
    text = "work_title,party,right,share,role\nSong,Ann,Mechanical,50 %\nSong,Bob,Mechanical,25,5 %,Composer\n"
    first, *_ = errors(import_rights(rights, [csv_file(tmp_path, text)]))
    assert (first.row, first.rule) == (3, "cells")
    assert "quote cells that hold the delimiter" in first.remedy


def test_rows_that_contradict_are_refused_and_empty_cells_say_nothing(rights: Database, tmp_path: Path) -> None:
    path = csv_file(tmp_path, "isrc,recording_title,label\nUSRC17607839,One,\nUSRC17607839,,Blue\n")
    assert import_rights(rights, [path]).errors == 0
    (recording,) = on_file(rights)
    assert isinstance(recording, RightsRecording)
    assert (recording.title, recording.label) == ("One", "Blue")
    path = csv_file(tmp_path, "isrc,recording_title\nUSRC17607839,One\nUSRC17607839,Two\n")
    error = the_error(import_rights(rights, [path]))
    assert (error.row, error.column, error.rule) == (3, "title", "contradiction")
    path = csv_file(tmp_path, "isrc,tags\nUSRC17607839,b|a\n")
    assert import_rights(rights, [path]).errors == 0
    (recording,) = on_file(rights)
    assert isinstance(recording, RightsRecording)
    assert (recording.title, recording.label, recording.tags) == ("One", "Blue", ("a", "b"))


def test_several_names_for_one_party_are_a_warning(rights: Database, tmp_path: Path) -> None:
    text = "work_title,party,ipi,right,share\nSong,Ann,199,Print,50 %\nSong,A. Writer,199,Mechanical,50 %\n"
    report = import_rights(rights, [csv_file(tmp_path, text)])
    assert [(problem.severity, problem.rule, problem.row) for problem in report.problems] == [
        ("warning", "several-names", 3)
    ]
    assert report.exit_code == 0


def test_a_doubtful_dpid_or_isrc_is_taken_with_a_warning(rights: Database, tmp_path: Path) -> None:
    text = "isrc,recording_title,party,dpid\nUSO1O7607839,One,Ann,PADPIDA2013020802J\n"
    report = import_rights(rights, [csv_file(tmp_path, text)])
    assert [problem.rule for problem in report.problems if problem.severity == "warning"] == ["isrc", "dpid"]
    assert report.imported


def test_equal_rows_are_one_and_different_rows_with_one_key_are_refused(rights: Database, tmp_path: Path) -> None:
    folder = written(tmp_path / "feed", {"parties.tsv": "PartyRecordId\tFullName\nP1\tAnn\nP1\tAnn\n"})
    report = import_rights(rights, [folder])
    assert [(problem.severity, problem.rule) for problem in report.problems] == [("note", "repeated-row")]
    written(folder, {"parties.tsv": "PartyRecordId\tFullName\nP1\tAnn\nP1\tBob\n"})
    error = the_error(import_rights(rights, [folder]))
    assert (error.row, error.rule) == (3, "duplicate-key")
    assert "is in parties.tsv, row 2, already with another name ('Ann', here 'Bob')" in error.remedy


def test_two_shares_of_one_party_in_one_right_are_refused(rights: Database, tmp_path: Path) -> None:
    text = "work_title,party,right,share\nSong,Ann,Mechanical,50 %\nSong,Ann,Mechanical,25 %\n"
    error = the_error(import_rights(rights, [csv_file(tmp_path, text)]))
    assert "MechanicalRight of 'party:ann' in 'work:song/'" in error.remedy
    assert "another share (50 %, here 25 %)" in error.remedy


def test_another_percentage_changes_the_share_on_file(rights: Database, tmp_path: Path) -> None:
    import_rights(rights, [csv_file(tmp_path, one_row(valid_from="2026-01-01"))])
    text = one_row(share="40 %", valid_from="2026-01-01").replace("2026-01-01\n", "2026-01-01\n")
    report = import_rights(rights, [csv_file(tmp_path, text)])
    assert (report.applied["work_share"].added, report.applied["work_share"].changed) == (0, 1)


def test_fields_without_a_column_stay_unchanged(rights: Database, tmp_path: Path) -> None:
    folder = written(tmp_path / "feed", {"parties.tsv": "PartyRecordId\tIPI\tFullName\nP1\t199\tAnn\n"})
    import_rights(rights, [folder])
    written(folder, {"parties.tsv": "PartyRecordId\tFullName\nP1\tAnne\n"})
    import_rights(rights, [folder])
    assert on_file(rights) == [Party("P1", "Anne", ipi="00000000199")]
    written(folder, {"parties.tsv": "PartyRecordId\tIPI\tFullName\nP1\t\tAnne\n"})
    import_rights(rights, [folder])
    assert on_file(rights) == [Party("P1", "Anne")]


def test_a_reference_must_lead_to_a_row_or_a_record(database: Database, tmp_path: Path) -> None:
    tables = {name: TABLES[name] for name in ("resources.tsv", "mastershares.tsv")}
    error = the_error(import_rights(database, [written(tmp_path / "feed", tables)]))
    assert (error.file, error.row, error.column, error.value) == ("mastershares.tsv", 2, "party_id", "P2")
    assert "neither in these files nor on file; add it with a sheet of the columns party_id and party" in error.remedy
    import_rights(database, [written(tmp_path / "parties", {"parties.tsv": TABLES["parties.tsv"]})])
    assert import_rights(database, [tmp_path / "feed"]).errors == 0


def test_a_partial_import_leaves_out_dependants_of_a_wrong_row(database: Database, tmp_path: Path) -> None:
    tables = TABLES | {"parties.tsv": TABLES["parties.tsv"].replace("00122619891", "00122619892")}
    folder = written(tmp_path / "feed", tables)
    whole = import_rights(database, [folder], shares="percent")
    assert (whole.imported, whole.exit_code, revision_of(database)) == (False, 2, 0)
    report = import_rights(database, [folder], shares="percent", partial=True)
    assert (report.imported, report.exit_code, report.revision, report.refused) == (True, 4, 1, 2)
    assert [(problem.file, problem.row, problem.rule) for problem in errors(report)] == [
        ("parties.tsv", 2, "ipi"),
        ("musicalworkrightshares.tsv", 2, "depends-on-refused"),
        ("musicalworkrightshares.tsv", 2, "depends-on-refused"),
    ]
    assert "refused (parties.tsv, row 2)" in errors(report)[1].remedy
    assert [record.id for record in on_file(database) if isinstance(record, Share)] == ["M1"]


def test_rows_left_out_of_a_partial_import_are_counted_with_the_first_of_rows_that_contradict(
    rights: Database, tmp_path: Path
) -> None:
    tables = {"parties.tsv": "PartyRecordId\tFullName\nP1\tAnn\nP1\tBob\nP2\tCid\n"}
    report = import_rights(rights, [written(tmp_path / "feed", tables)], partial=True)
    assert on_file(rights) == [Party("P2", "Cid")]
    assert (report.errors, report.refused, sum(report.rows.values())) == (1, 2, 3)


def test_a_file_with_fewer_rows_than_its_manifest_says_leaves_no_row_out(rights: Database, tmp_path: Path) -> None:
    tables = {
        "parties.tsv": "PartyRecordId\tFullName\nP1\tAnn\n",
        "manifest.tsv": "#TableType\tFileName\tNumberOfRecords\tSharesAre\nParties\tparties.tsv\t2\t\n",
    }
    report = import_rights(rights, [written(tmp_path / "feed", tables)], partial=True)
    assert (report.errors, report.refused, len(on_file(rights))) == (1, 0, 1)


def test_a_record_without_a_title_is_named(rights: Database, tmp_path: Path) -> None:
    report = import_rights(rights, [csv_file(tmp_path, "isrc,label\nUSRC17607839,Blue\n")])
    assert [problem.rule for problem in report.problems] == ["no-title"]
    assert "recording 'isrc:USRC17607839' has no title" in import_report_text(report)


def test_recordings_that_contain_each_other_are_refused_with_the_circle(rights: Database, tmp_path: Path) -> None:
    import_rights(rights, [written(tmp_path / "feed", TABLES)], shares="percent")
    parts = "ResourceRecordId\tPartResourceRecordId\tStartMs\tEndMs\nR2\tR1\t0\t10\n"
    error = the_error(import_rights(rights, [written(tmp_path / "parts", {"resourceparts.tsv": parts})]))
    assert (error.row, error.rule) == (2, "circle")
    assert "R1 contains R2 contains R1" in error.remedy


def test_a_passage_that_ends_before_it_starts_is_refused(rights: Database, tmp_path: Path) -> None:
    tables = TABLES | {"resourceparts.tsv": TABLES["resourceparts.tsv"].replace("1000", "5000")}
    error = the_error(import_rights(rights, [written(tmp_path / "feed", tables)], shares="percent"))
    assert (error.file, error.rule) == ("resourceparts.tsv", "passage")


def test_shares_that_say_who_wrote_are_not_counted_as_shares_that_are_paid(rights: Database, tmp_path: Path) -> None:
    more = "S2\tW1\tP1\tComposer\t100\tMusicalWorkManuscriptShare\tMechanicalRight\t\n"
    more += "S3\tW1\tP1\tComposer\t\t\tPrintRight\t\n"
    unclaimed = "S4\tW1\t\t\t50\tCopyrightControlShare\tMechanicalRight\t\n"
    name = "musicalworkrightshares.tsv"
    folder = written(tmp_path / "feed", TABLES | {name: TABLES[name] + more + unclaimed})
    report = import_rights(rights, [folder], shares="percent")
    assert report.applied["work_share"].added == 3
    notes = [problem.remedy for problem in report.problems if problem.rule == "rows-not-used"]
    assert len(notes) == 2
    assert notes[0].startswith("1 rows are MusicalWorkManuscriptShare or OriginalPublisherShare")
    assert notes[1].startswith("1 rows have no percentage")
    written(folder, {name: TABLES[name] + unclaimed.replace("CopyrightControlShare", "")})
    assert the_error(import_rights(rights, [folder], shares="percent")).rule == "no-party"


def test_unused_columns_are_named(rights: Database, tmp_path: Path) -> None:
    others = {
        "alternativemusicalworktitles.tsv": "a\tb\n",
        "BWARM_Manifest_X_2026.tsv": "a\n",
        "README.txt": "hello",
        "cover.jpg": "x",
        "old/parties.tsv": "x",
    }
    tables = TABLES | {"parties.tsv": TABLES["parties.tsv"].replace("FullName", "FullName\tPhone")}
    report = import_rights(rights, [written(tmp_path / "feed", tables | others)], shares="percent")
    assert {problem.file for problem in report.problems if problem.rule == "file-not-used"} == {
        "alternativemusicalworktitles.tsv",
        "BWARM_Manifest_X_2026.tsv",
        "README.txt",
        "cover.jpg",
        "old",
    }
    assert "columns ignored: Phone" in [problem.remedy for problem in report.problems]


def test_a_manifest_states_the_unit_of_shares_and_the_number_of_rows(rights: Database, tmp_path: Path) -> None:
    manifest = "TableType\tFileName\tNumberOfRecords\tSharesAre\nX\tmusicalworkrightshares.tsv\t{}\tpercent\n"
    folder = written(tmp_path / "feed", TABLES | {"manifest.tsv": manifest.format(2)})
    error = the_error(import_rights(rights, [folder]))
    assert (error.file, error.rule) == ("musicalworkrightshares.tsv", "manifest")
    written(folder, {"manifest.tsv": manifest.format(1)})
    assert import_rights(rights, [folder]).errors == 0
    (folder / "musicalworkrightshares.tsv").unlink()
    with pytest.raises(RightsError, match="which is missing; copy the whole folder again"):
        import_rights(rights, [folder])


def test_a_wrong_licence_and_one_without_parties_are_refused(rights: Database, tmp_path: Path) -> None:
    report = import_rights(rights, [csv_file(tmp_path, LICENCE, "a.toml")])
    assert [(problem.file, problem.rule) for problem in errors(report)] == [("a.toml", "dead-reference")] * 2
    error = the_error(import_rights(rights, [csv_file(tmp_path, LICENCE.replace("EUR", "EUX"), "a.toml")]))
    assert (error.file, error.rule) == ("a.toml", "licence")
    assert "EUX" in error.remedy
    report = import_rights(rights, [csv_file(tmp_path, new_licence(), "new.toml")])
    assert {(problem.file, problem.rule) for problem in errors(report)} == {("new.toml", "licence")}
    assert len(errors(report)) == new_licence().count('= ""') + 4  # purposes, scope, price and rights are empty too


def test_a_dry_run_reports_the_changes_and_makes_none(database: Database, tmp_path: Path) -> None:
    report = import_rights(database, [csv_file(tmp_path, SONG)], dry_run=True)
    assert (report.imported, report.revision, report.applied["party"].added) == (False, None, 2)
    assert "would be imported" in import_report_text(report)
    assert (on_file(database), revision_of(database)) == ([], 0)


@pytest.mark.parametrize("name", ["report.tsv", "report.jsonl"])
def test_the_printed_report_is_short_and_the_file_complete(rights: Database, tmp_path: Path, name: str) -> None:
    text = "isrc,recording_title\n" + "".join(f"wrong{number},One\n" for number in range(120))
    report = import_rights(rights, [csv_file(tmp_path, text)], report_file=tmp_path / name)
    printed = import_report_text(report)
    assert printed.count("[isrc]") == 50
    assert "... and 70 more; by rule: isrc 120; write all of them with --report FILE" in printed
    lines = (tmp_path / name).read_text().splitlines()
    if name.endswith(".tsv"):
        assert lines[0] == "severity\tfile\trow\tcolumn\tvalue\trule\tremedy"
        assert lines[120].split("\t")[:6] == ["error", "rights.csv", "121", "isrc", "wrong119", "isrc"]
    else:
        assert json.loads(lines[119])["row"] == 121
    assert json.dumps(import_report_to_json(report))


def test_nothing_from_a_file_can_command_a_terminal(rights: Database, tmp_path: Path) -> None:
    text = one_row(share="\x1b[31m50", party="Ann\u202e")
    printed = import_report_text(import_rights(rights, [csv_file(tmp_path, text)]))
    assert printed.replace("\n", "").isprintable()


def test_a_missing_path_and_an_empty_folder_are_said(rights: Database, tmp_path: Path) -> None:
    with pytest.raises(RightsError, match="no such file or folder"):
        import_rights(rights, [tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RightsError, match="no tables of rights and no licences"):
        import_rights(rights, [tmp_path / "empty"])
    with pytest.raises(RightsError, match="neither a table"):
        import_rights(rights, [csv_file(tmp_path, "x", "a.pdf")])


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "formats" / "rights-tables.md").read_text(encoding="utf-8")
    names = [column.names[0] for shape in (*SHAPES, SINGLE) for column in shape.columns]
    assert len(names) > 60
    assert [name for name in names if name not in text] == []


def test_a_second_import_lists_its_changes(rights: Database, tmp_path: Path) -> None:
    head = "isrc,title,artists,label\n"
    first = head + "USRC17607839,One,A,Blue\nUSRC17607840,Two,B,Blue\n"
    assert import_rights(rights, [csv_file(tmp_path, first)]).errors == 0
    second = head + "USRC17607839,Won,A,Red\nUSRC17607840,Two,B,Blue\n"
    report = import_rights(rights, [csv_file(tmp_path, second)])
    changed = [problem for problem in report.problems if problem.rule == "changed"]
    assert [(problem.severity, problem.column) for problem in changed] == [("note", "title, label")]
    assert "title 'One' -> 'Won'; label 'Blue' -> 'Red'" in changed[0].remedy
    assert ("note", "changed", 1) in report.counts
    again = import_rights(rights, [csv_file(tmp_path, second)])
    assert not [problem for problem in again.problems if problem.rule == "changed"]


def test_a_sheet_of_very_many_columns_names_a_few_of_them(rights: Database, tmp_path: Path) -> None:
    wide = csv_file(tmp_path, ",".join(f"h{n}" for n in range(5_000)) + "," * 1_000 + "\n1\n")
    with pytest.raises(RightsError) as caught:
        import_rights(rights, [wide])
    assert "(found: h0, h1, h2, h3, h4, h5, h6, h7, h8, h9 and 4990 more and 1000 empty)" in str(caught.value)
    assert len(str(caught.value)) < 400
