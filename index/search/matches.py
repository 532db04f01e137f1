"""Matches: the recordings that a track reuses, passage by passage, with place, transformation and probability.

Conventions: seconds; `ratio` is recording seconds per track second. A change of *speed* moves pitch and time together,
as a turntable does; *tempo* is time alone and *pitch* is frequency alone. The measured change is split into these
three: where pitch and time move together the change is called speed, and the other two say "none". `milliseconds` and
`four_digits` round numbers as results are written.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from index.search.alignment import ratio_through
from index.storage.recordings import Recording
from index.storage.tags import Ranges, outside

__all__ = [
    "Alternative",
    "Match",
    "MatchResult",
    "Passage",
    "Transformation",
    "four_digits",
    "in_sequence",
    "longest_first",
    "milliseconds",
    "not_claimed",
    "outside_exclusions",
    "union_seconds",
    "within",
]

_TOGETHER_CENTS = 25.0  # pitch and time agree within this: a change of speed
_NO_CHANGE = 0.004  # tempo ratios closer to 1 than this are no change
_CUT_SECONDS = 0.1  # a landmark at a cut may be refined to the other side of it
_GAP_SECONDS = 0.5  # between the outermost landmarks of a passage on both sides of a cut
_FIRST_GAP_SECONDS = 3.0  # the gap that the first version bridged, heard or not
_SAME_CENTS = 33.0  # a third of a semitone: measured pitch does not wander further


@dataclass(frozen=True, slots=True)
class Transformation:
    """How the track plays the recording.

    Total tempo is speed x tempo; total pitch is that of the speed plus `pitch_cents`.

    Attributes
    ----------
    pitch_cents : float
        Pitch of the track above the recording, beyond that of the speed.
    tempo_percent : float
        Tempo of the track in percent of the recording, beyond the speed.
    speed_percent : float
        Speed of the track in percent of the recording; 100 unless pitch and time move together.
    """

    pitch_cents: float
    tempo_percent: float
    speed_percent: float

    @classmethod
    def of_line(cls, ratio: float, cents: float) -> "Transformation":
        """Split a measured tempo ratio and pitch shift, in cents up from the recording.

        Examples
        --------
        >>> Transformation.of_line(1.06, 100.9).speed_percent
        106.0
        >>> Transformation.of_line(1.06, 0.0)
        Transformation(pitch_cents=0.0, tempo_percent=106.0, speed_percent=100.0)
        """
        if abs(ratio - 1) > _NO_CHANGE and abs(cents - 1200 * math.log2(ratio)) < _TOGETHER_CENTS:
            return cls(0.0, 100.0, 100.0 * ratio)
        return cls(cents, 100.0 * ratio, 100.0)

    @property
    def heard_cents(self) -> float:
        """Pitch of the track above the recording, that of the speed included."""
        return self.pitch_cents + 1200 * math.log2(self.speed_percent / 100)


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another recording that a passage may be of, measured as if the one reported were absent.

    Attributes
    ----------
    recording : Recording
        The other recording; one that repeats itself may be there more than once.
    same_audio : bool
        Whether the landmarks of both recordings say that they hold the same audio there.
    track_start_seconds, track_end_seconds, recording_start_seconds, recording_end_seconds : float
        Within the passage, on both timelines.
    ratio, transformation, score, aligned_landmarks, expected_by_chance
        As in `Passage`.
    """

    recording: Recording
    same_audio: bool
    track_start_seconds: float
    track_end_seconds: float
    recording_start_seconds: float
    recording_end_seconds: float
    ratio: float
    transformation: Transformation
    score: float
    aligned_landmarks: int
    expected_by_chance: float


