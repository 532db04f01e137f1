"""Digests of a statement's inputs.

The usage, the rates, the licences' digests and the uses with their states are in the statement; their digests gather
them in one place, and are checked with it. The policy, the rights and the statement before are in the database: the
chain up to the statement's head covers them.
"""

from typing import Any

from fingerprint.digests import canonical_json, digest_of
from sourceprint.royalties.statements.files.statement_json import plain
from sourceprint.royalties.statements.statement import InputDigests, Statement
from sourceprint.royalties.uses.use import use_to_json

__all__ = ["input_digests"]


def input_digests(statement: Statement, before: str) -> InputDigests:
    """Return the digests of a statement's inputs, and that of the statement before it; "" is none."""
    return InputDigests(
        usage=_digest([statement.usage_sha256, plain(statement.usage)]),
        rates=_digest([statement.fx_sha256, plain(statement.conversions)]),
        licences=_digest(plain(statement.licences)),
        uses=_digest([use_to_json(use) for use in statement.uses]),
        policy=statement.policy_digest,
        earlier=before,
    )


def _digest(value: Any) -> str:
    return digest_of(canonical_json(value, utf8=True))
