"""Traces on disk: one file that ends in .spt for each track in which something was found.

docs/formats/trace.md describes the file, and every rule that one from outside must keep: sizes are compared with limits
before anything is read, and every number before it is used. The same trace gives the same bytes. Traces of schema 1 are
read for ever, and computed again by the rules of their time.
"""

import io
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import canonical_json, strict_json
from fingerprint.disk import read_small, refusals
from fingerprint.errors import (
    EvidenceError,
    IndexDamagedError,
    ParameterError,
    printable,
)
from index.recheck.trace import Trace, TracedAlternative, TracedPart, TracedPassage, TracedPiece
from index.search.significance import Circumstances
from index.storage.durable import publish
from index.storage.recordings import recording_from_json, recording_to_json

__all__ = ["SCHEMA", "read_trace", "trace_from_bytes", "trace_to_bytes", "write_trace"]

SCHEMA = "sourceprint/trace/2"
_SCHEMAS = {"sourceprint/trace/1": 1, SCHEMA: 2}

_ARRAYS: dict[str, tuple[str, int]] = {
    "seconds": ("<f8", 1),
    "bins": ("<f4", 1),
    "vectors": ("<f4", 2),
    "free": ("|u1", 1),
    "reference_times": ("<u4", 1),
    "reference_bins": ("<u2", 1),
    "reference_codes": ("|u1", 2),
}
_NPY_START = 10  # bytes before the header: magic, version 1.0, length of the header
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)\{'descr': '(?P<kind>[<|][a-z][0-9])', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9]{1,12},(?: [0-9]{1,12})?)\), \} *\n",
    re.DOTALL,
)
_MOST_ALTERNATIVES = 32 * 16  # of a passage: recordings, and places in each
_LARGEST_BYTES = 1 << 30  # of a whole file; an hour of audio that is all reused takes 60 MB
_LARGEST_HEADER_BYTES = 1 << 24  # of trace.json: an hour takes a hundredth, and parsed it takes twenty times as much
_LONGEST_SECONDS = float(1 << 20)
_WIDEST_RATIO = 16.0
_MOST_SCALES = 64
_TIME_TOLERANCE_SECONDS = 0.1  # a peak at the edge of a part may be refined across it
_MOST_CELLS = 1024.0  # of the axis of frequency
_UNIT_TOLERANCE = 0.01


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace in one step; two processes may write that of the same audio at once.

    Raises
    ------
    StorageFullError
        If the disk is full.
    EvidenceError
        If the system refuses otherwise.
    """
    data = trace_to_bytes(trace)
    what, safe = "this trace cannot be written", "the results before are safe"
    remedy = "see to the disk and the permissions of the folder, then try again, or give another folder"
    with refusals(path, EvidenceError, what, safe=safe, remedy=remedy):
        publish(path, data)


def read_trace(path: Path) -> Trace:
    """Read a trace.

    Raises
    ------
    EvidenceError
        If the file cannot be read, or is no trace; the message gives the remedy.
    """
    again = "scan the file again"
    data = read_small(
        path, EvidenceError, most=_LARGEST_BYTES, too_large=f"larger than any trace; {again}", remedy=again
    )
    return trace_from_bytes(data, name=printable(path))


def trace_to_bytes(trace: Trace) -> bytes:
    """Return the file of a trace; the same trace gives the same bytes."""
    passages = [passage for part in trace.parts for passage in part.passages]
    recordings = [one for passage in passages for one in passage.laid]
    dimension = passages[0].vectors.shape[2] if passages else 8
    arrays: dict[str, list[NDArray[Any]]] = {
        "seconds": [passage.seconds for passage in passages],
        "bins": [passage.bins for passage in passages],
        "vectors": [passage.vectors.reshape(-1, dimension) for passage in passages],
        "free": [piece.free.astype(np.uint8) for one in recordings for piece in one.pieces],
        "reference_times": [one.recording_times for one in recordings],
        "reference_bins": [one.recording_bins for one in recordings],
        "reference_codes": [one.recording_codes for one in recordings],
    }
    shapes = {"vectors": (0, dimension), "reference_codes": (0, dimension // 8)}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("trace.json"), canonical_json(_header(trace)))
        for name, (dtype, _) in _ARRAYS.items():
            empty = np.empty(shapes.get(name, (0,)), dtype=dtype)
            content = io.BytesIO()
            np.lib.format.write_array(
                content, np.concatenate([empty, *arrays[name]]).astype(dtype), version=(1, 0), allow_pickle=False
            )
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return sink.getvalue()


def trace_from_bytes(data: bytes, *, name: str) -> Trace:
    """Return the trace in a file's bytes; errors as `read_trace`, naming `name`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            expected = ["trace.json", *(f"{array}.npy" for array in _ARRAYS)]
            if [member.filename for member in members] != expected:
                raise ValueError("it has other members")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("it is compressed")
            if sum(member.file_size for member in members) > len(data):
                raise ValueError("it says to be longer than it is")
            if members[0].file_size > _LARGEST_HEADER_BYTES:
                raise ValueError("its description is larger than any")
            header = strict_json(archive.read("trace.json"))
            arrays = {array: _array(archive.read(f"{array}.npy"), array) for array in _ARRAYS}
        return _trace(header, arrays)
    except (
        *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError),
        *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ParameterError, IndexDamagedError),
    ) as error:
        raise EvidenceError(
            f"{name}: no sound trace of this version ({error}); scan the file again, or ask for it anew"
        ) from error