@dataclass(frozen=True, slots=True)
class Passage:
    """One reused passage.

    Attributes
    ----------
    track_start_seconds, track_end_seconds, recording_start_seconds, recording_end_seconds : float
        The passage on both timelines.
    ratio : float
        Recording seconds per track second.
    transformation : Transformation
        Pitch, tempo and speed.
    score : float
        Evidence that track and recording hold the same sound: a sum of compressed log-likelihood ratios, natural units.
    aligned_landmarks : int
        Landmarks of the track that met their counterpart in the recording.
    expected_by_chance : float
        The same number on parallel lines, where only chance aligns them; a mean over these lines.
    p_false : float
        Probability that at least one alignment as good arises by chance when this track is searched in this catalogue.
    false_per_1000h : float
        How many alignments as good would arise by chance in 1 000 hours of such audio.
    confidence : float
        One minus the posterior probability that the match is false.
    also_fits : tuple of str
        Ids of other recordings that hold the same audio, or fit the passage nearly as well; the best first.
    alternatives : tuple of Alternative
        The same with their figures; traces of the first schema have none.
    streams : tuple of int
        Numbers, from 1, of the audio streams that it was heard in, that of the figures first; empty where the file has
        one.
    score_needed : float
        Score from which on it is reported; 0 where unknown.
    """

    track_start_seconds: float
    track_end_seconds: float
    recording_start_seconds: float
    recording_end_seconds: float
    ratio: float
    transformation: Transformation
    score: float
    aligned_landmarks: int
    expected_by_chance: float
    p_false: float
    false_per_1000h: float
    confidence: float
    also_fits: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    streams: tuple[int, ...] = ()
    score_needed: float = 0.0


_Laid = TypeVar("_Laid", Passage, Alternative)


