"""Check the arithmetic of a statement, from the contributions of uses to the payments.

Everything but the payment is exact, so sums hold to the last digit: contributions = gross of their line, gross less
deductions = net, lines = total of their territory and right, now less stated = adjustment, opening + lines +
adjustments - recouped = due = paid + carried. The recouped part of an advance to date is the recoupable part of the
earnings, and no more than the advance. Where rates change with volume, the usages at their rates sum to the pot, each
use has its part of it, and lines have no other amounts. A payment is whole minor units, as `payments` rounds the due.

Lines of a schema 1 statement are in whole minor units; their sums are checked, not their rounding.
"""

from collections.abc import Iterator
from fractions import Fraction

from fingerprint.errors import StatementError, VerificationError
from sourceprint.royalties.deals.advances import recouped_by_party
from sourceprint.royalties.deals.volumes import TieredPot
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.statements.amounts.exchange import Converter
from sourceprint.royalties.statements.amounts.lines import KINDS, Line, LineKey, key_of, payable_by_party
from sourceprint.royalties.statements.amounts.payments import payment
from sourceprint.royalties.statements.amounts.tiered_rates import pot_weight, whole_pot
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.uses.use import Use

__all__ = ["flaws_of", "prove"]

_LARGEST_REST = Fraction(2, 10**12)
"""Of a minor unit: what sharing out by largest remainder, and rounding the pot, may add to a part."""


def prove(statement: Statement) -> None:
    """Do the arithmetic of a statement again.

    Raises
    ------
    VerificationError
        If anything does not hold; the message names the line, the territory and right, or the party.
    """
    for where, what in flaws_of(statement):
        raise VerificationError(f"statement {statement.id}, {where}: {what}")


