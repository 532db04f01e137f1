"""Apply the guarantees and advances of licences to the lines of a statement.

The inputs are lines and licences. The results are a line for each shortfall to a guarantee, and the accounts of
advances. `sourceprint.royalties.deals` defines both.

A guarantee falls due in the statement that has the last day of its period. Earnings are the net sum of all lines
under the licence but unmatched ones: held and unclaimed amounts count, as the licensee owes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from fingerprint.errors import printable
from sourceprint.royalties.deals.advances import AdvanceAccount, opened, recoup, recouping_parties
from sourceprint.royalties.deals.spans import DealSpan, spans_due
from sourceprint.royalties.money import ZERO, Amount, format_amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.statements.amounts.exchange import Converter, amounts_of
from sourceprint.royalties.statements.amounts.lines import GUARANTEE, Adjustment, Contribution, Line, key_of, line_order
from sourceprint.royalties.territories import WORLDWIDE

__all__ = ["Earned", "advance_accounts", "earned_in", "has_guarantee_due", "with_guarantees"]


@dataclass(frozen=True, slots=True)
class Earned:
    """Earnings of a period by licence, as they are known now."""

    period: Period
    by_licence: Mapping[str, Amount]


def earned_in(period: Period, lines: Iterable[Line | Adjustment]) -> Earned:
    """Return the sum of a period's lines and adjustments, by licence; unmatched ones and guarantees do not count."""
    sums: dict[str, Amount] = {}
    for line in lines:
        if line.kind != "unmatched" and line.right != GUARANTEE and line.licence_id:
            net = line.net if isinstance(line, Line) else line.amount
            sums[line.licence_id] = sums.get(line.licence_id, ZERO) + net
    return Earned(period, sums)


def has_guarantee_due(licences: Iterable[Licence], period: Period) -> bool:
    """Return whether any guarantee falls due in a period."""
    return any(_guarantee_spans(licence, period) for licence in licences)


def with_guarantees(
    lines: tuple[Line, ...],
    licences: Mapping[str, Licence],
    period: Period,
    elsewhere: Iterable[Earned],
    converter: Converter,
) -> tuple[Line, ...]:
    """Return lines with one more for each licence under which less was earned than is guaranteed, numbered anew.

    Parameters
    ----------
    lines : tuple of Line
        Of the period.
    licences : mapping of str to Licence
        Of the licensee.
    period : Period
    elsewhere : iterable of Earned
        In other periods, which count where their last day lies in the span of the guarantee.
    converter : Converter
        To the currency of the statement.
    """
    here = earned_in(period, lines).by_licence
    others = tuple(elsewhere)
    missing = []
    for licence_id, licence in sorted(licences.items()):
        spans = _guarantee_spans(licence, period)
        if not spans:
            continue
        earned = here.get(licence_id, ZERO)
        for one in others:
            if spans[0].start <= one.period.end <= spans[-1].end:
                earned += one.by_licence.get(licence_id, ZERO)
        shortfall = _shortfall(licence, spans, earned, converter)
        if shortfall is not None:
            missing.append(shortfall)
    if not missing:
        return lines
    ordered = sorted((*lines, *missing), key=lambda line: line_order(key_of(line)))
    return tuple(replace(line, number=number) for number, line in enumerate(ordered, 1))


def advance_accounts(
    before: Iterable[AdvanceAccount],
    licences: Mapping[str, Licence],
    period: Period,
    owed: Iterable[Line | Adjustment],
    converter: Converter,
) -> tuple[AdvanceAccount, ...]:
    """Return the accounts of all advances after a period, by licence.

    Parameters
    ----------
    before : iterable of AdvanceAccount
        As the statement before left them.
    licences : mapping of str to Licence
        Of the licensee; of a licence that is not on file any more, the account stays as it is.
    period : Period
        Advances that are paid after it are left out.
    owed : iterable of Line or Adjustment
        Of the statement.
    converter : Converter
        To the currency of the statement.
    """
    accounts = {account.licence_id: account for account in before}
    for licence_id, licence in sorted(licences.items()):
        advance = licence.deal.advance
        if advance is None or advance.paid_on > period.end:
            continue
        currency = licence.rate_card.currency
        stated = f"{format_amount(advance.amount, currency)} {currency}"
        known = accounts.get(licence_id)
        if known is None or known.stated != stated:
            with amounts_of(f"advance of licence {printable(licence_id)}, {stated}"):
                amount = Amount.nearest(converter.convert(advance.amount, currency), converter.currency)
            known = replace(known or opened(licence_id, advance, stated=stated, amount=amount), amount=amount)
        accounts[licence_id] = replace(
            known,
            stated=stated,
            paid_on=advance.paid_on.isoformat(),
            recoup_millionths=advance.recoup_millionths,
        )
    if not accounts:
        return ()
    earned: dict[str, dict[str, Amount]] = {}
    for line in owed:
        if line.kind == "payable" and line.licence_id in accounts and _recoups(licences, line):
            of_licence = earned.setdefault(line.licence_id, {})
            net = line.net if isinstance(line, Line) else line.amount
            of_licence[line.party_id] = of_licence.get(line.party_id, ZERO) + net
    return tuple(recoup(account, earned.get(licence_id, {})) for licence_id, account in sorted(accounts.items()))


def _recoups(licences: Mapping[str, Licence], line: Line | Adjustment) -> bool:
    """Return whether the amount of a line goes to the advance of its licence first."""
    licence = licences.get(line.licence_id)
    if licence is None or licence.deal.advance is None:
        return False
    return line.party_id in recouping_parties(licence.deal.advance, licence.licensor, licence.scope.parties)


def _guarantee_spans(licence: Licence, period: Period) -> tuple[DealSpan, ...]:
    guarantee = licence.deal.guarantee
    return () if guarantee is None else spans_due(guarantee.period, licence.valid_from, licence.valid_to, period)


def _shortfall(licence: Licence, spans: tuple[DealSpan, ...], earned: Amount, converter: Converter) -> Line | None:
    """Return the line of the shortfall to a guarantee, None where there is none."""
    guarantee = licence.deal.guarantee
    if guarantee is None:
        return None
    currency = licence.rate_card.currency
    parts = sum((span.part for span in spans), Fraction(0))
    each = f"{format_amount(guarantee.amount, currency)} {currency} a {guarantee.period}{converter.basis(currency)}"
    with amounts_of(f"guarantee of licence {printable(licence.id)}, {each}"):
        guaranteed = Amount.nearest(converter.convert(guarantee.amount * parts, currency), converter.currency)
    missing = guaranteed - earned
    if missing <= ZERO:
        return None
    words = (
        f"{each}, {spans[0].start} to {spans[-1].end}: {guaranteed.text(converter.currency)} guaranteed, "
        f"{earned.text(converter.currency)} earned ({licence.id})"
    )
    part = Contribution("", "minimum-guarantee", missing, WHOLE, WHOLE, WHOLE, "", words)
    return Line(
        number=0,
        kind="payable",
        party_id=licence.licensor,
        recording_id="",
        work_id="",
        right=GUARANTEE,
        territory=WORLDWIDE,
        licence_id=licence.id,
        usages=0,
        attributed_us=0,
        reason="",
        gross=missing,
        deductions=(),
        net=missing,
        contributions=(part,),
    )
