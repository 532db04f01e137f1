"""Find the stretches of an alignment that are supported by landmarks, and may be claimed.

An alignment goes from the first landmark on its line to the last, across any gap: a source that is switched off for a
second or two, silence, other music, another recording of the catalogue. Only stretches in which its landmarks are found
count. `supported` looks at all landmarks of the query, whether or not another recording meets them too, since another
match proves nothing and forbids nothing. They are read as a sequence in which the source is off, or on at one of three
levels (in the clear, mixed, buried); which of them are met decides (a hidden Markov model).

- A landmark that is not met says little where few are met anyway, so a gap in a buried source has to be longer than one
  in a clear source.
- A landmark of the recording that should be heard where the query has nothing at all speaks against it: silence is no
  use.
- A cut spoils the descriptors beside it, which see 0.6 s to either side. Landmarks that are met perfectly up to a gap
  speak against a cut there, those met faintly for it.
- A source that is off is met as often as the lines beside its own are (`Along.chance`), and a stretch counts only if it
  holds more.

Constants were chosen on recordings switched on and off, plain and transformed, of four sources of the corpus, and held
against four others; the replication benchmark has such tracks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.search import _kernels
from index.search.alignment import Alignment, Along

__all__ = ["HeardStretch", "ends_of", "supported", "whole_of"]

_LEAST_EVIDENCE = 0.3  # of a landmark that is met: off the line one in a hundred has it, under other music one in ten
_RATES = (0.05, 0.15, 0.4)  # of the landmarks of a source: buried, mixed, in the clear
_CHANCE_RATES = (0.004, 0.02)  # at least and at most: loops meet themselves beside their line, which is not chance
_ABSENT_WEIGHT = 0.7  # of a landmark that is not met: neighbours are missed together
_SILENT_WEIGHT = 3.0  # of a landmark of the recording where the query has none
_SILENT_SECONDS = 0.1
_COST = 2.5  # of going on or off, natural log units
_LEVEL_COST = 4.0
_BESIDE_SECONDS = 0.25  # how much beside a gap tells a cut
_CUT_EVIDENCE, _LEAST_COST, _MOST_COST = 2.0, 1.5, 5.5  # mean evidence beside a cut and beside other gaps differ here
_LEAST_LANDMARKS = 3
_SPOILT_SECONDS, _MOST_BEYOND_SECONDS = 0.03, 0.3
_FIRST_MOST_BEYOND_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class HeardStretch:
    """A stretch of the query in which a recording is heard.

    Attributes
    ----------
    start_seconds, end_seconds : float
        Its outermost landmarks.
    beyond_seconds : float
        How far it goes on beyond them, on average.
    n_landmarks : int
        Landmarks of the query that are met in it.
    """

    start_seconds: float
    end_seconds: float
    beyond_seconds: float
    n_landmarks: int


def supported(along: Along) -> tuple[HeardStretch, ...]:
    """Return the stretches of an alignment in which landmarks of its recording are found above chance.

    Parameters
    ----------
    along : Along
        Evidence along the alignment, from `Aligner.along`.

    Returns
    -------
    tuple of HeardStretch
        In order of time.
    """
    times, evidence, weights = _sequence(along)
    met = evidence >= _LEAST_EVIDENCE
    beside = np.count_nonzero(along.aside >= _LEAST_EVIDENCE, axis=1) / along.seconds.size
    chance = float(np.clip(np.median(beside), *_CHANCE_RATES))
    states = _states(times, evidence, weights, (chance, *_RATES))
    stretches = [one for one in _stretches(times, met, states) if one.n_landmarks > _by_chance(along, one)]
    if not stretches:  # it was found, so faintly that no level fits, or as a steady sound, alike beside its line
        own = float(np.clip(np.count_nonzero(met) / met.size, 1e-3, 0.9))
        stretches = _stretches(times, met, _states(times, evidence, weights, (min(chance, own / 2), own)))
    return tuple(stretches)


def whole_of(alignment: Alignment) -> HeardStretch:
    """Return all of an alignment as one stretch, as searches reported it whose traces have schema 1."""
    start, end = alignment.track_start_seconds, alignment.track_end_seconds
    n = alignment.landmarks.size
    return HeardStretch(start, end, min((end - start) / max(n - 1, 1), _FIRST_MOST_BEYOND_SECONDS), n)


def ends_of(
    stretch: HeardStretch,
    line: Alignment,
    reported: Sequence[HeardStretch],
    heard: tuple[float, float],
    recording_seconds: float,
) -> tuple[float, float]:
    """Return where a stretch starts and ends in the query: beyond its outermost landmarks by `beyond_seconds`.

    On average, reused audio continues past its last landmark by the mean distance of landmarks (the largest of n draws
    falls short of the end by a share 1 / n). Not beyond the query, the recording, or half the way to a neighbour.

    Parameters
    ----------
    stretch : HeardStretch
        The stretch.
    line : Alignment
        That it is a stretch of.
    reported : sequence of HeardStretch
        All that are reported, itself included.
    heard : tuple of float
        Start and end of the query, in seconds.
    recording_seconds : float
        Length of the recording.
    """
    start, end = stretch.start_seconds, stretch.end_seconds
    low = max(heard[0], start - stretch.beyond_seconds, -line.offset_seconds / line.ratio)
    high = min(heard[1], end + stretch.beyond_seconds, (recording_seconds - line.offset_seconds) / line.ratio)
    for other in reported:
        if other.end_seconds <= start:
            low = max(low, (other.end_seconds + start) / 2)
        elif other.start_seconds >= end:
            high = min(high, (end + other.start_seconds) / 2)
    return min(low, start), max(high, end)


def _sequence(along: Along) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return times, evidence and weights of the query's landmarks, and of those of the recording where it has none."""
    seconds = along.seconds
    missed = along.recording_seconds
    missed = missed[(missed > seconds[0]) & (missed < seconds[-1])]
    after = np.searchsorted(seconds, missed)
    distance = np.minimum(missed - seconds[after - 1], seconds[after] - missed)
    missed = missed[distance > _SILENT_SECONDS]
    times = np.concatenate((seconds, missed))
    evidence = np.concatenate((along.evidence, np.full(missed.size, -np.inf)))
    weights = np.concatenate((np.full(seconds.size, _ABSENT_WEIGHT), np.full(missed.size, _SILENT_WEIGHT)))
    order = np.argsort(times, kind="stable")
    return times[order], evidence[order], weights[order]


