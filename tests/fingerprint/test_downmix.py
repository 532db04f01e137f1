"""From many channels to one: nothing may cancel, and nothing may be called out of phase that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint.audio.downmix import Downmixer
from fingerprint.audio.sources import piece_length
from tests.audio_files import RATE_HZ, amplitude, read, tone, write_soundfile


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_out_of_phase_stereo_does_not_vanish(tmp_path: Path, offset: float) -> None:
    y = tone(3)
    stereo = np.stack([y, -y], axis=1) + np.float32(offset)
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    assert amplitude(mono) == pytest.approx(0.5, rel=0.01)
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 3.00 s"]


def test_out_of_phase_for_a_while(tmp_path: Path) -> None:
    y = tone(6)
    right = y.copy()
    right[44100 * 2 : 44100 * 4] *= -0.9
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", np.stack([y, right], axis=1), subtype="FLOAT"))
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 2.00 s"]
    np.testing.assert_allclose(mono[1000:-1000], tone(6, rate_hz=RATE_HZ)[1000:-1000], atol=0.01)


def test_the_same_side_stands_in_while_it_can(tmp_path: Path) -> None:
    y = tone(8)
    louder_and_softer = np.repeat([1.1, 0.9] * 4, 44100).astype(np.float32)
    stereo = np.stack([y, -y * louder_and_softer], axis=1)
    mono, _, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    expected = tone(8, rate_hz=RATE_HZ)  # the left side, though the right one is now louder and now softer
    np.testing.assert_allclose(mono[500:-500], expected[500:-500], atol=2e-3)


@pytest.mark.parametrize("silent", [0, 1])
def test_one_sided_stereo_is_not_out_of_phase(tmp_path: Path, silent: int) -> None:
    stereo = np.stack([tone(2), tone(2)], axis=1)
    stereo[:, silent] = 0.0
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    assert notes == []
    assert amplitude(mono) == pytest.approx(0.25, rel=0.01)


def test_six_channels_at_96_khz(tmp_path: Path) -> None:
    frequencies = [200.0, 300.0, 440.0, 50.0, 600.0, 700.0]
    y = np.stack([tone(3, rate_hz=96000, frequency_hz=f, amplitude=0.3) for f in frequencies], axis=1)
    mono, notes, info, seconds = read(write_soundfile(tmp_path / "a.wav", y, rate_hz=96000, subtype="PCM_24"))
    assert (info.sample_rate, info.channels, seconds, notes) == (96000, 6, 3.0, [])
    spectrum = np.abs(np.fft.rfft(mono[: 2 * RATE_HZ])) / RATE_HZ
    for frequency in frequencies:  # 0.5 Hz per bin
        assert spectrum[round(2 * frequency)] == pytest.approx(0.05, rel=0.02)


def test_six_channels_that_cancel(tmp_path: Path) -> None:
    y = tone(2, rate_hz=96000)
    channels = np.stack([y, -y, 0.5 * y, -0.5 * y, 0 * y, 0 * y], axis=1)
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", channels, rate_hz=96000, subtype="FLOAT"))
    assert amplitude(mono) == pytest.approx(0.5, rel=0.01)
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 2.00 s"]


@given(
    st.integers(1, 6),
    st.integers(0, 400),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["unrelated", "inverted", "mixed"]),
)
def test_downmix_follows_its_rule(n_channels: int, n_samples: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    gains = rng.uniform(0, 2, (n_channels, 1))
    channels: NDArray[np.float32] = (rng.standard_normal((n_channels, n_samples)) * gains).astype(np.float32)
    if kind == "inverted":
        channels[1::2] = -channels[: 2 * (n_channels // 2) : 2]
    elif kind == "mixed":
        channels[1:, n_samples // 2 :] = -channels[0, n_samples // 2 :] / max(1, n_channels - 1)
    mixer = Downmixer(99)
    mono = mixer.mix(channels)
    length = piece_length(99)
    n_cancelled = 0
    for start in range(0, n_samples, length):
        piece = channels[:, start : start + length].astype(np.float64)
        mid = piece.mean(axis=0)
        ratio = mid.var() * n_channels**2 / max(piece.var(axis=1).sum(), 1e-30)
        if abs(ratio - 0.2) < 1e-4 or piece.shape[1] == 1:
            return  # on the edge, where rounding decides
        got = mono[start : start + length]
        if ratio > 0.2:
            np.testing.assert_allclose(got, mid, atol=1e-5)
        else:
            n_cancelled += got.size
            chosen = [c for c in piece if np.allclose(c, got, atol=1e-6)]
            assert chosen, "neither the mid nor a channel"
            assert chosen[0].var() >= 0.49 * piece.var(axis=1).max()
    assert mixer.n_cancelled == n_cancelled
    assert mixer.n_samples == n_samples
