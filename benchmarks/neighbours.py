"""Neighbours and recordings found in catalogues of several sizes, before and after a change of the index.

    python -m benchmarks.neighbours                              the corpus alone, and 6 million landmarks
    python -m benchmarks.neighbours --before ../earlier          the same by an earlier checkout too, in turns
    python -m benchmarks.neighbours --sizes 60000000             another size; peak of the disk: twice the index
    python -m benchmarks.neighbours --quick                      small catalogues

A neighbour of a landmark of a distorted excerpt is true if it lies where the landmark comes from. Every step is a
process of its own (`benchmarks.neighbours_child`), run with the code of the version that is measured.
Steps of committed code are kept: an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogues import Side
from benchmarks.data.corpus import identity
from benchmarks.harness import content_key, in_parallel, json_bytes, source_digest, write_atomically
from benchmarks.part import MEASURED, Figure, Job, Part, Picture, Report, Table, new_report, run_command
from benchmarks.scale import CONDITIONS, QUICK_CONDITIONS
from benchmarks.scale_catalogue import Landscape
from benchmarks.train_projection import trained_on
from benchmarks.train_quantiser import landscape
from benchmarks.trials import Excerpt, Trial, cut_excerpt, draw_excerpts, make, open_worker
from fingerprint.errors import AudioError, ParameterError, SourceprintError
from fingerprint.extract import fingerprint_file
from fingerprint.params import Params, shipped_digest

__all__ = ["PART", "Asked", "main", "measure", "true_among"]

ROOT: Final = Path(__file__).resolve().parent.parent
CHANGED: Final = "+"
CHILD: Final = Path(__file__).with_name("neighbours_child.py")
SIZES: Final = (0, 6_000_000)  # 0: the recordings of the corpus alone
QUICK_SIZES: Final = (0, 60_000)
EXCERPTS, QUICK_EXCERPTS = 16, 2
QUERIES: Final = 4_000
PROBES: Final = (4, 8, 16)
COLUMNS: Final = ("bounds", "times", "bins", "vectors", "prominence", "seconds")  # of a landscape, in its order
DRAWN_LANDMARKS: Final = 4_100  # in a drawn recording, about
NEAR_SECONDS, NEAR_CELLS = 6 * 128 / 11_025, 2.0

ABOUT: Final = """\
Excerpts of ten seconds, distorted, are looked for in all recordings of the corpus and in as many drawn recordings as
make up the size (`benchmarks.scale_catalogue`). *True* is the share of their landmarks with a neighbour among the first
two that lies in the right recording within 70 ms and two cells of the right place, without votes and alignment; *us* is
processor time for one descriptor. *Found* are excerpts for which the right recording is reported at the default
threshold, and *s* the processor time to match them all, without decoding. *Lists* are those visited per descriptor.
*Before* is an earlier version of the program, on the same recordings and excerpts, its steps in turns with those of
*now*; all on one thread. Building includes drawing and compaction. Excerpts are of sources that neither the projection
nor the quantiser was trained on, and recordings are drawn from others of these.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Descriptors of distorted excerpts, and where they come from.

    Attributes
    ----------
    vectors : ndarray [shape=(q, d), dtype=float32]
        Unit descriptors.
    owners : ndarray [shape=(q,), dtype=int64]
        Recording, by place in the landscape.
    seconds, bins : ndarray [shape=(q,), dtype=float64]
        Place in that recording.
    """

    vectors: NDArray[np.float32]
    owners: NDArray[np.int64]
    seconds: NDArray[np.float64]
    bins: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Track:
    """A distorted excerpt: its file, the place of its recording in the landscape, and its landmarks as `Asked`."""

    path: str
    owner: int
    condition: str
    columns: tuple[NDArray[Any], ...]


def measure(job: Job) -> Report:
    """Return the report: for every size and version, what is found, and its time, size and memory."""
    conditions = QUICK_CONDITIONS if job.quick else CONDITIONS
    sizes = job.options.get("sizes") or (QUICK_SIZES if job.quick else SIZES)
    probes = job.options.get("probes") or PROBES
    versions = {"now": ROOT}
    if job.options.get("before"):
        before = Path(job.options["before"]).resolve()
        if not (before / "benchmarks" / "scale_catalogue.py").is_file():
            raise ParameterError(f"before={str(before)!r}: holds no benchmarks; name a checkout of an earlier version")
        versions = {"before": before, "now": ROOT}
    report = new_report(
        "neighbours", job, sizes=list(sizes), conditions=list(conditions), queries=QUERIES, probes=list(probes)
    )
    report["commits"] = {name: _commit(root) for name, root in versions.items()}
    folder = job.cache / "neighbours"
    folder.mkdir(parents=True, exist_ok=True)
    landmarks, real, pool, held_out = _music(job, folder)
    tracks = _tracks(job, real, held_out - set(pool.sources) or held_out, conditions)
    columns = [np.concatenate(one) for one in zip(*(track.columns for track in tracks), strict=True)]
    some = np.sort(np.random.default_rng(job.seed).permutation(len(columns[0]))[:QUERIES])
    asked = Asked(*(column[some] for column in columns))
    np.save(folder / "asked.npy", asked.vectors)
    report["asked"], report["tracks"] = len(asked.vectors), len(tracks)
    report["rows"] = []
    for size in sizes:
        n = len(real.files) + max(0, -((len(real.vectors) - size) // DRAWN_LANDMARKS))
        key = content_key(n, landmarks.name, [track.path for track in tracks], list(probes), QUERIES)
        places = {name: folder / f"{name}-{_code(root)}-{key}" for name, root in versions.items()}
        built = {
            name: _kept(place, "built", functools.partial(_built, versions[name], place, landmarks, n))
            for name, place in places.items()
        }
        for name, root in versions.items():
            search = functools.partial(_searched, root, folder, places[name], tracks, probes, len(real.files))
            searched = _kept(places[name], "searched", search)
            if searched["first"] != real.files:
                raise SourceprintError(f"{name}: the index does not begin with the recordings of the corpus")
            rows = np.load(f"{places[name]}.npy")
            for way, found in zip(searched["ways"], rows, strict=True):
                report["rows"].append(_row(name, size, n, built[name], searched, way, true_among(found, asked, real)))
                report["rows"][-1]["found"] = _by_condition(tracks, way["found"], real)
                report["rows"][-1]["drawn"] = sum(one.startswith("drawn-") for ids in way["found"] for one in ids)
        for place in places.values():
            shutil.rmtree(place, ignore_errors=True)
    return report


def true_among(rows: NDArray[np.int64], asked: Asked, real: Landscape) -> NDArray[np.bool_]:
    """Return which queries have a true neighbour among their rows [shape=(q, k)]; the rows of `real` come first."""
    is_real = (rows >= 0) & (rows < len(real.vectors))
    place = np.where(is_real, rows, 0)
    near = np.abs(real.times[place] - asked.seconds[:, None]) < NEAR_SECONDS
    near &= np.abs(real.bins[place] - asked.bins[:, None]) < NEAR_CELLS
    owner = np.searchsorted(real.bounds, place, side="right") - 1
    there: NDArray[np.bool_] = (is_real & near & (owner == asked.owners[:, None])).any(axis=1)
    return there


def tables(report: Report) -> list[Table]:
    """Return the tables of a report."""
    found = [
        [
            _size(row),
            row["version"],
            str(row["nprobe"]),
            f"{row['microseconds']:.1f}",
            f"{100 * row['true']:.1f} %",
            f"{sum(n for n, _ in row['found'].values())}/{sum(n for _, n in row['found'].values())}",
            f"{row['match_seconds']:.1f}",
            str(row["drawn"]),
        ]
        for row in report["rows"]
    ]
    cost = {(row["landmarks"], row["version"]): row for row in report["rows"]}
    costs = [
        [
            _size(row),
            row["version"],
            f"{row['build_seconds']:.0f}",
            f"{row['build_mb']:.0f}",
            f"{row['bytes'] / 1e6:.0f}",
            f"{row['bytes'] / 1e6 / row['hours']:.2f}",
            f"{row['most_on_disk'] / 1e6:.0f}",
            "" if row["private_mb"] is None else f"{row['private_mb']:.0f}",
        ]
        for row in cost.values()
    ]
    conditions = report["settings"]["conditions"]
    by_condition = [
        [_size(row), row["version"], str(row["nprobe"]), *("/".join(map(str, row["found"][one])) for one in conditions)]
        for row in report["rows"]
    ]
    said = "; ".join(f"{name}: commit {commit}" for name, commit in report["commits"].items() if commit)
    note = f"{report['asked']} landmarks of {report['tracks']} excerpts. {said}."
    head = ("landmarks", "version", "lists")
    return [
        Table("What is found", (*head, "us", "true", "found", "s", "drawn reported"), found, note),
        Table(
            "What it costs",
            (*head[:2], "build, s", "build, MB", "MB", "MB/h", "most on disk, MB", "private, MB"),
            costs,
            "Build: processor seconds and peak memory. Private: memory of a matching process that no other shares.",
        ),
        Table("Excerpts found by condition", (*head, *conditions), by_condition),
    ]


def figures(report: Report) -> list[Figure]:
    """Return the figures to compare between versions: those of the largest size."""
    largest = max((row["landmarks"] for row in report["rows"]), default=0)
    return [
        Figure(f"true neighbours, {row['nprobe']} lists, {_size(row)} landmarks", 100 * row["true"], "%")
        for row in report["rows"]
        if row["landmarks"] == largest and row["version"] == "now"
    ]


def pictures(_report: Report, _folder: Path) -> list[Picture]:
    """Draw nothing."""
    return []


# --- helpers ----------------------------------------------------------------------------------------------------------


def _size(row: dict[str, Any]) -> str:
    return f"{row['landmarks']:,}".replace(",", " ")


def _row(
    version: str,
    size: int,
    n: int,
    built: dict[str, Any],
    searched: dict[str, Any],
    way: dict[str, Any],
    true: NDArray[np.bool_],
) -> dict[str, Any]:
    return {
        "version": version,
        "asked_size": size,
        "recordings": n,
        "landmarks": built["landmarks"],
        "hours": built["hours"],
        "nprobe": way["nprobe"],
        "microseconds": 1e6 * way["search_seconds"] / len(true),
        "true": float(true.mean()),
        "match_seconds": way["match_seconds"],
        "build_seconds": built["processor_seconds"],
        "build_mb": built["memory_mb"],
        "bytes": built["bytes"],
        "most_on_disk": built["most_on_disk"],
        "private_mb": searched["private_mb"],
    }


def _music(job: Job, folder: Path) -> tuple[Path, Landscape, Landscape, frozenset[str]]:
    """Return the recordings of the corpus, those that others are drawn from, the file of both, and held-out sources."""
    sources = frozenset(row.source for row in job.corpus.music)
    held_out = sources - trained_on() or sources
    key = content_key(source_digest("fingerprint"), shipped_digest(), identity(job.corpus), sorted(held_out))
    path = folder / f"landmarks-{key}.npz"
    if not path.exists():
        real = landscape(job.corpus, sources)
        pool = real.of_sources(frozenset(sorted(held_out)[1::2]) or held_out, inside=True)
        columns: dict[str, Any] = {
            f"{name}_{column}": np.asarray(getattr(part, column))
            for name, part in (("real", real), ("pool", pool))
            for column in ("files", "sources", *COLUMNS)
        }
        buffer = io.BytesIO()
        np.savez(buffer, **columns)
        write_atomically(path, buffer.getvalue())
    with np.load(path) as stored:
        real, pool = (
            Landscape(
                stored[f"{part}_files"].tolist(),
                stored[f"{part}_sources"].tolist(),
                *(stored[f"{part}_{name}"] for name in COLUMNS),
            )
            for part in ("real", "pool")
        )
    return path, real, pool, held_out


def _tracks(job: Job, real: Landscape, sources: frozenset[str], conditions: Sequence[str]) -> list[_Track]:
    wanted = QUICK_EXCERPTS if job.quick else EXCERPTS
    excerpts: list[Excerpt] = []
    many = wanted
    while len(excerpts) < wanted:
        many *= 2
        every = draw_excerpts(job.corpus, many, job.seed, job.cache / "excerpts")
        excerpts = [one for one in every if one.source in sources and one.file in real.files]
    given = (job.corpus, (Side("", sources),))
    cut = list(
        in_parallel(cut_excerpt, excerpts[:wanted], jobs=job.jobs, what="excerpts", prepare=open_worker, given=given)
    )
    tasks = [
        (Trial(condition, one, job.seed), real.files.index(one.file), str(job.cache))
        for condition in conditions
        for one in cut
    ]
    made = in_parallel(_described, tasks, jobs=job.jobs, what="queries", prepare=open_worker, given=given)
    return [one for one in made if one is not None]


def _described(task: tuple[Trial, int, str]) -> _Track | None:
    """Return an excerpt under a condition; None where there is nothing."""
    trial, owner, cache = task
    made = make(trial, Path(cache))
    if made.status == "not applicable":
        return None
    try:
        query = fingerprint_file(made.path, role="track", scales=(1.0,))
    except AudioError:
        return None
    seconds = trial.excerpt.start_seconds + np.array([made.to_source(at) for at in query.times.tolist()])
    bins = query.bins.astype(np.float64) - made.pitch_semitones * Params().bins_per_octave / 12
    columns = (query.vectors[0], np.full(query.times.size, owner), seconds, bins)
    return _Track(str(made.path), owner, trial.condition, columns)


def _built(root: Path, index: Path, landmarks: Path, recordings: int) -> dict[str, Any]:
    shutil.rmtree(index, ignore_errors=True)
    return _run(root, step="build", index=str(index), landmarks=str(landmarks), recordings=recordings)


def _searched(
    root: Path, folder: Path, index: Path, tracks: Sequence[_Track], probes: Sequence[int], n_real: int
) -> dict[str, Any]:
    places = {"index": index, "asked": folder / "asked.npy", "out": Path(f"{index}.npy")}
    given = {key: str(path) for key, path in places.items()}
    paths = [track.path for track in tracks]
    return _run(root, step="search", tracks=paths, probes=list(probes), n_real=n_real, **given)


def _kept(index: Path, step: str, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a step said, made before or now: a run that was stopped goes on. Changed files are measured anew."""
    path = Path(f"{index}-{step}.json")
    if CHANGED in index.name or not path.exists():
        write_atomically(path, json_bytes(made()))
    said: dict[str, Any] = json.loads(path.read_bytes())
    return said


