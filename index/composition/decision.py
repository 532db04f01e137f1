"""Fourth step: how probable a score is by chance, told by the query's own runners-up; claim, review or silence.

The best score of a query is compared with those of the recordings of other works that come next, in the catalogue and
in the cohort of common loops. Above a high quantile, scores by chance fall off exponentially (Pickands, Annals of
Statistics 1975), so the runners-up tell the slope; a query of a common progression has runners-up nearly as good as the
best, and its best is not significant. There is no constant to tune, and no model of music.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["LEAST_P", "N_RIVALS", "ChanceOfWork", "State", "chance_of", "state_of"]

N_RIVALS = 20
"""Runners-up that tell the tail."""

LEAST_P = 1e-6
"""No smaller probability is stated: not even this one has been verified."""

LEAST_SLOPE = 0.75  # so that rivals with no score to speak of say little

CLAIM_P, REVIEW_P = 0.001, 0.02
CLAIM_SECONDS = 12.0
CLAIM_RATIO = (0.75, 1.33)
MOST_RIVALS = 3  # works above half of the score: from then on the passage is common property

State = Literal["claim", "review", "silence"]


@dataclass(frozen=True, slots=True)
class ChanceOfWork:
    """How a score stands among its rivals.

    Attributes
    ----------
    p : float
        Probability that chance gives the best score of so many rivals, at least `LEAST_P`.
    excess : float
        Score above the tail's threshold, in units of the tail's slope.
    n_near : int
        Rivals above half of the score.
    """

    p: float
    excess: float
    n_near: int


def chance_of(score: float, rivals: Sequence[float]) -> ChanceOfWork:
    """Return how probable a score is, given the best scores of the other works, in any order.

    With fewer than three rivals nothing can be said: p is 1.

    Examples
    --------
    >>> chance = chance_of(60.0, [20.0 - 0.5 * k for k in range(40)])
    >>> chance.p <= 0.01, chance.n_near
    (True, 0)
    >>> chance_of(21.0, [20.0 - 0.5 * k for k in range(40)]).p > 0.1
    True
    """
    ranked = sorted(rivals, reverse=True)
    n_near = sum(rival > 0.5 * score for rival in ranked)
    n = min(N_RIVALS, len(ranked) - 1)
    if n < 2:
        return ChanceOfWork(1.0, 0.0, n_near)
    threshold = ranked[n]
    # Of the score itself it counts that it is at least as great as the greatest rival: left out, the slope of what is
    # chance would be too small by an eighth.
    slope = (sum(ranked[:n]) + ranked[0] - (n + 1) * threshold) / n + LEAST_SLOPE
    excess = (score - threshold) / slope
    p = -math.expm1((n + 1) * math.log1p(-math.exp(-excess))) if excess > 0.0 else 1.0
    return ChanceOfWork(max(p, LEAST_P), excess, n_near)


def state_of(chance: ChanceOfWork, *, seconds: float, tempo_ratio: float) -> State:
    """Return what may be said of a passage of a track that is `seconds` long.

    A claim names a work in a statement; a review is shown and never paid on.
    """
    if chance.p > REVIEW_P:
        return "silence"
    low, high = CLAIM_RATIO
    sure = chance.p <= CLAIM_P and seconds >= CLAIM_SECONDS and low <= tempo_ratio <= high
    return "claim" if sure and chance.n_near < MOST_RIVALS else "review"
