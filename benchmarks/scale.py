"""The index from a thousand recordings to a hundred thousand: build, size, opening, memory, query time, recall.

    python -m benchmarks.scale                       1 000 to 100 000 recordings: an hour or more, 30 GB of disk
    python -m benchmarks.scale --sizes 1000,3000     these sizes alone
    python -m benchmarks.scale --quick               two small catalogues

One catalogue grows from size to size (`benchmarks.scale_catalogue`), and every size is measured by the same queries, in
processes of their own (`benchmarks.scale_probe`). Measurements are kept: an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from benchmarks import scale_probe
from benchmarks.catalogues import LAYER, Side
from benchmarks.data.corpus import identity
from benchmarks.harness import content_key, in_parallel, json_bytes, source_digest, write_atomically
from benchmarks.part import MEASURED, Job, Part, Report, new_report, run_command
from benchmarks.scale_catalogue import Landscape, grow, nearness
from benchmarks.scale_probe import Excerpts, Newcomers, Stranger, Timed
from benchmarks.scale_report import figures, pictures, tables
from benchmarks.train_projection import trained_on
from benchmarks.trials import Excerpt, draw_excerpts, open_worker
from fingerprint.errors import ParameterError
from fingerprint.params import Params, shipped_digest
from index.folder.index import Index, LayerSpec
from index.vectors.exact import EXACT_LIMIT, use_threads

__all__ = ["PART", "SIZES", "main", "measure"]

SIZES: Final = (1_000, 3_000, 10_000, 30_000, 100_000)
QUICK_SIZES: Final = (60, 120)
CONDITIONS: Final = (
    "mp3_64k", "white_noise_0db", "ambience_0db", "music_0db", "music_-6db", "mel80_griffin_lim",
    "pitch_+3", "tempo_1.15", "speed_+4%", "pitch_+2_tempo_1.1",
)  # fmt: skip
QUICK_CONDITIONS: Final = ("mp3_64k", "pitch_+3")
DENSITIES: Final = (None, 15.0, 10.0, 7.5, 5.2)
"""Landmarks per second kept of references, for the curve of size against recall; None: all that the index has."""

PROBES: Final = (4, 8, 16, 32)
"""Lists visited per query, compared on the largest catalogue."""

THINNED = 1_000
NEARNESS_SIZES: Final = (10_000, 30_000, 100_000, 300_000, 1_000_000)
QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
PER_CONDITION, QUICK_PER_CONDITION = 16, 3
TIMED_SECONDS = (120.0, 260.0)
N_TIMED = 6

ABOUT = """\
All recordings of the corpus, and drawn ones of three and a half minutes: stretches of real ones at another pitch and
tempo, each descriptor moved by a share of the difference of two others. The first table compares how near unrelated
queries come to real and to drawn descriptors, as many of each. Then one catalogue grows, and is compacted at each size,
and the same queries go to it: excerpts of ten seconds, distorted, of sources that the projection was not trained on
(*found*: the right recording is reported at the default threshold); whole recordings that are timed, in the catalogue
and with their source filtered out; and recordings that must not be found, with everything that is reported at any rate.
*Private* is the memory that a matching process has for itself, *mapped* the memory that it shares with others. Times
are of one core, in a process that has matched one file before; *first* is that file. Building is one process with as
many threads as jobs; it includes drawing and compaction.