def _run(root: Path, **given: Any) -> dict[str, Any]:
    """Return what a step of a version says, run in a process of its own."""
    line = [sys.executable, "-P", str(CHILD), json.dumps(given)]
    done = subprocess.run(line, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, check=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _by_condition(
    tracks: Sequence[_Track], found: Sequence[Sequence[str]], real: Landscape
) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for track, ids in zip(tracks, found, strict=True):
        right, n = counts.get(track.condition, (0, 0))
        counts[track.condition] = (right + (real.files[track.owner] in ids), n + 1)
    return counts


def _commit(root: Path) -> str:
    """Return the commit of a checkout; "" outside git."""
    return _git(root, "rev-parse", "--short", "HEAD")


def _code(root: Path) -> str:
    """Return the state of the code that is measured, with "+" where files have changed since their commit."""
    state = _git(root, "rev-parse", *(f"HEAD:{part}" for part in MEASURED))
    is_known = state and not _git(root, "status", "--porcelain", "--", *MEASURED)
    return f"{content_key(state)}{'' if is_known else CHANGED}"


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False, text=True).stdout.strip()


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=int, nargs="+", help="landmarks; default: the corpus alone (0), and 6 million")
    parser.add_argument("--probes", type=int, nargs="+", help="lists visited per descriptor; default: 4 8 16")
    parser.add_argument("--before", help="checkout of an earlier version, measured in turns with this one")


PART = Part(
    name="neighbours",
    title="What the index finds, before and after",
    question="How many neighbours and recordings does the search find, in which time, size and memory?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=_add_options,
    code=MEASURED,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
