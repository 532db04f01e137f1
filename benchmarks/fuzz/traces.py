"""Traces: read, and their matches computed again."""

from __future__ import annotations

import functools
import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.fuzz.fingerprints import SECONDS, check_matches, index_of_one, landmarks
from benchmarks.fuzz.harness import Format
from benchmarks.fuzz.mutators import damaged, hostile_array, hostile_tree, json_text
from fingerprint.digests import canonical_json
from fingerprint.errors import EvidenceError, VerificationError
from index.recheck.recheck import recheck
from index.recheck.trace import Trace, traced_part
from index.recheck.trace_file import trace_to_bytes
from index.search.match import STANDARD, Examination, examine, settings_digest
from sourceprint.evidence.cases.recomputation import read_trace_member

__all__ = ["FORMAT", "examination", "hostile_trace", "trace_of_one"]

_ARRAYS: Final = ("seconds", "bins", "vectors", "free", "reference_times", "reference_bins", "reference_codes")
_HEADERS: Final = (
    *(b"(" * 5000, b"[" * 60000, b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
    b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (240,), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 40 + b",), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 240), }",
    b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (240,), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (240L,), }",
    *(b"", b"\xff\xfe", b"lambda: 0", b"1" * 5000, b"{'descr': '<f8'}", b"'" * 9, b"1_0", b"\0" * 60),
)


@functools.cache
def examination() -> Examination:
    """Return a search that finds `landmarks(0)` in the index of one; made once in a process."""
    return examine(landmarks(0, scales=len(STANDARD.scales)), index_of_one())


@functools.cache
def trace_of_one() -> Trace:
    """Return the trace of that search."""
    snapshot = index_of_one()
    layer = snapshot.layer(STANDARD.layer)
    digests = ("ab" * 32, snapshot.digest, layer.digest, settings_digest(STANDARD, None))
    part = traced_part(examination(), snapshot)
    return Trace(*digests, float(layer.params["fmin_hz"]), STANDARD.scales, (part,))


def hostile_trace(chance: random.Random) -> bytes:
    """Return the file of a trace that is valid but for one kind of damage: to description, arrays or packing."""
    data = trace_to_bytes(trace_of_one())
    kind = chance.randrange(10)
    if kind == 0:
        return damaged(chance, data)
    header, arrays = _opened(data)
    if kind <= 4:
        header = hostile_tree(chance, header)
    elif kind <= 7:
        for _ in range(chance.choice((1, 1, 2))):
            name = chance.choice(_ARRAYS)
            arrays[name] = hostile_array(chance, arrays[name])
    elif kind == 8:
        _resize(chance, header, arrays)
    members = {"trace.json": json_text(header), **{f"{name}.npy": _npy(array) for name, array in arrays.items()}}
    if kind == 9:
        name = f"{chance.choice(_ARRAYS)}.npy"
        if chance.random() < 0.5:
            members[name] = _with_header(chance.choice(_HEADERS), members[name])
        else:
            members[name] = damaged(chance, members[name][:128]) + members[name][128:]
    return _packed(chance, members)


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = json.loads(archive.read("trace.json"))
        arrays = {name: np.load(io.BytesIO(archive.read(f"{name}.npy"))) for name in _ARRAYS}
    return header, arrays


def _resize(chance: random.Random, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Give the passage fewer landmarks, its recording more or none, or each several times; all counts agree."""
    find = header["parts"][0]["finds"][0]
    n, m = find["n"], find["m"]
    kind = chance.randrange(4)
    if kind == 0:
        keep = np.sort([chance.randrange(n) for _ in range(chance.choice((1, 2, 5, n)))])
        find["n"] = keep.size
        arrays["seconds"], arrays["bins"] = arrays["seconds"][keep], arrays["bins"][keep]
        arrays["vectors"] = (
            arrays["vectors"]
            .reshape(-1, n, arrays["vectors"].shape[1])[:, keep]
            .reshape(-1, arrays["vectors"].shape[1])
        )
        arrays["free"] = arrays["free"].reshape(-1, n)[:, keep].reshape(-1)
        for piece in find["pieces"]:
            piece[3:] = [0, keep.size]
    elif kind == 1:
        for name in ("reference_times", "reference_bins", "reference_codes"):
            arrays[name] = arrays[name][: chance.choice((0, 1, 2))]
        find["m"] = len(arrays["reference_times"])
    elif kind == 2:
        times = chance.choice((2, 40))
        for name in ("reference_times", "reference_bins", "reference_codes"):
            arrays[name] = np.repeat(arrays[name], times, axis=0)
        find["m"] = m * times
    else:
        times = chance.choice((2, 5, 300))
        find["pieces"] = find["pieces"] * times
        arrays["free"] = np.tile(arrays["free"], times)


def _npy(array: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
    return content.getvalue()


def _with_header(header: bytes, npy: bytes) -> bytes:
    length = int.from_bytes(npy[8:10], "little")
    return npy[:8] + (len(header) % 65536).to_bytes(2, "little") + header + npy[10 + length :]


def _packed(chance: random.Random, members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if chance.random() < 0.02 else zipfile.ZIP_STORED
    with zipfile.ZipFile(sink, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=kind)
    return sink.getvalue()


def _make(chance: random.Random, folder: Path) -> Path:
    path = folder / "x.spt"
    path.write_bytes(hostile_trace(chance))
    return path


def _read(path: Path) -> None:
    trace = read_trace_member(path.read_bytes())
    end = max(part.circumstances.start_seconds + part.circumstances.duration_seconds for part in trace.parts)
    check_matches(recheck(trace).matches, max(end, SECONDS))
    canonical_json([passage.recording.id for part in trace.parts for passage in part.passages])


FORMAT = Format("trace", _make, _read, (EvidenceError, VerificationError))
