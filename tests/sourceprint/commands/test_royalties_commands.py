"""The commands of rights and money as a royalty accountant runs them, on the example that comes with the program."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

import cli
from sourceprint.royalties.rights.database import Change
from sourceprint.royalties.tables.imports import _apply as apply_staged
from sourceprint.royalties.tables.staging import Staging
from sourceprint.royalties.uses.use import use_from_json
from tests.command_line import catalogue, run
from tests.places import ROOT
from tests.royalty_records import a_scan_result

EXAMPLE = ROOT / "docs" / "money" / "example"
RESULTS = EXAMPLE / "results.jsonl"
USAGE = EXAMPLE / "usage.csv"
OPEN_USE = "Ua9714779c7ef30b7749db631"  # of R1 or R2: the scan cannot tell
STATEMENT = "S-P-TONE-2026-Q3-0f6006698445"
LATE = ("--issued", "2026-10-05", "--backdate", "entered after the fact")
ISSUE = ("statement", "--period", "2026-Q3", "--licensee", "P-TONE", "--usage", USAGE, *LATE)
ATTRIBUTE = ("attribute", RESULTS, "--policy", "matched-seconds", "--licensee", "P-TONE", "--usage", USAGE)
USES = ("uses", "list", "--licensee", "P-TONE")


def done(*args: str | Path) -> Result:
    """Run a command that must succeed."""
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return result


def refused(code: int, message: str, *args: str | Path) -> None:
    """Run a command that must fail: nothing on stdout, and on stderr a message that holds this."""
    result = run(*args)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module", autouse=True)
def _some_day_after_the_periods() -> Iterator[None]:
    """Let periods have ended, independent of the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sourceprint.commands.money.today", lambda: date(2027, 1, 20))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the example attributed in rights.sqlite and its statement issued in st."""
    folder = tmp_path_factory.mktemp("made")
    place = ("--rights", folder / "rights.sqlite", "--by", "Ann")
    done("rights", "people", "add", "Ann", *place[:2])
    done("rights", "import", EXAMPLE / "rights", *place)
    done(*ATTRIBUTE, *place)
    shutil.copy(folder / "rights.sqlite", folder / "attributed.sqlite")
    done(*ISSUE, "--out", folder / "st", *place)
    return folder


