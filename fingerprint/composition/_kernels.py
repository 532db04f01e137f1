"""Inner loops of the composition layer: no validation, no allocation. Slow twins stand in `tests/naive_composition.py`.

Sums run in a fixed order and products are left to no library, so the bytes are the same for any number of threads.
"""

import math

import numpy as np
from numba import njit

from fingerprint._fft import LANES, load, real_fft, store
from fingerprint.kernel_cache import share_safely

__all__ = [
    "background_statistics",
    "cells_of_peaks",
    "embed",
    "fold_registers",
    "magnitudes_of_frames",
    "pitch_spectra",
    "rotate",
    "spectral_peaks",
]

share_safely(__name__)

N_KEYS = 12
SHIFTED_BINS = 512  # above them a bin is 0.03 semitones wide, and a peak is as good as in its middle
LEAST_RATIO = np.float32(1e-9)
SEMITONES_PER_E = np.float32(12.0 / math.log(2.0))
N_FREQUENCIES = 6  # of the transform over 12 pitch classes, without the mean


@njit(cache=True, nogil=True)
def magnitudes_of_frames(samples, window, turns, steps, work, scratch, out):
    """Write the magnitude spectrum of each frame of `samples`; samples beyond the last are zeros.

    Scratch: `steps` [shape=(hop, LANES + (n - 1) // hop)], of which the first gives the hop; `work` and `scratch`
    [shape=(n, LANES)].
    """
    n_frames, n_bins = out.shape
    n = window.shape[0]
    hop, n_steps = steps.shape
    for first in range(0, n_frames, LANES):
        for m in range(n_steps):
            at = (first + m) * hop
            for r in range(hop):
                steps[r, m] = samples[at + r] if at + r < samples.shape[0] else np.float32(0.0)
        for i in range(n):
            store(work, i, window[i] * load(steps, i % hop, i // hop))
        spectrum = real_fft(work, turns, scratch)
        power = scratch if spectrum is work else work
        for k in range(n_bins):
            real = load(spectrum, max(0, 2 * k - 1), 0)
            square = real * real
            if 0 < k < n // 2:
                imaginary = load(spectrum, 2 * k, 0)
                square = square + imaginary * imaginary
            store(power, k, square)
        for t in range(min(LANES, n_frames - first)):
            row = out[first + t]
            for k in range(n_bins):
                row[k] = np.sqrt(power[k, t])


@njit(cache=True, nogil=True)
def spectral_peaks(
    magnitudes, low, high, first_bin, pitches, silence, quietest, most, totals, ends, pitch, height, level
):
    """Write the peaks of each row that rise above the mean magnitude around them.

    Bins `low[i]..high[i]` are around bin `first_bin + i`, of MIDI pitch `pitches[i]`. A peak is above `silence`, and
    above `quietest` times the greatest magnitude of its row. Writes the MIDI pitch of each peak; its height, the
    natural logarithm of its magnitude over that mean, at most `most`; its level, the natural logarithm of its
    magnitude; and in `ends` the number of peaks up to the end of each row. `totals` takes the sums of a row, one more
    than it has bins.
    """
    n_frames, n_bins = magnitudes.shape
    count = 0
    for t in range(n_frames):
        row = magnitudes[t]
        total = 0.0
        totals[0] = 0.0
        for k in range(n_bins):
            total += row[k]
            totals[k + 1] = total
        least = silence
        for i in range(low.shape[0]):
            least = max(least, row[first_bin + i] * quietest)
        for i in range(low.shape[0]):
            k = first_bin + i
            here = row[k]
            if here <= row[k - 1] or here < row[k + 1] or here <= least:
                continue
            mean = (totals[high[i] + 1] - totals[low[i]]) / (high[i] + 1 - low[i])
            if here <= mean:
                continue
            pitch[count] = pitches[i]
            if k < SHIFTED_BINS:
                a = math.log(max(row[k - 1] / here, LEAST_RATIO))
                c = math.log(max(row[k + 1] / here, LEAST_RATIO))
                shift = np.float32(0.5) * (a - c) / (a + c) if a + c < np.float32(0.0) else np.float32(0.0)
                shift /= np.float32(k)
                pitch[count] += SEMITONES_PER_E * shift * (np.float32(1.0) - np.float32(0.5) * shift)  # of a logarithm
            height[count] = min(math.log(here / np.float32(mean)), most)
            level[count] = math.log(here)
            count += 1
        ends[t] = count


@njit(cache=True, nogil=True)
def cells_of_peaks(ends, pitch, height, level, loudest, tuning, lowest_pitch, range_nepers, out):
    """Write the salience of each semitone in each frame: of the peaks near it, the greatest.

    A peak counts by its height, less the further it lies below `loudest`, the greatest level around its frame (nothing
    from `range_nepers` below on), and by cos^2 of its distance in semitones, up to one.
    """
    n_frames, n_cells = out.shape
    first = 0
    for t in range(n_frames):
        row = out[t]
        for c in range(n_cells):
            row[c] = np.float32(0.0)
        for i in range(first, ends[t]):
            share = 1.0 + (level[i] - loudest[t]) / range_nepers
            if share <= 0.0:
                continue
            value = height[i] * min(share, 1.0)
            x = pitch[i] - tuning - lowest_pitch
            c = math.floor(x)
            distance = x - c
            weight = math.cos(0.5 * math.pi * distance) ** 2
            if 0 <= c < n_cells and value * weight > row[c]:
                row[c] = np.float32(value * weight)
            if 0 <= c + 1 < n_cells and value * (1.0 - weight) > row[c + 1]:
                row[c + 1] = np.float32(value * (1.0 - weight))
        first = ends[t]


@njit(cache=True, nogil=True)
def fold_registers(cells, offsets, weights, register_of, pitch_class_of, out):
    """Add up the harmonics of each semitone, and the semitones of each register and pitch class.

    `out` [shape=(n_rows, n_registers * 12)]; a semitone of register -1 counts nowhere.
    """
    n_rows, n_cells = cells.shape
    for t in range(n_rows):
        row = cells[t]
        total = out[t]
        for b in range(total.shape[0]):
            total[b] = np.float32(0.0)
        for c in range(n_cells):
            if register_of[c] < 0:
                continue
            value = np.float32(0.0)
            for h in range(offsets.shape[0]):
                if c + offsets[h] < n_cells:
                    value += weights[h] * row[c + offsets[h]]
            total[register_of[c] * 12 + pitch_class_of[c]] += value


@njit(cache=True, nogil=True)
def pitch_spectra(rows, cosines, sines, out, spread):
    """Transform each register of each row over its 12 pitch classes.

    Writes frequencies 1 to 6 as real and imaginary parts [shape=(n, n_registers, 6, 2)], and in `spread`
    [shape=(n, n_registers)] the sum of squared differences from the register's mean.
    """
    for t in range(rows.shape[0]):
        for r in range(out.shape[1]):
            row = rows[t, r * 12 : r * 12 + 12]
            mean = np.float32(0.0)
            for p in range(12):
                mean += row[p]
            mean /= np.float32(12.0)
            square = np.float32(0.0)
            for p in range(12):
                square += (row[p] - mean) * (row[p] - mean)
            spread[t, r] = square
            for f in range(N_FREQUENCIES):
                real = np.float32(0.0)
                imaginary = np.float32(0.0)
                for p in range(12):
                    real += row[p] * cosines[f, p]
                    imaginary -= row[p] * sines[f, p]
                out[t, r, f, 0] = real
                out[t, r, f, 1] = imaginary


@njit(cache=True, nogil=True)
def embed(spectra, spread, starts, length, floor, frequencies, real, imaginary, step, inner, out):
    """Write the vector of each window of `length` rows, as whole numbers of 1 / `step`.

    Each register is divided by its root mean square in the window plus `floor`. Number pair `p` of a vector is the
    product of row `p` of the complex projection with frequency `frequencies[p]` (counted from 0), register after
    register; a window without any pitch gives zeros. `inner` takes a vector.
    """
    n_registers = spectra.shape[1]
    n_pairs = frequencies.shape[0]
    for i in range(starts.shape[0]):
        first = starts[i]
        for d in range(2 * n_pairs):
            inner[d] = np.float32(0.0)
        for r in range(n_registers):
            square = np.float32(0.0)
            for t in range(length):
                square += spread[first + t, r]
            gain = np.float32(1.0) / (np.sqrt(square / np.float32(12 * length)) + floor)
            for p in range(n_pairs):
                f = frequencies[p]
                a = np.float32(0.0)
                b = np.float32(0.0)
                for t in range(length):
                    x = spectra[first + t, r, f, 0]
                    y = spectra[first + t, r, f, 1]
                    u = real[p, r * length + t]
                    v = imaginary[p, r * length + t]
                    a += u * x - v * y
                    b += u * y + v * x
                inner[2 * p] += gain * a
                inner[2 * p + 1] += gain * b
        square = np.float32(0.0)
        for d in range(2 * n_pairs):
            square += inner[d] * inner[d]
        norm = np.sqrt(square)
        for d in range(2 * n_pairs):
            value = np.rint(inner[d] / norm * step) if norm > np.float32(0.0) else np.float32(0.0)
            out[i, d] = np.int8(min(max(value, np.float32(-127.0)), np.float32(127.0)))


@njit(cache=True, nogil=True)
def rotate(vectors, frequencies, cosines, sines, out):
    """Write the vectors of the same music some semitones higher.

    The pair of numbers of frequency `f` (counted from 0) turns by the angle whose cosine is `cosines[f]`.
    """
    for i in range(vectors.shape[0]):
        for p in range(frequencies.shape[0]):
            c = cosines[frequencies[p]]
            s = sines[frequencies[p]]
            x = np.float32(vectors[i, 2 * p])
            y = np.float32(vectors[i, 2 * p + 1])
            a = np.rint(c * x + s * y)
            b = np.rint(c * y - s * x)
            out[i, 2 * p] = np.int8(min(max(a, np.float32(-127.0)), np.float32(127.0)))
            out[i, 2 * p + 1] = np.int8(min(max(b, np.float32(-127.0)), np.float32(127.0)))


@njit(cache=True, nogil=True)
def background_statistics(vectors, background, frequencies, cosines, sines, scale, products, mean, sd):
    """Write mean and standard deviation of each vector's likeness to the background, in the key where it is greatest.

    `cosines` and `sines` [shape=(6, 12)] hold the turn of each frequency for each key; likeness is an inner product
    times `scale`. Scratch: `products` [shape=(6, 2), dtype=int32].
    """
    n_background = background.shape[0]
    for i in range(vectors.shape[0]):
        total = 0.0
        squares = 0.0
        for j in range(n_background):
            for f in range(N_FREQUENCIES):
                products[f, 0] = 0
                products[f, 1] = 0
            for p in range(frequencies.shape[0]):
                f = frequencies[p]
                x = np.int32(vectors[i, 2 * p])
                y = np.int32(vectors[i, 2 * p + 1])
                u = np.int32(background[j, 2 * p])
                v = np.int32(background[j, 2 * p + 1])
                products[f, 0] += x * u + y * v
                products[f, 1] += x * v - y * u
            best = np.float32(-np.inf)
            for k in range(N_KEYS):
                value = np.float32(0.0)
                for f in range(N_FREQUENCIES):
                    value += cosines[f, k] * np.float32(products[f, 0]) - sines[f, k] * np.float32(products[f, 1])
                best = max(best, value)
            best *= scale
            total += best
            squares += best * best
        mean[i] = total / n_background
        sd[i] = math.sqrt(max(squares / n_background - (total / n_background) ** 2, 0.0))
