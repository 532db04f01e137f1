"""No space left for the database: attributions, usage reports and adjustments by hand leave it as it was."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pytest

from sourceprint.royalties.rights import engine
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from tests.command_line import run
from tests.royalty_records import LICENSEE, a_match, a_passage, a_scan_result
from tests.sourceprint.royalties.test_deal_statements import a_deal, attribute, issue

SET_UP = engine._set_up_sqlite
TODAY = date(2027, 1, 2)


@contextmanager
def full(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a database no more pages than it has."""
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()

    def set_up(connection: sqlite3.Connection, record: object) -> None:
        SET_UP(connection, record)
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with patch.context() as inside:
        inside.setattr(engine, "_set_up_sqlite", set_up)
        yield


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.fixture(scope="module")
def made(new_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a database and the files of the three commands; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    database = Database.open(shutil.copyfile(new_sqlite, folder / "rights.sqlite"))
    a_deal(database, audit_window_months=6)
    attribute(database, folder, "2026-02-01", "a.wav")
    first = issue(database, "2026-Q1")
    rows = [f"{first.id},P-LABEL,{n}.00,settled {'x' * 1500},LIC-1" for n in range(1, 20)]
    (folder / "adjust.csv").write_text("statement,party_id,amount,reason,licence_id\n" + "\n".join(rows) + "\n")
    (folder / "usage.csv").write_text("track,territory,usages\n" + "".join(f"{n}.wav,DE,1\n" for n in range(500)))
    results = [a_scan_result(f"{n}.wav", a_match("R1", a_passage(0, 9_000))) for n in range(20)]
    (folder / "results.jsonl").write_text("".join(json.dumps(result) + "\n" for result in results))
    return folder


COMMANDS: dict[str, tuple[str, ...]] = {
    "attribute": ("attribute", "results.jsonl", "--policy", "fixed-fee", "--generated", "2026-11-01"),
    "usage": ("usage", "enter", "usage.csv", "--period", "2026-Q3"),
    "adjust": ("statement", "--period", "2026-Q4", "--adjust", "adjust.csv", "--out", "st"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_leaves_the_database_as_it_was(
    made: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sourceprint.commands.money.today", lambda: TODAY)
    path = tmp_path / "rights.sqlite"
    words: tuple[str | Path, ...] = (*COMMANDS[name], "--licensee", LICENSEE, "--rights", path)
    before, files = content(path), sorted(tmp_path.iterdir())
    with full(path, monkeypatch):
        refused = run(*words)
    said = "no space left on the disk; earlier commits are safe; free some space and run the command again"
    assert (refused.exit_code, refused.stdout, refused.stderr) == (4, "", f"Error: {path}: {said}\n")
    assert content(path) == before
    assert sorted(tmp_path.iterdir()) == files
    done = run(*words)
    assert done.exit_code == 0, done.stderr
    assert content(path) != before
    with Database.open(path).reading() as connection:
        assert verify_chain(connection).holds
