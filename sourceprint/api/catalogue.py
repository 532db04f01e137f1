"""A catalogue through its index: opened or made, recordings into it, tracks against it.

Every method works on the last commit of the index, by any process, and keeps it until it returns. Matching and reading
take no lock, and any number of threads may do so at once. One writer at a time, in any thread or process, adds,
changes or removes; a second one is refused. Results are those of the commands, which call the same functions.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

from fingerprint.arguments import expect_flags, path_of
from fingerprint.errors import ParameterError
from index.search.match import DEFAULT_FALSE_PER_1000H, options_of
from sourceprint.api.audio import Audio, audio_item
from sourceprint.api.release_check import check_many
from sourceprint.api.tracks import Paths, match_one, named_paths, scan_into_run, scan_many
from sourceprint.api.writable_index import WritableIndex
from sourceprint.gate.verdict import FailOn, Report
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_inputs import Search
from sourceprint.scans.session import Session

__all__ = ["Catalogue"]


class Catalogue(WritableIndex):
    """An index that is open; made by `open` and `create`.

    Threads may share it. `match`, `scan`, `recordings` and everything else that reads may run in any number of them at
    once, also while one adds; an index that changes meanwhile, by this process or another, is seen by the next call.
    Once it is closed, every method raises `CatalogueError`.

    Parameters
    ----------
    path : Path
        The index folder.
    keys : Path, optional
        As for `open`.

    Attributes
    ----------
    path : Path
        The index folder.
    """

    def match(
        self,
        audio: Audio,
        *,
        sample_rate: int | None = None,
        name: str | None = None,
        thorough: bool = False,
        max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H,
        only: Sequence[str] = (),
        exclude: Sequence[str] = (),
        layer: Literal["recording"] = "recording",
    ) -> ScanResult:
        """Find which recordings a track reuses.

        The work is done in this process and thread.

        Parameters
        ----------
        audio : str, path-like, bytes, binary file object, or ndarray
            A path; an encoded file; or samples [shape=(n,), (n_channels, n) or (n, n_channels), dtype=float], full
            scale 1.0. The axis of an array that has at most 64 entries is that of the channels.
        sample_rate : int, optional
            Rate of samples, in Hz; for an array, and for nothing else.
        name : str, optional
            Name of the track in the result. By default its path, the name of a file object, or "audio".
        thorough : bool
            Whether to search tempo and speed from half to double; three times as slow.
        max_false_per_1000h : float
            False matches to put up with in 1 000 hours of audio; more finds fainter and shorter reuse.
        only, exclude : sequence of str
            Recordings to search, and not to search: "id:ID", "tag:TAG", or "@FILE" with one id per line.
        layer : {"recording"}
            The descriptors to search.

        Returns
        -------
        ScanResult
            `status` is "matched" or "no_match". Times are in milliseconds.

        Raises
        ------
        DecodeError, TooShortError, NotEnoughMusicError
            If the audio could not be searched; all are an `AudioError`.
        ParameterError
            If an argument is out of range, or an array is no audio.
        UnknownRecordingError
            If the filter names a recording that the index has not.
        CatalogueError
            If the index turns out to be damaged, or the catalogue was closed.

        Warns
        -----
        InputWarning
            If some of several audio streams could not be searched.
        """
        options = options_of(
            layer=layer, thorough=thorough, max_false_per_1000h=max_false_per_1000h, only=only, exclude=exclude
        )
        with audio_item(audio, name=name, sample_rate=sample_rate) as item:
            return match_one(self._open(options), item, options)

    def scan(
        self,
        paths: Paths,
        *,
        run: str | os.PathLike[str] | None = None,
        jobs: int | None = 1,
        retry_failed: bool = False,
        thorough: bool = False,
        max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H,
        only: Sequence[str] = (),
        exclude: Sequence[str] = (),
        layer: Literal["recording"] = "recording",
    ) -> Iterator[ScanResult]:
        """Match many files, one result each, as they are done.

        A file that could not be searched has a result that says so: its `searched` is False, `status` and `reason` say
        why.

        Parameters
        ----------
        paths : str or path-like, or an iterable of them
            Files, folders and lists, as the command `scan` takes them.
        run : str or path-like, optional
            A folder that keeps every result, as `scan --out`; with it a scan that was interrupted goes on where it
            was: known results come first, and their files are not searched again.
        jobs : int or None
            Worker processes; None for as many as suit the files and the machine. With more than one, a script must
            have its main code under `if __name__ == "__main__":`, as for `multiprocessing`.
        retry_failed : bool
            With `run`: whether files that failed before are searched again.
        thorough, max_false_per_1000h, only, exclude, layer
            As for `match`.

        Yields
        ------
        ScanResult
            Without `run` in the order of the files.

        Raises
        ------
        ParameterError, UnknownRecordingError, CatalogueError
            As `match`; also if a list as a whole is wrong.
        EvidenceError, StorageFullError
            If the folder of the run cannot be used or written to.

        Warns
        -----
        InputWarning
            For everything that was named or is in a folder, may be audio and cannot be used.
        """
        options = options_of(
            layer=layer, thorough=thorough, max_false_per_1000h=max_false_per_1000h, only=only, exclude=exclude
        )
        named, snapshot = named_paths(paths), self._open(options)
        expect_flags(retry_failed=retry_failed)
        if run is None:
            if retry_failed:
                raise ParameterError("retry_failed=True: applies to a stored scan; give run too")
            return scan_many(snapshot, named, options, jobs=jobs)
        kept = path_of("run", run)
        search = Search(self.path, options=options, jobs=jobs, permit=self._place)
        asked = {"paths": named, "thorough": thorough, "only": [*only], "exclude": [*exclude], "layer": layer}
        asked |= {"max_false_per_1000h": max_false_per_1000h, "retry_failed": retry_failed, "interface": "python"}
        return scan_into_run(Session(kept, search, arguments=asked, retry_failed=retry_failed), self.path, named)

    def check(
        self,
        paths: Paths,
        *,
        policy: str | os.PathLike[str] | None = None,
        day: date | None = None,
        fail_on: FailOn = "block",
        jobs: int | None = 1,
    ) -> Report:
        """Check audio files against a release policy.

        Parameters
        ----------
        paths : str or path-like, or an iterable of them
            Files, folders and lists. A file that cannot be checked has a verdict too, and never passes.
        policy : str or path-like, optional
            The policy, TOML; by default matches of high confidence block, and others are for review.
        day : date, optional
            Of the release, on which licences must hold; by default today, UTC.
        fail_on : {"block", "review"}
            From which decision on `exit_code` is 1.
        jobs : int or None
            As for `scan`.

        Returns
        -------
        Report
            `verdicts` has one per file, with its `action` ("pass", "review", "block" or "error") and its `result`;
            `exit_code` is that of the command.

        Raises
        ------
        EvidenceError
            If the policy cannot be used.
        ParameterError
            If an argument is unsuitable.
        CatalogueError
            If the index holds no recording, or turns out to be damaged.
        """
        file = "" if policy is None or policy == "" else str(path_of("policy", policy))
        return check_many(self._open(), named_paths(paths), policy=file, day=day, fail_on=fail_on, jobs=jobs)