@dataclass(frozen=True, slots=True)
class Match:
    """All passages of a track that reuse one recording, in order of track time."""

    recording: Recording
    layer: str
    passages: tuple[Passage, ...]

    @property
    def confidence(self) -> float:
        """Confidence of the best passage."""
        return max(passage.confidence for passage in self.passages)

    @property
    def p_false(self) -> float:
        """Probability by chance of the best passage."""
        return min(passage.p_false for passage in self.passages)

    @property
    def track_seconds(self) -> float:
        """Seconds of the track that are covered, overlaps counted once."""
        return union_seconds([(one.track_start_seconds, one.track_end_seconds) for one in self.passages])

    @property
    def recording_seconds(self) -> float:
        """Seconds of the recording that are reused, overlaps counted once."""
        return union_seconds([(one.recording_start_seconds, one.recording_end_seconds) for one in self.passages])


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Everything a search found.

    Attributes
    ----------
    matches : tuple of Match
        In the order of `longest_first`.
    n_landmarks : int
        Landmarks of the track.
    n_hypotheses : int
        Alignments that were tried.
    score_threshold : float
        Score from which on an alignment was reported; of a track in parts, the highest.
    search_seconds, verify_seconds : float
        Time taken by neighbour search, and by hypotheses, alignment and decision.
    near : tuple of Match
        Not reported: alignments between the limit of the search and its `near_limit_per_1000h`, in the same order.
    """

    matches: tuple[Match, ...]
    n_landmarks: int
    n_hypotheses: int
    score_threshold: float
    search_seconds: float
    verify_seconds: float
    near: tuple[Match, ...] = ()


def longest_first(match: Match) -> tuple[float, float, float, float, str]:
    """Return the sort key of matches: covered seconds of the track, then place and score, and only then the id."""
    first = match.passages[0]
    return (
        -match.track_seconds,
        first.track_start_seconds,
        -first.score,
        first.recording_start_seconds,
        match.recording.id,
    )


def in_sequence(results: Sequence[MatchResult], *, version: int = 2) -> MatchResult:
    """Return the result of a track from the results of its consecutive parts; passages that a cut divided become whole.

    A passage in two parts keeps the probability and the confidence of its stronger half.

    Parameters
    ----------
    results : sequence of MatchResult
        In order of time.
    version : int
        1 joins as scans did whose traces have schema 1: over gaps of three seconds, within a part too. 2 joins only
        passages that a cut between two parts divided.
    """
    return MatchResult(
        _matches_in_sequence([result.matches for result in results], version),
        sum(result.n_landmarks for result in results),
        sum(result.n_hypotheses for result in results),
        max((result.score_threshold for result in results), default=0.0),
        sum(result.search_seconds for result in results),
        sum(result.verify_seconds for result in results),
        _matches_in_sequence([result.near for result in results], version),
    )


def not_claimed(near: Iterable[Match], matches: Iterable[Match]) -> tuple[Match, ...]:
    """Return matches without the passages that lie where another match has the same recording already.

    Parameters
    ----------
    near : iterable of Match
        Such as `MatchResult.near`.
    matches : iterable of Match
        All that is reported.
    """
    claimed: dict[str, list[Passage]] = {}
    for match in matches:
        claimed.setdefault(match.recording.id, []).extend(match.passages)
    left = []
    for match in near:
        there = claimed.get(match.recording.id, [])
        passages = tuple(one for one in match.passages if not any(_overlap(one, other) for other in there))
        if passages:
            left.append(replace(match, passages=passages))
    return tuple(sorted(left, key=longest_first))


def _overlap(one: Passage, other: Passage) -> bool:
    return one.track_start_seconds < other.track_end_seconds and other.track_start_seconds < one.track_end_seconds


def _matches_in_sequence(parts_of_track: Iterable[Iterable[Match]], version: int) -> tuple[Match, ...]:
    by_id: dict[str, list[Match]] = {}
    for found in parts_of_track:
        for match in found:
            by_id.setdefault(match.recording.id, []).append(match)
    matches = []
    for parts in by_id.values():
        excluded = parts[0].recording.excluded
        gap_seconds = _GAP_SECONDS if version > 1 else _FIRST_GAP_SECONDS
        passages: list[Passage] = []
        for part in parts:
            n_before = len(passages)
            for passage in part.passages:
                known = passages[:n_before] if version > 1 else passages
                continued = (i for i, one in enumerate(known) if _continues(one, passage, excluded, gap_seconds))
                earlier = next(continued, None)
                if earlier is None:
                    passages.append(passage)
                else:
                    passages[earlier] = _joined(passages[earlier], passage, gap_seconds)
        matches.append(replace(parts[0], passages=tuple(passages)))
    return tuple(sorted(matches, key=longest_first))


def outside_exclusions(passage: Passage, excluded: Ranges, track_seconds: NDArray[np.float64]) -> list[Passage]:
    """Cut a passage where it bridges excluded ranges of the recording, so that no part of it lies in one.

    The pieces lie on the line of the passage and keep its statistics, score and probabilities included: they are one
    finding. A part without an aligned landmark is left out.

    Parameters
    ----------
    passage : Passage
        The passage.
    excluded : tuple of (int, int)
        Ranges of the recording, in milliseconds.
    track_seconds : ndarray [shape=(n,), dtype=float64]
        Where in the track its aligned landmarks lie.
    """
    if not excluded:
        return [passage]
    pieces = []
    for start, end in outside(passage.recording_start_seconds, passage.recording_end_seconds, excluded):
        first, last = (
            passage.track_end_seconds - (passage.recording_end_seconds - t) / passage.ratio for t in (start, end)
        )
        if start == passage.recording_start_seconds:
            first = passage.track_start_seconds
        if np.any((track_seconds >= first) & (track_seconds <= last)):
            pieces.append(
                replace(
                    passage,
                    track_start_seconds=first,
                    track_end_seconds=last,
                    recording_start_seconds=start,
                    recording_end_seconds=end,
                )
            )
    return pieces


def within(
    passage: _Laid,
    spans: Sequence[tuple[float, float]],
    track_seconds: NDArray[np.float64],
    expected: Callable[[float, float], float],
) -> list[_Laid]:
    """Cut a passage, or an alternative of one, to some stretches of the track.

    The pieces lie on the line of the passage and keep its score and probabilities: they are one finding. Landmarks
    count where they lie, those of chance too. A piece without an aligned landmark is left out.

    Parameters
    ----------
    passage : Passage or Alternative
        The passage to cut.
    spans : sequence of (float, float)
        Stretches of the track inside it, in seconds.
    track_seconds : ndarray [shape=(n,), dtype=float64]
        Where in the track its aligned landmarks lie.
    expected : callable
        How many landmarks chance would confirm from one time of the track to another.
    """
    start, end = passage.track_start_seconds, passage.track_end_seconds
    pieces = []
    for low, high in spans:
        n_aligned = int(np.count_nonzero((track_seconds >= low) & (track_seconds <= high)))
        recording_low = passage.recording_start_seconds
        if low > start:
            recording_low = passage.recording_end_seconds - passage.ratio * (end - low)
        if n_aligned:
            pieces.append(
                replace(
                    passage,
                    track_start_seconds=low,
                    track_end_seconds=high,
                    recording_start_seconds=recording_low,
                    recording_end_seconds=passage.recording_end_seconds - passage.ratio * (end - high),
                    aligned_landmarks=n_aligned,
                    expected_by_chance=expected(low, high),
                )
            )
    return pieces


def union_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of intervals.

    Examples
    --------
    >>> union_seconds([(0.0, 4.0), (3.0, 5.0), (9.0, 10.0)])
    6.0
    """
    total = 0.0
    reached = -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _continues(
    first: Passage | Alternative, second: Passage | Alternative, excluded: Ranges, gap_seconds: float
) -> bool:
    if any(a < second.recording_start_seconds * 1000 and first.recording_end_seconds * 1000 < b for a, b in excluded):
        return False
    gap = second.track_start_seconds - first.track_end_seconds
    expected = first.recording_end_seconds + first.ratio * gap
    return (
        -_CUT_SECONDS <= gap <= gap_seconds
        and abs(second.ratio / first.ratio - 1) < 0.02
        and abs(second.recording_start_seconds - expected) < 0.15
        and abs(second.transformation.heard_cents - first.transformation.heard_cents) < _SAME_CENTS
    )


