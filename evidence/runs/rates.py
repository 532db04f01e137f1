"""How many of the matches of a batch are expected to be false.

Every match states how many as good chance would produce in 1000 hours of such audio. Over the hours that a batch
searched, that is a number of expected false matches at each threshold; divided by the number of matches that are at
least as good, it is the false discovery rate of whoever stops there. The q-value of a match is the lowest such rate of
all thresholds that still take it in (Storey, *Journal of the Royal Statistical Society* B 64, 2002, with all files
taken to be without a true match, which errs on the side of caution). All hours count at every threshold, those of files
that were searched with a stricter limit too: where limits differ, q-values are greater than they need be, never less.

Durations come in milliseconds, rates per 1000 hours; q-values and rates of discovery go from 0 to 1.
"""

import math
from collections.abc import Iterable

from evidence.results import FileResult
from index.decision import LEAST_P

__all__ = ["expected_false_matches", "q_values"]

_MS_PER_HOUR = 3_600_000


def expected_false_matches(results: Iterable[FileResult]) -> float:
    """Return how many false matches the limits that the files were searched with let through, as expected by chance.

    Returns
    -------
    float
        Sum over the searched files of hours times `max_false_per_1000h` / 1000; NaN if a result states no limit.
    """
    return math.fsum(
        result.duration_ms / _MS_PER_HOUR * result.max_false_per_1000h / 1000 for result in results if result.searched
    )


def q_values(results: Iterable[FileResult]) -> dict[tuple[str, str], float]:
    """Return the q-value of every match, by name of the file and id of the recording.

    Parameters
    ----------
    results : iterable of FileResult
        A batch; the hours of all its searched files count, matched or not.

    Returns
    -------
    dict
        From 1e-9, below which no probability is claimed, to 1; of two matches, the one with the lower rate by chance
        never has the higher q-value. A recording that a file matches in several layers counts once, with its best
        match.
    """
    hours = 0.0
    rates: dict[tuple[str, str], float] = {}
    for result in results:
        hours += result.duration_ms / _MS_PER_HOUR if result.searched else 0.0
        for match in result.matches:
            key = (result.name, match.asset_id)
            rates[key] = min(match.false_per_1000h, rates.get(key, math.inf))
    ordered = sorted(rates, key=lambda key: (rates[key], key))
    found: dict[tuple[str, str], float] = {}
    lowest = 1.0
    n_as_good = len(ordered)
    for position in range(len(ordered) - 1, -1, -1):
        rate = rates[ordered[position]]
        if position + 1 < len(ordered) and rates[ordered[position + 1]] > rate:
            n_as_good = position + 1  # equal rates share a threshold
        lowest = min(lowest, hours * rate / 1000 / n_as_good)
        found[ordered[position]] = max(lowest, LEAST_P)
    return {key: found[key] for key in ordered}
