"""The stories of the worked example: the sums on paper add up, and the product states the same.

The paper in `docs/money/EXAMPLE.md` was worked by hand. Its arithmetic is done again here with fractions, cell by cell,
and every figure is compared with the statements that the commands of its chapter make.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.royalties_example import EXAMPLE
from benchmarks.royalties_example_stories import follow
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line
from sourceprint.royalties.statements.statement import Statement
from tests.command_line import run
from tests.royalty_records import cents

CHAPTERS = [
    chapter
    for chapter in re.split("^## ", (EXAMPLE.parent / "EXAMPLE.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    if "On paper and stated" in chapter
]
PAPER = re.compile(r"^\*\*On paper and stated: (\S+), ([a-z ]+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)
KEYS = {"lines": 4, "days": 4, "adjustments": 4, "payments": 1, "outside": 5, "opted out": 2, "advances": 1}
DEDUCTED = Fraction(1, 10)

Row = dict[str, str]
Paper = dict[tuple[str, str], dict[tuple[str, ...], Row]]


def paper_of(chapter: str) -> Paper:
    """Return the tables of a chapter by period and kind, each row by its key columns."""
    found: Paper = {}
    for period, kind, text in PAPER.findall(chapter):
        titles, _, *rows = ([cell.strip() for cell in row[1:-1].split("|")] for row in text.splitlines())
        table = {tuple(row[: KEYS[kind]]): dict(zip(titles, row, strict=True)) for row in rows}
        assert len(table) == len(rows) > 0
        found[period, kind] = table
    return found


def worth(text: str) -> Fraction:
    """Return an amount in euros, or the value of an arithmetic such as "0.01 x (60 + 40) x 50 %"."""
    assert re.fullmatch(r"[-+x/%(). \d]+", text), text
    python = re.sub(r"(\d+(?:\.\d+)?)( %)?", lambda n: f"(F('{n[1]}')" + ("/100)" if n[2] else ")"), text)
    return Fraction(eval(python.replace("x", "*"), {"__builtins__": {}, "F": Fraction}))


def in_cents(row: Row, *titles: str) -> tuple[Fraction, ...]:
    return tuple(100 * worth(row[title] or "0") for title in titles)


def whole_cents(due: Fraction) -> int:
    """Return the payment for an amount due: the nearest cent, half a cent up, and nothing below zero."""
    return max(0, int((100 * due * 2 + 1) // 2))


def whom(statement: Statement, one: Line | Adjustment) -> tuple[str, ...]:
    to = party(statement, one.party_id) if one.kind == "payable" else f"*{one.kind}*"
    return one.territory, one.right.removesuffix("Right"), to, subject(one.recording_id, one.work_id)


def party(statement: Statement, party_id: str) -> str:
    return {one.id: one.name for one in statement.parties}[party_id]


def subject(recording_id: str, work_id: str) -> str:
    return f"{recording_id} {work_id}".strip()


def figures(paper: Paper, period: str, kind: str, *titles: str) -> dict[tuple[str, ...], tuple[Fraction, ...]]:
    return {key: in_cents(row, *titles) for key, row in paper.get((period, kind), {}).items()}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.partition("\n")[0])
def test_a_story_adds_up_on_paper(chapter: str) -> None:
    paper = paper_of(chapter)
    assert {kind for _, kind in paper} >= {"lines", "payments"}
    for (_, kind), table in paper.items():
        for row in table.values():
            if kind == "lines":
                gross, less, net = (worth(row[title] or "0") for title in ("gross", "less", "net"))
                assert gross == worth(row["arithmetic"])
                assert less == (0 if row["to"] == "*held*" else gross * DEDUCTED)
                assert net == gross - less == worth(row["stated net"])
            elif kind == "adjustments":
                was, now, adjustment = (worth(row[title]) for title in ("was", "now", "adjustment"))
                assert now == worth(row["arithmetic, net now"])
                assert adjustment == now - was == worth(row["stated"])
    assert_payments_follow(paper)


def assert_payments_follow(paper: Paper) -> None:
    """Assert that each payment follows from the lines and adjustments above it, and from the balance carried before."""
    carried: dict[str, Fraction] = {}
    for period in sorted({period for period, kind in paper if kind == "payments"}):
        for (name,), row in paper[period, "payments"].items():
            sums = {"lines": Fraction(0), "adjustments": Fraction(0)}
            for kind, title in (("lines", "net"), ("adjustments", "adjustment")):
                for key, line in paper.get((period, kind), {}).items():
                    sums[kind] += worth(line[title]) if key[2] == name else 0
            opening, recouped, due = (worth(row[title]) for title in ("opening", "recouped", "due"))
            assert opening == carried.get(name, 0)
            assert {kind: worth(row[kind]) for kind in sums} == sums
            assert due == opening + sums["lines"] + sums["adjustments"] - recouped == worth(row["stated due"])
            assert worth(row["paid"]) == Fraction(whole_cents(due), 100) == worth(row["stated paid"])
            assert worth(row["carried"]) == due - worth(row["paid"]) == worth(row["stated carried"])
            carried[name] = worth(row["carried"])


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.partition("\n")[0])
def test_a_story_equals_the_statements_of_its_commands(
    chapter: str, database_place: str, new_sqlite: Path, tmp_path: Path
) -> None:
    if "://" not in database_place:
        shutil.copyfile(new_sqlite, database_place)
    printed: dict[str, str] = {}

    def succeed(words: Sequence[str]) -> None:
        result = run(*words)
        assert result.exit_code == 0, (words, result.stderr)
        printed[words[0]] = result.stdout + result.stderr

    paper = paper_of(chapter)
    statements = follow(chapter, EXAMPLE, tmp_path / "checkout", succeed, place=database_place)
    assert {period for period, _ in paper} == set(statements)
    assert "holds; checksums, digest, sums, balances and formats agree" in printed["audit"]
    for sum_, due in re.findall(r"Due to date: (.+) = (.+)", printed.get("explain", "")):
        assert worth(re.sub("[a-z]+ ", "", sum_)) == worth(due)
    titles = printed["statement"].partition("payee ")[2].partition("\n")[0].split()
    rows = re.findall(r"\(P-[A-Z]+\) +(.+)", printed["statement"])
    assert rows
    for row in rows:
        said = dict(zip(titles, map(Fraction, row.split()), strict=True))
        left = said["opening"] + said["lines"] + said["adjusted"] - said.get("recouped", 0)
        assert left == said["paid"] + said["carried"]
    misused = any(one.outcome == "opted_out" for statement in statements.values() for one in statement.outside)
    assert ("opted out, and used all the same: 1 share of uses" in printed["statement"]) is misused
    for period, statement in statements.items():
        assert figures(paper, period, "lines", "gross", "net") == {
            whom(statement, line): (cents(line.gross), cents(line.net)) for line in statement.lines
        }
        assert figures(paper, period, "adjustments", "was", "now", "adjustment") == {
            whom(statement, one): (cents(one.stated), cents(one.now), cents(one.amount))
            for one in statement.adjustments
        }
        payments = ("opening", "lines", "adjustments", "recouped", "due", "paid", "carried")
        assert figures(paper, period, "payments", *payments) == {
            (party(statement, one.party_id),): tuple(cents(getattr(one, name)) for name in payments)
            for one in statement.balances
        }
        assert figures(paper, period, "advances", "recouped now", "left") == {
            (one.licence_id,): (cents(one.recouped[0].now), cents(one.balance)) for one in statement.advances
        }
        tracks = {use.id: Path(use.track_name).stem for use in statement.uses}
        assert set(paper.get((period, "outside"), ())) == {
            (
                tracks[one.use_id],
                one.territory,
                one.right.removesuffix("Right"),
                party(statement, one.party_id),
                subject(one.recording_id, one.work_id),
            )
            for one in statement.outside
        }
        assert set(paper.get((period, "opted out"), ())) == {
            (one.licence_id, one.recording_id) for one in statement.opted_out
        }
        days = {whom(statement, line): line.shares_on for line in statement.lines}
        stated = paper.get((period, "days"), {})
        assert {key: row["shares of, as stated"] for key, row in stated.items()} == {key: days[key] for key in stated}


def test_the_stories_are_those_that_were_asked_for() -> None:
    titles = [chapter.partition("\n")[0] for chapter in CHAPTERS]
    assert titles == [
        "11. Two licences on one use",
        "12. A pool for training",
        "13. An advance, recouped over two quarters",
        "14. A usage report that is restated",
        "15. An output that reuses an opted-out recording",
        "16. A catalogue that is sold within the quarter",
    ]