def _array(content: bytes, name: str) -> NDArray[Any]:
    """Return the array in a member: a header of exactly the one form that is written, and as many bytes as it says.

    NumPy's own reader takes headers that are Python, of any size and nesting.
    """
    expected, dimensions = _ARRAYS[name]
    dtype = np.dtype(expected)
    header = _NPY_HEADER.match(content)
    if header is None or header["kind"].decode() != expected:
        raise ValueError(f"{name} has no header that can be read, or one of another kind than {expected}")
    shape = tuple(int(size) for size in header["shape"].replace(b",", b" ").split())
    start = header.end()
    if len(shape) != dimensions or start != _NPY_START + int.from_bytes(header["length"], "little"):
        raise ValueError(f"{name} has {len(shape)} axes, or a header of another length than it says")
    if math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"{name} does not have the length that it says")
    array = np.frombuffer(content, dtype, offset=start).reshape(shape).copy()
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are no numbers")
    return array


def _header(trace: Trace) -> dict[str, Any]:
    return {
        "schema": next(schema for schema, version in _SCHEMAS.items() if version == trace.version),
        "sha256": trace.sha256,
        "index_digest": trace.index_digest,
        "params_digest": trace.params_digest,
        "settings_digest": trace.settings_digest,
        "fmin_hz": trace.fmin_hz,
        "scales": list(trace.scales),
        "parts": [
            {
                **({"stream": part.stream} if part.stream else {}),
                "circumstances": {**asdict(part.circumstances), "decoy_scores": list(part.circumstances.decoy_scores)},
                "n_landmarks": part.n_landmarks,
                "n_hypotheses": part.n_hypotheses,
                "finds": [_passage_header(passage, trace.version) for passage in part.passages],
            }
            for part in trace.parts
        ],
    }


def _passage_header(passage: TracedPassage, version: int) -> dict[str, Any]:
    if version == 1:
        others: dict[str, Any] = {"also_fits": list(passage.also_fits)}
    else:
        others = {
            "alternatives": [{**_recording_header(one), "same_audio": one.same_audio} for one in passage.alternatives]
        }
    return {
        **_recording_header(passage),
        **others,
        "rivals": list(passage.rivals),
        "hub_factor": passage.hub_factor,
        "scales": list(passage.scales),
        "n": passage.seconds.size,
    }


def _recording_header(one: TracedPassage | TracedAlternative) -> dict[str, Any]:
    return {
        "recording": recording_to_json(one.recording),
        "m": one.recording_times.size,
        "pieces": [
            [piece.ratio, piece.offset_seconds, piece.shift_cells, piece.first, piece.last] for piece in one.pieces
        ],
    }


