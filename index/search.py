"""One query against one layer of a catalogue, from neighbours to located, decided matches.

`match_query` runs the steps in order: neighbours (`LayerView.search`), hypotheses (`voting`), passages (`alignment`),
explaining away, decision (`decision`). Then it looks again without the landmarks that are explained, since one query
may hold several sources, mixed or in turn, and the loud ones hide the faint. The reversed query goes through the same
steps, for the decision.
"""

import time
from collections.abc import Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import IndexFormatError, ParameterError
from fingerprint.extract import Fingerprint
from index._kernels import BLOCK_SECONDS
from index.alignment import Aligner, Alignment, QueryLandmarks
from index.decision import FLOOR_SCORE, ChanceModel
from index.layer_view import LayerView
from index.result import Match, MatchResult, Segment, Transformation, outside_exclusions
from index.snapshot import Snapshot
from index.voting import Hits, Seed, gather_hits, plant_seeds

__all__ = ["DEFAULT_FALSE_PER_1000H", "STANDARD", "THOROUGH", "SearchOptions", "match_query"]

DEFAULT_FALSE_PER_1000H = 1.0

_RELATED = 0.6  # a rival with this share of a passage's score fits it "nearly as well"
_OVERLAP = 0.5  # passages that share this much of the shorter one are about the same part of the query
_ECHO = 0.3  # a passage this much weaker than another of the same recording, over the same part of the query, is none
_JOIN_SECONDS = 3.0
_OFF_LINE_SECONDS = 1.0
_DENSE_SCORE_PER_SECOND = 15.0  # a shared groove has up to 5; a source in the clear, 20 to 40
_MOST_GAP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How hard to look.

    Attributes
    ----------
    scales : tuple of float
        Time scales of the query's descriptors; each covers tempo ratios within 13 %.
    neighbours : int
        Nearest neighbours asked for per descriptor.
    seeds_per_step : int
        Hypotheses followed per three seconds of query.
    rounds : int
        How often to look again at what is not yet explained.
    max_decoy_seconds : float
        Length of the query searched in reverse, at most; spread over it in pieces.
    nprobe : int or None
        Inverted lists visited per descriptor; None leaves it to the index.
    """

    scales: tuple[float, ...] = (0.85, 1.0, 1.18)
    neighbours: int = 2
    seeds_per_step: int = 12
    rounds: int = 2
    max_decoy_seconds: float = 60.0
    nprobe: int | None = 16


STANDARD = SearchOptions()
"""Tempo and speed within about 20 %, any pitch."""

THOROUGH = SearchOptions(scales=(0.5, 0.6, 0.71, 0.85, 1.0, 1.18, 1.41, 1.6), seeds_per_step=24, nprobe=24)
"""Tempo and speed from half to one and two thirds, any pitch; about three times as slow."""


@dataclass(frozen=True, slots=True, eq=False)
class _Find:
    """A passage, and the other recordings that fit the same part of the query.

    `rivals` fit it nearly as well, before what it explains was taken away; `candidates` are all alignments, best first,
    among which it was found.
    """

    passage: Alignment
    rivals: list[int]
    candidates: list[Alignment]


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """A query, forwards or backwards, and its neighbours."""

    query: QueryLandmarks
    layer: LayerView
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    allowed: NDArray[np.bool_] | None

    def hits(self, usable: NDArray[np.bool_]) -> Hits:
        rows = np.where(usable[None, :, None], self.rows, -1)
        query = self.query
        return gather_hits(
            self.layer, query.seconds, query.bins, query.scales, rows, self.similarity, allowed=self.allowed
        )


def match_query(
    query: Fingerprint,
    snapshot: Snapshot,
    *,
    layer: str = "recording",
    options: SearchOptions = STANDARD,
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H,
    allowed: NDArray[np.bool_] | None = None,
) -> MatchResult:
    """Find the recordings that a query reuses, outside their excluded ranges.

    Parameters
    ----------
    query : Fingerprint
        Made with `role="query"` and `scales=options.scales`.
    snapshot : Snapshot
        The state of the index to search.
    layer : str
        The descriptors to search.
    options : SearchOptions
        How hard to look.
    max_false_per_1000h : float
        Matches are reported if fewer false ones than this are to be expected in 1 000 hours of audio scanned. Raising
        it finds fainter and shorter reuse.
    allowed : ndarray [shape=(n_recordings,), dtype=bool], optional
        By ordinal: recordings to look for (`index.filters`); by default all. The others are as if they were not there.

    Returns
    -------
    MatchResult

    Raises
    ------
    ParameterError
        If the query was not made for such a search, or an argument is out of range.
    IndexFormatError
        If query and index were made with different parameters.
    """
    if query.scales != options.scales or query.mirrored.shape != query.vectors.shape:
        raise ParameterError(
            f"the fingerprint has time scales {query.scales} and {len(query.mirrored)} reversed ones, the search wants "
            f"{options.scales}: make it with role='query' and scales=options.scales"
        )
    view = snapshot.layer(layer)
    if query.params_digest != view.digest:
        raise IndexFormatError(
            f"the query was fingerprinted with parameters {query.params_digest}, layer {layer!r} of the index with "
            f"{view.digest}: they cannot be compared; use the version that made the index, or make the index again"
        )
    landmarks = QueryLandmarks(query.times, query.bins, query.vectors, query.scales)
    started = time.perf_counter()
    forwards = _neighbours(landmarks, view, options, allowed)
    reverse, decoy_seconds = _decoy(landmarks, query, options)
    backwards = _neighbours(reverse, view, options, allowed)
    searched = time.perf_counter()
    finds, n_tried = _finds(forwards, options)
    related = {find.passage.recording for find in finds}
    chance, n_decoys = _finds(backwards, replace(options, rounds=1), without=related)
    model = ChanceModel.fit(
        np.array([find.passage.score for find in chance]),
        decoy_seconds / 3600.0,
        query.duration_seconds / 3600.0,
        view.n_landmarks if allowed is None else int(view.counts()[allowed].sum()),
        len(options.scales),
    )
    no_chance, threshold = (model.threshold(limit) for limit in (DEFAULT_FALSE_PER_1000H, max_false_per_1000h))
    decided: list[tuple[_Find, ChanceModel]] = []
    for find in finds:
        if find.passage.score < threshold:  # rivals only raise it
            continue
        rivals = [*_beside(find).values(), *_elsewhere(find.passage, finds)]
        tail = model.beside([score for score in rivals if score < no_chance])
        tail = tail.times(snapshot.hub_factor(find.passage.recording))
        if find.passage.score >= tail.threshold(max_false_per_1000h):
            decided.append((find, tail))
    found: dict[int, list[Segment]] = {}
    aligner = Aligner(landmarks, view)
    cells = float(view.params["bins_per_octave"])
    heard = (query.start_seconds, query.start_seconds + query.duration_seconds)
    for find, tail in decided:
        recording = snapshot.recordings[find.passage.recording]
        ends = _ends(find.passage, [other.passage for other, _ in decided], heard, recording.duration_ms / 1000.0)
        ids = tuple(snapshot.recordings[rival].id for rival in find.rivals)
        segment = _segment(find.passage, ends, ids, tail, aligner, cells)
        pieces = outside_exclusions(segment, recording.excluded, query.times[find.passage.landmarks])
        found.setdefault(find.passage.recording, []).extend(pieces)
    matches = [
        Match(snapshot.recordings[ordinal], layer, tuple(sorted(segments, key=lambda s: s.query_start_seconds)))
        for ordinal, segments in found.items()
        if segments
    ]
    matches.sort(key=lambda match: (-match.query_seconds, match.recording.id))
    ended = time.perf_counter()
    return MatchResult(
        matches=tuple(matches),
        n_landmarks=query.times.size,
        n_hypotheses=n_tried + n_decoys,
        score_threshold=threshold,
        search_seconds=searched - started,
        verify_seconds=ended - searched,
    )


def _neighbours(
    query: QueryLandmarks, layer: LayerView, options: SearchOptions, allowed: NDArray[np.bool_] | None
) -> _Search:
    n_scales, n, dimension = query.vectors.shape
    vectors = query.vectors.reshape(-1, dimension)
    rows, similarity = layer.search(vectors, options.neighbours, nprobe=options.nprobe, allowed=allowed)
    shape = (n_scales, n, options.neighbours)
    return _Search(query, layer, rows.reshape(shape), similarity.reshape(shape), allowed)


def _decoy(query: QueryLandmarks, fingerprint: Fingerprint, options: SearchOptions) -> tuple[QueryLandmarks, float]:
    """Reverse the query, or of a long one three pieces spread over it; returns it with its length in seconds."""
    start, duration = fingerprint.start_seconds, fingerprint.duration_seconds
    reverse = query.reversed(fingerprint.mirrored, 2 * start + duration)
    if duration <= options.max_decoy_seconds:
        return reverse, duration
    piece = options.max_decoy_seconds / 3
    inside = np.zeros(reverse.seconds.size, dtype=np.bool_)
    for low in start + np.linspace(0.0, duration - piece, 3):
        inside |= (reverse.seconds >= low) & (reverse.seconds < low + piece)
    kept = replace(
        reverse, seconds=reverse.seconds[inside], bins=reverse.bins[inside], vectors=reverse.vectors[:, inside]
    )
    return kept, options.max_decoy_seconds


def _finds(search: _Search, options: SearchOptions, *, without: Set[int] = frozenset()) -> tuple[list[_Find], int]:
    """Align and explain away, best first; returns what was found, and how many hypotheses were tried.

    A passage takes the landmarks that it explains; weaker ones are weighed again on what is left. A weaker one that had
    nearly as much to say for the same part of the query, before, is noted as a rival: a duplicate, or another mix.
    """
    aligner = Aligner(search.query, search.layer)
    free = np.ones(search.query.seconds.size, dtype=np.bool_)
    finds: list[_Find] = []
    n_tried = 0
    for turn in range(options.rounds):
        n_before = len(finds)
        seeds = plant_seeds(search.hits(free), per_step=options.seeds_per_step * (turn + 1))
        n_tried += len(seeds)
        aligned = [aligner.align(seed, free) for seed in seeds if seed.recording not in without]
        candidates = [a for a in aligned if a is not None and a.score > FLOOR_SCORE]
        candidates.sort(key=lambda a: (-a.score, a.recording, a.offset_seconds))
        for candidate in candidates:
            left = candidate if free[candidate.landmarks].all() else aligner.align(_as_seed(candidate), free)
            if left is not None and any(_echoes(left, find) for find in finds):
                continue
            if left is not None and left.score > FLOOR_SCORE:
                finds.append(_Find(left, [], candidates))
                free[left.landmarks] = False
            else:
                _note_rival(candidate, finds)
        if len(finds) == n_before:
            break
    return _joined(finds), n_tried


def _beside(find: _Find) -> dict[int, float]:
    """Return the best score of every other recording over the same part of the query."""
    passage = find.passage
    best: dict[int, float] = {}
    for candidate in find.candidates:
        if candidate.recording != passage.recording and _shared(candidate, passage) >= _OVERLAP:
            best.setdefault(candidate.recording, candidate.score)
    return best


def _elsewhere(passage: Alignment, finds: list[_Find]) -> list[float]:
    """Return the scores of the other passages of the same recording that are not on the line of this one.

    None for a dense passage: pieces that were cut and put in another order are dense, and each has a line of its own.
    """
    seconds = passage.query_end_seconds - passage.query_start_seconds + BLOCK_SECONDS
    if passage.score >= _DENSE_SCORE_PER_SECOND * seconds:
        return []
    return [
        other.score
        for other in (find.passage for find in finds)
        if other.recording == passage.recording
        and other is not passage
        and abs(passage.reference_at(other.query_start_seconds) - other.reference_start_seconds) > _OFF_LINE_SECONDS
    ]


def _as_seed(passage: Alignment) -> Seed:
    centre = (passage.query_start_seconds + passage.query_end_seconds) / 2
    return Seed(passage.recording, passage.ratio, passage.offset_seconds, passage.shift_cells, centre, passage.score)


def _echoes(candidate: Alignment, find: _Find) -> bool:
    """Whether a candidate is what a passage leaves over where the reference, or a duplicate of it, repeats itself."""
    passage = find.passage
    return (
        (candidate.recording == passage.recording or candidate.recording in find.rivals)
        and _shared(candidate, passage) >= _OVERLAP
        and candidate.score < _ECHO * passage.score
    )


def _shared(one: Alignment, other: Alignment) -> float:
    """Return the share of the shorter passage, in query time, that lies in the longer one."""
    common = min(one.query_end_seconds, other.query_end_seconds) - max(
        one.query_start_seconds, other.query_start_seconds
    )
    shorter = min(passage.query_end_seconds - passage.query_start_seconds for passage in (one, other))
    return common / shorter if shorter > 0 else float(common >= 0)


def _note_rival(candidate: Alignment, finds: list[_Find]) -> None:
    there = [find for find in finds if _shared(candidate, find.passage) >= _OVERLAP]
    if any(find.passage.recording == candidate.recording for find in there):
        return  # it has its own place there; what is left of it is no rival
    for find in there:
        if candidate.recording not in find.rivals and candidate.score >= _RELATED * find.passage.score:
            find.rivals.append(candidate.recording)
            return


def _joined(finds: list[_Find]) -> list[_Find]:
    """Join passages of one recording that follow each other on one line, a masked stretch between them."""
    out: list[_Find] = []
    for find in sorted(finds, key=lambda find: (find.passage.recording, find.passage.query_start_seconds)):
        if out and _continues(out[-1].passage, find.passage):
            first = out.pop()
            rivals = list(dict.fromkeys(first.rivals + find.rivals))
            find = _Find(first.passage.joined(find.passage), rivals, first.candidates)
        out.append(find)
    return out


def _continues(first: Alignment, second: Alignment) -> bool:
    gap = second.query_start_seconds - first.query_end_seconds
    if first.recording != second.recording or not 0.0 <= gap <= _JOIN_SECONDS:
        return False
    steady = abs(second.ratio / first.ratio - 1) < 0.02 and abs(second.shift_cells - first.shift_cells) < 1.0
    return steady and abs(second.reference_start_seconds - first.reference_at(second.query_start_seconds)) < 0.15


def _ends(
    passage: Alignment, reported: list[Alignment], heard: tuple[float, float], reference_seconds: float
) -> tuple[float, float]:
    """Return where a passage starts and ends in the query: beyond its outermost landmarks by their mean distance.

    What was reused goes on for as long, on average, as its landmarks are apart (the largest of n draws falls short of
    the end by a share 1 / n). Not beyond the query, the reference, or half the way to a neighbour.
    """
    start, end = passage.query_start_seconds, passage.query_end_seconds
    gap = min((end - start) / max(passage.landmarks.size - 1, 1), _MOST_GAP_SECONDS)
    low = max(heard[0], start - gap, -passage.offset_seconds / passage.ratio)
    high = min(heard[1], end + gap, (reference_seconds - passage.offset_seconds) / passage.ratio)
    for other in reported:
        if other.query_end_seconds <= start:
            low = max(low, (other.query_end_seconds + start) / 2)
        elif other.query_start_seconds >= end:
            high = min(high, (end + other.query_start_seconds) / 2)
    return min(low, start), max(high, end)


def _segment(
    passage: Alignment,
    ends: tuple[float, float],
    also_fits: tuple[str, ...],
    model: ChanceModel,
    aligner: Aligner,
    cells_per_octave: float,
) -> Segment:
    cents = -passage.shift_cells * 1200.0 / cells_per_octave
    return Segment(
        query_start_seconds=ends[0],
        query_end_seconds=ends[1],
        reference_start_seconds=max(0.0, passage.reference_at(ends[0])),
        reference_end_seconds=passage.reference_at(ends[1]),
        ratio=passage.ratio,
        transformation=Transformation.of_line(passage.ratio, cents),
        score=passage.score,
        aligned_landmarks=int(passage.landmarks.size),
        expected_by_chance=aligner.expected_by_chance(passage),
        p_false=model.p_false(passage.score),
        false_per_1000h=model.false_per_1000h(passage.score),
        confidence=model.confidence(passage.score),
        also_fits=also_fits,
    )
