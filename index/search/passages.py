"""Neighbours in, passages out: hypotheses aligned, explained away, and joined.

A passage takes the landmarks that it explains; weaker ones are weighed again on what is left. Then the search looks
again without the landmarks that are explained, since one query may hold several sources, mixed or in turn, and the loud
ones hide the faint. What else fits the same part of the query is noted with each passage: the decision asks for it.
"""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.search._kernels import BLOCK_SECONDS
from index.search.alignment import Aligner, Alignment, QueryLandmarks
from index.search.hypotheses import Hits, Seed, gather_hits, plant_seeds
from index.search.significance import FLOOR_SCORE
from index.storage.snapshot import LayerView

__all__ = ["Find", "Neighbours", "Piece", "beside", "elsewhere", "find_passages"]

_RELATED = 0.6  # a rival with this share of a passage's score fits it "nearly as well"
_OVERLAP = 0.5  # passages that share this much of the shorter one are about the same part of the query
_ECHO = 0.3  # a passage this much weaker than another of the same recording, over the same part of the query, is none
_JOIN_SECONDS = 3.0
_OFF_LINE_SECONDS = 1.0
_DENSE_SCORE_PER_SECOND = 15.0  # a shared groove has up to 5; a source in the clear, 20 to 40


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """A query, forwards or backwards, and its neighbours.

    Attributes
    ----------
    query : QueryLandmarks
    layer : LayerView
        What was searched.
    rows : ndarray [shape=(n_scales, n, k), dtype=int64]
        Landmarks of the layer, -1 for none.
    similarity : ndarray [shape=(n_scales, n, k), dtype=float32]
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        By ordinal: recordings to look for; None for all.
    """

    query: QueryLandmarks
    layer: LayerView
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    allowed: NDArray[np.bool_] | None

    def hits(self, usable: NDArray[np.bool_]) -> Hits:
        """Return the votes of the query landmarks that are `usable` [shape=(n,), dtype=bool]."""
        rows = np.where(usable[None, :, None], self.rows, -1)
        query = self.query
        return gather_hits(
            self.layer, query.seconds, query.bins, query.scales, rows, self.similarity, allowed=self.allowed
        )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One alignment as it was weighed: `free` [shape=(n,), dtype=bool] are the query landmarks that counted."""

    alignment: Alignment
    free: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Find:
    """A passage, and the other recordings that fit the same part of the query.

    Attributes
    ----------
    passage : Alignment
        All of it.
    pieces : tuple of Piece
        What it was joined from, in order of query time; one if it was found whole.
    rivals : list of int
        Ordinals of those that fit it nearly as well, before what it explains was taken away.
    candidates : list of Alignment
        All alignments, best first, among which it was found.
    """

    passage: Alignment
    pieces: tuple[Piece, ...]
    rivals: list[int]
    candidates: list[Alignment]


def find_passages(
    search: Neighbours, *, per_step: int, rounds: int, without: Set[int] = frozenset()
) -> tuple[list[Find], int]:
    """Align and explain away, best first; returns what was found, and how many hypotheses were tried.

    A weaker alignment that had nearly as much to say for the same part of the query, before, is noted as a rival: a
    duplicate, or another mix.

    Parameters
    ----------
    search : Neighbours
        The query and its neighbours.
    per_step : int
        Hypotheses followed per three seconds of query, in the first round; in round n, n times as many.
    rounds : int
        How often to look again at what is not yet explained.
    without : set of int
        Ordinals of recordings to leave out.

    Returns
    -------
    finds : list of Find
        By recording, then by query time.
    n_tried : int
    """
    aligner = Aligner(search.query, search.layer)
    free = np.ones(search.query.seconds.size, dtype=np.bool_)
    finds: list[Find] = []
    n_tried = 0
    for turn in range(rounds):
        n_before = len(finds)
        free_before = free.copy()
        seeds = plant_seeds(search.hits(free), per_step=per_step * (turn + 1))
        n_tried += len(seeds)
        aligned = [aligner.align(seed, free_before) for seed in seeds if seed.recording not in without]
        candidates = [a for a in aligned if a is not None and a.score > FLOOR_SCORE]
        candidates.sort(key=lambda a: (-a.score, a.recording, a.offset_seconds))
        for candidate in candidates:
            is_free = free[candidate.landmarks].all()
            left = candidate if is_free else aligner.align(_as_seed(candidate), free)
            if left is not None and any(_echoes(left, find) for find in finds):
                continue
            if left is not None and left.score > FLOOR_SCORE:
                finds.append(Find(left, (Piece(left, free_before if is_free else free.copy()),), [], candidates))
                free[left.landmarks] = False
            else:
                _note_rival(candidate, finds)
        if len(finds) == n_before:
            break
    return _joined(finds), n_tried


def beside(find: Find) -> dict[int, float]:
    """Return the best score of every other recording over the same part of the query."""
    passage = find.passage
    best: dict[int, float] = {}
    for candidate in find.candidates:
        if candidate.recording != passage.recording and _shared(candidate, passage) >= _OVERLAP:
            best.setdefault(candidate.recording, candidate.score)
    return best


def elsewhere(passage: Alignment, finds: list[Find]) -> list[float]:
    """Return the scores of the other passages of the same recording that are not on the line of this one.

    None for a dense passage: pieces that were cut and put in another order are dense, and each has a line of its own.
    """
    seconds = passage.track_end_seconds - passage.track_start_seconds + BLOCK_SECONDS
    if passage.score >= _DENSE_SCORE_PER_SECOND * seconds:
        return []
    return [
        other.score
        for other in (find.passage for find in finds)
        if other.recording == passage.recording
        and other is not passage
        and abs(passage.recording_at(other.track_start_seconds) - other.recording_start_seconds) > _OFF_LINE_SECONDS
    ]


def _as_seed(passage: Alignment) -> Seed:
    centre = (passage.track_start_seconds + passage.track_end_seconds) / 2
    return Seed(passage.recording, passage.ratio, passage.offset_seconds, passage.shift_cells, centre, passage.score)


def _echoes(candidate: Alignment, find: Find) -> bool:
    """Whether a candidate is what a passage leaves over where the reference, or a duplicate of it, repeats itself."""
    passage = find.passage
    return (
        (candidate.recording == passage.recording or candidate.recording in find.rivals)
        and _shared(candidate, passage) >= _OVERLAP
        and candidate.score < _ECHO * passage.score
    )


def _shared(one: Alignment, other: Alignment) -> float:
    """Return the share of the shorter passage, in query time, that lies in the longer one."""
    common = min(one.track_end_seconds, other.track_end_seconds) - max(
        one.track_start_seconds, other.track_start_seconds
    )
    shorter = min(passage.track_end_seconds - passage.track_start_seconds for passage in (one, other))
    return common / shorter if shorter > 0 else float(common >= 0)


def _note_rival(candidate: Alignment, finds: list[Find]) -> None:
    there = [find for find in finds if _shared(candidate, find.passage) >= _OVERLAP]
    if any(find.passage.recording == candidate.recording for find in there):
        return  # it has its own place there; what is left of it is no rival
    for find in there:
        if candidate.recording not in find.rivals and candidate.score >= _RELATED * find.passage.score:
            find.rivals.append(candidate.recording)
            return


def _joined(finds: list[Find]) -> list[Find]:
    """Join passages of one recording that follow each other on one line, a masked stretch between them."""
    out: list[Find] = []
    for find in sorted(finds, key=lambda find: (find.passage.recording, find.passage.track_start_seconds)):
        if out and _continues(out[-1].passage, find.passage):
            first = out.pop()
            rivals = list(dict.fromkeys(first.rivals + find.rivals))
            find = Find(first.passage.joined(find.passage), first.pieces + find.pieces, rivals, first.candidates)
        out.append(find)
    return out


def _continues(first: Alignment, second: Alignment) -> bool:
    gap = second.track_start_seconds - first.track_end_seconds
    if first.recording != second.recording or not 0.0 <= gap <= _JOIN_SECONDS:
        return False
    steady = abs(second.ratio / first.ratio - 1) < 0.02 and abs(second.shift_cells - first.shift_cells) < 1.0
    return steady and abs(second.recording_start_seconds - first.recording_at(second.track_start_seconds)) < 0.15
