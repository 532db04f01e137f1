"""Inputs of a statement: its id, made from them, and their digests.

The usage, the rates, the licences' digests and the uses with their states are in the statement; their digests gather
them in one place, and are checked with it. The policy, the rights and the statement before are in the database: the
chain up to the statement's head covers them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fingerprint.digests import canonical_json, digest_of, exact_json
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.statements.amounts.lines import key_of
from sourceprint.royalties.statements.files.statement_json import plain
from sourceprint.royalties.statements.statement import InputDigests, Statement
from sourceprint.royalties.uses.usage import UsageRow
from sourceprint.royalties.uses.use import Use, use_bytes

__all__ = ["identified", "input_digests", "same_inputs"]

_LINES = 1_000
"""Lines that are encoded together."""


def input_digests(statement: Statement, before: str) -> InputDigests:
    """Return the digests of a statement's inputs, and that of the statement before it; "" is none."""
    return InputDigests(
        usage=_digest([statement.usage_sha256, plain(statement.usage)]),
        rates=_digest([statement.fx_sha256, plain(statement.conversions)]),
        licences=_digest(plain(statement.licences)),
        uses=_digest_of_uses(statement.uses),
        policy=statement.policy_digest,
        earlier=before,
    )


def identified(statement: Statement) -> Statement:
    """Return a statement with its id, from a digest of its inputs and lines; the day of issue is no part of it.

    Opening balances, and adjustments but those by hand, follow from the statements before, and the revision of the
    rights counts other imports too; none of these is an input of this period.
    """
    digest = hashlib.sha256(exact_json(_inputs(statement))[:-1] + b",[")
    for number, chunk in enumerate(in_chunks(statement.lines, _LINES)):
        lines = [[*key_of(line), str(line.gross), str(line.net)] for line in chunk]
        digest.update((b"," if number else b"") + exact_json(lines)[1:-1])
    digest.update(b"]]")
    told = digest.hexdigest()[:12]
    return replace(statement, id=f"S-{statement.licensee.id}-{statement.period.label}-{told}")


def same_inputs(kept: Statement, computed: Statement) -> bool:
    """Return whether an issued statement has the inputs of a computed one, as far as its schema can tell."""
    return kept.id == computed.id or (bool(kept.document) and _inputs(kept) == _inputs(computed))


def _reported(row: UsageRow) -> list[Any]:
    """Return the identifying fields of a usage row as reported; id and day only where there is one."""
    more = [row.track_id, row.used_on] if row.track_id or row.used_on else []
    return [
        row.territory,
        row.track,
        row.currency,
        row.usages,
        None if row.revenue is None else str(row.revenue),
        *more,
    ]


def _inputs(statement: Statement) -> list[Any]:
    by_hand = [
        [one.statement_id, *key_of(one), str(one.amount), one.reason] for one in statement.adjustments if one.by_hand
    ]
    return [
        statement.licensee.id,
        [statement.period.start.isoformat(), statement.period.end.isoformat()],
        statement.currency,
        statement.policy_digest,
        [list(licence) for licence in statement.licences],
        [_reported(row) for row in statement.usage],
        statement.usage_sha256,
        [[part.source, part.target, str(part.rate), part.day, part.publisher] for part in statement.conversions],
        [[use.id, use.state, use.state_rule] for use in statement.uses],
        *([by_hand] if by_hand else []),
    ]


def _digest(value: Any) -> str:
    return digest_of(canonical_json(value, utf8=True))


def _digest_of_uses(uses: Iterable[Use]) -> str:
    """Return the digest of uses as a list in canonical JSON, which is never whole in memory."""
    digest = hashlib.sha256(b"[")
    for number, use in enumerate(uses):
        digest.update((b"," if number else b"") + use_bytes(use))
    digest.update(b"]")
    return f"sha256:{digest.hexdigest()}"
