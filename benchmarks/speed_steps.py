"""Timed steps of the speed report, each in a fresh process of one thread: `run_step` starts it.

Rates count processor time after a warm-up, so that no file pays for compiling and loading; steps that compare several
processes, or start one, count elapsed time. Peak memory is that of the whole process, libraries included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import one_thread
from benchmarks.stage_clock import StageClock, Stages
from fingerprint.errors import SourceprintError

__all__ = ["ADD_STAGES", "MATCH_STAGES", "STEPS", "command_seconds", "machine_gain", "run_step"]

ROOT = Path(__file__).resolve().parent.parent

_FINGERPRINT_STAGES = {
    "fingerprint/disk.py": "decode",
    "fingerprint/audio/decoders.py": "decode",
    "fingerprint/audio/containers.py": "decode",
    "fingerprint/audio/ffmpeg.py": "decode",
    "fingerprint/audio/frames.py": "decode",
    "fingerprint/audio/lengths.py": "decode",
    "fingerprint/audio/libsndfile.py": "decode",
    "fingerprint/audio/timeline.py": "decode",
    "fingerprint/audio/windows.py": "decode",
    "fingerprint/audio/downmix.py": "mix to mono",
    "fingerprint/audio/stream.py": "mix to mono",
    "fingerprint/audio/stream.py:_resampled": "resample",
    "fingerprint/audio/stream.py:_cut_into_blocks": "resample",
    "fingerprint/spectrogram.py": "spectrogram",
    "fingerprint/landmarks.py": "landmarks",
    "fingerprint/landmarks.py:smooth_cells": "descriptors",
    "fingerprint/landmarks.py:patches": "descriptors",
    "fingerprint/landmarks.py:describe": "descriptors",
    "fingerprint/extract.py": "other",
}
ADD_STAGES = {
    **_FINGERPRINT_STAGES,
    "index/vectors": "write",
    "index/folder/writer.py": "write",
    "sourceprint/catalogue/additions.py": "write",
}
"""Stages of adding, by the files and folders whose work they are; see `benchmarks.stage_clock`."""

MATCH_STAGES = {
    **_FINGERPRINT_STAGES,
    "index/vectors": "search",
    "index/search/match.py:_neighbours": "search",
    "index/search/hypotheses.py": "voting",
    "index/search/alignment.py": "alignment",
    "index/search": "decision",
    "sourceprint/scans/scan.py": "other",
}
"""Stages of matching; "decision" includes explaining away: which passage takes which landmarks."""

_SPIN = """
import sys, time
import numpy as np, scipy.fft
y = np.random.default_rng(0).standard_normal((256, 1024)).astype(np.float32)
def spin(seconds):
    n, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        scipy.fft.rfft(y, axis=1); n += 1
    return n
