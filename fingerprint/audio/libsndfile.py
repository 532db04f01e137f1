"""Samples by libsndfile (soundfile): fast, and it stops at the first damage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.audio.sources import AudioInfo, chunk_length, stops
from fingerprint.audio.windows import FileWindow

__all__ = ["Libsndfile"]

_LIBSNDFILE: Final = f"libsndfile {soundfile.__libsndfile_version__}"


class Libsndfile:
    """Read one file with libsndfile.

    Parameters
    ----------
    file : FileWindow
        All of a file, or the stretch of it that is a file of its own; closed by the caller.

    Attributes
    ----------
    info : AudioInfo
        Decoder, codec, container, rate and channels.
    claimed : None
        It has no word of its own on the length.
    bad_packets : int
        Always 0.

    Raises
    ------
    Stopped
        If libsndfile does not know the file.
    """

    def __init__(self, file: FileWindow) -> None:
        file.seek(0)
        with stops():
            self._sound = soundfile.SoundFile(file)
        self.info = AudioInfo(
            _LIBSNDFILE, self._sound.subtype, self._sound.format, self._sound.samplerate, self._sound.channels
        )
        self.claimed: float | None = None
        self.bad_packets = 0

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate in Hz and samples of each chunk; valid until the next one."""
        rate_hz, n_channels = self.info.sample_rate, self.info.channels
        buffer = np.empty((chunk_length(rate_hz, n_channels), n_channels), np.float32)
        while True:
            with stops():
                n_read = len(self._sound.read(out=buffer, dtype="float32", always_2d=True))
            if n_read:
                yield rate_hz, buffer[:n_read].T
            if n_read < len(buffer):
                return

    def close(self) -> None:
        """Close the decoder, not the file; twice does no harm."""
        self._sound.close()
