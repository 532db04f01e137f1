"""Descriptors: the same wherever a landmark lies and however loud, stretched with the time scale, projected as said."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from fingerprint.landmarks import Landmarks, check_projection, describe, find_landmarks, patches, smooth_cells
from fingerprint.params import Params, Projection, load_projection, shipped_digest
from fingerprint.spectrogram import cells, local_energy, log_cells
from sourceprint.demo.synthesis import synthesize
from tests.places import ROOT

PARAMS = Params()
PATCH = PARAMS.patch_times * PARAMS.patch_bins
REACH = round(PARAMS.patch_seconds * PARAMS.frames_per_second)

Array = NDArray[np.float32]


def at(frames: list[float], bins: list[float]) -> Landmarks:
    return Landmarks(np.array(frames), np.array(bins), np.ones(len(frames), np.float32))


def projection(seed: int = 0) -> Projection:
    """Return a random projection: nothing here may depend on training."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(PATCH, PARAMS.dimension)).astype(np.float32)
    return Projection(matrix, rng.normal(0, 0.1, PARAMS.dimension).astype(np.float32), PARAMS.projection_digest)


def music(seed: int = 6, seconds: float = 6.0) -> tuple[Array, Landmarks]:
    """Return the smoothed log spectrogram of some music, and its landmarks."""
    power = cells(synthesize(seed, seconds, sample_rate=PARAMS.sample_rate), PARAMS)
    log_power = log_cells(power, local_energy(power, PARAMS), PARAMS)
    return smooth_cells(log_power, PARAMS), find_landmarks(power, log_power, PARAMS, density=PARAMS.reference_density)


def ripples(n_frames: int, *, tempo: float = 1.0) -> Array:
    """Return a smooth picture that is the same function of time and frequency at any tempo."""
    t, b = tempo * np.arange(n_frames)[:, None], np.arange(PARAMS.n_bins)[None, :]
    picture = np.sin(t / 9 + b / 7) + np.cos(t / 23 - b / 15) + 0.5 * np.sin(t * b / 2000)
    return picture.astype(np.float32)


def test_patches_have_the_size_of_the_projection_zero_mean_and_unit_norm() -> None:
    smooth, found = music()
    patch = patches(smooth, found, PARAMS)
    assert patch.shape == (found.frames.size, PATCH)
    assert patch.dtype == np.float32
    np.testing.assert_allclose(patch.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(patch, axis=1), 1, rtol=1e-4)
    assert load_projection().matrix.shape == (PATCH, PARAMS.dimension)
    assert patches(smooth, at([], []), PARAMS).shape == (0, PATCH)


def test_patches_move_with_their_landmarks() -> None:
    smooth = ripples(600)
    half_bins = PARAMS.patch_semitones * PARAMS.bins_per_octave / 12
    here = patches(smooth, at([200.25], [half_bins + 20.5]), PARAMS)
    moved = np.zeros_like(smooth)
    moved[31:, 8:] = smooth[:-31, :-8]
    there = patches(moved, at([231.25], [half_bins + 28.5]), PARAMS)
    np.testing.assert_allclose(there, here, atol=1e-6)
    assert np.abs(patches(moved, at([200.25], [half_bins + 20.5]), PARAMS) - here).max() > 0.01


@pytest.mark.parametrize("scale", [0.5, 0.85, 1.18, 1.6])
def test_a_time_scale_undoes_a_change_of_tempo(scale: float) -> None:
    frame, cell = 400.0, PARAMS.n_bins / 2
    source = patches(ripples(800), at([frame], [cell]), PARAMS)
    faster = ripples(1700, tempo=scale)
    query = at([frame / scale], [cell])
    np.testing.assert_allclose(patches(faster, query, PARAMS, scale=scale), source, atol=2e-3)
    assert (patches(faster, query, PARAMS) * source).sum() < 0.97


