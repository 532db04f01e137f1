"""Decide after a commit which segments to rewrite, and which layers to compress.

- A layer that outgrew exact search gets lists and codes in place of its descriptors; one that outgrew its level of the
  quantiser gets more and shorter lists.
- A segment of which more than 30 % was removed is rewritten without it.
- Four segments of about the same size are joined into one, so that their number grows with the logarithm of the
  catalogue. Only neighbours are joined: rows keep their order.

These functions decide; `index.folder.writer` acts.
"""

from dataclasses import replace

from index.storage.manifest import LayerEntry, QuantiserEntry, SegmentEntry
from index.storage.segment_writer import MergeSource
from index.storage.snapshot import Snapshot
from index.vectors.quantiser import level_for, shipped_quantiser

__all__ = ["layers_to_compress", "live_landmarks", "run_to_rewrite"]

FANOUT = 4  # segments of one size class before they are joined: each one left costs every query a little
SMALLEST_CLASS = 50_000  # landmarks; smaller segments count as one size class
REMOVED_SHARE = 0.3


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


def layers_to_compress(snapshot: Snapshot, *, exact_limit: int, explicit: bool) -> dict[str, LayerEntry]:
    """Return new entries of layers that have outgrown exact search, or their level; empty if there are none.

    Parameters
    ----------
    snapshot : Snapshot
        The index.
    exact_limit : int
        Landmarks of a layer beyond which it is compressed, if the quantiser is for descriptors of its length.
    explicit : bool
        Whether the user asked: then a layer that has shrunk gets the level that suits its size, too.
    """
    wanted = {}
    for name, layer in snapshot.manifest.layers.items():
        n = live_landmarks(snapshot, name)
        level, before = level_for(n), layer.quantiser
        if before is None:
            fits = layer.has_neighbours and layer.dimension == shipped_quantiser().dimension
            due = n > exact_limit and fits
        else:
            due = level != before.level if explicit else level > before.level
        if due:
            wanted[name] = replace(layer, quantiser=QuantiserEntry(shipped_quantiser().digest, level))
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
