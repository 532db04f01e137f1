"""Scan results as JAMS 0.3: an annotation file per audio file, in the namespace `segment_open`.

Every passage is an observation: `time` and `duration` in seconds of the audio file, `value` the id of the recording,
`confidence` from 0 to 1. Fields that JAMS lacks are in the sandbox of the annotation, with a passage per
observation in the same order (by start, end, id). A file that was searched and matched nothing has an annotation
without observations; one that could not be searched has no file, since nothing is known about its passages.

The layout is that of the JAMS schema (github.com/marl/jams); the library of that name is not needed to write it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fingerprint.digests import pretty_json
from sourceprint.outputs import program_version
from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult, plain_json
from sourceprint.text.names import safe_names, well_formed

__all__ = ["jams_files"]

_JAMS_VERSION = "0.3.5"


def jams_files(results: Iterable[ScanResult], q_values: Mapping[tuple[str, str], float]) -> dict[str, bytes]:
    """Return the annotation files by their names, sorted.

    Parameters
    ----------
    results : iterable of ScanResult
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.
    """
    searched = [result for result in results if result.searched]
    names = safe_names(result.name for result in searched)
    files = {}
    for result in searched:
        document = _clean(_document(result, q_values))
        files[f"{names[result.name]}.jams"] = pretty_json(document, indent=2, utf8=True)
    return dict(sorted(files.items()))


def _document(result: ScanResult, q_values: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    passages = sorted(
        ((found, passage) for found in result.matches for passage in found.passages),
        key=lambda pair: (
            pair[1].track_start_ms,
            pair[1].track_end_ms,
            pair[0].recording_id,
            pair[1].recording_start_ms,
        ),
    )
    duration = result.duration_ms / 1000
    annotation = {
        "namespace": "segment_open",
        "annotation_metadata": {
            "annotation_tools": "Sourceprint",
            "version": program_version(),
            "data_source": "program",
            "annotator": {},
        },
        "time": 0.0,
        "duration": duration,
        "data": [
            {
                "time": passage.track_start_ms / 1000,
                "duration": (passage.track_end_ms - passage.track_start_ms) / 1000,
                "value": found.recording_id,
                "confidence": passage.confidence,
            }
            for found, passage in passages
        ],
        "sandbox": {
            "passages": [
                _passage(found, passage, q_values.get((result.name, found.recording_id))) for found, passage in passages
            ]
        },
    }
    return {
        "file_metadata": {
            "title": result.name.rpartition("/")[2],
            "artist": "",
            "release": "",
            "duration": duration,
            "identifiers": {"name": result.name, "sha256": result.sha256},
            "jams_version": _JAMS_VERSION,
        },
        "annotations": [annotation],
        "sandbox": {
            "schema": result.schema,
            "status": result.status,
            "notes": list(result.track.notes),
            "algorithm": result.algorithm,
            "index_digest": result.index_digest,
            "params_digest": result.params_digest,
            "settings_digest": result.settings_digest,
        },
    }


def _passage(found: ResultMatch, passage: ResultPassage, q_value: float | None) -> dict[str, Any]:
    return {
        "recording_id": found.recording_id,
        "isrc": found.isrc or "",
        "title": found.title or "",
        "artists": list(found.artists),
        "layer": found.layer,
        "q_value": q_value,
        **{name: value for name, value in plain_json(passage).items() if name != "excluded"},
    }


def _clean(value: Any) -> Any:
    """Return plain JSON types whose texts can all be written as UTF-8."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {well_formed(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value
