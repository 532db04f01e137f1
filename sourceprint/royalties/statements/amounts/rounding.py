"""The one rounding: exact amounts of lines become whole minor units that sum to their totals.

For each territory: the exact sum is rounded once, half to even; that total is shared out to the rights, and the part of
each right to its lines, both by largest remainder on the exact amounts, ties by key. Positive and negative amounts (of
revenue that is taken back) are rounded apart, each like this, and then added. So a line differs from its exact amount
by less than 2.5 minor units: half a unit of the territory's total, and one for each sharing out; most by less than one.
Where revenue was both earned and taken back, that holds of each of the two, so a line differs by less than 5.
Statements of two parts of a batch add up to that of the whole within three times the bound for each line.

Deductions are taken off payable lines: for each territory, right and name, the exact sum is rounded once and shared out
by largest remainder; no line is ever left with less than nothing.

`prove` does the arithmetic of a finished statement again, from the contributions to the balances.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from fingerprint.errors import VerificationError
from sourceprint.royalties.money import largest_remainder, round_to_minor
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.statements.statement import Contribution, LineKey, Statement, Total, key_of, payable_by_party

__all__ = ["Rounded", "Signed", "deduct", "prove", "round_lines"]

_PARTS = 10**18  # right, work and share are millionths of millionths of millionths


class Signed:
    """An exact sum whose positive and negative amounts are kept apart.

    Terms are added by denominator, so that many of them cost one common denominator at the end.
    """

    __slots__ = ("_by_denominator",)

    def __init__(self) -> None:
        self._by_denominator: dict[tuple[bool, int], int] = {}

    def add(self, amount: Fraction, parts: int) -> None:
        """Add an amount x parts / 10**18."""
        of_one = (amount < 0, amount.denominator)
        self._by_denominator[of_one] = self._by_denominator.get(of_one, 0) + amount.numerator * parts

    def sum(self, *, negative: bool) -> Fraction:
        """Return the sum of the negative, or of the other amounts."""
        return sum(
            (
                Fraction(numerator, denominator * _PARTS)
                for (sign, denominator), numerator in self._by_denominator.items()
                if sign is negative
            ),
            Fraction(0),
        )


@dataclass(frozen=True, slots=True)
class Rounded:
    """What lines come to.

    Attributes
    ----------
    exact : mapping of LineKey to Fraction
    gross : mapping of LineKey to int
    totals : tuple of Total
        By territory and right.
    """

    exact: Mapping[LineKey, Fraction]
    gross: Mapping[LineKey, int]
    totals: tuple[Total, ...]


def round_lines(sums: Mapping[LineKey, Signed]) -> Rounded:
    """Return lines in whole minor units, with the proof that they sum to their totals.

    Raises
    ------
    ParameterError
        If a total is beyond 2**63 - 1 minor units.
    """
    by_territory: dict[str, dict[LineKey, Signed]] = {}
    for key in sorted(sums):
        by_territory.setdefault(key[0], {})[key] = sums[key]
    exact: dict[LineKey, Fraction] = {key: Fraction(0) for key in sorted(sums)}
    gross: dict[LineKey, int] = dict.fromkeys(exact, 0)
    allotted: dict[tuple[str, str], int] = {}
    for territory, lines in by_territory.items():
        for negative in (False, True):
            sized = {key: abs(line.sum(negative=negative)) for key, line in lines.items()}
            sign = -1 if negative else 1
            for right, (part, of_right) in _shared(sized).items():
                allotted[territory, right] = allotted.get((territory, right), 0) + sign * part
                for key, units in of_right.items():
                    exact[key] += sign * sized[key]
                    gross[key] += sign * units
    return Rounded(exact, gross, tuple(_totals(exact, gross, allotted)))


def deduct(
    gross: Mapping[LineKey, int], rates: Iterable[tuple[str, Mapping[LineKey, int]]]
) -> dict[LineKey, list[tuple[str, int]]]:
    """Return the deductions from lines, by name in the order given.

    Parameters
    ----------
    gross : mapping of LineKey to int
        Of payable lines.
    rates : iterable of (str, mapping of LineKey to int)
        Name of a deduction, and its millionths by line.

    Returns
    -------
    dict of LineKey to list of (str, int)
        Every deduction that has a rate for the line, of the same sign as its gross amount, even where it comes to 0.
    """
    left = {key: abs(units) for key, units in gross.items()}
    deductions: dict[LineKey, list[tuple[str, int]]] = {key: [] for key in gross}
    for name, by_line in rates:
        groups: dict[tuple[str, str, bool], dict[LineKey, Fraction]] = {}
        for key in sorted(by_line):
            territory, right, *_ = key
            exact = Fraction(abs(gross[key]) * by_line[key], WHOLE)
            groups.setdefault((territory, right, gross[key] < 0), {})[key] = exact
        for (_, _, negative), exact_parts in groups.items():
            total = round_to_minor(sum(exact_parts.values(), Fraction(0)))
            for key, units in _capped(total, exact_parts, left).items():
                left[key] -= units
                deductions[key].append((name, -units if negative else units))
    return deductions


def _shared(sized: Mapping[LineKey, Fraction]) -> dict[str, tuple[int, dict[LineKey, int]]]:
    """Return the part of each right of the rounded sum, and of each line of that."""
    by_right: dict[str, dict[LineKey, Fraction]] = {}
    for key, size in sized.items():
        by_right.setdefault(key[1], {})[key] = size
    sums = {right: sum(of_right.values(), Fraction(0)) for right, of_right in by_right.items()}
    parts = largest_remainder(round_to_minor(sum(sums.values(), Fraction(0))), sums)
    return {right: (parts[right], largest_remainder(parts[right], of_right)) for right, of_right in by_right.items()}


def _totals(
    exact: Mapping[LineKey, Fraction], gross: Mapping[LineKey, int], allotted: Mapping[tuple[str, str], int]
) -> Iterable[Total]:
    groups: dict[tuple[str, str], list[LineKey]] = {}
    for key in exact:
        groups.setdefault((key[0], key[1]), []).append(key)
    for (territory, right), keys in sorted(groups.items()):
        yield Total(
            territory=territory,
            right=right,
            exact=sum((exact[key] for key in keys), Fraction(0)),
            total=allotted[territory, right],
            lines_sum=sum(gross[key] for key in keys),
        )


def _capped(total: int, exact_parts: Mapping[LineKey, Fraction], left: Mapping[LineKey, int]) -> dict[LineKey, int]:
    """Share a total out by largest remainder, giving no line more than is left of it.

    Where earlier deductions were rounded up on the same small lines, the units that do not fit go to the next largest
    remainders; where they fit nowhere, the total is less by as much.
    """
    parts = {key: min(exact.numerator // exact.denominator, left[key]) for key, exact in exact_parts.items()}
    missing = min(total, sum(left[key] for key in parts)) - sum(parts.values())
    order = sorted(parts, key=lambda key: (parts[key] - exact_parts[key], key))
    while missing > 0:
        for key in [key for key in order if parts[key] < left[key]][:missing]:
            parts[key] += 1
            missing -= 1
    return parts


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
