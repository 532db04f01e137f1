"""The DSR-shaped files: what is written is valid, and whatever is broken is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.statements.files.dsr import README, dsr_files
from sourceprint.royalties.statements.files.dsr_records import RECORDS, split_values, to_text
from sourceprint.royalties.statements.files.dsr_validation import DsrProblem, validate_dsr
from sourceprint.royalties.statements.statement import Statement
from tests import statement_samples as samples


def write(folder: Path, statement: Statement, *, max_lines: int = 10_000) -> list[Path]:
    paths = []
    for name, data in dsr_files(statement, max_lines=max_lines):
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths


def records(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_what_is_written_is_valid(tmp_path: Path, currency: str) -> None:
    paths = write(tmp_path, samples.rich(currency))
    assert [path.name for path in paths] == [
        "DSR__PADPIDA2013020802I_GeneratedMusic_2026-Q3_Multi_1of1_20261015T000000.tsv"
    ]
    assert validate_dsr(paths) == []
    assert {record[0] for record in records(paths[0])} == set(RECORDS) - {"RE01"}  # for single tracks only


def test_the_first_line_and_the_readme_say_that_it_is_not_certified(tmp_path: Path) -> None:
    path = write(tmp_path, samples.rich())[0]
    assert path.read_text(encoding="utf-8").startswith("# DSR-shaped; not certified")
    assert README.startswith("DSR-shaped; not certified")


def test_every_line_of_the_statement_is_one_li01_and_the_summaries_have_the_totals(tmp_path: Path) -> None:
    statement = samples.rich()
    all_records = records(write(tmp_path, statement)[0])
    claims = [record for record in all_records if record[0] == "LI01"]
    assert sorted(record[9] for record in claims) == sorted(line.gross.text("EUR") for line in statement.lines)
    summaries = [record for record in all_records if record[0] == "SY07"]
    assert [(record[6], record[16]) for record in summaries] == [
        (total.territory, total.total.text("EUR")) for total in statement.totals
    ]
    assert {record[3] for record in claims} >= {"unclaimed", "conflict", "held", "unmatched"}
    assert {record[6] for record in claims if record[3] != "unmatched"} >= {"60", "25", "15", "75"}


def test_master_is_written_as_user_defined_and_says_so(tmp_path: Path) -> None:
    summaries = [record for record in records(write(tmp_path, samples.rich())[0]) if record[0] == "SY07"]
    rights = {(record[7], record[8]) for record in summaries}
    assert rights == {("UserDefined", "Right in the recording (Master)"), ("MechanicalRight", "GeneratedMusic")}
    assert "Master) is written as the right UserDefined" in README


def test_text_keeps_no_tab_and_no_line_break_and_its_pipes_are_escaped(tmp_path: Path) -> None:
    path = write(tmp_path, samples.rich())[0]
    controllers = {record[3] for record in records(path) if record[0] == "LI01"}
    assert "Blue Label \\| Records Ltd" in controllers
    assert split_values(to_text("a|b\\|\tc\n")) == ["a|b\\| c"]


def test_an_empty_period_is_a_report_that_there_is_nothing_to_report(tmp_path: Path) -> None:
    path = write(tmp_path, samples.nothing())[0]
    assert validate_dsr([path]) == []
    assert [record[0] for record in records(path)] == ["HEAD", "SY07", "FOOT"]
    assert records(path)[2] == ["FOOT", "3", "3", "1", "0", "0"]


def test_a_long_report_is_split_between_blocks_and_valid_as_a_whole_only(tmp_path: Path) -> None:
    paths = write(tmp_path, samples.rich(), max_lines=40)
    assert len(paths) > 1
    assert all(f"_{number}of{len(paths)}_" in path.name for number, path in enumerate(paths, start=1))
    assert validate_dsr(reversed(paths)) == []
    assert any("give all" in problem.rule for problem in validate_dsr(paths[:-1]))
    assert [record[2] for path in paths for record in records(path)[-1:]] == [""] * (len(paths) - 1) + [
        str(sum(len(records(path)) for path in paths))
    ]


def test_a_split_that_leaves_no_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="take at least 9"):
        dsr_files(samples.rich(), max_lines=8)


def test_a_single_territory_is_named_and_a_single_track_is_the_release(tmp_path: Path) -> None:
    statement = samples.assemble(
        [("DE", MASTER, "payable", "P-ANNA", "R1", "", "LIC-1", "", (samples.part(samples.use(1).id, 900),))],
        uses=(samples.use(1),),
    )
    path = write(tmp_path, statement)[0]
    assert "_2026-Q3_DE_1of1_" in path.name
    assert validate_dsr([path]) == []
    release = next(record for record in records(path) if record[0] == "RE01")
    assert release[3] == samples.use(1).track_sha256
    resource = next(record for record in records(path) if record[0] == "AS01")
    assert resource[7:10] == ["Anna & <Band>, Guest \\| Two", "", "PT3M20.5S"]


def sub(pattern: str, replacement: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        changed = re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert changed != text
        return changed

    return change


def cell(kind: str, name: str, value: str, *, which: int = 0) -> Callable[[str], str]:
    """Return a change of one cell in the record of a kind that stands at a place."""

    def change(text: str) -> str:
        lines = text.split("\n")
        number = [i for i, line in enumerate(lines) if line.startswith(kind + "\t")][which]
        cells = lines[number].split("\t")
        index = [one.name for one in RECORDS[kind]].index(name)
        assert cells[index] != value
        cells[index] = value
        lines[number] = "\t".join(cells)
        return "\n".join(lines)

    return change


def swap(first: str, second: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = text.split("\n")
        a = next(i for i, line in enumerate(lines) if line.startswith(first))
        b = next(i for i, line in enumerate(lines) if line.startswith(second))
        lines[a], lines[b] = lines[b], lines[a]
        return "\n".join(lines)

    return change


BREAKS: list[tuple[str, Callable[[str], str], str]] = [
    ("no notice", sub(r"^# DSR-shaped; not certified", "# certified"), "the first line must be a comment"),
    ("no last line break", lambda text: text[:-1], "must end with a line break"),
    ("no head", sub(r"^HEAD.*\n", ""), "has no HEAD record"),
    ("no foot", sub(r"^FOOT.*\n", ""), "has no FOOT record"),
    ("two heads", sub(r"^(HEAD.*\n)", r"\1\1"), "a second HEAD"),
    ("foot in the middle", swap("FOOT", "SY07"), "FOOT must be the last record"),
    ("head second", swap("HEAD", "SY07"), "HEAD must be the first record"),
    (
        "summary after a block",
        lambda t: sub(r"^FOOT", "SY07\tSY99" + "\t" * 16 + "\nFOOT")(t),
        "come before all blocks",
    ),
    ("unknown record", sub(r"^MW01", "MW99"), "'MW99' is no record of this profile"),
    ("a cell less", sub(r"^(AS01.*)\t[^\t\n]*$", r"\1"), "AS01 has 10 cells, must have 11"),
    ("a cell more", sub(r"^(LI01.*)$", r"\1\tx"), "LI01 has 11 cells, must have 10"),
    ("empty mandatory cell", cell("AS01", "Title", ""), "Title: is mandatory and empty"),
    ("space round a delimiter", cell("AS01", "Title", "First "), "no spaces may stand round a delimiter"),
    ("two values", cell("AS01", "Title", "a|b"), "takes one value"),
    ("lonely escape", cell("AS01", "Title", "a\\b"), "must be written"),
    ("duration", cell("AS01", "Duration", "3:20"), "must be a length of time such as PT3M20S"),
    ("date", cell("HEAD", "UsageStartDate", "2026-07-32"), "there is no such day"),
    ("dates reversed", cell("HEAD", "UsageEndDate", "2026-06-30"), "lies before UsageStartDate"),
    ("created", cell("HEAD", "MessageCreatedDateTime", "15.10.2026"), "must be a time such as"),
    ("created elsewhen", cell("HEAD", "MessageCreatedDateTime", "2026-10-16T00:00:00Z"), "name of the file says"),
    ("period", cell("HEAD", "UsageEndDate", "2026-09-29"), "the name of the file says 2026-07-01 to 2026-09-30"),
    ("profile", cell("HEAD", "Profile", "BasicAudioProfile"), "must be RoyaltyReportingProfile"),
    ("version", cell("HEAD", "MessageVersion", "1.0"), "must have the form dsrf"),
    ("file number", cell("HEAD", "FileNumber", "2"), "the name of the file says '1'"),
    ("service", cell("HEAD", "ServiceDescription", "Other"), "the name of the file says 'GeneratedMusic'"),
    ("currency", cell("SY07", "Currency", "XXX"), "not in ISO 4217"),
    ("territory", cell("SY07", "Territory", "UK"), "the United Kingdom is GB"),
    ("territory's writing", cell("SY07", "Territory", "de"), "must be written DE"),
    ("right", cell("SY07", "RightsType", "Master"), "must be one of MechanicalRight"),
    ("usages", cell("SY07", "Usages", "1.5"), "must be a whole number from 0"),
    ("decimals", cell("SY07", "AllocatedRevenue", "1.5"), "an amount in EUR has at least 2 decimals"),
    ("amount", cell("LI01", "AllocatedAmount", "1,50"), "not a decimal number"),
    ("sum of gross", cell("LI01", "AllocatedAmount", "1.23"), "AllocatedRevenue: states"),
    ("sum of net", cell("LI01", "AllocatedNetRevenue", "1.23"), "AllocatedNetRevenue: states"),
    ("sum of the tracks", cell("SU03", "NetRevenue", "1.23"), "SU03 comes to 1.23, LI01 to 14.2857"),
    ("percentage", cell("LI01", "RightSharePercentage", "120"), "must be from 0 to 100"),
    ("right of a claim", cell("LI01", "RightsType", "PrintRight"), "must be that of its summary record"),
    ("dead summary", cell("LI01", "SummaryRecordId", "SY77"), "'SY77' is no summary record of this file"),
    ("dead work", cell("LI01", "RightsControllerWorkId", "W9", which=-1), "'W9' is no MW01 of its block"),
    ("summary twice", cell("SY07", "SummaryRecordId", "SY1", which=1), "'SY1' is used twice"),
    ("transaction twice", cell("SU03", "SalesTransactionId", "B1-1", which=1), "'B1-1' is used twice"),
    ("block in two pieces", cell("LI01", "BlockId", "B1", which=-1), "a block is in one piece"),
    ("order in a block", swap("AS01", "LI01\tB2"), "the order is RE01"),
    ("two resources", sub(r"^(AS01.*\n)", r"\1\1"), "a second AS01 in block"),
    ("work twice", sub(r"^(MW01.*\n)", r"\1\1"), "stands twice in its block"),
    ("lines in file", cell("FOOT", "NumberOfLinesInFile", "7"), "NumberOfLinesInFile: states '7'"),
    ("lines in report", cell("FOOT", "NumberOfLinesInReport", "7"), "NumberOfLinesInReport: states '7'"),
    ("summaries", cell("FOOT", "NumberOfSummaryRecords", "7"), "NumberOfSummaryRecords: states '7'"),
    ("blocks in file", cell("FOOT", "NumberOfBlocksInFile", "7"), "NumberOfBlocksInFile: states '7'"),
    ("blocks in report", cell("FOOT", "NumberOfBlocksInReport", "7"), "NumberOfBlocksInReport: states '7'"),
]


@pytest.mark.parametrize(("change", "rule"), [one[1:] for one in BREAKS], ids=[one[0] for one in BREAKS])
def test_whatever_is_broken_is_named(tmp_path: Path, change: Callable[[str], str], rule: str) -> None:
    path = write(tmp_path, samples.rich())[0]
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
    problems = [str(problem) for problem in validate_dsr([path])]
    assert any(rule in problem for problem in problems), problems


def test_a_problem_says_where_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, samples.rich())[0]
    text = path.read_text(encoding="utf-8")
    path.write_text(cell("SY07", "Territory", "QQ")(text), encoding="utf-8", newline="")
    problem = validate_dsr([path])[0]
    assert (problem.file, problem.line, problem.cell) == (path.name, 3, "Territory")
    assert str(problem).startswith(f"{path.name}:3: Territory: 'QQ'")


def test_a_file_with_another_name_or_encoding_or_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, samples.rich())[0]
    renamed = tmp_path / "report.tsv"
    renamed.write_bytes(path.read_bytes())
    assert "the name must be DSR_Recipient" in validate_dsr([renamed])[0].rule
    path.write_bytes(path.read_bytes().replace("Ångström".encode(), b"\xff"))
    assert "must be UTF-8" in validate_dsr([path])[0].rule
    assert "cannot be read" in validate_dsr([tmp_path / "missing.tsv"])[0].rule
    assert validate_dsr([]) == [DsrProblem("", 0, "", "a report has at least one file; none is given")]


def test_files_of_two_reports_are_not_one_report(tmp_path: Path) -> None:
    paths = write(tmp_path, samples.rich(), max_lines=40)
    text = paths[1].read_text(encoding="utf-8")
    paths[1].write_text(cell("HEAD", "MessageId", "other")(text), encoding="utf-8", newline="")
    problems = validate_dsr(paths)
    assert any("must be the same in all files" in problem.rule for problem in problems)
    text = paths[1].read_text(encoding="utf-8")
    paths[1].write_text(cell("SY07", "Usages", "17")(text), encoding="utf-8", newline="")
    assert any("'SY1' differs from that in" in problem.rule for problem in validate_dsr(paths))
