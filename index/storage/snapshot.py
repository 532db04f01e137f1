"""Snapshots: one commit of the index, open for reading and unaffected by writers.

A manifest goes in; its segments, hubs and amendments come out, memory-mapped and compared with their checksums.
A reader may hold a manifest whose segments a compaction deletes before they are open. It then finds files missing,
reads the manifest again, and starts over if that has moved on; if it has not, the index is damaged.

Recordings are looked up here; the landmarks of a layer are those of `index.storage.layer_snapshot`.
"""

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import canonical_json
from fingerprint.errors import (
    CatalogueError,
    IndexDamagedError,
    IndexFormatError,
    ParameterError,
    UnknownRecordingError,
)
from index.storage.amendments import Amendments, contents_of, exclusions_of, read_amendments
from index.storage.format2 import TreeEntry, open_tree
from index.storage.hubs import Hub, read_hubs
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.manifest import (
    MANIFEST_NAME,
    LayerSpec,
    Manifest,
    read_manifest,
    require_grant,
)
from index.storage.recordings import Recording, RecordingTable, TablePart
from index.storage.segment import Segment, check_file
from index.storage.segment_rules import damaged
from index.storage.tags import Ranges
from index.vectors.format2.lists import TreeLists
from index.vectors.format2.tree import Tree
from index.vectors.quantiser import N_LEVELS, shipped_quantiser

__all__ = ["CHECK_ALL_BYTES", "Snapshot", "checked_tree"]

CHECK_ALL_BYTES = 64_000_000  # indexes up to this size are checked by checksum in full when opened, in about 0.1 s
_ATTEMPTS = 100


