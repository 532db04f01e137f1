"""Landmarks: all that should be found is found, where it is; rations are kept; pitch and time only translate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.landmarks import SILENCE_POWER, Landmarks, find_landmarks, quota_frames
from fingerprint.params import Params
from fingerprint.spectrogram import cells, local_energy, log_cells
from sourceprint.demo.synthesis import synthesize

PARAMS = Params()
EVERYTHING = 1e4  # a density that rations nothing

Power = NDArray[np.float32]


def landmarks_of(power: Power, *, density: float = EVERYTHING, params: Params = PARAMS, **limits: int) -> Landmarks:
    log_power = log_cells(power, local_energy(power, params), params)
    return find_landmarks(power, log_power, params, density=density, **limits)


def rows(found: Landmarks) -> NDArray[np.float64]:
    return np.column_stack([found.frames, found.bins])


def music(seconds: float = 8.0, seed: int = 4) -> Power:
    return cells(synthesize(seed, seconds, sample_rate=PARAMS.sample_rate), PARAMS)


def hills(places: NDArray[np.float64], n_frames: int, *, height: float | NDArray[np.floating[Any]] = 1.0) -> Power:
    """Return Gaussian hills of power: a parabola through their logarithm has its vertex exactly at their top."""
    t, b = np.arange(n_frames), np.arange(PARAMS.n_bins)
    power = np.full((n_frames, PARAMS.n_bins), 1e-12)
    for (at, cell), top in zip(places, np.broadcast_to(height, len(places)), strict=True):
        power += top * np.outer(np.exp(-0.5 * ((t - at) / 3.0) ** 2), np.exp(-0.5 * ((b - cell) / 1.5) ** 2))
    return power.astype(np.float32)


def lattice(n_frames: int, seed: int = 0) -> NDArray[np.float64]:
    """Return places far enough from each other and from the border, off the grid by random parts of a cell."""
    t = np.arange(20.0, n_frames - 20, 3 * PARAMS.peak_frames)
    b = np.arange(12.0, PARAMS.n_bins - 12, 3 * PARAMS.peak_bins)
    places = np.stack(np.meshgrid(t, b, indexing="ij"), axis=-1).reshape(-1, 2)
    places += np.random.default_rng(seed).uniform(-0.5, 0.5, places.shape)
    return places[np.lexsort((places[:, 1], places[:, 0]))]


def nearest(of: NDArray[np.float64], among: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each row of `of` the nearest row of `among`, and how far it is."""
    apart = np.sqrt(((of[:, None, :] - among[None, :, :]) ** 2).sum(axis=2))
    best = apart.argmin(axis=1)
    return best, apart[np.arange(len(of)), best]


def test_every_hill_is_found_and_nothing_else_to_a_hundredth_of_a_cell() -> None:
    places = lattice(400)
    found = landmarks_of(hills(places, 400))
    assert len(found.frames) == len(places) > 100
    _, apart = nearest(places, rows(found))
    assert apart.max() < 0.01


