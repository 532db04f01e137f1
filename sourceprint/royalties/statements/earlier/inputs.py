"""Inputs of a statement: as they are given, and from the database: uses, rights and licences, policy, usage."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.deals.optin import recordings_chosen
from sourceprint.royalties.money import validate_currency
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.amounts.pools import has_pool_due
from sourceprint.royalties.statements.earlier.corrections import HandAdjustment
from sourceprint.royalties.statements.register import StatementHead
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.usage_reports import expect_days_in, latest_report, same_report
from sourceprint.royalties.uses.ledger import current_uses
from sourceprint.royalties.uses.policy import Policy, load_policy, policy_of
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import Use

__all__ = [
    "TRAINING_POLICY",
    "StatementInputs",
    "counts_once",
    "currency_of",
    "kept_policy",
    "policy_for",
    "policy_of_statement",
    "rights_of",
    "usage_by_sha256",
    "uses_of",
    "with_usage",
]

TRAINING_POLICY = "matched-seconds"
"""Stated where nothing but pools for training is owed: no policy plays a part in them."""


@dataclass(frozen=True, slots=True)
class StatementInputs:
    """The inputs of one statement; a policy or currency of None comes from the database.

    Attributes
    ----------
    licensee : str
        Party id.
    period : Period
    issued_on : str
        YYYY-MM-DD.
    usage : Usage
    rates : Rates
    policy : Policy or None
    currency : str or None
    version : int
        Of the usage report; 0 where there is none.
    reason : str
        Of that version.
    corrections : tuple of HandAdjustment
    """

    licensee: str
    period: Period
    issued_on: str
    usage: Usage
    rates: Rates
    policy: Policy | None
    currency: str | None
    version: int = 0
    reason: str = ""
    corrections: tuple[HandAdjustment, ...] = ()


def with_usage(
    connection: Connection, inputs: StatementInputs, usage: Usage | None, kept: Statement | None
) -> StatementInputs:
    """Return inputs with their usage: as given, else as on file; for an issued period, as stated.

    Raises
    ------
    StatementError
        If the period was issued from another report.
    ListedError
        If a row is about a day outside the period.
    """
    licensee, period = inputs.licensee, inputs.period
    if kept is not None:
        stated = Usage(kept.usage, kept.usage_sha256)
        if usage is not None and not same_report(usage, stated):
            raise StatementError(
                f"usage of {printable(licensee)} for {period}: {printable(kept.id)} was issued on {kept.issued_on} "
                "from another report, and is never changed; enter this one with `sourceprint usage enter --restate "
                "REASON`: the next statement carries the difference, up or down"
            )
        return replace(inputs, usage=stated, version=kept.usage_version, reason=kept.usage_reason)
    latest = latest_report(connection, licensee, period)
    if usage is None:
        if latest is None:
            return inputs
        return replace(inputs, usage=latest.usage, version=latest.version, reason=latest.reason)
    expect_days_in(usage, period)
    if latest is not None and same_report(usage, latest.usage):
        return replace(inputs, usage=usage, version=latest.version, reason=latest.reason)
    return replace(inputs, usage=usage, version=latest.version + 1 if latest else 1)


def currency_of(inputs: StatementInputs, stored: Sequence[StatementHead], rights: Rights) -> str:
    """Return the currency: that of earlier statements, else the only one of the rate cards, unless one is given.

    Raises
    ------
    StatementError
        If another one is given than that of earlier statements, or none and several are possible.
    """
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
        raise StatementError(
            f"currency of the statement of {printable(inputs.licensee)}: {known}; name the statement's currency"
        )
    return wanted or cards[0]


def policy_for(connection: Connection, inputs: StatementInputs, uses: Sequence[Use], rights: Rights) -> Policy:
    """Return the policy: one that results of this licensee were attributed with, so that it is on file.

    That is the one that was given, else that of the uses, else that of the latest attribution. Without any results, a
    licensee with a pool for training gets the shipped policy for pools.

    Raises
    ------
    StatementError
        If the given one is not on file, the uses were attributed with several, or nothing was ever attributed.
    """
    if inputs.policy is not None:
        return kept_policy(connection, inputs.licensee, inputs.policy.digest, inputs.policy.name)
    digests = sorted({use.policy_digest for use in uses})
    if len(digests) > 1:
        raise StatementError(
            f"policy of the statement of {printable(inputs.licensee)}: its uses were attributed with {len(digests)} "
            "policies; name one of them for the statement, or attribute again with one"
        )
    if not digests:
        query = (
            select(attribution.c.policy_digest)
            .where(attribution.c.licensee == inputs.licensee)
            .order_by(attribution.c.id.desc())
            .limit(1)
        )
        digests = list(connection.scalars(query))
    if not digests and any(licence.deal.training for licence in rights.licences.values()):
        return load_policy(TRAINING_POLICY)
    if not digests:
        raise StatementError(
            f"statement of {printable(inputs.licensee)} for {inputs.period}: nothing was ever attributed to this "
            "licensee; check the id, or attribute the results of a scan first"
        )
    return kept_policy(connection, inputs.licensee, digests[0], "")


def uses_of(connection: Connection, licensee: str, period: Period, usage: Usage) -> list[Use]:
    """Return the uses that a statement of a period considers, with the usage that is reported for it."""
    if not usage.names_tracks:
        return list(current_uses(connection, licensee, generated_between=period))
    reported = {row.sha256 for row in usage.rows if row.sha256}
    uses = list(current_uses(connection, licensee, digests=reported))
    if usage.territory_rows:
        of_period = current_uses(connection, licensee, generated_between=period)
        uses += [use for use in of_period if use.track_sha256 not in reported]
    return uses


def rights_of(
    connection: Connection,
    licensee: str,
    uses: Iterable[Use],
    adjustments: Iterable[Adjustment] = (),
    *,
    period: Period | None = None,
) -> Rights:
    """Return the rights of uses, adjustments and the pools of a period, with the licensee's licences."""
    recordings = {adjustment.recording_id for adjustment in adjustments}
    works = {adjustment.work_id for adjustment in adjustments}
    for use in uses:
        recordings.update((use.recording_id, *use.candidates))
        works.update(use.work_ids)
    if period is not None:
        licences = load_rights(connection, licensee=licensee, owners=False).licences
        if has_pool_due(licences.values(), period):
            recordings |= recordings_chosen(connection, "train")
    return load_rights(
        connection, recording_ids=sorted(recordings - {""}), work_ids=sorted(works - {""}), licensee=licensee
    )


