"""The name of the layout of scan results, apart, so that whoever reads them need not load what makes them.

Scan results as everything in this package reads them: one `ScanResult` per file, checked once, here.

In comes the JSON of `sourceprint.scans.scan_json`, from a file of JSON Lines or made a moment ago; out come records
with the same names and units (whole milliseconds, percentages from 0 to 100, probabilities from 0 to 1). Fields that
are not known
here are left alone and kept in `raw`, so that a newer version's results can be read and written again.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fingerprint.errors import ParameterError, printable

__all__ = ["SCHEMA", "SEARCHED", "ResultMatch", "ResultPassage", "ScanResult", "read_result", "read_results"]

SCHEMA = "sourceprint/scan-result/1"


SEARCHED = ("matched", "no_match")
"""The states of a file that was searched; any other says why it could not be."""

_STATES = (*SEARCHED, "too_short", "too_long", "not_enough_music", "decode_error", "skipped")


@dataclass(frozen=True, slots=True)
class ResultPassage:
    """One reused passage; every field as in the scan result (`sourceprint.scans.scan_json`)."""

    track_start_ms: int
    track_end_ms: int
    recording_start_ms: int
    recording_end_ms: int
    pitch_cents: float
    speed_percent: float
    tempo_percent: float
    aligned_landmarks: int
    expected_by_chance: float
    p_false: float
    false_per_1000h: float
    confidence: float
    also_fits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResultMatch:
    """One recording found in a file, with its passages in order of query time; fields as in the scan result.

    `recording_duration_ms` is 0 in results of before it was stated.
    """

    recording_id: str
    isrc: str
    title: str
    artists: tuple[str, ...]
    layer: str
    recording_duration_ms: int
    track_match_ms: int
    track_match_percentage: float
    recording_match_ms: int
    recording_match_percentage: float
    passages: tuple[ResultPassage, ...]
    confidence: float

    @property
    def p_false(self) -> float:
        """Probability by chance of the best segment."""
        return min(segment.p_false for segment in self.passages)

    @property
    def false_per_1000h(self) -> float:
        """Rate by chance of the best segment."""
        return min(segment.false_per_1000h for segment in self.passages)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan says about one file.

    Attributes
    ----------
    name : str
        The path as it was given, or where the scan moved the file.
    moved_from : str
        If the scan moved it, the path that it was found under, else "": what that path had as a result until then
        counts no more.
    sha256 : str
        Of the file; "" where it could not be read.
    duration_ms : int
        Length of the audio; 0 where unknown.
    decoder : str
    notes : tuple of str
        What was odd about the audio.
    index_digest, algorithm, params_digest : str
        What was searched, and how.
    tracks, recordings : int
        Recordings in the index, and of those, how many were searched.
    settings_digest : str
        Of layer, options, limit and filter; "" in results that do not state it.
    max_false_per_1000h : float
        The limit of the search; NaN in results that do not state it.
    status, reason : str
        As in the result.
    matches : tuple of ResultMatch
        By descending coverage.
    raw : dict
        The whole record as it was read.
    """

    name: str
    moved_from: str
    sha256: str
    duration_ms: int
    decoder: str
    notes: tuple[str, ...]
    index_digest: str
    algorithm: str
    params_digest: str
    tracks: int
    recordings: int
    settings_digest: str
    max_false_per_1000h: float
    status: str
    reason: str
    matches: tuple[ResultMatch, ...]
    raw: dict[str, Any] = field(repr=False, compare=False)

    @property
    def searched(self) -> bool:
        """Whether the file could be searched."""
        return self.status in SEARCHED


def read_result(record: Any) -> ScanResult:
    """Check one record.

    Parameters
    ----------
    record : dict
        Plain JSON types, as `sourceprint.scans.scan_json.scan_to_json` returns them.

    Raises
    ------
    ParameterError
        If it is no scan result, or a field is missing or of the wrong kind; the message names it.
    """
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        schema = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise ParameterError(f"schema {schema!r:.80}: no scan result of this version ({SCHEMA}); scan the files again")
    query, index = _Fields(record, "query"), _Fields(record, "index")
    searched = _Fields(record, "searched")
    top = _Fields({"": record}, "")
    status = top.text("status")
    if status not in _STATES:
        raise ParameterError(f"status {status!r:.80}: must be one of {', '.join(_STATES)}")
    return ScanResult(
        name=query.text("name"),
        moved_from=query.text("moved_from", ""),
        sha256=query.text("sha256", ""),
        duration_ms=query.whole("duration_ms", 0),
        decoder=query.text("decoder", ""),
        notes=query.texts("notes"),
        index_digest=index.text("digest"),
        algorithm=index.text("algorithm"),
        params_digest=index.text("params_digest"),
        tracks=index.whole("tracks"),
        recordings=searched.whole("recordings"),
        settings_digest=searched.text("settings_digest", ""),
        max_false_per_1000h=searched.number("max_false_per_1000h", math.nan),
        status=status,
        reason=top.text("reason", ""),
        matches=tuple(_found(match) for match in top.objects("matches")),
        raw=record,
    )


