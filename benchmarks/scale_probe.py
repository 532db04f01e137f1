"""Costs and answers of one state of the index, run in fresh processes: nothing is warm by accident."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.catalogues import LAYER
from benchmarks.data.corpus import Corpus
from benchmarks.harness import one_thread
from benchmarks.judging import Question, ask
from benchmarks.trials import Excerpt, Trial, cut_excerpt
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_file, fingerprint_parts, fingerprint_signal
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.search.matches import MatchResult
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads
from sourceprint.catalogue.additions import Addition
from sourceprint.inputs import Item, NamedInputs

__all__ = [
    "Excerpts",
    "Newcomers",
    "Stranger",
    "Timed",
    "add",
    "cut",
    "describe",
    "probe",
    "question",
    "start",
    "stranger",
]

EVERYTHING = 1e12
"""A limit of false matches per 1 000 hours at which every passage above the floor score is reported."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Queries that are timed.

    Attributes
    ----------
    index : str
        Folder of the index.
    files : tuple of str
        Files of the corpus, all in the index.
    """

    index: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excerpts:
    """An excerpt, and the conditions under which it is searched for."""

    excerpt: Excerpt
    conditions: tuple[str, ...]
    seed: int
    indexes: tuple[str, ...]
    cache: str
    nprobe: int | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file that is not to be found, and the recordings left out of the search for it: those of its source."""

    index: str
    file: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Files to be added to an index, and taken out again."""

    index: str
    files: tuple[str, ...]


def start(corpus: Corpus) -> None:
    """Prepare this process."""
    one_thread()
    use_threads(1)
    _Worker.corpus = corpus


def cut(excerpt: Excerpt) -> Excerpt:
    """Write the samples of an excerpt; for workers prepared by `benchmarks.trials.open_worker`."""
    return cut_excerpt(excerpt)


def question(asked: Excerpts) -> list[dict[str, Any]]:
    """Return the answers for an excerpt, by condition; for workers prepared by `benchmarks.trials.open_worker`."""
    return [
        answer
        for condition in asked.conditions
        for answer in ask(
            Question(Trial(condition, asked.excerpt, asked.seed), indexes=asked.indexes, nprobe=asked.nprobe),
            Path(asked.cache),
        )
    ]


def stranger(asked: Stranger) -> dict[str, Any]:
    """Return the file, the seconds searched, and the stated false matches per 1 000 hours of each passage found."""
    snapshot = _snapshot(asked.index)
    allowed = _without(snapshot, asked.without)
    seconds, stated = 0.0, []
    try:
        for part in _parts(asked.file):
            options = replace(STANDARD, layer=LAYER, max_false_per_1000h=EVERYTHING)
            result = match_track(part, snapshot, options=options, allowed=allowed)
            seconds += part.duration_seconds
            stated += [segment.false_per_1000h for match in result.matches for segment in match.passages]
    except AudioError:
        pass
    return {"file": asked.file, "seconds": seconds, "stated": [rate for rate in stated if rate <= 1e5]}


def describe(file: str) -> tuple[str, Fingerprint | None]:
    """Return a file of the corpus described as a reference; None if it cannot be."""
    try:
        path = _Worker.corpus.path(file)
        if path is not None:
            return file, fingerprint_file(path)
        return file, fingerprint_signal(_Worker.corpus.load(file, sample_rate=11_025), name=file)
    except AudioError:
        return file, None


def add(newcomers: Newcomers) -> dict[str, float]:
    """Add files to an index as `sourceprint add` does, and remove them; returns audio and elapsed seconds of adding."""
    folder = Path(newcomers.index)
    addition = Addition(folder, jobs=1)
    items = tuple(Item(Path(file), id=f"newcomer-{number:04d}") for number, file in enumerate(newcomers.files))
    started = time.perf_counter()
    outcomes = list(addition.run(NamedInputs(items, ())))
    elapsed = time.perf_counter() - started
    added = [outcome for outcome in outcomes if outcome.kind == "added"]
    with Index.open(folder).writer() as writer:
        for outcome in added:
            writer.remove(outcome.recording_id)
    return {
        "files": len(added),
        "audio_seconds": sum(outcome.duration_ms for outcome in added) / 1000.0,
        "seconds": elapsed,
    }


def probe(timed: Timed) -> dict[str, Any]:
    """Return the seconds to open an index and to match whole files, by step, and the memory used in MB.

    Each file is matched as it is, and again with all recordings of its source left out, so that nothing is to be found.
    The first file goes first once more, for kernels to be loaded and lists to be read.
    """
    started = time.perf_counter()
    snapshot = Index.open(timed.index).snapshot()
    snapshot.layer(LAYER)
    opened = time.perf_counter() - started
    digest_started = time.perf_counter()
    digest = snapshot.digest
    digested = time.perf_counter() - digest_started
    sources = {row.file: row.source for row in _Worker.corpus.music}
    cold = _timed(timed.files[0], snapshot, ())
    runs: dict[str, list[dict[str, float]]] = {"in the catalogue": [], "not in the catalogue": []}
    for file in timed.files:
        own = tuple(name for name, source in sources.items() if source == sources[file])
        for kind, without in (("in the catalogue", ()), ("not in the catalogue", own)):
            runs[kind].append(_timed(file, snapshot, without))
    return {
        "open_seconds": opened,
        "digest_seconds": digested,
        "digest": digest,
        "first_seconds": cold["seconds"],
        "match": runs,
        "memory": _memory(),
    }


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus


def _parts(file: str) -> Sequence[Fingerprint]:
    path = _Worker.corpus.path(file)
    if path is not None:
        return list(fingerprint_parts(path, scales=STANDARD.scales))
    y = _Worker.corpus.load(file, sample_rate=11_025)
    return [fingerprint_signal(y, role="track", scales=STANDARD.scales, name=file)]


def _timed(file: str, snapshot: Snapshot, without: tuple[str, ...]) -> dict[str, float]:
    allowed = _without(snapshot, without)
    started = time.perf_counter()
    parts = _parts(file)
    described = time.perf_counter()
    results: list[MatchResult] = [
        match_track(part, snapshot, options=replace(STANDARD, layer=LAYER), allowed=allowed) for part in parts
    ]
    ended = time.perf_counter()
    return {
        "audio_seconds": sum(part.duration_seconds for part in parts),
        "fingerprint": described - started,
        "neighbours": sum(result.search_seconds for result in results),
        "alignment": sum(result.verify_seconds for result in results),
        "seconds": ended - started,
        "matches": float(sum(len(result.matches) for result in results)),
    }


def _without(snapshot: Snapshot, names: Sequence[str]) -> Any:
    if not names:
        return None
    allowed = np.ones(len(snapshot.recordings), dtype=np.bool_)
    for name in names:
        ordinal = snapshot.recordings.find(name)
        if ordinal is not None:
            allowed[ordinal] = False
    return allowed


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Index.open(index).snapshot()


def _memory() -> dict[str, float] | None:
    """Return the private and the file-mapped memory of this process in MB; None except on Linux."""
    if sys.platform != "linux":
        return None
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    known = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return {"private_mb": int(known["RssAnon"][0]) / 1024, "mapped_mb": int(known["RssFile"][0]) / 1024}
