"""Explain one line of a statement, back to seconds of audio: for an auditor with a pocket calculator.

The inputs are a statement and the number of a line. The result is plain JSON types, or text, which shows the first 50
contributions. It has for each: the passages in the track and in the matched recording (the paid one, or one that
contains it), the use with its state and rule, the licence, the formula of the amount with its numbers, and the parts
taken of it in turn (right, work, share). Then the sum of the line, the deductions, the net, and the payment that it is
part of. Amounts are in the statement's currency, exact.
"""

from typing import Any

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.money import ZERO, sum_of
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.statements.amounts.lines import AT_END, BY_DAY, Contribution, Line
from sourceprint.royalties.statements.amounts.weights import seconds
from sourceprint.royalties.statements.statement import Balance, Statement
from sourceprint.royalties.uses.use import Use, UsePassage, use_to_json
from sourceprint.text.tables import counted, exact_clock

__all__ = ["explain_line", "explanation_to_json"]

_PERMIT = "permit it, and no precedence"
_SHOWN_CONTRIBUTIONS = 50
_SHOWN_PASSAGES = 20
_SHOWN_ROWS = 20
_MATCHED_BY = {
    "digest": "its SHA-256",
    "id": "the licensee's own id",
    "name": "the name of its file",
    "stem": "the name of its file, but for the suffix of the format",
}
_WITHOUT_USE = {"minimum-guarantee": "Shortfall to the guarantee", "training-pool": "Part of a pool for training"}


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
    currency = statement.currency
    text = [
        f"Statement {printable(statement.id)}, line {line.number}: {line.kind}, {line.right} in {line.territory}",
        f"  paid to     {payee}",
        *_subjects(statement, line),
        *([f"  shares of   {printable(line.shares_on)}"] if line.shares_on else []),
        f"  licence     {printable(line.licence_id) or 'none'}{_rivals(line)}",
        f"  policy      {printable(statement.policy_name)}, {statement.policy_digest}",
        *([f"  reason      {printable(line.reason)}"] if line.reason else []),
        *_held_lines(statement, line),
        f"Amounts are in {currency}. What a use is worth is rounded to 10^-12 of the smallest coin;",
        "from there on all is exact until a payment is rounded.",
    ]
    uses = {use.id: use for use in statement.uses}
    for at, part in enumerate(line.contributions[:_SHOWN_CONTRIBUTIONS], 1):
        text += ["", f"{at}. {_use_title(part, uses.get(part.use_id))}"]
        if part.use_id in uses:
            text += _use_lines(uses[part.use_id], line)
            if all(before.use_id != part.use_id for before in line.contributions[: at - 1]):  # said once for a use
                text += _usage_lines(statement, uses[part.use_id], line)
        text += _amount_lines(part, currency)
    if len(line.contributions) > _SHOWN_CONTRIBUTIONS:
        left = line.contributions[_SHOWN_CONTRIBUTIONS:]
        rest = sum_of(part.gross for part in left).text(currency)
        text += ["", f"... and {len(left)} more contributions, of {rest} together; as JSON all are listed"]
    text += ["", f"Sum of the line, gross: {line.gross.text(currency)}"]
    for deducted in line.deductions:
        text.append(f"Less {printable(deducted.name)}: {deducted.amount.text(currency)}")
    text += [f"Net: {line.net.text(currency)} {currency}", *_payment_lines(statement, line)]
    return "\n".join(text) + "\n"


def explanation_to_json(statement: Statement, number: int) -> dict[str, Any]:
    """Return the same as plain JSON types: all contributions, each with its use; amounts as exact decimals.

    Raises
    ------
    UnknownRightsError
        If the statement has no such line.
    """
    line = _line(statement, number)
    uses = {use.id: use for use in statement.uses}
    currency = statement.currency
    balance = _balance(statement, line)
    return {
        "schema": "sourceprint/explanation/2",
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
        "held_for": [
            {"party_id": one.party_id, "amount": one.amount.text(currency), "reason": one.reason}
            for one in statement.held
            if one.line == line.number
        ],
        "shares_on": line.shares_on,
        "contributions": [
            {
                "use": use_to_json(uses[part.use_id]) if part.use_id in uses else None,
                "method": part.method,
                "basis": part.basis,
                "amount": part.amount.text(currency),
                "right_millionths": part.right_millionths,
                "work_millionths": part.work_millionths,
                "share_millionths": part.share_millionths,
                "share_id": part.share_id,
                "gross": part.gross.text(currency),
            }
            for part in line.contributions
        ],
        "gross": line.gross.text(currency),
        "deductions": [{"name": one.name, "amount": one.amount.text(currency)} for one in line.deductions],
        "net": line.net.text(currency),
        "payment": balance and {"due": balance.due.text(currency), "paid": balance.paid.text(currency)},
    }


