"""Train the projection of the composition layer on music that it makes itself, and write all that ships with the layer.

    python -m benchmarks.train_composition                    write model.npz and cohort.npz into the product
    python -m benchmarks.train_composition --out FOLDER       write them there
    python -m benchmarks.train_composition --check            make them again and compare with those that ship

Songs come from `composition_songs`, each passage is rendered twice by `composition_renditions`, in different keys,
tempi, arrangements and rooms. For each frequency over pitch class, the projection keeps the directions in which windows
of different passages differ most, in units of how much the two renditions of one differ (see
`fingerprint.composition.model`). A transposition of one rendition is turned back as a phase, so the key costs nothing.

Same seed and library versions on one machine: same bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmarks.composition_renditions import Change, arrange, magnitudes
from benchmarks.composition_songs import LOOPS, Song, loop_song, random_song
from benchmarks.harness import one_thread, write_atomically
from fingerprint.composition.model import CompositionModel, parse_model
from fingerprint.composition.params import CompositionParams
from fingerprint.composition.salience import RowBuilder, peaks_of
from fingerprint.composition.windows import RowSpectra, row_spectra, window_vectors
from fingerprint.spectrogram import BLOCK_FRAMES

__all__ = ["Settings", "cohort_bytes", "fit", "main", "model_bytes", "rendered_rows", "training_pairs"]

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "fingerprint" / "composition" / "model.npz"
COHORT = ROOT / "index" / "composition" / "cohort.npz"

N_FREQUENCIES = 6
LOOPS_EACH = 20  # of 8 progressions: 160 songs
LOOP_SECONDS = 22.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What is trained on.

    Attributes
    ----------
    n_pairs : int
        Passages, each rendered twice.
    seconds : float
        Length of a passage.
    regularisation : float
        Share of the mean variance within passages that is added to each direction.
    eigenvalue_power : float
        Directions are scaled by their ratio of variances to this power.
    n_background : int
        Background windows that ship.
    seed : int
        Of everything.
    """

    n_pairs: int = 1200
    seconds: float = 24.0
    regularisation: float = 0.02
    eigenvalue_power: float = -0.25
    n_background: int = 256
    seed: int = 22


