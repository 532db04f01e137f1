"""Find the hubs of a layer (`index.storage.hubs` defines them).

The queries are landmarks of the catalogue itself, spread over every recording alike; of each, the `NEIGHBOURS` most
similar landmarks of other recordings count, as many as a search looks at. What one recording may contribute to the
count of another is capped at one plus the latter's total by chance, so that duplicates do not make each other
hubs. The landmarks of one recording are not independent; so the lower confidence bound of a score is that of a Poisson
count of recordings, at `_FALSE_HUBS` false ones in the whole catalogue. The sample depends on the recordings alone, not
on a random number or on the order in which they were added.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.storage.hubs import Hub
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.manifest import RECORDING
from index.storage.snapshot import Snapshot
from index.vectors.signs import vectors_of_signs

__all__ = ["LEAST_BOUND", "LEAST_RECORDINGS", "NEIGHBOURS", "HubScores", "find_hubs", "hub_scores"]

LEAST_BOUND = 10.0
"""A recording is a hub if its score is above this with confidence.

Synthesised music, drones, test tones and noise stay below a score of 2, so a bound of 10 is far from what is ordinary.
And it is what the decision cannot see by itself: decoys measure the rate of chance over the catalogue as a whole.
"""

LEAST_RECORDINGS = 10
"""Fewer recordings than this that have it as a neighbour make no hub: they may be copies of it."""

NEIGHBOURS = 2

_ASKED = 8  # neighbours looked up, so that those in the own recording leave enough
_NPROBE = 8
_SAMPLE = 20_000  # landmarks at least, if recordings have as many
_MOST_PER_RECORDING = 64
_FALSE_HUBS = 0.01
_BATCH = 8_192


class HubScores(NamedTuple):
    """Hub measurements of every recording, by ordinal.

    Attributes
    ----------
    score : ndarray [shape=(n,), dtype=float64]
        Times it was a neighbour, over times to be expected from its share of the landmarks; 1 is ordinary.
    bound : ndarray [shape=(n,), dtype=float64]
        Lower confidence bound of the score.
    neighbours : ndarray [shape=(n,), dtype=float64]
        Times it was a neighbour, capped per recording that asked.
    recordings : ndarray [shape=(n,), dtype=int64]
        Recordings that had it as a neighbour.
    sample : int
        Landmarks asked.
    """

    score: NDArray[np.float64]
    bound: NDArray[np.float64]
    neighbours: NDArray[np.float64]
    recordings: NDArray[np.int64]
    sample: int


def find_hubs(snapshot: Snapshot, layer: str = RECORDING) -> dict[str, Hub]:
    """Return the hubs of a snapshot by id, in the order of ids; none if it lacks the layer.

    Raises
    ------
    IndexDamagedError
        If data of the layer fails its checksum.
    """
    if layer not in snapshot.layers or len(snapshot.recordings) <= LEAST_RECORDINGS:
        return {}
    scores = hub_scores(snapshot.layer(layer))
    found = np.flatnonzero((scores.bound > LEAST_BOUND) & (scores.recordings >= LEAST_RECORDINGS))
    hubs = {
        snapshot.recordings[ordinal].id: Hub(
            round(float(scores.score[ordinal]), 3),
            round(float(scores.bound[ordinal]), 3),
            round(float(scores.neighbours[ordinal])),
            scores.sample,
        )
        for ordinal in found.tolist()
    }
    return dict(sorted(hubs.items()))


def hub_scores(view: LayerSnapshot) -> HubScores:
    """Measure how much more often than by its size each recording is a neighbour of the others.

    Parameters
    ----------
    view : LayerSnapshot
        The landmarks.

    Raises
    ------
    IndexDamagedError
        If data of the layer fails its checksum.
    """
    n = view.n_recordings
    counts = view.counts()
    neighbours, times, slots, sample = _tally(view, counts)
    expected = _expected(slots, counts)
    capped = np.minimum(times, 1.0 + expected[neighbours])
    observed = np.bincount(neighbours, weights=capped, minlength=n).astype(np.float64)
    recordings = np.bincount(neighbours, minlength=n)
    score = np.divide(observed, expected, out=np.zeros(n), where=expected > 0)
    bound = score * _least_share(recordings, _FALSE_HUBS / max(n, 1))
    return HubScores(score, bound, observed, recordings, sample)


def _tally(
    view: LayerSnapshot, counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Ask the sample; count who was a neighbour of whom.

    Returns
    -------
    neighbours, times : ndarray [shape=(n_pairs,), dtype=int64]
        For each pair of who asked and who was found: the ordinal of the latter, and how often.
    slots : ndarray [shape=(n_recordings,), dtype=int64]
        Neighbours in other recordings that each found.
    sample : int
        Landmarks asked.
    """
    n = counts.size
    per_recording = min(_MOST_PER_RECORDING, math.ceil(_SAMPLE / max(n, 1)))
    pairs, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    slots = np.zeros(n, dtype=np.int64)
    for first in range(0, n, max(1, _BATCH // per_recording)):
        ordinals = np.arange(first, min(n, first + max(1, _BATCH // per_recording)))
        asked = np.minimum(counts[ordinals], per_recording)
        codes = [
            view.landmarks_of(int(i))[2][_spread(int(counts[i]), int(q))] for i, q in zip(ordinals, asked, strict=True)
        ]
        rows, _ = view.search(vectors_of_signs(np.concatenate(codes)), _ASKED, nprobe=_NPROBE)
        asker = np.repeat(ordinals, asked)
        found = view.recording_of(rows).astype(np.int64)
        others = (found >= 0) & (found != asker[:, None])
        nearest = others & (np.cumsum(others, axis=1) <= NEIGHBOURS)
        pair, count = np.unique((asker[:, None] * n + found)[nearest], return_counts=True)
        pairs.append(pair)
        times.append(count)
        slots += np.bincount(asker, weights=nearest.sum(axis=1), minlength=n).astype(np.int64)
    neighbours = np.concatenate(pairs) % max(n, 1)
    return neighbours, np.concatenate(times), slots, int(np.minimum(counts, per_recording).sum())


def _least_share(counts: NDArray[np.int64], level: float) -> NDArray[np.float64]:
    """Return the lower confidence bound of the mean of Poisson counts, as a share of the counts; 0 for counts of 0.

    By the cube root of a gamma variable, which is nearly normal (Wilson and Hilferty, PNAS 1931).
    """
    n = np.maximum(counts, 1).astype(np.float64)
    root = 1.0 - 1.0 / (9.0 * n) + NormalDist().inv_cdf(level) / (3.0 * np.sqrt(n))
    share: NDArray[np.float64] = np.where(counts > 0, np.maximum(root, 0.0) ** 3, 0.0)
    return share


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Return `wanted` of `count` positions, in the middle of stretches of equal length."""
    return ((np.arange(wanted) + 0.5) * count / max(wanted, 1)).astype(np.int64)


def _expected(slots: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how often each recording would be a neighbour if all landmarks of other recordings were alike."""
    others = counts.sum() - counts
    per_landmark = np.divide(slots, others, out=np.zeros(counts.size), where=others > 0)
    expected: NDArray[np.float64] = counts * (per_landmark.sum() - per_landmark)
    return expected
