"""Signed statements: their signer, the inputs of their computation, and later changes of these."""

from __future__ import annotations

import base64
import html
import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from fingerprint.errors import LogError, StatementError, VerificationError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain import Head, begin_chain, chain_head
from sourceprint.royalties.rights.chain.verification import HeldHead
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import chain_entry, statement_mark, statement_part, use, use_event
from sourceprint.royalties.rights.schema import statement as statement_table
from sourceprint.royalties.statements.audit import full_audit
from sourceprint.royalties.statements.files.folder import SUMS, write_statement
from sourceprint.royalties.statements.files.statement_json import pieces_of, statement_bytes, statement_digest
from sourceprint.royalties.statements.issue import issue_statement, recompute_statement
from sourceprint.royalties.statements.register import load_statement, statement_text
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.witness import compare_with_database
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state
from sourceprint.signatures import PrivateKey
from sourceprint.transparency import RESTORED, Log, LogReader, predecessor_data
from tests.command_line import run
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    some_rights,
    store_rights,
)

KEY, OTHER = PrivateKey(bytes(range(32)), "north"), PrivateKey(bytes(32), "other")
NOW = datetime(2027, 1, 2, 10, 0, 0, tzinfo=UTC)
TODAY = date(2027, 1, 2)


@pytest.fixture
def attributed(database: Database, tmp_path: Path) -> Database:
    return attribute(database, tmp_path)


@pytest.fixture
def attributed_file(sqlite_database: Database, tmp_path: Path) -> Database:
    """Return the same on SQLite alone, for tests that do not depend on the database."""
    return attribute(sqlite_database, tmp_path)


def attribute(database: Database, tmp_path: Path) -> Database:
    store_rights(database, some_rights(licences=[a_licence()]))
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)))) + "\n")
    attribute_results(
        database, results, load_policy("matched-seconds"), licensee=LICENSEE, generated_on="2026-07-14", now=NOW
    )
    return database


def issue(database: Database, period: str = "2026-Q3", **options: object) -> Statement:
    stated: dict[str, object] = {"issued_on": "2027-01-02", "now": NOW, "today": TODAY, **options}
    return issue_statement(database, licensee=LICENSEE, period=Period.parse(period), **stated)  # type: ignore[arg-type]


def written(database: Database, folder: Path, **options: Any) -> Path:
    """Issue a statement signed by KEY, and return its folder."""
    write_statement(issue(database, signer=KEY.public.text, **options), folder, ("json", "csv", "html"), key=KEY)
    return folder


def told(folder: Path, *keys: PrivateKey, database: Database | None = None, held: tuple[Head, ...] = ()) -> list[str]:
    heads = [HeldHead(head, "a copy") for head in held]
    found = full_audit(folder, keys=[key.public for key in keys], database=database, held=heads)
    return [str(problem) for problem in found.problems]