def kept_policy(connection: Connection, licensee: str, digest: str, name: str) -> Policy:
    """Return a policy that results of a licensee were attributed with, or the shipped policy for pools.

    Raises
    ------
    StatementError
        If none were; the message calls it `name`.
    """
    query = (
        select(attribution.c.policy)
        .where(attribution.c.licensee == licensee, attribution.c.policy_digest == digest)
        .limit(1)
    )
    document = connection.scalar(query)
    if document is None and digest == load_policy(TRAINING_POLICY).digest:
        return load_policy(TRAINING_POLICY)
    if document is None:
        raise StatementError(
            f"policy {printable(name or digest)}: no results of {printable(licensee)} were attributed with it, so it "
            "is not on file to state the period with again; attribute with it first"
        )
    return policy_of(json.loads(document))


def policy_of_statement(connection: Connection, statement: Statement) -> Policy:
    """Return the policy that a statement states."""
    return kept_policy(connection, statement.licensee.id, statement.policy_digest, statement.policy_name)


def usage_by_sha256(statement: Statement) -> Usage:
    """Return the usage of a statement with its tracks as far as it knew them, where it does not say itself.

    So a track that is made later and has the same file name does not come under it.
    """
    stated = Usage(statement.usage, statement.usage_sha256)
    sha256_of = {stated.key_of(use.track_sha256, use.track_name): use.track_sha256 for use in statement.uses}
    rows = [
        replace(row, sha256=sha256_of[row.key], matched_by="digest" if row.track == sha256_of[row.key] else "name")
        if row.key in sha256_of and not row.sha256
        else row
        for row in statement.usage
    ]
    return Usage(tuple(rows), statement.usage_sha256)


def counts_once(rights: Rights) -> bool:
    """Return whether a licence has rates that count once for each track and territory, in any period."""
    terms = (one for licence in rights.licences.values() for one in (licence, *(a.terms for a in licence.amendments)))
    return any(not one.rate_card.per_usage for one in terms)
