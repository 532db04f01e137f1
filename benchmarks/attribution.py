"""Score an attribution against the truth: shares, boundaries, double counting; arithmetic on intervals.

Times are query seconds. The *attributed share* of a recording is the length of the union of its matched passages over
the length of the track, its *true share* that of its pieces. A matched passage that names another recording but says
that a true one fits there as well (`also_fits`: duplicates, two mixes) counts for the true one, and is counted.

- *missed*, *found*: a piece is found if passages of its recording cover at least half of it.
- *boundary error*: where those passages begin and end against where the piece does, later counts positive.
- *double counting*: seconds attributed to several recordings where the truth has at most one.
- *spurious*: seconds attributed to a recording where the truth does not have it: *strangers*, of recordings that the
  track does not use at all, and *overhang*, of those that it uses elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.splicing import Piece
from index.search.matches import MatchResult, union_seconds

__all__ = ["Found", "Judged", "PieceJudged", "found_in", "judge", "seconds_in_common", "seconds_of_several"]

Span = tuple[float, float]

COVERED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """A matched passage.

    Attributes
    ----------
    file : str
        The recording that it names.
    query_start, query_end, reference_start, reference_end : float
        Where it lies, in seconds.
    also_fits : tuple of str
        Recordings that are said to fit as well.
    """

    file: str
    query_start: float
    query_end: float
    reference_start: float
    reference_end: float
    also_fits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PieceJudged:
    """Result for one piece of a track.

    Attributes
    ----------
    file : str
        Its recording.
    seconds, covered : float
        Its length, and how much of it passages of its recording cover.
    found : bool
        Whether that is at least half.
    start_error, end_error, reference_error : float or None
        Where the passages over it begin and end against it, and how far the place in the recording is off in the middle
        of the longest of them; None where it is not found.
    """

    file: str
    seconds: float
    covered: float
    found: bool
    start_error: float | None = None
    end_error: float | None = None
    reference_error: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Result for one track.

    Attributes
    ----------
    pieces : tuple of PieceJudged
        In order of time.
    shares : dict
        True and attributed share in percent, by recording that the track uses.
    true_percent, attributed_percent : float
        Share of the track that is reused, by truth and by attribution.
    double_seconds, stranger_seconds, overhang_seconds : float
        As above.
    strangers : tuple of str
        Recordings that were named and that the track does not use.
    by_also_fits : int
        Passages that count for a recording which they only name as fitting as well.
    """

    pieces: tuple[PieceJudged, ...]
    shares: dict[str, tuple[float, float]]
    true_percent: float
    attributed_percent: float
    double_seconds: float
    stranger_seconds: float
    overhang_seconds: float
    strangers: tuple[str, ...]
    by_also_fits: int


def found_in(result: MatchResult) -> list[Found]:
    """Return the matched passages of a search, in order of time."""
    passages = [
        Found(
            match.recording.id,
            segment.track_start_seconds,
            segment.track_end_seconds,
            segment.recording_start_seconds,
            segment.recording_end_seconds,
            segment.also_fits,
        )
        for match in result.matches
        for segment in match.passages
    ]
    return sorted(passages, key=lambda one: (one.query_start, one.query_end, one.file))


def judge(pieces: Sequence[Piece], found: Sequence[Found], seconds: float) -> Judged:
    """Score the passages found in a track against its true pieces.

    Parameters
    ----------
    pieces : sequence of Piece
        The truth.
    found : sequence of Found
        Matched passages.
    seconds : float
        Length of the track.

    Examples
    --------
    >>> truth = [Piece("a", 10.0, 20.0, 0.0, 10.0)]
    >>> judged = judge(truth, [Found("a", 10.5, 20.0, 0.5, 10.0), Found("b", 15.0, 18.0, 0.0, 3.0)], 100.0)
    >>> judged.shares, judged.double_seconds, judged.stranger_seconds
    ({'a': (10.0, 9.5)}, 3.0, 3.0)
    """
    meant = [_meant(one, pieces) for one in found]
    by_also_fits = sum(one.file != other.file for one, other in zip(found, meant, strict=True))
    true, named = _spans(pieces), _spans(meant)
    shares = {
        file: (100.0 * union_seconds(spans) / seconds, 100.0 * union_seconds(named.get(file, [])) / seconds)
        for file, spans in true.items()
    }
    beyond = {file: _without(spans, true.get(file, [])) for file, spans in named.items()}
    return Judged(
        pieces=tuple(_judged(piece, meant) for piece in pieces),
        shares=shares,
        true_percent=100.0 * union_seconds([span for spans in true.values() for span in spans]) / seconds,
        attributed_percent=100.0 * union_seconds([span for spans in named.values() for span in spans]) / seconds,
        double_seconds=seconds_of_several(named, true),
        stranger_seconds=sum(length for file, length in beyond.items() if file not in true),
        overhang_seconds=sum(length for file, length in beyond.items() if file in true),
        strangers=tuple(sorted(set(named) - set(true))),
        by_also_fits=by_also_fits,
    )


