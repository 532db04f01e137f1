"""First step: mono samples in, the salience of 84 semitones out, 5.4 rows a second.

Spectral peaks alone count, each by how far it rises above the spectrum around it (so a bright mix and a dull one are
alike) and less the further it lies below the loudest around it in time. Peaks go to semitones, once the tuning of the
music is taken off; of two frames the mean is kept. At last the harmonics of each pitch are added up (Klapuri, "Multiple
fundamental frequency estimation by summing harmonic amplitudes", ISMIR 2006) and folded to pitch classes in three
registers, as bass, harmony and melody would fall together otherwise.

- `SpectrumMaker`: samples to magnitude spectra, block by block; `magnitude_blocks`: the same for a whole stream.
- `peaks_of`: a block of spectra to peaks.
- `RowBuilder`: blocks of peaks to rows. Held are the rows, 3 MB for an hour of audio, and some minutes of peaks.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint import _fft
from fingerprint._kernels import moving_mean
from fingerprint.composition import _kernels
from fingerprint.composition.params import CompositionParams
from fingerprint.spectrogram import BLOCK_FRAMES, hann_window, turns_of

__all__ = ["FRAMES_PER_ROW", "Peaks", "RowBuilder", "SpectrumMaker", "magnitude_blocks", "peaks_of"]

FRAMES_PER_ROW = 2

_SILENCE = 1e-3  # magnitude of a tone of about -120 dB of full scale
_TUNED = (52.0, 88.0)  # MIDI numbers between which peaks tell the tuning
_PITCH_OF_440_HZ = 69.0


class Peaks(NamedTuple):
    """Spectral peaks of consecutive frames.

    Attributes
    ----------
    ends : ndarray [shape=(n_frames,), dtype=int64]
        Number of peaks up to the end of each frame.
    pitch, height, level : ndarray [shape=(n_peaks,), dtype=float32]
        MIDI pitch; natural logarithm of the magnitude over the mean around it; natural logarithm of the magnitude.
    loudest : ndarray [shape=(n_frames,), dtype=float32]
        Greatest level of each frame; minus infinity without a peak.
    tuning : complex
        Sum of a unit vector for each peak whose angle is its distance from the tempered scale.
    """

    ends: NDArray[np.int64]
    pitch: NDArray[np.float32]
    height: NDArray[np.float32]
    level: NDArray[np.float32]
    loudest: NDArray[np.float32]
    tuning: complex


class _Bins(NamedTuple):
    first: int
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    pitches: NDArray[np.float32]


def magnitude_blocks(blocks: Iterable[NDArray[np.float32]], params: CompositionParams) -> Iterator[NDArray[np.float32]]:
    """Yield the magnitude spectrum of a stream of samples, `BLOCK_FRAMES` frames at a time: `SpectrumMaker`."""
    maker = SpectrumMaker(params)
    for block in blocks:
        yield from maker.add(block)
    yield from maker.rest()


class SpectrumMaker:
    """Makes magnitude spectra of a stream of samples, `BLOCK_FRAMES` frames at a time.

    Frame `i` is centred on sample `i * hop_length`; there are `n_samples // hop_length + 1`. The array is written anew
    for each block, so use it before the next is asked for.
    """

    def __init__(self, params: CompositionParams) -> None:
        hop, n_fft = params.hop_length, params.n_fft
        self._params = params
        self._steps = np.empty((hop, _fft.LANES + (n_fft - 1) // hop), dtype=np.float32)
        self._scratch = np.empty((2, n_fft, _fft.LANES), dtype=np.float32)
        self._out = np.empty((BLOCK_FRAMES, n_fft // 2 + 1), dtype=np.float32)
        self._edge = np.zeros(n_fft // 2, dtype=np.float32)
        self._held = [self._edge]
        self._n_held = self._edge.size
        self._n_samples = self._n_sent = 0

    def add(self, block: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Yield what the next samples complete; go through all of it before adding more."""
        hop = self._params.hop_length
        need = (BLOCK_FRAMES - 1) * hop + self._params.n_fft
        self._n_samples += block.size
        self._held.append(block)
        self._n_held += block.size
        if self._n_held < need:
            return
        samples = np.concatenate(self._held)
        start = 0
        while samples.size - start >= need:
            yield self._spectra(samples[start : start + need], BLOCK_FRAMES)
            self._n_sent += BLOCK_FRAMES
            start += BLOCK_FRAMES * hop
        self._held = [samples[start:]]
        self._n_held = self._held[0].size

    def rest(self) -> Iterator[NDArray[np.float32]]:
        """Yield what is left at the end of the stream."""
        hop = self._params.hop_length
        samples = np.concatenate((*self._held, self._edge))
        n_left = self._n_samples // hop + 1 - self._n_sent if self._n_samples else 0
        while n_left > 0:
            n = min(n_left, BLOCK_FRAMES)
            yield self._spectra(samples[: (n - 1) * hop + self._params.n_fft], n)
            samples = samples[BLOCK_FRAMES * hop :]
            n_left -= n

    def _spectra(self, samples: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        n_fft, out = self._params.n_fft, self._out[:n]
        arguments = (hann_window(n_fft), turns_of(n_fft), self._steps, *self._scratch, out)
        _kernels.magnitudes_of_frames(samples, *arguments)
        return out


def peaks_of(magnitudes: NDArray[np.float32], params: CompositionParams) -> Peaks:
    """Return the spectral peaks of frames of magnitudes [shape=(n_frames, n_fft // 2 + 1), dtype=float32]."""
    bins = _bins(params)
    n_frames = len(magnitudes)
    most = n_frames * (bins.low.size // 2 + 1)  # no two peaks lie side by side
    ends = np.empty(n_frames, dtype=np.int64)
    pitch, height, level = np.empty((3, most), dtype=np.float32)
    totals = np.empty(magnitudes.shape[1] + 1, dtype=np.float64)
    _kernels.spectral_peaks(
        magnitudes,
        bins.low,
        bins.high,
        bins.first,
        bins.pitches,
        np.float32(_SILENCE),
        np.float32(10.0 ** (-params.range_db / 20.0)),
        np.float32(params.most_height),
        totals,
        ends,
        pitch,
        height,
        level,
    )
    n = int(ends[-1]) if n_frames else 0
    pitch, height, level = pitch[:n].copy(), height[:n].copy(), level[:n].copy()
    loudest = np.full(n_frames, -np.inf, dtype=np.float32)
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1]))
    filled = ends > starts
    if n:
        loudest[filled] = np.maximum.reduceat(level, starts[filled])
    told = pitch[(pitch >= _TUNED[0]) & (pitch <= _TUNED[1])].astype(np.float64)
    return Peaks(ends, pitch, height, level, loudest, complex(np.exp(2j * np.pi * told).sum()))


