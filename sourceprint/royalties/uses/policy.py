"""The policy: how matches become uses, and uses become parts of an amount.

A policy is written as TOML and travels with its digest in every output:

    schema = "sourceprint/policy/1"
    name = "matched-seconds"

    [amount]
    methods = ["matched-seconds"]     # the first whose inputs there are: matched-seconds, coverage-weighted, equal,
                                      # pro-rata-pool, fixed-fee

    [thresholds]
    min_seconds = "3"                 # uses of less are not claimed: unresolved, rule thresholds.min_seconds
    claim_confidence = "0.99"         # from here on: claimed
    review_confidence = "0.9"         # from here to there: review; below: unresolved

    [overlap]                         # the same second of a generated track, claimed by several recordings
    decide_by = "evidence"            # evidence, split or unresolved
    evidence_factor = "4"             # how many times as many aligned landmarks per second the first must have
    otherwise = "unresolved"          # where evidence does not decide: split or unresolved
    composition = "fill"              # composition-layer matches where no recording is found: fill or ignore

The methods, for one generated track and one territory:

===================  ===================================================================================================
`matched-seconds`    rate per second x attributed seconds [x usages]; where the licence has no such rate, the revenue of
                     the track, by attributed seconds among its uses
`coverage-weighted`  revenue of the track x attributed time / length of the track; the rest is unmatched
`equal`              revenue of the track, in equal parts for the recordings used in it
`pro-rata-pool`      revenue of the territory, by attributed seconds x usages among the uses of all tracks
`fixed-fee`          fee per match [x usages]
===================  ===================================================================================================

Policies as text: TOML in, a validated `Policy` out, and the canonical document that its digest is taken of.

The layout is the one that `sourceprint.royalties.uses.policy` shows. Every key must be there, so that a policy says
all that it does; a key that is not known is refused, as it may be a known one misspelt. Numbers with decimals are
written as text,
so that they are read exactly. Comments, order and the way a number is written ("0.99", "0.990") do not change the
digest.

The shipped policies are files beside this module, in `policies/`, made to be copied and changed.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from fingerprint.digests import digest_of, exact_json
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.money import parse_decimal

__all__ = ["METHODS", "Policy", "load_policy", "parse_policy", "policy_document", "policy_of", "shipped_policies"]

SCHEMA = "sourceprint/policy/1"
METHODS = ("matched-seconds", "coverage-weighted", "equal", "pro-rata-pool", "fixed-fee")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, validated; the attributes are those of the file.

    Attributes
    ----------
    name : str
    digest : str
        "sha256:" and the digest of the policy in canonical form.
    methods : tuple of str
        Of `METHODS`, in order of preference.
    min_ms : int
        Milliseconds.
    claim_confidence, review_confidence : Decimal
        From 0 to 1; review <= claim.
    decide_by, otherwise, composition : str
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


_KEYS: dict[str, tuple[str, ...]] = {
    "": ("schema", "name", "amount", "thresholds", "overlap"),
    "amount": ("methods",),
    "thresholds": ("min_seconds", "claim_confidence", "review_confidence"),
    "overlap": ("decide_by", "evidence_factor", "otherwise", "composition"),
}
_DECIDE_BY = ("evidence", "split", "unresolved")
_OTHERWISE = ("split", "unresolved")
_COMPOSITION = ("fill", "ignore")
_LARGEST_SECONDS = 86_400
_LARGEST_FACTOR = 1_000_000
_MOST_DECIMALS = 9
_LONGEST_NAME = 100
_LARGEST_FILE = 1 << 20


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
        text = (_shipped() / f"{place}.toml").read_text(encoding="utf-8")
        return parse_policy(text, name=f"policy {place}")
    path = Path(place)
    name = printable(path)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise RightsError(
            f"policy {name}: cannot be read ({error.strerror}); name a file, or one of {', '.join(shipped_policies())}"
        ) from error
    if len(data) > _LARGEST_FILE:
        raise RightsError(f"policy {name}: has more than {_LARGEST_FILE} bytes; this is no policy")
    try:
        return parse_policy(data.decode("utf-8-sig"), name=name)
    except UnicodeDecodeError as error:
        raise RightsError(
            f"policy {name}: not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start}); "
            "save it as UTF-8"
        ) from error


def shipped_policies() -> tuple[str, ...]:
    """Return the names of the policies that come with the package, sorted.

    Examples
    --------
    >>> shipped_policies()
    ('coverage-weighted', 'equal', 'fixed-fee', 'matched-seconds', 'pro-rata-pool')
    """
    return tuple(sorted(f.name.removesuffix(".toml") for f in _shipped().iterdir() if f.name.endswith(".toml")))


def parse_policy(text: str, *, name: str) -> Policy:
    """Return the policy that a text in TOML states.

    Parameters
    ----------
    text : str
        The content of the file.
    name : str
        What messages call it.

    Raises
    ------
    ParameterError
        If it is not TOML, a key is missing or unknown, or a value is outside its limits.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"{name}: not TOML ({error}); texts stand in quotation marks") from error
    return policy_of(document, name=name)


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain JSON types, the same for the same policy however it was written.

    Examples
    --------
    >>> policy_document(load_policy("equal"))["thresholds"]["min_seconds"]
    '5'
    """
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
    }


def policy_of(document: Mapping[str, Any], *, name: str = "policy") -> Policy:
    """Return the policy of a document: the inverse of `policy_document`.

    Raises
    ------
    ParameterError
        As `parse_policy`.
    """
    _check_keys(document, "", name)
    if document["schema"] != SCHEMA:
        raise ParameterError(f"{name}: schema is {_shown(document['schema'])}; this version reads {SCHEMA!r}")
    policy_name = _text(document, "", "name", name)
    if not policy_name.isprintable() or not policy_name.strip() or len(policy_name) > _LONGEST_NAME:
        raise ParameterError(
            f"{name}: name is {_shown(policy_name)}; write a name of one line with at most {_LONGEST_NAME} characters"
        )
    for section in ("amount", "thresholds", "overlap"):
        _check_keys(document[section], section, name)
    thresholds, overlap = document["thresholds"], document["overlap"]
    claim = _number(thresholds, "thresholds", "claim_confidence", name, least=0, most=1)
    review = _number(thresholds, "thresholds", "review_confidence", name, least=0, most=1)
    if review > claim:
        raise ParameterError(
            f"{name}: thresholds.review_confidence {review} is above thresholds.claim_confidence {claim}; "
            "what is claimed needs no review: lower the first or raise the second"
        )
    unsigned = Policy(
        name=policy_name,
        digest="",
        methods=_methods(document["amount"], name),
        min_ms=_milliseconds(thresholds, name),
        claim_confidence=claim,
        review_confidence=review,
        decide_by=_word(overlap, "overlap", "decide_by", name, _DECIDE_BY),
        evidence_factor=_number(overlap, "overlap", "evidence_factor", name, least=1, most=_LARGEST_FACTOR),
        otherwise=_word(overlap, "overlap", "otherwise", name, _OTHERWISE),
        composition=_word(overlap, "overlap", "composition", name, _COMPOSITION),
    )
    return replace(unsigned, digest=digest_of(exact_json(policy_document(unsigned))))


def _shipped() -> Traversable:
    return resources.files("sourceprint.royalties.uses") / "policies"


def _check_keys(table: object, section: str, name: str) -> None:
    known = _KEYS[section]
    where = f"[{section}]" if section else "the top of the file"
    if not isinstance(table, Mapping):
        raise ParameterError(f"{name}: {section} is {_shown(table)}; it must be a table that starts with [{section}]")
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0)
            raise ParameterError(
                f"{name}: key {_shown(key)} at {where} is not known; the nearest that is known is {near[0]!r}, "
                f"all are {', '.join(known)}"
            )
    for key in known:
        if key not in table:
            raise ParameterError(
                f"{name}: {_dotted(section, key)} is missing; add it, as the policies do that are shipped "
                f"({', '.join(shipped_policies())})"
            )


def _methods(amount: Mapping[str, Any], name: str) -> tuple[str, ...]:
    written = amount["methods"]
    if not isinstance(written, list) or not written:
        raise ParameterError(
            f'{name}: amount.methods is {_shown(written)}; write a list in order of preference, as ["{METHODS[0]}"]'
        )
    for position, method in enumerate(written):
        if method not in METHODS:
            raise ParameterError(f"{name}: amount.methods has {_shown(method)}; known are {', '.join(METHODS)}")
        if method in written[:position]:
            raise ParameterError(f"{name}: amount.methods has {method!r} twice; remove one")
    return tuple(written)


def _milliseconds(thresholds: Mapping[str, Any], name: str) -> int:
    seconds = _number(thresholds, "thresholds", "min_seconds", name, least=0, most=_LARGEST_SECONDS)
    milliseconds = seconds * 1000
    if milliseconds != milliseconds.to_integral_value():
        raise ParameterError(
            f"{name}: thresholds.min_seconds {seconds} has more than three decimals; times are whole milliseconds"
        )
    return int(milliseconds)


def _number(table: Mapping[str, Any], section: str, key: str, name: str, *, least: int, most: int) -> Decimal:
    written, what = table[key], _dotted(section, key)
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    if not isinstance(written, str):
        raise ParameterError(f'{name}: {what} is {_shown(written)}; write the number as text, as {what} = "{least}.5"')
    number = parse_decimal(written, what=f"{name}: {what}")
    if number != round(number, _MOST_DECIMALS):
        raise ParameterError(f"{name}: {what} is {number}; at most {_MOST_DECIMALS} decimals are possible")
    if not least <= number <= most:
        raise ParameterError(f"{name}: {what} is {number}; it must lie from {least} to {most}")
    return number


def _word(table: Mapping[str, Any], section: str, key: str, name: str, words: tuple[str, ...]) -> str:
    value = _text(table, section, key, name)
    if value not in words:
        raise ParameterError(f"{name}: {_dotted(section, key)} is {_shown(value)}; write one of {', '.join(words)}")
    return value


def _text(table: Mapping[str, Any], section: str, key: str, name: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ParameterError(f"{name}: {_dotted(section, key)} is {_shown(value)}; write a text in quotation marks")
    return value


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _dotted(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _shown(value: object) -> str:
    return f"{value!r:.60}"
