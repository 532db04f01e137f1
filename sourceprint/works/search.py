"""Tracks against the composition layer of an index: which works a track plays, whoever performs them.

`WorkSearch.run` takes items (`sourceprint.inputs`) and yields one `WorkScan` per item, in order, all of one commit of
the index. Every audio stream of a track is searched on its own. Recordings of one title by the same first artist, and
those made of the same file, count as one work (`work_of`): they are no rivals of each other, and the best of them is
named. Whom a work belongs to is told by the rights on file, not by this.
"""

import functools
import re
import time
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from fingerprint.audio.stream import open_audio
from fingerprint.composition import TRACK_SCALES, CompositionListener, CompositionParams
from fingerprint.errors import (
    AudioError,
    DecodeError,
    FingerprintFileError,
    IndexFormatError,
    NotEnoughMusicError,
    TooShortError,
    printable,
)
from fingerprint.extract import MOST_STREAMS, audio_stream_count, is_fingerprint_file, too_many_streams
from index.composition import RecordedWork, WorkMatch, search_works
from index.folder.index import Index
from index.folder.windows import COMPOSITION, CompositionLayer
from index.search.filters import Filter
from index.storage.locks import CommitToken
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads
from sourceprint.audio_digests import known_audio_digest
from sourceprint.faults import Fault
from sourceprint.file_limits import most_seconds
from sourceprint.items import Item
from sourceprint.workers import in_order, jobs_for

__all__ = ["FoundWork", "WorkScan", "WorkSearch", "WorksSearched", "work_of"]

_ADDITION = re.compile(r"\s*(\([^()]*\)|\[[^\[\]]*\]|\s-\s.*)")


class FoundWork(NamedTuple):
    """A recorded work that a track plays.

    Attributes
    ----------
    recording : Recording
        The recording of the catalogue that fits best.
    match : WorkMatch
        How it fits.
    stream : int
        Number of the audio stream of the track; 0 where it has one.
    same_work : tuple of str
        Ids of the other recordings that count as the same work, sorted.
    """

    recording: Recording
    match: WorkMatch
    stream: int
    same_work: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkScan:
    """The works found in one track.

    Attributes
    ----------
    path : Path
        The file, as it was named.
    called : str
        As in `Item`.
    status, reason : str
        As in `sourceprint.scans.scan.Scan`.
    found : tuple of FoundWork
        Best first, stream by stream.
    sha256, decoder : str
        Digest of the audio file (hex) and its decoder; "" if unknown.
    duration_seconds : float
        Length of the decoded audio; of several streams, the longest.
    notes : tuple of str
        Sentences on anything odd about the audio.
    streams : int
        Audio streams of the file.
    describe_seconds, search_seconds : float
        Time taken by decoding and describing, and by the search.
    fault : Fault or None
        Unexpected failure.
    track_id : str
        The caller's own id of the track, or "".
    """

    path: Path
    called: str = ""
    status: str = "no_match"
    reason: str = ""
    found: tuple[FoundWork, ...] = ()
    sha256: str = ""
    decoder: str = ""
    duration_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    streams: int = 0
    describe_seconds: float = 0.0
    search_seconds: float = 0.0
    fault: Fault | None = None
    track_id: str = ""

    @property
    def name(self) -> str:
        """The path as it was named, or the file's own name in results."""
        return self.called or str(self.path)

    @property
    def failed(self) -> bool:
        """Whether the file could not be searched."""
        return self.status not in ("matched", "no_match")


