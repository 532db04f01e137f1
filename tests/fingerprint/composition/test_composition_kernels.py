"""The kernels of the composition layer against their plain twins, on random and on odd input."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint import _fft
from fingerprint.composition import _kernels
from fingerprint.composition.params import CompositionParams
from fingerprint.composition.salience import _bins, _folding
from fingerprint.composition.windows import key_turns
from fingerprint.spectrogram import hann_window, turns_of
from tests import naive_composition as naive
from tests.places import ROOT

pytestmark = pytest.mark.kernels

FREQUENCIES = np.array([0, 1, 1, 2, 4, 5], dtype=np.int64)


def random(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def whole_numbers(n: int, seed: int) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, (n, 2 * FREQUENCIES.size)).astype(np.int8)


@pytest.mark.parametrize(("n_frames", "n_samples"), [(1, 0), (1, 256), (3, 500), (33, 3000)])
def test_magnitudes_are_those_of_numpy(n_frames: int, n_samples: int) -> None:
    n, hop = 256, 64
    samples = random((n_samples,), n_samples) - np.float32(0.5)
    steps = np.full((hop, _fft.LANES + (n - 1) // hop), np.nan, dtype=np.float32)
    work, scratch = np.full((2, n, _fft.LANES), np.nan, dtype=np.float32)
    out = np.full((n_frames, n // 2 + 1), np.nan, dtype=np.float32)
    _kernels.magnitudes_of_frames(samples, hann_window(n), turns_of(n), steps, work, scratch, out)
    np.testing.assert_allclose(out, naive.magnitudes_of_frames(samples, hann_window(n), hop, n_frames), atol=2e-5)


@pytest.mark.parametrize("kind", ["random", "flat", "silent", "one tone", "spiky"])
def test_peaks_are_those_of_the_twin(kind: str) -> None:
    params = CompositionParams(n_fft=1024, hop_length=256)
    bins = _bins(params)
    shape = (3, params.n_fft // 2 + 1)
    magnitudes = {
        "random": random(shape, 1) + np.float32(0.01),
        "flat": np.full(shape, 0.7, dtype=np.float32),
        "silent": np.zeros(shape, dtype=np.float32),
        "one tone": np.eye(*shape, 40, dtype=np.float32) * np.float32(9.0),
        "spiky": random(shape, 2) ** np.float32(20.0),
    }[kind]
    ends = np.full(3, -1, dtype=np.int64)
    pitch, height, level = np.full((3, 3 * (bins.low.size // 2 + 1)), np.nan, dtype=np.float32)
    totals = np.full(shape[1] + 1, np.nan)
    silence, quietest, most = np.float32(1e-3), np.float32(1e-3), np.float32(1.5)
    known = bins.low, bins.high, bins.first, bins.pitches
    _kernels.spectral_peaks(magnitudes, *known, silence, quietest, most, totals, ends, pitch, height, level)
    limits = float(silence), float(quietest), float(most)
    expected = naive.spectral_peaks(magnitudes, *known, *limits, _kernels.SHIFTED_BINS)
    assert np.diff(ends, prepend=0).tolist() == [len(row) for row in expected]
    table = np.array([peak for row in expected for peak in row]).reshape(-1, 3)
    assert len(table) > 0 or kind in ("flat", "silent")
    np.testing.assert_allclose(np.stack((pitch, height, level), axis=1)[: ends[-1]], table, rtol=1e-4, atol=2e-3)


def test_cells_are_those_of_the_twin() -> None:
    rng = np.random.default_rng(3)
    rows = [[(rng.uniform(20, 115), rng.uniform(0, 3), rng.uniform(-9, 1)) for _ in range(n)] for n in (0, 5, 60, 0, 1)]
    rows[1].append((28.0, 1.0, 0.0))  # a peak on a cell, and one on the edge
    rows[1].append((27.5, 1.0, 0.0))
    table = np.array([peak for row in rows for peak in row], dtype=np.float32)
    ends = np.cumsum([len(row) for row in rows])
    loudest = np.array([-np.inf, 0.5, 0.0, -np.inf, 3.0], dtype=np.float32)
    out = np.full((5, 84), np.nan, dtype=np.float32)
    pitch, height, level = (np.ascontiguousarray(table[:, k]) for k in range(3))
    _kernels.cells_of_peaks(ends, pitch, height, level, loudest, 0.2, 28.0, 6.9, out)
    np.testing.assert_allclose(out, naive.cells_of_peaks(rows, loudest, 0.2, 28.0, 6.9, 84), atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 17])
def test_registers_are_those_of_the_twin(n: int) -> None:
    folding = _folding(CompositionParams())
    cells = random((n, 84), n)
    out = np.full((n, 36), np.nan, dtype=np.float32)
    _kernels.fold_registers(cells, *folding, out)
    np.testing.assert_allclose(out, naive.fold_registers(cells, *folding, 3), rtol=1e-5)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_spectra_are_those_of_the_twin(n: int) -> None:
    rows = random((n, 36), n)
    out = np.full((n, 3, 6, 2), np.nan, dtype=np.float32)
    spread = np.full((n, 3), np.nan, dtype=np.float32)
    _kernels.pitch_spectra(rows, *key_turns(), out, spread)
    spectra, expected = naive.pitch_spectra(rows, 3)
    np.testing.assert_allclose(out[..., 0] + 1j * out[..., 1], spectra, atol=1e-5)
    np.testing.assert_allclose(spread, expected, rtol=1e-4)


@pytest.mark.parametrize("silent", [False, True])
def test_vectors_are_those_of_the_twin(silent: bool) -> None:
    length, starts = 4, np.array([0, 2, 5], dtype=np.int64)
    rows = np.zeros((9, 36), dtype=np.float32) if silent else random((9, 36), 4)
    spectra, spread = naive.pitch_spectra(rows, 3)
    directions = random((6, 12), 5) - 0.5 + 1j * (random((6, 12), 6) - 0.5)
    out = np.full((3, 12), 99, dtype=np.int8)
    parts = np.stack((spectra.real, spectra.imag), axis=3).astype(np.float32)
    real, imaginary = (np.ascontiguousarray(d, dtype=np.float32) for d in (directions.real, directions.imag))
    inner, step = np.full(12, np.nan, dtype=np.float32), np.float32(254.0)
    floor = np.float32(0.05)
    _kernels.embed(
        parts, spread.astype(np.float32), starts, length, floor, FREQUENCIES, real, imaginary, step, inner, out
    )
    expected = naive.embed(spectra, spread, starts, length, 0.05, FREQUENCIES, directions, 254.0)
    assert (out.any(axis=1) != silent).all()
    np.testing.assert_allclose(out, expected, atol=0.51)


@pytest.mark.parametrize("semitones", [0, 1, 5, 6, 11])
def test_turned_vectors_are_those_of_the_twin(semitones: int) -> None:
    vectors = whole_numbers(7, 8)
    cosines, sines = (np.ascontiguousarray(table[:, semitones]) for table in key_turns())
    out = np.full_like(vectors, 99)
    _kernels.rotate(vectors, FREQUENCIES, cosines, sines, out)
    np.testing.assert_allclose(out, naive.rotate(vectors, FREQUENCIES, semitones), atol=0.51)


def test_likeness_to_the_background_is_that_of_the_twin() -> None:
    vectors, background = whole_numbers(5, 9), whole_numbers(8, 10)
    vectors[2] = 0
    mean, sd = np.full((2, 5), np.nan)
    products = np.full((6, 2), 99, dtype=np.int32)
    _kernels.background_statistics(vectors, background, FREQUENCIES, *key_turns(), np.float32(1e-4), products, mean, sd)
    expected = naive.background_statistics(vectors, background, FREQUENCIES, 1e-4)
    np.testing.assert_allclose((mean, sd), expected, rtol=1e-4, atol=1e-6)


def test_kernels_call_no_function_that_numba_writes_in_python() -> None:
    # They would be imported with each kernel that calls them: half a second for every command.
    tree = ast.parse((ROOT / "fingerprint" / "composition" / "_kernels.py").read_text(encoding="utf-8"))
    bodies = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    called = {
        node.attr
        for body in bodies
        for node in ast.walk(ast.Module(body.body, []))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np"
    }
    assert {"float32", "sqrt"} <= called <= {"float32", "int8", "int32", "inf", "rint", "sqrt"}
