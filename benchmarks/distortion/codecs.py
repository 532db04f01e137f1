"""Lossy codecs in memory: a recording goes in, its sound after encoding and decoding comes out.

Every function takes mono audio (`y` [shape=(n,), dtype=float32], `sr` in hertz) and returns an array of the same shape,
sampling rate **and timing**: the priming of a codec, at the front, is removed, so sample `i` of the output is
sample `i` of the input. The tests hold every path to one millisecond.

Who encodes: LAME and GSM 06.10 through libsndfile, AAC and Opus through the FFmpeg libraries inside PyAV. Reading the
result back goes through the same libraries, not through `fingerprint.audio.stream`: a benchmark should not inherit the
conveniences of the decoder that it examines.
"""

from __future__ import annotations

import io
from typing import Any, cast

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from sourceprint.demo.transformations import at_rate, fit_length

__all__ = ["aac", "gsm", "mp3", "mp3_variable", "opus"]

Samples = NDArray[np.float32]

MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# Samples before the first real one when a stream carries no LAME tag: 576 of the encoder, 529 of the decoder.
MP3_PRIMING = 1105
GSM_RATE_HZ = 8000
OPUS_RATE_HZ = 48000


def mp3(y: Samples, sr: int, *, kbps: int) -> Samples:
    """Return `y` after MP3 at the constant rate nearest to `kbps` that the format has at this sampling rate.

    The format offers 32 to 320 kbps from 32 kHz up, 8 to 160 from 16 kHz up, 8 to 64 below.

    Raises
    ------
    ParameterError
        For a sampling rate that MPEG layer III does not know, or a rate that is not above zero.
    """
    _require_mp3_rate(sr)
    _require_positive("kbps", kbps)
    lowest, highest = (32, 320) if sr >= 32000 else (8, 160) if sr >= 16000 else (8, 64)
    # libsndfile turns its compression level into a bit rate by this line, and rounds to the nearest one allowed.
    level = (highest - min(max(kbps, lowest), highest)) / (highest - lowest)
    return _mp3(y, sr, mode="CONSTANT", level=min(level, 0.999))


def mp3_variable(y: Samples, sr: int, *, quality: int) -> Samples:
    """Return `y` after MP3 at LAME's variable rate V`quality`, from 0 (best) to 9 (about 30-45 kbps for mono).

    Raises
    ------
    ParameterError
        For a sampling rate that MPEG layer III does not know, or a quality outside 0 to 9.
    """
    _require_mp3_rate(sr)
    if not 0 <= quality <= 9:
        raise ParameterError(f"quality={quality}: LAME's variable-rate scale runs from 0 (best) to 9 (smallest)")
    return _mp3(y, sr, mode="VARIABLE", level=quality / 10.0)


def gsm(y: Samples, sr: int) -> Samples:
    """Return `y` after GSM 06.10 full rate (13 kbps at 8 kHz), resampled there and back: a mobile call of 1991."""
    return at_rate(y, sr, GSM_RATE_HZ, _gsm)


def aac(y: Samples, sr: int, *, kbps: int) -> Samples:
    """Return `y` after AAC-LC in an MP4 container at about `kbps` kilobits per second (FFmpeg's own encoder)."""
    _require_positive("kbps", kbps)
    return fit_length(_ffmpeg(y, sr, codec="aac", container="mp4", kbps=kbps), len(y))


def opus(y: Samples, sr: int, *, kbps: int) -> Samples:
    """Return `y` after Opus at about `kbps` kilobits per second (calls and voice notes use 6 to 24)."""
    _require_positive("kbps", kbps)
    return at_rate(
        y, sr, OPUS_RATE_HZ, lambda wide: _ffmpeg(wide, OPUS_RATE_HZ, codec="libopus", container="ogg", kbps=kbps)
    )


def _gsm(narrow: Samples) -> Samples:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(narrow, -1.0, 1.0), GSM_RATE_HZ, format="WAV", subtype="GSM610")
    buffer.seek(0)
    decoded: Samples = soundfile.read(buffer, dtype="float32")[0]
    return decoded


def _mp3(y: Samples, sr: int, *, mode: str, level: float) -> Samples:
    buffer = io.BytesIO()
    soundfile.write(buffer, y, sr, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=level)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    # Frames of the lowest rates have no room for the LAME tag; the decoder then cannot know the priming, and keeps it.
    start = MP3_PRIMING if len(decoded) > len(y) else 0
    return fit_length(decoded[start:], len(y))


def _ffmpeg(y: Samples, sr: int, *, codec: str, container: str, kbps: int) -> Samples:
    """Encode and decode with PyAV: both containers in use state the delay of the encoder, and decoding removes it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        # PyAV types a stream chosen by name as any kind of stream; both names here are audio codecs.
        stream = cast("Any", output.add_stream(codec, rate=sr, layout="mono"))
        stream.bit_rate = 1000 * kbps
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y[np.newaxis]), format="fltp", layout="mono")
        frame.sample_rate = sr
        frame.pts = 0
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=sr)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    buffer.seek(0)
    parts: list[Samples] = []
    with av.open(buffer, "r") as source:
        to_float = av.AudioResampler(format="flt", layout="mono", rate=sr)
        for decoded in source.decode(audio=0):
            parts.extend(piece.to_ndarray().reshape(-1).astype(np.float32) for piece in to_float.resample(decoded))
        parts.extend(piece.to_ndarray().reshape(-1).astype(np.float32) for piece in to_float.resample(None))
    return np.concatenate(parts)


def _require_mp3_rate(sr: int) -> None:
    if sr not in MP3_RATES_HZ:
        known = ", ".join(str(rate) for rate in MP3_RATES_HZ)
        raise ParameterError(f"sr={sr}: MP3 knows only {known} Hz; resample first")


def _require_positive(name: str, value: float) -> None:
    if value <= 0:
        raise ParameterError(f"{name}={value}: must be above zero")
