"""Read statements of schema 1, which were written until amounts became exact, as the fields of today's.

Their lines are whole minor units, rounded by largest remainder, so they are not the sums of their contributions;
`exact` amounts in minor units are beside them. The carried amount was called `closing`, and the due was
the sum of three columns. Nothing writes this schema any more: such a statement is kept and written again as it is.
"""

from fractions import Fraction
from typing import Any

from sourceprint.royalties.money import Amount, sum_of

__all__ = ["SCHEMA_1", "from_schema_1"]

SCHEMA_1 = "sourceprint/statement/1"


def from_schema_1(value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document of schema 1 by their names of today; damage raises where it is met."""
    currency = value["currency"]
    policy, usage, exchange = value["policy"], value["usage"], value["exchange"]
    return {
        **{name: one for name, one in value.items() if name not in ("policy", "exchange")},
        "licences": [(one["id"], one["digest"]) for one in value["licences"]],
        "policy_name": policy["name"],
        "policy_digest": policy["digest"],
        "usage": usage["rows"],
        "usage_sha256": usage["sha256"],
        "fx_sha256": exchange["sha256"],
        "conversions": exchange["conversions"],
        "lines": [{**line, "contributions": _contributions(line, currency)} for line in value["lines"]],
        "balances": [_balance(one) for one in value["balances"]],
        "titles": [(one["kind"], one["id"], one["code"], one["title"]) for one in value["titles"]],
    }


def _contributions(line: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    return [
        {
            **{name: one for name, one in part.items() if name != "amount_exact"},
            "amount": str(Amount.nearest(Fraction(part["amount_exact"]), currency)),
        }
        for part in line["contributions"]
    ]


def _balance(value: dict[str, str]) -> dict[str, str]:
    due = sum_of(Amount.parse(value[name]) for name in ("opening", "lines", "adjustments"))
    return {**value, "due": str(due), "carried": value["closing"]}
