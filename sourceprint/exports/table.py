r"""Scan results as a table, one row per reused passage: the rows, and the rows as CSV.

A file without passages has one row, with its status and, where it could not be searched, the reason; the cells about
recording and passage are then empty. Rows go by file, in it by recording as in the result, and in that by track time.
docs/formats/exports.md describes every column.

CSV is RFC 4180, UTF-8 without a mark, lines end with CR LF. Every row is one line: line breaks, tabs, other control
characters and marks that turn the direction of writing are escaped as in Python (`\n`), and so are bytes of a file name
that are no UTF-8. Lists are joined by ` | `; cells that do not apply are empty. Numbers read back as the same number. A
spreadsheet takes text that starts with = + - @ (or their wide forms) for a formula: such text gets an apostrophe before
it, also behind white space (tabs and line breaks included) and behind a semicolon, at which some regions' spreadsheets
start another cell. Exact texts are in JSON Lines and, except bytes that are no UTF-8, in Parquet.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import UNSET

from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult, plain_json
from sourceprint.text.names import one_line

__all__ = [
    "COLUMNS",
    "LIST",
    "NUMBER",
    "TEXT",
    "WHOLE",
    "Cell",
    "passage_csv",
    "passage_rows",
]

Cell = str | int | float | tuple[str, ...] | None

TEXT, WHOLE, NUMBER, LIST = "text", "whole", "number", "list"

COLUMNS = {
    "name": TEXT,
    "sha256": TEXT,
    "duration_ms": WHOLE,
    "status": TEXT,
    "reason": TEXT,
    "notes": LIST,
    "recording_id": TEXT,
    "isrc": TEXT,
    "title": TEXT,
    "artists": LIST,
    "layer": TEXT,
    "match_confidence": NUMBER,
    "q_value": NUMBER,
    "track_match_ms": WHOLE,
    "track_match_percentage": NUMBER,
    "recording_match_ms": WHOLE,
    "recording_match_percentage": NUMBER,
    "passage": WHOLE,
    "track_start_ms": WHOLE,
    "track_end_ms": WHOLE,
    "recording_start_ms": WHOLE,
    "recording_end_ms": WHOLE,
    "pitch_cents": NUMBER,
    "speed_percent": NUMBER,
    "tempo_percent": NUMBER,
    "aligned_landmarks": WHOLE,
    "expected_by_chance": NUMBER,
    "p_false": NUMBER,
    "false_per_1000h": NUMBER,
    "confidence": NUMBER,
    "also_fits": LIST,
    "alternatives": TEXT,
    "streams": LIST,
    "max_false_per_1000h": NUMBER,
    "algorithm": TEXT,
    "index_digest": TEXT,
    "params_digest": TEXT,
    "settings_digest": TEXT,
    "track_id": TEXT,
}
"""The columns in their order, and what is in each: text, whole numbers, numbers, or lists of texts."""

_OF_FOUND = ("recording_id", "isrc", "title", "artists", "layer")
_OF_COVERAGE = ("track_match_ms", "track_match_percentage", "recording_match_ms", "recording_match_percentage")

# Spreadsheets skip white space before they look for a formula; a tab or line break is one before it is escaped.
_STARTS_A_FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def passage_rows(results: Iterable[ScanResult], q_values: Mapping[tuple[str, str], float]) -> Iterator[dict[str, Cell]]:
    """Yield the rows, each with all `COLUMNS`; None where a result does not say.

    Parameters
    ----------
    results : iterable of ScanResult
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.
    """
    for result in results:
        of_file = _of_file(result)
        if not result.matches:
            yield _whole(of_file)
        for found in result.matches:
            of_found = {**of_file, **_of_found(found), "q_value": q_values.get((result.name, found.recording_id))}
            for number, passage in enumerate(found.passages, start=1):
                yield _whole({**of_found, "passage": number, **_of_passage(passage)})


def _of_file(result: ScanResult) -> dict[str, Cell]:
    limit = result.max_false_per_1000h
    return {
        "name": result.name,
        "sha256": result.sha256 or None,
        "duration_ms": result.duration_ms or None,
        "status": result.status,
        "reason": result.reason or None,
        "notes": result.track.notes,
        "max_false_per_1000h": None if math.isnan(limit) else limit,
        "algorithm": result.algorithm,
        "index_digest": result.index_digest,
        "params_digest": result.params_digest,
        "settings_digest": result.settings_digest or None,
        "track_id": result.track_id or None,
    }


def _of_found(found: ResultMatch) -> dict[str, Cell]:
    cells: dict[str, Cell] = {name: getattr(found, name) for name in (*_OF_FOUND, *_OF_COVERAGE)}
    return {**cells, "isrc": found.isrc or None, "title": found.title or None, "match_confidence": found.confidence}


def _of_passage(passage: ResultPassage) -> dict[str, Cell]:
    cells: dict[str, Cell] = {name: getattr(passage, name) for name in ResultPassage.__struct_fields__}
    alternatives = json.dumps(plain_json(passage.alternatives)) if passage.alternatives else None
    streams = () if passage.streams is UNSET else tuple(str(number) for number in passage.streams)
    return {**cells, "alternatives": alternatives, "streams": streams}


def _whole(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    return {column: cells.get(column) for column in COLUMNS}


def passage_csv(results: Iterable[ScanResult], q_values: Mapping[tuple[str, str], float]) -> Iterator[bytes]:
    """Yield a CSV file line by line, the names of the columns first.

    Parameters
    ----------
    results : iterable of ScanResult
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.
    """
    yield _line(COLUMNS)
    for row in passage_rows(results, q_values):
        yield _line(_cell(value) for value in row.values())


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        value = " | ".join(value)
    return one_line(_STARTS_A_FORMULA.sub(r"\1'", value))
