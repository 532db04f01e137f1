"""Issuing: once for a period, kept to the byte; later facts are adjustments, never changes."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from fingerprint.errors import ParameterError, StatementError, UnknownRightsError, VerificationError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.rights.schema import statement as statement_table
from sourceprint.royalties.rights.schema import statement_part
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.files.folder import statement_files
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes, statement_digest
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.register import (
    issued_within,
    list_statements,
    load_statement,
    statement_text,
)
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    a_share,
    cents,
    sha_of,
    some_rights,
    store_rights,
)

Q3, Q4 = Period.parse("2026-Q3"), Period.parse("2026-Q4")
FEE = load_policy("fixed-fee")
ONE = a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)), a_match("R2", a_passage(20_000, 29_000)))
TWO = a_scan_result("two.wav", a_match("R1", a_passage(0, 9_000)))
NOW = datetime(2026, 10, 2, 10, 0, 0, tzinfo=UTC)


def rights_with(revision: int = 1, **card: Any) -> Rights:
    """Return rights under which each match costs 4.00 EUR."""
    return some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(400), **card))], revision=revision)


@pytest.fixture
def attributed(database: Database, tmp_path: Path) -> Database:
    store_rights(database, rights_with())
    attribute(database, tmp_path, ONE, generated_on="2026-07-14")
    return database


def attribute(database: Database, folder: Path, *results: dict[str, Any], generated_on: str, **options: Any) -> None:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    attribute_results(
        database,
        path,
        **{"policy": FEE, "licensee": LICENSEE, "generated_on": generated_on, "by": "ann", "now": NOW, **options},
    )


def issue(database: Database, period: Period = Q3, **options: Any) -> Statement:
    after = period.end + timedelta(days=2)  # for the third quarter, 2026-10-02
    defaults: dict[str, Any] = {
        "licensee": LICENSEE, "issued_on": after.isoformat(), "by": "ann", "now": NOW, "today": after,
    }  # fmt: skip
    return issue_statement(database, period=period, **{**defaults, **options})


def kept(database: Database) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(statement_table)) or 0


def use_of(database: Database, recording_id: str) -> str:
    with database.reading() as connection:
        (use_id,) = [use.id for use in current_uses(connection, LICENSEE) if use.recording_id == recording_id]
    return use_id


def test_a_statement_is_issued_and_kept_to_the_byte(attributed: Database) -> None:
    statement = issue(attributed)
    prove(statement)
    assert {balance.party_id: cents(balance.paid) for balance in statement.balances} == dict.fromkeys(
        ["P-R1", "P-R2", "P-W1", "P-W2"], 200
    )
    assert statement.licensee.name == "Gen"
    assert load_statement(attributed, statement.id) == statement
    (entry,) = list_statements(attributed, LICENSEE)
    assert (entry.id, entry.period, entry.issued_by, entry.digest) == (
        statement.id,
        "2026-Q3",
        "ann",
        statement_digest(statement),
    )
    assert list_statements(attributed, "P-OTHER") == []


def test_a_statement_that_an_earlier_version_kept_as_one_text_is_read(attributed: Database) -> None:
    statement, next_one = issue(attributed), issue(attributed, Q4, draft=True)
    with attributed._engine.begin() as connection:
        assert connection.scalar(select(statement_table.c.document)) == ""
        connection.execute(delete(statement_part))
        connection.execute(update(statement_table).values(document=statement_bytes(statement).decode()))
    assert load_statement(attributed, statement.id) == statement
    assert issue(attributed, Q4, draft=True) == next_one


def test_a_damaged_part_of_a_statement_is_refused_and_named(attributed: Database) -> None:
    statement = issue(attributed)

    def damage(field: str, content: bytes) -> None:
        with attributed._engine.begin() as connection:
            connection.execute(update(statement_part).where(statement_part.c.field == field).values(content=content))

    damage("balances", zlib.compress(b',"balances":[]'))
    with pytest.raises(VerificationError, match="altered after it was written"):
        load_statement(attributed, statement.id)
    with pytest.raises(VerificationError, match="altered after it was written"):
        issue(attributed, Q4, draft=True)
    with attributed.reading() as connection:
        (problem,) = verify_chain(connection).problems
    assert (problem.table, problem.id) == ("statement_part", "1 balances")
    damage("lines", b"no zlib")
    with pytest.raises(StatementError, match="not JSON"):
        load_statement(attributed, statement.id)


def test_issuing_the_same_again_returns_the_stored_statement(attributed: Database) -> None:
    first = issue(attributed)
    again = issue(attributed, issued_on="2026-12-24", now=datetime(2026, 12, 24, tzinfo=UTC))
    assert statement_bytes(again) == statement_bytes(first)
    assert kept(attributed) == 1


def test_issuing_again_with_other_inputs_is_refused_and_a_draft_shows_them(attributed: Database) -> None:
    first = issue(attributed)
    change_state(attributed, [use_of(attributed, "R2")], "disputed", "letter of 3 October")
    with pytest.raises(StatementError, match=r"was issued on 2026-10-02 from other inputs.*draft.*next period"):
        issue(attributed)
    draft = issue(attributed, draft=True)
    assert draft.id.startswith("DRAFT-P-GEN-2026-Q3-")
    assert {line.kind for line in draft.lines if line.recording_id == "R2"} == {"held"}
    assert (kept(attributed), load_statement(attributed, first.id)) == (1, first)


@pytest.mark.parametrize(
    ("today", "issued_on", "message"),
    [
        (
            date(2026, 9, 30),
            "2026-10-02",
            r"2026-Q3: ends on 2026-09-30, and today is 2026-09-30; state it from 2026-10-01",
        ),
        (date(2026, 10, 1), "2026-09-30", r"and the day of issue is 2026-09-30; .* or give --provisional"),
    ],
)
def test_a_period_that_has_not_ended_is_stated_provisionally_alone(
    attributed: Database, today: date, issued_on: str, message: str
) -> None:
    for draft in (False, True):
        with pytest.raises(StatementError, match=message):
            issue(attributed, today=today, issued_on=issued_on, draft=draft)
    assert kept(attributed) == 0
    so_far = issue(attributed, today=today, issued_on=issued_on, provisional=True)
    assert so_far.id.startswith("PROVISIONAL-P-GEN-2026-Q3-")
    assert so_far.provisional
    assert kept(attributed) == 0


def test_a_provisional_statement_changes_no_other(attributed: Database) -> None:
    so_far = issue(attributed, provisional=True)
    issued = issue(attributed)
    assert (issued.provisional, issued.adjustments, kept(attributed)) == (False, (), 1)
    assert not any(balance.opening for balance in issued.balances)  # none of it counts as paid
    assert replace(so_far, id="S" + so_far.id.removeprefix("PROVISIONAL"), provisional=False) == issued
    assert issue(attributed, today=date(2026, 10, 1), issued_on="2026-10-01", provisional=True).id != issued.id
    for period, is_stated in (("2026-Q3", True), ("2026-08", True), ("2026", True), ("2026-Q4", False)):
        found = issued_within(attributed, "P-GEN", Period.parse(period))
        assert [one.id for one in found] == [issued.id] * is_stated
    assert issued_within(attributed, "P-OTHER", Period.parse("2026-Q3")) == []


def test_a_provisional_statement_says_so_wherever_it_is_shown(attributed: Database) -> None:
    so_far = issue(attributed, provisional=True)
    assert statement_text(so_far).startswith("PROVISIONAL: not issued, and nothing is owed by it\n\nPROVISIONAL-P-GEN-")
    files = dict(statement_files(so_far))
    assert not [name for name in files if name.startswith("dsr/")]  # a report in that format cannot say it
    assert json.loads(files["statement.json"])["provisional"] is True
    assert parse_statement(files["statement.json"]) == so_far
    assert "PROVISIONAL-P-GEN-2026-Q3-" in files["statement.csv"].decode().splitlines()[1]
    pages = [data.decode() for name, data in files.items() if name.endswith(".html")]
    assert len(pages) > 1
    for page in pages:
        assert "<title>Provisional: Statement of royalties 2026-Q3" in page
        assert "<h1>Provisional statement of royalties, 2026-Q3</h1>" in page
        assert "It was not issued, and nothing is owed by it." in page
    issued = dict(statement_files(issue(attributed)))
    assert not [name for name, data in issued.items() if b"rovisional" in data]


def test_a_draft_keeps_nothing(attributed: Database) -> None:
    draft = issue(attributed, draft=True)
    assert kept(attributed) == 0
    assert replace(draft, id="S" + draft.id.removeprefix("DRAFT")) == issue(attributed)


def test_changes_are_adjustments_of_the_next_period(attributed: Database) -> None:
    first = issue(attributed)
    use_id = use_of(attributed, "R2")
    change_state(
        attributed, [use_id], "disputed", "letter of 3 October", by="Ann", now=datetime(2026, 10, 5, tzinfo=UTC)
    )
    second = issue(attributed, Q4)
    prove(second)
    changes = {
        (one.kind, one.party_id, one.right): (cents(one.stated), cents(one.now), cents(one.amount))
        for one in second.adjustments
    }
    assert changes == {
        ("payable", "P-R2", "Master"): (200, 0, -200),
        ("held", "", "Master"): (0, 200, 200),
        ("payable", "P-W2", "MechanicalRight"): (100, 0, -100),
        ("held", "", "MechanicalRight"): (0, 100, 100),
        ("payable", "P-W2", "PerformingRight"): (100, 0, -100),
        ("held", "", "PerformingRight"): (0, 100, 100),
    }
    assert {one.reason for one in second.adjustments} == {
        f"use {use_id} of one.wav disputed by Ann, 2026-10-05: letter of 3 October"
    }
    assert {one.statement_id for one in second.adjustments} == {first.id}
    assert {one.party_id: cents(one.carried) for one in second.balances} == {"P-R2": -200, "P-W2": -200}
    assert ("recording", "R2", "", "Title of R2") in second.titles
    # An adjustment is made once; one that changes back is adjusted back.
    third = issue(attributed, Period.parse("2027-Q1"))
    assert third.adjustments == ()
    assert {one.party_id: cents(one.opening) for one in third.balances} == {"P-R2": -200, "P-W2": -200}
    change_state(attributed, [use_id], "resolved", "agreed on 5 May")
    fourth = issue(attributed, Period.parse("2027-Q2"))
    assert cents(one.amount for one in fourth.adjustments) == 0
    assert {one.party_id: cents(one.carried) for one in fourth.balances} == {"P-R2": 0, "P-W2": 0}


def test_adjustments_of_all_kinds_sum_to_the_change_of_the_total(attributed: Database, tmp_path: Path) -> None:
    issue(attributed)
    attribute(attributed, tmp_path, TWO, generated_on="2026-08-01")
    second = issue(attributed, Q4)
    assert cents(one.amount for one in second.adjustments) == 400
    assert all("new, claimed" in one.reason for one in second.adjustments)


def test_a_corrected_share_is_adjusted_and_named(attributed: Database) -> None:
    issue(attributed)
    corrected = rights_with()
    half = a_share("R1", "P-R1", millionths=500_000)
    store_rights(attributed, replace(corrected, master_shares={**corrected.master_shares, "R1": (half,)}))
    second = issue(attributed, Q4)
    (why,) = {one.reason for one in second.adjustments}
    assert re.fullmatch(r"share of R1 in Master of R1: now 50 %, was 100 % \(by tester, \d{4}-\d\d-\d\d\)", why)
    assert {(one.kind, one.party_id, cents(one.amount)) for one in second.adjustments} == {
        ("payable", "P-R1", -100),
        ("unclaimed", "", 100),
    }


def test_less_than_the_minimum_is_carried_to_the_next_statement(database: Database, tmp_path: Path) -> None:
    store_rights(database, rights_with(minimum_payout=300))
    attribute(database, tmp_path, ONE, generated_on="2026-07-14")
    first = issue(database)
    assert {cents(one.carried) for one in first.balances} == {200}
    attribute(database, tmp_path, TWO, generated_on="2026-11-01")
    second = issue(database, Q4)
    assert {(one.party_id, *map(cents, (one.opening, one.paid, one.carried))) for one in second.balances} == {
        ("P-R1", 200, 400, 0),
        ("P-W1", 200, 400, 0),
        ("P-R2", 200, 0, 200),
        ("P-W2", 200, 0, 200),
    }
    assert second.adjustments == ()


def test_an_earlier_period_may_be_issued_late(attributed: Database, tmp_path: Path) -> None:
    attribute(attributed, tmp_path, TWO, generated_on="2026-02-01")
    issue(attributed)
    late = issue(attributed, Period.parse("2026-Q1"))
    assert (late.adjustments, len(late.lines), kept(attributed)) == ((), 3, 2)


def test_periods_that_overlap_are_refused(attributed: Database) -> None:
    issue(attributed)
    with pytest.raises(StatementError, match="period 2026-07: overlaps 2026-Q3"):
        issue(attributed, Period.parse("2026-07"))


def test_usage_chooses_the_tracks_and_is_kept(attributed: Database, tmp_path: Path) -> None:
    attribute(attributed, tmp_path, TWO, generated_on="2026-07-14")
    usage = Usage((UsageRow("two.wav", "Worldwide", 3, None, ""),), "a" * 64)
    statement = issue(attributed, usage=usage)
    assert {use.track_name for use in statement.uses} == {"two.wav"}
    found = replace(usage.rows[0], sha256=sha_of("two.wav"), matched_by="name")
    assert (statement.usage, statement.usage_sha256) == ((found,), "a" * 64)
    assert cents(line.gross for line in statement.lines) == 1200


@pytest.mark.parametrize(
    ("facts", "period", "message"),
    [
        ({"generated_on": "2027-07-14"}, Q3, "generated_on is 2027-07-14 here, and 2026-07-14 where it was attributed"),
        ({"purpose": "train"}, Q3, "purpose is train here, and generate where it was attributed"),
        ({}, Period.parse("2026-Q2"), "is reported for 2026-Q2, and was generated on 2026-07-14"),
    ],
)
def test_usage_that_contradicts_its_attribution_is_refused(
    attributed: Database, facts: dict[str, str], period: Period, message: str
) -> None:
    row = UsageRow("one.wav", "Worldwide", 1, None, "", **facts)
    with pytest.raises(StatementError, match=message):
        issue(attributed, period, usage=Usage((row,)))
    assert kept(attributed) == 0


def test_uses_made_with_several_policies_need_a_choice(attributed: Database, tmp_path: Path) -> None:
    seconds = load_policy("matched-seconds")
    attribute(attributed, tmp_path, TWO, generated_on="2026-08-01", policy=seconds)
    with pytest.raises(StatementError, match="attributed with 2 policies"):
        issue(attributed)
    assert issue(attributed, policy=seconds, draft=True).policy_name == "matched-seconds"
    with pytest.raises(StatementError, match=r"policy equal: no results of P-GEN were attributed with it"):
        issue(attributed, policy=load_policy("equal"))


def test_the_currency_stays_that_of_the_first_statement(attributed: Database) -> None:
    dollars = Rates((Conversion("EUR", "USD", Fraction("1.1"), "2026-09-30", "ECB"),), "f" * 64)
    first = issue(attributed, currency="USD", rates=dollars)
    assert (first.currency, first.fx_sha256, first.conversions) == ("USD", "f" * 64, dollars.quotes)
    assert cents(line.gross for line in first.lines) == 880
    with pytest.raises(StatementError, match="currency EUR: P-GEN is stated in USD since S-"):
        issue(attributed, Q4, currency="EUR")
    # The earlier period is computed again at its own rates: nothing changed, so nothing is adjusted.
    assert issue(attributed, Q4).adjustments == ()


def test_nothing_attributed_is_refused(database: Database) -> None:
    store_rights(database, rights_with())
    with pytest.raises(StatementError, match="nothing was ever attributed to this licensee"):
        issue(database)


def test_a_period_without_uses_is_stated_as_nothing(attributed: Database) -> None:
    assert issue(attributed, Period.parse("2025-Q1")).lines == ()


def test_a_licensee_without_licences_needs_a_currency(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnknownRightsError, match="licensee P-GEN: no such party in the rights on file; import it"):
        issue(database)
    (tmp_path / "parties.csv").write_text("party_id,party\nP-GEN,Gen\n", encoding="utf-8")
    import_rights(database, [tmp_path / "parties.csv"])
    with pytest.raises(StatementError, match="there is no licence on file; name the statement"):
        issue(database)
    with pytest.raises(ParameterError, match="currency 'XXQ'"):
        issue(database, currency="XXQ")


def test_an_unknown_statement_is_refused(attributed: Database) -> None:
    with pytest.raises(UnknownRightsError, match="was not issued from this database"):
        load_statement(attributed, "S-1")