class _Catalogue(NamedTuple):
    """An index with its composition layer, and the recordings to search."""

    snapshot: Snapshot
    layer: CompositionLayer
    work_ids: dict[int, str]  # by ordinal

    @classmethod
    def of(cls, snapshot: Snapshot, which: Filter | None) -> "_Catalogue":
        if COMPOSITION not in snapshot.layers:
            raise IndexFormatError(
                f"{snapshot.folder}: has no composition layer; give it one from the audio: sourceprint add --layers "
                "recording,composition"
            )
        layer = CompositionLayer(snapshot)
        allowed = None if which is None else which.allowed(snapshot)
        described = layer.described if allowed is None else layer.described[allowed[layer.described]]
        return cls(snapshot, layer, {n: work_of(snapshot.recordings[n]) for n in described.tolist()})

    def works(self) -> Iterator[RecordedWork]:
        """Yield the recordings to search; errors as `CompositionLayer.recording`."""
        for ordinal, work_id in self.work_ids.items():
            stored = self.layer.recording(ordinal)
            yield RecordedWork(stored.recording_id, stored.windows, work_id)

    def found(self, match: WorkMatch, stream: int) -> FoundWork:
        """Return a match with its recording, and the others of its work."""
        recording = self.snapshot.by_id(match.recording_id)
        same = [self.snapshot.recordings[n].id for n, work_id in self.work_ids.items() if work_id == match.work_id]
        return FoundWork(recording, match, stream, tuple(sorted(set(same) - {recording.id})))


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    index: Path
    token: CommitToken
    which: Filter | None


@dataclass(frozen=True, slots=True)
class WorksSearched:
    """What was searched.

    Attributes
    ----------
    digest : str
        Of the index (`Snapshot.digest`).
    params_digest : str
        Parameters of the layer.
    n_recordings, n_searched : int
        Recordings in the index, and those of them that the filter left and that have the layer.
    only, exclude : tuple of str
        Words of the filter, as given.
    """

    digest: str
    params_digest: str
    n_recordings: int
    n_searched: int
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class WorkSearch:
    """A search for works in one commit of an index.

    Parameters
    ----------
    index : Path
        The index folder.
    which : Filter, optional
        The recordings to look for; None for all.

    Attributes
    ----------
    searched : WorksSearched
        What is searched.

    Raises
    ------
    CatalogueError
        If the index cannot be opened or is damaged.
    IndexFormatError
        If it has no composition layer, or one of other parameters.
    ParameterError, UnknownRecordingError
        If the filter is unsuited to the index.
    """

    def __init__(self, index: Path, which: Filter | None = None) -> None:
        self._index = Index.open(index)
        self._which = which
        self._catalogue = _Catalogue.of(self._index.snapshot(), which)
        self.searched = WorksSearched(
            self._catalogue.snapshot.digest,
            CompositionParams().digest,
            len(self._catalogue.snapshot.recordings),
            len(self._catalogue.work_ids),
            () if which is None else which.only.words,
            () if which is None else which.exclude.words,
        )

    def run(self, items: Sequence[Item], *, jobs: int | None = None) -> Generator[WorkScan, None, None]:
        """Search for every item and yield the results in order.

        Raises
        ------
        CatalogueError
            If the index turns out to be damaged.
        ParameterError
            If `jobs` is out of range.
        """
        n_jobs = jobs_for(len(items), jobs)
        if n_jobs == 1:
            use_threads(1)
            search = functools.partial(_search, catalogue=self._catalogue)
            paths = ((item, item.path) for item in items)
            with closing(in_order(search, paths, jobs=1, failed=_failed, limit=most_seconds)) as scans:
                yield from (_named(scan, item) for item, scan in scans if scan is not None)
            return
        with self._index.lease() as token:
            tasks = ((item, _Task(item.path, self._index.path, token, self._which)) for item in items)
            with closing(in_order(_work, tasks, jobs=n_jobs, failed=_task_failed, limit=_limit)) as scans:
                yield from (_named(scan, item) for item, scan in scans if scan is not None)


def work_of(recording: Recording) -> str:
    """Return a name that recordings of one work share, as far as titles and files tell.

    Additions to a title in brackets or behind a dash, such as (Live) and - 2011 Remaster, are left out.

    Examples
    --------
    >>> one = Recording("a", "Low Tide (Live at Pier 4)", ("Mara Quist",), sha256="1" * 64)
    >>> other = Recording("b", "low tide - Remaster", ("MARA QUIST", "Jon Vale"), sha256="2" * 64)
    >>> work_of(one) == work_of(other)
    True
    >>> work_of(Recording("c", "Low Tide", sha256="3" * 64)) == work_of(one)
    False
    """
    title, artist = (_plain(text) for text in (_ADDITION.sub("", recording.title), "".join(recording.artists[:1])))
    return f"{title} by {artist}" if title and artist else recording.sha256 or f"recording {recording.id}"


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def _limit(task: _Task) -> float:
    return most_seconds(task.path)


