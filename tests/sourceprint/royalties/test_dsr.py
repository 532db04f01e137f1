"""The DSR-shaped files: the file that DDEX's own parser accepted, and sums over the records of any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.statements.files.dsr import dsr_files, dsr_readme, to_text
from sourceprint.royalties.statements.statement import Statement
from tests import statement_samples as samples

ACCEPTED = Path(__file__).parents[2] / "data" / "dsr"
"""Files that the parser accepted, with its verdict: see README.md there before a byte of the writer changes."""


def records_of(statement: Statement, *, max_lines: int = 10_000) -> list[list[str]]:
    """Return the records of all files of a report, without comments."""
    return [
        line.split("\t")
        for _, data in dsr_files(statement, max_lines=max_lines)
        for line in data.decode().splitlines()
        if not line.startswith("#")
    ]


def one_line(
    *, right: str = MASTER, recording_id: str = "R1", work_ids: tuple[str, ...] = (), territory: str = "DE"
) -> Statement:
    use = samples.use(1, recording_id=recording_id, work_ids=work_ids)
    work = work_ids[0] if work_ids else ""
    row = (territory, right, "payable", "P-ANNA", recording_id, work, "LIC-1", "", (samples.part(use.id, 900),))
    return samples.assemble([row], uses=(use,))


REPORTS: dict[str, Callable[[], Statement]] = {
    "rich": samples.rich,
    "nothing": samples.nothing,
    "one track": one_line,
    "work alone": lambda: one_line(right="MechanicalRight", recording_id="", work_ids=("W2",)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_written_files_are_those_that_the_parser_of_ddex_accepted(name: str) -> None:
    folder = ACCEPTED / name.replace(" ", "-")
    accepted = {path.name: path.read_bytes() for path in folder.glob("*.tsv")}
    assert accepted
    assert dict(dsr_files(REPORTS[name]())) == accepted


def test_the_first_line_and_the_readme_say_that_it_is_not_certified() -> None:
    statement = samples.rich()
    assert dsr_files(statement)[0][1].startswith(b"# DSR-shaped; not certified")
    assert dsr_readme(statement).startswith("DSR-shaped; not certified")
    assert "Master) is written as the right UserDefined" in dsr_readme(statement)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_amounts_are_exact_and_sum_from_tracks_to_summaries(currency: str) -> None:
    statement = samples.rich(currency)
    found = records_of(statement)
    summaries = {record[1]: record for record in found if record[0] == "SY07"}
    sales: list[tuple[str, Decimal, list[list[str]]]] = []
    for record in found:
        if record[0] == "SU03.01":
            sales.append((record[3], Decimal(record[6]), []))
        elif record[0] == "LI01.01":
            assert record[2] == sales[-1][0]
            sales[-1][2].append(record)
    for _, revenue, lines in sales:
        assert revenue == sum(Decimal(line[9]) for line in lines)
    for number, record in summaries.items():
        lines = [line for summary_id, _, of_sale in sales if summary_id == number for line in of_sale]
        assert Decimal(record[16]) == sum(Decimal(line[9]) for line in lines)
        assert Decimal(record[17]) == sum(Decimal(line[8]) for line in lines)
    assert sum(Decimal(record[16]) for record in summaries.values()) == sum(
        Decimal(str(line.gross)) for line in statement.lines
    )


def test_the_controllers_are_the_payees_or_why_nobody_is_paid() -> None:
    claims = [record for record in records_of(samples.rich()) if record[0] == "LI01.01"]
    assert {record[3] for record in claims} >= {"unclaimed", "conflict", "held", "unmatched"}
    assert {record[6] for record in claims if record[3] != "unmatched"} >= {"60", "25", "15", "75"}
    assert {record[4] for record in claims} >= {"ISNI::0000000081266409", "Party::P-LABEL"}
    assert "Blue Label \\| Records Ltd" in {record[3] for record in claims}


def test_master_is_written_as_user_defined_and_says_so() -> None:
    rights = {(record[7], record[8]) for record in records_of(samples.rich()) if record[0] == "SY07"}
    assert rights == {("UserDefined", "Right in the recording (Master)"), ("MechanicalRight", "GeneratedMusic")}


def test_text_keeps_no_tab_and_no_line_break_and_its_pipes_are_escaped() -> None:
    assert to_text("a|b\\\tc\n\x00") == "a\\|b\\\\ c"
    assert all("\t" not in cell and cell == cell.strip() for record in records_of(samples.rich()) for cell in record)


def test_a_long_report_is_split_between_blocks() -> None:
    files = dsr_files(samples.rich(), max_lines=40)
    assert len(files) > 1
    assert all(f"_{number}of{len(files)}_" in name for number, (name, _) in enumerate(files, start=1))
    split, whole = records_of(samples.rich(), max_lines=40), records_of(samples.rich())
    kinds = ("HEAD", "SY07", "FOOT")
    assert [one for one in split if one[0] not in kinds] == [one for one in whole if one[0] not in kinds]
    feet = [record for record in split if record[0] == "FOOT"]
    assert sum(int(record[1]) for record in feet) == len(split)
    assert [record[2] for record in feet] == [""] * (len(files) - 1) + [str(len(split))]


def test_a_split_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ParameterError, match="take at least 9"):
        dsr_files(samples.rich(), max_lines=8)


def test_a_sender_without_a_dpid_gets_no_report_and_is_told_why() -> None:
    statement = samples.rich()
    nameless = replace(statement, licensee=replace(statement.licensee, dpid=""))
    assert dsr_files(nameless) == []
    assert "P-GEN has none on file" in dsr_readme(nameless)
    assert "none on file" not in dsr_readme(statement)
