"""The interface and the limits that both decoders share.

A source is one file opened by one library. It yields chunks of float32 samples, full scale 1.0,
``[shape=(n_channels, n)]``, each with its rate in Hz. A chunk is a whole number of downmix pieces, cut at fixed places
of the file regardless of the decoder's own blocks, so that the same file gives the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_CHANNELS",
    "MAX_RATE_HZ",
    "MIN_RATE_HZ",
    "AudioInfo",
    "SampleSource",
    "Stopped",
    "check_format",
    "chunk_length",
    "piece_length",
    "stops",
]

MIN_RATE_HZ: Final = 2_000
MAX_RATE_HZ: Final = 768_000
MAX_CHANNELS: Final = 64

# Samples times channels per chunk: 6 s of 44.1 kHz stereo, 2 MB.
_CHUNK_VALUES: Final = 2**19


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Format of an audio file, and its decoder.

    Attributes
    ----------
    decoder : str
        Name and version of the library that decodes it.
    codec : str
        The decoder's name for the coding (``"MPEG_LAYER_III"``, ``"aac"``, ``"PCM_16"``).
    container : str
        The decoder's name for the kind of file (``"WAV"``, ``"mov,mp4,m4a,3gp,3g2,mj2"``).
    sample_rate : int
        Rate in the file, in Hz.
    channels : int
        Channels in the file.
    """

    decoder: str
    codec: str
    container: str
    sample_rate: int
    channels: int


class Stopped(Exception):  # noqa: N818  (not an error of the tree: it never leaves fingerprint.audio.decoders)
    """A decoder cannot go on; the message says why, in a few words."""


class SampleSource(Protocol):
    """One open file in the hands of one library; `chunks` raises `Stopped` where it cannot go on."""

    info: AudioInfo
    claimed: float | None
    bad_packets: int

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate in Hz and samples of each chunk; valid until the next one."""
        ...

    def close(self) -> None:
        """Close the decoder, not the file; twice does no harm."""
        ...


@contextmanager
def stops() -> Iterator[None]:
    """Turn any exception that a library raises about a file into `Stopped`.

    Both libraries pass on what their callbacks, their tables and the codecs raise: errors of their own, but KeyError
    and UnicodeDecodeError just as well. Only a lack of memory is not the file's fault; where FFmpeg reports one, it
    refused a size that a damaged header asks for.
    """
    try:
        yield
    except Stopped:
        raise
    except Exception as error:
        if type(error) is MemoryError:
            raise
        raise Stopped(_reason(error)) from error


def piece_length(rate_hz: int) -> int:
    """Return the samples of a downmix piece: half a second."""
    return (rate_hz + 1) // 2


def chunk_length(rate_hz: int, n_channels: int) -> int:
    """Return the samples of a chunk: as many whole pieces as fit, one at least."""
    piece = piece_length(rate_hz)
    return piece * max(1, _CHUNK_VALUES // (piece * n_channels))


def check_format(rate_hz: int, n_channels: int) -> None:
    """Stop where rate or number of channels is beyond the limits."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise Stopped(f"sample rate {rate_hz} Hz is outside {MIN_RATE_HZ}-{MAX_RATE_HZ} Hz")
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise Stopped(f"{n_channels} channels, of 1-{MAX_CHANNELS} possible")


def _reason(error: Exception) -> str:
    """Return a library's error text, without the file name and the error number."""
    if isinstance(error, MemoryError):  # FFmpeg allocates no more than 2 GiB at once, however much a header asks for
        return "a size in its header is beyond 2 GiB"
    said = getattr(error, "error_string", "") or getattr(error, "strerror", "") or error
    return str(said).strip().rstrip(".") or type(error).__name__