def _work(task: _Task) -> WorkScan:
    """Search for one file; runs in the workers."""
    return _search(task.path, catalogue=_open_once(task.index, task.token, task.which))


@functools.lru_cache(maxsize=1)
def _open_once(index: Path, token: CommitToken, which: Filter | None) -> _Catalogue:
    return _Catalogue.of(Index.open_at(index, token).snapshot(), which)


def _search(path: Path, *, catalogue: _Catalogue) -> WorkScan:
    """Search for one file."""
    try:
        return _searched(path, catalogue)
    except AudioError as error:
        return WorkScan(path, status=error.status, reason=Item(path).reason(error))


def _searched(path: Path, catalogue: _Catalogue) -> WorkScan:
    if is_fingerprint_file(path):
        raise FingerprintFileError(
            f"{printable(path)}: a fingerprint file describes no track for the composition layer; give the audio"
        )
    n_streams = audio_stream_count(path)
    if n_streams > MOST_STREAMS:
        raise DecodeError(f"{printable(path)}: {too_many_streams(n_streams)}")
    scan = WorkScan(path, sha256=known_audio_digest(path), streams=n_streams)
    errors: list[AudioError] = []
    for number in range(1, n_streams + 1):
        try:
            scan = _with_stream(scan, number if n_streams > 1 else 0, catalogue)
        except AudioError as error:
            if n_streams == 1:
                raise
            errors.append(error)
            note = f"stream {number} of {n_streams}: not searched: {Item(path).reason(error)}"
            scan = replace(scan, notes=(*scan.notes, note))
    if len(errors) == n_streams:
        raise errors[0]
    return replace(scan, status="matched" if scan.found else "no_match")


def _with_stream(scan: WorkScan, number: int, catalogue: _Catalogue) -> WorkScan:
    """Return the scan with what one audio stream plays; 0 is the only one.

    Raises
    ------
    AudioError
        If it cannot be decoded, is too short or holds no music.
    """
    started, params, listener = time.perf_counter(), CompositionParams(), CompositionListener()
    with open_audio(scan.path, sample_rate=params.sample_rate, stream=number) as stream:
        for block in stream.blocks():
            listener.add(block)
        decoder, notes = stream.info.decoder, stream.notes
    track = listener.windows(TRACK_SCALES)
    seconds, windows = track[0].duration_seconds, track[TRACK_SCALES.index(1.0)].vectors
    if not len(windows):
        raise TooShortError(
            f"{printable(scan.path)}: {seconds:.1f} s of audio, the composition layer takes "
            f"{params.window_seconds:.1f} s and more; give a longer excerpt"
        )
    if not windows.any():
        raise NotEnoughMusicError(f"{printable(scan.path)}: holds no pitches that could be a melody or harmony")
    described = time.perf_counter()
    matches = search_works(track, catalogue.works())
    found = tuple(catalogue.found(one, number) for one in matches)
    of_stream = f"stream {number} of {scan.streams}: " if number else ""
    return replace(
        scan,
        found=scan.found + found,
        decoder=decoder,
        duration_seconds=max(scan.duration_seconds, seconds),
        notes=(*scan.notes, *(f"{of_stream}{note}" for note in notes)),
        describe_seconds=scan.describe_seconds + described - started,
        search_seconds=scan.search_seconds + time.perf_counter() - described,
    )


def _failed(path: Path, fault: Fault) -> WorkScan:
    return WorkScan(path, status=DecodeError.status, reason=Item(path).reason(fault), fault=fault)


def _task_failed(task: _Task, fault: Fault) -> WorkScan:
    return _failed(task.path, fault)


def _named(scan: WorkScan, item: Item) -> WorkScan:
    return replace(scan, called=item.called, track_id=item.id) if item.called or item.id else scan
