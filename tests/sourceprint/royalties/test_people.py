"""Names that may act, and the reason that any other name needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerprint.errors import ParameterError, UnknownRightsError
from sourceprint.royalties.people import acting, add_people, list_people, remove_people
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from tests.command_line import run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCEPRINT_ACTOR", "ann")
    monkeypatch.setenv("SOURCEPRINT_RIGHTS", str(tmp_path / "rights.sqlite"))
    return tmp_path


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return [one.name for one in list_people(connection)]


def test_the_user_who_runs_it_and_those_on_the_list_may_act(place: Path) -> None:
    database = Database.open(place / "rights.sqlite", create=True)
    assert acting(database, None) is database
    assert acting(database, " ann ") is database
    assert add_people(database, ["bo", "cy", "bo"]) == ["bo", "cy"]
    assert add_people(database, ["bo"]) == []
    assert acting(database, "bo") is database
    assert remove_people(database, ["bo"]) == ["bo"]
    assert names(database) == ["cy"]
    for name in ("bo", "di"):
        with pytest.raises(
            ParameterError,
            match=f"--by {name}: is neither ann, who runs this, nor on the list .*`sourceprint rights people add`",
        ):
            acting(database, name)
    with pytest.raises(UnknownRightsError, match="di: is not on the list of people"):
        remove_people(database, ["cy", "di"])
    assert names(database) == ["cy"], "all that are named, or none"
    with database.reading() as connection:
        verdict = verify_chain(connection)
    assert verdict.holds
    assert verdict.unwitnessed == {"origin": 1, "person": 2}


@pytest.mark.parametrize(("reason", "told"), [(" ", "(here: 0)"), ("x" * 2001, "(here: 2001)")])
def test_a_reason_is_one(place: Path, reason: str, told: str) -> None:
    database = Database.open(place / "rights.sqlite", create=True)
    with pytest.raises(ParameterError, match="--backdate: write a reason of 1 to 2000 characters") as caught:
        acting(database, "bo", backdate=reason)
    assert told in str(caught.value)


def test_a_name_is_one(place: Path) -> None:
    with pytest.raises(ParameterError, match="must have 1 to 200 characters"):
        add_people(Database.open(place / "rights.sqlite", create=True), [" "])


def test_commands_refuse_an_unknown_name_and_keep_the_reason(place: Path) -> None:
    table = place / "rights.csv"
    table.write_text("recording_id,title,artist,isrc\nR1,Song,Ann,QZ-AAA-26-00001\n")
    for words in (
        ("rights", "import", table),
        ("attribute", table, "--policy", "equal", "--licensee", "P1"),
        ("uses", "set", "claimed", "U1", "--reason", "ok"),
        ("statement", "--licensee", "P1", "--period", "2026-Q3", "--out", place / "st"),
    ):
        refused = run(*words, "--by", "bo")
        assert refused.exit_code == 2, words
        assert "--by bo: is neither ann, who runs this, nor on the list of people" in refused.stderr
    assert run("rights", "import", table, "--by", "bo", "--backdate", "Bo is ill").exit_code == 0
    assert "entry 2 notes: Bo is ill" in run("rights", "verify").stdout


def test_the_list_is_kept_on_the_command_line(place: Path) -> None:
    assert run("rights", "people", "add", "Bo", "Cy").stderr.endswith("2 names added\n")
    assert run("rights", "people", "remove", "Cy").stderr.endswith("1 name removed\n")
    lines = run("rights", "people", "list").stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Bo ")
    assert lines[1].endswith(" ann")
    assert '"name": "Bo"' in run("rights", "people", "list", "--json").stdout
    assert run("rights", "people", "remove", "Di").exit_code != 0
