"""Drawings of one passage: two spectrograms on one time axis, the line in the plane of times, the pitch histogram.

In comes a passage with the pairs of landmarks that `index.recheck.recheck` gives for it; out come records of places
and SVG paths in fixed view boxes, for the template to put into markup. Every drawing has its description in words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerprint.params import Params
from index.recheck.recheck import Pairs
from index.recheck.trace import TracedPassage
from index.search.matches import Passage
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from sourceprint.evidence.pages.geometry import Scale, Tick, dots, frequency_ticks, lines, spread, time_ticks
from sourceprint.text.tables import counted

__all__ = [
    "MOST_DOTS",
    "MOST_LINES",
    "PLOT",
    "STAGE",
    "PitchFigure",
    "PlaneFigure",
    "Plot",
    "SpectraFigure",
    "Stage",
    "pitch_figure",
    "plane_figure",
    "spectra_figure",
]

MOST_DOTS = 3000
"""Landmarks of a kind that are drawn in one figure, at most: evenly chosen of more."""

MOST_LINES = 140
"""Pairs that are joined by a line, at most."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The places of the two spectrograms in their view box."""

    width: int = 1120
    height: int = 500
    left: int = 56
    right: int = 1112
    track_top: int = 34
    track_bottom: int = 218
    recording_top: int = 276
    recording_bottom: int = 460


@dataclass(frozen=True, slots=True)
class Plot:
    """The places of the small drawings."""

    width: int = 400
    height: int = 320
    left: int = 58
    right: int = 388
    top: int = 14
    bottom: int = 272


STAGE = Stage()
PLOT = Plot()

_AROUND_SECONDS = 0.6  # shown before and after a passage, in time of the track
_BIN_CENTS = 10.0
_AROUND_CENTS = 150.0


@dataclass(frozen=True, slots=True)
class SpectraFigure:
    """Two spectrograms above each other, on one time axis.

    Attributes
    ----------
    track_seconds, recording_seconds : (float, float)
        Where the axis starts and ends, in time of either file.
    track_ticks, recording_ticks : list of Tick
        Times.
    track_hz, recording_hz : list of Tick
        Frequencies.
    track_dots, recording_dots : str
        Paths of the landmarks that agree.
    track_others, recording_others : str
        Paths of those that the trace holds besides.
    joins : str
        Path of the lines that join pairs.
    first, last : float
        Where the passage itself starts and ends.
    description : str
        Description of the drawing.
    sampled : str
        A sentence on the pairs that are joined, where there are too many lines for all; else "".
    """

    track_seconds: tuple[float, float]
    recording_seconds: tuple[float, float]
    track_ticks: list[Tick]
    recording_ticks: list[Tick]
    track_hz: list[Tick]
    recording_hz: list[Tick]
    track_dots: str
    recording_dots: str
    track_others: str
    recording_others: str
    joins: str
    first: float
    last: float
    description: str
    sampled: str


@dataclass(frozen=True, slots=True)
class PlaneFigure:
    """Pairs in the plane of track time and recording time, with their line.

    Attributes
    ----------
    x_ticks, y_ticks : list of Tick
        Times.
    points : str
        Path of the pairs.
    line : (float, float, float, float)
        Ends of the line.
    slope : float
        Recording seconds per track second.
    deviation_ms : float
        Median distance of the pairs from the line, in recording time; NaN where there are none.
    description : str
        Description of the drawing.
    """

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: str
    line: tuple[float, float, float, float]
    slope: float
    deviation_ms: float
    description: str


@dataclass(frozen=True, slots=True)
class PitchFigure:
    """How far each landmark of the track lies above its counterpart, as a histogram.

    Attributes
    ----------
    x_ticks, y_ticks : list of Tick
        Cents and numbers of pairs.
    bars : list of (float, float)
        Left edge and top of each.
    bar_width : float
    mark : float
        Where the stated pitch lies.
    stated : str
        The stated pitch in cents, that of a change of speed included.
    within_percent : float
        Share of the pairs within 20 cents of it.
    description : str
        Description of the drawing.
    """

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    bars: list[tuple[float, float]]
    bar_width: float
    mark: float
    stated: str
    within_percent: float
    description: str


