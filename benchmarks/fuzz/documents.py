"""Small documents, each read whole: policies of the gate and of royalties, licences, and the grant of a blind index."""

from __future__ import annotations

import base64
import functools
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import Raw, damaged, hostile_tree, json_text, toml_text
from benchmarks.fuzz.results import result_of_one
from fingerprint.digests import canonical_json, pretty_json
from fingerprint.errors import EvidenceError, GrantError, ParameterError, RightsError
from sourceprint.blind.grants import Grant, Terms, parse_grant
from sourceprint.gate.policy_toml import load_policy as load_gate_policy
from sourceprint.gate.verdict import decide
from sourceprint.royalties.rights.licence_toml import licence_document, licence_of, licence_toml, parse_licence
from sourceprint.royalties.uses.policy import load_policy, policy_document, policy_of
from sourceprint.signatures import PrivateKey

__all__ = ["GATE_POLICY", "GRANT", "LICENCE", "ROYALTY_POLICY"]

_Tree = dict[str, Any]
_HOSTILE_TOML: Final = (
    Raw("2026-13-45"),
    Raw("2026-01-31T25:00:00Z"),
    Raw("1979-05-27T07:32:00-08:00"),
    Raw("07:32:00"),
    Raw("0001-01-01"),
    Raw("1e400"),
    Raw("0xFFFFFFFFFFFFFFFFFFFF"),
    Raw('"""\n\n"""'),
    Raw("{a.b.c = 1}"),
    Raw("[{}, {}]"),
)

_GATE: Final[_Tree] = {
    "schema": "sourceprint/gate-policy/1",
    "name": "a policy",
    "otherwise": "review",
    "outside_licence": "block",
    "unresolved": "review",
    "use": "generate",
    "max_false_per_1000h": 2.0,
    "thorough": False,
    "rules": [
        {"id": "sure", "action": "block", "min_confidence": 0.99, "min_seconds": 1.5, "recordings": ["r0", "r*"]},
        {"id": "ours", "action": "pass", "isrcs": ["QZAAA2600001"], "layers": ["recording"]},
    ],
    "licensed": [
        {
            "reference": "L-1",
            "recordings": ["r0"],
            "valid_from": date(2026, 1, 1),
            "valid_until": date(2026, 12, 31),
            "max_seconds": 30.0,
            "max_percent_of_file": 50.0,
            "uses": ["generate"],
        }
    ],
}

_ROYALTY: Final[_Tree] = {
    "schema": "sourceprint/policy/1",
    "name": "equal",
    "amount": {"methods": ["equal"]},
    "thresholds": {"min_seconds": "5", "claim_confidence": "0.99", "review_confidence": "0.9"},
    "overlap": {"decide_by": "evidence", "evidence_factor": "4", "otherwise": "unresolved", "composition": "fill"},
}

_LICENCE: Final[_Tree] = {
    "schema": "sourceprint/licence/1",
    "id": "LIC-1",
    "licensor": "P-NORTH",
    "licensee": "P-TONE",
    "valid_from": "2026-01-01",
    "valid_to": "2026-12-31",
    "purposes": ["generate"],
    "scope": {"recordings": ["R1", "R2"]},
    "territories": {"include": ["Worldwide"], "exclude": ["US"]},
    "conditions": {"max_consecutive_seconds": "25", "max_share_of_track": "50 %", "no_vocals": True},
    "rate_card": {
        "currency": "EUR",
        "rights": {"Master": "50 %", "MechanicalRight": "25 %", "PerformingRight": "25 %"},
        "per_second": "0.01",
        "per_usage": True,
        "minimum_payout": "2.00",
        "deductions": [{"name": "administration", "rate": "10 %"}],
    },
}


def _toml_maker(valid: _Tree) -> Callable[[random.Random, Path], Path]:
    return functools.partial(_make_toml, valid)


def _make_toml(valid: _Tree, chance: random.Random, folder: Path) -> Path:
    path = folder / "x.toml"
    tree = hostile_tree(chance, valid)
    if isinstance(tree, dict) and tree and chance.random() < 0.2:
        holder = chance.choice([tree, *(one for one in tree.values() if isinstance(one, dict) and one)])
        holder[chance.choice(list(holder))] = chance.choice(_HOSTILE_TOML)
    data = toml_text(tree if isinstance(tree, dict) else {"schema": tree})
    path.write_bytes(damaged(chance, data) if chance.random() < 0.2 else data)
    return path


def _read_gate_policy(path: Path) -> None:
    policy = load_gate_policy(path)
    decide(result_of_one(), policy, day=date(2026, 6, 1))


def _read_royalty_policy(path: Path) -> None:
    policy = load_policy(str(path))
    document = policy_document(policy)
    if policy_of(document) != policy:
        raise ArithmeticError("a policy is another one when it is read again")
    canonical_json(document)


def _read_licence(path: Path) -> None:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return  # the import of rights says so before
    licence = parse_licence(text, name="x.toml")
    if licence_of(licence_document(licence), licence.digest) != licence:
        raise ArithmeticError("a licence is another one when it is read again")
    if parse_licence(licence_toml(licence), name="y.toml") != licence:
        raise ArithmeticError("a licence is another one when it is written and read again")


_ISSUER: Final = PrivateKey(bytes(range(32)), "label")
_LICENSEE: Final = PrivateKey(bytes(32), "tone")
_MANIFEST: Final = b"{}"


def _make_grant(chance: random.Random, folder: Path) -> Path:
    terms = Terms("Tone", _LICENSEE.public, date(2026, 1, 1), date(2026, 12, 31))
    digest = hashlib.sha256(_MANIFEST).hexdigest()
    grant = Grant("0123456789abcdef", terms, _ISSUER.public, digest, 3).signed(_ISSUER)
    path = folder / "grant.json"
    fields = {**grant.to_json(), "signature": Raw("null")}
    tree = hostile_tree(chance, grant.to_json()) if chance.random() < 0.8 else fields
    data = json_text(tree) if chance.random() < 0.5 else grant.to_bytes()
    try:  # signed again with the key of the issuer, and written as Sourceprint does
        if isinstance(tree, dict):
            data = pretty_json({**tree, "signature": _signature(tree)})
    except (ValueError, TypeError, RecursionError):
        pass
    path.write_bytes(damaged(chance, data) if chance.random() < 0.2 else data)
    return path


def _signature(tree: _Tree) -> str:
    return base64.b64encode(_ISSUER.sign(canonical_json(tree))).decode("ascii")


def _read_grant(path: Path) -> None:
    grant = parse_grant(path.read_bytes())
    grant.check(trusted=_ISSUER.public, manifest=_MANIFEST, today=datetime(2026, 6, 1, tzinfo=UTC).date())


GATE_POLICY = Format("gate policy", _toml_maker(_GATE), _read_gate_policy, (EvidenceError,))
ROYALTY_POLICY = Format("royalty policy", _toml_maker(_ROYALTY), _read_royalty_policy, (ParameterError, RightsError))
LICENCE = Format("licence", _toml_maker(_LICENCE), _read_licence, (RightsError,))
GRANT = Format("grant", _make_grant, _read_grant, (GrantError,))
