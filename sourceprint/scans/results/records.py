"""Scan results as records, and as the JSON of version 2, which alone is written.

The fields of each class are the fields of the JSON object, in its order; None stands for null, which means unknown.

Units: whole milliseconds, percentages from 0 to 100, probabilities from 0 to 1. docs/formats/scan-result.md describes
every field.
"""

import functools
import math
import re
import sys
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sourceprint.text.names import path_text, well_formed, well_formed_json

__all__ = [
    "LAYERS",
    "SCHEMA",
    "SEARCHED",
    "Probability",
    "ResultAlternative",
    "ResultIndex",
    "ResultMatch",
    "ResultPassage",
    "ResultSearch",
    "ResultTiming",
    "ResultTrack",
    "ScanResult",
    "Status",
    "plain_json",
]

SCHEMA = "sourceprint/scan-result/2"

SEARCHED = ("matched", "no_match")
"""States of a track that was searched; any other says why it could not be."""

_CUT = re.compile(r"(stream \d+ of \d+: )?truncated: ")

_DAMAGED = re.compile(r"(stream \d+ of \d+: )?damaged: (\d+\.\d\d s in all could not|decoding stopped)")

LAYERS = ("recording", "composition")

Status = Literal["matched", "no_match", "too_short", "too_long", "not_enough_music", "decode_error", "skipped"]
Whole = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]  # the integers that every JSON reader holds exactly
Number = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]


class Probability(float):
    """A number from 0 to 1 that keeps the decimal digits of the file it was read from.

    Examples
    --------
    >>> Probability(0.25).exact, Probability(Decimal("0.10")).exact
    (Decimal('0.25'), Decimal('0.10'))
    """

    __slots__ = ("_digits",)
    _digits: float | Decimal

    def __new__(cls, value: float | Decimal) -> "Probability":
        """Return the number; a Decimal keeps its digits."""
        made = super().__new__(cls, value)
        made._digits = value
        return made

    @property
    def exact(self) -> Decimal:
        """The number as it is written in decimal digits, for computing with money."""
        return self._digits if isinstance(self._digits, Decimal) else Decimal(repr(self._digits))


class ResultTrack(msgspec.Struct, frozen=True, kw_only=True):
    """The track that was scanned. `streams` and `unsearched_streams` are there for files with several audio streams.

    Rows of a run have `bytes`, the size of the file; if the scan moved it, `moved_from` is its name until then. Where a
    name is no UTF-8, `name_quoted` and `moved_from_quoted` have the bytes of the path, percent-encoded. `id` is the
    id that the user gave the track, if any.
    """

    name: str
    name_quoted: str | UnsetType | None = UNSET
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | UnsetType | None = UNSET
    sha256: str | None = None
    duration_ms: Whole | None = None
    decoder: str | None = None
    notes: tuple[str, ...] = ()
    streams: Whole | UnsetType | None = UNSET
    unsearched_streams: tuple[Whole, ...] | UnsetType = UNSET
    n_bytes: Whole | UnsetType | None = msgspec.field(default=UNSET, name="bytes")
    moved_from: str | UnsetType | None = UNSET
    moved_from_quoted: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        path_text(well_formed(self.name), self.name_quoted or "")
        path_text(well_formed(self.moved_from or ""), self.moved_from_quoted or "")


class ResultIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The index that was searched."""

    digest: str
    algorithm: str
    params_digest: str
    recordings: Whole


class ResultSearch(msgspec.Struct, frozen=True, kw_only=True):
    """How the index was searched, and how many recordings the filter left."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    recordings: Whole
    layer: str | None = None
    scales: tuple[Number, ...] = ()
    max_false_per_1000h: Number | None = None
    settings_digest: str | None = None


class ResultAlternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another recording that holds the same audio as a passage, or fits it nearly as well, with figures of its own."""

    recording_id: str
    isrc: str | None = None
    title: str | None = None
    artists: tuple[str, ...] = ()
    same_audio: bool
    track_start_ms: Whole
    track_end_ms: Whole
    recording_start_ms: Whole
    recording_end_ms: Whole
    pitch_cents: Number
    speed_percent: Number
    tempo_percent: Number
    aligned_landmarks: Whole
    expected_by_chance: Number

    def __post_init__(self) -> None:
        _expect_ordered(self)


class ResultPassage(msgspec.Struct, frozen=True, kw_only=True):
    """One reused passage. `streams` is there where the file has several audio streams."""

    track_start_ms: Whole
    track_end_ms: Whole
    recording_start_ms: Whole
    recording_end_ms: Whole
    pitch_cents: Number
    speed_percent: Number
    tempo_percent: Number
    aligned_landmarks: Whole
    expected_by_chance: Number
    p_false: Probability
    false_per_1000h: Number
    confidence: Probability
    excluded: bool = False
    also_fits: tuple[str, ...] = ()
    alternatives: tuple[ResultAlternative, ...] = ()
    streams: tuple[Whole, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _expect_ordered(self)

    @property
    def stream_text(self) -> str:
        """The audio streams that it is in, in words; "" where the file has one."""
        streams = () if isinstance(self.streams, UnsetType) else self.streams
        numbers = " and ".join(map(str, sorted(streams)))
        return f"audio stream{'s' if len(streams) > 1 else ''} {numbers}" if numbers else ""


def _expect_ordered(one: "ResultPassage | ResultAlternative") -> None:
    for side in ("track", "recording"):
        start = getattr(one, f"{side}_start_ms")
        if start > getattr(one, f"{side}_end_ms"):
            raise ValueError(f"Field `{side}_end_ms`: must be not before {side}_start_ms {start}")


class ResultMatch(msgspec.Struct, frozen=True, kw_only=True):
    """One recording and its passages in the track, in order of track time."""

    recording_id: str
    isrc: str | None = None
    title: str | None = None
    artists: tuple[str, ...] = ()
    layer: str
    recording_duration_ms: Whole | None = None
    track_match_ms: Whole
    track_match_percentage: Number
    recording_match_ms: Whole
    recording_match_percentage: Number
    passages: Annotated[tuple[ResultPassage, ...], msgspec.Meta(min_length=1)]
    confidence: Probability

    @property
    def p_false(self) -> float:
        """Probability by chance of the best passage."""
        return min(passage.p_false for passage in self.passages)

    @property
    def false_per_1000h(self) -> float:
        """Rate by chance of the best passage."""
        return min(passage.false_per_1000h for passage in self.passages)

    @property
    def also_fits(self) -> tuple[str, ...]:
        """Ids of other recordings that any passage fits nearly as well, each once."""
        return tuple(dict.fromkeys(other for passage in self.passages for other in passage.also_fits))


class ResultTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Duration of each step of the scan, in milliseconds."""

    fingerprint: Whole | None = None
    search: Whole | None = None
    verify: Whole | None = None


