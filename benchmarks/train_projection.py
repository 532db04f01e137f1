"""Train the projection from patches to descriptors, on distorted music, and measure it on music it has not seen.

    python -m benchmarks.train_projection                      train on fold 0, into fingerprint/projection.npz
    python -m benchmarks.train_projection --fold 1 --out F     train on the other half of the sources
    python -m benchmarks.train_projection --check F ...        only measure projections, on the other fold

A linear discriminant (see `fingerprint.params`): excerpts are distorted with known time maps, landmarks of the
distorted excerpt are paired with those of the whole recording that they should meet, and the projection keeps the
directions in which patches differ most from each other in units of how much paired ones differ. Which sources were
trained on stands in the file, so that nothing is ever scored with a projection that knows it.

The measure is the share of query landmarks whose nearest neighbour, among all landmarks of all held-out recordings,
is the right one; no voting, no alignment. Same corpus, seed and library versions on one machine: same bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.linalg
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus, TrackRow, folds, load_resources, open_corpus
from benchmarks.distortion import effects
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.distortion.distortions import Distorted, Recipe, random_training_distortion, within_scale
from benchmarks.distortion.resources import NotApplicableError, Resources
from benchmarks.harness import in_parallel, one_thread, text_table, write_atomically
from fingerprint.landmarks import Landmarks, describe, find_landmarks, patches, smooth_cells
from fingerprint.params import Params, Projection, load_projection
from fingerprint.spectrogram import cells, local_energy, log_cells
from index.vectors.exact import ExactVectors
from sourceprint.demo import transformations

__all__ = [
    "RECIPE",
    "TRAINING_RATE_HZ",
    "fit_projection",
    "fold_sources",
    "half_of_resources",
    "main",
    "projection_bytes",
    "train",
    "trained_on",
    "training_pairs",
]

Samples = NDArray[np.float32]
TRAINING_RATE_HZ = 22050
EXCERPT_SECONDS = 12.0
PAIRS_PER_EXCERPT = 120
PAIR_FRAMES, PAIR_CELLS = 4.0, 1.0  # a landmark has met its counterpart within this
REGULARISATION = 1e-3  # of the mean variance of differences
ONE_SIDED_BAND = 0.08  # how often only the lows or only the highs are left
SHIPPED = Path(__file__).resolve().parent.parent / "fingerprint" / "projection.npz"
CHECKED = ("eq", "gsm", "reverb", "music_-6db", "ambience_0db", "mel80_griffin_lim", "percussive_only", "below_400hz")
CHECKED_TRACKS = 12

RECIPE = Recipe(
    part=0.14,
    pitch=0.25,
    tempo=0.14,
    pitch_and_tempo=0.13,
    speed=0.08,
    tilt=0.40,
    band=0.04,
    reverb=0.08,
    music=0.30,
    ambience=0.05,
    white_noise=0.05,
    limiter=0.05,
    mel=0.08,
    mp3=0.06,
    gsm=0.05,
    opus=0.03,
    pitch_semitones=6.0,
    wide_pitch=0.2,
    wide_pitch_semitones=12.0,
    tempo_change=0.14,
    snr_db=(-8.0, 10.0),
)
"""Weighted towards hard cases: a single projection must serve all, and easy cases need no help."""


@dataclass(frozen=True, slots=True)
class _Task:
    row: TrackRow
    track: int
    excerpts: int
    seed: int


def fold_sources(corpus: Corpus, fold: int) -> frozenset[str]:
    """Return the sources of one half of the music, 0 or 1."""
    return folds(corpus.music)[fold]


def trained_on(path: str | Path | None = None) -> frozenset[str]:
    """Return the sources that a projection, by default the one that ships, was trained on, as far as it says."""
    with np.load(SHIPPED if path is None else path, allow_pickle=False) as arrays:
        return frozenset(str(name) for name in arrays["sources"]) if "sources" in arrays else frozenset()


def half_of_resources(corpus: Corpus, *, held_out: bool, music: Sequence[TrackRow]) -> Resources:
    """Return passages of `music`, and half of the ambiences and rooms: one half to train with, one to measure with."""
    everything = load_resources(corpus, sample_rate=TRAINING_RATE_HZ, music=music, music_clips=30, seed=3)
    half = slice(1 if held_out else 0, None, 2)
    return replace(everything, noises=everything.noises[half], rooms=everything.rooms[half])


def train(corpus: Corpus, fold: int, *, excerpts_per_track: int = 6, seed: int = 0, jobs: int = 1) -> bytes:
    """Return the bytes of a projection trained on the sources of `fold`.

    Parameters
    ----------
    corpus : Corpus
        Its music is trained on, its ambiences and rooms are mixed in.
    fold : int
        Which half of the sources, 0 or 1.
    excerpts_per_track : int
        Distorted excerpts of 12 s per recording; more takes longer and helps little.
    seed : int
        Seed of places and distortions.
    jobs : int
        Processes.
    """
    reference, query = training_pairs(corpus, fold, excerpts_per_track=excerpts_per_track, seed=seed, jobs=jobs)
    matrix, offset = fit_projection(reference, query, Params().dimension)
    return projection_bytes(matrix, offset, fold_sources(corpus, fold))


def training_pairs(
    corpus: Corpus,
    fold: int,
    *,
    params: Params | None = None,
    excerpts_per_track: int = 6,
    seed: int = 0,
    jobs: int = 1,
) -> tuple[Samples, Samples]:
    """Return patches of the same places in recordings of `fold` and in distorted excerpts of them.

    Parameters
    ----------
    corpus, fold, excerpts_per_track, seed, jobs
        As `train`.
    params : Params, optional
        Densities and patch, if not the default ones.

    Returns
    -------
    reference, query : ndarray [shape=(n_pairs, patch_size), dtype=float32]
    """
    sources = fold_sources(corpus, fold)
    rows = [row for row in corpus.music if row.source in sources]
    tasks = [_Task(row, track, excerpts_per_track, seed) for track, row in enumerate(rows)]
    given = (corpus, fold, params or Params())
    pairs = list(in_parallel(_pairs_of, tasks, jobs=jobs, what=f"pairs, fold {fold}", prepare=_prepare, given=given))
    reference, query = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return reference, query


def projection_bytes(matrix: Samples, offset: Samples, sources: Iterable[str]) -> bytes:
    """Return the file of a projection, with the names of the sources that it was trained on."""
    buffer = io.BytesIO()
    np.savez(buffer, matrix=matrix, offset=offset, sources=np.array(sorted(sources)))
    return buffer.getvalue()


def fit_projection(reference: Samples, query: Samples, dimension: int) -> tuple[Samples, Samples]:
    """Return the discriminant directions of paired patches, and the projection of the mean patch.

    Parameters
    ----------
    reference, query : ndarray [shape=(n_pairs, patch_size), dtype=float32]
        The same place in a recording and in a distorted excerpt of it.
    dimension : int
        Directions to keep.

    Returns
    -------
    matrix : ndarray [shape=(patch_size, dimension), dtype=float32]
    offset : ndarray [shape=(dimension,), dtype=float32]
    """
    a, b = reference.astype(np.float64), query.astype(np.float64)
    mean = (a.mean(axis=0) + b.mean(axis=0)) / 2
    n = 2 * len(a)
    difference = a - b
    within = difference.T @ difference / n
    a -= mean
    b -= mean
    total = (a.T @ a + b.T @ b) / n
    within += REGULARISATION * np.trace(within) / len(within) * np.eye(len(within))
    size = len(total)
    _, vectors = scipy.linalg.eigh(total, within, subset_by_index=(size - dimension, size - 1))
    directions = vectors[:, ::-1]
    # Eigenvectors have no sign of their own; without this, another LAPACK gives another file.
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(dimension)]
    matrix = np.ascontiguousarray(directions * np.sign(largest), dtype=np.float32)
    return matrix, (mean @ matrix).astype(np.float32)


def check(corpus: Corpus, fold: int, projections: Sequence[Projection]) -> list[dict[str, float]]:
    """Return, per projection, the share of landmarks found at rank 1 by condition, on sources outside `fold`."""
    known = fold_sources(corpus, fold)
    rows = [row for row in corpus.music if row.source not in known]
    rows = [rows[i] for i in np.random.default_rng(5).permutation(len(rows))[:CHECKED_TRACKS]]
    params = Params()
    # Music that is mixed in comes from the other fold, so that no answer among those searched fits it.
    music = [row for row in corpus.music if row.source in known]
    resources = half_of_resources(corpus, held_out=True, music=music)
    found = [dict.fromkeys(CHECKED, 0) for _ in projections]
    asked = dict.fromkeys(CHECKED, 0)
    references = [
        _Analysis.of(corpus.load(row.file, sample_rate=params.sample_rate), params, params.reference_density)
        for row in rows
    ]
    owner = np.concatenate([np.full(r.landmarks.frames.size, i) for i, r in enumerate(references)])
    frames, bins = (np.concatenate([getattr(r.landmarks, name) for r in references]) for name in ("frames", "bins"))
    grids = [r.patches() for r in references]
    catalogues = [
        ExactVectors(np.concatenate([describe(grid, projection) for grid in grids]), np.arange(owner.size))
        for projection in projections
    ]
    for number, row in enumerate(rows):
        y = corpus.load(row.file, sample_rate=TRAINING_RATE_HZ)
        for name in CHECKED:
            rng = np.random.default_rng([7, number, CHECKED.index(name)])
            start = _place(y, rng)
            try:
                made = CONDITIONS[name].apply(_cut(y, start), TRAINING_RATE_HZ, rng, resources)
            except NotApplicableError:
                continue
            query = _Analysis.of(_analysed(made.y), params, params.query_density)
            at, bin_at = _expected(query.landmarks, start, made, params)
            asked[name] += at.size
            for place, projection in enumerate(projections):
                nearest = catalogues[place].search(describe(query.patches(), projection), 1)[0][:, 0]
                right = (
                    (owner[nearest] == number)
                    & (np.abs(frames[nearest] - at) < 6)
                    & (np.abs(bins[nearest] - bin_at) < 2)
                )
                found[place][name] += int(right.sum())
    return [{name: counts[name] / max(asked[name], 1) for name in CHECKED} for counts in found]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="train_projection", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", help="corpus folder; default: $SOURCEPRINT_CORPUS, else synthesised music")
    parser.add_argument("--fold", type=int, choices=(0, 1), default=0, help="half of the sources to train on")
    parser.add_argument("--out", type=Path, help="where to write it; default for fold 0: the projection that ships")
    parser.add_argument("--excerpts-per-track", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--check", type=Path, nargs="+", metavar="FILE", help="measure these projections; train none")
    asked = parser.parse_args(arguments)
    corpus = open_corpus(asked.corpus)
    files: list[Path] = asked.check or []
    if not files:
        if asked.fold != 0 and asked.out is None:
            parser.error("--out is needed for fold 1: the projection that ships is that of fold 0")
        out = asked.out or SHIPPED
        data = train(corpus, asked.fold, excerpts_per_track=asked.excerpts_per_track, seed=asked.seed, jobs=asked.jobs)
        write_atomically(out, data)
        print(f"{out}: {len(data)} bytes, {load_projection(out).digest}")
        files = [out]
    shares = check(corpus, asked.fold, [load_projection(file) for file in files])
    print("Landmarks found at rank 1, in percent, on sources that were not trained on:")
    header = ["condition", *(file.name if len(files) > 1 else "found" for file in files)]
    lines = [[name, *(f"{100 * share[name]:.1f}" for share in shares)] for name in CHECKED]
    print(text_table(header, [*lines, ["mean", *(f"{100 * np.mean(list(s.values())):.1f}" for s in shares)]]))
    return 0


# --- helpers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Analysis:
    """The landmarks of a signal, and the spectrogram of their patches."""

    landmarks: Landmarks
    smooth: Samples
    params: Params

    @classmethod
    def of(cls, y: Samples, params: Params, density: float) -> _Analysis:
        power = cells(y, params)
        log_power = log_cells(power, local_energy(power, params), params)
        return cls(find_landmarks(power, log_power, params, density=density), smooth_cells(log_power, params), params)

    def patches(self, chosen: NDArray[np.intp] | None = None) -> Samples:
        at = self.landmarks
        some = at if chosen is None else Landmarks(at.frames[chosen], at.bins[chosen], at.prominence[chosen])
        return patches(self.smooth, some, self.params)


class _Worker:
    """Data that a process keeps between tasks."""

    corpus: Corpus
    resources: Resources
    params: Params


def _prepare(corpus: Corpus, fold: int, params: Params) -> None:
    one_thread()
    sources = fold_sources(corpus, fold)
    rows = [row for row in corpus.music if row.source in sources]
    _Worker.corpus, _Worker.params = corpus, params
    _Worker.resources = half_of_resources(corpus, held_out=False, music=rows)


def _pairs_of(task: _Task) -> tuple[Samples, Samples]:
    """Return paired patches of one recording and of distorted excerpts of it, two arrays of shape (n, patch_size)."""
    params = _Worker.params
    corpus, resources = _Worker.corpus, _Worker.resources.without(task.row.source)
    whole = _Analysis.of(corpus.load(task.row.file, sample_rate=params.sample_rate), params, params.reference_density)
    y = corpus.load(task.row.file, sample_rate=TRAINING_RATE_HZ)
    sides: tuple[list[Samples], list[Samples]] = ([], [])
    for number in range(task.excerpts):
        rng = np.random.default_rng([task.seed, task.track, number])
        start = _place(y, rng)
        excerpt = _cut(y, start)
        if transformations.rms(excerpt) < 1e-3:
            continue
        made = random_training_distortion(excerpt, TRAINING_RATE_HZ, rng, resources, recipe=RECIPE)
        if rng.random() < ONE_SIDED_BAND:
            made = replace(made, y=_one_side(made.y, rng))
        query = _Analysis.of(_analysed(made.y), params, params.query_density)
        at, bins = _expected(query.landmarks, start, made, params)
        ours, theirs = _meet(at, bins, whole.landmarks)
        if len(ours) > PAIRS_PER_EXCERPT:
            some = rng.permutation(len(ours))[:PAIRS_PER_EXCERPT]
            ours, theirs = ours[some], theirs[some]
        sides[0].append(whole.patches(theirs))
        sides[1].append(query.patches(ours))
    empty = np.empty((0, params.patch_times * params.patch_bins), dtype=np.float32)
    return np.concatenate([empty, *sides[0]]), np.concatenate([empty, *sides[1]])


def _meet(
    at: NDArray[np.float64], bins: NDArray[np.float64], known: Landmarks
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return query landmarks and the nearest known landmark of each, of those that have one within reach."""
    first, last = (np.searchsorted(known.frames, at + side) for side in (-PAIR_FRAMES, PAIR_FRAMES))
    ours, theirs = [], []
    for i in np.flatnonzero(last > first):
        near = slice(first[i], last[i])
        distance = np.abs(known.frames[near] - at[i]) / PAIR_FRAMES + np.abs(known.bins[near] - bins[i]) / PAIR_CELLS
        if distance.min() < 1.0:
            ours.append(i)
            theirs.append(first[i] + distance.argmin())
    return np.array(ours, dtype=np.intp), np.array(theirs, dtype=np.intp)


