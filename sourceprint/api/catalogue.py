"""A catalogue through its index: opened or made, recordings into it, tracks against it.

Every method works on the last commit of the index, by any process, and keeps it until it returns. Matching and reading
take no lock, and any number of threads may do so at once. One writer at a time, in any thread or process, adds,
changes or removes; a second one is refused. Results are those of the commands, which call the same functions.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fingerprint.errors import CatalogueError, ParameterError
from index.folder.index import Index
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, SearchOptions
from index.storage.manifest import RECORDING
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from sourceprint.api.additions import AdditionReport, add_many, add_one
from sourceprint.api.audio import Audio, audio_item
from sourceprint.api.changes import amend_listed, amend_one, exclude_ranges, tag_recordings
from sourceprint.api.release_check import check_many
from sourceprint.api.tracks import Paths, match_one, named_paths, scan_into_run, scan_many, search_settings
from sourceprint.blind.blind_import import index_facts
from sourceprint.catalogue.annotations import remove_recordings
from sourceprint.gate.verdict import Report
from sourceprint.places import index_place
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_inputs import Search
from sourceprint.scans.scan import open_for
from sourceprint.scans.session import Session
from sourceprint.text.tables import counted

__all__ = ["Catalogue"]


class Catalogue:
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

    def __init__(self, path: Path, *, keys: Path | None = None) -> None:
        self.path = path
        self._keys = keys
        self._is_closed = False
        self._snapshot: Snapshot | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; calls that are under way in other threads go on to their end. Twice does no harm."""
        self._is_closed, self._snapshot = True, None

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else counted(len(self), "recording")
        return f"<Catalogue {str(self.path)!r}: {state}>"

    def __len__(self) -> int:
        return len(self.recordings)

    def __contains__(self, recording_id: object) -> bool:
        return recording_id in self._open()

    @property
    def recordings(self) -> Sequence[Recording]:
        """The recordings, in the order of the index; read when they are asked for. `list` sorts them by id."""
        return self._open().recordings

    @property
    def digest(self) -> str:
        """`sha256:` and a digest of the searchable content; results state it as `index.digest`."""
        return self._open().digest

    def recording(self, recording_id: str) -> Recording:
        """Return one recording.

        Parameters
        ----------
        recording_id : str
            Its id, or one that it had before.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        """
        return self._open().by_id(recording_id)

    def info(self) -> dict[str, Any]:
        """Return size, content and parameters of the index: the JSON object that `info --json` prints."""
        return index_facts(self._folder())

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
        layer: str = RECORDING,
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
        layer : str
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
        options = search_settings(thorough, max_false_per_1000h, only, exclude, layer)
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
        layer: str = RECORDING,
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
        options = search_settings(thorough, max_false_per_1000h, only, exclude, layer)
        named, snapshot = named_paths(paths), self._open(options)
        if run is None:
            if retry_failed:
                raise ParameterError("retry_failed=True: is about a scan that is kept; give run too")
            return scan_many(snapshot, named, options, jobs=jobs)
        search = Search(self.path, options=options, jobs=jobs, permit=self._place)
        asked = {"paths": named, "thorough": thorough, "only": [*only], "exclude": [*exclude], "layer": layer}
        asked |= {"max_false_per_1000h": max_false_per_1000h, "retry_failed": retry_failed, "interface": "python"}
        return scan_into_run(Session(Path(run), search, arguments=asked, retry_failed=retry_failed), self.path, named)

    def check(
        self,
        paths: Paths,
        *,
        policy: str | os.PathLike[str] | None = None,
        day: date | None = None,
        fail_on: str = "block",
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
        file = "" if policy is None else os.fspath(policy)
        return check_many(self._open(), named_paths(paths), policy=file, day=day, fail_on=fail_on, jobs=jobs)

    def add(
        self,
        audio: Audio,
        *,
        id: str | None = None,  # noqa: A002 - the field's name, in lists and results
        title: str = "",
        artists: str | Sequence[str] = (),
        isrc: str = "",
        tags: Sequence[str] = (),
        sample_rate: int | None = None,
        name: str | None = None,
        replace: bool = False,
    ) -> Recording:
        """Add one recording, or find that it is there already with this audio.

        For many, `add_all` is faster: each call is a commit. The work is done in this process and thread.

        Parameters
        ----------
        audio : str, path-like, bytes, binary file object, or ndarray
            As for `match`; a folder or a list is for `add_all`.
        id : str, optional
            Of the recording, 1 to 512 characters; by default the ISRC, else the name of the file without its ending.
            Audio without a name needs one.
        title, artists, isrc, tags
            Metadata of the recording.
        sample_rate : int, optional
            Rate of samples, in Hz; for an array, and for nothing else.
        name : str, optional
            Name of the audio, where it is no file or another.
        replace : bool
            Whether the recording is there and gets other audio.

        Returns
        -------
        Recording
            As it is in the index.

        Raises
        ------
        DecodeError, TooShortError, NotEnoughMusicError
            If the audio cannot be used.
        DuplicateRecordingError
            If the id is in the index with other audio.
        UnknownRecordingError
            If the recording to be replaced is not in the index.
        ParameterError
            If an argument is unsuitable.
        IndexLockedError, StorageFullError
            If another writer is at work, or the disk is full.

        Warns
        -----
        InputWarning
            If the recording is in the index under another title, artist, ISRC or other tags, and was left as it is.
        """
        added = add_one(
            self.path,
            audio,
            self._open(),
            recording_id=id,
            title=title,
            artists=artists,
            isrc=isrc,
            tags=tags,
            sample_rate=sample_rate,
            name=name,
            replacing=replace,
        )
        return self.recording(added)

    def add_all(self, paths: Paths, *, jobs: int | None = 1, replace: bool = False) -> AdditionReport:
        """Add many recordings: files, folders of them, and lists, as the command `add` takes them.

        Finished recordings are committed every minute. Recordings that are there already are left alone, so the same
        call continues one that was interrupted.

        Parameters
        ----------
        paths : str or path-like, or an iterable of them
            Files, folders and lists (.csv, .tsv, .xlsx).
        jobs : int or None
            As for `scan`.
        replace : bool
            Whether the recordings are there and get other audio.

        Returns
        -------
        AdditionReport
            Look at its `failures`.

        Raises
        ------
        ParameterError
            If a list as a whole is wrong, or `jobs` is below 1.
        IndexLockedError, StorageFullError, CatalogueError
            If another writer is at work, the disk is full, or the index cannot be written.
        """
        self._open()
        return add_many(self.path, named_paths(paths), jobs=jobs, replacing=replace)

    def remove(self, *ids: str) -> int:
        """Remove recordings, all that are named or none; return how many they are.

        Parameters
        ----------
        *ids : str
            Of the recordings.

        Raises
        ------
        UnknownRecordingError
            If one is not in the catalogue.
        IndexLockedError, StorageFullError
            If another writer is at work, or the disk is full.
        """
        return remove_recordings(self._folder(), ids)

    def tag(self, *ids: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> int:
        """Give recordings tags and take tags away, of all that are named or of none; return how many changed.

        `Recording.tags` has the tags of a recording; `match(..., only=["tag:sync"])` searches by them.

        Parameters
        ----------
        *ids : str
            Of the recordings.
        add, remove : sequence of str
            Tags, of 1 to 64 characters without "|" and ","; none in both.

        Raises
        ------
        UnknownRecordingError
            If one is not in the catalogue.
        ParameterError
            If there is nothing to change, a tag is none, or none of the recordings has a tag to take away.
        IndexLockedError, StorageFullError
            If another writer is at work, or the disk is full.
        """
        return tag_recordings(self._folder(), ids, added=add, removed=remove)

    def exclude(self, recording_id: str, *ranges: str | Sequence[int], clear: bool = False) -> Recording:
        """Exclude parts of a recording, such as samples that are not the owner's: they are never matched.

        Ranges are added to those that are excluded already.

        Parameters
        ----------
        recording_id : str
            Its id.
        *ranges : str or (int, int)
            "START-END", each in seconds, m:ss or h:mm:ss; or start and end in milliseconds, as `Recording.excluded`
            has them.
        clear : bool
            Whether ranges that were excluded before count again.

        Returns
        -------
        Recording
            With all its excluded ranges in `excluded`.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        ParameterError
            If there is nothing to change, or a range is none or starts after the end of the recording.
        IndexLockedError, StorageFullError
            If another writer is at work, or the disk is full.

        Warns
        -----
        InputWarning
            If so little of the recording is left that it may not be found.
        """
        return exclude_ranges(self._folder(), recording_id, ranges, clear=clear)

    def amend(
        self,
        recording_id: str,
        *,
        title: str | None = None,
        artists: str | Sequence[str] | None = None,
        isrc: str | None = None,
        id: str | None = None,  # noqa: A002 - as for `add`
    ) -> Recording:
        """Correct title, artists, ISRC or id of a recording, without its audio.

        Earlier results stay as they are. The id before finds the recording ever after.

        Parameters
        ----------
        recording_id : str
            Its id.
        title, artists, isrc : optional
            The right values; None leaves one as it is, an empty one removes it.
        id : str, optional
            Another id.

        Returns
        -------
        Recording
            As it is now.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        DuplicateRecordingError
            If another recording has the new id, or had it before.
        ParameterError
            If there is nothing to correct, or a value is none.
        IndexLockedError, StorageFullError
            If another writer is at work, or the disk is full.
        """
        return amend_one(self._folder(), recording_id, title=title, artists=artists, isrc=isrc, new_id=id)

    def amend_all(self, sheet: str | os.PathLike[str]) -> int:
        """Correct the recordings of a sheet, all or none, as `amend --list` does; return how many changed.

        Parameters
        ----------
        sheet : str or path-like
            CSV, TSV or XLSX. A row is a recording, by the column id, else by ISRC or file; the columns title, artist,
            isrc and new_id have the right values, and an empty cell leaves one as it is.

        Raises
        ------
        ParameterError
            If the sheet cannot be read or corrects nothing, or a value is none.
        UnknownRecordingError, DuplicateRecordingError, IndexLockedError, StorageFullError
            As `amend`.

        Warns
        -----
        InputWarning
            For columns that were not used.
        """
        return amend_listed(self._folder(), sheet)

    def _folder(self) -> Index:
        """Return the index at its last commit."""
        return Index(self.path, self._open())

    def _place(self) -> Path:
        """Return the folder; a blind index may be opened only while its grant holds."""
        return index_place(self.path, keys=self._keys)

    def _open(self, options: SearchOptions = STANDARD) -> Snapshot:
        """Return the last commit, open."""
        if self._is_closed:
            raise CatalogueError(f"{self.path}: this catalogue was closed; open it again")
        self._snapshot = snapshot = open_for(self._place(), options, reuse=self._snapshot)
        return snapshot
