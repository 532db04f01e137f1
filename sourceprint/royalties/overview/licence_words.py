"""The terms of a licence in words, one for each key that it sets, and those that an amendment changes."""

from collections.abc import Iterator
from typing import Any

from sourceprint.royalties.rights.licence_toml import licence_document
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.territories import Territories
from sourceprint.text.tables import counted, listed

__all__ = ["amendments_in_words", "licence_in_words"]

_MOST_NAMED = 5
_EACH = {
    "statement": "each statement",
    "month": "a month",
    "quarter": "a quarter",
    "year": "a year",
    "term": "the term",
}
_DIVISION = {
    "equal": "in equal parts for each recording",
    "seconds": "by the length of each recording",
    "weights": "by the weights on file",
}


def licence_in_words(licence: Licence) -> list[tuple[str, str]]:
    """Return the terms of a licence without its amendments: what each is about, and the term.

    Examples
    --------
    >>> dict(licence_in_words(parse_licence(text, name="licence.toml")))["price"]  # doctest: +SKIP
    '12.5 % of net revenue'
    """
    return list(_terms(licence_document(licence), licence.territories))


def amendments_in_words(licence: Licence) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the first day of each amendment, with the terms that change on it."""
    told, before = [], dict(licence_in_words(licence))
    for amendment in licence.amendments:
        after = dict(licence_in_words(amendment.terms))
        changed = [(name, words) for name, words in after.items() if before.get(name) != words]
        changed += [(name, "no longer") for name in before if name not in after]
        told.append((amendment.valid_from.isoformat(), changed))
        before = after
    return told


def _terms(terms: dict[str, Any], territories: Territories) -> Iterator[tuple[str, str]]:
    card = terms["rate_card"]
    currency = card["currency"]
    until = f"until {terms['valid_to']}" if "valid_to" in terms else "without an end"
    yield "holds", f"from {terms['valid_from']} {until}"
    yield "permits", ", ".join(terms["purposes"])
    yield "in", str(territories)
    yield "covers", _scope(terms["scope"])
    if conditions := list(_conditions(terms.get("conditions", {}))):
        yield "only if", "; ".join(conditions)
    if price := list(_price(card)):
        yield "price", "; ".join(price)
    for tier in card.get("tiers", ()):
        rates = " and ".join(
            f"{tier[name]} {currency} {name.replace('_', ' ')}" for name in tier if name != "from_usages"
        )
        yield f"from usage {tier['from_usages']}", f"{rates}, counted over {_EACH[card['tiers_period']]}"
    yield "divided", ", ".join(f"{right} {part}" for right, part in card["rights"].items())
    for one in card.get("deductions", ()):
        yield f"deducted for {one['name']}", one["rate"]
    if card.get("minimum_payout", "0") not in ("0", "0.00"):
        yield "paid from", f"{card['minimum_payout']} {currency} on, for each party"
    if one := terms.get("guarantee"):
        yield "guarantee", f"{one['amount']} {currency} for {_EACH[one['period']]} at least"
    if one := terms.get("advance"):
        yield (
            "advance",
            f"{one['amount']} {currency} paid on {one['paid_on']}, {one['recoup']} of what is due recoups it",
        )
    if one := terms.get("training"):
        pool = f"{one['pool']} {currency} for {_EACH[one['period']]}"
        yield "pool for training", f"{pool}, divided {_DIVISION[one['division']]}, in {one['territory']}"
    if "audit_window_months" in terms:
        yield "corrections", f"for {counted(terms['audit_window_months'], 'month')} after a statement"
    if "precedence" in terms:
        yield "precedence", f"{terms['precedence']}: of several licences for one share, the highest pays"
    if "replaces" in terms:
        yield "replaces", terms["replaces"]


def _scope(scope: dict[str, Any]) -> str:
    if scope.get("everything"):
        covered = ["everything"]
    else:
        kinds = (("recordings", "recording"), ("works", "work"), ("tags", "tag"), ("labels", "label"))
        covered = [_named(noun, scope[kind]) for kind, noun in kinds if scope.get(kind)]
    if parties := scope.get("parties"):
        return f"{' and '.join(covered)}, of {_named('party', parties)} alone"
    return " and ".join(covered)


def _named(noun: str, names: list[str]) -> str:
    plural = {"party": "parties"}.get(noun, f"{noun}s")
    return f"{noun if len(names) == 1 else plural} {listed(names, most=_MOST_NAMED)}"


def _conditions(limits: dict[str, Any]) -> Iterator[str]:
    if "max_consecutive_seconds" in limits:
        yield f"no passage is longer than {limits['max_consecutive_seconds']} s"
    if "max_total_seconds" in limits:
        yield f"a track has at most {limits['max_total_seconds']} s of one recording"
    if "max_share_of_track" in limits:
        yield f"one recording makes up at most {limits['max_share_of_track']} of a track"
    if limits.get("no_vocals"):
        yield "the recording has no vocals"


def _price(card: dict[str, Any]) -> Iterator[str]:
    if "royalty_rate" in card:
        yield f"{card['royalty_rate']} of net revenue"
    per_what = "for each usage" if card.get("per_usage", True) else "once for each track and territory"
    for key, unit in (("per_second", "second"), ("per_match", "match")):
        if key in card:
            yield f"{card[key]} {card['currency']} per {unit}, {per_what}"
