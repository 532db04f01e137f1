"""Second step: rows of folded salience in, one vector for each window of 5.9 s out.

- `row_spectra`: rows, at a time scale, as spectra over pitch class.
- `window_vectors`: windows of these, projected.
- `transposed`: the vectors of the same music in another key.
- `background_of`: the mean and the standard deviation of each vector's likeness to other music.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import _kernels
from fingerprint.composition.model import CompositionModel
from fingerprint.composition.params import CompositionParams

__all__ = ["N_KEYS", "RowSpectra", "background_of", "key_turns", "row_spectra", "transposed", "window_vectors"]

N_KEYS = _kernels.N_KEYS

_ROWS_AVERAGED = 2


class RowSpectra(NamedTuple):
    """Spectra over pitch class, 2.7 rows a second.

    Attributes
    ----------
    spectra : ndarray [shape=(n, n_registers, 6, 2), dtype=float32]
        Frequencies 1 to 6, real and imaginary.
    spread : ndarray [shape=(n, n_registers), dtype=float32]
        Sum over pitch class of squared differences from the mean.
    """

    spectra: NDArray[np.float32]
    spread: NDArray[np.float32]


def row_spectra(rows: NDArray[np.float32], params: CompositionParams, *, scale: float = 1.0) -> RowSpectra:
    """Return the spectra of rows [shape=(n, n_registers * 12), dtype=float32], each two averaged, in square roots.

    At a time scale above 1 the music is stretched so many times before.
    """
    if scale != 1.0 and len(rows):
        at = np.arange(int((len(rows) - 1) * scale) + 1) / scale
        before = np.minimum(at.astype(np.int64), max(len(rows) - 2, 0))
        share = (at - before).astype(np.float32)[:, None]
        rows = rows[before] * (np.float32(1.0) - share) + rows[np.minimum(before + 1, len(rows) - 1)] * share
    n = len(rows) // _ROWS_AVERAGED
    pairs = rows[: _ROWS_AVERAGED * n].reshape(n, _ROWS_AVERAGED, rows.shape[1])
    roots = np.sqrt(np.float32(0.5) * (pairs[:, 0] + pairs[:, 1]))
    spectra = np.empty((n, params.n_registers, _kernels.N_FREQUENCIES, 2), dtype=np.float32)
    spread = np.empty((n, params.n_registers), dtype=np.float32)
    _kernels.pitch_spectra(roots, *key_turns(), spectra, spread)
    return RowSpectra(spectra, spread)


def window_vectors(rows: RowSpectra, model: CompositionModel, params: CompositionParams) -> NDArray[np.int8]:
    """Return the vectors of all windows [shape=(n, dimension), dtype=int8].

    Window `i` starts at row `i * params.window_step`. A vector has length 1 in units of `1 / params.vector_step`; that
    of a window without pitch is zero.
    """
    n = max(0, (len(rows.spectra) - params.window_rows) // params.window_step + 1)
    starts = np.arange(n, dtype=np.int64) * params.window_step
    out = np.empty((n, params.dimension), dtype=np.int8)
    _kernels.embed(
        rows.spectra,
        rows.spread,
        starts,
        params.window_rows,
        np.float32(params.rms_floor),
        model.frequencies,
        model.real,
        model.imaginary,
        np.float32(params.vector_step),
        np.empty(params.dimension, dtype=np.float32),
        out,
    )
    return out


def transposed(vectors: NDArray[np.int8], semitones: int, model: CompositionModel) -> NDArray[np.int8]:
    """Return the vectors of the same music `semitones` higher; lower where negative. Octaves count nothing."""
    cosines, sines = key_turns()
    key = semitones % N_KEYS
    out = np.empty_like(vectors)
    _kernels.rotate(
        vectors, model.frequencies, np.ascontiguousarray(cosines[:, key]), np.ascontiguousarray(sines[:, key]), out
    )
    return out


def background_of(
    vectors: NDArray[np.int8], model: CompositionModel, params: CompositionParams
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return mean and standard deviation of the likeness of each vector to the background, each in its best key.

    Likeness is the inner product of vectors of length 1. A window that is like everything has a high mean.
    """
    mean, sd = np.empty((2, len(vectors)), dtype=np.float64)
    scale = np.float32(1.0 / params.vector_step**2)
    products = np.empty((_kernels.N_FREQUENCIES, 2), dtype=np.int32)
    known = (model.background, model.frequencies, *key_turns(), scale)
    _kernels.background_statistics(vectors, *known, products, mean, sd)
    return mean.astype(np.float16), sd.astype(np.float16)


@lru_cache(maxsize=1)
def key_turns() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return cosine and sine of the turn of each frequency for each key [shape=(6, 12), dtype=float32]."""
    twelfths = np.arange(1, _kernels.N_FREQUENCIES + 1)[:, None] * np.arange(N_KEYS) % N_KEYS
    angles = 2.0 * np.pi * twelfths / N_KEYS
    return np.cos(angles).astype(np.float32), np.where(twelfths % 6, np.sin(angles), 0.0).astype(np.float32)
