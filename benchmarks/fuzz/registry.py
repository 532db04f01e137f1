"""The formats that are fuzzed, by name; a module that makes inputs of one is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final

from benchmarks.fuzz.harness import Format
from fingerprint.errors import ParameterError

__all__ = ["FORMATS", "load_format"]

FORMATS: Final = {
    "fingerprint": "benchmarks.fuzz.fingerprints",
}
"""Module of each format; it has a `FORMAT`."""


def load_format(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    ParameterError
        For a name that is none of `FORMATS`.
    """
    if name not in FORMATS:
        raise ParameterError(f"format {name!r}: unknown; choose some of {', '.join(FORMATS)}")
    found: Format = importlib.import_module(FORMATS[name]).FORMAT
    return found