def _joined(first: Passage, second: Passage, gap_seconds: float) -> Passage:
    stronger = max(first, second, key=lambda passage: passage.score)
    seconds = second.track_end_seconds - first.track_start_seconds
    ratio = ratio_through(first.recording_start_seconds, second.recording_end_seconds, seconds, near=first.ratio)
    return replace(
        stronger,
        track_start_seconds=first.track_start_seconds,
        track_end_seconds=second.track_end_seconds,
        recording_start_seconds=first.recording_start_seconds,
        recording_end_seconds=second.recording_end_seconds,
        ratio=ratio,
        score=first.score + second.score,
        aligned_landmarks=first.aligned_landmarks + second.aligned_landmarks,
        expected_by_chance=first.expected_by_chance + second.expected_by_chance,
        also_fits=tuple(dict.fromkeys(first.also_fits + second.also_fits)),
        alternatives=_joined_alternatives(first.alternatives, second.alternatives, gap_seconds),
        score_needed=max(first.score_needed, second.score_needed),
    )


def _joined_alternatives(
    first: Sequence[Alternative], second: Sequence[Alternative], gap_seconds: float
) -> tuple[Alternative, ...]:
    """Return those of both halves of a passage, one that goes on as one."""
    joined = list(first)
    for later in second:
        for n, known in enumerate(joined[: len(first)]):
            excluded = known.recording.excluded
            if known.recording.id == later.recording.id and _continues(known, later, excluded, gap_seconds):
                start, end = known.recording_start_seconds, later.recording_end_seconds
                seconds = later.track_end_seconds - known.track_start_seconds
                ratio = ratio_through(start, end, seconds, near=known.ratio)
                joined[n] = replace(
                    known,
                    same_audio=known.same_audio or later.same_audio,
                    track_end_seconds=later.track_end_seconds,
                    recording_end_seconds=later.recording_end_seconds,
                    ratio=ratio,
                    score=known.score + later.score,
                    aligned_landmarks=known.aligned_landmarks + later.aligned_landmarks,
                    expected_by_chance=known.expected_by_chance + later.expected_by_chance,
                )
                break
        else:
            joined.append(later)
    return tuple(joined)


def milliseconds(seconds: float) -> int:
    """Return a time in whole milliseconds.

    Examples
    --------
    >>> milliseconds(1.0006)
    1001
    """
    return round(seconds * 1000)


def four_digits(x: float) -> float:
    """Return a number with four significant digits.

    Examples
    --------
    >>> four_digits(3.21987e-9)
    3.22e-09
    """
    return float(f"{x:.4g}")
