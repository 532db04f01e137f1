"""Compare a result with the figures recomputed from the landmarks of its trace.

In come a result and a trace; out come figures, each as stated and as computed again, in the order of the result, and
sentences on differences. Whole numbers, times included, and texts must be equal. Numbers that a scan rounds may differ
by one in the last digit it keeps, since processors differ in the last digits before rounding.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from fingerprint.errors import EvidenceError, printable
from index.recheck.recheck import recheck
from index.recheck.trace import Trace, TracedAlternative, TracedPassage
from index.recheck.trace_file import trace_from_bytes
from index.search._kernels import BLOCK_SECONDS
from index.storage.layers import TIMES_PER_SECOND
from sourceprint.scans.results import ScanResult, plain_json
from sourceprint.scans.scan_json import result_matches

__all__ = ["Comparison", "Figure", "belonging", "compare", "read_trace_member"]

_LAST_DIGITS = {
    "track_match_percentage": 1e-2,
    "recording_match_percentage": 1e-2,
    "pitch_cents": 1e-1,
    "speed_percent": 1e-2,
    "tempo_percent": 1e-2,
    "expected_by_chance": 1e-3,
    "confidence": 1e-9,
}
_FOUR_DIGITS = ("p_false", "false_per_1000h")

# Fields that sourceprint/case/1 compares; later scans may state more.
_OF_MATCH = (
    *("recording_id", "isrc", "title", "artists", "layer", "recording_duration_ms", "confidence"),
    *("track_match_ms", "track_match_percentage", "recording_match_ms", "recording_match_percentage"),
)
_OF_PASSAGE = (
    *("track_start_ms", "track_end_ms", "recording_start_ms", "recording_end_ms"),
    *("pitch_cents", "speed_percent", "tempo_percent", "aligned_landmarks", "expected_by_chance"),
    *("p_false", "false_per_1000h", "confidence", "excluded", "also_fits"),
)
_OF_ALTERNATIVE = (
    *("recording_id", "isrc", "title", "artists", "same_audio"),
    *("track_start_ms", "track_end_ms", "recording_start_ms", "recording_end_ms"),
    *("pitch_cents", "speed_percent", "tempo_percent", "aligned_landmarks", "expected_by_chance"),
)

_COMPARED = {  # outside of matches, with the trace (`belonging`)
    *("schema", "status", "matches", "track.sha256", "track.duration_ms", "index.digest", "index.params_digest"),
    *("searched.layer", "searched.scales", "searched.max_false_per_1000h", "searched.settings_digest"),
}

_MOST_PASSAGES = 2_000  # passages and excluded ranges in all: each is compared with every other
_MOST_STEPS = 1e9  # of work on descriptors; an hour that is all reused takes a tenth
_LINES_ASIDE = 8  # on which a passage is weighed against chance


@dataclass(frozen=True, slots=True)
class Figure:
    """One field of a result.

    Attributes
    ----------
    of : str
        The recording, or the recording and the number of the passage, from 1.
    name : str
        As in the result.
    stated, recomputed : object
        Plain JSON types; None too where there is none.
    agrees : bool
        Whether they are the same.
    """

    of: str
    name: str
    stated: Any
    recomputed: Any
    agrees: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """A result beside its trace.

    Attributes
    ----------
    figures : tuple of Figure
        In the order of the result.
    unchecked : tuple of str
        Fields that are as the signer states them, since landmarks say nothing about them, sorted.
    n_landmarks : int
        Landmarks of the track that meet one of the recording, over all passages.
    """

    figures: tuple[Figure, ...]
    unchecked: tuple[str, ...]
    n_landmarks: int

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each figure that does not agree."""
        return tuple(
            f"{printable(figure.of)}: {figure.name} is stated as {_short(figure.stated)}, but the landmarks give "
            f"{_short(figure.recomputed)}"
            for figure in self.figures
            if not figure.agrees
        )


def read_trace_member(data: bytes) -> Trace:
    """Return the trace in a case.

    Raises
    ------
    EvidenceError
        If it is none, or computing it again would take longer than for any that a scan makes.
    """
    trace = trace_from_bytes(data, name="trace.spt")
    finds = [find for part in trace.parts for find in part.passages]
    laid = [(find, one) for find in finds for one in find.laid]
    n_passages = len(trace.parts) + sum(len(find.pieces) for find in finds)
    n_passages += sum(len(one.recording.excluded) for _, one in laid)
    if n_passages > _MOST_PASSAGES or sum(_steps(find, one) for find, one in laid) > _MOST_STEPS:
        raise EvidenceError(
            f"trace.spt: has more passages ({n_passages}) or denser landmarks than a case may have; scan the file in "
            "parts"
        )
    return trace


