"""The golden case: six generated tracks, two quarters, every amount worked out here by hand from the inputs' numbers.

What the inputs in `docs/money/example` say (recordings R1 to R5, works W1 to W4, cents throughout):

    price            1 cent x seconds x usages; of every amount 1/2 to the master, 1/4 mechanical, 1/4 performing
    deduction        10 % of what is payable            minimum payout   200
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
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.royalties_example import EXAMPLE, main, run_example
from benchmarks.royalties_example_story import Story
from benchmarks.royalties_example_text import example_text
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.royalties.statements.files.dsr_validation import validate_dsr
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.files.statement_json import statement_bytes
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.shares import UseShares
from tests.places import ROOT

Key = tuple[str, str, str, str, str, str]  # territory, right, kind or payee, recording, work, licence

MASTER, MECHANICAL, PERFORMING = "Master", "MechanicalRight", "PerformingRight"
NORTH, SOUTH = "LIC-NORTH", "LIC-SOUTH"
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
ANNA_W4 = BEN_W4 = Fraction(333_333, 1_000_000)
CARO_W4 = Fraction(333_334, 1_000_000)

# What each use is worth in each territory: seconds x usages x 1 cent.
T1_DE, T1_FR = 12 * 100, 12 * 50
T2_DE, T2_FR = 20 * 10, 20 * 20
T3_FR = 30 * 40  # its 10 usages in the US are outside the licence
T4_R1_DE, T4_R5_DE = 10 * 30, 15 * 30  # 25 s of R5, 10 of them the sample of R1
T5_DE = 16 * 20
T6_US = 6 * 50  # the 8 s of R2 are outside: its licence had expired

# Line by line: exact amount, gross after rounding, deduction. Totals of DE: 2470, that is 1235 + 617.5 + 617.5; the
# cent of the two halves goes to MechanicalRight, which sorts first: 618 and 617.
LINES: dict[Key, tuple[Fraction | int, int, int]] = {
    # DE, Master: all whole. 10 % of 1075 payable is 107.5, to the even cent 108: 75 + 5 + 22 + 5, and one to 22.5.
    ("DE", MASTER, "P-NORTH", "R1", "", NORTH): ((T1_DE + T4_R1_DE) * HALF, 750, 75),
    ("DE", MASTER, "P-NORTH", "R3", "", NORTH): (T2_DE * HALF * HALF, 50, 5),
    ("DE", MASTER, "P-NORTH", "R5", "", NORTH): (T4_R5_DE * HALF, 225, 23),
    ("DE", MASTER, "P-SOUTH", "R3", "", NORTH): (T2_DE * HALF * HALF, 50, 5),
    ("DE", MASTER, "held", "", "", NORTH): (T5_DE * HALF, 160, 0),
    # DE, MechanicalRight: quota = exact x 618 / 617.5. Down: 40 + 187 + 37 + 37 + 37 + 40 + 187 + 50 = 615; 3 cents are
    # left, for .6518 (Anna R1, Hill R1) and .5304 (Caro); the .5303 of Anna and Ben come too late.
    # Deductions: 10 % of 568 is 56.8, so 57. Down: 4 + 18 + 3 + 3 + 3 + 4 + 18 = 53; 4 are left, for .8 (Anna R1, Hill
    # R1, Caro) and the first of two .7: Anna R5 before Ben R5.
    ("DE", MECHANICAL, "P-ANNA", "", "W1", NORTH): (T5_DE * QUARTER * HALF, 40, 4),
    ("DE", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): ((T1_DE + T4_R1_DE) * QUARTER * HALF, 188, 19),
    ("DE", MECHANICAL, "P-ANNA", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * ANNA_W4, 37, 4),
    ("DE", MECHANICAL, "P-BEN", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * BEN_W4, 37, 3),
    ("DE", MECHANICAL, "P-CARO", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * CARO_W4, 38, 4),
    ("DE", MECHANICAL, "P-HILL", "", "W1", NORTH): (T5_DE * QUARTER * HALF, 40, 4),
    ("DE", MECHANICAL, "P-HILL", "R1", "W1", NORTH): ((T1_DE + T4_R1_DE) * QUARTER * HALF, 188, 19),
    ("DE", MECHANICAL, "overclaim", "R3", "W2", NORTH): (T2_DE * QUARTER, 50, 0),
    # DE, PerformingRight: quota = exact x 617 / 617.5. Down: 39 + 187 + 37 + 24 + 37 + 37 + 39 + 187 + 24 = 611; 6 are
    # left, for .9798 (Ben R3, Hill R3), .9676 (Anna W1, Hill W1), .4697 (Caro) and the first of two .4696: Anna R5.
    # Deductions: 10 % of 617 is 61.7, so 62. Down: 4 + 18 + 3 + 2 + 3 + 3 + 4 + 18 + 2 = 57; 5 are left, for .8 (Anna
    # R5, Caro) and .7 (Anna R1, Ben R5, Hill R1).
    ("DE", PERFORMING, "P-ANNA", "", "W1", NORTH): (T5_DE * QUARTER * HALF, 40, 4),
    ("DE", PERFORMING, "P-ANNA", "R1", "W1", NORTH): ((T1_DE + T4_R1_DE) * QUARTER * HALF, 187, 19),
    ("DE", PERFORMING, "P-ANNA", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * ANNA_W4, 38, 4),
    ("DE", PERFORMING, "P-BEN", "R3", "W2", NORTH): (T2_DE * QUARTER * HALF, 25, 2),
    ("DE", PERFORMING, "P-BEN", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * BEN_W4, 37, 4),
    ("DE", PERFORMING, "P-CARO", "R5", "W4", NORTH): (T4_R5_DE * QUARTER * CARO_W4, 38, 4),
    ("DE", PERFORMING, "P-HILL", "", "W1", NORTH): (T5_DE * QUARTER * HALF, 40, 4),
    ("DE", PERFORMING, "P-HILL", "R1", "W1", NORTH): ((T1_DE + T4_R1_DE) * QUARTER * HALF, 187, 19),
    ("DE", PERFORMING, "P-HILL", "R3", "W2", NORTH): (T2_DE * QUARTER * HALF, 25, 2),
    # FR: all whole. Deductions, Master: 10 % of 1100 is 110.
    ("FR", MASTER, "P-NORTH", "R1", "", NORTH): (T1_FR * HALF, 300, 30),
    ("FR", MASTER, "P-NORTH", "R3", "", NORTH): (T2_FR * HALF * HALF, 100, 10),
    ("FR", MASTER, "P-SOUTH", "R3", "", NORTH): (T2_FR * HALF * HALF, 100, 10),
    ("FR", MASTER, "P-SOUTH", "R4", "", SOUTH): (T3_FR * HALF, 600, 60),
    # MechanicalRight: 10 % of 375 is 37.5, to the even cent 38. Down: 7 + 22 + 7 = 36; 2 are left for three .5: Anna,
    # Caro.
    ("FR", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): (T1_FR * QUARTER * HALF, 75, 8),
    ("FR", MECHANICAL, "P-CARO", "R4", "W3", SOUTH): (T3_FR * QUARTER * Fraction(3, 4), 225, 23),
    ("FR", MECHANICAL, "P-HILL", "R1", "W1", NORTH): (T1_FR * QUARTER * HALF, 75, 7),
    ("FR", MECHANICAL, "unclaimed", "R4", "W3", SOUTH): (T3_FR * QUARTER * Fraction(1, 4), 75, 0),
    ("FR", MECHANICAL, "overclaim", "R3", "W2", NORTH): (T2_FR * QUARTER, 100, 0),
    # PerformingRight: 10 % of 475 is 47.5, so 48. Down: 7 + 5 + 22 + 7 + 5 = 46; 2 are left for three .5: Anna, Caro.
    ("FR", PERFORMING, "P-ANNA", "R1", "W1", NORTH): (T1_FR * QUARTER * HALF, 75, 8),
    ("FR", PERFORMING, "P-BEN", "R3", "W2", NORTH): (T2_FR * QUARTER * HALF, 50, 5),
    ("FR", PERFORMING, "P-CARO", "R4", "W3", SOUTH): (T3_FR * QUARTER * Fraction(3, 4), 225, 23),
    ("FR", PERFORMING, "P-HILL", "R1", "W1", NORTH): (T1_FR * QUARTER * HALF, 75, 7),
    ("FR", PERFORMING, "P-HILL", "R3", "W2", NORTH): (T2_FR * QUARTER * HALF, 50, 5),
    ("FR", PERFORMING, "unclaimed", "R4", "W3", SOUTH): (T3_FR * QUARTER * Fraction(1, 4), 75, 0),
    # US: under review, so held whole, by right.
    ("US", MASTER, "held", "R3", "", NORTH): (T6_US * HALF, 150, 0),
    ("US", MECHANICAL, "held", "R3", "W2", NORTH): (T6_US * QUARTER, 75, 0),
    ("US", PERFORMING, "held", "R3", "W2", NORTH): (T6_US * QUARTER, 75, 0),
}

# What falls to each territory and right: exact, and in whole cents.
TOTALS = {
    ("DE", MASTER): ((T1_DE + T2_DE + T4_R1_DE + T4_R5_DE + T5_DE) * HALF, 1235),
    ("DE", MECHANICAL): ((T1_DE + T2_DE + T4_R1_DE + T4_R5_DE + T5_DE) * QUARTER, 618),
    ("DE", PERFORMING): ((T1_DE + T2_DE + T4_R1_DE + T4_R5_DE + T5_DE) * QUARTER, 617),
    ("FR", MASTER): ((T1_FR + T2_FR + T3_FR) * HALF, 1100),
    ("FR", MECHANICAL): ((T1_FR + T2_FR + T3_FR) * QUARTER, 550),
    ("FR", PERFORMING): ((T1_FR + T2_FR + T3_FR) * QUARTER, 550),
    ("US", MASTER): (T6_US * HALF, 150),
    ("US", MECHANICAL): (T6_US * QUARTER, 75),
    ("US", PERFORMING): (T6_US * QUARTER, 75),
}

# Opening, lines (net: gross less deduction, from above), adjustments, paid, carried forward.
BALANCES = {
    "P-ANNA": (0, (36 + 169 + 33) + (36 + 168 + 34) + 67 + 67, 0, 610, 0),
    "P-BEN": (0, 34 + (23 + 33) + 45, 0, 0, 135),  # less than 200: carried forward
    "P-CARO": (0, 34 + 34 + 202 + 202, 0, 472, 0),
    "P-HILL": (0, (36 + 169) + (36 + 168 + 23) + 68 + (68 + 45), 0, 613, 0),
    "P-NORTH": (0, (675 + 45 + 202) + (270 + 90), 0, 1282, 0),
    "P-SOUTH": (0, 45 + (90 + 540), 0, 675, 0),
}

# The next quarter: T1 again, 10 usages in DE. MechanicalRight and PerformingRight: 10 % of 30 is 3, for two of 1.5:
# down 1 + 1, and one more to Anna, who sorts first.
T1_Q4 = 12 * 10
LINES_Q4: dict[Key, tuple[Fraction | int, int, int]] = {
    ("DE", MASTER, "P-NORTH", "R1", "", NORTH): (T1_Q4 * HALF, 60, 6),
    ("DE", MECHANICAL, "P-ANNA", "R1", "W1", NORTH): (T1_Q4 * QUARTER * HALF, 15, 2),
    ("DE", MECHANICAL, "P-HILL", "R1", "W1", NORTH): (T1_Q4 * QUARTER * HALF, 15, 1),
    ("DE", PERFORMING, "P-ANNA", "R1", "W1", NORTH): (T1_Q4 * QUARTER * HALF, 15, 2),
    ("DE", PERFORMING, "P-HILL", "R1", "W1", NORTH): (T1_Q4 * QUARTER * HALF, 15, 1),
}

# Adjustments to 2026-Q3: what was stated (net), and what it would be now.
ADJUSTMENTS: dict[Key, tuple[int, int]] = {
    # W2, mechanical, is 50 % + 50 % now. DE: the 50 that were held are 25 (quota 25.02) for each. 10 % of the 618 that
    # are payable now is 61.8, so 62. Down: 4 + 18 + 3 + 2 + 3 + 3 + 4 + 18 + 2 = 57; 5 are left, for .8 (Anna R1, Hill
    # R1, Caro) and .7 (Anna R5, Ben R5): so Ben has a cent more taken off R5 than before.
    ("DE", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, 25 - 2),
    ("DE", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, 25 - 2),
    ("DE", MECHANICAL, "overclaim", "R3", "W2", NORTH): (50, 0),
    ("DE", MECHANICAL, "P-BEN", "R5", "W4", NORTH): (37 - 3, 37 - 4),
    # FR: the 100 that were held are 50 for each. 10 % of 75 + 75 + 50 + 50 = 250 payable (R4 is disputed) is 25. Down:
    # 7 + 7 + 5 + 5 = 24; one is left for two .5: Anna, as before, so her line and Hill's for R1 stay.
    ("FR", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, 50 - 5),
    ("FR", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, 50 - 5),
    ("FR", MECHANICAL, "overclaim", "R3", "W2", NORTH): (100, 0),
    # T3 is disputed: its 1200 in FR are held whole, and what was paid of them is taken back. PerformingRight: 10 % of
    # 75 + 50 + 75 + 50 = 250 is 25; down 24, and one to Anna: the other lines stay.
    ("FR", MASTER, "P-SOUTH", "R4", "", SOUTH): (600 - 60, 0),
    ("FR", MASTER, "held", "R4", "", SOUTH): (0, 600),
    ("FR", MECHANICAL, "P-CARO", "R4", "W3", SOUTH): (225 - 23, 0),
    ("FR", MECHANICAL, "unclaimed", "R4", "W3", SOUTH): (75, 0),
    ("FR", MECHANICAL, "held", "R4", "W3", SOUTH): (0, 300),
    ("FR", PERFORMING, "P-CARO", "R4", "W3", SOUTH): (225 - 23, 0),
    ("FR", PERFORMING, "unclaimed", "R4", "W3", SOUTH): (75, 0),
    ("FR", PERFORMING, "held", "R4", "W3", SOUTH): (0, 300),
    # T6 is resolved: R3 in the US is paid. Master 150: 75 each, 10 % is 15, down 7 + 7, one to North, who sorts first.
    # The others 75: 37.5 each, one cent to Ben, who sorts first; 10 % is 7.5, to the even cent 8; down 3 + 3, 2 left.
    ("US", MASTER, "P-NORTH", "R3", "", NORTH): (0, 75 - 8),
    ("US", MASTER, "P-SOUTH", "R3", "", NORTH): (0, 75 - 7),
    ("US", MASTER, "held", "R3", "", NORTH): (150, 0),
    ("US", MECHANICAL, "P-BEN", "R3", "W2", NORTH): (0, 38 - 4),
    ("US", MECHANICAL, "P-HILL", "R3", "W2", NORTH): (0, 37 - 4),
    ("US", MECHANICAL, "held", "R3", "W2", NORTH): (75, 0),
    ("US", PERFORMING, "P-BEN", "R3", "W2", NORTH): (0, 38 - 4),
    ("US", PERFORMING, "P-HILL", "R3", "W2", NORTH): (0, 37 - 4),
    ("US", PERFORMING, "held", "R3", "W2", NORTH): (75, 0),
}

BALANCES_Q4 = {
    "P-ANNA": (0, 13 + 13, 0, 0, 26),
    "P-BEN": (135, 0, 23 - 1 + 45 + 34 + 34, 270, 0),  # 135 from before and 135 now
    "P-CARO": (0, 0, -202 - 202, 0, -404),  # paid in Q3, disputed now: set against what comes next
    "P-HILL": (0, 14 + 14, 23 + 45 + 33 + 33, 0, 162),
    "P-NORTH": (0, 54, 67, 0, 121),
    "P-SOUTH": (0, 0, -540 + 68, 0, -472),
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = tmp_path_factory.mktemp("example") / "rights.sqlite"
    return run_example(EXAMPLE, Database.open(str(place), create=True))


def stated_lines(statement: Statement) -> dict[Key, tuple[Fraction | int, int, int]]:
    found: dict[Key, tuple[Fraction | int, int, int]] = {}
    for line in statement.lines:
        whom = line.party_id if line.kind == "payable" else line.kind
        key = (line.territory, line.right, whom, line.recording_id, line.work_id, line.licence_id)
        assert key not in found
        found[key] = (line.exact, line.gross, line.gross - line.net)
    return found


def balances_of(statement: Statement) -> dict[str, tuple[int, int, int, int, int]]:
    return {b.party_id: (b.opening, b.lines, b.adjustments, b.paid, b.closing) for b in statement.balances}


def rounded_by_hand(total: int, sizes: dict[Key, Fraction]) -> dict[Key, int]:
    """Largest remainder in its plainest form: round down, then one cent each to the largest fractions, ties by key."""
    whole = sum(sizes.values())
    quotas = {key: total * size / whole for key, size in sizes.items()}
    parts = {key: int(quota) for key, quota in quotas.items()}
    for key in sorted(parts, key=lambda key: (parts[key] - quotas[key], key))[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


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
            "thresholds.review_confidence 0.9: confidence 0.95",
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


def test_every_line_is_what_comes_out_by_hand(story: Story) -> None:
    assert stated_lines(story.first) == LINES
    assert stated_lines(story.second) == LINES_Q4


def test_the_cents_written_here_are_those_of_the_largest_remainder() -> None:
    # The hand's own arithmetic, checked: each group of LINES rounded in the plainest way.
    for (territory, right), (exact, total) in TOTALS.items():
        lines = {key: line for key, line in LINES.items() if key[:2] == (territory, right)}
        sizes = {key: Fraction(line[0]) for key, line in lines.items()}
        assert sum(sizes.values()) == exact
        assert rounded_by_hand(total, sizes) == {key: line[1] for key, line in lines.items()}
        payable = {key: Fraction(line[1], 10) for key, line in lines.items() if key[2].startswith("P-")}
        if payable:
            taken = {key: lines[key][2] for key in payable}
            assert rounded_by_hand(round(sum(payable.values())), payable) == taken


def test_lines_sum_to_the_total_of_every_territory_and_right(story: Story) -> None:
    found = {(t.territory, t.right): (t.exact, t.total) for t in story.first.totals}
    assert found == TOTALS
    assert all(total.lines_sum == total.total for total in story.first.totals)
    # DE 12.00 + 2.00 + 3.00 + 4.50 + 3.20, FR 6.00 + 4.00 + 12.00, US 3.00
    assert sum(total for _, total in TOTALS.values()) == 2470 + 2200 + 300
    assert sum(total.total for total in story.second.totals) == T1_Q4 == 120


def test_nobody_is_paid_for_what_is_held_unclaimed_or_overclaimed(story: Story) -> None:
    unpaid: dict[str, int] = {}
    reasons: dict[str, set[str]] = {}
    for line in story.first.lines:
        if line.kind != "payable":
            assert (line.party_id, line.net) == ("", line.gross)
            unpaid[line.kind] = unpaid.get(line.kind, 0) + line.gross
            reasons.setdefault(line.kind, set()).add(line.reason.partition(":")[0])
    # held: the master of T5 and all of T6; unclaimed: a quarter of two quarters of T3; overclaim: a quarter of T2
    assert unpaid == {"held": 160 + 300, "unclaimed": 75 + 75, "overclaim": 50 + 100}
    assert reasons == {
        "held": {"review", "unresolved"},
        "unclaimed": {"shares of W3 sum to 75 %"},
        "overclaim": {"shares of W2 sum to 120 %"},
    }


def test_what_is_owed_is_paid_and_what_is_too_little_is_carried_forward(story: Story) -> None:
    assert balances_of(story.first) == BALANCES
    assert {balance.minimum for balance in story.first.balances} == {200}


def test_uses_that_no_licence_permits_are_listed_and_get_no_line(story: Story) -> None:
    names = {use.id: (use.track_name, use.recording_id) for use in story.first.uses}
    found = {(*names[one.use_id], one.territory): (one.outcome, one.rule) for one in story.first.outside}
    assert found == {
        ("T3.wav", "R4", "US"): ("outside_licence", "LIC-SOUTH: holds in Worldwide less US, used in US"),
        ("T6.wav", "R2", "US"): ("outside_licence", "LIC-LIVE: expired on 2026-06-30, generated 2026-09-09"),
    }
    paid_for = {(*names[part.use_id], line.territory) for line in story.first.lines for part in line.contributions}
    assert not paid_for & found.keys()


def test_a_check_of_the_rights_names_the_overclaim_and_what_is_unclaimed(story: Story) -> None:
    found = [(finding.severity, finding.kind, finding.subject, finding.sentence) for finding in story.findings]
    assert [(severity, kind) for severity, kind, _, _ in found] == [
        ("error", "overclaim"),
        ("warning", "unclaimed"),
        ("warning", "unclaimed"),
    ]
    assert "120 %" in found[0][3]
    assert all("25 % is unclaimed" in sentence for _, _, _, sentence in found[1:])


def test_what_changed_since_is_adjusted_line_by_line_in_the_next_quarter(story: Story) -> None:
    found = {
        (
            one.territory,
            one.right,
            one.party_id if one.kind == "payable" else one.kind,
            one.recording_id,
            one.work_id,
            one.licence_id,
        ): (one.stated, one.now)
        for one in story.second.adjustments
    }
    assert found == ADJUSTMENTS
    assert len(story.second.adjustments) == len(ADJUSTMENTS)
    assert all(one.amount == one.now - one.stated for one in story.second.adjustments)
    assert {one.statement_id for one in story.second.adjustments} == {story.first.id}
    # In gross amounts nothing is made or lost, only moved from one kind of line to another. Net amounts differ by the
    # deductions: those of then less those of now.
    sums = {(territory, right): 0 for territory, right, *_ in ADJUSTMENTS}
    for (territory, right, *_), (stated, now) in ADJUSTMENTS.items():
        sums[territory, right] += now - stated
    assert sums == {
        ("DE", MECHANICAL): 57 - 62,
        ("FR", MASTER): 60,
        ("FR", MECHANICAL): 38 - 25,
        ("FR", PERFORMING): 48 - 25,
        ("US", MASTER): -15,
        ("US", MECHANICAL): -8,
        ("US", PERFORMING): -8,
    }


def test_each_adjustment_says_why(story: Story) -> None:
    names = {use.id: use.track_name for use in story.first.uses}
    for one in story.second.adjustments:
        why = re.sub("U[0-9a-f]{24}", lambda found: names[found[0]], one.reason)
        if one.territory == "US":
            assert why.startswith("use T6.wav resolved: ")
        elif one.recording_id == "R4":
            assert why.startswith("use T3.wav disputed: ")
        elif one.recording_id == "R5":
            assert why.startswith("rounding in DE, MechanicalRight")
        else:
            assert why == "rights revision 1 to 2"


def test_balances_go_on_from_one_quarter_to_the_next(story: Story) -> None:
    assert balances_of(story.second) == BALANCES_Q4
    assert story.second.outside == ()


def test_statements_are_audited_and_their_dsr_files_validated_without_a_problem(story: Story, tmp_path: Path) -> None:
    for name, statement in (("Q3", story.first), ("Q4", story.second)):
        write_statement(statement, tmp_path / name)
        dsr = sorted((tmp_path / name / "dsr").glob("*.tsv"))
        assert dsr
        assert validate_dsr(dsr) == []
        assert audit_statement(tmp_path / name) == []


def test_the_document_is_the_one_that_is_generated(story: Story, tmp_path: Path) -> None:
    committed = EXAMPLE.parent / "EXAMPLE.md"
    remedy = "docs/money/EXAMPLE.md is not what is generated: run python -m benchmarks.royalties_example"
    assert committed.read_text(encoding="utf-8") == example_text(story), remedy
    assert main(["--out", str(tmp_path / "again.md")]) == 0
    assert (tmp_path / "again.md").read_bytes() == committed.read_bytes()


def test_the_document_cannot_be_made_without_the_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--example", str(tmp_path), "--out", str(tmp_path / "out.md")]) == 2
    assert "royalties_example: " in capsys.readouterr().err
    assert not (tmp_path / "out.md").exists()


RUN_COMMANDS = """
import datetime, json, sys, cli
from sourceprint.commands import money
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


@pytest.mark.slow
def test_whoever_follows_the_document_gets_the_same_statements_to_the_byte(
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
        assert files[Path("statement.json")] == statement_bytes(statement)
