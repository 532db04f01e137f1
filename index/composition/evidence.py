"""First step: how much a pair of windows, one of the track and one of a recording, speaks for the same passage.

Likeness alone says little: some windows, of a drone or a common chord, are like everything. So it is standardised by
what both windows have in common with the background, and windows of a track that repeats itself share one window's
weight.

- `recording_side`, `query_side`: windows with the numbers that standardise them.
- `best_scores`: the score of a recording in each key, for one time scale.
- `evidence_of`: the evidence of all pairs of windows, in one key.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import CompositionModel, CompositionParams, CompositionWindows
from fingerprint.composition.windows import N_KEYS, key_turns
from index.composition import _kernels

__all__ = ["EvidenceRule", "QuerySide", "RecordingSide", "best_scores", "evidence_of", "query_side", "recording_side"]

USUAL_MEAN = 0.22  # likeness to the background, over the music of the corpus
LEAST_SD = 0.02  # silence is like nothing, evenly


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """How likeness becomes evidence.

    Attributes
    ----------
    threshold : float
        Standardised likeness that speaks neither for nor against.
    most, least : float
        Bounds: of standardised likeness above, of evidence below.
    outer_scale_weight : float
        Weight of the time scales other than 1: most music that is played again keeps its tempo.
    alike_floor : float
        Likeness from which on two windows of a track repeat each other.
    alike_seconds : float
        Reach within which they do.
    most_alike : float
        Windows that repeat each other which count in full.
    """

    threshold: float = 2.0
    most: float = 6.0
    least: float = -1.5
    outer_scale_weight: float = 0.8
    alike_floor: float = 0.2
    alike_seconds: float = 15.0
    most_alike: float = 3.0


class QuerySide(NamedTuple):
    """Windows of a track at one time scale, ready to be compared.

    Attributes
    ----------
    vectors : ndarray [shape=(n, 64), dtype=int8]
    offset, gain, weight : ndarray [shape=(n,), dtype=float32]
        Evidence is (likeness - offsets) * gains, bounded, times the weight of the track's window.
    """

    vectors: NDArray[np.int8]
    offset: NDArray[np.float32]
    gain: NDArray[np.float32]
    weight: NDArray[np.float32]


class RecordingSide(NamedTuple):
    """Windows of a recording, ready to be compared.

    Attributes
    ----------
    columns : ndarray [shape=(64, n), dtype=float32]
        Their vectors, number after number.
    offset, gain : ndarray [shape=(n,), dtype=float32]
        As those of `QuerySide`.
    """

    columns: NDArray[np.float32]
    offset: NDArray[np.float32]
    gain: NDArray[np.float32]


def query_side(windows: CompositionWindows, params: CompositionParams, rule: EvidenceRule) -> QuerySide:
    """Return one time scale of a track, ready to be compared."""
    n = len(windows.vectors)
    alike = np.empty(n, dtype=np.float32)
    reach = round(rule.alike_seconds * windows.scale / params.step_seconds)
    _kernels.redundancy(
        windows.vectors, reach, np.float32(rule.alike_floor), np.float32(1.0 / params.vector_step**2), alike
    )
    weight = np.minimum(np.float32(1.0), np.float32(rule.most_alike) / np.maximum(alike, np.float32(1e-3)))
    # A track that is stretched must not collect more windows.
    weight *= np.float32((1.0 if windows.scale == 1.0 else rule.outer_scale_weight) / windows.scale)
    offset, gain = _standard(windows, params)
    return QuerySide(windows.vectors, offset, gain / np.float32(params.vector_step**2), weight)


def recording_side(windows: CompositionWindows, params: CompositionParams) -> RecordingSide:
    """Return a recording, ready to be compared."""
    return RecordingSide(np.ascontiguousarray(windows.vectors.T, dtype=np.float32), *_standard(windows, params))


def best_scores(
    query: QuerySide, recording: RecordingSide, model: CompositionModel, rule: EvidenceRule
) -> NDArray[np.float32]:
    """Return the score of the best alignment in each key [shape=(12,), dtype=float32].

    Key `k` is the track `k` semitones higher.
    """
    best = np.zeros(N_KEYS, dtype=np.float32)
    n = recording.columns.shape[1]
    if n:
        products, likeness = np.empty((2, N_KEYS, n), dtype=np.float32)
        rows = np.empty((3, N_KEYS, n + 2), dtype=np.float32)
        arguments: tuple[Any, ...] = (*query, *recording, *_known(model, rule), products, likeness, rows, best)
        _kernels.best_scores(*arguments)
    return best


def evidence_of(
    query: QuerySide, recording: RecordingSide, key: int, model: CompositionModel, rule: EvidenceRule
) -> NDArray[np.float32]:
    """Return the evidence of all pairs of windows [shape=(n_query, n), dtype=float32], the track `key` higher."""
    n_query, n = len(query.vectors), recording.columns.shape[1]
    out = np.empty((n_query, n), dtype=np.float32)
    if n:
        products, likeness = np.empty((2, N_KEYS, n), dtype=np.float32)
        arguments: tuple[Any, ...] = (*query, *recording, *_known(model, rule), products, likeness, key, out)
        _kernels.evidence_of_key(*arguments)
    return out


def _standard(
    windows: CompositionWindows, params: CompositionParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return offset and gain of each window: likeness is counted from the mean of both windows' backgrounds."""
    mean, sd = windows.background_mean.astype(np.float32), windows.background_sd.astype(np.float32)
    offset = (mean - np.float32(0.5 * USUAL_MEAN)) * np.float32(params.vector_step**2)
    gain = np.float32(1.0) / np.sqrt(np.maximum(sd, np.float32(LEAST_SD)))
    return offset.astype(np.float32), gain.astype(np.float32)


def _known(model: CompositionModel, rule: EvidenceRule) -> tuple[Any, ...]:
    limits = np.float32(rule.most), np.float32(rule.threshold), np.float32(rule.least)
    return (model.frequencies, *key_turns(), *limits)
