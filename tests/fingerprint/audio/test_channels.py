"""Any number of channels, in any order, of any sample type: the values of each are its own, or the file is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.audio.decoders import Decoder
from fingerprint.audio.stream import decode
from fingerprint.errors import DecodeError
from tests.audio_files import tone, wav_bytes, write_channels, write_soundfile

LFE_HZ = 60.0  # below the cut-off of codecs in the bass channel


def tones(n_channels: int, *, lfe: int | None = None, seconds: float = 0.5) -> tuple[NDArray[np.float32], list[float]]:
    """Return a tone of its own frequency for each channel ``[shape=(n_channels, n)]``, and the frequencies."""
    frequencies = [LFE_HZ if channel == lfe else 300.0 + 100.0 * channel for channel in range(n_channels)]
    return np.stack([tone(seconds, rate_hz=48000, frequency_hz=hz) for hz in frequencies]), frequencies


def channels_in(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return the samples of each channel of a file of one rate ``[shape=(n_channels, n)]``, and the rate."""
    with path.open("rb") as file:
        decoder = Decoder(file, path.name)
        chunks = [(rate_hz, samples.copy()) for rate_hz, samples in decoder.chunks()]
        decoder.close()
    assert len({rate_hz for rate_hz, _ in chunks}) == 1
    return np.concatenate([samples for _, samples in chunks], axis=1), chunks[0][0]


def frequencies_of(samples: NDArray[np.float32], rate_hz: int) -> list[float]:
    """Return the strongest frequency of each channel, in Hz."""
    spectra = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]), axis=1))
    return [float(peak) * rate_hz / samples.shape[1] for peak in np.argmax(spectra, axis=1)]


@pytest.mark.parametrize(
    ("container", "codec", "layout", "n_channels"),
    [
        ("ogg", "libopus", "7.1", 8), ("ipod", "aac", "7.1", 8), ("mp4", "aac", "hexadecagonal", 16),
        ("mov", "alac", "7.1(wide)", 8), ("wv", "wavpack", "7.1", 8), ("wv", "wavpack", "10C", 10),
        ("wv", "wavpack", "12C", 12), ("wv", "wavpack", "hexadecagonal", 16), ("tta", "tta", "7.1", 8),
        ("flac", "flac", "7.1", 8), ("mov", "pcm_s24le", "16C", 16), ("mov", "pcm_f64le", "9C", 9),
        ("matroska", "pcm_f32le", "64C", 64), ("caf", "pcm_s8", "12C", 12), ("au", "pcm_s16be", "33C", 33),
        ("wav", "pcm_s16le", "64C", 64), ("wav", "pcm_s64le", "stereo", 2),
    ],
)  # fmt: skip
def test_each_channel_is_its_own(tmp_path: Path, container: str, codec: str, layout: str, n_channels: int) -> None:
    y, expected = tones(n_channels, lfe=3 if layout.startswith("7.1") else None)
    path = write_channels(tmp_path / "a", y, container=container, codec=codec, layout=layout)
    samples, rate_hz = channels_in(path)
    assert samples.shape[0] == n_channels
    assert samples.shape[1] == pytest.approx(y.shape[1], abs=2048)
    # Codecs have orders of their own, and FFmpeg puts the channels of a known layout back.
    assert frequencies_of(samples, rate_hz) == pytest.approx(expected, abs=4.0)
    if codec not in ("libopus", "aac"):
        np.testing.assert_allclose(samples, y, atol=0.01)


def caf_bytes(y: NDArray[np.float32], labels: list[int]) -> bytes:
    """Return a CAF file of 64-bit integers, which libsndfile does not read, whose `chan` chunk labels each channel."""
    n_channels = len(labels)
    form = struct.pack(">d4sIIIII", 48000.0, b"lpcm", 2, 8 * n_channels, 1, n_channels, 64)
    chan = struct.pack(">III", 0, 0, n_channels) + b"".join(struct.pack(">II12x", label, 0) for label in labels)
    data = bytes(4) + np.round(y.T * 2.0**63).astype("<i8").tobytes()
    chunks = [(b"desc", form), (b"chan", chan), (b"data", data)]
    return b"caff\0\1\0\0" + b"".join(name + struct.pack(">q", len(chunk)) + chunk for name, chunk in chunks)


ODD_LABELS = [[2, 1], [1, 1, 2], [2, 1, 3, 4, 5, 6, 33, 34, 35, 36], [1, 2]]


def test_channels_in_an_order_of_their_own_do_not_end_the_process(tmp_path: Path) -> None:
    # PyAV frees such layouts twice, which ends the process at once: so another process has to try them first.
    paths = [tmp_path / f"{number}.caf" for number in range(len(ODD_LABELS))]
    for path, labels in zip(paths, ODD_LABELS, strict=True):
        path.write_bytes(caf_bytes(tones(len(labels))[0], labels))
    program = (
        "import gc, sys; from fingerprint.audio.stream import decode\n"
        "for name in sys.argv[1:] * 2: print(round(decode(name).size / 11025, 2)); gc.collect()"
    )
    run = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.split(), run.stderr) == (0, ["0.5"] * 2 * len(paths), "")
    for path, labels in zip(paths, ODD_LABELS, strict=True):
        y, expected = tones(len(labels))
        samples, rate_hz = channels_in(path)
        assert frequencies_of(samples, rate_hz) == pytest.approx(expected, abs=4.0)
        np.testing.assert_allclose(samples, y, atol=1e-5)


@pytest.mark.parametrize("n_channels", [65, 100, 255])
def test_more_channels_are_refused(tmp_path: Path, n_channels: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(bytes(n_channels * 2000), channels=n_channels))
    with pytest.raises(DecodeError, match=rf"a\.wav: {n_channels} channels, of 1-64 possible; convert it to a usual"):
        decode(path)
    write_channels(
        path, np.zeros((n_channels, 4800), np.float32), container="matroska", codec="pcm_s16le", layout=f"{n_channels}C"
    )
    with pytest.raises(DecodeError, match=rf"a\.wav: {n_channels} channels, of 1-64 possible; convert it to a usual"):
        decode(path)


def test_64_bit_integers_scale_like_16_bit_integers(tmp_path: Path) -> None:
    y = np.stack([tone(1), tone(1, frequency_hz=880)])
    expected = decode(write_soundfile(tmp_path / "16.wav", y.T, subtype="PCM_16"))
    wav = write_channels(tmp_path / "64.wav", y, rate_hz=44100, container="wav", codec="pcm_s64le", layout="stereo")
    np.testing.assert_allclose(decode(wav), expected, atol=1e-4)
