"""Check landmarks for the index, and round them to the precision of storage.

In come seconds, cells and unit vectors of one recording; out go whole numbers, half-precision vectors, the signs of the
vectors as bits, and a digest of all that. Rounding happens here and nowhere else.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import canonical_json
from fingerprint.errors import ParameterError
from fingerprint.landmarks import Fingerprint
from index.storage.amendments import tags_digest
from index.storage.manifest import RECORDING, LayerEntry
from index.storage.recordings import Recording, recording_to_json
from index.storage.segment_rules import LayerColumn, rows_fault
from index.vectors.exact import check_vectors
from index.vectors.signs import signs_of, vectors_of_signs

__all__ = [
    "BINS_PER_CELL",
    "TIMES_PER_SECOND",
    "LayerLandmarks",
    "Prepared",
    "PreparedLayer",
    "prepare",
    "quantise",
    "recording_landmarks",
    "with_signs",
]

TIMES_PER_SECOND = 4096
BINS_PER_CELL = 64
_UNIT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class LayerLandmarks:
    """The landmarks of one recording in one layer, as they come from the fingerprint.

    Attributes
    ----------
    times : ndarray [shape=(n,), dtype=float64]
        Seconds from the start, ascending; stored to 1/4096 s, at most 12 days.
    bins : ndarray [shape=(n,), dtype=float32]
        Log-frequency cells, from 0 to less than 1024; stored to 1/64 cell, in a layer that has frequencies.
    vectors : ndarray [shape=(n, d), dtype=float32]
        Unit descriptors.
    others : mapping of str to ndarray, optional
        Values of the other columns of the layer, one row for each landmark.
    """

    times: NDArray[np.float64]
    bins: NDArray[np.float32]
    vectors: NDArray[np.float32]
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedLayer:
    """Landmarks as stored: by column, one row for each."""

    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def of(
        cls,
        times: NDArray[np.uint32],
        bins: NDArray[np.uint16],
        codes: NDArray[np.uint8],
        vectors: NDArray[np.float16],
    ) -> Self:
        """Return landmarks of the standard columns."""
        return cls({"times": times, "bins": bins, "codes": codes, "vectors": vectors})

    @property
    def times(self) -> NDArray[np.uint32]:
        """In 1/4096 s, ascending."""
        return self.columns["times"]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A recording ready to be written, with the digest of its content (see `FORMAT.md`, contents)."""

    recording: Recording
    layers: dict[str, PreparedLayer]
    content: bytes

    @property
    def n_landmarks(self) -> int:
        """Landmarks in all layers."""
        return sum(layer.times.size for layer in self.layers.values())

    def amended(self, recording: Recording) -> "Prepared":
        """Return the same with the tags and excluded ranges of `recording`."""
        content = np.frombuffer(self.content, dtype=np.uint8)
        content = content ^ tags_digest(self.recording) ^ tags_digest(recording)
        return Prepared(recording, self.layers, content.tobytes())


def prepare(
    recording: Recording, landmarks: Mapping[str, LayerLandmarks | PreparedLayer], layers: Mapping[str, LayerEntry]
) -> Prepared:
    """Check a recording and its landmarks, and round any that are not yet in stored precision.

    Raises
    ------
    ParameterError
        If a layer is unknown to the index, or an array has the wrong shape, kind, range or order.
    """
    stored = {}
    untagged = {name: value for name, value in recording_to_json(recording).items() if name not in ("tags", "excluded")}
    digest = hashlib.sha256(canonical_json(untagged))
    for name in sorted(landmarks):
        if name not in layers:
            known = ", ".join(sorted(layers))
            raise ParameterError(f"recording {recording.id!r}: layer {name!r} is not in this index (it has {known})")
        given, where = landmarks[name], f"recording {recording.id!r}, layer {name!r}"
        columns = layers[name].columns
        if isinstance(given, LayerLandmarks) and not layers[name].has_neighbours:
            raise ParameterError(f"{where}: keeps no descriptors, so landmarks do not fit; give its columns")
        layer = given if isinstance(given, PreparedLayer) else quantise(given, columns, where=where)
        if fault := rows_fault(layer.times, None, recording.duration_ms):
            raise ParameterError(f"{where}: landmarks {fault}; give times within the recording, in order")
        stored[name] = layer
        digest.update(canonical_json([name, layer.times.size]))
        for column in columns:
            if column.name not in layer.columns:
                raise ParameterError(f"{where}: has no {column.name}, which this index keeps of every landmark")
            array, expected = layer.columns[column.name], (layer.times.size, *column.shape)
            if array.shape != expected or array.dtype != column.dtype:
                found = f"{array.dtype} {array.shape}"
                raise ParameterError(f"{where}: {column.name} is {found}, must be {np.dtype(column.dtype)} {expected}")
            if column.name != "codes":  # these follow from the vectors
                digest.update(np.ascontiguousarray(array).data)
    content = np.frombuffer(digest.digest(), dtype=np.uint8) ^ tags_digest(recording)
    return Prepared(recording, stored, content.tobytes())


