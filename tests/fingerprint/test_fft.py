"""The transform of many frames against SciPy's, bit for bit, and the power that is made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint import _fft
from fingerprint.params import Params
from fingerprint.spectrogram import cell_map, cells, hann_window, turns_of
from tests import naive

pytestmark = pytest.mark.kernels


def frames(n: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((_fft.LANES, n)).astype(np.float32)


@pytest.mark.parametrize("n", [4, 16, 64, 256, 1024])
def test_transform_is_that_of_scipy_to_the_bit(n: int) -> None:
    from scipy import fft  # takes a tenth of a second to load: not where tests are collected

    y = frames(n, n)
    expected = fft.rfft(y, axis=1)
    x = np.ascontiguousarray(y.T)
    found = _fft.real_fft(x, turns_of(n), np.full_like(x, np.nan))
    assert np.array_equal(found[0], expected.real[:, 0])
    assert np.array_equal(found[1::2].T, expected.real[:, 1:])
    assert np.array_equal(found[2:-1:2].T, expected.imag[:, 1:-1])
    assert not expected.imag[:, [0, -1]].any()


@pytest.mark.parametrize("n", [1, 127, 128, 1024, 33 * 128, 11025])
def test_power_of_any_number_of_frames(n: int) -> None:
    params = Params()
    y = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    padded = np.pad(y, params.n_fft)
    starts = range(params.n_fft // 2, params.n_fft // 2 + n + 1, params.hop_length)
    spectrum = np.array([np.fft.rfft(padded[at : at + params.n_fft] * hann_window(params.n_fft)) for at in starts])
    expected = naive.cells_from_power((np.abs(spectrum) ** 2).astype(np.float32), *cell_map(params))
    np.testing.assert_allclose(cells(y, params), expected, rtol=1e-3, atol=1e-4)


def test_sizes_that_are_no_power_of_four_go_to_scipy() -> None:
    y = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    few = Params(bins_per_octave=12, n_bins=60)
    own, others = cells(y, few), cells(y, replace(few, n_fft=512))
    assert own.shape == others.shape
    assert 0.5 < own.mean() / (4 * others.mean()) < 2.0  # twice the window has four times the power of a steady sound
