"""Terms of deals on statements, period after period, and the present amounts of earlier statements."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import ListedError, RightsError, StatementError
from sourceprint.royalties.deal_terms import Advance, DealTerms, Guarantee
from sourceprint.royalties.money import Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.records import OptChoice
from sourceprint.royalties.rights.rows import row_of, table_of
from sourceprint.royalties.statements.amounts.lines import GUARANTEE
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.earlier.corrections import HandAdjustment, read_corrections
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.line_explanation import explain_line
from sourceprint.royalties.statements.proof import flaws_of, prove
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import TRANSITIONS, change_state
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    a_share,
    some_rights,
    store_rights,
)

NOW = datetime(2026, 10, 2, 10, 0, 0, tzinfo=UTC)
FEE = load_policy("fixed-fee")


def a_deal(database: Database, *, per_usage: bool = True, **deal: Any) -> None:
    """Store a licence of all masters of P-LABEL, at 4.00 EUR a match, with the terms of a deal."""
    card = a_rate_card(per_match=Fraction(400), rights=(("Master", 1_000_000),), per_usage=per_usage)
    licence = a_licence(rate_card=card, deal=DealTerms(**deal), valid_to=None)
    store_rights(database, some_rights(licences=[licence], owner_of={"R1": "P-LABEL", "R2": "P-OTHER"}))


def attribute(database: Database, folder: Path, day: str, *names: str, recording: str = "R1") -> None:
    path = folder / "results.jsonl"
    results = [a_scan_result(name, a_match(recording, a_passage(0, 9_000))) for name in names]
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    attribute_results(database, path, FEE, licensee=LICENSEE, generated_on=day, by="ann", now=NOW)


def issue(database: Database, label: str, **options: Any) -> Statement:
    period = Period.parse(label)
    after = period.end + timedelta(days=2)
    statement = issue_statement(
        database,
        licensee=LICENSEE,
        period=period,
        **{"issued_on": after.isoformat(), "by": "ann", "now": NOW, "today": after, **options},
    )
    prove(statement)
    assert parse_statement(statement_bytes(statement)) == statement
    return statement


def balance(statement: Statement, party_id: str = "P-LABEL") -> list[str]:
    (found,) = [one for one in statement.balances if one.party_id == party_id]
    return [str(amount) for amount in (found.lines, found.adjustments, found.recouped, found.due, found.paid)]


def use_in(database: Database, track: str) -> str:
    with database.reading() as connection:
        (use_id,) = [use.id for use in current_uses(connection, LICENSEE) if use.track_name == track]
    return use_id


def test_an_advance_is_recouped_over_two_quarters(database: Database, tmp_path: Path) -> None:
    a_deal(database, advance=Advance(1000, date(2026, 1, 15)))
    attribute(database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    attribute(database, tmp_path, "2026-05-01", "c.wav", "d.wav", "e.wav")
    attribute(database, tmp_path, "2026-02-01", "x.wav", recording="R2")
    first, second, third = (issue(database, f"2026-Q{quarter}") for quarter in (1, 2, 3))
    assert balance(first) == ["8", "0", "8", "0", "0"]
    assert balance(first, "P-OTHER") == ["4", "0", "0", "4", "4"]
    assert balance(second) == ["12", "0", "2", "10", "10"]
    accounts = [one for statement in (first, second, third) for one in statement.advances]
    assert [(one.stated, str(one.earned), str(one.balance)) for one in accounts] == [
        ("10.00 EUR", "8", "2"),
        ("10.00 EUR", "20", "0"),
        ("10.00 EUR", "20", "0"),
    ]
    assert "advance of LIC-1, 10.00 EUR paid on 2026-01-15: 8.00 EUR recouped now, 2.00 EUR left" in statement_text(
        first
    )
    assert "advance of" not in statement_text(third)


def test_an_advance_gives_back_withdrawn_uses(database: Database, tmp_path: Path) -> None:
    a_deal(database, advance=Advance(1000, date(2026, 1, 15)))
    attribute(database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    issue(database, "2026-Q1")
    change_state(database, [use_in(database, "a.wav")], "withdrawn", "another song", now=NOW)
    second = issue(database, "2026-Q2")
    assert balance(second) == ["0", "-4", "-4", "0", "0"]
    assert [str(one.balance) for one in second.advances] == ["6"]


def test_an_amount_given_back_by_an_advance_is_in_the_sum_that_a_line_explains(
    sqlite_database: Database, tmp_path: Path
) -> None:
    a_deal(sqlite_database, advance=Advance(1000, date(2026, 1, 15)))
    attribute(sqlite_database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    attribute(sqlite_database, tmp_path, "2026-05-01", "c.wav")
    issue(sqlite_database, "2026-Q1")
    for track in ("a.wav", "b.wav"):
        change_state(sqlite_database, [use_in(sqlite_database, track)], "withdrawn", "another song", now=NOW)
    second = issue(sqlite_database, "2026-Q2")
    assert balance(second) == ["4", "-8", "-4", "0", "0"]
    (number,) = (line.number for line in second.lines)
    explained = explain_line(second, number)
    assert "opening 0.00 + all lines 4.00 + adjustments -8.00 + given back by an advance 4.00 = 0.00\n" in explained


def test_an_advance_that_is_paid_later_is_not_recouped_yet(database: Database, tmp_path: Path) -> None:
    a_deal(database, advance=Advance(1000, date(2026, 4, 1)))
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    first = issue(database, "2026-Q1")
    assert (first.advances, balance(first)) == ((), ["4", "0", "0", "4", "4"])


def test_a_proof_finds_an_advance_that_does_not_add_up(database: Database, tmp_path: Path) -> None:
    a_deal(database, advance=Advance(1000, date(2026, 1, 15)))
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    statement = issue(database, "2026-Q1")
    (account,) = statement.advances
    (recouped,) = account.recouped
    forged = replace(account, recouped=(replace(recouped, now=Amount.parse("3")),), balance=Amount.parse("7"))
    flaws = list(flaws_of(replace(statement, advances=(forged,))))
    assert [where for where, _ in flaws] == ["advance of licence LIC-1", "balance of P-LABEL"]


def test_less_than_the_guarantee_is_made_up_for_and_follows_corrections(database: Database, tmp_path: Path) -> None:
    a_deal(database, guarantee=Guarantee(1000, "quarter"))
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    first = issue(database, "2026-Q1")
    (line,) = [line for line in first.lines if line.right == GUARANTEE]
    assert (line.party_id, str(line.net), line.contributions[0].basis) == (
        "P-LABEL",
        "6",
        "10.00 EUR a quarter, 2026-01-01 to 2026-03-31: 10.00 guaranteed, 4.00 earned (LIC-1)",
    )
    assert balance(first) == ["10", "0", "0", "10", "10"]
    attribute(database, tmp_path, "2026-03-01", "late.wav")
    second = issue(database, "2026-Q2")
    assert {(one.right, str(one.amount)) for one in second.adjustments} == {("Master", "4"), (GUARANTEE, "-4")}
    assert balance(second) == ["10", "0", "0", "10", "10"]


def test_a_guarantee_beyond_the_limit_is_refused_by_its_licence(sqlite_database: Database, tmp_path: Path) -> None:
    a_deal(sqlite_database, guarantee=Guarantee(2**62, "month"))  # within it: three of them are not
    attribute(sqlite_database, tmp_path, "2026-02-01", "a.wav")
    said = "guarantee of licence LIC-1, 46116860184273879.04 EUR a month: amount .*: beyond 9223372036854775807 minor"
    with pytest.raises(StatementError, match=said):
        issue(sqlite_database, "2026-Q1")


def test_a_guarantee_of_a_year_counts_all_its_quarters(database: Database, tmp_path: Path) -> None:
    a_deal(database, guarantee=Guarantee(1500, "year"))
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    attribute(database, tmp_path, "2026-11-01", "b.wav")
    quarters = [issue(database, f"2026-Q{quarter}") for quarter in (1, 2, 3, 4)]
    assert [[str(line.net) for line in one.lines if line.right == GUARANTEE] for one in quarters] == [[], [], [], ["7"]]
    change_state(database, [use_in(database, "a.wav")], "withdrawn", "another song", now=NOW)
    after = issue(database, "2027-Q1")
    assert {(one.right, str(one.amount)) for one in after.adjustments} == {("Master", "-4"), (GUARANTEE, "4")}


def test_a_period_that_is_issued_late_counts_for_the_guarantee_at_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    a_deal(sqlite_database, guarantee=Guarantee(1500, "year"))
    attribute(sqlite_database, tmp_path, "2026-02-01", "a.wav")
    attribute(sqlite_database, tmp_path, "2026-11-01", "b.wav")
    last = issue(sqlite_database, "2026-Q4")
    assert [str(line.net) for line in last.lines if line.right == GUARANTEE] == ["11"]
    quick, full = (issue(sqlite_database, "2026-Q1", draft=True, everything=all_) for all_ in (False, True))
    assert quick == full
    first = issue(sqlite_database, "2026-Q1")
    assert [(one.right, str(one.amount)) for one in first.adjustments] == [(GUARANTEE, "-4")]
    assert balance(first) == ["4", "-4", "0", "0", "0"]
    assert issue(sqlite_database, "2026-Q2").adjustments == ()


# Only periods affected by a change are computed again.


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the periods that are computed again, as they come."""
    seen: list[str] = []

    def noted(*args: Any, **options: Any) -> Statement:
        seen.append(options["period"].label)
        return compute_statement(*args, **options)

    monkeypatch.setattr("sourceprint.royalties.statements.earlier.recomputation.compute_statement", noted)
    return seen