class ScanResult(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Result of one track. The properties give the most used fields; there "" or 0 means unknown."""

    schema: str = SCHEMA
    scan_id: str | None = None
    track: ResultTrack
    index: ResultIndex
    search: ResultSearch = msgspec.field(name="searched")
    status: Status
    reason: str | None = None
    matches: tuple[ResultMatch, ...]
    explanation: dict[str, Any] | UnsetType | None = UNSET
    timing_ms: ResultTiming | None = None

    @functools.cached_property
    def raw(self) -> dict[str, Any]:
        """The JSON object, with the fields of newer versions if it was read from one; not to be changed."""
        document: dict[str, Any] = plain_json(self)
        return document

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `match --json` prints, as plain JSON types; a copy, to be changed at will.

        Examples
        --------
        >>> index = ResultIndex(digest="sha256:1", algorithm="a", params_digest="sha256:2", recordings=3)
        >>> track = ResultTrack(name="mix.wav", duration_ms=31_000)
        >>> search = ResultSearch(recordings=3)
        >>> result = ScanResult(track=track, index=index, search=search, status="no_match", matches=())
        >>> result.to_dict()["track"]["duration_ms"]
        31000
        """
        document: dict[str, Any] = well_formed_json(self.raw)
        return document

    def __str__(self) -> str:
        from sourceprint.scans.results.result_text import result_text

        return result_text(self)

    def __repr__(self) -> str:
        from sourceprint.scans.results.result_text import result_line

        return f"<ScanResult {result_line(self)}>"

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        from sourceprint.scans.results.result_text import result_html

        return result_html(self)

    @property
    def searched(self) -> bool:
        """Whether the track could be searched."""
        return self.status in SEARCHED

    @property
    def name(self) -> str:
        """Path of the track as it was given, or the place that the scan moved it to; as text that any reader takes."""
        return well_formed(self.track.name)

    @property
    def path(self) -> str:
        """The same as the file system has it: bytes that are no UTF-8 are lone surrogates."""
        return path_text(self.track.name, self.track.name_quoted or "")

    @property
    def moved_from(self) -> str:
        """Path that the track was found under, if the scan moved it; a result under that path counts no more."""
        return path_text(self.track.moved_from or "", self.track.moved_from_quoted or "")

    @property
    def track_id(self) -> str:
        """The caller's own id of the track."""
        return "" if isinstance(self.track.id, UnsetType) else self.track.id or ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the audio file."""
        return self.track.sha256 or ""

    @property
    def duration_ms(self) -> int:
        """Length of the audio."""
        return self.track.duration_ms or 0

    @property
    def decoder(self) -> str:
        """Name and version of the decoder."""
        return self.track.decoder or ""

    @property
    def cut(self) -> str:
        """The note that the end of the file is missing, according to the file itself: it may still be written."""
        return next((note for note in self.track.notes if _CUT.match(note)), "")

    @property
    def damage(self) -> str:
        """The note that so much of the sound could not be decoded that it may hold reuse."""
        return next((note for note in self.track.notes if _DAMAGED.match(note)), "")

    @property
    def unsearched_streams(self) -> tuple[int, ...]:
        """Audio streams of the file, from 1, that could not be searched."""
        found = self.track.unsearched_streams
        return () if isinstance(found, UnsetType) else found

    @property
    def index_digest(self) -> str:
        """Digest of the index."""
        return self.index.digest

    @property
    def algorithm(self) -> str:
        """Name of the method."""
        return self.index.algorithm

    @property
    def params_digest(self) -> str:
        """Digest of the fingerprint's parameters."""
        return self.index.params_digest

    @property
    def recordings(self) -> int:
        """Recordings that were searched."""
        return self.search.recordings

    @property
    def settings_digest(self) -> str:
        """Digest of layer, options, limit and filter."""
        return self.search.settings_digest or ""

    @property
    def max_false_per_1000h(self) -> float:
        """Limit of the search; NaN where it is not stated."""
        limit = self.search.max_false_per_1000h
        return math.nan if limit is None else limit


def plain_json(record: Any) -> Any:
    """Return a record as plain JSON types: objects, lists, texts and numbers."""
    return _with_lists(msgspec.to_builtins(record, enc_hook=float))


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value
