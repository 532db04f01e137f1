"""Scan results as attribution reads them: one record per generated track, in the order of the file, checked.

In comes what `sourceprint match --jsonl` or `sourceprint scan` writes (one JSON object per line) or `match --json` (one
array), with the fields of `sourceprint.scans.scan_json`. Out come `TrackResult`, with times in whole milliseconds and
probabilities as `Decimal`, read from the digits of the file: no float is made on the way. A file is read piece by
piece; what stays
in memory is one record and, per track, a digest by which a second result for the same track is recognised. A track that
could not be searched is a record too, with the status that says why.
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from fingerprint.digests import is_sha256
from fingerprint.errors import RightsError, printable
from sourceprint.scans.results import SCHEMA

__all__ = ["LAYERS", "ScanFile", "ScanMatch", "ScanSegment", "TrackResult"]

LAYERS = ("recording", "composition")
SEARCHED = ("matched", "no_match")
"""The states of a track that was searched; any other says why it could not be."""

_LARGEST_RECORD = 1 << 28
_CHUNK = 1 << 20
_LARGEST_TIME = 2**53
_REMEDY = "write the file anew with sourceprint match --jsonl, or of a run with sourceprint results --format jsonl"


@dataclass(frozen=True, slots=True)
class ScanSegment:
    """One reused passage; the fields are those of the scan result.

    Attributes
    ----------
    track_start_ms, track_end_ms, recording_start_ms, recording_end_ms : int
        The passage in the generated track and in the recording; the former is not empty.
    aligned_landmarks : int
    confidence, p_false : Decimal
        From 0 to 1.
    excluded : bool
        Whether it lies in a range of the recording that never counts.
    also_fits : tuple of str
        Ids in the index of other recordings that fit nearly as well, sorted.
    """

    track_start_ms: int
    track_end_ms: int
    recording_start_ms: int
    recording_end_ms: int
    aligned_landmarks: int
    confidence: Decimal
    p_false: Decimal
    excluded: bool
    also_fits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanMatch:
    """One recording that was found in a track.

    Attributes
    ----------
    asset_id : str
        Its id in the index.
    isrc : str
        Compact, or "".
    layer : str
        Of `LAYERS`.
    passages : tuple of ScanSegment
        In the order of the result.
    """

    index_id: str
    isrc: str
    layer: str
    passages: tuple[ScanSegment, ...]


@dataclass(frozen=True, slots=True)
class TrackResult:
    """What a scan says about one generated track.

    Attributes
    ----------
    line : int
        Of the file, on which the result starts.
    sha256 : str
        Of the audio file; "" where it could not be read.
    name : str
        Its path as it was given.
    track_ms : int
        Its length; 0 where unknown.
    status, reason : str
        As in the result.
    index_digest : str
        Of what was searched.
    matches : tuple of ScanMatch
        In the order of the result.
    """

    line: int
    sha256: str
    name: str
    track_ms: int
    status: str
    reason: str
    index_digest: str
    matches: tuple[ScanMatch, ...]

    @property
    def searched(self) -> bool:
        """Whether the track was searched, with or without a match."""
        return self.status in SEARCHED


class ScanFile:
    """A file of scan results; iterating reads it once, from the start.

    Attributes
    ----------
    sha256 : str
        Of the file, 64 hexadecimal digits; "" until it has been read to its end.
    repeated : int
        How many results were left out because an earlier one says the same of the same track.

    Raises
    ------
    RightsError
        While iterating, if the file cannot be read, or holds something that is no scan result, or two different ones of
        one track; the message names file, line and remedy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = printable(path)
        self.sha256 = ""
        self.repeated = 0

    def __iter__(self) -> Iterator[TrackResult]:
        """Yield the results, each track once."""
        self.sha256, self.repeated = "", 0
        hasher = hashlib.sha256()
        seen: dict[str, tuple[bytes, int]] = {}
        n_results = 0
        try:
            with self._path.open("rb") as file:
                array = _starts_an_array(file)
                for line, record in (_items if array else _lines)(file, self._name, hasher):
                    n_results += 1
                    result = _Reader(self._name, line).result(record)
                    if not self._is_repeated(result, seen):
                        yield result
        except OSError as error:
            raise RightsError(
                f"{self._name}: these results cannot be read ({error.strerror}); check the path, or give the "
                "results.jsonl of a run"
            ) from error
        if not n_results and not array:
            raise RightsError(f"{self._name}: holds no results; {_REMEDY}")
        self.sha256 = hasher.hexdigest()

    def _is_repeated(self, result: TrackResult, seen: dict[str, tuple[bytes, int]]) -> bool:
        if not result.sha256 or not result.searched:
            return False
        content = repr((result.track_ms, result.status, result.index_digest, result.matches)).encode("utf-8", "replace")
        digest = hashlib.blake2b(content, digest_size=16).digest()
        first, line = seen.setdefault(result.sha256, (digest, result.line))
        if line == result.line:
            return False
        if first != digest:
            raise RightsError(
                f"{self._name}, line {result.line}: {printable(result.name):.200} is the same audio as on line {line}, "
                "with another result; keep one scan of each track: of a run, take what sourceprint results --format "
                "jsonl prints, or scan into a new folder"
            )
        self.repeated += 1
        return True


