"""Lines of a statement: exact amounts, in its currency, by payee, recording, work, right, territory and licence.

A line lists the contribution of each use, so that it can be followed back to seconds of audio; where nobody is paid, it
has the reason. An adjustment changes a line of an earlier statement.

==================  ====================================================================================================
kind of line        amounts in it
==================  ====================================================================================================
`payable`           owed to a party
`unclaimed`         owed, but no party is on file for this part of the share, or no work for the recording
`overclaim`         held: the shares on file of this right, in this territory, on this day exceed 100 %
`held`              held: the use is under review, disputed or unresolved, several licences cover the share, or the
                    track was not scanned
`unmatched`         the part of a licence's revenue, or pool, that no use accounts for; stays with the licensee
==================  ====================================================================================================
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from sourceprint.royalties.money import ZERO, Amount, Whole

__all__ = [
    "AT_END",
    "BY_DAY",
    "GUARANTEE",
    "KINDS",
    "LINE_KEY",
    "Adjustment",
    "Contribution",
    "Deducted",
    "Line",
    "LineKey",
    "Total",
    "fields_of",
    "key_of",
    "line_order",
    "payable_by_party",
]

GUARANTEE = "MinimumGuarantee"
"""In place of the right, in lines of the shortfall to a minimum guarantee; they are about no recording or work."""

BY_DAY, AT_END = "by the day of usage", "the last day of the period"
"""Meanings of the days in `Line.shares_on`."""

KINDS = ("payable", "unclaimed", "overclaim", "held", "unmatched")

LINE_KEY = ("territory", "right", "kind", "party_id", "recording_id", "work_id", "licence_id")
"""The identifying fields of a line; in this order everywhere."""

LineKey = tuple[str, ...]
"""The values of these fields."""

_KEY = attrgetter(*LINE_KEY)


@dataclass(frozen=True, slots=True)
class Contribution:
    """The amount that one use adds to a line.

    Attributes
    ----------
    use_id : str
        "" for revenue that no use accounts for, and for guarantees and pools.
    method : str
        The method of the policy that gave the amount, "minimum-guarantee" or "training-pool".
    amount : Amount
        Of the use in this territory, before it is divided by right and share.
    right_millionths, work_millionths, share_millionths : int
        Parts taken of it in turn: of the right; of the work among those of the recording; of the share.
    share_id : str
        The share on file, or "".
    basis : str
        How `amount` came about, with the numbers put in, as "0.002 EUR per second x 21.300 s x 3 usages".
    """

    use_id: str
    method: str
    amount: Amount
    right_millionths: Whole
    work_millionths: Whole
    share_millionths: Whole
    share_id: str
    basis: str = ""

    @property
    def gross(self) -> Amount:
        """The amount added to the line: `amount` times the parts of right, work and share."""
        return self.amount.times(self.right_millionths, self.work_millionths, self.share_millionths)


@dataclass(frozen=True, slots=True)
class Deducted:
    """One deduction from a line, of the same sign as its gross amount."""

    name: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes
    ----------
    number : int
        From 1, in order of territory, right, kind, payee, recording, work, licence.
    kind : str
        Of `KINDS`.
    party_id, recording_id, work_id, licence_id : str
        "" where there is none.
    right, territory : str
    usages : int
        Sum over its uses.
    attributed_us : int
        Microseconds, sum over its uses.
    reason : str
        Why nobody is paid; "" for payable lines.
    gross : Amount
        The sum of the contributions.
    deductions : tuple of Deducted
        Of payable lines.
    net : Amount
        Gross less deductions.
    contributions : tuple of Contribution
        By use, share.
    shares_on : str
        The day, or first and last day, of the share holders who are owed, with its meaning; "" for `unmatched` lines
        and guarantees.
    """

    number: Whole
    kind: str
    party_id: str
    recording_id: str
    work_id: str
    right: str
    territory: str
    licence_id: str
    usages: Whole
    attributed_us: Whole
    reason: str
    gross: Amount
    deductions: tuple[Deducted, ...]
    net: Amount
    contributions: tuple[Contribution, ...]
    shares_on: str = ""


@dataclass(frozen=True, slots=True)
class Total:
    """The proof for one territory and right: the divided `total`, and the sum of the gross amounts of lines."""

    territory: str
    right: str
    total: Amount
    lines_sum: Amount


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of a line since an earlier statement: its amount now less the amount stated for it so far.

    Attributes
    ----------
    period, statement_id : str
        The earlier statement.
    kind, party_id, recording_id, work_id, right, territory, licence_id : str
        As in `Line`.
    stated, now, amount : Amount
        Net: stated then, adjustments since included; the present amount; now less stated.
    reason : str
        The cause, and who made it, as "use U12… of T3.wav disputed by Ann, 2026-10-03: ...".
    by_hand : bool
        Whether a person ordered it, for a statement that is closed; computing it again leaves it alone.
    """

    period: str
    statement_id: str
    kind: str
    party_id: str
    recording_id: str
    work_id: str
    right: str
    territory: str
    licence_id: str
    stated: Amount
    now: Amount
    amount: Amount
    reason: str
    by_hand: bool = False


def key_of(line: Line | Adjustment) -> LineKey:
    """Return the identifying fields of a line, or of the line that an adjustment is to."""
    key: LineKey = _KEY(line)
    return key


def fields_of(key: LineKey) -> dict[str, str]:
    """Return the identifying fields of a line, by name."""
    return dict(zip(LINE_KEY, key, strict=True))


def line_order(key: LineKey) -> tuple[object, ...]:
    """Return the sort key of a line: its identifying fields, kinds in the order of `KINDS`."""
    territory, right, kind, *rest = key
    return (territory, right, KINDS.index(kind), *rest)


def payable_by_party(adjustments: Iterable[Adjustment]) -> dict[str, Amount]:
    """Return the sum of payable adjustments by party."""
    sums: dict[str, Amount] = {}
    for adjustment in adjustments:
        if adjustment.kind == "payable":
            sums[adjustment.party_id] = sums.get(adjustment.party_id, ZERO) + adjustment.amount
    return sums
