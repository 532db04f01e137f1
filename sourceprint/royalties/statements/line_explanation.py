"""One line of a statement, followed back to seconds of audio: for an auditor with a pocket calculator.

In come a statement and the number of a line; out come, as text or as plain JSON types, for every contribution: the
passages in the track and in the recording that was matched (the one that is paid for, or one that contains it), the use
with its state and rule, the licence, how the amount came about with the numbers put in, and the parts taken of it in
turn (right, work, share). Then the exact amount of the line, its rounding within territory and right, the deductions,
and what remains. Amounts are in minor units of the currency until the end; rationals are written exactly, and beside
them as decimals where those do not end soon.
"""

from fractions import Fraction
from typing import Any

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.money import format_amount, format_percent
from sourceprint.royalties.statements.amounts.weights import seconds
from sourceprint.royalties.statements.statement import Contribution, Line, Statement
from sourceprint.royalties.uses.use import Use, UsePassage, use_to_json
from sourceprint.text.tables import exact_clock

__all__ = ["explain_line", "explanation_to_json"]

_SHOWN_CONTRIBUTIONS = 50
_SHOWN_PASSAGES = 20
_DECIMALS = 6


def explain_line(statement: Statement, number: int) -> str:
    """Return in words and numbers how a line came about.

    Raises
    ------
    UnknownRightsError
        If the statement has no such line.
    """
    line = _line(statement, number)
    names = {party.id: party.name for party in statement.parties}
    payee = f"{printable(names.get(line.party_id, ''))} ({printable(line.party_id)})" if line.party_id else "nobody"
    unit = f"{format_amount(1, statement.currency)} {statement.currency}"
    text = [
        f"Statement {printable(statement.id)}, line {line.number}: {line.kind}, {line.right} in {line.territory}",
        f"  paid to     {payee}",
        *_subjects(statement, line),
        f"  licence     {printable(line.licence_id) or 'none'}",
        f"  policy      {printable(statement.policy_name)}, {statement.policy_digest}",
        *([f"  reason      {printable(line.reason)}"] if line.reason else []),
        f"Amounts below are in units of {unit} until it says otherwise.",
    ]
    uses = {use.id: use for use in statement.uses}
    for at, part in enumerate(line.contributions[:_SHOWN_CONTRIBUTIONS], 1):
        text += ["", f"{at}. {_use_title(part, uses.get(part.use_id))}"]
        if part.use_id in uses:
            text += _use_lines(uses[part.use_id], line)
        text += _amount_lines(part)
    if len(line.contributions) > _SHOWN_CONTRIBUTIONS:
        left = line.contributions[_SHOWN_CONTRIBUTIONS:]
        exact = sum((part.exact for part in left), Fraction(0))
        text += ["", f"... and {len(left)} more contributions, of {_shown(exact)} together; as JSON all are listed"]
    text += ["", f"Exact amount of the line: {_shown(line.exact)}", *_rounding_lines(statement, line)]
    for deducted in line.deductions:
        text.append(f"Less {printable(deducted.name)}: {format_amount(deducted.amount, statement.currency)}")
    text.append(f"Net: {format_amount(line.net, statement.currency)} {statement.currency}")
    return "\n".join(text) + "\n"


def explanation_to_json(statement: Statement, number: int) -> dict[str, Any]:
    """Return the same as plain JSON types: all contributions, each with its use; rationals as "numerator/denominator".

    Raises
    ------
    UnknownRightsError
        If the statement has no such line.
    """
    line = _line(statement, number)
    uses = {use.id: use for use in statement.uses}
    whole = next(total for total in statement.totals if (total.territory, total.right) == (line.territory, line.right))
    return {
        "schema": "sourceprint/explanation/1",
        "statement": statement.id,
        "currency": statement.currency,
        "line": line.number,
        "kind": line.kind,
        "party_id": line.party_id,
        "recording_id": line.recording_id,
        "work_id": line.work_id,
        "right": line.right,
        "territory": line.territory,
        "licence_id": line.licence_id,
        "policy": {"name": statement.policy_name, "digest": statement.policy_digest},
        "reason": line.reason,
        "contributions": [
            {
                "use": use_to_json(uses[part.use_id]) if part.use_id in uses else None,
                "method": part.method,
                "basis": part.basis,
                "amount_exact": _rational(part.amount),
                "right_millionths": part.right_millionths,
                "work_millionths": part.work_millionths,
                "share_millionths": part.share_millionths,
                "share_id": part.share_id,
                "exact": _rational(part.exact),
            }
            for part in line.contributions
        ],
        "exact": _rational(line.exact),
        "group": {"exact": _rational(whole.exact), "total": format_amount(whole.total, statement.currency)},
        "gross": format_amount(line.gross, statement.currency),
        "deductions": [
            {"name": deducted.name, "amount": format_amount(deducted.amount, statement.currency)}
            for deducted in line.deductions
        ],
        "net": format_amount(line.net, statement.currency),
    }


