"""Inverted lists searched by FAISS: the codes of a segment sorted by list, in blocks that FastScan reads.

FAISS reads our memory maps as they are: nothing is copied, and processes share the pages. What it cannot do is done
here: ties at the last place are broken by rank and row, and rows that a damaged file names but the segment lacks are
passed over. A damaged code can only cost a neighbour, or bring one that alignment refuses: it reads landmarks that have
checksums.

FAISS facts that shaped this module: codes stand in blocks of 32, the last block of a list filled up; similarities from
FastScan have a few thousand values, so ties are common, and the order of the scan decides which of them are kept;
`OnDiskInvertedLists` takes the address of a list's rows from its capacity, unmaps its memory when it goes unless it has
none, and would prefetch in 32 threads; FastScan cannot name places in lists (`store_pairs`), so each code needs a row
number of 8 bytes in memory that FAISS can read.
"""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.vectors.blocks import in_blocks, out_of_blocks, padded, places_of, starts
from index.vectors.exact import faiss, search_lists
from index.vectors.quantiser import BRANCHES, N_LEVELS, ROOTS, Quantiser

__all__ = ["LIST_FILES", "NPROBE", "CodeLists", "Column", "SegmentCodes", "joined_codes", "sorted_codes"]

LIST_FILES = ("list_numbers.npy", "list_sizes.npy", "list_rows.npy", "list_codes.npy")
NPROBE = 8  # lists visited per query, by default
_SPARE = 2  # neighbours asked for beyond those wanted: a tie that ends among them is broken without another search
_QUERY_BATCH = 4096
_QUERIES_PER_LIST = 16  # scored in one pass over a list: a sixth faster than the 11 of FAISS; wrong values from 24 on
_GATHER = 1 << 19

Column = tuple[tuple[int, ...], type[np.generic], Iterator[NDArray[Any]]]
"""Shape, type, and the array in consecutive parts."""


def sorted_codes(cells: NDArray[np.int32], codes: NDArray[np.uint8], level: int) -> dict[str, Column]:
    """Sort the descriptors of a segment into lists, for the files `LIST_FILES`.

    Parameters
    ----------
    cells : ndarray [shape=(n,), dtype=int32]
        List of each row, at the deepest level.
    codes : ndarray [shape=(n, code_bytes), dtype=uint8]
        Code of each row.
    level : int
        At which the layer is searched.
    """
    order = np.argsort(cells, kind="stable").astype(np.int64)
    numbers, sizes = (array.astype(np.uint32) for array in np.unique(cells, return_counts=True))
    places, total = places_of(_nodes(numbers, sizes, level))

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, total, _GATHER):
            part = np.zeros((min(_GATHER, total - start), codes.shape[1]), dtype=np.uint8)
            here = slice(*np.searchsorted(places, [start, start + len(part)]).tolist())
            part[places[here] - start] = codes[order[here]]
            yield in_blocks(part)

    return {
        "list_numbers.npy": (numbers.shape, np.uint32, iter([numbers])),
        "list_sizes.npy": (sizes.shape, np.uint32, iter([sizes])),
        "list_rows.npy": (order.shape, np.int64, iter([order])),
        "list_codes.npy": ((total * codes.shape[1],), np.uint8, blocks()),
    }


