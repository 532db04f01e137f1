"""Samples by FFmpeg (PyAV): nearly every format, and it goes on after damage.

Given a playlist, FFmpeg would fetch its entries, from disk or from the network; so its demuxers are limited to those
that read one file, and its protocols to none. It judges by content alone if it is not shown a name: give it a file that
was opened by descriptor. PyAV keeps FFmpeg's log to itself by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from fingerprint.audio.frames import FrameQueue, channels_of, keep_layout
from fingerprint.audio.sources import AudioInfo, Stopped, stops
from fingerprint.audio.timeline import MAX_GAP_SECONDS, START_TOLERANCE_SECONDS, Timeline
from fingerprint.audio.windows import FileWindow

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
# Of these, the ones that state one length, of the longest stream, from the zero of their clock.
_DEMUXERS_WITH_ONE_LENGTH: Final = frozenset({"matroska", "asf"})
# Containers whose clock has a zero: sound may start late. Elsewhere the first sound, or picture, is at 0.
_DEMUXERS_WITH_ZERO: Final = frozenset({"mov", "matroska", "asf", "avi", "flv", "nut", "mxf", "rm"})
# Containers with a clock beside the frames: a hole in it is no damage. Elsewhere frame follows frame.
_DEMUXERS_WITH_HOLES: Final = _DEMUXERS_WITH_ZERO | {"mpegts", "mpeg"}
_BROADCAST: Final = frozenset({"mpegts", "mpeg"})
# Samples one after another, whose times FFmpeg makes up from the header: they cannot have holes.
_DEMUXERS_WITHOUT_TIMES: Final = frozenset(
    {"wav", "w64", "aiff", "au", "caf", "voc", "nistsphere", "paf", "ircam", "sox", "iff", "dsf"}
)
# Containers that do not list their streams: each is seen when it starts, and sound may start late.
_DEMUXERS_WITHOUT_LIST: Final = _BROADCAST | {"flv"}

# Where no sound is seen at first: ten minutes, in microseconds, and 1 GB.
_PATIENCE: Final = {"analyzeduration": "600000000", "probesize": "1000000000"}

# A player takes a longer step of a broadcast clock for a cut of the stream.
_BROADCAST_GAP_SECONDS: Final = 10.0

# Frames without a time wait for one that has it: no more than these.
_MAX_WAITING: Final = 64

# Of mp3, AAC in stereo, AC-3. A packet of more is a frame with the junk behind it, which the decoder passes over.
_MOST_FRAME_BYTES: Final = 4096


class FFmpeg:
    """Read one file with FFmpeg.

    Parameters
    ----------
    file : FileWindow
        All of a file, or the stretch of it that is a file of its own; closed by the caller.
    number : int
        Which of its audio streams, from 1; 0 leaves it to FFmpeg.

    Attributes
    ----------
    n_streams : int
        Audio streams in the file.
    info : AudioInfo
        Decoder, codec, container, rate and channels.
    claimed : float or None
        Where the header says that the sound ends, in seconds of the track, where it can be trusted.
    timeline : Timeline
        Gaps so far.
    bad_packets : int
        Packets left out because they were damaged, so far.
    bad_seconds : float or None
        Where on the track the first of them was missed.
    bad_packet_seconds : float
        Length of those packets, as far as the file or its parser states it.
    sound_bytes : int
        Bytes of the packets that were decoded, up to 4096 of each, so far.
    sound_seconds : float
        Length of their sound, once all is read.
    hidden_seconds : float
        Sound that an edit list keeps from being heard, once all is read.

    Raises
    ------
    Stopped
        If FFmpeg does not know the file, or there is no audio in it that it can decode.
    """

    def __init__(self, file: FileWindow, number: int = 0) -> None:
        self._input = self._opened(file, {})
        late = not _DEMUXERS_WITHOUT_LIST.isdisjoint(self._input.format.name.split(","))
        if late and self._input.streams.best("audio") is None:
            self._input.close()
            self._input = self._opened(file, _PATIENCE)
        self.bad_packets = 0
        self.bad_packet_seconds = 0.0
        self.sound_bytes = 0
        self.sound_seconds = 0.0
        self.bad_seconds: float | None = None
        self.hidden_seconds = 0.0
        self._stopped = ""
        try:
            with stops():
                self.n_streams = len(self._input.streams.audio)
                self._stream = self._audio_stream(number)
                context: Any = self._stream.codec_context
                context.thread_count = 1  # work is spread over files, one process each
                self.info = AudioInfo(
                    _FFMPEG, context.name, self._input.format.name, context.sample_rate, channels_of(context)
                )
                self._demuxers = frozenset(self._input.format.name.split(","))
                self._origin_seconds = self._origin()
                self.claimed = self._claimed_seconds()
                self._listed_seconds = self._seconds_of_list()
                self.timeline = Timeline(
                    self._origin_seconds,
                    rate_hz=self.info.sample_rate,
                    longest_gap_seconds=MAX_GAP_SECONDS if self._is_not(_BROADCAST) else _BROADCAST_GAP_SECONDS,
                )
        except BaseException:
            self._input.close()
            raise

    @staticmethod
    def _opened(file: FileWindow, options: dict[str, str]) -> Any:
        file.seek(0)
        limits = {"format_whitelist": _DEMUXERS, "protocol_whitelist": ""}
        with stops():
            # A title in another encoding is no reason to fail.
            return av.open(file, metadata_errors="ignore", container_options=limits | options)

    def _audio_stream(self, number: int) -> Any:
        every = self._input.streams.audio
        if number > len(every):
            raise Stopped(f"it has no audio stream {number}")
        stream = every[number - 1] if number else self._input.streams.best("audio")
        if stream is None:
            raise Stopped("it has no audio stream")
        if stream.codec_context is None and not number:
            stream = next((other for other in every if other.codec_context is not None), stream)
        if stream.codec_context is None:
            raise Stopped("no decoder for its audio")
        return stream

    def _is_not(self, demuxers: frozenset[str]) -> bool:
        return self._demuxers.isdisjoint(demuxers)

    def _origin(self) -> float:
        if not self._is_not(_DEMUXERS_WITH_ZERO):
            return 0.0
        start: int | None = self._input.start_time
        return (start or 0) / 1e6

    def _claimed_seconds(self) -> float | None:
        """Return where the header says that the sound ends, in seconds of the track."""
        if self._is_not(_DEMUXERS_WITH_LENGTH):
            return None
        alone = len(self._input.streams) == 1
        if self._is_not(_DEMUXERS_WITH_ONE_LENGTH) and self._stream.duration and self._stream.time_base:
            start_seconds = float((self._stream.start_time or 0) * self._stream.time_base) - self._origin_seconds
            seconds = float(self._stream.duration * self._stream.time_base)
            # An encoder's delay, which is not heard, may be counted in.
            return seconds if start_seconds <= START_TOLERANCE_SECONDS else start_seconds + seconds
        return float(self._input.duration) / 1e6 if self._input.duration and alone else None

    def _seconds_of_list(self) -> float:
        """Return the length of the frames that an mp4 lists, before its edit list; 0 if unknown."""
        if self._is_not(frozenset({"mov"})):
            return 0.0
        context = self._stream.codec_context
        return float(self._stream.frames * context.frame_size / max(1, context.sample_rate))

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate in Hz and samples of each chunk, with silence for gaps; valid until the next one."""
        with stops():
            yield from self._queued()
        if self._stopped:
            raise Stopped(self._stopped)

    def _queued(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        queue: FrameQueue | None = None
        before_seconds = 0.0  # of the frames in earlier formats, gaps included
        n_bad = 0
        consecutive = self._is_not(_DEMUXERS_WITH_HOLES)
        has_times = self._is_not(_DEMUXERS_WITHOUT_TIMES)
        for frame, time_seconds in self._timed():
            end_seconds = before_seconds + (queue.n_samples / queue.rate_hz if queue is not None else 0.0)
            gap_seconds = 0.0
            if has_times and time_seconds is not None:
                damaged = consecutive or self.bad_packets > n_bad
                gap_seconds = self.timeline.gap_before(time_seconds, at_seconds=end_seconds, damaged=damaged)
            if self.bad_packets > n_bad:
                n_bad = self.bad_packets
                self.bad_seconds = end_seconds if self.bad_seconds is None else self.bad_seconds
            if queue is None or not queue.fits(frame):  # the first frame, or the format changes within the file
                if queue is not None:
                    yield from queue.rest()
                    before_seconds = end_seconds
                queue = FrameQueue(frame)
            if gap_seconds:
                queue.put_silence(round(gap_seconds * queue.rate_hz))
                yield from queue.chunks()
            queue.put(frame)
            if queue.is_full:
                yield from queue.chunks()
        if queue is not None:
            yield from queue.rest()
            heard_seconds = before_seconds + queue.n_samples / queue.rate_hz - self.timeline.gaps.seconds
            self.sound_seconds = heard_seconds - self.timeline.damaged.seconds
            if not self.bad_packets and not self._stopped:
                self.hidden_seconds = max(0.0, self._listed_seconds - heard_seconds)

    def _timed(self) -> Iterator[tuple[Any, float | None]]:
        """Yield frames with their times, None where a parser left one without, as before damage.

        Only at the start they wait for one that has a time: a decoder may give its first frame none.
        """
        waiting: list[Any] = []
        waiting_seconds = 0.0
        frames = self._frames()
        for frame in frames:
            time_seconds = _time_of(frame)
            if time_seconds is None and len(waiting) < _MAX_WAITING:
                waiting.append(frame)
                waiting_seconds += frame.samples / max(1, frame.sample_rate)
                continue
            for number, earlier in enumerate(waiting):
                yield earlier, None if number or time_seconds is None else time_seconds - waiting_seconds
            yield frame, time_seconds
            break
        else:
            yield from ((frame, None) for frame in waiting)
        for frame in frames:
            yield frame, _time_of(frame)

    def _frames(self) -> Iterator[Any]:
        try:
            with stops():
                for packet in self._input.demux(self._stream):
                    frames = self._decoded(packet)
                    for frame in frames:
                        keep_layout(frame.layout)
                    yield from frames
        except Stopped as error:
            self._stopped = str(error)

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = packet.decode()
        except av.error.InvalidDataError:
            self.bad_packets += 1
            if packet.duration and packet.time_base:
                self.bad_packet_seconds += float(packet.duration * packet.time_base)
            return []
        self.sound_bytes += min(packet.size, _MOST_FRAME_BYTES)
        return frames

    def close(self) -> None:
        """Close the decoder, not the file; twice does no harm."""
        self._input.close()


def _time_of(frame: Any) -> float | None:
    """Return the time that the file gives a frame, in seconds, where it gives one."""
    time_seconds: float | None = frame.time
    return time_seconds if time_seconds is not None and isfinite(time_seconds) else None
