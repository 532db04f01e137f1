"""The trained projection from a patch of the log spectrogram to a descriptor.

A linear discriminant (Fisher 1936; Mikolajczyk and Matas, "Improving descriptors for fast tree matching by optimal
linear projection", ICCV 2007): the directions in which patches of different places differ most, in units of how much
one place differs from itself after distortion. `benchmarks/train_projection.py` makes the file that ships beside this
module.

Parameters of the recording-layer fingerprint: everything that two fingerprints must share to be comparable.

One frozen dataclass holds them all, and its digest travels with every index and every result, so that an index made
with other parameters is refused by name rather than searched in vain.
"""

import io
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fingerprint.arguments import number, whole_number
from fingerprint.digests import canonical_json, digest_of
from fingerprint.disk import refusals
from fingerprint.errors import ParameterError

__all__ = ["Params", "Projection", "load_projection", "shipped_digest"]


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
    with refusals(f"the projection {str(path)!r}", ParameterError, remedy="check the path"):
        data = Path(path).read_bytes()
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
            f"{name!r} is not a projection: it must be an .npz file with the arrays matrix and offset ({error}); make "
            "one with benchmarks/train_projection.py"
        ) from error
    finite = np.isfinite(matrix).all() and np.isfinite(offset).all()
    if matrix.ndim != 2 or offset.shape != matrix.shape[1:] or not finite:
        raise ParameterError(
            f"{name!r} holds a matrix of shape {matrix.shape} and an offset of shape {offset.shape}; "
            "a finite (patch, dimension) and (dimension,) are needed"
        )
    return Projection(matrix, offset, digest_of(data))


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the `recording` layer.

    Attributes
    ----------
    algorithm : str
        Name and version of the method; changes whenever the same audio would give other bytes.
    sample_rate : int
        Analysis rate, in Hz.
    n_fft, hop_length : int
        Analysis window and step, in samples.
    bins_per_octave, n_bins : int
        Cells of the log-frequency axis; a pitch shift of one semitone is `bins_per_octave / 12` cells.
    fmin_hz : float
        Centre of cell 0, in Hz.
    floor_ratio : float
        Floor of the log spectrogram, as a share of the mean cell power over the patch length.
    peak_bins, peak_frames : int
        Half-widths of the neighbourhood in which a landmark must be the maximum.
    contrast_bins, contrast_frames : int
        Half-widths of the neighbourhood above whose mean a landmark rises; the height is its prominence.
    quota_seconds : float
        Landmarks are rationed per block of this length, in seconds...
    n_bands : int
        ...and shared out over this many frequency bands of equal width, so that bass, voice and cymbals each keep some.
    reference_density, query_density : float
        Landmarks kept per second, at most, in recordings and in tracks.
    patch_seconds, patch_semitones : float
        Half-widths of the patch around a landmark that its descriptor sees.
    smooth_frames, smooth_bins : int
        Half-widths of the moving average taken before sampling.
    patch_times, patch_bins : int
        Sampling grid of that patch.
    dimension : int
        Length of a descriptor.
    projection_digest : str
        SHA-256 of the trained projection.

    Raises
    ------
    ParameterError
        If a number is not finite or not positive; `smooth_frames` and `smooth_bins` may be 0.
    """

    algorithm: str = "landmark/1"
    sample_rate: int = 11025
    n_fft: int = 1024
    hop_length: int = 128
    bins_per_octave: int = 36
    n_bins: int = 230
    fmin_hz: float = 65.40639132514966
    floor_ratio: float = 1e-4
    peak_bins: int = 6
    peak_frames: int = 11
    contrast_bins: int = 9
    contrast_frames: int = 16
    quota_seconds: float = 0.5
    n_bands: int = 3
    reference_density: float = 20.0
    query_density: float = 40.0
    patch_seconds: float = 0.6
    patch_semitones: float = 12.0
    smooth_frames: int = 3
    smooth_bins: int = 1
    patch_times: int = 17
    patch_bins: int = 25
    dimension: int = 64
    projection_digest: str = field(default_factory=shipped_digest)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.type is int:
                whole_number(one.name, value, least=0 if one.name.startswith("smooth_") else 1)
            elif one.type is float:
                number(one.name, value, above=0)

    @property
    def frames_per_second(self) -> float:
        """Spectrogram frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def digest(self) -> str:
        """`sha256:` and the SHA-256 of the parameters as canonical JSON."""
        return digest_of(canonical_json(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the parameters stored in `values`.

        Raises
        ------
        ParameterError
            If a name is missing or unknown.
        """
        known = {f.name for f in fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(known ^ set(values)))
            raise ParameterError(
                f"parameters do not fit this version of Sourceprint: missing or unknown {odd}; "
                "use the version that made them, or add the recordings to a new index"
            )
        return cls(**values)
