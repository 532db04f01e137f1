"""Find the repeats of short alignments: one stretch of a recording that a track plays again and again.

A loop of a second gives each of its repeats so few votes that chance decides which line is followed there, at which
ratio it ends, and whether it ends at all; a line that smears over many repeats at another tempo collects more. Each
repeat helps to find the others: they play the same stretch, at the same ratio and pitch. So for each short and dense
alignment, the head, votes for its stretch are looked up in the whole track, and the head's line is tried at each place
where several of them agree. If it holds at three places or more, these repeats are weighed together: they take their
landmarks before any alignment that has less to say for all of them, though alone it says more than each.

Together they decide which recording explains the landmarks. Significance is another question: repeats of a foreign loop
that resembles a recording do so alike, so their number proves nothing, and one of them has to pass by itself. Once it
has, the others are no longer sought in the whole catalogue, at any ratio and pitch, but are this stretch at this ratio
and pitch or nothing. Measured with 40 stretches of a second, each sought in 25 minutes of music that does not hold it:
not one alignment above `FLOOR_SCORE` in 16 hours, where the whole catalogue gave 95 in those 25 minutes. So chance is
taken to meet a proven stretch `PROVEN_SHARE` times as often as any of the catalogue.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.search.alignment import FLOOR_SCORE, Aligner, Alignment
from index.search.hypotheses import Hypothesis, Votes

__all__ = ["PROVEN_SHARE", "distinct_stretches", "is_repeat", "with_repeats"]

PROVEN_SHARE = 1 / 750
"""Of the chance alignments with a catalogue, those with one stretch of a recording, at its ratio and pitch."""

_LEAST_SCORE = 20.0  # of a head
_LONGEST_SECONDS = 4.0  # longer ones are found by themselves
_DENSE_SCORE_PER_SECOND = 15.0  # of a source in the clear; a groove that two recordings share has up to 5
_BLOCK_SECONDS = 0.5
_MOST_HEADS = 8  # per recording
_LEAST_REPEATS = 3
_LEAST_SHARE = 0.4  # of the head's score, for a repeat of it
_JITTER_SECONDS = 0.06  # votes for one place agree within this
_MOST_SHIFT_CELLS = 1.2
_BESIDE_SECONDS = 0.1  # votes this far outside the head's stretch count
_SAME_STRETCH = 0.5  # heads that share this much of the shorter one are one
_SAME_RATIO = 0.02
_MOST_RATIO = 0.1  # a second tells the ratio of a repeat no better
_LINE_DENSITY = 0.7  # a better line with this share of a repeat's density explains it


def with_repeats(
    aligned: Sequence[Alignment], votes: Votes, aligner: Aligner, free: NDArray[np.bool_]
) -> tuple[list[Alignment], int]:
    """Return alignments and the repeats of short ones, in the order in which they take landmarks.

    Parameters
    ----------
    aligned : sequence of Alignment
        Of one query, best first.
    votes : Votes
        Those of the query.
    aligner : Aligner
        Of the query.
    free : ndarray [shape=(n,), dtype=bool]
        Query landmarks that count, as for `Aligner.align`.

    Returns
    -------
    alignments : list of Alignment
        By score, repeats by that of all repeats of their stretch.
    n_tried : int
        Lines that were tried for repeats.
    """
    together: list[tuple[float, Alignment]] = [(one.score, one) for one in aligned]
    n_tried = 0
    for head in _heads(aligned):
        places = _places(head, votes)
        n_tried += len(places)
        tried = [aligner.align(place, free) for place in places]
        lines = [one for one in aligned if one.recording == head.recording]
        repeats = _apart([one for one in tried if one is not None and _repeats(one, head) and _explains(one, lines)])
        if len(repeats) >= _LEAST_REPEATS:
            total = sum(one.score for one in repeats)
            together += [(total, one) for one in repeats]
    together.sort(key=lambda each: (-each[0], -each[1].score))  # ties stay in the order of `aligned`
    return [one for _, one in together], n_tried


def is_repeat(one: Alignment, head: Alignment) -> bool:
    """Whether an alignment plays the stretch of another, the head, densely and at its pitch and ratio; nothing else."""
    if one is head or one.recording != head.recording or abs(one.ratio / head.ratio - 1) > _MOST_RATIO:
        return False
    return _repeats(one, head)


def distinct_stretches(alignments: Sequence[Alignment]) -> int:
    """Return how many stretches of one recording alignments play, repeats counted once."""
    distinct: list[Alignment] = []
    for one in alignments:
        if not any(_same(one, other) for other in distinct):
            distinct.append(one)
    return len(distinct)


def _heads(aligned: Sequence[Alignment]) -> list[Alignment]:
    """Return the short and dense alignments, the best of each stretch, pitch and ratio.

    A second does not tell a ratio to better than some percent: all repeats together decide which one fits.
    """
    heads: dict[int, list[Alignment]] = {}
    for one in aligned:
        short = one.score >= _LEAST_SCORE and _seconds(one) <= _LONGEST_SECONDS
        known = heads.setdefault(one.recording, [])
        is_known = any(_same(one, head) and abs(one.ratio / head.ratio - 1) < _SAME_RATIO for head in known)
        if short and _is_dense(one) and not is_known and len(known) < _MOST_HEADS:
            known.append(one)
    return [head for of_recording in heads.values() for head in of_recording]


def _places(head: Alignment, votes: Votes) -> list[Hypothesis]:
    """Return the lines, parallel to the head's, on which two votes or more for its stretch agree; most votes first."""
    chosen = (
        (votes.recordings == head.recording)
        & (np.abs(votes.shifts - head.shift_cells) < _MOST_SHIFT_CELLS)
        & (votes.recording_seconds >= head.recording_start_seconds - _BESIDE_SECONDS)
        & (votes.recording_seconds <= head.recording_end_seconds + _BESIDE_SECONDS)
    )
    seconds = votes.track_seconds[chosen]
    offsets = votes.recording_seconds[chosen] - head.ratio * seconds
    order = np.lexsort((seconds, offsets))
    seconds, offsets = seconds[order], offsets[order]
    places = []
    while offsets.size:
        counts = np.searchsorted(offsets, offsets + _JITTER_SECONDS) - np.arange(offsets.size)
        first = int(np.argmax(counts))
        last = first + int(counts[first])
        if last - first < 2:
            break
        offset, at = float(np.median(offsets[first:last])), float(np.median(seconds[first:last]))
        places.append(Hypothesis(head.recording, head.ratio, offset, head.shift_cells, at, float(last - first)))
        low, high = offsets[first] - _JITTER_SECONDS, offsets[first] + 2 * _JITTER_SECONDS
        apart = (offsets <= low) | (offsets >= high)
        seconds, offsets = seconds[apart], offsets[apart]
    return places


