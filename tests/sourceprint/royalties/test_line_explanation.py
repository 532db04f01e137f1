"""Explanations: every number on the way from seconds to cents is written down, and can be done again by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from fingerprint.errors import UnknownRightsError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Deduction
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.statement_json import statement_from_json, statement_to_json
from sourceprint.royalties.statements.line_explanation import explain_line, explanation_to_json
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_policy,
    a_rate_card,
    a_share,
    a_use,
    a_use_passage,
    cents,
    some_rights,
)


def stated(*rows: UsageRow, per_second: Fraction | None = Fraction(1, 5)) -> Statement:
    card = a_rate_card(per_second=per_second, deductions=(Deduction("administration", 100_000),))
    rights = some_rights(licences=[a_licence(rate_card=card)])
    half = a_share("R1", "P-R1", millionths=500_000, share_id="M1")
    passages = (a_use_passage(1_500, 22_800, contenders=("R1", "R2")),)
    return compute_statement(
        [a_use(passages=passages), a_use(recording_id="R2", ms=10_000, state="review", state_rule="thresholds.review")],
        replace(rights, master_shares={**rights.master_shares, "R1": (half,)}),
        a_policy(),
        licensee=LICENSEE,
        period=Period.parse("2026-Q3"),
        currency="EUR",
        issued_on="2026-10-02",
        usage=Usage(rows),
    )


def number_of(statement: Statement, **wanted: str) -> int:
    (line,) = [line for line in statement.lines if all(getattr(line, name) == wanted[name] for name in wanted)]
    return line.number


def test_a_line_by_rate_can_be_done_again_by_hand() -> None:
    statement = stated(UsageRow("one.wav", "Worldwide", 30, None, ""))
    text = explain_line(statement, number_of(statement, party_id="P-R1"))
    use = next(use for use in statement.uses if use.recording_id == "R1")
    for passage in (
        "payable, Master in Worldwide",
        "paid to     R1 (P-R1)",
        "recording   R1 Title of R1",
        "shares of   2026-09-30, the last day of the period",
        "licence     LIC-1",
        f"1. Use {use.id} in track one.wav",
        "21.300 s: track 0:01.500 to 0:22.800, recording 0:01.500 to 0:22.800, claimed by R1, R2",
        "attributed 21.300 s of 60.000 s, recording layer, index id asset-R1, 200 aligned landmarks, confidence 0.999",
        "state claimed: thresholds.claim_confidence 0.99",
        "generated 2026-07-14",
        "matched-seconds: 0.002 EUR per second x 21.300 s x 30 usages (LIC-1)\n     = 1.278\n",
        "x right 50 %",
        "x share M1 50 %\n     = 0.3195\n",
        "Sum of the line, gross: 0.3195",
        "Less administration: 0.03195",
        "Net: 0.28755 EUR",
        "Due to date: opening 0.00 + all lines 0.28755 + adjustments 0.00 = 0.28755",
        "Paid: 0.29 EUR, carried forward -0.00245",
    ):
        assert passage in text


def test_a_line_by_revenue_shows_the_pot_the_rate_and_the_part() -> None:
    row = UsageRow("one.wav", "Worldwide", 30, Fraction(100_000), "EUR")
    statement = stated(row, per_second=None)
    text = explain_line(statement, number_of(statement, party_id="P-R1"))
    assert "revenue 1000.00 EUR x 12.5 % (LIC-1) x 21.300 of 31.300 s attributed\n" in text
    assert "     = 85.06389776357827\n" in text  # 125.00 EUR x 213 / 313, to 10**-12 cents
    assert "     = 21.2659744408945675\n" in text


def test_lines_that_nobody_is_paid_say_why() -> None:
    row = UsageRow("quiet.wav", "Worldwide", 1, Fraction(100_000), "EUR")
    statement = stated(row, UsageRow("one.wav", "Worldwide", 1, Fraction(800), "EUR"), per_second=None)
    held = explain_line(statement, number_of(statement, kind="held", right="Master"))
    assert "paid to     nobody" in held
    assert "reason      review: thresholds.review" in held
    unmatched = explain_line(statement, number_of(statement, kind="unmatched", right="Master"))
    assert "Revenue that no use accounts for" in unmatched
    assert "(no use in quiet.wav)" in unmatched
    assert "shares of R1 sum to 50 %" in explain_line(statement, number_of(statement, kind="unclaimed"))


def test_as_json_the_factors_multiply_to_the_exact_amount() -> None:
    statement = stated(UsageRow("one.wav", "Worldwide", 30, None, ""))
    for line in statement.lines:
        value = json.loads(json.dumps(explanation_to_json(statement, line.number)))
        assert sum(Fraction(part["gross"]) for part in value["contributions"]) == Fraction(value["gross"])
        assert Fraction(value["gross"]) * 100 == cents(line.gross)
        for part in value["contributions"]:
            parts = part["right_millionths"] * part["work_millionths"] * part["share_millionths"]
            assert Fraction(part["amount"]) * parts / 10**18 == Fraction(part["gross"])
            assert part["use"]["id"] in {use.id for use in statement.uses}
            assert part["basis"]


def test_a_statement_that_was_read_back_explains_the_same() -> None:
    statement = stated()
    read = statement_from_json(json.loads(json.dumps(statement_to_json(statement))))
    assert read == statement
    assert [explain_line(read, line.number) for line in read.lines] == [
        explain_line(statement, line.number) for line in statement.lines
    ]


@pytest.mark.parametrize("number", [0, 99, -1])
def test_a_line_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(UnknownRightsError, match=rf"line {number} of statement .* it has lines 1 to"):
        explain_line(stated(), number)


def test_names_from_outside_cannot_forge_a_line() -> None:
    statement = stated()
    forged = replace(statement, uses=tuple(replace(use, track_name="a\nNet: 9 EUR") for use in statement.uses))
    assert "a\\nNet: 9 EUR" in explain_line(forged, 1)
