"""Scan results in the shape of ACRCloud's identification results, for programs that read those.

One JSON object per file (JSON Lines): `status`, `metadata.music` with an entry per reused passage, by descending
`score` and then by time, and `result_type` 0. The layout follows the public reference of the service
(docs.acrcloud.com, "Metadata: Music"); it comes from here and is neither made nor approved by ACRCloud.

===============================  =======================================================================================
`status.code`, `msg`             0 Success; 1001 No result; 2004 Can't generate fingerprint (too short or long, not
                                 enough music, skipped); 2005 audio error
`acrid`                          id of the recording in the index
`title`, `artists`, `label`      `label` and `album.name` are empty: a scan result has neither
`external_ids.isrc`              one text; left out where there is none
`duration_ms`                    of the recording
`score`                          confidence in whole percent; ACRCloud's goes from 70 to 100, this one may start lower
`sample_begin_time_offset_ms`    start of the passage in the file; `sample_end_time_offset_ms` its end
`db_begin_time_offset_ms`        start of the passage in the recording; `db_end_time_offset_ms` its end
`play_offset_ms`                 as `db_end_time_offset_ms`: theirs is where the recording had got to when the sample,
                                 of some seconds, ended; with whole files, that is where the passage ends
`sourceprint`                    ours: `name`, `sha256`, `status`, `reason` and `index_digest` of the file; in an entry
                                 of `metadata.music`, `also_fits`: ids of other recordings that may be meant, if any
===============================  =======================================================================================

No counterpart: `metadata.timestamp_utc` and `cost_time` (results depend on no clock), `result_from`, `release_date`,
`genres`, `external_ids.upc`, `external_metadata`, `contributors`. Nor is there one, on the other side, for pitch, tempo
and speed, landmarks, probabilities by chance, coverage, and the figures of alternatives: those are in the other
formats.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.names import well_formed

__all__ = ["acrcloud_lines", "acrcloud_record"]

_SUCCESS = (0, "Success")
_NO_RESULT = (1001, "No result")
_NO_FINGERPRINT = (2004, "Can't generate fingerprint")
_AUDIO_ERROR = (2005, "audio error")
_STATUS = {"matched": _SUCCESS, "no_match": _NO_RESULT, "decode_error": _AUDIO_ERROR}


def acrcloud_lines(results: Iterable[ScanResult]) -> Iterator[bytes]:
    """Yield a line of JSON for each file."""
    for result in results:
        yield json.dumps(acrcloud_record(result)).encode() + b"\n"


def acrcloud_record(result: ScanResult) -> dict[str, Any]:
    """Return one file's result in ACRCloud's shape, as plain JSON types."""
    code, message = _STATUS.get(result.status, _NO_FINGERPRINT)
    record: dict[str, Any] = {"status": {"msg": message, "code": code, "version": "1.0"}}
    if result.matches:
        passages = [(found, passage) for found in result.matches for passage in found.passages]
        passages.sort(key=lambda pair: (-_score(pair[1]), pair[1].track_start_ms, pair[0].recording_id))
        record["metadata"] = {"music": [_music(found, passage) for found, passage in passages]}
        record["result_type"] = 0
    record["sourceprint"] = {
        "name": well_formed(result.name),
        "sha256": result.sha256 or None,
        "status": result.status,
        "reason": well_formed(result.reason or "") or None,
        "index_digest": result.index_digest,
    }
    return record


def _music(found: ResultMatch, passage: ResultPassage) -> dict[str, Any]:
    also_fits = [well_formed(other) for other in passage.also_fits]
    return {
        "acrid": well_formed(found.recording_id),
        "title": well_formed(found.title or ""),
        "artists": [{"name": well_formed(artist)} for artist in found.artists],
        "album": {"name": ""},
        "label": "",
        "external_ids": {"isrc": well_formed(found.isrc)} if found.isrc else {},
        "duration_ms": found.recording_duration_ms or 0,
        "score": _score(passage),
        "play_offset_ms": passage.recording_end_ms,
        "sample_begin_time_offset_ms": passage.track_start_ms,
        "sample_end_time_offset_ms": passage.track_end_ms,
        "db_begin_time_offset_ms": passage.recording_start_ms,
        "db_end_time_offset_ms": passage.recording_end_ms,
        **({"sourceprint": {"also_fits": also_fits}} if also_fits else {}),
    }


def _score(passage: ResultPassage) -> int:
    return round(100 * passage.confidence)
