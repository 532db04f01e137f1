"""Search a track part by part, and again at wider time scales where a passage lies at the edge of the range.

Descriptors at a few time scales cost little and find recordings played at 80 to 125 % of their tempo. Beyond that they
still find pieces, at ratios that lean towards the scales searched: speed x1.5 comes as seven passages at 141 to 146 %.
A passage near or beyond the reach of the outermost scale is therefore a reason to describe that part of the track at
the scales of a thorough search, and to search it again. It costs time where such a passage was found, and nowhere else.

The wider search has more hypotheses and so a higher threshold. Its result counts if it covers, for each recording, the
seconds that the first one covered; else the first stays. `WiderSearch.notes` records the choice.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import FingerprintFileError
from fingerprint.extract import track_parts
from fingerprint.landmarks import Fingerprint
from index.search.match import THOROUGH, Examination, SearchOptions, examine
from index.search.matches import MatchResult
from index.storage.snapshot import Snapshot

__all__ = ["WidePrints", "WiderSearch", "at_the_edge", "covers", "widest"]

_EDGE = 1.1  # a scale one step further out would lie nearer to a ratio that exceeds the outermost by more than this
_ENOUGH = 0.8  # of the first search's seconds; beyond the range it may cover too much in pieces that overlap

_AT_THE_EDGE = "a passage lies at the edge of the tempos searched"
_SEARCHED_AGAIN = f"{_AT_THE_EDGE}: searched again from half to double tempo and speed, as a thorough search does"
_NO_BETTER = f"{_AT_THE_EDGE}, and a thorough search covers less: its tempo and places may be wrong"
_NO_WIDER = f"{_AT_THE_EDGE} thoroughly: it may be faster or slower than stated, and its places wrong"
_LACKING = (
    f"{_AT_THE_EDGE}, and the fingerprint file lacks the wider time scales: its tempo and places may be wrong; "
    "make the file again with `sourceprint fingerprint --thorough`, or search the audio"
)


class WidePrints:
    """The parts of a query, described at the time scales of a thorough search when first asked for.

    Parameters
    ----------
    path : Path
        Audio, or a fingerprint file of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: Iterator[Fingerprint] | None = None
        self._stream = 0

    def from_second(self, start: float, *, stream: int = 0) -> Fingerprint | None:
        """Return the part that starts there; None if the file lacks the time scales.

        Parts are asked for stream by stream, in order of time.

        Raises
        ------
        AudioError
            If the file cannot be read again.
        """
        try:
            if self._parts is None or stream != self._stream:
                self._parts = track_parts(self._path, scales=THOROUGH.scales, stream=stream)
                self._stream = stream
            return next((part for part in self._parts if part.start_seconds >= start), None)
        except FingerprintFileError:
            return None


class WiderSearch:
    """Searches the consecutive parts of a track, each again at wider time scales if it calls for that.

    Parameters
    ----------
    path : Path
        The track; it is described again if need be.
    snapshot : Snapshot
        The commit of the index to search.
    options : SearchOptions
        The first search.
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        By ordinal: recordings to look for.

    Attributes
    ----------
    scales : tuple of float
        Time scales at which the track was described so far: those of the first search, or of the widest.
    notes : tuple of str
        Notes on passages at the edge of the range; each sentence once.
    """

    def __init__(
        self, path: Path, snapshot: Snapshot, *, options: SearchOptions, allowed: NDArray[np.bool_] | None
    ) -> None:
        self.scales = options.scales
        self.notes: tuple[str, ...] = ()
        self._snapshot = snapshot
        self._options = options
        self._allowed = allowed
        self._again = WidePrints(path)

    def examine(self, query: Fingerprint) -> tuple[Fingerprint, Examination, SearchOptions]:
        """Search one part, asked for in order of time.

        Returns
        -------
        query : Fingerprint
            The part as it was searched last.
        examination : Examination
            Its search; the times are those of both searches.
        options : SearchOptions
            How it was searched.

        Raises
        ------
        AudioError
            If the track cannot be read again.
        ParameterError, IndexFormatError
            As `index.search.match.examine`.
        """
        first = examine(query, self._snapshot, options=self._options, allowed=self._allowed)
        if not at_the_edge(first.result, self._options.scales):
            return query, first, self._options
        if set(THOROUGH.scales) <= set(self._options.scales):
            return self._noted(_NO_WIDER, query, first, self._options)
        wide = self._again.from_second(query.start_seconds, stream=query.stream)
        if wide is None or wide.sha256 != query.sha256:
            return self._noted(_LACKING, query, first, self._options)
        options = widest(self._options)
        second = examine(wide, self._snapshot, options=options, allowed=self._allowed)
        self.scales = options.scales
        if covers(second.result, first.result):
            return self._noted(_SEARCHED_AGAIN, wide, _timed(second, first), options)
        return self._noted(_NO_BETTER, query, _timed(first, second), self._options)

    def _noted(
        self, note: str, query: Fingerprint, examination: Examination, options: SearchOptions
    ) -> tuple[Fingerprint, Examination, SearchOptions]:
        self.notes = tuple(dict.fromkeys((*self.notes, note)))
        return query, examination, options


def widest(options: SearchOptions) -> SearchOptions:
    """Return the thorough search of the same layer and recordings, with the same limits."""
    return replace(
        THOROUGH,
        layer=options.layer,
        which=options.which,
        max_false_per_1000h=options.max_false_per_1000h,
        near_limit_per_1000h=options.near_limit_per_1000h,
    )


def at_the_edge(result: MatchResult, scales: tuple[float, ...]) -> bool:
    """Return whether a passage lies where the next scale further out would describe it better than any in `scales`."""
    low, high = min(scales) / _EDGE, max(scales) * _EDGE
    return any(not low <= passage.ratio <= high for match in result.matches for passage in match.passages)


def covers(wide: MatchResult, narrow: MatchResult) -> bool:
    """Return whether a search reports each recording of another, or names it beside one, for about as long."""
    seconds: dict[str, float] = {}
    for match in wide.matches:
        beside = {other for passage in match.passages for other in passage.also_fits}
        for name in {match.recording.id, *beside}:
            seconds[name] = max(seconds.get(name, 0.0), match.track_seconds)
    return all(seconds.get(match.recording.id, 0.0) >= _ENOUGH * match.track_seconds for match in narrow.matches)


def _timed(reported: Examination, other: Examination) -> Examination:
    """Return an examination with the times of another added to its own."""
    result = replace(
        reported.result,
        search_seconds=reported.result.search_seconds + other.result.search_seconds,
        verify_seconds=reported.result.verify_seconds + other.result.verify_seconds,
    )
    return replace(reported, result=result)