def _starts_an_array(file: BinaryIO) -> bool:
    start = file.read(_CHUNK).removeprefix(codecs.BOM_UTF8).lstrip()
    file.seek(0)
    return start.startswith(b"[")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _lines(file: BinaryIO, name: str, hasher: "hashlib._Hash") -> Iterator[tuple[int, Any]]:
    """Yield the records of JSON Lines, with the number of their line."""
    number = 0
    while data := file.readline(_LARGEST_RECORD):
        number += 1
        hasher.update(data)
        if not data.strip():
            continue
        try:
            yield number, _DECODER.decode(data.decode("utf-8-sig" if number == 1 else "utf-8").strip())
        except UnicodeDecodeError as error:
            raise RightsError(
                f"{name}, line {number}: not UTF-8 (byte 0x{data[error.start]:02x}); {_REMEDY}"
            ) from error
        except (ValueError, RecursionError) as error:
            if not data.endswith(b"\n"):
                raise RightsError(
                    f"{name}, line {number}: cut short; the scan was interrupted or is still running: {_REMEDY}"
                ) from error
            raise RightsError(f"{name}, line {number}: not JSON ({error}); {_REMEDY}") from error


# What may stand between the objects of an array, and what is expected after it.
_AFTER = {("start", "["): "first", ("first", "]"): "end", ("next", "]"): "end", ("next", ","): "item"}


def _items(file: BinaryIO, name: str, hasher: "hashlib._Hash") -> Iterator[tuple[int, Any]]:
    """Yield the records of one JSON array, with the number of the line on which each starts."""
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    text, line, state = "", 1, "start"

    def refused(problem: str) -> RightsError:
        return RightsError(f"{name}, line {line}: {problem}; {_REMEDY}")

    def more() -> bool:
        """Read on; by as much as there is, so that a long record is not tried again and again."""
        nonlocal text
        data = file.read(max(_CHUNK, len(text)))
        hasher.update(data)
        try:
            text += decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise refused(f"not UTF-8 ({error.reason})") from error
        return bool(data)

    while True:
        bare = text.lstrip()
        line += text.count("\n", 0, len(text) - len(bare))
        text = bare
        if not text:
            if more():
                continue
            if state == "end":
                return
            raise refused("cut short; the array has no end")
        if text[0] == "{" and state in ("first", "item"):
            try:
                record, end = _DECODER.raw_decode(text)
            except (ValueError, RecursionError) as error:
                if len(text) < _LARGEST_RECORD and more():
                    continue
                raise refused(f"not JSON, or cut short ({error})") from error
            yield line, record
            state = "next"
        elif (state, text[0]) in _AFTER:
            state, end = _AFTER[state, text[0]], 1
        else:
            raise refused(f"{text[0]!r} is not expected here; the file must be one array of objects")
        line += text.count("\n", 0, end)
        text = text[end:]


