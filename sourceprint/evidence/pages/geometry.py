"""Geometry of drawings: scales, ticks, and the outlines of many points or lines as one SVG path.

Times are seconds, frequencies Hz or cells of the fingerprint's log-frequency axis; results are in units of the
drawing's view box, x to the right and y down. Numbers are written with one decimal, so that the same drawing gives the
same text.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sourceprint.text.tables import clock

__all__ = [
    "LEAST_OF_LANE",
    "Scale",
    "Tick",
    "dots",
    "frequency_ticks",
    "lines",
    "rows_of_spans",
    "spread",
    "tick_text",
    "time_ticks",
]

LEAST_OF_LANE = 0.007
"""Share of a timeline that even the shortest bar takes on a screen."""

_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_END_SHARE = 0.015  # of an axis: less than half of a text beside it
_FREQUENCIES_HZ = (100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values [low, high] to places [first, last] in a drawing."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return the place of a value.

        Examples
        --------
        >>> Scale(0.0, 10.0, 100.0, 200.0)(2.5)
        125.0
        """
        if self.high == self.low:
            return (self.first + self.last) / 2  # a passage of a single landmark
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place, its label, and whether it is at the very end, where a centred text is cut."""

    at: float
    text: str
    is_last: bool = False


def time_ticks(scale: Scale, *, most: int = 10) -> list[Tick]:
    """Return marks at round times, at most about `most` of them.

    Examples
    --------
    >>> [tick.text for tick in time_ticks(Scale(4.2, 19.9, 0, 100), most=4)]
    ['0:05', '0:10', '0:15']
    >>> [tick.is_last for tick in time_ticks(Scale(0.0, 10.1, 0, 100), most=3)]
    [False, False, True]
    """
    length = scale.high - scale.low
    step = next((step for step in _STEPS_SECONDS if length / step <= most), _STEPS_SECONDS[-1])
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    end = scale.high - _END_SHARE * length
    return [Tick(scale(k * step), tick_text(k * step, step), k * step > end) for k in range(first, last + 1) if k >= 0]


def tick_text(seconds: float, step: float) -> str:
    """Return a time, with tenths where marks are closer than a second.

    Examples
    --------
    >>> tick_text(61.5, 0.5), tick_text(61.0, 1)
    ('1:01.5', '1:01')
    """
    text = clock(seconds)
    return text if step < 1 else text[:-2]


def frequency_ticks(scale: Scale, *, fmin_hz: float, cells_per_octave: float) -> list[Tick]:
    """Return marks at round frequencies on a scale of cells."""
    ticks = []
    for hz in _FREQUENCIES_HZ:
        cell = cells_per_octave * math.log2(hz / fmin_hz)
        if scale.low <= cell <= scale.high:
            ticks.append(Tick(scale(cell), f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"))
    return ticks


def dots(places: Iterable[tuple[float, float]]) -> str:
    """Return a path of dots, drawn by its round line caps.

    Examples
    --------
    >>> dots([(1, 2), (3.25, 4)])
    'M1.0 2.0h0M3.2 4.0h0'
    """
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)


def lines(ends: Iterable[tuple[float, float, float, float]]) -> str:
    """Return a path of separate lines.

    Examples
    --------
    >>> lines([(0, 0, 1, 1)])
    'M0.0 0.0L1.0 1.0'
    """
    return "".join(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" for x1, y1, x2, y2 in ends)


def spread(n: int, most: int) -> list[int]:
    """Return at most `most` of the numbers below `n`, evenly spread.

    Examples
    --------
    >>> spread(3, 5), spread(10, 4)
    ([0, 1, 2], [0, 3, 6, 9])
    """
    if n <= most:
        return list(range(n))
    return [round(k * (n - 1) / (most - 1)) for k in range(most)]


def rows_of_spans(spans: Sequence[tuple[float, float]], *, least: float = 0.0) -> list[int]:
    """Return the row that each span is drawn in, from 0: as few rows as keep spans of one row from lying on each other.

    Parameters
    ----------
    spans : sequence of (float, float)
        Start and end, in order of start.
    least : float
        Room that even a shorter span takes.

    Examples
    --------
    >>> rows_of_spans([(0, 10), (4, 12), (10, 11)])
    [0, 1, 0]
    >>> rows_of_spans([(0, 1), (2, 3)], least=5)
    [0, 1]
    """
    ends: list[float] = []
    rows = []
    for start, end in spans:
        row = next((k for k, free in enumerate(ends) if free <= start), len(ends))
        ends[row : row + 1] = [max(end, start + least)]
        rows.append(row)
    return rows
