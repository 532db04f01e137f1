"""Effect of each ingredient: the search with one thing changed at a time, under conditions that are hard for it.

    python -m benchmarks.ablations               on $SOURCEPRINT_CORPUS, or on synthesised music
    python -m benchmarks.ablations --quick       few queries, nothing that needs training

Every variant (`benchmarks.ablation_variants`) makes its own index of the same recordings and asks it the same queries
(`benchmarks.ablation_run`); its answers are kept in the cache, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation_report import figures, pictures, tables
from benchmarks.ablation_run import Setting, fit_principal, open_setting, run_variant
from benchmarks.ablation_variants import Variant, variants
from benchmarks.data.corpus import Corpus, TrackRow, identity
from benchmarks.harness import DISTORTION_CODE, content_key, in_parallel, source_digest, write_atomically
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.query_files import Query, write_queries
from benchmarks.train_projection import fit_projection, fold_sources, projection_bytes, training_pairs
from benchmarks.trials import spread
from fingerprint.params import Params

__all__ = ["CONDITIONS", "PART", "main", "measure"]

Samples = NDArray[np.float32]

CONDITIONS: Mapping[str, tuple[str, float]] = {
    "under music 6 dB louder": ("music_-6db", 10.0),
    "under a new band 3 dB louder": ("accompaniment_-3db", 10.0),
    "percussion only": ("percussive_only", 10.0),
    "Opus 6 kbps, 5 s": ("opus_6k", 5.0),
    "tempo 1.33, 5 s": ("tempo_1.33", 5.0),
    "white noise as loud, 3 s": ("white_noise_0db", 3.0),
    "mel vocoder, 2 s": ("mel80_griffin_lim", 2.0),
    "tempo 1.2, 2 s": ("tempo_1.2", 2.0),
    "mp3, 1 s": ("mp3_128k", 1.0),
}
"""Queries: a condition of the table, and how many seconds of it are kept, so that not everything is found."""

RECORDINGS, EXCERPTS, STRANGERS = 50, 12, 6
EXCERPTS_PER_TRACK = 2  # to train with; the map that ships takes more
_CODE = ("fingerprint", "index", "benchmarks/ablation_run.py", "benchmarks/query_files.py", *DISTORTION_CODE)
_TRAINING = ("fingerprint", "benchmarks/ablation_run.py", "benchmarks/train_projection.py", *DISTORTION_CODE)

ABOUT = """\
Everything that the search is made of, changed one at a time, under conditions so hard that much is missed. The tables
give the share of excerpts found (of sources that the map was not trained on), the difference from the search without
the change, and the size of the index and the time of a query as multiples. *Gained* and *lost* count queries that
only one of the two finds, which says more about a difference than two shares do; with so few queries, a difference of
two or three is none. Variants of the trained map are held against a map of the same kind trained on as few pairs, not
against the one that ships. Strangers are queries of music that is not in the catalogue. Descriptors are searched by
their signs, in lists, as in a catalogue of some size; one variant searches all their numbers, as in a small one.
"""


def measure(job: Job) -> Report:
    """Return the results of every variant, as plain JSON types."""
    n, strangers, size = (3, 2, 24) if job.quick else (EXCERPTS, STRANGERS, RECORDINGS)
    chosen = variants(quick=job.quick)
    report = new_report("ablations", job, excerpts=n, strangers=strangers, conditions=list(CONDITIONS))
    with tempfile.TemporaryDirectory(prefix="sourceprint-ablations-") as folder:
        learnt = fold_sources(job.corpus, 0)
        queries, missing = write_queries(job, CONDITIONS, Path(folder), n=n, strangers=strangers, without=learnt)
        rows = _catalogue(job.corpus, queries, size, job.seed)
        basis = (source_digest(*_CODE), content_key(identity(job.corpus), [asdict(one) for one in queries], job.seed))
        setting = Setting(job.corpus, rows, tuple(queries), folder, str(job.cache), basis)
        setting = replace(setting, projections=_projections(job, chosen))
        done = _run_all(chosen, setting, job.jobs)
    report["catalogue"] = {"recordings": len(rows), "hours": sum(row.seconds for row in rows) / 3600.0}
    report["queries"] = [query.condition for query in queries if query.known]
    report["not_applicable"] = missing
    report["variants"] = [
        {"group": one.group, "name": one.name, "against": one.against, "limit": one.limit, **done[one.run]}
        for one in chosen
    ]
    return report


# --- helpers ----------------------------------------------------------------------------------------------------------


def _catalogue(corpus: Corpus, queries: Sequence[Query], size: int, seed: int) -> tuple[TrackRow, ...]:
    """Return the recordings that are asked for, and others from all sources in turn, up to `size`, in corpus order."""
    missing = set(corpus.missing())
    asked = {query.file for query in queries if query.known}
    there = [row for row in corpus.music if row.file not in missing]
    others = [row for row in spread(there, len(there), np.random.default_rng([seed, 31])) if row.file not in asked]
    wanted = asked | {row.file for row in others[: max(0, size - len(asked))]}
    return tuple(row for row in there if row.file in wanted)


def _run_all(chosen: Sequence[Variant], setting: Setting, jobs: int) -> dict[tuple[object, ...], dict[str, Any]]:
    """Run the distinct variants; the first of each index runs first, so that the others find it made."""
    distinct: dict[tuple[object, ...], Variant] = {}
    first: dict[tuple[object, ...], Variant] = {}
    for one in chosen:
        distinct.setdefault(one.run, one)
        first.setdefault(one.kept, one)
    rest = [one for one in distinct.values() if first[one.kept] is not one]
    prepared: dict[str, Any] = {"jobs": jobs, "prepare": open_setting, "given": (setting,)}
    order = [*first.values()]
    done = list(in_parallel(run_variant, order, what="variants with an index of their own", **prepared))
    done += in_parallel(run_variant, rest, what="other variants", **prepared)
    return {one.run: got for one, got in zip([*order, *rest], done, strict=True)}


def _projections(job: Job, chosen: Sequence[Variant]) -> tuple[tuple[tuple[object, ...], str], ...]:
    """Train the maps that variants need, on few pairs of half of the sources, none of which is asked for."""
    made = []
    pairs: dict[tuple[object, ...], tuple[Samples, Samples]] = {}
    for one in chosen:
        if not one.trained:
            continue
        params = replace(Params(), **dict(one.params))  # type: ignore[arg-type]
        patch = (params.patch_seconds, params.patch_semitones, params.patch_times, params.patch_bins)
        how = [EXCERPTS_PER_TRACK, job.seed, patch, params.dimension, one.trained]
        key = content_key(source_digest(*_TRAINING), identity(job.corpus), how)
        path = job.cache / "ablations" / f"projection-{key}.npz"
        if not path.is_file():
            if patch not in pairs:
                fewer = {"excerpts_per_track": EXCERPTS_PER_TRACK, "seed": job.seed, "jobs": job.jobs}
                pairs = {patch: training_pairs(job.corpus, 0, params=params, **fewer)}
            reference, query = pairs[patch]
            fit = fit_principal if one.trained == "pca" else fit_projection
            matrix, offset = fit(reference, query, params.dimension)
            write_atomically(path, projection_bytes(matrix, offset, fold_sources(job.corpus, 0)))
        made.append((one.kept, str(path)))
    return tuple(made)


PART = Part(
    name="ablations",
    title="Gain from each ingredient",
    question="How much does each design decision buy?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
