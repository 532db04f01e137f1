"""One step of `benchmarks.neighbours` in a process of its own, run by the version of the program that is measured.

Run by path, with the checkout of that version on `PYTHONPATH`: of this folder it imports nothing. So it uses only
functions that earlier versions have under the same names. The first argument is a JSON object that names the step and
its folders; the last line of the output is a JSON object with its figures.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale_catalogue import Landscape, grow
from fingerprint.extract import fingerprint_file
from fingerprint.params import Params
from index.folder.index import Index, LayerSpec
from index.search.match import STANDARD, match_track
from index.vectors.exact import use_threads

LAYER = "recording"


def build(index: Path, landmarks: Path, recordings: int) -> dict[str, Any]:
    """Grow an index to a number of recordings; returns processor seconds, bytes, the most on disk, and memory."""
    started = time.process_time()
    with np.load(landmarks) as stored:
        real, pool = (
            Landscape(
                stored[f"{part}_files"].tolist(),
                stored[f"{part}_sources"].tolist(),
                *(stored[f"{part}_{name}"] for name in ("bounds", "times", "bins", "vectors", "prominence", "seconds")),
            )
            for part in ("real", "pool")
        )
    Index.create(index, {LAYER: LayerSpec(Params().to_dict(), Params().dimension)})
    most = 0
    for _ in grow(index, real, pool, recordings):
        most = max(most, _bytes(index))
    with Index.open(index).writer() as writer:
        writer.compact()
    info = Index.open(index).info()
    return {
        "processor_seconds": time.process_time() - started,
        "landmarks": info["layers"][LAYER]["landmarks"],
        "hours": info["hours"],
        "bytes": _bytes(index),
        "most_on_disk": max(most, _bytes(index)),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def search(index: Path, asked: Path, out: Path, tracks: list[str], probes: list[int], n_real: int) -> dict[str, Any]:
    """Look for the neighbours of descriptors and match tracks, with each number of lists; rows go to `out`."""
    snapshot = Index.open(index).snapshot()
    layer = snapshot.layer(LAYER)
    vectors = np.load(asked)
    described = [fingerprint_file(Path(track), role="track", scales=STANDARD.scales) for track in tracks]
    layer.search(vectors[:64], 2, nprobe=probes[0])  # kernels are loaded
    match_track(described[0], snapshot, options=replace(STANDARD, nprobe=probes[0]))
    rows, ways = [], []
    for nprobe in probes:
        layer.search(vectors, 2, nprobe=nprobe)  # pages are read
        started = time.process_time()
        rows.append(layer.search(vectors, 2, nprobe=nprobe)[0])
        searched = time.process_time() - started
        started = time.process_time()
        results = [match_track(one, snapshot, options=replace(STANDARD, nprobe=nprobe)) for one in described]
        matched = time.process_time() - started
        found = [
            sorted({one for match in result.matches for one in (match.recording.id, *_copies(match))})
            for result in results
        ]
        ways.append({"nprobe": nprobe, "search_seconds": searched, "match_seconds": matched, "found": found})
    np.save(out, np.stack(rows))
    recordings = snapshot.recordings
    return {
        "first": [recordings[place].id for place in range(n_real)],
        "ways": ways,
        "private_mb": _private_mb(),
    }


def _copies(match: Any) -> list[str]:
    return [name for passage in match.passages for name in passage.also_fits]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _private_mb() -> float | None:
    """Return the memory of this process that no other shares; None except on Linux."""
    if sys.platform != "linux":
        return None
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def main() -> None:
    """Do the step that the first argument asks for."""
    use_threads(1)
    given = json.loads(sys.argv[1])
    step = given.pop("step")
    for name in given.keys() & {"index", "landmarks", "asked", "out"}:
        given[name] = Path(given[name])
    print(json.dumps(build(**given) if step == "build" else search(**given)))


if __name__ == "__main__":
    main()
