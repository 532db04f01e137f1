"""Spectrograms as pictures: stretches of an audio file in, one grey PNG of the same width for each out.

The rows are the cells in which the fingerprint hears (`fingerprint.spectrogram`), the columns equal parts of a stretch
of time. A track and the recording that it reuses are drawn as two stretches that correspond, with equally many columns:
matching sound is then aligned, at any tempo. Files are read once, in blocks; memory depends on the
number of columns, not on the length of the file. The only door to Pillow.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from fingerprint.audio.stream import open_audio
from fingerprint.params import Params
from fingerprint.spectrogram import cell_blocks, log_cells

__all__ = ["Stretch", "picture", "pooled_cells", "shades"]

_DARKEST_LOG = 3.0  # natural logarithm of power over the local mean that is drawn in full ink
_LIGHTEST_LOG = -6.0
_SHADES = 48  # as many as the eye tells apart; fewer compress better
_PAPER = np.array([250.0, 251.0, 252.0])
_MIDDLE = np.array([122.0, 146.0, 172.0])
_INK = np.array([12.0, 26.0, 44.0])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a file that is to be drawn.

    Attributes
    ----------
    start_seconds, end_seconds : float
        Where it starts and ends; either may lie outside the file, where nothing is drawn.
    n_columns : int
        Width of its picture.
    """

    start_seconds: float
    end_seconds: float
    n_columns: int


def pooled_cells(
    path: Path, stretches: Sequence[Stretch], params: Params, *, stream: int = 0
) -> list[NDArray[np.float32]]:
    """Return the mean log-frequency power in each column of each stretch of a file.

    Parameters
    ----------
    path : Path
        An audio file.
    stretches : sequence of Stretch
    params : Params
        Parameters of the analysis.
    stream : int
        Which audio stream of the file, from 1; 0 where it has one.

    Returns
    -------
    list of ndarray [shape=(n_columns, n_bins), dtype=float32]
        Power; NaN in columns outside the file.

    Raises
    ------
    DecodeError
        If the file cannot be read.
    """
    sums = [np.zeros((stretch.n_columns, params.n_bins)) for stretch in stretches]
    counts = [np.zeros(stretch.n_columns, dtype=np.int64) for stretch in stretches]
    last_seconds = max((stretch.end_seconds for stretch in stretches), default=0.0)
    n_frames = 0
    with open_audio(path, sample_rate=params.sample_rate, stream=stream) as audio:
        for rows in cell_blocks(audio.blocks(), params):
            seconds = (n_frames + np.arange(len(rows))) / params.frames_per_second
            for stretch, total, count in zip(stretches, sums, counts, strict=True):
                length = stretch.end_seconds - stretch.start_seconds
                columns = np.floor((seconds - stretch.start_seconds) / length * stretch.n_columns).astype(np.int64)
                inside = (columns >= 0) & (columns < stretch.n_columns)
                if inside.any():
                    np.add.at(total, columns[inside], rows[inside])
                    np.add.at(count, columns[inside], 1)
            n_frames += len(rows)
            if seconds[-1] > last_seconds:
                break
    return [_means(total, count) for total, count in zip(sums, counts, strict=True)]


def shades(power: NDArray[np.float32], stretch: Stretch, params: Params) -> NDArray[np.uint8]:
    """Return power as shades from 0 (nothing) to 255 (loud), the lowest cell in the last row.

    As for the fingerprint, loud and soft are relative to the mean within 1.2 s, so that gain makes no difference.

    Parameters
    ----------
    power : ndarray [shape=(n_columns, n_bins), dtype=float32]
        As `pooled_cells` returns it.
    stretch : Stretch
        Stretch that it was made of.
    params : Params
        Parameters of the analysis.

    Returns
    -------
    ndarray [shape=(n_bins, n_columns), dtype=uint8]
    """
    outside = np.isnan(power[:, 0])
    power = np.where(outside[:, None], np.float32(0.0), power)
    columns_per_second = stretch.n_columns / (stretch.end_seconds - stretch.start_seconds)
    width = max(1, round(2 * params.patch_seconds * columns_per_second))
    energy = scipy.ndimage.uniform_filter1d(power.mean(axis=1), width, mode="nearest").astype(np.float32)
    silent = energy < 1e-12
    heard = log_cells(power, energy, params) - np.log(np.where(silent, np.float32(1.0), energy))[:, None]
    level = np.clip((heard - _LIGHTEST_LOG) / (_DARKEST_LOG - _LIGHTEST_LOG), 0.0, 1.0)
    level[outside | silent] = 0.0
    steps = np.round(level * (_SHADES - 1)) * (255.0 / (_SHADES - 1))
    return np.ascontiguousarray(steps.T[::-1].astype(np.uint8))


def picture(drawn: NDArray[np.uint8]) -> bytes:
    """Return shades as a PNG file: dark ink on light paper, which a page inverts where it is dark itself."""
    level = np.linspace(0.0, 1.0, 256)[:, None]
    first = _PAPER + (_MIDDLE - _PAPER) * np.minimum(2 * level, 1.0)
    colours = np.where(level < 0.5, first, _MIDDLE + (_INK - _MIDDLE) * (2 * level - 1))
    image = Image.frombytes("P", (drawn.shape[1], drawn.shape[0]), np.ascontiguousarray(drawn).tobytes())
    image.putpalette(np.round(colours).astype(np.uint8).tobytes())
    sink = io.BytesIO()
    image.save(sink, format="PNG", optimize=True)
    return sink.getvalue()


def _means(total: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float32]:
    filled = np.flatnonzero(count)
    if not filled.size:
        return np.full(total.shape, np.nan, dtype=np.float32)
    mean = total / np.maximum(count, 1)[:, None]
    # A column narrower than the distance of frames shows the frame before it.
    nearest = filled[np.clip(np.searchsorted(filled, np.arange(count.size), side="right") - 1, 0, None)]
    result: NDArray[np.float32] = mean[nearest].astype(np.float32)
    result[: filled[0]] = np.nan
    result[filled[-1] + 1 :] = np.nan
    return result