def _line(statement: Statement, number: int) -> Line:
    if not 1 <= number <= len(statement.lines):
        raise UnknownRightsError(
            f"line {number} of statement {printable(statement.id)}: it has lines 1 to {len(statement.lines)}"
            if statement.lines
            else f"line {number} of statement {printable(statement.id)}: it has no lines"
        )
    return statement.lines[number - 1]


def _subjects(statement: Statement, line: Line) -> list[str]:
    titles = {(kind, subject_id): (code, title) for kind, subject_id, code, title in statement.titles}
    lines = []
    for kind, subject_id in (("recording", line.recording_id), ("work", line.work_id)):
        if subject_id:
            code, title = titles.get((kind, subject_id), ("", ""))
            label = " ".join(part for part in (printable(subject_id), printable(title), code) if part)
            lines.append(f"  {kind:<10}  {label}")
    return lines


def _use_title(part: Contribution, use: Use | None) -> str:
    if use is None:
        return "Revenue that no use accounts for"
    return f"Use {use.id} in track {printable(use.track_name)} ({use.track_sha256})"


def _use_lines(use: Use, line: Line) -> list[str]:
    lines = [_passage_text(passage) for passage in use.passages[:_SHOWN_PASSAGES]]
    if len(use.passages) > _SHOWN_PASSAGES:
        lines.append(f"   and {len(use.passages) - _SHOWN_PASSAGES} more passages")
    lines += [
        f"   attributed {seconds(use.attributed_us)} s of {seconds(1000 * use.track_ms)} s, {use.layer} layer, "
        f"index id {printable(use.index_id)}, {use.aligned_landmarks} aligned landmarks, confidence {use.confidence}",
        f"   state {use.state}: {printable(use.state_rule)}",
    ]
    lines.append(f"   generated {use.generated_on}")
    return lines


def _passage_text(passage: UsePassage) -> str:
    claimed = f", claimed by {', '.join(map(printable, passage.contenders))}" if passage.contenders else ""
    return (
        f"   {seconds(1000 * (passage.end_ms - passage.start_ms))} s: "
        f"track {exact_clock(passage.start_ms)} to {exact_clock(passage.end_ms)}, "
        f"recording {exact_clock(passage.recording_start_ms)} to {exact_clock(passage.recording_end_ms)}{claimed}"
    )


def _amount_lines(part: Contribution) -> list[str]:
    lines = [f"   {part.method}: {printable(part.basis)}", f"     = {_shown(part.amount)}"]
    factors = [("right", part.right_millionths), ("work", part.work_millionths), ("share", part.share_millionths)]
    for name, millionths in factors:
        whose = f" {printable(part.share_id)}" if name == "share" and part.share_id else ""
        lines.append(f"     x {name}{whose} {format_percent(millionths)} ({Fraction(millionths, 1_000_000)})")
    lines.append(f"     = {_shown(part.exact)}")
    return lines


def _rounding_lines(statement: Statement, line: Line) -> list[str]:
    """Return how the exact amount became whole minor units."""
    here = [total for total in statement.totals if total.territory == line.territory]
    own = next(total for total in here if total.right == line.right)
    exact, whole = sum((total.exact for total in here), Fraction(0)), sum(total.total for total in here)
    signs = {
        part.amount < 0
        for one in statement.lines
        if one.territory == line.territory
        for part in one.contributions
        if part.amount
    }
    lines = [
        f"All of {line.territory} is {_shown(exact)}, rounded {whole}; of it {line.right} has {_shown(own.exact)}, "
        f"by largest remainder {own.total}"
    ]
    if signs == {False, True}:
        lines.append("Revenue that was earned and revenue that was taken back are rounded apart, and then added")
    elif own.exact:
        quota = _shown(own.total * line.exact / own.exact)
        lines.append(f"Quota of the line: {own.total} x ({line.exact}) / ({own.exact}) = {quota}")
    gross = format_amount(line.gross, statement.currency)
    lines.append(f"Rounded by largest remainder: {line.gross}, that is gross {gross} {statement.currency}")
    return lines


def _rational(exact: Fraction) -> str:
    return f"{exact.numerator}/{exact.denominator}"


def _shown(exact: Fraction) -> str:
    """Return a rational as a decimal where that ends within six decimals, else exactly and with six decimals."""
    scaled = exact * 10**_DECIMALS
    units = round(scaled)
    sign, size = ("-" if units < 0 else ""), abs(units)
    decimal = f"{sign}{size // 10**_DECIMALS}.{size % 10**_DECIMALS:06d}".rstrip("0").rstrip(".")
    return decimal if scaled.denominator == 1 else f"{exact} (about {decimal})"
