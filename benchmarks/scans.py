"""Whole files against catalogues: what is reported where nothing should be, and what of AI-made pairs is found.

`false_matches` scans music that is not in the catalogue, each file with a projection that was not trained on it: all
of `generated` against all music, and every recording against an index of the other half of the sources. At four
limits of false matches per 1 000 hours it compares what the search promises with what it reports. Names are kept: what
is reported may be a true find, since recordings of different sources can hold the same sample.

`pairs` adds the sources of the list of pairs to the catalogue and looks for them in what systems made of them.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.catalogues import LAYER, Side, catalogue, changed, described
from benchmarks.data.corpus import Corpus, folds
from benchmarks.harness import in_parallel, one_thread
from fingerprint.errors import AudioError
from index.result import Segment
from index.search import STANDARD, match_query
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import use_threads

__all__ = ["LIMITS", "false_matches", "pairs"]

LIMITS = (1.0, 10.0, 100.0, 1000.0)
"""False matches per 1 000 hours; the first is the default."""


@dataclass(frozen=True, slots=True)
class _Scan:
    file: str
    index: str
    side: Side
    limit: float


def false_matches(corpus: Corpus, made: Sequence[Side], cache: Path, *, jobs: int, most: int = 0) -> dict[str, Any]:
    """Return hours scanned and what was reported in them, overall and by file; `most` limits the files of each kind."""
    scans = [_Scan(row.file, made[0].index, made[0], LIMITS[-1]) for row in corpus.generated[: most or None]]
    halves = folds(corpus.music)
    for half, other in (halves, halves[::-1]):
        rows = [row for row in corpus.music if row.source in half][: most or None]
        for side in made:
            ours = [row for row in rows if row.source in side.sources]
            if ours:
                index = catalogue(corpus, [r for r in corpus.music if r.source in other], side, cache, jobs=jobs)
                scans += [_Scan(row.file, str(index), side, LIMITS[-1]) for row in ours]
    done = list(
        in_parallel(
            _scan, scans, jobs=jobs, what="music that is not in the catalogue", prepare=_prepare, given=(corpus,)
        )
    )
    hours = sum(one["seconds"] for one in done) / 3600.0
    reported = [dict(found, file=one["file"]) for one in done for found in one["found"]]
    return {
        "files": len(done),
        "hours": hours,
        "limits": [
            {
                "false_per_1000h": limit,
                "expected": hours * limit / 1000.0,
                "reported": sum(found["false_per_1000h"] <= limit for found in reported),
            }
            for limit in LIMITS
        ],
        "reported": sorted(reported, key=lambda found: float(found["false_per_1000h"])),
        "times_real_time": 3600.0 * hours / max(sum(one["elapsed_seconds"] for one in done), 1e-9),
        "unreadable": [one for one in done if one["status"]],
    }


def pairs(corpus: Corpus, side: Side, cache: Path, *, jobs: int) -> dict[str, Any]:
    """Return what was found of the sources of `corpus.pairs`, by pair and by kind; {} without pairs."""
    if not corpus.pairs:
        return {}
    sources = list(dict.fromkeys(pair.source_file for pair in corpus.pairs))
    index = changed(Path(side.index), cache, side, corpus=corpus, added=sources)
    scans = [_Scan(pair.output_file, str(index), side, LIMITS[0]) for pair in corpus.pairs]
    done = in_parallel(_scan, scans, jobs=jobs, what="pairs", prepare=_prepare, given=(corpus,))
    rows = []
    for pair, one in zip(corpus.pairs, done, strict=True):
        right = [found for found in one["found"] if found["id"] == pair.source_file]
        fits = any(pair.source_file in found["also_fits"] for found in one["found"])
        others = [f for f in one["found"] if f["id"] != pair.source_file and not f["also_fits"]]
        rows.append({**asdict(pair), "found": bool(right) or fits, "matches": right, "others": others})
    by_kind: dict[str, dict[str, Any]] = {}
    for row in rows:
        kind = by_kind.setdefault(row["kind"], {"pairs": 0, "found": 0, "missed": []})
        kind["pairs"] += 1
        kind["found"] += row["found"]
        if not row["found"]:
            kind["missed"].append(f"{row['system']}: {row['output_file']}")
    return {"by_kind": by_kind, "pairs": rows}


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Worker:
    """What a process keeps between tasks."""

    corpus: Corpus


def _prepare(corpus: Corpus) -> None:
    one_thread()
    use_threads(1)
    _Worker.corpus = corpus


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Store.open(index).snapshot()


def _scan(scan: _Scan) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        query = described(_Worker.corpus, scan.file, scan.side, query=True)
    except AudioError as error:
        return {"file": scan.file, "status": error.status, "seconds": 0.0, "elapsed_seconds": 0.0, "found": []}
    result = match_query(query, _snapshot(scan.index), layer=LAYER, options=STANDARD, max_false_per_1000h=scan.limit)
    found = [
        {"id": match.recording.id, "title": match.recording.title, **_facts(segment)}
        for match in result.matches
        for segment in match.segments
    ]
    return {
        "file": scan.file,
        "status": "",
        "seconds": query.duration_seconds,
        "elapsed_seconds": time.perf_counter() - started,
        "found": found,
    }


def _facts(segment: Segment) -> dict[str, Any]:
    return {
        "query_span": [segment.query_start_seconds, segment.query_end_seconds],
        "reference_span": [segment.reference_start_seconds, segment.reference_end_seconds],
        "ratio": segment.ratio,
        "pitch_cents": segment.transformation.pitch_cents,
        "score": segment.score,
        "aligned": segment.aligned_landmarks,
        "false_per_1000h": segment.false_per_1000h,
        "confidence": segment.confidence,
        "also_fits": list(segment.also_fits),
    }
