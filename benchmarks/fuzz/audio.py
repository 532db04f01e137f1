"""Audio files of every container that can be written here: decoded to the end, or for five minutes."""

from __future__ import annotations

import functools
import io
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged
from fingerprint.audio.stream import open_audio
from fingerprint.errors import DecodeError
from fingerprint.extract import MOST_STREAMS, audio_stream_count

__all__ = ["FORMAT", "KINDS"]

RATE_HZ: Final = 8000
SECONDS: Final = 1.0
MOST_BLOCKS: Final = 10  # of half a minute; a header may state a gap of hours
_SOUNDFILE: Final = ("WAV", "WAVEX", "RF64", "W64", "CAF", "AIFF", "AU", "FLAC", "MP3", "VOC", "NIST", "SVX", "PAF")
_FFMPEG: Final = (
    ("mp4", "aac"), ("mov", "alac"), ("matroska", "flac"), ("webm", "libopus"), ("ogg", "libopus"),
    ("ogg", "libvorbis"), ("adts", "aac"),
    ("mp3", "libmp3lame"), ("flac", "flac"), ("wv", "wavpack"), ("tta", "tta"), ("asf", "wmav2"), ("avi", "mp2"),
    ("mpegts", "mp2"), ("ac3", "ac3"), ("flv", "aac"), ("nut", "pcm_s16le"), ("caf", "alac"), ("w64", "pcm_s16le"),
)  # fmt: skip
KINDS: Final = (
    *((name, "") for name in _SOUNDFILE if name in soundfile.available_formats()),
    *(kind for kind in _FFMPEG if kind[1] in av.codecs_available),
)
"""Container and codec of each kind of file; no codec where libsndfile writes it."""

_NUMBERS: Final = (0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_HEAD_BYTES: Final = 256


@functools.cache
def valid(container: str, codec: str) -> bytes:
    """Return a small file; of those that FFmpeg writes, every container that can hold two streams has two."""
    rng = np.random.default_rng(15)
    t = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    y = (0.4 * np.sin(2 * np.pi * 440 * t) + 0.05 * rng.normal(size=t.size)).astype(np.float32)
    buffer = io.BytesIO()
    if codec:
        _write(buffer, y, container, codec, n_streams=2 if container in ("mp4", "mov", "matroska", "mpegts") else 1)
    else:
        soundfile.write(buffer, y, RATE_HZ, format=container)
    return buffer.getvalue()


def _write(buffer: io.BytesIO, y: NDArray[np.float32], container: str, codec: str, *, n_streams: int) -> None:
    rate_hz = {"mp2": 32000, "ac3": 32000, "libmp3lame": 32000, "wmav2": 44100}.get(codec, 48000)
    with av.open(buffer, "w", format=container, options={"fflags": "+bitexact"}) as output:
        streams: list[Any] = [output.add_stream(codec, rate=rate_hz, layout="mono") for _ in range(n_streams)]
        for stream in streams:
            stream.bit_rate = 64_000
            stream.codec_context.open()
        for stream in streams:
            size = stream.codec_context.frame_size or 1024
            resampler = av.AudioResampler(stream.codec_context.format, "mono", rate_hz, frame_size=size)
            frame: Any = av.AudioFrame.from_ndarray(y[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, 0
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))


def _make(chance: random.Random, folder: Path) -> Path:
    path = folder / "x.audio"
    data = bytearray(valid(*chance.choice(KINDS)))
    kind = chance.randrange(4)
    if kind <= 1:  # a number of the header
        for _ in range(chance.choice((1, 1, 2, 4))):
            width = chance.choice((2, 4, 8))
            at = chance.randrange(min(len(data), _HEAD_BYTES))
            number = (chance.choice(_NUMBERS) - chance.choice((0, 0, 8, 24, 40))) % (1 << 8 * width)
            data[at : at + width] = number.to_bytes(width, chance.choice(("little", "big")))
    if kind >= 1:
        data = bytearray(damaged(chance, bytes(data)))
    if chance.random() < 0.05:  # a tag that claims 256 MB
        data[:0] = b"ID3\x04\0\0" + bytes([127, 127, 127, 127])
    path.write_bytes(data)
    return path


def _read(path: Path) -> None:
    with _nothing_unraisable():
        for number in range(1, min(audio_stream_count(path), MOST_STREAMS) + 1):
            with open_audio(path, stream=number) as stream:
                for _, block in zip(range(MOST_BLOCKS), stream.blocks(), strict=False):
                    if not np.isfinite(block).all():
                        raise ArithmeticError("a sample that is no number")


@contextmanager
def _nothing_unraisable() -> Iterator[None]:
    """Raise, after the block, if Python met an exception it can only print: of a callback or a finaliser."""
    met: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: met.append(f"{what.err_msg}: {what.exc_value!r}")
    try:
        yield
    finally:
        sys.unraisablehook = hook
    if met:
        raise RuntimeError(f"printed, as nobody could catch it: {met[0]}")


FORMAT = Format("audio", _make, _read, (DecodeError,))
