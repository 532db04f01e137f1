"""Issuing statements: from the database to a statement that is kept, and what changed since earlier ones.

A statement is issued once for a licensee and a period. It is kept as canonical JSON with its digest and never changed;
what comes to light later (a use withdrawn, a share corrected, a track attributed late) is an adjustment in the next
statement: every earlier statement is computed again from the usage, policy and rates that it states with the uses,
their states, rights and licences of now, and each line is compared with what was stated for it so far.

Which uses: if the usage names tracks, the current uses of those; else, and beside them where it also has rows for a
territory as a whole, all current uses of the licensee whose tracks were generated in the period. Opening balances are
what the statement issued last carried forward, whatever its period: an earlier period may be issued late; the
minimum payouts that held with them hold on for parties without a line. Periods of one licensee must not overlap, and
all its statements are in one currency.

A period is stated once it has ended. Before, there is only a provisional statement: it says what the uses on file come
to so far, is marked wherever it is shown, is not kept, and owes nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, select

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.money import validate_currency
from sourceprint.royalties.periods import Period, parse_date
from sourceprint.royalties.rights.chain import chain_head
from sourceprint.royalties.rights.database import Database, actor, timestamp
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.statements.adjustments import adjustments_to
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.amounts.reported_usage import ReportedUsage
from sourceprint.royalties.statements.computation import compute_statement, same_inputs
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.provenance import input_digests
from sourceprint.royalties.statements.register import keep_statement, statements_of
from sourceprint.royalties.statements.statement import Adjustment, Conversion, Statement
from sourceprint.royalties.uses.ledger import current_uses
from sourceprint.royalties.uses.policy import Policy, policy_of
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import Use
from sourceprint.signatures import PublicKey

__all__ = ["issue_statement"]


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
    before_keeping: Callable[[Statement], None] | None = None,
    now: datetime | None = None,
    today: date | None = None,
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
        What the licensee reports; None where nothing is.
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
    before_keeping : callable or None
        Called with the statement before a new one is kept; what it raises keeps it from being issued.
    now : datetime or None
        The present; for tests.
    today : date or None
        The day that it is in UTC; None is that of `now`.

    Raises
    ------
    StatementError
        If the period has not ended and the statement is not provisional, if the day of issue is past and nothing says
        why, if the statement was issued with other inputs or by another key or overlaps another, or if something that
        is needed is missing.
    RightsDatabaseError
        If the database cannot be reached or written.
    """
    issued = parse_date(issued_on, what="issued_on")
    present = today or (now or datetime.now(UTC)).date()
    if not provisional:
        _expect_ended(period, issued, present)
    inputs = _Inputs(licensee, period, issued_on, usage or Usage(()), rates or Rates(), policy, currency)
    if draft or provisional:
        with database.reading() as connection:
            computed = _compute(connection, inputs)
        if provisional:
            return replace(computed, id="PROVISIONAL" + computed.id.removeprefix("S"), provisional=True)
        return replace(computed, id="DRAFT" + computed.id.removeprefix("S"))
    with database.writing() as connection:
        earlier = statements_of(connection, licensee)
        computed = _compute(connection, inputs, earlier)
        for kept in earlier:
            if (kept.period.start, kept.period.end) == (period.start, period.end):
                if same_inputs(kept, computed):
                    _expect_signer(kept, signer)
                    return kept
                raise StatementError(
                    f"statement of {printable(licensee)} for {period}: {printable(kept.id)} was issued on "
                    f"{kept.issued_on} from other inputs, and is never changed; compute a draft to see what differs: "
                    "the next period carries it as adjustments"
                )
        if issued < present and not backdate:
            raise StatementError(
                f"day of issue {issued}: is past, today is {present}; leave it out, or say why with --backdate REASON, "
                "which the statement and the chain of the database keep"
            )
        computed = replace(computed, signer=signer, backdated=backdate)
        if before_keeping is not None:
            before_keeping(computed)
        keep_statement(connection, computed, actor(by), timestamp(now))
        return computed


def _expect_ended(period: Period, issued_on: date, today: date) -> None:
    """Refuse a period of which uses may still come."""
    for day, what in ((today, "today is"), (issued_on, "the day of issue is")):
        if day <= period.end:
            raise StatementError(
                f"period {period}: ends on {period.end}, and {what} {day}; state it from "
                f"{period.end + timedelta(days=1)} on, or give --provisional to see what it comes to so far: such a "
                "statement is not kept, and owes nothing"
            )