class _Reader:
    """Reads the fields of one record; every refusal says file, line and field."""

    def __init__(self, name: str, line: int) -> None:
        self._where = f"{name}, line {line}"
        self._line = line

    def result(self, record: Any) -> TrackResult:
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            schema = record.get("schema") if isinstance(record, dict) else None
            raise RightsError(f"{self._where}: schema is {schema!r:.60}, must be {SCHEMA!r}; {_REMEDY}")
        query = self._table(record, "query", "")
        status = self._text(record, "status", "")
        sha256 = self._text(query, "sha256", "query.", empty=True)
        if sha256 and not is_sha256(sha256):
            self._refuse("query.sha256", sha256, "64 hexadecimal digits in lower case")
        if status in SEARCHED and not sha256:
            self._refuse("query.sha256", None, "the SHA-256 of a track that was searched")
        track_ms = 0 if query.get("duration_ms") is None else self._time(query, "duration_ms", "query.")
        matches = tuple(
            self._match(match, f"matches[{n}].") for n, match in enumerate(self._list(record, "matches", ""))
        )
        if bool(matches) != (status == "matched"):
            self._refuse("status", status, f"what fits {len(matches)} matches")
        return TrackResult(
            line=self._line,
            sha256=sha256,
            name=_encodable(self._text(query, "name", "query.")),
            track_ms=track_ms,
            status=status,
            reason=_encodable(self._text(record, "reason", "", empty=True)),
            index_digest=self._text(self._table(record, "index", ""), "digest", "index."),
            matches=matches,
        )

    def _match(self, match: Any, at: str) -> ScanMatch:
        if not isinstance(match, dict):
            self._refuse(at[:-1], match, "an object")
        layer = self._text(match, "layer", at)
        if layer not in LAYERS:
            self._refuse(f"{at}layer", layer, " or ".join(LAYERS))
        passages = self._list(match, "segments", at)
        if not passages:
            self._refuse(f"{at}segments", [], "a list with at least one segment")
        return ScanMatch(
            index_id=_encodable(self._text(match, "asset_id", at)),
            isrc=self._text(match, "isrc", at, empty=True),
            layer=layer,
            passages=tuple(self._segment(segment, f"{at}segments[{n}].") for n, segment in enumerate(passages)),
        )

    def _segment(self, segment: Any, at: str) -> ScanSegment:
        if not isinstance(segment, dict):
            self._refuse(at[:-1], segment, "an object")
        start, end = self._time(segment, "query_start_ms", at), self._time(segment, "query_end_ms", at)
        if start >= end:
            self._refuse(f"{at}query_end_ms", end, f"after query_start_ms {start}")
        recording_start, recording_end = (
            self._time(segment, "asset_start_ms", at),
            self._time(segment, "asset_end_ms", at),
        )
        if recording_start > recording_end:
            self._refuse(f"{at}asset_end_ms", recording_end, f"not before asset_start_ms {recording_start}")
        also_fits = segment.get("also_fits", [])
        if not isinstance(also_fits, list) or not all(isinstance(other, str) and other for other in also_fits):
            self._refuse(f"{at}also_fits", also_fits, "a list of ids")
        excluded = segment.get("excluded", False)
        if not isinstance(excluded, bool):
            self._refuse(f"{at}excluded", excluded, "true or false")
        return ScanSegment(
            track_start_ms=start,
            track_end_ms=end,
            recording_start_ms=recording_start,
            recording_end_ms=recording_end,
            aligned_landmarks=self._time(segment, "aligned_landmarks", at),
            confidence=self._probability(segment, "confidence", at),
            p_false=self._probability(segment, "p_false", at),
            excluded=excluded,
            also_fits=tuple(sorted({_encodable(other) for other in also_fits})),
        )

    def _table(self, table: Mapping[str, Any], key: str, at: str) -> dict[str, Any]:
        value = table.get(key)
        return value if isinstance(value, dict) else self._refuse(f"{at}{key}", value, "an object")

    def _list(self, table: Mapping[str, Any], key: str, at: str) -> list[Any]:
        value = table.get(key)
        return value if isinstance(value, list) else self._refuse(f"{at}{key}", value, "a list")

    def _text(self, table: Mapping[str, Any], key: str, at: str, *, empty: bool = False) -> str:
        value = table.get(key)
        if value is None and empty:
            return ""
        if not isinstance(value, str) or not (value or empty):
            self._refuse(f"{at}{key}", value, "text")
        return value

    def _time(self, table: Mapping[str, Any], key: str, at: str) -> int:
        value = table.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST_TIME:
            self._refuse(f"{at}{key}", value, "a whole number, not negative")
        return value

    def _probability(self, table: Mapping[str, Any], key: str, at: str) -> Decimal:
        value = table.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if not isinstance(value, Decimal) or not 0 <= value <= 1:
            self._refuse(f"{at}{key}", value, "a number from 0 to 1")
        return value

    def _refuse(self, field: str, value: object, wanted: str) -> NoReturn:
        found = "is missing" if value is None else f"is {str(value)!r:.60}"
        raise RightsError(f"{self._where}: {field} {found}, must be {wanted}; {_REMEDY}")


def _encodable(text: str) -> str:
    """Return a name that can be stored: bytes of a file name that are no UTF-8 come as lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return printable(text)
    return text
