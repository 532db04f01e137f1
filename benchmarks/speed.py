"""How fast, how large, how much memory: adding, matching, stage by stage, on one core.

    python -m benchmarks.speed                   on $SOURCEPRINT_CORPUS, or on synthesised music
    python -m benchmarks.speed --quick           less audio, no three-hour file

Everything is timed in a fresh process with one thread, after a warm-up that compiles and loads what the first file
would pay for; what a first file pays stands apart, as the cold start. Decoding is part of every rate, and is timed
alone on the same files in the same process, since it is the part that is not ours. Rates are seconds of audio per
second of processor time (of elapsed time where several jobs are compared), the median of the repeats. Peak memory is
that of the whole process, libraries included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.catalogues import Side, catalogue
from benchmarks.data.corpus import Corpus, TrackRow, open_corpus
from benchmarks.harness import (
    default_cache,
    facts,
    facts_line,
    json_bytes,
    markdown_table,
    one_thread,
    text_table,
    write_atomically,
)
from fingerprint.errors import SourceprintError

__all__ = ["main", "measure"]

Samples = NDArray[np.float32]
RATE_HZ = 44100
FORMATS: dict[str, dict[str, Any]] = {  # suffix: how libsndfile is asked to write it
    ".mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.6},
    ".ogg": {"format": "OGG", "subtype": "VORBIS"},
    ".flac": {"format": "FLAC", "subtype": "PCM_16"},
    ".wav": {"format": "WAV", "subtype": "PCM_16"},
}
TRACK_SECONDS, LONG_HOURS = 180.0, 3.0
_MATCH_STAGES = ("fingerprint", "search", "verify")
TARGETS = {"add mp3": 350.0, "match": 150.0, "peak memory": 600.0, "2 jobs": 1.8, "index": 3.0}
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 for a request that cannot be met."""
    parser = argparse.ArgumentParser(prog="speed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", help="corpus folder; default: $SOURCEPRINT_CORPUS, else synthesised music")
    parser.add_argument("--quick", action="store_true", help="less audio, no three-hour file")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the catalogue is kept between runs")
    parser.add_argument("--out", type=Path, help="write everything there as JSON")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--child", nargs=2, metavar=("STEP", "JSON"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        print(json.dumps(_CHILDREN[asked.child[0]](**json.loads(asked.child[1]))))
        return 0
    one_thread()
    try:
        report = measure(open_corpus(asked.corpus), asked.cache, quick=asked.quick)
    except SourceprintError as error:
        print(f"speed: {error}", file=sys.stderr)
        return 2
    if asked.out is not None:
        write_atomically(asked.out, json_bytes(report))
    table = markdown_table if asked.markdown else text_table
    print(table(("what", "measured", "target", "met"), report["rows"]))
    print("\n" + facts_line(report["facts"]))
    return 0


def measure(corpus: Corpus, cache: Path, *, quick: bool = False) -> dict[str, Any]:
    """Return everything that was measured, as plain JSON types, and `rows` of a table."""
    repeats = 1 if quick else 3
    index = catalogue(corpus, corpus.music, Side("", frozenset()), cache, jobs=2)
    report: dict[str, Any] = {"facts": facts(), "corpus": corpus.name, "repeats": repeats}
    with tempfile.TemporaryDirectory(prefix="sourceprint-speed-") as name:
        folder = Path(name)
        songs = [_joined(corpus, rows) for rows in _groups(corpus.music, 2 if quick else 6)]
        strangers = [_joined(corpus, rows) for rows in _groups(corpus.generated, 1 if quick else 3)]
        files = {suffix: _written(songs, folder, suffix, "song") for suffix in FORMATS}
        queries = _written(strangers, folder, ".mp3", "stranger")
        report["add"] = {
            suffix: _child("add_rate", files=paths, folder=str(folder / f"rate{suffix}"), repeats=repeats)
            for suffix, paths in files.items()
        }
        report["stages"] = _child("stages", file=files[".mp3"][0], repeats=repeats)
        report["match_known"] = _child("match", index=str(index), files=files[".mp3"], repeats=repeats)
        report["match_strangers"] = _child("match", index=str(index), files=queries, repeats=repeats)
        everything = files[".mp3"] if quick else [str(path) for path in _paths(corpus)] or files[".mp3"]
        for jobs in (1, 2):
            report[f"add_{jobs}_jobs"] = _child("add_all", files=everything, index=str(folder / f"j{jobs}"), jobs=jobs)
        report["cold"] = _cold(queries[0], index)
        if not quick:
            long = folder / "long.mp3"
            copies = round(LONG_HOURS * 3600.0 / TRACK_SECONDS)
            long.write_bytes(Path(files[".mp3"][0]).read_bytes() * copies)  # MP3 is a stream of frames: they may follow
            report["long_add"] = _child("add_all", files=[str(long)], index=str(folder / "long"), jobs=1)
            report["long_match"] = _child("match", index=str(index), files=[str(long)], repeats=1, warm_up=queries[0])
    report["index"] = _child("info", index=str(index))
    report["rows"] = list(_rows(report))
    return report


