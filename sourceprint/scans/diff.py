"""Compare two scans of the same files: another index, other settings, another version of the program.

Files are paired by content (SHA-256), so that a renamed or moved file is the same file; copies of one content by name;
and files that are left by name alone, since a file may have been replaced. In a pair, recordings are paired by id and
layer, their passages in order of track time. Only changes larger than a tolerance count: figures move a little with
every index.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fingerprint.errors import ParameterError
from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult

__all__ = ["ABOUT_SEARCH", "Difference", "FileChange", "MatchChange", "Tolerance", "compare"]

ABOUT_SEARCH = ("index_digest", "recordings", "algorithm", "params_digest", "settings_digest", "max_false_per_1000h")
"""Index and settings, each a field of `ScanResult`: where one differs, results may."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest differences that are no change.

    Attributes
    ----------
    span_seconds : float
        Of each end of a passage, in both timelines.
    confidence : float
        Of the match, from 0 to 1.
    pitch_cents : float
        Of a passage.
    speed_percent : float
        Of speed and tempo of a passage, in percentage points.
    share_percent : float
        Of the share of the file that a recording covers, in percentage points.
    """

    span_seconds: float = 0.25
    confidence: float = 0.01
    pitch_cents: float = 10.0
    speed_percent: float = 0.5
    share_percent: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ParameterError(f"{name}={value}: must be a number from 0")


@dataclass(frozen=True, slots=True)
class MatchChange:
    """A recording that was found in a file both times, with other figures.

    Attributes
    ----------
    before, after : ResultMatch
        The match in the first and in the second scan.
    what : tuple of str
        Which figures changed: of "span", "pitch", "tempo", "speed", "confidence", "also_fits", "share".
    """

    before: ResultMatch
    after: ResultMatch
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with other results in the second scan.

    Attributes
    ----------
    before, after : ScanResult
        Its results; status and reason among them may differ.
    gained, lost : tuple of ResultMatch
        Recordings that were found in one scan only; as in the results, by descending coverage.
    changed : tuple of MatchChange
        Recordings found both times; in order of id.
    because : tuple of str
        Which of "content" and `ABOUT_SEARCH` differ; empty if nothing that the results state.
    """

    before: ScanResult
    after: ScanResult
    gained: tuple[ResultMatch, ...]
    lost: tuple[ResultMatch, ...]
    changed: tuple[MatchChange, ...]
    because: tuple[str, ...]

    @property
    def status_changed(self) -> bool:
        """Whether the state of the file is another one."""
        return self.before.status != self.after.status


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes between two scans, `before` and `after`.

    Attributes
    ----------
    n_before, n_after : int
        Files in each.
    n_unchanged : int
        Files with the same results.
    only_before, only_after : tuple of ScanResult
        Files in one scan only, by name.
    files : tuple of FileChange
        Files with other results, by name.
    searched : dict
        For each of `ABOUT_SEARCH` that differs as a whole, the values that occur in each scan, sorted.
    """

    n_before: int
    n_after: int
    n_unchanged: int
    only_before: tuple[ScanResult, ...]
    only_after: tuple[ScanResult, ...]
    files: tuple[FileChange, ...]
    searched: dict[str, tuple[tuple[str | int | float, ...], tuple[str | int | float, ...]]]

    def __bool__(self) -> bool:
        """Whether any file has other results, or is in one scan only."""
        return bool(self.only_before or self.only_after or self.files)


def compare(
    before: Sequence[ScanResult], after: Sequence[ScanResult], tolerance: Tolerance | None = None
) -> Difference:
    """Return the changes from one scan to another.

    Parameters
    ----------
    before, after : sequence of ScanResult
        One result per name, as `sourceprint.scans.run_folder.results_of` returns them.
    tolerance : Tolerance, optional
        Largest difference that is no change; by default that of the class.

    Examples
    --------
    >>> bool(compare([], []))
    False
    """
    limits = tolerance or Tolerance()
    pairs, only_before, only_after = _pairs(before, after)
    changes = [_file_change(first, second, limits) for first, second in pairs]
    files = tuple(change for change in changes if change is not None)
    return Difference(
        n_before=len(before),
        n_after=len(after),
        n_unchanged=len(pairs) - len(files),
        only_before=only_before,
        only_after=only_after,
        files=files,
        searched={
            name: (_values(before, name), _values(after, name))
            for name in ABOUT_SEARCH
            if before and after and _values(before, name) != _values(after, name)
        },
    )


_Pairs = list[tuple[ScanResult, ScanResult]]


def _pairs(
    before: Sequence[ScanResult], after: Sequence[ScanResult]
) -> tuple[_Pairs, tuple[ScanResult, ...], tuple[ScanResult, ...]]:
    """Return the pairs by name of the first, and the unpaired results of each scan by name."""
    left = sorted(before, key=lambda result: result.name)
    right = sorted(after, key=lambda result: result.name)
    pairs: _Pairs = []
    for key in (_name_and_content, _content, _name):
        of_key: dict[object, list[ScanResult]] = {}
        for result in right:
            if (value := key(result)) is not None:
                of_key.setdefault(value, []).append(result)
        rest = []
        for result in left:
            value = key(result)
            others = of_key.get(value) if value is not None else None
            if others:
                pairs.append((result, others.pop(0)))
            else:
                rest.append(result)
        left = rest
        taken = {id(second) for _, second in pairs}
        right = [result for result in right if id(result) not in taken]
    pairs.sort(key=lambda pair: pair[0].name)
    return pairs, tuple(left), tuple(right)


def _name_and_content(result: ScanResult) -> object:
    return (result.name, result.sha256) if result.sha256 else None


def _content(result: ScanResult) -> object:
    return result.sha256 or None


def _name(result: ScanResult) -> object:
    return result.name


def _file_change(before: ScanResult, after: ScanResult, limits: Tolerance) -> FileChange | None:
    of_before = {(found.recording_id, found.layer): found for found in before.matches}
    of_after = {(found.recording_id, found.layer): found for found in after.matches}
    changed = []
    for key in sorted(of_before.keys() & of_after.keys()):
        what = _what_changed(of_before[key], of_after[key], limits)
        if what:
            changed.append(MatchChange(of_before[key], of_after[key], what))
    gained = tuple(found for key, found in of_after.items() if key not in of_before)
    lost = tuple(found for key, found in of_before.items() if key not in of_after)
    if before.status == after.status and not (gained or lost or changed):
        return None
    return FileChange(before, after, gained, lost, tuple(changed), _because(before, after))


def _what_changed(before: ResultMatch, after: ResultMatch, limits: Tolerance) -> tuple[str, ...]:
    pairs = list(zip_longest(before.passages, after.passages))
    both = [(first, second) for first, second in pairs if first is not None and second is not None]
    kinds = {
        "span": len(both) < len(pairs) or any(_moved(first, second, limits) for first, second in both),
        "pitch": any(abs(first.pitch_cents - second.pitch_cents) > limits.pitch_cents for first, second in both),
        "tempo": any(abs(first.tempo_percent - second.tempo_percent) > limits.speed_percent for first, second in both),
        "speed": any(abs(first.speed_percent - second.speed_percent) > limits.speed_percent for first, second in both),
        "confidence": abs(before.confidence - after.confidence) > limits.confidence,
        "also_fits": any({*first.also_fits} != {*second.also_fits} for first, second in both),
        "share": abs(before.track_match_percentage - after.track_match_percentage) > limits.share_percent,
    }
    return tuple(kind for kind, differs in kinds.items() if differs)


def _moved(first: ResultPassage, second: ResultPassage, limits: Tolerance) -> bool:
    names = ("track_start_ms", "track_end_ms", "recording_start_ms", "recording_end_ms")
    return any(abs(getattr(first, name) - getattr(second, name)) > 1000 * limits.span_seconds for name in names)


def _because(before: ScanResult, after: ScanResult) -> tuple[str, ...]:
    content = before.sha256 and after.sha256 and before.sha256 != after.sha256
    differing = [name for name in ABOUT_SEARCH if _values([before], name) and _values([after], name)]
    differing = [name for name in differing if getattr(before, name) != getattr(after, name)]
    return (*(("content",) if content else ()), *differing)


def _values(results: Iterable[ScanResult], name: str) -> tuple[str | int | float, ...]:
    """Return the known values of a field, sorted: results of older versions state no settings and no limit."""
    values = {getattr(result, name) for result in results}
    return tuple(sorted(value for value in values if value != "" and not _is_nan(value)))


def _is_nan(value: str | int | float) -> bool:
    return isinstance(value, float) and math.isnan(value)
