"""The two decoders behind one interface: the only door to libsndfile (soundfile) and FFmpeg (PyAV).

What comes in is an open file and what its first bytes say; what goes out are chunks of float32 samples, full scale
1.0, ``[shape=(n_channels, n)]``, each with its rate in Hz. A chunk is a whole number of downmix pieces, cut at fixed
places of the file however the decoder delivers them, so that the same file gives the same samples. Nothing is allocated
on the word of a header. Where libsndfile gives up, FFmpeg goes on from the same sample, leaving out damaged packets.

Given a playlist, FFmpeg would fetch what it names, from disk or from the network; so its demuxers are limited to those
that read one file, and its protocols to none. It judges by content alone if it is not shown a name: give it a file that
was opened by descriptor. PyAV keeps FFmpeg's log to itself by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.audio.containers import inspect_container
from fingerprint.errors import DecodeError

__all__ = ["AudioInfo", "Decoder", "piece_length"]

MIN_RATE_HZ: Final = 2_000
MAX_RATE_HZ: Final = 768_000
MAX_CHANNELS: Final = 64

# Samples times channels per chunk: 6 s of 44.1 kHz stereo, 2 MB.
_CHUNK_VALUES: Final = 2**19

_LIBSNDFILE: Final = f"libsndfile {soundfile.__libsndfile_version__}"
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


def piece_length(rate_hz: int) -> int:
    """Return the samples of a downmix piece: half a second."""
    return (rate_hz + 1) // 2


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file holds.

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
        self._source: _Source
        if self._container.libsndfile:
            try:
                self._source = _Libsndfile(file)
            except _Stopped:
                self._source = self._open_ffmpeg()
        else:
            self._source = self._open_ffmpeg()
        try:
            _check_format(self.info.sample_rate, self.info.channels)
        except _Stopped as error:
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
        except _Stopped as error:
            self.stopped = str(error)
        if isinstance(self._source, _Libsndfile) and (self.stopped or not n_delivered):
            try:
                ffmpeg = _FFmpeg(self._file)
                self._source.close()
                self._source = ffmpeg
                for rate_hz, channels in _skip(ffmpeg.chunks(), n_delivered):
                    yield rate_hz, channels
                    n_delivered += channels.shape[1]
                self.stopped = ""
            except _Stopped as error:
                self.stopped = str(error)
        if not n_delivered:
            raise self._unreadable(self.stopped or "it holds no sample")

    def _open_ffmpeg(self) -> _FFmpeg:
        try:
            return _FFmpeg(self._file)
        except _Stopped as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> DecodeError:
        return DecodeError(
            f"{self._name}: no audio could be decoded ({reason}); it may be damaged from the start, encrypted, or of "
            "an unknown format: play it to find out, or convert it to FLAC"
        )


class _Stopped(Exception):  # noqa: N818  (not an error of the tree: it never leaves this module)
    """A decoder cannot go on; the message says why, in a few words."""


class _Source(Protocol):
    info: AudioInfo
    claimed: float | None
    bad_packets: int

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]: ...
    def close(self) -> None: ...


class _Libsndfile:
    """Samples by libsndfile: fast, and it stops at the first damage."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        try:
            self._sound = soundfile.SoundFile(file)
        except (soundfile.LibsndfileError, OSError) as error:
            raise _Stopped(_reason(error)) from error
        self.info = AudioInfo(
            _LIBSNDFILE, self._sound.subtype, self._sound.format, self._sound.samplerate, self._sound.channels
        )
        self.claimed: float | None = None
        self.bad_packets = 0

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        rate_hz, n_channels = self.info.sample_rate, self.info.channels
        buffer = np.empty((_chunk_length(rate_hz, n_channels), n_channels), np.float32)
        while True:
            try:
                n_read = len(self._sound.read(out=buffer, dtype="float32", always_2d=True))
            except (soundfile.LibsndfileError, OSError) as error:
                raise _Stopped(_reason(error)) from error
            if n_read:
                yield rate_hz, buffer[:n_read].T
            if n_read < len(buffer):
                return

    def close(self) -> None:
        self._sound.close()


