"""The state of an index at one commit, as it lies open: segments, trees, hubs and amendments, and what lives of them.

`index.storage.commit` makes it of a folder; `index.storage.snapshot` is what readers see of it, and
`index.catalogue.writer` what it changes.

Opening an index: from the manifest to open segments, even while a writer replaces them.

A reader may hold a manifest whose segments a compaction deletes before they are open. It then finds files missing,
reads the manifest again, and starts over if that has moved on; if it has not, the index is damaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import IndexDamagedError
from index.storage.amendments import Amendments, contents_of, exclusions_of, read_amendments
from index.storage.hubs import Hub, read_hubs
from index.storage.manifest import LayerEntry, Manifest, TreeEntry, read_manifest, require_grant
from index.storage.recordings import RecordingTable, TablePart
from index.storage.segment import Segment, check_file, damaged, map_array
from index.vectors.tree import Tree

__all__ = ["CHECK_ALL_BYTES", "OpenState", "open_manifest", "open_state"]


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


CHECK_ALL_BYTES = 64_000_000  # indexes up to this size are checked by checksum in full when opened, in about 0.1 s
_ATTEMPTS = 100


def open_state(folder: Path, *, reuse: OpenState | None = None) -> OpenState:
    """Open everything that the manifest names now.

    Parameters
    ----------
    folder : Path
        The index folder.
    reuse : OpenState, optional
        An earlier state, whose segments and trees need not be opened again.

    Raises
    ------
    IndexMissingError, IndexFormatError
        As `read_manifest`.
    IndexDamagedError
        If a file is missing, cut or altered.
    """
    manifest = read_manifest(folder)
    for _ in range(_ATTEMPTS):
        if reuse is not None and reuse.manifest == manifest:
            return reuse
        try:
            return _open(folder, manifest, reuse)
        except (FileNotFoundError, IndexDamagedError) as error:
            latest = read_manifest(folder)
            if latest.generation == manifest.generation:
                if isinstance(error, IndexDamagedError):
                    raise
                raise damaged(Path(str(error.filename)), "is missing") from error
            manifest = latest
    raise IndexDamagedError(f"{folder}: the index changed {_ATTEMPTS} times while it was being opened; try again")


def open_manifest(folder: Path, manifest: Manifest, *, reuse: OpenState | None = None) -> OpenState:
    """Open what one manifest names, whether it is that of the last commit or not: a lease keeps its files.

    Raises
    ------
    IndexDamagedError
        If a file is missing, cut or altered.
    GrantError
        If the index is blind and its grant is missing.
    """
    if reuse is not None and reuse.manifest == manifest:
        return reuse
    require_grant(folder, manifest)
    try:
        return _open(folder, manifest, reuse)
    except FileNotFoundError as error:
        raise damaged(Path(str(error.filename)), "is missing") from error


def _open(folder: Path, manifest: Manifest, reuse: OpenState | None) -> OpenState:
    size = sum(entry.size for segment in manifest.segments for entry in segment.files.values())
    check_all = size <= CHECK_ALL_BYTES
    known = {} if reuse is None else {segment.name: segment for segment in reuse.segments}
    segments = tuple(
        known[entry.name]
        if entry.name in known
        else Segment(folder / "segments" / entry.name, entry, manifest.layers, check_all=check_all)
        for entry in manifest.segments
    )
    trees = {}
    for name, layer in manifest.layers.items():
        if layer.tree is not None:
            same = reuse is not None and reuse.manifest.layers.get(name) == layer
            trees[name] = reuse.trees[name] if same and reuse else _open_tree(folder, layer, layer.tree)
    for segment in segments:
        for name, opened in segment.layers.items():
            n_lists = None if opened.lists is None else opened.lists.n_lists
            if n_lists is not None and trees[name].level_of(n_lists) is None:
                raise damaged(opened.folder / "list_sizes.npy", f"has {n_lists} lists, like no level of the tree")
    hubs = _open_hubs(folder, manifest, reuse)
    if reuse is not None and reuse.manifest.amendments == manifest.amendments:
        return OpenState(folder, manifest, segments, trees, hubs, reuse.amendments)
    return OpenState(folder, manifest, segments, trees, hubs, read_amendments(folder, manifest.amendments))


def _open_hubs(folder: Path, manifest: Manifest, reuse: OpenState | None) -> Mapping[str, Hub]:
    if manifest.hubs is None:
        return {}
    if reuse is not None and reuse.manifest.hubs == manifest.hubs:
        return reuse.hubs
    path = folder / manifest.hubs.name
    check_file(path, manifest.hubs.file, checksum=True)
    return read_hubs(path)


def _open_tree(folder: Path, layer: LayerEntry, entry: TreeEntry) -> Tree:
    place = folder / "trees" / entry.name
    for name, expected in entry.files.items():
        check_file(place / name, expected, checksum=True)
    tree = Tree(map_array(place / "tree.npy", np.float32, (None, layer.dimension)))
    if tree.first[-1] != len(tree.centroids):
        raise damaged(place / "tree.npy", f"holds {len(tree.centroids)} centroids, which is no whole number of levels")
    return tree
