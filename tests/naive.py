"""The obvious, slow twin of every kernel, in plain Python and numpy: the reference of the compiled loops.

Nothing here is clever, in place or in single precision; each function returns its result. Constants that are tuned come
in as `constants`, the kernels' own module, so that both sides always use the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Confirmed",
    "Grown",
    "best_run",
    "bit_planes",
    "box_smooth",
    "cells_from_power",
    "confirm",
    "descend",
    "distinct",
    "evidence_of",
    "fit_line",
    "grow",
    "likeliest_states",
    "local_maxima",
    "project",
    "prominence",
    "ratio_of_vote",
    "row_maxima",
    "sample_patches",
    "scan",
    "sign_vectors",
    "states_total",
    "support",
    "trim",
]

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Booleans = NDArray[np.bool_]

LEAST_APART_SECONDS = 0.05  # hits closer than this in the query say nothing about tempo


# --- fingerprint ------------------------------------------------------------------------------------------------------


def cells_from_power(power: Floats, low: Integers, high: Integers, weight: Floats) -> NDArray[np.float64]:
    """Each cell is the loudest of its bins, or lies between two bins where it holds none."""
    out = np.empty((len(power), len(low)))
    for t, row in enumerate(power.astype(np.float64)):
        for b, (first, last) in enumerate(zip(low, high, strict=True)):
            if first <= last:
                out[t, b] = row[first : last + 1].max()
            else:
                out[t, b] = np.interp(first - 1 + float(weight[b]), np.arange(len(row)), row)
    return out


def box_smooth(x: Floats, half_frames: int, half_bins: int) -> NDArray[np.float64]:
    """Each cell is the mean of the cells round it that exist."""
    out = np.empty(x.shape)
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            out[t, b] = _around(x, t, b, half_frames, half_bins).astype(np.float64).mean()
    return out


def local_maxima(
    x: Floats, first_frame: int, last_frame: int, half_frames: int, half_bins: int, floor: Floats
) -> list[tuple[int, int]]:
    """Cells off the border, above the floor, that exceed all around; of equal ones the first in reading order."""
    n_frames, n_bins = x.shape
    found = []
    for t in range(max(1, first_frame), min(n_frames - 1, last_frame)):
        for b in range(1, n_bins - 1):
            if x[t, b] <= floor[t]:
                continue
            rivals = [
                (-float(x[u, j]), u, j)
                for u in range(max(0, t - half_frames), min(n_frames, t + half_frames + 1))
                for j in range(max(0, b - half_bins), min(n_bins, b + half_bins + 1))
            ]
            if min(rivals) == (-float(x[t, b]), t, b):
                found.append((t, b))
    return found


def row_maxima(x: Floats, half_bins: int) -> Floats:
    """Return the greatest of the cells round each, in its row."""
    cells = range(x.shape[1])
    greatest = [[row[max(0, b - half_bins) : b + half_bins + 1].max() for b in cells] for row in x]
    return np.array(greatest, dtype=x.dtype).reshape(x.shape)


def prominence(log_cells: Floats, peaks: Integers, half_frames: int, half_bins: int) -> NDArray[np.float64]:
    """Height of each peak above the mean round it, itself included."""
    heights = [log_cells[t, b] - _around(log_cells, t, b, half_frames, half_bins).mean() for t, b in peaks]
    return np.array(heights, dtype=np.float64)


def sample_patches(
    smooth: Floats, frames: Floats, bins: Floats, frame_offsets: Floats, bin_offsets: Floats
) -> NDArray[np.float64]:
    """Bilinear samples on a grid round each landmark, less their mean, at unit norm.

    Cells before the start or after the end take the mean of their frequency; cells off the axis are zero.
    """
    n_frames, n_bins = smooth.shape
    out = np.zeros((len(frames), len(frame_offsets) * len(bin_offsets)))
    for i, (frame, cell) in enumerate(zip(frames, bins, strict=True)):
        values = np.full((len(frame_offsets), len(bin_offsets)), np.nan)
        for u, y in enumerate(frame + frame_offsets):
            for j, x in enumerate(cell + bin_offsets):
                if 0 <= y < n_frames - 1 and 0 <= x < n_bins - 1:
                    y0, x0 = int(y), int(x)
                    corners = smooth[y0 : y0 + 2, x0 : x0 + 2].astype(np.float64)
                    values[u, j] = np.array([1 - (y - y0), y - y0]) @ corners @ np.array([1 - (x - x0), x - x0])
        inside = np.isfinite(values)
        on_axis = inside.any(axis=0)
        values[:, on_axis] = np.where(
            inside[:, on_axis], values[:, on_axis], np.nanmean(values[:, on_axis], axis=0, keepdims=True)
        )
        inside = np.isfinite(values)
        if inside.any():
            patch = np.where(inside, values - values[inside].mean(), 0.0).reshape(-1)
            norm = np.linalg.norm(patch)
            out[i] = patch / norm if norm > 0 else 0.0
    return out


def project(patches: Floats, matrix: Floats, offset: Floats) -> NDArray[np.float64]:
    """Product with the matrix less the offset, at unit norm; zeros for a patch of zeros."""
    out = np.zeros((len(patches), matrix.shape[1]))
    for i, patch in enumerate(patches.astype(np.float64)):
        projected = patch @ matrix.astype(np.float64) - offset
        if patch.any() and projected.any():
            out[i] = projected / np.linalg.norm(projected)
    return out


def _around(x: NDArray[Any], t: int, b: int, half_frames: int, half_bins: int) -> NDArray[Any]:
    return x[max(0, t - half_frames) : t + half_frames + 1, max(0, b - half_bins) : b + half_bins + 1]


# --- index: voting ----------------------------------------------------------------------------------------------------


def support(
    recordings: Integers,
    q_times: Floats,
    r_times: Floats,
    shifts: Floats,
    scales: Floats,
    weights: Floats,
    *,
    window: float,
    slack: float,
    jitter: float,
    max_shift: float,
) -> NDArray[np.float64]:
    """For each hit, the summed weight of all others that lie on a line with it."""
    out = np.zeros(len(q_times))
    for i in range(len(q_times)):
        for j in range(len(q_times)):
            dq, dr = abs(q_times[j] - q_times[i]), (r_times[j] - r_times[i]) * np.sign(q_times[j] - q_times[i])
            expected = dq * np.sqrt(scales[i] * scales[j])
            if (
                i != j
                and recordings[i] == recordings[j]
                and LEAST_APART_SECONDS <= dq <= window
                and abs(shifts[j] - shifts[i]) <= max_shift
                and abs(dr - expected) <= slack * expected + jitter
            ):
                out[i] += weights[j]
    return out


def distinct(
    order: Integers,
    step: Integers,
    recordings: Integers,
    q_times: Floats,
    r_times: Floats,
    shifts: Floats,
    scales: Floats,
    *,
    slack: float,
    jitter: float,
    max_shift: float,
    per_step: int,
) -> list[int]:
    """For each step the first hits that lie on no line of one taken before, `per_step` at most."""
    taken: dict[int, list[int]] = {int(s): [] for s in step}
    for i in order:
        mine = taken[int(step[i])]
        known = False
        for j in mine:
            expected = (q_times[i] - q_times[j]) * scales[j]
            near = abs(r_times[i] - r_times[j] - expected) <= slack * abs(expected) + jitter
            known |= bool(recordings[i] == recordings[j] and abs(shifts[i] - shifts[j]) <= max_shift and near)
        if not known and len(mine) < per_step:
            mine.append(int(i))
    return [i for s in sorted(taken) for i in taken[s]]


def ratio_of_vote(
    vote: int,
    q_times: Floats,
    r_times: Floats,
    shifts: Floats,
    scales: Floats,
    weights: Floats,
    *,
    window: float,
    slack: float,
    jitter: float,
    max_shift: float,
    n_votes: int,
) -> float:
    """Each vote stands for the ratios whose line through the vote passes within `jitter`; the mean of the best wins."""
    scale = float(scales[vote])
    step = 2 * slack * scale / n_votes
    ratios = scale * (1 - slack) + step * (np.arange(n_votes) + 0.5)
    votes = np.zeros(n_votes)
    for j in range(len(q_times)):
        dq, dr = q_times[j] - q_times[vote], r_times[j] - r_times[vote]
        near = LEAST_APART_SECONDS <= abs(dq) <= window and abs(shifts[j] - shifts[vote]) <= max_shift
        if j != vote and near:
            votes[np.abs(dr / dq - ratios) <= jitter / abs(dq)] += weights[j]
    if not votes.any():
        return scale
    top = votes >= 0.9 * votes.max()
    return float(np.average(ratios[top], weights=votes[top]))


# --- index: alignment -------------------------------------------------------------------------------------------------


class Confirmed(NamedTuple):
    """Results of `confirm` for each query landmark."""

    rows: NDArray[np.int64]
    similarity: NDArray[np.float64]
    evidence: NDArray[np.float64]


class Grown(NamedTuple):
    """Where `grow` ended: the line, score and limits of the run, and the last confirmation."""

    line: tuple[float, float, float]
    run: tuple[float, int, int]
    confirmed: Confirmed


def evidence_of(similarity: float, lag: float, constants: ModuleType) -> float:
    """Log-likelihood ratio from the table of similarities and the mixture for the lag, within its limits."""
    c = constants
    value = np.interp(similarity, np.linspace(-1.0, 1.0, len(c.EVIDENCE)), c.EVIDENCE)
    value += np.log(c.LAG_OUTLIERS + (1 - c.LAG_OUTLIERS) * c.LAG_GAIN * np.exp(-abs(lag) / c.LAG_SECONDS))
    return float(np.clip(value, c.EVIDENCE_LEAST, c.EVIDENCE_MOST))


def confirm(
    q_times: Floats,
    q_bins: Floats,
    q_vectors: Floats,
    free: Booleans,
    first: int,
    last: int,
    r_ticks: Integers,
    r_bins: Integers,
    r_codes: NDArray[np.uint8],
    line: tuple[float, float, float],
    constants: ModuleType,
    *,
    reach: float,
    spread: float,
) -> Confirmed:
    """For each free query landmark the most similar reference landmark that is near enough, the earliest of equals."""
    n = len(q_times)
    rows, similarity, evidence = np.full(n, -1), np.full(n, -1.0), np.zeros(n)
    r_seconds = r_ticks / constants.TICKS_PER_SECOND
    r_cells = r_bins * constants.CELLS_PER_UNIT
    signs = np.where(np.unpackbits(r_codes, axis=1), 1.0, -1.0) / np.sqrt(q_vectors.shape[1])
    for i in np.flatnonzero(free[first:last]) + first:
        at, cell = q_times[i] * line[0] + line[1], q_bins[i] + line[2]
        lags = r_seconds - at
        for j in np.flatnonzero((np.abs(lags) <= reach) & (np.abs(r_cells - cell) <= spread)):
            alike = float(signs[j] @ q_vectors[i])
            if alike > similarity[i]:
                rows[i], similarity[i] = j, alike
        found = rows[i] >= 0
        evidence[i] = evidence_of(similarity[i], lags[rows[i]], constants) if found else constants.ABSENT
    return Confirmed(rows, similarity, evidence)


def trim(evidence: Floats, a: int, b: int) -> tuple[int, int]:
    """Return the ends of [a, b) that the evidence adds up to most between; the end first, the nearest of equal ones."""
    end = a + 1 + int(np.argmax(np.cumsum(evidence[a:b])))
    return end - 1 - int(np.argmax(np.cumsum(evidence[a:end][::-1]))), end


def fit_line(
    q_times: Floats,
    q_bins: Floats,
    rows: Integers,
    evidence: Floats,
    r_ticks: Integers,
    r_bins: Integers,
    first: int,
    last: int,
    line: tuple[float, float, float],
    constants: ModuleType,
) -> tuple[float, float, float]:
    """The weighted regression line of reference time on query time, its slope near the old one, and the mean shift."""
    used = np.array([i for i in range(first, last) if rows[i] >= 0 and evidence[i] > 0], dtype=np.int64)
    if not used.size:
        return line
    q, w = q_times[used], evidence[used]
    r = r_ticks[rows[used]] / constants.TICKS_PER_SECOND
    slope = line[0]
    if q.max() - q.min() >= constants.FIT_SECONDS:
        step = constants.FIT_STEP * slope
        slope = float(np.clip(np.polyfit(q, r, 1, w=np.sqrt(w))[0], slope - step, slope + step))
    shift = np.average(r_bins[rows[used]] * constants.CELLS_PER_UNIT - q_bins[used], weights=w)
    return slope, float(np.average(r - slope * q, weights=w)), float(shift)


def best_run(q_times: Floats, evidence: Floats, first: int, last: int, constants: ModuleType) -> tuple[float, int, int]:
    """The better of the best runs with the constants for faint and for clear sources."""
    faint = run_of_blocks(q_times, evidence, first, last, constants, 0.0, constants.FAINT_SOFTNESS)
    absent = constants.CLEAR_ABSENT - constants.ABSENT
    score, a, b = run_of_blocks(q_times, evidence, first, last, constants, absent, constants.CLEAR_SOFTNESS)
    return max(faint, (constants.CLEAR_SCALE * score, a, b), key=lambda run: run[0])


def run_of_blocks(
    q_times: Floats, evidence: Floats, first: int, last: int, constants: ModuleType, absent: float, soft: float
) -> tuple[float, int, int]:
    """Of all runs of blocks that never sink to zero nor far below their own maximum, the one with the highest sum."""
    if last <= first:
        return 0.0, first, first
    block = (q_times[first:last] / constants.BLOCK_SECONDS).astype(np.int64)
    block -= block[0]
    part = evidence[first:last]
    sums = np.bincount(block, weights=np.where(part == constants.ABSENT, part + absent, part))
    sums = np.where(sums > 0, soft * np.log1p(np.maximum(sums, 0) / soft), sums)
    best, best_start, best_end = 0.0, 0, 0
    for end in range(1, len(sums) + 1):
        for start in range(end):
            totals = np.cumsum(sums[start:end])
            peaks = np.maximum(np.maximum.accumulate(totals), 0.0)
            if (totals > 0).all() and (totals >= peaks - constants.DROP).all() and totals[-1] > best:
                best, best_start, best_end = float(totals[-1]), start, end
    if best <= 0.0:
        return 0.0, first, first
    inside = first + np.flatnonzero((block >= best_start) & (block < best_end))
    return best, int(inside[0]), int(inside[-1]) + 1


def grow(
    q_times: Floats,
    q_bins: Floats,
    q_vectors: Floats,
    log_scales: Floats,
    free: Booleans,
    r_ticks: Integers,
    r_bins: Integers,
    r_codes: NDArray[np.uint8],
    line: tuple[float, float, float],
    at: float,
    constants: ModuleType,
) -> Grown:
    """Confirm, take the best run, fit the line to it, look further, until the run keeps clear of the edges searched."""
    c = constants
    low, high = at - c.FIRST_REACH_SECONDS, at + c.FIRST_REACH_SECONDS
    reference = (r_ticks, r_bins, r_codes)
    for turn in range(c.MAX_TURNS):
        inside = np.flatnonzero((q_times >= low) & (q_times < high))
        first = int(inside[0]) if inside.size else 0
        last = int(inside[-1]) + 1 if inside.size else 0
        vectors = q_vectors[int(np.argmin(np.abs(log_scales - np.log(line[0]))))]
        wider = c.FIRST_TOLERANCE if turn == 0 else 1.0
        confirmed = confirm(
            q_times, q_bins, vectors, free, first, last, *reference, line, c,
            reach=wider * c.REACH_SECONDS, spread=wider * c.SPREAD_CELLS,
        )  # fmt: skip
        run = best_run(q_times, confirmed.evidence, first, last, c)
        if run[0] <= (c.LEAST_SCORE if turn > 1 else 0.0):
            return Grown(line, (0.0, run[1], run[2]), confirmed)
        start, end = q_times[run[1]], q_times[run[2] - 1]
        clear_before = first == 0 or start - low > c.CLEAR_SECONDS
        clear_after = last == len(q_times) or high - end > c.CLEAR_SECONDS
        if turn > 1 and ((clear_before and clear_after) or turn == c.MAX_TURNS - 1):
            break
        line = fit_line(q_times, q_bins, confirmed.rows, confirmed.evidence, r_ticks, r_bins, run[1], run[2], line, c)
        further = max(c.MIN_FURTHER_SECONDS, c.FURTHER * (end - start))
        low, high = start - further, end + further
    return Grown(line, run, confirmed)


# --- index: coarse tree and inverted lists ----------------------------------------------------------------------------


def likeliest_states(
    met: Booleans, weights: Floats, rates: Floats, on_costs: Floats, off_costs: Floats, level_cost: float
) -> float:
    """The total of the best of all sequences of states, each tried; state 0 is off."""
    return max(
        states_total(states, met, weights, rates, on_costs, off_costs, level_cost)
        for states in itertools.product(range(len(rates)), repeat=len(met))
    )


def states_total(
    states: Sequence[int],
    met: Booleans,
    weights: Floats,
    rates: Floats,
    on_costs: Floats,
    off_costs: Floats,
    level_cost: float,
) -> float:
    """The score of a sequence of states: the log-likelihood of its levels, less the cost of its changes."""
    total = 0.0
    for i, state in enumerate(states):
        total += np.log(rates[state]) if met[i] else weights[i] * np.log(1 - rates[state])
        if i and state != states[i - 1]:
            total -= on_costs[i] if states[i - 1] == 0 else off_costs[i] if state == 0 else level_cost
    return float(total)


def sign_vectors(codes: Integers, scale: float) -> NDArray[np.float64]:
    """The vector of each code [n, words]: plus `scale` where the bit is set, minus where it is not."""
    octets = np.ascontiguousarray(codes, dtype="<u8").view(np.uint8)
    return np.where(np.unpackbits(octets, axis=1), scale, -scale).astype(np.float64)


def nearness(vector: Floats, centroids: Floats) -> NDArray[np.float64]:
    """How near each centroid is: minus half the squared distance, apart from the vector's own length; dead: -inf."""
    c = centroids.astype(np.float64)
    return np.where(c.any(axis=1), c @ vector.astype(np.float64) - 0.5 * (c**2).sum(axis=1), -np.inf)


