"""Issue statements: compute one from the database, keep it, and carry changes of earlier ones.

A statement is issued once for a licensee and a period. It is kept as canonical JSON with its digest and never changed.
Later knowledge (a use withdrawn, a share corrected, a track attributed late) becomes an adjustment in the next
statement: the amounts of earlier statements now, less their amounts stated so far (`earlier`).

Uses: if the usage names tracks, the current uses of those. If it has rows for a territory as a whole, also all current
uses of the licensee whose tracks were generated in the period. Opening balances are those carried forward by the
statement issued last, for any period: an earlier period may be issued late. The minimum payouts of that statement
still hold for parties without a line. Periods of one licensee must not overlap, and all its statements are in one
currency.

A period is stated once it has ended. Before, there is only a provisional statement: it has the amounts of the uses on
file so far, is marked on every page and file, is not kept, and owes nothing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.garbage import rare_collections
from sourceprint.royalties.periods import Period, parse_date
from sourceprint.royalties.rights.chain import chain_head
from sourceprint.royalties.rights.database import Database, actor, timestamp
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.deals import Earned, earned_in
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.amounts.pools import has_pool_due
from sourceprint.royalties.statements.amounts.reported_usage import ReportedUsage
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.earlier.audit_windows import expect_same_closed
from sourceprint.royalties.statements.earlier.corrections import HandAdjustment, corrections_in
from sourceprint.royalties.statements.earlier.inputs import (
    StatementInputs,
    counts_once,
    currency_of,
    policy_for,
    policy_of_statement,
    rights_of,
    uses_of,
    with_usage,
)
from sourceprint.royalties.statements.earlier.marks import Dependence, dependence_of, latest_mark, note_statement
from sourceprint.royalties.statements.earlier.recomputation import Recomputed, recompute
from sourceprint.royalties.statements.files.statement_json import CarriedOn
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.provenance import input_digests, same_inputs
from sourceprint.royalties.statements.register import (
    StatementHead,
    carried_from,
    heads_of,
    keep_statement,
    statement_of_period,
)
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.statements.usage_match import match_usage
from sourceprint.royalties.statements.usage_reports import (
    enter_report,
    expect_attributed_so,
)
from sourceprint.royalties.uses.ledger import require_licensee
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.usage import Usage
from sourceprint.signatures import PublicKey
from sourceprint.transparency import Checkpoint

__all__ = ["draft_on_file", "issue_statement", "recompute_statement"]


@rare_collections()
def issue_statement(
    database: Database,
    *,
    licensee: str,
    period: Period,
    issued_on: str,
    usage: Usage | None = None,
    rates: Rates | None = None,
    policy: Policy | None = None,
    currency: str | None = None,
    by: str | None = None,
    draft: bool = False,
    provisional: bool = False,
    signer: str = "",
    backdate: str = "",
    log_checkpoint: Checkpoint | None = None,
    before_keeping: Callable[[Statement], None] | None = None,
    now: datetime | None = None,
    today: date | None = None,
    corrections: Sequence[HandAdjustment] = (),
    everything: bool = False,
) -> Statement:
    """Return the statement of a licensee for a period, and keep it unless it is a draft or provisional.

    Issuing again with the same inputs returns the statement that is kept, to the byte.

    Parameters
    ----------
    database : Database
    licensee : str
        Party id.
    period : Period
    issued_on : str
        YYYY-MM-DD.
    usage : Usage or None
        The licensee's report, entered as the latest version for the period; None takes the version on file, if any.
    rates : Rates or None
        Rates of exchange, where more than one currency is involved.
    policy : Policy or None
        One that this licensee's results were attributed with; None takes the only one that the uses were made with.
    currency : str or None
        None takes that of the earlier statements, else the only one of the licensee's rate cards.
    by : str or None
        Who issues; None is `sourceprint.royalties.rights.database.actor`.
    draft : bool
        Compute only; the id starts with DRAFT, and nothing is kept.
    provisional : bool
        The same for a period that may not have ended; the id starts with PROVISIONAL.
    signer : str
        The public key of who signs it, as a line of text; "" leaves it unsigned.
    backdate : str
        Why the day of issue is past, or another issues than who runs this; it is in the statement.
    log_checkpoint : Checkpoint or None
        The newest of a transparency log, so that a copy of it lies with every reader of the statement. It is no input:
        a statement that was issued keeps the one of then.
    before_keeping : callable or None
        Called with a new statement before it is kept; if it raises, the statement is not issued.
    now : datetime or None
        The present; for tests.
    today : date or None
        The day that it is in UTC; None is that of `now`.
    corrections : sequence of HandAdjustment
        Adjustments by hand to statements that are closed.
    everything : bool
        Whether all earlier statements that are open are computed again, and not only those affected by a change; the
        result is the same.

    Raises
    ------
    StatementError
        If the period has not ended and the statement is not provisional, if the day of issue is past and nothing says
        why, or would open a closed statement again or close one early, if the statement was issued with other inputs
        or by another key or overlaps another, or if something that is needed is missing.
    ListedError
        If usage is reported of tracks that no scan is of, and the policy does not hold it; or of days outside the
        period.
    UnknownRightsError
        If the licensee is not on file.
    ParameterError
        If the day of issue is no date, there is no such currency, or an amount is beyond the limit.
    RightsDatabaseError
        If the database cannot be reached or written.
    """
    issued = parse_date(issued_on, what="issued_on")
    present = today or (now or datetime.now(UTC)).date()
    if not provisional:
        _expect_ended(period, issued, present)
    inputs = StatementInputs(
        licensee, period, issued_on, Usage(()), rates or Rates(), policy, currency, corrections=tuple(corrections)
    )
    if draft or provisional:
        with database.reading() as connection:
            computed, _ = _compute(connection, with_usage(connection, inputs, usage, None), everything=everything)
        if provisional:
            return replace(computed, id="PROVISIONAL" + computed.id.removeprefix("S"), provisional=True)
        return replace(computed, id="DRAFT" + computed.id.removeprefix("S"))
    made_by, made_at = actor(by), timestamp(now)
    with database.writing() as connection:
        kept = statement_of_period(connection, licensee, period)
        inputs = with_usage(connection, inputs, usage, kept)
        if kept is not None and not inputs.corrections:
            inputs = replace(inputs, corrections=corrections_in(kept))
        computed, noted = _compute(connection, inputs, everything=everything)
        if kept is not None:
            if same_inputs(kept, computed):
                _expect_signer(kept, signer)
                return kept
            raise StatementError(
                f"statement of {printable(licensee)} for {period}: {printable(kept.id)} was issued on "
                f"{kept.issued_on} from other inputs, and is never changed; compute a draft to see the differences, "
                "which the next period carries as adjustments"
            )
        if issued < present and not backdate:
            raise StatementError(
                f"day of issue {issued}: is in the past, today is {present}; leave it out, or give a reason with "
                "--backdate REASON, which the statement and the chain of the database keep"
            )
        expect_same_closed(connection, heads_of(connection, licensee), issued, present)
        witness = "" if log_checkpoint is None else log_checkpoint.to_bytes().decode()
        computed = replace(computed, signer=signer, backdated=backdate, log_checkpoint=witness)
        if before_keeping is not None:
            before_keeping(computed)
        if usage is not None:
            enter_report(connection, licensee, period, usage, made_by=made_by, made_at=made_at)
        row_id = keep_statement(connection, computed, made_by, made_at)
        for row, depends in noted.items():
            note_statement(connection, row or row_id, depends, None if row else latest_mark(connection))
        return computed


def _is_of(statement: StatementHead, period: Period) -> bool:
    return (statement.period.start, statement.period.end) == (period.start, period.end)


def _expect_ended(period: Period, issued_on: date, today: date) -> None:
    """Refuse a period of which uses may still come."""
    for day, what in ((today, "today is"), (issued_on, "the day of issue is")):
        if day <= period.end:
            raise StatementError(
                f"period {period}: ends on {period.end}, and {what} {day}; state it from "
                f"{period.end + timedelta(days=1)} on, or give --provisional for the amounts so far: such a "
                "statement is not kept, and owes nothing"
            )


def _compute(
    connection: Connection, inputs: StatementInputs, *, everything: bool
) -> tuple[Statement, dict[int, Dependence]]:
    """Return the proven statement of these inputs, with balances carried on, and the dependences to note.

    Dependences are keyed by the row of their statement; row 0 is the new one.
    """
    heads = heads_of(connection, inputs.licensee)
    if not heads:
        require_licensee(connection, inputs.licensee)
    before = _before(heads, inputs.period)
    latest = carried_from(connection, before[-1].row_id) if before else None
    # Names are matched as the policy says, and the policy is that of the uses: first by exact names, then as it says.
    usage = match_usage(connection, inputs.licensee, inputs.usage, None)
    uses = uses_of(connection, inputs.licensee, inputs.period, usage)
    rights = rights_of(connection, inputs.licensee, uses, period=inputs.period)
    currency = currency_of(inputs, heads, rights)
    policy = policy_for(connection, inputs, uses, rights)
    stop = not any(_is_of(statement, inputs.period) for statement in heads)
    matched = match_usage(connection, inputs.licensee, usage, policy, stop=stop)
    if matched.rows != usage.rows:
        uses = uses_of(connection, inputs.licensee, inputs.period, matched)
        rights = rights_of(connection, inputs.licensee, uses, period=inputs.period)
    if stop:
        expect_attributed_so(matched, uses, inputs.period)

    def rate_of(source: str) -> Conversion:
        return inputs.rates.conversion(source, currency, on=inputs.period.end)

    counted = ReportedUsage(matched, uses).counted
    of_period = partial(
        compute_statement,
        uses,
        rights,
        policy,
        licensee=inputs.licensee,
        period=inputs.period,
        currency=currency,
        issued_on=inputs.issued_on,
        usage=matched,
        rate_of=rate_of,
    )

    def charged(so_far: Recomputed) -> Collection[tuple[str, str]]:
        return so_far.charged(connection, before, (key for key, _ in counted)) if counts_once(rights) else ()

    def of_earlier(so_far: Recomputed) -> dict[str, Any]:
        usages = so_far.usages_before(connection, before, inputs.period, rights.licences)
        return {"charged": charged(so_far), "usages_before": usages}

    def earned_here(so_far: Recomputed) -> Earned:
        return earned_in(inputs.period, of_period(**of_earlier(so_far), earned_elsewhere=None).lines)

    earlier = recompute(
        connection,
        inputs.licensee,
        before,
        rates=inputs.rates,
        issued_on=inputs.issued_on,
        corrections=inputs.corrections,
        everything=everything,
        period=inputs.period,
        earned_here=earned_here,
    )
    computed = of_period(
        fx_sha256=inputs.rates.sha256,
        opening={balance.party_id: balance.carried for balance in latest.balances} if latest else {},
        minimum_before={balance.party_id: balance.minimum for balance in latest.balances} if latest else {},
        **of_earlier(earlier),
        adjustments=earlier.adjustments,
        adjusted_rights=_rights_before(connection, inputs.licensee, latest, earlier.adjustments),
        earned_elsewhere=earlier.earned,
        accounts=latest.advances if latest else (),
    )
    computed = replace(computed, usage_version=inputs.version, usage_reason=inputs.reason)
    prove(computed)
    computed = replace(
        computed,
        inputs=input_digests(computed, latest.digest if latest else ""),
        chain_head=chain_head(connection).text,
    )
    earned = earned_in(inputs.period, computed.lines).by_licence
    has_pool = has_pool_due(rights.licences.values(), inputs.period)
    return computed, {**earlier.depends, 0: dependence_of(computed, counted, earned, has_pool=has_pool)}


def recompute_statement(connection: Connection, statement: Statement) -> Statement:
    """Return an issued statement computed again from the database as the connection sees it.

    From its own usage and rates of exchange, with the uses, rights, licences, policy and earlier statements on file:
    those of its issue, if the connection is one of `Database.reading_past`.

    Raises
    ------
    StatementError
        If something that is needed is not on file.
    """
    licensee = statement.licensee.id
    inputs = StatementInputs(
        licensee,
        statement.period,
        statement.issued_on,
        Usage(statement.usage, statement.usage_sha256),
        Rates(statement.conversions, statement.fx_sha256),
        policy_of_statement(connection, statement),
        statement.currency,
        statement.usage_version,
        statement.usage_reason,
        corrections_in(statement),
    )
    computed, _ = _compute(connection, inputs, everything=True)
    return replace(
        computed,
        signer=statement.signer,
        backdated=statement.backdated,
        log_checkpoint=statement.log_checkpoint,
    )


def _expect_signer(kept: Statement, signer: str) -> None:
    """Refuse to sign a statement issued unsigned or by another key: it names its signer, and never changes."""
    if signer and not (kept.signer and PublicKey.parse(kept.signer) == PublicKey.parse(signer)):
        whose = f"signed by key {PublicKey.parse(kept.signer).id}" if kept.signer else "unsigned"
        remedy = "sign with that key, or with none" if kept.signer else "leave out the key"
        raise StatementError(
            f"statement {printable(kept.id)}: was issued {whose} on {kept.issued_on}, and is never changed; {remedy}"
        )


def _before(stored: Sequence[StatementHead], period: Period) -> list[StatementHead]:
    """Return the statements before that of a period, in order of issue: all, or those before it if it was issued."""
    before: list[StatementHead] = []
    for statement in stored:
        if _is_of(statement, period):
            return before
        before.append(statement)
    for statement in stored:
        if statement.period.start <= period.end and period.start <= statement.period.end:
            raise StatementError(
                f"period {period}: overlaps {statement.period} of statement {printable(statement.id)}, and the days in "
                "both would be stated twice; choose a period beside it"
            )
    return before


def _rights_before(
    connection: Connection, licensee: str, latest: CarriedOn | None, adjustments: Sequence[Adjustment]
) -> Rights:
    """Return the names of adjusted recordings and works, and of the parties whose balances are carried forward."""
    rights = rights_of(connection, licensee, (), adjustments) if adjustments else Rights.of()
    carried = {party.id: party for party in latest.parties} if latest else {}
    return replace(rights, parties={**carried, **rights.parties})


def draft_on_file(connection: Connection, licensee: str, period: Period, *, issued_on: str) -> Statement:
    """Return the statement of a period not stated yet, with the usage on file.

    Raises
    ------
    StatementError
        If it cannot be computed.
    """
    inputs = StatementInputs(licensee, period, issued_on, Usage(()), Rates(), None, None)
    computed, _ = _compute(connection, with_usage(connection, inputs, None, None), everything=False)
    return computed
