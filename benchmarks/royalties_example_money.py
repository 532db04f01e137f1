"""The sections of the worked example that deal with money: amounts, their division, balances, adjustments.

In comes a `Story`; out come sections of Markdown. Every number is taken from a statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.royalties_example_story import (
    PAID,
    Story,
    factors_text,
    money,
    seconds,
    shortened,
    subject,
    table,
)
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line, Total
from sourceprint.royalties.statements.line_explanation import explain_line
from sourceprint.royalties.statements.statement import Balance, Statement
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
        found: dict[str, tuple[str, Amount, set[str], Amount]] = {}
        for line in statement.lines:
            for part in line.contributions if line.territory == territory else ():
                basis, amount, rights, so_far = found.get(part.use_id, (part.basis, part.amount, set(), ZERO))
                found[part.use_id] = (basis, amount, rights | {line.right}, so_far + part.gross)
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
                    money(amount),
                    owed,
                    money(exact),
                    "paid" if state in PAID else f"held: {state}",
                ]
            )
        whole = sum_of(exact for _, _, _, exact in found.values())
        rows.append([f"**{territory}**", "", "", "", "", "", f"**{money(whole)}**", ""])
    return table(["territory", "use", "arithmetic", "licence", ">amount", "rights owed", ">owed", ""], rows)


def division(story: Story, statement: Statement) -> str:
    """Return all lines of a statement, territory by territory, with their arithmetic."""
    sections = []
    for territory in _territories(statement):
        lines = [line for line in statement.lines if line.territory == territory]
        gross = money(sum_of(line.gross for line in lines))
        sections += [f"**{territory}: {gross}**", _lines_table(story, lines)]
    return "\n\n".join(sections)


def _lines_table(story: Story, lines: Iterable[Line]) -> str:
    rows = []
    for line in lines:
        off = " + ".join(money(one.amount) for one in line.deductions)
        rows.append(
            [
                str(line.number),
                line.right.removesuffix("Right"),
                story.party(line.party_id) if line.kind == "payable" else f"*{line.kind}*",
                subject(line),
                factors_text(line.contributions),
                money(line.gross),
                off,
                money(line.net),
            ]
        )
    columns = [">line", "right", "to", "for", "arithmetic", ">gross", ">less", ">net"]
    return table(columns, rows)


def not_paid(story: Story) -> str:
    """Return the amounts owed and not paid, with the reason in the statement's own words."""
    names = story.names()
    rows = []
    for kind, why in _WHY.items():
        lines = [line for line in story.first.lines if line.kind == kind]
        reasons = sorted({line.reason for line in lines})
        numbers = ", ".join(str(line.number) for line in lines)
        gross = money(sum_of(line.gross for line in lines))
        rows.append([f"*{kind}*", why, numbers, shortened("; ".join(reasons), names), gross])
    listed: dict[tuple[str, str, str], list[str]] = {}
    for one in story.first.outside:
        rights = listed.setdefault((one.use_id, one.territory, one.rule), [])
        if one.right not in rights:
            rights.append(one.right)
    outside = [
        f"- {names[use_id]} in {territory}: {_time(story.first, use_id)} s, {', '.join(rights)}; {rule}."
        for (use_id, territory, rule), rights in listed.items()
    ]
    return table(["", "meaning", "lines", "reason stated", ">gross"], rows) + (
        "\n\nFor a share that is *outside the licence* in a territory no rate was agreed, so it has no amount; the "
        "statement lists it, and the licensor decides on the next step:\n\n" + "\n".join(outside)
    )


def balances(story: Story, statement: Statement) -> str:
    """Return the payments of each party, and the amounts carried forward."""
    rows = [
        [
            story.party(balance.party_id),
            *map(money, _steps(balance)),
        ]
        for balance in statement.balances
    ]
    sums = [sum_of(amounts) for amounts in zip(*map(_steps, statement.balances), strict=True)]
    rows.append(["**together**", *(f"**{money(amount)}**" for amount in sums)])
    return table(["party", ">opening", ">lines, net", ">adjustments", ">due", ">paid now", ">carried forward"], rows)


def _steps(balance: Balance) -> tuple[Amount, ...]:
    return (balance.opening, balance.lines, balance.adjustments, balance.due, balance.paid, balance.carried)


def proof(statement: Statement) -> str:
    """Return the proof that the lines sum to the totals."""
    rows = [
        [
            total.territory,
            total.right,
            money(total.total),
            " + ".join(money(line.gross) for line in statement.lines if _group(line) == _group(total)),
            money(total.lines_sum),
        ]
        for total in statement.totals
    ]
    whole = sum_of(total.total for total in statement.totals)
    lines = sum_of(line.gross for line in statement.lines)
    rows.append(["**all**", "", f"**{money(whole)}**", "", f"**{money(lines)}**"])
    return table(["territory", "right", ">total", "lines", ">sum of lines"], rows)


def explained(story: Story) -> str:
    """Return the explanation of the first payable line of a work that several uses add to."""
    return explain_line(story.first, explained_line(story)).rstrip("\n")


def explained_line(story: Story) -> int:
    """Return the number of that line."""
    return next(line.number for line in story.first.lines if len(line.contributions) > 1 and line.work_id)


def adjustment_tables(story: Story) -> str:
    """Return the adjustments of the second statement, by cause."""
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
    found: dict[str, list[Amount]] = {}
    for one in story.second.adjustments:
        if one.kind == "payable":
            found.setdefault(one.party_id, []).append(one.amount)
    return "\n".join(
        f"- {story.party(party_id)}: {' + '.join(map(money, parts)).replace('+ -', '- ')}"
        + (f" = {money(sum_of(parts))}" if len(parts) > 1 else "")
        for party_id, parts in sorted(found.items())
    )


def _group(of: Line | Total) -> tuple[str, str]:
    return of.territory, of.right


def _territories(statement: Statement) -> list[str]:
    return sorted({total.territory for total in statement.totals})


def _rights(statement: Statement) -> set[str]:
    return {total.right for total in statement.totals}


def _time(statement: Statement, use_id: str) -> str:
    use: Use = next(use for use in statement.uses if use.id == use_id)
    return seconds(use.attributed_us)
