"""Read and write fingerprint files (.spf), used in place of the audio of one file.

They store the fingerprints that `fingerprint.extract` makes of one audio file.
`FORMAT.md` beside this module describes them byte by byte. One file serves both roles: a *recording* part, whose
landmarks an index stores, and *track* parts of ten minutes each, described at several time scales and mirrored. A
recording may have its *composition layer* beside it; the file is then of format version 2.

- `write_file` takes parts one by one, so that memory does not grow with the length of the audio, and puts the file in
  its place in one step.
- `read_contents` returns the source of a file and the list of its parts, without reading the landmarks.
- `read_recording`, `read_track` and `read_composition` return them, after every byte was compared with the checksum.

Vectors are rounded to float16, as the index rounds them; everything else is kept as it was. A file comes from outside:
its length is checked against its header before anything is read, and every number before it is used.
"""

import hashlib
import io
import itertools
import math
import os
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import CompositionParams, CompositionWindows
from fingerprint.disk import open_regular_file, refusals
from fingerprint.errors import (
    DamagedFingerprintError,
    DecodeError,
    FingerprintFileError,
    NotEnoughMusicError,
    ParameterError,
    TooShortError,
    printable,
)
from fingerprint.landmarks import MIN_LANDMARKS, MIN_SECONDS, Fingerprint, Role
from fingerprint.new_files import new_file
from fingerprint.params import Params
from fingerprint.spf_header import CompositionEntry, Contents, MalformedHeaderError, PartEntry, contents_of, header_of

__all__ = [
    "FORMAT_VERSION",
    "MAGIC",
    "SUFFIX",
    "read_composition",
    "read_contents",
    "read_recording",
    "read_track",
    "write_file",
]

SUFFIX: Final = ".spf"
FORMAT_VERSION: Final = 1
COMPOSITION_VERSION: Final = 2
"""Format version of a file with a composition layer; without it, version 1 is written as ever."""

# As in PNG: a transfer that takes the file for text changes it.
MAGIC: Final = b"\x89SPF\r\n\x1a\n"
"""First bytes of every fingerprint file."""
_START: Final = struct.Struct("<8sII")  # magic, version, length of the header
_CHECKSUM_BYTES: Final = 32
_MOST_HEADER_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 20
_UNIT_TOLERANCE: Final = 0.01
_WINDOW_TOLERANCE: Final = 0.05  # of whole numbers
_WINDOW_SECONDS: Final = 1.0


def write_file(
    path: Path, parts: Iterable[Fingerprint | CompositionWindows], *, params: Params | None = None
) -> Contents:
    """Write the fingerprints of one audio file; `path` changes in one step, and on return it is on the disk.

    Parameters
    ----------
    path : Path
        File to make; one that is there is replaced in one step.
    parts : iterable of Fingerprint or CompositionWindows
        Of the same audio: a recording, the parts of a track (`fingerprint_parts`), or both, the recording first. The
        composition layer of the recording may come anywhere.
    params : Params, optional
        Parameters that made them; by default those of this version.

    Returns
    -------
    Contents

    Raises
    ------
    ParameterError
        If there are no parts, or other parameters made them; or if there is a composition layer without a recording.
    DecodeError
        If the audio changed between the parts.
    OutputError
        If there is a link or a folder in its place.
    OSError
        If the folder cannot be written to; `path` is as it was.
    """
    params = params or Params()
    with tempfile.TemporaryFile(dir=path.parent) as body:
        described: list[PartEntry] = []
        windows: CompositionWindows | None = None
        last: Fingerprint | None = None
        for part in parts:
            if isinstance(part, CompositionWindows):
                windows = part
                continue
            _refuse_strangers(part, last, params)
            role: Role = "track" if len(part.mirrored) else "recording"
            described.append(PartEntry(role, part.scales, part.start_seconds, part.duration_seconds, part.times.size))
            for array in _arrays(part):
                body.write(array.tobytes())
            last = part
        if last is None:
            raise ParameterError("parts is empty; give a recording, the parts of a track, or both")
        layer = None if windows is None else _composition_entry(windows, described)
        contents = Contents(
            name=last.name,
            sha256=last.sha256,
            decoder=last.decoder,
            duration_seconds=last.start_seconds + last.duration_seconds,
            notes=last.notes,
            algorithm=params.algorithm,
            params_digest=params.digest,
            dimension=params.dimension,
            parts=tuple(described),
            composition=layer,
        )
        for array in () if windows is None else _composition_arrays(windows):
            body.write(array.tobytes())
        header = header_of(contents, params, CompositionParams())
        if len(header) > _MOST_HEADER_BYTES:
            raise ParameterError(
                f"the header has {len(header)} bytes, at most {_MOST_HEADER_BYTES} are possible; split the audio"
            )
        body.seek(0)
        digest = hashlib.sha256()
        with new_file(path) as descriptor, open(descriptor, "wb", closefd=False) as file:
            version = FORMAT_VERSION if layer is None else COMPOSITION_VERSION
            start = _START.pack(MAGIC, version, len(header)) + header
            for chunk in itertools.chain([start], iter(lambda: body.read(_READ_BYTES), b"")):
                digest.update(chunk)
                file.write(chunk)
            file.write(digest.digest())
    return contents


