"""Audio from callers as files for the decoders: a path, an encoded file in memory, or samples.

Bytes and file objects hold an encoded file (MP3, FLAC, WAV, ...). Samples become a WAV file of 32-bit floats, so an
array takes the same way as a file, and the same samples give the same digest. Bytes, file objects
and samples are files in a temporary folder until the block is left.
"""

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fingerprint.arguments import expect_texts, whole_number
from fingerprint.audio.sources import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from fingerprint.disk import refusals
from fingerprint.errors import OutputError, ParameterError, printable
from sourceprint.items import NOT_FETCHED, Item, is_url

__all__ = ["Audio", "audio_item", "is_nameless"]

Audio: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.floating[Any]]
"""Audio to match or add: a path, an encoded file as bytes or as a file object, or samples."""

_NAMELESS = "audio"
_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT
_MOST_WAV_BYTES = 2**32 - 2**10  # sizes in the header have 32 bits


@contextmanager
def audio_item(audio: Audio, *, name: str | None = None, sample_rate: int | None = None) -> Iterator[Item]:
    """Yield audio as a file; inside the block it is there.

    Parameters
    ----------
    audio : str, path-like, bytes, binary file object, or ndarray
        A path; an encoded file; or samples [shape=(n,), (n_channels, n) or (n, n_channels), dtype=float], full scale
        1.0. The axis of an array that has at most 64 entries is that of the channels.
    name : str, optional
        Name of the audio in results. By default its path, the name of a file object, or "audio".
    sample_rate : int, optional
        Rate of samples, in Hz; for an array, and for nothing else.

    Raises
    ------
    ParameterError
        If the audio is of another kind, or an array without a rate, of another shape or dtype, or not finite.
    OutputError, StorageFullError
        If there is no room for a temporary file.
    """
    expect_texts(name=name)
    if isinstance(audio, str | os.PathLike):
        path = os.fspath(audio)
        _expect_no_rate(sample_rate, "a path")
        if is_url(path):
            raise ParameterError(f"{printable(path)}: {NOT_FETCHED}")
        if not path:
            raise ParameterError("audio='': is an empty path; name an audio file")
        yield Item(Path(path), called=name or "")
        return
    called = name or _name_of(audio) or _NAMELESS
    with tempfile.TemporaryDirectory(prefix="sourceprint-") as folder:
        target = Path(folder) / f"sound{'.spf' if called.lower().endswith('.spf') else ''}"
        remedy = "see to the folder of temporary files (TMPDIR)"
        with refusals(called, OutputError, "cannot be kept in a temporary file", remedy=remedy):
            _write(target, audio, sample_rate)
        yield Item(target, called=called)


def _write(target: Path, audio: Any, sample_rate: int | None) -> None:
    if isinstance(audio, bytes | bytearray | memoryview):
        _expect_no_rate(sample_rate, "an encoded file")
        target.write_bytes(audio)
    elif hasattr(audio, "read"):
        _expect_no_rate(sample_rate, "a file object")
        with target.open("wb") as file:
            try:
                shutil.copyfileobj(audio, file, 1 << 20)
            except (TypeError, UnicodeDecodeError) as error:
                raise ParameterError("audio: is a file object of text; open the file with mode 'rb'") from error
    elif hasattr(audio, "__array__"):
        _write_wav(target, _samples(np.asarray(audio)), _checked_rate(sample_rate))
    else:
        raise ParameterError(
            f"audio: is of type {type(audio).__name__}; give a path, the bytes of an audio file, a file object or an "
            "array of samples"
        )


def is_nameless(audio: Audio) -> bool:
    """Return whether audio has no name of its own: samples, bytes, and file objects that are no files."""
    return not isinstance(audio, str | os.PathLike) and not _name_of(audio)


def _name_of(audio: Any) -> str:
    """Return the path of an open file; it has a number for a name where it was opened by one."""
    name = getattr(audio, "name", "")
    return name if isinstance(name, str) else ""


def _expect_no_rate(sample_rate: int | None, kind: str) -> None:
    if sample_rate is not None:
        raise ParameterError(f"sample_rate={sample_rate!r:.40}: is for arrays; {kind} has its own rate; leave it out")


def _checked_rate(sample_rate: int | None) -> int:
    if sample_rate is None:
        raise ParameterError("sample_rate: is missing; an array needs its rate in Hz, such as sample_rate=44100")
    return whole_number("sample_rate", sample_rate, least=MIN_RATE_HZ, most=MAX_RATE_HZ, remedy="give the rate in Hz")


def _samples(y: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples with a frame of all channels per row [shape=(n, n_channels), dtype=float32, little-endian]."""
    if not np.issubdtype(y.dtype, np.floating):
        raise ParameterError(f"audio: dtype {y.dtype}, must be floats of full scale 1.0; of 16 bits, give y / 32768")
    if not 1 <= y.ndim <= 2:
        raise ParameterError(f"audio: shape {y.shape}, must be (n,), (n_channels, n) or (n, n_channels)")
    frames = y.reshape(-1, 1) if y.ndim == 1 else y
    if y.ndim == 2:
        few = [n <= MAX_CHANNELS for n in y.shape]
        if few == [True, True] or few == [False, False]:
            raise ParameterError(
                f"audio: shape {y.shape}, one axis must be that of 1-{MAX_CHANNELS} channels, and the other longer"
            )
        frames = y.T if few[0] else y
    if not frames.size:
        raise ParameterError(f"audio: shape {y.shape}, must have at least one sample")
    with np.errstate(over="ignore"):  # infinities are refused below
        made = np.ascontiguousarray(frames, dtype="<f4")
    if not np.isfinite(made).all():
        raise ParameterError("audio: holds NaN, infinity or a number beyond 32 bits; give finite samples")
    if made.nbytes > _MOST_WAV_BYTES:
        raise ParameterError(f"audio: {made.nbytes} bytes of samples, at most {_MOST_WAV_BYTES}; give it in parts")
    return made


def _write_wav(target: Path, frames: NDArray[np.float32], rate_hz: int) -> None:
    n_channels = frames.shape[1]
    form = struct.pack("<HHIIHH", _FLOAT, n_channels, rate_hz, rate_hz * n_channels * 4, n_channels * 4, 32)
    head = struct.pack("<4sI4s4sI", b"RIFF", 4 + 8 + len(form) + 8 + frames.nbytes, b"WAVE", b"fmt ", len(form))
    with target.open("wb") as file:
        file.write(head + form + struct.pack("<4sI", b"data", frames.nbytes))
        file.write(frames.data.cast("B"))