def training_pairs(
    settings: Settings, params: CompositionParams
) -> Iterator[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    """Yield windows of two renditions of each passage [shape=(n, 6, n_registers * window_rows)], in the same key."""
    for number in range(settings.n_pairs):
        rng = np.random.default_rng((settings.seed, number))
        song = random_song(rng, seconds=settings.seconds)
        first, second = _changes(rng)
        one = window_spectra(row_spectra(rendered_rows(song, rng, first, params), params), params)
        other = window_spectra(row_spectra(rendered_rows(song, rng, second, params), params), params)
        n = min(len(one), len(other))
        key = (round(second.semitones) - round(first.semitones)) % 12
        turn = np.exp(2j * np.pi * np.arange(1, N_FREQUENCIES + 1) * key / 12.0)
        yield one[:n], other[:n] * turn[:, None]


def rendered_rows(
    song: Song, rng: np.random.Generator, change: Change, params: CompositionParams
) -> NDArray[np.float32]:
    """Return the rows of one rendition, as `RowBuilder.rows` does for audio."""
    spectra = magnitudes(arrange(song, rng, change), rng, params)
    builder = RowBuilder(params)
    for start in range(0, len(spectra), BLOCK_FRAMES):
        builder.add(peaks_of(spectra[start : start + BLOCK_FRAMES], params))
    return builder.rows()


def window_spectra(rows: RowSpectra, params: CompositionParams) -> NDArray[np.complex128]:
    """Return the windows that `fingerprint.composition.windows.window_vectors` projects."""
    length, step = params.window_rows, params.window_step
    n = max(0, (len(rows.spectra) - length) // step + 1)
    at = np.arange(n)[:, None] * step + np.arange(length)
    rms = np.sqrt(rows.spread[at].sum(axis=1, dtype=np.float64) / (12 * length)) + params.rms_floor
    values = rows.spectra[at].astype(np.float64) / rms[:, None, :, None, None]  # window, row, register, frequency, part
    spectra = values[..., 0] + 1j * values[..., 1]
    return np.ascontiguousarray(spectra.transpose(0, 3, 2, 1)).reshape(n, N_FREQUENCIES, -1)


def fit(
    pairs: Iterator[tuple[NDArray[np.complex128], NDArray[np.complex128]]],
    settings: Settings,
    params: CompositionParams,
) -> tuple[NDArray[np.int64], NDArray[np.complex64]]:
    """Return the frequency of each direction, and the directions [shape=(dimension // 2, n), dtype=complex64]."""
    size = params.n_registers * params.window_rows
    total, within = np.zeros((2, N_FREQUENCIES, size, size), dtype=np.complex128)
    n = 0
    for one, other in pairs:
        n += len(one)
        for f in range(N_FREQUENCIES):
            x, y = one[:, f], other[:, f]
            total[f] += x.T @ x.conj() + y.T @ y.conj()
            within[f] += (x - y).T @ (x - y).conj()
    directions = []
    for f in range(N_FREQUENCIES):
        # Frequency 6 of 12 is real, so its directions are, and two of them make a pair.
        whole, inner = (m if f < N_FREQUENCIES - 1 else m.real for m in (total[f] / (2 * n), within[f] / n))
        inner = inner + settings.regularisation * np.trace(inner).real / size * np.eye(size)
        ratios, vectors = scipy.linalg.eigh(whole, inner)
        scaled = _settled(vectors) * ratios**settings.eigenvalue_power
        order = np.argsort(-ratios)
        if f < N_FREQUENCIES - 1:
            directions += [(float(ratios[k]), f, scaled[:, k].conj()) for k in order]
        else:
            halves = zip(order[::2], order[1::2], strict=True)
            directions += [(float(ratios[a]), f, scaled[:, a] + 1j * scaled[:, b]) for a, b in halves]
    directions.sort(key=lambda one: -one[0])
    kept = sorted(directions[: params.dimension // 2], key=lambda one: (one[1], -one[0]))
    frequencies = np.array([f for _, f, _ in kept], dtype=np.int64)
    return frequencies, np.stack([vector for _, _, vector in kept]).astype(np.complex64)


def model_bytes(settings: Settings, params: CompositionParams) -> bytes:
    """Return the .npz of the projection and the background windows."""
    frequencies, directions = fit(training_pairs(settings, params), settings, params)
    none = np.zeros((1, params.dimension), dtype=np.int8)
    arrays: dict[str, NDArray[Any]] = {
        "frequencies": frequencies.astype(np.int8),
        "real": directions.real.astype(np.float16),  # half precision: what BLAS does to the last bits is gone
        "imaginary": directions.imag.astype(np.float16),
    }
    bare = parse_model(_npz({**arrays, "background": none}), "trained")
    return _npz({**arrays, "background": _background(settings, bare, params)})


def cohort_bytes(settings: Settings, model: CompositionModel, params: CompositionParams) -> bytes:
    """Return the .npz of the loops: vectors of all, and where each ends."""
    vectors, ends = [], []
    for number, loop in enumerate(name for name in LOOPS for _ in range(LOOPS_EACH)):
        rng = np.random.default_rng((settings.seed, 2, number))
        rows = rendered_rows(loop_song(rng, loop, seconds=LOOP_SECONDS), rng, _changes(rng)[0], params)
        vectors.append(window_vectors(row_spectra(rows, params), model, params))
        ends.append(sum(map(len, vectors)))
    return _npz({"vectors": np.concatenate(vectors), "ends": np.array(ends, dtype=np.int32)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the files, instead of their places in the product")
    parser.add_argument("--check", action="store_true", help="compare with the files that ship, and write nothing")
    asked = parser.parse_args(arguments)
    one_thread()
    params = CompositionParams(model_digest="none")
    model = model_bytes(Settings(), params)
    cohort = cohort_bytes(Settings(), parse_model(model, "trained"), params)
    for path, data in ((MODEL, model), (COHORT, cohort)):
        place = asked.out / path.name if asked.out else path
        if asked.check:
            same = path.read_bytes() == data
            print(f"{path.relative_to(ROOT)}: {'the same bytes' if same else 'DIFFERENT'}")  # a command
            if not same:
                return 1
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, data)
            print(f"{place}: {len(data)} bytes")  # a command
    return 0


def _changes(rng: np.random.Generator) -> tuple[Change, Change]:
    """Return two ways to play a song; each has the melody or the rest, and one has both."""
    kept: list[tuple[str, ...]] = [("melody", "chords", "bass")] * 2
    drawn = rng.random()
    if drawn < 0.1:
        kept[1] = ("chords", "bass")
    elif drawn < 0.22:
        kept[1] = ("melody",)
    elif drawn < 0.34:
        kept[1] = ("melody", "bass")
    elif drawn < 0.42:
        kept[1] = ("melody", "chords")
    changes = [
        Change(
            semitones=float(rng.integers(-6, 7)) + float(rng.uniform(-0.2, 0.2)),
            tempo=float(rng.uniform(0.97, 1.03)),
            kept=parts,
            drums=bool(rng.random() < 0.5),
        )
        for parts in kept
    ]
    return changes[0], replace(changes[1], tempo=changes[0].tempo * float(rng.uniform(0.98, 1.02)))


def _background(settings: Settings, model: CompositionModel, params: CompositionParams) -> NDArray[np.int8]:
    """Return one window of each of `n_background` songs; one in four is a loop."""
    windows = []
    for number in range(settings.n_background):
        rng = np.random.default_rng((settings.seed, 1, number))
        loops = list(LOOPS)
        song = (
            loop_song(rng, loops[number // 4 % len(loops)], seconds=14.0)
            if number % 4 == 0
            else random_song(rng, seconds=14.0)
        )
        rows = rendered_rows(song, rng, _changes(rng)[number % 2], params)
        vectors = window_vectors(row_spectra(rows, params), model, params)
        windows.append(vectors[int(rng.integers(len(vectors)))])
    return np.stack(windows)


def _settled(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return the columns with their greatest number real and positive: an eigenvector has any phase."""
    greatest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    settled: NDArray[Any] = vectors * (greatest.conj() / np.abs(greatest))
    return settled


def _npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return an .npz without dates, so that the same arrays give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.lib.format.write_array(inner, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), inner.getvalue(), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
