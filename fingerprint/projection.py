"""The trained projection from a patch of the log spectrogram to a descriptor.

A linear discriminant (Fisher 1936; Mikolajczyk and Matas, "Improving descriptors for fast tree matching by optimal
linear projection", ICCV 2007): the directions in which patches of different places differ most, in units of how much
one place differs from itself after distortion. `benchmarks/train_projection.py` makes the file that ships beside this
module.
"""

import hashlib
import io
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError

__all__ = ["Projection", "load_projection", "shipped_digest"]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A linear map from patches to descriptors.

    Attributes
    ----------
    matrix : ndarray [shape=(patch_times * patch_bins, dimension), dtype=float32]
        One direction per column.
    offset : ndarray [shape=(dimension,), dtype=float32]
        Projection of the mean patch, subtracted.
    digest : str
        `sha256:` and the SHA-256 of the file it came from.
    """

    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]
    digest: str

    def mirrored(self, patch_times: int) -> "Projection":
        """Return the projection that describes a patch as if time ran backwards."""
        size, dimension = self.matrix.shape
        grid = self.matrix.reshape(patch_times, size // patch_times, dimension)
        return replace(self, matrix=np.ascontiguousarray(grid[::-1]).reshape(size, dimension))


def load_projection(path: str | Path | None = None) -> Projection:
    """Return the projection in the file at `path`, by default the one that ships with Sourceprint.

    Raises
    ------
    ParameterError
        If the file cannot be read, or is not a projection.
    """
    if path is None:
        return _shipped()
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ParameterError(
            f"the projection {str(path)!r} cannot be read: {error.strerror}; check the path"
        ) from error
    return _parse(data, str(path))


def shipped_digest() -> str:
    """Return the digest of the projection that ships with Sourceprint."""
    return _shipped().digest


@cache
def _shipped() -> Projection:
    file = resources.files("fingerprint") / "projection.npz"
    return _parse(file.read_bytes(), "fingerprint/projection.npz")


def _parse(data: bytes, name: str) -> Projection:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            matrix = np.ascontiguousarray(arrays["matrix"], dtype=np.float32)
            offset = np.ascontiguousarray(arrays["offset"], dtype=np.float32)
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise ParameterError(
            f"{name!r} is not a projection: {error}; make one with benchmarks/train_projection.py"
        ) from error
    finite = np.isfinite(matrix).all() and np.isfinite(offset).all()
    if matrix.ndim != 2 or offset.shape != matrix.shape[1:] or not finite:
        raise ParameterError(
            f"{name!r} holds a matrix of shape {matrix.shape} and an offset of shape {offset.shape}; "
            "a finite (patch, dimension) and (dimension,) are needed"
        )
    return Projection(matrix, offset, "sha256:" + hashlib.sha256(data).hexdigest())
