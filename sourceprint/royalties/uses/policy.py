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
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from fingerprint.digests import digest_of, exact_json
from fingerprint.disk import decoded, read_small
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.money import parse_decimal
from sourceprint.toml_documents import (
    Key,
    Location,
    TomlTable,
    document_of,
    one_of,
    parse_toml,
    read_document,
    some_of,
    table,
    text,
)
from sourceprint.toml_faults import Place, lines_of

__all__ = [
    "METHODS",
    "MethodOrder",
    "OverlapRules",
    "Policy",
    "Thresholds",
    "UsageRules",
    "load_policy",
    "parse_policy",
    "policy_document",
    "policy_of",
    "shipped_policies",
    "shipped_policy",
]

SCHEMA = "sourceprint/policy/1"
METHODS = ("matched-seconds", "coverage-weighted", "equal", "pro-rata-pool", "fixed-fee")


_MOST_DECIMALS = 9
_LARGEST_FILE = 1 << 20


def _number(least: int, most: int) -> Key:
    """Return a key whose value is a decimal number, written as text or whole."""
    remedy = 'write the number as text, as "0.5"'

    def read(value: Any, where: Location) -> Decimal:
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise ParameterError(f"{where.name} is {value!r:.60}; {remedy}")
        number = parse_decimal(str(value), what=where.name)
        if not least <= number <= most:
            raise ParameterError(f"{where.name} is {value!r:.60}; it must lie from {least} to {most}")
        if number != round(number, _MOST_DECIMALS):
            raise ParameterError(f"{where.name} is {value!r:.60}; at most {_MOST_DECIMALS} decimals are possible")
        return number

    return Key(read, lambda number, _: f"{number.normalize():f}", remedy)


_SECONDS = _number(0, 86_400)


def _milliseconds(value: Any, where: Location) -> int:
    milliseconds: Decimal = _SECONDS.read(value, where) * 1000
    if milliseconds % 1:
        what = "it has more than three decimals; times are whole milliseconds"
        raise ParameterError(f"{where.name} is {value!r:.60}; {what}")
    return int(milliseconds)


@dataclass(frozen=True, slots=True)
class MethodOrder(TomlTable):
    """Methods, of `METHODS`, in order of preference."""

    methods: Annotated[tuple[str, ...], some_of(METHODS)]

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the faults of methods that are listed twice."""
        for method in dict.fromkeys(self.methods):
            if self.methods.count(method) > 1:
                yield ("methods",), f": it has {method!r} twice; remove one"


@dataclass(frozen=True, slots=True)
class Thresholds(TomlTable):
    """Least length (`min_seconds` of the file, in milliseconds) and confidences, from 0 to 1; review <= claim."""

    min_ms: Annotated[
        int,
        _SECONDS.but(
            read=_milliseconds, write=lambda ms, _: _SECONDS.write(Decimal(ms) / 1000, ""), name="min_seconds"
        ),
    ]
    claim_confidence: Annotated[Decimal, _number(0, 1)]
    review_confidence: Annotated[Decimal, _number(0, 1)]

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the fault of confidences in the wrong order."""
        claim, review = self.claim_confidence, self.review_confidence
        if review > claim:
            remedy = "from which uses are claimed without review: lower the first or raise the second"
            yield ("review_confidence",), f" is {review}; it is above claim_confidence {claim}, {remedy}"


@dataclass(frozen=True, slots=True)
class OverlapRules(TomlTable):
    """Rules where several claims meet in time."""

    decide_by: Annotated[str, one_of(("evidence", "split", "unresolved"))]
    evidence_factor: Annotated[Decimal, _number(1, 1_000_000)]
    otherwise: Annotated[str, one_of(("split", "unresolved"))]
    composition: Annotated[str, one_of(("fill", "ignore"))]


@dataclass(frozen=True, slots=True)
class UsageRules(TomlTable):
    """Rules for reported tracks."""

    not_scanned: Annotated[str, one_of(("stop", "hold"))] = "stop"
    names: Annotated[str, one_of(("exact", "stem"))] = "exact"


@dataclass(frozen=True, slots=True)
class Policy(TomlTable):
    """One policy, validated; the attributes are the tables of the file, with their keys as docs/formats/policy.md says.

    Attributes
    ----------
    name : str
    amount : MethodOrder
    thresholds : Thresholds
    overlap : OverlapRules
    usage : UsageRules
    digest : str
        "sha256:" and the digest of the policy in canonical form.
    """

    name: Annotated[str, text(100)]
    amount: Annotated[MethodOrder, table(MethodOrder)]
    thresholds: Annotated[Thresholds, table(Thresholds)]
    overlap: Annotated[OverlapRules, table(OverlapRules)]
    # Its defaults are left out of documents, so that digests of policies without it hold.
    usage: Annotated[UsageRules, table(UsageRules)] = UsageRules()
    digest: str = ""


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
    >>> load_policy("equal").thresholds.min_ms
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
    written = text.replace("\r\n", "\n")
    return _policy(parse_toml(written, name=name, failure=ParameterError), name, lines_of(written))


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain JSON types, the same for the same policy however it was written.

    Examples
    --------
    >>> policy_document(load_policy("equal"))["thresholds"]["min_seconds"]
    '5'
    """
    return {"schema": SCHEMA, **document_of(policy, "")}


def policy_of(document: Mapping[str, Any]) -> Policy:
    """Return the policy of a document: the inverse of `policy_document`.

    Raises
    ------
    ParameterError
        As `parse_policy`.
    """
    return _policy(document, "policy", {})


def _policy(document: Mapping[str, Any], name: str, lines: Mapping[Place, int]) -> Policy:
    policy = read_document(document, Policy, schema=SCHEMA, name=name, failure=ParameterError, lines=lines)
    return replace(policy, digest=digest_of(exact_json(policy_document(policy))))


def _shipped() -> Traversable:
    return resources.files("sourceprint.royalties.uses") / "policies"
