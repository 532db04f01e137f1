"""The obvious, slow twin of every kernel of the composition layer, in plain Python and numpy, in double precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Complexes = NDArray[np.complexfloating[Any, Any]]
N_FREQUENCIES = 6


def magnitudes_of_frames(samples: Floats, window: Floats, hop: int, n_frames: int) -> Floats:
    """The magnitude of NumPy's transform of each frame."""
    padded = np.concatenate((samples.astype(np.float64), np.zeros(len(window) + n_frames * hop)))
    frames = [padded[t * hop : t * hop + len(window)] * window for t in range(n_frames)]
    return np.abs(np.fft.rfft(np.array(frames).reshape(n_frames, len(window)), axis=1))


def spectral_peaks(
    magnitudes: Floats,
    low: Integers,
    high: Integers,
    first: int,
    pitches: Floats,
    silence: float,
    quietest: float,
    most: float,
    shifted_bins: int,
) -> list[list[tuple[float, float, float]]]:
    """For each row, (pitch, height, level) of each bin that exceeds its neighbours and the mean around it."""
    found = []
    for row in magnitudes.astype(np.float64):
        peaks = []
        greatest = row[first : first + len(low)].max(initial=0.0)
        for i, (start, end) in enumerate(zip(low, high, strict=True)):
            k = first + i
            mean = row[start : end + 1].mean()
            if not (row[k] > row[k - 1] and row[k] >= row[k + 1] and row[k] > max(silence, quietest * greatest, mean)):
                continue
            pitch = float(pitches[i])
            if k < shifted_bins:
                a, b, c = (math.log(max(float(row[k + d]) / float(row[k]), 1e-9)) for d in (-1, 0, 1))
                bend = a - 2 * b + c
                shift = 0.5 * (a - c) / bend if bend < 0 else 0.0
                pitch += 12 * math.log2(1 + shift / k)
            peaks.append((pitch, min(math.log(row[k] / mean), most), math.log(row[k])))
        found.append(peaks)
    return found


def cells_of_peaks(
    peaks: list[list[tuple[float, float, float]]],
    loudest: Floats,
    tuning: float,
    lowest: float,
    range_nepers: float,
    n_cells: int,
) -> Floats:
    """The greatest of the peaks within a semitone of each cell, by height, level and distance."""
    out = np.zeros((len(peaks), n_cells))
    for t, row in enumerate(peaks):
        for pitch, height, level in row:
            share = min(1.0, 1.0 + (level - float(loudest[t])) / range_nepers)
            for c in range(n_cells):
                distance = abs(pitch - tuning - lowest - c)
                if share > 0 and distance < 1:
                    out[t, c] = max(out[t, c], height * share * math.cos(0.5 * math.pi * distance) ** 2)
    return out


def fold_registers(
    cells: Floats, offsets: Integers, weights: Floats, register_of: Integers, pitch_class_of: Integers, n_registers: int
) -> Floats:
    """Each pitch with its harmonics, added to its pitch class in its register."""
    out = np.zeros((len(cells), n_registers * 12))
    padded = np.pad(cells.astype(np.float64), ((0, 0), (0, int(max(offsets)))))
    for c, (register, pitch_class) in enumerate(zip(register_of, pitch_class_of, strict=True)):
        if register >= 0:
            out[:, register * 12 + pitch_class] += padded[:, c + offsets] @ weights.astype(np.float64)
    return out


def pitch_spectra(rows: Floats, n_registers: int) -> tuple[Complexes, Floats]:
    """NumPy's transform over pitch class, and the sum of squares of what is left without the mean."""
    registers = rows.astype(np.float64).reshape(len(rows), n_registers, 12)
    spectra = np.fft.fft(registers, axis=2)[:, :, 1 : N_FREQUENCIES + 1]
    return spectra, ((registers - registers.mean(axis=2, keepdims=True)) ** 2).sum(axis=2)


def embed(
    spectra: Complexes,
    spread: Floats,
    starts: Integers,
    length: int,
    floor: float,
    frequencies: Integers,
    directions: Complexes,
    step: float,
) -> Floats:
    """Each window, its registers at equal loudness, projected and scaled; not yet rounded."""
    out = np.zeros((len(starts), 2 * len(frequencies)))
    for i, first in enumerate(starts):
        rows, spreads = spectra[first : first + length], spread[first : first + length].astype(np.float64)
        gains = 1 / (np.sqrt(spreads.sum(axis=0) / (12 * length)) + floor)
        levelled = (rows * gains[None, :, None]).transpose(2, 1, 0).reshape(N_FREQUENCIES, -1)
        products = np.array([d @ levelled[f] for f, d in zip(frequencies, directions, strict=True)])
        pairs = np.stack((products.real, products.imag), axis=1).reshape(-1)
        norm = np.linalg.norm(pairs)
        out[i] = np.clip(pairs / norm * step, -127, 127) if norm else 0.0
    return out


def rotate(vectors: Integers, frequencies: Integers, semitones: int) -> Floats:
    """Each pair as a complex number, its phase turned; not yet rounded."""
    pairs = vectors[:, ::2].astype(np.float64) + 1j * vectors[:, 1::2]
    turned = pairs * np.exp(-2j * np.pi * (frequencies + 1) * semitones / 12)
    pairs_again: Floats = np.clip(np.stack((turned.real, turned.imag), axis=2).reshape(vectors.shape), -127, 127)
    return pairs_again


def background_statistics(
    vectors: Integers, background: Integers, frequencies: Integers, scale: float
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the greatest of twelve inner products with each background vector."""
    one = vectors[:, ::2].astype(np.float64) + 1j * vectors[:, 1::2]
    other = background[:, ::2].astype(np.float64) + 1j * background[:, 1::2]
    keys = [one * np.exp(-2j * np.pi * (frequencies + 1) * k / 12) for k in range(12)]
    best = scale * np.max([(key @ other.conj().T).real for key in keys], axis=0)
    return best.mean(axis=1), best.std(axis=1)
