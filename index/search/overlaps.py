"""Recordings of a snapshot in, other recordings of it that hold the same audio for a stretch out.

Duplicates, remasters, edits, compilations, samples of several seconds: where two recordings hold the same sound, a
match cannot say which of them was used. `shared` finds the passages; here they become pairs, each named once. Times are
in seconds. A descriptor sees `EDGE_SECONDS` to either side, so the ends of a stretch are known that well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from fingerprint.errors import ParameterError
from index.search.alignment import Alignment
from index.search.shared import EDGE_SECONDS, SHORTEST_SECONDS, shared_passages
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import TIMES_PER_SECOND
from index.storage.manifest import RECORDING
from index.storage.snapshot import Snapshot

__all__ = [
    "EDGE_SECONDS",
    "MIN_SECONDS",
    "SHORTEST_SECONDS",
    "Overlap",
    "Span",
    "find_overlaps",
    "longest_first",
    "overlap_to_json",
]

MIN_SECONDS = 10.0
_AT_ONCE = 16  # recordings searched together: cheaper, and 1 MB of memory each
_MOST = 0.8  # of a recording, to be called a duplicate or contained


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that two recordings have in common.

    Attributes
    ----------
    first_start_seconds, first_end_seconds : float
        Where it is in the first recording.
    second_start_seconds, second_end_seconds : float
        Where it is in the second.
    ratio : float
        Seconds of the second per second of the first: above 1 where the second is slower.
    pitch_semitones : float
        How much higher the second is.
    score : float
        Of the passage, as `alignment` counts.
    """

    first_start_seconds: float
    first_end_seconds: float
    second_start_seconds: float
    second_end_seconds: float
    ratio: float
    pitch_semitones: float
    score: float

    def turned(self) -> "Span":
        """Return the stretch with first and second exchanged."""
        return Span(
            self.second_start_seconds, self.second_end_seconds, self.first_start_seconds, self.first_end_seconds,
            1.0 / self.ratio, -self.pitch_semitones, self.score,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two recordings that hold the same audio.

    Attributes
    ----------
    first, second : str
        Their ids, in the order of ids.
    kind : {"duplicate", "contained", "overlap"}
        "duplicate": most of both is the same; "contained": most of the shorter is in the longer.
    seconds : float
        How much they have in common: of the two recordings, where it is less.
    share : float
        The same as a share of the shorter recording, counted from its first landmark to its last; 0 to 1.
    spans : tuple of Span
        The stretches, in the order of the first recording.
    """

    first: str
    second: str
    kind: Literal["duplicate", "contained", "overlap"]
    seconds: float
    share: float
    spans: tuple[Span, ...]


def find_overlaps(
    snapshot: Snapshot,
    ids: Iterable[str] | None = None,
    *,
    min_seconds: float = MIN_SECONDS,
    layer: str = RECORDING,
) -> Iterator[list[Overlap]]:
    """Yield, for one recording after the other, the overlaps with others that were not found before.

    Parameters
    ----------
    snapshot : Snapshot
        The index.
    ids : iterable of str, optional
        The recordings to compare with all others (default: all).
    min_seconds : float
        Pairs with less in common than this are left out. Ends are known within `EDGE_SECONDS`, in favour of reporting.
    layer : str
        The landmarks to compare.

    Yields
    ------
    list of Overlap
        One list per recording, by descending seconds, then ids.

    Raises
    ------
    ParameterError
        If the index has no such layer, or `min_seconds` is below `SHORTEST_SECONDS`.
    UnknownRecordingError
        If an id is not in the index.
    """
    if not min_seconds >= SHORTEST_SECONDS:
        raise ParameterError(
            f"min_seconds={min_seconds}: must be at least {SHORTEST_SECONDS:g}; shorter stretches are not looked for"
        )
    view = snapshot.layer(layer)
    if ids is None:
        ordinals = np.argsort(view.ranks).tolist()
    else:
        ordinals = [snapshot.ordinal(name) for name in dict.fromkeys(ids)]
    seen: set[tuple[int, int]] = set()
    for first in range(0, len(ordinals), _AT_ONCE):
        for ordinal, partners in shared_passages(view, ordinals[first : first + _AT_ONCE]):
            found = []
            for other, passages in partners.items():
                pair = (min(ordinal, other), max(ordinal, other))
                if pair not in seen:
                    overlap = _overlap(snapshot, view, ordinal, other, passages)
                    if overlap.seconds >= min_seconds - 2 * EDGE_SECONDS:
                        seen.add(pair)
                        found.append(overlap)
            yield longest_first(found)


def longest_first(overlaps: Iterable[Overlap]) -> list[Overlap]:
    """Return overlaps by descending seconds, then ids."""
    return sorted(overlaps, key=lambda overlap: (-overlap.seconds, overlap.first, overlap.second))


def overlap_to_json(overlap: Overlap) -> dict[str, Any]:
    """Return an overlap as plain JSON types; times in seconds to the millisecond."""
    fields = asdict(overlap)
    spans = [{name: round(value, 3) for name, value in span.items()} for span in fields["spans"]]
    return {**fields, "seconds": round(overlap.seconds, 3), "share": round(overlap.share, 4), "spans": spans}


def _overlap(snapshot: Snapshot, view: LayerSnapshot, query: int, other: int, passages: Sequence[Alignment]) -> Overlap:
    cells_per_semitone = float(view.params["bins_per_octave"]) / 12.0
    spans = [
        Span(
            passage.track_start_seconds,
            passage.track_end_seconds,
            passage.recording_start_seconds,
            passage.recording_end_seconds,
            passage.ratio,
            passage.shift_cells / cells_per_semitone,
            passage.score,
        )
        for passage in passages
    ]
    first, second = query, other
    names = {ordinal: snapshot.recordings[ordinal].id for ordinal in (query, other)}
    if names[other] < names[query]:
        first, second = other, query
        spans = [span.turned() for span in spans]
    spans.sort(key=lambda span: (span.first_start_seconds, span.second_start_seconds))
    # Of the two recordings, where it is less: a loop does not hold the whole of the piece that was made of it.
    common = min(
        _covered((span.first_start_seconds, span.first_end_seconds) for span in spans),
        _covered((span.second_start_seconds, span.second_end_seconds) for span in spans),
    )
    shorter, longer = sorted(_length(view, ordinal) for ordinal in (first, second))
    kind: Literal["duplicate", "contained", "overlap"] = "overlap"
    if common >= _MOST * shorter:
        kind = "duplicate" if common >= _MOST * longer else "contained"
    return Overlap(names[first], names[second], kind, common, min(1.0, common / shorter), tuple(spans))


def _covered(stretches: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _length(view: LayerSnapshot, ordinal: int) -> float:
    """Return the seconds from the first landmark of a recording to its last."""
    ticks = view.landmarks_of(ordinal)[0]
    return max(float(int(ticks[-1]) - int(ticks[0])) / TIMES_PER_SECOND, 1.0 / TIMES_PER_SECOND)
