"""What came out of the worked example of royalties, and how its document names and writes things.

Amounts are integer minor units (cents), exact ones rationals in cents; times are milliseconds or microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath

from sourceprint.royalties.money import format_amount, format_percent
from sourceprint.royalties.rights.findings import Finding
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.statement import Adjustment, Contribution, Line, Statement
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.use import Use

__all__ = [
    "PAID",
    "Decision",
    "Story",
    "euros",
    "exact_text",
    "factors_text",
    "money",
    "seconds",
    "shortened",
    "subject",
    "table",
    "use_name",
]

PAID = ("claimed", "resolved")
_MAX_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a use: the use as it was before, its state from then on, and why."""

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
        """Return what the document calls uses, by id."""
        return {use.id: use_name(use) for use in self.first.uses}


def use_name(use: Use) -> str:
    """Return a short name of a use: its track, and the recording, work, or "?"."""
    return f"{PurePath(use.track_name).stem}/{use.recording_id or '+'.join(use.work_ids) or '?'}"


def money(minor: int) -> str:
    """Return an amount in euros, such as "12.50".

    Examples
    --------
    >>> money(1250), money(-5)
    ('12.50', '-0.05')
    """
    return format_amount(minor, "EUR")


def euros(cents: Fraction) -> str:
    """Return an exact amount in euros: with two decimals where it is whole cents, else with as many as there are.

    Examples
    --------
    >>> euros(Fraction(1200)), euros(Fraction(375, 2))
    ('12.00', '1.875')
    """
    return money(cents.numerator) if cents.denominator == 1 else exact_text(cents / 100)


def exact_text(cents: Fraction, decimals: int | None = None) -> str:
    """Return an exact number of cents as a decimal.

    Parameters
    ----------
    cents : Fraction
    decimals : int or None
        How many; None takes as many as there are, at most seven.

    Examples
    --------
    >>> exact_text(Fraction(375, 2)), exact_text(Fraction(1, 3), 4)
    ('187.5', '0.3333')
    """
    shown = _MAX_DECIMALS if decimals is None else decimals
    units = round(cents * 10**shown)
    text = f"{units // 10**shown}.{units % 10**shown:0{shown}d}"
    return text.rstrip("0").rstrip(".") if decimals is None else text


def seconds(microseconds: int) -> str:
    """Return whole seconds, or seconds with their decimals."""
    return exact_text(Fraction(microseconds, 1_000_000))


def factors_text(contributions: Iterable[Contribution]) -> str:
    """Return how a line comes about: amounts in euros x right x work x share, those that are 100 % left out."""
    by_factors: dict[tuple[int, int, int], list[str]] = {}
    for part in contributions:
        factors = (part.right_millionths, part.work_millionths, part.share_millionths)
        by_factors.setdefault(factors, []).append(euros(part.amount))
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
    """Return what a line is about: recording and work, as far as they are known."""
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
