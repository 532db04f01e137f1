"""Recoupment of advances: amounts payable under a licence go to its advance first, until it is recouped.

The account of a licence with an advance goes from statement to statement. Input: the amounts owed to each party under
the licence in a period, with corrections of earlier periods. Output: the account after it. The amount recouped to date
is the least of the advance and the recoupable part of all earnings since it was paid, and at least 0. So the division
of earnings among statements does not matter, and recoupment of amounts taken back is given back.

The amount that a period recoups is divided among the parties in proportion to their earnings in it. The amount that it
gives back goes to those that had recouped, first in proportion to the amounts taken back from them. All is exact.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sourceprint.royalties.apportionment import largest_remainder
from sourceprint.royalties.deal_terms import Advance
from sourceprint.royalties.money import ZERO, Amount, Whole, sum_of

__all__ = ["AdvanceAccount", "Recouped", "opened", "recoup", "recouped_by_party", "recouping_parties"]


@dataclass(frozen=True, slots=True)
class Recouped:
    """Amount recouped from one party: in this statement (negative where it is given back), and to date."""

    party_id: str
    now: Amount
    to_date: Amount


@dataclass(frozen=True, slots=True)
class AdvanceAccount:
    """The advance of one licence after a statement, in the currency of the statement.

    Attributes
    ----------
    licence_id : str
    paid_on : str
        YYYY-MM-DD.
    stated : str
        Amount as the licence has it, such as "1000.00 EUR".
    amount : Amount
        Amount in the currency of the statement, at the rate of the first statement that had it.
    recoup_millionths : int
    earned : Amount
        To date: net, payable under the licence to the parties from which it is recouped, this statement included.
    recouped : tuple of Recouped
        By party.
    balance : Amount
        Amount left to recoup.
    """

    licence_id: str
    paid_on: str
    stated: str
    amount: Amount
    recoup_millionths: Whole
    earned: Amount
    recouped: tuple[Recouped, ...]
    balance: Amount


def opened(licence_id: str, advance: Advance, *, stated: str, amount: Amount) -> AdvanceAccount:
    """Return the account of an advance before any recoupment."""
    return AdvanceAccount(
        licence_id, advance.paid_on.isoformat(), stated, amount, advance.recoup_millionths, ZERO, (), amount
    )


def recouping_parties(advance: Advance, licensor: str, parties: Iterable[str]) -> frozenset[str]:
    """Return the parties from which an advance is recouped: those it names, else licensor and parties of the scope."""
    return frozenset(advance.recoup_from or (licensor, *parties))


def recoup(account: AdvanceAccount, earned: Mapping[str, Amount]) -> AdvanceAccount:
    """Return an account after a period.

    Parameters
    ----------
    account : AdvanceAccount
        Account after the statement before, or opened; its terms may have been amended since.
    earned : mapping of str to Amount
        Amount owed under the licence in this statement to each party from which it is recouped; negative where it is
        taken back.

    Examples
    --------
    >>> from datetime import date
    >>> euros = Amount.parse
    >>> first = opened("LIC-1", Advance(100_000, date(2026, 7, 1)), stated="1000.00 EUR", amount=euros("1000"))
    >>> second = recoup(first, {"P-LABEL": euros("600.5")})
    >>> third = recoup(second, {"P-LABEL": euros("700")})
    >>> [str(one.balance) for one in (first, second, third)], str(third.recouped[0].now)
    (['1000', '399.5', '0'], '399.5')
    """
    before = {one.party_id: one.to_date for one in account.recouped if one.to_date}
    total = account.earned + sum_of(earned.values())
    part = max(ZERO, total).times(account.recoup_millionths)
    target = min(account.amount, part)
    moved = _moved(target - sum_of(before.values()), earned, before)
    recouped = tuple(
        Recouped(party_id, moved.get(party_id, ZERO), before.get(party_id, ZERO) + moved.get(party_id, ZERO))
        for party_id in sorted({*before, *moved})
    )
    return replace(account, earned=total, recouped=recouped, balance=account.amount - target)


def recouped_by_party(accounts: Iterable[AdvanceAccount]) -> dict[str, Amount]:
    """Return the amount that a statement recoups from each party, over all advances."""
    sums: dict[str, Amount] = {}
    for account in accounts:
        for one in account.recouped:
            if one.now:
                sums[one.party_id] = sums.get(one.party_id, ZERO) + one.now
    return sums


def _moved(change: Amount, earned: Mapping[str, Amount], before: Mapping[str, Amount]) -> dict[str, Amount]:
    """Return the amounts recouped from each party, or given back to it; their sum is the change."""
    if not change:
        return {}
    if change > ZERO:
        weights = {party_id: amount.grains for party_id, amount in earned.items() if amount > ZERO}
    else:
        weights = {
            party_id: min(-amount, before[party_id]).grains
            for party_id, amount in earned.items()
            if amount < ZERO and party_id in before
        }
        if sum(weights.values()) < -change.grains:
            weights = {party_id: amount.grains for party_id, amount in before.items()}
    return {
        party_id: Amount(grains) for party_id, grains in largest_remainder(change.grains, weights).items() if grains
    }
