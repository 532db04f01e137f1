"""The tab-separated lists of a corpus folder: one frozen dataclass per kind of row, checked as they are read.

UTF-8, one header line, no quoting; further columns are ignored. A value that cannot be is an error that names file and
row, never a row left out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from fingerprint.errors import SourceprintError

__all__ = [
    "CorpusError",
    "PairRow",
    "SoundRow",
    "TrackRow",
    "pair_row",
    "read_list",
    "sound_row",
    "stranger_row",
    "track_row",
]

Agreement = Literal["yes", "no", "partial"]
Fields = Mapping[str, str]
T = TypeVar("T")


class CorpusError(SourceprintError):
    """A corpus folder, a list in it or a file that a list names is missing or unreadable."""


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One piece of music: of the catalogue, or with no known source (`generated`, where `title` is the system)."""

    file: str
    title: str
    seconds: float
    source: str
    vocal: str = ""
    genre: str = ""


@dataclass(frozen=True, slots=True)
class SoundRow:
    """One ambience or impulse response."""

    file: str
    title: str
    seconds: float
    source: str


@dataclass(frozen=True, slots=True)
class PairRow:
    """A source and the output of a real system; the two agreements are expectations from the method."""

    source_file: str
    output_file: str
    kind: str
    system: str
    same_recording: Agreement
    same_work: Agreement
    source_seconds: float
    output_seconds: float
    origin: str


def read_list(path: Path, parse: Callable[[Fields], T], *, unique: bool = True) -> tuple[T, ...]:
    """Return the rows of one tab-separated list as `parse` makes them, () when there is no such list.

    Raises
    ------
    CorpusError
        For a missing column, a row with too few or too many fields, a value that `parse` refuses with a `ValueError`,
        or (if `unique`) a file that stands in the list twice; the message names file and row.
    """
    if not path.is_file():
        return ()
    rows: list[T] = []
    seen: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        for fields in reader:
            place = f"{path}:{reader.line_num}"
            if None in fields or None in fields.values():
                raise CorpusError(
                    f"{place}: the header has {len(reader.fieldnames or ())} columns, this row has another number"
                )
            try:
                rows.append(parse(fields))
            except KeyError as error:
                raise CorpusError(
                    f"{path}:1: no column {error}; the header has {', '.join(reader.fieldnames or ())}"
                ) from error
            except ValueError as error:
                raise CorpusError(f"{place}: {error}") from error
            if unique and (first := seen.setdefault(fields["file"], reader.line_num)) != reader.line_num:
                raise CorpusError(f"{place}: {fields['file']} stands in line {first} already; one row per file")
    return tuple(rows)


def track_row(fields: Fields) -> TrackRow:
    """Return a row of ``music.tsv``."""
    return TrackRow(
        file=_text(fields, "file"),
        title=fields["title"],
        seconds=_seconds(fields, "duration_s"),
        source=_text(fields, "source"),
        vocal=fields.get("vocal", ""),
        genre=fields.get("genre", ""),
    )


def stranger_row(fields: Fields) -> TrackRow:
    """Return a row of ``generated.tsv``; its title is the system."""
    return TrackRow(_text(fields, "file"), fields["system"], _seconds(fields, "duration_s"), _text(fields, "source"))


def sound_row(fields: Fields) -> SoundRow:
    """Return a row of ``noise.tsv`` or ``rooms.tsv``."""
    return SoundRow(_text(fields, "file"), fields["what"], _seconds(fields, "duration_s"), _text(fields, "source"))


def pair_row(fields: Fields) -> PairRow:
    """Return a row of ``ai_pairs.tsv``."""
    return PairRow(
        source_file=_text(fields, "source_file"),
        output_file=_text(fields, "output_file"),
        kind=_text(fields, "kind"),
        system=_text(fields, "system"),
        same_recording=_agreement(fields, "same_recording"),
        same_work=_agreement(fields, "same_work"),
        source_seconds=_seconds(fields, "source_s"),
        output_seconds=_seconds(fields, "output_s"),
        origin=fields["origin"],
    )


def _text(fields: Fields, column: str) -> str:
    if not fields[column].strip():
        raise ValueError(f"column {column} is empty; every row needs it")
    return fields[column]


def _seconds(fields: Fields, column: str) -> float:
    try:
        value = float(fields[column])
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise ValueError(f"column {column} is {fields[column]!r}; expected a duration in seconds above zero")
    return value


def _agreement(fields: Fields, column: str) -> Agreement:
    known: dict[str, Agreement] = {"yes": "yes", "no": "no", "partial": "partial"}
    if fields[column] not in known:
        raise ValueError(f"column {column} is {fields[column]!r}; expected yes, no or partial")
    return known[fields[column]]
