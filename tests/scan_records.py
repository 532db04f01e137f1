"""Builders of scan results for tests: complete JSON objects in which every field may be set.

Tracks are gen-1.wav, gen-2.wav, ...; the recordings found are called s1, s2, ... Passages start out 10 s long and
unchanged in pitch and tempo. `sourceprint.scans.results.read_result` reads every result of `a_result`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from index.search.matches import union_seconds
from sourceprint.scans.results import SCHEMA, ScanResult

__all__ = [
    "INDEX_DIGEST",
    "PARAMS_DIGEST",
    "SETTINGS_DIGEST",
    "a_failure",
    "a_match",
    "a_passage",
    "a_result",
    "an_alternative",
    "with_track",
    "write_results",
]

INDEX_DIGEST = "sha256:" + "1" * 64
PARAMS_DIGEST = "sha256:" + "2" * 64
SETTINGS_DIGEST = "sha256:" + "3" * 64

RECORDING_MS = 200_000  # the length that is taken for a recording, for its coverage


def a_passage(track_start_ms: int = 10_000, recording_start_ms: int = 60_000, **fields: Any) -> dict[str, Any]:
    """Return a passage of 10 s, found with near certainty; other ends and figures may be given."""
    defaults: dict[str, Any] = {
        "track_start_ms": track_start_ms,
        "track_end_ms": track_start_ms + 10_000,
        "recording_start_ms": recording_start_ms,
        "recording_end_ms": recording_start_ms + 10_000,
        "pitch_cents": 0.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "aligned_landmarks": 120,
        "expected_by_chance": 1.5,
        "p_false": 1e-09,
        "false_per_1000h": 2e-05,
        "confidence": 0.999999999,
        "excluded": False,
        "also_fits": [],
        "alternatives": [],
    }
    return {**defaults, **_known(defaults, fields)}


def an_alternative(recording_id: str = "s9", **fields: Any) -> dict[str, Any]:
    """Return another recording that holds the same audio as `a_passage`, two seconds later."""
    defaults: dict[str, Any] = {
        "recording_id": recording_id,
        "isrc": None,
        "title": f"Title of {recording_id}",
        "artists": ["An Artist"],
        "same_audio": True,
        "track_start_ms": 10_000,
        "track_end_ms": 20_000,
        "recording_start_ms": 62_000,
        "recording_end_ms": 72_000,
        "pitch_cents": 0.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "aligned_landmarks": 110,
        "expected_by_chance": 1.25,
    }
    return {**defaults, **_known(defaults, fields)}


def a_match(
    recording_id: str = "s1",
    passages: Iterable[Mapping[str, Any]] | None = None,
    *,
    track_ms: int = 180_000,
    **fields: Any,
) -> dict[str, Any]:
    """Return a recording that was found in a track of some length, by default in one passage."""
    found = [dict(passage) for passage in ([a_passage()] if passages is None else passages)]
    in_track = _covered(found, "track")
    in_recording = _covered(found, "recording")
    defaults: dict[str, Any] = {
        "recording_id": recording_id,
        "isrc": None,
        "title": f"Title of {recording_id}",
        "artists": ["An Artist"],
        "layer": "recording",
        "recording_duration_ms": RECORDING_MS,
        "track_match_ms": in_track,
        "track_match_percentage": round(100 * in_track / track_ms, 2),
        "recording_match_ms": in_recording,
        "recording_match_percentage": round(100 * in_recording / RECORDING_MS, 2),
        "passages": found,
        "confidence": max(passage["confidence"] for passage in found),
    }
    return {**defaults, **_known(defaults, fields)}


def a_result(
    name: str = "gen-1.wav",
    matches: Iterable[Mapping[str, Any]] = (),
    *,
    track: Mapping[str, Any] | None = None,
    index: Mapping[str, Any] | None = None,
    searched: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the scan result of one file of three minutes, whose digest is made from its name.

    Parameters
    ----------
    name : str
        The track.
    matches : iterable of dict
        Of `a_match`; the status follows from whether there are any.
    track, index, searched : dict, optional
        Fields to set in these parts.
    **fields
        Fields to set in the result itself.
    """
    found = [dict(match) for match in matches]
    defaults: dict[str, Any] = {
        "schema": SCHEMA,
        "scan_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "track": {
            "name": name,
            "sha256": hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest(),
            "duration_ms": 180_000,
            "decoder": "soundfile",
            "notes": [],
            **(track or {}),
        },
        "index": {
            "digest": INDEX_DIGEST,
            "algorithm": "landmark/1",
            "params_digest": PARAMS_DIGEST,
            "recordings": 3,
            **(index or {}),
        },
        "searched": {
            "only": [],
            "exclude": [],
            "recordings": 3,
            "layer": "recording",
            "scales": [1.0],
            "max_false_per_1000h": 1.0,
            "settings_digest": SETTINGS_DIGEST,
            **(searched or {}),
        },
        "status": "matched" if found else "no_match",
        "reason": None,
        "matches": found,
        "timing_ms": {"fingerprint": 900, "search": 80, "verify": 20},
    }
    return {**defaults, **_known(defaults, fields)}


def a_failure(
    name: str = "broken.wav", reason: str = "is no audio file", *, status: str = "decode_error", **fields: Any
) -> dict[str, Any]:
    """Return the result of a file that could not be searched."""
    unknown = {"duration_ms": None, "decoder": None}
    return a_result(name, status=status, reason=reason, track={**unknown, **fields.pop("track", {})}, **fields)


def with_track(result: ScanResult, **fields: Any) -> ScanResult:
    """Return a result with other fields of its track."""
    return msgspec.structs.replace(result, track=msgspec.structs.replace(result.track, **fields))


def write_results(path: Path, results: Iterable[Mapping[str, Any]]) -> Path:
    """Write results as `match --jsonl` prints them, and return the path."""
    path.write_text("".join(json.dumps(result) + "\n" for result in results), encoding="utf-8")
    return path


def _covered(passages: Iterable[Mapping[str, Any]], side: str) -> int:
    return round(union_seconds([(passage[f"{side}_start_ms"], passage[f"{side}_end_ms"]) for passage in passages]))


def _known(defaults: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse a field that results do not have: a test would set it in vain."""
    unknown = sorted(set(fields) - set(defaults))
    if unknown:
        raise TypeError(f"{unknown[0]}: no such field; there are {', '.join(defaults)}")
    return fields
