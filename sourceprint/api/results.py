"""Results that were kept, read again: the folder of a run, or a file that `match --jsonl` printed."""

import os

from fingerprint.arguments import path_of
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import results_of

__all__ = ["read_results"]


def read_results(place: str | os.PathLike[str]) -> tuple[ScanResult, ...]:
    """Return the results of a run or in a file, the latest one per name, in order of name.

    Parameters
    ----------
    place : str or path-like
        The folder that `Catalogue.scan` was given as `run`, or `scan` as `--out`; or a file of JSON Lines.

    Returns
    -------
    tuple of ScanResult

    Raises
    ------
    EvidenceError
        If there is nothing, the folder is none of a run, or a line is no scan result; the message names it.

    Examples
    --------
    >>> read_results("nowhere")
    Traceback (most recent call last):
    ...
    fingerprint.errors.EvidenceError: nowhere: there is no such run or file; name the folder of a scan, or a file ...
    """
    return results_of(path_of("place", place))
