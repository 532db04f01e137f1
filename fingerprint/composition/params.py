"""The parameters of the composition layer: all that two descriptions must share to be comparable."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from fingerprint.arguments import number, whole_number
from fingerprint.composition.model import shipped_model
from fingerprint.digests import canonical_json, digest_of
from fingerprint.errors import ParameterError

__all__ = ["CompositionParams"]


def _model_digest() -> str:
    return shipped_model().digest


@dataclass(frozen=True, slots=True)
class CompositionParams:
    """Parameters of the `composition` layer.

    Attributes
    ----------
    algorithm : str
        Name and version of the method; changes whenever the same audio would give other bytes.
    sample_rate : int
        Analysis rate, in Hz: that of the recording layer, whose decoded samples are shared.
    n_fft, hop_length : int
        Analysis window and step, in samples; the window is a power of 4.
    lowest_hz, highest_hz : float
        Range of spectral peaks, in Hz.
    whitening_ratio : float
        A peak is compared with the mean magnitude from its frequency divided by this to its frequency times this.
    most_height : float
        Greatest natural logarithm of a peak's magnitude over that mean.
    range_db, range_seconds : float
        Peaks this far below the loudest within +-`range_seconds` count nothing.
    tuning_blocks : int
        Half-width of the stretch whose tuning is estimated, in blocks of 256 frames, 23.8 s.
    lowest_pitch, n_pitches : int
        Semitones of a frame, as MIDI numbers.
    energy_seconds, energy_floor : float
        Half-width of the stretch whose root mean square, plus the floor, divides a frame.
    register_pitches : tuple of int
        First MIDI number of each register, and the one after the last.
    harmonic_semitones : tuple of int
        Harmonics whose saliences are added up for each pitch, in semitones above it...
    harmonic_weights : tuple of float
        ...and their weights.
    window_rows, window_step : int
        Length and step of a window, in rows of 4 frames, 0.37 s.
    rms_floor : float
        Added to the root mean square by which a register is divided in a window.
    vector_step : float
        Numbers of a stored vector per unit of length.
    dimension : int
        Numbers of a vector.
    model_digest : str
        SHA-256 of the trained projection and the background windows.

    Raises
    ------
    ParameterError
        If a number is not finite or not positive.
    """

    algorithm: str = "composition/1"
    sample_rate: int = 11025
    n_fft: int = 4096
    hop_length: int = 1024
    lowest_hz: float = 38.0
    highest_hz: float = 5200.0
    whitening_ratio: float = 1.5
    most_height: float = 3.0
    range_db: float = 60.0
    range_seconds: float = 2.0
    tuning_blocks: int = 2
    lowest_pitch: int = 28
    n_pitches: int = 84
    energy_seconds: float = 4.0
    energy_floor: float = 0.3
    register_pitches: tuple[int, ...] = (28, 50, 64, 90)
    harmonic_semitones: tuple[int, ...] = (0, 12, 19, 24, 28)
    harmonic_weights: tuple[float, ...] = (1.0, 0.7, 0.55, 0.45, 0.35)
    window_rows: int = 16
    window_step: int = 2
    rms_floor: float = 0.05
    vector_step: float = 254.0
    dimension: int = 64
    model_digest: str = field(default_factory=_model_digest)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.type is int:
                whole_number(one.name, value, least=1)
            elif one.type is float:
                number(one.name, value, above=0)

    @property
    def step_seconds(self) -> float:
        """Seconds from the start of a window to that of the next, 0.743."""
        return self.window_step * 4 * self.hop_length / self.sample_rate

    @property
    def window_seconds(self) -> float:
        """Seconds that a window describes, 5.94."""
        return self.window_rows * 4 * self.hop_length / self.sample_rate

    @property
    def n_registers(self) -> int:
        """Registers of a row."""
        return len(self.register_pitches) - 1

    @property
    def digest(self) -> str:
        """`sha256:` and the SHA-256 of the parameters as canonical JSON."""
        return digest_of(canonical_json(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

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
                f"parameters of the composition layer do not fit this version of Sourceprint: missing or unknown "
                f"{odd}; "
                "use the version that made them, or describe the recordings again"
            )
        settled: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        return cls(**settled)
