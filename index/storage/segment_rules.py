"""Columns of a layer, and limits of a segment's files: `.npy` headers, order, ranges, finite values.

A checksum proves that a file is unaltered, not that it is right, so kernels get no value that was not checked here. The
few numbers that locate the rest are checked when a segment is opened; the rows of a recording when they are first used,
together with their checksum. The rules are those of `docs/formats/index.md`, Reading. Those of lines are in
`index.storage.recordings`, of lists in `index.vectors.lists`, of a tree in `index.vectors.tree`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import IndexDamagedError
from index.storage.tags import MOST_MS

__all__ = [
    "PAST_END_MS",
    "LayerColumn",
    "ascends",
    "columns_fault",
    "damaged",
    "exclusions_fault",
    "map_array",
    "rows_fault",
    "standard_columns",
]

PAST_END_MS = 1000
"""How far past the end of its recording a landmark may lie: lengths are those that a decoder stated."""

_UNIT_TOLERANCE = 0.02  # of the length of a vector: the writer allows half of it, and rounds to half precision
_WHOLE_TOLERANCE = 0.05  # the same where numbers are rounded to 1/127
_DTYPES = {"|u1", "|i1", "<u2", "<i2", "<f2", "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"}
_COLUMN_NAME = re.compile(r"(?!list_)[a-z][a-z0-9_]{0,39}")
_MOST_COLUMNS = 16
_WIDEST = 4096
_START = re.compile(rb"\x93NUMPY\x01\x00(..)", re.DOTALL)
_HEADER = re.compile(
    rb"\{'descr': '([<|][fiu][1248])', 'fortran_order': False, 'shape': \(([0-9]{1,18}),(?: ([0-9]{1,18}))?\), \} *\n"
)


@dataclass(frozen=True, slots=True)
class LayerColumn:
    """Numbers that a layer keeps for every landmark: their name, numpy type, and shape for one landmark."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()


def standard_columns(dimension: int) -> tuple[LayerColumn, ...]:
    """Return the columns of landmarks with frequencies and descriptors, in the order of their checksums."""
    return (
        LayerColumn("times", "<u4"),
        LayerColumn("bins", "<u2"),
        LayerColumn("codes", "|u1", (dimension // 8,)),
        LayerColumn("vectors", "<f2", (dimension,)),
    )


def columns_fault(columns: Sequence[LayerColumn], dimension: int) -> str:
    """Return the fault of the columns of a layer; or "".

    Times there must be, and codes and vectors, or neither of them: such a layer is kept, and has no neighbours to
    search for. Bins there may be; others are kept and mean nothing to the index.
    """
    known = {column.name: {column} for column in standard_columns(dimension)}
    known["vectors"].add(LayerColumn("vectors", "|i1", (dimension,)))
    names = [column.name for column in columns]
    optional = {"bins"} if {"codes", "vectors"} & set(names) else {"bins", "codes", "vectors"}
    if missing := sorted(known.keys() - optional - set(names)):
        return f"lacks the column {missing[0]!r}"
    if len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
        return f"has a column twice, or more than {_MOST_COLUMNS}"
    for column in columns:
        is_free = column.name not in known and column.name not in ("bounds", "checks")
        fits = len(column.shape) <= 1 and all(1 <= n <= _WIDEST for n in column.shape)
        is_sound = is_free and _COLUMN_NAME.fullmatch(column.name) and column.dtype in _DTYPES and fits
        if not is_sound and column not in known.get(column.name, ()):
            return f"has the column {column.name!r:.60} of {column.dtype!r:.20} {column.shape!r:.40}"
    return ""


def map_array(path: Path, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Memory-map a `.npy` file that must have this type and shape (None: any length), and not a byte more.

    Raises
    ------
    IndexDamagedError
        If it differs.
    FileNotFoundError
        If it does not exist.
    """
    try:
        with path.open("rb") as file:
            start = _START.fullmatch(file.read(10))
            length = 0 if start is None else int.from_bytes(start[1], "little")
            header = _HEADER.fullmatch(file.read(length))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})") from error
    if header is None:
        raise damaged(path, "has no readable header")
    stored, found = header[1].decode(), tuple(int(number) for number in header.groups()[1:] if number is not None)
    wanted = np.dtype(dtype).newbyteorder("<")
    fits = len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape, strict=True))
    if stored != wanted.str or not fits:
        raise damaged(path, f"holds {stored} {found}, expected {np.dtype(dtype)} {shape}")
    expected = 10 + length + int(np.prod(found, dtype=object)) * wanted.itemsize
    if (size := path.stat().st_size) != expected:
        raise damaged(path, f"has {size} bytes, {expected} by its header")
    plain: NDArray[Any] = np.memmap(path, wanted, "r", 10 + length, found).view(np.ndarray)
    return plain


def ascends(bounds: NDArray[np.int64], end: int) -> bool:
    """Return whether bounds go from 0 to `end` without a step back; compared, as differences may wrap."""
    return bool(bounds[0] == 0 and bounds[-1] == end and np.all(bounds[1:] >= bounds[:-1]))


def exclusions_fault(exclusions: NDArray[np.int64], n_recordings: int) -> str:
    """Return the fault of the excluded ranges of a segment [shape=(m, 3)]: position, start and end; or ""."""
    positions, starts, ends = exclusions.T
    if not exclusions.size:
        return ""
    if positions.min() < 0 or positions.max() >= n_recordings:
        return f"is about positions from {positions.min()} to {positions.max()}, of {n_recordings} recordings"
    if starts.min() < 0 or np.any(ends <= starts) or ends.max() > MOST_MS:
        return f"has ranges that are none: each starts at 0 ms or later, and ends after that, by {MOST_MS} ms"
    same = positions[1:] == positions[:-1]
    if np.any(positions[1:] < positions[:-1]) or np.any(starts[1:][same] <= ends[:-1][same]):
        return "has ranges out of order, or that touch"
    return ""


def rows_fault(times: NDArray[np.uint32], vectors: NDArray[Any] | None, duration_ms: int) -> str:
    """Return the fault of one recording's landmarks; or "".

    Parameters
    ----------
    times : ndarray [shape=(n,), dtype=uint32]
        In 1/4096 s.
    vectors : ndarray [shape=(n, d), dtype=float16 or int8] or None
        In an exact layer.
    duration_ms : int
        Length of the recording; 0 if it is not known.
    """
    if (times[1:] < times[:-1]).any():
        return "are not in the order of time"
    if duration_ms and times.size and int(times[-1]) * 1000 > (duration_ms + PAST_END_MS) * 4096:
        return f"lie up to {times[-1] / 4096:.1f} s, in a recording of {duration_ms / 1000:.1f} s"
    if vectors is not None and vectors.size:
        with np.errstate(over="ignore", invalid="ignore"):
            length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float32))
        one, tolerance = (127, 127 * _WHOLE_TOLERANCE) if vectors.dtype == np.int8 else (1, _UNIT_TOLERANCE)
        if not np.all(np.abs(length - one) <= tolerance):  # nor is NaN
            return "have descriptors that are not of length 1"
    return ""


def damaged(path: Path, what: str) -> IndexDamagedError:
    """Return the error for a damaged file."""
    return IndexDamagedError(
        f"{path}: {what}; restore it from a copy, or run `sourceprint verify` to see which recordings to add again, "
        "and `sourceprint verify --repair` to keep all others",
        path=path,
        fault=what,
    )
