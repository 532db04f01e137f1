"""Audio files for tests, good and odd, written from a seed.

Tones rather than noise: a sine has one frequency and one amplitude, so that the output of a decoder can be checked
without another decoder. PyAV writes formats that libsndfile cannot: AAC, Opus, WMA, containers of video.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from fingerprint.audio.stream import AudioInfo, open_audio

__all__ = [
    "RATE_HZ",
    "amplitude",
    "frequency_hz",
    "read",
    "tone",
    "wav_bytes",
    "write_channels",
    "write_ffmpeg",
    "write_soundfile",
    "write_streams",
    "write_timed",
]

RATE_HZ = 11025


def tone(
    seconds: float,
    *,
    rate_hz: int = 44100,
    frequency_hz: float = 440.0,
    amplitude: float = 0.5,
    onset_seconds: float = 0.0,
) -> NDArray[np.float32]:
    """Return a sine ``[shape=(n,), dtype=float32]`` that starts at `onset_seconds`, after silence."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    y = amplitude * np.sin(2 * np.pi * frequency_hz * t) * (t >= onset_seconds)
    return y.astype(np.float32)


def write_soundfile(
    path: Path, y: NDArray[np.float32], *, rate_hz: int = 44100, container: str = "WAV", subtype: str | None = None
) -> Path:
    """Write `y` ``[shape=(n,) or (n, n_channels)]`` with libsndfile, under any ending of `path`."""
    soundfile.write(path, y, rate_hz, format=container, subtype=subtype)
    return path


def write_ffmpeg(
    path: Path, y: NDArray[np.float32], *, rate_hz: int = 44100, container: str, codec: str, picture: bool = False
) -> Path:
    """Write the mono signal `y` as stereo with FFmpeg, and with `picture` a second of black video beside it."""
    stereo = np.stack([y, y])
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate_hz, layout="stereo")
        video: Any = output.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p") if picture else None
        stream.bit_rate = 128_000
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="stereo", rate=rate_hz, frame_size=size
        )
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate = rate_hz
        frame.pts = 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
        if video is not None:
            for index in range(25):
                image = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), format="yuv420p")
                image.pts = index
                output.mux(video.encode(image))
            output.mux(video.encode(None))
    return path


def write_timed(
    path: Path,
    parts: list[tuple[float, NDArray[np.float32]]],
    *,
    rate_hz: int = 48000,
    container: str,
    codec: str,
    picture_seconds: float = 0.0,
) -> Path:
    """Write mono signals, each from its time in seconds on, as stereo, and a black picture from 0 s on beside them."""
    with av.open(str(path), "w", format=container) as output:
        # The picture first: so a file starts with it where it has one.
        video: Any = None
        if picture_seconds:
            video = output.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        stream: Any = output.add_stream(codec, rate=rate_hz, layout="stereo")
        stream.codec_context.open()
        image: Any = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), format="yuv420p")
        for index in range(round(25 * picture_seconds)):
            image.pts = index
            output.mux(video.encode(image))
        if video is not None:
            output.mux(video.encode(None))
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=rate_hz)
        size = stream.codec_context.frame_size or 1024
        for start_seconds, y in parts:
            for first in range(0, y.size - size + 1, size):
                part = np.stack([y[first : first + size]] * 2)
                frame: Any = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                frame.sample_rate = rate_hz
                for made in resampler.resample(frame):
                    made.pts = round(start_seconds * rate_hz) + first
                    made.time_base = Fraction(1, rate_hz)
                    output.mux(stream.encode(made))
        output.mux(stream.encode(None))
    return path


def write_channels(
    path: Path, y: NDArray[np.float32], *, rate_hz: int = 48000, container: str, codec: str, layout: str
) -> Path:
    """Write `y` ``[shape=(n_channels, n)]`` with FFmpeg in the sample type that the codec takes.

    Plane by plane, as PyAV counts those of eight channels and more wrongly.
    """
    dtypes = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate_hz, layout=layout)
        stream.codec_context.open()
        name = stream.codec_context.format.name
        dtype = np.dtype(dtypes[name.removesuffix("p")])
        size = stream.codec_context.frame_size or 1024
        for start in range(0, y.shape[1], size):
            part = y[:, start : start + size].astype(np.float64)
            if dtype.kind != "f":
                middle = 128 if dtype.kind == "u" else 0
                part = np.round(part * (2.0 ** (8 * dtype.itemsize - 1) - 1)) + middle
            part = part.astype(dtype)
            planes = part if name.endswith("p") else part.T.reshape(1, -1)
            frame: Any = av.AudioFrame(format=name, layout=layout, samples=part.shape[1])
            for index, plane in enumerate(planes):
                AudioPlane(frame, index).update(plane.tobytes())
            frame.sample_rate = rate_hz
            frame.pts = start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_streams(
    path: Path,
    signals: Sequence[NDArray[np.float32]],
    *,
    rate_hz: int = RATE_HZ,
    container: str = "matroska",
    codec: str = "flac",
    delays_seconds: Sequence[float] = (),
) -> Path:
    """Write mono signals as the audio streams of one file, with FFmpeg; each may start late."""
    with av.open(str(path), "w", format=container) as output:
        streams: list[Any] = [output.add_stream(codec, rate=rate_hz, layout="mono") for _ in signals]
        packets: list[Any] = []
        delays = [*delays_seconds, *[0.0] * (len(signals) - len(delays_seconds))]
        for stream, y, delay in zip(streams, signals, delays, strict=True):
            stream.codec_context.open()
            size = stream.codec_context.frame_size or 1024
            resampler = av.AudioResampler(
                format=stream.codec_context.format, layout="mono", rate=rate_hz, frame_size=size
            )
            frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
            frame.pts = round(delay * rate_hz)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                packets += stream.encode(part)
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            output.mux(packet)
    return path


def wav_bytes(
    data: bytes, *, rate_hz: int = 8000, channels: int = 1, claimed_bytes: int | None = None, bits: int = 16
) -> bytes:
    """Return a WAV file of integer samples whose header makes the given claims."""
    claimed = len(data) if claimed_bytes is None else claimed_bytes
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * width & 0xFFFFFFFF, width, bits)
    head = b"RIFF" + struct.pack("<I", min(claimed + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + struct.pack("<4sI", b"data", claimed) + data


def read(path: Path) -> tuple[NDArray[np.float32], list[str], AudioInfo, float]:
    """Return samples, notes, info and duration of a file."""
    with open_audio(path) as stream:
        y = np.concatenate(list(stream.blocks()))
        return y, stream.notes, stream.info, stream.duration_seconds


def frequency_hz(y: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    """Return the frequency of the strongest bin of the whole signal."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size)))
    return float(np.argmax(spectrum) * rate_hz / y.size)


def amplitude(y: NDArray[np.float32]) -> float:
    """Return the amplitude of the sine that has the power of the middle half of `y`."""
    middle = y[y.size // 4 : -y.size // 4].astype(np.float64)
    return float(np.sqrt(2 * np.mean((middle - middle.mean()) ** 2)))
