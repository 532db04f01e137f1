"""A royalty statement: the amounts that one licensee owes for one period, line by line, with checked sums.

All amounts are exact, in the statement's currency; only payments are whole minor units. A *line* is one payee
(or one reason why nobody is paid), recording, work, right, territory and licence; it lists the contribution of each
use, so that it can be followed back to seconds of audio.

==================  ====================================================================================================
kind of line        amounts in it
==================  ====================================================================================================
`payable`           owed to a party
`unclaimed`         owed, but no party is on file for this part of the share, or no work for the recording
`overclaim`         held: the shares on file of this right, in this territory, on this day exceed 100 %
`held`              held: the use is under review, disputed or unresolved, or several licences cover the share
`unmatched`         the part of a licence's revenue that no use accounts for; stays with the licensee
==================  ====================================================================================================
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter

from sourceprint.royalties.deals.advances import AdvanceAccount
from sourceprint.royalties.deals.volumes import TieredPot
from sourceprint.royalties.money import ZERO, Amount, Whole, amount_text
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.uses.usage import UsageRow
from sourceprint.royalties.uses.use import Use

__all__ = [
    "AT_END",
    "BY_DAY",
    "GUARANTEE",
    "KINDS",
    "Adjustment",
    "Balance",
    "Contribution",
    "Conversion",
    "Credit",
    "Deducted",
    "HeldShare",
    "InputDigests",
    "Line",
    "LineKey",
    "OptedOut",
    "OutsideShare",
    "Statement",
    "Total",
    "UnusedRevenue",
    "fields_of",
    "key_of",
    "line_order",
    "payable_by_party",
]

SCHEMA = "sourceprint/statement/2"
GUARANTEE = "MinimumGuarantee"
"""Stands for the right in lines of what is missing to a minimum guarantee; they are about no recording or work."""

BY_DAY, AT_END = "by the day of usage", "the last day of the period"
"""In `Line.shares_on`: what the days are."""

KINDS = ("payable", "unclaimed", "overclaim", "held", "unmatched")

LINE_KEY = ("territory", "right", "kind", "party_id", "recording_id", "work_id", "licence_id")
"""The fields that make a line the line that it is; in this order everywhere."""

LineKey = tuple[str, ...]
"""The values of these fields."""

_KEY = attrgetter(*LINE_KEY)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A rate of exchange that was used: 1 `source` = `rate` `target` (major units), by `publisher` for `day`."""

    source: str
    target: str
    rate: Fraction
    day: str
    publisher: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """The amount that one use adds to a line.

    Attributes
    ----------
    use_id : str
        "" for revenue that no use accounts for.
    method : str
        The method of the policy that gave the amount.
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
        The day, or first and last day, of the share holders who are owed, with its meaning; "" for `unmatched`.
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
    """The proof for one territory and right: `total` was shared out, `lines_sum` is the sum of the gross amounts."""

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


@dataclass(frozen=True, slots=True)
class Balance:
    """The account of a party: opening + lines + adjustments - recouped = due = paid + carried.

    Attributes
    ----------
    party_id : str
    opening : Amount
        Carried from the statement before, so that `due` is all that is due to date and was not paid.
    lines, adjustments : Amount
        Net, of this statement.
    due : Amount
        The sum of these.
    minimum : Amount
        The least that is paid out.
    paid : Amount
        Whole minor units: `due`, rounded, where that is positive and reaches the minimum, else nothing.
    carried : Amount
        The rest for the next statement: due less paid; negative by less than a minor unit where `paid` was rounded
        up, and by the debt of the party where `due` is negative.
    recouped : Amount
        The amount that goes to advances instead of the party; negative where it is given back.
    """

    party_id: str
    opening: Amount
    lines: Amount
    adjustments: Amount
    due: Amount
    minimum: Amount
    paid: Amount
    carried: Amount
    recouped: Amount = ZERO


@dataclass(frozen=True, slots=True)
class OutsideShare:
    """A share of a use in a territory that no licence permits: claimed, and not paid.

    Attributes
    ----------
    use_id, territory : str
    outcome : str
        As `sourceprint.royalties.uses.terms` has it: "outside_licence" or "no_licence".
    licence_id, rule : str
        The licence that came nearest, and the rule that it breaks; "" where none covers the share.
    right : str
        "" is any right in a work; in statements of schema 1, all rights of the use.
    recording_id, work_id, party_id, share_id : str
        "" where there is none, or where it is open which recording is used.
    work_millionths, share_millionths : int
        The work's part of the recording, and the share of the right.
    """

    use_id: str
    territory: str
    outcome: str
    licence_id: str
    rule: str
    right: str = ""
    recording_id: str = ""
    work_id: str = ""
    party_id: str = ""
    share_id: str = ""
    work_millionths: Whole = 1_000_000
    share_millionths: Whole = 1_000_000


@dataclass(frozen=True, slots=True)
class HeldShare:
    """The part of a held line that waits for one party, the owner of the share.

    Attributes
    ----------
    line : int
    party_id : str
    amount : Amount
        Gross.
    reason : str
        Why it is held.
    """

    line: int
    party_id: str
    amount: Amount
    reason: str


@dataclass(frozen=True, slots=True)
class OptedOut:
    """A recording in the scope of a licence for training that gets nothing of its pool, as it is opted out.

    Attributes
    ----------
    licence_id, recording_id : str
    party_ids : tuple of str
        Who holds the master shares of it.
    reason : str
        The right opted out of, the first day, and the reason.
    """

    licence_id: str
    recording_id: str
    party_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose recording it is and how long it lasts, as the catalogue of rights has it.

    Attributes
    ----------
    recording_id : str
    artists : tuple of str
        In order of billing.
    duration_ms : int or None
        None where unknown.
    """

    recording_id: str
    artists: tuple[str, ...]
    duration_ms: Whole | None


