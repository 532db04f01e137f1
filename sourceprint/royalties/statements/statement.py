"""A royalty statement: the amounts that one licensee owes for one period, line by line, with checked sums.

All amounts are exact, in the statement's currency; only payments are whole minor units.
"""

from dataclasses import dataclass
from fractions import Fraction

from sourceprint.royalties.deals.advances import AdvanceAccount
from sourceprint.royalties.deals.volumes import TieredPot
from sourceprint.royalties.money import ZERO, Amount, Whole, amount_text
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line, Total
from sourceprint.royalties.uses.usage import UsageRow
from sourceprint.royalties.uses.use import Use

__all__ = [
    "Balance",
    "Conversion",
    "Credit",
    "HeldShare",
    "InputDigests",
    "OptedOut",
    "OutsideShare",
    "Statement",
    "UnusedRevenue",
]

SCHEMA = "sourceprint/statement/2"


@dataclass(frozen=True, slots=True)
class Conversion:
    """A rate of exchange that was used: 1 `source` = `rate` `target` (major units), by `publisher` for `day`."""

    source: str
    target: str
    rate: Fraction
    day: str
    publisher: str


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
        Opening, lines and adjustments, less `recouped`.
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
        As `sourceprint.royalties.uses.terms` has it: "outside_licence", "no_licence", "opted_out" or "term_ended".
    licence_id, rule : str
        The licence that came nearest, and the rule that it breaks; "" where none covers the share. Where the owner
        opted out or the term has ended, the rule says so, and no licence is named.
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
        Holders of its master shares.
    reason : str
        The right opted out of, the first day, and the reason.
    """

    licence_id: str
    recording_id: str
    party_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Artists and length of a recording in the catalogue of rights.

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
        Of these fields of the statement, as JSON; `rates` are the conversions, `uses` have their states. `usage` and
        `rates` include the digests of their files.
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
        "S", licensee, period and 12 hexadecimal digits of the digest of inputs and lines, joined by "-"; of a statement
        that was not issued, DRAFT or PROVISIONAL in place of "S".
    period : Period
    issued_on : str
        YYYY-MM-DD.
    licensee : Party
        The payer.
    currency : str
    licences : tuple of (str, str)
        Id and digest, by id; of all that a line names or is held between, and of those that outside shares come near.
    policy_name, policy_digest : str
    rights_revision : int
    usage : tuple of UsageRow
        As reported, each with the scanned track that it was matched to; by territory, then by track.
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
        All considered uses, by id, in their state then.
    parties : tuple of Party
        All named parties, by id.
    titles : tuple of (str, str, str, str)
        "recording" or "work", id, ISRC or ISWC, title; of all named recordings and works, sorted.
    credits : tuple of Credit
        Of the recordings among them that are in the catalogue of rights, by id.
    provisional : bool
        Whether the period may not have ended: such a statement was never issued, and owes nothing.
    inputs : InputDigests or None
        None in statements of versions without them.
    chain_head : str
        Of the hash chain of the database when the statement was computed, as `Head.text`; it covers all records on
        file then. "" where there was none.
    signer : str
        The public key of the signer, as a line of text; "" is unsigned.
    backdated : str
        Reason for an unexpected day of issue, or issuer; "" where both are expected.
    log_checkpoint : str
        The newest signed checkpoint of a transparency log at its issue, as text; "" where there was none.
    usage_version : int
        Of the usage report for the period, from 1; 0 where nothing was reported, or reports were not kept yet.
    usage_reason : str
        Reason for a new report; "" where none was needed.
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
        JSON of an earlier schema from which it was read: written again unchanged.
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
    log_checkpoint: str = ""
    usage_version: Whole = 0
    usage_reason: str = ""
    advances: tuple[AdvanceAccount, ...] = ()
    held: tuple[HeldShare, ...] = ()
    opted_out: tuple[OptedOut, ...] = ()
    tiers: tuple[TieredPot, ...] = ()
    unused_revenue: tuple[UnusedRevenue, ...] = ()
    document: bytes = b""
