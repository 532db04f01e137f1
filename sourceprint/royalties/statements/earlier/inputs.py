"""Inputs of a statement as they are on file now: uses, rights and licences, policy, usage."""

import json
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, select

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.deals.optin import recordings_chosen
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.amounts.pools import has_pool_due
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.ledger import current_uses
from sourceprint.royalties.uses.policy import Policy, load_policy, policy_of
from sourceprint.royalties.uses.usage import Usage
from sourceprint.royalties.uses.use import Use

__all__ = [
    "TRAINING_POLICY",
    "counts_once",
    "kept_policy",
    "policy_of_statement",
    "rights_of",
    "usage_by_sha256",
    "uses_of",
]

TRAINING_POLICY = "matched-seconds"
"""Stated where nothing but pools for training is owed: no policy plays a part in them."""


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
    """Return a policy that results of a licensee were attributed with.

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
