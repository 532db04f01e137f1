"""Compute earlier statements again, and return the adjustments that follow.

Only statements affected by a change since they were compared last are computed again (`marks`): from the
usage that was reported last, and the policy and rates that they state, with the uses, their states, rights and licences
of now. Then each line is compared with its stated amount so far. Statements depend on each other through rates without
`per_usage`, through guarantees and through usages counted for tiers: where a value that one passes on has moved, the
statements that take it are computed again too.

A closed statement (`audit_windows`) is not computed again; only an explicit adjustment corrects it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy import Connection

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.deals.volumes import counted_under, same_span, usages_before
from sourceprint.royalties.money import ZERO
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.statements.adjustments import adjustments_to
from sourceprint.royalties.statements.amounts.deals import Earned, earned_in, has_guarantee_due
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.amounts.pools import has_pool_due
from sourceprint.royalties.statements.amounts.reported_usage import ReportedUsage
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.earlier.audit_windows import last_open_day
from sourceprint.royalties.statements.earlier.corrections import HandAdjustment, adjusted_by_hand
from sourceprint.royalties.statements.earlier.inputs import (
    counts_once,
    policy_of_statement,
    rights_of,
    usage_by_sha256,
    uses_of,
)
from sourceprint.royalties.statements.earlier.marks import (
    Dependence,
    Noted,
    adjusting,
    changed_since,
    charged_before,
    counted_of,
    dependence_of,
    notes_of,
)
from sourceprint.royalties.statements.register import StatementHead, carried_from, statement_at
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.statements.usage_match import match_usage
from sourceprint.royalties.statements.usage_reports import latest_report

__all__ = [
    "Recomputed",
    "recompute",
]


@dataclass(slots=True)
class Recomputed:
    """The results of computing a licensee's earlier statements again.

    Attributes
    ----------
    adjustments : list of Adjustment
        In order of issue.
    earned : list of Earned
        Of each earlier statement.
    depends : mapping of int to Dependence
        Of the statements that were computed again, by row: to be noted.
    again : list of (Statement, Statement)
        These, as they were issued and as they would be now.
    """

    adjustments: list[Adjustment] = field(default_factory=list)
    earned: list[Earned] = field(default_factory=list)
    depends: dict[int, Dependence] = field(default_factory=dict)
    again: list[tuple[Statement, Statement]] = field(default_factory=list)

    def charged(
        self, connection: Connection, heads: Sequence[StatementHead], tracks: Iterable[str]
    ) -> set[tuple[str, str]]:
        """Return where some tracks count in earlier statements."""
        wanted = set(tracks)
        rows = [head.row_id for head in heads]
        found = charged_before(connection, [row for row in rows if row not in self.depends], wanted)
        for row in rows:
            if row in self.depends:
                found |= {one for one in self.depends[row].counted if one[0] in wanted}
        return found

    def usages_before(
        self,
        connection: Connection,
        heads: Sequence[StatementHead],
        period: Period,
        licences: Mapping[str, Licence],
    ) -> dict[str, int]:
        """Return the usages that earlier statements count in the spans that a period is in, by licence with tiers."""
        spans = {one.rate_card.tiers_period for one in licences.values() if one.rate_card.tiers}
        near = [head for head in heads if any(same_span(span, head.period.end, period.end) for span in spans)]
        noted = notes_of(connection, [head.row_id for head in near if head.row_id not in self.depends])
        earlier: list[tuple[date, Mapping[str, int]]] = []
        for head in near:
            known = self.depends.get(head.row_id) or noted.get(head.row_id)
            usages = counted_under(statement_at(connection, head.row_id).tiers) if known is None else known.usages
            earlier.append((head.period.end, usages))
        return usages_before(licences, period.end, earlier)


def recompute(
    connection: Connection,
    licensee: str,
    heads: Sequence[StatementHead],
    *,
    rates: Rates,
    issued_on: str,
    corrections: Iterable[HandAdjustment] = (),
    everything: bool = False,
    period: Period | None = None,
    earned_here: Callable[[Recomputed], Earned] | None = None,
) -> Recomputed:
    """Return a licensee's earlier statements, those with changes computed again, with the adjustments that follow.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Party id.
    heads : sequence of StatementHead
        In order of issue.
    rates : Rates
        For currencies of which a statement states no rate.
    issued_on : str
        Day of the statement that carries the adjustments.
    corrections : iterable of HandAdjustment
        Adjustments by hand.
    everything : bool
        Whether all but closed ones are computed again, changed or not.
    period : Period or None
        Of the statement that carries the adjustments.
    earned_here : callable or None
        Returns the earnings in it, after the earlier statements; called where they may count for a guarantee that one
        of a later period has stated.

    Raises
    ------
    StatementError
        If a statement cannot be computed again, or not be adjusted by hand.
    """
    result = Recomputed()
    if not heads and not corrections:
        return result
    noted = {} if everything else notes_of(connection, [head.row_id for head in heads])
    licences = load_rights(connection, licensee=licensee, owners=False).licences
    book = _Book(connection, heads, noted, licences, rates, issued_on, result)
    last = noted.get(heads[-1].row_id) if heads else None
    periods = {head.row_id: (head.period.start.isoformat(), head.period.end.isoformat()) for head in heads}
    changed = changed_since(connection, licensee, last.mark if last else {}, periods, noted)
    for head in heads:
        is_concerned = head.row_id in changed or book.has_moved or book.is_counted_otherwise(head)
        if is_concerned and not book.is_closed(head):
            book.compute(head)
    by_hand = adjusted_by_hand(
        connection,
        corrections,
        heads,
        is_closed=book.is_closed,
        statement_of=book.statement,
        so_far=book.adjustments_so_far,
    )
    book.by_hand = by_hand
    due = [head for head in heads if has_guarantee_due(licences.values(), head.period) and not book.is_closed(head)]
    if period is not None and earned_here is not None and any(period.end < head.period.end for head in due):
        book.earned_here = earned_here(result)
    for head in due:
        if head.row_id in result.depends or book.has_moved or by_hand or book.came_late_to(head):
            book.compute(head, with_guarantees=True)
    for head in heads:
        result.earned.append(book.earned_in(head))
        result.adjustments += book.adjustments(head)
        result.again += book.compared(head)
    result.adjustments += by_hand
    return result


class _Book:
    """Earlier statements while they are computed again."""

    def __init__(
        self,
        connection: Connection,
        heads: Sequence[StatementHead],
        noted: Mapping[int, Noted],
        licences: Mapping[str, Licence],
        rates: Rates,
        issued_on: str,
        result: Recomputed,
    ) -> None:
        self._connection = connection
        self._heads = heads
        self._noted = noted
        self._licences = licences
        self._rates = rates
        self._issued_on = issued_on
        self._result = result
        self._stated: dict[int, Statement] = {}
        self._now: dict[int, Statement] = {}
        self._last_open: dict[int, date | None] = {}
        self._once = counts_once(Rights(licences=licences))
        self._has_guarantees = any(one.deal.guarantee is not None for one in licences.values())
        self._hangs_together = self._once or self._has_guarantees
        self._recounted: list[tuple[str, date]] = []  # licence with tiers, last day of the statement
        self.has_moved = False
        self.earned_here: Earned | None = None
        self.by_hand: tuple[Adjustment, ...] = ()  # of the statement that carries them

    def is_closed(self, head: StatementHead) -> bool:
        """Return whether the audit window of every licence in a statement has passed."""
        if head.row_id not in self._last_open:
            stated = self._stated.get(head.row_id) or carried_from(self._connection, head.row_id)
            self._last_open[head.row_id] = last_open_day(self._connection, head.issued_on, stated.licences)
        last = self._last_open[head.row_id]
        return last is not None and date.fromisoformat(self._issued_on) > last

    def compute(self, head: StatementHead, *, with_guarantees: bool = False) -> None:
        """Compute a statement again, and note the values that it passes on."""
        statement = self.statement(head)
        elsewhere: list[Earned] | None = None
        if with_guarantees:
            elsewhere = [self.earned_in(one) for one in self._heads if one != head]
            elsewhere += [self.earned_here] if self.earned_here is not None else []
        now, counted = self._again(head, statement, elsewhere)
        self._now[head.row_id] = now
        earned = earned_in(head.period, now.lines).by_licence
        has_pool = has_pool_due(self._licences.values(), head.period)
        depends = replace(
            dependence_of(now, counted, earned, has_pool=has_pool),
            adjusts=frozenset(one.statement_id for one in statement.adjustments),
        )
        noted = self._noted.get(head.row_id)
        if self._hangs_together and not with_guarantees:
            before = None if noted is None else (counted_of(self._connection, head.row_id), dict(noted.earned))
            self.has_moved |= before != (depends.counted, dict(depends.earned))
        then = {} if noted is None else noted.usages
        for licence_id in sorted(then.keys() | depends.usages.keys()):
            if noted is None or then.get(licence_id) != depends.usages.get(licence_id):
                self._recounted.append((licence_id, head.period.end))
        self._result.depends[head.row_id] = depends

    def is_counted_otherwise(self, head: StatementHead) -> bool:
        """Return whether other usages come before those of a statement than when it was compared last."""
        noted = self._noted.get(head.row_id)
        return any(
            (noted is None or licence_id in noted.usages)
            and licence_id in self._licences
            and same_span(self._licences[licence_id].rate_card.tiers_period, day, head.period.end)
            for licence_id, day in self._recounted
        )

    def came_late_to(self, head: StatementHead) -> bool:
        """Return whether an earlier period was issued after a statement, whose guarantees it may count for."""
        later = [other.period for other in self._heads[self._heads.index(head) + 1 :]]
        later += [self.earned_here.period] if self.earned_here is not None else []
        return any(period.end < head.period.end for period in later)

    def earned_in(self, head: StatementHead) -> Earned:
        """Return the earnings in the period of a statement, as they are known now; a closed one is adjusted by hand."""
        if head.row_id in self._result.depends:
            return Earned(head.period, self._result.depends[head.row_id].earned)
        noted = self._noted.get(head.row_id)
        if not self._has_guarantees or not self.is_closed(head):
            return Earned(head.period, noted.earned) if noted else earned_in(head.period, self.statement(head).lines)
        later = [one for one in (*self.adjustments_so_far(head), *self.by_hand) if one.statement_id == head.id]
        if noted is None:
            return earned_in(head.period, [*self.statement(head).lines, *later])
        by_hand = earned_in(head.period, [one for one in later if one.by_hand]).by_licence
        sums = {one: noted.earned.get(one, ZERO) + by_hand.get(one, ZERO) for one in {*noted.earned, *by_hand}}
        return Earned(head.period, sums)

    def adjustments(self, head: StatementHead) -> Iterator[Adjustment]:
        """Yield the adjustments that bring a statement to its present amounts."""
        if head.row_id not in self._now:
            return
        so_far = self.adjustments_so_far(head)
        yield from adjustments_to(self._connection, self.statement(head), self._now[head.row_id], so_far)

    def adjustments_so_far(self, head: StatementHead) -> list[Adjustment]:
        """Return the adjustments of later statements, those to this one among them."""
        rows = adjusting(self._connection, head.id)
        return [
            one
            for other in self._heads
            if other.row_id in rows or other.row_id not in self._noted
            for one in self.statement(other).adjustments
        ]

    def compared(self, head: StatementHead) -> list[tuple[Statement, Statement]]:
        """Return a statement as it was issued and as it would be now; empty where it was not computed again."""
        return [(self.statement(head), self._now[head.row_id])] if head.row_id in self._now else []

    def statement(self, head: StatementHead) -> Statement:
        """Return a statement as it was issued."""
        if head.row_id not in self._stated:
            self._stated[head.row_id] = statement_at(self._connection, head.row_id)
        return self._stated[head.row_id]

    def _again(
        self, head: StatementHead, statement: Statement, elsewhere: Iterable[Earned] | None
    ) -> tuple[Statement, frozenset[tuple[str, str]]]:
        """Return a statement as it would be now, at the rates that it states, else at those of its own period.

        Its usage is the latest report for the period. With it come the tracks and territories that count in it.
        """
        connection, licensee = self._connection, statement.licensee.id
        policy = policy_of_statement(connection, statement)
        report = latest_report(connection, licensee, statement.period)
        if report is None or report.version <= statement.usage_version:
            report = None
        usage = usage_by_sha256(statement) if report is None else report.usage
        usage = match_usage(connection, licensee, usage, policy, stop=False)
        uses = uses_of(connection, licensee, statement.period, usage)
        rights = rights_of(connection, licensee, uses, period=statement.period)
        counted = ReportedUsage(usage, uses).counted
        before = self._heads[: self._heads.index(head)]
        charged = self._result.charged(connection, before, (key for key, _ in counted)) if self._once else set()
        stated: Mapping[str, Conversion] = {conversion.source: conversion for conversion in statement.conversions}

        def stated_rate(source: str) -> Conversion:
            if source in stated:
                return stated[source]
            return self._rates.conversion(source, statement.currency, on=statement.period.end)

        try:
            again = compute_statement(
                uses,
                rights,
                policy,
                licensee=licensee,
                period=statement.period,
                currency=statement.currency,
                issued_on=self._issued_on,
                usage=usage,
                rate_of=stated_rate,
                charged=charged,
                earned_elsewhere=elsewhere,
                usages_before=self._result.usages_before(connection, before, statement.period, self._licences),
            )
        except StatementError as error:
            raise StatementError(
                f"statement {printable(statement.id)} for {statement.period} cannot be computed again, to see what "
                f"changed since: {error}"
            ) from error
        if report is not None:
            again = replace(again, usage_version=report.version, usage_reason=report.reason)
        else:
            again = replace(again, usage_version=statement.usage_version, usage_reason=statement.usage_reason)
        return again, counted
