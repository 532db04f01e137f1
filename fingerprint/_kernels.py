"""Inner loops of the fingerprint: no validation, no allocation. Slow twins stand in `tests/naive.py`."""

import numpy as np
from numba import njit

from fingerprint.kernel_cache import share_safely

__all__ = [
    "box_smooth",
    "cells_from_power",
    "first_from",
    "local_maxima",
    "moving_mean",
    "project",
    "prominence",
    "row_maxima",
    "sample_patches",
]

share_safely(__name__)


@njit(cache=True, nogil=True)
def cells_from_power(power, low, high, weight, out):
    """Map FFT bins to log-frequency cells: interpolate where a cell is narrower than a bin, else take the maximum."""
    n_frames = power.shape[0]
    n_cells = low.shape[0]
    for t in range(n_frames):
        for b in range(n_cells):
            first = low[b]
            last = high[b]
            if last < first:
                out[t, b] = power[t, first - 1] * (np.float32(1.0) - weight[b]) + power[t, first] * weight[b]
            else:
                best = power[t, first]
                for k in range(first + 1, last + 1):
                    if power[t, k] > best:
                        best = power[t, k]
                out[t, b] = best


@njit(cache=True, nogil=True)
def box_smooth(x, half_frames, half_bins, scratch, out):
    """Average over (2 half_frames + 1) x (2 half_bins + 1) cells; at the borders, over the cells that exist.

    `scratch` takes one row.
    """
    n_frames, n_bins = x.shape
    for t in range(n_frames):
        first = max(0, t - half_frames)
        last = min(n_frames, t + half_frames + 1)
        row = x[first]
        for b in range(n_bins):
            scratch[b] = row[b]
        for i in range(first + 1, last):
            row = x[i]
            for b in range(n_bins):
                scratch[b] += row[b]
        share = np.float32(1.0) / np.float32(last - first)
        total = out[t]
        for b in range(n_bins):
            scratch[b] *= share
            total[b] = np.float32(0.0)
        # The lowest of its cells goes into each sum first, then the next, for all sums at once: so it is vectorised.
        for d in range(half_bins, 0, -1):
            higher = total[d:]
            for b in range(n_bins - d):
                higher[b] += scratch[b]
        for d in range(half_bins + 1):
            higher = scratch[d:]
            for b in range(n_bins - d):
                total[b] += higher[b]
        for b in range(n_bins):
            total[b] /= np.float32(min(n_bins, b + half_bins + 1) - max(0, b - half_bins))


@njit(cache=True, nogil=True)
def moving_mean(x, half, out):
    """Average over 2 half + 1 numbers; at the ends, over those that exist."""
    n = x.shape[0]
    for t in range(n):
        out[t] = np.float32(0.0)
    for d in range(min(half, n), 0, -1):
        later = out[d:]
        for t in range(n - d):
            later[t] += x[t]
    for d in range(min(half + 1, n)):
        later = x[d:]
        for t in range(n - d):
            out[t] += later[t]
    for t in range(n):
        out[t] *= np.float32(1.0) / np.float32(min(n, t + half + 1) - max(0, t - half))


@njit(cache=True, nogil=True)
def row_maxima(x, half_bins, out):
    """Write the greatest value within `half_bins` cells of each, in its row."""
    n_frames, n_bins = x.shape
    for t in range(n_frames):
        row = x[t]
        most = out[t]
        for b in range(n_bins):
            most[b] = row[b]
        for d in range(1, half_bins + 1):
            higher = row[d:]
            for b in range(n_bins - d):
                most[b] = higher[b] if higher[b] > most[b] else most[b]
            higher = most[d:]
            for b in range(n_bins - d):
                higher[b] = row[b] if row[b] > higher[b] else higher[b]


@njit(cache=True, nogil=True)
def local_maxima(x, greatest, first_frame, last_frame, half_frames, half_bins, floor, out):
    """Write (frame, bin) of the cells of rows [first_frame, last_frame) that exceed `floor` and all their neighbours.

    `greatest` is of `row_maxima`. Of equal cells the first in time, then the lowest in frequency, counts. Returns how
    many were found.
    """
    n_frames, n_bins = x.shape
    count = 0
    for t in range(max(1, first_frame), min(n_frames - 1, last_frame)):
        row = x[t]
        most = greatest[t]
        for b in range(1, n_bins - 1):
            v = row[b]
            if v < most[b] or v <= floor[t]:
                continue
            top = True
            for j in range(max(0, b - half_bins), b):
                if row[j] == v:
                    top = False
            for d in range(1, half_frames + 1):
                if not top:
                    break
                top = (t - d < 0 or greatest[t - d, b] < v) and (t + d >= n_frames or greatest[t + d, b] <= v)
            if top:
                out[count, 0] = t
                out[count, 1] = b
                count += 1
    return count


