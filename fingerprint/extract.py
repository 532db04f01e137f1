"""The whole way from an audio file to its fingerprint, in pieces of 24 s so that length costs time but not memory.

- `fingerprint_file`: decode and describe a file.
- `fingerprint_signal`: describe samples that are already at hand.

A piece is analysed with enough of its surroundings that where the cuts fall changes nothing. References get fewer
landmarks and one time scale; queries get more landmarks, several time scales, and for each descriptor its mirror
image in time: what the same music would give if it ran backwards. The mirrored query is the decoy from which `index`
learns what chance looks like.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fingerprint.audio import file_digest, open_audio
from fingerprint.descriptors import check_projection, describe, patches, smooth_cells
from fingerprint.errors import NotEnoughMusicError, ParameterError, TooShortError, printable
from fingerprint.landmarks import find_landmarks, quota_frames
from fingerprint.params import Params
from fingerprint.projection import Projection, load_projection
from fingerprint.spectrogram import cell_blocks, local_energy, log_cells

__all__ = ["MIN_LANDMARKS", "MIN_SECONDS", "Fingerprint", "Role", "fingerprint_file", "fingerprint_signal"]

Role = Literal["reference", "query"]

MIN_SECONDS = 0.5
"""Shorter audio holds too few landmarks to identify anything."""

MIN_LANDMARKS = 8
"""Audio with fewer landmarks, digital silence for one, identifies nothing."""

_PIECE_BLOCKS = 48  # pieces of 48 half-second rations, 24 s


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """Landmarks of one recording and what surrounds each of them.

    Attributes
    ----------
    times : ndarray [shape=(n,), dtype=float64]
        Landmark times in seconds, ascending.
    bins : ndarray [shape=(n,), dtype=float32]
        Landmark frequencies in cells of the log-frequency axis.
    prominence : ndarray [shape=(n,), dtype=float32]
        Height above the surroundings, natural log power.
    scales : tuple of float
        Time scales at which the landmarks are described.
    vectors : ndarray [shape=(n_scales, n, dimension), dtype=float32]
        Descriptors, unit norm.
    mirrored : ndarray [shape=(n_scales, n, dimension) or (0, 0, dimension), dtype=float32]
        Descriptors of the same music running backwards; queries only.
    duration_seconds : float
        Length of the audio that was decoded.
    params_digest : str
        Digest of the parameters.
    name, sha256, decoder : str
        File name, SHA-256 of the file's bytes (hex) and decoder; empty for signals.
    notes : tuple of str
        What was odd about the audio, in sentences.
    """

    times: NDArray[np.float64]
    bins: NDArray[np.float32]
    prominence: NDArray[np.float32]
    scales: tuple[float, ...]
    vectors: NDArray[np.float32]
    mirrored: NDArray[np.float32]
    duration_seconds: float
    params_digest: str
    name: str = ""
    sha256: str = ""
    decoder: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Meter:
    """Counts the samples that pass."""

    n_samples: int = 0

    def count(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.n_samples += block.size
            yield block


def fingerprint_file(
    path: str | Path,
    *,
    role: Role = "reference",
    scales: tuple[float, ...] = (1.0,),
    params: Params | None = None,
    projection: Projection | None = None,
) -> Fingerprint:
    """Return the fingerprint of an audio file.

    Parameters
    ----------
    path : str or Path
        A file that `fingerprint.audio` can decode.
    role : {"reference", "query"}
        References get `params.reference_density` landmarks per second; queries get `params.query_density`, and
        mirrored descriptors.
    scales : tuple of float
        Time scales at which to describe each landmark, in reference seconds per second of this file.
    params : Params, optional
        Parameters of the analysis; by default those of this version.
    projection : Projection, optional
        The trained projection; by default the one that ships.

    Returns
    -------
    Fingerprint

    Raises
    ------
    DecodeError
        If the file cannot be read as audio.
    TooShortError
        If it holds less than `MIN_SECONDS`.
    NotEnoughMusicError
        If it holds fewer than `MIN_LANDMARKS` landmarks, as silence does.
    """
    params = params or Params()
    digest = file_digest(path)
    with open_audio(path, sample_rate=params.sample_rate) as stream:
        made = _fingerprint(stream.blocks(), Path(path).name, role, scales, params, projection)
        return replace(made, sha256=digest, decoder=stream.info.decoder, notes=tuple(stream.notes))


def fingerprint_signal(
    y: NDArray[np.float32],
    *,
    role: Role = "reference",
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
        What messages and results call it.

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
    if y.ndim != 1 or not np.isfinite(y).all():
        raise ParameterError(f"y has shape {y.shape} or non-finite samples; a finite mono signal is needed")
    signal = y.astype(np.float32, copy=False)
    return _fingerprint([signal], name, role, scales, params, projection)


def _fingerprint(
    blocks: Iterable[NDArray[np.float32]],
    name: str,
    role: Role,
    scales: tuple[float, ...],
    params: Params,
    projection: Projection | None,
) -> Fingerprint:
    projection = projection or load_projection()
    check_projection(projection, params)
    if not scales or min(scales) <= 0:
        raise ParameterError(f"scales is {scales}; one or more positive numbers are needed")
    directions = [projection]
    density = params.reference_density
    if role == "query":
        directions.append(projection.mirrored(params.patch_times))
        density = params.query_density
    meter = _Meter()
    times, bins, prominence, described = [], [], [], []
    for piece_start, power, first, last in _pieces(cell_blocks(meter.count(blocks), params), scales, params):
        log_power = log_cells(power, local_energy(power, params), params)
        found = find_landmarks(power, log_power, params, density=density, first_frame=first, last_frame=last)
        smooth = smooth_cells(log_power, params)
        grids = (patches(smooth, found, params, scale=scale) for scale in scales)
        described.append(np.stack([np.stack([describe(grid, p) for p in directions]) for grid in grids], axis=1))
        times.append((found.frames + piece_start) / params.frames_per_second)
        bins.append(found.bins.astype(np.float32))
        prominence.append(found.prominence)
    seconds = meter.n_samples / params.sample_rate
    if seconds < MIN_SECONDS:
        raise TooShortError(
            f"{printable(name) or 'the signal'} holds {seconds:.2f} s of audio; at least {MIN_SECONDS} s are needed"
        )
    n = sum(t.size for t in times)
    if n < MIN_LANDMARKS:
        raise NotEnoughMusicError(
            f"{printable(name) or 'the signal'} holds {n} landmarks in {seconds:.1f} s; at least {MIN_LANDMARKS} "
            "are needed: it is silent, or a steady tone"
        )
    vectors = np.concatenate(described, axis=2)
    mirrored = vectors[1] if role == "query" else np.empty((0, 0, params.dimension), dtype=np.float32)
    at = np.concatenate(times)
    order = np.argsort(at, kind="stable")  # a peak at the edge of a piece may be refined across it
    return Fingerprint(
        times=at[order],
        bins=np.concatenate(bins)[order],
        prominence=np.concatenate(prominence)[order],
        scales=scales,
        vectors=np.ascontiguousarray(vectors[0][:, order]),
        mirrored=np.ascontiguousarray(mirrored[:, order]) if mirrored.size else mirrored,
        duration_seconds=seconds,
        params_digest=params.digest,
        name=name,
    )


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
