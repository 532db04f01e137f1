"""The policy: how matches become uses, and uses become parts of an amount.

A policy is written as TOML and travels with its digest in every output. docs/formats/policy.md describes its keys and
methods; the shipped policies, in `policies/`, show them with comments, to be copied and changed.

Every key must be there but those of `usage`, so that a policy says all that it does; a key that is not known is
refused, as it may be a known one misspelt. Numbers with decimals are written as text, so that they are read exactly.
Comments, order and the way a number is written ("0.99", "0.990") do not change the digest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from fingerprint.digests import digest_of, exact_json
from fingerprint.disk import decoded, read_small
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.money import parse_decimal
from sourceprint.toml_documents import Table, TableError, raised, read_document, read_toml

__all__ = [
    "METHODS",
    "Policy",
    "load_policy",
    "parse_policy",
    "policy_document",
    "policy_of",
    "shipped_policies",
    "shipped_policy",
]

SCHEMA = "sourceprint/policy/1"
METHODS = ("matched-seconds", "coverage-weighted", "equal", "pro-rata-pool", "fixed-fee")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, validated; the attributes are the keys of the file, with their values as docs/formats/policy.md says.

    Attributes
    ----------
    name : str
    digest : str
        "sha256:" and the digest of the policy in canonical form.
    methods : tuple of str
        Of `METHODS`, in order of preference.
    min_ms : int
        `min_seconds` of the file, in milliseconds.
    claim_confidence, review_confidence : Decimal
        From 0 to 1; review <= claim.
    decide_by, otherwise, composition, not_scanned, usage_names : str
    evidence_factor : Decimal
        At least 1.
    """

    name: str
    digest: str
    methods: tuple[str, ...]
    min_ms: int
    claim_confidence: Decimal
    review_confidence: Decimal
    decide_by: str
    evidence_factor: Decimal
    otherwise: str
    composition: str
    not_scanned: str = "stop"
    usage_names: str = "exact"


_MOST_DECIMALS = 9
_LARGEST_FILE = 1 << 20

_Number = Annotated[int | str, Meta(description='write the number as text, as "0.5"')]


class _Amount(Table, frozen=True):
    methods: Annotated[
        tuple[Literal["matched-seconds", "coverage-weighted", "equal", "pro-rata-pool", "fixed-fee"], ...],
        Meta(min_length=1, description=f"write a list in order of preference of some of {', '.join(METHODS)}"),
    ]

    def faults(self) -> Iterator[TableError]:
        for method in dict.fromkeys(self.methods):
            if self.methods.count(method) > 1:
                yield TableError("methods", f"it has {method!r} twice; remove one")


class _Thresholds(Table, frozen=True):
    min_seconds: _Number
    claim_confidence: _Number
    review_confidence: _Number

    def faults(self) -> Iterator[TableError]:
        keys = ("min_seconds", "claim_confidence", "review_confidence")
        unread = [*raised(*(partial(self.number, key, most=86_400 if key == keys[0] else 1) for key in keys))]
        yield from unread
        if unread:
            return
        if (self.number("min_seconds", most=86_400) * 1000) % 1:
            yield TableError("min_seconds", "it has more than three decimals; times are whole milliseconds")
        claim, review = self.number("claim_confidence"), self.number("review_confidence")
        if review > claim:
            yield TableError(
                "review_confidence",
                f"it is above claim_confidence {claim}, from which uses are claimed without review: lower the first or "
                "raise the second",
            )

    def number(self, key: str, *, most: int = 1) -> Decimal:
        return _number(key, getattr(self, key), least=0, most=most)


class _Overlap(Table, frozen=True):
    decide_by: Literal["evidence", "split", "unresolved"]
    evidence_factor: _Number
    otherwise: Literal["split", "unresolved"]
    composition: Literal["fill", "ignore"]

    def faults(self) -> Iterator[TableError]:
        return raised(self.factor)

    def factor(self) -> Decimal:
        return _number("evidence_factor", self.evidence_factor, least=1, most=1_000_000)


class _Reported(Table, frozen=True):
    not_scanned: Literal["stop", "hold"] = "stop"
    names: Literal["exact", "stem"] = "exact"


class _PolicyTable(Table, frozen=True):
    schema: str
    name: Annotated[str, Meta(max_length=100)]
    amount: _Amount
    thresholds: _Thresholds
    overlap: _Overlap
    usage: _Reported = _Reported()


