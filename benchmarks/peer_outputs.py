"""Parsers of programs' outputs: one function for each.

The lines are those of audfprint (dpwe/audfprint, `audfprint_match.py`), Olaf (JorenSix/Olaf, `olaf_cli_output.zig`),
Panako 2 (JorenSix/Panako, `be.panako.cli.Panako`), fpcalc (acoustid/chromaprint, `fpcalc.cpp`), dejavu
(worldveil/dejavu, `dejavu.py`) and of Sourceprint itself. Files are named by their stem. Lines that belong to no answer
(progress, warnings) are passed over; output in which nothing is known raises `PeerError`.
"""

from __future__ import annotations

import ast
import csv
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_run import Answer, PeerError
from fingerprint.errors import printable

__all__ = [
    "complete",
    "read_audfprint",
    "read_dejavu",
    "read_fpcalc",
    "read_olaf",
    "read_panako",
    "read_sourceprint",
    "unknown",
]

Reading = tuple[list[Answer], set[str]]
"""Answers, and the queries that the output speaks of at all."""

_MATCHED = re.compile(
    r"^Matched (?P<query>.+?) +[\d.]+ +sec \d+ raw hashes as (?P<reference>.+?) at +(?P<offset>-?[\d.]+) +s "
    r"with +(?P<score>\d+) of +\d+ (?:common )?hashes"
)
_NO_MATCH = re.compile(r"^NOMATCH (?P<query>.+?) +[\d.]+ +sec \d+ raw hashes")


def read_sourceprint(text: str) -> Reading:
    """Read scan results in JSON Lines; the score is minus log10 of the false matches stated per 1 000 h."""
    answers, asked = [], set()
    try:
        for scan in map(json.loads, text.splitlines()):
            query = Path(scan["track"]["name"]).stem
            asked.add(query)
            for match in scan["matches"]:
                best = min(match["passages"], key=lambda segment: float(segment["false_per_1000h"]))
                offset = (best["recording_start_ms"] - best["track_start_ms"]) / 1000.0
                answers.append(Answer(query, match["recording_id"], offset, -math.log10(best["false_per_1000h"])))
    except (ValueError, KeyError, TypeError):
        raise unknown(text) from None
    return answers, asked


def read_audfprint(text: str) -> Reading:
    """Read the lines of `audfprint match` at its usual verbosity; the score is the number of hashes in line."""
    answers, asked = [], set()
    for line in text.splitlines():
        if found := _MATCHED.match(line):
            query, reference = Path(found["query"]).stem, Path(found["reference"]).stem
            answers.append(Answer(query, reference, float(found["offset"]), float(found["score"])))
            asked.add(query)
        elif nothing := _NO_MATCH.match(line):
            asked.add(Path(nothing["query"]).stem)
    return answers, asked


def read_olaf(text: str) -> Reading:
    """Read the eleven columns of `olaf query`; paths with commas are quoted; the score is the number of matches."""
    answers, asked = [], set()
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        cells = [cell.strip() for cell in row]
        if len(cells) != 11 or not cells[4].isdigit():
            continue
        query, offset = Path(cells[2]).stem, float(cells[9]) - float(cells[5])
        asked.add(query)
        if int(cells[4]):
            answers.append(Answer(query, Path(cells[7]).stem, offset, float(cells[4])))
    if text.strip() and not asked and "match_count" not in text:  # a query without a match may be passed over
        raise unknown(text)
    return answers, asked


def read_panako(text: str) -> Reading:
    """Read the thirteen columns of `panako query`; a match path "null" says that there is none."""
    answers, asked = [], set()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(";")]
        if len(cells) != 13 or not cells[0].isdigit():
            continue
        query = Path(cells[2]).stem
        asked.add(query)
        if cells[5] != "null" and float(cells[9]) > 0:
            answers.append(Answer(query, Path(cells[5]).stem, float(cells[7]) - float(cells[3]), float(cells[9])))
    return answers, asked


def read_fpcalc(text: str) -> NDArray[np.uint32]:
    """Read the numbers that `fpcalc -raw` prints, which older versions print with a sign."""
    line = next((line for line in text.splitlines() if line.startswith("FINGERPRINT=")), "")
    try:
        numbers = [int(number) & 0xFFFFFFFF for number in line.partition("=")[2].split(",")]
    except ValueError:
        raise unknown(text) from None
    return np.array(numbers, dtype=np.uint32)


def read_dejavu(text: str, query: str) -> list[Answer]:
    """Read the dictionary that `dejavu.py --recognize file` prints last: several results, one song, or None."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        said = ast.literal_eval(lines[-1])
        if said is None:
            return []
        return [
            Answer(
                query,
                result["song_name"].decode() if isinstance(result["song_name"], bytes) else str(result["song_name"]),
                float(result["offset_seconds"]),
                float(result.get("hashes_matched_in_input", result.get("confidence"))),
            )
            for result in said.get("results", [said])
        ]
    except (ValueError, SyntaxError, KeyError, TypeError, AttributeError, IndexError):
        raise unknown(text) from None


def complete(reading: Reading, text: str, queries: Sequence[Path]) -> list[Answer]:
    """Return the answers once the output has been found to deal with every query; else raise PeerError."""
    answers, asked = reading
    passed_over = [path.stem for path in queries if path.stem not in asked]
    if passed_over and not asked:
        raise unknown(text)
    if passed_over:
        raise PeerError(f"says nothing about {len(passed_over)} of {len(queries)} queries, {passed_over[0]} for one")
    return answers


def unknown(text: str) -> PeerError:
    """Return an error that quotes the output in place of an answer."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    said = repr(printable(first[:120])) if first else "nothing"
    return PeerError(f"printed {said}, nothing that its adapter knows; is this the program, in a usual version?")
