"""The log-frequency spectrogram against librosa, against known spectra of a sine and a click, and against itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.params import Params
from fingerprint.spectrogram import (
    BLOCK_FRAMES,
    cell_blocks,
    cell_frequencies,
    cell_map,
    cells,
    hann_window,
    local_energy,
    log_cells,
)
from sourceprint.demo.synthesis import synthesize
from tests import naive

PARAMS = Params()
HOP, SR = PARAMS.hop_length, PARAMS.sample_rate
BIN_HZ = PARAMS.sample_rate / PARAMS.n_fft

Samples = NDArray[np.float32]


def music(seconds: float = 4.0, seed: int = 5) -> Samples:
    return synthesize(seed, seconds, sample_rate=SR)


def sine(hz: float, *, seconds: float = 1.0, amplitude: float = 0.5, phase: float = 0.0) -> Samples:
    t = np.arange(round(seconds * SR)) / SR
    return (amplitude * np.sin(2 * np.pi * hz * t + phase)).astype(np.float32)


def cell_of(hz: float) -> float:
    return PARAMS.bins_per_octave * float(np.log2(hz / PARAMS.fmin_hz))


@pytest.mark.parametrize("n_fft", [2, 1023, 1024, 2048, 4096])
def test_window_is_that_of_scipy_to_the_bit(n_fft: int) -> None:
    from scipy import signal  # takes a second to load: not where tests are collected

    np.testing.assert_array_equal(hann_window(n_fft), signal.get_window("hann", n_fft).astype(np.float32))


def test_power_is_that_of_librosa_on_the_log_axis() -> None:
    import librosa  # takes seconds to load: not where tests are collected

    y = music()
    stft = librosa.stft(y, n_fft=PARAMS.n_fft, hop_length=HOP, window="hann", center=True, pad_mode="constant")
    power = np.abs(stft.T.astype(np.complex128)) ** 2
    fft_hz = librosa.fft_frequencies(sr=SR, n_fft=PARAMS.n_fft)
    ours = cells(y, PARAMS)
    assert ours.shape == (len(power), PARAMS.n_bins)
    half_cell = 2.0 ** (0.5 / PARAMS.bins_per_octave)
    n_wide = 0
    for b, hz in enumerate(cell_frequencies(PARAMS)):
        inside = (fft_hz >= hz / half_cell) & (fft_hz < hz * half_cell)
        if inside.any():
            n_wide += 1
            np.testing.assert_allclose(ours[:, b], power[:, inside].max(axis=1), rtol=1e-3, atol=1e-5)
        else:  # narrower than a bin: between its neighbours, somehow
            k = int(hz / BIN_HZ)
            assert (ours[:, b] <= 1.3 * power[:, k - 1 : k + 3].max(axis=1) + 1e-5).all()
    assert n_wide > PARAMS.n_bins / 2


@pytest.mark.parametrize("low_hz", [75, 110, 165, 250, 400, 600, 1000, 1800, 3000, 4500])
def test_a_sine_has_one_frequency(low_hz: float) -> None:
    rng = np.random.default_rng(round(low_hz))
    for hz in low_hz * 2.0 ** rng.uniform(0, 0.2, 12):
        row = cells(sine(hz, phase=rng.uniform(0, 6)), PARAMS)[40]
        peak = int(np.argmax(row))
        before, here, after = np.log(row[peak - 1 : peak + 2].astype(np.float64) + 1e-20)
        found = peak + float(np.clip(0.5 * (before - after) / (before - 2 * here + after), -0.5, 0.5))
        # A third of a cell; in the bass, where FFT bins are wider than cells, half a bin.
        half_bin = cell_of(hz + BIN_HZ / 2) - cell_of(hz)
        assert abs(found - cell_of(hz)) < max(0.35, 1.1 * half_bin), f"{hz:.1f} Hz"


@pytest.mark.parametrize("hz", [300.0, 1000.0, 4000.0])
def test_a_full_scale_sine_has_the_power_that_the_module_promises(hz: float) -> None:
    row = cells(sine(round(hz / BIN_HZ) * BIN_HZ, amplitude=1.0), PARAMS)[40]
    assert row.max() == pytest.approx((PARAMS.n_fft / 4) ** 2, rel=0.01)


@pytest.mark.parametrize("frame", [5, 40, BLOCK_FRAMES, BLOCK_FRAMES + 3])
def test_frames_are_centred_on_their_hop(frame: int) -> None:
    y = np.zeros(HOP * (BLOCK_FRAMES + 50), dtype=np.float32)
    y[frame * HOP] = 1.0
    power = cells(y, PARAMS).sum(axis=1)
    assert int(np.argmax(power)) == frame
    assert power[frame - 1] == pytest.approx(power[frame + 1], rel=1e-3)
    reach = PARAMS.n_fft // 2 // HOP
    assert not power[: frame - reach].any()
    assert not power[frame + reach + 1 :].any()


@pytest.mark.parametrize(
    "n", [0, 1, HOP - 1, HOP, 5000, HOP * BLOCK_FRAMES, HOP * BLOCK_FRAMES + 1, 3 * HOP * BLOCK_FRAMES]
)
def test_one_row_per_hop_and_one_more(n: int) -> None:
    y = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    power = cells(y, PARAMS)
    assert power.shape == (n // HOP + 1 if n else 0, PARAMS.n_bins)
    assert power.dtype == np.float32


@pytest.mark.parametrize("sizes", [[1, 0, 7, 100], [11025], [HOP * BLOCK_FRAMES], [PARAMS.n_fft - 1, 1]])
def test_how_the_samples_are_cut_changes_no_bit(sizes: list[int]) -> None:
    y = music(9.0)
    cuts = np.cumsum(np.resize(sizes, 3 + y.size // max(1, int(np.mean(sizes)))))
    parts = np.split(y, cuts[cuts < y.size])
    blocks = list(cell_blocks(parts, PARAMS))
    assert {len(block) for block in blocks[:-1]} == {BLOCK_FRAMES}
    assert np.concatenate(blocks).tobytes() == cells(y, PARAMS).tobytes()


def test_gain_multiplies_power_and_adds_a_constant_to_its_logarithm() -> None:
    y = music()
    power = cells(y, PARAMS)
    assert np.array_equal(cells(np.float32(0.5) * y, PARAMS), np.float32(0.25) * power)
    quiet = cells(np.float32(0.01) * y, PARAMS)
    loud_log, quiet_log = (log_cells(p, local_energy(p, PARAMS), PARAMS) for p in (power, quiet))
    np.testing.assert_allclose(quiet_log - loud_log, np.log(1e-4), atol=2e-3)


def test_local_energy_is_the_mean_over_the_patch_length() -> None:
    power = cells(music(), PARAMS)
    half = round(PARAMS.patch_seconds * PARAMS.frames_per_second)
    expected = naive.box_smooth(power.astype(np.float64).mean(axis=1, keepdims=True), half, 0)[:, 0]
    np.testing.assert_allclose(local_energy(power, PARAMS), expected, rtol=1e-4)


def test_the_floor_hides_sound_far_below_the_music_and_silence_stays_finite() -> None:
    faint = cells(sine(440.0) + np.float32(1e-4) * sine(3000.0), PARAMS)
    alone = cells(sine(440.0), PARAMS)
    faint_log, alone_log = (log_cells(p, local_energy(p, PARAMS), PARAMS) for p in (faint, alone))
    b = round(cell_of(3000.0))
    assert np.log(faint[40, b]) - np.log(alone[40, b] + 1e-12) > 1.0
    assert abs(faint_log[40, b] - alone_log[40, b]) < 0.1
    silent = np.zeros((30, PARAMS.n_bins), dtype=np.float32)
    assert np.isfinite(log_cells(silent, local_energy(silent, PARAMS), PARAMS)).all()


def test_cells_are_a_logarithmic_axis() -> None:
    hz = cell_frequencies(PARAMS)
    assert hz[0] == PARAMS.fmin_hz
    np.testing.assert_allclose(hz[PARAMS.bins_per_octave :] / hz[: -PARAMS.bins_per_octave], 2.0)
    assert hz[-1] < SR / 2


def test_every_bin_between_the_first_and_the_last_whole_cell_belongs_to_one_cell() -> None:
    table = cell_map(PARAMS)
    whole = np.flatnonzero(table.high >= table.low)
    bins = [k for b in whole for k in range(int(table.low[b]), int(table.high[b]) + 1)]
    assert len(bins) == len(set(bins))
    assert bins == sorted(bins)
    last_gap = int(np.flatnonzero(table.high < table.low)[-1])
    above = [k for b in whole[whole > last_gap] for k in range(int(table.low[b]), int(table.high[b]) + 1)]
    assert above == list(range(above[0], above[-1] + 1))
    assert (table.low >= 1).all()
    assert (table.high <= PARAMS.n_fft // 2).all()