def read_contents(path: str | os.PathLike[str], *, whole: bool = False) -> Contents:
    """Return the source and the contents of a fingerprint file, from its header.

    Parameters
    ----------
    path : str or path-like
        The file.
    whole : bool
        Whether to compare all of it with its checksum; else header and length are checked only.

    Raises
    ------
    DecodeError
        If it is not a regular file that can be read.
    FingerprintFileError
        If it is no fingerprint file, or one of another version, cut short or damaged.
    """
    with _opened(path) as (file, name):
        contents, _ = _read_header(file, name)
        if whole:
            _check_sum(file, name)
        return contents


def read_recording(path: str | os.PathLike[str], *, params: Params | None = None) -> Fingerprint:
    """Return the landmarks with which its audio enters an index: as `fingerprint_file`, vectors rounded to float16.

    Parameters
    ----------
    path : str or path-like
        The file.
    params : Params, optional
        Parameters that must have made it; by default those of this version.

    Raises
    ------
    DecodeError, FingerprintFileError
        As `read_contents`; also if it was made with other parameters, lacks a recording part, or has bad numbers.
    TooShortError, NotEnoughMusicError
        As `fingerprint_file`.
    """
    with _opened(path) as (file, name):
        contents, start = _checked(file, name, params or Params(), "recording")
        _check_amount(contents, name, "recording")
        return _read_part(file, name, contents, contents.parts[0], start, contents.parts[0].scales, params or Params())


def read_composition(path: str | os.PathLike[str], *, params: CompositionParams | None = None) -> CompositionWindows:
    """Return the composition layer of the recording, as `fingerprint.composition.describe` makes it of the audio.

    Parameters
    ----------
    path : str or path-like
        The file.
    params : CompositionParams, optional
        Parameters that must have made it; by default those of this version.

    Raises
    ------
    DecodeError, FingerprintFileError
        As `read_contents`; also if it lacks the layer, has one made with other parameters, or has bad numbers.
    """
    params = params or CompositionParams()
    with _opened(path) as (file, name):
        contents, _ = _read_header(file, name)
        layer = contents.composition
        if layer is None:
            raise FingerprintFileError(
                f"{name}: has no composition layer; make it again from the audio, with both layers"
            )
        if layer.params_digest != params.digest:
            raise FingerprintFileError(
                f"{name}: its composition layer was made with other parameters ({printable(layer.algorithm)}, "
                f"{layer.params_digest}) than this program has ({params.algorithm}, {params.digest}); make it again "
                "from the audio"
            )
        _check_sum(file, name)
        file.seek(os.fstat(file.fileno()).st_size - _CHECKSUM_BYTES - layer.n_bytes)
        n = layer.n_windows
        time = _read_array(file, "<f4", (n,)).astype(np.float32)
        vectors = _read_array(file, "|i1", (n, layer.dimension)).astype(np.int8)
        mean, sd = _read_array(file, "<f2", (2, n)).astype(np.float16)
        windows = CompositionWindows(time, vectors, mean, sd, contents.duration_seconds, 1.0, params.digest)
        if wrong := _wrong_windows(windows, params):
            raise DamagedFingerprintError(
                f"{name}: its composition layer holds {wrong}, so a faulty program made it; make it again with "
                "`sourceprint fingerprint`"
            )
        return windows