def _rows(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []

    def row(what: str, measured: float, unit: str, target: str = "", *, at_most: bool = False) -> None:
        limit = TARGETS.get(target)
        met = "" if limit is None else ("yes" if (measured <= limit if at_most else measured >= limit) else "NO")
        sign = "" if limit is None else f"{'<=' if at_most else '>='} {limit:g}"
        digits = 0 if measured >= 100 else 1 if measured >= 10 else 2
        rows.append((what, f"{measured:.{digits}f} {unit}", sign, met))

    for suffix, got in report["add"].items():
        row(f"add from {suffix[1:]}", got["rate"], "x real time", f"add {suffix[1:]}")
        row(f"  decoding alone, {suffix[1:]}", got["decode_rate"], "x real time")
        row(f"  the rest, {suffix[1:]}", got["rest_rate"], "x real time")
    for stage, seconds in report["stages"]["seconds_per_hour"].items():
        row(f"{stage}, per hour of audio", seconds, "s")
    for key, words in (("match_known", "music of the catalogue"), ("match_strangers", "music that is not in it")):
        got = report[key]
        row(f"match 3-minute tracks, {words}", got["rate"], "x real time", "match")
        for stage in _MATCH_STAGES:
            row(f"  {stage}, per hour of audio", got[f"{stage}_seconds_per_hour"], "s")
    one, two = report["add_1_jobs"], report["add_2_jobs"]
    row(f"add {one['audio_seconds'] / 3600:.1f} h, 1 job, writing included", one["rate"], "x real time")
    row("  2 jobs", two["rate"], "x real time")
    row("  2 jobs over 1", two["rate"] / one["rate"], "times", "2 jobs")
    row("peak memory, add", one["peak_mb"], "MB", "peak memory", at_most=True)
    row("peak memory, match", report["match_known"]["peak_mb"], "MB", "peak memory", at_most=True)
    if "long_add" in report:
        row("peak memory, add a 3-hour file", report["long_add"]["peak_mb"], "MB", "peak memory", at_most=True)
        row("peak memory, match a 3-hour file", report["long_match"]["peak_mb"], "MB", "peak memory", at_most=True)
        row("match a 3-hour file", report["long_match"]["rate"], "x real time")
    info = report["index"]
    row(
        f"index ({info['layers']['recording']['kind']}), per hour",
        info["bytes_per_hour"] / 1e6,
        "MB",
        "index",
        at_most=True,
    )
    for part, size in sorted(info["bytes"].items(), key=lambda item: -item[1]):
        if part != "total" and size > 0.005 * info["bytes"]["total"]:
            row(f"  {part}, per hour", size / info["hours"] / 1e6, "MB")
    row("cold start: --help", report["cold"]["help_seconds"], "s")
    row("cold start: match one track", report["cold"]["match_seconds"], "s")
    return rows


# --- in a process of its own ------------------------------------------------------------------------------------------


def _child(step: str, **given: Any) -> dict[str, Any]:
    line = [sys.executable, "-m", "benchmarks.speed", "--child", step, json.dumps(given)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SourceprintError(f"measuring {step} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _add_rate(*, files: list[str], folder: str, repeats: int) -> dict[str, Any]:
    from fingerprint.audio import open_audio

    def decode() -> float:
        total = 0.0
        for file in files:
            with open_audio(file) as stream:
                for _ in stream.blocks():
                    pass
                total += stream.duration_seconds
        return total

    runs = iter(range(repeats + 1))

    def add() -> object:
        return _add_all(files=files, index=f"{folder}/{next(runs)}", jobs=1)

    add()
    audio = decode()
    decoding, adding = _median_seconds(decode, repeats), _median_seconds(add, repeats)
    return {
        "audio_seconds": audio,
        "rate": audio / adding,
        "decode_rate": audio / decoding,
        "rest_rate": audio / max(adding - decoding, 1e-9),
    }


def _add_all(*, files: list[str], index: str, jobs: int) -> dict[str, Any]:
    from index.adding import Addition
    from index.intake import Intake
    from index.recording_list import Item

    items = tuple(Item(Path(file), id=f"{number}") for number, file in enumerate(files))
    started = time.perf_counter()
    outcomes = list(Addition(Path(index), jobs=jobs).run(Intake(items, ())))
    seconds = time.perf_counter() - started
    audio = sum(outcome.duration_ms for outcome in outcomes) / 1000.0
    return {"audio_seconds": audio, "seconds": seconds, "rate": audio / seconds, "peak_mb": _peak_mb()}


def _match(*, index: str, files: list[str], repeats: int, warm_up: str = "") -> dict[str, Any]:
    from index.recording_list import Item
    from index.scanning import scan_files

    list(scan_files(Path(index), [Item(Path(warm_up or files[0]))], jobs=1))
    items = [Item(Path(file)) for file in files]
    runs = []
    for _ in range(repeats):
        started = time.process_time()
        scans = list(scan_files(Path(index), items, jobs=1))
        runs.append((time.process_time() - started, scans))
    seconds, scans = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
    audio = sum(scan.duration_seconds or 0.0 for scan in scans)
    # Processor time, split over the stages as elapsed time is.
    elapsed = {stage: sum(getattr(scan, f"{stage}_seconds") for scan in scans) for stage in _MATCH_STAGES}
    per_hour = {
        f"{stage}_seconds_per_hour": 3600.0 / audio * seconds * elapsed[stage] / sum(elapsed.values())
        for stage in _MATCH_STAGES
    }
    matched = [len(scan.matches) for scan in scans]
    return {"audio_seconds": audio, "rate": audio / seconds, "matches": matched, "peak_mb": _peak_mb(), **per_hour}


def _stages(*, file: str, repeats: int) -> dict[str, Any]:
    from fingerprint.audio import decode
    from fingerprint.descriptors import describe, patches, smooth_cells
    from fingerprint.landmarks import find_landmarks
    from fingerprint.params import Params
    from fingerprint.projection import load_projection
    from fingerprint.spectrogram import cells, local_energy, log_cells

    params, projection = Params(), load_projection()
    y = decode(file, sample_rate=params.sample_rate)
    power = cells(y, params)

    def logs() -> Samples:
        return log_cells(power, local_energy(power, params), params)

    log_power = logs()
    found = find_landmarks(power, log_power, params, density=params.reference_density)

    def describe_all() -> Samples:
        return describe(patches(smooth_cells(log_power, params), found, params), projection)

    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: decode(file, sample_rate=params.sample_rate),
        "spectrogram": lambda: cells(y, params),
        "logarithm": logs,
        "landmarks": lambda: find_landmarks(power, log_power, params, density=params.reference_density),
        "descriptors": describe_all,
    }
    hours = len(y) / params.sample_rate / 3600.0
    describe_all()
    return {"seconds_per_hour": {name: _median_seconds(step, repeats) / hours for name, step in steps.items()}}


def _info(*, index: str) -> dict[str, Any]:
    from index.store import Store

    return Store.open(index).info()


_CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "add_rate": _add_rate,
    "add_all": _add_all,
    "match": _match,
    "stages": _stages,
    "info": _info,
}


# --- helpers ----------------------------------------------------------------------------------------------------------


def _cold(query: str, index: Path) -> dict[str, float]:
    """Return the seconds that two commands take in a fresh process, libraries loaded from a warm disk."""

    def seconds(*words: str) -> float:
        program = "import sys, cli; cli.main(sys.argv[1:])"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, check=False)
        return time.perf_counter() - started

    match = ("match", "--index", str(index), query)
    seconds(*match)
    return {"help_seconds": min(seconds("--help") for _ in range(3)), "match_seconds": seconds(*match)}