def _rivals(line: Line) -> str:
    """Return that several licences permit the shares of a held line, where they do: it is under the dearest."""
    return " of the several that are named, as the amount under it is the largest" if _PERMIT in line.reason else ""


def _held_lines(statement: Statement, line: Line) -> list[str]:
    """Return payee and reason of each part of a held line, with all licences that permit them."""
    names = {party.id: party.name for party in statement.parties}
    return [
        f"  held for    {printable(names.get(one.party_id, ''))} ({printable(one.party_id)}) "
        f"{one.amount.text(statement.currency)}: {printable(one.reason.removeprefix(f'{one.party_id}: '))}"
        for one in statement.held
        if one.line == line.number
    ]


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
        return _WITHOUT_USE.get(part.method, "Revenue that no use accounts for")
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


def _usage_lines(statement: Statement, use: Use, line: Line) -> list[str]:
    """Return the reported usage of a track that a line is owed for, and how each row was matched to it.

    Of a share that was sold, the days before and after are in other lines.
    """
    return [
        f"   reported as {printable(row.track or row.track_id)}, {counted(row.usages, 'usage')}"
        + (f" on {row.used_on}" if row.used_on else "")
        + f" in {row.territory}: the scanned track by {_MATCHED_BY[row.matched_by]}"
        for row in sorted(statement.usage, key=lambda row: row.used_on)
        if row.sha256 == use.track_sha256 and row.territory == line.territory and _is_owed_by(line, row.used_on)
    ][:_SHOWN_ROWS]


def _is_owed_by(line: Line, used_on: str) -> bool:
    """Return whether usage of a day, or of the period as a whole, is among the usage that a line is owed for."""
    for words in line.shares_on.split("; "):
        days, _, what = words.partition(", ")
        first, _, last = days.partition(" to ")
        if (what == BY_DAY and first <= used_on <= (last or first)) or (what == AT_END and not used_on):
            return True
    return not line.shares_on


def _passage_text(passage: UsePassage) -> str:
    claimed = f", claimed by {', '.join(map(printable, passage.contenders))}" if passage.contenders else ""
    return (
        f"   {seconds(1000 * (passage.end_ms - passage.start_ms))} s: "
        f"track {exact_clock(passage.start_ms)} to {exact_clock(passage.end_ms)}, "
        f"recording {exact_clock(passage.recording_start_ms)} to {exact_clock(passage.recording_end_ms)}{claimed}"
    )


def _amount_lines(part: Contribution, currency: str) -> list[str]:
    lines = [f"   {part.method}: {printable(part.basis)}", f"     = {part.amount.text(currency)}"]
    factors = [("right", part.right_millionths), ("work", part.work_millionths), ("share", part.share_millionths)]
    for name, millionths in factors:
        whose = f" {printable(part.share_id)}" if name == "share" and part.share_id else ""
        lines.append(f"     x {name}{whose} {format_percent(millionths)}")
    lines.append(f"     = {part.gross.text(currency)}")
    return lines


def _payment_lines(statement: Statement, line: Line) -> list[str]:
    """Return the path of the net amount to the payment: its party's due, which is paid in whole minor units."""
    currency, one = statement.currency, _balance(statement, line)
    if one is None:
        return []
    parts = [amount.text(currency) for amount in (one.opening, one.lines, one.adjustments, one.due)]
    words = "- recouped by an advance" if one.recouped > ZERO else "+ given back by an advance"
    recouped = f" {words} {abs(one.recouped).text(currency)}" if one.recouped else ""
    return [
        f"Due to date: opening {parts[0]} + all lines {parts[1]} + adjustments {parts[2]}{recouped} = {parts[3]}",
        f"Paid: {one.paid.text(currency)} {currency}, carried forward {one.carried.text(currency)}",
    ]


def _balance(statement: Statement, line: Line) -> Balance | None:
    """Return the balance that a line is part of, None where it is not payable."""
    payable = line.kind == "payable"
    return next((one for one in statement.balances if payable and one.party_id == line.party_id), None)