def read_track(
    path: str | os.PathLike[str], *, scales: tuple[float, ...], params: Params | None = None
) -> Iterator[Fingerprint]:
    """Yield the parts of a track, as `fingerprint_parts` does; vectors were rounded to float16.

    Parameters
    ----------
    path : str or path-like
        The file.
    scales : tuple of float
        Time scales that are wanted; it may hold others too.
    params : Params, optional
        Parameters that must have made it; by default those of this version.

    Raises
    ------
    DecodeError, FingerprintFileError, TooShortError, NotEnoughMusicError
        As `read_recording`; also if it lacks a time scale.
    """
    params = params or Params()
    with _opened(path) as (file, name):
        contents, position = _checked(file, name, params, "track")
        if missing := [scale for scale in scales if scale not in contents.track_scales]:
            raise FingerprintFileError(
                f"{name}: holds the time scales {_listed(contents.track_scales)}, this search wants "
                f"{_listed(missing)} too; make it again with `sourceprint fingerprint --thorough`, or search without "
                "them"
            )
        _check_amount(contents, name, "track")
        for part in contents.parts:
            if part.role == "track":
                yield _read_part(file, name, contents, part, position, scales, params)
            position += part.n_bytes(contents.dimension)


def _composition_entry(windows: CompositionWindows, parts: Iterable[PartEntry]) -> CompositionEntry:
    params = CompositionParams()
    if windows.params_digest != params.digest or windows.scale != 1.0:
        raise ParameterError(
            f"composition: made with parameters {windows.params_digest} at time scale {windows.scale:g}, not "
            f"{params.digest} at 1; describe the audio again"
        )
    if all(part.role != "recording" for part in parts):
        raise ParameterError("composition: given without a recording part; give that too")
    return CompositionEntry.of(windows, params)


def _composition_arrays(windows: CompositionWindows) -> Iterator[NDArray[Any]]:
    """Yield the arrays of a composition layer in the order and types of the file."""
    yield np.ascontiguousarray(windows.time, dtype="<f4")
    yield np.ascontiguousarray(windows.vectors, dtype="|i1")
    yield np.ascontiguousarray(windows.background_mean, dtype="<f2")
    yield np.ascontiguousarray(windows.background_sd, dtype="<f2")


def _refuse_strangers(part: Fingerprint, before: Fingerprint | None, params: Params) -> None:
    if part.params_digest != params.digest:
        raise ParameterError(
            f"parts: made with parameters {part.params_digest}, not {params.digest}; pass the parameters they have"
        )
    if before is not None and part.sha256 != before.sha256:
        raise DecodeError(f"{printable(part.name)}: changed while it was being read; try again")


def _arrays(part: Fingerprint) -> Iterator[NDArray[Any]]:
    """Yield the arrays of a part in the order and types of the file."""
    yield np.ascontiguousarray(part.times, dtype="<f8")
    yield np.ascontiguousarray(part.bins, dtype="<f4")
    yield np.ascontiguousarray(part.prominence, dtype="<f4")
    yield np.ascontiguousarray(part.vectors, dtype="<f2")
    yield np.ascontiguousarray(part.mirrored, dtype="<f2")


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[io.BufferedReader, str]]:
    """Open a file; turn later errors of the system into errors about this file, too."""
    name = printable(path)
    refused = refusals(name, FingerprintFileError, "reading failed", remedy="check the disk it is on")
    with open_regular_file(path, name) as file, refused:
        yield file, name