def read_results(path: Path) -> Iterator[ScanResult]:
    """Yield the results in a file of JSON Lines, in its order.

    Raises
    ------
    ParameterError
        If a line is no scan result; the message names file and line.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield read_result(json.loads(line))
            except (ValueError, RecursionError, ParameterError) as error:
                what = str(error) if isinstance(error, ParameterError) else "is no JSON object"
                raise ParameterError(f"{printable(path)}, line {number}: {what}") from error


def _found(match: Mapping[str, Any]) -> ResultMatch:
    fields = _Fields({"matches": match}, "matches")
    passages = tuple(_segment(_Fields({"segments": segment}, "segments")) for segment in fields.objects("segments"))
    if not passages:
        raise ParameterError("matches: a match has no segments; scan the file again")
    return ResultMatch(
        recording_id=fields.text("asset_id"),
        isrc=fields.text("isrc", ""),
        title=fields.text("title", ""),
        artists=fields.texts("artists"),
        layer=fields.text("layer"),
        recording_duration_ms=fields.whole("asset_duration_ms", 0),
        track_match_ms=fields.whole("query_match_ms"),
        track_match_percentage=fields.number("query_match_percentage"),
        recording_match_ms=fields.whole("asset_match_ms"),
        recording_match_percentage=fields.number("asset_match_percentage"),
        passages=passages,
        confidence=fields.number("confidence"),
    )


def _segment(fields: "_Fields") -> ResultPassage:
    return ResultPassage(
        track_start_ms=fields.whole("query_start_ms"),
        track_end_ms=fields.whole("query_end_ms"),
        recording_start_ms=fields.whole("asset_start_ms"),
        recording_end_ms=fields.whole("asset_end_ms"),
        pitch_cents=fields.number("pitch_cents"),
        speed_percent=fields.number("speed_percent"),
        tempo_percent=fields.number("tempo_percent"),
        aligned_landmarks=fields.whole("aligned_landmarks"),
        expected_by_chance=fields.number("expected_by_chance"),
        p_false=fields.number("p_false"),
        false_per_1000h=fields.number("false_per_1000h"),
        confidence=fields.number("confidence"),
        also_fits=fields.texts("also_fits"),
    )


_MISSING: Any = object()


class _Fields:
    """Typed access to one object of a record; what is wrong is named by its place."""

    def __init__(self, record: Mapping[str, Any], name: str) -> None:
        value = record.get(name)
        if not isinstance(value, dict):
            raise ParameterError(f"{name}: must be an object; scan the file again")
        self._fields = value
        self._place = f"{name}." if name else ""

    def text(self, name: str, default: str = _MISSING) -> str:
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._value(name, ())
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, value, "a list of texts")
        return tuple(value)

    def whole(self, name: str, default: int = _MISSING) -> int:
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, value, "a whole number from 0")
        return value

    def number(self, name: str, default: float = _MISSING) -> float:
        value = self._value(name, default)
        known = value is default or (not isinstance(value, bool) and isinstance(value, (int, float)))
        if not known or (value is not default and not abs(value) <= sys.float_info.max):
            raise self._wrong(name, value, "a number")
        return float(value)

    def objects(self, name: str) -> list[dict[str, Any]]:
        value = self._value(name, _MISSING)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(name, value, "a list of objects")
        return value

    def _value(self, name: str, default: Any) -> Any:
        value = self._fields.get(name)
        if value is None:
            value = default
        if value is _MISSING:
            raise ParameterError(f"{self._place}{name}: is missing; scan the file again")
        return value

    def _wrong(self, name: str, value: object, wanted: str) -> ParameterError:
        return ParameterError(f"{self._place}{name}={value!r:.80}: must be {wanted}; scan the file again")
