"""Decide which aligned passages are significant, and turn them into matches.

A score is the best local alignment along a line, and the number of such alignments above a score that chance produces
falls off exponentially (Karlin and Altschul, PNAS 1990, for sequences; measured here on unrelated music). Rate and
slope of that tail are estimated for every query: it is searched again running backwards, through the same steps and
so with the same number of hypotheses tried. Alignments of the reversed query are chance (target-decoy
competition; Elias and Gygi, Nature Methods 2007), and drones, loops and test tones, which resemble everything, find
more and better: their own tail says so.

A ten-second query has few decoys, so its estimate starts from a prior, the tail over real music against catalogues of
known size, and moves away from it as decoys come in (conjugate gamma priors for a Poisson rate and an exponential
slope). The prior slope is flatter than that of most music, and the estimate never falls below it: doubt costs a
match, not a wrong payment.

A larger catalogue does not offer more chances in proportion. Each landmark of the query still names its nearest two,
which are nearer, but of more recordings, and it takes several of one recording on one line: in 2.9 h of
development sources and generated music, 37 alignments scored 12 and more by chance among 0.3 million landmarks, 9 among
4.5 and 1 among 25 million. The prior rate grows with the fourth root all the same, as larger catalogues hold more music
of a kind.

Reversed music has no drum kit, no groove and no loop in common with anything, so decoys cannot warn of music that has.
The rivals of a passage can: other recordings that fit the same part of the query, and the same recording where it fits
the query elsewhere on another line. If there are several, each too weak to be a find, then the audio of the passage is
common property, and their scores join the tail that it has to beat (`ChanceModel.beside`): Lowe's ratio test (IJCV
2004) with a probability in place of the ratio.

The recheck of a trace (`index.recheck`) ends with the same `decide`, so that the two results can only differ if the
candidates do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.search.alignment import FLOOR_SCORE, Alignment
from index.search.claims import apart, ends_of, whole_of
from index.search.matches import (
    Alternative,
    Match,
    Passage,
    Transformation,
    longest_first,
    outside_exclusions,
    within,
)
from index.search.passages import AlternativeAlignment, Candidate
from index.search.repeats import PROVEN_SHARE, distinct_stretches, is_repeat

__all__ = [
    "DEFAULT_FALSE_PER_1000H",
    "LEAST_FALSE_PER_1000H",
    "LEAST_P",
    "MOST_CONFIDENCE",
    "ChanceModel",
    "Circumstances",
    "decide",
    "tail_of",
]

DEFAULT_FALSE_PER_1000H = 1.0
"""How many false matches in 1 000 hours of audio are put up with, unless somebody says otherwise."""

LEAST_P = 1e-9
LEAST_FALSE_PER_1000H = 1e-6
"""The tail is extrapolated far beyond any data; no smaller probability or rate than these is claimed."""

_RATE_PER_HOUR = 150.0  # of them, in a catalogue of _LANDMARKS landmarks searched at _SCALES time scales
_SCALES = 3
_LANDMARKS = 300_000
_GROWTH = 0.25  # the rate grows with this power of the catalogue: neighbours spread over more recordings
_LEAST_LANDMARKS = 100_000  # a smaller catalogue may be all of one kit and one groove: it earns no lower threshold
_RATE_WEIGHT_HOURS = 0.02  # weight of the prior rate, in hours of searched audio
_MEAN_EXCESS = 2.2  # prior mean of score above FLOOR_SCORE
_EXCESS_WEIGHT = 8.0  # weight of that prior, in chance alignments
_LEAST_RIVALS = 2  # one weak rival may be another mix of the same recording
_RIVAL_WEIGHT = 2.0  # weight of the tail of the query, in rivals
_PRIOR_REUSE = 0.1  # alignments per query that are taken to be real before looking, for `confidence`

MOST_CONFIDENCE = round(_PRIOR_REUSE / (_PRIOR_REUSE + LEAST_P), 9)
"""No greater confidence than this is ever stated, as no smaller probability by chance is claimed."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Inputs of the decision on a query, or on a part of a long one, besides its passages.

    Attributes
    ----------
    layer : str
        The layer that was searched.
    cells_per_octave : float
        Cells of its log-frequency axis.
    start_seconds, duration_seconds : float
        Where the audio starts in its file, and its length.
    decoy_scores : tuple of float
        Scores of the distinct alignments of the reversed query.
    decoy_seconds : float
        How much of the query was searched in reverse.
    n_catalogue_landmarks : int
        Landmarks that were searched.
    n_scales : int
        Time scales that were tried.
    max_false_per_1000h : float
        Accepted number of false matches in 1 000 hours of audio scanned.
    """

    layer: str
    cells_per_octave: float
    start_seconds: float
    duration_seconds: float
    decoy_scores: tuple[float, ...]
    decoy_seconds: float
    n_catalogue_landmarks: int
    n_scales: int
    max_false_per_1000h: float

    def model(self) -> "ChanceModel":
        """Return the tail of chance alignments."""
        return ChanceModel.fit(
            np.array(self.decoy_scores),
            self.decoy_seconds / 3600.0,
            self.duration_seconds / 3600.0,
            self.n_catalogue_landmarks,
            self.n_scales,
        )


@dataclass(frozen=True, slots=True)
class ChanceModel:
    """The tail of chance alignments of one query in one catalogue.

    Attributes
    ----------
    rate_per_hour : float
        Chance alignments with a score above `FLOOR_SCORE` per hour of audio searched.
    mean_excess : float
        Their mean score above `FLOOR_SCORE`; the tail falls off by e over this.
    hours : float
        Length of the query.
    """

    rate_per_hour: float
    mean_excess: float
    hours: float

    @classmethod
    def fit(
        cls,
        decoy_scores: NDArray[np.floating],
        decoy_hours: float,
        hours: float,
        n_landmarks: int,
        n_scales: int = _SCALES,
    ) -> Self:
        """Estimate the tail from the scores of the reversed query.

        Parameters
        ----------
        decoy_scores : ndarray [shape=(n,)]
            Scores of its distinct alignments.
        decoy_hours : float
            How much of the query was searched in reverse.
        hours : float
            Length of the query.
        n_landmarks : int
            Landmarks in the catalogue: the prior rate grows with it, though far more slowly.
        n_scales : int
            Time scales tried: the prior rate grows with them.

        Raises
        ------
        ParameterError
            If a length is negative.
        """
        if decoy_hours < 0 or hours < 0:
            raise ParameterError(f"decoy_hours={decoy_hours}, hours={hours}: lengths cannot be negative")
        excess = decoy_scores[decoy_scores > FLOOR_SCORE] - FLOOR_SCORE
        size = max(n_landmarks, _LEAST_LANDMARKS) / _LANDMARKS
        prior_rate = _RATE_PER_HOUR * (size if size < 1 else size**_GROWTH) * n_scales / _SCALES
        rate = (prior_rate * _RATE_WEIGHT_HOURS + excess.size) / (_RATE_WEIGHT_HOURS + decoy_hours)
        mean = (_MEAN_EXCESS * _EXCESS_WEIGHT + float(excess.sum())) / (_EXCESS_WEIGHT + excess.size)
        return cls(max(rate, prior_rate), max(mean, _MEAN_EXCESS), hours)

    def beside(self, rivals: Sequence[float]) -> Self:
        """Return the tail for a passage with such rivals.

        Parameters
        ----------
        rivals : sequence of float
            Their scores; those left out that are finds themselves: another mix of the same recording is no chance.
        """
        excess = [rival - FLOOR_SCORE for rival in rivals if rival > FLOOR_SCORE]
        if len(excess) < _LEAST_RIVALS:
            return self
        mean = (_RIVAL_WEIGHT * self.mean_excess + sum(excess)) / (_RIVAL_WEIGHT + len(excess))
        return replace(self, mean_excess=max(mean, self.mean_excess))

    def times(self, factor: float) -> Self:
        """Return the tail for a recording that chance meets `factor` times as often: `mean_excess` x ln `factor` more.

        Raises
        ------
        ParameterError
            If `factor` is below 1 or not finite: no recording lowers the threshold.
        """
        if not 1.0 <= factor < math.inf:
            raise ParameterError(f"factor={factor}: must be finite and at least 1; 1 is an ordinary recording")
        return replace(self, rate_per_hour=self.rate_per_hour * factor)

    def no_surer(self, score: float, per_hour: float) -> Self:
        """Return the tail with as many chance alignments as give `per_hour` at a score, if it has fewer."""
        rate = per_hour * math.exp(max(score - FLOOR_SCORE, 0.0) / self.mean_excess)
        return replace(self, rate_per_hour=max(self.rate_per_hour, rate))

    def false_per_1000h(self, score: float) -> float:
        """Return how many chance alignments of at least `score` to expect in 1 000 hours of such audio."""
        return max(self.per_hour(score) * 1000.0, LEAST_FALSE_PER_1000H)

    def p_false(self, score: float) -> float:
        """Return the probability that this query holds at least one chance alignment of at least `score`."""
        return max(-math.expm1(-self.per_hour(score) * self.hours), LEAST_P)

    def confidence(self, score: float) -> float:
        """Return one minus the posterior probability that an alignment of at least `score` is chance."""
        return _PRIOR_REUSE / (_PRIOR_REUSE + max(self.per_hour(score) * self.hours, LEAST_P))

    def threshold(self, max_false_per_1000h: float) -> float:
        """Return the score from which on chance stays below `max_false_per_1000h`.

        Raises
        ------
        ParameterError
            If `max_false_per_1000h` is not positive or not finite.
        """
        if not 0 < max_false_per_1000h < math.inf:
            raise ParameterError(
                f"max_false_per_1000h={max_false_per_1000h}: must be above 0 and finite; "
                "no test is certain, 1 is the default"
            )
        return FLOOR_SCORE + self.mean_excess * max(0.0, math.log(1000.0 * self.rate_per_hour / max_false_per_1000h))

    def per_hour(self, score: float) -> float:
        """Return how many chance alignments of at least `score` to expect in an hour of such audio."""
        return self.rate_per_hour * math.exp(-max(score - FLOOR_SCORE, 0.0) / self.mean_excess)


def decide(
    candidates: Sequence[Candidate], circumstances: Circumstances, model: ChanceModel, *, version: int = 2
) -> tuple[Match, ...]:
    """Decide on every candidate, set its `reported`, and group reported passages by recording.

    A candidate claims the stretches in which it is supported, each a passage of its own: all of them are one finding,
    on one line, with one score and one probability.

    Parameters
    ----------
    candidates : sequence of Candidate
        Passages that were assessed.
    circumstances : Circumstances
        Of the query.
    model : ChanceModel
        As `circumstances.model` fits it.
    version : int
        Of the trace: 1 reported each passage whole, as it was found.

    Returns
    -------
    tuple of Match
        In the order of `longest_first`.
    """
    tails = [tail_of(candidate, model) for candidate in candidates]
    for candidate, tail in zip(candidates, tails, strict=True):
        candidate.reported = candidate.alignment.score >= tail.threshold(circumstances.max_false_per_1000h)
    if version > 1:
        tails = _with_repeats_reported(candidates, tails, circumstances.max_false_per_1000h)
    reported = [(candidate, tail) for candidate, tail in zip(candidates, tails, strict=True) if candidate.reported]
    heard = (circumstances.start_seconds, circumstances.start_seconds + circumstances.duration_seconds)
    stretches = [stretch for candidate, _ in reported for stretch in candidate.stretches]
    claimed = [
        [
            ends_of(stretch, candidate.alignment, stretches, heard, candidate.recording.duration_ms / 1000.0)
            for stretch in candidate.stretches
        ]
        for candidate, _ in reported
    ]
    if version > 1:  # a landmark at the end of the query may be refined beyond it
        claimed = [[(max(heard[0], low), min(heard[1], high)) for low, high in spans] for spans in claimed]
        claimed = apart([candidate.alignment for candidate, _ in reported], claimed)
    passages: dict[str, list[Passage]] = {}
    for (candidate, tail), spans in zip(reported, claimed, strict=True):
        if not spans:
            continue
        seconds = candidate.alignment.seconds
        whole = _passage(candidate, tail, (spans[0][0], spans[-1][1]), circumstances)
        parts = [whole] if version == 1 else within(whole, spans, seconds, candidate.along.expected_by_chance)
        for part in parts:
            pieces = outside_exclusions(part, candidate.recording.excluded, seconds)
            pieces = [_beside(piece, candidate, circumstances.cells_per_octave) for piece in pieces]
            passages.setdefault(candidate.recording.id, []).extend(pieces)
    recordings = {candidate.recording.id: candidate.recording for candidate, _ in reported}
    matches = [
        Match(recordings[name], circumstances.layer, tuple(sorted(parts, key=lambda part: part.track_start_seconds)))
        for name, parts in passages.items()
        if parts
    ]
    matches.sort(key=longest_first)
    return tuple(matches)


def tail_of(candidate: Candidate, model: ChanceModel) -> ChanceModel:
    """Return the tail that a candidate has to beat: rivals and hubs only raise the threshold."""
    no_chance = model.threshold(DEFAULT_FALSE_PER_1000H)
    return model.beside([score for score in candidate.rivals if score < no_chance]).times(candidate.hub_factor)


def _with_repeats_reported(
    candidates: Sequence[Candidate], tails: Sequence[ChanceModel], max_false_per_1000h: float
) -> list[ChanceModel]:
    """Report repeats of reported passages too (`index.search.repeats`); returns the tails, theirs changed.

    A repeat has to beat the tail for the stretches of its recording that are proven, not for the whole catalogue. It is
    never stated to be surer than the best of those that prove it.
    """
    out = list(tails)
    proven = [
        (candidate.alignment, tail) for candidate, tail in zip(candidates, tails, strict=True) if candidate.reported
    ]
    for i, candidate in enumerate(candidates):
        one = candidate.alignment
        heads = [(head, tail) for head, tail in proven if is_repeat(one, head)]
        if candidate.reported or not heads:
            continue
        n_stretches = distinct_stretches([head for head, _ in proven if head.recording == one.recording])
        tail = replace(tails[i], rate_per_hour=tails[i].rate_per_hour * min(1.0, PROVEN_SHARE * n_stretches))
        if one.score >= tail.threshold(max_false_per_1000h):
            candidate.reported = True
            out[i] = tail.no_surer(one.score, min(surest.per_hour(head.score) for head, surest in heads))
    return out


def _passage(
    candidate: Candidate, tail: ChanceModel, ends: tuple[float, float], circumstances: Circumstances
) -> Passage:
    alignment = candidate.alignment
    return Passage(
        track_start_seconds=ends[0],
        track_end_seconds=ends[1],
        recording_start_seconds=max(0.0, alignment.recording_at(ends[0])),
        recording_end_seconds=alignment.recording_at(ends[1]),
        ratio=alignment.ratio,
        transformation=_transformation(alignment, circumstances.cells_per_octave),
        score=alignment.score,
        aligned_landmarks=int(alignment.landmarks.size),
        expected_by_chance=candidate.along.expected_by_chance(),
        p_false=tail.p_false(alignment.score),
        false_per_1000h=tail.false_per_1000h(alignment.score),
        confidence=tail.confidence(alignment.score),
        also_fits=candidate.also_fits,
        score_needed=tail.threshold(circumstances.max_false_per_1000h),
    )


def _beside(passage: Passage, candidate: Candidate, cells_per_octave: float) -> Passage:
    """Return a passage, or a part of it, with the alternatives that lie there; of old traces, with those stated."""
    heard = (passage.track_start_seconds, passage.track_end_seconds)
    alternatives: list[Alternative] = []
    for other in candidate.alternatives:
        whole = _alternative(other, cells_per_octave)
        span = (max(heard[0], whole.track_start_seconds), min(heard[1], whole.track_end_seconds))
        if span[0] < span[1]:
            alternatives += within(whole, [span], other.alignment.seconds, other.along.expected_by_chance)
    also_fits = tuple(dict.fromkeys(one.recording.id for one in alternatives))
    if not candidate.alternatives:
        also_fits = candidate.also_fits
    return replace(passage, also_fits=also_fits, alternatives=tuple(alternatives))


def _alternative(other: AlternativeAlignment, cells_per_octave: float) -> Alternative:
    alignment = other.alignment
    heard = (0.0, math.inf)
    start, end = ends_of(whole_of(alignment), alignment, (), heard, other.recording.duration_ms / 1000.0)
    return Alternative(
        recording=other.recording,
        same_audio=other.same_audio,
        track_start_seconds=start,
        track_end_seconds=end,
        recording_start_seconds=max(0.0, alignment.recording_at(start)),
        recording_end_seconds=alignment.recording_at(end),
        ratio=alignment.ratio,
        transformation=_transformation(alignment, cells_per_octave),
        score=alignment.score,
        aligned_landmarks=int(alignment.landmarks.size),
        expected_by_chance=other.along.expected_by_chance(),
    )


def _transformation(alignment: Alignment, cells_per_octave: float) -> Transformation:
    return Transformation.of_line(alignment.ratio, -alignment.shift_cells * 1200.0 / cells_per_octave)
