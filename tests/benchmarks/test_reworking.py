"""Reworked sources: a band that plays in time, pieces in another order, a room backwards, no dynamics left."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from benchmarks.distortion import effects, reworking
from benchmarks.distortion.conditions import CONDITIONS, conditions
from benchmarks.distortion.resources import Clip, NotApplicableError, Resources
from fingerprint.errors import ParameterError
from sourceprint.demo import transformations

SR = 22050
Samples = NDArray[np.float32]


def clicks(bpm: float, first: float, seconds: float = 10.0) -> Samples:
    """Return decaying tones on every beat, the first at `first` seconds."""
    y = np.zeros(round(seconds * SR), dtype=np.float32)
    t = np.arange(round(0.1 * SR)) / SR
    sound = (0.5 * np.sin(2 * np.pi * 600.0 * t) * np.exp(-t / 0.03)).astype(np.float32)
    for at in np.arange(first, seconds - 0.11, 60.0 / bpm):
        y[round(at * SR) : round(at * SR) + len(sound)] += sound
    return y


def noise(seconds: float = 10.0, seed: int = 0) -> Samples:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SR)).astype(np.float32)


def lag(y: Samples, other: Samples) -> int:
    """Return by how many samples `y` is late against `other`."""
    return int(np.argmax(signal.correlate(y, other, method="fft"))) - (len(other) - 1)


@pytest.mark.slow
def test_band_is_mixed_in_at_its_level_and_leaves_the_source_where_it_was() -> None:
    y = clicks(120.0, 0.25)
    for snr_db in (0.0, -3.0):
        added = reworking.accompany(y, SR, np.random.default_rng(0), snr_db=snr_db) - y
        assert 20 * np.log10(transformations.rms(y) / transformations.rms(added)) == pytest.approx(snr_db, abs=0.01)
        assert transformations.rms(added[: SR // 2]) > 0.1 * transformations.rms(added)  # it plays from the start


@pytest.mark.slow
@pytest.mark.parametrize("bpm", [88.0, 120.0])
def test_band_plays_in_the_tempo_of_the_source(bpm: float) -> None:
    y = clicks(bpm, 0.3)
    added = reworking.accompany(y, SR, np.random.default_rng(3), snr_db=0.0) - y
    onsets = np.maximum(0.0, np.diff(np.log(1e-4 + effects_energy(added))))
    period = 60.0 / bpm / 0.01
    folded = np.abs(np.sum(onsets * np.exp(2j * np.pi * np.arange(len(onsets)) / period)))
    others = [
        np.abs(np.sum(onsets * np.exp(2j * np.pi * np.arange(len(onsets)) / (period * off)))) for off in (0.93, 1.07)
    ]
    assert folded > 2.0 * max(others)


def effects_energy(y: Samples) -> NDArray[np.float64]:
    """Return the energy of `y` in blocks of 10 ms."""
    block = round(0.01 * SR)
    n = len(y) // block
    return np.asarray(np.sum(np.square(y[: n * block].reshape(n, block), dtype=np.float64), axis=1))


def test_same_generator_state_same_band() -> None:
    y = clicks(100.0, 0.0)
    one, same, other = (reworking.accompany(y, SR, np.random.default_rng(seed), snr_db=0.0) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("piece_seconds", [1.0, 2.0])
def test_pieces_are_all_there_in_another_order(piece_seconds: float) -> None:
    y = noise()
    out = reworking.reordered(y, SR, np.random.default_rng(4), piece_seconds=piece_seconds)
    assert len(out) == len(y)
    n, length = round(10.0 / piece_seconds), round(piece_seconds * SR)
    middle = slice(round(0.02 * SR), length - round(0.02 * SR))
    order = []
    for k in range(n):
        piece = out[k * length : (k + 1) * length][middle]
        matches = [i for i in range(n) if np.array_equal(piece, y[i * length : (i + 1) * length][middle])]
        assert len(matches) == 1
        order += matches
    assert sorted(order) == list(range(n))
    assert all(after != before + 1 for before, after in pairwise(order))
    # Equal power where pieces meet: no gap and no bump.
    joints = [out[k * length - 200 : k * length + 200] for k in range(1, n)]
    assert transformations.rms(np.concatenate(joints)) == pytest.approx(transformations.rms(y), rel=0.15)


def test_too_few_pieces_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"4\.00 s hold 2 pieces of 2\.0 s; at least 3 are needed"):
        reworking.reordered(noise(4.0), SR, np.random.default_rng(0), piece_seconds=2.0)


def test_reverb_swells_into_each_sound_instead_of_following_it() -> None:
    y = np.zeros(4 * SR, dtype=np.float32)
    y[2 * SR] = 0.9
    room = effects.synthetic_room(SR, np.random.default_rng(0), rt60_seconds=1.0, wet_db=6.0)
    forwards, backwards = effects.reverberate(y, SR, room), reworking.reverse_reverb(y, SR, room)
    before, after = slice(SR, 2 * SR - 50), slice(2 * SR + 50, 3 * SR)
    assert transformations.rms(forwards[after]) > 20.0 * transformations.rms(forwards[before])
    assert transformations.rms(backwards[before]) > 20.0 * transformations.rms(backwards[after])
    assert abs(int(np.argmax(np.abs(backwards))) - 2 * SR) <= 2


def test_loudness_war_flattens_the_dynamics_and_moves_nothing() -> None:
    pytest.importorskip("pedalboard")
    y = clicks(120.0, 0.0) * np.linspace(0.1, 1.0, 10 * SR, dtype=np.float32)
    out = reworking.loudness_war(y, SR, drive_db=20.0)
    assert np.max(np.abs(out)) <= reworking.CEILING + 1e-6
    quiet, loud = slice(SR, 3 * SR), slice(7 * SR, 9 * SR)
    before = transformations.rms(y[loud]) / transformations.rms(y[quiet])
    assert transformations.rms(out[loud]) / transformations.rms(out[quiet]) < 0.5 * before
    assert abs(lag(reworking.loudness_war(noise(), SR, drive_db=20.0), noise())) <= 2
    assert transformations.rms(out) > 3.0 * transformations.rms(y)


def test_two_sources_needs_a_passage_of_the_catalogue() -> None:
    y, other = noise(), noise(12.0, seed=9)
    condition = CONDITIONS["two_sources"]
    assert condition.partner
    resources = Resources(SR, catalogue=(Clip("b", "other", other),))
    out = condition.apply(y, SR, np.random.default_rng(0), resources).y
    rest = out / np.float32(np.dot(out, y) / np.dot(y, y)) - y
    assert transformations.rms(rest) == pytest.approx(transformations.rms(y), rel=0.05)
    with pytest.raises(NotApplicableError, match="no other music"):
        condition.apply(y, SR, np.random.default_rng(0), Resources(SR))


def test_conditions_name_cases_that_cannot_be_judged() -> None:
    assert [c.name for c in conditions() if not c.in_order] == ["reordered_2s", "reordered_1s"]
    assert [c.name for c in conditions() if c.partner] == ["two_sources"]
    assert {c.target for c in conditions("reworked")} == {None}
    assert CONDITIONS["loudness_war"].parameters["drive_db"] == 20.0
    resources = Resources(SR, catalogue=(Clip("b", "other", noise(12.0, seed=9)),))
    for condition in conditions("reworked"):
        if condition.package:
            pytest.importorskip(condition.package)
        out = condition.apply(clicks(110.0, 0.1), SR, np.random.default_rng(2), resources)
        assert (len(out.y), out.ratio, out.pitch_semitones) == (10 * SR, 1.0, 0.0)
