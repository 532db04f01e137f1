"""Transformations: levels, spectra and their inverse are as stated; the benchmarks' tests hold their maps of time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import griffin_lim_mel, istft, mel_filters, mix, phase_vocoder, rms, stft

SR = 22050


def tone(hz: float, seconds: float = 3.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


def test_stretch_out_of_range_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"tempo=9: must lie between 0\.25 and 4\.0"):
        phase_vocoder(tone(440, 1.0), SR, 9)


def test_mix_sets_the_ratio_and_names_the_silent_one() -> None:
    y, noise = tone(440), np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32)
    added = mix(y, noise, snr_db=-6.0) - y
    assert 20 * np.log10(rms(y) / rms(added)) == pytest.approx(-6.0, abs=1e-3)
    with pytest.raises(ParameterError, match="second signal to mix is silent"):
        mix(y, np.zeros_like(y), snr_db=0.0)
    with pytest.raises(ParameterError, match="66150 and 10 samples"):
        mix(y, noise[:10], snr_db=0.0)


def test_mel_filters_agree_with_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80)
    assert np.allclose(mel_filters(22050, 1024, 80), expected, atol=1e-6)


def test_griffin_lim_keeps_the_mel_spectrogram() -> None:
    y = synthesize(1, 5.0, sample_rate=SR)
    basis = mel_filters(22050, 1024, 80).T
    out = griffin_lim_mel(y, SR, np.random.default_rng(0))
    before, after = (np.log(np.abs(stft(x, 1024, 256)) @ basis + 1e-3) for x in (y, out))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.95


def test_stft_is_inverted_exactly() -> None:
    y = synthesize(1, 5.0, sample_rate=SR)
    assert np.allclose(istft(stft(y, 1024, 256), 1024, 256, len(y)), y, atol=1e-5)
