"""The same bytes for any number of threads and any kernel of BLAS: descriptors, indexes, matches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from fingerprint.params import Params
from sourceprint.demo.synthesis import synthesize
from tests.places import ROOT

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
KERNELS = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512f"}  # of OpenBLAS, and the instructions that they need

PROGRAM = """
import hashlib, sys
from pathlib import Path
import numpy as np
from fingerprint.extract import fingerprint_signal
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from dataclasses import replace
from index.search.match import STANDARD, match_track
from index.folder.index import Recording, Index

music, folder = np.load(sys.argv[1]), Path(sys.argv[2])
query = fingerprint_signal(music[0][: 12 * 11025], role="track", scales=STANDARD.scales)
print("descriptors", hashlib.sha256(query.vectors.tobytes() + query.mirrored.tobytes()).hexdigest())
for name, exact_limit in (("exact", 20_000), ("compressed", 100)):
    store = Index.create(folder / name, layer_specs())
    with store.writer(exact_limit=exact_limit) as writer:
        for k, y in enumerate(music):
            writer.add(Recording(f"song{k}"), recording_landmarks(fingerprint_signal(y)))
    files = sorted(path for path in (folder / name).rglob("*.npy"))
    assert files
    print(name, "index", store.snapshot().digest)
    print(name, "files", hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
    result = match_track(query, store.snapshot(), options=replace(STANDARD, max_false_per_1000h=1e6))
    assert result.matches[0].recording.id == "song0"
    print(name, "matches", result.matches, result.n_hypotheses, result.score_threshold)
"""


def kernels_of_this_processor() -> list[str]:
    """Return the kernels of OpenBLAS that can be tried here; none where the processor cannot be asked."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [name for name, needed in KERNELS.items() if needed in flags]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of four pieces of music, half a minute each [shape=(4, n), dtype=float32]."""
    path = tmp_path_factory.mktemp("music") / "music.npy"
    pieces = [soxr.resample(synthesize(k, 30.0, sample_rate=22050), 22050, Params().sample_rate) for k in range(4)]
    np.save(path, np.stack(pieces))
    return path


def printed(music: Path, folder: Path, *, threads: int, kernel: str | None = None) -> list[str]:
    """Return the lines that `PROGRAM` prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(THREADS, str(threads))}
    if kernel:
        environment["OPENBLAS_CORETYPE"] = kernel
    command = [sys.executable, "-c", PROGRAM, str(music), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_bytes_do_not_depend_on_threads_or_on_the_kernel_of_blas(music: Path, tmp_path: Path) -> None:
    expected = printed(music, tmp_path / "plain", threads=1)
    assert len(expected) == 7
    trials: list[tuple[int, str | None]] = [(2, None), (4, None)]
    trials += [(threads, name) for name in kernels_of_this_processor() for threads in (1, 2)]
    for threads, kernel in trials:
        assert printed(music, tmp_path / f"{threads}{kernel}", threads=threads, kernel=kernel) == expected, kernel
