"""The composition layer of an index: windows of a recording as columns, and read back for the search of works.

Its vectors are compared in twelve keys at once, so they are no descriptors with neighbours: the index keeps them as
they are, and never compresses them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import CompositionParams, CompositionWindows
from fingerprint.errors import IndexDamagedError, ParameterError
from index.storage.layers import TIMES_PER_SECOND, PreparedLayer
from index.storage.manifest import RECORDING, LayerSpec, layer_specs
from index.storage.segment_rules import LayerColumn
from index.storage.snapshot import Snapshot

__all__ = [
    "COMPOSITION",
    "CompositionLayer",
    "StoredComposition",
    "all_layer_specs",
    "composition_columns",
    "composition_spec",
    "known_layers",
]

COMPOSITION = "composition"
"""Layer of melody and harmony: finds the same work in another performance."""


def composition_spec() -> LayerSpec:
    """Return the parameters and columns of the composition layer of this version."""
    params = CompositionParams()
    columns = (
        LayerColumn("times", "<u4"),
        LayerColumn("windows", "|i1", (params.dimension,)),
        LayerColumn("background_mean", "<f2"),
        LayerColumn("background_sd", "<f2"),
    )
    return LayerSpec(params.to_dict(), params.dimension, columns)


def all_layer_specs() -> dict[str, LayerSpec]:
    """Return the layers that an index of this version can have: those of a new one, and the composition layer."""
    return {**layer_specs(), COMPOSITION: composition_spec()}


def known_layers(names: Iterable[str]) -> frozenset[str]:
    """Return these layers and that of recordings, without which there is no index.

    Raises
    ------
    ParameterError
        If there is no such layer.
    """
    asked, known = frozenset(names), all_layer_specs().keys()
    if unknown := sorted(asked - known):
        raise ParameterError(f"layer {unknown[0]!r}: there are {' and '.join(known)}")
    return asked | {RECORDING}


def composition_columns(windows: CompositionWindows) -> PreparedLayer:
    """Return the windows of a recording as `Writer.add` takes them.

    Raises
    ------
    ParameterError
        If they are those of a track at another time scale, or were made with other parameters than those of this
        version.
    """
    params = CompositionParams()
    if windows.scale != 1.0 or windows.params_digest != params.digest:
        raise ParameterError(
            f"windows: made with parameters {windows.params_digest} at time scale {windows.scale:g}, an index takes "
            f"{params.digest} at 1; describe the recording again"
        )
    ticks = np.rint(windows.time.astype(np.float64) * TIMES_PER_SECOND).astype(np.uint32)
    return PreparedLayer(
        {
            "times": ticks,
            "windows": windows.vectors,
            "background_mean": windows.background_mean,
            "background_sd": windows.background_sd,
        }
    )


class StoredComposition(NamedTuple):
    """A recording of the composition layer.

    Attributes
    ----------
    ordinal : int
        Its number in the snapshot.
    recording_id : str
        Its id.
    windows : CompositionWindows
        Views of the memory map. Vectors of windows that touch an excluded range are zero, like nothing.
    counted : ndarray [shape=(n,), dtype=bool]
        Which windows touch no excluded range.
    """

    ordinal: int
    recording_id: str
    windows: CompositionWindows
    counted: NDArray[np.bool_]


class CompositionLayer:
    """The composition layer of a snapshot, recording by recording.

    Parameters
    ----------
    snapshot : Snapshot
        Of an index that has the layer.

    Raises
    ------
    IndexFormatError
        If it has not, or its windows were made with other parameters.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        snapshot.require({COMPOSITION: composition_spec()})
        self._snapshot = snapshot
        self._view = snapshot.layer(COMPOSITION)
        self._params = CompositionParams()
        self._excluded: dict[int, list[tuple[int, int]]] = {}
        for ordinal, start, end in snapshot.exclusions().tolist():
            self._excluded.setdefault(ordinal, []).append((start, end))

    @property
    def n_windows(self) -> int:
        """Windows of all live recordings."""
        return self._view.n_landmarks

    @property
    def described(self) -> NDArray[np.int64]:
        """Ordinals of the live recordings that have windows."""
        return np.flatnonzero(self._view.counts())

    def __iter__(self) -> Iterator[StoredComposition]:
        """Yield every live recording that has windows, in order.

        Raises
        ------
        IndexDamagedError
            If one fails its checksum, or its windows are no such.
        """
        for ordinal in self.described.tolist():
            yield self.recording(ordinal)

    def recording(self, ordinal: int) -> StoredComposition:
        """Return one recording; it has no windows where it was added without this layer, or is shorter than one."""
        params, known = self._params, self._snapshot.recordings[ordinal]
        columns = self._view.columns_of(ordinal) or {
            column.name: np.empty((0, *column.shape), dtype=column.dtype) for column in composition_spec().columns
        }
        n = columns["times"].size
        time = (np.arange(n) * params.step_seconds).astype(np.float32)
        if not np.array_equal(columns["times"], np.rint(time.astype(np.float64) * TIMES_PER_SECOND)):
            raise IndexDamagedError(
                f"{self._snapshot.folder}: windows of recording {known.id!r} do not follow each other every "
                f"{params.step_seconds:.3f} s; replace the recording"
            )
        windows = CompositionWindows(
            time,
            columns["windows"],
            columns["background_mean"],
            columns["background_sd"],
            known.duration_ms / 1000,
            1.0,
            params.digest,
        )
        counted = np.ones(n, dtype=np.bool_)
        for start, end in self._excluded.get(ordinal, ()):
            counted &= (time >= end / 1000) | (time + params.window_seconds <= start / 1000)
        if not counted.all():
            windows = replace(windows, vectors=windows.vectors * counted[:, None].astype(np.int8))
        return StoredComposition(ordinal, known.id, windows, counted)
