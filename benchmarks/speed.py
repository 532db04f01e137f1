"""How fast, how large, how much memory: adding and matching, stage by stage, against decoding alone.

    python -m benchmarks.speed                   on $SOURCEPRINT_CORPUS, or on synthesised music
    python -m benchmarks.speed --quick           less audio, no three-hour file

Everything is timed in processes of its own (`benchmarks.speed_steps`), on files made for it (`benchmarks.speed_audio`).
Audio and catalogue are kept in the cache; times never are, since a comparison holds within one run on one machine.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
from tqdm import tqdm

from benchmarks.catalogues import Side, catalogue
from benchmarks.data.corpus import Corpus
from benchmarks.part import MEASURED, Job, Part, Report, new_report, run_command
from benchmarks.speed_audio import endless, tracks
from benchmarks.speed_report import figures, pictures, tables
from benchmarks.speed_steps import command_seconds, machine_gain, run_step
from fingerprint.errors import ParameterError

__all__ = ["PART", "main", "measure"]

LONG_HOURS = 3.0
ABOUT = """\
How long adding and matching take, and on what. Every rate is seconds of audio per second of processor time on one core,
after a warm-up, the median of the repeats; comparisons of several processes, and starts, are elapsed time. *Decoding
alone* is the bare library (libsndfile or FFmpeg) reading the same files in the same process in turn with adding them:
nothing can be faster than that, so the distance to it is the cost of Sourceprint. Stages are told apart by interrupting
the program every two milliseconds and asking which stage is at work. Several jobs are compared with the gain of the
machine for several processes of plain arithmetic at the same time. Peak memory is that of the whole process, libraries
included; where it starts from is given. Shares and ratios can be compared between machines, seconds cannot.
"""


def measure(job: Job) -> Report:
    """Return all measurements, as plain JSON types.

    Raises
    ------
    ParameterError
        If no format can be decoded that tracks are matched in.
    """
    seconds, n, repeats = (60.0, 2, 1) if job.quick else (180.0, 3, 3)
    report = new_report("speed", job, track_seconds=seconds, tracks=n, repeats=repeats)
    bar = tqdm(total=8, desc="speed", file=sys.stderr, leave=False, disable=None, dynamic_ncols=True)
    with bar, tempfile.TemporaryDirectory(prefix="sourceprint-speed-") as name:
        folder = Path(name)
        index = str(catalogue(job.corpus, job.corpus.music, Side("", frozenset()), job.cache, jobs=job.jobs))
        songs, strangers = _audio(job, report, n, seconds)
        bar.update()
        report["formats"] = run_step("formats", files=songs, folder=name, repeats=repeats)
        bar.update()
        match = {
            what: run_step("match", index=index, files=files, repeats=repeats)
            for what, files in (("catalogue", songs["mp3"]), ("strangers", strangers))
            if files
        }
        bar.update()
        report["match"] = match
        report["stages"] = {
            "add": run_step("add_stages", files=songs["mp3"], folder=name, repeats=repeats),
            **{what: got.pop("stages") for what, got in match.items()},
        }
        bar.update()
        report["jobs"] = _jobs(job, songs["mp3"], folder)
        bar.update()
        report["start"] = _start(job, index, songs["mp3"][0], folder, match["catalogue"])
        bar.update()
        report["memory"] = {
            "libraries alone": run_step("import")["peak_mb"],
            "add": report["jobs"]["runs"][0]["peak_mb"],
            "match": max(got["peak_mb"] for got in match.values()),
        }
        if not job.quick:
            long = endless(songs["mp3"][0], folder / "long.mp3", seconds=seconds, hours=LONG_HOURS)
            added = run_step("add", files=[long], index=str(folder / "long"), jobs=1)
            matched = run_step("match", index=index, files=[long], repeats=1, warm_up=songs["mp3"][0], staged=False)
            report["memory"] |= {"add a 3-hour file": added["peak_mb"], "match a 3-hour file": matched["peak_mb"]}
            report["match"]["a 3-hour file"] = matched
        bar.update()
        info = run_step("info", index=index)
        report["index"] = {key: info[key] for key in ("hours", "bytes", "bytes_per_hour", "recordings")} | {
            key: info["layers"]["recording"][key] for key in ("kind", "landmarks", "lists")
        }
        bar.update()
    return report


def _audio(job: Job, report: Report, n: int, seconds: float) -> tuple[dict[str, list[str]], list[str]]:
    """Return tracks of the catalogue by format and mp3 tracks of strangers; notes missing formats in the report."""
    corpus = job.corpus
    there = [row for row in corpus.music if row.file not in set(corpus.missing())]
    songs, missing = tracks(corpus, there, job.cache, n=n, seconds=seconds, seed=job.seed)
    report["formats_missing"] = missing
    if "mp3" not in songs:
        raise ParameterError(f"mp3 {missing.get('mp3', '')}: install soundfile with MP3 support, version 0.13 or later")
    others = [row for row in corpus.generated if row.file not in set(corpus.missing())]
    report["settings"]["strangers"] = bool(others)
    if not others:
        return songs, []
    made, _ = tracks(corpus, others, job.cache, n=n, seconds=seconds, seed=job.seed, formats=("mp3",))
    return songs, made["mp3"]


def _jobs(job: Job, files: Sequence[str], folder: Path) -> dict[str, Any]:
    """Add the same files with one job and with several, between measures of the gain of the machine itself."""
    everything = _all_files(job.corpus)
    if job.quick or not everything:
        hours = 0.5 if job.quick else 3.0
        each = _mean_seconds(files)
        everything = [files[i % len(files)] for i in range(max(len(files), round(hours * 3600 / each)))]
    cores = os.cpu_count() or 1
    runs = []
    gains = {}
    for jobs in sorted({1, 2, cores}):
        runs.append({"jobs": jobs, **run_step("add", files=everything, index=str(folder / f"jobs{jobs}"), jobs=jobs)})
        if jobs > 1:
            gains[str(jobs)] = machine_gain(jobs, seconds=0.5 if job.quick else 2.0)
    return {"files": len(everything), "runs": runs, "machine_gain": gains}


def _mean_seconds(files: Sequence[str]) -> float:
    return sum(float(soundfile.info(file).duration) for file in files) / len(files)


def _all_files(corpus: Corpus) -> list[str]:
    return [str(path) for row in corpus.music if (path := corpus.path(row.file)) is not None and path.is_file()]


def _start(job: Job, index: str, track: str, folder: Path, match: dict[str, Any]) -> dict[str, float]:
    """Return elapsed seconds of commands from nothing, and of the same match where the program runs already."""
    line = ("match", "--index", index, track)
    command_seconds(*line)  # so that libraries and index come from the disk cache, kernels from numba's
    out = {
        "help": min(command_seconds("--help") for _ in range(3)),
        "match, new process": command_seconds(*line),
        "match, first in a running process": match["first_seconds"],
        "match, later in a running process": match["elapsed_seconds"] / len(match["matches"]),
    }
    if not job.quick:
        out["match, first ever: kernels are compiled"] = command_seconds(*line, NUMBA_CACHE_DIR=str(folder / "numba"))
    return out


PART = Part(
    name="speed",
    title="Speed and size",
    question="How fast, how large, how much memory, stage by stage, against decoding alone?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    code=(*MEASURED, "sourceprint"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
