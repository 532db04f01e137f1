"""From an audio file to its fingerprint, in pieces of 24 s so that length costs time but not memory.

- `recording_of`, `track_parts`: the fingerprint of a file as it enters an index, or is searched in one; a fingerprint
  file (.spf), known by its name, replaces the audio that it was made of.
- `layers_of_file`, `recording_layers`: the same with the composition layer of a recording, of the same decoded samples.
- `fingerprint_file`: decode and describe a file; `fingerprint_parts`: the same for a track of any length, ten minutes
  at a time; `fingerprint_signal`: describe samples that are at hand. Of a file with several audio streams they
  describe one: the one asked for, or the only one that has music in it.

A piece is analysed with enough of its surroundings that where the cuts fall changes nothing. Recordings get fewer
landmarks and one time scale; tracks get more landmarks, several time scales, and for each descriptor its mirror image
in time: the descriptor of the same music running backwards. The mirrored track is the decoy from which `index` learns
the distribution of chance scores.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint import _kernels
from fingerprint.arguments import expect_scales
from fingerprint.audio.stream import open_audio
from fingerprint.composition import CompositionListener, CompositionWindows
from fingerprint.disk import file_digest
from fingerprint.errors import DecodeError, NotEnoughMusicError, ParameterError, TooShortError, printable
from fingerprint.kernel_cache import is_kept
from fingerprint.landmarks import (
    MIN_LANDMARKS,
    MIN_SECONDS,
    Fingerprint,
    Role,
    check_projection,
    describe,
    find_landmarks,
    patches,
    quota_frames,
    role_of,
    smooth_cells,
)
from fingerprint.params import Params, Projection, load_projection
from fingerprint.spectrogram import cell_blocks, local_energy, log_cells
from fingerprint.spf_files import SUFFIX, read_composition, read_contents, read_recording, read_track

__all__ = [
    "MOST_STREAMS",
    "RecordingLayers",
    "audio_digest",
    "audio_name",
    "audio_stream_count",
    "fingerprint_file",
    "fingerprint_parts",
    "fingerprint_signal",
    "is_compiled",
    "is_fingerprint_file",
    "layers_of_file",
    "recording_layers",
    "recording_of",
    "too_many_streams",
    "track_parts",
]

MOST_STREAMS = 32
"""Audio streams of one file that are looked at; one with more is refused."""

_PIECE_BLOCKS = 48  # pieces of 48 half-second rations, 24 s
_PART_PIECES = 25  # ten minutes


Ear = Callable[[NDArray[np.float32]], None]


class RecordingLayers(NamedTuple):
    """A recording as it enters an index of both layers.

    Attributes
    ----------
    recording : Fingerprint
        Its landmarks.
    composition : CompositionWindows
        Its melody and harmony.
    """

    recording: Fingerprint
    composition: CompositionWindows


@dataclass(slots=True)
class _Meter:
    """Counts the samples that pass."""

    n_samples: int = 0

    def count(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.n_samples += block.size
            yield block


def _heard(blocks: Iterable[NDArray[np.float32]], ear: Ear) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        ear(block)
        yield block


@dataclass(slots=True)
class _Part:
    """A fingerprint in the making: arrays of each piece."""

    params: Params
    name: str
    scales: tuple[float, ...]
    start_seconds: float = 0.0
    end_seconds: float = 0.0
    times: list[NDArray[np.float64]] = field(default_factory=list)
    bins: list[NDArray[np.float32]] = field(default_factory=list)
    prominence: list[NDArray[np.float32]] = field(default_factory=list)
    described: list[NDArray[np.float32]] = field(default_factory=list)

    def fingerprint(self, end_seconds: float) -> Fingerprint:
        at = np.concatenate(self.times)
        order = np.argsort(at, kind="stable")  # a peak at the edge of a piece may be refined across it
        vectors = np.concatenate(self.described, axis=2)[:, :, order]
        return Fingerprint(
            times=at[order],
            bins=np.concatenate(self.bins)[order],
            prominence=np.concatenate(self.prominence)[order],
            scales=self.scales,
            vectors=vectors[0],
            mirrored=vectors[1] if len(vectors) > 1 else np.empty((0, 0, self.params.dimension), dtype=np.float32),
            start_seconds=self.start_seconds,
            duration_seconds=end_seconds - self.start_seconds,
            params_digest=self.params.digest,
            name=self.name,
        )


def fingerprint_file(
    path: str | Path,
    *,
    role: str = "recording",
    scales: tuple[float, ...] = (1.0,),
    params: Params | None = None,
    projection: Projection | None = None,
    stream: int = 0,
) -> Fingerprint:
    """Return the fingerprint of an audio file.

    Parameters
    ----------
    path : str or Path
        A file that `fingerprint.audio.stream` can decode.
    role : {"recording", "track"}
        Recordings get `params.reference_density` landmarks per second; tracks get `params.query_density`, and
        mirrored descriptors.
    scales : tuple of float
        Time scales at which to describe each landmark, in seconds of a recording per second of this file.
    params : Params, optional
        Parameters of the analysis; by default those of this version.
    projection : Projection, optional
        The trained projection; by default the one that ships.
    stream : int
        Which audio stream of the file, from 1; 0 for the only one that holds music.

    Returns
    -------
    Fingerprint

    Raises
    ------
    DecodeError
        If the file cannot be read as audio, or several of its audio streams hold music and none was asked for.
    TooShortError
        If it holds less than `MIN_SECONDS`.
    NotEnoughMusicError
        If it holds fewer than `MIN_LANDMARKS` landmarks, as silence does.
    """
    (whole,) = _file_parts(path, role_of(role), scales, params or Params(), projection, math.inf, stream)
    return whole


def layers_of_file(path: str | Path, *, stream: int = 0) -> RecordingLayers:
    """Return the fingerprint of a recording and its composition layer, of samples that were decoded once.

    Arguments and errors are those of `fingerprint_file`, and so is the fingerprint, to the byte. Of an hour of audio,
    the composition layer holds 3 MB on its way.
    """
    listener = CompositionListener()
    params = Params()
    (whole,) = _file_parts(path, "recording", (1.0,), params, None, math.inf, stream, ear=listener.add)
    (windows,) = listener.windows()
    return RecordingLayers(whole, windows)


def fingerprint_parts(
    path: str | Path,
    *,
    scales: tuple[float, ...] = (1.0,),
    params: Params | None = None,
    projection: Projection | None = None,
    stream: int = 0,
) -> Iterator[Fingerprint]:
    """Yield the fingerprint of a track in parts of about ten minutes, so that memory does not grow with its length.

    Times count from the start of the file in all of them. Arguments and errors are those of `fingerprint_file`, errors
    that concern the whole file (too short, too little music) come at the end. `notes` is complete in the last part.
    """
    yield from _file_parts(path, "track", scales, params or Params(), projection, _PART_PIECES, stream)


def fingerprint_signal(
    y: NDArray[np.float32],
    *,
    role: str = "recording",
    scales: tuple[float, ...] = (1.0,),
    params: Params | None = None,
    projection: Projection | None = None,
    name: str = "",
) -> Fingerprint:
    """Return the fingerprint of mono samples at `params.sample_rate`; otherwise as `fingerprint_file`.

    Parameters
    ----------
    y : ndarray [shape=(n,), dtype=float32]
        Mono samples, finite.
    role, scales, params, projection
        As for `fingerprint_file`.
    name : str
        The track's name in messages and results.

    Raises
    ------
    ParameterError
        If `y` is not one-dimensional or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(3 * 11025) / 11025
    >>> chirps = np.sin(2 * np.pi * (300 * t + 400 * (t % 0.5) ** 2)).astype(np.float32)
    >>> fingerprint_signal(chirps).vectors.shape[2]
    64
    """
    params = params or Params()
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "fiu":
        raise ParameterError(f"y: is of type {type(y).__name__}, must be an array of real numbers [shape=(n,)]")
    if y.ndim != 1 or not np.isfinite(y).all():
        raise ParameterError(f"y has shape {y.shape} or non-finite samples; must be a finite mono signal [shape=(n,)]")
    signal = y.astype(np.float32, copy=False)
    (whole,) = _parts([signal], name, role_of(role), scales, params, projection, math.inf)
    return whole


def is_fingerprint_file(path: Path) -> bool:
    """Return whether the name says that this is a fingerprint file.

    Examples
    --------
    >>> is_fingerprint_file(Path("song.SPF")), is_fingerprint_file(Path("song.mp3"))
    (True, False)
    """
    return path.suffix.lower() == SUFFIX


def recording_of(path: Path) -> Fingerprint:
    """Return the fingerprint of a recording; errors as `fingerprint_file`, or `read_recording`."""
    return read_recording(path) if is_fingerprint_file(path) else fingerprint_file(path)


def recording_layers(path: Path) -> RecordingLayers:
    """Return both layers of a recording; errors as `layers_of_file`, or `read_recording` and `read_composition`."""
    if is_fingerprint_file(path):
        return RecordingLayers(read_recording(path), read_composition(path))
    return layers_of_file(path)


def track_parts(path: Path, *, scales: tuple[float, ...], stream: int = 0) -> Iterator[Fingerprint]:
    """Yield the fingerprint of a track, or of one stream of it, in parts; errors as `fingerprint_parts`, `read_track`.

    `fingerprint.streams` goes through all streams of a track.
    """
    if is_fingerprint_file(path):
        return read_track(path, scales=scales)
    return fingerprint_parts(path, scales=scales, stream=stream)


def audio_stream_count(path: str | Path) -> int:
    """Return how many audio streams a file holds; of a fingerprint file 1.

    Raises
    ------
    DecodeError
        If it cannot be read as audio.
    """
    if is_fingerprint_file(Path(path)):
        return 1
    with open_audio(path) as stream:
        return stream.n_streams


def is_compiled() -> bool:
    """Return whether the loops of fingerprinting are compiled: once for a processor, in some seconds."""
    return is_kept(_kernels.project)


def audio_digest(path: Path) -> str:
    """Return the SHA-256 of the audio file, in hexadecimal; for a fingerprint file, that of its source audio.

    Raises
    ------
    AudioError
        If the file cannot be read, or is no sound fingerprint file.
    """
    return read_contents(path).sha256 if is_fingerprint_file(path) else file_digest(path)


def audio_name(path: Path) -> str:
    """Return the name of the audio file; errors as `audio_digest`, for fingerprint files only."""
    return read_contents(path).name if is_fingerprint_file(path) else path.name


def _file_parts(
    path: str | Path,
    role: Role,
    scales: tuple[float, ...],
    params: Params,
    projection: Projection | None,
    part_pieces: float,
    number: int,
    *,
    ear: Ear | None = None,
) -> Iterator[Fingerprint]:
    """Yield the parts of a file; `ear` gets the samples that they are made of, too."""
    notes: tuple[str, ...] = ()
    n_streams = 1 if number else audio_stream_count(path)
    if n_streams > 1:
        number, notes = _only_music(path, n_streams, params, projection)
    with open_audio(path, sample_rate=params.sample_rate, stream=number) as stream:
        blocks = stream.blocks() if ear is None else _heard(stream.blocks(), ear)
        first = list(islice(blocks, 1))  # fail on undecodable files before hashing all of them
        digest = file_digest(path)
        for part in _parts(chain(first, blocks), Path(path).name, role, scales, params, projection, part_pieces):
            decoder, odd = stream.info.decoder, (*notes, *stream.notes)
            yield replace(part, sha256=digest, decoder=decoder, notes=odd, stream=number)


def _only_music(
    path: str | Path, n_streams: int, params: Params, projection: Projection | None
) -> tuple[int, tuple[str, ...]]:
    """Return the number of the one audio stream that holds music, and notes on the others."""
    if n_streams > MOST_STREAMS:
        raise DecodeError(f"{printable(path)}: {too_many_streams(n_streams)}")
    loud = []
    for number in range(1, n_streams + 1):
        try:
            fingerprint_file(path, params=params, projection=projection, stream=number)
        except (TooShortError, NotEnoughMusicError):
            continue
        loud.append(number)
    if len(loud) > 1:
        raise DecodeError(
            f"{printable(path)}: holds {n_streams} audio streams, and music in {_numbers(loud)} of them: it would be "
            "one recording; give each as a file of its own: ffmpeg -i FILE -map 0:a:0 -c copy OUT takes out the first"
        )
    if not loud:
        return 1, ()  # the caller that describes it reports why there is no music
    return loud[0], (f"streams: {n_streams} audio streams, of which only {loud[0]} holds music; that one is described",)


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"


def too_many_streams(n_streams: int) -> str:
    """Return the message for a file with more audio streams than are scanned."""
    return (
        f"holds {n_streams} audio streams, at most {MOST_STREAMS} are looked at; cut it into files with fewer streams"
    )


def _parts(
    blocks: Iterable[NDArray[np.float32]],
    name: str,
    role: Role,
    scales: tuple[float, ...],
    params: Params,
    projection: Projection | None,
    part_pieces: float,
) -> Iterator[Fingerprint]:
    """Yield fingerprints of up to `part_pieces` pieces each, without a file's sha256, decoder, notes and stream."""
    projection = projection or load_projection()
    check_projection(projection, params)
    expect_scales(scales)
    directions = [projection]
    density = params.reference_density
    if role == "track":
        directions.append(projection.mirrored(params.patch_times))
        density = params.query_density
    meter = _Meter()
    part = _Part(params, name, scales)
    n_landmarks = 0
    for piece_start, power, first, last in _pieces(cell_blocks(meter.count(blocks), params), scales, params):
        if len(part.times) >= part_pieces:
            yield part.fingerprint(part.end_seconds)
            part = _Part(params, name, scales, start_seconds=part.end_seconds)
        log_power = log_cells(power, local_energy(power, params), params)
        found = find_landmarks(power, log_power, params, density=density, first_frame=first, last_frame=last)
        smooth = smooth_cells(log_power, params)
        grids = (patches(smooth, found, params, scale=scale) for scale in scales)
        part.described.append(np.stack([np.stack([describe(grid, p) for p in directions]) for grid in grids], axis=1))
        part.times.append((found.frames + piece_start) / params.frames_per_second)
        part.bins.append(found.bins.astype(np.float32))
        part.prominence.append(found.prominence)
        part.end_seconds = (piece_start + last) / params.frames_per_second
        n_landmarks += found.frames.size
    seconds = meter.n_samples / params.sample_rate
    if seconds < MIN_SECONDS:
        raise TooShortError(
            f"{printable(name) or 'the signal'} holds {seconds:.2f} s of audio; at least {MIN_SECONDS} s are needed"
        )
    if n_landmarks < MIN_LANDMARKS:
        raise NotEnoughMusicError(
            f"{printable(name) or 'the signal'} holds {n_landmarks} landmarks in {seconds:.1f} s; at least "
            f"{MIN_LANDMARKS} are needed: it is silent or a steady tone; give audio with music"
        )
    yield part.fingerprint(seconds)


def _pieces(
    blocks: Iterable[NDArray[np.float32]], scales: tuple[float, ...], params: Params
) -> Iterator[tuple[int, NDArray[np.float32], int, int]]:
    """Cut a spectrogram into overlapping windows.

    Yields (frame number of row 0, rows, first row that belongs to the piece, row after its last): the rows around
    those serve as context.
    """
    length = _PIECE_BLOCKS * quota_frames(params)
    reach = math.ceil(params.patch_seconds * params.frames_per_second * max(1.0, 1.0 / min(scales)))
    # A patch reads smoothed rows, whose floor reads the local energy.
    margin = reach + params.smooth_frames + round(params.patch_seconds * params.frames_per_second) + 2
    margin = max(margin, params.peak_frames + params.contrast_frames)
    held: list[NDArray[np.float32]] = []
    n_held = base = start = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        while base + n_held >= start + length + margin:
            rows = np.concatenate(held)
            yield base, rows[: start - base + length + margin], start - base, start - base + length
            start += length
            drop = max(0, start - margin - base)
            held = [rows[drop:]]
            base += drop
            n_held -= drop
    if base + n_held > start:
        yield base, np.concatenate(held), start - base, n_held