@dataclass(slots=True)
class RowBuilder:
    """Makes rows of blocks of peaks: all have `BLOCK_FRAMES` frames but the last."""

    params: CompositionParams
    _waiting: deque[Peaks] = field(default_factory=deque)
    _tunings: list[complex] = field(default_factory=list)
    _loudest: list[NDArray[np.float32]] = field(default_factory=list)
    _n_done: int = 0
    _rows: list[NDArray[np.float32]] = field(default_factory=list)
    _energy: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, peaks: Peaks) -> None:
        """Take the next block."""
        self._waiting.append(peaks)
        self._tunings.append(peaks.tuning)
        self._loudest.append(peaks.loudest)
        while len(self._tunings) > self._n_done + self.params.tuning_blocks:
            self._finish_block()

    def rows(self) -> NDArray[np.float32]:
        """Return the rows of all blocks; nothing can be added after this.

        Returns
        -------
        ndarray [shape=(n_rows, n_registers * 12), dtype=float32]
            One row for two frames, 0.186 s, register after register.
        """
        while self._waiting:
            self._finish_block()
        if not self._rows:
            return np.empty((0, self.params.n_registers * 12), dtype=np.float32)
        rows, square = np.concatenate(self._rows), np.concatenate(self._energy)
        mean_square = np.empty_like(square)
        half = round(self.params.energy_seconds * self.params.sample_rate / self.params.hop_length / FRAMES_PER_ROW)
        moving_mean(square, half, mean_square)
        rows /= (np.sqrt(mean_square) + np.float32(self.params.energy_floor))[:, None]
        return rows

    def _finish_block(self) -> None:
        params, at = self.params, self._n_done
        peaks = self._waiting.popleft()
        near = self._tunings[max(0, at - params.tuning_blocks) : at + params.tuning_blocks + 1]
        total = sum(near, 0j)
        tuning = math.atan2(total.imag, total.real) / (2.0 * math.pi)
        cells = np.empty((len(peaks.ends), params.n_pitches), dtype=np.float32)
        _kernels.cells_of_peaks(
            peaks.ends,
            peaks.pitch,
            peaks.height,
            peaks.level,
            self._loudest_around(at),
            tuning,
            float(params.lowest_pitch),
            params.range_db * math.log(10.0) / 20.0,
            cells,
        )
        n = len(cells) // FRAMES_PER_ROW
        pairs = cells[: FRAMES_PER_ROW * n].reshape(n, FRAMES_PER_ROW, params.n_pitches)
        halves = np.float32(0.5) * (pairs[:, 0] + pairs[:, 1])
        rows = np.empty((n, params.n_registers * 12), dtype=np.float32)
        _kernels.fold_registers(halves, *_folding(params), rows)
        self._rows.append(rows)
        self._energy.append((halves * halves).mean(axis=1, dtype=np.float32))
        self._n_done += 1

    def _loudest_around(self, at: int) -> NDArray[np.float32]:
        """Return the greatest level within `range_seconds` of each frame of block `at`."""
        half = round(self.params.range_seconds * self.params.sample_rate / self.params.hop_length)
        own = self._loudest[at]
        before = self._loudest[at - 1][-half:] if at else own[:0]
        after = self._loudest[at + 1][:half] if at + 1 < len(self._loudest) else own[:0]
        quiet = np.full(half, -np.inf, dtype=np.float32)
        levels = np.concatenate((quiet[before.size :], before, own, after, quiet[after.size :]))
        greatest: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(levels, 2 * half + 1).max(axis=1)
        return greatest


