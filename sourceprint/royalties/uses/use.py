"""A use: what one generated track reuses of one recording or work, with its state, its rule and its licence.

Times are whole milliseconds; attributed time is whole microseconds, so that a second that several recordings share is
divided without a rest being lost. As JSON, a use has the fields below, in this order; decimals are text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

__all__ = ["STATES", "LicenceOutcome", "Use", "UsePassage", "outcomes_to_json", "use_from_json", "use_to_json"]

SCHEMA = "sourceprint/use/1"

STATES = ("claimed", "review", "disputed", "resolved", "withdrawn", "unresolved")
"""`claimed` and `resolved` are paid; `review`, `disputed` and `unresolved` are held; `withdrawn` counts for nothing."""

OUTCOMES = ("licensed", "outside_licence", "no_licence")


@dataclass(frozen=True, slots=True)
class UsePassage:
    """One passage that counts.

    Attributes
    ----------
    start_ms, end_ms : int
        In the generated track.
    recording_start_ms, recording_end_ms : int
        In the recording, on the line of the match.
    contenders : tuple of str
        Ids of the recordings that claimed the same time, itself included; empty where it was alone. "asset:" and the id
        in the index stands for a recording that is not on file, or not one alone.
    number : int
        Which passage of the scan result this is part of, from 0, counted over all matches of the track in their order.
    """

    start_ms: int
    end_ms: int
    recording_start_ms: int
    recording_end_ms: int
    contenders: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True)
class LicenceOutcome:
    """What the licences say about a use in one territory.

    Attributes
    ----------
    territory : str
        Country code or "Worldwide".
    outcome : str
        Of `OUTCOMES`.
    licence_id : str
        The licence that applies or is broken; "" for `no_licence`.
    rule : str
        Which term decided, as "LIC-1: max_consecutive_seconds 15: 21.3 s of R1 in a row"; "" where licensed.
    """

    territory: str
    outcome: str
    licence_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Use:
    """One use.

    Attributes
    ----------
    id : str
        "U" and 24 hexadecimal digits, from the SHA-256 of everything else but `state`, `state_rule` and
        `rights_revision`.
    track_sha256, track_name : str
        The generated track.
    track_ms : int
        Its length.
    generated_on : str
        YYYY-MM-DD.
    purpose : str
        What it was made for: train, generate or reference-audio.
    licensee : str
        Party id of who made it.
    layer : str
        "recording", or "composition" where only the work was recognised.
    index_id : str
        Id in the index that was matched; stored as `asset_id`.
    recording_id : str
        The recording that is used; "" where it is not in the catalogue of rights, or ambiguous.
    work_ids : tuple of str
        The works that are used, sorted; empty where none is known.
    passages : tuple of UsePassage
        By start; they do not overlap.
    matched_ms : int
        Union of all matched passages, before overlaps were resolved.
    attributed_us : int
        Microseconds that count for this use; over all uses of a track they never exceed its matched time.
    aligned_landmarks : int
        Of all its passages.
    confidence : Decimal
        Of its best passage.
    p_false : Decimal
        Of its best passage.
    state : str
        Of `STATES`.
    state_rule : str
        What gave it this state, as "thresholds.claim_confidence 0.99" or "overlap.otherwise unresolved: R1, R2".
    outcomes : tuple of LicenceOutcome
        By territory, sorted.
    policy_digest, index_digest : str
        What it was made with.
    rights_revision : int
        Revision of the catalogue of rights that it was first made with.
    """

    id: str
    track_sha256: str
    track_name: str
    track_ms: int
    generated_on: str
    purpose: str
    licensee: str
    layer: str
    index_id: str
    recording_id: str
    work_ids: tuple[str, ...]
    passages: tuple[UsePassage, ...]
    matched_ms: int
    attributed_us: int
    aligned_landmarks: int
    confidence: Decimal
    p_false: Decimal
    state: str
    state_rule: str
    outcomes: tuple[LicenceOutcome, ...]
    policy_digest: str
    index_digest: str
    rights_revision: int

    def in_state(self, state: str, rule: str) -> "Use":
        """Return the use in another state."""
        return replace(self, state=state, state_rule=rule)


def use_to_json(use: Use) -> dict[str, Any]:
    """Return a use as plain JSON types."""
    return {
        "schema": SCHEMA,
        "id": use.id,
        "track": {"sha256": use.track_sha256, "name": use.track_name, "duration_ms": use.track_ms},
        "generated_on": use.generated_on,
        "purpose": use.purpose,
        "licensee": use.licensee,
        "layer": use.layer,
        "asset_id": use.index_id,
        "recording_id": use.recording_id,
        "work_ids": list(use.work_ids),
        "spans": [
            [s.start_ms, s.end_ms, s.recording_start_ms, s.recording_end_ms, list(s.contenders), s.number]
            for s in use.passages
        ],
        "matched_ms": use.matched_ms,
        "attributed_us": use.attributed_us,
        "aligned_landmarks": use.aligned_landmarks,
        "confidence": str(use.confidence),
        "p_false": str(use.p_false),
        "state": use.state,
        "state_rule": use.state_rule,
        "outcomes": outcomes_to_json(use.outcomes),
        "policy_digest": use.policy_digest,
        "index_digest": use.index_digest,
        "rights_revision": use.rights_revision,
    }


def outcomes_to_json(outcomes: Iterable[LicenceOutcome]) -> list[list[str]]:
    """Return outcomes as they stand in a use."""
    return [[o.territory, o.outcome, o.licence_id, o.rule] for o in outcomes]


def use_from_json(value: dict[str, Any]) -> Use:
    """Return the use that `use_to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else; whoever reads a file says which line.
    """
    return Use(
        id=value["id"],
        track_sha256=value["track"]["sha256"],
        track_name=value["track"]["name"],
        track_ms=value["track"]["duration_ms"],
        generated_on=value["generated_on"],
        purpose=value["purpose"],
        licensee=value["licensee"],
        layer=value["layer"],
        index_id=value["asset_id"],
        recording_id=value["recording_id"],
        work_ids=tuple(value["work_ids"]),
        passages=tuple(UsePassage(s[0], s[1], s[2], s[3], tuple(s[4]), s[5]) for s in value["spans"]),
        matched_ms=value["matched_ms"],
        attributed_us=value["attributed_us"],
        aligned_landmarks=value["aligned_landmarks"],
        confidence=Decimal(value["confidence"]),
        p_false=Decimal(value["p_false"]),
        state=value["state"],
        state_rule=value["state_rule"],
        outcomes=tuple(LicenceOutcome(*o) for o in value["outcomes"]),
        policy_digest=value["policy_digest"],
        index_digest=value["index_digest"],
        rights_revision=value["rights_revision"],
    )
