"""Stated probabilities against observed shares: intervals by independent samples, and their conclusions.

A search states for every query the probability that chance alone aligns it as well somewhere in the catalogue. Over
audio that is not in the catalogue, the share of queries that stated `t` or less should then be `t`. This module counts
(`reliability`, `rates`) and concludes (`conclude`): whether the observed share lies within a factor of three of the
stated one.

Ten-second pieces of one recording are not independent: one groove fails many times. Intervals are those of Clopper and
Pearson, and of Garwood for rates, with the sample size that the scatter between recordings amounts to (Korn and
Graubard, Survey Methodology 1998). Where nothing was observed, no scatter can be seen; that of the next larger
threshold is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from scipy import stats

from fingerprint.errors import ParameterError

__all__ = [
    "FACTOR",
    "Counted",
    "Verdict",
    "as_row",
    "conclude",
    "count_interval",
    "design_effect",
    "rates",
    "reliability",
    "share_interval",
]

FACTOR: Final = 3.0
"""Stated and observed are held to agree within this factor."""

Verdict = Literal["holds", "too many", "too few", "cannot be told"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts at one threshold.

    Attributes
    ----------
    stated : float
        Probability per query, or false matches per 1 000 hours.
    expected : float
        How many that makes.
    observed : int
        How many there were.
    recordings : int
        In how many recordings.
    factor, low, high : float
        Observed over expected, and its 95 % interval, for more data of the kind.
    verdict : str
        The verdict of `conclude` on the interval.
    """

    stated: float
    expected: float
    observed: int
    recordings: int
    factor: float
    low: float
    high: float
    verdict: Verdict


def conclude(low: float, high: float) -> Verdict:
    """Return the verdict of an interval of observed over stated on agreement within a factor of `FACTOR`.

    "too many" and "too few" are false matches beyond the factor, for every value in the interval; "holds" needs an
    interval that lies within it.

    Examples
    --------
    >>> [conclude(0.6, 1.4), conclude(4.0, 9.0), conclude(0.0, 0.2), conclude(0.0, 0.9)]
    ['holds', 'too many', 'too few', 'cannot be told']
    """
    if low > FACTOR:
        return "too many"
    if high < 1.0 / FACTOR:
        return "too few"
    return "holds" if low >= 1.0 / FACTOR and high <= FACTOR else "cannot be told"


def share_interval(successes: float, trials: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson, Biometrika 1934); numbers need not be whole.

    Raises
    ------
    ParameterError
        If there are more successes than trials, or fewer than none.

    Examples
    --------
    >>> [round(end, 4) for end in share_interval(0, 10)]
    [0.0, 0.3085]
    """
    if not 0 <= successes <= trials:
        raise ParameterError(f"{successes} successes of {trials} trials: must lie between 0 and the number of trials")
    if trials == 0:
        return 0.0, 1.0
    low = float(stats.beta.ppf(0.025, successes, trials - successes + 1)) if successes > 0 else 0.0
    high = float(stats.beta.ppf(0.975, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


def count_interval(count: float) -> tuple[float, float]:
    """Return the exact 95 % interval of the mean of a Poisson count (Garwood, Biometrika 1936); it need not be whole.

    Raises
    ------
    ParameterError
        For a negative count.

    Examples
    --------
    >>> [round(end, 2) for end in count_interval(10)]
    [4.8, 18.39]
    """
    if count < 0:
        raise ParameterError(f"count={count}: must not be negative")
    low = float(stats.chi2.ppf(0.025, 2 * count)) / 2 if count > 0 else 0.0
    return low, float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2


def design_effect(counts: Sequence[float], sizes: Sequence[float], *, binomial: bool = True) -> float:
    """Return by how much the scatter between recordings exceeds that of independent trials; at least 1.

    Parameters
    ----------
    counts, sizes : sequence of float
        Events and trials (or hours) of each recording.
    binomial : bool
        Whether a trial holds at most one event; else events come at a rate.

    Examples
    --------
    >>> design_effect([10, 0, 0, 0], [10, 10, 10, 10])
    13.33...
    >>> design_effect([2, 3, 2, 3], [10, 10, 10, 10])
    1.0
    """
    k, n = np.asarray(counts, dtype=float), np.asarray(sizes, dtype=float)
    total, size = float(k.sum()), float(n.sum())
    if total == 0 or len(k) < 2 or size <= 0 or (binomial and total >= size):
        return 1.0
    share = total / size
    scatter = len(k) / (len(k) - 1) * float(np.sum((k - share * n) ** 2))
    independent = total * (1.0 - share) if binomial else total
    return max(1.0, scatter / independent)


def reliability(stated: Mapping[str, Sequence[float]], thresholds: Iterable[float]) -> list[Counted]:
    """Return, from the largest threshold down, how many queries stated a probability of at most that.

    Parameters
    ----------
    stated : mapping of str to sequence of float
        Least probability stated for each query (1 where nothing was reported), by recording.
    thresholds : iterable of float
        Probabilities, above 0.
    """
    sizes = [len(values) for values in stated.values()]
    trials, effect = sum(sizes), 1.0
    made = []
    for t in sorted(thresholds, reverse=True):
        counts = [sum(p <= t for p in values) for values in stated.values()]
        observed = sum(counts)
        effect = design_effect(counts, sizes) if observed else effect
        low, high = share_interval(observed / effect, trials / effect)
        made.append(_counted(t, t * trials, observed, counts, (low / t, high / t)))
    return made


def rates(stated: Mapping[str, Sequence[float]], hours: Mapping[str, float], limits: Iterable[float]) -> list[Counted]:
    """Return, from the largest limit down, how many matches stated at most so many false ones per 1 000 hours.

    Parameters
    ----------
    stated : mapping of str to sequence of float
        The stated probability of each match, by recording.
    hours : mapping of str to float
        Audio scanned of each recording, those without a match included.
    limits : iterable of float
        False matches per 1 000 hours, above 0.
    """
    total, effect = sum(hours.values()), 1.0
    made = []
    for limit in sorted(limits, reverse=True):
        counts = [sum(rate <= limit for rate in stated.get(name, ())) for name in hours]
        observed, expected = sum(counts), limit * total / 1000.0
        effect = design_effect(counts, list(hours.values()), binomial=False) if observed else effect
        low, high = (effect * end / expected if expected else 0.0 for end in count_interval(observed / effect))
        made.append(_counted(limit, expected, observed, counts, (low, high)))
    return made


def as_row(counted: Counted) -> dict[str, Any]:
    """Return a count as plain JSON types."""
    return asdict(counted)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _counted(
    stated: float, expected: float, observed: int, counts: Sequence[int], interval: tuple[float, float]
) -> Counted:
    factor = observed / expected if expected else 0.0
    verdict = conclude(*interval) if expected else "cannot be told"
    return Counted(stated, expected, observed, sum(count > 0 for count in counts), factor, *interval, verdict)