def spectra_figure(
    passage: Passage, pairs: Pairs, finds: Sequence[TracedPassage], *, fmin_hz: float, cells_per_octave: float
) -> SpectraFigure:
    """Return the drawing on the two spectrograms of a passage.

    Parameters
    ----------
    passage : Passage
        The passage.
    pairs : Pairs
        Its pairs.
    finds : sequence of TracedPassage
        Passages of the trace in this part of the recording, for the landmarks that have no counterpart.
    fmin_hz, cells_per_octave : float
        The axis of frequency.
    """
    start = max(0.0, passage.track_start_seconds - _AROUND_SECONDS)
    end = passage.track_end_seconds + _AROUND_SECONDS

    def along(track_seconds: float) -> float:
        return passage.recording_start_seconds + passage.ratio * (track_seconds - passage.track_start_seconds)

    recording = (along(start), along(end))
    x = Scale(start, end, STAGE.left, STAGE.right)
    x_recording = Scale(*recording, STAGE.left, STAGE.right)
    n_cells = Params().n_bins
    y = Scale(-0.5, n_cells - 0.5, STAGE.track_bottom, STAGE.track_top)
    y_recording = Scale(-0.5, n_cells - 0.5, STAGE.recording_bottom, STAGE.recording_top)
    upper = list(zip(map(x, pairs.track_seconds.tolist()), map(y, pairs.track_bins.tolist()), strict=True))
    lower = list(
        zip(
            map(x_recording, pairs.recording_seconds.tolist()),
            map(y_recording, pairs.recording_bins.tolist()),
            strict=True,
        )
    )
    shown = spread(len(upper), MOST_DOTS)
    joined = spread(len(upper), MOST_LINES)
    others = (
        "".join(_others(find.seconds, find.bins.astype(np.float64), x, y) for find in finds),
        "".join(
            _others(
                find.recording_times / TIMES_PER_SECOND, find.recording_bins / BINS_PER_CELL, x_recording, y_recording
            )
            for find in finds
        ),
    )
    hz = {"fmin_hz": fmin_hz, "cells_per_octave": cells_per_octave}
    sampled = ""
    if len(upper) > MOST_LINES:
        pairs_text = counted(len(upper), "pair", groups=True)
        sampled = f"Of the {pairs_text}, every {_nth(len(upper) / len(joined))} is joined by a line."
    return SpectraFigure(
        (start, end),
        recording,
        time_ticks(x),
        time_ticks(x_recording),
        frequency_ticks(y, **hz),
        frequency_ticks(y_recording, **hz),
        dots(upper[k] for k in shown),
        dots(lower[k] for k in shown),
        *others,
        lines((*upper[k], *lower[k]) for k in joined),
        x(passage.track_start_seconds),
        x(passage.track_end_seconds),
        f"{counted(len(upper), 'landmark', groups=True)} of the generated track, each at the time that corresponds in "
        "the recording, and each at the same distance in pitch",
        sampled,
    )


def plane_figure(passage: Passage, pairs: Pairs) -> PlaneFigure:
    """Return the line of a passage in the plane of times."""
    x = Scale(passage.track_start_seconds, passage.track_end_seconds, PLOT.left, PLOT.right)
    y = Scale(passage.recording_start_seconds, passage.recording_end_seconds, PLOT.bottom, PLOT.top)
    shown = spread(pairs.track_seconds.size, MOST_DOTS)
    along = passage.recording_start_seconds + passage.ratio * (pairs.track_seconds - passage.track_start_seconds)
    away = np.abs(pairs.recording_seconds - along)
    deviation_ms = 1000.0 * float(np.median(away)) if away.size else math.nan
    return PlaneFigure(
        time_ticks(x, most=6),
        time_ticks(y, most=7),
        dots((x(float(pairs.track_seconds[k])), y(float(pairs.recording_seconds[k]))) for k in shown),
        (x.first, y.first, x.last, y.last),
        passage.ratio,
        deviation_ms,
        f"{counted(pairs.track_seconds.size, 'pair', groups=True)} of landmarks on a line of slope "
        f"{passage.ratio:.4f}: {passage.ratio:.4f} seconds of the recording pass in a second of the generated track",
    )


def pitch_figure(passage: Passage, pairs: Pairs, *, cells_per_octave: float) -> PitchFigure:
    """Return the histogram of pitch differences of a passage."""
    cents = pairs.pitch_cells * (1200.0 / cells_per_octave)
    stated = round(passage.transformation.heard_cents, 1) + 0.0  # no -0
    middle = _BIN_CENTS * round(stated / _BIN_CENTS)
    n_bins = round(2 * _AROUND_CENTS / _BIN_CENTS) + 1
    low = middle - _AROUND_CENTS - _BIN_CENTS / 2
    counts, _ = np.histogram(cents, bins=n_bins, range=(low, low + n_bins * _BIN_CENTS))
    most = max(int(counts.max()), 1)
    x = Scale(low, low + n_bins * _BIN_CENTS, PLOT.left, PLOT.right)
    y = Scale(0.0, 1.05 * most, PLOT.bottom, PLOT.top)
    within = 100.0 * float(np.mean(np.abs(cents - stated) <= 20.0)) if cents.size else 0.0
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if most / s <= 6), 10_000)
    return PitchFigure(
        [Tick(x(middle + d), _signed(middle + d)) for d in (-100.0, -50.0, 0.0, 50.0, 100.0)],
        [Tick(y(n), str(n)) for n in range(0, most + 1, step)],
        [(x(low + k * _BIN_CENTS), y(int(n))) for k, n in enumerate(counts)],
        (PLOT.right - PLOT.left) / n_bins,
        x(stated),
        _signed(stated),
        within,
        f"pitch of the generated track above the recording, pair by pair: {within:.0f} % lie within 20 cents of "
        f"{_signed(stated)} cents",
    )


def _others(seconds: NDArray[np.float64], cells: NDArray[np.float64], x: Scale, y: Scale) -> str:
    inside = np.flatnonzero((seconds >= x.low) & (seconds <= x.high))
    chosen = inside[spread(inside.size, MOST_DOTS)]
    return dots((x(float(seconds[k])), y(float(cells[k]))) for k in chosen)


def _nth(every: float) -> str:
    n = max(2, round(every))
    return {2: "second", 3: "third"}.get(n, f"{n}th")


def _signed(cents: float) -> str:
    whole = round(cents)
    return f"{whole:+d}" if whole else "0"