class _FFmpeg:
    """Samples by FFmpeg: nearly every format, and it goes on after damage."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        try:
            self._input: Any = av.open(
                file,
                metadata_errors="ignore",  # a title in another encoding is no reason to fail
                container_options={"format_whitelist": _DEMUXERS, "protocol_whitelist": ""},
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _Stopped(_reason(error)) from error
        self.bad_packets = 0
        self._stopped = ""
        try:
            stream = self._input.streams.best("audio")
            if stream is None:
                raise _Stopped("it has no audio stream")
            self._stream = stream
            context: Any = stream.codec_context
            if context is None:
                raise _Stopped("no decoder for its audio")
            context.thread_count = 1  # work is spread over files, one process each
            self.info = AudioInfo(_FFMPEG, context.name, self._input.format.name, context.sample_rate, context.channels)
        except BaseException:
            self._input.close()
            raise
        self.claimed = self._claimed_seconds()

    def _claimed_seconds(self) -> float | None:
        if _DEMUXERS_WITH_LENGTH.isdisjoint(self._input.format.name.split(",")):
            return None
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        if self._input.duration and len(self._input.streams) == 1:
            return float(self._input.duration) / 1e6
        return None

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        fifo, key, length = av.AudioFifo(), ("", "", 0), 0
        for frame in self._frames():
            frame_key = (frame.format.name, frame.layout.name, frame.sample_rate)
            if frame_key != key:  # the first frame, or the format changes within the file
                yield from _drain(fifo, key[2])
                _check_format(frame.sample_rate, frame.layout.nb_channels)
                fifo, key = av.AudioFifo(), frame_key
                length = _chunk_length(frame.sample_rate, frame.layout.nb_channels)
            frame.pts = None  # gaps in time are closed; the queue would refuse them
            fifo.write(frame)
            while fifo.samples >= length:
                yield key[2], _to_float(fifo.read(length))
        yield from _drain(fifo, key[2])
        if self._stopped:
            raise _Stopped(self._stopped)

    def _frames(self) -> Iterator[Any]:
        try:
            for packet in self._input.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    self.bad_packets += 1
                    continue
                yield from frames
        except (av.FFmpegError, OSError) as error:
            self._stopped = _reason(error)

    def close(self) -> None:
        self._input.close()


def _drain(fifo: Any, rate_hz: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    if rate_hz and fifo.samples:
        yield rate_hz, _to_float(fifo.read(0, partial=True))


def _to_float(frame: Any) -> NDArray[np.float32]:
    """Return the samples of a frame, planar or interleaved, of any sample type, as float32 of full scale 1.0."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    middle = 128 if samples.dtype == np.uint8 else 0
    scale = np.float32(0.5 ** (8 * samples.dtype.itemsize - 1))
    return (samples.astype(np.float32) - np.float32(middle)) * scale


def _skip(chunks: Iterator[tuple[int, NDArray[np.float32]]], n_skip: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield what follows the first `n_skip` samples."""
    for rate_hz, channels in chunks:
        if n_skip < channels.shape[1]:
            yield rate_hz, channels[:, n_skip:]
        n_skip = max(0, n_skip - channels.shape[1])


def _chunk_length(rate_hz: int, n_channels: int) -> int:
    piece = piece_length(rate_hz)
    return piece * max(1, _CHUNK_VALUES // (piece * n_channels))


def _check_format(rate_hz: int, n_channels: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise _Stopped(f"sample rate {rate_hz} Hz is outside {MIN_RATE_HZ}-{MAX_RATE_HZ} Hz")
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise _Stopped(f"{n_channels} channels, of 1-{MAX_CHANNELS} possible")


def _reason(error: Exception) -> str:
    """Return what a library says, without the file it names and the number of the error."""
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).strip().rstrip(".")
    return str(getattr(error, "strerror", "") or error) or type(error).__name__
