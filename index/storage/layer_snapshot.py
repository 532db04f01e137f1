"""The landmarks of one layer in a snapshot: the search for neighbours, and all that is stored about each landmark.

Landmarks are numbered by *row*: the rows of the first segment, then those of the second, and so on, removed ones
included. Live recordings are numbered by *ordinal*, in row order. Both numberings belong to one snapshot.
"""

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.storage.layers import TIMES_PER_SECOND
from index.storage.manifest import LayerEntry
from index.storage.segment import Segment, SegmentLayer, rows_check
from index.storage.segment_rules import damaged
from index.vectors.exact import ExactVectors, as_vectors, check_vectors
from index.vectors.format2.lists import NPROBE_2, TreeLists, TreeSearch
from index.vectors.format2.tree import Tree
from index.vectors.ivf import NPROBE, CodeLists, SegmentCodes
from index.vectors.quantiser import BRANCHES, ROOTS, shipped_quantiser

__all__ = ["LayerSnapshot"]


class LayerSnapshot:
    """The landmarks of one layer in a snapshot; made by `Snapshot.layer`.

    Parameters
    ----------
    name : str
        Of the layer.
    entry : LayerEntry
        As the manifest has it.
    segments : sequence of Segment
        In row order.
    alive : ndarray [shape=(n_stored,), dtype=bool]
        Over all segments: whether a recording is still in the catalogue.
    exclusions : ndarray [shape=(m, 3), dtype=int64]
        Excluded ranges: ordinal, start and end in milliseconds, in this order.
    tree : Tree or None
        Of a compressed layer of format 2.
    apart : callable
        Return the sort key of recordings with the same landmarks, by ordinal: a tuple that can be compared.

    Attributes
    ----------
    name, digest : str
        Name of the layer and digest of its parameters.
    params : mapping
        Those parameters.
    dimension : int
        Length of a descriptor.
    kind : str
        "exact" or "compressed".
    quantiser : QuantiserEntry or None
        Of a compressed layer.
    n_rows : int
        Rows, those of removed recordings included.
    n_landmarks : int
        Rows of live recordings.
    n_recordings : int
        Live recordings; ordinals run from 0 to this.
    has_exclusions : bool
        Whether any of them has excluded ranges.
    """

    def __init__(
        self,
        name: str,
        entry: LayerEntry,
        segments: Sequence[Segment],
        alive: NDArray[np.bool_],
        exclusions: NDArray[np.int64],
        tree: Tree | None,
        apart: Callable[[int], tuple[Any, ...]],
    ) -> None:
        self.name = name
        self.digest = entry.digest
        self.params = entry.params
        self.dimension = entry.dimension
        self.quantiser = entry.quantiser
        self.kind = "kept" if not entry.has_neighbours else "exact" if entry.is_exact else "compressed"
        self._layers = [segment.layers.get(name) for segment in segments]
        counts = [
            np.zeros(len(segment.table.keys), dtype=np.int64) if layer is None else np.diff(layer.bounds)
            for segment, layer in zip(segments, self._layers, strict=True)
        ]
        self._bounds = np.concatenate([[0], *(np.cumsum(part) for part in counts)]).astype(np.int64)
        self._first_row = np.cumsum([0, *(0 if layer is None else layer.n_rows for layer in self._layers)])
        self._first_stored = np.cumsum([0, *(len(part) for part in counts)])
        for position, part in enumerate(counts):
            where = slice(int(self._first_stored[position]) + 1, int(self._first_stored[position]) + len(part) + 1)
            self._bounds[where] += self._first_row[position]
        self._stored = np.flatnonzero(alive)
        self._ordinal = np.full(alive.size, -1, dtype=np.int32)
        self._ordinal[self._stored] = np.arange(self._stored.size, dtype=np.int32)
        self.n_rows = int(self._first_row[-1])
        self.n_landmarks = int(np.diff(self._bounds)[self._stored].sum())
        self.n_recordings = int(self._stored.size)
        self._apart = apart
        self._tree = tree
        ordinals, starts, ends = exclusions.T
        self.has_exclusions = bool(ordinals.size)
        self._has_exclusions = np.zeros(self.n_recordings, dtype=np.bool_)
        self._has_exclusions[ordinals] = True
        self._excluded_from = _place(ordinals, starts * TIMES_PER_SECOND // 1000)
        self._excluded_to = _place(ordinals, -(-ends * TIMES_PER_SECOND // 1000))

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        nprobe: int | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the most similar landmarks of each query vector, best first; equal ones by `ranks`, then by time.

        Parameters
        ----------
        vectors : ndarray [shape=(q, dimension), dtype=float32]
            Unit vectors.
        k : int
            Neighbours per query, at least 1.
        nprobe : int, optional
            Inverted lists visited per query; more finds more and takes longer. Without effect on an exact layer.
        allowed : ndarray [shape=(n_recordings,), dtype=bool], optional
            By ordinal: recordings whose landmarks are wanted; the others are passed over.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            Rows of live recordings; -1 where fewer than `k` were found.
        similarity : ndarray [shape=(q, k), dtype=float32]
            Cosine, exact or estimated (`kind`); -inf where the row is -1.

        Raises
        ------
        ParameterError
            If an argument has the wrong shape, kind or range.
        IndexDamagedError
            If a list fails its checksum.
        """
        queries = check_vectors(vectors, self.dimension, name="vectors")
        if self.kind == "kept":
            raise ParameterError(
                f"layer {self.name!r}: keeps no descriptors that have neighbours; search another layer"
            )
        if k < 1:
            raise ParameterError(f"k={k}: must be at least 1")
        if nprobe is not None and nprobe < 1:
            raise ParameterError(f"nprobe={nprobe}: must be at least 1")
        if allowed is not None and allowed.shape != (self.n_recordings,):
            raise ParameterError(f"allowed has shape {allowed.shape}: must have one value for each recording")
        if self.kind == "exact":
            order = np.argsort(self.ranks)  # that of the vectors
            wanted = None if allowed is None else np.repeat(allowed[order], self.counts()[order])
            return self._exact.search(queries, k, wanted)
        usable = self._ordinal >= 0
        if allowed is not None:
            usable[self._stored] = allowed
        if isinstance(self._compressed, CodeLists):
            return self._compressed.search(queries, k, nprobe=nprobe or NPROBE, usable=usable)
        rows, similarity, damage = self._compressed.search(queries, k, nprobe=nprobe or NPROBE_2, usable=usable)
        if damage is not None:
            segment = [layer for layer in self._layers if layer is not None][damage[0]]
            raise damaged(segment.folder, f"list {damage[1]} fails its checksum")
        return rows, similarity

    @property
    def n_lists(self) -> int | None:
        """Number of inverted lists; None for an exact layer."""
        if self._tree is not None:
            return self._tree.n_lists(self._tree.n_levels - 1)
        return None if self.quantiser is None else ROOTS * BRANCHES**self.quantiser.level

    def recording_of(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the ordinal of the recording of each row, any shape; -1 for row -1 and for removed recordings.

        Raises
        ------
        ParameterError
            If a row is outside the layer.
        """
        numbers = self._checked_rows(rows)
        if not self._ordinal.size:
            return np.full(numbers.shape, -1, dtype=np.int32)
        stored = np.searchsorted(self._bounds[:-1], numbers, side="right") - 1
        return np.where(numbers < 0, np.int32(-1), self._ordinal[stored])

    def landmarks_of(self, ordinal: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]:
        """Return the landmarks of one recording, read-only views of the memory map, compared with their checksum.

        Returns
        -------
        times : ndarray [shape=(n,), dtype=uint32]
            In 1/4096 s, ascending.
        bins : ndarray [shape=(n,), dtype=uint16]
            In 1/64 cell.
        codes : ndarray [shape=(n, dimension // 8), dtype=uint8]
            Signs of the descriptor, in the order of `numpy.packbits`.

        Raises
        ------
        IndexDamagedError
            If they fail their checksum.
        """
        layer, part = self._checked_part(ordinal)
        if layer is None:
            return np.empty(0, np.uint32), np.empty(0, np.uint16), np.empty((0, self.dimension // 8), np.uint8)
        return layer.times[part], layer.bins[part], layer.codes[part]

    def columns_of(self, ordinal: int) -> dict[str, NDArray[Any]]:
        """Return all that is stored of the landmarks of one recording, by column; compared, as `landmarks_of`.

        A recording without landmarks in this layer has no columns.
        """
        layer, part = self._checked_part(ordinal)
        return {} if layer is None else {name: column[part] for name, column in layer.columns.items()}

    def vectors_of(self, ordinal: int) -> NDArray[np.float16]:
        """Return the descriptors of one recording of an exact layer [shape=(n, dimension)]; compared, as its landmarks.

        Of a compressed layer, which keeps none, there are none [shape=(0, dimension)].
        """
        layer, part = self._checked_part(ordinal)
        if layer is None or layer.vectors is None:
            return np.empty((0, self.dimension), np.float16)
        return layer.vectors[part]

    def take(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Return time (1/4096 s) and bin (1/64 cell) of any rows, in their shape; zeros for row -1.

        Raises
        ------
        ParameterError
            If a row is outside the layer.
        IndexDamagedError
            If a recording that one of them belongs to fails its checksum.
        """
        numbers = self._checked_rows(rows)
        times = np.zeros(numbers.shape, dtype=np.uint32)
        bins = np.zeros(numbers.shape, dtype=np.uint16)
        for layer, first, last in zip(self._layers, self._first_row[:-1], self._first_row[1:], strict=True):
            if layer is not None:
                here = (numbers >= first) & (numbers < last)
                local = numbers[here] - first
                layer.check_rows(local)
                times[here] = layer.times[local]
                bins[here] = layer.bins[local]
        return times, bins

    def excluded(self, rows: NDArray[np.int64], recordings: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which rows [shape=(n,)] of live recordings, whose ordinals are given, lie in excluded ranges."""
        excluded = np.zeros(rows.size, dtype=np.bool_)
        if self.has_exclusions:
            some = np.flatnonzero(self._has_exclusions[recordings])
            times, _ = self.take(rows[some])
            places = _place(recordings[some], times)
            nearest = np.searchsorted(self._excluded_from, places, side="right") - 1
            excluded[some] = (nearest >= 0) & (places < self._excluded_to[nearest])
        return excluded

    def counted_of(self, ordinal: int) -> NDArray[np.int64] | None:
        """Return which landmarks of a recording, counted from its first, lie outside its excluded ranges.

        None if it has no such ranges.
        """
        stored = self._stored_of(ordinal)
        if not self._has_exclusions[ordinal]:
            return None
        rows = np.arange(self._bounds[stored], self._bounds[stored + 1])
        return np.flatnonzero(~self.excluded(rows, np.full(rows.size, ordinal, dtype=np.int32)))

    def without_exclusions(self) -> Self:
        """Return the same landmarks, as if no recording had excluded ranges: to search inside them."""
        view = copy(self)
        nothing = np.empty(0, dtype=np.int64)
        view.has_exclusions = False
        view._has_exclusions = np.zeros(self.n_recordings, dtype=np.bool_)
        view._excluded_from = view._excluded_to = nothing
        return view

    def first_row(self, ordinal: int) -> int:
        """Return the first row of a recording; its landmark `i` is row `first_row + i`."""
        return int(self._bounds[self._stored_of(ordinal)])

    def count_of(self, ordinal: int) -> int:
        """Return the number of landmarks of a recording."""
        stored = self._stored_of(ordinal)
        return int(self._bounds[stored + 1] - self._bounds[stored])

    def counts(self) -> NDArray[np.int64]:
        """Return the number of landmarks of every live recording [shape=(n_recordings,)]."""
        return np.diff(self._bounds)[self._stored]

    @cached_property
    def kinds(self) -> NDArray[np.int64]:
        """Number of every recording that only its landmarks decide [shape=(n_recordings,)]; equal copies share it."""
        return np.unique(self._content_checks, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Place of every recording in an order that only content decides [shape=(n_recordings,)].

        Ties are put in this order, so that a search finds the same for any order of adding and
        any ids. Only recordings that differ in nothing but their names are ordered by these.
        """
        order = np.argsort(self.kinds, kind="stable")
        edges = np.concatenate([[0], 1 + np.flatnonzero(np.diff(self.kinds[order])), [order.size]])
        groups = [slice(*edges[at : at + 2].tolist()) for at in np.flatnonzero(np.diff(edges) > 1)]
        part = np.searchsorted(self._first_stored, self._stored, side="right") - 1
        parts = np.zeros(len(self._layers), dtype=np.uint64)
        if groups and self.kind == "compressed":  # segments are searched one by one: which one a copy is in tells too
            for number in range(parts.size):
                parts[number] = rows_check([np.sort(self._content_checks[part == number])])
        counts = self.counts()
        for group in groups:
            if counts[order[group.start]]:
                order[group] = sorted(order[group].tolist(), key=lambda one: (int(parts[part[one]]), self._apart(one)))
        ranks = np.empty(order.size, dtype=np.int64)
        ranks[order] = np.arange(order.size)
        return ranks

    @cached_property
    def _content_checks(self) -> NDArray[np.uint64]:
        checks = np.zeros(self._stored.size, dtype=np.uint64)
        edges = np.searchsorted(self._stored, self._first_stored)
        for layer, first, a, b in zip(self._layers, self._first_stored[:-1], edges[:-1], edges[1:], strict=True):
            if layer is not None:
                checks[a:b] = layer.content_checks(self._stored[a:b] - first)
        return checks

    @cached_property
    def _exact(self) -> ExactVectors:
        order = np.argsort(self.ranks).tolist()
        firsts = self._bounds[self._stored]
        rows = np.concatenate([np.empty(0, np.int64), *(firsts[i] + np.arange(self.count_of(i)) for i in order)])
        vectors = [np.empty((0, self.dimension), np.float16), *(self.vectors_of(i) for i in order)]
        return ExactVectors(np.concatenate([as_vectors(part) for part in vectors]), rows)

    @cached_property
    def _compressed(self) -> CodeLists | TreeSearch:
        present = [
            (layer.lists, int(first))
            for layer, first in zip(self._layers, self._first_row[:-1], strict=True)
            if layer is not None and layer.lists is not None
        ]
        ranks = np.full(self._ordinal.size, -1, dtype=np.int64)
        ranks[self._stored] = self.ranks
        if self._tree is not None:
            signs = [(lists, first) for lists, first in present if isinstance(lists, TreeLists)]
            return TreeSearch(self._tree, [one for one, _ in signs], [first for _, first in signs], self._bounds, ranks)
        level = 0 if self.quantiser is None else self.quantiser.level
        codes = [(lists, first) for lists, first in present if isinstance(lists, SegmentCodes)]
        segments, firsts = [one for one, _ in codes], [first for _, first in codes]
        return CodeLists(shipped_quantiser(), level, segments, firsts, self._bounds, ranks)

    def _checked_part(self, ordinal: int) -> tuple[SegmentLayer | None, slice]:
        """Return where the rows of a recording lie, compared with their checksum; None where it has none."""
        stored = self._stored_of(ordinal)
        position = int(np.searchsorted(self._first_stored, stored, side="right")) - 1
        layer = self._layers[position]
        first, last = int(self._bounds[stored]), int(self._bounds[stored + 1])
        if layer is None or first == last:
            return None, slice(0)
        layer.check(stored - int(self._first_stored[position]))
        return layer, slice(first - int(self._first_row[position]), last - int(self._first_row[position]))

    def _stored_of(self, ordinal: int) -> int:
        if not 0 <= ordinal < self.n_recordings:
            raise ParameterError(f"ordinal={ordinal}: must lie between 0 and {self.n_recordings - 1}")
        return int(self._stored[ordinal])

    def _checked_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        numbers = np.asarray(rows, dtype=np.int64)
        if numbers.size and (numbers.min() < -1 or numbers.max() >= self.n_rows):
            raise ParameterError(
                f"rows from {numbers.min()} to {numbers.max()}: must lie between -1 and {self.n_rows - 1}"
            )
        return numbers


def _place(ordinals: NDArray[np.integer[Any]], ticks: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return recording and time as one number that sorts by recording, then time; no recording has so many ticks."""
    places: NDArray[np.int64] = (ordinals.astype(np.int64) << 33) + np.minimum(ticks.astype(np.int64), (1 << 33) - 1)
    return places
