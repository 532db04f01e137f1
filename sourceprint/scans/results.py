"""Scan results: one record of all that a scan says of one track, and the one reader and writer of its JSON.

`read_result` checks a JSON object and returns a `ScanResult`; `ScanResult.raw` is the JSON object again. Version 1
(`sourceprint.scans.results_v1`) is read as if it were version 2, which alone is written. The fields of each class are
the fields of the JSON object, in its order; None stands for null, which means unknown. Fields that are not known here
are left alone and kept in `raw`, so that a newer version's results can be read and written again.

Units: whole milliseconds, percentages from 0 to 100, probabilities from 0 to 1. docs/formats/scan-result.md describes
every field.
"""

import functools
import math
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from fingerprint.digests import DEEPEST, is_deeper, is_sha256
from fingerprint.errors import ParameterError, printable
from sourceprint.scans.results_v1 import SCHEMA_1, as_version_2, version_1_path
from sourceprint.text.names import path_text, well_formed
from sourceprint.toml_documents import told_at

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
    "expect_consistent",
    "plain_json",
    "read_result",
]

SCHEMA = "sourceprint/scan-result/2"

SEARCHED = ("matched", "no_match")
"""States of a track that was searched; any other says why it could not be."""

_CUT = re.compile(r"(stream \d+ of \d+: )?truncated: ")

LAYERS = ("recording", "composition")

Status = Literal["matched", "no_match", "too_short", "too_long", "not_enough_music", "decode_error", "skipped"]
Whole = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]  # what every reader of JSON takes exactly
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

    Rows of a run have `bytes`, the size of the file; if the scan moved it, `moved_from` is its name until then. Where
    a name is no UTF-8, `name_quoted` and `moved_from_quoted` have the bytes of the path, percent-encoded. `id` is the
    own id of whoever had the track scanned, if they gave one.
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
    """All that a scan says of one track. The properties name what is asked most; "" or 0 stands for unknown there."""

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
        """The note that the end of the file is missing, by what it says itself, as of one that is still written."""
        return next((note for note in self.track.notes if _CUT.match(note)), "")

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


def read_result(record: Any, *, remedy: str = "scan the file again") -> ScanResult:
    """Return the scan result in a JSON object of any version.

    Parameters
    ----------
    record : dict
        Plain JSON types; numbers with a fraction may be Decimal, for exact probabilities.
    remedy : str
        What to do about a wrong one, for the message.

    Raises
    ------
    ParameterError
        If it is no scan result, or a field is missing or wrong; the message has field, value, rule and remedy.
    """
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema not in (SCHEMA, SCHEMA_1):
        found = f"schema={schema!r:.80}" if isinstance(record, dict) else f"{type(record).__name__}: is no object"
        raise ParameterError(f"{found}: must be {SCHEMA} or {SCHEMA_1}; {remedy}")
    document = record
    if is_deeper(record, DEEPEST):
        raise ParameterError(f"a field is nested too deep, {DEEPEST} levels are possible; {remedy}")
    try:
        if schema == SCHEMA_1:
            document = as_version_2(record, SCHEMA)
        result = msgspec.convert(document, ScanResult, dec_hook=_probability)
    except msgspec.ValidationError as error:
        raise ParameterError(f"{_problem(error, document, schema)}; {remedy}") from error
    except UnicodeEncodeError as error:
        raise ParameterError(f"a text or the name of a field holds half a character (a surrogate); {remedy}") from error
    result.__dict__["raw"] = document
    result.__dict__["read_as"] = schema
    _expect_encodable(result, remedy)
    return result


