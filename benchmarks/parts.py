"""The parts of the suite, by name; the module that measures a part is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final

from benchmarks.part import Part
from fingerprint.errors import ParameterError

__all__ = ["PARTS", "load_part"]

PARTS: Final = (
    "robustness",
    "replication",
    "turns",
    "copies",
    "calibration",
    "systems",
    "composition",
    "speed",
    "durability",
    "service_kills",
    "service_load",
    "review_queue",
    "fuzz",
    "neighbours",
    "scale",
    "royalties",
    "journeys",
    "peers",
    "ablations",
)
"""The parts of the suite, in the order in which they run and are reported."""


def load_part(name: str) -> Part:
    """Return a part by its name; imports the module that measures it.

    Raises
    ------
    ParameterError
        For a name that is none of `PARTS`.
    """
    if name not in PARTS:
        raise ParameterError(f"part {name!r}: unknown; choose some of {', '.join(PARTS)}")
    part: Part = importlib.import_module(f"benchmarks.{name}").PART
    return part
