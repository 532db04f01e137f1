"""Naming the recording of a use that was left open: the payee, refused names, and the fate of the decision."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError, RightsError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licences import Scope
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.ledger import attribute_results, current_uses, list_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state, change_to_json, contenders_of, lacks_recording, use_history
from sourceprint.royalties.uses.use import Use
from sourceprint.royalties.uses.uses_text import AttributionReport
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    a_use,
    a_use_passage,
    cents,
    only_in,
    some_rights,
    store_rights,
)

# Both recordings claim the same 10 s with as much evidence, so that nobody can tell which of them it is.
OPEN = a_scan_result("one.wav", a_match("R1", a_passage(0, 10_000)), a_match("R2", a_passage(0, 10_000)))
OTHERS_WORK = {"R1": ["W1"], "R2": ["W2"]}
SAME_WORK = {"R1": ["W1"], "R2": ["W1"]}
PAYING = [a_licence(rate_card=a_rate_card(per_second=Fraction(20)))]


def entered(
    database: Database, folder: Path, rights: Rights | None = None, policy: str = "matched-seconds"
) -> AttributionReport:
    if rights is not None:
        store_rights(database, rights)
    path = folder / "results.jsonl"
    path.write_text(json.dumps(OPEN) + "\n")
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    return attribute_results(
        database, path, load_policy(policy), licensee=LICENSEE, generated_on="2026-07-14", by="ann", now=now
    )


def uses_in(database: Database) -> list[Use]:
    with database.reading() as connection:
        return list(current_uses(connection, LICENSEE))


def open_use(database: Database) -> Use:
    (found,) = [use for use in uses_in(database) if use.layer == "recording" and use.state != "withdrawn"]
    return found


def stated(database: Database) -> Statement:
    return issue_statement(
        database,
        licensee=LICENSEE,
        period=Period.parse("2026-Q3"),
        issued_on="2026-10-05",
        draft=True,
        by="ann",
        today=date(2026, 10, 5),
    )


def paid(statement: Statement) -> dict[tuple[str, str, str], Fraction | int]:
    return {(line.kind, line.party_id, line.right): cents(line.gross) for line in statement.lines}


def test_uses_that_lack_a_recording() -> None:
    contested = (a_use_passage(0, 9_000, contenders=("R2", "R1", "asset:x")),)
    assert not lacks_recording(a_use())
    assert lacks_recording(a_use(recording_id="", passages=contested))
    assert contenders_of(a_use(recording_id="", passages=contested)) == ("R1", "R2")
    assert contenders_of(a_use(passages=contested)) == ()
    composition = a_use(recording_id="", layer="composition", work_ids=("W1",), passages=contested)
    assert not lacks_recording(composition)
    assert contenders_of(composition) == ()
    assert lacks_recording(a_use(recording_id="", layer="composition"))


def test_the_recording_that_is_named_is_paid_with_its_works(database: Database, tmp_path: Path) -> None:
    entered(database, tmp_path, some_rights(OTHERS_WORK, licences=PAYING))
    use = open_use(database)
    assert (use.recording_id, use.work_ids, use.state) == ("", (), "unresolved")
    assert {kind for kind, _, _ in paid(stated(database))} == {"held"}
    change_state(database, [use.id], "resolved", "heard", "bob", recording_id="R2")
    named = open_use(database)
    assert (named.id, named.recording_id, named.work_ids) == (use.id, "R2", ("W2",))
    assert (named.state, named.state_rule) == ("resolved", "named R2: heard")
    # 10 s at 0.20 EUR: half to the master, a quarter to each right of the work.
    assert paid(stated(database)) == {
        ("payable", "P-R2", MASTER): 100,
        ("payable", "P-W2", "MechanicalRight"): 50,
        ("payable", "P-W2", "PerformingRight"): 50,
    }
    with database.reading() as connection:
        history = use_history(connection, use.id)
    assert [change_to_json(change)["recording_id"] for change in history] == ["", "R2"]


def test_the_work_that_was_certain_is_not_paid_twice(database: Database, tmp_path: Path) -> None:
    entered(database, tmp_path, some_rights(SAME_WORK, licences=PAYING))
    before = paid(stated(database))
    assert before == {
        ("held", "", MASTER): 100,
        ("payable", "P-W1", "MechanicalRight"): 50,
        ("payable", "P-W1", "PerformingRight"): 50,
    }
    change_state(database, [open_use(database).id], "resolved", "heard", recording_id="R1")
    after = paid(stated(database))
    assert after == {
        ("payable", "P-R1", MASTER): 100,
        ("payable", "P-W1", "MechanicalRight"): 50,
        ("payable", "P-W1", "PerformingRight"): 50,
    }
    change_state(database, [open_use(database).id], "disputed", "letter of 3 October")
    assert paid(stated(database)) == before


def test_the_licences_are_those_of_the_recording_that_is_named(database: Database, tmp_path: Path) -> None:
    only_first = a_licence(scope=Scope(recordings=("R1",)), territories=only_in("DE"))
    entered(database, tmp_path, some_rights(OTHERS_WORK, licences=[only_first]))
    use = open_use(database)
    change_state(database, [use.id], "resolved", "heard", recording_id="R2")
    ((_, outcomes),) = list_uses(database, LICENSEE)
    assert {(one.territory, one.outcome.outcome) for one in outcomes} == {("Worldwide", "no_licence")}


def test_nobody_is_named_who_did_not_claim_the_time(database: Database, tmp_path: Path) -> None:
    entered(database, tmp_path, some_rights({**OTHERS_WORK, "R3": ["W3"]}))
    use = open_use(database)
    with pytest.raises(RightsError, match=rf"use {use.id}: may be of R1, R2, and cannot be named 'R3'"):
        change_state(database, [use.id], "resolved", "heard", recording_id="R3")
    with pytest.raises(ParameterError, match="recording R1: is named with state resolved, not claimed"):
        change_state(database, [use.id], "claimed", "heard", recording_id="R1")
    for state in ("claimed", "resolved"):
        with pytest.raises(
            RightsError, match=r"its recording is open, one of R1, R2; resolve it and name the recording"
        ):
            change_state(database, [use.id], state, "so")
    assert open_use(database).state == "unresolved"


def test_a_use_that_is_of_a_recording_is_not_named_another(database: Database, tmp_path: Path) -> None:
    store_rights(database, some_rights(OTHERS_WORK))
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)))) + "\n")
    attribute_results(database, path, load_policy("equal"), licensee=LICENSEE, generated_on="2026-07-14")
    use = open_use(database)
    change_state(database, [use.id], "disputed", "letter")
    with pytest.raises(RightsError, match=rf"use {use.id}: is of R1 already, and cannot be named 'R2'"):
        change_state(database, [use.id], "resolved", "heard", recording_id="R2")


def test_a_recording_that_is_not_on_file_cannot_be_claimed(database: Database, tmp_path: Path) -> None:
    store_rights(database, some_rights(OTHERS_WORK))
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(a_scan_result("one.wav", a_match("R9", a_passage(0, 9_000)))) + "\n")
    attribute_results(database, path, load_policy("equal"), licensee=LICENSEE, generated_on="2026-07-14")
    with pytest.raises(RightsError, match="its recording is not on file, or not one alone"):
        change_state(database, [open_use(database).id], "claimed", "heard")


def test_the_name_goes_on_to_the_use_in_place(database: Database, tmp_path: Path) -> None:
    entered(database, tmp_path, some_rights(OTHERS_WORK))
    before = open_use(database)
    change_state(database, [before.id], "resolved", "heard", recording_id="R2")
    assert entered(database, tmp_path).unchanged == 1
    report = entered(database, tmp_path, policy="equal")
    after = open_use(database)
    assert (report.superseded, report.carried_over, report.decisions_without_use) == (1, 1, ())
    assert after.id != before.id
    assert (after.recording_id, after.work_ids, after.policy_digest) == ("R2", ("W2",), load_policy("equal").digest)
    assert after.state_rule == f"named R2: carried over from {before.id}: heard"
