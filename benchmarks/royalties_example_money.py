"""The sections of the worked example that deal with money: amounts, their division, rounding, balances, adjustments.

In comes a `Story`; out come sections of Markdown. Every number is taken from a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from benchmarks.royalties_example_story import (
    PAID,
    Story,
    euros,
    exact_text,
    factors_text,
    money,
    seconds,
    shortened,
    subject,
    table,
)
from sourceprint.royalties.money import format_percent
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.statements.line_explanation import explain_line
from sourceprint.royalties.statements.statement import Adjustment, Line, Statement, Total
from sourceprint.royalties.uses.use import Use

__all__ = [
    "adjusted_sums",
    "adjustment_tables",
    "amounts",
    "balances",
    "division",
    "explained",
    "explained_line",
    "not_paid",
    "proof",
    "rounding",
]

_WHY = {
    "unclaimed": "nobody has claimed this part of the work",
    "overclaim": "more than 100 % is claimed, so nobody is paid until the parties agree",
    "held": "the use is not settled",
}


def amounts(story: Story) -> str:
    """Return the amounts of all uses, territory by territory."""
    statement = story.first
    names = story.names()
    rows = []
    for territory in _territories(statement):
        found: dict[str, tuple[str, Fraction, set[str], Fraction]] = {}
        for line in statement.lines:
            for part in line.contributions if line.territory == territory else ():
                basis, amount, rights, so_far = found.get(part.use_id, (part.basis, part.amount, set(), Fraction(0)))
                found[part.use_id] = (basis, amount, rights | {line.right}, so_far + part.exact)
        for use_id, (basis, amount, rights, exact) in sorted(found.items(), key=lambda item: names[item[0]]):
            owed = "all" if len(rights) == len(_rights(statement)) else ", ".join(sorted(rights))
            formula, _, licence = basis.rpartition(" (")
            state = next(use.state for use in statement.uses if use.id == use_id)
            rows.append(
                [
                    territory,
                    names[use_id],
                    formula.replace(".000 s", " s"),
                    licence.rstrip(")"),
                    euros(amount),
                    owed,
                    euros(exact),
                    "paid" if state in PAID else f"held: {state}",
                ]
            )
        whole = sum((exact for _, _, _, exact in found.values()), Fraction(0))
        rows.append([f"**{territory}**", "", "", "", "", "", f"**{euros(whole)}**", ""])
    return table(["territory", "use", "arithmetic", "licence", ">amount", "rights owed", ">owed", ""], rows)


def division(story: Story, statement: Statement) -> str:
    """Return all lines of a statement, territory by territory, with their arithmetic."""
    sections = []
    for territory in _territories(statement):
        lines = [line for line in statement.lines if line.territory == territory]
        gross = money(sum(line.gross for line in lines))
        off = [note for right in sorted(_rights(statement)) for note in _deducted(story, lines, right)]
        sections += [f"**{territory}: {gross}**", _lines_table(story, lines), *(["\n".join(off)] if off else [])]
    return "\n\n".join(sections)


def _lines_table(story: Story, lines: Iterable[Line]) -> str:
    rows = []
    for line in lines:
        off = " + ".join(str(one.amount) for one in line.deductions)
        rows.append(
            [
                str(line.number),
                line.right.removesuffix("Right"),
                story.party(line.party_id) if line.kind == "payable" else f"*{line.kind}*",
                subject(line),
                factors_text(line.contributions),
                exact_text(line.exact),
                money(line.gross),
                off,
                money(line.net),
            ]
        )
    columns = [">line", "right", "to", "for", "arithmetic", ">exact, cents", ">gross", ">cents off", ">net"]
    return table(columns, rows)


def _deducted(story: Story, lines: Iterable[Line], right: str) -> Iterator[str]:
    """Yield how the deductions of a right were rounded."""
    payable = [line for line in lines if line.deductions and line.right == right]
    if not payable:
        return
    rates = {line.number: _rate(story, line) for line in payable}
    exact = {line.number: Fraction(line.gross * rates[line.number], WHOLE) for line in payable}
    off = {line.number: sum(one.amount for one in line.deductions) for line in payable}
    up = [str(number) for number in exact if off[number] > exact[number]]
    lines_up = f"; rounded up: line{'s' if len(up) > 1 else ''} {', '.join(up)}" if up else ""
    gross, whole = money(sum(line.gross for line in payable)), exact_text(sum(exact.values(), Fraction(0)))
    rate = format_percent(max(rates.values()))
    yield f"- {right}: {rate} of {gross} payable is {whole} cents; taken off: {sum(off.values())}{lines_up}."


def _rate(story: Story, line: Line) -> int:
    """Return the millionths that are deducted from a line."""
    return sum(one.millionths for one in story.rights.licences[line.licence_id].rate_card.deductions)


def rounding(story: Story) -> str:
    """Return the rounding of every group whose quotas are not whole cents."""
    sections = []
    for territory in _territories(story.first):
        totals = [total for total in story.first.totals if total.territory == territory]
        if all(total.exact == total.total for total in totals):
            continue
        exact = sum((total.exact for total in totals), Fraction(0))
        sections.append(
            f"**{territory}.** Its exact total is {exact_text(exact)} cents, rounded {sum(t.total for t in totals)}. "
            "The rights have "
            + ", ".join(f"{total.right} {exact_text(total.exact)}" for total in totals)
            + ": the cent that is left when all are rounded down goes to the largest remainder, and of equal ones to "
            "the name that sorts first. So they come to " + ", ".join(str(total.total) for total in totals) + "."
        )
        sections += [_quotas(story, total) for total in totals if total.exact != total.total]
    return "\n\n".join(sections)


def _quotas(story: Story, total: Total) -> str:
    lines = [line for line in story.first.lines if (line.territory, line.right) == (total.territory, total.right)]
    quotas = {line.number: total.total * line.exact / total.exact for line in lines}
    down = sum(quota.numerator // quota.denominator for quota in quotas.values())
    rows = [
        [
            str(line.number),
            story.party(line.party_id) if line.party_id else f"*{line.kind}*",
            subject(line),
            exact_text(line.exact),
            exact_text(quotas[line.number], 5),
            str(quotas[line.number].numerator // quotas[line.number].denominator),
            exact_text(quotas[line.number] % 1, 5),
            "+1" if line.gross > quotas[line.number] else "",
            str(line.gross),
        ]
        for line in lines
    ]
    title = (
        f"{total.territory}, {total.right}: quota = exact x {total.total} / {exact_text(total.exact)}. Rounded down "
        f"the quotas sum to {down}; the {total.total - down} cents that are left go to the largest remainders."
    )
    columns = [">line", "to", "for", ">exact", ">quota", ">down", ">remainder", ">cent", ">gross"]
    return f"{title}\n\n{table(columns, rows)}"


def not_paid(story: Story) -> str:
    """Return what is owed and not paid, with the reason in the statement's own words."""
    names = story.names()
    rows = []
    for kind, why in _WHY.items():
        lines = [line for line in story.first.lines if line.kind == kind]
        reasons = sorted({line.reason for line in lines})
        numbers = ", ".join(str(line.number) for line in lines)
        gross = money(sum(line.gross for line in lines))
        rows.append([f"*{kind}*", why, numbers, shortened("; ".join(reasons), names), gross])
    outside = [
        f"- {names[use.use_id]} in {use.territory}: {_time(story.first, use.use_id)} s; {use.rule}."
        for use in story.first.outside
    ]
    return table(["", "what it means", "lines", "reason stated", ">gross"], rows) + (
        "\n\nFor a use that is *outside the licence* in a territory no rate was agreed, so no amount is made up; the "
        "statement lists it, and the licensor takes it from there:\n\n" + "\n".join(outside)
    )


