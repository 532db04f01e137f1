"""The false discovery rate of a batch, estimated by decoys and by stated probabilities, against the truth.

A label scans a batch and asks: of the matches at this threshold, how many are false? Two kinds of estimate need no
truth.

- *Decoys*: every query is searched again running backwards (`backwards`). All matches of a reversed query are due to
  chance. Query and decoy compete, the better one wins, and the number of winning decoys estimates the false matches
  among the winning queries (Elias and Gygi, Nature Methods 2007; plus one, He et al. 2015, so that zero is never
  claimed). The better one has the higher score ("score"), or the lower stated probability ("p").
- *Stated probabilities* ("stated"): `n` queries times the threshold, over the matches reported (Benjamini and Hochberg,
  1995).

The truth is known here, since a batch is made of excerpts of the catalogue and of strangers to it. `curve` walks down
the matches of a batch, best first, and gives at each their number, the number of false ones, and the estimated rate.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.reliability import share_interval
from fingerprint.landmarks import Fingerprint

__all__ = ["ESTIMATORS", "LEVELS", "Accepted", "Answer", "Estimator", "accepted", "backwards", "curve"]

LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Estimated false discovery rates at which the truth is looked up."""

Estimator = Literal["p", "score", "stated"]
ESTIMATORS: tuple[Estimator, ...] = ("p", "score", "stated")


@dataclass(frozen=True, slots=True)
class Answer:
    """The best that a search said about one query of a batch.

    Attributes
    ----------
    p_false : float
        The least that was stated for a passage; 1 where there was none.
    right : bool
        Whether that passage names the recording that the query was taken from.
    score : float
        The best score of a passage; 0 where there was none.
    score_right : bool
        Whether that passage names the recording that the query was taken from.
    decoy_p, decoy_score : float
        The same of the query running backwards.
    """

    p_false: float = 1.0
    right: bool = False
    score: float = 0.0
    score_right: bool = False
    decoy_p: float = 1.0
    decoy_score: float = 0.0


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
    """Return the fingerprint of a query that runs backwards: its start is at the end.

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
    """Return the accepted matches at each possible threshold, the strictest first.

    The estimate at a threshold is the least of those at it and at looser ones (the q-value of Storey, 2002): nobody
    chooses fewer matches at a higher estimated rate.

    Parameters
    ----------
    answers : sequence of Answer
        The batch.
    estimator : {"p", "score", "stated"}
        By decoys with thresholds on the stated probability or on the score, or by the stated probabilities alone.
    """
    made = _stated(answers) if estimator == "stated" else _competed(answers, estimator)
    least = 1.0
    for i in range(len(made) - 1, -1, -1):
        least = min(least, made[i].estimated)
        made[i] = replace(made[i], estimated=least)
    return made


def accepted(steps: Sequence[Accepted], level: float) -> Accepted:
    """Return the longest list of matches whose estimated rate is at most `level`; an empty one where there is none."""
    return next((step for step in reversed(steps) if step.estimated <= level), Accepted(0.0, 0, 0))


# --- helpers ----------------------------------------------------------------------------------------------------------


def _competed(answers: Sequence[Answer], by: Estimator) -> list[Accepted]:
    """Ties go to the decoy: nothing is claimed that a reversed query does as well."""
    contests = [
        (a.p_false, a.decoy_p, a.right) if by == "p" else (-a.score, -a.decoy_score, a.score_right) for a in answers
    ]
    nothing = 1.0 if by == "p" else 0.0
    standing = [(min(match, decoy), match < decoy, right) for match, decoy, right in contests]
    made: list[Accepted] = []
    decoys = matches = false = 0
    for _, group in _grouped([one for one in standing if one[0] < nothing]):
        decoys += sum(not is_match for is_match, _ in group)
        matches += sum(is_match for is_match, _ in group)
        false += sum(is_match and not right for is_match, right in group)
        if matches:
            made.append(Accepted((1 + decoys) / matches, matches, false))
    return made


def _stated(answers: Sequence[Answer]) -> list[Accepted]:
    made: list[Accepted] = []
    matches = false = 0
    for p_false, group in _grouped([(a.p_false, True, a.right) for a in answers if a.p_false < 1.0]):
        matches += len(group)
        false += sum(not right for _, right in group)
        made.append(Accepted(len(answers) * p_false / matches, matches, false))
    return made


def _grouped(standing: Iterable[tuple[float, bool, bool]]) -> list[tuple[float, list[tuple[bool, bool]]]]:
    """Return the contests in ascending order of value, equal values in one group: no threshold divides them."""
    return [
        (value, [(is_match, right) for _, is_match, right in group])
        for value, group in itertools.groupby(sorted(standing), lambda one: one[0])
    ]
