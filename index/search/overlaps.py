"""Recordings of a snapshot in, other recordings of it that hold the same audio for a stretch out.

Duplicates, remasters, edits, compilations, samples of several seconds: where two recordings hold the same sound, a
match cannot say which of them was used. No audio is at hand: the stored landmarks of one recording are the query, their
signs the descriptors. About one landmark per second is looked up; what several neighbours agree on is verified with all
landmarks (`alignment`).

Two recordings overlap where a passage scores above what chance does in comparing the whole index with itself, and is
as dense as the same sound is: pieces that share a drum kit and a groove are not. Times are in seconds. A descriptor
sees `EDGE_SECONDS` to either side, so the ends of a stretch are known that well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.search.alignment import Aligner, Alignment
from index.search.hypotheses import Hypothesis, Neighbours, QueryLandmarks, Votes, best_hypotheses, gather_votes
from index.search.significance import ChanceModel
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from index.storage.manifest import RECORDING
from index.storage.snapshot import Snapshot
from index.vectors.signs import vectors_of_signs

__all__ = [
    "EDGE_SECONDS",
    "MIN_SECONDS",
    "SHORTEST_SECONDS",
    "Overlap",
    "Span",
    "find_overlaps",
    "longest_first",
    "overlap_to_json",
]

MIN_SECONDS = 10.0
EDGE_SECONDS = 0.5

SHORTEST_SECONDS = 3.0
"""Shorter stretches are not looked for: drum fills and hits are common property."""

_LEAST_SAMPLE = 60
_NEIGHBOURS = 8  # itself included: of more than seven copies, not every pair is seen
_NPROBE = 4
_AT_ONCE = 16  # recordings searched together: cheaper, and 1 MB of memory each
_HYPOTHESES_PER_STEP = 8
_MOST_PARTNERS = 16
_MOST_FAILURES = 3  # hypotheses about one pair that come to nothing before it is given up
_MOST_SPANS = 16
_FALSE_IN_ALL = 0.01  # chance passages put up with in comparing the whole index with itself
# Synthesised pieces that share a drum kit reach 9 over 3 s and 6 over more; the same sound has 20 to 70, and 12 under
# other music as loud.
_LEAST_SCORE_PER_SECOND = 10.0
_SAME_LINE_SECONDS = 1.0
_LANDMARKS_PER_HOUR = 72_000
_MOST = 0.8  # of a recording, to be called a duplicate or contained


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that two recordings have in common.

    Attributes
    ----------
    first_start_seconds, first_end_seconds : float
        Where it is in the first recording.
    second_start_seconds, second_end_seconds : float
        Where it is in the second.
    ratio : float
        Seconds of the second per second of the first: above 1 where the second is slower.
    pitch_semitones : float
        How much higher the second is.
    score : float
        Of the passage, as `alignment` counts.
    """

    first_start_seconds: float
    first_end_seconds: float
    second_start_seconds: float
    second_end_seconds: float
    ratio: float
    pitch_semitones: float
    score: float

    def turned(self) -> "Span":
        """Return the stretch with first and second exchanged."""
        return Span(
            self.second_start_seconds, self.second_end_seconds, self.first_start_seconds, self.first_end_seconds,
            1.0 / self.ratio, -self.pitch_semitones, self.score,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two recordings that hold the same audio.

    Attributes
    ----------
    first, second : str
        Their ids, in the order of ids.
    kind : {"duplicate", "contained", "overlap"}
        "duplicate": most of both is the same; "contained": most of the shorter is in the longer.
    seconds : float
        How much they have in common: of the two recordings, where it is less.
    share : float
        The same as a share of the shorter recording, counted from its first landmark to its last; 0 to 1.
    spans : tuple of Span
        The stretches, in the order of the first recording.
    """

    first: str
    second: str
    kind: Literal["duplicate", "contained", "overlap"]
    seconds: float
    share: float
    spans: tuple[Span, ...]


def find_overlaps(
    snapshot: Snapshot,
    ids: Iterable[str] | None = None,
    *,
    min_seconds: float = MIN_SECONDS,
    layer: str = RECORDING,
) -> Iterator[list[Overlap]]:
    """Yield, for one recording after the other, the overlaps with others that were not found before.

    Parameters
    ----------
    snapshot : Snapshot
        The index.
    ids : iterable of str, optional
        The recordings to compare with all others (default: all).
    min_seconds : float
        Pairs with less in common than this are left out. Ends are known within `EDGE_SECONDS`, in favour of reporting.
    layer : str
        The landmarks to compare.

    Yields
    ------
    list of Overlap
        One list per recording, by descending seconds, then ids.

    Raises
    ------
    ParameterError
        If the index has no such layer, or `min_seconds` is below `SHORTEST_SECONDS`.
    UnknownRecordingError
        If an id is not in the index.
    """
    if not min_seconds >= SHORTEST_SECONDS:
        raise ParameterError(
            f"min_seconds={min_seconds}: must be at least {SHORTEST_SECONDS:g}; shorter stretches are not looked for"
        )
    view = snapshot.layer(layer)
    ordinals = (
        range(len(snapshot.recordings)) if ids is None else [snapshot.ordinal(name) for name in dict.fromkeys(ids)]
    )
    seen: set[tuple[int, int]] = set()
    for first in range(0, len(ordinals), _AT_ONCE):
        for ordinal, partners in _partners(view, ordinals[first : first + _AT_ONCE]):
            found = []
            for other, passages in partners.items():
                pair = (min(ordinal, other), max(ordinal, other))
                if pair not in seen:
                    overlap = _overlap(snapshot, view, ordinal, other, passages)
                    if overlap.seconds >= min_seconds - 2 * EDGE_SECONDS:
                        seen.add(pair)
                        found.append(overlap)
            yield longest_first(found)


def longest_first(overlaps: Iterable[Overlap]) -> list[Overlap]:
    """Return overlaps by descending seconds, then ids."""
    return sorted(overlaps, key=lambda overlap: (-overlap.seconds, overlap.first, overlap.second))


def overlap_to_json(overlap: Overlap) -> dict[str, Any]:
    """Return an overlap as plain JSON types; times in seconds to the millisecond."""
    fields = asdict(overlap)
    spans = [{name: round(value, 3) for name, value in span.items()} for span in fields["spans"]]
    return {**fields, "seconds": round(overlap.seconds, 3), "share": round(overlap.share, 4), "spans": spans}


def _partners(view: LayerSnapshot, ordinals: Sequence[int]) -> Iterator[tuple[int, dict[int, list[Alignment]]]]:
    """Yield each recording with the passages that it has in common with others, by ordinal; searched in one go."""
    queries = [_own_landmarks(view, ordinal) for ordinal in ordinals]
    samples = [_spread(query.seconds) for query in queries]
    asked = np.concatenate([query.vectors[0][sample] for query, sample in zip(queries, samples, strict=True)])
    rows, similarity = view.search(asked, _NEIGHBOURS, nprobe=_NPROBE)
    ends = np.cumsum([sample.size for sample in samples])
    for ordinal, query, sample, end in zip(ordinals, queries, samples, ends.tolist(), strict=True):
        here = slice(end - sample.size, end)
        others = np.where(view.recording_of(rows[here]) == ordinal, -1, rows[here])
        neighbours = Neighbours(query.only(sample), view, others[None], similarity[here][None])
        yield ordinal, _verified(view, query, gather_votes(neighbours))


def _own_landmarks(view: LayerSnapshot, ordinal: int) -> QueryLandmarks:
    ticks, bins, codes = view.landmarks_of(ordinal)
    cells = (bins / BINS_PER_CELL).astype(np.float32)
    return QueryLandmarks(ticks / TIMES_PER_SECOND, cells, vectors_of_signs(codes)[None], (1.0,))


def _verified(view: LayerSnapshot, query: QueryLandmarks, votes: Votes) -> dict[int, list[Alignment]]:
    """Return the passages, by recording, that what the neighbours vote for comes to with all landmarks."""
    by_recording: dict[int, list[Hypothesis]] = {}
    hypotheses = best_hypotheses(votes, per_step=_HYPOTHESES_PER_STEP)
    for hypothesis in sorted(hypotheses, key=lambda one: -one.support):
        by_recording.setdefault(hypothesis.recording, []).append(hypothesis)
    if not by_recording:
        return {}
    aligner = Aligner(query, view)
    least = _least_score(view.n_landmarks, float(query.seconds[-1]))
    found = {}
    for recording in list(by_recording)[:_MOST_PARTNERS]:
        passages = _passages(aligner, query.seconds.size, by_recording[recording], least)
        if passages:
            found[recording] = passages
    return found


def _spread(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return about one landmark per second, at least `_LEAST_SAMPLE` if there are as many, evenly spread."""
    if not seconds.size:
        return np.empty(0, dtype=np.int64)
    length = float(seconds[-1] - seconds[0])
    slots = np.linspace(seconds[0], seconds[-1], max(_LEAST_SAMPLE, int(length)))
    return np.unique(np.searchsorted(seconds, slots, side="left"))


def _least_score(n_landmarks: int, seconds: float) -> float:
    """Return the score that chance reaches less than `_FALSE_IN_ALL` times when all recordings are compared."""
    model = ChanceModel.fit(np.empty(0), 0.0, seconds / 3600.0, n_landmarks, 1)
    hours = max(n_landmarks / _LANDMARKS_PER_HOUR, 1.0)
    return model.threshold(1000.0 * _FALSE_IN_ALL / hours)


def _passages(aligner: Aligner, n: int, hypotheses: Sequence[Hypothesis], least: float) -> list[Alignment]:
    """Align the hypotheses about one pair, best first, each on the landmarks that those before left over."""
    free = np.ones(n, dtype=np.bool_)
    found: list[Alignment] = []
    failures = 0
    for hypothesis in hypotheses:
        if any(_lies_on(hypothesis, passage) for passage in found):
            continue
        passage = aligner.align(hypothesis, free.copy())
        if passage is not None and passage.score >= least and _is_sound(passage):
            found.append(passage)
            free[passage.landmarks] = False
        else:
            failures += 1
        if failures == _MOST_FAILURES or len(found) == _MOST_SPANS:
            break
    return found


def _lies_on(hypothesis: Hypothesis, passage: Alignment) -> bool:
    inside = passage.track_start_seconds <= hypothesis.track_seconds <= passage.track_end_seconds
    at = hypothesis.ratio * hypothesis.track_seconds + hypothesis.offset_seconds
    return inside and abs(passage.recording_at(hypothesis.track_seconds) - at) <= _SAME_LINE_SECONDS


def _is_sound(passage: Alignment) -> bool:
    """Whether a passage is long and dense enough for the same sound."""
    seconds = passage.track_end_seconds - passage.track_start_seconds
    return seconds >= SHORTEST_SECONDS - 2 * EDGE_SECONDS and passage.score >= _LEAST_SCORE_PER_SECOND * seconds


def _overlap(snapshot: Snapshot, view: LayerSnapshot, query: int, other: int, passages: Sequence[Alignment]) -> Overlap:
    cells_per_semitone = float(view.params["bins_per_octave"]) / 12.0
    spans = [
        Span(
            passage.track_start_seconds,
            passage.track_end_seconds,
            passage.recording_start_seconds,
            passage.recording_end_seconds,
            passage.ratio,
            passage.shift_cells / cells_per_semitone,
            passage.score,
        )
        for passage in passages
    ]
    first, second = query, other
    names = {ordinal: snapshot.recordings[ordinal].id for ordinal in (query, other)}
    if names[other] < names[query]:
        first, second = other, query
        spans = [span.turned() for span in spans]
    spans.sort(key=lambda span: (span.first_start_seconds, span.second_start_seconds))
    # Of the two recordings, where it is less: a loop does not hold the whole of the piece that was made of it.
    common = min(
        _covered((span.first_start_seconds, span.first_end_seconds) for span in spans),
        _covered((span.second_start_seconds, span.second_end_seconds) for span in spans),
    )
    shorter, longer = sorted(_length(view, ordinal) for ordinal in (first, second))
    kind: Literal["duplicate", "contained", "overlap"] = "overlap"
    if common >= _MOST * shorter:
        kind = "duplicate" if common >= _MOST * longer else "contained"
    return Overlap(names[first], names[second], kind, common, min(1.0, common / shorter), tuple(spans))


def _covered(stretches: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _length(view: LayerSnapshot, ordinal: int) -> float:
    """Return the seconds from the first landmark of a recording to its last."""
    ticks = view.landmarks_of(ordinal)[0]
    return max(float(int(ticks[-1]) - int(ticks[0])) / TIMES_PER_SECOND, 1.0 / TIMES_PER_SECOND)
