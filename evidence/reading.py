"""Scan results from wherever they lie: the folder of a run, or a file of JSON Lines that `match --jsonl` printed.

In comes a path; out come one `FileResult` per name, by name: where a name has several rows, the last one counts, since
a scan that was run again appends. `q_values` says of each match how far a list that reaches down to it can be trusted.
"""

from collections.abc import Iterable
from pathlib import Path

from evidence.results import FileResult, read_results
from fingerprint.errors import EvidenceError, ParameterError, printable

__all__ = ["q_values", "results_of"]

ROWS = "results.jsonl"

_MS_PER_HOUR = 3_600_000


def results_of(place: Path) -> tuple[FileResult, ...]:
    """Return the results of a run or in a file, the latest row per name, in order of name.

    Parameters
    ----------
    place : Path
        The folder of a run, or a file of JSON Lines.

    Raises
    ------
    EvidenceError
        If there is nothing at `place`, the folder is none of a run, or a line is no scan result; the message names it.
    """
    rows = place / ROWS if place.is_dir() else place
    if not rows.is_file():
        what = "is a folder without results.jsonl, so no run" if place.is_dir() else "there is no such run or file"
        raise EvidenceError(
            f"{printable(place)}: {what}; name the folder of a scan, or a file that match --jsonl printed"
        )
    try:
        latest = {result.name: result for result in read_results(rows)}
    except ParameterError as error:
        raise EvidenceError(str(error)) from error
    except OSError as error:
        raise EvidenceError(f"{printable(rows)}: cannot be read ({error.strerror})") from error
    return tuple(latest[name] for name in sorted(latest))


def q_values(results: Iterable[FileResult]) -> dict[tuple[str, str], float]:
    """Return the q-value of each match of a batch, by name of the file and id of the recording.

    The q-value of a match is the least share of false ones to be expected in any list of the batch's matches that is
    cut at some rate by chance and still has this match in it: the rate times the hours searched, over the length of
    the list. It grows with the rate and is 1 at most.

    Parameters
    ----------
    results : iterable of FileResult
        The whole batch: files without matches count by their hours.

    Examples
    --------
    >>> q_values([])
    {}
    """
    hours = 0.0
    rates: dict[tuple[str, str], float] = {}
    for result in results:
        if result.searched:
            hours += result.duration_ms / _MS_PER_HOUR
        for found in result.matches:
            key = (result.name, found.asset_id)
            rates[key] = min(found.false_per_1000h, rates.get(key, found.false_per_1000h))
    values: dict[tuple[str, str], float] = {}
    least = 1.0
    # From the most doubtful match on: how many are at most as doubtful as it, ties included.
    falling = sorted(rates.items(), key=lambda item: (-item[1], item[0]))
    n_at_most: dict[float, int] = {}
    for position, (_, rate) in enumerate(falling):
        n_at_most.setdefault(rate, len(falling) - position)
    for key, rate in falling:
        least = min(least, rate * hours / 1000 / n_at_most[rate])
        values[key] = least
    return values