@dataclass(frozen=True, slots=True)
class _Inputs:
    licensee: str
    period: Period
    issued_on: str
    usage: Usage
    rates: Rates
    policy: Policy | None
    currency: str | None


def _compute(connection: Connection, inputs: _Inputs, earlier: Sequence[Statement] | None = None) -> Statement:
    """Return the statement of these inputs, proven, with what came before it carried on."""
    stored = statements_of(connection, inputs.licensee) if earlier is None else earlier
    before = _before(stored, inputs.period)
    uses = _uses_of(connection, inputs.licensee, inputs.period, inputs.usage)
    rights = _rights_of(connection, inputs.licensee, uses)
    currency = _currency(inputs, stored, rights)
    policy = _policy(connection, inputs, uses)

    def rate_of(source: str) -> Conversion:
        return inputs.rates.conversion(source, currency, on=inputs.period.end)

    adjustments: list[Adjustment] = []
    charged: set[tuple[str, str]] = set()
    for statement in before:
        again = _again(connection, statement, inputs, frozenset(charged))
        charged |= ReportedUsage(_usage_by_sha256(statement), again.uses).counted
        adjustments += adjustments_to(statement, again, [one for other in before for one in other.adjustments])
    computed = compute_statement(
        uses,
        rights,
        policy,
        licensee=inputs.licensee,
        period=inputs.period,
        currency=currency,
        issued_on=inputs.issued_on,
        usage=inputs.usage,
        rate_of=rate_of,
        fx_sha256=inputs.rates.sha256,
        opening={balance.party_id: balance.carried for balance in before[-1].balances} if before else {},
        minimum_before={balance.party_id: balance.minimum for balance in before[-1].balances} if before else {},
        charged=charged,
        adjustments=adjustments,
        adjusted_rights=_rights_before(connection, inputs.licensee, before, adjustments),
    )
    prove(computed)
    head = chain_head(connection)
    return replace(computed, inputs=input_digests(computed, before[-1] if before else None), chain_head=head.text)


def _expect_signer(kept: Statement, signer: str) -> None:
    """Refuse to sign what was issued unsigned, or by another key: a statement says who signs it, and never changes."""
    if signer and not (kept.signer and PublicKey.parse(kept.signer) == PublicKey.parse(signer)):
        whose = f"signed by key {PublicKey.parse(kept.signer).id}" if kept.signer else "unsigned"
        raise StatementError(
            f"statement {printable(kept.id)}: was issued {whose} on {kept.issued_on}, and is never changed; sign with "
            "that key, or with none"
        )


def _before(stored: Sequence[Statement], period: Period) -> list[Statement]:
    """Return the statements before that of a period, in order of issue: all, or those before it if it was issued."""
    before: list[Statement] = []
    for statement in stored:
        if (statement.period.start, statement.period.end) == (period.start, period.end):
            return before
        before.append(statement)
    for statement in stored:
        if statement.period.start <= period.end and period.start <= statement.period.end:
            raise StatementError(
                f"period {period}: overlaps {statement.period} of statement {printable(statement.id)}, and the days in "
                "both would be stated twice; choose a period beside it"
            )
    return before


def _uses_of(connection: Connection, licensee: str, period: Period, usage: Usage) -> list[Use]:
    if not any(row.track for row in usage.rows):
        return list(current_uses(connection, licensee, generated_between=period))
    first, last = period.start.isoformat(), period.end.isoformat()
    return [
        use
        for use in current_uses(connection, licensee)
        if usage.key_of(use.track_sha256, use.track_name)
        or (usage.territory_rows and first <= use.generated_on <= last)
    ]


def _rights_of(
    connection: Connection, licensee: str, uses: Iterable[Use], adjustments: Iterable[Adjustment] = ()
) -> Rights:
    recordings = {adjustment.recording_id for adjustment in adjustments}
    works = {adjustment.work_id for adjustment in adjustments}
    for use in uses:
        recordings.add(use.recording_id)
        works.update(use.work_ids)
    return load_rights(
        connection, recording_ids=sorted(recordings - {""}), work_ids=sorted(works - {""}), licensee=licensee
    )


def _rights_before(
    connection: Connection, licensee: str, before: Sequence[Statement], adjustments: Sequence[Adjustment]
) -> Rights:
    """Return the names of what is adjusted, and of the parties whose balances are carried forward."""
    rights = _rights_of(connection, licensee, (), adjustments) if adjustments else Rights.of()
    carried = {party.id: party for statement in before for party in statement.parties}
    return replace(rights, parties={**carried, **rights.parties})