def _read_header(file: io.BufferedReader, name: str) -> tuple[Contents, int]:
    """Return the header, and the start of the first part, once the length of the file agrees."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(_START.size)
    if not start.startswith(MAGIC[: len(start)]):
        raise FingerprintFileError(
            f"{name}: not a fingerprint file, despite its name; make one with `sourceprint fingerprint`"
        )
    if len(start) < _START.size:
        raise _truncated(name, size, "more")
    _, version, header_bytes = _START.unpack(start)
    if version not in (FORMAT_VERSION, COMPOSITION_VERSION):
        raise FingerprintFileError(
            f"{name}: fingerprint file of format version {version}, this program reads versions {FORMAT_VERSION} and "
            f"{COMPOSITION_VERSION}; use the version of Sourceprint that made it, or make it again from the audio"
        )
    if header_bytes > _MOST_HEADER_BYTES:
        raise DamagedFingerprintError(
            f"{name}: damaged: it claims a header of {header_bytes} bytes, at most {_MOST_HEADER_BYTES} are possible; "
            "copy it again, or make it again from the audio"
        )
    header = file.read(header_bytes)
    if len(header) < header_bytes:
        raise _truncated(name, size, "more")
    try:
        contents = contents_of(header, has_composition=version == COMPOSITION_VERSION)
    except MalformedHeaderError as error:
        _check_sum(file, name)
        raise DamagedFingerprintError(
            f"{name}: its header {error}, so a faulty program made it; make it again with `sourceprint fingerprint`"
        ) from error
    expected = _START.size + header_bytes + contents.n_bytes + _CHECKSUM_BYTES
    if size < expected:
        raise _truncated(name, size, str(expected))
    if size > expected:
        raise DamagedFingerprintError(
            f"{name}: damaged: {size} bytes long, its header says {expected}; copy it again, or make it again from "
            "the audio"
        )
    return contents, _START.size + header_bytes


def _checked(file: io.BufferedReader, name: str, params: Params, role: Role) -> tuple[Contents, int]:
    """Return the header and the start of the first part, after checking the whole file and its fitness for a role."""
    contents, start = _read_header(file, name)
    if contents.params_digest != params.digest:
        raise FingerprintFileError(
            f"{name}: made with other parameters ({printable(contents.algorithm)}, {contents.params_digest}) than this "
            f"program has ({params.algorithm}, {params.digest}); make it again from the audio"
        )
    if role not in contents.roles:
        other, use = ("track", "added to an index") if role == "recording" else ("recording", "matched")
        raise FingerprintFileError(
            f"{name}: made for the role {other} only, so it cannot be {use}; make it again with "
            "`sourceprint fingerprint --role both`"
        )
    _check_sum(file, name)
    return contents, start


def _check_sum(file: io.BufferedReader, name: str) -> None:
    """Read the whole file and compare it with the checksum at its end."""
    left = os.fstat(file.fileno()).st_size - _CHECKSUM_BYTES
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (block := file.read(min(left, _READ_BYTES))):
        digest.update(block)
        left -= len(block)
    if left or file.read(_CHECKSUM_BYTES) != digest.digest():
        raise DamagedFingerprintError(
            f"{name}: altered or damaged: its content does not have the checksum at its end; copy it again, or make it "
            "again from the audio"
        )


def _check_amount(contents: Contents, name: str, role: Role) -> None:
    n_landmarks = sum(part.n_landmarks for part in contents.parts if part.role == role)
    if contents.duration_seconds < MIN_SECONDS:
        raise TooShortError(
            f"{name} stands for {contents.duration_seconds:.2f} s of audio; at least {MIN_SECONDS} s are needed"
        )
    if n_landmarks < MIN_LANDMARKS:
        raise NotEnoughMusicError(f"{name} holds {n_landmarks} landmarks; at least {MIN_LANDMARKS} are needed")


def _read_part(
    file: io.BufferedReader,
    name: str,
    contents: Contents,
    part: PartEntry,
    position: int,
    scales: tuple[float, ...],
    params: Params,
) -> Fingerprint:
    """Return the part that starts at `position`, at some of its time scales."""
    n = part.n_landmarks
    file.seek(position)
    times = _read_array(file, "<f8", (n,)).astype(np.float64)
    bins, prominence = _read_array(file, "<f4", (2, n)).astype(np.float32)
    chosen = [part.scales.index(scale) for scale in scales]
    shape = (len(part.scales), n, contents.dimension)
    vectors = _read_array(file, "<f2", shape)[chosen].astype(np.float32)
    mirrored = np.empty((0, 0, contents.dimension), dtype=np.float32)
    if part.role == "track":
        mirrored = _read_array(file, "<f2", shape)[chosen].astype(np.float32)
    if wrong := (
        _wrong_positions(times, bins, prominence, part, params)
        or _wrong_vectors(vectors.reshape(-1, contents.dimension), part)
        or _wrong_vectors(mirrored.reshape(-1, contents.dimension), part)
    ):
        raise DamagedFingerprintError(
            f"{name}: the {part.role} part at {part.start_seconds:.1f} s holds {wrong}, so a faulty program made it; "
            "make it again with `sourceprint fingerprint`"
        )
    return Fingerprint(
        times=times,
        bins=bins,
        prominence=prominence,
        scales=scales,
        vectors=vectors,
        mirrored=mirrored,
        start_seconds=part.start_seconds,
        duration_seconds=part.duration_seconds,
        params_digest=contents.params_digest,
        name=contents.name,
        sha256=contents.sha256,
        decoder=contents.decoder,
        notes=contents.notes,
    )


def _read_array(file: io.BufferedReader, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    data = file.read(n_bytes)
    if len(data) < n_bytes:
        raise OSError(None, f"it ended {n_bytes - len(data)} bytes early; another program may be writing it")
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def _wrong_positions(
    times: NDArray[np.float64],
    bins: NDArray[np.float32],
    prominence: NDArray[np.float32],
    part: PartEntry,
    params: Params,
) -> str:
    """Return the fault of a part's landmark positions, or ""."""
    if not (np.isfinite(times).all() and np.isfinite(bins).all() and np.isfinite(prominence).all()):
        return "landmarks whose time, frequency or prominence is no number"
    if not times.size:
        return ""
    if np.any(np.diff(times) < 0):
        return "landmarks that are not in order of time"
    frame = 1.0 / params.frames_per_second  # a peak at the edge of a part may be refined across it
    first = max(0.0, part.start_seconds - frame)
    last = part.start_seconds + part.duration_seconds + frame
    if not (first <= times[0] and times[-1] <= last):
        return f"landmarks from {times[0]:.3f} to {times[-1]:.3f} s, which is outside the part"
    if not (bins.min() >= 0 and bins.max() < params.n_bins):
        return f"landmarks from cell {bins.min():.1f} to {bins.max():.1f} of {params.n_bins}"
    if prominence.min() <= 0:
        return "landmarks that do not stand above their surroundings"
    order = np.lexsort((bins, times))
    if np.any((np.diff(times[order]) == 0) & (np.diff(bins[order]) == 0)):
        return "landmarks that stand twice"
    # Rations of half a second: any second touches four of them.
    most = round(2 * (params.query_density if part.role == "track" else params.reference_density))
    if np.any(times[most:] - times[:-most] < _WINDOW_SECONDS):
        return f"more than {most} landmarks in a second"
    return ""