def _median_seconds(step: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        step()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def _peak_mb() -> float:
    """Return the peak memory of this process in MB; on Linux from VmHWM: ru_maxrss would include the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _groups(rows: Sequence[TrackRow], n: int) -> list[list[TrackRow]]:
    """Return `n` groups of rows that each last for `TRACK_SECONDS`, from all over the list."""
    order = np.random.default_rng(11).permutation(len(rows))
    groups: list[list[TrackRow]] = [[]]
    for i in order:
        if sum(row.seconds for row in groups[-1]) >= TRACK_SECONDS:
            groups.append([])
        groups[-1].append(rows[i])
    return groups[:n]


def _joined(corpus: Corpus, rows: Sequence[TrackRow]) -> Samples:
    """Return recordings one after the other [shape=(n, 2)], cut or looped to `TRACK_SECONDS`."""
    parts = [corpus.load_stereo(row.file, sample_rate=RATE_HZ) for row in rows]
    y = np.concatenate([part.T if part.ndim == 2 else np.stack([part, part], axis=1) for part in parts])
    return np.resize(y, (round(TRACK_SECONDS * RATE_HZ), 2))


def _written(songs: Sequence[Samples], folder: Path, suffix: str, name: str) -> list[str]:
    paths = []
    for number, y in enumerate(songs):
        path = folder / f"{name}{number}{suffix}"
        with soundfile.SoundFile(path, "w", RATE_HZ, 2, **FORMATS[suffix]) as file:
            for start in range(0, len(y), RATE_HZ):  # libvorbis overflows its stack on long blocks
                file.write(np.clip(y[start : start + RATE_HZ], -1.0, 1.0))
        paths.append(str(path))
    return paths


def _paths(corpus: Corpus) -> list[Path]:
    return [path for row in corpus.music if (path := corpus.path(row.file)) is not None]


if __name__ == "__main__":
    sys.exit(main())
