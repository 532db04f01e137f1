"""Who opted in and out comes in as tables and lists, and decides by recording, work, party, purpose, place and day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.deals.optin import opt_report, opt_report_text, opt_report_to_json
from sourceprint.royalties.deals.standing import opted_out, standing_of, term_ended
from sourceprint.royalties.rights.checks import Records, check_rights
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.records import OptChoice, RecordingWork
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.tables.exports import export_rights
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import ImportReport
from sourceprint.royalties.uses.shares import UseShares
from tests.command_line import run
from tests.royalty_records import a_licence, a_party, a_recording, a_share, a_use, a_work, only_in, store_rights

DAY = date(2026, 7, 14)


def a_choice(subject: str, subject_id: str, choice: str = "out", **fields: Any) -> OptChoice:
    return OptChoice(
        **{"id": f"O-{subject}-{subject_id}-{choice}", **fields}, subject=subject, subject_id=subject_id, choice=choice
    )


def rights_with(*choices: OptChoice) -> Rights:
    """Return R1 of P-R, which performs W1 of P-W, with choices for them."""
    return Rights.of(
        recordings=[a_recording("R1", isrc="QZAAA2600001")],
        works=[a_work("W1", iswc="T0345246801")],
        parties=[a_party("P-R"), a_party("P-W")],
        links=[RecordingWork("R1", "W1")],
        master_shares=[a_share("R1", "P-R")],
        work_shares=[a_share("W1", "P-W", "PerformingRight", valid_to=date(2026, 9, 30))],
        choices=choices,
    )


def imported(database: Database, folder: Path, text: str, name: str = "optouts.csv", **how: Any) -> ImportReport:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return import_rights(database, [path], **how)


# Standing.


@pytest.mark.parametrize(
    ("choice", "recording_id", "work_id"),
    [
        (a_choice("recording", "R1"), "R1", ""),
        (a_choice("isrc", "QZAAA2600001"), "R1", ""),
        (a_choice("party", "P-R"), "R1", ""),
        (a_choice("work", "W1"), "", "W1"),
        (a_choice("iswc", "T0345246801"), "", "W1"),
        (a_choice("party", "P-W"), "", "W1"),
    ],
)
def test_an_opt_out_covers_its_subject_alone(choice: OptChoice, recording_id: str, work_id: str) -> None:
    rights = rights_with(choice)
    said = opted_out(rights, recording_id, work_id, "train", "DE", DAY)
    assert said == f"{choice.subject} {choice.subject_id} opted out of train"
    other = ("R1", "") if work_id else ("", "W1")
    assert not opted_out(rights, *other, "train", "DE", DAY)
    assert opted_out(rights, "R1", "W1", "train", "DE", DAY) == said


@pytest.mark.parametrize(
    ("fields", "purpose", "territory", "day", "out"),
    [
        ({"purposes": ("train",)}, "train", "DE", DAY, True),
        ({"purposes": ("train",)}, "generate", "DE", DAY, False),
        ({"territories": only_in("DE")}, "train", "DE", DAY, True),
        ({"territories": only_in("DE")}, "train", "FR", DAY, False),
        ({"territories": only_in("DE")}, "train", "Worldwide", DAY, True),
        ({"valid_from": DAY}, "train", "DE", date(2026, 7, 13), False),
        ({"valid_from": DAY}, "train", "DE", DAY, True),
        ({"valid_to": DAY}, "train", "DE", DAY, True),
        ({"valid_to": DAY}, "train", "DE", date(2026, 7, 15), False),
    ],
)
def test_an_opt_out_holds_for_its_purposes_places_and_days(
    fields: dict[str, Any], purpose: str, territory: str, day: date, out: bool
) -> None:
    rights = rights_with(a_choice("recording", "R1", **fields))
    assert bool(opted_out(rights, "R1", "", purpose, territory, day)) is out


def test_a_party_that_has_sold_its_share_speaks_for_it_no_more() -> None:
    rights = rights_with(a_choice("party", "P-W"))
    assert opted_out(rights, "", "W1", "train", "DE", date(2026, 9, 30))
    assert not opted_out(rights, "", "W1", "train", "DE", date(2026, 10, 1))


def test_an_opt_out_of_the_work_prevails_over_an_opt_in_of_the_recording() -> None:
    opted_in = a_choice("recording", "R1", "in", weight_millionths=3)
    standing = standing_of(rights_with(opted_in), "R1", "train", "DE", DAY)
    assert (standing.choice, standing.choice_id, standing.weight_millionths) == ("in", opted_in.id, 3)
    both = rights_with(opted_in, a_choice("work", "W1", territories=only_in("DE"), reason="her letter"))
    assert standing_of(both, "R1", "train", "DE", DAY).reason == "work W1 opted out of train in DE: her letter"
    assert standing_of(both, "R1", "train", "FR", DAY).choice == "in"
    assert standing_of(both, "R1", "train", "Worldwide", DAY).choice == "out"


def test_an_opt_in_of_a_country_or_of_the_work_is_none_of_the_recording_worldwide() -> None:
    rights = rights_with(a_choice("recording", "R1", "in", territories=only_in("DE")), a_choice("work", "W1", "in"))
    assert standing_of(rights, "R1", "train", "Worldwide", DAY).choice == ""
    assert standing_of(rights, "R1", "train", "FR", DAY, works_alone=True).choice == "in"
    assert standing_of(rights_with(), "R1", "train", "DE", DAY).reason == "nothing was chosen"


def test_a_term_has_ended_where_every_master_share_has() -> None:
    ended = [a_share("R1", "P-A", millionths=500_000, valid_to=date(2026, 6, 30))]
    rights = Rights.of(master_shares=[*ended, a_share("R1", "P-B", millionths=500_000, valid_to=date(2026, 7, 13))])
    assert term_ended(rights, "R1", "DE", DAY) == "the last master share of R1 in DE ended on 2026-07-13"
    assert not term_ended(rights, "R1", "DE", date(2026, 7, 13))
    assert not term_ended(Rights.of(master_shares=[*ended, a_share("R1", "P-B", millionths=1)]), "R1", "DE", DAY)
    assert not term_ended(Rights.of(), "R1", "DE", DAY)  # no term on file


# Tables, lists and the report, on both databases.


def test_a_list_comes_in_by_code_and_is_reported(database: Database, tmp_path: Path) -> None:
    store_rights(database, rights_with())
    report = imported(
        database,
        tmp_path,
        "ISRC,Title,choice,purpose,territories,valid_from,reason\n"
        "QZ-AAA-26-00001,One,in,train,,2026-01-01,contract 7\n"
        "QZAAA2600001,One,opt-out,train,DE,2026-07-01,letter\n"
        "QZAAA2600099,Not ours,out,,,,\n",
        by="Ann",
    )
    assert report.imported
    assert report.applied["opt"].added == 3
    with database.reading() as connection:
        rights = load_rights(connection, recording_ids=["R1"])
        assert opted_out(rights, "R1", "", "train", "DE", DAY) == (
            "isrc QZAAA2600001 opted out of train in DE from 2026-07-01: letter"
        )
        here = opt_report(connection, purpose="train", territory="DE", day=DAY)
        before = opt_report(connection, purpose="train", territory="DE", day=date(2026, 6, 30))
        other = opt_report(connection, purpose="generate", territory="FR", day=DAY)
        with pytest.raises(UnknownRightsError, match="recording R9: is not on file"):
            opt_report(connection, purpose="train", territory="DE", day=DAY, recording_ids=["R9"])
    assert [(one.recording_id, one.choice, one.made_by) for one in here.entries] == [("R1", "out", "Ann")]
    assert [(one.choice, one.reason) for one in before.entries] == [
        ("in", "isrc QZAAA2600001 opted in to train from 2026-01-01: contract 7")
    ]
    assert [(one.choice, one.reason) for one in other.entries] == [
        ("", "no choice on file holds for generate in FR on 2026-07-14")
    ]
    assert here.without_recording == ("isrc QZAAA2600099",)
    assert opt_report_text(here).splitlines()[-2:] == [
        "train in DE on 2026-07-14, rights revision 2: 0 recordings in, 1 out, 0 with choices that do not hold there "
        "and then, 0 without any choice",
        "choices without a recording on file: isrc QZAAA2600099",
    ]
    assert json.loads(json.dumps(opt_report_to_json(here)))["entries"][0]["reason"].endswith("letter")


def test_the_same_row_with_another_choice_changes_the_record_on_file(database: Database, tmp_path: Path) -> None:
    store_rights(database, rights_with())
    row = "recording_id,choice,weight\nR1,{},{}\n"
    imported(database, tmp_path, row.format("in", "2.5"))
    assert imported(database, tmp_path, row.format("in", "2.5")).applied["opt"].unchanged == 1
    assert imported(database, tmp_path, row.format("out", "")).applied["opt"].changed == 1
    with database.reading() as connection:
        now = load_rights(connection, recording_ids=["R1"])
        then = load_rights(connection, recording_ids=["R1"], revision=2)
    assert standing_of(now, "R1", "train", "DE", DAY).choice == "out"
    assert standing_of(then, "R1", "train", "DE", DAY).weight_millionths == 2_500_000


def test_an_export_brings_choices_back_as_they_are(database: Database, tmp_path: Path) -> None:
    store_rights(database, rights_with())
    imported(
        database,
        tmp_path,
        "work_id,party_id,choice,purposes,territories,valid_from,valid_to,weight,reason\n"
        "W1,,out,generate|train,World ex US,2026-01-01,2026-12-31,,\n,P-R,in,,,,,0.000001,yes\n",
    )
    export_rights(database, tmp_path / "out")
    again = import_rights(database, [tmp_path / "out"])
    assert again.revision is None
    assert again.applied["opt"].unchanged == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "rule", "remedy"),
    [
        ("R1,W1,in,,,", "subject", "names recording and work; a row needs exactly one of"),
        (",,in,,,", "subject", "names no subject; a row needs exactly one of"),
        ("R1,,maybe,,,", "choice", "'maybe': write in or out"),
        ("R1,,in,sing,,", "purposes", "'sing': write train, generate, reference-audio"),
        ("R1,,in,,-1,", "weight", "'-1': write a number from 0 to 1000000000000"),
        ("R1,,in,,1.0000001,", "weight", "with at most six decimals"),
        ("R1,,in,,,Atlantis", "territory", "Atlantis"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(tmp_path: Path, row: str, rule: str, remedy: str) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    store_rights(database, rights_with())
    text = f"recording_id,work_id,choice,purpose,weight,territories\n{row}\nR1,,out,,,\n"
    report = imported(database, tmp_path, text)
    assert not report.imported
    assert [problem.rule for problem in report.problems if problem.severity == "error"] == [rule]
    assert remedy in report.problems[0].remedy


def test_a_choice_about_nothing_on_file_is_noted() -> None:
    recordings = rights_with().recordings.values()
    choices = [a_choice("isrc", "QZAAA2600099"), a_choice("recording", "R1")]
    found = [one for one in check_rights(Records(recordings=recordings, choices=choices)) if one.kind == "dead_link"]
    assert [(one.severity, one.subject) for one in found] == [("note", "choice O-isrc-QZAAA2600099-out")]


def test_the_command_reports_who_is_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "rights.sqlite"
    monkeypatch.setenv("SOURCEPRINT_RIGHTS", str(place))
    database = Database.open(place, create=True)
    store_rights(database, rights_with())
    imported(database, tmp_path, "isrc,choice,purpose\nQZAAA2600001,out,train\n", by="Ann")
    result = run("rights", "optin", "--on", "2026-07-14")
    assert result.exit_code == 0, result.stderr
    printed = result.stdout
    assert "R1         QZAAA2600001  Title of R1  out     isrc QZAAA2600001 opted out of train" in printed
    report = json.loads(run("rights", "optin", "R1", "--territory", "de", "--on", "2026-07-14", "--json").stdout)
    assert (report["schema"], report["territory"], report["entries"][0]["choice"]) == (
        "sourceprint/opt-report/1", "DE", "out",
    )  # fmt: skip


# Uses of recordings and works that are opted out, or past their term.


def outcomes(rights: Rights, **fields: Any) -> dict[tuple[str, str], tuple[str, str]]:
    use = a_use(territories=("DE", "FR"), **fields)
    said = UseShares(replace(rights, licences={"LIC-1": a_licence()})).outcomes(use)
    return {(one.territory, one.right): (one.outcome.outcome, one.outcome.rule) for one in said}


def test_a_use_of_an_opted_out_recording_has_its_own_outcome() -> None:
    rights = rights_with(a_choice("recording", "R1", territories=only_in("DE"), valid_from=date(2026, 7, 14)))
    out = ("opted_out", "recording R1 opted out of generate in DE from 2026-07-14")
    said = outcomes(rights, generated_on="2026-07-14")
    assert said["DE", "Master"] == out
    assert said["FR", "Master"] == said["DE", "PerformingRight"] == ("licensed", "")
    assert outcomes(rights, generated_on="2026-07-13")["DE", "Master"] == ("licensed", "")
    assert outcomes(rights, purpose="train")["DE", "Master"][0] == "opted_out"
    of_work = outcomes(rights_with(a_choice("work", "W1")))
    assert (of_work["DE", "Master"][0], of_work["DE", "PerformingRight"][0]) == ("licensed", "opted_out")


def test_a_use_of_a_recording_past_its_term_has_an_outcome_of_its_own() -> None:
    rights = rights_with()
    ended = replace(rights, master_shares={"R1": (a_share("R1", "P-R", valid_to=date(2026, 7, 13)),)})
    said = outcomes(ended, generated_on="2026-07-14")
    assert said["DE", "Master"] == ("term_ended", "the last master share of R1 in DE ended on 2026-07-13")
    assert said["DE", "PerformingRight"] == ("licensed", "")
    assert outcomes(ended, generated_on="2026-07-13")["DE", "Master"] == ("licensed", "")