@lru_cache(maxsize=8)
def _bins(params: CompositionParams) -> _Bins:
    """Return the bins of peaks and of the means around them."""
    bin_hz = params.sample_rate / params.n_fft
    first, last = math.ceil(params.lowest_hz / bin_hz), math.floor(params.highest_hz / bin_hz)
    k = np.arange(first, min(last, params.n_fft // 2 - 1) + 1)
    low = np.rint(k / params.whitening_ratio).astype(np.int64)
    high = np.minimum(np.rint(k * params.whitening_ratio).astype(np.int64), params.n_fft // 2)
    pitches = _PITCH_OF_440_HZ + 12.0 * np.log2(k * bin_hz / 440.0)
    return _Bins(first, low, high, pitches.astype(np.float32))


@lru_cache(maxsize=8)
def _folding(
    params: CompositionParams,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the arguments of `fold_registers` beyond the cells."""
    pitches = params.lowest_pitch + np.arange(params.n_pitches)
    register = np.full(params.n_pitches, -1, dtype=np.int64)
    for number, (first, end) in enumerate(zip(params.register_pitches, params.register_pitches[1:], strict=False)):
        register[(pitches >= first) & (pitches < end)] = number
    offsets = np.array(params.harmonic_semitones, dtype=np.int64)
    weights = np.array(params.harmonic_weights, dtype=np.float32)
    return offsets, weights, register, (pitches % 12).astype(np.int64)