@dataclass(frozen=True, slots=True)
class UnusedRevenue:
    """Revenue of one territory and currency that no licence accounts for: no amount comes of it.

    Attributes
    ----------
    territory, currency : str
    revenue : Fraction
        In minor units of its own currency, as reported.
    """

    territory: str
    currency: str
    revenue: Fraction

    def text(self, statement: "Statement") -> str:
        """Return it in words, with the rate of exchange that a statement does without."""
        rates = {statement.currency, *(one.source for one in statement.conversions)}
        without = "" if self.currency in rates else f"; no rate from {self.currency} to {statement.currency} is stated"
        return f"{amount_text(self.revenue, self.currency)} of {self.territory}, no licence goes by it{without}"


@dataclass(frozen=True, slots=True)
class InputDigests:
    """The digests of a statement's inputs, each "sha256:" and 64 hexadecimal digits.

    Attributes
    ----------
    usage, rates, licences, uses : str
        Of these fields of the statement, as JSON; `rates` are the conversions, `uses` have their states.
    policy : str
        Of the policy, as it is kept with the attribution.
    earlier : str
        Of the statement that was issued before this one, which names the one before it; "" where there was none.
    """

    usage: str
    rates: str
    licences: str
    uses: str
    policy: str
    earlier: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes
    ----------
    id : str
        "S-", licensee, period and 12 hexadecimal digits of the digest of all inputs, joined by "-".
    period : Period
    issued_on : str
        YYYY-MM-DD.
    licensee : Party
        Who pays.
    currency : str
    licences : tuple of (str, str)
        Id and digest, by id.
    policy_name, policy_digest : str
    rights_revision : int
    usage : tuple of UsageRow
        As reported.
    usage_sha256, fx_sha256 : str
        Of the files; "" where there was none.
    conversions : tuple of Conversion
    lines : tuple of Line
    totals : tuple of Total
        By territory and right.
    adjustments : tuple of Adjustment
    balances : tuple of Balance
        By party.
    outside : tuple of OutsideShare
    uses : tuple of Use
        All that were considered, by id, in the state they were in.
    parties : tuple of Party
        All that are named, by id.
    titles : tuple of (str, str, str, str)
        "recording" or "work", id, ISRC or ISWC, title; of all that are named, sorted.
    credits : tuple of Credit
        Of the recordings among them that are in the catalogue of rights, by id.
    provisional : bool
        Whether the period may not have ended: such a statement was never issued, and owes nothing.
    inputs : InputDigests or None
        None where nobody computed them, as before there were any.
    chain_head : str
        Of the hash chain of the database when the statement was computed, as `Head.text`; it covers all records on
        file then. "" where there was none.
    signer : str
        The public key of who signs the statement, as a line of text; "" is unsigned.
    backdated : str
        Why the day of issue, or who issued it, is another than is expected; "" where neither is.
    usage_version : int
        Of the usage report for the period, from 1; 0 where nothing was reported, or reports were not kept yet.
    usage_reason : str
        Why the licensee reported anew; "" where that needed no reason.
    advances : tuple of AdvanceAccount
        Of all licences with an advance that was paid before the end of the period, by licence.
    held : tuple of HeldShare
        The parts of held lines that wait for each party, by line and party; not told for uses in doubt.
    opted_out : tuple of OptedOut
        By licence and recording, of the pools for training that fall due.
    tiers : tuple of TieredPot
        The pots of each licence at rates that change with volume, by licence and method.
    unused_revenue : tuple of UnusedRevenue
        By territory and currency.
    document : bytes
        The JSON that it was read from, where that is of an earlier schema: it is written again as it was.
    """

    id: str
    period: Period
    issued_on: str
    licensee: Party
    currency: str
    licences: tuple[tuple[str, str], ...]
    policy_name: str
    policy_digest: str
    rights_revision: Whole
    usage: tuple[UsageRow, ...]
    usage_sha256: str
    fx_sha256: str
    conversions: tuple[Conversion, ...]
    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    adjustments: tuple[Adjustment, ...]
    balances: tuple[Balance, ...]
    outside: tuple[OutsideShare, ...]
    uses: tuple[Use, ...]
    parties: tuple[Party, ...]
    titles: tuple[tuple[str, str, str, str], ...]
    credits: tuple[Credit, ...] = ()
    provisional: bool = False
    inputs: InputDigests | None = None
    chain_head: str = ""
    signer: str = ""
    backdated: str = ""
    usage_version: Whole = 0
    usage_reason: str = ""
    advances: tuple[AdvanceAccount, ...] = ()
    held: tuple[HeldShare, ...] = ()
    opted_out: tuple[OptedOut, ...] = ()
    tiers: tuple[TieredPot, ...] = ()
    unused_revenue: tuple[UnusedRevenue, ...] = ()
    document: bytes = b""


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