@pytest.mark.slow
def test_unchanged_statements_are_not_computed_again(database: Database, tmp_path: Path, computed: list[str]) -> None:
    a_deal(database)
    attribute(database, tmp_path, "2026-01-05", "a.wav")
    issue(database, "2026-01")
    attribute(database, tmp_path, "2026-02-05", "b.wav", recording="R2")
    issue(database, "2026-02")
    assert computed == []
    change_state(database, [use_in(database, "a.wav")], "disputed", "a letter", now=NOW)
    issue(database, "2026-03")
    assert computed == ["2026-01"]
    store_rights(database, some_rights(licences=[], owner_of={"R2": "P-HEIR"}, works_of={"R2": ("W2",)}))
    issue(database, "2026-04")
    assert computed == ["2026-01", "2026-02"]
    a_deal(database, guarantee=Guarantee(1, "month"))  # a licence may concern any
    issue(database, "2026-05")
    assert computed[2:6] == ["2026-01", "2026-02", "2026-03", "2026-04"]


def change_something(database: Database, rng: random.Random, track: str) -> None:
    with database.reading() as connection:
        (use,) = [use for use in current_uses(connection, LICENSEE) if use.track_name == track]
    state = rng.choice(TRANSITIONS[use.state])
    change_state(database, [use.id], state, "a letter", now=NOW)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_result_is_that_of_computing_all_again(database: Database, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    deal: dict[str, Any] = {"advance": Advance(1500, date(2026, 1, 15)), "guarantee": Guarantee(2000, "quarter")}
    a_deal(database, per_usage=seed != 1, **(deal if seed else {}))
    months = [f"2026-{month:02d}" for month in range(1, 7)]
    rng.shuffle(months)
    tracks: list[str] = []
    for month in months:
        for _ in range(rng.randint(1, 3)):
            kind = rng.random()
            if kind < 0.5 or not tracks:
                tracks.append(f"{len(tracks)}.wav")
                day = f"{rng.choice(months)}-{rng.randint(1, 28):02d}"
                attribute(database, tmp_path, day, tracks[-1], recording=rng.choice(["R1", "R2"]))
            elif kind < 0.8:
                change_something(database, rng, rng.choice(tracks))
            else:
                owner = rng.choice(["P-LABEL", "P-HEIR"])
                share = a_share("R1", owner, share_id="S-R1-Master-P-LABEL")
                store_rights(database, replace(some_rights(licences=[]), master_shares={"R1": (share,)}))
        quick, full = (issue(database, month, draft=True, everything=everything) for everything in (False, True))
        assert quick == full
        assert issue(database, month).adjustments == full.adjustments


# Closed statements.


def test_a_closed_statement_is_corrected_by_hand_alone(database: Database, tmp_path: Path) -> None:
    a_deal(database, audit_window_months=6)
    attribute(database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    first = issue(database, "2026-Q1")  # on 2026-04-02: open until 2026-10-02
    change_state(database, [use_in(database, "a.wav")], "withdrawn", "another song", now=NOW)
    assert [str(one.amount) for one in issue(database, "2026-Q2").adjustments] == ["-4"]
    change_state(database, [use_in(database, "b.wav")], "withdrawn", "another song", now=NOW)
    later = issue(database, "2026-Q3", issued_on="2026-10-03", today=date(2026, 10, 3))
    assert later.adjustments == ()
    table = tmp_path / "adjust.csv"
    table.write_text(f"statement,party_id,amount,reason,right\n{first.id},P-LABEL,-1.50,settled on 3 May,Master\n")
    corrections = read_corrections(table)
    fourth = issue(database, "2026-Q4", corrections=corrections)
    (one,) = fourth.adjustments
    assert (str(one.stated), str(one.amount), one.reason, one.by_hand) == (
        "0",
        "-1.5",
        "by hand: settled on 3 May",
        True,
    )
    assert balance(fourth) == ["0", "-1.5", "0", "-5.5", "0"]
    assert issue(database, "2026-Q4") == issue(database, "2026-Q4", corrections=corrections) == fourth
    with pytest.raises(StatementError, match="from other inputs"):
        issue(database, "2026-Q4", corrections=[replace(corrections[0], amount="-2.50")])


@pytest.mark.slow
def test_a_guarantee_counts_a_closed_statement_with_its_later_adjustments(database: Database, tmp_path: Path) -> None:
    a_deal(database, audit_window_months=6, guarantee=Guarantee(1500, "year"))
    attribute(database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    first = issue(database, "2026-Q1")  # 8.00, open until 2026-10-02
    change_state(database, [use_in(database, "a.wav")], "withdrawn", "another song", now=NOW)
    assert [str(one.amount) for one in issue(database, "2026-Q2").adjustments] == ["-4"]
    issue(database, "2026-Q3")

    def guaranteed(**options: Any) -> list[str]:
        found = [issue(database, "2026-Q4", draft=True, everything=all_, **options) for all_ in (False, True)]
        assert found[0] == found[1]
        return [str(line.net) for line in found[0].lines if line.right == GUARANTEE]

    row = HandAdjustment(first.id, "P-LABEL", "1.50", "settled", licence_id="LIC-1", right="Master")
    assert guaranteed() == ["11"]  # 15.00 less 8.00 - 4.00
    assert guaranteed(corrections=[replace(row, licence_id="")]) == ["11"]  # under no licence
    assert guaranteed(corrections=[row]) == ["9.5"]
    issue(database, "2026-Q4", corrections=[row])
    quick, full = (
        issue(database, "2027-Q1", corrections=[replace(row, amount="-2.50")], draft=True, everything=all_)
        for all_ in (False, True)
    )
    assert quick == full
    assert [(one.right, str(one.amount)) for one in full.adjustments] == [(GUARANTEE, "2.5"), ("Master", "-2.5")]
    assert issue(database, "2027-Q1", everything=True).adjustments == ()


def test_open_statements_are_not_corrected_by_hand(database: Database, tmp_path: Path) -> None:
    a_deal(database, audit_window_months=24)
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    first = issue(database, "2026-Q1")
    row = HandAdjustment(first.id, "P-LABEL", "1.00", "a letter")
    for wrong, message in (
        (row, "is open, and computed again with every later statement"),
        (replace(row, statement="S-NONE"), "no statement of this id was issued before"),
    ):
        with pytest.raises(StatementError, match=message):
            issue(database, "2026-Q2", corrections=[wrong])
    late = {"issued_on": "2028-04-03", "today": date(2028, 4, 3)}
    for wrong, message in (
        (replace(row, party_id="P-NONE"), "party 'P-NONE' is not on file"),
        (replace(row, amount="0.00"), "the amount is 0"),
        (replace(row, amount="0.001"), "EUR has 2 decimals"),
    ):
        with pytest.raises(StatementError, match=message):
            issue(database, "2026-Q2", corrections=[wrong], **late)


def test_a_wrong_table_of_adjustments_is_refused_by_row(tmp_path: Path) -> None:
    table = tmp_path / "adjust.csv"
    table.write_text("statement,party_id,amount\nS-1,P-1,1\n")
    with pytest.raises(RightsError, match="no column reason"):
        read_corrections(table)
    table.write_text("statement,party_id,amount,reason,territory\nS-1,P-1,1,,\nS-1,P-1,1,why,Atlantis\n")
    with pytest.raises(
        ListedError, match=r"nothing was taken:\n  line 2: reason is empty.*\n  line 3: territory 'Atlantis'"
    ):
        read_corrections(table)
    table.write_text("statement,party_id,amount,reason\n")
    with pytest.raises(RightsError, match="no rows under the header"):
        read_corrections(table)


def test_opted_out_recordings_are_listed_outside_and_adjust_earlier_statements(
    database: Database, tmp_path: Path
) -> None:
    a_deal(database)
    attribute(database, tmp_path, "2026-02-01", "a.wav")
    attribute(database, tmp_path, "2026-03-02", "b.wav")
    assert balance(issue(database, "2026-Q1"))[0] == "8"
    out = OptChoice("O-1", "recording", "R1", "out", ("generate",), valid_from=date(2026, 3, 1))
    with database.changing(source="test", by="ann") as change:
        apply_records(change, table_of(out), [row_of(out)])
    second = issue(database, "2026-Q2")
    assert [(one.right, str(one.amount)) for one in second.adjustments] == [("Master", "-4")]
    attribute(database, tmp_path, "2026-07-01", "c.wav")
    third = issue(database, "2026-Q3")
    assert {(one.outcome, one.rule) for one in third.outside if one.right == "Master"} == {
        ("opted_out", "recording R1 opted out of generate from 2026-03-01")
    }