@pytest.fixture
def rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of a database of rights that is not there yet, which commands use."""
    monkeypatch.setenv("SOURCEPRINT_RIGHTS", str(tmp_path / "rights.sqlite"))
    monkeypatch.setenv("SOURCEPRINT_ACTOR", "Ann")
    return tmp_path / "rights.sqlite"


@pytest.fixture
def attributed(made: Path, rights: Path) -> Path:
    """Return a database with the example attributed."""
    shutil.copy(made / "attributed.sqlite", rights)
    return rights


@pytest.fixture
def issued(made: Path, rights: Path) -> Path:
    """Return a database with the example attributed and its statement issued."""
    shutil.copy(made / "rights.sqlite", rights)
    return rights


def files_of(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder by their names."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found
    return found


def uses_of(*args: str | Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in done(*USES, "--jsonl", *args).stdout.splitlines()]


# Rights.


def test_import_prints_its_changes_and_the_same_again_makes_none(rights: Path) -> None:
    first = done("rights", "import", EXAMPLE / "rights")
    assert first.stdout == ""
    assert first.stderr == (
        f"{EXAMPLE}/rights: imported as revision 1\n"
        "                       added  changed  unchanged\n"
        "  parties                  7        0          0\n"
        "  recordings               5        0          0\n"
        "  works                    4        0          0\n"
        "  works of recordings      5        0          0\n"
        "  parts of recordings      1        0          0\n"
        "  master shares            7        0          0\n"
        "  work shares             16        0          0\n"
        "  licences                 3        0          0\n"
        "  licence LIC-LIVE: licensee P-TONE, from 2025-07-01, until 2026-06-30\n"
        "  licence LIC-NORTH: licensee P-TONE, from 2026-01-01, until 2026-12-31\n"
        "  licence LIC-SOUTH: licensee P-TONE, from 2026-01-01, until 2026-12-31\n"
        "Note: `sourceprint rights check` finds overclaims, gaps and duplicates in the rights on file\n"
    )
    again = done("rights", "import", EXAMPLE / "rights")
    assert again.stderr.startswith(f"{EXAMPLE}/rights: imported; nothing changed\n")
    assert "Note:" not in again.stderr
    quiet = done("rights", "import", EXAMPLE / "rights", "--quiet")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    report = json.loads(done("rights", "import", EXAMPLE / "rights", "--json", "--quiet").stdout)
    assert (report["imported"], report["revision"], report["exit_code"]) == (True, None, 0)


def test_a_dry_run_changes_nothing(rights: Path) -> None:
    result = done("rights", "import", EXAMPLE / "rights", "--dry-run")
    assert result.stderr.startswith(f"{EXAMPLE}/rights: would be imported\n")
    refused(2, "no recording, work, party or licence on file", "rights", "show", "R1")


ROWS = "isrc,recording_title,party,right,share\nQZAAA2600009,Nine,Label,Master,{}\nQZAAA2600010,Ten,Label,Master,{}\n"


def test_wrong_rows_are_refused_or_left_out(rights: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "rights.csv"
    sheet.write_text(ROWS.format("100 %", "over 9000"))
    refused(2, "nothing was imported, errors: 1", "rights", "import", sheet)
    refused(2, "on file has this id", "rights", "show", "QZAAA2600009")
    report = tmp_path / "problems.tsv"
    partly = run("rights", "import", sheet, "--partial", "--report", report)
    assert (partly.exit_code, partly.stdout) == (4, "")
    assert "rights.csv, row 3, share: " in partly.stderr
    assert "over 9000" in report.read_text()
    assert "Nine" in done("rights", "show", "QZAAA2600009").stdout


def test_columns_that_were_named_once_may_be_kept_in_a_file(rights: Path, tmp_path: Path) -> None:
    sheet, pairs = tmp_path / "rights.csv", tmp_path / "columns.txt"
    sheet.write_text("Code,Name of song,Label,Cut %\nUSRC17607839,One,Blue,100\n")
    named = ("Code=isrc", "Name of song=title", "Cut %=share")
    first = run("rights", "import", sheet, "--columns", ",".join(named))
    assert first.exit_code == 0
    assert (
        "these columns are not kept; write the pairs into a file, one per line, and give --columns @FILE"
        in first.stderr
    )
    pairs.write_text("\n".join(named))
    again = run("rights", "import", sheet, "--columns", f"@{pairs}")
    assert (again.exit_code, "not kept" in again.stderr, "nothing changed" in again.stderr) == (0, False, True)


def test_bare_shares_are_asked_about_and_never_guessed(
    rights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = tmp_path / "rights.csv"
    sheet.write_text(ROWS.format("25", "0.5"))
    refused(2, "--shares", "rights", "import", sheet)
    monkeypatch.setattr(
        "sourceprint.commands.rights.records.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    )
    asked = CliRunner().invoke(cli.sourceprint, ["rights", "import", str(sheet)], input="percent\n")
    assert asked.exit_code == 0
    assert "They are (percent, fraction): " in asked.output
    shown = done("rights", "show", "QZAAA2600009").stdout
    assert "Master  25 %" in shown


def test_an_interrupted_import_leaves_nothing(rights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply_and_interrupt(staging: Staging, change: Change) -> None:
        assert apply_staged(staging, change)["recording"].added == 5
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sourceprint.royalties.tables.imports._apply", apply_and_interrupt)
        result = run("rights", "import", EXAMPLE / "rights")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Error: interrupted\n")
    refused(2, "on file has this id", "rights", "show", "R1")
    assert "imported as revision 1" in done("rights", "import", EXAMPLE / "rights").stderr


def test_rights_are_exported_and_come_back_unchanged(attributed: Path, tmp_path: Path) -> None:
    result = done("rights", "export", tmp_path / "out")
    assert result.stdout == ""
    assert result.stderr.startswith(f"{tmp_path}/out: rights as of revision 1\n")
    assert "nothing changed" in done("rights", "import", tmp_path / "out").stderr
    refused(2, "exists and is not empty; name a new folder", "rights", "export", tmp_path / "out")
    refused(2, "revision 9", "rights", "export", tmp_path / "other", "--revision", "9")


@pytest.mark.parametrize(
    "key", ["R1", "QZAAA2600001", "ISRC QZ-AAA-26-00001", "harbour-lights", "T-900.000.001-1", "P-ANNA", "LIC-NORTH"]
)
def test_rights_are_shown_by_any_id(attributed: Path, key: str) -> None:
    shown = done("rights", "show", key)
    assert "history\n  revision 1, " in shown.stdout
    assert " by Ann from " in shown.stdout
    assert shown.stderr == ""
    assert json.loads(done("rights", "show", key, "--json").stdout)


def test_check_finds_sums_that_do_not_add_up(attributed: Path) -> None:
    result = run("rights", "check")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("error: overclaim: MechanicalRight of work W2 worldwide: ")
    assert result.stdout.splitlines()[-1] == "3 findings: 1 error, 2 warnings, 0 notes"
    assert result.stderr == "Note: there is no index to compare with; --index names one\n"
    findings = [json.loads(line) for line in run("rights", "check", "--jsonl", "--no-index").stdout.splitlines()]
    assert [(f["kind"], f["severity"]) for f in findings] == [
        ("overclaim", "error"),
        ("unclaimed", "warning"),
        ("unclaimed", "warning"),
    ]
    assert done("rights", "check", "--no-index", "--fail-on", "never").stderr == ""


def test_warnings_count_only_where_asked_for(rights: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "rights.csv"
    sheet.write_text(ROWS.format("50 %", "100 %"))
    done("rights", "import", sheet)
    assert "unclaimed: Master" in done("rights", "check", "--no-index").stdout
    assert run("rights", "check", "--no-index", "--fail-on", "warning").exit_code == 1


def test_check_compares_with_the_index(attributed: Path, tmp_path: Path) -> None:
    index = catalogue(tmp_path, (1,))
    result = run("rights", "check", "--index", index, "--jsonl")
    assert result.exit_code == 1
    subjects = {json.loads(line)["subject"] for line in result.stdout.splitlines()}
    assert {"recording R1", "recording R5"} <= subjects
    assert any("s1" in subject for subject in subjects)
    refused(5, "no index here", "rights", "check", "--index", tmp_path / "none")


# Errors that all commands share.


@pytest.mark.parametrize(
    "words",
    [
        ("rights", "export", "out"),
        ("rights", "check", "--no-index"),
        ("rights", "show", "R1"),
        ATTRIBUTE,
        USES,
        ("uses", "set", "withdrawn", OPEN_USE, "--reason", "so"),
        ("uses", "history", OPEN_USE),
        (*ISSUE, "--out", "out"),
        ("statements",),
        ("explain", STATEMENT, "1"),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_without_a_database_the_exit_code_is_5(rights: Path, words: tuple[str | Path, ...]) -> None:
    refused(5, f"Error: {rights}: there is no database of rights; make one with `sourceprint rights import`", *words)
    assert not rights.exists()
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("'R99': no recording, work, party or licence", ("rights", "show", "R99")),
        ("licensee P-NIX: no such party", (*ATTRIBUTE, "--licensee", "P-NIX")),
        ("policy nope: cannot be read", (*ATTRIBUTE, "--policy", "nope")),
        ("territory 'XQ': no country code", (*ATTRIBUTE, "--territory", "XQ")),
        ("generated_on", (*ATTRIBUTE, "--generated", "yesterday")),
        ("'sing' is not one of", (*ATTRIBUTE, "--purpose", "sing")),
        ("the day of generation is not known", ATTRIBUTE[:-2]),
        ("gone.jsonl: these results cannot be read", (ATTRIBUTE[0], "gone.jsonl", *ATTRIBUTE[2:])),
        ("licensee P-NIX: no such party", ("uses", "list", "--licensee", "P-NIX")),
        ("state 'paid': write one of claimed", (*USES, "--state", "paid")),
        ("use U1: not in", ("uses", "set", "disputed", "U1", "--reason", "so")),
        ("'paid' is not one of 'claimed'", ("uses", "set", "paid", OPEN_USE, "--reason", "so")),
        ("reason: write one of 1 to", ("uses", "set", "disputed", OPEN_USE, "--reason", " ")),
        ("use U1: there is none", ("uses", "history", "U1")),
        ("licensee P-NIX: no such party", (*ISSUE, "--licensee", "P-NIX", "--out", "out")),
        ("period '2026-Q9'", (*ISSUE, "--period", "2026-Q9", "--out", "out")),
        ("currency 'XXQ'", (*ISSUE, "--currency", "XXQ", "--out", "out")),
        ("format 'pdf': take one of json", (*ISSUE, "--format", "pdf", "--out", "out")),
        ("was not issued from this database", ("explain", "S-1", "1")),
        ("was not issued from this database", ("statements", "S-1")),
        ("--out: writes one statement; give its id", ("statements", "--out", "out")),
        ("--json, --licensee: are for the list", ("statements", "S-1", "--json")),
        ("none: cannot be read", ("audit", "none")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_key_is_refused_with_2(attributed: Path, message: str, words: tuple[str | Path, ...]) -> None:
    before = attributed.read_bytes()
    refused(2, message, *words)
    assert attributed.read_bytes() == before
    assert not Path("out").exists()


# Uses.


def test_attribute_reports_and_the_same_again_changes_nothing(rights: Path) -> None:
    done("rights", "import", EXAMPLE / "rights", "--quiet")
    result = done(*ATTRIBUTE)
    assert result.stdout == ""
    digest = re.search(r"sha256:[0-9a-f]{64}", result.stderr)
    assert digest
    assert result.stderr == (
        "tracks      6 (6 matched), 9 passages\n"
        f"policy      matched-seconds {digest[0]}\n"
        "rights      revision 1\n"
        "claimed     7 uses, 111.000 s\n"
        "review      1 use, 6.000 s\n"
        "unresolved  1 use, 16.000 s\n"
        "withdrawn   1 use, 0.000 s\n"
        "licences    37 licensed, 4 outside licence, by use, territory and right\n"
        "ledger      10 added, 0 unchanged, 0 superseded; attribution 1\n"
        "Note: 2 uses wait for a decision and will be held until then: "
        "sourceprint uses list --licensee P-TONE --state review --state unresolved\n"
    )
    again = done(*ATTRIBUTE, "--json", "--quiet")
    report = json.loads(again.stdout)
    assert (again.stderr, report["added"], report["unchanged"], report["attribution_id"]) == ("", 0, 10, None)


def test_results_that_are_cut_short_enter_nothing(attributed: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(RESULTS.read_bytes()[:3000])
    before = attributed.read_bytes()
    refused(2, f"{cut}, line 2: cut short; the scan was interrupted", "attribute", cut, *ATTRIBUTE[2:])
    assert attributed.read_bytes() == before


def test_tracks_that_failed_give_4_and_the_others_are_entered(attributed: Path, tmp_path: Path) -> None:
    failed = a_scan_result("bad.wav", status="decode_error", reason="empty")
    failed["track"]["sha256"] = None
    results = tmp_path / "results.jsonl"
    results.write_text(RESULTS.read_text() + json.dumps(failed) + "\n")
    result = run("attribute", results, *ATTRIBUTE[2:], "--quiet")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        "Error: 1 track could not be searched; copy the files again and scan them with --retry-failed, or scan without "
        "them into a new run\n"
    )


def test_tracks_without_music_leave_an_attribution_complete(attributed: Path, tmp_path: Path) -> None:
    silent = a_scan_result("silent.wav", status="not_enough_music", reason="silent")
    short = a_scan_result("short.wav", status="too_short", reason="short")
    results = tmp_path / "results.jsonl"
    results.write_text(RESULTS.read_text() + "".join(json.dumps(one) + "\n" for one in (silent, short)))
    result = run("attribute", results, *ATTRIBUTE[2:])
    assert (result.exit_code, "Error" in result.stderr) == (0, False)
    assert "note        2 tracks with too little music to be searched, which no scan can change\n" in result.stderr


def test_a_slip_in_a_licensee_is_named_before_anything_else(attributed: Path) -> None:
    refused(
        2, "licensee P-TON: no such party in the rights on file; the nearest id is P-TONE; mend it, or import it",
        "statement", "--period", "2026-Q3", "--licensee", "P-TON", "--out", attributed.parent / "no",
    )  # fmt: skip


def test_an_interrupted_attribution_enters_nothing(attributed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = uses_of()
    with monkeypatch.context() as patch:
        patch.setattr("sourceprint.royalties.uses.entries.AttributionEntry.close", interrupt)
        result = run(*ATTRIBUTE, "--policy", "equal")
    assert (result.exit_code, result.stderr) == (130, "Error: interrupted\n")
    assert uses_of() == before


def test_uses_are_listed_by_track_and_time_with_ids_to_copy(attributed: Path) -> None:
    result = done(*USES)
    header, *lines = result.stdout.splitlines()
    assert header.startswith(
        "use                        state       track   of          from      to  seconds  licence"
    )
    assert result.stderr == ""
    assert [line.split()[2] for line in lines] == sorted(line.split()[2] for line in lines)
    assert all(re.match(r"U[0-9a-f]{24}  ", line) for line in lines)
    (open_one,) = [line for line in lines if OPEN_USE in line]
    assert "  unresolved  T5.wav  R1 or R2   8.000  24.000   16.000  LIC-NORTH " in open_one
    assert [line.split("  ")[0] for line in lines if "  Master outside LIC-LIVE; " in line] == [
        "U208d71a3d7b6ffd6c7b45f49"
    ]
    found = uses_of("--state", "review", "--state", "unresolved")
    assert {use["state"] for use in found} == {"review", "unresolved"}
    assert [use_from_json(use).track_name for use in uses_of("--track", "T2.wav")] == ["T2.wav", "T2.wav"]
    nothing = done(*USES, "--state", "disputed")
    assert (nothing.stdout, nothing.stderr) == ("", "Note: P-TONE has no such uses on file\n")
    assert done(*USES, "--state", "disputed", "--quiet").stderr == ""


def test_a_decision_has_its_author_and_reason(attributed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_id = "Ufbf42abc3881771cccbb33ad"
    done("rights", "people", "add", "Bo\x1b[2J")
    result = done("uses", "set", "disputed", use_id, "--reason", "letter\x1b[31m", "--by", "Bo\x1b[2J")
    assert (result.stdout, result.stderr) == ("", "1 use now disputed\n")
    monkeypatch.setenv("SOURCEPRINT_ACTOR", "Cy")
    done("uses", "set", "withdrawn", use_id, "--reason", "own take", "--quiet")
    refused(
        2, "is withdrawn, which can become disputed, not claimed", "uses", "set", "claimed", use_id, "--reason", "no"
    )
    shown = done("uses", "history", use_id).stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in shown] == [
        "claimed    Ann        thresholds.claim_confidence 0.99",
        "disputed   Bo\\x1b[2J  letter\\x1b[31m",
        "withdrawn  Cy         own take",
    ]
    history = json.loads(done("uses", "history", use_id, "--json").stdout)
    assert [(change["state"], change["recording_id"]) for change in history] == [
        ("claimed", ""),
        ("disputed", ""),
        ("withdrawn", ""),
    ]


def test_all_uses_that_are_named_change_or_none(attributed: Path) -> None:
    good = "Ufbf42abc3881771cccbb33ad"
    refused(2, "use U1: not in", "uses", "set", "disputed", good, "U1", "--reason", "so")
    assert [use["state"] for use in uses_of("--track", "T1.wav")] == ["claimed"]


def test_a_use_of_which_the_recording_is_open_is_resolved_by_naming_it(attributed: Path) -> None:
    set_ = ("uses", "set", "resolved", OPEN_USE, "--reason", "studio take")
    refused(2, "its recording is open, one of R1, R2; resolve it and name the recording", *set_)
    refused(2, "its recording is open", "uses", "set", "claimed", OPEN_USE, "--reason", "so")
    refused(2, "may be of R1, R2, and cannot be named 'R3'", *set_, "--recording", "R3")
    disputed = ("uses", "set", "disputed", OPEN_USE, "--reason", "so", "--recording", "R1")
    refused(2, "recording R1: is named with state resolved, not disputed", *disputed)
    done(*set_, "--recording", "R1")
    (use,) = [use for use in uses_of() if use["id"] == OPEN_USE]
    assert (use["recording_id"], use["work_ids"], use["state"]) == ("R1", ["W1"], "resolved")
    assert "resolved as R1  Ann  studio take" in done("uses", "history", OPEN_USE).stdout


# Statements.


def test_a_statement_is_summed_up_and_written(attributed: Path, tmp_path: Path) -> None:
    result = done(*ISSUE, "--out", tmp_path / "st", "--format", "csv")
    assert result.stdout == "".join(
        f"{tmp_path}/st/{name}\n" for name in ("SHA256SUMS", "statement.csv", "statement.json")
    )
    assert result.stderr.startswith(f"{STATEMENT}: Tonewell Generators for 2026-Q3, in EUR\n\n")
    assert "  Northern Records (P-NORTH)         0.00    12.825      0.00  12.83     -0.005\n" in result.stderr
    assert result.stderr.endswith(
        "sum of lines = total in each: yes; together 51.70 EUR\nbackdated: entered after the fact\n"
        "not signed: this statement does not show who issued it\n"
    )
    assert max(len(line) for line in result.stderr.splitlines()) <= 80


def test_a_period_that_was_issued_gives_the_same_bytes_or_is_refused(issued: Path, made: Path, tmp_path: Path) -> None:
    done(*ISSUE, "--issued", "2026-12-24", "--out", tmp_path / "again", "--quiet")
    assert files_of(tmp_path / "again") == files_of(made / "st")
    done("uses", "set", "withdrawn", OPEN_USE, "--reason", "own")
    message = f"{STATEMENT} was issued on 2026-10-05 from other inputs, and is never changed"
    refused(2, message, *ISSUE, "--out", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_issued_statements_are_listed_and_written_again_after_any_change(
    issued: Path, made: Path, tmp_path: Path
) -> None:
    done("uses", "set", "withdrawn", OPEN_USE, "--reason", "own")
    header, line = done("statements").stdout.splitlines()
    assert header == "statement                      licensee  period   currency  issued on   by   digest"
    assert line.startswith(f"{STATEMENT}  P-TONE    2026-Q3  EUR       2026-10-05  Ann  sha256:")
    (entry,) = json.loads(done("statements", "--json", "--licensee", "P-TONE").stdout)
    assert (entry["id"], entry["period"], entry["issued_by"]) == (STATEMENT, "2026-Q3", "Ann")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", entry["digest"])
    nothing = done("statements", "--licensee", "P-NIX")
    assert (nothing.stdout, nothing.stderr) == ("", "Note: no statements were issued to P-NIX\n")
    assert done("statements", "--licensee", "P-NIX", "--quiet").stderr == ""
    assert done("statements", STATEMENT).stdout.startswith(f"{STATEMENT}: Tonewell Generators for 2026-Q3, in EUR\n")
    assert f"{tmp_path}/copy/statement.html\n" in done("statements", STATEMENT, "--out", tmp_path / "copy").stdout
    assert files_of(tmp_path / "copy") == files_of(made / "st")


def test_a_period_that_has_not_ended_takes_provisional(
    attributed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sourceprint.commands.money.today", lambda: date(2026, 9, 30))
    message = "period 2026-Q3: ends on 2026-09-30, and today is 2026-09-30; state it from 2026-10-01 on"
    refused(2, message, *ISSUE, "--out", tmp_path / "st")
    refused(2, message, *ISSUE, "--draft", "--out", tmp_path / "st")
    refused(
        2, "--format dsr: this format has no mark", *ISSUE, "--provisional", "--format", "dsr", "--out", tmp_path / "st"
    )
    assert not (tmp_path / "st").exists()
    result = done(*ISSUE, "--provisional", "--out", tmp_path / "st")
    assert result.stderr.startswith("PROVISIONAL: not issued, and nothing is owed by it\n\nPROVISIONAL-P-TONE-2026-Q3-")
    assert result.stderr.endswith(
        "Note: no DSR-shaped files were written: the format has no mark for provisional reports\n"
    )
    assert not (tmp_path / "st" / "dsr").exists()
    assert done("statements").stderr == "Note: no statements were issued\n"
    told = "\n  PROVISIONAL: it was not issued, and nothing is owed by it\n"
    assert told in done("audit", tmp_path / "st").stdout
    assert json.loads(done("audit", tmp_path / "st", "--json").stdout)["provisional"] is True


def test_a_draft_keeps_nothing(attributed: Path, tmp_path: Path) -> None:
    result = done(*ISSUE, "--draft", "--out", tmp_path / "draft", "--format", "json")
    assert result.stderr.startswith("DRAFT-P-TONE-2026-Q3-0f6006698445: ")
    assert done("statements").stderr == "Note: no statements were issued\n"


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_issued(attributed: Path, tmp_path: Path) -> None:
    (tmp_path / "st").mkdir()
    (tmp_path / "st" / "mine.txt").write_text("mine")
    refused(2, "is not empty, and holds something other than this statement", *ISSUE, "--out", tmp_path / "st")
    refused(2, "is a file; name a new or an empty folder", *ISSUE, "--out", tmp_path / "st" / "mine.txt")
    assert done("statements").stdout == ""
    assert [path.name for path in (tmp_path / "st").iterdir()] == ["mine.txt"]


def test_a_statement_interrupted_while_written_is_issued_and_written_by_the_same_command(
    attributed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sourceprint.royalties.statements.files.folder.statement_parquet", interrupt)
        result = run(*ISSUE, "--out", tmp_path / "st")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Error: interrupted\n")
    assert list(tmp_path.glob("*st*")) == []
    done(*ISSUE, "--out", tmp_path / "st", "--quiet")
    assert "holds" in done("audit", tmp_path / "st").stdout


def test_tracks_with_uses_that_a_report_leaves_out_are_named(attributed: Path, tmp_path: Path) -> None:
    rows = USAGE.read_text("utf-8").splitlines(keepends=True)
    part = tmp_path / "usage.csv"
    part.write_text("".join(row for row in rows if not row.startswith("T1.wav")), "utf-8")
    words = ("--period", "2026-Q3", "--licensee", "P-TONE", *LATE, "--draft", "--format", "csv")
    whole = done("statement", *words, "--usage", USAGE, "--out", tmp_path / "whole")
    assert "in no row" not in whole.stderr
    less = done("statement", *words, "--usage", part, "--out", tmp_path / "less")
    note = "generated in 2026-Q3, with uses to pay, and in no row of the reported usage: T1.wav; ask the licensee"
    assert note in less.stderr.replace("\n", " ")


def test_a_named_recording_is_paid_by_the_next_statement(issued: Path, tmp_path: Path) -> None:
    done("uses", "set", "resolved", OPEN_USE, "--recording", "R1", "--reason", "studio take")
    usage = EXAMPLE / "usage-2026-Q4.csv"
    words = ("--period", "2026-Q4", "--licensee", "P-TONE", "--usage", usage, "--issued", "2027-01-05", *LATE[2:])
    result = done("statement", *words, "--out", tmp_path / "st")
    # 16 s at 0.01 EUR, 20 usages, half of it for the master: 1.60 EUR, less 10 %.
    table = [line.split() for line in result.stderr.splitlines()]
    assert ["Northern", "Records", "(P-NORTH)", "-0.005", "0.54", "1.44", "0.00", "1.975"] in table
    assert ["Ben", "Birch", "(P-BEN)", "1.349999", "0.00", "0.00", "0.00", "1.349999"] in table
    changes = json.loads((tmp_path / "st" / "statement.json").read_text())["adjustments"]
    assert [(one["kind"], one["party_id"], one["right"], one["amount"]) for one in changes] == [
        ("payable", "P-NORTH", "Master", "1.44"),
        ("held", "", "Master", "-1.6"),
    ]
    assert done("audit", tmp_path / "st").exit_code == 0


def test_a_line_is_explained_from_its_folder_or_its_id(issued: Path, made: Path) -> None:
    by_folder = done("explain", made / "st", "1")
    assert by_folder.stdout.startswith(f"Statement {STATEMENT}, line 1: payable, Master in DE\n")
    assert by_folder.stdout.endswith("\nPaid: 12.83 EUR, carried forward -0.005\n")
    assert by_folder.stderr == ""
    assert done("explain", STATEMENT, "1").stdout == by_folder.stdout
    assert json.loads(done("explain", made / "st" / "statement.json", "1", "--json").stdout)["net"] == "6.75"
    refused(2, f"line 99 of statement {STATEMENT}: it has lines 1 to 44", "explain", made / "st", "99")
    refused(2, "0 is not in the range x>=1", "explain", made / "st", "0")


def test_an_audit_finds_a_cent_that_was_changed(made: Path, tmp_path: Path) -> None:
    sound = done("audit", made / "st")
    assert sound.stdout == (
        f"{made}/st: holds; checksums, digest, sums, balances and formats agree\n"
        "  NOT VERIFIED: unsigned, so anybody may have written it\n"
    )
    told = json.loads(done("audit", made / "st", "--json").stdout)
    assert (told["statement"], told["provisional"], told["holds"], told["problems"]) == (STATEMENT, False, True, [])
    assert (told["signer"], told["chain"]) == (None, None)
    damaged = tmp_path / "st"
    shutil.copytree(made / "st", damaged)
    document = damaged / "statement.json"
    document.write_bytes(document.read_bytes().replace(b'"gross":"7.5"', b'"gross":"7.51"', 1))
    result = run("audit", damaged)
    assert (result.exit_code, result.stderr) == (6, "")
    assert "statement.json" in result.stdout
    told = json.loads(run("audit", damaged, "--json").stdout)
    assert not told["holds"]
    assert {"statement.json"} <= {problem["file"] for problem in told["problems"]}
    refused(6, "digest", "explain", damaged, "1")


def test_nothing_from_outside_reaches_the_terminal_raw(rights: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    shutil.copytree(EXAMPLE / "rights", tables)
    parties = tables / "parties.tsv"
    parties.write_text(parties.read_text().replace("Anna Arbor", "Anna\x1b[31m\u202eArbor"))
    results = tmp_path / "results.jsonl"
    results.write_text(RESULTS.read_text().replace('"T1.wav"', '"T1\\u001b[2J\\nError: x.wav"'))
    printed = []
    for words in (
        ("rights", "import", tables),
        ("rights", "check", "--no-index", "--fail-on", "never"),
        ("rights", "show", "P-ANNA"),
        ("attribute", results, *ATTRIBUTE[2:-2], "--generated", "2026-08-01"),
        USES,
        ("statement", "--period", "2026-Q3", "--licensee", "P-TONE", "--out", tmp_path / "st"),
        ("explain", tmp_path / "st", "1"),
        ("audit", tmp_path / "st"),
    ):
        result = run(*words)
        printed.append(result.stdout + result.stderr)
    everything = "".join(printed)
    assert "\\x1b[31m" in everything or "Anna" not in everything
    assert not set(everything) & {"\x00", "\x1b", "\u202e"}
    assert not re.search(r"^Error: x", everything, re.MULTILINE)


def test_a_nul_in_a_table_is_refused(rights: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "rights.csv"
    sheet.write_text(ROWS.format("100 %", "100 %").replace("Nine", "Ni\x00ne"))
    result = run("rights", "import", sheet)
    assert result.exit_code == 2
    assert "\x00" not in result.stderr
    refused(2, "on file has this id", "rights", "show", "QZAAA2600010")


@pytest.mark.parametrize("group", [("rights",), ("uses",)], ids=["rights", "uses"])
def test_help_of_a_group_has_one_line_for_each_command(group: tuple[str, ...]) -> None:
    listed = done(*group, "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert listed
    assert all(re.fullmatch(r"  [a-z-]+ +[A-Z].*[^.]\.", line) for line in listed)


def test_the_user_of_the_machine_is_named_where_nobody_else_is(rights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCEPRINT_ACTOR")
    monkeypatch.setenv("LOGNAME", "dora")
    done("rights", "import", EXAMPLE / "rights")
    assert " by dora from " in done("rights", "show", "R1").stdout


def test_faults_of_reported_usage_are_listed_line_by_line(attributed: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    usage.write_text("track,territory,usages\nT1.wav,UK,1\nT2.wav,DE,-1\n\x1b[31m.wav,DE,1\n")
    result = run(*ATTRIBUTE[:-1], usage)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == f"Error: {usage}: 3 rows are wrong, nothing was taken:"
    assert [line[:10] for line in lines[1:]] == ["  line 2: ", "  line 3: ", "  line 4: "]
    assert "\x1b" not in result.stderr


# Usage reports and announcements.


def test_usage_is_entered_listed_and_restated(issued: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    again.write_text(
        USAGE.read_text().replace("T1.wav,2026-07-03,generate,DE,100", "T1.wav,2026-07-03,generate,DE,250")
    )
    enter = ("usage", "enter", again, "--licensee", "P-TONE", "--period", "2026-Q3")
    stated = "from another report, and is never changed; enter this one with `sourceprint usage enter --restate REASON`"
    refused(2, stated, *ISSUE[:5], "--usage", again, "--issued", "2026-10-05", "--out", tmp_path / "st")
    refused(2, "the period was stated from another report; give --restate and the reason", *enter)
    refused(2, "licensee P-NIX: no such party", *enter, "--licensee", "P-NIX")
    entered = done(*enter, "--restate", "a shop reported late")
    assert (entered.stdout, entered.stderr) == ("", "P-TONE, 2026-Q3: 9 rows, version 2\n")
    assert done(*enter, "--restate", "a shop reported late").stderr == entered.stderr  # the same rows again
    header, *lines = done("usage", "list", "--licensee", "P-TONE").stdout.splitlines()
    assert header.split() == ["period", "version", "rows", "entered", "by", "file", "reason"]
    assert [line.split()[:3] for line in lines] == [["2026-Q3", "1", "9"], ["2026-Q3", "2", "9"]]
    assert lines[1].endswith("  a shop reported late")
    reports = json.loads(done("usage", "list", "--licensee", "P-TONE", "--json").stdout)
    assert [row["usages"] for report in reports for row in report["rows"] if row["track"] == "T1.wav"] == [
        100,
        50,
        250,
        50,
    ]
    nothing = done("usage", "list", "--licensee", "P-TONE", "--period", "2026-Q4")
    assert nothing.stderr == "Note: P-TONE has no usage report on file for 2026-Q4\n"
    after = done(*ISSUE[:2], "2026-Q4", *ISSUE[3:5], "--issued", "2027-01-20", "--out", tmp_path / "q4")
    adjustments = json.loads((tmp_path / "q4" / "statement.json").read_text())["adjustments"]
    made_on = reports[1]["made_at"][:10]
    said = f"usage restated by {reports[1]['made_by']}, {made_on}, version 2: a shop reported late"
    assert {one["reason"] for one in adjustments} == {said}
    assert "S-P-TONE-2026-Q4" in after.stderr


def test_usage_of_a_track_that_was_not_scanned_issues_nothing(attributed: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    usage.write_text("track,territory,usages\nT1.mp3,DE,5\n")
    words = (*ISSUE[:5], "--usage", usage, "--issued", "2026-10-05", "--out", tmp_path / "st")
    refused(2, "  T1.mp3 in DE: nearest: T1.wav", *words)
    assert not (tmp_path / "st").exists()
    assert done("statements").stdout == ""


def test_an_index_that_is_not_there_is_a_wrong_setting_of_an_attribution(
    rights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("attribute", RESULTS, *ATTRIBUTE[2:])
    refused(2, "no index here", *words, "--index", tmp_path / "none")
    refused(2, "or leave --index out: attribute does without an index", *words, "--index", tmp_path / "none")
    monkeypatch.setenv("SOURCEPRINT_INDEX", str(tmp_path / "none"))
    refused(2, "or unset SOURCEPRINT_INDEX: attribute does without an index", *words)


def test_losses_are_shown_by_a_dry_run_and_taken_with_yes_alone(issued: Path, tmp_path: Path) -> None:
    nothing = {"status": "no_match", "matches": []}
    lines = RESULTS.read_text().splitlines()
    emptied = [json.loads(line) | (nothing if "T1.wav" in line else {}) for line in lines]
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in emptied))
    command = ("attribute", results, *ATTRIBUTE[2:])
    before = uses_of()
    dry = done(*command, "--dry-run")
    assert "Note: dry run: nothing was entered\n" in dry.stderr
    assert re.search(r"1 superseded\n", dry.stderr)  # and no number of an attribution that is not there
    assert re.search(rf"2026-Q3 +R1 +Master +P-NORTH.* -\d+\.\d+ +EUR +stated in {STATEMENT}", dry.stderr)
    document = json.loads(done(*command, "--dry-run", "--json", "--quiet").stdout)
    assert (document["dry_run"], document["superseded"], document["not_computed"]) == (True, 1, [])
    assert document["attribution_id"] is None
    assert {one["statement"] for one in document["effects"]} == {STATEMENT}
    refused(2, "these results take back what issued statements owe; nothing was entered", *command)
    assert uses_of() == before
    assert re.search(r"1 superseded; attribution \d+\n", done(*command, "--yes").stderr)
    assert len(uses_of()) == len(before) - 1
