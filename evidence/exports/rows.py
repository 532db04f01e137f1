"""Scan results as rows of a table, one per reused passage: what CSV and Parquet have in common.

A file without passages has one row, with its status and, where it could not be searched, the reason; the cells about
recording and passage are then None. Rows go by file, in it by recording as in the result, and in that by query time.
Times are whole milliseconds, percentages go from 0 to 100, probabilities from 0 to 1. The columns are described one by
one in `FORMATS.md`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

from evidence.results import FileResult, Found, FoundSegment

__all__ = ["COLUMNS", "LIST", "NUMBER", "TEXT", "WHOLE", "Cell", "segment_rows"]

Cell = str | int | float | tuple[str, ...] | None

TEXT, WHOLE, NUMBER, LIST = "text", "whole", "number", "list"

COLUMNS = {
    "name": TEXT,
    "sha256": TEXT,
    "duration_ms": WHOLE,
    "status": TEXT,
    "reason": TEXT,
    "notes": LIST,
    "asset_id": TEXT,
    "isrc": TEXT,
    "title": TEXT,
    "artists": LIST,
    "layer": TEXT,
    "match_confidence": NUMBER,
    "q_value": NUMBER,
    "query_match_ms": WHOLE,
    "query_match_percentage": NUMBER,
    "asset_match_ms": WHOLE,
    "asset_match_percentage": NUMBER,
    "segment": WHOLE,
    "query_start_ms": WHOLE,
    "query_end_ms": WHOLE,
    "asset_start_ms": WHOLE,
    "asset_end_ms": WHOLE,
    "pitch_cents": NUMBER,
    "speed_percent": NUMBER,
    "tempo_percent": NUMBER,
    "aligned_landmarks": WHOLE,
    "expected_by_chance": NUMBER,
    "p_false": NUMBER,
    "false_per_1000h": NUMBER,
    "confidence": NUMBER,
    "also_fits": LIST,
    "max_false_per_1000h": NUMBER,
    "algorithm": TEXT,
    "index_digest": TEXT,
    "params_digest": TEXT,
    "settings_digest": TEXT,
}
"""The columns in their order, and what is in each: text, whole numbers, numbers, or lists of texts."""

_OF_FOUND = ("asset_id", "isrc", "title", "artists", "layer")
_OF_COVERAGE = ("query_match_ms", "query_match_percentage", "asset_match_ms", "asset_match_percentage")


def segment_rows(results: Iterable[FileResult], q_values: Mapping[tuple[str, str], float]) -> Iterator[dict[str, Cell]]:
    """Yield the rows, each with all `COLUMNS`; None where a result does not say.

    Parameters
    ----------
    results : iterable of FileResult
    q_values : mapping of (name, asset_id) to float
        As `evidence.runs.rates.q_values` returns them for the whole batch.
    """
    for result in results:
        of_file = _of_file(result)
        if not result.matches:
            yield _whole(of_file)
        for found in result.matches:
            of_found = {**of_file, **_of_found(found), "q_value": q_values.get((result.name, found.asset_id))}
            for number, segment in enumerate(found.segments, start=1):
                yield _whole({**of_found, "segment": number, **_of_segment(segment)})


def _of_file(result: FileResult) -> dict[str, Cell]:
    limit = result.max_false_per_1000h
    return {
        "name": result.name,
        "sha256": result.sha256 or None,
        "duration_ms": result.duration_ms or None,
        "status": result.status,
        "reason": result.reason or None,
        "notes": result.notes,
        "max_false_per_1000h": None if math.isnan(limit) else limit,
        "algorithm": result.algorithm,
        "index_digest": result.index_digest,
        "params_digest": result.params_digest,
        "settings_digest": result.settings_digest or None,
    }


def _of_found(found: Found) -> dict[str, Cell]:
    cells: dict[str, Cell] = {name: getattr(found, name) for name in (*_OF_FOUND, *_OF_COVERAGE)}
    return {**cells, "isrc": found.isrc or None, "title": found.title or None, "match_confidence": found.confidence}


def _of_segment(segment: FoundSegment) -> dict[str, Cell]:
    return {name: getattr(segment, name) for name in FoundSegment.__dataclass_fields__}


def _whole(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    return {column: cells.get(column) for column in COLUMNS}
