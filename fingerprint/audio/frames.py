"""From frames as FFmpeg decodes them to chunks of float32 samples.

PyAV (18.1) has two faults that end the process, and both are met here:

- It counts the planes of a frame up to an empty pointer, which planar audio of eight and more channels does not have.
  So no plane is ever counted: each is asked for by its number.
- A layout in an order of the file's own (channels swapped, doubled, beyond the known positions) owns memory, which PyAV
  frees twice: with the frame and with the layout. So such layouts are never freed: 60 bytes a frame.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from fingerprint.audio.sources import Stopped, check_format, chunk_length

__all__ = ["FrameQueue", "channels_of", "keep_layout"]

# FFmpeg's sample types; a "p" behind the name says planar.
_DTYPES: Final = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

_CUSTOM_ORDER: Final = 2  # AV_CHANNEL_ORDER_CUSTOM, the only order that owns memory
_LAYOUT_BYTES: Final = object.__basicsize__ + 24  # a PyAV layout is AVChannelLayout behind Python's head, no more


class FrameQueue:
    """Samples of consecutive frames of one format, handed on in chunks of a fixed length.

    Parameters
    ----------
    frame : av.AudioFrame
        The first frame: it gives the format and is not queued.

    Attributes
    ----------
    rate_hz : int
        Rate, in Hz.
    n_samples : int
        Samples put in so far.

    Raises
    ------
    Stopped
        If rate or number of channels is beyond the limits, or the sample type is unknown.
    """

    def __init__(self, frame: Any) -> None:
        self.rate_hz: int = frame.sample_rate
        self.n_samples = 0
        self._n_channels = channels_of(frame)
        check_format(self.rate_hz, self._n_channels)
        self._planar: bool = frame.format.is_planar
        self._type: str = frame.format.name
        name = self._type
        dtype = _DTYPES.get(name.removesuffix("p") if self._planar else name)
        if dtype is None:
            raise Stopped(f"samples of type {name}, which cannot be read")
        self._dtype = np.dtype(dtype)
        self._middle = np.float32(128 if self._dtype.kind == "u" else 0)
        self._length = chunk_length(self.rate_hz, self._n_channels)
        if self._planar:
            self._buffer = np.empty((self._n_channels, self._length), np.float32)
            self._rows = list(self._buffer)
        else:
            interleaved = np.empty((self._length, self._n_channels), np.float32)
            self._buffer = interleaved.T
            self._rows = [interleaved.reshape(-1)]
        self._n_filled = 0
        self._left: list[NDArray[Any]] = []  # rows of samples that did not fit; none for silence
        self._n_left = 0

    def fits(self, frame: Any) -> bool:
        """Return True where `frame` has the format of the queue."""
        return (
            bool(frame.sample_rate == self.rate_hz)
            and bool(frame.format.name == self._type)
            and bool(frame.layout.nb_channels == self._n_channels)
        )

    @property
    def is_full(self) -> bool:
        """True where there is a chunk to be had."""
        return self._n_filled == self._length

    def put(self, frame: Any) -> None:
        """Append the samples of a frame of the queue's format; nothing may be full."""
        n: int = frame.samples
        if n <= 0:
            return
        # Row by row: half the time of one assignment to all. Interleaved samples are one row of all channels.
        width = 1 if self._planar else self._n_channels
        start = self._n_filled * width
        n_here = min(n, self._length - self._n_filled)
        self._left = []
        for number, row in enumerate(self._rows):
            plane: Any = AudioPlane(frame, number)
            values = np.frombuffer(plane, self._dtype, n * width)
            if n_here == n:
                row[start : start + n * width] = values
            else:
                row[start:] = values[: n_here * width]
                self._left.append(values[n_here * width :])
        self._n_left = n - n_here
        self._n_filled += n_here
        self.n_samples += n

    def put_silence(self, n: int) -> None:
        """Append `n` samples of silence, which take no memory; nothing may be full."""
        self._left = []
        self._n_left = n
        self.n_samples += n
        self._fill()

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate and samples of the chunks that are full; each is overwritten by the next."""
        while self.is_full:
            yield self.rate_hz, self._scaled(self._buffer)
            self._n_filled = 0
            self._fill()

    def rest(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the remaining samples, too few for a chunk."""
        if self._n_filled:
            yield self.rate_hz, self._scaled(self._buffer[:, : self._n_filled])
            self._n_filled = 0

    def _fill(self) -> None:
        """Move remaining samples into the buffer, up to its length."""
        width = 1 if self._planar else self._n_channels
        n_here = min(self._n_left, self._length - self._n_filled)
        start, end = self._n_filled * width, (self._n_filled + n_here) * width
        for number, row in enumerate(self._rows):
            row[start:end] = self._left[number][: n_here * width] if self._left else self._middle
        self._left = [values[n_here * width :] for values in self._left]
        self._n_left -= n_here
        self._n_filled += n_here

    def _scaled(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._dtype.kind != "f":
            if self._middle:
                samples -= self._middle
            samples *= np.float32(0.5 ** (8 * self._dtype.itemsize - 1))
        return samples


def channels_of(frame_or_context: Any) -> int:
    """Return the number of channels of a decoded frame or of a codec context."""
    layout = frame_or_context.layout
    keep_layout(layout)
    n_channels: int = layout.nb_channels
    return n_channels


def keep_layout(layout: Any) -> None:
    """Keep PyAV from freeing a layout whose memory belongs to a frame or codec context; to be called at first sight."""
    if type(layout).__basicsize__ == _LAYOUT_BYTES:
        order = ctypes.c_int.from_address(id(layout) + object.__basicsize__).value
        if order != _CUSTOM_ORDER:
            return
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