def _expected(
    found: Landmarks, start_seconds: float, made: Distorted, params: Params
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where, in frames and cells of the source, the landmarks of a distorted excerpt come from."""
    fps = params.frames_per_second
    at = (start_seconds + made.offset_seconds) * fps + made.ratio * found.frames
    return at, found.bins - made.pitch_semitones * params.bins_per_octave / 12


def _place(y: Samples, rng: np.random.Generator) -> float:
    return float(rng.uniform(0.0, max(0.0, len(y) / TRAINING_RATE_HZ - EXCERPT_SECONDS)))


def _cut(y: Samples, start_seconds: float) -> Samples:
    start = round(start_seconds * TRAINING_RATE_HZ)
    return y[start : start + round(EXCERPT_SECONDS * TRAINING_RATE_HZ)]


def _analysed(y: Samples) -> Samples:
    """Return `y` at the sampling rate of the analysis."""
    resampled: Samples = soxr.resample(y, TRAINING_RATE_HZ, Params().sample_rate, quality="HQ").astype(np.float32)
    return resampled


def _one_side(y: Samples, rng: np.random.Generator) -> Samples:
    low = rng.random() < 0.5
    edges = {"high_hz": float(rng.uniform(300.0, 2000.0))} if low else {"low_hz": float(rng.uniform(500.0, 2500.0))}
    left = within_scale(effects.band_limit(y, TRAINING_RATE_HZ, **edges))
    return left if transformations.rms(left) > 0.003 * transformations.rms(y) else y


if __name__ == "__main__":
    sys.exit(main())
