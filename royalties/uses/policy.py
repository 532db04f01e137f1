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
"""

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["METHODS", "Policy"]

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