def joined_codes(
    sources: Sequence[tuple["SegmentCodes", Sequence[slice]]], level: int
) -> Iterator[tuple[str, tuple[int, ...], type[np.generic], Iterator[NDArray[Any]]]]:
    """Yield the files of the lists of segments that are joined: name, shape, type, and the array in consecutive parts.

    Every file is to be written before the next one is asked for. A million rows or so are in memory at a time.

    Parameters
    ----------
    sources : sequence of (SegmentCodes, sequence of slice)
        Segments of one quantiser, each with the runs of its rows that stay; rows are numbered anew in the order given.
    level : int
        At which the layer is searched.
    """
    parts, first = [], 0
    for codes, runs in sources:
        some = [(run.start, run.stop) for run in runs if run.start < run.stop]
        edges = np.array(some, dtype=np.int64).reshape(-1, 2)
        lengths = edges[:, 1] - edges[:, 0]
        order = np.argsort(edges[:, 0])
        parts.append((codes, edges[order], (first + starts(lengths))[order]))
        first += int(lengths.sum())
    ranges = _ranges([codes for codes, _ in sources])
    found: list[tuple[NDArray[np.int32], NDArray[np.int64]]] = []

    def rows() -> Iterator[NDArray[np.int64]]:
        for a, b in ranges:
            cells, some, _ = _gathered(parts, a, b)
            found.append(np.unique(cells, return_counts=True))
            yield some

    yield "list_rows.npy", (first,), np.int64, rows()
    numbers, sizes = (np.concatenate(side).astype(np.uint32) for side in zip(*found, strict=True))
    yield "list_numbers.npy", numbers.shape, np.uint32, iter([numbers])
    yield "list_sizes.npy", sizes.shape, np.uint32, iter([sizes])
    nodes, lists = _nodes(numbers, sizes, level), BRANCHES ** (N_LEVELS - 1 - level)
    width = sources[0][0].quantiser.code_bytes

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for a, b in ranges:
            places, total = places_of(nodes[a // lists : b // lists])
            part = np.zeros((total, width), dtype=np.uint8)
            part[places] = _gathered(parts, a, b)[2]
            yield in_blocks(part)

    yield "list_codes.npy", (int(padded(nodes).sum()) * width,), np.uint8, blocks()


@dataclass(frozen=True, eq=False)
class SegmentCodes:
    """The lists of one segment in one layer; arrays may be views of memory maps.

    Attributes
    ----------
    quantiser : Quantiser
        That of the layer.
    level : int
        At which the layer is searched.
    numbers, sizes : ndarray [shape=(m,), dtype=uint32]
        Lists of the deepest level that are not empty, ascending, and descriptors in each.
    rows : ndarray [shape=(n,), dtype=int64]
        Row in the segment of each code, in the order of the lists.
    codes : ndarray [shape=(n_bytes,), dtype=uint8]
        Blocks of 32 codes; those of a list of the level begin with a block.
    """

    quantiser: Quantiser
    level: int
    numbers: NDArray[np.uint32]
    sizes: NDArray[np.uint32]
    rows: NDArray[np.int64]
    codes: NDArray[np.uint8]

    @classmethod
    def of(cls, cells: NDArray[np.int32], codes: NDArray[np.uint8], quantiser: Quantiser, level: int) -> Self:
        """Return the lists of rows whose lists and codes are given, in memory; see `sorted_codes`."""
        made = sorted_codes(cells, codes, level).items()
        arrays = {name: np.concatenate([np.empty(0, dtype), *parts]) for name, (_, dtype, parts) in made}
        return cls(quantiser, level, *(arrays[name] for name in LIST_FILES))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.rows.size)

    def part(self, a: int, b: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
        """Return list, row and code of the descriptors in lists [a, b), multiples of 256, in the order of the lists."""
        lists, width = BRANCHES ** (N_LEVELS - 1 - self.level), self.quantiser.code_bytes
        i, j = np.searchsorted(self.numbers, [a, b])
        before, here = (int(self.sizes[one].sum(dtype=np.int64)) for one in (slice(i), slice(i, j)))
        nodes = slice(a // lists, b // lists)
        start, stop = (int(padded(self._nodes[:node]).sum()) * width for node in (nodes.start, nodes.stop))
        places, _ = places_of(self._nodes[nodes])
        cells = np.repeat(self.numbers[i:j].astype(np.int32), self.sizes[i:j])
        codes = out_of_blocks(self.codes[start:stop], width)[places]
        return cells, self.rows[before : before + here], codes

    def fault(self) -> str:
        """Return why FAISS must not read these lists, or "": their numbers, sizes or bytes do not fit together."""
        if self.numbers.size != self.sizes.size:
            return f"names {self.numbers.size} lists and {self.sizes.size} sizes"
        if (self.numbers[1:] <= self.numbers[:-1]).any() or self.numbers[-1:].max(initial=0) >= self.quantiser.n_lists:
            return "names lists out of order or range"
        if self.sizes.sum(dtype=np.int64) != self.n_rows:
            return f"does not add up to {self.n_rows} landmarks"
        n_bytes = int(padded(self._nodes).sum()) * self.quantiser.code_bytes
        return "" if self.codes.size == n_bytes else f"needs {n_bytes} bytes of codes, there are {self.codes.size}"

    def by_row(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return list and code of each row, as `Quantiser.encode` made them; zeros for a row that no list names."""
        width = self.quantiser.code_bytes
        cells = np.zeros(self.n_rows, dtype=np.int32)
        codes = np.zeros((self.n_rows, width), dtype=np.uint8)
        places, total = places_of(self._nodes)
        lists = np.repeat(self.numbers.astype(np.int32), self.sizes)
        for start in range(0, total, _GATHER):
            end = min(start + _GATHER, total)
            here = slice(*np.searchsorted(places, [start, end]).tolist())
            rows = self.rows[here]
            known = (rows >= 0) & (rows < self.n_rows)
            cells[rows[known]] = lists[here][known]
            part = out_of_blocks(self.codes[start * width : end * width], width)
            codes[rows[known]] = part[places[here] - start][known]
        return cells, codes

    @cached_property
    def _nodes(self) -> NDArray[np.int64]:
        return _nodes(self.numbers, self.sizes, self.level)

    @cached_property
    def searched(self) -> Any:
        """The index of FAISS that reads these arrays."""
        quantiser, width = self.quantiser, self.quantiser.code_bytes
        lists = faiss.OnDiskInvertedLists(self._nodes.size, width, "")
        lists.prefetch_nthread = 0
        where = np.empty((self._nodes.size, 3), dtype=np.uint64)  # size, capacity, offset
        where[:, 0] = self._nodes
        where[:, 2] = starts(padded(self._nodes)) * width
        codes_at, rows_at = (np.uint64(array.ctypes.data) for array in (self.codes, self.rows))
        with np.errstate(over="ignore"):  # addresses wrap
            apart = rows_at + starts(self._nodes).astype(np.uint64) * np.uint64(8) - codes_at - where[:, 2]
        where[:, 1] = apart // np.uint64(width)
        faiss.memcpy(lists.lists.data(), faiss.swig_ptr(where.view(np.uint8)), where.nbytes)
        lists.ptr, lists.totsize = faiss.swig_ptr(self.codes), self.codes.size
        nobody = faiss.IndexFlatL2(quantiser.dimension)  # lists are looked for by the quantiser
        made = faiss.IndexIVFPQFastScan(
            nobody, quantiser.dimension, self._nodes.size, len(quantiser.codebooks), 4, faiss.METRIC_INNER_PRODUCT
        )
        made.pq = quantiser.product
        made.is_trained = True
        made.qbs2 = _QUERIES_PER_LIST
        made.replace_invlists(lists, False)
        made.ntotal = self.n_rows
        weakref.finalize(made, _forget, lists)
        return made


class CodeLists:
    """Search through the lists of all segments of a layer.

    Parameters
    ----------
    quantiser : Quantiser
        Of all segments.
    level : int
        At which the layer is searched.
    segments : sequence of SegmentCodes
        In row order, none with a fault.
    first_rows : sequence of int
        Row number of the first row of each segment.
    bounds : ndarray [shape=(n_stored + 1,), dtype=int64]
        First row of each recording of the layer, removed ones included.
    ranks : ndarray [shape=(n_stored,), dtype=int64]
        Place of each recording among equally similar ones.
    """

    def __init__(
        self,
        quantiser: Quantiser,
        level: int,
        segments: Sequence[SegmentCodes],
        first_rows: Sequence[int],
        bounds: NDArray[np.int64],
        ranks: NDArray[np.int64],
    ) -> None:
        self._quantiser = quantiser
        self._level = level
        self._segments = [(codes, row) for codes, row in zip(segments, first_rows, strict=True) if codes.n_rows]
        self._bounds = bounds
        self._ranks = ranks
        self._kept: tuple[NDArray[np.bool_], list[NDArray[np.uint8] | None]] | None = None

    def search(
        self, queries: NDArray[np.float32], k: int, *, nprobe: int, usable: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `k` rows found most similar to each query and their estimated cosines, best first.

        Equal ones come by rank of the recording, then by row.

        Parameters
        ----------
        queries : ndarray [shape=(q, d), dtype=float32]
            Unit vectors.
        k : int
            Neighbours per query.
        nprobe : int
            Lists visited per query; more finds more and takes longer.
        usable : ndarray [shape=(n_stored,), dtype=bool]
            Recordings that may be found.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            -1 where fewer than `k` were found.
        similarity : ndarray [shape=(q, k), dtype=float32]
            -inf where the row is -1.
        """
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        similarity = np.full((len(queries), k), -np.inf, dtype=np.float32)
        selected = self._selected(usable)
        for start in range(0, len(queries), _QUERY_BATCH):
            part = slice(start, start + _QUERY_BATCH)
            batch = np.ascontiguousarray(queries[part], dtype=np.float32)
            lists = self._quantiser.nearest(batch, nprobe, self._level)
            found = [self._found(number, batch, lists, k, bits) for number, bits in enumerate(selected)]
            if found:
                all_rows, values = (np.concatenate(side, axis=1) for side in zip(*found, strict=True))
                rows[part], similarity[part] = self._best(all_rows, values, k)
        return rows, np.minimum(similarity / np.float32(self._quantiser.scale), np.float32(1.0))

    def _found(
        self,
        number: int,
        queries: NDArray[np.float32],
        lists: NDArray[np.int64],
        k: int,
        bits: NDArray[np.uint8] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the best `k` rows of one segment, ties broken."""
        codes, first_row = self._segments[number]
        width = k + _SPARE
        rows, values = _scanned(codes, queries, lists, width, bits)
        tied = np.flatnonzero((rows[:, -1] >= 0) & (values[:, -1] == values[:, k - 1]))
        rows, values = self._best(np.where(rows < 0, rows, rows + first_row), values, k)
        while tied.size:  # until the last place is told apart from those behind it
            width *= 8
            some, their_values = _scanned(codes, queries[tied], lists[tied], width, bits)
            settled = (some[:, -1] < 0) | (their_values[:, -1] < their_values[:, k - 1])
            some = np.where(some < 0, some, some + first_row)
            rows[tied[settled]], values[tied[settled]] = self._best(some[settled], their_values[settled], k)
            tied = tied[~settled]
        return rows, values

    def _best(
        self, rows: NDArray[np.int64], values: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Sort each line by falling value, then rank of the recording, then row; keep `k`."""
        recordings = np.searchsorted(self._bounds[:-1], rows, side="right") - 1
        order = np.lexsort((rows, self._ranks[recordings], -values), axis=1)[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(values, order, axis=1)

    def _selected(self, usable: NDArray[np.bool_]) -> list[NDArray[np.uint8] | None]:
        """Return a bit per row of each segment, those that may be found; None for all."""
        kept = self._kept  # of the last search: a scan asks for the same recordings again and again
        if kept is None or not np.array_equal(usable, kept[0]):
            kept = (usable.copy(), [self._bits_of(codes, first, usable) for codes, first in self._segments])
            self._kept = kept
        return kept[1]

    def _bits_of(self, codes: SegmentCodes, first_row: int, usable: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
        bounds = np.clip(self._bounds - first_row, 0, codes.n_rows)
        counts = np.diff(bounds)
        if usable[counts > 0].all():
            return None
        return np.packbits(np.repeat(usable, counts), bitorder="little")


def _scanned(
    codes: SegmentCodes,
    queries: NDArray[np.float32],
    lists: NDArray[np.int64],
    width: int,
    bits: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and values of the codes found most similar; -1 and -inf where there are fewer."""
    selector = None if bits is None else faiss.IDSelectorBitmap(bits.size, faiss.swig_ptr(bits))
    rows, values = search_lists(codes.searched, queries, width, lists, selector)
    known = (rows >= 0) & (rows < codes.n_rows)  # a damaged file may name any row
    return np.where(known, rows, -1), np.where(known, values, np.float32(-np.inf))


def _ranges(segments: Sequence[SegmentCodes]) -> list[tuple[int, int]]:
    """Return ranges of lists, whole nodes of the first level, each with some `_GATHER` descriptors in all."""
    counts = np.sum([_nodes(one.numbers, one.sizes, 0) for one in segments], axis=0)
    groups = np.unique(np.cumsum(counts) // _GATHER, return_index=True)[1].tolist()
    lists = BRANCHES ** (N_LEVELS - 1)
    return [(a * lists, b * lists) for a, b in pairwise([*groups, ROOTS])]


def _gathered(
    parts: Sequence[tuple[SegmentCodes, NDArray[np.int64], NDArray[np.int64]]], a: int, b: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
    """Return list, new row and code of the descriptors in lists [a, b) that stay, by list, then row.

    `parts` are segments, the first row and the end of each run that stays, and the new row of its first.
    """
    found = []
    for codes, edges, firsts in parts:
        cells, rows, some = codes.part(a, b)
        run = np.searchsorted(edges[:, 0], rows, side="right") - 1
        stays = (run >= 0) & (rows < np.append(edges[:, 1], 0)[run])
        run, rows = run[stays], rows[stays]
        found.append((cells[stays], firsts[run] + rows - edges[run, 0], some[stays]))
    cells, rows, some = (np.concatenate(side) for side in zip(*found, strict=True))
    order = np.lexsort((rows, cells))
    return cells[order], rows[order], some[order]


def _nodes(numbers: NDArray[np.uint32], sizes: NDArray[np.uint32], level: int) -> NDArray[np.int64]:
    """Return the descriptors of every node of a level [shape=(n_nodes,)], those of its descendants together."""
    n = ROOTS * BRANCHES**level
    counts = np.bincount(numbers // np.uint32(BRANCHES ** (N_LEVELS - 1 - level)), weights=sizes, minlength=n)
    return counts.astype(np.int64)


def _forget(lists: Any) -> None:
    lists.ptr = None  # the memory belongs to the arrays
