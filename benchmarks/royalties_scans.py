"""Scan results and usage of generated tracks, synthesised, for the benchmark of rights and money.

`write_results` writes the output of `sourceprint match --jsonl` for generated tracks that reuse the recordings of a
`Catalogue`; `write_usage` writes the report of the service that made the tracks. Everything follows from the seed of
the catalogue.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.royalties_data import Catalogue, count_of, index_id, isrc
from fingerprint.errors import ParameterError
from sourceprint.scans.results import SCHEMA

__all__ = ["GROUP_SEGMENTS", "GROUP_TRACKS", "TERRITORIES", "track_sha256", "write_results", "write_usage"]

TERRITORIES: Final = ("DE", "FR", "US")
"""Where generated tracks are used; each track is reported for one of them."""

GROUP_TRACKS, GROUP_SEGMENTS = 7, 10
"""Generated tracks come in groups of seven kinds, which hold ten passages together."""


def write_results(catalogue: Catalogue, n_segments: int, path: Path, *, batch: int = 0) -> int:
    """Write the scan results of generated tracks that hold so many passages; returns the number of tracks.

    Each batch of the same size has tracks of its own.

    In each group of seven tracks: nothing found; a plain reuse; one that another recording fits as well; one whose
    recording is not on file, or of the composition alone, or not certain; two passages of one recording; two recordings
    at the same time; and a sample with the recording that it is taken from and a composition-layer match.

    Raises
    ------
    ParameterError
        If the number of passages is no multiple of 10.
    """
    if n_segments < GROUP_SEGMENTS or n_segments % GROUP_SEGMENTS:
        raise ParameterError(f"n_segments={n_segments}: must be a multiple of {GROUP_SEGMENTS}, and not 0")
    draw = random.Random(f"{catalogue.seed}/results" + (f"/{batch}" if batch else ""))
    n_groups = n_segments // GROUP_SEGMENTS
    with path.open("w", encoding="utf-8", newline="") as file:
        for group in range(batch * n_groups, (batch + 1) * n_groups):
            for kind, matches in enumerate(_matches_of_group(catalogue, group, draw)):
                number = group * GROUP_TRACKS + kind
                result = _result(catalogue, number, matches, failed=_is_broken(number))
                file.write(json.dumps(result, ensure_ascii=False) + "\n")
    return n_groups * GROUP_TRACKS


def write_usage(catalogue: Catalogue, n_tracks: int, path: Path, *, batch: int = 0) -> int:
    """Write usage and revenue of the tracks that could be searched, a row each; returns the revenue of all in cents."""
    draw = random.Random(f"{catalogue.seed}/usage" + (f"/{batch}" if batch else ""))
    total = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("track", "territory", "usages", "net_revenue", "currency"))
        for number in range(batch * n_tracks, (batch + 1) * n_tracks):
            if _is_broken(number):
                continue
            usages, cents = draw.randrange(1, 5000), draw.randrange(100, 100_000)
            total += cents
            revenue = f"{cents // 100}.{cents % 100:02d}"
            writer.writerow((track_sha256(catalogue, number), TERRITORIES[number % 3], usages, revenue, "EUR"))
    return total


def track_sha256(catalogue: Catalogue, number: int) -> str:
    """Return the digest of a generated track."""
    return hashlib.sha256(f"{catalogue.seed}/track/{number}".encode()).hexdigest()


def _is_broken(number: int) -> bool:
    """Return whether a track cannot be decoded: one of the first kind in a hundred groups."""
    group, kind = divmod(number, GROUP_TRACKS)
    return kind == 0 and group % 100 == 99


def _matches_of_group(catalogue: Catalogue, group: int, draw: random.Random) -> Sequence[list[dict[str, Any]]]:
    n = catalogue.n_recordings
    one, two, three = (draw.randrange(n) for _ in range(3))
    sampling = 3 + 50 * draw.randrange(count_of(n, 50, 3))

    def segment(start: int, seconds: int, at: int, **changes: Any) -> dict[str, Any]:
        return _segment(start * 1000, seconds * 1000, at * 1000, draw, **changes)

    def match(i: int, *passages: dict[str, Any], layer: str = "recording", name: str = "") -> dict[str, Any]:
        return _match(catalogue, i, passages, layer, name)

    odd = (
        match(two, segment(10, 20, 30), name=f"asset-unknown-{group}"),
        match(two, segment(10, 20, 30), layer="composition"),
        match(two, segment(10, 20, 30, confidence=0.95)),
        match(two, segment(10, 2, 30)),
    )[group % 4]
    return (
        [],
        [match(one, segment(5, draw.randrange(5, 50), 40))],
        [match(two, segment(0, 25, 12, also_fits=[index_id((two + catalogue.n_works) % n)]))],
        [odd],
        [match(three, segment(0, 12, 20), segment(30, 15, 50))],
        [match(one, segment(0, 30, 10, density=8.0)), match(three, segment(15, 30, 60, density=1.0))],
        [
            match(sampling, segment(0, 40, 5)),
            match(sampling - 1, segment(15, 10, 20)),
            match(two, segment(50, 20, 5), layer="composition"),
        ],
    )


def _match(catalogue: Catalogue, i: int, passages: tuple[dict[str, Any], ...], layer: str, name: str) -> dict[str, Any]:
    covered = sum(one["track_end_ms"] - one["track_start_ms"] for one in passages)
    return {
        "recording_id": name or index_id(i),
        "isrc": None if name else isrc(catalogue.seed, i),
        "title": f"Title {i}",
        "artists": [f"Artist {i % 997}"],
        "layer": layer,
        "track_match_ms": covered,
        "track_match_percentage": round(covered / 900, 2),
        "recording_match_ms": covered,
        "recording_match_percentage": round(covered / 2000, 2),
        "passages": list(passages),
        "confidence": max(one["confidence"] for one in passages),
    }


def _segment(
    start_ms: int,
    length_ms: int,
    recording_ms: int,
    draw: random.Random,
    *,
    density: float = 3.0,
    confidence: float | None = None,
    also_fits: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "track_start_ms": start_ms,
        "track_end_ms": start_ms + length_ms,
        "recording_start_ms": recording_ms,
        "recording_end_ms": recording_ms + length_ms,
        "pitch_cents": 0.0,
        "speed_percent": 100.0,
        "tempo_percent": 100.0,
        "aligned_landmarks": round(density * length_ms / 1000) + draw.randrange(3),
        "expected_by_chance": round(draw.random(), 3),
        "p_false": float(f"{10.0 ** -draw.randrange(6, 30):.4g}"),
        "false_per_1000h": float(f"{10.0 ** -draw.randrange(3, 20):.4g}"),
        "confidence": round(1.0 - draw.random() / 1000, 9) if confidence is None else confidence,
        "excluded": False,
        "also_fits": list(also_fits),
    }


def _result(catalogue: Catalogue, number: int, matches: list[dict[str, Any]], *, failed: bool) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "scan_id": f"{number:032x}",
        "track": {
            "name": f"out/track-{number:06d}.wav",
            "sha256": track_sha256(catalogue, number),
            "duration_ms": None if failed else 90_000,
            "decoder": None if failed else "soundfile",
            "notes": [],
        },
        "index": {
            "digest": "sha256:" + hashlib.sha256(b"index").hexdigest(),
            "algorithm": "landmark/1",
            "params_digest": "sha256:" + hashlib.sha256(b"params").hexdigest(),
            "recordings": catalogue.n_recordings,
        },
        "searched": {"only": [], "exclude": [], "recordings": catalogue.n_recordings},
        "status": "decode_error" if failed else "matched" if matches else "no_match",
        "reason": "not audio" if failed else None,
        "matches": matches,
        "timing_ms": {"fingerprint": 100, "search": 10, "verify": 10},
    }