def expect_consistent(result: ScanResult, *, remedy: str = "scan the file again") -> None:
    """Refuse a result that contradicts itself, or that money could not be computed from.

    Raises
    ------
    ParameterError
        If a track that was searched has no SHA-256, status and matches differ, a layer is unknown, a passage is empty,
        or an id is; the message has field, value, rule and remedy.
    """
    named = functools.partial(_as_read, result)
    for field, text in (("track.name", result.track.name), ("index.digest", result.index.digest)):
        _expect_text(named(field), text, remedy)
    if (result.searched or result.sha256) and not is_sha256(result.sha256):
        sha256 = result.track.sha256
        found = "is missing" if sha256 is None else f"={sha256!r:.80}"
        raise _refused(named("track.sha256"), found, "64 hexadecimal digits in lower case", remedy)
    if bool(result.matches) != (result.status == "matched"):
        raise _refused("status", f"={result.status!r}", f"what fits {len(result.matches)} matches", remedy)
    for n, match in enumerate(result.matches):
        _expect_text(named(f"matches[{n}].recording_id"), match.recording_id, remedy)
        if match.layer not in LAYERS:
            raise _refused(f"matches[{n}].layer", f"={match.layer!r:.80}", " or ".join(LAYERS), remedy)
        for m, passage in enumerate(match.passages):
            if passage.track_start_ms == passage.track_end_ms:
                place = f"matches[{n}].passages[{m}]"
                first = named(f"{place}.track_start_ms").rpartition(".")[2]
                rule = f"after {first} {passage.track_start_ms}"
                raise _refused(named(f"{place}.track_end_ms"), f"={passage.track_end_ms}", rule, remedy)
            for k, other in enumerate(passage.also_fits):
                _expect_text(named(f"matches[{n}].passages[{m}].also_fits[{k}]"), other, remedy)
            for k, alternative in enumerate(passage.alternatives):
                place = f"matches[{n}].passages[{m}].alternatives[{k}].recording_id"
                if alternative.recording_id not in passage.also_fits:
                    found = f"={alternative.recording_id!r:.80}"
                    raise _refused(place, found, f"one of matches[{n}].passages[{m}].also_fits", remedy)


def _expect_encodable(result: ScanResult, remedy: str) -> None:
    """Refuse names that no file can have, and digests that are no text: files are named after them."""
    for field, name in (("track.name", result.path), ("track.moved_from", result.moved_from)):
        if "\0" in name or _NO_BYTE.search(name):
            found = f"={printable(name)!r:.80}"
            raise _refused(_as_read(result, field), found, "a name that a file can have", remedy)
    digests = (result.index_digest, result.params_digest, result.settings_digest)
    for field, digest in zip(("index.digest", "index.params_digest", "searched.settings_digest"), digests, strict=True):
        if not digest.isascii():
            raise _refused(_as_read(result, field), f"={printable(digest)!r:.80}", "a digest, in ASCII", remedy)


def _as_read(result: ScanResult, field: str) -> str:
    """Return the name of a field in the version of the layout that a result was read in."""
    if result.__dict__.get("read_as") != SCHEMA_1:
        return field
    return _field(version_1_path([name or int(number) for name, number in _STEP.findall(f".{field}")]))


def plain_json(record: Any) -> Any:
    """Return a record as plain JSON types: objects, lists, texts and numbers."""
    return _with_lists(msgspec.to_builtins(record, enc_hook=float))


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _probability(kind: type, value: Any) -> Probability:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if kind is not Probability or not is_number or not 0 <= value <= 1:
        raise ValueError("must be a number from 0 to 1")
    return Probability(Decimal(value) if isinstance(value, int) else value)


_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # halves of characters that stand for no byte of a name
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_WANTED = {
    "int": "a whole number from 0, below 2^53",
    "float": "a number",
    "str": "text",
    "array": "a list",
    "object": "an object",
    "bool": "true or false",
}


def _problem(error: msgspec.ValidationError, document: Any, schema: str) -> str:
    """Return what msgspec found wrong as field, value and rule, in the words of the version that was read."""
    what, path = told_at(error)
    steps: list[str | int] = [name or int(number) for name, number in _STEP.findall(path)]
    value = document
    for step in steps:
        value = value[step]
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    ruled = re.fullmatch(r"Field `(\w+)`: (.*)", what)
    if named := missing or ruled:
        steps.append(named[1])
        value = value.get(named[1])
    field = _field(version_1_path(steps) if schema == SCHEMA_1 else steps)
    if value is None and (missing or not re.match(r"Expected `(array|bool)", what)):
        return f"{field}: is missing"
    return f"{field}={_shown(value)}: {ruled[2] if ruled else _rule(what)}"


def _rule(what: str) -> str:
    if what.startswith("Invalid enum value"):
        return f"must be one of {', '.join(get_args(Status))}"
    if what.startswith("must be"):
        return what
    kind = re.match(r"Expected `(\w+)", what)
    rule = _WANTED.get(kind[1], what) if kind else "a number"
    return f"must be {rule}{' that is not empty' if 'length' in what else ''}"


def _field(steps: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if isinstance(value, str) else f"{value!s:.80}"


def _expect_text(field: str, text: str, remedy: str) -> None:
    if not text:
        raise _refused(field, "=''", "text that is not empty", remedy)


def _refused(field: str, found: str, wanted: str, remedy: str) -> ParameterError:
    return ParameterError(f"{field}{found if found[0] == '=' else f': {found}'}: must be {wanted}; {remedy}")
