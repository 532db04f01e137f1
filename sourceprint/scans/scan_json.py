"""The result of a scan (`sourceprint.scans.results`), made from the matches of a search.

`match` prints `scan_result`. `scan` keeps `scan_row` in the folder of a run: the same, without timing and with an id
derived from the content, so that the same file, index and settings give the same bytes. Covered time is the union of
the passages, so it never exceeds the length of a track.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import UNSET

from fingerprint.digests import canonical_json
from index.explain.explanation import explanation_to_json
from index.search.matches import Alternative, Match, Passage, four_digits, milliseconds, union_seconds
from sourceprint.scans.results import (
    Probability,
    ResultAlternative,
    ResultIndex,
    ResultMatch,
    ResultPassage,
    ResultSearch,
    ResultTiming,
    ResultTrack,
    ScanResult,
    Status,
)
from sourceprint.scans.scan import Scan
from sourceprint.text.names import quoted, well_formed

__all__ = ["renamed_row", "result_matches", "scan_result", "scan_row", "scan_timing", "uuid7", "uuid8"]

_NAMES = ("name", "name_quoted", "moved_from", "moved_from_quoted", "id")


def scan_result(scan: Scan) -> ScanResult:
    """Return the result of a scan; `scan_id` and `timing_ms` differ from run to run, nothing else does."""
    searched = scan.searched
    return ScanResult(
        scan_id=str(uuid7()),
        track=ResultTrack(
            **_names(scan.name),
            id=scan.track_id or UNSET,
            sha256=scan.sha256 or None,
            duration_ms=None if scan.duration_seconds is None else milliseconds(scan.duration_seconds),
            decoder=scan.decoder or None,
            notes=scan.notes,
            streams=scan.streams if scan.streams > 1 else UNSET,
            unsearched_streams=scan.unsearched or UNSET,
        ),
        index=ResultIndex(
            digest=searched.digest,
            algorithm=searched.algorithm,
            params_digest=searched.params_digest,
            recordings=searched.n_recordings,
        ),
        search=ResultSearch(
            only=searched.only,
            exclude=searched.exclude,
            recordings=searched.n_recordings if searched.n_searched is None else searched.n_searched,
            layer=searched.layer,
            scales=searched.scales,
            max_false_per_1000h=searched.max_false_per_1000h,
            settings_digest=searched.settings_digest or None,
        ),
        status=cast(Status, scan.status),
        reason=scan.reason or None,
        matches=result_matches(scan.matches, scan.duration_seconds or 0.0),
        explanation=UNSET if scan.explanation is None else explanation_to_json(scan.explanation),
        timing_ms=scan_timing(scan),
    )


def scan_row(scan: Scan, *, n_bytes: int | None) -> ScanResult:
    """Return the result of a scan with nothing in it that differs from run to run.

    Parameters
    ----------
    scan : Scan
        The scan.
    n_bytes : int or None
        Size of the file on disk; None where unknown.
    """
    result = scan_result(scan)
    track = msgspec.structs.replace(result.track, n_bytes=n_bytes)
    return renamed_row(msgspec.structs.replace(result, track=track, timing_ms=None), result.path)


def renamed_row(
    row: ScanResult, name: str, *, moved_from: str | None = None, track_id: str | None = None
) -> ScanResult:
    """Return the row that a scan of the same file under another name gives.

    Parameters
    ----------
    row : ScanResult
        As `scan_row` returned it.
    name : str
        The other name: a path, as the file system has it.
    moved_from : str, optional
        The path that the file was found under, if it is moved from there to `name`.
    track_id : str, optional
        The caller's own id of the track there, "" for none; None is that of the row.
    """
    named = _names(name) | ({} if moved_from is None else _names(moved_from, "moved_from"))
    own_id = row.track_id if track_id is None else track_id
    named |= {"id": own_id} if own_id else {}
    known = [name, row.track.sha256, row.index.digest, row.search.settings_digest]
    scan_id = str(uuid8(hashlib.sha256(canonical_json(known)).digest()))
    track = msgspec.structs.replace(row.track, **dict.fromkeys(_NAMES, UNSET) | named)
    renamed = msgspec.structs.replace(row, scan_id=scan_id, track=track)
    of_track = {key: value for key, value in row.raw["track"].items() if key not in _NAMES[1:]} | named
    renamed.__dict__["raw"] = {**row.raw, "scan_id": scan_id, "track": of_track}  # unknown fields go with the row
    return renamed


def _names(path: str, field: str = "name") -> dict[str, Any]:
    """Return the fields that state a path: as text that any reader takes and, where that is another, its bytes."""
    exact = quoted(path)
    return {field: well_formed(path)} | ({f"{field}_quoted": exact} if exact else {})


def scan_timing(scan: Scan) -> ResultTiming:
    """Return how long the steps of a scan took; decoding counts as fingerprinting."""
    return ResultTiming(
        fingerprint=milliseconds(scan.fingerprint_seconds),
        search=milliseconds(scan.search_seconds),
        verify=milliseconds(scan.verify_seconds),
    )


def result_matches(matches: Iterable[Match], track_seconds: float) -> tuple[ResultMatch, ...]:
    """Return matches as a result states them; `track_seconds` is the length of the track."""
    return tuple(_match(match, track_seconds) for match in matches)


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


def _match(match: Match, track_seconds: float) -> ResultMatch:
    recording = match.recording
    passages = tuple(_passage(passage) for passage in match.passages)
    # Of the rounded spans, so that their sum agrees with it.
    track_ms = round(union_seconds([(p.track_start_ms, p.track_end_ms) for p in passages]))
    recording_ms = round(union_seconds([(p.recording_start_ms, p.recording_end_ms) for p in passages]))
    return ResultMatch(
        recording_id=recording.id,
        isrc=recording.isrc or None,
        title=recording.title or None,
        artists=recording.artists,
        layer=match.layer,
        recording_duration_ms=recording.duration_ms,
        track_match_ms=track_ms,
        track_match_percentage=_percent(track_ms, track_seconds * 1000),
        recording_match_ms=recording_ms,
        recording_match_percentage=_percent(recording_ms, recording.duration_ms),
        passages=passages,
        confidence=Probability(round(match.confidence, 9)),
    )


def _passage(passage: Passage) -> ResultPassage:
    return ResultPassage(
        **_spans_and_change(passage),
        aligned_landmarks=passage.aligned_landmarks,
        expected_by_chance=round(passage.expected_by_chance, 3),
        p_false=Probability(four_digits(passage.p_false)),
        false_per_1000h=four_digits(passage.false_per_1000h),
        confidence=Probability(round(passage.confidence, 9)),
        also_fits=passage.also_fits,
        alternatives=tuple(_alternative(other) for other in passage.alternatives),
        streams=tuple(sorted(passage.streams)) or UNSET,
    )


def _alternative(other: Alternative) -> ResultAlternative:
    return ResultAlternative(
        recording_id=other.recording.id,
        isrc=other.recording.isrc or None,
        title=other.recording.title or None,
        artists=other.recording.artists,
        same_audio=other.same_audio,
        **_spans_and_change(other),
        aligned_landmarks=other.aligned_landmarks,
        expected_by_chance=round(other.expected_by_chance, 3),
    )


def _spans_and_change(one: Passage | Alternative) -> dict[str, Any]:
    change = one.transformation
    return {
        "track_start_ms": milliseconds(one.track_start_seconds),
        "track_end_ms": milliseconds(one.track_end_seconds),
        "recording_start_ms": milliseconds(one.recording_start_seconds),
        "recording_end_ms": milliseconds(one.recording_end_seconds),
        "pitch_cents": round(change.pitch_cents, 1) + 0.0,
        "speed_percent": round(change.speed_percent, 2),
        "tempo_percent": round(change.tempo_percent, 2),
    }


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, 100.0 * part / whole), 2) if whole > 0 else 0.0
