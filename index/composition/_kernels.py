"""Inner loops of the search for works: no validation, no allocation. Slow twins stand in `tests/naive_works.py`.

Likeness is counted in whole numbers, which single precision holds exactly, so its sums are the same in any order.
"""

import numpy as np
from numba import njit

from fingerprint.kernel_cache import share_safely

__all__ = ["align", "best_scores", "evidence_of_key", "likeness_of_keys", "redundancy"]

share_safely(__name__)

N_KEYS = 12
N_FREQUENCIES = 6
STEP_COST = np.float32(0.3)  # of a step that leaves out a window of the query or of the recording


@njit(cache=True, nogil=True)
def likeness_of_keys(vector, columns, frequencies, cosines, sines, products, out):
    """Write the inner product of a vector, in each of 12 keys, with each of the columns.

    `columns` [shape=(64, n), dtype=float32] holds the vectors of a recording, number after number; `out` is
    [shape=(12, n)]. Scratch: `products` [shape=(12, n), dtype=float32].
    """
    n = columns.shape[1]
    for f in range(2 * N_FREQUENCIES):
        row = products[f]
        for j in range(n):
            row[j] = np.float32(0.0)
    for p in range(frequencies.shape[0]):
        x = np.float32(vector[2 * p])
        y = np.float32(vector[2 * p + 1])
        u = columns[2 * p]
        v = columns[2 * p + 1]
        real = products[2 * frequencies[p]]
        imaginary = products[2 * frequencies[p] + 1]
        for j in range(n):
            real[j] += x * u[j] + y * v[j]
            imaginary[j] += x * v[j] - y * u[j]
    for k in range(N_KEYS // 2):
        low = out[k]
        high = out[k + N_KEYS // 2]
        c1, c3, c5 = cosines[0, k], cosines[2, k], cosines[4, k]
        s1, s3, s5 = sines[0, k], sines[2, k], sines[4, k]
        c2, c4, c6 = cosines[1, k], cosines[3, k], cosines[5, k]
        s2, s4 = sines[1, k], sines[3, k]
        for j in range(n):
            odd = c1 * products[0, j] - s1 * products[1, j]
            odd += c3 * products[4, j] - s3 * products[5, j]
            odd += c5 * products[8, j] - s5 * products[9, j]
            even = c2 * products[2, j] - s2 * products[3, j]
            even += c4 * products[6, j] - s4 * products[7, j]
            even += c6 * products[10, j]
            low[j] = even + odd
            high[j] = even - odd  # half an octave turns odd frequencies round, and even ones not at all


@njit(cache=True, nogil=True)
def best_scores(
    vectors,
    q_offset,
    q_gain,
    weights,
    columns,
    r_offset,
    r_gain,
    frequencies,
    cosines,
    sines,
    most,
    threshold,
    least,
    products,
    likeness,
    rows,
    best,
):
    """Write the score of the best local alignment in each key (Smith and Waterman, J. Mol. Biol. 1981).

    Evidence of a pair of windows: their likeness less both offsets, times both gains, at most `most`; less `threshold`,
    at least `least`; times the weight of the window of the query. Scratch: `products` [shape=(12, n)], `likeness`
    [shape=(12, n)], `rows` [shape=(3, 12, n + 2)], n windows of the recording, all float32.
    """
    n = columns.shape[1]
    for k in range(N_KEYS):
        best[k] = np.float32(0.0)
        for r in range(3):
            for j in range(n + 2):
                rows[r, k, j] = np.float32(0.0)
    for i in range(vectors.shape[0]):
        likeness_of_keys(vectors[i], columns, frequencies, cosines, sines, products, likeness)
        offset = q_offset[i]
        gain = q_gain[i]
        weight = weights[i]
        for k in range(N_KEYS):
            alike = likeness[k]
            one = rows[(i + 2) % 3, k]
            two = rows[(i + 1) % 3, k]
            now = rows[i % 3, k]
            top = best[k]
            for j in range(n):
                evidence = (alike[j] - offset - r_offset[j]) * (gain * r_gain[j])
                evidence = (evidence if evidence < most else most) - threshold
                evidence = (evidence if evidence > least else least) * weight
                aside = (one[j] if one[j] > two[j + 1] else two[j + 1]) - STEP_COST
                score = evidence + (aside if aside > one[j + 1] else one[j + 1])
                now[j + 2] = score if score > np.float32(0.0) else np.float32(0.0)
            for j in range(n):
                top = now[j + 2] if now[j + 2] > top else top
            best[k] = top


@njit(cache=True, nogil=True)
def evidence_of_key(
    vectors,
    q_offset,
    q_gain,
    weights,
    columns,
    r_offset,
    r_gain,
    frequencies,
    cosines,
    sines,
    most,
    threshold,
    least,
    products,
    likeness,
    key,
    out,
):
    """Write the evidence of `best_scores` for each pair of windows in one key, shape=(n_query, n)."""
    for i in range(vectors.shape[0]):
        likeness_of_keys(vectors[i], columns, frequencies, cosines, sines, products, likeness)
        for j in range(columns.shape[1]):
            evidence = (likeness[key, j] - q_offset[i] - r_offset[j]) * (q_gain[i] * r_gain[j])
            evidence = min(evidence, most) - threshold
            out[i, j] = max(evidence, least) * weights[i]


@njit(cache=True, nogil=True)
def align(evidence, open_rows, rows, steps, path):
    """Find the best local alignment that uses only the open windows of the query.

    Writes its pairs of windows in `path`, last first, and returns how many there are, and its score. Scratch: `rows`
    [shape=(3, n + 2), dtype=float32], `steps` [shape=(n_query, n), dtype=int8].
    """
    n_query, n = evidence.shape
    for r in range(3):
        for j in range(n + 2):
            rows[r, j] = np.float32(0.0)
    best = np.float32(0.0)
    end_i, end_j = -1, -1
    for i in range(n_query):
        one = rows[(i + 2) % 3]
        two = rows[(i + 1) % 3]
        now = rows[i % 3]
        for j in range(n):
            straight = one[j + 1]
            along = one[j] - STEP_COST
            down = two[j + 1] - STEP_COST
            before = max(straight, max(along, down))
            score = evidence[i, j] + before
            if score <= np.float32(0.0) or not open_rows[i]:
                now[j + 2] = np.float32(0.0)
                steps[i, j] = 0
                continue
            now[j + 2] = score
            if before <= np.float32(0.0):
                steps[i, j] = 0
            elif before == straight:
                steps[i, j] = 1
            elif before == along:
                steps[i, j] = 2
            else:
                steps[i, j] = 3
            if score > best:
                best = score
                end_i, end_j = i, j
    length = 0
    i, j = end_i, end_j
    while i >= 0 and j >= 0:
        path[length, 0] = i
        path[length, 1] = j
        length += 1
        step = steps[i, j]
        if step == 0:
            break
        i -= 2 if step == 3 else 1
        j -= 2 if step == 2 else 1
    return length, best


@njit(cache=True, nogil=True)
def redundancy(vectors, reach, floor, scale, out):
    """Write for each window how many windows like it lie within `reach` of it, itself included.

    A window counts by its likeness beyond `floor`: the inner product times `scale`, 1 for the same vector.
    """
    n, dimension = vectors.shape
    for i in range(n):
        total = np.float32(0.0)
        for j in range(max(0, i - reach), min(n, i + reach + 1)):
            product = np.int32(0)
            for d in range(dimension):
                product += np.int32(vectors[i, d]) * np.int32(vectors[j, d])
            total += max(np.float32(product) * scale - floor, np.float32(0.0)) / (np.float32(1.0) - floor)
        out[i] = total
