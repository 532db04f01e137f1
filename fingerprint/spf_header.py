"""The JSON header of a fingerprint file: its source and its parts, written and read.

`header_of` encodes the header. `contents_of` returns `Contents` once every field is known to be
present, of its type, in range and consistent with the others. `FORMAT.md` lists the fields.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fingerprint.composition import CompositionParams, CompositionWindows
from fingerprint.digests import canonical_json, digest_of, is_sha256, strict_json
from fingerprint.errors import ParameterError
from fingerprint.landmarks import Role
from fingerprint.params import Params

__all__ = ["CompositionEntry", "Contents", "MalformedHeaderError", "PartEntry", "contents_of", "header_of"]

_MOST_SECONDS: Final = float(1 << 20)  # twelve days, the longest audio that an index holds
_MOST_SCALES: Final = 64
_MOST_LANDMARKS: Final = 1 << 40
_MOST_LETTERS: Final = 4096
_STORED_ROLES: Final[dict[Role, str]] = {"recording": "reference", "track": "query"}  # words of the first version


class MalformedHeaderError(Exception):
    """The fault of a header, as the rest of a sentence that starts with "its header"."""


@dataclass(frozen=True, slots=True)
class PartEntry:
    """Role, scales, span and size of one part, from the header.

    Attributes
    ----------
    role : {"recording", "track"}
        A track part has mirrored vectors too.
    scales : tuple of float
        Time scales of its vectors.
    start_seconds, duration_seconds : float
        Span of the audio that it describes.
    n_landmarks : int
        Landmarks in it.
    """

    role: Role
    scales: tuple[float, ...]
    start_seconds: float
    duration_seconds: float
    n_landmarks: int

    def n_bytes(self, dimension: int) -> int:
        """Return the length of its arrays in the file."""
        directions = 2 if self.role == "track" else 1
        return self.n_landmarks * (16 + 2 * dimension * len(self.scales) * directions)


@dataclass(frozen=True, slots=True)
class CompositionEntry:
    """The composition layer of the recording, from the header.

    Attributes
    ----------
    algorithm, params_digest : str
        Name and digest of its parameters.
    dimension : int
        Numbers of a vector.
    n_windows : int
        Windows in it.
    """

    algorithm: str
    params_digest: str
    dimension: int
    n_windows: int

    @property
    def n_bytes(self) -> int:
        """Length of its arrays in the file."""
        return self.n_windows * (8 + self.dimension)

    @classmethod
    def of(cls, windows: CompositionWindows, params: CompositionParams) -> "CompositionEntry":
        """Return the entry of windows that were made with these parameters."""
        return cls(params.algorithm, windows.params_digest, params.dimension, len(windows.vectors))


@dataclass(frozen=True, slots=True)
class Contents:
    """Source audio and parts of a fingerprint file.

    Attributes
    ----------
    name, sha256, decoder : str
        Name of the audio file, SHA-256 of its bytes (hex), and its decoder.
    duration_seconds : float
        Length of the decoded audio.
    notes : tuple of str
        Sentences on anything odd about the audio.
    algorithm, params_digest : str
        Name and digest of the parameters.
    dimension : int
        Length of a vector.
    parts : tuple of PartEntry
        In the order of the file: the recording first, then the track by time.
    composition : CompositionEntry or None
        The composition layer of the recording, which comes last.
    """

    name: str
    sha256: str
    decoder: str
    duration_seconds: float
    notes: tuple[str, ...]
    algorithm: str
    params_digest: str
    dimension: int
    parts: tuple[PartEntry, ...]
    composition: CompositionEntry | None = None

    @property
    def n_bytes(self) -> int:
        """Length of all arrays in the file."""
        layer = 0 if self.composition is None else self.composition.n_bytes
        return layer + sum(part.n_bytes(self.dimension) for part in self.parts)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that the file can play."""
        return frozenset(part.role for part in self.parts)

    @property
    def track_scales(self) -> tuple[float, ...]:
        """Time scales of the track parts; empty without them."""
        return next((part.scales for part in self.parts if part.role == "track"), ())


def header_of(contents: Contents, params: Params, composition: CompositionParams) -> bytes:
    """Return the header of a file as canonical JSON: keys sorted, no spaces, ASCII."""
    layer = contents.composition
    described = {
        "params": composition.to_dict(),
        "params_digest": composition.digest,
        "windows": 0 if layer is None else layer.n_windows,
    }
    return canonical_json(
        {
            **({} if layer is None else {"composition": described}),
            "audio": {
                "name": contents.name,
                "sha256": contents.sha256,
                "duration_seconds": contents.duration_seconds,
                "decoder": contents.decoder,
                "notes": list(contents.notes),
            },
            "params": params.to_dict(),
            "params_digest": contents.params_digest,
            "parts": [
                {
                    "role": _STORED_ROLES[part.role],
                    "scales": list(part.scales),
                    "start_seconds": part.start_seconds,
                    "duration_seconds": part.duration_seconds,
                    "landmarks": part.n_landmarks,
                }
                for part in contents.parts
            ],
        }
    )