def seconds_in_common(one: Iterable[Span], other: Iterable[Span]) -> float:
    """Return the length of the intersection of two unions of intervals.

    Examples
    --------
    >>> seconds_in_common([(0.0, 4.0), (3.0, 6.0)], [(5.0, 9.0)])
    1.0
    """
    first, second = list(one), list(other)
    return union_seconds(first) + union_seconds(second) - union_seconds(first + second)


def seconds_of_several(named: dict[str, list[Span]], true: dict[str, list[Span]]) -> float:
    """Return the seconds attributed to more than one recording where the truth has at most one.

    Examples
    --------
    >>> seconds_of_several({"a": [(0.0, 5.0)], "b": [(3.0, 6.0)], "c": [(3.0, 4.0)]}, {"a": [(0.0, 5.0)]})
    2.0
    """
    spans = [span for listed in (*named.values(), *true.values()) for span in listed]
    total = 0.0
    for start, end in itertools.pairwise(sorted({edge for span in spans for edge in span})):
        middle = (start + end) / 2
        count, truly = (sum(_holds(listed, middle) for listed in of.values()) for of in (named, true))
        total += end - start if count > 1 and truly <= 1 else 0.0
    return total


# --- helpers ----------------------------------------------------------------------------------------------------------


def _meant(found: Found, pieces: Sequence[Piece]) -> Found:
    """Return a passage under the name of the true recording that it says fits as well, where it names none that is."""
    there = [p.file for p in pieces if min(p.query_end, found.query_end) > max(p.query_start, found.query_start)]
    if found.file in there:
        return found
    name = next((file for file in there if file in found.also_fits), found.file)
    return Found(name, found.query_start, found.query_end, found.reference_start, found.reference_end)


def _spans(passages: Iterable[Piece | Found]) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    for one in passages:
        spans.setdefault(one.file, []).append((one.query_start, one.query_end))
    return spans


def _without(spans: list[Span], others: list[Span]) -> float:
    return union_seconds(spans) - seconds_in_common(spans, others)


def _holds(spans: list[Span], at: float) -> bool:
    return any(start <= at < end for start, end in spans)


def _judged(piece: Piece, found: Sequence[Found]) -> PieceJudged:
    seconds = piece.query_end - piece.query_start
    over = [
        one
        for one in found
        if one.file == piece.file and min(one.query_end, piece.query_end) > max(one.query_start, piece.query_start)
    ]
    covered = seconds_in_common(
        [(one.query_start, one.query_end) for one in over], [(piece.query_start, piece.query_end)]
    )
    if covered < COVERED * seconds:
        return PieceJudged(piece.file, seconds, covered, found=False)
    longest = max(over, key=lambda one: min(one.query_end, piece.query_end) - max(one.query_start, piece.query_start))
    ratio = (piece.reference_end - piece.reference_start) / seconds
    at = (max(longest.query_start, piece.query_start) + min(longest.query_end, piece.query_end)) / 2
    there = longest.reference_start + (longest.reference_end - longest.reference_start) * (
        (at - longest.query_start) / max(longest.query_end - longest.query_start, 1e-9)
    )
    return PieceJudged(
        piece.file,
        seconds,
        covered,
        found=True,
        start_error=min(one.query_start for one in over) - piece.query_start,
        end_error=max(one.query_end for one in over) - piece.query_end,
        reference_error=abs(there - (piece.reference_start + ratio * (at - piece.query_start))),
    )
