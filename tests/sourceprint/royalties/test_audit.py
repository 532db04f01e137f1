"""Folders of statements, and the audit that re-reads them: all damage is named."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError, StatementError
from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Deduction
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.audit import Discrepancy, audit_arithmetic, audit_statement, audit_text
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files import agreement
from sourceprint.royalties.statements.files.folder import FORMATS, SUMS, statement_files, write_statement
from sourceprint.royalties.statements.files.line_tables import statement_csv
from sourceprint.royalties.statements.files.statement_json import statement_bytes, statement_digest
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests import royalty_records as builders
from tests import statement_samples as samples
from tests.places import ROOT
from tests.royalty_records import of_cents

ONE = Amount.parse("1")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sign_again(folder: Path) -> None:
    """Write SHA256SUMS anew, as one who alters files would."""
    sums = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in sorted(contents(folder).items())
        if name != SUMS
    ]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_a_written_statement_holds(tmp_path: Path, currency: str) -> None:
    folder = tmp_path / "new" / "statement"
    paths = write_statement(samples.rich(currency), folder)
    assert audit_statement(folder) == []
    assert audit_statement(folder / "statement.json") == []
    assert {path.relative_to(folder).as_posix() for path in paths} == set(contents(folder))
    assert {"statement.json", "statement.csv", "statement.parquet", "statement.html", "uses.jsonl", SUMS} <= set(
        contents(folder)
    )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["statement"]
    assert "holds; checksums" in audit_text(folder, [])


def test_an_empty_statement_and_one_in_many_files_hold(tmp_path: Path) -> None:
    write_statement(samples.nothing(), tmp_path / "empty")
    assert audit_statement(tmp_path / "empty") == []
    write_statement(samples.rich(), tmp_path / "split", max_dsr_lines=40)
    assert len(list((tmp_path / "split" / "dsr").glob("*.tsv"))) > 1
    assert audit_statement(tmp_path / "split") == []


def test_the_statement_is_encoded_no_more_often_with_more_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_statement(samples.rich(), tmp_path / "statement", ["html"])
    digested: list[str] = []

    def counted(one: Statement) -> str:
        digested.append(one.id)
        return statement_digest(one)

    monkeypatch.setattr(agreement, "statement_digest", counted)
    assert audit_statement(tmp_path / "statement") == []
    assert len(list((tmp_path / "statement" / "parties").iterdir())) > 2
    assert len(digested) == 1


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    program = "import sys; from tests import statement_samples as s\n"
    program += "from sourceprint.royalties.statements.files.folder import *\n"
    program += "write_statement(s.rich(), sys.argv[1])"
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=120,
        )
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(contents(tmp_path / "1")) > 8


def test_the_same_statement_is_written_again_over_itself_and_mends_it(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    before = contents(folder)
    (folder / "statement.csv").write_text("damaged", encoding="utf-8")
    (folder / "uses.jsonl").unlink()
    write_statement(samples.rich(), folder)
    assert contents(folder) == before


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich("JPY"), folder)
    before = contents(folder)
    with pytest.raises(StatementError, match="holds something other than this statement"):
        write_statement(samples.rich("EUR"), folder)
    with pytest.raises(StatementError, match="which is not written now"):
        write_statement(samples.rich("JPY"), folder, ["json"])
    assert contents(folder) == before
    with pytest.raises(StatementError, match="is a file; name a new or an empty folder"):
        write_statement(samples.rich("EUR"), folder / "statement.json")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(StatementError, match="holds something other"):
        write_statement(samples.rich(), tmp_path / "mine")


def test_only_the_formats_asked_for_are_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_statement(samples.rich(), tmp_path / "empty", ["csv"])
    assert set(contents(tmp_path / "empty")) == {"statement.json", "statement.csv", SUMS}
    assert audit_statement(tmp_path / "empty") == []
    with pytest.raises(ParameterError, match=r"format 'pdf': take one of json, csv"):
        dict(statement_files(samples.rich(), [*FORMATS, "pdf"]))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, chunks: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sourceprint.royalties.statements.files.folder.write_chunks", fail)
    with pytest.raises(KeyboardInterrupt):
        write_statement(samples.rich(), tmp_path / "statement")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["statement.json", "statement.csv", "statement.parquet", "statement.html", "parties/P-ANNA.html", "uses.jsonl"],
)
def test_any_altered_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    path = folder / name
    path.write_bytes(path.read_bytes() + b" ")
    assert any(problem.file == name and "was altered" in problem.what for problem in audit_statement(folder))
    if name != "statement.json":
        path.unlink()
        assert any(problem.file == name and "is no file in" in problem.what for problem in audit_statement(folder))


def test_files_that_are_not_listed_and_lists_that_lead_elsewhere_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    (folder / "extra.txt").write_text("x", encoding="utf-8")
    assert audit_statement(folder) == [Discrepancy("extra.txt", "", f"is not listed in {SUMS}")]
    (folder / "extra.txt").unlink()
    with (folder / SUMS).open("a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  ../../etc/passwd\n{'0' * 64}  a\0b\n")
    assert ["a name within the folder" in problem.what for problem in audit_statement(folder)] == [True, True]
    (folder / SUMS).unlink()
    assert audit_statement(folder)[0].file == SUMS
    with pytest.raises(StatementError, match="cannot be read"):
        audit_statement(tmp_path / "nowhere")


def swapped(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        (
            "statement.csv",
            swapped(b"71.42857142857143,", b"71.44,"),
            "row 3, gross: is '71.44', the statement has '71.42857142857143'",
        ),
        ("statement.csv", swapped(b"P-LABEL", b"P-OTHER"), "payee_id: is 'P-OTHER'"),
        ("statement.csv", lambda data: data[: data.index(b"\r\n") + 2], "has 0 rows, must have 31"),
        ("statement.csv", lambda data: b"\xff" + data, "is no CSV in UTF-8"),
        ("statement.parquet", lambda data: data[:-9], "no Parquet file, or a damaged one"),
        ("uses.jsonl", swapped(b'"claimed"', b'"disputed"'), "line 1: is not the use"),
        ("parties/P-ANNA.html", lambda data: data.replace(b"sha256:", b"sha512:"), "does not carry the digest"),
        (
            "statement.json",
            swapped(b'"gross":"71.42857142857143"', b'"gross":"71.44"'),
            "it was altered after it was written",
        ),
        ("statement.json", lambda data: data[:-9], "not JSON"),
    ],
)
def test_a_format_that_says_something_else_is_named_though_its_checksum_was_made_anew(
    tmp_path: Path, name: str, change: Callable[[bytes], bytes], what: str
) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    sign_again(folder)
    problems = [str(problem) for problem in audit_statement(folder)]
    assert any(what in problem and problem.startswith(name) for problem in problems), problems
    assert f"does not hold, {len(problems)} problem" in audit_text(folder, audit_statement(folder))


def test_formats_of_another_statement_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    other = replace(samples.rich(), issued_on="2026-10-16")
    for name, data in statement_files(other):
        if name.startswith(("dsr/", "statement.parquet", "statement.html")):
            (folder / name).write_bytes(data)
    for path in (folder / "dsr").glob("*20261015*"):
        path.unlink()
    sign_again(folder)
    named = {problem.file for problem in audit_statement(folder)}
    assert {"statement.parquet", "statement.html"} <= named


def test_a_dsr_file_that_is_valid_but_of_other_lines_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    path = next((folder / "dsr").glob("*.tsv"))
    path.write_bytes(path.read_bytes().replace("Ångström".encode(), b"Angstrom"))
    sign_again(folder)
    problems = audit_statement(folder)
    assert [problem.file for problem in problems] == [f"dsr/{path.name}"]
    assert "where the statement gives" in problems[0].what
    path.write_bytes(path.read_bytes().replace(b"PT3M20.5S", b"3:20"))
    assert any("3:20" in problem.what for problem in audit_statement(folder))


def with_line(statement: Statement, which: int, /, **changes: object) -> Statement:
    lines = list(statement.lines)
    lines[which - 1] = replace(lines[which - 1], **changes)  # type: ignore[arg-type]
    return replace(statement, lines=tuple(lines))


def with_balance(statement: Statement, **changes: object) -> Statement:
    first = replace(statement.balances[0], **changes)  # type: ignore[arg-type]
    return replace(statement, balances=(first, *statement.balances[1:]))


def with_total(statement: Statement, **changes: object) -> Statement:
    return replace(statement, totals=(replace(statement.totals[0], **changes), *statement.totals[1:]))  # type: ignore[arg-type]


def with_adjustment(statement: Statement, **changes: object) -> Statement:
    first: Adjustment = replace(statement.adjustments[0], **changes)  # type: ignore[arg-type]
    return replace(statement, adjustments=(first, *statement.adjustments[1:]))


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lambda s: with_line(s, 3, gross=ONE), "line 3", "its contributions sum to 71.42857142857143, it states gross"),
        (lambda s: with_line(s, 3, gross=ONE), "total of DE, Master", "the lines sum to 41.07936507936507"),
        (lambda s: with_line(s, 3, net=ONE), "line 3", "less deductions 7.142857142857143 is not net 1"),
        (lambda s: with_line(s, 3, number=4), "line 4", "is the 3. line"),
        (lambda s: with_line(s, 3, party_id=""), "line 3", "is payable to nobody"),
        (lambda s: replace(s, uses=s.uses[1:]), "line 3", "is not among the uses"),
        (lambda s: replace(s, uses=(s.uses[0].in_state("disputed", "x"), *s.uses[1:])), "line 3", "is disputed"),
        (lambda s: with_total(s, total=ONE), "total of DE, Master", "total 1, stated"),
        (lambda s: with_total(s, lines_sum=ONE), "total of DE, Master", "stated sum of lines 1, the"),
        (lambda s: replace(s, totals=s.totals[1:]), "total of DE, Master", "is missing, though there are lines"),
        (lambda s: replace(s, totals=(s.totals[0], *s.totals)), "total of DE, Master", "is there twice"),
        (lambda s: with_balance(s, carried=ONE), "balance of P-ANNA", "carried 1 is stated, its parts come to"),
        (lambda s: with_balance(s, lines=ONE), "balance of P-ANNA", "lines 1 is stated, its parts come to"),
        (lambda s: with_balance(s, adjustments=ZERO), "balance of P-ANNA", "adjustments 0 is stated, its parts"),
        (lambda s: with_balance(s, due=ONE), "balance of P-ANNA", "due 1 is stated, its parts come to"),
        (lambda s: with_balance(s, paid=ONE), "balance of P-ANNA", "paid 1 is stated, its parts come to"),
        (lambda s: with_balance(s, minimum=of_cents(9_999)), "balance of P-ANNA", "is stated, its parts come to 0"),
        (lambda s: replace(s, balances=s.balances[1:]), "balance of P-ANNA", "is missing"),
        (lambda s: replace(s, balances=(s.balances[0], *s.balances)), "balance of P-ANNA", "is there twice"),
        (lambda s: with_adjustment(s, now=ZERO), "adjustment 1", "now less stated is -9, the adjustment -2.5"),
    ],
)
def test_sums_that_do_not_add_up_are_named(
    tmp_path: Path, change: Callable[[Statement], Statement], where: str, what: str
) -> None:
    damaged = change(samples.rich())
    problems = audit_arithmetic(damaged)
    assert any(problem.where == where and what in problem.what for problem in problems), problems
    (tmp_path / "statement.json").write_bytes(statement_bytes(damaged))
    assert audit_statement(tmp_path / "statement.json") == problems


def test_a_line_of_no_known_kind_is_refused_before_it_is_counted(tmp_path: Path) -> None:
    damaged = with_line(samples.rich(), 3, kind="gift")
    assert any(one.where == "line 3" and "kind 'gift' is none of" in one.what for one in audit_arithmetic(damaged))
    (tmp_path / "statement.json").write_bytes(statement_bytes(damaged))
    (problem,) = audit_statement(tmp_path / "statement.json")
    assert "kind 'gift' is none of payable, unclaimed, overclaim, held, unmatched" in problem.what


def test_a_unit_moved_from_one_line_to_another_of_the_same_right_is_named() -> None:
    sound = samples.rich()
    here = [line for line in sound.lines if (line.territory, line.right) == ("DE", "Master")]
    one, other = here[:2]
    moved = with_line(sound, one.number, gross=one.gross + ONE, net=one.net + ONE)
    moved = with_line(moved, other.number, gross=other.gross - ONE, net=other.net - ONE)
    named = [problem.where for problem in audit_arithmetic(moved) if "its contributions sum to" in problem.what]
    assert named == [f"line {one.number}", f"line {other.number}"]


def test_the_csv_of_the_written_folder_is_that_of_the_statement(tmp_path: Path) -> None:
    write_statement(samples.rich(), tmp_path / "statement")
    assert (tmp_path / "statement" / "statement.csv").read_bytes() == statement_csv(samples.rich())


REPORTED = (
    UsageRow("one.wav", "DE", 1_000, Fraction(1_000_003, 7), "EUR"),
    UsageRow("two.wav", "DE", 17, Fraction(12_345), "EUR"),
    UsageRow("one.wav", "US", 3, Fraction(-7_001, 3), "EUR"),
    UsageRow("three.wav", "US", 3, Fraction(50_000), "EUR"),
)


@pytest.mark.parametrize("method", ["matched-seconds", "coverage-weighted", "equal", "pro-rata-pool", "fixed-fee"])
@pytest.mark.parametrize("rates", [{}, {"royalty_millionths": None}])
def test_a_computed_statement_holds_when_it_is_written(tmp_path: Path, method: str, rates: dict[str, object]) -> None:
    if rates and method in ("coverage-weighted", "equal", "pro-rata-pool"):
        rates = {"per_second": None, "per_match": None}
    card = builders.a_rate_card(
        minimum_payout=2_000, deductions=(Deduction("fee", 33_333), Deduction("tax", 100_000)), **rates
    )
    rights = builders.some_rights(
        {"R1": ("W1", "W2"), "R2": ("W2",), "R3": ()},
        owner_of={"W2": "P-R1", "R3": ""},
        licences=[builders.a_licence(rate_card=card)],
    )
    uses = [
        builders.a_use("one.wav", "R1", ms=21_300, territories=("DE", "US")),
        builders.a_use("one.wav", "R2", ms=7_001, territories=("DE", "US")),
        builders.a_use("two.wav", "R3", ms=9_999, territories=("DE", "US")),
        builders.a_use("two.wav", "R2", ms=3_333, territories=("DE", "US"), state="review"),
    ]
    statement = compute_statement(
        uses,
        rights,
        builders.a_policy(methods=(method,)),
        licensee=builders.LICENSEE,
        period=Period.parse("2026-Q3"),
        currency="EUR",
        issued_on="2026-10-15",
        usage=Usage(REPORTED),
        opening={"P-R2": of_cents(150), "P-OLD": of_cents(-20)},
    )
    assert {line.kind for line in statement.lines} >= {"payable", "unclaimed", "held"}
    write_statement(statement, tmp_path / "statement")
    assert audit_statement(tmp_path / "statement") == []


def test_leftovers_of_a_killed_process_do_not_stop_a_statement_from_being_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.nothing(), folder, ["csv"])
    (folder / ".statement.csv.0123456789abcdef.tmp").write_bytes(b"half")
    (folder / "statement.csv").unlink()
    write_statement(samples.nothing(), folder, ["csv"])
    assert audit_statement(folder) == []


@pytest.mark.parametrize("name", ["statement.html", "parties"])
def test_a_page_that_says_another_amount_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "statement"
    write_statement(samples.rich(), folder)
    path = folder / name if name.endswith(".html") else next((folder / name).glob("P-ANNA*.html"))
    data = path.read_bytes()
    at = data.index(b"</td>")
    path.write_bytes(data[:at] + b"9" + data[at:])
    sign_again(folder)
    (problem,) = audit_statement(folder)
    assert problem.file == path.relative_to(folder).as_posix()
    assert "is not the page of this statement" in problem.what