def flaws_of(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield each fault of the arithmetic: its place, and the fault in words."""
    yield from _of_lines(statement)
    yield from _of_totals(statement)
    yield from _of_tiers(statement)
    yield from _of_adjustments(statement)
    yield from _of_advances(statement)
    yield from _of_balances(statement)


def _of_lines(statement: Statement) -> Iterator[tuple[str, str]]:
    seen: set[LineKey] = set()
    for number, line in enumerate(statement.lines, start=1):
        where = f"line {line.number}"
        if line.number != number:
            yield where, f"is the {number}. line; lines are numbered from 1"
        if line.kind not in KINDS:
            yield where, f"kind {line.kind!r:.30} is none of {', '.join(KINDS)}"
        if key_of(line) in seen:
            yield where, "another line is about the same; lines were added or copied"
        seen.add(key_of(line))
        yield from ((where, what) for what in _of_line(line, exact=not statement.document))


def _of_line(line: Line, *, exact: bool) -> Iterator[str]:
    contributed = sum_of(part.gross for part in line.contributions)
    if exact and contributed != line.gross:
        yield f"its contributions sum to {contributed}, it states gross {line.gross}"
    deducted = sum_of(one.amount for one in line.deductions)
    if line.gross - deducted != line.net:
        yield f"gross {line.gross} less deductions {deducted} is not net {line.net}"
    if line.kind == "payable" and not line.party_id:
        yield "is payable to nobody"


def _of_totals(statement: Statement) -> Iterator[tuple[str, str]]:
    gross: dict[tuple[str, str], Amount] = {}
    for line in statement.lines:
        group = (line.territory, line.right)
        gross[group] = gross.get(group, ZERO) + line.gross
    seen = set()
    for total in statement.totals:
        group = (total.territory, total.right)
        where = f"total of {total.territory}, {total.right}"
        if group in seen:
            yield where, "is there twice"
        seen.add(group)
        found = gross.get(group)
        if found is None:
            yield where, "there is no line of it"
        elif not total.total == total.lines_sum == found:
            yield where, f"total {total.total}, stated sum of lines {total.lines_sum}, the lines sum to {found}"
    for territory, right in sorted(set(gross) - seen):
        yield f"total of {territory}, {right}", "is missing, though there are lines"


def _of_tiers(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield the faults of prices by rates that change with volume."""
    uses = {use.id: use for use in statement.uses}
    counted: dict[str, dict[tuple[str, str, str], int]] = {}
    amounts: dict[tuple[str, str, str, str], set[Amount]] = {}
    for pot in statement.tiers:
        where = f"tiers of licence {pot.licence_id}"
        if unknown := sorted({part.use_id for part in pot.parts} - uses.keys()):
            yield where, f"use {unknown[0]!r:.40} is not among the uses of the statement"
            continue
        yield from ((where, what) for what in _of_pot(pot, uses, statement))
        for part in pot.parts:
            place = (uses[part.use_id].track_sha256, part.territory, part.used_on)
            counted.setdefault(pot.licence_id, {})[place] = part.usages
            known = (pot.licence_id, pot.method, part.use_id, part.territory)
            amounts.setdefault(known, set()).add(part.amount)
    for pot in statement.tiers:
        found = sum(counted.get(pot.licence_id, {}).values())
        if found != pot.usages:
            yield f"tiers of licence {pot.licence_id}", f"{pot.usages} usages are stated, those of its uses are {found}"
    for line in statement.lines:
        for one in line.contributions:
            parts = amounts.get((line.licence_id, one.method, one.use_id, line.territory))
            if parts is not None and one.amount not in parts:
                yield f"line {line.number}", f"amount {one.amount} of use {one.use_id} is no part of the tiers"


def _of_pot(pot: TieredPot, uses: dict[str, Use], statement: Statement) -> Iterator[str]:
    rates = {one.source: one for one in statement.conversions}

    def rate_of(source: str) -> Conversion:
        if source not in rates:
            raise StatementError(f"no rate of exchange from {source} is stated")
        return rates[source]

    stepped = sum(step.usages for step in pot.steps)
    if stepped != pot.usages:
        yield f"{pot.usages} usages are stated, by rate they are {stepped}"
    weights = [pot_weight(pot.method, uses[part.use_id].attributed_us, part.usages) for part in pot.parts]
    total = sum(weights, Fraction(0))
    try:
        whole = whole_pot(pot.steps, total, pot.currency, Converter(statement.currency, rate_of))
    except StatementError as error:
        yield str(error)
        return
    if pot.amount != Amount.nearest(whole, statement.currency):
        yield f"amount {pot.amount} is stated, its usages at their rates come to {float(whole):.6f} minor units"
    if (parts := sum_of(part.amount for part in pot.parts)) != pot.amount:
        yield f"its parts sum to {parts}, it states {pot.amount}"
    for part, weight in zip(pot.parts, weights, strict=True):
        own = whole * weight / total if total else Fraction(0)
        if abs(part.amount.minor(statement.currency) - own) > _LARGEST_REST:
            yield f"use {part.use_id} in {part.territory} has {part.amount}, which is not its part"


def _of_adjustments(statement: Statement) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(statement.adjustments, start=1):
        if one.now - one.stated != one.amount:
            yield f"adjustment {number}", f"now less stated is {one.now - one.stated}, the adjustment {one.amount}"


def _of_advances(statement: Statement) -> Iterator[tuple[str, str]]:
    for account in statement.advances:
        where = f"advance of licence {account.licence_id}"
        to_date = sum_of(one.to_date for one in account.recouped)
        part = max(ZERO, account.earned).times(account.recoup_millionths)
        for name, stated, found in (
            ("recouped to date", to_date, min(account.amount, part)),
            ("balance", account.balance, account.amount - to_date),
        ):
            if stated != found:
                yield where, f"{name} {stated} is stated, its parts come to {found}"
        if any(one.to_date < ZERO for one in account.recouped):
            yield where, "more is given back to a party than was recouped from it"


def _of_balances(statement: Statement) -> Iterator[tuple[str, str]]:
    net: dict[str, Amount] = {}
    for line in statement.lines:
        if line.kind == "payable":
            net[line.party_id] = net.get(line.party_id, ZERO) + line.net
    adjusted = payable_by_party(statement.adjustments)
    recouped = recouped_by_party(statement.advances)
    seen = set()
    for balance in statement.balances:
        where = f"balance of {balance.party_id}"
        if balance.party_id in seen:
            yield where, "is there twice"
        seen.add(balance.party_id)
        for name, stated, found in (
            ("lines", balance.lines, net.get(balance.party_id, ZERO)),
            ("adjustments", balance.adjustments, adjusted.get(balance.party_id, ZERO)),
            ("recouped", balance.recouped, recouped.get(balance.party_id, ZERO)),
            ("due", balance.due, balance.opening + balance.lines + balance.adjustments - balance.recouped),
            ("paid", balance.paid, payment(balance.due, balance.minimum, statement.currency)),
            ("carried", balance.carried, balance.due - balance.paid),
        ):
            if stated != found:
                yield where, f"{name} {stated} is stated, its parts come to {found}"
    for party_id in sorted((set(net) | set(adjusted) | set(recouped)) - seen):
        yield f"balance of {party_id}", "is missing, though the party has lines or adjustments"
