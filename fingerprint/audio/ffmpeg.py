"""Samples by FFmpeg (PyAV): nearly every format, and it goes on after damage.

Given a playlist, FFmpeg would fetch what it names, from disk or from the network; so its demuxers are limited to those
that read one file, and its protocols to none. It judges by content alone if it is not shown a name: give it a file that
was opened by descriptor. PyAV keeps FFmpeg's log to itself by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import av
import numpy as np
from numpy.typing import NDArray

from fingerprint.audio.frames import FrameQueue, channels_of, keep_layout
from fingerprint.audio.sources import AudioInfo, Stopped, stops

__all__ = ["FFmpeg"]

_FFMPEG: Final = "FFmpeg, libavcodec " + ".".join(str(part) for part in av.library_versions["libavcodec"])

# Demuxers that read the file they are given and no other: no hls, dash, concat, sdp, image2.
_DEMUXERS: Final = (
    "mp3,flac,wav,w64,aiff,au,caf,ogg,mov,matroska,asf,avi,flv,aac,latm,loas,ac3,eac3,dts,dtshd,truehd,mlp,mpegts,mpeg,"
    "amr,amrnb,amrwb,ape,wv,tta,dsf,iff,mpc,mpc8,tak,shn,oma,rm,voc,nistsphere,paf,ircam,sox,gsm,qoa,nut,mxf,dss,xwma"
)
# Demuxers that take the length from the header; others estimate it from the bit rate.
_DEMUXERS_WITH_LENGTH: Final = frozenset(
    {"mov", "matroska", "asf", "avi", "caf", "w64", "au", "ape", "wv", "tta", "dsf"}
)


class FFmpeg:
    """A file in the hands of FFmpeg.

    Parameters
    ----------
    file : BinaryIO
        Seekable; closed by the caller.

    Attributes
    ----------
    info : AudioInfo
        What the file holds.
    claimed : float or None
        Length according to the header, in seconds, where it has one to be trusted.
    bad_packets : int
        Packets left out because they were damaged, so far.

    Raises
    ------
    Stopped
        If FFmpeg does not know the file, or there is no audio in it that it can decode.
    """

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        with stops():
            self._input: Any = av.open(
                file,
                metadata_errors="ignore",  # a title in another encoding is no reason to fail
                container_options={"format_whitelist": _DEMUXERS, "protocol_whitelist": ""},
            )
        self.bad_packets = 0
        self._stopped = ""
        try:
            with stops():
                self._stream = self._audio_stream()
                context: Any = self._stream.codec_context
                context.thread_count = 1  # work is spread over files, one process each
                self.info = AudioInfo(
                    _FFMPEG, context.name, self._input.format.name, context.sample_rate, channels_of(context)
                )
                self.claimed = self._claimed_seconds()
        except BaseException:
            self._input.close()
            raise

    def _audio_stream(self) -> Any:
        stream = self._input.streams.best("audio")
        if stream is None:
            raise Stopped("it has no audio stream")
        if stream.codec_context is None:
            raise Stopped("no decoder for its audio")
        return stream

    def _claimed_seconds(self) -> float | None:
        if _DEMUXERS_WITH_LENGTH.isdisjoint(self._input.format.name.split(",")):
            return None
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        if self._input.duration and len(self._input.streams) == 1:
            return float(self._input.duration) / 1e6
        return None

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate in Hz and samples of each chunk; valid until the next one."""
        queue: FrameQueue | None = None
        for frame in self._frames():
            with stops():
                same = queue is not None and queue.fits(frame)
            if queue is None or not same:  # the first frame, or the format changes within the file
                if queue is not None:
                    yield from queue.rest()
                with stops():
                    queue = FrameQueue(frame)
            with stops():
                queue.put(frame)
            yield from queue.chunks()
        if queue is not None:
            yield from queue.rest()
        if self._stopped:
            raise Stopped(self._stopped)

    def _frames(self) -> Iterator[Any]:
        try:
            packets = self._input.demux(self._stream)
            while True:
                with stops():
                    packet = next(packets, None)
                    frames = self._decoded(packet) if packet is not None else []
                    for frame in frames:
                        keep_layout(frame.layout)
                if packet is None:
                    return
                yield from frames
        except Stopped as error:
            self._stopped = str(error)

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = packet.decode()
        except av.error.InvalidDataError:
            self.bad_packets += 1
            return []
        return frames

    def close(self) -> None:
        """Close the decoder, not the file; twice does no harm."""
        self._input.close()
