"""The proof of a statement: its arithmetic done again, from the contributions to the balances."""

from collections.abc import Iterable, Mapping

from fingerprint.errors import VerificationError
from royalties.statements.rounding import Signed, round_lines
from royalties.statements.sharing import LineKey
from royalties.statements.statement import Adjustment, Contribution, Line, Statement

__all__ = ["key_of", "payable_by_party", "prove"]


def prove(statement: Statement) -> None:
    """Do the arithmetic of a statement again: contributions, the rounding, deductions, totals, balances.

    Raises
    ------
    VerificationError
        If anything does not hold; the message names the line, the territory and right, or the party.
    """
    sums: dict[LineKey, Signed] = {}
    net: dict[str, int] = {}
    for line in statement.lines:
        name = f"statement {statement.id}, line {line.number}"
        if key_of(line) in sums:
            raise VerificationError(f"{name}: another line is about the same; lines were added or copied")
        sums[key_of(line)] = _summed(line.contributions)
        exact = sums[key_of(line)].sum(negative=False) + sums[key_of(line)].sum(negative=True)
        if exact != line.exact:
            raise VerificationError(f"{name}: its contributions sum to {exact}, it states {line.exact}")
        kept = line.gross - sum(deducted.amount for deducted in line.deductions)
        if kept != line.net:
            raise VerificationError(f"{name}: gross {line.gross} less deductions is {kept}, it states net {line.net}")
        if line.kind == "payable":
            net[line.party_id] = net.get(line.party_id, 0) + line.net
    rounded = round_lines(sums)
    stated = {(total.territory, total.right): total for total in statement.totals}
    for total in rounded.totals:
        group = (total.territory, total.right)
        lines_sum = sum(line.gross for line in statement.lines if (line.territory, line.right) == group)
        found = stated.pop(group, None)
        if found != total or lines_sum != total.total:
            raise VerificationError(
                f"statement {statement.id}, {total.territory}, {total.right}: the lines sum to {lines_sum}, the exact "
                f"amounts give {total.total}, stated is {found.total if found else 'nothing'} (minor units)"
            )
    if stated:
        raise VerificationError(f"statement {statement.id}, {', '.join(next(iter(stated)))}: a total without any line")
    for line in statement.lines:
        if line.gross != rounded.gross[key_of(line)]:
            raise VerificationError(
                f"statement {statement.id}, line {line.number}: gross {line.gross}, its part of {line.territory}, "
                f"{line.right} by largest remainder is {rounded.gross[key_of(line)]} (minor units)"
            )
    _prove_balances(statement, net)


def key_of(line: Line | Adjustment) -> LineKey:
    """Return what makes a line, or an adjustment to one, the line that it is."""
    return (
        line.territory,
        line.right,
        line.kind,
        line.party_id,
        line.recording_id,
        line.work_id,
        line.licence_id,
    )


def payable_by_party(adjustments: Iterable[Adjustment]) -> dict[str, int]:
    """Return what adjustments add to the balance of each party, in minor units."""
    sums: dict[str, int] = {}
    for adjustment in adjustments:
        if adjustment.kind == "payable":
            sums[adjustment.party_id] = sums.get(adjustment.party_id, 0) + adjustment.amount
    return sums


def _prove_balances(statement: Statement, net: Mapping[str, int]) -> None:
    adjusted = payable_by_party(statement.adjustments)
    for balance in statement.balances:
        name = f"statement {statement.id}, balance of {balance.party_id}"
        lines, adjustments = net.get(balance.party_id, 0), adjusted.get(balance.party_id, 0)
        if (lines, adjustments) != (balance.lines, balance.adjustments):
            raise VerificationError(
                f"{name}: its lines and adjustments sum to {lines} and {adjustments}, it states {balance.lines} and "
                f"{balance.adjustments} (minor units)"
            )
        if balance.opening + lines + adjustments != balance.paid + balance.closing:
            raise VerificationError(f"{name}: opening, lines and adjustments are not what is paid and carried forward")
    missing = sorted({*net, *adjusted} - {balance.party_id for balance in statement.balances})
    if missing:
        raise VerificationError(f"statement {statement.id}, balance of {missing[0]}: is missing")


def _summed(contributions: Iterable[Contribution]) -> Signed:
    total = Signed()
    for part in contributions:
        total.add(part.amount, part.right_millionths * part.work_millionths * part.share_millionths)
    return total