def test_time_runs_along_the_first_axis_of_the_grid() -> None:
    step = np.zeros((600, PARAMS.n_bins), dtype=np.float32)
    step[300:] = 1.0
    grid = patches(step, at([300.0], [PARAMS.n_bins / 2]), PARAMS).reshape(PARAMS.patch_times, PARAMS.patch_bins)
    assert (grid[: PARAMS.patch_times // 2] < 0).all()
    assert (grid[PARAMS.patch_times // 2 :] > 0).all()


def test_patches_reach_as_far_as_the_parameters_say() -> None:
    for inside, frame in ((True, 300 - REACH + 1), (False, 300 - REACH - 2)):
        step = np.zeros((600, PARAMS.n_bins), dtype=np.float32)
        step[300:] = 1.0
        assert patches(step, at([float(frame)], [PARAMS.n_bins / 2]), PARAMS).any() == inside
    octave = PARAMS.patch_semitones * PARAMS.bins_per_octave / 12
    for inside, cell in ((True, 150 - octave + 1), (False, 150 - octave - 2)):
        band = np.zeros((600, PARAMS.n_bins), dtype=np.float32)
        band[:, 150:] = 1.0
        assert patches(band, at([300.0], [cell]), PARAMS).any() == inside


def test_describe_projects_subtracts_and_normalises() -> None:
    patch = patches(*music(), PARAMS)
    for p in (projection(), load_projection()):
        expected = patch.astype(np.float64) @ p.matrix - p.offset
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        described = describe(patch, p)
        np.testing.assert_allclose(described, expected, atol=1e-5)
        assert described.dtype == np.float32


def test_a_flat_patch_is_like_nothing() -> None:
    flat = patches(np.full((600, PARAMS.n_bins), -3.3, np.float32), at([300.0], [100.0]), PARAMS)
    assert not describe(flat, projection()).any()
    assert describe(np.empty((0, PATCH), np.float32), projection()).shape == (0, PARAMS.dimension)


def test_gain_changes_no_descriptor() -> None:
    smooth, found = music()
    here, louder = (describe(patches(s, found, PARAMS), projection()) for s in (smooth, smooth + np.float32(7.5)))
    np.testing.assert_allclose(louder, here, atol=1e-4)


def test_the_mirrored_projection_describes_reversed_audio() -> None:
    smooth, found = music()
    last = len(smooth) - 1
    backwards = Landmarks(last - found.frames, found.bins, found.prominence)
    p = projection()
    mirrored = describe(patches(smooth, found, PARAMS), p.mirrored(PARAMS.patch_times))
    np.testing.assert_allclose(
        mirrored, describe(patches(np.ascontiguousarray(smooth[::-1]), backwards, PARAMS), p), atol=1e-4
    )
    assert np.array_equal(p.mirrored(PARAMS.patch_times).mirrored(PARAMS.patch_times).matrix, p.matrix)
    assert np.abs(mirrored - describe(patches(smooth, found, PARAMS), p)).max() > 0.1


def test_another_projection_is_refused() -> None:
    check_projection(load_projection(), PARAMS)
    with pytest.raises(
        ParameterError, match=r"the projection is sha256:0+, the parameters name sha256:[0-9a-f]{64}; pass"
    ):
        check_projection(replace(load_projection(), digest="sha256:" + 64 * "0"), PARAMS)
    with pytest.raises(
        ParameterError, match=rf"shape \({PATCH}, 64\), the parameters ask for \({PATCH}, 32\); train one"
    ):
        check_projection(load_projection(), replace(PARAMS, dimension=32))


def test_the_shipped_projection_is_the_one_the_parameters_name_and_small() -> None:
    assert PARAMS.projection_digest == shipped_digest() == load_projection().digest
    assert load_projection() is load_projection()
    file = ROOT / "fingerprint" / "projection.npz"
    assert file.stat().st_size < 200_000
    assert load_projection(file).digest == shipped_digest()


def npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def npz(**arrays: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is not a projection: .*; make one with"),
        (b"something else", r"is not a projection: .*; make one with"),
        (npy(np.ones((4, 2), np.float32)), r"is not a projection: .*; make one with"),
        (npz(matrix=np.ones((4, 2), np.float32)), r"is not a projection: .*offset.*; make one with"),
        (npz(matrix=np.ones((4, 2), np.float32), offset=np.ones(3, np.float32)), r"shape \(4, 2\) .* shape \(3,\)"),
        (npz(matrix=np.full((4, 2), np.nan, np.float32), offset=np.ones(2, np.float32)), "a finite .* needed"),
        (npz(matrix=np.ones((4, 2), np.float32), offset=np.full(2, np.inf, np.float32)), "a finite .* needed"),
    ],
)
def test_a_file_that_is_no_projection_is_refused_by_name(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "odd.npz"
    file.write_bytes(data)
    with pytest.raises(ParameterError, match=r"odd\.npz.*" + message):
        load_projection(file)


def test_a_projection_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ParameterError, match=r"nowhere\.npz': cannot be read \(No such file or directory\); check the path"
    ):
        load_projection(tmp_path / "nowhere.npz")


def test_parameters_travel_as_plain_types_and_refuse_strangers() -> None:
    assert Params.from_dict(PARAMS.to_dict()) == PARAMS
    assert replace(PARAMS, n_bins=PARAMS.n_bins - 1).digest != PARAMS.digest
    assert Params().digest == PARAMS.digest
    values = PARAMS.to_dict()
    with pytest.raises(ParameterError, match="missing or unknown colour; use the version that made them"):
        Params.from_dict({**values, "colour": 1})
    del values["n_fft"]
    with pytest.raises(ParameterError, match="missing or unknown n_fft;"):
        Params.from_dict(values)
