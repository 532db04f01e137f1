"""The parts of a statement as JSON, and back: parties, usage, rates, lines, totals, adjustments, balances.

Each `..._to_json` has its inverse `..._from_json`; amounts are decimal text in major units of the currency that is
given, exact amounts rationals "numerator/denominator" in minor units. What is read raises KeyError, TypeError,
ValueError or ArithmeticError where it is something else; `sourceprint.royalties.statements.files.statement_json` says
so in words.
"""

from fractions import Fraction
from typing import Any

from sourceprint.royalties.money import format_amount, parse_amount
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.statements.statement import (
    Adjustment,
    Balance,
    Contribution,
    Conversion,
    Deducted,
    Line,
    Total,
)
from sourceprint.royalties.uses.usage import UsageRow

__all__ = [
    "adjustment_from_json",
    "adjustment_to_json",
    "balance_from_json",
    "balance_to_json",
    "conversion_from_json",
    "conversion_to_json",
    "fraction",
    "line_from_json",
    "line_to_json",
    "party_from_json",
    "party_to_json",
    "rational",
    "total_from_json",
    "total_to_json",
    "usage_from_json",
    "usage_to_json",
]


def rational(exact: Fraction) -> str:
    """Return a rational as "numerator/denominator", in lowest terms."""
    return f"{exact.numerator}/{exact.denominator}"


def fraction(text: str) -> Fraction:
    """Return the rational that `rational` wrote."""
    numerator, separator, denominator = text.partition("/")
    if not separator:
        raise ValueError(f"{text!r:.40} is no rational such as 1/3")
    return Fraction(int(numerator), int(denominator))


def party_to_json(party: Party) -> dict[str, str]:
    """Return a party as plain JSON types."""
    return {"id": party.id, "name": party.name, "ipi": party.ipi, "isni": party.isni, "dpid": party.dpid}


def party_from_json(value: dict[str, str]) -> Party:
    """Return a party from what `party_to_json` wrote."""
    return Party(value["id"], value["name"], value["ipi"], value["isni"], value["dpid"])


def usage_to_json(row: UsageRow) -> dict[str, Any]:
    """Return a row of reported usage as plain JSON types."""
    return {
        "track": row.track,
        "territory": row.territory,
        "usages": row.usages,
        "revenue": None if row.revenue is None else rational(row.revenue),
        "currency": row.currency,
        "generated_on": row.generated_on,
        "purpose": row.purpose,
    }


def usage_from_json(value: dict[str, Any]) -> UsageRow:
    """Return a row of reported usage from what `usage_to_json` wrote."""
    return UsageRow(
        track=value["track"],
        territory=value["territory"],
        usages=value["usages"],
        revenue=None if value["revenue"] is None else fraction(value["revenue"]),
        currency=value["currency"],
        generated_on=value["generated_on"],
        purpose=value["purpose"],
    )


def conversion_to_json(conversion: Conversion) -> dict[str, str]:
    """Return a rate of exchange as plain JSON types."""
    return {
        "source": conversion.source,
        "target": conversion.target,
        "rate": rational(conversion.rate),
        "day": conversion.day,
        "publisher": conversion.publisher,
    }


def conversion_from_json(value: dict[str, str]) -> Conversion:
    """Return a rate of exchange from what `conversion_to_json` wrote."""
    return Conversion(value["source"], value["target"], fraction(value["rate"]), value["day"], value["publisher"])


def line_to_json(line: Line, currency: str) -> dict[str, Any]:
    """Return a line as plain JSON types."""
    return {
        "number": line.number,
        "kind": line.kind,
        "party_id": line.party_id,
        "recording_id": line.recording_id,
        "work_id": line.work_id,
        "right": line.right,
        "territory": line.territory,
        "licence_id": line.licence_id,
        "usages": line.usages,
        "attributed_us": line.attributed_us,
        "reason": line.reason,
        "exact": rational(line.exact),
        "gross": format_amount(line.gross, currency),
        "deductions": [
            {"name": deducted.name, "amount": format_amount(deducted.amount, currency)} for deducted in line.deductions
        ],
        "net": format_amount(line.net, currency),
        "contributions": [
            {
                "use_id": part.use_id,
                "method": part.method,
                "amount_exact": rational(part.amount),
                "right_millionths": part.right_millionths,
                "work_millionths": part.work_millionths,
                "share_millionths": part.share_millionths,
                "share_id": part.share_id,
                "basis": part.basis,
            }
            for part in line.contributions
        ],
    }


