"""Parameters of the recording-layer fingerprint: everything that two fingerprints must share to be comparable.

One frozen dataclass holds them all, and its digest travels with every index and every result, so that an index made
with other parameters is refused by name rather than searched in vain.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from fingerprint.errors import ParameterError
from fingerprint.projection import shipped_digest

__all__ = ["Params"]


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
        Half-widths of the neighbourhood above whose mean a landmark stands; the height is its prominence.
    quota_seconds : float
        Landmarks are rationed per block of this length, in seconds...
    n_bands : int
        ...and shared out over this many frequency bands of equal width, so that bass, voice and cymbals each keep some.
    reference_density, query_density : float
        Landmarks kept per second, at most, in references and in queries.
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

    @property
    def frames_per_second(self) -> float:
        """Spectrogram frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def digest(self) -> str:
        """`sha256:` and the SHA-256 of the parameters as canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

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