class _Arrays:
    """The arrays of a file, dealt out passage by passage."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self._reached = dict.fromkeys(arrays, 0)

    def next(self, name: str, count: int) -> NDArray[Any]:
        start = self._reached[name]
        end = start + _whole(count)
        if end > len(self._arrays[name]):
            raise ValueError(f"{name} ends too early")
        self._reached[name] = end
        return self._arrays[name][start:end]

    def finish(self) -> None:
        for name, reached in self._reached.items():
            if reached != len(self._arrays[name]):
                raise ValueError(f"{name} is too long")


def _trace(header: Any, arrays: Mapping[str, NDArray[Any]]) -> Trace:
    version = _SCHEMAS.get(_text(header["schema"]))
    if version is None:
        raise ValueError(f"schema {header['schema']!r:.80}")
    dimension = arrays["vectors"].shape[1]
    if dimension % 8 or not 8 <= dimension <= 1024 or arrays["reference_codes"].shape[1] != dimension // 8:
        raise ValueError(f"descriptors of {dimension} numbers")
    left = _Arrays(arrays)
    parts = tuple(
        TracedPart(
            _circumstances(part["circumstances"]),
            _whole(part["n_landmarks"]),
            _whole(part["n_hypotheses"]),
            tuple(_passage(passage, left, version) for passage in part["finds"]),
            _whole(part.get("stream", 0)),
        )
        for part in header["parts"]
    )
    left.finish()
    for part in parts:
        start = part.circumstances.start_seconds - _TIME_TOLERANCE_SECONDS
        end = part.circumstances.start_seconds + part.circumstances.duration_seconds + _TIME_TOLERANCE_SECONDS
        if any(passage.seconds[0] < start or passage.seconds[-1] > end for passage in part.passages):
            raise ValueError("landmarks lie outside of the audio that is said to have been searched")
    return Trace(
        sha256=_text(header["sha256"]),
        index_digest=_text(header["index_digest"]),
        params_digest=_text(header["params_digest"]),
        settings_digest=_text(header["settings_digest"]),
        fmin_hz=_between(header["fmin_hz"], 1.0, 1e5),
        scales=_scales(header["scales"]),
        parts=parts,
        version=version,
    )


def _circumstances(fields: Any) -> Circumstances:
    return Circumstances(
        layer=_text(fields["layer"]),
        cells_per_octave=_between(fields["cells_per_octave"], 1.0, 1e4),
        start_seconds=_between(fields["start_seconds"], 0.0, _LONGEST_SECONDS),
        duration_seconds=_between(fields["duration_seconds"], 0.0, _LONGEST_SECONDS),
        decoy_scores=_numbers(fields["decoy_scores"]),
        decoy_seconds=_between(fields["decoy_seconds"], 0.0, _LONGEST_SECONDS),
        n_catalogue_landmarks=_whole(fields["n_catalogue_landmarks"]),
        n_scales=_whole(fields["n_scales"]),
        max_false_per_1000h=_between(fields["max_false_per_1000h"], 1e-12, 1e12),
    )


def _passage(fields: Any, left: _Arrays, version: int) -> TracedPassage:
    n, scales = _whole(fields["n"]), _scales(fields["scales"])
    alternatives = [] if version == 1 else fields["alternatives"]
    if len(alternatives) > _MOST_ALTERNATIVES:
        raise ValueError(f"{len(alternatives)} alternatives of a passage")
    seconds = left.next("seconds", n)
    if n < 1 or np.any(np.diff(seconds) < 0) or seconds[0] < 0 or seconds[-1] > _LONGEST_SECONDS:
        raise ValueError("times of track landmarks are not ascending")
    bins, vectors = left.next("bins", n), left.next("vectors", n * len(scales))
    if not (bins.min() >= 0 and bins.max() < _MOST_CELLS):
        raise ValueError(f"track landmarks from cell {bins.min():g} to {bins.max():g}")
    with np.errstate(over="ignore"):
        length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not np.all((length == 0) | (np.abs(length - 1.0) <= _UNIT_TOLERANCE)):
        raise ValueError("a descriptor whose length is not 1")
    return TracedPassage(
        rivals=_numbers(fields["rivals"]),
        hub_factor=_between(fields["hub_factor"], 1.0, 1e12),
        also_fits=tuple(_text(name) for name in fields["also_fits"]) if version == 1 else (),
        seconds=seconds,
        bins=bins,
        scales=scales,
        vectors=vectors.reshape(len(scales), n, -1),
        **_recording(fields, n, left),
        alternatives=tuple(_alternative(one, n, left) for one in alternatives),
    )


def _alternative(fields: Any, n: int, left: _Arrays) -> TracedAlternative:
    if not isinstance(fields["same_audio"], bool) or not fields["pieces"]:
        raise ValueError("an alternative without any piece, or that does not say whether it is the same audio")
    return TracedAlternative(same_audio=fields["same_audio"], **_recording(fields, n, left))


def _recording(fields: Any, n: int, left: _Arrays) -> dict[str, Any]:
    """Return the fields on recordings that a passage and an alternative share."""
    times = left.next("reference_times", _whole(fields["m"]))
    if np.any(times[1:] < times[:-1]):
        raise ValueError("times of recording landmarks are not ascending")
    return {
        "recording": recording_from_json(canonical_json(fields["recording"])),
        "pieces": tuple(_piece(piece, n, left) for piece in fields["pieces"]),
        "recording_times": times,
        "recording_bins": left.next("reference_bins", times.size),
        "recording_codes": left.next("reference_codes", times.size),
    }


def _piece(fields: Any, n: int, left: _Arrays) -> TracedPiece:
    ratio, offset, shift, first, last = fields
    free = left.next("free", n)
    if free.max() > 1:
        raise ValueError("a landmark is neither free nor taken")
    if not 0 <= _whole(first) < _whole(last) <= n:
        raise ValueError(f"a piece of landmarks {first} to {last} of {n}")
    return TracedPiece(
        _between(ratio, 1 / _WIDEST_RATIO, _WIDEST_RATIO),
        _between(offset, -_WIDEST_RATIO * _LONGEST_SECONDS, _WIDEST_RATIO * _LONGEST_SECONDS),
        _between(shift, -1e4, 1e4),
        first,
        last,
        free.astype(np.bool_),
    )


def _scales(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not 1 <= len(values) <= _MOST_SCALES:
        raise ValueError("it names no time scales")
    return tuple(_between(value, 1 / _WIDEST_RATIO, _WIDEST_RATIO) for value in values)


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(_between(value, 0.0, 1e12) for value in values)


def _between(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r:.40} does not lie between {low:g} and {high:g}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= math.floor(2**53):
        raise ValueError(f"{value!r:.40} is no count")
    return value