def descend(query: Floats, levels: list[Floats], branches: int, beam: int) -> list[list[int]]:
    """At each level the `beam` nodes nearest to the query among the children of those kept above, nearest first."""
    out: list[list[int]] = []
    for centroids in levels:
        values = nearness(query, centroids)
        if out:
            candidates = [branches * node + child for node in out[-1] for child in range(branches)]
        else:
            candidates = list(range(len(centroids)))
        living = [node for node in candidates if values[node] > -np.inf]
        out.append(sorted(living, key=lambda node: -values[node])[:beam])
    return out


def bit_planes(numbers: Integers) -> NDArray[np.uint64]:
    """Bits of weight 1, 2, 4 and -8 of numbers from -8 to 7 [q, d], as words [q, d / 64, 4]."""
    bits = np.array([[[(int(number) + 16) >> b & 1 for number in row] for row in numbers] for b in range(4)])
    return np.stack([np.packbits(plane.astype(np.uint8), axis=1).view("<u8") for plane in bits], axis=-1)


def scan(
    numbers: Integers,
    lists: Integers,
    members: list[list[int]],
    codes: Integers,
    first_row: int,
    rank_of_row: Integers,
    usable_rows: Booleans,
    most_codes: int,
    k: int,
) -> list[list[tuple[int, int]]]:
    """For each query the `k` best (score, row) among the usable members of its lists, ties by rank, then by row.

    The score is the sum of the query's rounded numbers where the code has a bit; lists are looked into until
    `most_codes` descriptors were whose rank is not negative.
    """
    bits = np.unpackbits(np.ascontiguousarray(codes, dtype="<u8").view(np.uint8), axis=1).astype(np.int64)
    out = []
    for row, wanted in zip(numbers.astype(np.int64), lists, strict=True):
        found: list[tuple[int, int]] = []
        weighed = 0
        for number in wanted:
            if number < 0 or weighed >= most_codes:
                break
            weighed += sum(bool(rank_of_row[first_row + i] >= 0) for i in members[number])
            found += [(int(bits[i] @ row), first_row + i) for i in members[number] if usable_rows[first_row + i]]
        out.append(sorted(found, key=lambda pair: (-pair[0], int(rank_of_row[pair[1]]), pair[1]))[:k])
    return out