def contents_of(header: bytes, *, has_composition: bool) -> Contents:
    """Return the contents that a header describes; whether it has the composition layer, the version of the file says.

    Raises
    ------
    MalformedHeaderError
        If it is no JSON, or a field is missing, of the wrong kind, out of range, or contradicts another.
    """
    fields = _parsed(header)
    audio, params = _field(fields, "audio", dict), _field(fields, "params", dict)
    contents = Contents(
        name=_text(audio, "name"),
        sha256=_text(audio, "sha256"),
        decoder=_text(audio, "decoder"),
        duration_seconds=_seconds(audio, "duration_seconds"),
        notes=tuple(_field(audio, "notes", list)),
        algorithm=_text(params, "algorithm"),
        params_digest=_text(fields, "params_digest"),
        dimension=_count(params, "dimension"),
        parts=tuple(_part(part) for part in _field(fields, "parts", list)),
        composition=_composition(fields) if has_composition else None,
    )
    if contents.params_digest != digest_of(canonical_json(params)):
        raise MalformedHeaderError("has a digest of parameters that is not theirs")
    if not is_sha256(contents.sha256):
        raise MalformedHeaderError("has a SHA-256 of the audio that is none")
    if "/" in contents.name or "\0" in contents.name or not Path(contents.name).stem:
        raise MalformedHeaderError("has a name of the audio that is no file name")
    if not all(type(note) is str for note in contents.notes):
        raise MalformedHeaderError("has notes that are no text")
    _check_order(contents)
    return contents


def _parsed(header: bytes) -> Any:
    try:
        if header.isascii():
            return strict_json(header)
    except ParameterError as error:
        raise MalformedHeaderError("is no JSON") from error
    raise MalformedHeaderError("is no JSON")


def _part(value: Any) -> PartEntry:
    scales = _field(value, "scales", list)
    if not 1 <= len(scales) <= _MOST_SCALES or len(set(map(str, scales))) != len(scales):
        raise MalformedHeaderError(f"has a part with {len(scales)} time scales, or one of them twice")
    if not all(type(scale) in (int, float) and 0 < scale < _MOST_SECONDS for scale in scales):
        raise MalformedHeaderError("has a time scale that is no positive number")
    word = _text(value, "role")
    role = next((role for role, stored in _STORED_ROLES.items() if stored == word), None)
    if role is None:
        raise MalformedHeaderError(f"has a part of the unknown role {word!r:.80}")
    return PartEntry(
        role,
        tuple(float(scale) for scale in scales),
        _seconds(value, "start_seconds"),
        _seconds(value, "duration_seconds"),
        _count(value, "landmarks"),
    )


def _composition(fields: Any) -> CompositionEntry:
    layer = _field(fields, "composition", dict)
    params, digest = _field(layer, "params", dict), _text(layer, "params_digest")
    if digest != digest_of(canonical_json(params)):
        raise MalformedHeaderError("has a digest of parameters of the composition layer that is not theirs")
    return CompositionEntry(_text(params, "algorithm"), digest, _count(params, "dimension"), _count(layer, "windows"))


def _check_order(contents: Contents) -> None:
    """Raise unless a recording at one time scale comes first, and the parts of each role cover the audio."""
    if not contents.parts:
        raise MalformedHeaderError("has no parts")
    recordings = [part for part in contents.parts if part.role == "recording"]
    tracks = [part for part in contents.parts if part.role == "track"]
    if len(recordings) > 1 or list(contents.parts) != recordings + tracks:
        raise MalformedHeaderError("has its parts in the wrong order")
    if contents.composition is not None and not recordings:
        raise MalformedHeaderError("has a composition layer of no recording")
    if any(part.scales != (1.0,) for part in recordings) or len({part.scales for part in tracks}) > 1:
        raise MalformedHeaderError("has parts of the wrong time scales")
    for parts in filter(None, (recordings, tracks)):
        ends = [0.0, *(part.start_seconds + part.duration_seconds for part in parts)]
        starts = [*(part.start_seconds for part in parts), contents.duration_seconds]
        if not np.allclose(starts, ends, rtol=0, atol=1e-3):
            raise MalformedHeaderError("has parts that leave gaps")


def _field(holder: Any, key: str, kind: type) -> Any:
    if not isinstance(holder, dict) or type(holder.get(key)) is not kind:
        raise MalformedHeaderError(f"has no proper field {key!r}")
    return holder[key]


def _text(holder: Any, key: str) -> str:
    text: str = _field(holder, key, str)
    if len(text) > _MOST_LETTERS:
        raise MalformedHeaderError(
            f"has {len(text)} letters in the field {key!r}, at most {_MOST_LETTERS} are possible"
        )
    return text


def _seconds(holder: Any, key: str) -> float:
    value: Any = holder.get(key) if isinstance(holder, dict) else None
    if type(value) not in (int, float) or not 0 <= value <= _MOST_SECONDS:
        raise MalformedHeaderError(f"has no proper field {key!r}")
    return float(value)


def _count(holder: Any, key: str) -> int:
    value: int = _field(holder, key, int)
    if not 0 <= value < _MOST_LANDMARKS:
        raise MalformedHeaderError(f"has no proper field {key!r}")
    return value
