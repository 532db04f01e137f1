"""Read scan results for attribution: each track once, with exact probabilities, and every value that money needs.

The input is a file of scan results (`sourceprint.scans.result_file`). The results are `ScanResult`s, in the order of
the file; `Probability.exact` is read from the digits of the file. Memory holds one record and, per track, a digest
that recognises a second result of the same track. A track that could not be searched is a result too, with its status.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.scans.result_file import REMEDY, ResultFile
from sourceprint.scans.results import ScanResult, expect_consistent

__all__ = ["ScanFile"]


class ScanFile:
    """A file of scan results; each iteration reads it from the start.

    Attributes
    ----------
    sha256 : str
        Of the file, 64 hexadecimal digits; "" until it has been read to its end.
    repeated : int
        How many results were left out because an earlier one says the same of the same track.

    Raises
    ------
    RightsError
        While iterating, if the file cannot be read, or holds something that is no scan result, or two different ones of
        one track; the message names file, line and remedy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = printable(path)
        self.sha256 = ""
        self.repeated = 0

    def __iter__(self) -> Iterator[ScanResult]:
        """Yield the results, each track once."""
        self.sha256, self.repeated = "", 0
        seen: dict[str, tuple[bytes, int]] = {}
        n_results = 0
        file = ResultFile(self._path, exact=True, prepared=_storable)
        try:
            for line, result in file:
                n_results += 1
                self._expect_consistent(line, result)
                if not self._is_repeated(line, result, seen):
                    yield result
        except ParameterError as error:
            raise RightsError(str(error)) from error
        except OSError as error:
            raise RightsError(
                f"{self._name}: these results cannot be read ({error.strerror}); check the path, or give the "
                "results.jsonl of a run"
            ) from error
        if not n_results and not file.is_array:
            raise RightsError(f"{self._name}: holds no results; {REMEDY}")
        self.sha256 = file.sha256

    def _expect_consistent(self, line: int, result: ScanResult) -> None:
        try:
            expect_consistent(result, remedy=REMEDY)
        except ParameterError as error:
            raise RightsError(f"{self._name}, line {line}: {error}") from error

    def _is_repeated(self, line: int, result: ScanResult, seen: dict[str, tuple[bytes, int]]) -> bool:
        if not result.sha256 or not result.searched:
            return False
        digest = hashlib.blake2b(repr(_money_content(result)).encode("utf-8"), digest_size=16).digest()
        first, first_line = seen.setdefault(result.sha256, (digest, line))
        if first_line == line:
            return False
        if first != digest:
            raise RightsError(
                f"{self._name}, line {line}: {printable(result.name):.200} is the same audio as on line {first_line}, "
                "with another result; keep one scan of each track: of a run, take what sourceprint results --format "
                "jsonl prints, or scan into a new folder"
            )
        self.repeated += 1
        return True


def _money_content(result: ScanResult) -> tuple[object, ...]:
    """Return all that attribution reads of a result."""
    matches = [
        (
            match.recording_id,
            match.isrc or "",
            match.layer,
            [
                (
                    *(p.track_start_ms, p.track_end_ms, p.recording_start_ms, p.recording_end_ms),
                    *(p.aligned_landmarks, p.confidence.exact, p.p_false.exact, p.excluded, sorted({*p.also_fits})),
                    [
                        (
                            *(one.recording_id, one.isrc or "", one.track_start_ms, one.track_end_ms),
                            *(one.recording_start_ms, one.recording_end_ms),
                        )
                        for one in p.alternatives
                    ],
                )
                for p in match.passages
            ],
        )
        for match in result.matches
    ]
    return result.duration_ms, result.status, result.index_digest, matches


def _storable(value: Any) -> Any:
    """Return JSON whose texts can be stored: bytes of a file name that are no UTF-8 come as lone surrogates."""
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return printable(value)
    return value
