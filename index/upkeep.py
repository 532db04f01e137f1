"""What the writer does after a commit to keep the index in shape: which segments to rewrite, which layers to train.

- A layer that outgrew exact search is trained, once; when it has grown fourfold it gets more lists.
- A segment of which more than 30 % was removed is rewritten without it.
- Four segments of about the same size are joined into one, so that their number grows with the logarithm of the
  catalogue. Only neighbours are joined: rows keep their order.

These functions decide; `index.writer` acts.
"""

import numpy as np
from numpy.typing import NDArray

from index.lists import CODE_BYTES, codes_by_row
from index.manifest import SegmentEntry
from index.segment_writer import Source
from index.snapshot import OpenState
from index.vectors import SEED, Codec, lists_for

__all__ = ["codecs_wanted", "live_landmarks", "run_to_rewrite"]

FANOUT = 4  # segments of one size class before they are joined: each one left costs every query a little
SMALLEST_CLASS = 50_000  # landmarks; smaller segments count as one size class
REMOVED_SHARE = 0.3
GROWTH = 4  # a compressed layer gets new lists when it has grown by this factor...
RELIST_LIMIT = 4_000_000  # ...by itself up to this many landmarks (by estimate a minute), beyond only on compact
_SMALLEST_TRAINING = 16  # vectors: as many as a sub-quantiser has code words
_SAMPLE_PER_LIST = 64
_SMALLEST_SAMPLE = 65_536


def run_to_rewrite(state: OpenState) -> range | None:
    """Return the positions of segments that should become one now, or None."""
    entries = state.manifest.segments
    for position in range(len(entries)):
        if _removed_share(state, position) > REMOVED_SHARE:
            return range(position, position + 1)
    classes = [_size_class(entry) for entry in entries]
    for size in sorted(set(classes)):
        start = len(entries)
        while start and classes[start - 1] <= size:
            start -= 1
        if classes[start:].count(size) >= FANOUT:
            return range(start, len(entries))
    return None


def codecs_wanted(state: OpenState, *, exact_limit: int, explicit: bool) -> dict[str, Codec]:
    """Train and return the codecs that layers should have instead of what they have; empty if all are well.

    Parameters
    ----------
    state : OpenState
        The index.
    exact_limit : int
        Landmarks of a layer beyond which it is compressed.
    explicit : bool
        Whether the user asked: then lists are renewed whatever the growth and the work.
    """
    wanted = {}
    for name, layer in state.manifest.layers.items():
        n = live_landmarks(state, name)
        n_lists = lists_for(n)
        if layer.codec is None:
            if n > exact_limit and n >= _SMALLEST_TRAINING:
                wanted[name] = Codec.train(_sample(state, name, n_lists), n_lists=n_lists)
        elif n_lists > state.codecs[name].n_lists and (
            explicit or (n >= GROWTH * layer.codec.trained_at and n <= RELIST_LIMIT)
        ):
            wanted[name] = state.codecs[name].relisted(_sample(state, name, n_lists), n_lists=n_lists)
    return wanted


def live_landmarks(state: OpenState, layer: str) -> int:
    """Return the landmarks of live recordings in one layer."""
    return sum(
        int(Source(segment, state.alive(position)).counts(layer).sum())
        for position, segment in enumerate(state.segments)
    )


def _removed_share(state: OpenState, position: int) -> float:
    entry = state.manifest.segments[position]
    if not entry.removed:
        return 0.0
    source = Source(state.segments[position], state.alive(position))
    total = sum(entry.landmarks.values())
    live = sum(int(source.counts(name).sum()) for name in entry.landmarks)
    return 1 - live / total if total else len(entry.removed) / entry.n_recordings


def _size_class(entry: SegmentEntry) -> int:
    size, limit = 0, SMALLEST_CLASS
    while sum(entry.landmarks.values()) >= limit:
        size += 1
        limit *= FANOUT
    return size


def _sample(state: OpenState, layer: str, n_lists: int) -> NDArray[np.float32]:
    """Return a seeded sample of the live vectors of a layer, as good as the index knows them, in row order."""
    sources = [Source(segment, state.alive(i)) for i, segment in enumerate(state.segments) if layer in segment.layers]
    counts = [int(source.counts(layer).sum()) for source in sources]
    n = sum(counts)
    wanted = max(_SAMPLE_PER_LIST * n_lists, _SMALLEST_SAMPLE)
    rows = np.arange(n)
    if n > wanted:
        rows = np.sort(np.random.default_rng(SEED).choice(n, wanted, replace=False))
    codec = state.codecs.get(layer)
    parts = []
    for source, count, first in zip(sources, counts, np.cumsum([0, *counts[:-1]]), strict=True):
        stored = source.segment.layers[layer]
        here = rows[(rows >= first) & (rows < first + count)] - first
        if codec is None and stored.vectors is not None:
            parts.append(stored.vectors[np.flatnonzero(source.row_map(stored, 0) >= 0)[here]].astype(np.float32))
        elif codec is not None and stored.lists is not None:
            codes = np.empty((count, CODE_BYTES), dtype=np.uint8)
            codes_by_row(stored.lists, source.row_map(stored, 0), codes)
            parts.append(codec.decode(codes[here]))
    return np.concatenate(parts)
