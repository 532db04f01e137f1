"""The false discovery rate of a batch, estimated by decoys and by stated probabilities, against the truth.

A label scans a batch and asks: of the matches at this threshold, how many are false? Two estimates need no truth.

- *Decoys*: every query is searched again running backwards (`backwards`). What a reversed query scores, it scores by
  chance. Query and decoy compete, the higher score stands, and the decoys that stand count the false matches among the
  queries that stand (Elias and Gygi, Nature Methods 2007; plus one, He et al. 2015, so that zero is never claimed).
- *Stated probabilities*: `n` queries times the threshold, over the matches reported (Benjamini and Hochberg, 1995).

The truth is known here, since a batch is made of excerpts of the catalogue and of strangers to it. `curve` walks down
the matches of a batch, best first, and says at each how many there are, how many are false, and what was estimated.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.reliability import share_interval
from fingerprint.extract import Fingerprint

__all__ = ["LEVELS", "Accepted", "Answer", "accepted", "backwards", "curve"]

LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Estimated false discovery rates at which the truth is looked up."""

Estimator = Literal["decoys", "stated"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The best that a search said about one query of a batch.

    Attributes
    ----------
    score : float
        Score of the best passage; 0 where there was none.
    p_false : float
        What was stated for it; 1 where there was none.
    decoy : float
        Score of the best passage of the query running backwards; 0 where there was none.
    right : bool
        Whether the best passage names the recording that the query was taken from.
    """

    score: float
    p_false: float
    decoy: float
    right: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The matches of a batch down to some threshold.

    Attributes
    ----------
    estimated : float
        The false discovery rate that was estimated.
    matches, false : int
        How many there are, and how many of them are false.
    """

    estimated: float
    matches: int
    false: int

    @property
    def true_rate(self) -> float:
        """The false discovery rate."""
        return self.false / self.matches if self.matches else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the false discovery rate."""
        return share_interval(self.false, self.matches)


def backwards(query: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a query that runs backwards: what was at the start is at the end.

    Descriptors and mirrored ones change places, so the search for it is reversed in turn to the query itself.
    """
    turn = 2.0 * query.start_seconds + query.duration_seconds
    return replace(
        query,
        times=np.ascontiguousarray(turn - query.times[::-1]),
        bins=np.ascontiguousarray(query.bins[::-1]),
        prominence=np.ascontiguousarray(query.prominence[::-1]),
        vectors=np.ascontiguousarray(query.mirrored[:, ::-1]),
        mirrored=np.ascontiguousarray(query.vectors[:, ::-1]),
    )


def curve(answers: Sequence[Answer], estimator: Estimator) -> list[Accepted]:
    """Return what stands at each possible threshold, from the strictest on.

    The estimate at a threshold is the least of those at it and at looser ones (the q-value of Storey, 2002): whoever
    accepts more at a lower estimated rate would do so.

    Parameters
    ----------
    answers : sequence of Answer
        The batch.
    estimator : {"decoys", "stated"}
        Thresholds on score with decoys, or on the stated probability.
    """
    made = _by_decoys(answers) if estimator == "decoys" else _by_probability(answers)
    least = 1.0
    for i in range(len(made) - 1, -1, -1):
        least = min(least, made[i].estimated)
        made[i] = replace(made[i], estimated=least)
    return made


def accepted(steps: Sequence[Accepted], level: float) -> Accepted:
    """Return the longest list of matches whose estimated rate is at most `level`; an empty one where there is none."""
    return next((step for step in reversed(steps) if step.estimated <= level), Accepted(0.0, 0, 0))


# --- helpers ----------------------------------------------------------------------------------------------------------


def _by_decoys(answers: Sequence[Answer]) -> list[Accepted]:
    """Ties go to the decoy: nothing is claimed that a reversed query does as well."""
    standing = [answer for answer in answers if max(answer.score, answer.decoy) > 0]
    made: list[Accepted] = []
    decoys = matches = false = 0
    for _, group in _grouped(standing, lambda answer: -max(answer.score, answer.decoy)):
        for answer in group:
            is_match = answer.score > answer.decoy
            decoys += not is_match
            matches += is_match
            false += is_match and not answer.right
        if matches:
            made.append(Accepted((1 + decoys) / matches, matches, false))
    return made


def _by_probability(answers: Sequence[Answer]) -> list[Accepted]:
    made: list[Accepted] = []
    matches = false = 0
    for p_false, group in _grouped([answer for answer in answers if answer.score > 0], lambda answer: answer.p_false):
        matches += len(group)
        false += sum(not answer.right for answer in group)
        made.append(Accepted(len(answers) * p_false / matches, matches, false))
    return made


def _grouped(answers: Sequence[Answer], key: Callable[[Answer], float]) -> list[tuple[float, list[Answer]]]:
    """Return answers in ascending order of `key`, those with the same key together: no threshold divides them."""
    return [(value, list(group)) for value, group in itertools.groupby(sorted(answers, key=key), key)]