class Snapshot:
    """One commit of the index, open; made by `Snapshot.open` and `Snapshot.of`.

    Attributes
    ----------
    folder : Path
        The index folder.
    manifest : Manifest
        That of the commit.
    generation : int
        Number of the commit.
    segments : tuple of Segment
        In row order.
    trees : mapping
        Tree of each compressed layer of format 2.
    hubs : mapping
        Hub recordings, by id.
    amendments : Amendments
        Changes to recordings since their segments were written.
    recordings : RecordingTable
        Live recordings, a sequence indexed by ordinal.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        segments: tuple[Segment, ...],
        trees: Mapping[str, Tree],
        hubs: Mapping[str, Hub],
        amendments: Amendments,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.generation = manifest.generation
        self.segments = segments
        self.trees = trees
        self.hubs = hubs
        self.amendments = amendments
        self.recordings = RecordingTable(self._table_parts(), self._alive, manifest.renamed)
        self._layers: dict[str, LayerSnapshot] = {}

    @classmethod
    def open(
        cls, folder: Path, layers: Mapping[str, LayerSpec] | None = None, *, reuse: "Snapshot | None" = None
    ) -> "Snapshot":
        """Open the last commit.

        Parameters
        ----------
        folder : Path
            The index folder.
        layers : mapping, optional
            Layers that the caller is going to use; the index must have them, made with the same parameters.
        reuse : Snapshot, optional
            An earlier one, of which nothing is opened twice; it is returned itself if it is that of the last commit.

        Raises
        ------
        IndexMissingError
            If there is nothing.
        IndexFormatError
            If there is something else, an index of another format version, or one with other parameters.
        IndexDamagedError
            If a file is missing, cut or altered.
        CatalogueError
            If the manifest cannot be read, or the index changes at every attempt to open it.
        GrantError
            If the index is blind and its grant is missing.
        """
        manifest = read_manifest(folder)
        for _ in range(_ATTEMPTS):
            try:
                snapshot = _opened(folder, manifest, reuse)
            except (FileNotFoundError, IndexDamagedError) as error:
                latest = read_manifest(folder)
                if latest.generation == manifest.generation:
                    if isinstance(error, IndexDamagedError):
                        raise
                    raise damaged(Path(str(error.filename)), "is missing") from error
                manifest = latest
            else:
                snapshot.require(layers or {})
                return snapshot
        raise CatalogueError(f"{folder}: the index changed {_ATTEMPTS} times while it was being opened; try again")

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, *, reuse: "Snapshot | None" = None) -> "Snapshot":
        """Open the commit of one manifest, the last or not: a lease keeps its files, or the lock of the writer.

        Raises
        ------
        IndexDamagedError
            If a file is missing, cut or altered.
        GrantError
            If the index is blind and its grant is missing.
        """
        require_grant(folder, manifest)
        try:
            return _opened(folder, manifest, reuse)
        except FileNotFoundError as error:
            raise damaged(Path(str(error.filename)), "is missing") from error

    def require(self, layers: Mapping[str, LayerSpec]) -> None:
        """Make sure that layers are there, made with these parameters.

        Raises
        ------
        IndexFormatError
            If one is not.
        """
        for name, spec in layers.items():
            entry = self.manifest.layers.get(name)
            if entry is None:
                known = ", ".join(self.layers)
                raise IndexFormatError(
                    f"{self.folder}: has no layer {name!r} (it has {known}); add the recordings to a new index"
                )
            if entry.digest != spec.digest:
                raise IndexFormatError(
                    f"{self.folder}: layer {name!r} was made with parameters {entry.digest}, this program uses "
                    f"{spec.digest}; use the program that made it, or add the recordings to a new index"
                )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(self.manifest.layers)

    def hub_factor(self, ordinal: int) -> float:
        """Return how many times more frequent chance alignments with a recording are; 1 unless it is a hub."""
        hub = self.hubs.get(self.recordings[ordinal].id) if self.hubs else None
        return 1.0 if hub is None else hub.score

    def apart(self, ordinal: int) -> tuple[int, Ranges, float, str]:
        """Return the sort key of a recording among those with the same landmarks; its id, which means nothing, last."""
        recording = self.recordings[ordinal]
        return recording.duration_ms, recording.excluded, self.hub_factor(ordinal), recording.id

    @cached_property
    def digest(self) -> str:
        """`sha256:` and a digest of all that decides matches: parameters, quantisers, content of live recordings, hubs.

        It does not depend on the order in which recordings were added nor on how they are spread over segments; but
        hubs, where there are any, are those of the time when they were computed.
        """
        layers: dict[str, list[Any]] = {}
        for name, layer in self.manifest.layers.items():
            tree = layer.tree and [file.sha256 for file in layer.tree.files.values()]
            layers[name] = [layer.digest, asdict(layer.quantiser) if layer.quantiser else tree]
        digest = hashlib.sha256(canonical_json(layers))
        contents = np.ascontiguousarray(self._contents())
        digest.update(np.sort(contents.view("V32"), axis=0).view(np.uint8).data)  # by their bytes
        if self.hubs:
            digest.update(canonical_json({name: hub.score for name, hub in self.hubs.items()}))
        return "sha256:" + digest.hexdigest()

    def __contains__(self, recording_id: object) -> bool:
        return isinstance(recording_id, str) and self.recordings.find(recording_id) is not None

    def ordinal(self, recording_id: str) -> int:
        """Return the ordinal of a recording.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        """
        found = self.recordings.find(recording_id)
        if found is None:
            raise UnknownRecordingError(
                f"recording {recording_id!r} is not in the index {self.folder}; `sourceprint list` shows its ids"
            )
        return found

    def by_id(self, recording_id: str) -> Recording:
        """Return a recording; `UnknownRecordingError` as `ordinal`."""
        return self.recordings[self.ordinal(recording_id)]

    def by_sha256(self, sha256: str) -> list[Recording]:
        """Return all recordings made from the audio file with this SHA-256; none for ""."""
        return [self.recordings[ordinal] for ordinal in self.recordings.find_audio(sha256)]

    def layer(self, name: str) -> LayerSnapshot:
        """Return the landmarks of one layer.

        Raises
        ------
        ParameterError
            If the index has no such layer.
        """
        if name not in self._layers:
            entry = self.manifest.layers.get(name)
            if entry is None:
                raise ParameterError(f"layer {name!r}: this index has only {', '.join(self.layers)}")
            tree = self.trees.get(name)
            self._layers[name] = LayerSnapshot(
                name, entry, self.segments, self._alive, self.exclusions(), tree, self.apart
            )
        return self._layers[name]

    def without_exclusions(self) -> Self:
        """Return the same snapshot with layers as if no recording had excluded ranges.

        The recordings still name their ranges: matches reported from it are cut there as ever.
        """
        other = copy(self)
        other._layers = {name: self.layer(name).without_exclusions() for name in self.layers}
        return other

    def alive(self, position: int) -> NDArray[np.bool_]:
        """Return which recordings of one segment live [shape=(n_recordings,)]."""
        entry = self.manifest.segments[position]
        alive = np.ones(entry.n_recordings, dtype=np.bool_)
        alive[list(entry.removed)] = False
        return alive

    def amended(self, position: int) -> Mapping[int, bytes]:
        """Return the amended lines of one segment, by position in it."""
        return self.amendments.get(self.segments[position].name, {})

    def exclusions(self) -> NDArray[np.int64]:
        """Return the excluded ranges of live recordings [shape=(m, 3)]: ordinal, start and end in ms, in this order."""
        first = np.cumsum([0, *(len(segment.table.keys) for segment in self.segments)])
        parts = [np.empty((0, 3), dtype=np.int64)]
        for table, segment, k in zip(self._table_parts(), self.segments, first[:-1], strict=True):
            ranges = exclusions_of(table, segment.exclusions) if table.amended else segment.exclusions
            parts.append(ranges + np.array([k, 0, 0]))
        stored = np.concatenate(parts)
        live = stored[self._alive[stored[:, 0]]]
        ordinals = np.cumsum(self._alive) - 1
        return np.column_stack([ordinals[live[:, 0]], live[:, 1:]])

    @cached_property
    def _alive(self) -> NDArray[np.bool_]:
        """Of all segments in order, which recordings live."""
        flags = [self.alive(position) for position in range(len(self.segments))]
        return np.concatenate(flags) if flags else np.empty(0, dtype=np.bool_)

    def _table_parts(self) -> list[TablePart]:
        """Return the recordings of each segment as they are now, removed ones included."""
        if not self.amendments:
            return [segment.table for segment in self.segments]
        return [replace(segment.table, amended=self.amended(i)) for i, segment in enumerate(self.segments)]

    def _contents(self) -> NDArray[np.uint8]:
        """Return the digest of the content of every live recording [shape=(n_live, 32)]."""
        parts = [
            contents_of(table, segment.contents) if table.amended else segment.contents
            for table, segment in zip(self._table_parts(), self.segments, strict=True)
        ]
        return np.concatenate([np.empty((0, 32), dtype=np.uint8), *parts])[self._alive]


def _opened(folder: Path, manifest: Manifest, reuse: Snapshot | None) -> Snapshot:
    if reuse is not None and reuse.manifest == manifest:
        return reuse
    _require_quantiser(folder, manifest)
    size = sum(entry.size for segment in manifest.segments for entry in segment.files.values())
    check_all = size <= CHECK_ALL_BYTES
    known = {} if reuse is None else {segment.name: segment for segment in reuse.segments}
    segments = tuple(
        known[entry.name]
        if entry.name in known
        else Segment.open(folder / "segments" / entry.name, entry, manifest.layers, check_all=check_all)
        for entry in manifest.segments
    )
    trees = {}
    for name, layer in manifest.layers.items():
        if layer.tree is not None:
            same = reuse is not None and reuse.manifest.layers.get(name) == layer
            place = folder / "trees" / layer.tree.name
            trees[name] = reuse.trees[name] if same and reuse else checked_tree(place, layer.tree, layer.dimension)
    for segment in segments:
        for name, opened in segment.layers.items():
            lists = opened.lists
            if isinstance(lists, TreeLists) and trees[name].level_of(lists.n_lists) is None:
                raise damaged(opened.folder / "list_sizes.npy", f"has {lists.n_lists} lists, like no level of the tree")
    hubs, amendments = _open_hubs(folder, manifest, reuse), _open_amendments(folder, manifest, reuse)
    return Snapshot(folder, manifest, segments, trees, hubs, amendments)


def _open_hubs(folder: Path, manifest: Manifest, reuse: Snapshot | None) -> Mapping[str, Hub]:
    if manifest.hubs is None:
        return {}
    if reuse is not None and reuse.manifest.hubs == manifest.hubs:
        return reuse.hubs
    path = folder / manifest.hubs.name
    check_file(path, manifest.hubs.file, checksum=True)
    return read_hubs(path)


def _open_amendments(folder: Path, manifest: Manifest, reuse: Snapshot | None) -> Amendments:
    if manifest.amendments is None:
        return {}
    if reuse is not None and reuse.manifest.amendments == manifest.amendments:
        return reuse.amendments
    return read_amendments(folder, manifest.amendments)


def _require_quantiser(folder: Path, manifest: Manifest) -> None:
    """Make sure that this program has the quantiser that layers were compressed with."""
    for name, layer in manifest.layers.items():
        if layer.quantiser is not None:
            ours = shipped_quantiser()
            if layer.quantiser.digest != ours.digest or layer.dimension != ours.dimension:
                raise IndexFormatError(
                    f"{folder}: layer {name!r} was compressed with quantiser {layer.quantiser.digest}, this program "
                    f"has {ours.digest}; use the program that made it, or add the recordings to a new index"
                )
            if layer.quantiser.level >= N_LEVELS:
                raise damaged(folder / MANIFEST_NAME, f"has a level {layer.quantiser.level}, of {N_LEVELS}")


def checked_tree(place: Path, entry: TreeEntry, dimension: int) -> Tree:
    """Open the tree of a compressed layer of format 2.

    Raises
    ------
    IndexDamagedError
        If a file differs from its entry in the manifest, or has values that no tree can have.
    FileNotFoundError
        If it is gone.
    """
    for name, expected in entry.files.items():
        check_file(place / name, expected, checksum=True)
    return open_tree(place, dimension)
