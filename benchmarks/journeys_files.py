"""A batch as a label gets it: short files in every format under odd names, and among them some that are no audio.

Each file is a passage of a recording, at 44.1 kHz in stereo. The recordings at even places of the corpus are the
catalogue, so that about half of the files reuse one.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile

from benchmarks.data.corpus import Corpus
from benchmarks.harness import SYNTHESIS_CODE, content_key, in_parallel, source_digest
from benchmarks.speed_audio import FORMATS, RATE_HZ, in_place

__all__ = ["BAD", "Batch", "make_batch"]

_CODE: Final = ("benchmarks/journeys_files.py", "benchmarks/speed_audio.py", "benchmarks/data", *SYNTHESIS_CODE)
_ODD: Final = ("a b", "naïve", "音楽", "it's", "#1", "<b>x</b>", "semi;colon", "%41", "new\nline", "-dash")
BAD: Final = ("empty", "text", "header", "noise bytes", "silence", "blip")
"""Faults of files that cannot be searched."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Files to scan.

    Attributes
    ----------
    folder : Path
        Holds them, in folders of a hundred.
    n_files, n_bad : int
        How many there are, and how many of them cannot be searched.
    hours : float
        Audio in the others.
    catalogue : tuple of str
        Files of the corpus that are the catalogue.
    missing : dict of str to str
        Formats that cannot be written with the libraries here, and why.
    """

    folder: Path
    n_files: int
    n_bad: int
    hours: float
    catalogue: tuple[str, ...]
    missing: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Task:
    """The files that are cut from one recording: path and start in seconds of each."""

    file: str
    seconds: float
    cuts: tuple[tuple[str, float], ...]


def make_batch(
    corpus: Corpus, cache: Path, *, n_files: int, seconds: float, bad_share: float, seed: int, jobs: int
) -> Batch:
    """Write the files of a batch, unless they are in the cache.

    Parameters
    ----------
    corpus : Corpus
        Where the recordings are.
    cache : Path
        Folder for the batch.
    n_files : int
        How many files.
    seconds : float
        Length of each; of a shorter recording, all of it.
    bad_share : float
        How many of them are no audio, or too little, from 0 to 1.
    seed, jobs : int
        Seed of every draw, and processes.
    """
    chance = random.Random(f"batch {seed}")
    rows = corpus.music
    missing = _unwritable()
    formats = [name for name in FORMATS if name not in missing]
    key = content_key(
        source_digest(*_CODE), corpus.name, str(corpus.path("") or ""), n_files, seconds, bad_share, seed, formats
    )
    folder = cache / f"batch-{key}"
    n_bad = round(n_files * bad_share)
    bad = set(chance.sample(range(n_files), n_bad))
    cuts: dict[str, list[tuple[str, float]]] = {}
    hours = 0.0
    for number in range(n_files):
        name = f"{number // 100:02d}/{_ODD[number % len(_ODD)]} {number:05d}"
        if number in bad:
            _write_bad(folder / name, BAD[number % len(BAD)], number)
            continue
        row = chance.choice(rows)
        start = chance.uniform(0.0, max(0.0, row.seconds - seconds))
        hours += min(seconds, row.seconds) / 3600
        cuts.setdefault(row.file, []).append((f"{name}.{formats[number % len(formats)]}", start))
    tasks = [_Task(file, seconds, tuple((str(folder / name), at) for name, at in some)) for file, some in cuts.items()]
    for _ in in_parallel(_cut, tasks, jobs=jobs, what="batch", prepare=_open, given=(corpus,)):
        pass
    catalogue = tuple(row.file for row in rows[::2])
    return Batch(folder, n_files, n_bad, hours, catalogue, missing)


def _unwritable() -> dict[str, str]:
    """Return the formats that the libraries here cannot write, and why."""
    missing = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, encode in FORMATS.items():
            try:
                encode(Path(folder) / f"x.{name}", np.zeros((RATE_HZ, 2), dtype=np.float32))
            except (soundfile.LibsndfileError, av.FFmpegError, ValueError) as error:
                missing[name] = str(error)
    return missing


class _Worker:
    corpus: Corpus


def _open(corpus: Corpus) -> None:
    _Worker.corpus = corpus


def _cut(task: _Task) -> None:
    if all(Path(path).exists() for path, _ in task.cuts):
        return
    y = _Worker.corpus.load_stereo(task.file, sample_rate=RATE_HZ)
    stereo = y.T if y.ndim == 2 else np.stack([y, y], axis=1)
    for name, start in task.cuts:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        first = round(start * RATE_HZ)
        part = np.clip(stereo[first : first + round(task.seconds * RATE_HZ)], -1.0, 1.0)
        in_place(path, np.ascontiguousarray(part, dtype=np.float32), FORMATS[path.suffix[1:]])


def _write_bad(stem: Path, kind: str, number: int) -> None:
    """Write one file that cannot be searched."""
    path = stem.with_name(stem.name + (".mp3" if kind in ("empty", "text") else ".wav"))
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("silence", "blip"):
        n = RATE_HZ * 5 if kind == "silence" else RATE_HZ // 5
        y = np.zeros(n) if kind == "silence" else np.sin(np.arange(n) * 0.05)
        soundfile.write(path, y, RATE_HZ)
        return
    content = {
        "empty": b"",
        "text": b"this is no audio\n" * 40,
        "header": b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0",
        "noise bytes": random.Random(number).randbytes(20_000),
    }
    path.write_bytes(content[kind])