# Who signed.


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a signed statement, with the database beside it; not to be changed."""
    place = tmp_path_factory.mktemp("signed")
    database = Database.open(place / "rights.sqlite", create=True)
    attribute(database, place)
    written(database, place / "st")
    (place / "north.pub").write_text(KEY.public.text + "\n")
    (place / "other.pub").write_text(OTHER.public.text + "\n")
    return place


@pytest.fixture
def folder(signed: Path, tmp_path: Path) -> Path:
    shutil.copytree(signed / "st", tmp_path / "st")
    return tmp_path / "st"


def resum(folder: Path) -> None:
    """Write SHA256SUMS anew, as anyone who changes a file can."""
    from hashlib import sha256

    names = [line.split("  ", 1)[1] for line in (folder / SUMS).read_text().splitlines()]
    (folder / SUMS).write_text("".join(f"{sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names))


def take_off(folder: Path) -> None:
    """Make a signed statement an unsigned one, consistently."""
    value = json.loads((folder / "statement.json").read_text())
    from sourceprint.royalties.statements.files.statement_json import statement_from_json

    bare = replace(statement_from_json(value), signer="")
    (folder / "SIGNATURE").unlink()
    shutil.rmtree(folder)
    write_statement(bare, folder, ("json", "csv", "html"))


FORGERIES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "SIGNATURE").unlink(), "SIGNATURE: is missing, though the statement says that key"),
    (lambda folder: (folder / "SIGNATURE").write_bytes(b"x" * 9_000), "SIGNATURE: "),
    (
        lambda folder: (folder / "SIGNATURE").write_bytes(signature(OTHER, folder)),
        f"SIGNATURE: is of key {OTHER.public.id}, and the statement says that key {KEY.public.id} signs it",
    ),
    (take_off, f"statement.json: is unsigned, and must be signed by {KEY.public.id}"),
]


def signature(key: PrivateKey, folder: Path) -> bytes:
    from sourceprint.signatures import signature_bytes

    return signature_bytes(key, (folder / SUMS).read_bytes())


def test_a_signed_statement_holds_for_holders_of_the_key(signed: Path) -> None:
    assert told(signed / "st", KEY) == []
    assert told(signed / "st", OTHER, KEY) == []
    assert told(signed / "st", OTHER) == [
        f"statement.json: is signed by key {KEY.public.id}, not by {OTHER.public.id}, which was given"
    ]
    found = full_audit(signed / "st")
    assert found.problems == ()
    assert found.authorship is not None
    with pytest.raises(VerificationError, match="nobody vouches for the key"):
        found.authorship.insist("st")
    found.authorship.insist("st", any_key=True)
    assert told(signed / "st" / "statement.json") == [
        "SIGNATURE: is in the folder of the statement, beside its other files; name the folder"
    ]


@pytest.mark.parametrize(("forge", "message"), FORGERIES, ids=["missing", "damaged", "other key", "taken off"])
def test_a_forged_signature_is_told(folder: Path, forge: Callable[[Path], object], message: str) -> None:
    forge(folder)
    assert any(problem.startswith(message) for problem in told(folder, KEY)), told(folder, KEY)


def test_every_file_that_a_party_gets_is_under_the_signature(folder: Path) -> None:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    checked = [name for name in names if name not in (SUMS, "SIGNATURE")]
    assert any(name.startswith("parties/") for name in checked)
    sums, data = (folder / SUMS).read_bytes(), {name: (folder / name).read_bytes() for name in checked}
    for name in checked:
        (folder / name).write_bytes(data[name] + b"\n")
        resum(folder)
        assert any(problem.startswith("SIGNATURE: the signature is not one of key") for problem in told(folder, KEY))
        (folder / name).write_bytes(data[name])
        (folder / SUMS).write_bytes(sums)
    assert told(folder, KEY) == []


def test_the_statement_says_who_signs_it_on_every_face(signed: Path) -> None:
    statement = load_statement(Database.open(signed / "rights.sqlite"), json_of(signed)["id"])
    assert statement.signer == KEY.public.text == json_of(signed)["signer"]
    assert statement_text(statement).endswith(f"signed by key {KEY.public.id} (north)")
    assert KEY.public.fingerprint in (signed / "st" / "statement.html").read_text()
    unsigned = replace(statement, signer="")
    assert statement_text(unsigned).endswith("not signed: this statement does not show who issued it")
    assert "signer" not in json.loads(statement_bytes(unsigned))


def json_of(signed: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((signed / "st" / "statement.json").read_text())
    return found


def test_a_changed_input_is_told(folder: Path) -> None:
    value = json.loads((folder / "statement.json").read_text())
    value["uses"][0]["state_rule"] = "another rule"
    value.pop("digest")
    from sourceprint.royalties.statements.files.statement_json import statement_from_json

    changed = statement_from_json(value)
    (folder / "statement.json").write_bytes(statement_bytes(changed))
    assert any(problem.startswith("statement.json: inputs, uses: is stated as sha256:") for problem in told(folder))


def test_the_command_says_who_signed(signed: Path, tmp_path: Path) -> None:
    alone = run("audit", signed / "st")
    assert alone.exit_code == 6
    assert f"NOT VERIFIED: signed by key {KEY.public.id} (north), for which nobody vouches" in alone.stdout
    assert "nobody vouches for the key" in alone.stderr
    assert run("audit", signed / "st", "--any-key").exit_code == 0
    assert run("audit", signed / "st", "--key", signed / "north.pub").exit_code == 0
    assert run("audit", signed / "st", "--key", KEY.public.fingerprint).exit_code == 0
    assert run("audit", signed / "st", "--key", signed / "other.pub").exit_code == 6
    assert run("audit", signed / "st", "--key", signed / "other.pub", "--any-key").exit_code == 2
    assert run("audit", signed / "st", "--head", "x").exit_code == 2
    with_database = run("audit", signed / "st", "--key", signed / "north.pub", "--rights", signed / "rights.sqlite")
    assert with_database.exit_code == 0, with_database.stdout
    assert "unwitnessed, entries by kind: statement 1" in with_database.stdout


# Issued once, signed or not.


def test_a_statement_is_signed_with_the_key_that_it_was_issued_with_or_with_none(signed: Path, tmp_path: Path) -> None:
    database = Database.open(signed / "rights.sqlite")
    kept = issue(database, signer=KEY.public.text)
    assert statement_bytes(issue(database)) == statement_bytes(kept)
    with pytest.raises(StatementError, match=f"was issued signed by key {KEY.public.id} on 2027-01-02, and is never"):
        issue(database, signer=OTHER.public.text)
    with pytest.raises(StatementError, match=f"says that key {KEY.public.id} signs it, and key {OTHER.public.id} was"):
        write_statement(kept, tmp_path / "again", ("json",), key=OTHER)
    assert not (tmp_path / "again").exists()
    write_statement(kept, tmp_path / "again", ("json", "csv", "html"), key=KEY)
    for path in (signed / "st").rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(signed / "st")).read_bytes() == path.read_bytes()


def test_an_unsigned_statement_takes_no_key_later(attributed_file: Database, tmp_path: Path) -> None:
    kept = issue(attributed_file)
    with pytest.raises(
        StatementError, match="was issued unsigned on 2027-01-02, and is never changed; leave out the key"
    ):
        issue(attributed_file, signer=KEY.public.text)
    with pytest.raises(StatementError, match=f"is unsigned, and key {KEY.public.id} was given; leave out the key"):
        write_statement(kept, tmp_path / "st", ("json",), key=KEY)


# The transparency log.


def test_a_statement_keeps_a_checkpoint_of_a_log_and_names_a_log_that_disagrees(
    attributed: Database, tmp_path: Path
) -> None:
    log = Log.open(tmp_path / "log", signer=OTHER, origin="log.example/music")
    log.append([b"one", b"two"])
    checkpoint = log.view()[0]
    plain = issue(attributed, draft=True)
    folder = written(attributed, tmp_path / "st", log_checkpoint=checkpoint)
    assert json_in(folder)["log_checkpoint"] == log.checkpoint().decode("utf-8")
    assert json_in(folder)["id"].removeprefix("S") == plain.id.removeprefix("DRAFT")  # it is no input
    assert b"log_checkpoint" not in statement_bytes(plain)
    assert base64.b64encode(checkpoint.root).decode("ascii") in html.unescape((folder / "statement.html").read_text())
    log.append([b"three"])
    kept = issue(attributed, log_checkpoint=log.view()[0])
    assert statement_bytes(kept) == (folder / "statement.json").read_bytes() == statement_bytes(issue(attributed))
    assert told(folder, KEY, database=attributed) == []

    assert full_audit(folder).remarks[-1] == (
        "checkpoint of log.example/music with 2 entries; not compared with the log: give --log; "
        "signature not verified: give --log-key"
    )
    assert full_audit(folder, log=log).problems == ()
    assert full_audit(folder, log=log, log_keys=[OTHER.public]).remarks[-1] == (
        "checkpoint of log.example/music with 2 entries: the log that was given begins with exactly these; "
        "signed by its key"
    )
    rewritten = Log.open(tmp_path / "rewritten", signer=OTHER, origin="log.example/music")
    rewritten.append([b"one", b"2", b"three"])
    cut = Log.open(tmp_path / "cut", signer=OTHER, origin="log.example/music")
    cut.append([b"one"])
    another = Log.open(tmp_path / "another", signer=OTHER, origin="log.example/films")
    another.append([b"one", b"two"])
    for place, fault in (
        (rewritten.folder, "the first 2 entries of the log given have another root: it was rewritten"),
        (cut.folder, "the log given has 1 entries: it was cut, or is an older copy"),
        (another.folder, "the log given is log.example/films, another one; give the log of the checkpoint"),
        (tmp_path / "nowhere", f"{tmp_path / 'nowhere'}: holds no log: there is no file `checkpoint`; check the path"),
    ):
        found = run("audit", folder, "--any-key", "--log", place)
        assert found.exit_code == 6
        assert f"log_checkpoint: checkpoint of log.example/music with 2 entries: {fault}" in found.stdout


def test_a_checkpoint_in_a_statement_that_the_key_of_the_log_did_not_sign_is_named(
    attributed: Database, tmp_path: Path
) -> None:
    log = Log.open(tmp_path / "log", signer=OTHER, origin="log.example/music")
    log.append([b"one", b"two"])
    checkpoint = log.view()[0]
    public = tmp_path / "log.pub"
    public.write_text(OTHER.public.text)
    (mine,) = checkpoint.signatures
    forged = replace(checkpoint, signatures=(replace(mine, signature=bytes(64)),))
    imposed = replace(checkpoint, signatures=()).signed(KEY)
    for number, (held, fault) in enumerate(
        (
            (forged, "log_checkpoint: edited: its signature by key"),
            (imposed, f"log_checkpoint: not signed by key {OTHER.public.id}"),
        )
    ):
        period = f"2026-Q{3 + number}"
        folder = written(attributed, tmp_path / period, period=period, log_checkpoint=held)
        assert full_audit(folder, log=log).problems == ()  # roots alone
        for given in ((), ("--log", log.folder)):
            found = run("audit", folder, "--any-key", "--log-key", public, *given)
            assert (found.exit_code, fault in found.stdout) == (6, True), found.stdout


def test_a_log_put_back_from_a_backup_is_an_older_state_and_no_other_log(attributed: Database, tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log", signer=OTHER, origin="log.example/music")
    log.append([b"one", b"two"])
    early = log.view()[0]
    log.append([b"three"])
    folder = written(attributed, tmp_path / "st", log_checkpoint=log.view()[0])
    restored = Log.open(tmp_path / "restored", signer=OTHER, origin="log.example/music/2")
    said = {"event": RESTORED, "at": "2026-12-03", "data": predecessor_data(early)}
    restored.append([b"one", b"two", json.dumps(said).encode()])
    (problem,) = full_audit(folder, log=restored, log_keys=[OTHER.public]).problems
    assert (
        "the log given, log.example/music/2, is an older state of the same log: it was put back from a backup of 2 "
        in (problem.what)
    )
    assert "entries 2 to 2 are lost" in problem.what
    assert restored.disagreement(early) == ""
    with pytest.raises(LogError, match="another one, or an older state of this one"):
        Log.open(log.folder, signer=OTHER, origin="log.example/music/2")


def test_a_statement_without_a_checkpoint_is_not_compared_and_a_damaged_one_is_named(
    folder: Path, tmp_path: Path
) -> None:
    found = full_audit(folder, log=LogReader(tmp_path))
    assert [str(one) for one in found.problems] == [
        "statement.json: log_checkpoint: the statement holds no checkpoint of a log; leave out --log"
    ]
    value = json.loads((folder / "statement.json").read_text()) | {"log_checkpoint": "log.example\n2\n"}
    (folder / "statement.json").write_text(json.dumps(value))
    assert any("log_checkpoint: no checkpoint: lacks the empty line" in problem for problem in told(folder))


def test_the_command_puts_the_newest_checkpoint_of_a_log_into_a_statement(
    attributed_file: Database, tmp_path: Path
) -> None:
    log = Log.open(tmp_path / "log", signer=OTHER, origin="log.example/music")
    log.append([b"one"])
    rights = tmp_path / "rights.sqlite"
    asked: tuple[str | Path, ...] = ("statement", "--licensee", LICENSEE, "--period", "2026-Q3", "--rights", rights)
    asked += ("--issued", "2026-10-05", "--backdate", "for a test", "--format", "csv", "--log", log.folder)
    assert "--log: a draft" in run(*asked, "--out", tmp_path / "draft", "--draft").stderr
    made = run(*asked, "--out", tmp_path / "st")
    assert made.exit_code == 0, made.stderr
    assert "never changes" not in made.stderr
    kept = (tmp_path / "st" / "statement.json").read_bytes()
    assert json.loads(kept)["log_checkpoint"] == log.checkpoint().decode("utf-8")
    agreed = run("audit", tmp_path / "st", "--log", log.folder, "--rights", tmp_path / "rights.sqlite")
    assert agreed.exit_code == 0, agreed.stdout
    assert "checkpoint of log.example/music with 1 entries: the log that was given begins with" in agreed.stdout
    log.append([b"two"])
    again = run(*asked, "--out", tmp_path / "again")
    assert "was issued before, and never changes: the newest checkpoint of the log is not in it" in again.stderr
    assert (tmp_path / "again" / "statement.json").read_bytes() == kept
    assert run("statements", json.loads(kept)["id"], "--rights", tmp_path / "rights.sqlite", "--out",
               tmp_path / "third", "--format", "csv").exit_code == 0  # fmt: skip
    for path in (tmp_path / "st").iterdir():
        assert (tmp_path / "third" / path.name).read_bytes() == path.read_bytes()


# The day of issue.


def test_a_day_that_is_past_takes_a_reason_which_the_statement_and_the_chain_keep(attributed_file: Database) -> None:
    with pytest.raises(
        StatementError, match=r"day of issue 2026-10-05: is in the past, today is 2027-01-02; .*--backdate"
    ):
        issue(attributed_file, issued_on="2026-10-05")
    assert issue(attributed_file, issued_on="2026-10-05", draft=True).issued_on == "2026-10-05"
    reason = "the system was down"
    late = issue(attributed_file.noting(reason), issued_on="2026-10-05", backdate=reason)
    assert late.backdated == reason
    assert f"backdated: {reason}" in statement_text(late)
    with attributed_file.reading() as connection:
        head = chain_head(connection)
        note = connection.execute(chain_entry.select().where(chain_entry.c.sequence == head.sequence)).one().note
    assert note == reason
    assert statement_bytes(issue(attributed_file)) == statement_bytes(late), "issued before: the day does not matter"


# The database.


@pytest.mark.slow
def test_later_changes_are_named_by_a_holder_of_a_statement(attributed: Database, tmp_path: Path) -> None:
    first = written(attributed, tmp_path / "first")
    second = written(attributed, tmp_path / "second", period="2026-Q4")
    assert told(first, KEY, database=attributed) == told(second, KEY, database=attributed) == []
    earlier = json.loads((second / "statement.json").read_text())["inputs"]["earlier"]
    assert earlier == json.loads((first / "statement.json").read_text())["digest"]
    with attributed.reading() as connection:
        head = chain_head(connection)
    assert told(first, KEY, database=attributed, held=(head,)) == []

    with attributed._engine.begin() as connection:
        connection.execute(update(use).values(track_name="another.wav"))
    (problem,) = told(second, KEY, database=attributed)
    assert ": chain: entry " in problem
    assert problem.endswith(": was changed; attribution 1")
    with attributed._engine.begin() as connection:
        connection.execute(delete(chain_entry))
        begin_chain(connection, day="2027-01-02")
    (problem,) = told(second, KEY, database=attributed)
    assert "the chain was rewritten from there or before" in problem or "was cut or made anew" in problem

    with attributed._engine.begin() as connection:
        connection.execute(delete(statement_table).where(statement_table.c.period_label == "2026-Q3"))
    found = told(first, KEY, database=attributed)
    assert any("is not on file: it was not issued from this database, or was taken out of it" in one for one in found)
    found = told(second, KEY, database=attributed)
    assert any(f"follows a statement with digest {earlier}, and there is none on file" in one for one in found)


def test_an_old_backup_and_a_statement_taken_out_are_told_by_the_statement_and_by_a_held_head(
    attributed_file: Database, tmp_path: Path
) -> None:
    written(attributed_file, tmp_path / "first")
    with sqlite3.connect(tmp_path / "rights.sqlite") as live, sqlite3.connect(tmp_path / "old.sqlite") as copy:
        live.backup(copy)
    second = written(attributed_file, tmp_path / "second", period="2026-Q4")
    with attributed_file.reading() as connection:
        head = chain_head(connection)
    cut = f"entry {head.sequence}: is missing: the chain ends at entry {head.sequence - 1}, so it was cut or made anew"
    restored = Database.open(tmp_path / "old.sqlite")
    with attributed_file._engine.begin() as connection:
        connection.execute(delete(statement_table).where(statement_table.c.period_label == "2026-Q4"))
        connection.execute(delete(chain_entry).where(chain_entry.c.sequence == head.sequence))
    for database in (restored, attributed_file):
        found = told(second, KEY, database=database, held=(head,))
        assert any("is not on file: it was not issued from this database, or was taken out" in one for one in found)
        assert any(cut in one for one in found), found


def test_a_statement_is_computed_again_as_of_its_issue(attributed: Database, tmp_path: Path) -> None:
    first = written(attributed, tmp_path / "first")
    change_state(attributed, [use_id_of(first)], "disputed", "letter", "ann", now=NOW)
    store_rights(attributed, some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(400)))]))
    second = written(attributed, tmp_path / "second", period="2026-Q4")
    assert told(first, KEY, database=attributed) == told(second, KEY, database=attributed) == []
    with attributed.reading() as connection:
        statement = load_statement(attributed, json_in(first)["id"])
        assert recompute_statement(connection, statement).uses[0].state == "disputed", "as of now"
    with attributed.reading_past(Head.parse(statement.chain_head).sequence) as connection:
        assert statement_bytes(recompute_statement(connection, statement)) == statement_bytes(statement)

    # A statement with another amount, issued by our own code: all digests hold, its amount does not follow.
    line = replace(statement.lines[0], usages=statement.lines[0].usages + 1)
    forged = replace(statement, lines=(line, *statement.lines[1:]))
    with attributed._engine.begin() as connection:
        pieces = dict(pieces_of(forged))
        for field in ("lines", "digest"):
            content = zlib.compress(pieces.get(field, f',"digest":"{statement_digest(forged)}"'.encode()))
            part = update(statement_part).where(statement_part.c.field == field, statement_part.c.statement_row == 1)
            connection.execute(part.values(content=content))
        row = update(statement_table).where(statement_table.c.id == statement.id)
        connection.execute(row.values(digest=statement_digest(forged)))
    write_statement(forged, tmp_path / "forged", ("json",), key=KEY)
    found = told(tmp_path / "forged", KEY, database=attributed)
    changed = [one for one in found if "was changed" in one]
    assert [one.partition("entry ")[2].partition(":")[2].split(" (row")[0] for one in changed] == [
        f" statement {statement.id}", " statement_part 1 lines", " statement_part 1 digest",
    ]  # fmt: skip
    assert [one.rpartition(": lines")[2] for one in found if one not in changed] == [
        ", P-R1, payable, Master, Worldwide, R1, LIC-1, usages: is 2, and computed again from the database 1"
    ]


def test_an_added_or_removed_row_is_named_by_its_subject(attributed_file: Database, tmp_path: Path) -> None:
    statement = load_statement(attributed_file, json_in(written(attributed_file, tmp_path / "first"))["id"])
    first, *others = statement.lines
    added = replace(first, party_id="P-MALLORY")
    forged = replace(statement, lines=(added, *others))
    _, found = compare_with_database(attributed_file, forged)
    lines = [what for _, what in found if what.startswith("lines")]
    about = "payable, Master, Worldwide, R1, LIC-1"
    assert lines == [
        f"lines, P-MALLORY, {about}: is there, and not computed from the database",
        f"lines, P-R1, {about}: is missing, and is computed from the database",
    ]
    moved = replace(statement, lines=(*others, first))
    _, found = compare_with_database(attributed_file, moved)
    assert [what for _, what in found if what.startswith("lines")] == []


def test_notes_beside_statements_that_were_forged_are_found_by_computing_again(
    attributed_file: Database, tmp_path: Path
) -> None:
    first = written(attributed_file, tmp_path / "first")
    change_state(attributed_file, [use_id_of(first)], "disputed", "letter", "ann", now=NOW)
    with attributed_file._engine.begin() as connection:
        mark = json.loads(connection.scalar(select(statement_mark.c.mark)) or "")
        connection.execute(update(statement_mark).values(mark=json.dumps({**mark, "event": 99})))
    second = written(attributed_file, tmp_path / "second", period="2026-Q4")
    assert json_in(second)["adjustments"] == [], "the decision seems to be an old one"
    found = told(second, KEY, database=attributed_file)
    assert any(", P-R1, payable, Master, Worldwide, R1, LIC-1: is missing, and is computed" in one for one in found)


def use_id_of(folder: Path) -> str:
    return str(json.loads((folder / "statement.json").read_text())["uses"][0]["id"])


def json_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "statement.json").read_text())
    return found


def test_a_decision_after_a_statement_is_unwitnessed_and_no_problem(attributed_file: Database, tmp_path: Path) -> None:
    folder = written(attributed_file, tmp_path / "st")
    with attributed_file.writing() as connection:
        row = {"use_id": "U1", "state": "disputed", "reason": "r", "document": "", "made_at": "x", "made_by": "ann"}
        connection.execute(insert(use_event), row)
    found = full_audit(folder, database=attributed_file)
    assert found.problems == ()
    assert found.chain is not None
    assert found.chain.unwitnessed == {"decision": 1, "statement": 1}
    kept = load_statement(attributed_file, json.loads((folder / "statement.json").read_text())["id"])
    assert statement_digest(kept) == json.loads((folder / "statement.json").read_text())["digest"]
