"""From exact lines to payments: what is due to each party, and the one rounding, of what is paid.

Per payer, payee and currency: `due` is what was carried from the statement before, the net lines and the adjustments,
less what goes to advances, exactly. What is paid is the nearest whole number of minor units, halves away from zero;
nothing where less is due than the minimum payout, or less than nothing. The rest is carried to the next statement of
the same payer and payee. So what was paid to date differs from what is due to date by less than one minor unit,
whatever the number of territories, tracks and periods, wherever the minimum is reached and nothing is owed back.

Whatever else comes between what is due and what is paid, such as a minimum, is decided here on exact amounts, before
the rounding.
"""

from collections.abc import Iterable, Mapping

from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.statements.statement import Adjustment, Balance, Line, payable_by_party

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
    """Return the balance of each party that has a payable line, an adjustment, or something in account; by party.

    Parameters
    ----------
    lines : iterable of Line
    adjustments : iterable of Adjustment
    opening : mapping of str to Amount
        What each party has in account from before.
    minimum : mapping of str to Amount
        The least that is paid out to each; nothing where a party is missing.
    currency : str
        Of all of them.
    recouped : mapping of str to Amount or None
        What goes to advances; comes off what is due to each.
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
    """Return what is paid of what is due to date, in whole minor units; never less than nothing.

    Examples
    --------
    >>> five = Amount.parse("5")
    >>> [str(payment(Amount.parse(due), five, "EUR")) for due in ("5.005", "4.999", "-7")]
    ['5.01', '0', '0']
    """
    return due.payable(currency) if due > ZERO and due >= minimum else ZERO
