"""Second step: mono samples in, power on a log-frequency axis out.

Conventions: time runs along axis 0, one row per frame; frame `i` is centred on sample `i * hop_length`. Cell `b` of a
row is centred on `fmin_hz * 2 ** (b / bins_per_octave)` Hz. Values are power (squared magnitude), so a full-scale
sine gives about `(n_fft / 4) ** 2`. On this axis a pitch shift is a translation, which is why everything downstream
can treat pitch as an offset.

- `cells`: the log-frequency power of a whole signal.
- `cell_blocks`: the same rows from a stream of sample blocks, so that a three-hour file needs no more memory than a
  song.
- `log_cells`: its logarithm over a floor that follows the music's own level.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint import _fft, _kernels
from fingerprint.params import Params

__all__ = [
    "BLOCK_FRAMES",
    "CellMap",
    "cell_blocks",
    "cell_frequencies",
    "cell_map",
    "cells",
    "hann_window",
    "local_energy",
    "log_cells",
    "turns_of",
]

BLOCK_FRAMES = 256
"""Frames transformed at a time; fixed, so that the same samples always give the same bits."""


class CellMap(NamedTuple):
    """How FFT bins fill log-frequency cells.

    Cell `b` is the maximum of bins `low[b]..high[b]`; where that range is empty (`high < low`) the cell is narrower
    than a bin and is interpolated between bins `low[b] - 1` and `low[b]` with `weight[b]` on the latter.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    weight: NDArray[np.float32]


def cell_frequencies(params: Params) -> NDArray[np.float64]:
    """Return the centre of each cell in Hz, shape=(n_bins,)."""
    return params.fmin_hz * 2.0 ** (np.arange(params.n_bins) / params.bins_per_octave)


@lru_cache(maxsize=8)
def cell_map(params: Params) -> CellMap:
    """Return the map from the FFT bins of `params` to its cells."""
    bin_hz = params.sample_rate / params.n_fft
    centre = cell_frequencies(params)
    half_cell = 2.0 ** (0.5 / params.bins_per_octave)
    low = np.ceil(centre / half_cell / bin_hz).astype(np.int64)
    high = np.minimum(np.ceil(centre * half_cell / bin_hz).astype(np.int64) - 1, params.n_fft // 2)
    narrow = high < low
    low = np.where(narrow, np.floor(centre / bin_hz).astype(np.int64) + 1, low)
    high = np.where(narrow, low - 1, high)
    weight = np.where(narrow, centre / bin_hz - (low - 1), 0.0).astype(np.float32)
    return CellMap(low, high, weight)


def cell_blocks(blocks: Iterable[NDArray[np.float32]], params: Params) -> Iterator[NDArray[np.float32]]:
    """Yield the log-frequency power of a stream of samples, `BLOCK_FRAMES` rows at a time.

    Parameters
    ----------
    blocks : iterable of ndarray [shape=(any,), dtype=float32]
        Consecutive pieces of a mono signal at `params.sample_rate`. How it is cut changes nothing.
    params : Params
        Parameters of the analysis.

    Yields
    ------
    ndarray [shape=(<= BLOCK_FRAMES, n_bins), dtype=float32]
        Power. All blocks but the last have `BLOCK_FRAMES` rows; together they have `n_samples // hop_length + 1`.
    """
    hop, n_fft = params.hop_length, params.n_fft
    step = BLOCK_FRAMES * hop
    need = step - hop + n_fft
    edge = np.zeros(n_fft // 2, dtype=np.float32)
    held = edge
    n_samples = n_sent = 0
    for block in blocks:
        n_samples += block.size
        held = np.concatenate((held, block))
        start = 0
        while held.size - start >= need:
            yield _cells_of_frames(held[start : start + need], BLOCK_FRAMES, params)
            n_sent += BLOCK_FRAMES
            start += step
        held = held[start:]
    n_left = n_samples // hop + 1 - n_sent if n_samples else 0
    held = np.concatenate((held, edge))
    while n_left > 0:
        n = min(n_left, BLOCK_FRAMES)
        yield _cells_of_frames(held[: (n - 1) * hop + n_fft], n, params)
        held = held[step:]
        n_left -= n


def cells(y: NDArray[np.float32], params: Params) -> NDArray[np.float32]:
    """Return the log-frequency power of a whole signal.

    Parameters
    ----------
    y : ndarray [shape=(n,), dtype=float32]
        Mono samples at `params.sample_rate`.
    params : Params
        Parameters of the analysis.

    Returns
    -------
    ndarray [shape=(n // hop_length + 1, n_bins), dtype=float32]
        Power.
    """
    rows = list(cell_blocks([np.ascontiguousarray(y, dtype=np.float32)], params))
    return np.concatenate(rows) if rows else np.empty((0, params.n_bins), dtype=np.float32)


def local_energy(power: NDArray[np.float32], params: Params) -> NDArray[np.float32]:
    """Return the mean cell power over the patch length round each frame, shape=(n_frames,)."""
    half = round(params.patch_seconds * params.frames_per_second)
    energy = np.empty(len(power), dtype=np.float32)
    _kernels.moving_mean(power.mean(axis=1, dtype=np.float32), half, energy)
    return energy


def log_cells(power: NDArray[np.float32], energy: NDArray[np.float32], params: Params) -> NDArray[np.float32]:
    """Return the natural logarithm of `power` over a floor that lies `params.floor_ratio` below the local energy.

    The floor follows the music, so a change of gain only adds a constant, and codec residue in
    empty bands weighs nothing.
    """
    floor = energy * np.float32(params.floor_ratio) + np.float32(1e-20)
    log_power: NDArray[np.float32] = np.log(power + floor[:, None])
    return log_power


@lru_cache(maxsize=8)
def hann_window(n_fft: int) -> NDArray[np.float32]:
    """Return the periodic Hann window; `scipy.signal`, which has it too, takes a second to import."""
    hann = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, n_fft + 1))[:-1]
    return hann.astype(np.float32)


@lru_cache(maxsize=8)
def turns_of(n_fft: int) -> NDArray[np.float32]:
    """Return cosines and sines for `_fft.real_fft`, for the pass over transforms of `length` numbers from there on."""
    turns = np.zeros((3, max(1, n_fft // 2)), dtype=np.float32)
    length = 4
    while length < n_fft:
        angles = np.arange(1, 4)[:, None] * np.arange(1, (length - 1) // 2 + 1) * (2.0 * np.pi / (4 * length))
        turns[:, length : 2 * length - 2 : 2] = np.cos(angles)
        turns[:, length + 1 : 2 * length - 1 : 2] = np.sin(angles)
        length *= 4
    return turns


def _cells_of_frames(samples: NDArray[np.float32], n_frames: int, params: Params) -> NDArray[np.float32]:
    n, hop, table = params.n_fft, params.hop_length, cell_map(params)
    out = np.empty((n_frames, params.n_bins), dtype=np.float32)
    if n.bit_count() == 1 and n.bit_length() % 2 and n >= params.n_bins:  # a power of 4
        steps = np.empty((hop, _fft.LANES + (n - 1) // hop), dtype=np.float32)
        work, scratch = np.empty((2, n, _fft.LANES), dtype=np.float32)
        _fft.cells_of_frames(samples, hann_window(n), turns_of(n), *table, steps, work, scratch, out)
        return out
    import scipy.fft  # which takes a tenth of a second

    frames = np.lib.stride_tricks.sliding_window_view(samples, n)[::hop][:n_frames]
    spectrum = scipy.fft.rfft(frames * hann_window(n), axis=1)
    _kernels.cells_from_power(spectrum.real**2 + spectrum.imag**2, *table, out)
    return out
