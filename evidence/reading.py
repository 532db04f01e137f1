"""Scan results from wherever they lie: the folder of a run, or a file of JSON Lines that `match --jsonl` printed.

In comes a path; out come one `FileResult` per name, by name: where a name has several rows, the last one counts, and
a file that was moved counts under its new name alone.
"""

import os
from pathlib import Path

from evidence.results import FileResult, read_results
from evidence.runs.folder import OURS, RESULTS, Run
from fingerprint.errors import EvidenceError, ParameterError, printable

__all__ = ["expect_elsewhere", "results_of"]


def expect_elsewhere(target: Path, place: Path) -> None:
    """Refuse an output that would take the place of what it is made from.

    Parameters
    ----------
    target : Path
        Where the output goes.
    place : Path
        As of `results_of`.

    Raises
    ------
    EvidenceError
        If `target` is the file of results, or belongs to the run.
    """
    source, output = Path(os.path.realpath(place)), Path(os.path.realpath(target))
    in_run = output.is_relative_to(source) and output != source and output.relative_to(source).parts[0] in OURS
    if in_run or (output == source and source.is_file()):
        raise EvidenceError(f"{printable(target)}: holds the results themselves; name another file")


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
    if (place / RESULTS).is_file():
        return Run.open(place).results()
    if not place.is_file():
        what = f"is a folder without {RESULTS}, so no run" if place.is_dir() else "there is no such run or file"
        raise EvidenceError(
            f"{printable(place)}: {what}; name the folder of a scan, or a file that match --jsonl printed"
        )
    try:
        latest: dict[str, FileResult] = {}
        for result in read_results(place):
            if result.moved_from:
                latest.pop(result.moved_from, None)
            latest[result.name] = result
    except ParameterError as error:
        raise EvidenceError(str(error)) from error
    except OSError as error:
        raise EvidenceError(f"{printable(place)}: cannot be read ({error.strerror})") from error
    return tuple(latest[name] for name in sorted(latest))
