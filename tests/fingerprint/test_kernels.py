"""The kernels of the fingerprint against their plain twins, on random and on odd input."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint import _kernels
from fingerprint.params import Params
from fingerprint.spectrogram import cell_map
from tests import naive

pytestmark = pytest.mark.kernels

SHAPES = [(0, 7), (1, 1), (1, 9), (9, 1), (2, 3), (23, 31)]
FLAT = 0.7  # no binary fraction: a mean of equal values is not quite their value


def uniform(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def smoothed(x: NDArray[np.float32], half_frames: int, half_bins: int) -> NDArray[np.float32]:
    out = np.full_like(x, np.nan)
    _kernels.box_smooth(x, half_frames, half_bins, np.full(x.shape[1], np.nan, dtype=np.float32), out)
    return out


def maxima(
    x: NDArray[np.float32],
    *,
    first: int = 0,
    last: int | None = None,
    half: tuple[int, int] = (2, 3),
    floor: float = 0.0,
) -> list[tuple[int, int]]:
    """Return the maxima of the kernel, once the twin has found the same."""
    last = x.shape[0] if last is None else last
    floors = np.full(x.shape[0], floor, dtype=np.float32)
    out = np.full((x.size + 1, 2), -1, dtype=np.int64)
    greatest = np.full_like(x, np.nan)
    _kernels.row_maxima(x, half[1], greatest)
    np.testing.assert_array_equal(greatest, naive.row_maxima(x, half[1]))
    count = _kernels.local_maxima(x, greatest, first, last, *half, floors, out)
    found = [(int(t), int(b)) for t, b in out[:count]]
    assert (out[count:] == -1).all()
    assert found == naive.local_maxima(x, first, last, *half, floors)
    return found


def patched(
    smooth: NDArray[np.float32],
    frames: list[float] | NDArray[np.float64],
    bins: list[float] | NDArray[np.float64],
    in_time: NDArray[np.float64],
    in_bins: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the samples of the kernel, once the twin has sampled the same."""
    at, cells = np.asarray(frames, dtype=np.float64), np.asarray(bins, dtype=np.float64)
    out = np.full((at.size, in_time.size * in_bins.size), np.nan, dtype=np.float32)
    _kernels.sample_patches(smooth, at, cells, in_time, in_bins, out)
    np.testing.assert_allclose(out, naive.sample_patches(smooth, at, cells, in_time, in_bins), atol=2e-5)
    return out


GRID = (np.linspace(-6.5, 6.5, 5), np.linspace(-4.0, 4.0, 7))


