"""Compute payments from exact lines: the due of each party, and its payment, the one rounding.

Per payer, payee and currency: `due` is the amount carried from the statement before, plus the net lines and the
adjustments, less the amount that goes to advances, exactly. The payment is the nearest whole number of minor units,
halves away from zero; nothing if the due is below the minimum payout or negative. The rest is carried to the next
statement of the same payer and payee. So the paid amount to date differs from the due to date by less than one minor
unit, for any number of territories, tracks and periods, once the minimum is reached and nothing is owed back.

Every rule between due and payment, such as a minimum, is applied here to exact amounts, before the rounding.
"""

from collections.abc import Iterable, Mapping

from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line, payable_by_party
from sourceprint.royalties.statements.statement import Balance

__all__ = ["payment", "payments"]


def payments(
    lines: Iterable[Line],
    adjustments: Iterable[Adjustment],
    opening: Mapping[str, Amount],
    minimum: Mapping[str, Amount],
    *,
    currency: str,
    recouped: Mapping[str, Amount] | None = None,
) -> tuple[Balance, ...]:
    """Return the balances of parties, by id.

    A party has one if it has a payable line or adjustment, an amount to advances, or an opening balance other than 0.

    Parameters
    ----------
    lines : iterable of Line
    adjustments : iterable of Adjustment
    opening : mapping of str to Amount
        Balance carried from the statement before, by party.
    minimum : mapping of str to Amount
        The smallest payment to each party; 0 where a party is missing.
    currency : str
        Of all of them.
    recouped : mapping of str to Amount or None
        Amounts that go to advances, by party; they are taken off the due.
    """
    kept = recouped or {}
    net: dict[str, Amount] = {}
    for line in lines:
        if line.kind == "payable":
            net[line.party_id] = net.get(line.party_id, ZERO) + line.net
    adjusted = payable_by_party(adjustments)
    balances = []
    for party_id in sorted({*net, *adjusted, *kept, *(party_id for party_id, amount in opening.items() if amount)}):
        before, of_lines, of_changes = (amounts.get(party_id, ZERO) for amounts in (opening, net, adjusted))
        off = kept.get(party_id, ZERO)
        due = before + of_lines + of_changes - off
        least = minimum.get(party_id, ZERO)
        paid = payment(due, least, currency)
        balances.append(Balance(party_id, before, of_lines, of_changes, due, least, paid, due - paid, off))
    return tuple(balances)


def payment(due: Amount, minimum: Amount, currency: str) -> Amount:
    """Return the payment for an amount due to date, in whole minor units, at least 0.

    Examples
    --------
    >>> five = Amount.parse("5")
    >>> [str(payment(Amount.parse(due), five, "EUR")) for due in ("5.005", "4.999", "-7")]
    ['5.01', '0', '0']
    """
    return due.payable(currency) if due > ZERO and due >= minimum else ZERO
