"""The formats that are fuzzed, by name; a module that makes inputs of one is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final

from benchmarks.fuzz.harness import Format
from fingerprint.errors import ParameterError

__all__ = ["FORMATS", "load_format"]

FORMATS: Final = {
    "fingerprint": "benchmarks.fuzz.fingerprints",
    "trace": "benchmarks.fuzz.traces",
    "case": "benchmarks.fuzz.cases",
    "results": "benchmarks.fuzz.results",
    "run": "benchmarks.fuzz.runs",
    "list": "benchmarks.fuzz.lists",
    "gate policy": "benchmarks.fuzz.documents:GATE_POLICY",
    "royalty policy": "benchmarks.fuzz.documents:ROYALTY_POLICY",
    "licence": "benchmarks.fuzz.documents:LICENCE",
    "statement": "benchmarks.fuzz.statements",
    "grant": "benchmarks.fuzz.documents:GRANT",
    "index": "benchmarks.fuzz.index_folders",
    "index archive": "benchmarks.fuzz.index_folders:ARCHIVE",
    "blind index": "benchmarks.fuzz.index_folders:BLIND",
    "audio": "benchmarks.fuzz.audio",
}
"""Module of each format, and the name of its `Format` there: FORMAT, where none is given."""


def load_format(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    ParameterError
        For a name that is none of `FORMATS`.
    """
    if name not in FORMATS:
        raise ParameterError(f"format {name!r}: unknown; choose some of {', '.join(FORMATS)}")
    module, _, attribute = FORMATS[name].partition(":")
    found: Format = getattr(importlib.import_module(module), attribute or "FORMAT")
    return found
