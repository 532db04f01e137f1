"""The golden case: six generated tracks, two quarters, every amount worked out here by hand from the inputs' numbers.

Inputs in `docs/money/example` (recordings R1 to R5, works W1 to W4, cents throughout):

    price            1 cent x seconds x usages; of every amount 1/2 to the master, 1/4 mechanical, 1/4 performing
    deduction        10 % of payable amounts            minimum payout   200
    master shares    R1, R5 North; R2 South; R3 North 1/2, South 1/2; R4 South (but in the US North)
    work shares      W1 (R1, R2) Anna 1/2, Hill 1/2
                     W2 (R3)     Ben and Hill: mechanical 60 % each, which is 120 %; performing 1/2 each
                     W3 (R4)     Caro 3/4, nobody 1/4
                     W4 (R5)     Anna 33.3333 %, Ben 33.3333 %, Caro 33.3334 %
    R5 holds         from 30 s to 40 s, a sample of R1

Nothing that is expected here comes from the code under test: amounts are products of these numbers, written out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.royalties_example import EXAMPLE, main, run_example
from benchmarks.royalties_example_story import Story
from benchmarks.royalties_example_text import example_text
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.shares import UseShares
from tests.places import ROOT
from tests.royalty_records import cents

Key = tuple[str, str, str, str, str, str]  # territory, right, kind or payee, recording, work, licence

Balances = dict[str, tuple[Fraction | int, ...]]

MASTER, MECHANICAL, PERFORMING = "Master", "MechanicalRight", "PerformingRight"
NORTH, SOUTH = "LIC-NORTH", "LIC-SOUTH"
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
ANNA_W4 = BEN_W4 = Fraction(333_333, 1_000_000)
CARO_W4 = Fraction(333_334, 1_000_000)

# Worth of each use in each territory: seconds x usages x 1 cent.
T1_DE, T1_FR = 12 * 100, 12 * 50
T2_DE, T2_FR = 20 * 10, 20 * 20
T3_FR = 30 * 40  # its 10 usages in the US are outside the licence
T4_R1_DE, T4_R5_DE = 10 * 30, 15 * 30  # 25 s of R5, 10 of them the sample of R1
T5_DE = 16 * 20
T6_US = 6 * 50
T6_R2_US = 8 * 50  # the master is outside: its licence had expired; the work W1 is licensed by another

# Line by line, exactly.
LINES: dict[Key, Fraction | int] = {
    # DE
    ("DE", MASTER, "P-NORTH", "R1", "", NORTH): (T1_DE + T4_R1_DE) * HALF,
    ("DE", MASTER, "P-NORTH", "R3", "", NORTH): T2_DE * HALF * HALF,
    ("DE", MASTER, "P-NORTH", "R5", "", NORTH): T4_R5_DE * HALF,
    ("DE", MASTER, "P-SOUTH", "R3", "", NORTH): T2_DE * HALF * HALF,
    ("DE", MASTER, "held", "", "", NORTH): T5_DE * HALF,
    ("DE", MECHANICAL, "P-ANNA", "", "W1", NORTH): T5_DE * QUARTER * HALF,
    ("DE", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): (T1_DE + T4_R1_DE) * QUARTER * HALF,
    ("DE", MECHANICAL, "P-ANNA", "R5", "W4", NORTH): T4_R5_DE * QUARTER * ANNA_W4,
    ("DE", MECHANICAL, "P-BEN", "R5", "W4", NORTH): T4_R5_DE * QUARTER * BEN_W4,
    ("DE", MECHANICAL, "P-CARO", "R5", "W4", NORTH): T4_R5_DE * QUARTER * CARO_W4,
    ("DE", MECHANICAL, "P-HILL", "", "W1", NORTH): T5_DE * QUARTER * HALF,
    ("DE", MECHANICAL, "P-HILL", "R1", "W1", NORTH): (T1_DE + T4_R1_DE) * QUARTER * HALF,
    ("DE", MECHANICAL, "overclaim", "R3", "W2", NORTH): T2_DE * QUARTER,
    ("DE", PERFORMING, "P-ANNA", "", "W1", NORTH): T5_DE * QUARTER * HALF,
    ("DE", PERFORMING, "P-ANNA", "R1", "W1", NORTH): (T1_DE + T4_R1_DE) * QUARTER * HALF,
    ("DE", PERFORMING, "P-ANNA", "R5", "W4", NORTH): T4_R5_DE * QUARTER * ANNA_W4,
    ("DE", PERFORMING, "P-BEN", "R3", "W2", NORTH): T2_DE * QUARTER * HALF,
    ("DE", PERFORMING, "P-BEN", "R5", "W4", NORTH): T4_R5_DE * QUARTER * BEN_W4,
    ("DE", PERFORMING, "P-CARO", "R5", "W4", NORTH): T4_R5_DE * QUARTER * CARO_W4,
    ("DE", PERFORMING, "P-HILL", "", "W1", NORTH): T5_DE * QUARTER * HALF,
    ("DE", PERFORMING, "P-HILL", "R1", "W1", NORTH): (T1_DE + T4_R1_DE) * QUARTER * HALF,
    ("DE", PERFORMING, "P-HILL", "R3", "W2", NORTH): T2_DE * QUARTER * HALF,
    # FR
    ("FR", MASTER, "P-NORTH", "R1", "", NORTH): T1_FR * HALF,
    ("FR", MASTER, "P-NORTH", "R3", "", NORTH): T2_FR * HALF * HALF,
    ("FR", MASTER, "P-SOUTH", "R3", "", NORTH): T2_FR * HALF * HALF,
    ("FR", MASTER, "P-SOUTH", "R4", "", SOUTH): T3_FR * HALF,
    ("FR", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): T1_FR * QUARTER * HALF,
    ("FR", MECHANICAL, "P-CARO", "R4", "W3", SOUTH): T3_FR * QUARTER * Fraction(3, 4),
    ("FR", MECHANICAL, "P-HILL", "R1", "W1", NORTH): T1_FR * QUARTER * HALF,
    ("FR", MECHANICAL, "unclaimed", "R4", "W3", SOUTH): T3_FR * QUARTER * Fraction(1, 4),
    ("FR", MECHANICAL, "overclaim", "R3", "W2", NORTH): T2_FR * QUARTER,
    ("FR", PERFORMING, "P-ANNA", "R1", "W1", NORTH): T1_FR * QUARTER * HALF,
    ("FR", PERFORMING, "P-BEN", "R3", "W2", NORTH): T2_FR * QUARTER * HALF,
    ("FR", PERFORMING, "P-CARO", "R4", "W3", SOUTH): T3_FR * QUARTER * Fraction(3, 4),
    ("FR", PERFORMING, "P-HILL", "R1", "W1", NORTH): T1_FR * QUARTER * HALF,
    ("FR", PERFORMING, "P-HILL", "R3", "W2", NORTH): T2_FR * QUARTER * HALF,
    ("FR", PERFORMING, "unclaimed", "R4", "W3", SOUTH): T3_FR * QUARTER * Fraction(1, 4),
    # US: under review, so held whole, by right.
    ("US", MASTER, "held", "R3", "", NORTH): T6_US * HALF,
    ("US", MECHANICAL, "held", "R3", "W2", NORTH): T6_US * QUARTER,
    ("US", PERFORMING, "held", "R3", "W2", NORTH): T6_US * QUARTER,
    # US: of R2, the rights in its work.
    ("US", MECHANICAL, "P-ANNA", "R2", "W1", NORTH): T6_R2_US * QUARTER * HALF,
    ("US", MECHANICAL, "P-HILL", "R2", "W1", NORTH): T6_R2_US * QUARTER * HALF,
    ("US", PERFORMING, "P-ANNA", "R2", "W1", NORTH): T6_R2_US * QUARTER * HALF,
    ("US", PERFORMING, "P-HILL", "R2", "W1", NORTH): T6_R2_US * QUARTER * HALF,
}

# Totals by territory and right.
ALL_DE, ALL_FR = T1_DE + T2_DE + T4_R1_DE + T4_R5_DE + T5_DE, T1_FR + T2_FR + T3_FR
TOTALS = {
    (territory, right): (whole + (0 if right == MASTER else works_alone)) * part
    for territory, whole, works_alone in (("DE", ALL_DE, 0), ("FR", ALL_FR, 0), ("US", T6_US, T6_R2_US))
    for right, part in ((MASTER, HALF), (MECHANICAL, QUARTER), (PERFORMING, QUARTER))
}


def net(*gross: Fraction | float | str) -> Fraction:
    """Return the net of gross amounts of lines of LINES, after a deduction of a tenth."""
    return sum((Fraction(amount) for amount in gross), Fraction(0)) * 9 / 10


# Opening, lines (net, from above: both rights of a work), adjustments, paid, carried forward. Whole cents are paid.
R5_EACH, R5_CARO = "37.4999625", "37.500075"
IN_Q3 = {
    "P-ANNA": net(40, "187.5", R5_EACH, 75, 50) * 2,  # 701.9999325
    "P-BEN": net(R5_EACH) * 2 + net(25, 50),  # 134.9999325
    "P-CARO": net(R5_CARO, 225) * 2,  # 472.500135
    "P-HILL": net(40, "187.5", 75, 50) * 2 + net(25, 50),
    "P-NORTH": net(750, 50, 225, 300, 100),  # 1282.5
    "P-SOUTH": net(50, 100, 600),
}
PAID_Q3 = {"P-ANNA": 702, "P-BEN": 0, "P-CARO": 473, "P-HILL": 702, "P-NORTH": 1283, "P-SOUTH": 675}  # Ben: below 200
CARRIED = {party: due - PAID_Q3[party] for party, due in IN_Q3.items()}
BALANCES: Balances = {party: (0, due, 0, PAID_Q3[party], CARRIED[party]) for party, due in IN_Q3.items()}

# The next quarter: T1 again, 10 usages in DE.
T1_Q4 = 12 * 10
LINES_Q4: dict[Key, Fraction | int] = {
    ("DE", MASTER, "P-NORTH", "R1", "", NORTH): T1_Q4 * HALF,
    ("DE", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): T1_Q4 * QUARTER * HALF,
    ("DE", MECHANICAL, "P-HILL", "R1", "W1", NORTH): T1_Q4 * QUARTER * HALF,
    ("DE", PERFORMING, "P-ANNA", "R1", "W1", NORTH): T1_Q4 * QUARTER * HALF,
    ("DE", PERFORMING, "P-HILL", "R1", "W1", NORTH): T1_Q4 * QUARTER * HALF,
}

# Adjustments to 2026-Q3: the stated amount (net), and the amount due now.
ADJUSTMENTS: dict[Key, tuple[Fraction | int, Fraction | int]] = {
    # W2, mechanical, is 50 % + 50 % now.
    ("DE", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, net(25)),
    ("DE", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, net(25)),
    ("DE", MECHANICAL, "overclaim", "R3", "W2", NORTH): (50, 0),
    ("FR", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, net(50)),
    ("FR", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, net(50)),
    ("FR", MECHANICAL, "overclaim", "R3", "W2", NORTH): (100, 0),
    # T3 is disputed: its 1200 in FR are held whole, and the part paid of them is taken back.
    ("FR", MASTER, "P-SOUTH", "R4", "", SOUTH): (net(600), 0),
    ("FR", MASTER, "held", "R4", "", SOUTH): (0, 600),
    ("FR", MECHANICAL, "P-CARO", "R4", "W3", SOUTH): (net(225), 0),
    ("FR", MECHANICAL, "unclaimed", "R4", "W3", SOUTH): (75, 0),
    ("FR", MECHANICAL, "held", "R4", "W3", SOUTH): (0, 300),
    ("FR", PERFORMING, "P-CARO", "R4", "W3", SOUTH): (net(225), 0),
    ("FR", PERFORMING, "unclaimed", "R4", "W3", SOUTH): (75, 0),
    ("FR", PERFORMING, "held", "R4", "W3", SOUTH): (0, 300),
    # T6 is resolved: R3 in the US is paid.
    ("US", MASTER, "P-NORTH", "R3", "", NORTH): (0, net(75)),
    ("US", MASTER, "P-SOUTH", "R3", "", NORTH): (0, net(75)),
    ("US", MASTER, "held", "R3", "", NORTH): (150, 0),
    ("US", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, net("37.5")),
    ("US", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, net("37.5")),
    ("US", MECHANICAL, "held", "R3", "W2", NORTH): (75, 0),
    ("US", PERFORMING, "P-BEN", "R3", "W2", NORTH): (0, net("37.5")),
    ("US", PERFORMING, "P-HILL", "R3", "W2", NORTH): (0, net("37.5")),
    ("US", PERFORMING, "held", "R3", "W2", NORTH): (75, 0),
}

W2_BACK = net(25, 50, "37.5", "37.5")  # to Ben and to Hill: 135
IN_Q4: dict[str, tuple[Fraction | int, Fraction | int, int]] = {
    "P-ANNA": (net(15, 15), 0, 0),
    "P-BEN": (0, W2_BACK, 270),  # 134.9999325 from before and 135 now
    "P-CARO": (0, -net(225, 225), 0),  # paid in Q3, disputed now: set against later payments
    "P-HILL": (net(15, 15), W2_BACK, 0),  # 162
    "P-NORTH": (net(60), net(75), 0),  # 121, half a cent of 121.5 was paid before
    "P-SOUTH": (0, net(75) - net(600), 0),
}
BALANCES_Q4: Balances = {
    party: (CARRIED[party], lines, adjusted, paid, CARRIED[party] + lines + adjusted - paid)
    for party, (lines, adjusted, paid) in IN_Q4.items()
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = tmp_path_factory.mktemp("example") / "rights.sqlite"
    return run_example(EXAMPLE, Database.open(str(place), create=True))


def stated_lines(statement: Statement) -> dict[Key, Fraction | int]:
    found: dict[Key, Fraction | int] = {}
    for line in statement.lines:
        whom = line.party_id if line.kind == "payable" else line.kind
        key = (line.territory, line.right, whom, line.recording_id, line.work_id, line.licence_id)
        assert key not in found
        found[key] = cents(line.gross)
        assert cents(line.net) == (net(cents(line.gross)) if line.kind == "payable" else cents(line.gross))
    return found


def balances_of(statement: Statement) -> Balances:
    return {
        one.party_id: tuple(map(cents, (one.opening, one.lines, one.adjustments, one.paid, one.carried)))
        for one in statement.balances
    }


def test_each_track_has_the_uses_that_were_planted(story: Story) -> None:
    found = {
        (use.track_name, use.layer, use.recording_id, use.work_ids): (use.attributed_us, use.state, use.state_rule)
        for use in story.first.uses
    }
    second = 1_000_000
    claimed = "thresholds.claim_confidence 0.99"
    both = "scan: R1 fits nearly as well as R2; scan: R2 fits nearly as well as R1"
    assert found == {
        ("T1.wav", "recording", "R1", ("W1",)): (12 * second, "claimed", claimed),
        # 300 landmarks in 20 s are 15 per second, 8 in 5 s are 1.6: more than four times as many
        ("T2.wav", "recording", "R3", ("W2",)): (
            20 * second,
            "claimed",
            f"{claimed}; overlap.decide_by evidence: before R4",
        ),
        ("T2.wav", "recording", "R4", ("W3",)): (0, "withdrawn", "overlap: ranks behind R3"),
        ("T3.wav", "recording", "R4", ("W3",)): (30 * second, "claimed", claimed),
        # R5 from 20 s to 45 s, of which 30 s to 40 s are R1
        ("T4.wav", "recording", "R1", ("W1",)): (
            (40 - 30) * second,
            "claimed",
            f"{claimed}; rights: 30000-40000 ms of R5 is taken from R1",
        ),
        ("T4.wav", "recording", "R5", ("W4",)): ((45 - 20 - 10) * second, "claimed", claimed),
        ("T5.wav", "recording", "", ()): (
            16 * second,
            "unresolved",
            f"overlap.otherwise unresolved: R1, R2; {both}",
        ),
        ("T5.wav", "composition", "", ("W1",)): (
            16 * second,
            "claimed",
            f"{claimed}; overlap: R1, R2 all perform W1, the recording is unresolved; {both}",
        ),
        ("T6.wav", "recording", "R2", ("W1",)): (8 * second, "claimed", claimed),
        ("T6.wav", "recording", "R3", ("W2",)): (
            6 * second,
            "review",
            "thresholds.claim_confidence 0.99: confidence 0.95 is below it",
        ),
    }


def test_the_licences_say_where_each_use_is_licensed(story: Story) -> None:
    found = {
        (use.track_name, use.recording_id or "/".join(use.work_ids)): [
            (one.territory, one.outcome.outcome, *one.outcome.licence_ids)
            for one in UseShares(story.rights).outcomes(use)
            if one.right == (MASTER if use.layer == "recording" else PERFORMING)
        ]
        for use in story.first.uses
        if use.state != "withdrawn"
    }
    assert found == {
        ("T1.wav", "R1"): [("DE", "licensed", NORTH), ("FR", "licensed", NORTH)],
        ("T2.wav", "R3"): [("DE", "licensed", NORTH), ("FR", "licensed", NORTH)],
        ("T3.wav", "R4"): [("FR", "licensed", SOUTH), ("US", "outside_licence", SOUTH)],
        ("T4.wav", "R1"): [("DE", "licensed", NORTH)],
        ("T4.wav", "R5"): [("DE", "licensed", NORTH)],
        ("T5.wav", ""): [("DE", "licensed", NORTH)],
        ("T5.wav", "W1"): [("DE", "licensed", NORTH)],
        ("T6.wav", "R2"): [("US", "outside_licence", "LIC-LIVE")],
        ("T6.wav", "R3"): [("US", "licensed", NORTH)],
    }


def test_every_line_equals_the_calculation_by_hand(story: Story) -> None:
    assert stated_lines(story.first) == LINES
    assert stated_lines(story.second) == LINES_Q4


def test_lines_sum_to_the_total_of_every_territory_and_right(story: Story) -> None:
    found = {(t.territory, t.right): cents(t.total) for t in story.first.totals}
    assert found == TOTALS
    assert all(total.lines_sum == total.total for total in story.first.totals)
    # DE 12.00 + 2.00 + 3.00 + 4.50 + 3.20, FR 6.00 + 4.00 + 12.00, US 3.00 and half of 4.00
    assert sum(TOTALS.values()) == 2470 + 2200 + 300 + 200
    assert cents(total.total for total in story.second.totals) == T1_Q4 == 120


def test_nobody_is_paid_for_held_unclaimed_or_overclaimed_amounts(story: Story) -> None:
    unpaid: dict[str, Fraction | int] = {}
    reasons: dict[str, set[str]] = {}
    for line in story.first.lines:
        if line.kind != "payable":
            assert (line.party_id, line.net) == ("", line.gross)
            unpaid[line.kind] = unpaid.get(line.kind, Fraction(0)) + cents(line.gross)
            reasons.setdefault(line.kind, set()).add(line.reason.partition(":")[0])
    # held: the master of T5 and all of T6; unclaimed: a quarter of two quarters of T3; overclaim: a quarter of T2
    assert unpaid == {"held": 160 + 300, "unclaimed": 75 + 75, "overclaim": 50 + 100}
    assert reasons == {
        "held": {"review", "unresolved"},
        "unclaimed": {"shares of W3 sum to 75 %"},
        "overclaim": {"shares of W2 sum to 120 %"},
    }


def test_an_amount_owed_is_paid_and_one_below_the_minimum_is_carried_forward(story: Story) -> None:
    assert balances_of(story.first) == BALANCES
    assert {cents(balance.minimum) for balance in story.first.balances} == {200}


def test_shares_that_no_licence_permits_are_listed_and_get_no_line(story: Story) -> None:
    names = {use.id: (use.track_name, use.recording_id) for use in story.first.uses}
    south, live = "LIC-SOUTH: holds in Worldwide less US, used in US", "LIC-LIVE: expired on 2026-06-30"
    found = {
        (*names[one.use_id], one.territory, one.right, one.party_id): one.rule.partition(", generated")[0]
        for one in story.first.outside
    }
    assert {one.outcome for one in story.first.outside} == {"outside_licence"}
    assert found == {
        ("T3.wav", "R4", "US", MASTER, "P-NORTH"): south,
        ("T3.wav", "R4", "US", MECHANICAL, "P-CARO"): south,
        ("T3.wav", "R4", "US", MECHANICAL, ""): south,
        ("T3.wav", "R4", "US", PERFORMING, "P-CARO"): south,
        ("T3.wav", "R4", "US", PERFORMING, ""): south,
        ("T6.wav", "R2", "US", MASTER, "P-SOUTH"): live,
    }
    paid_for = {
        (*names[part.use_id], line.territory, line.right) for line in story.first.lines for part in line.contributions
    }
    assert not paid_for & {key[:4] for key in found}


def test_a_check_of_the_rights_names_overclaimed_and_unclaimed_shares(story: Story) -> None:
    found = [(finding.severity, finding.kind, finding.subject, finding.sentence) for finding in story.findings]
    assert [(severity, kind) for severity, kind, _, _ in found] == [
        ("error", "overclaim"),
        ("warning", "unclaimed"),
        ("warning", "unclaimed"),
    ]
    assert "120 %" in found[0][3]
    assert all("25 % is unclaimed" in sentence for _, _, _, sentence in found[1:])


def test_later_changes_are_adjusted_line_by_line_in_the_next_quarter(story: Story) -> None:
    found = {
        (
            one.territory,
            one.right,
            one.party_id if one.kind == "payable" else one.kind,
            one.recording_id,
            one.work_id,
            one.licence_id,
        ): (cents(one.stated), cents(one.now))
        for one in story.second.adjustments
    }
    assert found == ADJUSTMENTS
    assert len(story.second.adjustments) == len(ADJUSTMENTS)
    assert all(one.amount == one.now - one.stated for one in story.second.adjustments)
    assert {one.statement_id for one in story.second.adjustments} == {story.first.id}
    # In gross amounts nothing is made or lost, only moved from one kind of line to another. Net amounts differ by the
    # deductions: those of then less those of now.
    sums = {(territory, right): Fraction(0) for territory, right, *_ in ADJUSTMENTS}
    for (territory, right, *_), (stated, now) in ADJUSTMENTS.items():
        sums[territory, right] += now - stated
    assert sums == {
        ("DE", MECHANICAL): -5,
        ("FR", MASTER): 60,
        ("FR", MECHANICAL): Fraction(45 - 20, 2),
        ("FR", PERFORMING): Fraction(45, 2),
        ("US", MASTER): -15,
        ("US", MECHANICAL): Fraction(-15, 2),
        ("US", PERFORMING): Fraction(-15, 2),
    }


def test_each_adjustment_says_why(story: Story) -> None:
    names = {use.id: use.track_name for use in story.first.uses}
    for one in story.second.adjustments:
        why = re.sub("U[0-9a-f]{24}", lambda found: names[found[0]], one.reason)
        if one.territory == "US":
            assert why.startswith("use T6.wav of T6.wav resolved by auditor, 2026-12-01: ")
        elif one.recording_id == "R4":
            assert why.startswith("use T3.wav of T3.wav disputed by auditor, 2026-12-01: ")
        else:
            assert re.fullmatch(r"share of .+ in .+: now \d+ %, was \d+ % \(by auditor, 2026-12-01\).*", why)


def test_balances_go_on_from_one_quarter_to_the_next(story: Story) -> None:
    assert balances_of(story.second) == BALANCES_Q4
    assert story.second.outside == ()


def test_statements_are_audited_without_a_problem(story: Story, tmp_path: Path) -> None:
    for name, statement in (("Q3", story.first), ("Q4", story.second)):
        write_statement(statement, tmp_path / name)
        assert audit_statement(tmp_path / name) == []


@pytest.mark.slow
def test_the_document_is_the_one_that_is_generated(story: Story, tmp_path: Path) -> None:
    committed = EXAMPLE.parent / "EXAMPLE.md"
    remedy = "docs/money/EXAMPLE.md is not what is generated: run python -m benchmarks.royalties_example"
    assert main(["--out", str(tmp_path / "again.md")]) == 0
    assert (tmp_path / "again.md").read_bytes() == committed.read_bytes(), remedy
    sections = example_text(story).partition("## ")[2]
    assert sections in committed.read_text(encoding="utf-8"), "another database gives another document"


def test_the_document_cannot_be_made_without_the_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--example", str(tmp_path), "--out", str(tmp_path / "out.md")]) == 2
    assert "royalties_example: " in capsys.readouterr().err
    assert not (tmp_path / "out.md").exists()


RUN_COMMANDS = """
import datetime, json, sys, cli
from sourceprint.commands import money
from sourceprint.royalties.rights import database

