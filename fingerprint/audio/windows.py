"""The view of a file that decoders get: a stretch of it, with wrong header fields corrected.

Both libraries read through callbacks that must not raise: an exception there prints a traceback on the
terminal. So a window never raises: a seek to nowhere is refused by a negative number, and an error of the disk ends the
file and is kept in `error`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import BinaryIO

__all__ = ["FileWindow"]

_FARTHEST = 2**63 - 1  # the largest position that libraries accept
_AHEAD_BYTES = 2**15


class FileWindow(io.RawIOBase):
    """A stretch of a file, read-only and seekable.

    Parameters
    ----------
    file : BinaryIO
        Seekable; closed by the caller. Several windows may share it as long as they are read by turns.
    start, stop : int
        First byte, and the byte after the last; by default that of the file.
    edits : mapping of int to bytes
        Replacement bytes, by their position in the window.

    Attributes
    ----------
    size : int
        Bytes of the stretch.
    error : str
        The system's error text if reading failed; else ``""``.

    Examples
    --------
    >>> window = FileWindow(io.BytesIO(b"0123456789"), 2, 8, edits={1: b"xy"})
    >>> window.read(4), window.seek(-1, 2), window.read(), window.seek(-1)
    (b'2xy5', 5, b'7', -1)
    """

    def __init__(
        self, file: BinaryIO, start: int = 0, stop: int | None = None, edits: Mapping[int, bytes] | None = None
    ) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self.size = (file.seek(0, os.SEEK_END) if stop is None else stop) - start
        self._edits = dict(edits or {})
        self._position = 0
        self._ahead, self._ahead_at = memoryview(b""), 0
        self.error = ""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the byte that is read next from now on; -1, and nothing moves, where there can be none."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        target = -1 if base is None else base + offset
        if not 0 <= target <= _FARTHEST:
            return -1
        self._position = target
        return target

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, none at the end."""
        left = max(0, self.size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        if not count:
            return b""
        try:
            self._file.seek(self._start + self._position)
            content = self._file.read(count)
        except OSError as error:
            self.error = error.strerror or type(error).__name__
            return b""
        for at, right in self._edits.items():
            start, end = max(at, self._position), min(at + len(right), self._position + len(content))
            if start < end:
                begin = start - self._position
                content = content[:begin] + right[start - at : end - at] + content[begin + end - start :]
        self._position += len(content)
        return content

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]  # all that soundfile passes
        """Fill `buffer` as far as there are bytes, and return how many there were."""
        count = len(buffer)
        start = self._position - self._ahead_at
        if count < _AHEAD_BYTES and not 0 <= start <= len(self._ahead) - count:
            self._read_ahead()
            start = 0
        if not 0 <= start <= len(self._ahead) - count:  # a large piece, the end of the file, or an error
            content = self.read(count)
            buffer[: len(content)] = content
            return len(content)
        buffer[:count] = self._ahead[start : start + count]
        self._position += count
        return count

    def _read_ahead(self) -> None:
        """Keep the bytes from here on: libsndfile asks for mp3 by the frame, in two pieces each."""
        at, error = self._position, self.error
        self._ahead, self._ahead_at = memoryview(self.read(_AHEAD_BYTES)), at
        self._position, self.error = at, error  # an error counts where its bytes are asked for
