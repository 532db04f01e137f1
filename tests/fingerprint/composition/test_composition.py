"""Windows of recordings and tracks: keys as phases, time scales, blocks, odd audio."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.composition import (
    CompositionParams,
    CompositionWindows,
    describe,
    describe_track,
    shipped_model,
    transposed,
)
from fingerprint.composition.description import windows_of_rows
from fingerprint.composition.model import parse_model
from fingerprint.errors import ParameterError
from tests.places import ROOT

RATE = 11025
TUNE = (60, 64, 67, 72, 71, 67, 62, 65, 69, 74, 72, 65, 64, 60, 55, 59, 62, 67, 65, 62, 57, 60, 64, 69)


def played(pitches: tuple[int, ...], *, semitones: float = 0.0, beat: float = 0.5, n: int = 48) -> NDArray[np.float32]:
    """Return a tune with a bass, in tones with harmonics."""
    t = np.arange(int(n * beat * RATE)) / RATE
    step = (t / beat).astype(int) % len(pitches)
    y = np.zeros(t.size)
    for voice, octave in ((np.array(pitches)[step], 0.0), (np.array(pitches)[step // 4 * 4], -24.0)):
        phase = 2 * np.pi * np.cumsum(440.0 * 2 ** ((voice + octave + semitones - 69) / 12)) / RATE
        y += sum(np.sin(k * phase) / k for k in range(1, 7))
    return (0.2 * y * np.exp(-2.0 * (t % beat))).astype(np.float32)


def likeness(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.float64]:
    a, b = one.astype(np.float64), other.astype(np.float64)
    products: NDArray[np.float64] = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return products


def of_rows(rows: NDArray[np.float32]) -> CompositionWindows:
    return windows_of_rows(rows, 1.0, shipped_model(), CompositionParams())


@pytest.mark.parametrize("semitones", range(12))
def test_a_transposition_of_the_rows_is_a_phase_of_the_vectors(semitones: int) -> None:
    rows = np.random.default_rng(semitones).random((120, 3, 12), dtype=np.float32)
    moved = of_rows(np.roll(rows, semitones, axis=2).reshape(120, 36))
    turned = transposed(of_rows(rows.reshape(120, 36)).vectors, semitones, shipped_model())
    assert len(turned) == 23
    assert np.abs(moved.vectors.astype(int) - turned).max() <= 2  # both are rounded, one of them twice
    assert moved.background_mean == pytest.approx(of_rows(rows.reshape(120, 36)).background_mean, abs=0.02)


@pytest.mark.parametrize("semitones", [-5, 3])
def test_the_same_tune_in_another_key_is_alike_in_that_key_alone(semitones: int) -> None:
    one, other = describe(played(TUNE)), describe(played(TUNE, semitones=semitones))
    keys = [np.median(likeness(transposed(one.vectors, key, shipped_model()), other.vectors)) for key in range(12)]
    assert int(np.argmax(keys)) == semitones % 12
    assert max(keys) > 0.8
    assert sorted(keys)[-2] < 0.6


def test_the_same_tune_slower_is_alike_at_its_time_scale() -> None:
    slow = describe(played(TUNE, beat=0.5 * 1.19))
    quick = {one.scale: one for one in describe_track(played(TUNE))}
    assert sorted(quick) == [0.84, 1.0, 1.19]
    n = min(len(slow.vectors), len(quick[1.19].vectors), 20)
    assert np.median(likeness(quick[1.19].vectors[:n], slow.vectors[:n])) > 0.9
    assert quick[1.19].time[1] == pytest.approx(0.743 / 1.19, abs=1e-3)


def test_tuning_is_taken_off() -> None:
    one, other = describe(played(TUNE)), describe(played(TUNE, semitones=0.35))
    assert np.median(likeness(one.vectors, other.vectors)) > 0.85


@pytest.mark.parametrize("size", [1, 999, 1024, 300_000])
def test_the_cut_of_the_samples_changes_nothing(size: int) -> None:
    y = np.concatenate([played(TUNE), played(TUNE[::-1]), played(TUNE, semitones=1)])[: 70_000 if size == 1 else None]

    def blocks() -> Iterator[NDArray[np.float32]]:
        yield from (y[start : start + size] for start in range(0, y.size, size))

    whole, pieces = describe(y), describe(blocks())
    assert len(whole.vectors) == max(0, (y.size // 1024 + 1) // 8 - 7)
    assert pieces.duration_seconds == y.size / RATE
    for name in ("time", "vectors", "background_mean", "background_sd"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name)), name


@pytest.mark.parametrize("seconds", [0.0, 0.001, 1.0, 5.8])
def test_audio_shorter_than_a_window_has_none(seconds: float) -> None:
    windows = describe(np.full(int(seconds * RATE), 0.1, dtype=np.float32))
    assert windows.vectors.shape == (0, 64)
    assert windows.time.shape == windows.background_mean.shape == windows.background_sd.shape == (0,)
    assert describe_track(np.zeros(0, dtype=np.float32))[0].vectors.shape == (0, 64)


@pytest.mark.parametrize("kind", ["silence", "offset", "noise", "clicks", "drone", "full scale", "faint"])
def test_odd_audio_is_described(kind: str) -> None:
    n = 20 * RATE
    rng = np.random.default_rng(0)
    y = {
        "silence": np.zeros(n),
        "offset": np.full(n, 0.5),
        "noise": rng.standard_normal(n),
        "clicks": (np.arange(n) % 5000 == 0).astype(float),
        "drone": np.sin(2 * np.pi * 110.0 * np.arange(n) / RATE),
        "full scale": np.sign(np.sin(2 * np.pi * 440.0 * np.arange(n) / RATE)),
        "faint": 1e-7 * rng.standard_normal(n),
    }[kind].astype(np.float32)
    windows = describe(y)
    assert windows.vectors.shape == (20, 64)
    assert np.isfinite(windows.background_mean).all()
    assert np.isfinite(windows.background_sd).all()
    assert windows.vectors.any() == (kind not in ("silence", "faint", "offset")) or kind == "offset"


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 5), dtype=np.float32), np.array([0.0, np.nan], dtype=np.float32), np.array(["a"])],
)
def test_samples_that_are_none_are_refused(samples: NDArray[np.float32]) -> None:
    with pytest.raises(ParameterError, match="must be finite mono"):
        describe(samples)


@pytest.mark.parametrize("scales", [(), (0.0,), "1", (-1.0,)])
def test_time_scales_that_are_none_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match="scales="):
        describe_track(np.zeros(9, dtype=np.float32), scales=scales)


def test_gain_changes_nothing_of_note() -> None:
    one, other = describe(played(TUNE)), describe(np.float32(0.01) * played(TUNE))
    assert likeness(one.vectors, other.vectors).min() > 0.999


def test_params_travel_as_json() -> None:
    params = CompositionParams()
    assert CompositionParams.from_dict(params.to_dict()) == params
    assert CompositionParams.from_dict(params.to_dict()).digest == params.digest
    assert params.window_seconds == pytest.approx(5.944, abs=1e-3)
    with pytest.raises(ParameterError, match="missing or unknown n_fft"):
        CompositionParams.from_dict({k: v for k, v in params.to_dict().items() if k != "n_fft"})
    with pytest.raises(ParameterError, match="hop_length"):
        CompositionParams(hop_length=0)


def test_model_is_small_and_real_where_it_must_be() -> None:
    model = shipped_model()
    assert model.real.shape == (32, 48)
    assert sorted(set(model.frequencies.tolist())) == [0, 1, 2, 3, 4, 5]
    assert 100 <= len(model.background) <= 400
    assert len((ROOT / "fingerprint" / "composition" / "model.npz").read_bytes()) < 40_000
    assert CompositionParams().model_digest == model.digest


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", (ROOT / "fingerprint" / "projection.npz").read_bytes()])
def test_other_files_are_no_model(data: bytes) -> None:
    with pytest.raises(ParameterError, match="'there' is not a model"):
        parse_model(data, "there")


@pytest.mark.slow
def test_bytes_do_not_depend_on_threads(tmp_path: object) -> None:
    program = (
        "import numpy as np, hashlib\n"
        "from fingerprint.composition import describe\n"
        "w = describe(np.random.default_rng(0).standard_normal(600_000).astype(np.float32))\n"
        "parts = (w.time, w.vectors, w.background_mean, w.background_sd)\n"
        "print(hashlib.sha256(b''.join(p.tobytes() for p in parts)).hexdigest())\n"
    )
    found = set()
    for threads in ("1", "4"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(names, threads)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=600, check=True
        )
        found.add(done.stdout)
    windows = describe(np.random.default_rng(0).standard_normal(600_000).astype(np.float32))
    parts = (windows.time, windows.vectors, windows.background_mean, windows.background_sd)
    found.add(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest() + "\n")
    assert len(found) == 1


def test_unlike_tunes_are_less_alike_than_one_tune_played_twice() -> None:
    other = tuple(itertools.islice(itertools.cycle((60, 61, 67, 66, 58, 70, 63)), 24))
    one, again, unlike = describe(played(TUNE)), describe(played(TUNE, beat=0.505)), describe(played(other))
    best = [max(likeness(transposed(unlike.vectors, key, shipped_model()), one.vectors)) for key in range(12)]
    n = min(len(one.vectors), len(again.vectors))
    assert np.median(likeness(one.vectors[:n], again.vectors[:n])) > max(best) - 0.1