def line_from_json(value: dict[str, Any], currency: str) -> Line:
    """Return a line from what `line_to_json` wrote."""
    return Line(
        number=value["number"],
        kind=value["kind"],
        party_id=value["party_id"],
        recording_id=value["recording_id"],
        work_id=value["work_id"],
        right=value["right"],
        territory=value["territory"],
        licence_id=value["licence_id"],
        usages=value["usages"],
        attributed_us=value["attributed_us"],
        reason=value["reason"],
        exact=fraction(value["exact"]),
        gross=parse_amount(value["gross"], currency),
        deductions=tuple(
            Deducted(part["name"], parse_amount(part["amount"], currency)) for part in value["deductions"]
        ),
        net=parse_amount(value["net"], currency),
        contributions=tuple(
            Contribution(
                use_id=part["use_id"],
                method=part["method"],
                amount=fraction(part["amount_exact"]),
                right_millionths=part["right_millionths"],
                work_millionths=part["work_millionths"],
                share_millionths=part["share_millionths"],
                share_id=part["share_id"],
                basis=part["basis"],
            )
            for part in value["contributions"]
        ),
    )


def total_to_json(total: Total, currency: str) -> dict[str, str]:
    """Return a total as plain JSON types."""
    return {
        "territory": total.territory,
        "right": total.right,
        "exact": rational(total.exact),
        "total": format_amount(total.total, currency),
        "lines_sum": format_amount(total.lines_sum, currency),
    }


def adjustment_to_json(adjustment: Adjustment, currency: str) -> dict[str, str]:
    """Return an adjustment as plain JSON types."""
    return {
        "period": adjustment.period,
        "statement_id": adjustment.statement_id,
        "kind": adjustment.kind,
        "party_id": adjustment.party_id,
        "recording_id": adjustment.recording_id,
        "work_id": adjustment.work_id,
        "right": adjustment.right,
        "territory": adjustment.territory,
        "licence_id": adjustment.licence_id,
        "stated": format_amount(adjustment.stated, currency),
        "now": format_amount(adjustment.now, currency),
        "amount": format_amount(adjustment.amount, currency),
        "reason": adjustment.reason,
    }


def balance_to_json(balance: Balance, currency: str) -> dict[str, str]:
    """Return a balance as plain JSON types."""
    return {
        "party_id": balance.party_id,
        "opening": format_amount(balance.opening, currency),
        "lines": format_amount(balance.lines, currency),
        "adjustments": format_amount(balance.adjustments, currency),
        "minimum": format_amount(balance.minimum, currency),
        "paid": format_amount(balance.paid, currency),
        "closing": format_amount(balance.closing, currency),
    }


def total_from_json(value: dict[str, Any], currency: str) -> Total:
    """Return a total from what `total_to_json` wrote."""
    return Total(
        territory=value["territory"],
        right=value["right"],
        exact=fraction(value["exact"]),
        total=parse_amount(value["total"], currency),
        lines_sum=parse_amount(value["lines_sum"], currency),
    )


def adjustment_from_json(value: dict[str, Any], currency: str) -> Adjustment:
    """Return an adjustment from what `adjustment_to_json` wrote."""
    return Adjustment(
        period=value["period"],
        statement_id=value["statement_id"],
        kind=value["kind"],
        party_id=value["party_id"],
        recording_id=value["recording_id"],
        work_id=value["work_id"],
        right=value["right"],
        territory=value["territory"],
        licence_id=value["licence_id"],
        stated=parse_amount(value["stated"], currency),
        now=parse_amount(value["now"], currency),
        amount=parse_amount(value["amount"], currency),
        reason=value["reason"],
    )


def balance_from_json(value: dict[str, Any], currency: str) -> Balance:
    """Return a balance from what `balance_to_json` wrote."""
    return Balance(
        party_id=value["party_id"],
        opening=parse_amount(value["opening"], currency),
        lines=parse_amount(value["lines"], currency),
        adjustments=parse_amount(value["adjustments"], currency),
        minimum=parse_amount(value["minimum"], currency),
        paid=parse_amount(value["paid"], currency),
        closing=parse_amount(value["closing"], currency),
    )
