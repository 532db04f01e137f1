"""Files of version 0.1 from before results of version 2: opened and used like those of today."""

from __future__ import annotations

import csv
import json
import lzma
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import soundfile

from sourceprint.demo.synthesis import synthesize
from sourceprint.outputs import program_version
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.royalties.statements.files.folder import read_statement
from sourceprint.royalties.statements.files.line_tables import LATER_COLUMNS, statement_csv
from sourceprint.royalties.statements.files.statement_json import statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.uses.usage import read_usage
from sourceprint.signatures import PrivateKey
from tests.command_line import run
from tests.places import DATA, ROOT

TOKEN = "blind-366d2b74e9fda979-ju2h4hnrcse6eziubmeeitqcwi"  # of song1, by the secret of who made the blind index
HEAD = "sourceprint/chain/1 7 3d03ffa8fe6b44a30c310cd82c4967386a269cce982a27f6960e822670921eb9"
STATEMENT_2 = "S-P-TONE-2026-Q4-8531a3226e0c"  # signed by the test key `north`; the second of its licensee
STATEMENT = "S-P-TONE-2026-Q3-fe262d194f7e"


@pytest.fixture
def rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database that holds the example's rights, uses, and its first statement."""
    path = tmp_path / "rights.sqlite"
    path.write_bytes(lzma.decompress((DATA / "rights-v1.sqlite.xz").read_bytes()))
    monkeypatch.setenv("SOURCEPRINT_RIGHTS", str(path))
    monkeypatch.chdir(ROOT)
    return path


def test_a_database_of_rights_opens_with_its_uses_and_statements(rights: Path) -> None:
    assert STATEMENT in run("statements").stdout
    uses = [json.loads(line) for line in run("uses", "list", "--licensee", "P-TONE", "--jsonl").stdout.splitlines()]
    assert sorted(use["state"] for use in uses) == ["claimed"] * 7 + ["review", "unresolved", "withdrawn"]
    assert run("rights", "show", "QZ-AAA-26-00001").exit_code == 0


def test_the_same_results_attributed_again_change_nothing(rights: Path) -> None:
    example = "docs/money/example"
    words = ("--policy", "matched-seconds", "--licensee", "P-TONE", "--usage", f"{example}/usage.csv")
    report = run("attribute", f"{example}/results.jsonl", *words)
    assert report.exit_code == 0, report.stderr
    assert "0 added, 10 unchanged, 0 superseded" in report.stderr