class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2027, 1, 15, 12, tzinfo=tz)

database.datetime = Noon  # the chain holds when something was entered
money.today = lambda: datetime.date(2027, 1, 15)  # both periods have ended
codes = []
for words in json.loads(sys.argv[1]):
    try:
        cli.main(words)
    except SystemExit as done:
        codes.append(done.code or 0)
    else:
        codes.append(0)
print()
print(json.dumps(codes))
"""


@pytest.fixture
def follow(tmp_path: Path) -> Callable[[str], tuple[Path, list[int]]]:
    """Follow the commands of the document, in a folder and process of their own."""

    def run(hash_seed: str) -> tuple[Path, list[int]]:
        folder = tmp_path / f"checkout-{hash_seed}"
        shutil.copytree(EXAMPLE, folder / "docs" / "money" / "example")
        text = (EXAMPLE.parent / "EXAMPLE.md").read_text(encoding="utf-8")
        block = text.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ")
        lines = [shlex.split(line) for line in block.splitlines() if line]
        settings = dict(line[1].split("=") for line in lines if line[0] == "export")
        commands = [line[1:] for line in lines if line[0] == "sourceprint"]
        assert len(commands) + len(settings) == len(lines)
        environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-P", "-c", RUN_COMMANDS, json.dumps(commands)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return folder, json.loads(done.stdout.splitlines()[-1])

    return run


def of_no_database(statement: Statement) -> Statement:
    """Return a statement without the traces of its database: inputs, chain head, backdating, days of changes."""
    adjustments = tuple(
        replace(one, reason=re.sub(r", \d{4}-\d\d-\d\d", "", one.reason)) for one in statement.adjustments
    )
    return replace(statement, inputs=None, chain_head="", backdated="", adjustments=adjustments)


@pytest.mark.slow
def test_following_the_document_gives_the_same_statements_to_the_byte(
    story: Story, follow: Callable[[str], tuple[Path, list[int]]]
) -> None:
    (one, codes), (other, codes_of_other) = follow("1"), follow("2")
    assert codes == codes_of_other
    assert codes == [0, 0, 1, *[0] * (len(codes) - 3)], "only rights check may find something"
    for name, statement in (("statement-2026-Q3", story.first), ("statement-2026-Q4", story.second)):
        files = {path.relative_to(one / name): path.read_bytes() for path in (one / name).rglob("*") if path.is_file()}
        again = {
            path.relative_to(other / name): path.read_bytes() for path in (other / name).rglob("*") if path.is_file()
        }
        assert len(files) > 8
        assert files == again
        written = parse_statement(files[Path("statement.json")])
        assert written.backdated == "a worked example"
        assert statement_bytes(of_no_database(written)) == statement_bytes(of_no_database(statement))
