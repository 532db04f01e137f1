"""A use: the reuse of one recording or work in one generated track, its territories, and its state.

Licence outcomes are no part of it: they are computed when a statement or a list is made
(`sourceprint.royalties.uses.terms`).

Times are whole milliseconds; attributed time is whole microseconds, so that a second that several recordings share is
divided without a rest being lost. As JSON, a use has the fields below, in this order; decimals are text. A use of
schema 1 stated outcomes of licences in place of territories and candidates; it is read, and written as it was read.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

import msgspec

from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import Whole

__all__ = ["STATES", "Use", "UsePassage", "seconds_text", "use_bytes", "use_from_json", "use_to_json"]

SCHEMA = "sourceprint/use/2"
_SCHEMA_1 = "sourceprint/use/1"

STATES = ("claimed", "review", "disputed", "resolved", "withdrawn", "unresolved")
"""`claimed` and `resolved` are paid; `review`, `disputed` and `unresolved` are held; `withdrawn` counts for nothing."""


class UsePassage(msgspec.Struct, frozen=True, array_like=True):
    """One passage that counts; as JSON a list of these, in this order.

    Attributes
    ----------
    start_ms, end_ms : int
        In the generated track.
    recording_start_ms, recording_end_ms : int
        In the recording, on the line of the match.
    contenders : tuple of str
        Ids of the recordings that claimed the same time, itself included; empty where it was alone. "asset:" and the id
        in the index denotes a recording that is not on file, or not one alone.
    number : int
        Which passage of the scan result this is part of, from 0, counted over all matches of the track in their order.
    """

    start_ms: Whole
    end_ms: Whole
    recording_start_ms: Whole
    recording_end_ms: Whole
    contenders: tuple[str, ...]
    number: Whole


_TRACK = {"track_sha256": "sha256", "track_name": "name", "track_ms": "duration_ms"}
"""Names in the table `track` of JSON, by field."""

_ALIKE = ("generated_on", "purpose", "licensee", "layer", "state", "state_rule", "policy_digest", "index_digest")
"""Fields with the same texts in many uses, which are in memory once."""

_NAMES = {"index_id": "asset_id", "passages": "spans"}
"""Names in JSON by field, where they differ."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use.

    Attributes
    ----------
    id : str
        "U" and 24 hexadecimal digits, from the SHA-256 of everything else but `state`, `state_rule`,
        `rights_revision` and `outcomes`; of a use of schema 1, as it was.
    track_sha256, track_name : str
        The generated track.
    track_ms : int
        Its length.
    generated_on : str
        YYYY-MM-DD.
    purpose : str
        The purpose of the track: train, generate or reference-audio.
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
        Union of the matched passages that it rests on, before overlaps were resolved.
    attributed_us : int
        Microseconds that count for this use; over all uses of a track in one layer they never exceed its matched time.
    aligned_landmarks : int
        Of the matched passages that it rests on, each as a whole.
    confidence : Decimal
        Of its best passage.
    p_false : Decimal
        Of its best passage.
    state : str
        Of `STATES`.
    state_rule : str
        The rule behind the state, as "thresholds.claim_confidence 0.99" or "overlap.otherwise unresolved: R1, R2".
    territories : tuple of str
        Where the track is used as far as attribution knew, sorted: country codes, or "Worldwide".
    candidates : tuple of str
        Where the recording is open, or the work of a composition: the recordings on file that it may be of, sorted.
    outcomes : tuple of tuple of str
        Outcomes that a use of schema 1 stated: territory, outcome, licence, rule. No computation uses them.
    policy_digest, index_digest : str
        The policy and index of its attribution.
    rights_revision : int
        Revision of the catalogue of rights that it was first made with.
    """

    id: str
    track_sha256: str
    track_name: str
    track_ms: Whole
    generated_on: str
    purpose: str
    licensee: str
    layer: str
    index_id: str
    recording_id: str
    work_ids: tuple[str, ...]
    passages: tuple[UsePassage, ...]
    matched_ms: Whole
    attributed_us: Whole
    aligned_landmarks: Whole
    confidence: Decimal
    p_false: Decimal
    state: str
    state_rule: str
    territories: tuple[str, ...]
    candidates: tuple[str, ...]
    outcomes: tuple[tuple[str, ...], ...] = field(default=(), kw_only=True)
    policy_digest: str
    index_digest: str
    rights_revision: Whole

    def in_state(self, state: str, rule: str) -> "Use":
        """Return the use in another state."""
        return replace(self, state=state, state_rule=rule)

    def of(self, recording_id: str, work_ids: tuple[str, ...]) -> "Use":
        """Return the use as one of a certain recording or, in the composition layer, of its works."""
        named = recording_id if self.layer == "recording" else ""
        return replace(self, recording_id=named, work_ids=work_ids, candidates=(), outcomes=())


def use_to_json(use: Use) -> dict[str, Any]:
    """Return a use as plain JSON types."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_shaped(use)))
    return value


def use_bytes(use: Use, *, left_out: Iterable[str] = ()) -> bytes:
    """Return a use as canonical JSON in UTF-8, but for some fields.

    Raises
    ------
    UnicodeEncodeError
        If a text in it is no Unicode.
    """
    shaped = _shaped(use)
    for name in left_out:
        del shaped[name]
    return _CANONICAL.encode(shaped)


def _shaped(use: Use) -> dict[str, Any]:
    """Return the fields of a use by their names in JSON, in order; values are as they are."""
    named = _FIELDS_1 if use.outcomes else _FIELDS_2
    shaped: dict[str, Any] = {"schema": _SCHEMA_1 if use.outcomes else SCHEMA, "id": use.id}
    shaped["track"] = {name: getattr(use, one) for one, name in _TRACK.items()}
    return shaped | {name: getattr(use, one) for one, name in named}


def use_from_json(value: dict[str, Any]) -> Use:
    """Return the use that `use_to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else; the caller adds the line of the file.
    """
    first = value["schema"] == _SCHEMA_1
    if not first and value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']!r:.60}: uses are {SCHEMA} or {_SCHEMA_1}; take a newer Sourceprint")
    flat = value | {one: value["track"][name] for one, name in _TRACK.items()}
    flat |= {one: value[name] for one, name in _NAMES.items()}
    flat |= {name: sys.intern(flat[name]) for name in _ALIKE}
    if first:
        flat |= {"territories": [one[0] for one in value["outcomes"]], "candidates": _contenders(value)}
    use = msgspec.convert(flat, Use)
    if not (use.confidence.is_finite() and use.p_false.is_finite()):
        raise ValueError(f"confidence {use.confidence}, p_false {use.p_false}: must be numbers")
    return use


def seconds_text(microseconds: int) -> str:
    """Return seconds with the decimals that they have."""
    return decimal_text(microseconds, 6)


def _contenders(value: dict[str, Any]) -> tuple[str, ...]:
    """Return the recordings on file that claimed the time of a use of schema 1 whose recording is open."""
    if value["recording_id"] or value["layer"] != "recording":
        return ()
    return tuple(sorted({name for span in value["spans"] for name in span[4] if not name.startswith("asset:")}))


def _named(*left_out: str) -> list[tuple[str, str]]:
    """Return the fields that JSON has beside the table `track`, with their names there."""
    skipped = {"id", *_TRACK, *left_out}
    return [(one.name, _NAMES.get(one.name, one.name)) for one in fields(Use) if one.name not in skipped]


_FIELDS_1, _FIELDS_2 = _named("territories", "candidates"), _named("outcomes")
_CANONICAL = msgspec.json.Encoder(order="sorted")