@njit(cache=True, nogil=True)
def prominence(log_cells, peaks, half_frames, half_bins, out):
    """Height of each peak above the mean of its neighbourhood, in the units of `log_cells`."""
    n_frames, n_bins = log_cells.shape
    for i in range(peaks.shape[0]):
        t = peaks[i, 0]
        b = peaks[i, 1]
        total = 0.0
        n = 0
        for u in range(max(0, t - half_frames), min(n_frames, t + half_frames + 1)):
            for j in range(max(0, b - half_bins), min(n_bins, b + half_bins + 1)):
                total += log_cells[u, j]
                n += 1
        out[i] = log_cells[t, b] - total / n


@njit(cache=True, nogil=True)
def sample_patches(smooth, frames, bins, frame_offsets, bin_offsets, out):
    """Sample `smooth` bilinearly on a grid round each landmark; remove the mean, scale to unit norm.

    Grid points before the start or after the end of the recording take the mean of their frequency over the points that
    exist, as if the sound had been steady there; those above or below the axis take the mean of all.
    """
    n_frames, n_bins = smooth.shape
    n_times = frame_offsets.shape[0]
    n_rows = bin_offsets.shape[0]
    for i in range(frames.shape[0]):
        total = np.float64(0.0)  # the mean of equal values must be that value, or rounding passes for a pattern
        n = 0
        for j in range(n_rows):
            x = bins[i] + bin_offsets[j]
            x0 = int(np.floor(x))
            fx = np.float32(x - x0)
            known = np.float64(0.0)
            n_known = 0
            if x0 >= 0 and x0 + 1 < n_bins:
                for u in range(n_times):
                    y = frames[i] + frame_offsets[u]
                    y0 = int(np.floor(y))
                    if y0 >= 0 and y0 + 1 < n_frames:
                        fy = np.float32(y - y0)
                        a = smooth[y0, x0] + fx * (smooth[y0, x0 + 1] - smooth[y0, x0])
                        c = smooth[y0 + 1, x0] + fx * (smooth[y0 + 1, x0 + 1] - smooth[y0 + 1, x0])
                        out[i, u * n_rows + j] = a + fy * (c - a)
                        known += out[i, u * n_rows + j]
                        n_known += 1
            if n_known == 0:
                for u in range(n_times):
                    out[i, u * n_rows + j] = np.nan
                continue
            known /= n_known
            if n_known < n_times:
                for u in range(n_times):
                    y0 = int(np.floor(frames[i] + frame_offsets[u]))
                    if y0 < 0 or y0 + 1 >= n_frames:
                        out[i, u * n_rows + j] = np.float32(known)
            total += known
            n += 1
        mean = np.float32(total / max(n, 1))
        square = np.float32(0.0)
        for k in range(n_times * n_rows):
            if np.isnan(out[i, k]):
                out[i, k] = np.float32(0.0)
            else:
                out[i, k] -= mean
                square += out[i, k] * out[i, k]
        if square > np.float32(0.0):
            scale = np.float32(1.0) / np.sqrt(square)
            for k in range(n_times * n_rows):
                out[i, k] *= scale


@njit(cache=True, nogil=True)
def project(patches, matrix, offset, out):
    """Project each patch, subtract `offset`, and scale to unit norm; a flat patch, all zeros, gives zeros.

    Every sum runs over the patch in order. A product by BLAS differs in its last bits between kernels and numbers of
    threads, and with it the bytes of all that is made of descriptors.
    """
    size, dimension = matrix.shape
    whole = size - size % 4
    for i in range(patches.shape[0]):
        patch = patches[i]
        total = out[i]
        for d in range(dimension):
            total[d] = np.float32(0.0)
        flat = True
        for k in range(size):
            if patch[k] != np.float32(0.0):
                flat = False
        for k in range(0, whole, 4):  # four rows at a time, as the sums would be stored after each
            v0, v1, v2, v3 = patch[k], patch[k + 1], patch[k + 2], patch[k + 3]
            row0, row1, row2, row3 = matrix[k], matrix[k + 1], matrix[k + 2], matrix[k + 3]
            for d in range(dimension):
                total[d] = (((total[d] + v0 * row0[d]) + v1 * row1[d]) + v2 * row2[d]) + v3 * row3[d]
        for k in range(whole, size):
            for d in range(dimension):
                total[d] += patch[k] * matrix[k, d]
        square = np.float32(0.0)
        for d in range(dimension):
            total[d] -= offset[d]
            square += total[d] * total[d]
        norm = np.sqrt(square)
        for d in range(dimension):
            total[d] = np.float32(0.0) if flat or norm == np.float32(0.0) else total[d] / norm


@njit(cache=True, nogil=True)
def first_from(ascending, value):
    """Return the place of the first number that is not below `value`; the length where all are."""
    low = 0
    high = ascending.shape[0]
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
