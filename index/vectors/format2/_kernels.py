"""Inner loops of the inverted lists: no validation, no allocation. Slow twins stand in `tests/naive.py`.

A descriptor is stored as the signs of its numbers, one bit each, in 64-bit words. A query keeps four bits per number,
in two's complement, spread over four bit planes: the scalar product of a query with a stored sign vector is then a few
`and` and `popcount` per word (asymmetric binary quantisation, as in RaBitQ; Gao and Long, SIGMOD 2024), which LLVM
turns into vector instructions where the processor has them.
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

from fingerprint._kernels import first_from
from fingerprint.kernel_cache import share_safely

__all__ = [
    "CHUNK",
    "comes_before",
    "descend",
    "popcount",
    "scan",
]

share_safely(__name__)

CHUNK = 256  # codes weighed before any of them is looked at: long enough to be done in vector registers
BRANCHES = 8


def popcount(word):
    """Return how many bits of a 64-bit word are set."""
    return int(word).bit_count()


@intrinsic
def _ctpop(_context, word):
    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@overload(popcount)
def _compiled_popcount(word):
    def body(word):
        return _ctpop(np.uint64(word))  # type: ignore[call-arg]  # numba passes the context

    return body


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def dot(a, b):
    """Scalar product of two float32 vectors."""
    total = np.float32(0.0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def descend(queries, centroids, half_norms, first, beam, nodes, next_nodes, nearness, out):
    """Find the lists nearest to each query at every level, keeping the `beam` best nodes from level to level.

    `out` [levels, queries, lists] gets list numbers, nearest first, -1 where there are no more. The three arrays of
    length `beam` are scratch.
    """
    n_levels = first.shape[0] - 1
    for q in range(queries.shape[0]):
        query = queries[q]
        count = 0
        for level in range(n_levels):
            found = 0
            n_parents = 1 if level == 0 else count
            for p in range(n_parents):
                a = first[0] if level == 0 else first[level] + (nodes[p] - first[level - 1]) * BRANCHES
                b = first[1] if level == 0 else a + BRANCHES
                for c in range(a, b):
                    value = dot(query, centroids[c]) - half_norms[c]
                    if value == -np.inf or (found == beam and value <= nearness[beam - 1]):
                        continue
                    at = found if found < beam else beam - 1
                    while at > 0 and nearness[at - 1] < value:
                        nearness[at] = nearness[at - 1]
                        next_nodes[at] = next_nodes[at - 1]
                        at -= 1
                    nearness[at] = value
                    next_nodes[at] = c
                    found = min(found + 1, beam)
            count = found
            for i in range(count):
                nodes[i] = next_nodes[i]
            for i in range(out.shape[2]):
                out[level, q, i] = nodes[i] - first[level] if i < count else -1


@njit(cache=True, nogil=True, error_model="numpy")
def comes_before(row, other, bounds, ranks):
    """Whether one row sorts before another: by rank of its recording, then by its place there."""
    one = first_from(bounds, row + 1) - 1
    two = first_from(bounds, other + 1) - 1
    return row < other if one == two else ranks[one] < ranks[two]


@njit(cache=True, nogil=True, error_model="numpy")
def scan(
    planes, lists, codes, starts, counted, rows, first_row, bounds, ranks, usable, all_usable, most_codes,
    weights, scores, best,
):  # fmt: skip
    """Weigh every code of the lists named and keep the best for each query, on top of those of other segments.

    Parameters
    ----------
    planes : uint64 [queries, words, 4]
        Bit planes of the queries; the fourth weighs -8.
    lists : int32 [queries, probes]
        Lists to look into, nearest first; -1 ends them.
    codes : uint64 [words, n]
        Codes in the order of the lists.
    starts : int64 [lists + 1]
        Where each list starts.
    counted : int64 [lists]
        How many codes of each list are of recordings that are still there.
    rows : uint32 [n]
        Row of each code, counted from the first of the segment, which is row `first_row` of the layer.
    bounds : int64 [recordings + 1]
        First row of each recording of the layer...
    ranks : int64 [recordings]
        ...its place where scores are equal...
    usable : bool [recordings]
        ...and whether it may be found; ignored if `all_usable`.
    most_codes : int
        The search of a query ends with the list in which it has weighed this many codes, those `counted`.
    weights : int32 [CHUNK]
        Scratch.
    scores, best : int32, int64 [queries, k]
        Scores, falling, and rows; rows are -1 where nothing was found yet. Equal scores stand as `comes_before` says.
    """
    k = scores.shape[1]
    for q in range(lists.shape[0]):
        weighed = 0
        for probe in range(lists.shape[1]):
            number = lists[q, probe]
            if number < 0 or weighed >= most_codes:
                break
            start = starts[number]
            size = starts[number + 1] - start
            weighed += counted[number]
            for low in range(start, start + size, CHUNK):
                length = min(CHUNK, start + size - low)
                weights[:length] = 0
                for word in range(planes.shape[1]):
                    one, two, four, eight = (
                        planes[q, word, 0],
                        planes[q, word, 1],
                        planes[q, word, 2],
                        planes[q, word, 3],
                    )
                    part = codes[word, low : low + length]
                    for j in range(length):
                        code = part[j]
                        weights[j] += (
                            np.int32(popcount(code & one))
                            + np.int32(2) * np.int32(popcount(code & two))
                            + np.int32(4) * np.int32(popcount(code & four))
                            - np.int32(8) * np.int32(popcount(code & eight))
                        )
                least = scores[q, k - 1]
                highest = weights[0]
                for j in range(1, length):
                    highest = max(highest, weights[j])
                if highest < least:
                    continue
                for j in range(length):
                    weight = weights[j]
                    if weight < scores[q, k - 1]:
                        continue
                    row = first_row + np.int64(rows[low + j])
                    last = best[q, k - 1]
                    if weight == scores[q, k - 1] and last >= 0 and comes_before(last, row, bounds, ranks):
                        continue
                    if not all_usable and not usable[first_from(bounds, row + 1) - 1]:
                        continue
                    at = k - 1
                    while at > 0 and (
                        best[q, at - 1] < 0
                        or scores[q, at - 1] < weight
                        or (scores[q, at - 1] == weight and comes_before(row, best[q, at - 1], bounds, ranks))
                    ):
                        scores[q, at] = scores[q, at - 1]
                        best[q, at] = best[q, at - 1]
                        at -= 1
                    scores[q, at] = weight
                    best[q, at] = row
