"""One variant, from training through indexing to the queries, in one process; its findings are kept in the cache."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmarks.ablation_variants import LIMITS, Variant
from benchmarks.catalogues import LAYER
from benchmarks.data.corpus import Corpus, TrackRow
from benchmarks.harness import content_key, json_bytes, one_thread, write_atomically
from benchmarks.query_files import Query
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_file, fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params, Projection, load_projection
from index.folder.index import Index, LayerLandmarks, LayerSpec, Recording
from index.search.match import STANDARD, match_track
from index.vectors.exact import use_threads

__all__ = ["Setting", "fit_principal", "open_setting", "run_variant"]

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setting:
    """Inputs common to all variants.

    Attributes
    ----------
    corpus : Corpus
        Where the recordings are.
    rows : tuple of TrackRow
        The catalogue.
    queries : tuple of Query
        Queries to search for.
    folder : str
        Where the query files are.
    cache : str
        Where indexes and results are kept.
    basis : tuple of str
        Inputs on which all results depend.
    projections : tuple of (tuple, str)
        File of the trained map, by the `kept` of a variant.
    """

    corpus: Corpus
    rows: tuple[TrackRow, ...]
    queries: tuple[Query, ...]
    folder: str
    cache: str
    basis: tuple[str, ...]
    projections: tuple[tuple[tuple[object, ...], str], ...] = ()


class _Worker:
    """Data that a process keeps between tasks."""

    setting: Setting


def open_setting(setting: Setting) -> None:
    """Prepare this process for `run_variant`."""
    one_thread()
    use_threads(1)
    _Worker.setting = setting


def run_variant(variant: Variant) -> dict[str, Any]:
    """Return the findings of a variant, as plain JSON types, from the cache if it is there.

    Returns
    -------
    dict
        `right`: per query of the catalogue the least rate of false matches, per 1 000 h, stated for the right
        recording, None if it is not reported at the highest of `LIMITS`; `wrong`: the same for recordings of other
        sources; `strangers`: the same for queries outside the catalogue; `query_seconds`: processor time of all
        queries; `bytes_per_hour`: of data that grows with the catalogue; `landmarks_per_second`.
    """
    setting = _Worker.setting
    params, projection = _map(variant)
    key = content_key(setting.basis, repr(variant.run), projection.digest)
    path = Path(setting.cache) / "ablations" / f"{key}.json"
    if path.is_file():
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return known
    index = _index(variant, params, projection)
    out: dict[str, Any] = {**_asked(variant, params, projection, index), **_size(index)}
    write_atomically(path, json_bytes(out))
    return out


def fit_principal(reference: Samples, query: Samples, dimension: int) -> tuple[Samples, Samples]:
    """Return the directions in which patches differ most, for any reason, as `fit_projection` returns its own."""
    both = np.concatenate([reference, query]).astype(np.float64)
    mean = both.mean(axis=0)
    both -= mean
    size = both.shape[1]
    _, vectors = scipy.linalg.eigh(both.T @ both / len(both), subset_by_index=(size - dimension, size - 1))
    directions = vectors[:, ::-1]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(dimension)]
    matrix = np.ascontiguousarray(directions * np.sign(largest), dtype=np.float32)
    return matrix, (mean @ matrix).astype(np.float32)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _map(variant: Variant) -> tuple[Params, Projection]:
    path = dict(_Worker.setting.projections).get(variant.kept) if variant.trained else None
    projection = load_projection(path)
    return replace(Params(), **dict(variant.params), projection_digest=projection.digest), projection  # type: ignore[arg-type]


def _index(variant: Variant, params: Params, projection: Projection) -> Path:
    """Return the folder of the catalogue as the variant keeps it, made unless it is there."""
    setting = _Worker.setting
    key = content_key(setting.basis[0], repr(variant.kept), projection.digest, [row.file for row in setting.rows])
    folder = Path(setting.cache) / "ablations" / f"index-{key}"
    if folder.is_dir():
        return folder
    found = [(row, _described(row, params, projection)) for row in setting.rows]
    known = [(row, one) for row, one in found if one is not None]
    n_landmarks = sum(one.times.size for _, one in known)

    def write(path: Path) -> None:
        index = Index.create(path, {LAYER: LayerSpec(params.to_dict(), params.dimension)})
        # Compressed however small: a catalogue of a useful size always is.
        with index.writer(exact_limit=n_landmarks if variant.vectors == "exact" else 0) as writer:
            for row, one in known:
                recording = Recording(row.file, title=row.title, duration_ms=round(1000 * one.duration_seconds))
                writer.add(recording, {LAYER: LayerLandmarks(one.times, one.bins, one.vectors[0])})

    _in_place(folder, write)
    return folder


def _described(row: TrackRow, params: Params, projection: Projection) -> Fingerprint | None:
    """Return the fingerprint of a recording; None if it cannot be described, which the other parts report."""
    corpus = _Worker.setting.corpus
    path = corpus.path(row.file)
    try:
        if path is not None:
            return fingerprint_file(path, params=params, projection=projection)
        y = corpus.load(row.file, sample_rate=params.sample_rate)
        return fingerprint_signal(y, params=params, projection=projection, name=row.file)
    except AudioError:
        return None


def _asked(variant: Variant, params: Params, projection: Projection, index: Path) -> dict[str, Any]:
    setting = _Worker.setting
    snapshot = Index.open(index).snapshot()
    options = replace(STANDARD, layer=LAYER, max_false_per_1000h=LIMITS[-1], **dict(variant.options))  # type: ignore[arg-type]
    source = {row.file: row.source for row in setting.rows}
    out: dict[str, Any] = {"right": [], "wrong": [], "strangers": [], "query_seconds": 0.0}

    def rates(query: Query) -> dict[str, float]:
        path = Path(setting.folder) / "queries" / f"{query.name}.wav"
        try:
            asked = fingerprint_file(path, role="track", scales=options.scales, params=params, projection=projection)
            result = match_track(asked, snapshot, options=options)
        except AudioError:  # too little to go by: nothing is found
            return {}
        return {
            match.recording.id: float(f"{min(segment.false_per_1000h for segment in match.passages):.4g}")
            for match in result.matches
        }

    rates(setting.queries[0])
    for query in setting.queries:
        started = time.process_time()
        found = rates(query)
        out["query_seconds"] += time.process_time() - started
        if query.known:
            out["right"].append(found.get(query.file))
            found = {file: rate for file, rate in found.items() if source[file] != query.source}
        out["wrong" if query.known else "strangers"].append(min(found.values(), default=None))
    return out


def _size(index: Path) -> dict[str, float]:
    """Return the bytes that an hour of catalogue adds to the index, without the data common to all."""
    info = Index.open(index).info()
    shared = sum(info["bytes"].get(part, 0) for part in ("total", "trees", "manifest"))
    grows = sum(info["bytes"].values()) - shared
    return {
        "bytes_per_hour": grows / info["hours"],
        "landmarks_per_second": info["layers"][LAYER]["landmarks"] / info["hours"] / 3600.0,
    }


def _in_place(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder under another name and rename it: an existing one is complete, by any process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        make(work)
        os.replace(work, folder)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if not (isinstance(error, OSError) and folder.is_dir()):
            raise
