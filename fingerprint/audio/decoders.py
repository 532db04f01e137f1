"""The two decoders behind one interface: libsndfile where it is faster and can be trusted, FFmpeg for the rest.

The input is an open file and its `Container`; the output is chunks of samples, as `fingerprint.audio.sources`
describes them. Nothing is allocated on the word of a header, and no header ends a stream:
where libsndfile gives up, or stops before the end of the file, FFmpeg goes on from the same sample, leaving out damaged
packets. The links of a chained Ogg file are read one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fingerprint.audio.containers import BARE_FRAMES, SEQUENTIAL, inspect_container
from fingerprint.audio.libsndfile import Libsndfile
from fingerprint.audio.sources import AudioInfo, SampleSource, Stopped, check_format, stops
from fingerprint.audio.timeline import Gaps
from fingerprint.audio.windows import FileWindow
from fingerprint.errors import DecodeError

if TYPE_CHECKING:
    from fingerprint.audio.ffmpeg import FFmpeg

__all__ = ["Decoder"]

_UNREAD_BYTES: Final = 2**15  # FFmpeg reads ahead, and more than this is no remainder
_HEADER_FRAME_BYTES: Final = 1024  # a frame without sound that holds the header, and parts of frames at the ends
_MP3_TAIL_BYTES: Final = 4096  # tags at the end of an mp3 that may be left unread


class Decoder:
    """Decode one open file, with the decoder that suits it and the other one where that fails.

    Parameters
    ----------
    file : BinaryIO
        Seekable; closed by the caller.
    name : str
        The file's name in messages.
    number : int
        Which of its audio streams, from 1; 0 leaves it to the decoder.

    Attributes
    ----------
    n_streams : int
        Audio streams in the file.
    info : AudioInfo
        Decoder, codec, container, rate and channels; changes where FFmpeg takes over.
    claimed_seconds : float or None
        Length according to the header, where it has one to be trusted.
    missing_end : str
        Sign that the end of the file is missing; else ``""``.
    bare : bool
        True where frames follow one another to the end of the file, without a container.
    whole : bool
        True where the file is known to have all bytes of its header's word.
    stopped : str
        Why decoding stopped before the end, once it has; else ``""``.
    resumed : bool
        True where FFmpeg went on after damage.
    bad_packets : int
        Packets left out because they were damaged, so far.
    bad_seconds : float or None
        Where on the track the first of them was missed, once sound follows.
    lost_seconds : float
        Sound that could not be decoded, once all is read: by the clock of the file, by its packets, or, where frames
        follow one another without a container, by the bytes that no frame has. What the header claims beyond the end
        is not counted.
    hidden_seconds : float
        Sound that an edit list keeps from being heard, once all is read.
    unread_bytes : int
        Bytes beyond the frames that the header states, which no decoder reads, once all is read.
    gaps, damaged, jumps : Gaps
        Silence for time that the file holds no sound for, silence for damage, and steps of the file's clock, so far.

    Raises
    ------
    DecodeError
        If the content is not recognised as audio, or its rate or number of channels is beyond the limits.
    """

    def __init__(self, file: BinaryIO, name: str, number: int = 0) -> None:
        self._number = number
        self._file = file
        self._name = name
        try:
            with stops():
                self._container = inspect_container(file)
        except Stopped as error:
            raise self._unreadable(str(error)) from error
        self.stopped = ""
        self.resumed = False
        self.bad_packets = 0
        self.bad_seconds: float | None = None
        self.lost_seconds = 0.0
        self.hidden_seconds = 0.0
        self.unread_bytes = 0
        self._seconds = 0.0
        self.gaps = Gaps()
        self.damaged = Gaps()
        self.jumps = Gaps()
        if self._container.not_audio:
            what = self._container.not_audio
            raise DecodeError(f"{name}: holds {what}, not audio; give the recording itself")
        self._windows = self._stretches()
        self._source: SampleSource
        try:
            self._source = self._first_source()
        except Stopped as error:
            raise self._unreadable(str(error)) from error
        self.info: AudioInfo = self._source.info
        self.n_streams = self._source.n_streams if _is_ffmpeg(self._source) else 1
        try:
            check_format(self.info.sample_rate, self.info.channels)
        except Stopped as error:
            self.close()
            raise DecodeError(f"{name}: {error}; convert it to a usual format such as 44.1 kHz stereo FLAC") from error
        self.claimed_seconds = self._container.claimed_seconds
        if self.claimed_seconds is None and len(self._windows) == 1:
            self.claimed_seconds = self._source.claimed
        self.missing_end = self._container.missing_end
        self.bare = self._container.kind in BARE_FRAMES
        self.whole = self._container.whole

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
        for number, window in enumerate(self._windows):
            if number and not self._open_link(window):
                continue
            for rate_hz, channels in self._chunks_of(window):
                yield rate_hz, channels
                n_delivered += channels.shape[1]
                self._seconds += channels.shape[1] / rate_hz
            self.stopped = window.error or self.stopped
        if not n_delivered:
            bad = f"none of its {self.bad_packets} packets can be decoded" if self.bad_packets else "it holds no sample"
            raise self._unreadable(self.stopped or bad)

    def _chunks_of(self, window: FileWindow) -> Iterator[tuple[int, NDArray[np.float32]]]:
        start_seconds = self._seconds
        n_delivered = 0
        stopped = ""
        try:
            for rate_hz, channels in self._source.chunks():
                yield rate_hz, channels
                n_delivered += channels.shape[1]
        except Stopped as error:
            stopped = str(error)
        if isinstance(self._source, Libsndfile) and (stopped or not n_delivered or self._is_unread(window)):
            if not stopped and self._container.no_count:
                window = FileWindow(self._file, edits=self._container.no_count)
            try:
                ffmpeg = _ffmpeg(window, self._number)
            except Stopped as error:
                self.stopped = stopped or self.stopped or ("" if n_delivered else str(error))
                return
            self._source.close()
            self._source = ffmpeg
            try:
                for rate_hz, channels in _skip(ffmpeg.chunks(), n_delivered):
                    self.resumed = bool(stopped)
                    self.info = ffmpeg.info
                    yield rate_hz, channels
                stopped = ""
            except Stopped as error:
                stopped = str(error)
        self.stopped = stopped or self.stopped
        if _is_ffmpeg(self._source):
            self.bad_packets += self._source.bad_packets
            if self.bad_seconds is None and self._source.bad_seconds is not None:
                self.bad_seconds = start_seconds + self._source.bad_seconds
            self.hidden_seconds += self._source.hidden_seconds
            self.lost_seconds += self._lost(self._source, window)
            if self._container.kind in SEQUENTIAL and not self.stopped:
                unread = window.size - self._container.tag_bytes - window.tell()
                self.unread_bytes = unread if unread > _UNREAD_BYTES else 0
            for mine, its in zip(
                (self.gaps, self.damaged, self.jumps),
                (self._source.timeline.gaps, self._source.timeline.damaged, self._source.timeline.jumps),
                strict=True,
            ):
                mine.extend(its, start_seconds)

    def _lost(self, source: FFmpeg, window: FileWindow) -> float:
        lost_seconds = max(source.timeline.damaged.seconds, source.bad_packet_seconds)
        if self.bare and source.sound_bytes:
            n_lost = window.size - self._container.tag_bytes - source.sound_bytes - _HEADER_FRAME_BYTES
            lost_seconds = max(lost_seconds, source.sound_seconds * n_lost / source.sound_bytes)
        return lost_seconds

    def _is_unread(self, window: FileWindow) -> bool:
        """Return True where libsndfile believed a header that claims less than there is: the tag of an mp3."""
        return self._container.kind == "mp3" and window.size - window.tell() > _MP3_TAIL_BYTES

    def _open_link(self, window: FileWindow) -> bool:
        """Return whether the next link of a chain could be opened."""
        try:
            source = _ffmpeg(window, self._number)
        except Stopped as error:
            self.stopped = str(error)
            return False
        self._source.close()
        self._source = source
        return True

    def _stretches(self) -> list[FileWindow]:
        """Return the file as it is to be read, in one stretch or, a chain, in several."""
        container = self._container
        if len(container.links) == 1:
            return [FileWindow(self._file, container.start, edits=container.edits)]
        ends = [*container.links, FileWindow(self._file).size]
        return [FileWindow(self._file, start, stop) for start, stop in pairwise(ends)]

    def _first_source(self) -> SampleSource:
        if self._container.libsndfile:
            with suppress(Stopped):
                return Libsndfile(self._windows[0])
        return _ffmpeg(self._windows[0], self._number)

    def _unreadable(self, reason: str) -> DecodeError:
        return DecodeError(
            f"{self._name}: no audio could be decoded ({reason}); it may be damaged from the start, encrypted, or of "
            "an unknown format: play it to find out, or convert it to FLAC"
        )


def _ffmpeg(window: FileWindow, number: int) -> FFmpeg:
    from fingerprint.audio.ffmpeg import FFmpeg  # which takes a tenth of a second to load, and many files do not need

    return FFmpeg(window, number)


def _is_ffmpeg(source: SampleSource) -> TypeGuard[FFmpeg]:
    return not isinstance(source, Libsndfile)


def _skip(chunks: Iterator[tuple[int, NDArray[np.float32]]], n_skip: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the samples after the first `n_skip`."""
    for rate_hz, channels in chunks:
        if n_skip < channels.shape[1]:
            yield rate_hz, channels[:, n_skip:]
        n_skip = max(0, n_skip - channels.shape[1])