def belonging(result: ScanResult, trace: Trace) -> tuple[str, ...]:
    """Return a sentence for each thing that the result and the trace state differently about the same search."""
    parts = [part.circumstances for part in trace.parts]
    pairs: dict[str, tuple[Any, Any]] = {
        "SHA-256 of the file": (result.sha256, trace.sha256),
        "digest of the index": (result.index_digest, trace.index_digest),
        "digest of the parameters": (result.params_digest, trace.params_digest),
        "digest of the settings": (result.settings_digest, trace.settings_digest),
        "time scales": (list(result.search.scales), list(trace.scales)),
        "status": (result.status, "matched"),
        "length in ms": (result.duration_ms, round(_track_seconds(trace) * 1000)),
        "layer": ([result.search.layer], sorted({part.layer for part in parts})),
        "false matches put up with": ([result.max_false_per_1000h], sorted({p.max_false_per_1000h for p in parts})),
    }
    return tuple(
        f"{name}: result.json has {_short(of_result)}, trace.spt {_short(of_trace)}"
        for name, (of_result, of_trace) in pairs.items()
        if of_result != of_trace
    )


def compare(result: ScanResult, trace: Trace) -> Comparison:
    """Compute the matches of a trace again, and lay those of a result beside them.

    Raises
    ------
    VerificationError, EvidenceError
        If the landmarks do not align at all.
    """
    checked = recheck(trace)
    recomputed = plain_json(result_matches(checked.matches, _track_seconds(trace)))
    stated = result.raw["matches"]
    return Comparison(
        tuple(_figures(stated, recomputed)),
        tuple(sorted(_others(result.raw))),
        sum(pairs.track_seconds.size for pairs in checked.pairs.values()),
    )


def _figures(stated: list[dict[str, Any]], recomputed: list[dict[str, Any]]) -> Iterator[Figure]:
    nothing: dict[str, Any] = {}
    for one, other in zip_longest(stated, recomputed, fillvalue=nothing):
        name = str(one.get("recording_id") or other.get("recording_id"))
        yield from _fields(name, _OF_MATCH, one, other)
        passages = zip_longest(one.get("passages", ()), other.get("passages", ()), fillvalue=nothing)
        for number, (passage, again) in enumerate(passages, start=1):
            of = f"{name}, passage {number}"
            yield from _fields(of, _OF_PASSAGE, passage, again)
            alternatives = (one.get("alternatives", ()) for one in (passage, again))
            for alternative, beside in zip_longest(*alternatives, fillvalue=nothing):
                other = alternative.get("recording_id") or beside.get("recording_id")
                yield from _fields(f"{of}, alternative {other}", _OF_ALTERNATIVE, alternative, beside)


def _fields(
    of: str, names: tuple[str, ...], stated: Mapping[str, Any], recomputed: Mapping[str, Any]
) -> Iterator[Figure]:
    for name in names:
        one, other = stated.get(name), recomputed.get(name)
        yield Figure(of, name, one, other, (name in stated) == (name in recomputed) and _agree(name, one, other))


def _agree(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if not (isinstance(one, (int, float)) and isinstance(other, (int, float))):
        return bool(one == other)
    largest = max(abs(one), abs(other))
    if name in _FOUR_DIGITS and 0 < largest < math.inf:
        unit = 10.0 ** (math.floor(math.log10(largest)) - 3)
    else:
        unit = _LAST_DIGITS.get(name, 0.0)
    return abs(one - other) <= 1.01 * unit  # a difference of rounded numbers is not exact itself


def _others(record: Mapping[str, Any]) -> set[str]:
    matches = record["matches"]
    of_matches = {name for match in matches for name in match} - {*_OF_MATCH, "passages"}
    of_passages = {name for match in matches for passage in match["passages"] for name in passage}
    of_passages -= {*_OF_PASSAGE, "alternatives"}
    outside = {
        f"{group}.{name}" if name else group
        for group, value in record.items()
        for name in (value if isinstance(value, dict) else ("",))
    }
    return of_matches | of_passages | (outside - _COMPARED)


def _track_seconds(trace: Trace) -> float:
    """Return the length of the track: where its last part ends."""
    if not trace.parts:
        return 0.0
    last = trace.parts[-1].circumstances
    return last.start_seconds + last.duration_seconds


def _steps(find: TracedPassage, laid: TracedPassage | TracedAlternative) -> float:
    """Return at most how many steps it takes to weigh a passage, or an alternative of it, against a recording.

    Comparisons of descriptors, copies, blocks of time: a landmark is compared with all in any second of the recording,
    on every line; with every piece that is joined to those before it, their landmarks are copied; and the blocks
    between the first landmark and the last are summed.
    """
    times = laid.recording_times.astype(np.int64)
    in_a_second = np.searchsorted(times, times + TIMES_PER_SECOND) - np.arange(times.size)
    compared = find.seconds.size * float(in_a_second.max(initial=0)) * (len(laid.pieces) + _LINES_ASIDE)
    copied = len(laid.pieces) * float(sum(piece.last - piece.first for piece in laid.pieces))
    blocks = sum(float(find.seconds[piece.last - 1] - find.seconds[piece.first]) for piece in laid.pieces)
    return compared + copied + blocks / BLOCK_SECONDS


def _short(value: Any) -> str:
    text = printable(value if isinstance(value, str) else repr(value))
    return f"{text[:77]}..." if len(text) > 80 else text or "nothing"