def _wrong_windows(windows: CompositionWindows, params: CompositionParams) -> str:
    """Return the fault of a composition layer, or ""."""
    n = len(windows.time)
    if not np.array_equal(windows.time, (np.arange(n) * params.step_seconds).astype(np.float32)):
        return f"windows that do not follow each other every {params.step_seconds:.3f} s"
    if n and (n - 1) * params.step_seconds + params.window_seconds > windows.duration_seconds + _WINDOW_SECONDS:
        return f"{n} windows, in {windows.duration_seconds:.1f} s of audio"
    if not (np.isfinite(windows.background_mean).all() and np.isfinite(windows.background_sd).all()):
        return "windows whose likeness to the background is no number"
    if n and not (windows.background_sd.min() >= 0):
        return "windows whose likeness to the background has a spread below 0"
    length = np.sqrt(np.einsum("ij,ij->i", windows.vectors, windows.vectors, dtype=np.float32))
    share = length / params.vector_step
    # Numbers that int8 cannot hold are cut, and shorten their vector.
    is_short = (
        (share < 1.0 - _WINDOW_TOLERANCE) & (length > 0) & (np.abs(windows.vectors.astype(np.int16)) < 127).all(1)
    )
    wrong = is_short | (share > 1.0 + _WINDOW_TOLERANCE)
    return f"a vector of length {length[np.argmax(wrong)]:.0f}, must be {params.vector_step:.0f}" if wrong.any() else ""


def _wrong_vectors(vectors: NDArray[np.float32], part: PartEntry) -> str:
    """Return the fault of a part's vectors, or "": in a track, a vector of flat surroundings may be zero."""
    if not np.isfinite(vectors).all():
        return "vectors with NaN or infinity in them"
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = np.abs(length - 1.0) > _UNIT_TOLERANCE
    if part.role == "track":
        wrong &= length > 0
    return f"a vector of length {length[np.argmax(wrong)]:.3f}, which must be 1" if wrong.any() else ""


def _truncated(name: str, size: int, expected: str) -> DamagedFingerprintError:
    return DamagedFingerprintError(
        f"{name}: truncated: {size} bytes are there, {expected} are needed; copy it again, or make it again from the "
        "audio"
    )


def _listed(scales: Iterable[float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)