@pytest.mark.parametrize("params", [Params(), Params(n_fft=512, bins_per_octave=12, n_bins=70)])
@pytest.mark.parametrize("n_frames", [0, 1, 5])
def test_cells_hold_the_loudest_bin_or_lie_between_two(params: Params, n_frames: int) -> None:
    power = uniform((n_frames, params.n_fft // 2 + 1), 1)
    table = cell_map(params)
    assert (table.high < table.low).any()  # both kinds of cell
    assert (table.high > table.low).any()
    out = np.full((n_frames, params.n_bins), np.nan, dtype=np.float32)
    _kernels.cells_from_power(power, *table, out)
    np.testing.assert_allclose(out, naive.cells_from_power(power, *table), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("half", [(0, 0), (0, 2), (3, 0), (2, 1), (50, 50)])
def test_smoothing_is_the_mean_of_the_cells_that_exist(shape: tuple[int, int], half: tuple[int, int]) -> None:
    x = uniform(shape, 2) - np.float32(0.5)
    np.testing.assert_allclose(smoothed(x, *half), naive.box_smooth(x, *half), atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 200])
@pytest.mark.parametrize("half", [0, 1, 4, 52])
def test_moving_mean_is_that_of_the_numbers_that_exist_to_the_bit_of_smoothing(n: int, half: int) -> None:
    x = uniform((n, 1), n)
    out = np.full(n, np.nan, dtype=np.float32)
    _kernels.moving_mean(x[:, 0], half, out)
    assert np.array_equal(out, smoothed(x, half, 0)[:, 0])


def test_smoothing_keeps_constants_and_values_that_are_not_finite() -> None:
    flat = np.full((12, 9), FLAT, dtype=np.float32)
    np.testing.assert_allclose(smoothed(flat, 3, 2), flat, rtol=1e-6)
    spoilt = uniform((20, 15), 3)
    spoilt[7, 5] = np.nan
    touched = np.zeros(spoilt.shape, dtype=np.bool_)
    touched[5:10, 4:7] = True
    assert np.array_equal(np.isnan(smoothed(spoilt, 2, 1)), touched)


@pytest.mark.parametrize("seed", range(6))
def test_maxima_on_random_input(seed: int) -> None:
    found = maxima(uniform((40, 30), seed), floor=0.2)
    assert len(found) > 8


@pytest.mark.parametrize("seed", range(6))
def test_maxima_where_most_values_are_ties(seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 20, (30, 24)).astype(np.float32)
    assert maxima(x, half=(3, 3))
    assert maxima(x, half=(1, 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_maxima_of_small_arrays(shape: tuple[int, int]) -> None:
    maxima(uniform(shape, 5), half=(1, 1))


def test_maxima_of_a_plateau_are_its_first_cell() -> None:
    x = np.zeros((12, 12), dtype=np.float32)
    x[4:7, 5:8] = 1.0
    assert maxima(x) == [(4, 5)]


def test_maxima_of_silence_and_of_a_constant_are_none_or_one_per_neighbourhood() -> None:
    assert maxima(np.zeros((20, 20), dtype=np.float32)) == []
    assert maxima(np.ones((20, 20), dtype=np.float32)) == []  # the first cell is on the border, all others follow it


def test_maxima_lie_off_the_border_and_above_the_floor() -> None:
    x = np.zeros((10, 10), dtype=np.float32)
    for t, b in ((0, 4), (9, 4), (4, 0), (4, 9)):
        x[t, b] = 5.0
    assert maxima(x, half=(1, 1)) == []
    x[5, 5] = 1.0
    assert maxima(x, half=(1, 1)) == [(5, 5)]
    assert maxima(x, half=(1, 1), floor=1.0) == []


def test_maxima_of_a_range_are_those_of_the_whole_in_that_range() -> None:
    x = uniform((50, 20), 8)
    whole = maxima(x)
    assert maxima(x, first=13, last=31) == [(t, b) for t, b in whole if 13 <= t < 31]
    assert maxima(x, first=20, last=20) == []


@pytest.mark.parametrize("half", [(0, 0), (2, 3), (100, 100)])
def test_prominence(half: tuple[int, int]) -> None:
    x = uniform((21, 17), 4) * np.float32(10)
    peaks = np.array([(0, 0), (20, 16), (10, 8), (0, 9), (3, 16)], dtype=np.int64)
    out = np.full(len(peaks), np.nan, dtype=np.float32)
    _kernels.prominence(x, peaks, *half, out)
    np.testing.assert_allclose(out, naive.prominence(x, peaks, *half), atol=1e-5)
    none = np.empty(0, dtype=np.float32)
    _kernels.prominence(x, np.empty((0, 2), dtype=np.int64), *half, none)


def test_patches_inside_across_the_border_and_outside() -> None:
    smooth = uniform((40, 30), 6) * np.float32(7) - np.float32(3)
    rng = np.random.default_rng(7)
    patched(smooth, rng.uniform(0, 39, 30), rng.uniform(0, 29, 30), *GRID)
    edges = patched(smooth, [0.0, 39.0, 20.0, 20.0, 19.5], [15.0, 15.0, 0.0, 29.0, 14.25], *GRID)
    assert edges.any(axis=1).all()
    assert not patched(smooth, [1000.0, -1000.0], [15.0, 15.0], *GRID).any()
    assert patched(smooth, [], [], *GRID).shape == (0, 35)


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (1, 8), (2, 2)])
def test_patches_of_arrays_smaller_than_the_grid(shape: tuple[int, int]) -> None:
    patched(uniform(shape, 9), [0.25], [0.25], *GRID)


def test_patches_say_where_a_landmark_lies_below_one_cell() -> None:
    slope = np.add.outer(np.arange(30.0), 100.0 * np.arange(20.0)).astype(np.float32)
    plane = patched(slope, [15.0, 15.37], [10.0, 9.81], np.linspace(-3, 3, 4), np.linspace(-2, 2, 3))
    np.testing.assert_allclose(plane[0], plane[1], atol=1e-5)  # a plane looks the same from everywhere
    bump = np.zeros((30, 20), dtype=np.float32)
    bump[15, 10] = 1.0
    here, aside = patched(bump, [15.0, 15.5], [10.0, 10.0], np.linspace(-3, 3, 7), np.linspace(-2, 2, 5))
    assert int(np.argmax(here)) == 3 * 5 + 2
    assert aside[2 * 5 + 2] == pytest.approx(aside[3 * 5 + 2], abs=1e-6)


def test_patches_forget_level_and_gain_and_have_unit_norm() -> None:
    smooth = uniform((40, 30), 10)
    frames, bins = [12.3, 30.0], [11.9, 3.0]
    patch = patched(smooth, frames, bins, *GRID)
    np.testing.assert_allclose(np.linalg.norm(patch, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(patched(np.float32(4) * smooth + np.float32(9), frames, bins, *GRID), patch, atol=2e-5)


@pytest.mark.parametrize("level", [0.0, 2.0, FLAT, -13.7])
def test_flat_patches_are_zero(level: float) -> None:
    assert not patched(np.full((40, 30), level, dtype=np.float32), [20.0], [15.0], *GRID).any()


@pytest.mark.parametrize(("n", "size", "dimension"), [(0, 5, 3), (1, 1, 1), (7, 13, 8), (40, 425, 64)])
def test_projection(n: int, size: int, dimension: int) -> None:
    rng = np.random.default_rng(n)
    patches = rng.standard_normal((n, size)).astype(np.float32)
    patches[::5] = 0.0
    matrix = rng.standard_normal((size, dimension)).astype(np.float32)
    offset = rng.standard_normal(dimension).astype(np.float32)
    out = np.full((n, dimension), np.nan, dtype=np.float32)
    _kernels.project(patches, matrix, offset, out)
    np.testing.assert_allclose(out, naive.project(patches, matrix, offset), atol=2e-6)
    assert not out[::5].any()


def test_a_projection_of_length_zero_is_like_nothing() -> None:
    patch, matrix = np.ones((1, 2), dtype=np.float32), np.ones((2, 3), dtype=np.float32)
    out = np.full((1, 3), np.nan, dtype=np.float32)
    _kernels.project(patch, matrix, np.full(3, 2.0, dtype=np.float32), out)
    assert not out.any()


@pytest.mark.parametrize("n", [0, 1, 2, 9, 64])
def test_first_from_is_the_place_where_searchsorted_inserts(n: int) -> None:
    ascending = np.sort(np.random.default_rng(n).integers(0, 20, n))
    for value in (-1.0, 0.0, 3.0, 3.5, 19.0, 20.0, np.inf):
        assert _kernels.first_from(ascending, value) == np.searchsorted(ascending, value)
