"""The two decoders behind one interface: libsndfile where it is faster and can be trusted, FFmpeg for the rest.

What comes in is an open file and what its first bytes say; what goes out are chunks of samples as
`fingerprint.audio.sources` describes them. Nothing is allocated on the word of a header. Where libsndfile gives up,
FFmpeg goes on from the same sample, leaving out damaged packets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fingerprint.audio.containers import inspect_container
from fingerprint.audio.ffmpeg import FFmpeg
from fingerprint.audio.libsndfile import Libsndfile
from fingerprint.audio.sources import AudioInfo, SampleSource, Stopped, check_format
from fingerprint.errors import DecodeError

__all__ = ["Decoder"]


class Decoder:
    """Decode one open file, with the decoder that suits it and the other one where that fails.

    Parameters
    ----------
    file : BinaryIO
        Seekable; closed by the caller.
    name : str
        The file's name in messages.

    Attributes
    ----------
    info : AudioInfo
        What the file holds; changes where FFmpeg takes over.
    claimed_seconds : float or None
        Length according to the header, where it has one to be trusted.
    ended : bool
        False where the format marks its end and the mark is missing.
    stopped : str
        Why decoding stopped before the end, once it has; else ``""``.

    Raises
    ------
    DecodeError
        If the content is not recognised as audio, or its rate or number of channels is beyond the limits.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._container = inspect_container(file)
        self.stopped = ""
        if self._container.not_audio:
            what = self._container.not_audio
            raise DecodeError(f"{name}: holds {what}, not audio, whatever its name says; give the recording itself")
        self._source: SampleSource
        if self._container.libsndfile:
            try:
                self._source = Libsndfile(file)
            except Stopped:
                self._source = self._open_ffmpeg()
        else:
            self._source = self._open_ffmpeg()
        try:
            check_format(self.info.sample_rate, self.info.channels)
        except Stopped as error:
            self.close()
            raise DecodeError(f"{name}: {error}; convert it to a usual format such as 44.1 kHz stereo FLAC") from error

    @property
    def info(self) -> AudioInfo:
        """What the file holds."""
        return self._source.info

    @property
    def claimed_seconds(self) -> float | None:
        """Length according to the header, where it has one to be trusted."""
        return self._container.claimed_seconds if self._container.claimed_seconds is not None else self._source.claimed

    @property
    def ended(self) -> bool:
        """False where the format marks its end and the mark is missing."""
        return self._container.ended

    @property
    def bad_packets(self) -> int:
        """Packets left out because they were damaged."""
        return self._source.bad_packets

    def close(self) -> None:
        """Close the decoder, not the file; twice does no harm."""
        self._source.close()

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the rate in Hz and the samples ``[shape=(n_channels, n)]`` of each chunk; valid until the next one.

        Raises
        ------
        DecodeError
            If not one sample can be decoded. Damage further on ends the chunks and is told in `stopped`.
        """
        n_delivered = 0
        try:
            for rate_hz, channels in self._source.chunks():
                yield rate_hz, channels
                n_delivered += channels.shape[1]
        except Stopped as error:
            self.stopped = str(error)
        if isinstance(self._source, Libsndfile) and (self.stopped or not n_delivered):
            try:
                ffmpeg = FFmpeg(self._file)
                self._source.close()
                self._source = ffmpeg
                for rate_hz, channels in _skip(ffmpeg.chunks(), n_delivered):
                    yield rate_hz, channels
                    n_delivered += channels.shape[1]
                self.stopped = ""
            except Stopped as error:
                self.stopped = str(error)
        if not n_delivered:
            raise self._unreadable(self.stopped or "it holds no sample")

    def _open_ffmpeg(self) -> FFmpeg:
        try:
            return FFmpeg(self._file)
        except Stopped as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> DecodeError:
        return DecodeError(
            f"{self._name}: no audio could be decoded ({reason}); it may be damaged from the start, encrypted, or of "
            "an unknown format: play it to find out, or convert it to FLAC"
        )


def _skip(chunks: Iterator[tuple[int, NDArray[np.float32]]], n_skip: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield what follows the first `n_skip` samples."""
    for rate_hz, channels in chunks:
        if n_skip < channels.shape[1]:
            yield rate_hz, channels[:, n_skip:]
        n_skip = max(0, n_skip - channels.shape[1])
