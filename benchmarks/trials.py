"""Excerpts of the catalogue and their distorted versions: made once, cached, shared by all searches.

Distorting (`make`) is separated from searching: an excerpt under a condition is one file in the cache, and serves all
clip lengths, catalogue sizes, settings and peers. `benchmarks.judging` searches.

Music that is mixed in, and the hosts of `splice`, come from `generated` of the corpus, which is not in the catalogue.
Ambiences and rooms are those that no projection was trained with.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.catalogues import Side, left_out
from benchmarks.data.corpus import Corpus, SyntheticCorpus, TrackRow, identity
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.distortion.distortions import Distorted, mono, within_scale
from benchmarks.distortion.resources import Clip, NotApplicableError, Resources
from benchmarks.harness import (
    DISTORTION_CODE,
    SYNTHESIS_CODE,
    content_key,
    json_bytes,
    one_thread,
    source_digest,
    write_atomically,
)
from benchmarks.train_projection import half_of_resources
from index.vectors.exact import use_threads
from sourceprint.demo.transformations import rms

__all__ = [
    "TRIAL_RATE_HZ",
    "Excerpt",
    "Made",
    "Trial",
    "cut_excerpt",
    "draw_excerpts",
    "make",
    "open_worker",
    "side_of",
    "spread",
]

Samples = NDArray[np.float32]
Splice = Literal["splice_hard_cut", "splice_crossfade"]

TRIAL_RATE_HZ = 22050
EXCERPT_SECONDS = 10.0
HOST_SECONDS, CROSSFADE_SECONDS = 60.0, 0.05
QUIETEST = 0.25  # an excerpt this far below the level of its recording is a pause: draw another


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where an excerpt comes from; `path` is a NumPy file of its samples at `TRIAL_RATE_HZ`."""

    number: int
    file: str
    title: str
    source: str
    start_seconds: float
    path: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One task: an excerpt under a condition of the table, or spliced into a host."""

    condition: str
    excerpt: Excerpt
    seed: int


@dataclass(frozen=True, slots=True)
class Made:
    """A distorted excerpt in the cache, and the exact map back to the excerpt.

    Attributes
    ----------
    path : str
        A FLAC file of 16 bits at `TRIAL_RATE_HZ`, one or two channels; "" where there is none.
    status : {"made", "not applicable"}
        Whether the condition makes sense for this excerpt, and could be had on this machine.
    why : str
        Why it is not applicable.
    ratio, offset_seconds, pitch_semitones : float
        As in `Distorted`: seconds of the excerpt = `ratio` * seconds after `begin_seconds` + `offset_seconds`.
    description : str
        The distortion, in words.
    begin_seconds, end_seconds : float
        Where in the file the excerpt lies; the rest is its host.
    also : tuple of str
        Other files of the catalogue that were mixed in, and are rightly found as well.
    """

    path: str
    status: Literal["made", "not applicable"]
    why: str = ""
    ratio: float = 1.0
    offset_seconds: float = 0.0
    pitch_semitones: float = 0.0
    description: str = ""
    begin_seconds: float = 0.0
    end_seconds: float = 0.0
    also: tuple[str, ...] = ()

    def to_source(self, seconds: float) -> float:
        """Return the time in the excerpt of a time in the file."""
        return self.ratio * (seconds - self.begin_seconds) + self.offset_seconds

    def load(self) -> Samples:
        """Return the samples [shape=(n,) or (2, n), dtype=float32] of the file."""
        y: Samples = soundfile.read(self.path, dtype="float32", always_2d=True)[0].T
        return np.ascontiguousarray(y if len(y) == 2 else y[0])


def open_worker(corpus: Corpus, sides: tuple[Side, ...]) -> None:
    """Prepare this process for `cut_excerpt`, `make` and `side_of`."""
    one_thread()
    use_threads(1)
    _Worker.corpus, _Worker.sides = corpus, sides
    for kept in (_resources, _surroundings, _absent):
        kept.cache_clear()


def spread(rows: Iterable[TrackRow], n: int, rng: np.random.Generator) -> list[TrackRow]:
    """Return `n` rows in random order, from all sources in turn; rows come again only when all have come."""
    by_source: dict[str, list[TrackRow]] = defaultdict(list)
    listed = list(rows)
    for i in rng.permutation(len(listed)):
        by_source[listed[i].source].append(listed[i])
    groups = [group for _, group in sorted(by_source.items())]
    in_turn = [group[i] for i in range(max(map(len, groups), default=0)) for group in groups if i < len(group)]
    return [in_turn[i % len(in_turn)] for i in range(n)] if in_turn else []


def draw_excerpts(corpus: Corpus, n: int, seed: int, folder: Path, *, without: Collection[str] = ()) -> list[Excerpt]:
    """Return `n` excerpts of 10 s or all there is; `cut_excerpt` makes their files. All conditions share them.

    An excerpt depends on the corpus, `seed` and its number alone: the first of many are the same as the first of few.
    None comes from a file that is missing, or named in `without` since it could not be described.
    """
    made = []
    corpus_key = content_key(*identity(corpus))
    absent = {*corpus.missing(), *without}
    rows = [row for row in corpus.music if row.file not in absent]
    for number, row in enumerate(spread(rows, n, np.random.default_rng([seed, 1]))):
        rng = np.random.default_rng([seed, 1, number, *row.file.encode()])
        start = float(rng.uniform(0.0, max(0.0, row.seconds - EXCERPT_SECONDS - 0.5)))
        path = folder / f"{content_key(corpus_key, row.file, number, seed)}.npy"
        made.append(Excerpt(number, row.file, row.title, row.source, start, str(path)))
    return made


def cut_excerpt(excerpt: Excerpt) -> Excerpt:
    """Write the samples of an excerpt unless they are there; returns it with the place where it is not a pause."""
    path, note = Path(excerpt.path), Path(excerpt.path).with_suffix(".txt")
    if not (path.exists() and note.exists()):
        y = _Worker.corpus.load_stereo(excerpt.file, sample_rate=TRIAL_RATE_HZ)
        n = round(EXCERPT_SECONDS * TRIAL_RATE_HZ)
        loud = QUIETEST * rms(y.reshape(-1))
        start = round(excerpt.start_seconds * TRIAL_RATE_HZ)
        rng = np.random.default_rng([start, *excerpt.file.encode()])
        for _ in range(20):
            if rms(y[..., start : start + n].reshape(-1)) >= loud:
                break
            start = int(rng.integers(max(1, y.shape[-1] - n)))
        buffer = io.BytesIO()
        np.save(buffer, y[..., start : start + n])
        write_atomically(path, buffer.getvalue())
        write_atomically(note, repr(start / TRIAL_RATE_HZ).encode())
    return replace(excerpt, start_seconds=float(note.read_text(encoding="utf-8")))


def make(trial: Trial, cache: Path) -> Made:
    """Return the distorted excerpt of a trial, from the cache or made now; for workers prepared by `open_worker`.

    It is a function of the excerpt's samples, the condition and its parameters, the seed and the code of
    `benchmarks.distortion`, and of nothing that searches: a new fingerprint finds the same files.
    """
    y = np.load(trial.excerpt.path)
    content = hashlib.sha256(np.ascontiguousarray(y).tobytes()).hexdigest()
    rng = np.random.default_rng([trial.seed, int(content[:16], 16), *trial.condition.encode()])
    partner = _partner(trial.excerpt, rng) if _has_partner(trial.condition) else None
    key = content_key(
        [content, *y.shape], trial.condition, _parameters(trial.condition), trial.seed, partner and partner.file,
        *_surroundings(),
    )  # fmt: skip
    path, note = cache / "distorted" / f"{key}.flac", cache / "distorted" / f"{key}.json"
    if not note.exists():
        made = _distorted(y, trial.condition, rng, path, partner)
        write_atomically(note, json_bytes(asdict(made)))
    known = json.loads(note.read_text(encoding="utf-8"))
    made = Made(**known | {"also": tuple(known["also"])})
    return replace(made, path=str(path) if made.status == "made" else "")


def side_of(excerpt: Excerpt) -> Side:
    """Return the side that scores an excerpt, in a worker prepared by `open_worker`."""
    return next(side for side in _Worker.sides if excerpt.source in side.sources)


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus
    sides: tuple[Side, ...]
    resources: Resources


@functools.cache
def _resources() -> Resources:
    strangers = _Worker.corpus if _Worker.corpus.generated else SyntheticCorpus()
    music = half_of_resources(strangers, held_out=True, music=strangers.generated).music
    return replace(half_of_resources(_Worker.corpus, held_out=True, music=()), music=music)


@functools.cache
def _surroundings() -> tuple[object, ...]:
    """Return the parts of the cache key common to all trials: keys of the distortion code and of the corpus."""
    return (source_digest(*DISTORTION_CODE, *SYNTHESIS_CODE), content_key(*identity(_Worker.corpus)))


def _parameters(name: str) -> dict[str, float | str]:
    if name in CONDITIONS:
        return dict(CONDITIONS[name].parameters)
    return {"host_seconds": HOST_SECONDS, "crossfade_seconds": CROSSFADE_SECONDS}


def _has_partner(name: str) -> bool:
    return name in CONDITIONS and CONDITIONS[name].partner


def _partner(excerpt: Excerpt, rng: np.random.Generator) -> TrackRow | None:
    """Return a recording of another source that is searched with the same projection."""
    sources = next((side.sources for side in _Worker.sides if excerpt.source in side.sources), None)
    absent = _absent()
    rows = [
        row
        for row in _Worker.corpus.music
        if row.source != excerpt.source and (sources is None or row.source in sources) and row.file not in absent
    ]
    return rows[int(rng.integers(len(rows)))] if rows else None


@functools.cache
def _absent() -> frozenset[str]:
    """Return the files of the corpus that are not there, or that an index could not take."""
    return frozenset(_Worker.corpus.missing()).union(*(left_out(side.index) for side in _Worker.sides if side.index))


def _distorted(y: Samples, name: str, rng: np.random.Generator, path: Path, partner: TrackRow | None) -> Made:
    """Write the excerpt `y` under a condition to `path`; returns its `Made` without the path."""
    try:
        if name.startswith("splice"):
            made, begin, end = _splice(mono(y), name == "splice_crossfade", rng)
        else:
            resources = _resources()
            if partner is not None:
                other = _Worker.corpus.load(partner.file, sample_rate=TRIAL_RATE_HZ)
                resources = replace(resources, catalogue=(Clip(partner.file, partner.source, other),))
            made = CONDITIONS[name].apply(y, TRIAL_RATE_HZ, rng, resources)
            begin, end = 0.0, made.y.shape[-1] / TRIAL_RATE_HZ
    except NotApplicableError as error:
        return Made("", "not applicable", str(error))
    buffer = io.BytesIO()
    soundfile.write(buffer, made.y.T, TRIAL_RATE_HZ, format="FLAC", subtype="PCM_16")
    write_atomically(path, buffer.getvalue())
    also = (partner.file,) if partner is not None else ()
    return Made(
        "", "made", "", made.ratio, made.offset_seconds, made.pitch_semitones, made.description, begin, end, also
    )


def _splice(y: Samples, crossfade: bool, rng: np.random.Generator) -> tuple[Distorted, float, float]:
    """Return a minute of other music in which `y` takes the place of as much, at its level, and from when to when."""
    clips = [clip.y for clip in (_resources().music[int(i)] for i in rng.permutation(len(_resources().music)))]
    host = np.concatenate([clip / max(rms(clip), 1e-6) for clip in clips])[: round(HOST_SECONDS * TRIAL_RATE_HZ)]
    host = np.resize(host, round(HOST_SECONDS * TRIAL_RATE_HZ)).astype(np.float32, copy=False)
    at = int(rng.integers(5 * TRIAL_RATE_HZ, len(host) - len(y) - 5 * TRIAL_RATE_HZ))
    gain = np.ones(len(y), dtype=np.float32)
    if crossfade:
        n = round(CROSSFADE_SECONDS * TRIAL_RATE_HZ)
        gain[:n] = np.sin(np.linspace(0.0, np.pi / 2, n))
        gain[-n:] = gain[:n][::-1]
    there = slice(at, at + len(y))
    host[there] = y / np.float32(max(rms(y), 1e-6)) * gain + host[there] * np.sqrt(np.maximum(0.0, 1.0 - gain**2))
    begin, end = at / TRIAL_RATE_HZ, (at + len(y)) / TRIAL_RATE_HZ
    quieter: Samples = np.float32(0.1) * host
    return Distorted(within_scale(quieter), 1.0, 0.0, 0.0, f"at {begin:.2f} s"), begin, end
