"""The trained projection from windows to vectors, and the background windows that every vector is compared with.

A window is transformed over its 12 pitch classes: a transposition then only turns the phases. A linear discriminant for
each frequency of that transform (Fisher 1936, on complex numbers) keeps the directions in which different passages
differ most, in units of how much two renditions of one passage differ. `benchmarks/train_composition.py` makes
`model.npz` from generated music alone.
"""

import io
from dataclasses import dataclass
from functools import cache
from importlib import resources
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import digest_of
from fingerprint.errors import ParameterError

__all__ = ["CompositionModel", "parse_model", "shipped_model"]


@dataclass(frozen=True, slots=True, eq=False)
class CompositionModel:
    """The projection of windows.

    Attributes
    ----------
    frequencies : ndarray [shape=(n_pairs,), dtype=int64]
        Frequency over pitch class, counted from 0 for one cycle per octave, of each pair of numbers of a vector.
    real, imaginary : ndarray [shape=(n_pairs, n_registers * window_rows), dtype=float32]
        The complex direction of each pair.
    background : ndarray [shape=(n_background, 2 * n_pairs), dtype=int8]
        Vectors of generated music, to compare others with.
    digest : str
        `sha256:` and the SHA-256 of the file it came from.
    """

    frequencies: NDArray[np.int64]
    real: NDArray[np.float32]
    imaginary: NDArray[np.float32]
    background: NDArray[np.int8]
    digest: str


def shipped_model() -> CompositionModel:
    """Return the model that ships with Sourceprint."""
    return _shipped()


def parse_model(data: bytes, name: str) -> CompositionModel:
    """Return the model in the bytes of an .npz file.

    Raises
    ------
    ParameterError
        If they are not a model; `name` stands in the message.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            frequencies = np.ascontiguousarray(arrays["frequencies"], dtype=np.int64)
            real = np.ascontiguousarray(arrays["real"], dtype=np.float32)
            imaginary = np.ascontiguousarray(arrays["imaginary"], dtype=np.float32)
            background = np.ascontiguousarray(arrays["background"], dtype=np.int8)
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise ParameterError(
            f"{name!r} is not a model of the composition layer ({error}); make one with benchmarks/train_composition.py"
        ) from error
    n_pairs = frequencies.size
    fits = (
        frequencies.ndim == 1
        and real.ndim == 2
        and real.shape == imaginary.shape
        and len(real) == n_pairs
        and background.shape[1:] == (2 * n_pairs,)
        and len(background) > 0
        and bool(((frequencies >= 0) & (frequencies < 6)).all())
        and bool(np.isfinite(real).all() and np.isfinite(imaginary).all())
    )
    if not fits:
        raise ParameterError(
            f"{name!r} holds arrays that do not fit each other: frequencies {frequencies.shape}, real {real.shape}, "
            f"imaginary {imaginary.shape}, background {background.shape}; make one with benchmarks/train_composition.py"
        )
    return CompositionModel(frequencies, real, imaginary, background, digest_of(data))


@cache
def _shipped() -> CompositionModel:
    file = resources.files("fingerprint.composition") / "model.npz"
    return parse_model(file.read_bytes(), "fingerprint/composition/model.npz")
