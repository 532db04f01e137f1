"""The result of a scan as JSON: one object per query, with the same fields whatever was found.

Times are whole milliseconds, percentages go from 0 to 100, probabilities from 0 to 1. Covered time is the union of the
passages, so it never exceeds the length of a file. `scan_id` and `timing_ms` differ from run to run; everything else
depends on the query, the index and the options alone. Fields about rights follow where rights are known.

`scan_to_json` is what `match` prints. `scan_to_row` is what `scan` keeps in the folder of a run: the same, but the same
file, index and settings give the same bytes, whenever and however often they are made.

==================  ====================================================================================================
`schema`            name and version of this layout; fields may be added, none changes its meaning
`scan_id`           UUID, version 7; in the row of a run version 8, of a SHA-256 of name, file, index and settings
`query`             `name` (the path as given), `sha256` of the file, `duration_ms`, `decoder`, `notes` on odd audio;
                    null where unknown. In the row of a run, `bytes`: the size of the file on disk; and of a file that
                    the scan moved, `moved_from`: the path that it was found under, while `name` is where it was moved
`index`             `digest` of what was searched, `algorithm`, `params_digest`, `tracks`
`searched`          the filter: words of `only` and of `exclude` as given, and how many `recordings` were searched;
                    `layer`, time `scales` and `max_false_per_1000h` of the search; `settings_digest` of all of these
`status`            matched, no_match, too_short, not_enough_music, decode_error; too_long and
                    skipped are reserved: no version states them yet
`reason`            why the file could not be searched, else null
`matches`           by descending coverage of the query: `asset_id`, `isrc`, `title`, `artists`, `layer`, its length
                    `recording_duration_ms`, coverage of both files in ms and percent, `passages`, `confidence` of the
                    best passage
`passages`          both spans; `pitch_cents` and `tempo_percent` beyond what `speed_percent` explains; landmarks
                    aligned and expected by chance; `p_false`, `false_per_1000h`, `confidence`; `also_fits`: ids of
                    other recordings that fit nearly as well. A passage that bridges an excluded range of the recording
                    is cut there into passages that have the figures of the whole; `excluded` is always false
`explanation`       why recordings were found or not (`index.explain.explanation`); only where that was asked for
`timing_ms`         `fingerprint` (decoding included), `search`, `verify`; null in the row of a run
==================  ====================================================================================================
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from fingerprint.digests import canonical_json
from index.explain.explanation import explanation_to_json
from index.search.matches import Match, Passage, four_digits, milliseconds, union_seconds
from sourceprint.scans.results import SCHEMA
from sourceprint.scans.scan import Scan

__all__ = [
    "SCHEMA",
    "matches_to_json",
    "renamed_row",
    "scan_to_json",
    "scan_to_row",
    "timing_ms",
    "uuid7",
    "uuid8",
]


def scan_to_json(scan: Scan) -> dict[str, Any]:
    """Return a scan as plain JSON types, in the order of standard fields."""
    return {
        "schema": SCHEMA,
        "scan_id": str(uuid7()),
        "query": {
            "name": str(scan.path),
            "sha256": scan.sha256 or None,
            "duration_ms": None if scan.duration_seconds is None else milliseconds(scan.duration_seconds),
            "decoder": scan.decoder or None,
            "notes": list(scan.notes),
        },
        "index": {
            "digest": scan.searched.digest,
            "algorithm": scan.searched.algorithm,
            "params_digest": scan.searched.params_digest,
            "tracks": scan.searched.n_recordings,
        },
        "searched": {
            "only": list(scan.searched.only),
            "exclude": list(scan.searched.exclude),
            "recordings": scan.searched.n_recordings if scan.searched.n_searched is None else scan.searched.n_searched,
            "layer": scan.searched.layer,
            "scales": list(scan.searched.scales),
            "max_false_per_1000h": scan.searched.max_false_per_1000h,
            "settings_digest": scan.searched.settings_digest or None,
        },
        "status": scan.status,
        "reason": scan.reason or None,
        "matches": matches_to_json(scan.matches, scan.duration_seconds or 0.0),
        **({} if scan.explanation is None else {"explanation": explanation_to_json(scan.explanation)}),
        "timing_ms": timing_ms(scan),
    }


def scan_to_row(scan: Scan, *, n_bytes: int | None) -> dict[str, Any]:
    """Return a scan as `scan_to_json` does, with nothing in it that differs from run to run.

    Parameters
    ----------
    scan : Scan
        The scan.
    n_bytes : int or None
        Size of the file on disk; None where unknown.
    """
    record = scan_to_json(scan)
    record["query"]["bytes"] = n_bytes
    record["timing_ms"] = None
    return renamed_row(record, str(scan.path))


def renamed_row(row: Mapping[str, Any], name: str, *, moved_from: str | None = None) -> dict[str, Any]:
    """Return the row that a scan of the same file under another name gives.

    Parameters
    ----------
    row : dict
        As `scan_to_row` returned it.
    name : str
        The other name.
    moved_from : str, optional
        The name that the file was found under, if it is moved from there to `name`.
    """
    query = {key: value for key, value in row["query"].items() if key != "moved_from"} | {"name": name}
    if moved_from is not None:
        query["moved_from"] = moved_from
    known = [name, query["sha256"], row["index"]["digest"], row["searched"]["settings_digest"]]
    return {**row, "scan_id": str(uuid8(hashlib.sha256(canonical_json(known)).digest())), "query": query}


def timing_ms(scan: Scan) -> dict[str, int]:
    """Return how long the steps of a scan took, in milliseconds."""
    return {
        "fingerprint": milliseconds(scan.fingerprint_seconds),
        "search": milliseconds(scan.search_seconds),
        "verify": milliseconds(scan.verify_seconds),
    }


def matches_to_json(matches: Iterable[Match], track_seconds: float) -> list[dict[str, Any]]:
    """Return matches as the field `matches` states them; `track_seconds` is the length of the query."""
    return [_match(match, track_seconds) for match in matches]


def uuid7() -> uuid.UUID:
    """Return a new UUID of version 7 (RFC 9562): milliseconds since 1970, then random bits, so that ids sort by time.

    Examples
    --------
    >>> uuid7().version, uuid7().variant == uuid.RFC_4122
    (7, True)
    """
    number = int.from_bytes(os.urandom(10), "big") | (time.time_ns() // 1_000_000) << 80
    return _with_version(number, 7)


def uuid8(digest: bytes) -> uuid.UUID:
    """Return the UUID of version 8 (RFC 9562) that the first 16 bytes of a digest make.

    Examples
    --------
    >>> str(uuid8(bytes(32)))
    '00000000-0000-8000-8000-000000000000'
    """
    return _with_version(int.from_bytes(digest[:16], "big"), 8)


def _with_version(number: int, version: int) -> uuid.UUID:
    number = number & ~(0xF << 76) | version << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def _match(match: Match, track_seconds: float) -> dict[str, Any]:
    recording = match.recording
    passages = [_segment(segment) for segment in match.passages]
    # Of the rounded spans, so that whoever adds them up gets the same.
    track_ms = round(union_seconds([(s["query_start_ms"], s["query_end_ms"]) for s in passages]))
    recording_ms = round(union_seconds([(s["asset_start_ms"], s["asset_end_ms"]) for s in passages]))
    return {
        "asset_id": recording.id,
        "isrc": recording.isrc or None,
        "title": recording.title or None,
        "artists": list(recording.artists),
        "layer": match.layer,
        "asset_duration_ms": recording.duration_ms,
        "query_match_ms": track_ms,
        "query_match_percentage": _percent(track_ms, track_seconds * 1000),
        "asset_match_ms": recording_ms,
        "asset_match_percentage": _percent(recording_ms, recording.duration_ms),
        "segments": passages,
        "confidence": round(match.confidence, 9),
    }


def _segment(segment: Passage) -> dict[str, Any]:
    change = segment.transformation
    return {
        "query_start_ms": milliseconds(segment.track_start_seconds),
        "query_end_ms": milliseconds(segment.track_end_seconds),
        "asset_start_ms": milliseconds(segment.recording_start_seconds),
        "asset_end_ms": milliseconds(segment.recording_end_seconds),
        "pitch_cents": round(change.pitch_cents, 1) + 0.0,
        "speed_percent": round(change.speed_percent, 2),
        "tempo_percent": round(change.tempo_percent, 2),
        "aligned_landmarks": segment.aligned_landmarks,
        "expected_by_chance": round(segment.expected_by_chance, 3),
        "p_false": four_digits(segment.p_false),
        "false_per_1000h": four_digits(segment.false_per_1000h),
        "confidence": round(segment.confidence, 9),
        "excluded": False,
        "also_fits": list(segment.also_fits),
    }


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, 100.0 * part / whole), 2) if whole > 0 else 0.0
