"""Alignments of one recording on one path: each instant of the track belongs to one of them.

A line follows a change of speed only as far as the change is small. A tape that slows down, or a tempo that wanders,
is therefore found as several alignments that are tangents to one curve, and each reaches into its neighbours. Where
two of them overlap in the track and lie on nearly the same place of the recording, `apart` gives each instant to one:
two tangents that cross meet where both are equally far from the curve, so the earlier holds the track up to there and
the later from there on; otherwise the stronger holds it. Alignments that lie on another place of the recording, or
play it at another pitch, are another use of it and keep their overlap.
"""

from collections.abc import Sequence
from itertools import pairwise

from index.search.alignment import Alignment

__all__ = ["Span", "apart"]

_ONE_PLACE_SECONDS = 1.0  # lines this close in the recording are one path; an echo or a canon is further
_ONE_PITCH_CELLS = 6.0  # a whole tone: across the slope of a sweep a line may be that far off
_LEAST_SECONDS = 0.25  # slivers that stick out of a stronger alignment are no passages

Span = tuple[float, float]
"""Start and end in the track, in seconds."""


def apart(alignments: Sequence[Alignment], spans: Sequence[Sequence[Span]]) -> list[list[Span]]:
    """Cut the spans of alignments so that those on one path of a recording do not overlap.

    Parameters
    ----------
    alignments : sequence of Alignment [shape=(n,)]
        Of any recordings.
    spans : sequence of sequence of (float, float) [shape=(n,)]
        Stretches of the track that each claims, in order; spans of one alignment do not overlap.

    Returns
    -------
    list of list of (float, float) [shape=(n,)]
        Stretches that each keeps, in order. Each instant that an alignment claimed is kept by an alignment on the same
        path, but for slivers of less than a quarter of a second.
    """
    kept: list[list[Span]] = [list(of_one) for of_one in spans]
    of_recording: dict[int, list[int]] = {}
    for i, alignment in enumerate(alignments):
        of_recording.setdefault(alignment.recording, []).append(i)
    for chosen in of_recording.values():
        if len(chosen) > 1:
            chosen.sort(key=lambda i: _strength(alignments[i]))
            parts = _apart([alignments[i] for i in chosen], [spans[i] for i in chosen])
            for i, part in zip(chosen, parts, strict=True):
                kept[i] = part
    return kept


def _strength(alignment: Alignment) -> tuple[float, ...]:
    """Return the sort key of alignments of one recording, strongest first."""
    span = (alignment.track_start_seconds, -alignment.track_end_seconds)
    return (-alignment.score, *span, alignment.offset_seconds, alignment.ratio, alignment.shift_cells)


def _apart(alignments: Sequence[Alignment], spans: Sequence[Sequence[Span]]) -> list[list[Span]]:
    """Cut the spans of alignments of one recording, strongest first."""
    ends = {end for of_one in spans for span in of_one for end in span}
    for i, one in enumerate(alignments):
        ends.update(at for other in alignments[:i] if (at := _crossing(one, other)) is not None)
    cuts = sorted(ends)
    kept: list[list[Span]] = [[] for _ in alignments]
    for low, high in pairwise(cuts):
        at = (low + high) / 2
        there = [i for i, of_one in enumerate(spans) if any(start < at < end for start, end in of_one)]
        for i in _holders(alignments, there, at):
            if kept[i] and kept[i][-1][1] == low and any(start < low < end for start, end in spans[i]):
                kept[i][-1] = (kept[i][-1][0], high)
            else:
                kept[i].append((low, high))
    return [
        [span for span in of_one if span in claimed or span[1] - span[0] >= _LEAST_SECONDS]
        for of_one, claimed in zip(kept, spans, strict=True)
    ]


def _holders(alignments: Sequence[Alignment], there: Sequence[int], at: float) -> list[int]:
    """Return who holds an instant of the track: one alignment per path, of those that claim it, strongest first."""
    holders: list[int] = []
    for i in there:
        for k, holder in enumerate(holders):
            if _on_one_path(alignments[i], alignments[holder], at):
                if _meets(alignments[i], alignments[holder], at):
                    holders[k] = i
                break
        else:
            holders.append(i)
    return holders


def _on_one_path(one: Alignment, other: Alignment, at: float) -> bool:
    near = abs(one.recording_at(at) - other.recording_at(at)) < _ONE_PLACE_SECONDS
    return near and abs(one.shift_cells - other.shift_cells) < _ONE_PITCH_CELLS


def _meets(weaker: Alignment, stronger: Alignment, at: float) -> bool:
    """Return whether `at` lies on the weaker alignment's side of the point where both lines cross."""
    crossing = _crossing(weaker, stronger)
    if crossing is None:
        return False
    return (at < crossing) == (weaker.track_start_seconds < stronger.track_start_seconds)


def _crossing(one: Alignment, other: Alignment) -> float | None:
    """Return where in the track two lines cross; None unless one follows the other and they cross in their overlap."""
    first, second = sorted((one, other), key=lambda alignment: alignment.track_start_seconds)
    if not first.track_end_seconds < second.track_end_seconds or first.ratio == second.ratio:
        return None
    crossing = (second.offset_seconds - first.offset_seconds) / (first.ratio - second.ratio)
    return crossing if second.track_start_seconds < crossing < first.track_end_seconds else None