Inverted lists are compared with the exact index on the recordings of the corpus alone, where that is feasible. The
curve of size against recall keeps the most prominent landmarks of each reference only.
"""


def measure(job: Job) -> Report:
    """Return times, sizes and recall for every size of the catalogue."""
    sizes = _sizes(job)
    conditions = QUICK_CONDITIONS if job.quick else CONDITIONS
    n = job.options.get("per_condition") or (QUICK_PER_CONDITION if job.quick else PER_CONDITION)
    report = new_report(
        "scale", job, sizes=list(sizes), conditions=list(conditions), per_condition=n, seconds_of_drawn=210.0
    )
    run = _Run(job, conditions, n)
    report["held_out"] = sorted(run.held_out)
    report["sizes"] = [run.kept(f"size-{size}", functools.partial(run.size, size)) for size in sizes]
    report["probes"] = [
        run.kept(f"probes-{sizes[-1]}-{nprobe}", functools.partial(run.probes, nprobe)) for nprobe in PROBES
    ]
    report["nearness"] = run.kept("nearness", run.nearness)
    report["exact"] = run.kept("exact", run.exact)
    report["densities"] = [
        run.kept(f"density-{density}", functools.partial(run.density, density))
        for density in (DENSITIES[:2] if job.quick else DENSITIES)
    ]
    return report


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Run:
    """Recordings, excerpts and cache folder, shared by all measurements."""

    def __init__(self, job: Job, conditions: tuple[str, ...], n: int) -> None:
        self.job, self.conditions, self.n = job, conditions, n
        code = source_digest(*PART.code, "benchmarks/scale_catalogue.py", "benchmarks/scale_probe.py")
        key = content_key(code, shipped_digest(), identity(job.corpus), job.seed, n, conditions)
        self.folder = job.cache / f"scale-{key}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.held_out = frozenset(row.source for row in job.corpus.music) - trained_on()
        self.real = self._landscape()
        self.pool = self.real.of_sources(self.held_out, inside=False)
        if not self.pool.files:  # a corpus that the projection does not know at all
            self.pool = self.real
        self.excerpts = self._excerpts()

    def kept(self, name: str, made: Callable[[], Any]) -> Any:
        """Return a result from the folder, or make it and keep it there."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            write_atomically(path, json_bytes(made()))
        return json.loads(path.read_text(encoding="utf-8"))

    def nearness(self) -> list[dict[str, Any]]:
        """Compare drawn with real descriptors."""
        use_threads(self.job.jobs)
        asked = self.real.of_sources(self.held_out, inside=True).vectors
        rng = np.random.default_rng(self.job.seed)
        queries = asked[np.sort(rng.choice(len(asked), min(1_000, len(asked)), replace=False))]
        sizes = [size for size in NEARNESS_SIZES if not self.job.quick or size <= 30_000]
        return nearness(queries, self.pool, sizes, QUANTILES)

    def exact(self) -> dict[str, Any]:
        """Compare the exact index with lists, on the recordings of the corpus alone."""
        indexes = []
        for name, limit in (("exact", 10**9), ("lists", 0)):
            indexes.append(self._index(name, self.real, len(self.real.files), exact_limit=limit))
        exact, lists = self._recall(tuple(indexes))
        return {"recordings": len(self.real.files), "exact": exact, "lists": lists}

    def density(self, per_second: float | None) -> dict[str, Any]:
        """Measure recall and size where only so many landmarks per second of a reference are kept."""
        size = max(THINNED, len(self.real.files)) if not self.job.quick else 2 * len(self.real.files)
        index = self._index(f"density-{per_second}", self.real, size, per_second=per_second)
        info = Index.open(index).info()
        (found,) = self._recall((index,))
        shutil.rmtree(index)
        return {
            "per_second": per_second,
            "recordings": size,
            "landmarks_per_second": info["layers"][LAYER]["landmarks"] / (info["hours"] * 3600.0),
            "bytes_per_hour": info["bytes_per_hour"],
            "found": found,
        }

    def size(self, size: int) -> dict[str, Any]:
        """Grow the catalogue to `size` recordings and measure it."""
        started = time.perf_counter()
        before = self._recordings("index")
        index = self._index("index", self.real, size)
        built = time.perf_counter() - started
        started = time.perf_counter()
        use_threads(self.job.jobs)
        with Index.open(index).writer() as writer:
            writer.compact()
        compacted = time.perf_counter() - started
        info = Index.open(index).info()
        files = self._timed_files()
        (probed,) = self._alone(scale_probe.probe, [Timed(index, files)], "timing")
        (found,) = self._recall((index,))
        strangers = self._together(scale_probe.stranger, self._strangers(index), "strangers")
        added = None
        newcomers = tuple(
            str(path) for row in self.job.corpus.generated if (path := self.job.corpus.path(row.file)) is not None
        )
        if newcomers:
            (added,) = self._alone(scale_probe.add, [Newcomers(index, newcomers)], "adding")
        return {
            "recordings": size,
            "added": size - before,
            "build_seconds": built,
            "compact_seconds": compacted,
            "landmarks": info["layers"][LAYER]["landmarks"],
            "lists": info["layers"][LAYER]["lists"],
            "hours": info["hours"],
            "bytes": info["bytes"],
            "bytes_per_hour": info["bytes_per_hour"],
            "probe": probed,
            "found": found,
            "strangers": {
                "hours": sum(one["seconds"] for one in strangers) / 3600.0,
                "stated": sorted(rate for one in strangers for rate in one["stated"]),
            },
            "add": added,
        }

    def probes(self, nprobe: int) -> dict[str, Any]:
        """Measure recall where so many lists are visited, on the catalogue as it is, and the elapsed time."""
        started = time.perf_counter()
        (found,) = self._recall((str(self.folder / "index"),), nprobe)
        return {"nprobe": nprobe, "found": found, "seconds": time.perf_counter() - started}

    def _landscape(self) -> Landscape:
        path = self.folder / "landmarks.npz"
        if not path.exists():
            there = [row for row in self.job.corpus.music if row.file not in set(self.job.corpus.missing())]
            made = self._together(scale_probe.describe, [row.file for row in there], "describing")
            known = {file: one for file, one in made if one is not None}
            rows = [row for row in there if row.file in known]
            prints = [known[row.file] for row in rows]
            np.savez(
                path,
                files=np.array([row.file for row in rows]),
                sources=np.array([row.source for row in rows]),
                bounds=np.cumsum([0, *(one.times.size for one in prints)]),
                times=np.concatenate([one.times for one in prints]),
                bins=np.concatenate([one.bins for one in prints]),
                vectors=np.concatenate([one.vectors[0] for one in prints]),
                prominence=np.concatenate([one.prominence for one in prints]),
                seconds=np.array([one.duration_seconds for one in prints]),
            )
        with np.load(path) as stored:
            return Landscape(
                [str(file) for file in stored["files"]],
                [str(source) for source in stored["sources"]],
                *(stored[name] for name in ("bounds", "times", "bins", "vectors", "prominence", "seconds")),
            )

    def _excerpts(self) -> list[Excerpt]:
        drawn: list[Excerpt] = []
        many = self.n
        known = set(self.real.files)
        others = [row.file for row in self.job.corpus.music if row.file not in known]
        while len(drawn) < self.n:
            many *= 2
            every = draw_excerpts(self.job.corpus, many, self.job.seed, self.job.cache / "excerpts", without=others)
            drawn = [excerpt for excerpt in every if excerpt.source in self.held_out]
        given = (self.job.corpus, self._sides(""))
        return list(
            in_parallel(
                scale_probe.cut, drawn[: self.n], jobs=self.job.jobs, what="excerpts", prepare=open_worker, given=given
            )
        )

    def _index(
        self, name: str, real: Landscape, size: int, *, per_second: float | None = None, exact_limit: int = EXACT_LIMIT
    ) -> str:
        path = self.folder / name
        if not (path / "manifest.json").exists():
            shutil.rmtree(path, ignore_errors=True)
            Index.create(path, {LAYER: LayerSpec(Params().to_dict(), Params().dimension)})
        use_threads(self.job.jobs)
        with tqdm(total=size, desc=f"growing {name}", file=sys.stderr, leave=False, disable=None) as bar:
            for done in grow(path, real, self.pool, size, per_second=per_second, exact_limit=exact_limit):
                bar.update(done - bar.n)
        return str(path)

    def _recordings(self, name: str) -> int:
        path = self.folder / name
        return len(Index.open(path).snapshot().recordings) if (path / "manifest.json").exists() else 0

    def _sides(self, index: str) -> tuple[Side, ...]:
        return (Side("", self.held_out, index),)

    def _recall(self, indexes: tuple[str, ...], nprobe: int | None = None) -> list[list[dict[str, Any]]]:
        """Return, for each index, how many excerpts were found under each condition, and other matches."""
        tasks = [
            Excerpts(excerpt, (condition,), self.job.seed, indexes, str(self.job.cache), nprobe)
            for condition in self.conditions
            for excerpt in self.excerpts
        ]
        given = (self.job.corpus, self._sides(indexes[0]))
        answers = [
            answer
            for several in in_parallel(
                scale_probe.question,
                tasks,
                jobs=max(self.job.jobs, 2),
                what="queries",
                prepare=open_worker,
                given=given,
            )
            for answer in several
        ]
        return [
            [
                _found(condition, [a for a in answers if a["condition"] == condition and a.get("index", 0) == number])
                for condition in self.conditions
            ]
            for number in range(len(indexes))
        ]

    def _timed_files(self) -> tuple[str, ...]:
        low, high = TIMED_SECONDS
        rows = [
            (file, seconds)
            for file, source, seconds in zip(self.real.files, self.real.sources, self.real.seconds, strict=True)
            if source in self.held_out
        ]
        fitting = [file for file, seconds in rows if low <= seconds <= high] or [file for file, _ in rows]
        return tuple(sorted(fitting)[:: max(1, len(fitting) // N_TIMED)][:N_TIMED])

    def _strangers(self, index: str) -> list[Stranger]:
        own: dict[str, tuple[str, ...]] = {}
        for source in self.held_out:
            own[source] = tuple(f for f, s in zip(self.real.files, self.real.sources, strict=True) if s == source)
        corpus = self.job.corpus
        absent = set(corpus.missing())
        tasks = [Stranger(index, row.file) for row in corpus.generated if row.file not in absent]
        return tasks + [Stranger(index, file, own[source]) for source in sorted(own) for file in own[source]]

    def _together(self, work: Callable[[Any], Any], tasks: Sequence[Any], what: str) -> list[Any]:
        jobs = max(self.job.jobs, 2)  # processes of their own, that see the index as it is now
        given = (self.job.corpus,)
        return list(in_parallel(work, tasks, jobs=jobs, what=what, prepare=scale_probe.start, given=given))

    def _alone(self, work: Callable[[Any], Any], tasks: Sequence[Any], what: str) -> list[Any]:
        """Do one task in one process: the second of `_together` has nothing to do and is not started."""
        return self._together(work, tasks, what)


def _found(condition: str, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    searched = [answer for answer in answers if answer["status"] != "not applicable"]
    others = [other for answer in searched for other in answer.get("others", ()) if other["false_per_1000h"] <= 1.0]
    return {
        "condition": condition,
        "trials": len(searched),
        "found": sum(answer["found"] for answer in searched),
        "first": sum(answer.get("first", False) for answer in searched),
        "others": len(others),
        "drawn_reported": sum(other["id"].startswith("drawn-") for other in others),
    }


def _sizes(job: Job) -> tuple[int, ...]:
    asked = job.options.get("sizes")
    if asked is None:
        return QUICK_SIZES if job.quick else SIZES
    try:
        sizes = tuple(int(word.replace("_", "")) for word in asked.split(","))
    except ValueError as error:
        raise ParameterError(f"sizes={asked!r}: must be whole numbers with commas between them") from error
    if any(b <= a for a, b in zip((0, *sizes), sizes, strict=False)):
        raise ParameterError(f"sizes={asked!r}: must rise")
    return sizes


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", help="comma-separated numbers of recordings, rising; default: 1000 to 100000")
    parser.add_argument("--per-condition", type=int, help=f"excerpts per condition ({PER_CONDITION})")


PART = Part(
    name="scale",
    title="From a thousand recordings to a hundred thousand",
    question="How do size, time and recall grow up to a catalogue of 100 000 recordings?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=_add_options,
    code=(*MEASURED, "sourceprint"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
