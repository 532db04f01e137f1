"""From an audio file to mono samples at one rate, in blocks.

A local file in any usual format, recognised by its content, comes in; consecutive blocks of mono float32 samples,
finite, full scale 1.0, go out, and plain sentences on all that was odd. The steps: open (regular files only), decode
(`fingerprint.audio.decoders`), mix to one channel (`fingerprint.audio.downmix`), resample (soxr HQ, streamed; this
module is the only door to it). Memory does not grow with the length of the file, and the same file gives the same
samples however long the blocks are.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from fingerprint.arguments import number, whole_number
from fingerprint.audio.decoders import Decoder
from fingerprint.audio.downmix import Downmixer
from fingerprint.audio.sources import MAX_RATE_HZ, AudioInfo
from fingerprint.disk import open_regular_file
from fingerprint.errors import DecodeError, ParameterError, printable

__all__ = ["AudioInfo", "AudioStream", "decode", "holds_audio", "open_audio"]

# Frames of mp3 or AAC at either end, and the encoder's delay before them; damage costs more, or is known.
_LENGTH_TOLERANCE_SECONDS: Final = 0.1

# Reuse is found from a second on. Bad frames where files were cut or joined, and junk behind the last, take less.
_MOST_LOST_SECONDS: Final = 1.0
_MOST_LOST_SHARE: Final = 0.1

# An edit list that cuts frames and delay from the ends hides no music.
_HIDDEN_SECONDS: Final = 0.5

# Recordings of a day are made, and so is silence in next to nothing; the thriftiest codecs take 590 bytes a second.
_LONGEST_SECONDS: Final = 24 * 3600.0
_FEWEST_BYTES_PER_SECOND: Final = 500

# A frame or two can be found in any data; so many in a row cannot.
_HEARD_SECONDS: Final = 0.5

# A limiter touches full scale now and then; a clipped recording stays there.
_CLIPPED_SHARE: Final = 0.01


def open_audio(
    path: str | os.PathLike[str], *, sample_rate: int = 11025, block_seconds: float = 30.0, stream: int = 0
) -> AudioStream:
    """Open a local audio file for decoding to mono in blocks.

    Parameters
    ----------
    path : str or path-like
        A regular file; its name says nothing about its format.
    sample_rate : int
        Rate of the samples that come out, in Hz.
    block_seconds : float
        Length of a block; longer blocks cost memory and change no sample.
    stream : int
        Which audio stream of the file, from 1; 0 for the only one, or the one that a player would take.

    Returns
    -------
    AudioStream
        A context manager, to be closed after use.

    Raises
    ------
    DecodeError
        If there is no such file, it may not be read, it is not a regular file (but a folder, pipe, device), it is
        empty, or it holds no audio of a known format within 2-768 kHz and 64 channels.
    ParameterError
        If `sample_rate` is outside 1-768000 Hz, a block would hold no sample, or `stream` is no whole number from 0.
    """
    sample_rate = whole_number("sample_rate", sample_rate, least=1, most=MAX_RATE_HZ, remedy="11025 Hz is usual")
    if number("block_seconds", block_seconds, above=0, remedy="30 is usual") * sample_rate < 1:
        raise ParameterError(f"block_seconds={block_seconds}: must hold at least one sample; 30 is usual")
    stream = whole_number("stream", stream, least=0)
    name = printable(path)
    file = open_regular_file(path, name)
    try:
        block_length = round(block_seconds * sample_rate)
        return AudioStream(file, name, sample_rate=sample_rate, block_length=block_length, stream=stream)
    except BaseException:
        file.close()
        raise


def decode(path: str | os.PathLike[str], *, sample_rate: int = 11025) -> NDArray[np.float32]:
    """Return a whole file as mono samples: for files known to be short, as memory grows with their length.

    Parameters
    ----------
    path : str or path-like
        A local audio file.
    sample_rate : int
        Rate of the result, in Hz.

    Returns
    -------
    NDArray[np.float32] [shape=(n_samples,)]
        Finite, full scale 1.0.

    Raises
    ------
    DecodeError, ParameterError
        As `open_audio`; also if not one sample can be decoded.
    """
    with open_audio(path, sample_rate=sample_rate) as stream:
        return np.concatenate(list(stream.blocks()))


def holds_audio(path: str | os.PathLike[str]) -> bool:
    """Return whether a file decodes as half a second of audio, and is none by chance.

    Parameters
    ----------
    path : str or path-like
        A file of unknown content; decoding may end the process, as with any file from outside.
    """
    try:
        with open_audio(path, block_seconds=_HEARD_SECONDS) as stream:
            return next(stream.blocks()).size >= round(_HEARD_SECONDS * stream.sample_rate)
    except DecodeError:
        return False


class AudioStream:
    """The samples of one file, to be read once and in order; made by `open_audio`.

    Attributes
    ----------
    info : AudioInfo
        Decoder, codec, container, rate and channels; its `decoder` changes where FFmpeg takes over from libsndfile.
    n_streams : int
        Audio streams in the file, of which this is one.
    sample_rate : int
        Rate of the blocks, in Hz.
    duration_seconds : float
        Seconds decoded so far: the length of the whole file once the blocks are exhausted.
    notes : list of str
        Sentences on anything odd about the file; complete once the blocks are exhausted.
    """

    def __init__(
        self, file: io.BufferedReader, name: str, *, sample_rate: int, block_length: int, stream: int = 0
    ) -> None:
        self.sample_rate = sample_rate
        self.notes: list[str] = []
        self._file = file
        self._name = name
        self._block_length = block_length
        self._decoder = Decoder(file, name, stream)
        self._size = os.fstat(file.fileno()).st_size
        self._mixers: list[Downmixer] = []  # one for each rate in the file, which is one but for files joined together
        self._started = False

    @property
    def info(self) -> AudioInfo:
        """Decoder, codec, container, rate and channels."""
        return self._decoder.info

    @property
    def n_streams(self) -> int:
        """Audio streams in the file, of which this is one."""
        return self._decoder.n_streams

    @property
    def duration_seconds(self) -> float:
        """Seconds decoded so far: the length of the whole file once the blocks are exhausted."""
        return sum(mixer.n_samples / mixer.rate_hz for mixer in self._mixers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close decoder and file; twice does no harm."""
        self._decoder.close()
        self._file.close()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Return the consecutive blocks, all of the same length but the last, which may be shorter.

        Returns
        -------
        Iterator of NDArray[np.float32] [shape=(n,)]
            Mono, finite, full scale 1.0, at `sample_rate`.

        Raises
        ------
        DecodeError
            While iterating, if not one sample can be decoded, or if it goes on for longer than a recording of its size
            can. Damage further on is no error: it ends in a note.
        ParameterError
            If called a second time.
        """
        if self._started:
            raise ParameterError(f"{self._name}: its blocks were read already; open the file again to read them again")
        self._started = True
        return self._cut_into_blocks()

    def _cut_into_blocks(self) -> Iterator[NDArray[np.float32]]:
        block = np.empty(self._block_length, np.float32)
        n_filled = 0
        for samples in self._resampled():
            start = 0
            while start < samples.size:
                n_here = min(samples.size - start, self._block_length - n_filled)
                block[n_filled : n_filled + n_here] = samples[start : start + n_here]
                start += n_here
                n_filled += n_here
                if n_filled == self._block_length:
                    yield block
                    block = np.empty(self._block_length, np.float32)
                    n_filled = 0
        self._note_oddities()
        if n_filled:
            yield block[:n_filled]

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        nothing = np.zeros(0, np.float32)
        resampler: soxr.ResampleStream | None = None
        for rate_hz, channels in self._decoder.chunks():
            if not self._mixers or rate_hz != self._mixers[-1].rate_hz:
                if resampler is not None:
                    yield resampler.resample_chunk(nothing, last=True)
                self._mixers.append(Downmixer(rate_hz))
                resampler = None
                if rate_hz != self.sample_rate:
                    resampler = soxr.ResampleStream(rate_hz, self.sample_rate, 1, dtype="float32", quality="HQ")
            mono = self._mixers[-1].mix(channels)
            self._refuse_endless()
            yield mono if resampler is None else resampler.resample_chunk(mono)
        if resampler is not None:
            yield resampler.resample_chunk(nothing, last=True)

    def _refuse_endless(self) -> None:
        """Refuse sound longer than any recording of so many bytes: all streams of a file together, or one alone."""
        seconds = _LONGEST_SECONDS + self._size / _FEWEST_BYTES_PER_SECOND
        if self.duration_seconds > seconds / max(1, self.n_streams):
            share = "" if self.n_streams <= 1 else f", shared by its {self.n_streams} audio streams"
            most = f"{_LONGEST_SECONDS / 3600:.0f} h, and 1 s for every {_FEWEST_BYTES_PER_SECOND} bytes"
            raise DecodeError(
                f"{self._name}: {self._size} bytes that decode to more than {self.duration_seconds / 3600:.1f} h of "
                f"sound; at most {most}, are read{share}: no recording is like that; cut it into parts if it is one"
            )

    def _note_oddities(self) -> None:
        decoder, mixers = self._decoder, self._mixers
        self.notes += self._notes_on_length()
        self.notes += self._notes_on_gaps()
        if decoder.stopped:
            # Where the length of the sound is known, the note on its loss tells whether this cost any.
            is_known = decoder.bare or decoder.claimed_seconds is not None
            said = "nothing more could be decoded after" if is_known else "decoding stopped after"
            self.notes.append(f"damaged: {said} {self.duration_seconds:.2f} s ({decoder.stopped})")
        if decoder.bad_packets:
            n = decoder.bad_packets
            packets = (
                "1 packet could not be decoded and was" if n == 1 else f"{n} packets could not be decoded and were"
            )
            place = "" if decoder.bad_seconds is None else f", from {decoder.bad_seconds:.2f} s on"
            self.notes.append(f"damaged: {packets} left out{place}")
        self.notes += self._notes_on_loss()
        if n_invalid := sum(mixer.n_invalid for mixer in mixers):
            self.notes.append(
                f"invalid: {n_invalid} samples were no numbers, infinite or beyond 1e9, and were set to zero"
            )
        if cancelled := sum(mixer.n_cancelled / mixer.rate_hz for mixer in mixers):
            self.notes.append(f"out of phase: the channels cancel, the louder one was used alone for {cancelled:.2f} s")
        if sum(mixer.n_full_scale for mixer in mixers) > _CLIPPED_SHARE * sum(mixer.n_samples for mixer in mixers):
            self.notes.append(f"clipped: more than {_CLIPPED_SHARE:.0%} of the samples are at full scale")
        if not any(mixer.peak for mixer in mixers):
            self.notes.append("silent: every sample is zero")

    def _notes_on_length(self) -> list[str]:
        decoder, seconds = self._decoder, self.duration_seconds
        claimed = decoder.claimed_seconds
        if claimed is None or abs(claimed - seconds) <= _LENGTH_TOLERANCE_SECONDS:
            return [f"truncated: {decoder.missing_end}, {seconds:.2f} s could be read"] if decoder.missing_end else []
        word = "length"
        if claimed > seconds and not decoder.whole:
            word = "truncated"
        elif self._is_short_by_damage():
            word = "damaged"
        return [f"{word}: header says {claimed:.2f} s, {seconds:.2f} s could be read"]

    def _is_short_by_damage(self) -> bool:
        """Return whether sound is missing that the header claims, and whose bytes are there."""
        decoder = self._decoder
        return (
            decoder.whole
            and (decoder.claimed_seconds or 0.0) > self.duration_seconds
            and bool(decoder.bare or decoder.resumed or decoder.bad_packets or decoder.stopped)
        )

    def _notes_on_loss(self) -> list[str]:
        """Return the note on sound that could not be decoded, where it is more than cuts and joints leave."""
        decoder, seconds = self._decoder, self.duration_seconds
        claimed = decoder.claimed_seconds or 0.0
        missing_seconds = claimed - seconds if self._is_short_by_damage() else 0.0
        lost_seconds = max(decoder.lost_seconds, decoder.damaged.seconds + missing_seconds)
        n_channels = max(1, decoder.info.channels)
        lost_seconds += sum(mixer.n_invalid / mixer.rate_hz for mixer in self._mixers) / n_channels
        whole_seconds = max(seconds, claimed, seconds - decoder.damaged.seconds + lost_seconds)
        if lost_seconds <= min(_MOST_LOST_SECONDS, _MOST_LOST_SHARE * whole_seconds):
            return []
        share = lost_seconds / whole_seconds
        return [f"damaged: {lost_seconds:.2f} s in all could not be decoded, {share:.0%} of the sound"]

    def _notes_on_gaps(self) -> list[str]:
        decoder = self._decoder
        notes = []
        gaps = decoder.gaps
        if gaps.count and gaps.spans[0][0] == 0.0:
            notes.append(f"starts at {gaps.spans[0][1]:.2f} s: the file holds no sound before")
            gaps = gaps.without_first()
        if gaps.count:
            notes.append(f"gap: the file holds no sound for {gaps.seconds:.2f} s, at {gaps}")
        if decoder.damaged.count:
            notes.append(f"damaged: {decoder.damaged.seconds:.2f} s could not be decoded, at {decoder.damaged}")
        if decoder.jumps.count:
            start, end = decoder.jumps.spans[0]
            first = "" if decoder.jumps.count == 1 else f", the first of {decoder.jumps.count} steps"
            notes.append(
                f"clock: the times in the file step by {end - start:+.2f} s at {start:.2f} s{first}; too far for a "
                "gap, so what follows is placed right behind"
            )
        is_whole = decoder.claimed_seconds is None or decoder.claimed_seconds < self.duration_seconds + _HIDDEN_SECONDS
        if decoder.hidden_seconds > _HIDDEN_SECONDS and is_whole:
            notes.append(f"edit list: {decoder.hidden_seconds:.2f} s of the sound are not presented, and were not read")
        if decoder.unread_bytes:
            notes.append(
                f"unread: {decoder.unread_bytes} bytes at the end are beyond what the header states; if they are "
                "sound, repair the file or convert it to FLAC"
            )
        return notes
