"""A catalogue of any size: real recordings, and drawn ones whose descriptors have the statistics of real ones.

A drawn recording is pieced together from stretches of real ones, half a minute each, at another pitch and tempo; each
of its descriptors is that of the stretch plus a share of the difference of two descriptors of other recordings, v + a
(w - u), with `a` between 0 and 0.4. So landmarks keep the order, the density and the repetitions that music has, the
descriptors stay in the cloud that real ones fill, and none is a copy. How near they come to queries is compared with
real, unrelated music by `nearness`. The stretches are of recordings whose sources are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogues import LAYER
from index.folder.index import Index
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND, PreparedLayer
from index.storage.recordings import Recording
from index.vectors.exact import EXACT_LIMIT, ExactVectors
from index.vectors.signs import signs_of

__all__ = ["SECONDS", "Landscape", "drawn_id", "grow", "nearness"]

SECONDS = 210.0
"""Length of a drawn recording: three and a half minutes."""

_PIECE_SECONDS = 30.0
_MOST_SHARE = 0.4
_DRAWN_SEED = 20_261_122
_COMMIT_LANDMARKS = 8_000_000  # fewer, larger commits than `add` makes: the whole catalogue is there at once
_CELLS = 230.0


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Landmarks of real recordings.

    Attributes
    ----------
    files, sources : list of str
        Of each recording.
    bounds : ndarray [shape=(n_recordings + 1,), dtype=int64]
        First landmark of each.
    times : ndarray [shape=(n,), dtype=float64]
        Seconds.
    bins : ndarray [shape=(n,), dtype=float32]
        Cells.
    vectors : ndarray [shape=(n, d), dtype=float32]
        Unit descriptors.
    prominence : ndarray [shape=(n,), dtype=float32]
        Height above the surroundings, by which landmarks are rationed.
    seconds : ndarray [shape=(n_recordings,), dtype=float64]
        Lengths.
    """

    files: list[str]
    sources: list[str]
    bounds: NDArray[np.int64]
    times: NDArray[np.float64]
    bins: NDArray[np.float32]
    vectors: NDArray[np.float32]
    prominence: NDArray[np.float32]
    seconds: NDArray[np.float64]

    def of_sources(self, sources: frozenset[str], *, inside: bool) -> Landscape:
        """Return the recordings whose source is among `sources`, or those whose source is not."""
        chosen = [i for i, source in enumerate(self.sources) if (source in sources) == inside]
        rows = np.concatenate([np.empty(0, np.int64), *(np.arange(*self.bounds[i : i + 2]) for i in chosen)])
        counts = np.diff(self.bounds)[chosen]
        return Landscape(
            [self.files[i] for i in chosen],
            [self.sources[i] for i in chosen],
            np.concatenate([[0], np.cumsum(counts)]),
            self.times[rows],
            self.bins[rows],
            self.vectors[rows],
            self.prominence[rows],
            self.seconds[chosen],
        )

    def stored(self, number: int, *, per_second: float | None = None) -> PreparedLayer:
        """Return one recording as it is stored, thinned to its most prominent landmarks if `per_second` is given."""
        rows = np.arange(self.bounds[number], self.bounds[number + 1])
        if per_second is not None:
            rows = _most_prominent(rows, self.prominence[rows], per_second * self.seconds[number])
        return _stored(self.times[rows], self.bins[rows], self.vectors[rows])

    def drawn(self, number: int, *, per_second: float | None = None) -> PreparedLayer:
        """Return a drawn recording as it is stored; the same for the same number."""
        times, bins, vectors, prominence = self.draw(number)
        if per_second is not None:
            rows = _most_prominent(np.arange(times.size), prominence, per_second * SECONDS)
            times, bins, vectors = times[rows], bins[rows], vectors[rows]
        return _stored(times, bins, vectors)

    def draw(
        self, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return times, cells, unit descriptors and prominence of a drawn recording."""
        rng = np.random.default_rng([_DRAWN_SEED, number])
        rows, times, bins = [], [], []
        at = 0.0
        while at < SECONDS:
            one = int(rng.integers(len(self.files)))
            first, last = int(self.bounds[one]), int(self.bounds[one + 1])
            start = float(rng.uniform(0.0, max(self.seconds[one] - _PIECE_SECONDS, 0.0)))
            a, b = first + np.searchsorted(self.times[first:last], [start, start + _PIECE_SECONDS])
            tempo, shift = float(rng.uniform(0.9, 1.1)), float(rng.uniform(-6.0, 6.0))
            rows.append(np.arange(a, b))
            times.append(at + (self.times[a:b] - start) * tempo)
            bins.append(np.clip(self.bins[a:b] + shift, 0.0, _CELLS))
            at += min(_PIECE_SECONDS, max(self.seconds[one] - start, 1.0)) * tempo
        where, when = np.concatenate(rows), np.concatenate(times)
        kept = when < SECONDS
        where, when, cells = where[kept], when[kept], np.concatenate(bins)[kept].astype(np.float32)
        order = np.argsort(when, kind="stable")
        where, when, cells = where[order], when[order], cells[order]
        w, u = rng.integers(len(self.vectors), size=(2, where.size))
        share = rng.uniform(0.0, _MOST_SHARE, (where.size, 1)).astype(np.float32)
        vectors = self.vectors[where] + share * (self.vectors[w] - self.vectors[u])
        vectors /= np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
        return when, cells, vectors, self.prominence[where]


def drawn_id(number: int) -> str:
    """Return the id of a drawn recording."""
    return f"drawn-{number:07d}"


def grow(
    path: Path,
    real: Landscape,
    pool: Landscape,
    n_recordings: int,
    *,
    per_second: float | None = None,
    exact_limit: int = EXACT_LIMIT,
) -> Iterator[int]:
    """Add recordings to an index until it has `n_recordings`: the real ones first, then drawn ones.

    Goes on where it was interrupted. Yields the number of recordings in the index, now and then.
    """
    index = Index.open(path)
    done = len(index.snapshot().recordings)
    with index.writer(commit_landmarks=_COMMIT_LANDMARKS, exact_limit=exact_limit) as writer:
        for number in range(done, n_recordings):
            if number < len(real.files):
                seconds = float(real.seconds[number])
                recording = Recording(real.files[number], duration_ms=round(1000 * seconds))
                writer.add(recording, {LAYER: real.stored(number, per_second=per_second)})
            else:
                recording = Recording(drawn_id(number), duration_ms=round(1000 * SECONDS))
                writer.add(recording, {LAYER: pool.drawn(number, per_second=per_second)})
            if number % 100 == 99:
                yield number + 1
    yield n_recordings


def nearness(
    queries: NDArray[np.float32], pool: Landscape, sizes: Sequence[int], shares: Sequence[float]
) -> list[dict[str, object]]:
    """Compare how near queries come to real and to drawn descriptors, as many of the one as of the other.

    Parameters
    ----------
    queries : ndarray [shape=(q, d), dtype=float32]
        Descriptors of music that is unrelated to `pool`.
    pool : Landscape
        Material that recordings are drawn from.
    sizes : sequence of int
        Numbers of descriptors compared; those that `pool` does not have are left out for real ones.
    shares : sequence of float
        Quantiles of the greatest similarity.

    Returns
    -------
    list of dict
        `size`, `real` and `drawn`: those quantiles; `real` is None where there are too few.
    """
    rng = np.random.default_rng(_DRAWN_SEED)
    order = rng.permutation(len(pool.vectors))
    table: list[dict[str, object]] = []
    best = np.full(len(queries), -1.0, dtype=np.float32)
    made, number = 0, 0
    for size in sizes:
        while made < size:
            vectors = pool.draw(number)[2][: size - made]
            best = np.maximum(best, _nearest(vectors, queries))
            made, number = made + len(vectors), number + 1
        real = None
        if size <= len(pool.vectors):
            real = np.quantile(_nearest(pool.vectors[np.sort(order[:size])], queries), shares).tolist()
        table.append({"size": size, "real": real, "drawn": np.quantile(best, shares).tolist()})
    return table


def _nearest(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    return ExactVectors(vectors, np.arange(len(vectors))).search(queries, 1)[1][:, 0]


def _most_prominent(rows: NDArray[np.int64], prominence: NDArray[np.float32], wanted: float) -> NDArray[np.int64]:
    kept = np.argsort(-prominence, kind="stable")[: max(round(wanted), 1)]
    return rows[np.sort(kept)]


def _stored(times: NDArray[np.float64], bins: NDArray[np.float32], vectors: NDArray[np.float32]) -> PreparedLayer:
    halves = vectors.astype(np.float16)
    return PreparedLayer.of(
        np.rint(times * TIMES_PER_SECOND).astype(np.uint32),
        np.rint(bins * BINS_PER_CELL).astype(np.uint16),
        signs_of(vectors),
        halves,
    )