def test_the_tracks_of_its_uses_are_on_file_as_scanned(rights: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    usage.write_text("track,territory,usages\nT1.wav,DE,5\nT9.wav,DE,5\n")
    words = ("--licensee", "P-TONE", "--period", "2026-Q2", "--usage", usage, "--issued", "2026-07-05", "--draft")
    refused = run("statement", *words, "--out", tmp_path / "st")
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 2
    assert "  T9.wav in DE: nothing near" in refused.stderr


def test_the_statement_issued_then_is_written_again_byte_for_byte(rights: Path, tmp_path: Path) -> None:
    assert run("statements", STATEMENT, "--out", tmp_path / "again").exit_code == 0
    with tarfile.open(DATA / "statement-v1.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    old, again = tmp_path / "old" / "st", tmp_path / "again"
    names = sorted(path.relative_to(old) for path in old.rglob("*") if path.is_file())
    assert len(names) > 10
    report = [name for name in names if name.match("dsr/*.tsv")]  # no longer written: P-TONE has no DPID for its header
    assert len(report) == 1
    written = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert written == [name for name in names if name not in report]
    data = [name for name in names if name.suffix in (".json", ".csv", ".jsonl")]
    assert len(data) == 3
    for name in data:
        assert (again / name).read_bytes() == (old / name).read_bytes(), name


def test_the_next_period_makes_good_for_earlier_rounding(rights: Path, tmp_path: Path) -> None:
    words = ("statement", "--licensee", "P-TONE", "--format", "json")
    example = "docs/money/example"
    then = ("--period", "2026-Q3", "--usage", f"{example}/usage.csv", "--out", tmp_path / "then")
    assert STATEMENT in run(*words, *then).stderr  # the one that is kept: its inputs are the same
    following = ("--period", "2026-Q4", "--usage", f"{example}/usage-2026-Q4.csv", "--out", tmp_path / "next")
    assert run(*words, *following, "--provisional").exit_code == 0
    document = json.loads((tmp_path / "next" / "statement.json").read_bytes())
    share_by_share = "licences are judged share by share now, as they were not then"
    assert {one["reason"] for one in document["adjustments"]} == {"stated rounded then, exactly now", share_by_share}
    # The recording R2 was outside its licence in the US, and its work W1 with it, which another licence covers.
    judged = [one for one in document["adjustments"] if one["reason"] == share_by_share]
    assert {(one["territory"], one["recording_id"], one["work_id"], one["amount"]) for one in judged} == {
        ("US", "R2", "W1", "0.45")
    }
    anna = next(one for one in document["balances"] if one["party_id"] == "P-ANNA")
    assert (anna["opening"], anna["adjustments"]) == ("0", "0.919999325")  # 6.10 was stated, 7.019999325 is exact


def test_a_statement_folder_holds(tmp_path: Path) -> None:
    with tarfile.open(DATA / "statement-v1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    audited = run("audit", tmp_path / "st")
    assert audited.exit_code == 0, audited.stdout + audited.stderr


def test_the_chain_of_a_database_verifies_after_columns_were_added(tmp_path: Path) -> None:
    path = tmp_path / "rights.sqlite"
    path.write_bytes(lzma.decompress((DATA / "rights-v2.sqlite.xz").read_bytes()))
    verified = run("rights", "verify", "--rights", path, "--head", HEAD, "--json")
    assert verified.exit_code == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)["witnessed"] == 7


def test_records_from_before_the_chain_are_entered_at_the_upgrade_and_unwitnessed(rights: Path) -> None:
    verified = run("rights", "verify", "--rights", rights)
    assert verified.exit_code == 0, verified.stdout + verified.stderr
    assert "the next 4 entries cover what was on file then" in verified.stdout
    assert "unwitnessed: all of it" in verified.stdout
    with closing(sqlite3.connect(rights)) as upgraded, upgraded:  # the tracks that the upgrade itself entered, too
        upgraded.execute("UPDATE scanned_track SET track_name = 'another.wav' WHERE row_id = 1")
    verified = run("rights", "verify", "--rights", rights)
    assert (verified.exit_code, "scanned_track P-TONE another.wav (row 1): was changed" in verified.stdout) == (6, True)


def test_a_blind_index_is_imported_and_matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = DATA / "blind-v1"
    (tmp_path / "keys").mkdir(mode=0o700)
    key = tmp_path / "keys" / "tone.pem"
    key.write_bytes((sample / "tone.pem").read_bytes())
    key.chmod(0o600)
    (tmp_path / "keys" / "tone.pub").write_bytes((sample / "tone.pub").read_bytes())
    monkeypatch.setenv("SOURCEPRINT_KEYS", str(tmp_path / "keys"))
    (tmp_path / "index.tar").write_bytes(lzma.decompress((sample / "index.tar.xz").read_bytes()))
    index = tmp_path / "index"
    imported = run("import", tmp_path / "index.tar", "--from", sample / "label.pub", index=index)
    assert imported.exit_code == 0, imported.stderr
    soundfile.write(tmp_path / "song1.wav", synthesize(1, 12.0, sample_rate=22050), 22050)
    assert TOKEN in run("match", tmp_path / "song1.wav", "--jsonl", index=index).stdout


# A statement of schema 2, signed, with the database that it was issued from: `statement-v2.tar.xz`.


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sample: two statements, their database, the signer's key; not to be changed."""
    place = tmp_path_factory.mktemp("statement-v2")
    with tarfile.open(DATA / "statement-v2.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place


def test_a_signed_statement_holds_with_the_pages_of_an_earlier_version(issued: Path) -> None:
    """Each version of the program words pages anew: an audit compares those of another one by content."""
    checked = run(
        "audit", issued / "second", "--key", issued / "north.pub", "--rights", issued / "rights.sqlite", "--json"
    )
    told = json.loads(checked.stdout)
    assert (checked.exit_code, told["problems"], told["holds"]) == (0, [], True)
    assert (told["signer"]["name"], told["signer"]["trusted"]) == ("north", True)
    assert (told["chain"]["holds"], told["chain"]["witness"]) == (True, f"statement {STATEMENT_2}")
    assert told["chain"]["witnessed"] > 0
    assert f"7 pages written by an earlier version; this is {program_version()}: compared by content" in told["remarks"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'<td class="n">0.270000<', b'<td class="n">0.280000<', "is '0.280000', the statement has '0.270000'"),
        (b"Payable", b"Withheld", "is 'Withheld', the statement has 'Payable'"),
        (b"<tr><th scope", b"<tr><td>more</td></tr><tr><th scope", "rows, the page of the statement has"),
    ],
)
def test_an_altered_page_of_an_earlier_version_is_found(
    issued: Path, tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    shutil.copytree(issued / "second", tmp_path / "st")
    page = tmp_path / "st" / "statement.html"
    head, _, body = page.read_bytes().partition(b'id="overview"')
    assert old in body
    page.write_bytes(head + b'id="overview"' + body.replace(old, new, 1))
    problems = [one for one in audit_statement(tmp_path / "st") if "by content" in one.what]
    assert [one.file for one in problems] == ["statement.html"]
    assert told in problems[0].what
    assert f"written by an earlier version, this is {program_version()}" in problems[0].what


def test_a_signed_statement_is_written_again_byte_for_byte(issued: Path, tmp_path: Path) -> None:
    """A field that is added to a record of a statement must not show in those that were issued before it."""
    key = tmp_path / "north.pem"
    key.write_bytes(PrivateKey(bytes(range(32)), "north").to_pem())
    key.chmod(0o600)
    shutil.copyfile(issued / "north.pub", tmp_path / "north.pub")
    words = ("--rights", issued / "rights.sqlite", "--sign-with", key, "--format", "csv", "--format", "uses")
    assert run("statements", STATEMENT_2, "--out", tmp_path / "again", *words).exit_code == 0
    for name in ("statement.json", "uses.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (issued / "second" / name).read_bytes(), name
    rows = [
        list(csv.reader((folder / "statement.csv").read_text("utf-8").splitlines()))
        for folder in (tmp_path / "again", issued / "second")
    ]
    assert rows[0][0] == [*rows[1][0], *LATER_COLUMNS]
    assert (
        statement_csv(read_statement(issued / "second"), rows[1][0]) == (issued / "second/statement.csv").read_bytes()
    )
    assert run("audit", tmp_path / "again", "--key", issued / "north.pub").exit_code == 0


def test_a_signed_statement_is_issued_again_from_the_same_inputs(issued: Path, tmp_path: Path) -> None:
    shutil.copyfile(issued / "rights.sqlite", tmp_path / "rights.sqlite")
    again = issue_statement(
        Database.open(tmp_path / "rights.sqlite"),
        licensee="P-TONE",
        period=Period.parse("2026-Q4"),
        issued_on="2027-02-01",
        usage=read_usage(issued / "usage-2026-Q4.csv"),
        today=date(2027, 2, 1),
    )
    assert statement_bytes(again) == (issued / "second" / "statement.json").read_bytes()