def load_policy(place: str) -> Policy:
    """Return a shipped policy by its name, or the one in a file.

    Parameters
    ----------
    place : str
        A name of `shipped_policies`, or the path of a TOML file.

    Raises
    ------
    RightsError
        If the file cannot be read.
    ParameterError
        If it is no policy; the message names file, key, value and remedy.

    Examples
    --------
    >>> load_policy("equal").min_ms
    5000
    """
    if place in shipped_policies():
        return parse_policy(shipped_policy(place), name=f"policy {place}")
    path = Path(place)
    name = f"policy {printable(path)}"
    too_large = f"has more than {_LARGEST_FILE} bytes; this is no policy"
    remedy = f"name a file, or one of {', '.join(shipped_policies())}"
    data = read_small(path, RightsError, most=_LARGEST_FILE, too_large=too_large, name=name, remedy=remedy)
    return parse_policy(decoded(data, name, RightsError), name=printable(path))


def shipped_policies() -> tuple[str, ...]:
    """Return the names of the policies that come with the package, sorted.

    Examples
    --------
    >>> shipped_policies()
    ('coverage-weighted', 'equal', 'fixed-fee', 'matched-seconds', 'pro-rata-pool')
    """
    return tuple(sorted(f.name.removesuffix(".toml") for f in _shipped().iterdir() if f.name.endswith(".toml")))


def shipped_policy(name: str) -> str:
    """Return a policy that comes with the package, by a name of `shipped_policies`: TOML with comments.

    Examples
    --------
    >>> shipped_policy("equal").splitlines()[0].partition(":")[0]
    '# Equal'
    """
    return (_shipped() / f"{name}.toml").read_text(encoding="utf-8")


def parse_policy(text: str, *, name: str) -> Policy:
    """Return the policy that a text in TOML states.

    Raises
    ------
    ParameterError
        If it is not TOML, a key is missing or unknown, or a value is outside its limits.
    """
    return _policy(read_toml(text, _PolicyTable, schema=SCHEMA, name=name, failure=ParameterError))


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain JSON types, the same for the same policy however it was written.

    Examples
    --------
    >>> policy_document(load_policy("equal"))["thresholds"]["min_seconds"]
    '5'
    """
    usage = {"not_scanned": policy.not_scanned, "names": policy.usage_names}
    stated = {key: value for key, value in usage.items() if value != getattr(_Reported(), key)}
    return {
        "schema": SCHEMA,
        "name": policy.name,
        "amount": {"methods": list(policy.methods)},
        "thresholds": {
            "min_seconds": _plain(Decimal(policy.min_ms) / 1000),
            "claim_confidence": _plain(policy.claim_confidence),
            "review_confidence": _plain(policy.review_confidence),
        },
        "overlap": {
            "decide_by": policy.decide_by,
            "evidence_factor": _plain(policy.evidence_factor),
            "otherwise": policy.otherwise,
            "composition": policy.composition,
        },
        **({"usage": stated} if stated else {}),  # its defaults are left out, so that digests of old policies hold
    }


def policy_of(document: Mapping[str, Any]) -> Policy:
    """Return the policy of a document: the inverse of `policy_document`.

    Raises
    ------
    ParameterError
        As `parse_policy`.
    """
    return _policy(read_document(document, _PolicyTable, schema=SCHEMA, name="policy", failure=ParameterError))


def _policy(table: _PolicyTable) -> Policy:
    thresholds, overlap = table.thresholds, table.overlap
    unsigned = Policy(
        name=table.name,
        digest="",
        methods=table.amount.methods,
        min_ms=int(thresholds.number("min_seconds", most=86_400) * 1000),
        claim_confidence=thresholds.number("claim_confidence"),
        review_confidence=thresholds.number("review_confidence"),
        decide_by=overlap.decide_by,
        evidence_factor=overlap.factor(),
        otherwise=overlap.otherwise,
        composition=overlap.composition,
        not_scanned=table.usage.not_scanned,
        usage_names=table.usage.names,
    )
    return replace(unsigned, digest=digest_of(exact_json(policy_document(unsigned))))


def _number(key: str, written: int | str, *, least: int, most: int) -> Decimal:
    try:
        number = parse_decimal(str(written), what=key)
    except ParameterError as error:
        raise TableError("", str(error)) from error
    if not least <= number <= most:
        raise TableError(key, f"it must lie from {least} to {most}")
    if number != round(number, _MOST_DECIMALS):
        raise TableError(key, f"at most {_MOST_DECIMALS} decimals are possible")
    return number


def _shipped() -> Traversable:
    return resources.files("sourceprint.royalties.uses") / "policies"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
