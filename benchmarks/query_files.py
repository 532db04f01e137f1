"""Queries and catalogue as files under neutral names, to compare programs and our own settings."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.catalogues import Side, catalogue, left_out
from benchmarks.data.corpus import Corpus, identity
from benchmarks.derived import Derived, backwards
from benchmarks.harness import content_key, in_parallel
from benchmarks.part import Job
from benchmarks.train_projection import trained_on
from benchmarks.trials import TRIAL_RATE_HZ, Excerpt, Trial, cut_excerpt, draw_excerpts, make, open_worker, spread
from fingerprint.errors import ParameterError

__all__ = ["Query", "write_queries", "write_references"]

FIRST_STRANGER = 1_000_000
"""Excerpts numbered from here on are of music that is not in the catalogue."""

QUIETEST = 0.25  # a clip this far below the level of its excerpt is a pause
DRAWN = 60  # as other parts draw: their distorted excerpts are found again in the cache


@dataclass(frozen=True, slots=True)
class Query:
    """One query file: its name, source and condition, and whether the source is in the catalogue."""

    name: str
    condition: str
    file: str
    source: str
    known: bool


def write_queries(
    job: Job,
    conditions: Mapping[str, tuple[str, float]],
    folder: Path,
    *,
    n: int,
    strangers: int,
    without: Collection[str] = (),
) -> tuple[list[Query], dict[str, str]]:
    """Write query files; returns the queries, and the reason for each condition that could not be applied.

    Excerpts come from recordings that the projection that ships was not trained on, others from music outside the
    catalogue: `generated` of the corpus, else its recordings running backwards. All go through all conditions.

    Parameters
    ----------
    job : Job
        Corpus, cache, processes and seed.
    conditions : mapping
        By the name that queries get: a condition of the table, and how many seconds of the result are kept.
    folder : Path
        Gets a folder "queries".
    n, strangers : int
        How many excerpts of the catalogue, and of other music.
    without : collection of str
        Sources that no excerpt may come from.

    Raises
    ------
    ParameterError
        If no source is left to take excerpts from.
    """
    held_out = Side("", frozenset(row.source for row in job.corpus.music) - trained_on() - set(without))
    index = catalogue(job.corpus, job.corpus.music, held_out, job.cache, jobs=job.jobs)
    drawn = draw_excerpts(job.corpus, DRAWN, job.seed, job.cache / "excerpts", without=left_out(index))
    excerpts = [excerpt for excerpt in drawn if excerpt.source in held_out.sources][:n]
    if not excerpts:
        raise ParameterError(
            f"corpus {job.corpus.name}: all its sources were trained on; nothing of it can be held out, add others"
        )
    given = (job.corpus if job.corpus.generated else Derived(job.corpus), (held_out,))
    prepared: dict[str, Any] = {"jobs": job.jobs, "prepare": open_worker, "given": given}
    cut = list(in_parallel(cut_excerpt, [*excerpts, *_strangers(job, strangers)], what="excerpts", **prepared))
    (folder / "queries").mkdir()
    tasks: list[_Task] = []
    queries: list[Query] = []
    for called, (condition, seconds) in conditions.items():
        for excerpt in cut:
            name = f"q{len(tasks):04d}"
            queries.append(Query(name, called, excerpt.file, excerpt.source, excerpt.number < FIRST_STRANGER))
            path = str(folder / "queries" / f"{name}.wav")
            tasks.append(_Task(Trial(condition, excerpt, job.seed), seconds, str(job.cache), path))
    done = list(in_parallel(_write, tasks, what="queries", **prepared))
    missing = {query.condition: why for query, why in zip(queries, done, strict=True) if why}
    return [query for query, why in zip(queries, done, strict=True) if not why], missing


def write_references(corpus: Corpus, folder: Path) -> dict[str, str]:
    """Give every recording a neutral name in the folder; returns files of the corpus by that name."""
    (folder / "references").mkdir()
    missing = set(corpus.missing())
    out = {}
    for number, row in enumerate(row for row in corpus.music if row.file not in missing):
        name, path = f"r{number:04d}", corpus.path(row.file)
        if path is None:
            y = corpus.load_stereo(row.file, sample_rate=TRIAL_RATE_HZ)
            soundfile.write(folder / "references" / f"{name}.wav", y.T, TRIAL_RATE_HZ, subtype="PCM_16")
        else:  # not linked: some programs report where a link leads
            shutil.copyfile(path, folder / "references" / f"{name}{path.suffix}")
        out[name] = row.file
    return out


# --- helpers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Task:
    trial: Trial
    seconds: float
    cache: str
    path: str


def _write(task: _Task) -> str:
    """Write one query as wav; returns why it cannot be made, or ""."""
    made = make(task.trial, Path(task.cache))
    if made.status == "made":
        y = _sounding(made.load(), round(task.seconds * TRIAL_RATE_HZ))
        soundfile.write(task.path, y.T, TRIAL_RATE_HZ, subtype="PCM_16")
    return made.why


def _sounding(y: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return the first `n` samples, or the first from a half second on where they are no pause."""
    least = QUIETEST * float(np.sqrt(np.mean(y**2)))
    starts = range(0, max(1, y.shape[-1] - n + 1), TRIAL_RATE_HZ // 2)
    loud = (at for at in starts if np.sqrt(np.mean(y[..., at : at + n] ** 2)) >= least)
    at = next(loud, 0)
    return y[..., at : at + n]


def _strangers(job: Job, n: int) -> list[Excerpt]:
    """Return excerpts of music that is not in the catalogue."""
    missing = set(job.corpus.missing())
    rng = np.random.default_rng([job.seed, 21])
    drawn = []
    there = [row for row in job.corpus.generated or job.corpus.music if row.file not in missing]
    for number, row in enumerate(spread(there if job.corpus.generated else backwards(there), n, rng), FIRST_STRANGER):
        start = float(rng.uniform(0.0, max(0.0, row.seconds - 10.5)))
        path = job.cache / "excerpts" / f"{content_key(identity(job.corpus), row.file, number, job.seed)}.npy"
        drawn.append(Excerpt(number, row.file, row.title, row.source, start, str(path)))
    return drawn
