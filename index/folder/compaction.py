"""Decide after a commit which segments to rewrite, and which layers to train.

- A layer that outgrew exact search gets a coarse tree; when it has grown eightfold, a deeper one.
- A segment of which more than 30 % was removed is rewritten without it.
- Four segments of about the same size are joined into one, so that their number grows with the logarithm of the
  catalogue. Only neighbours are joined: rows keep their order.

These functions decide; `index.folder.writer` acts.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.storage.manifest import SegmentEntry
from index.storage.segment_writer import MergeSource
from index.storage.snapshot import Snapshot
from index.vectors.exact import SEED
from index.vectors.signs import words_of
from index.vectors.tree import BRANCHES, LEAST_SAMPLE, ROOTS, SAMPLE_PER_LEAF, Tree, levels_for

__all__ = ["live_landmarks", "run_to_rewrite", "sample", "trees_wanted"]

FANOUT = 4  # segments of one size class before they are joined: each one left costs every query a little
SMALLEST_CLASS = 50_000  # landmarks; smaller segments count as one size class
REMOVED_SHARE = 0.3
GROWTH = 8  # a compressed layer gets a new tree when it has grown by this factor: one more level


def run_to_rewrite(snapshot: Snapshot) -> range | None:
    """Return the positions of segments that should become one now, or None."""
    entries = snapshot.manifest.segments
    for position in range(len(entries)):
        if _removed_share(snapshot, position) > REMOVED_SHARE:
            return range(position, position + 1)
    classes = [_size_class(entry) for entry in entries]
    for size in sorted(set(classes)):
        start = len(entries)
        while start and classes[start - 1] <= size:
            start -= 1
        if classes[start:].count(size) >= FANOUT:
            return range(start, len(entries))
    return None


def trees_wanted(snapshot: Snapshot, *, exact_limit: int, explicit: bool) -> dict[str, Tree]:
    """Train and return the trees that should replace those of layers; empty if all are well.

    Parameters
    ----------
    snapshot : Snapshot
        The index.
    exact_limit : int
        Landmarks of a layer beyond which it is compressed.
    explicit : bool
        Whether the user asked: then a deeper tree is trained as soon as one suits the size.
    """
    wanted = {}
    for name, layer in snapshot.manifest.layers.items():
        n = live_landmarks(snapshot, name)
        n_levels = levels_for(n)
        if layer.tree is None:
            due = n > exact_limit and n >= ROOTS
        else:
            grown = explicit or n >= GROWTH * layer.tree.trained_at
            due = grown and n_levels > snapshot.trees[name].n_levels
        if due:
            sources = [MergeSource(segment, snapshot.alive(i)) for i, segment in enumerate(snapshot.segments)]
            wanted[name] = Tree.train(sample(sources, name, n_levels), n_levels=n_levels)
    return wanted


def live_landmarks(snapshot: Snapshot, layer: str) -> int:
    """Return the landmarks of live recordings in one layer."""
    return sum(
        int(MergeSource(segment, snapshot.alive(position)).counts(layer).sum())
        for position, segment in enumerate(snapshot.segments)
    )


def _removed_share(snapshot: Snapshot, position: int) -> float:
    entry = snapshot.manifest.segments[position]
    if not entry.removed:
        return 0.0
    source = MergeSource(snapshot.segments[position], snapshot.alive(position))
    total = sum(entry.landmarks.values())
    live = sum(int(source.counts(name).sum()) for name in entry.landmarks)
    return 1 - live / total if total else len(entry.removed) / entry.n_recordings


def _size_class(entry: SegmentEntry) -> int:
    size, limit = 0, SMALLEST_CLASS
    while sum(entry.landmarks.values()) >= limit:
        size += 1
        limit *= FANOUT
    return size


def sample(sources: Sequence[MergeSource], layer: str, n_levels: int) -> NDArray[np.uint64]:
    """Return a seeded sample of the codes of live recordings, in row order [shape=(n, d / 64), dtype=uint64]."""
    sources = [source for source in sources if layer in source.segment.layers]
    wanted = max(SAMPLE_PER_LEAF * ROOTS * BRANCHES ** (n_levels - 1), LEAST_SAMPLE)
    share = min(1.0, wanted / sum(int(source.counts(layer).sum()) for source in sources))
    generator = np.random.default_rng(SEED)
    parts = []
    for source in sources:
        stored = source.segment.layers[layer]
        runs = source.runs(stored)
        before = np.cumsum([0, *(run.stop - run.start for run in runs)])  # live rows before each run
        n = int(before[-1])
        chosen = np.arange(n)
        if share < 1.0:
            chosen = np.sort(generator.choice(n, math.ceil(share * n), replace=False, shuffle=False))
        place = np.searchsorted(before, chosen, side="right") - 1
        starts = np.array([run.start for run in runs], dtype=np.int64)
        rows = starts[place] + chosen - before[place] if n else chosen
        parts.append(words_of(stored.codes)[rows])
    return np.concatenate(parts)