def _repeats(one: Alignment, head: Alignment) -> bool:
    """Whether an alignment plays the stretch of the head, and nothing else."""
    long = _seconds(one) > 1.5 * max(_seconds(head), _BLOCK_SECONDS)
    return not long and _is_dense(one) and one.score >= _LEAST_SHARE * head.score and _same(one, head)


def _explains(one: Alignment, lines: Sequence[Alignment]) -> bool:
    """Whether no better line at another place is about as dense there: a recording that plays on is no repeat."""
    middle = (one.track_start_seconds + one.track_end_seconds) / 2
    for line in lines:
        better = line.score >= one.score and _density(line) >= _LINE_DENSITY * _density(one)
        place = abs(line.recording_at(middle) - one.recording_at(middle))
        if better and _common(line, one) > _SAME_STRETCH * _seconds(one) and place > _SAME_STRETCH * _seconds(one):
            return False
    return one.score > FLOOR_SCORE


def _apart(repeats: Sequence[Alignment]) -> list[Alignment]:
    """Return those that share less than half of the track with a better one."""
    kept: list[Alignment] = []
    for one in sorted(repeats, key=lambda each: (-each.score, each.offset_seconds)):
        if all(_common(one, other) <= _SAME_STRETCH * min(_seconds(one), _seconds(other)) for other in kept):
            kept.append(one)
    return kept


def _same(one: Alignment, other: Alignment) -> bool:
    """Whether two alignments play the same stretch of a recording at the same pitch."""
    common = min(one.recording_end_seconds, other.recording_end_seconds) - max(
        one.recording_start_seconds, other.recording_start_seconds
    )
    shorter = min(each.recording_end_seconds - each.recording_start_seconds for each in (one, other))
    return abs(one.shift_cells - other.shift_cells) < _MOST_SHIFT_CELLS and common > _SAME_STRETCH * shorter


def _common(one: Alignment, other: Alignment) -> float:
    """Return how much of the track two alignments share, in seconds; below zero where they lie apart."""
    return min(one.track_end_seconds, other.track_end_seconds) - max(one.track_start_seconds, other.track_start_seconds)


def _seconds(one: Alignment) -> float:
    return one.track_end_seconds - one.track_start_seconds


def _density(one: Alignment) -> float:
    return one.score / max(_seconds(one), _BLOCK_SECONDS)


def _is_dense(one: Alignment) -> bool:
    return _density(one) >= _DENSE_SCORE_PER_SECOND
