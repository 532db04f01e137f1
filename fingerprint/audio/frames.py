"""From frames as FFmpeg decodes them to chunks of float32 samples.

PyAV (18.1) has two faults that end the process, and both are met here:

- It counts the planes of a frame up to an empty pointer, which planar audio of eight and more channels does not have.
  So no plane is ever counted: each is asked for by its number.
- A layout in an order of the file's own (channels swapped, doubled, beyond the known positions) owns memory, which PyAV
  frees twice: with the frame and with the layout. So such layouts are never freed: 60 bytes a frame.
"""

from __future__ import annotations

import ctypes
from collections import deque
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
        self._key = _key_of(frame)
        self._planar: bool = frame.format.is_planar
        name: str = frame.format.name
        dtype = _DTYPES.get(name.removesuffix("p") if self._planar else name)
        if dtype is None:
            raise Stopped(f"samples of type {name}, which cannot be read")
        self._dtype = np.dtype(dtype)
        self._length = chunk_length(self.rate_hz, self._n_channels)
        self._parts: deque[tuple[list[NDArray[Any]], int]] = deque()  # planes, none for silence, and their length
        self._n_taken = 0  # of the first part
        self._n_queued = 0

    def fits(self, frame: Any) -> bool:
        """Return True where `frame` has the format of the queue."""
        return _key_of(frame) == self._key

    def put(self, frame: Any) -> None:
        """Append the samples of a frame of the queue's format."""
        n: int = frame.samples
        if n <= 0:
            return
        count = n if self._planar else n * self._n_channels
        n_planes = self._n_channels if self._planar else 1
        # The arrays are views: they keep the frame's memory.
        planes: list[Any] = [AudioPlane(frame, i) for i in range(n_planes)]
        self._append([np.frombuffer(plane, self._dtype, count) for plane in planes], n)

    def put_silence(self, n: int) -> None:
        """Append `n` samples of silence; they take no memory here."""
        if n > 0:
            self._append([], n)

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield rate and samples of the chunks that are full."""
        while self._n_queued >= self._length:
            yield self.rate_hz, self._take(self._length)

    def rest(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield what is left, which fills no chunk."""
        if self._n_queued:
            yield self.rate_hz, self._take(self._n_queued)

    def _append(self, planes: list[NDArray[Any]], n: int) -> None:
        self._parts.append((planes, n))
        self._n_queued += n
        self.n_samples += n

    def _take(self, n: int) -> NDArray[np.float32]:
        """Return the next `n` samples ``[shape=(n_channels, n)]``, in memory as planar or interleaved as they came."""
        if self._planar:
            samples = np.empty((self._n_channels, n), np.float32)
        else:
            samples = np.empty((n, self._n_channels), np.float32).T
        middle = np.float32(128 if self._dtype.kind == "u" else 0)
        end = 0
        while end < n:
            planes, n_part = self._parts[0]
            start, end = end, min(n, end + n_part - self._n_taken)
            source = slice(self._n_taken, self._n_taken + end - start)
            if not planes:
                samples[:, start:end] = middle
            elif self._planar:
                for channel, plane in zip(samples, planes, strict=True):
                    channel[start:end] = plane[source]
            else:
                samples[:, start:end] = planes[0].reshape(-1, self._n_channels)[source].T
            self._n_taken += end - start
            if self._n_taken == n_part:
                self._parts.popleft()
                self._n_taken = 0
        self._n_queued -= n
        if self._dtype.kind != "f":
            if middle:
                samples -= middle
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


def _key_of(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate
