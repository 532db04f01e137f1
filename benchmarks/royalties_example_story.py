"""The outcome of the worked example of royalties, with the names and formats of its document.

Amounts are integer minor units (cents), exact ones rationals in cents; times are milliseconds or microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from sourceprint.royalties.money import Amount
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.findings import Finding
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.lines import Adjustment, Contribution, Line
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.use import Use

__all__ = [
    "PAID",
    "Decision",
    "Story",
    "factors_text",
    "money",
    "seconds",
    "shortened",
    "subject",
    "table",
    "use_name",
]

PAID = ("claimed", "resolved")


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision on a use: the use as it was before, its state from then on, and why."""

    use: Use
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Story:
    """Two quarters of the example.

    Attributes
    ----------
    rights : Rights
        As first imported.
    corrected : Rights
        As they were in the second quarter.
    findings : tuple of Finding
        In the rights as first imported.
    policy : Policy
    first, second : Statement
    decisions : tuple of Decision
        Between the statements.
    """

    rights: Rights
    corrected: Rights
    findings: tuple[Finding, ...]
    policy: Policy
    first: Statement
    decisions: tuple[Decision, ...]
    second: Statement

    def party(self, party_id: str) -> str:
        """Return the name of a party; "nobody" for none."""
        return self.rights.parties[party_id].name if party_id else "nobody"

    def use(self, track: str, of: str) -> Use:
        """Return the use of a recording or work ("?" where neither is known) in a track, as first stated."""
        return next(use for use in self.first.uses if use_name(use) == f"{track}/{of}")

    def names(self) -> dict[str, str]:
        """Return the document's names of uses, by id."""
        return {use.id: use_name(use) for use in self.first.uses}


def use_name(use: Use) -> str:
    """Return a short name of a use: its track, and the recording, work, or "?"."""
    return f"{PurePath(use.track_name).stem}/{use.recording_id or '+'.join(use.work_ids) or '?'}"


def money(amount: Amount) -> str:
    """Return an amount in euros, exactly, such as "12.50" or "0.374999625"."""
    return amount.text("EUR")


def seconds(microseconds: int) -> str:
    """Return whole seconds, or seconds with their decimals.

    Examples
    --------
    >>> seconds(12_000_000), seconds(1_500_000)
    ('12', '1.5')
    """
    return f"{microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")


def factors_text(contributions: Iterable[Contribution]) -> str:
    """Return how a line comes about: amounts in euros x right x work x share, those that are 100 % left out."""
    by_factors: dict[tuple[int, int, int], list[str]] = {}
    for part in contributions:
        factors = (part.right_millionths, part.work_millionths, part.share_millionths)
        by_factors.setdefault(factors, []).append(money(part.amount))
    return " + ".join(
        " x ".join(
            [
                f"({' + '.join(amounts)})" if len(amounts) > 1 else amounts[0],
                *(format_percent(factor) for factor in factors if factor != WHOLE),
            ]
        )
        for factors, amounts in by_factors.items()
    )


def subject(line: Line | Adjustment) -> str:
    """Return the subject of a line: recording and work, as far as they are known."""
    return " ".join(part for part in (line.recording_id, line.work_id) if part) or "?"


def shortened(text: str, names: dict[str, str]) -> str:
    """Return a text with uses called by their short names instead of their ids."""
    for use_id, name in names.items():
        text = text.replace(use_id, name)
    return text


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns whose title starts with ">" are numbers, and stand to the right.

    Examples
    --------
    >>> print(table(["what", ">n"], [["a", "1"]]))
    | what | n |
    | --- | ---: |
    | a | 1 |
    """
    titles = [title.removeprefix(">") for title in columns]
    marks = ["---:" if title.startswith(">") else "---" for title in columns]
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, marks, *rows))