def _states(
    times: NDArray[np.float64],
    evidence: NDArray[np.float64],
    weights: NDArray[np.float64],
    rates: tuple[float, ...],
) -> NDArray[np.int64]:
    """Return the state of each landmark: 0 is off; `rates` are those of the states."""
    met = evidence >= _LEAST_EVIDENCE
    on_costs, off_costs = _costs(times, evidence, met)
    states = np.zeros(met.size, dtype=np.int64)
    came_from = np.zeros((met.size, len(rates)), dtype=np.int64)
    _kernels.likeliest_states(
        met, weights, np.array(rates), on_costs, off_costs, _LEVEL_COST, np.zeros((2, len(rates))), came_from, states
    )
    return states


def _costs(
    times: NDArray[np.float64], evidence: NDArray[np.float64], met: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the costs of switching on and of switching off before each landmark.

    It depends on the mean evidence of those met just after, or just before: a cut spoils their descriptors.
    """
    at = np.flatnonzero(met)
    if not at.size:
        return np.full(times.size, _COST), np.full(times.size, _COST)
    total = np.concatenate(([0.0], np.cumsum(evidence[at])))
    each = np.arange(at.size)
    first = np.searchsorted(times[at], times[at] - _BESIDE_SECONDS, side="left")
    last = np.searchsorted(times[at], times[at] + _BESIDE_SECONDS, side="right")
    before = (total[each + 1] - total[first]) / (each + 1 - first)
    after = (total[last] - total[each]) / (last - each)
    reached = np.cumsum(met)  # of those met, how many come before the next landmark
    next_one = np.minimum(reached - met, at.size - 1)
    last_one = np.maximum(reached - met - 1, 0)
    return (
        np.clip(_COST + after[next_one] - _CUT_EVIDENCE, _LEAST_COST, _MOST_COST),
        np.clip(_COST + before[last_one] - _CUT_EVIDENCE, _LEAST_COST, _MOST_COST),
    )


def _stretches(times: NDArray[np.float64], met: NDArray[np.bool_], states: NDArray[np.int64]) -> list[HeardStretch]:
    """Return the runs of landmarks that are not off, from the first that is met to the last."""
    on = np.concatenate(([False], states > 0, [False]))
    starts, ends = np.flatnonzero(on[1:] & ~on[:-1]), np.flatnonzero(on[:-1] & ~on[1:])
    out = []
    for a, b in zip(starts, ends, strict=True):
        inside = times[a:b][met[a:b]]
        if inside.size >= _LEAST_LANDMARKS:
            start, end = float(inside[0]), float(inside[-1])
            beyond = min(_SPOILT_SECONDS + (end - start) / (inside.size - 1), _MOST_BEYOND_SECONDS)
            out.append(HeardStretch(start, end, beyond, inside.size))
    return out


def _by_chance(along: Along, stretch: HeardStretch) -> float:
    """Return how many landmarks of a stretch the lines beside its own meet."""
    here = (along.seconds >= stretch.start_seconds) & (along.seconds <= stretch.end_seconds)
    return int(np.count_nonzero(along.aside[:, here] >= _LEAST_EVIDENCE)) / len(along.aside)