def quantise(landmarks: LayerLandmarks, columns: Sequence[LayerColumn], *, where: str) -> PreparedLayer:
    """Check landmarks and round them to stored precision; worker processes call it before they return a fingerprint.

    Raises
    ------
    ParameterError
        If an array has the wrong shape, kind, range or order; the message begins with `where`.
    """
    wanted = {column.name: column for column in columns}
    dimension = wanted["vectors"].shape[0]
    times = np.asarray(landmarks.times, dtype=np.float64)
    bins = np.asarray(landmarks.bins, dtype=np.float64)
    vectors = check_vectors(landmarks.vectors, dimension, name=f"{where}: vectors")
    if times.shape != (len(vectors),) or bins.shape != (len(vectors),):
        raise ParameterError(
            f"{where}: times {times.shape} and bins {bins.shape} must have one value for each of {len(vectors)} vectors"
        )
    if not (np.isfinite(times).all() and np.isfinite(bins).all()):
        raise ParameterError(f"{where}: times and bins must be finite")
    if np.any(np.diff(times) < 0):
        raise ParameterError(f"{where}: times must be ascending; sort the landmarks by time")
    ticks = np.rint(times * TIMES_PER_SECOND)
    if times.size and (ticks[0] < 0 or ticks[-1] > np.iinfo(np.uint32).max):
        raise ParameterError(
            f"{where}: times from {times[0]:.3f} to {times[-1]:.3f} s, must lie between 0 and "
            f"{np.iinfo(np.uint32).max // TIMES_PER_SECOND} s; split the recording"
        )
    cells = np.rint(bins * BINS_PER_CELL)
    if bins.size and (cells.min() < 0 or cells.max() > np.iinfo(np.uint16).max):
        raise ParameterError(f"{where}: bins from {bins.min():.2f} to {bins.max():.2f}, must lie between 0 and 1023.98")
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if length.size and np.abs(length - 1).max() > _UNIT_TOLERANCE:
        worst = int(np.argmax(np.abs(length - 1)))
        raise ParameterError(f"{where}: vector {worst} has length {length[worst]:.3f}, must be 1")
    is_whole = np.dtype(wanted["vectors"].dtype).kind == "i"
    kept: NDArray[Any] = np.rint(vectors * np.float32(127)).astype(np.int8) if is_whole else vectors.astype(np.float16)
    codes = signs_of(kept)  # of the stored values: rounding makes the smallest zero
    made: dict[str, NDArray[Any]] = {
        "times": ticks.astype(np.uint32),
        "bins": cells.astype(np.uint16),
        "codes": codes,
        "vectors": kept,
    }
    for column in columns:
        if column.name not in made:
            made[column.name] = _other(landmarks.others.get(column.name), column, len(vectors), where=where)
    return PreparedLayer({name: made[name] for name in wanted})


def _other(values: NDArray[Any] | None, column: LayerColumn, n: int, *, where: str) -> NDArray[Any]:
    """Return the values of a column that means nothing to the index, if it can hold them."""
    kind, shape = np.dtype(column.dtype), (n, *column.shape)
    given = np.asarray(values)
    if given.shape != shape or given.dtype.kind not in "iuf":
        raise ParameterError(f"{where}: {column.name} is {given.dtype} {given.shape}, must be numbers {shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        stored = given.astype(kind)
    is_kept = np.isfinite(stored) if kind.kind == "f" else stored == given
    if not is_kept.all():
        raise ParameterError(f"{where}: {column.name} has a value that {kind.name} cannot hold; give others")
    return stored


def with_signs(columns: Mapping[str, NDArray[Any]], layer: LayerEntry) -> PreparedLayer:
    """Return stored landmarks with a column `vectors`: of signs alone, for digests, where the descriptors are gone."""
    if not layer.has_neighbours:
        return PreparedLayer(columns)
    kind = np.dtype(next(column.dtype for column in layer.columns if column.name == "vectors"))
    signs = vectors_of_signs(columns["codes"])
    whole = np.rint(signs * 127).astype(kind) if kind.kind == "i" else signs.astype(kind)
    return PreparedLayer({"vectors": whole, **columns})


def recording_landmarks(fingerprint: Fingerprint) -> dict[str, LayerLandmarks]:
    """Return the landmarks of a reference as `Writer.add` takes them: seconds, cells, vectors at one time scale."""
    return {RECORDING: LayerLandmarks(fingerprint.times, fingerprint.bins, fingerprint.vectors[0])}