def test_every_note_is_found_where_it_begins_and_sounds() -> None:
    sr = PARAMS.sample_rate
    y = np.zeros(12 * sr, dtype=np.float32)
    notes = [(0.5 + 0.55 * i, 700.0 * 2 ** (7 * i % 24 / 12)) for i in range(20)]
    t = np.arange(sr // 2) / sr
    for at, hz in notes:
        shape = np.minimum(t / 0.02, 1.0) * np.exp(-t / 0.12)
        start = round(at * sr)
        y[start : start + t.size] += (0.3 * shape * np.sin(2 * np.pi * hz * t)).astype(np.float32)
    found = landmarks_of(cells(y, PARAMS), density=PARAMS.reference_density)
    for at, hz in notes:
        cell = PARAMS.bins_per_octave * np.log2(hz / PARAMS.fmin_hz)
        late = found.frames / PARAMS.frames_per_second - at
        assert ((abs(found.bins - cell) < 0.5) & (late > -0.01) & (late < 0.12)).any(), f"{hz:.0f} Hz at {at:.2f} s"


def test_every_moment_of_a_chirp_train_has_its_landmarks() -> None:
    sr = PARAMS.sample_rate
    t = np.arange(10 * sr) / sr
    y = np.sin(2 * np.pi * (500 * t + 1200 * (t % 0.5) ** 2)).astype(np.float32)
    found = landmarks_of(cells(y, PARAMS), density=PARAMS.query_density)
    per_chirp = np.histogram(found.frames / PARAMS.frames_per_second, bins=20, range=(0, 10))[0]
    assert per_chirp.min() >= 1


def test_landmarks_come_in_order_and_stand_out() -> None:
    found = landmarks_of(music(), density=PARAMS.query_density)
    assert found.frames.size > 100
    assert (np.lexsort((found.bins, found.frames)) == np.arange(found.frames.size)).all()
    assert (found.prominence > 0).all()
    assert [array.dtype.name for array in found] == ["float64", "float64", "float32"]
    assert len(np.unique(rows(found), axis=0)) == found.frames.size


def test_silence_and_emptiness_have_no_landmarks() -> None:
    for n_frames in (0, 1, 2, 200):
        assert landmarks_of(np.zeros((n_frames, PARAMS.n_bins), np.float32)).frames.size == 0
    places = lattice(200)
    assert landmarks_of(hills(places, 200, height=0.5 * SILENCE_POWER)).frames.size == 0
    assert landmarks_of(hills(places, 200, height=5 * SILENCE_POWER)).frames.size == len(places)


# --- rations ----------------------------------------------------------------------------------------------------------


def per_block(found: Landmarks, power: Power) -> NDArray[np.int64]:
    n_blocks = len(power) // quota_frames(PARAMS) + 1
    # Refined by less than half a frame: rounding returns the frame of the peak.
    blocks = np.rint(found.frames).astype(np.int64) // quota_frames(PARAMS)
    return np.bincount(blocks, minlength=n_blocks)


@pytest.mark.parametrize("density", [4.0, PARAMS.reference_density, PARAMS.query_density])
def test_rations_are_never_exceeded_and_never_wasted(density: float) -> None:
    power = hills(lattice(700, seed=1), 700)
    ration = round(density * quota_frames(PARAMS) / PARAMS.frames_per_second)
    counts = per_block(landmarks_of(power, density=density), power)
    available = per_block(landmarks_of(power), power)
    assert available.max() > ration
    assert np.array_equal(counts, np.minimum(available, ration))


def test_more_density_only_adds() -> None:
    power = music()
    found = [landmarks_of(power, density=density) for density in (10.0, PARAMS.reference_density, EVERYTHING)]
    sets = [{(t, b) for t, b in rows(f).tolist()} for f in found]
    assert sets[0] < sets[1] < sets[2]


def test_bands_share_so_that_a_faint_one_keeps_its_part() -> None:
    n_frames = 4 * quota_frames(PARAMS)
    places = lattice(n_frames, seed=2)
    band = (places[:, 1] * PARAMS.n_bands / PARAMS.n_bins).astype(int)
    # The lowest band barely stands out of a haze, the others tower.
    power = hills(places, n_frames, height=np.where(band == 0, 2.0, 1e4)) + np.float32(1.0)
    density = 8.0 * PARAMS.n_bands / 2
    found = landmarks_of(power, density=density)
    block = np.rint(found.frames).astype(int) // quota_frames(PARAMS)
    found_band = (found.bins * PARAMS.n_bands / PARAMS.n_bins).astype(int)
    ration = round(density * quota_frames(PARAMS) / PARAMS.frames_per_second)
    share = ration // PARAMS.n_bands
    assert share > 1
    for k in np.unique(block)[1:-1]:
        assert (found_band[block == k] == 0).sum() == share
    weakest = found.prominence[found_band == 0].max()
    assert weakest < found.prominence[found_band > 0].min()  # on its own merits nobody of the lowest band was chosen


def test_the_best_of_a_band_are_kept() -> None:
    n_frames = quota_frames(PARAMS)
    cell = np.arange(12.0, PARAMS.n_bins / PARAMS.n_bands - 8, 2.5 * PARAMS.peak_bins)
    places = np.column_stack([np.full(cell.size, n_frames / 2), cell])
    heights = 10.0 ** (1 + np.random.default_rng(0).permutation(cell.size))
    kept = landmarks_of(hills(places, n_frames, height=heights) + np.float32(1e-3), density=2.0 * 2)
    assert kept.bins.size == 2
    best = cell[np.argsort(-heights)[:2]]
    np.testing.assert_allclose(np.sort(kept.bins), np.sort(best), atol=0.2)


# --- ranges, translations, gain ---------------------------------------------------------------------------------------


def test_a_range_equals_that_part_of_the_whole() -> None:
    power = music(10.0)
    whole = landmarks_of(power, density=PARAMS.reference_density)
    block = quota_frames(PARAMS)
    first, last = 4 * block, 11 * block
    part = landmarks_of(power, density=PARAMS.reference_density, first_frame=first, last_frame=last)
    peak = np.rint(whole.frames)
    inside = rows(whole)[(peak > first) & (peak < last - 1)]
    assert len(inside) > 50
    kept = {tuple(row) for row in rows(part)}
    assert {tuple(row) for row in inside} <= kept
    assert len(kept) <= len(inside) + 4


@pytest.mark.parametrize("shift", [-7, 1, 3, 12])
def test_a_pitch_shift_by_whole_cells_translates_landmarks(shift: int) -> None:
    power = music()
    moved = np.full_like(power, 1e-9)
    if shift > 0:
        moved[:, shift:] = power[:, :-shift]
    else:
        moved[:, :shift] = power[:, -shift:]
    before, after = landmarks_of(power), landmarks_of(moved)
    margin = max(PARAMS.peak_bins, PARAMS.contrast_bins) + abs(shift) + 1
    inner = rows(before)[(before.bins > margin) & (before.bins < PARAMS.n_bins - 1 - margin)]
    assert len(inner) > 100
    _, apart = nearest(inner + np.array([0, shift]), rows(after))
    assert apart.max() < 1e-6
    back = rows(after)[(after.bins > margin + shift) & (after.bins < PARAMS.n_bins - 1 - margin + shift)]
    _, apart = nearest(back - np.array([0, shift]), rows(before))
    assert apart.max() < 1e-6


def test_a_shift_by_whole_rations_translates_landmarks_in_time_and_keeps_the_choice() -> None:
    power = music()
    moved = np.concatenate([np.zeros((2 * quota_frames(PARAMS), PARAMS.n_bins), np.float32), power])
    before = landmarks_of(power, density=PARAMS.reference_density)
    after = landmarks_of(moved, density=PARAMS.reference_density)
    margin = PARAMS.contrast_frames + round(PARAMS.patch_seconds * PARAMS.frames_per_second) + quota_frames(PARAMS)
    inner = rows(before)[before.frames > margin]
    assert len(inner) > 100
    _, apart = nearest(inner + np.array([2 * quota_frames(PARAMS), 0]), rows(after))
    assert apart.max() < 1e-6


@pytest.mark.parametrize("gain", [0.25, 1e-4, 9.0])
def test_gain_changes_no_landmark(gain: float) -> None:
    power = music()
    power = power[: int(0.9 * len(power))]  # a fade into silence loses its end when it gets quieter
    before = landmarks_of(power, density=PARAMS.reference_density)
    after = landmarks_of(np.float32(gain) * power, density=PARAMS.reference_density)
    assert before.frames.size > 100
    _, apart = nearest(rows(before), rows(after))
    # Rounding decides between peaks of equal height, now and then.
    assert np.mean(apart < 1e-3) > 0.98
    assert abs(before.frames.size - after.frames.size) <= 2
    if gain == 0.25:  # a power of two rounds nothing
        np.testing.assert_allclose(rows(before), rows(after), atol=1e-6)


def test_refinement_stays_within_half_a_cell_of_its_peak() -> None:
    found = landmarks_of(music())
    for place in (found.frames, found.bins):
        part = place - np.rint(place)
        assert np.abs(part).max() <= 0.5
        assert part.std() > 0.1


def test_a_wider_neighbourhood_finds_fewer() -> None:
    power = music()
    wide = replace(PARAMS, peak_bins=3 * PARAMS.peak_bins, peak_frames=3 * PARAMS.peak_frames)
    assert 0 < landmarks_of(power, params=wide).frames.size < 0.5 * landmarks_of(power).frames.size


def test_a_peak_at_the_bottom_of_a_basin_is_no_landmark() -> None:
    assert PARAMS.contrast_frames > PARAMS.peak_frames
    assert PARAMS.contrast_bins > PARAMS.peak_bins
    power = np.ones((200, PARAMS.n_bins), dtype=np.float32)
    t, b = 100, PARAMS.n_bins // 2
    power[t - PARAMS.peak_frames : t + PARAMS.peak_frames + 1, b - PARAMS.peak_bins : b + PARAMS.peak_bins + 1] = 1e-3
    for height, count in ((1e-2, 0), (0.5, 1)):
        power[t, b] = height
        found = landmarks_of(power)
        assert (np.hypot(found.frames - t, found.bins - b) < 1).sum() == count
