"""Attribution of one generated track: from its scan result to uses, each with its state.

The inputs are the result of a scan, the rights that concern its recordings, the policy, and the origin of the track.
The results are uses, in a fixed order. Every passage of the result ends in at least one of them: a passage that wins no
time, or must not count, is a `withdrawn` use with the reason.

The state comes from the overlap where that left something open, else from the thresholds of the policy: too short is
`unresolved`, then confidence gives `claimed`, `review` or `unresolved`. The rule names it, and after ";" the other
causes: the recordings that it won against, the recording that a passage is taken from.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.territories import validate_territory
from sourceprint.royalties.uses.claims import Claim, Owners, claims_of
from sourceprint.royalties.uses.overlap import Holding, resolve_overlaps, union_of_passages
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.use import Use, seconds_text, use_bytes
from sourceprint.scans.results import ScanResult

__all__ = ["TrackOrigin", "attribute", "use_id"]


@dataclass(frozen=True, slots=True)
class TrackOrigin:
    """The origin of a track: its maker, day and purpose, and the territories of its use.

    Attributes
    ----------
    licensee : str
        Party id of who made it.
    generated_on : str
        YYYY-MM-DD.
    purpose : str
        Of `sourceprint.royalties.rights.licences.PURPOSES`.
    territories : tuple of str
        Country codes, or "Worldwide".
    """

    licensee: str
    generated_on: str
    purpose: str
    territories: tuple[str, ...]


def attribute(
    result: ScanResult, rights: Rights, policy: Policy, origin: TrackOrigin, *, owners: Owners | None = None
) -> list[Use]:
    """Return the uses of one track.

    Parameters
    ----------
    result : ScanResult
        The result of the scan.
    rights : Rights
        Everything that concerns the recordings named in it, and the licences of the licensee.
    policy : Policy
    origin : TrackOrigin
    owners : Owners or None
        Of the same rights, where many tracks are attributed in turn.

    Returns
    -------
    list of Use
        As `resolve_overlaps` orders them; those of passages in excluded ranges come last.

    Raises
    ------
    ParameterError
        If a territory is none.
    """
    owners = owners or Owners(rights)
    claims, excluded = claims_of(result, rights, owners)
    holdings = [*resolve_overlaps(claims, policy, owners), *_of_excluded(excluded)]
    return [_use(holding, result, rights, policy, origin) for holding in holdings]


def use_id(use: Use) -> str:
    """Return the id of a use: "U" and 24 digits of the SHA-256 of its content and terms.

    The id itself, the state, its rule and the revision of the rights play no part: a change of the rights that affects
    a use shows in its recording, works or passages, and any other revision leaves the use as it is.
    """
    content = use_bytes(use, left_out=("id", "state", "state_rule", "rights_revision"))
    return "U" + hashlib.sha256(content).hexdigest()[:24]


def _of_excluded(excluded: Iterable[Claim]) -> list[Holding]:
    by_claimant: dict[tuple[str, str], Holding] = {}
    for claim in excluded:
        holding = by_claimant.setdefault(
            (claim.layer, claim.claimant.key),
            Holding(claim.layer, claim.claimant, "withdrawn", "scan: in a range of the recording that never counts"),
        )
        holding.claims.append(claim)
    for holding in by_claimant.values():
        holding.claims.sort(key=lambda claim: claim.rank)
        holding.passages = union_of_passages(holding.claims)
    return [by_claimant[key] for key in sorted(by_claimant, key=lambda key: (key[0] != "recording", key))]


def _use(holding: Holding, result: ScanResult, rights: Rights, policy: Policy, origin: TrackOrigin) -> Use:
    claimant = holding.claimant
    known = holding.layer == "recording" and not claimant.problem
    passages = {claim.number: claim.source for claim in holding.claims}
    best = min(passages.values(), key=lambda passage: (-passage.confidence.exact, passage.p_false.exact))
    use = Use(
        id="",
        track_sha256=result.sha256,
        track_name=result.name,
        track_ms=result.duration_ms,
        generated_on=origin.generated_on,
        purpose=origin.purpose,
        licensee=origin.licensee,
        layer=holding.layer,
        index_id=holding.claims[0].index_id,
        recording_id=claimant.recording_ids[0] if known else "",
        work_ids=claimant.work_ids if not claimant.problem else (),
        passages=tuple(holding.passages),
        matched_ms=sum(passage.end_ms - passage.start_ms for passage in union_of_passages(holding.claims)),
        attributed_us=holding.attributed_us,
        aligned_landmarks=sum(passage.aligned_landmarks for passage in passages.values()),
        confidence=best.confidence.exact,
        p_false=best.p_false.exact,
        state="",
        state_rule="",
        territories=tuple(sorted(map(validate_territory, origin.territories))),
        candidates=claimant.recording_ids if claimant.problem else (),
        policy_digest=policy.digest,
        index_digest=result.index_digest,
        rights_revision=rights.revision,
    )
    state, rule = _state(holding, use, policy)
    return replace(use, id=use_id(use), state=state, state_rule="; ".join((rule, *sorted(holding.notes))))


def _state(holding: Holding, use: Use, policy: Policy) -> tuple[str, str]:
    if holding.state:
        return holding.state, holding.rule
    if use.attributed_us < 1000 * policy.thresholds.min_ms:
        least = f"{seconds_text(1000 * policy.thresholds.min_ms)}: {seconds_text(use.attributed_us)} s"
        return "unresolved", f"thresholds.min_seconds {least}"
    to_claim, to_review = policy.thresholds.claim_confidence, policy.thresholds.review_confidence
    if use.confidence >= to_claim:
        return "claimed", f"thresholds.claim_confidence {to_claim}"
    if use.confidence >= to_review:
        return "review", f"thresholds.claim_confidence {to_claim}: confidence {use.confidence} is below it"
    return "unresolved", f"thresholds.review_confidence {to_review}: confidence {use.confidence} is below it"