spin(0.2)
print("ready", flush=True)
sys.stdin.readline()
print(spin(float(sys.argv[1])))
"""


def run_step(step: str, **given: Any) -> dict[str, Any]:
    """Run one of `STEPS` in a process of its own and return its measurements.

    Raises
    ------
    SourceprintError
        If the process fails; with its last words.
    """
    line = [sys.executable, "-m", "benchmarks.speed_steps", step]
    done = subprocess.run(
        line, cwd=ROOT, input=json.dumps(given), capture_output=True, text=True, check=False, env=_environment()
    )
    if done.returncode:
        raise SourceprintError(f"measuring {step} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def command_seconds(*words: str, **environment: str) -> float:
    """Return the elapsed seconds that the command `sourceprint` takes in a process of its own.

    Raises
    ------
    SourceprintError
        If it fails.
    """
    program = "import sys, cli; cli.main(sys.argv[1:])"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=_environment() | environment,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SourceprintError(f"sourceprint {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return seconds


def machine_gain(jobs: int, *, seconds: float) -> float:
    """Return how much more plain arithmetic `jobs` processes get done at once than one: the limit for several jobs."""

    def done(n: int) -> float:
        line = [sys.executable, "-c", _SPIN, str(seconds)]
        running = [
            subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment())
            for _ in range(n)
        ]
        for process in running:
            process.stdout.readline()  # type: ignore[union-attr]
        for process in running:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        return float(sum(int(process.communicate()[0]) for process in running))

    return statistics.median(done(jobs) / max(done(1), 1.0) for _ in range(3))


# --- in a process of its own ------------------------------------------------------------------------------------------


def _formats(*, files: dict[str, list[str]], folder: str, repeats: int) -> dict[str, Any]:
    """Time, in turn, decoding alone and adding for every format; medians over the repeats."""
    from fingerprint.audio.stream import open_audio

    first = next(iter(files.values()))[:1]
    _add(files=first, index=f"{folder}/warm", jobs=1)
    out: dict[str, dict[str, Any]] = {}
    for name, paths in files.items():
        with open_audio(paths[0]) as stream:
            out[name] = {"decoder": stream.info.decoder}
        out[name]["audio_seconds"] = sum(_decode_alone(path, out[name]["decoder"]) for path in paths)
        out[name]["bytes_per_hour"] = sum(os.path.getsize(path) for path in paths) * 3600 / out[name]["audio_seconds"]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in files}
    for turn in range(repeats):
        for name, paths in files.items():
            started = time.process_time()
            for path in paths:
                _decode_alone(path, out[name]["decoder"])
            decoded = time.process_time()
            _add(files=paths, index=f"{folder}/{name}{turn}", jobs=1)
            taken[name].append((decoded - started, time.process_time() - decoded))
    for name, times in taken.items():
        out[name]["limit_seconds"], out[name]["add_seconds"] = (
            statistics.median(pair[i] for pair in times) for i in (0, 1)
        )
    return out


def _decode_alone(path: str, decoder: str) -> float:
    """Decode a file with the bare library that Sourceprint decodes it with, and return its length in seconds."""
    if decoder.startswith("libsndfile"):
        import soundfile

        with soundfile.SoundFile(path) as file:
            n = sum(len(block) for block in file.blocks(2**17, dtype="float32", always_2d=True))
            return n / float(file.samplerate)
    import av

    with av.open(path) as container:
        frames = [(frame.samples, frame.sample_rate) for frame in container.decode(audio=0)]
    return sum(samples / rate for samples, rate in frames)


def _add(*, files: list[str], index: str, jobs: int) -> dict[str, Any]:
    from sourceprint.catalogue.additions import Addition
    from sourceprint.inputs import Item, NamedInputs
    from sourceprint.processes import in_this_process

    items = tuple(Item(Path(file), id=f"{number}") for number, file in enumerate(files))
    started = time.perf_counter()
    with in_this_process():  # whose time and memory are measured
        outcomes = list(Addition(Path(index), jobs=jobs).run(NamedInputs(items, ())))
    seconds = time.perf_counter() - started
    audio = sum(outcome.duration_ms for outcome in outcomes) / 1000.0
    return {"audio_seconds": audio, "elapsed_seconds": seconds, "peak_mb": _peak_mb()}


def _add_stages(*, files: list[str], folder: str, repeats: int) -> dict[str, Any]:
    _add(files=files, index=f"{folder}/warm", jobs=1)
    turns = iter(range(repeats))
    return _by_stage(ADD_STAGES, lambda: _add(files=files, index=f"{folder}/staged{next(turns)}", jobs=1), repeats)


def _match(*, index: str, files: list[str], repeats: int, warm_up: str = "", staged: bool = True) -> dict[str, Any]:
    """Time matching; then again by stage, so that the clock does not disturb the rate."""
    first = _scan(index, [warm_up or files[0]])
    runs = [_scan(index, files) for _ in range(repeats)]
    middle = sorted(runs, key=lambda run: float(run["processor_seconds"]))[len(runs) // 2]
    out = {**middle, "first_seconds": first["elapsed_seconds"], "peak_mb": _peak_mb()}
    if staged:
        out["stages"] = _by_stage(MATCH_STAGES, lambda: _scan(index, files), repeats)
    return out


def _by_stage(stages: Stages, run: Callable[[], dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Return length and processor time by stage of the run that took the median time."""
    runs = []
    for _ in range(repeats):
        with StageClock(stages) as clock:
            audio = run()["audio_seconds"]
        runs.append({"audio_seconds": audio, "seconds": dict(clock.seconds)})
    return sorted(runs, key=lambda one: sum(one["seconds"].values()))[len(runs) // 2]


def _scan(index: str, files: Sequence[str]) -> dict[str, Any]:
    from sourceprint.inputs import Item
    from sourceprint.processes import in_this_process
    from sourceprint.scans.scan import scan_files

    began, started = time.perf_counter(), time.process_time()
    with in_this_process():
        scans = list(scan_files(Path(index), [Item(Path(file)) for file in files], jobs=1))
    return {
        "processor_seconds": time.process_time() - started,
        "elapsed_seconds": time.perf_counter() - began,
        "audio_seconds": sum(scan.duration_seconds or 0.0 for scan in scans),
        "matches": [len(scan.matches) for scan in scans],
    }


def _import_all() -> dict[str, Any]:
    import sourceprint.catalogue.additions
    import sourceprint.scans.scan  # noqa: F401

    return {"peak_mb": _peak_mb()}


def _info(*, index: str) -> dict[str, Any]:
    from index.folder.index import Index

    return Index.open(index).info()


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "formats": _formats,
    "add": _add,
    "add_stages": _add_stages,
    "match": _match,
    "import": _import_all,
    "info": _info,
}
"""Steps of `run_step`, by name."""


# --- helpers ----------------------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    one_thread()
    return dict(os.environ)


def _peak_mb() -> float:
    """Return the peak memory of this process in MB; on Linux from VmHWM: ru_maxrss would include the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](**json.load(sys.stdin))))
