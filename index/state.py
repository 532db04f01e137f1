"""The state of an index at one commit, as it lies open: segments, trees, hubs and amendments, and what lives of them.

`index.opening` makes it of a folder; `index.snapshot` is what readers see of it, and `index.writer` what it changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.amendments import Amendments, contents_of, exclusions_of
from index.hubs import Hub
from index.manifest import Manifest
from index.recordings import RecordingTable, TablePart
from index.segment import Segment
from index.tree import Tree

__all__ = ["OpenState"]


@dataclass(frozen=True, slots=True, eq=False)
class OpenState:
    """Everything the manifest names, open.

    Attributes
    ----------
    folder : Path
        The index folder.
    manifest : Manifest
        Its manifest.
    segments : tuple of Segment
        In row order.
    trees : dict
        Tree of each compressed layer.
    hubs : mapping
        Recordings that are near everything, by id.
    amendments : Amendments
        What was changed about recordings since their segments were written.
    """

    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    trees: dict[str, Tree]
    hubs: Mapping[str, Hub]
    amendments: Amendments = field(default_factory=dict)

    def alive(self, position: int) -> NDArray[np.bool_]:
        """Return which recordings of one segment live [shape=(n_recordings,)]."""
        entry = self.manifest.segments[position]
        alive = np.ones(entry.n_recordings, dtype=np.bool_)
        alive[list(entry.removed)] = False
        return alive

    def all_alive(self) -> NDArray[np.bool_]:
        """Return the same for all segments in order."""
        flags = [self.alive(position) for position in range(len(self.segments))]
        return np.concatenate(flags) if flags else np.empty(0, dtype=np.bool_)

    def table(self) -> RecordingTable:
        """Return the live recordings."""
        return RecordingTable(self.table_parts(), self.all_alive())

    def amended(self, position: int) -> Mapping[int, bytes]:
        """Return the amended lines of one segment, by position in it."""
        return self.amendments.get(self.segments[position].name, {})

    def table_parts(self) -> list[TablePart]:
        """Return the recordings of each segment as they are now, removed ones included."""
        return [replace(segment.table, amended=self.amended(i)) for i, segment in enumerate(self.segments)]

    def contents(self) -> NDArray[np.uint8]:
        """Return the digest of the content of every live recording [shape=(n_live, 32)]."""
        parts = [contents_of(t, s.contents) for t, s in zip(self.table_parts(), self.segments, strict=True)]
        return np.concatenate([np.empty((0, 32), dtype=np.uint8), *parts])[self.all_alive()]

    def exclusions(self) -> NDArray[np.int64]:
        """Return the excluded ranges of live recordings [shape=(m, 3)]: ordinal, start and end in ms, in this order."""
        alive = self.all_alive()
        first = np.cumsum([0, *(len(segment.table.keys) for segment in self.segments)])
        parts = [np.empty((0, 3), dtype=np.int64)]
        for table, segment, k in zip(self.table_parts(), self.segments, first[:-1], strict=True):
            parts.append(exclusions_of(table, segment.exclusions) + np.array([k, 0, 0]))
        stored = np.concatenate(parts)
        live = stored[alive[stored[:, 0]]]
        ordinals = np.cumsum(alive) - 1
        return np.column_stack([ordinals[live[:, 0]], live[:, 1:]])