def _currency(inputs: _Inputs, stored: Sequence[Statement], rights: Rights) -> str:
    wanted = validate_currency(inputs.currency) if inputs.currency else ""
    for statement in stored:
        if wanted and wanted != statement.currency:
            raise StatementError(
                f"currency {wanted}: {printable(inputs.licensee)} is stated in {statement.currency} since "
                f"{printable(statement.id)}, and balances are carried forward in it; leave the currency out"
            )
        wanted = statement.currency
    cards = sorted({licence.rate_card.currency for licence in rights.licences.values()})
    if not wanted and len(cards) != 1:
        known = f"the rate cards are in {', '.join(cards)}" if cards else "there is no licence on file"
        check = "" if cards else ", or check the id of the licensee"
        raise StatementError(
            f"currency of the statement of {printable(inputs.licensee)}: {known}; say which currency to state in{check}"
        )
    return wanted or cards[0]


def _policy(connection: Connection, inputs: _Inputs, uses: Sequence[Use]) -> Policy:
    """Return the policy to use: one that results of this licensee were attributed with, so that it is kept."""
    if inputs.policy is not None:
        return _kept_policy(connection, inputs.licensee, inputs.policy.digest, inputs.policy.name)
    digests = sorted({use.policy_digest for use in uses})
    if len(digests) > 1:
        raise StatementError(
            f"policy of the statement of {printable(inputs.licensee)}: its uses were attributed with {len(digests)} "
            "policies; say which of them to state with, or attribute again with one"
        )
    if not digests:
        query = (
            select(attribution.c.policy_digest)
            .where(attribution.c.licensee == inputs.licensee)
            .order_by(attribution.c.id.desc())
            .limit(1)
        )
        digests = list(connection.scalars(query))
    if not digests:
        raise StatementError(
            f"statement of {printable(inputs.licensee)} for {inputs.period}: nothing was ever attributed to this "
            "licensee; check the id, or attribute the results of a scan first"
        )
    return _kept_policy(connection, inputs.licensee, digests[0], "")


def _kept_policy(connection: Connection, licensee: str, digest: str, name: str) -> Policy:
    query = (
        select(attribution.c.policy)
        .where(attribution.c.licensee == licensee, attribution.c.policy_digest == digest)
        .limit(1)
    )
    document = connection.scalar(query)
    if document is None:
        raise StatementError(
            f"policy {printable(name or digest)}: no results of {printable(licensee)} were attributed with it, so it "
            "is not on file to state the period with again; attribute with it first"
        )
    return policy_of(json.loads(document))


def _again(
    connection: Connection, statement: Statement, inputs: _Inputs, charged: frozenset[tuple[str, str]]
) -> Statement:
    """Return an earlier statement as it would be now, at the rates that it states, else at those of its own period."""
    usage = _usage_by_sha256(statement)
    uses = _uses_of(connection, statement.licensee.id, statement.period, usage)
    rights = _rights_of(connection, statement.licensee.id, uses)
    stated: Mapping[str, Conversion] = {conversion.source: conversion for conversion in statement.conversions}

    def stated_rate(source: str) -> Conversion:
        if source in stated:
            return stated[source]
        return inputs.rates.conversion(source, statement.currency, on=statement.period.end)

    try:
        return compute_statement(
            uses,
            rights,
            _kept_policy(connection, statement.licensee.id, statement.policy_digest, statement.policy_name),
            licensee=statement.licensee.id,
            period=statement.period,
            currency=statement.currency,
            issued_on=inputs.issued_on,
            usage=usage,
            rate_of=stated_rate,
            charged=charged,
        )
    except StatementError as error:
        raise StatementError(
            f"statement {printable(statement.id)} for {statement.period} cannot be computed again, to see what changed "
            f"since: {error}"
        ) from error


def _usage_by_sha256(statement: Statement) -> Usage:
    """Return the usage of a statement with its tracks named by SHA-256, as far as it knew them.

    So a track that is made later and has the same file name does not come under it.
    """
    stated = Usage(statement.usage, statement.usage_sha256)
    sha256_of = {stated.key_of(use.track_sha256, use.track_name): use.track_sha256 for use in statement.uses}
    sha256_of.pop("", None)
    rows = tuple(replace(row, track=sha256_of.get(row.track, row.track)) for row in statement.usage)
    return Usage(rows, statement.usage_sha256)