def balances(story: Story, statement: Statement) -> str:
    """Return who is paid what, and what is carried forward."""
    rows = [
        [
            story.party(balance.party_id),
            *map(money, (balance.opening, balance.lines, balance.adjustments, balance.paid, balance.closing)),
        ]
        for balance in statement.balances
    ]
    sums = [
        sum(amounts)
        for amounts in zip(
            *((b.opening, b.lines, b.adjustments, b.paid, b.closing) for b in statement.balances), strict=True
        )
    ]
    rows.append(["**together**", *(f"**{money(amount)}**" for amount in sums)])
    return table(["party", ">opening", ">lines, net", ">adjustments", ">paid now", ">carried forward"], rows)


def proof(statement: Statement) -> str:
    """Return the proof that the lines sum to the totals."""
    rows = [
        [
            total.territory,
            total.right,
            exact_text(total.exact),
            money(total.total),
            " + ".join(money(line.gross) for line in statement.lines if _group(line) == _group(total)),
            money(total.lines_sum),
        ]
        for total in statement.totals
    ]
    whole = sum(total.total for total in statement.totals)
    rows.append(["**all**", "", "", f"**{money(whole)}**", "", f"**{money(sum(_gross(statement)))}**"])
    return table(["territory", "right", ">exact, in cents", ">total", "lines", ">sum of lines"], rows)


def explained(story: Story) -> str:
    """Return the explanation of the first line that several uses add to and that was rounded."""
    return explain_line(story.first, explained_line(story)).rstrip("\n")


def explained_line(story: Story) -> int:
    """Return the number of that line."""
    return next(line.number for line in story.first.lines if len(line.contributions) > 1 and line.exact.denominator > 1)


def adjustment_tables(story: Story) -> str:
    """Return the adjustments of the second statement, by what caused them."""
    names = story.names()
    by_reason: dict[str, list[Adjustment]] = {}
    for adjustment in story.second.adjustments:
        by_reason.setdefault(shortened(adjustment.reason, names), []).append(adjustment)
    sections = []
    for reason, found in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        rows = [
            [
                one.territory,
                one.right,
                subject(one),
                story.party(one.party_id) if one.kind == "payable" else f"*{one.kind}*",
                *map(money, (one.stated, one.now, one.amount)),
            ]
            for one in found
        ]
        columns = ["territory", "right", "for", "to", ">stated", ">now", ">adjustment"]
        sections.append(f"**{reason}**\n\n{table(columns, rows)}")
    return "\n\n".join(sections)


def adjusted_sums(story: Story) -> str:
    """Return how the adjustments add up for each party."""
    found: dict[str, list[int]] = {}
    for one in story.second.adjustments:
        if one.kind == "payable":
            found.setdefault(one.party_id, []).append(one.amount)
    return "\n".join(
        f"- {story.party(party_id)}: {' + '.join(map(money, parts)).replace('+ -', '- ')}"
        + (f" = {money(sum(parts))}" if len(parts) > 1 else "")
        for party_id, parts in sorted(found.items())
    )


def _group(of: Line | Total) -> tuple[str, str]:
    return of.territory, of.right


def _gross(statement: Statement) -> Iterator[int]:
    return (line.gross for line in statement.lines)


def _territories(statement: Statement) -> list[str]:
    return sorted({total.territory for total in statement.totals})


def _rights(statement: Statement) -> set[str]:
    return {total.right for total in statement.totals}


def _time(statement: Statement, use_id: str) -> str:
    use: Use = next(use for use in statement.uses if use.id == use_id)
    return seconds(use.attributed_us)
