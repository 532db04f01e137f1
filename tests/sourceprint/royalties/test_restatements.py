"""Usage reported anew for an issued period: the next statement carries the difference, up or down, with the reason."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fingerprint.errors import ListedError, StatementError
from sourceprint.royalties.deal_terms import DealTerms
from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import usage_report
from sourceprint.royalties.statements.effects import Announcement, effects_to_json
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.line_explanation import explain_line
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.restatements import restate_usage
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.usage_reports import UsageReport, reports_of
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import Policy, UsageRules, load_policy, parse_policy, shipped_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    sha_of,
    some_rights,
    store_rights,
)

Q3, Q4, Q1 = (Period.parse(label) for label in ("2026-Q3", "2026-Q4", "2027-Q1"))
FEE = load_policy("fixed-fee")
EUR = Amount.of_minor(100, "EUR")


def a_row(track: str = "one.wav", usages: int = 100, **fields: object) -> UsageRow:
    values = {"track": track, "territory": "DE", "usages": usages, "revenue": None, "currency": "", **fields}
    return UsageRow(**values)  # type: ignore[arg-type]


def usage_of(*rows: UsageRow) -> Usage:
    return Usage(rows, "a" * 64)


def attribute(database: Database, folder: Path, *names: str, policy: Policy = FEE) -> None:
    """Enter scans of tracks that use R1, made in July."""
    path = folder / "results.jsonl"
    results = [a_scan_result(name, a_match("R1", a_passage(0, 9_000))) for name in names]
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    attribute_results(
        database, path, policy, licensee=LICENSEE, generated_on="2026-07-14", territories=["DE"], by="ann"
    )


@pytest.fixture
def attributed(database: Database, tmp_path: Path) -> Database:
    """Return a database where one.wav uses R1, and each usage costs 0.01 EUR."""
    card = a_rate_card(per_match=Fraction(1), per_usage=True)
    store_rights(database, some_rights(licences=[a_licence(rate_card=card)]))
    attribute(database, tmp_path, "one.wav")
    return database


def issue(database: Database, period: Period, usage: Usage | None = None, **options: object) -> Statement:
    after = date(2027, 4, 2)
    given: dict[str, object] = {"licensee": LICENSEE, "issued_on": "2027-04-02", "by": "ann", "today": after, **options}
    return issue_statement(database, period=period, usage=usage, **given)  # type: ignore[arg-type]


def restate(database: Database, usage: Usage, reason: str = "a shop reported late", period: Period = Q3) -> UsageReport:
    return restate_usage(database, licensee=LICENSEE, period=period, usage=usage, reason=reason, by="bob")[0]


def adjusted(statement: Statement) -> dict[tuple[str, str], Amount]:
    """Return the adjustments by party and right."""
    return {(one.party_id, one.right): one.amount for one in statement.adjustments}


def test_100_reported_as_250_is_an_adjustment_of_150(attributed: Database) -> None:
    first = issue(attributed, Q3, usage_of(a_row(usages=100)))
    assert (first.usage_version, sum(line.usages for line in first.lines) // len(first.lines)) == (1, 100)
    with pytest.raises(StatementError, match=r"was issued on 2027-04-02 from another report, .* --restate REASON"):
        issue(attributed, Q3, usage_of(a_row(usages=250)))
    with pytest.raises(StatementError, match="give --restate and the reason"):
        restate(attributed, usage_of(a_row(usages=250)), reason=" ")
    report = restate(attributed, usage_of(a_row(usages=250)))
    assert (report.version, report.made_by) == (2, "bob")
    assert issue(attributed, Q3) == issue(attributed, Q3, usage_of(a_row(usages=100))) == first  # it never changes
    second = issue(attributed, Q4)
    prove(second)
    # 150 usages more at 0.01: 0.75 for the master, 0.375 for each right in the work.
    assert adjusted(second) == {
        ("P-R1", "Master"): Amount.of_minor(75, "EUR"),
        ("P-W1", "MechanicalRight"): Amount.nearest(Fraction(75, 2), "EUR"),
        ("P-W1", "PerformingRight"): Amount.nearest(Fraction(75, 2), "EUR"),
    }
    assert {one.reason for one in second.adjustments} == {
        f"usage restated by bob, {report.made_at[:10]}, version 2: a shop reported late"
    }
    assert {balance.party_id: balance.paid for balance in second.balances} == {
        "P-R1": Amount.of_minor(75, "EUR"),
        "P-W1": Amount.of_minor(75, "EUR"),
    }
    # An adjustment is made once; a correction down is a claim on later payments.
    restate(attributed, usage_of(a_row(usages=50)), reason="the shop counted twice")
    third = issue(attributed, Q1)
    assert adjusted(third)["P-R1", "Master"] == Amount.of_minor(-100, "EUR")
    assert {re.sub(r"\d{4}-\d\d-\d\d", "DAY", one.reason) for one in third.adjustments} == {
        "usage restated by bob, DAY, version 3: the shop counted twice"
    }
    assert {balance.paid for balance in third.balances} == {Amount.of_minor(0, "EUR")}
    with attributed.reading() as connection:
        assert [one.version for one in reports_of(connection, LICENSEE, Q3)] == [1, 2, 3]


def test_usage_taken_back_altogether_and_revenue_that_is_negative_are_adjusted(
    attributed: Database, tmp_path: Path
) -> None:
    issue(attributed, Q3, usage_of(a_row(usages=100)))
    restate(attributed, usage_of(a_row(usages=0)), reason="never sold")
    second = issue(attributed, Q4)
    assert adjusted(second)["P-R1", "Master"] == Amount.of_minor(-50, "EUR")
    assert {balance.carried for balance in second.balances} == {Amount.of_minor(-50, "EUR")}


def test_a_report_on_file_is_stated_and_replaced_until_then(attributed: Database) -> None:
    assert restate(attributed, usage_of(a_row(usages=7)), reason="").version == 1
    assert restate(attributed, usage_of(a_row(usages=9)), reason="").version == 2
    assert restate(attributed, usage_of(a_row(usages=9)), reason="").version == 2
    first = issue(attributed, Q3)
    assert (first.usage_version, {line.usages for line in first.lines}) == (2, {9})
    assert issue(attributed, Q3, usage_of(a_row(usages=9))) == first


def test_a_draft_enters_no_report(attributed: Database) -> None:
    draft = issue(attributed, Q3, usage_of(a_row()), draft=True)
    with attributed.reading() as connection:
        assert reports_of(connection, LICENSEE) == []
    assert replace(draft, id="S" + draft.id.removeprefix("DRAFT")) == issue(attributed, Q3, usage_of(a_row()))


def test_a_period_that_was_stated_without_a_report_gets_its_first(attributed: Database) -> None:
    assert issue(attributed, Q3).usage_version == 0
    restate(attributed, usage_of(a_row(usages=41)))
    assert adjusted(issue(attributed, Q4))["P-R1", "Master"] == Amount.of_minor(20, "EUR")


def test_usage_of_unscanned_tracks_issues_nothing(attributed: Database) -> None:
    with pytest.raises(ListedError, match=r"one\.mp3 in DE: nearest: one\.wav"):
        issue(attributed, Q3, usage_of(a_row("one.mp3")))
    with attributed.reading() as connection:
        assert reports_of(connection, LICENSEE) == []
    issue(attributed, Q3, usage_of(a_row("one.wav")))
    with pytest.raises(ListedError, match="that no scan on file is of"):
        restate(attributed, usage_of(a_row("one.mp3")))


def test_the_explanation_says_how_usage_was_matched(attributed: Database, tmp_path: Path) -> None:
    stem = replace(load_policy("fixed-fee"), usage=UsageRules(names="stem"))
    assert "reported as one.wav, 100 usages in DE: the scanned track by the name of its file" in explain_line(
        issue(attributed, Q3, usage_of(a_row())), 1
    )
    by_digest = issue(attributed, Q4, usage_of(a_row(sha_of("one.wav"))))
    assert "the scanned track by its SHA-256" in explain_line(by_digest, 1)
    assert stem.usage.names == "stem"


def test_a_late_track_of_the_same_file_name_does_not_come_under_an_earlier_report(
    attributed: Database, tmp_path: Path
) -> None:
    issue(attributed, Q3, usage_of(a_row("one.wav")))
    attribute(attributed, tmp_path, "again/one.wav")
    assert issue(attributed, Q4).adjustments == ()


def test_usage_of_a_closed_period_is_refused_and_the_last_day_is_said(attributed: Database) -> None:
    card = a_rate_card(per_match=Fraction(1), per_usage=True)
    deal = DealTerms(audit_window_months=3)
    store_rights(attributed, some_rights(licences=[a_licence(rate_card=card, deal=deal)]))
    issue(attributed, Q3, usage_of(a_row(usages=100)))  # on 2 April 2027
    given: dict[str, Any] = {"licensee": LICENSEE, "period": Q3, "usage": usage_of(a_row(usages=250)), "reason": "late"}
    with pytest.raises(StatementError, match=r"is closed since 2027-07-02, as the audit window .* statement --adjust"):
        restate_usage(attributed, now=datetime(2027, 7, 3, tzinfo=UTC), **given)
    assert restate_usage(attributed, now=datetime(2027, 7, 2, tzinfo=UTC), **given)[1] == date(2027, 7, 2)


@pytest.mark.parametrize("method", ["coverage-weighted", "pro-rata-pool"])
def test_revenue_of_unscanned_tracks_is_held_if_the_policy_says_so(
    attributed: Database, tmp_path: Path, method: str
) -> None:
    text = shipped_policy(method).replace('not_scanned = "stop"', 'not_scanned = "hold"')
    card = a_rate_card(per_match=None, per_second=None, royalty_millionths=100_000)
    store_rights(attributed, some_rights(licences=[a_licence(rate_card=card)]))
    attribute(attributed, tmp_path, "one.wav", policy=parse_policy(text, name="held"))
    money: dict[str, Any] = {"revenue": Fraction(10_000), "currency": "EUR"}  # 100.00, of which 10 % are owed
    none: dict[str, Any] = {"revenue": Fraction(0), "currency": "EUR"}
    usage = usage_of(a_row("one.wav", **money), a_row("two.wav", **money), a_row("three.wav", 7, **none))
    first = issue(attributed, Q3, usage)
    prove(first)
    held = [one for one in first.lines if one.kind == "held"]
    assert {one.right: one.gross for one in held} == {
        "Master": Amount.of_minor(500, "EUR"),
        "MechanicalRight": Amount.of_minor(250, "EUR"),
        "PerformingRight": Amount.of_minor(250, "EUR"),
    }
    assert {one.reason for one in held} == {"not scanned: three.wav; not scanned: two.wav"}
    assert "reported, not scanned: three.wav, two.wav\n" in statement_text(first)
    # Scanned at last: the held amounts are owed, by adjustments.
    attribute(attributed, tmp_path, "two.wav", policy=parse_policy(text, name="held"))
    second = issue(attributed, Q4)
    released = [one for one in second.adjustments if one.kind == "held"]
    assert {one.amount for one in released} == {Amount.of_minor(-500, "EUR"), Amount.of_minor(-250, "EUR")}
    assert sum_of(one.amount for one in second.adjustments) == Amount.of_minor(0, "EUR")


# Effects of an attribution on money.


def test_a_loss_of_an_issued_statement_is_announced_and_asked_for(attributed: Database, tmp_path: Path) -> None:
    issue(attributed, Q3, usage_of(a_row(usages=100)))
    restate(attributed, usage_of(a_row(usages=40)), period=Q4, reason="")
    other = a_scan_result("one.wav", a_match("R2", a_passage(0, 9_000)))
    path = tmp_path / "again.jsonl"
    path.write_text(json.dumps(other) + "\n")

    def enter(*, dry_run: bool = False, accepted: bool = False) -> tuple[Announcement, int]:
        said = Announcement(attributed, LICENSEE, date(2027, 4, 2), dry_run, accepted)
        made = {"generated_on": "2026-07-14", "territories": ["DE"], "dry_run": dry_run, "before_keeping": said}
        report = attribute_results(attributed, path, FEE, licensee=LICENSEE, by="ann", **made)  # type: ignore[arg-type]
        return said, report.superseded

    def uses() -> list[str]:
        with attributed.reading() as connection:
            return [use.recording_id for use in current_uses(connection, LICENSEE)]

    said, superseded = enter(dry_run=True)
    assert (superseded, uses()) == (1, ["R1"])  # nothing was kept
    changes = {(one.period, one.party_id, one.right): (one.before, one.after) for one in said.effects}
    none, half = Amount.of_minor(0, "EUR"), Amount.of_minor(50, "EUR")
    assert changes["2026-Q3", "P-R1", "Master"] == (half, none)
    assert changes["2026-Q3", "P-R2", "Master"] == (none, half)
    assert changes["2026-Q4", "P-R1", "Master"] == (Amount.of_minor(20, "EUR"), none)  # of usage on file
    assert {(one.period, bool(one.statement_id)) for one in said.effects} == {("2026-Q3", True), ("2026-Q4", False)}
    assert effects_to_json(said)["effects"][0]["before"] == "0.50"
    with pytest.raises(
        ListedError, match=r"nothing was entered(.|\n)* R1 .* 0\.50 +0\.00 +-0\.50 +EUR +stated in S-P-GEN"
    ):
        enter()
    assert uses() == ["R1"]
    assert (enter(accepted=True)[1], uses()) == (1, ["R2"])
    assert adjusted(issue(attributed, Q4))["P-R1", "Master"] == Amount.of_minor(-50, "EUR")


def test_a_loss_names_all_statements_that_stated_the_amount(attributed: Database, tmp_path: Path) -> None:
    first = issue(attributed, Q3, usage_of(a_row(usages=100)))
    restate(attributed, usage_of(a_row(usages=250)))
    second = issue(attributed, Q4)
    path = tmp_path / "again.jsonl"
    path.write_text(json.dumps(a_scan_result("one.wav", a_match("R2", a_passage(0, 9_000)))) + "\n")
    said = Announcement(attributed, LICENSEE, date(2027, 4, 2))
    made = {"generated_on": "2026-07-14", "territories": ["DE"], "before_keeping": said}
    both = f"1\\.25 +0\\.00 +-1\\.25 +EUR +stated in {first.id}, adjusted in {second.id}\n"
    with pytest.raises(ListedError, match=both):
        attribute_results(attributed, path, FEE, licensee=LICENSEE, **made)  # type: ignore[arg-type]
    told = {one["party_id"]: (one["statement"], one["adjusted_in"]) for one in effects_to_json(said)["effects"]}
    in_both = (first.id, [second.id])
    assert told == {"P-R1": in_both, "P-W1": in_both, "P-R2": (first.id, []), "P-W2": (first.id, [])}


def test_a_changed_usage_report_is_named_by_licensee_period_and_version(attributed: Database) -> None:
    restate(attributed, usage_of(a_row(usages=40)), reason="")
    with attributed._engine.begin() as connection:
        connection.execute(update(usage_report).values(reason="mine"))
    with attributed.reading() as connection:
        (problem,) = verify_chain(connection).problems
    assert re.fullmatch(r"entry \d+: usage_report P-GEN 2026-Q3 1 \(row 1\): was changed; usage 1", str(problem))


def test_gains_alone_are_not_asked_about(attributed: Database, tmp_path: Path) -> None:
    issue(attributed, Q3)
    said = Announcement(attributed, LICENSEE, date(2027, 4, 2))
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps(a_scan_result("two.wav", a_match("R2", a_passage(0, 9_000)))) + "\n")
    made = {"generated_on": "2026-07-14", "territories": ["DE"], "before_keeping": said}
    assert attribute_results(attributed, path, FEE, licensee=LICENSEE, **made).added == 1  # type: ignore[arg-type]
    assert said.effects == []
