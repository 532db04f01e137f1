"""Tracks against the index: many files are fingerprinted and searched, in parallel, with results in order.

`scan_files` takes items (`sourceprint.inputs`) and yields one `Scan` per item. The index is opened once per process, by
memory map, so the pages are shared. All files are searched in one commit, despite additions, removals and compactions
meanwhile: one process keeps the files that it has mapped; for worker processes a lease (`index.storage.locks`) keeps
its files. Where no lease can be taken, as on read-only media, a worker may see a later commit; each result names its
own.
"""

import functools
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import AudioError
from fingerprint.streams import TrackStreams, notes_on_unsearched
from index.explain.explanation import Explanation, Question
from index.folder.index import Index
from index.recheck.trace import Trace, TracedPart, trace_name, traced_part
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, SearchOptions, settings_digest
from index.search.matches import Match, MatchResult, in_sequence, not_claimed
from index.search.streams import in_streams
from index.search.wider import WiderSearch
from index.storage.locks import CommitToken
from index.storage.manifest import RECORDING, spec_of
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads
from sourceprint.audio_digests import known_audio_digest
from sourceprint.faults import Fault, contained
from sourceprint.file_limits import most_seconds
from sourceprint.items import Item
from sourceprint.workers import in_order, jobs_for

__all__ = ["Scan", "Searched", "open_for", "scan_each", "scan_files", "what_is_searched"]

_SURE_SECONDS = 2.0  # of reuse so long nearly all is found (docs/limits.md)


@dataclass(frozen=True, slots=True)
class Searched:
    """The index state that was searched, and the settings of the search.

    Attributes
    ----------
    digest : str
        Of the index (`Snapshot.digest`).
    algorithm, params_digest : str
        Name and parameters of the method, of the layer that was searched.
    n_recordings : int
        Recordings in it.
    only, exclude : tuple of str
        Words of the filter, as given.
    n_searched : int or None
        Recordings that the filter left; None if all were searched.
    layer : str
        The descriptors that were searched.
    scales : tuple of float
        Time scales at which the track was described: as the options ask, or wider ones where it called for them.
    max_false_per_1000h : float
        How many false matches in 1 000 hours were put up with.
    settings_digest : str
        `sha256:` and a digest of all that the result depends on besides the track and the index: layer, options,
        limit, and the recordings that the filter left. It names the settings asked for, wider scales or not.
    """

    digest: str
    algorithm: str
    params_digest: str
    n_recordings: int
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    n_searched: int | None = None
    layer: str = RECORDING
    scales: tuple[float, ...] = STANDARD.scales
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H
    settings_digest: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """Result of scanning one track.

    Attributes
    ----------
    path : Path
        The file, as it was named.
    searched : Searched
        The index, and how it was searched.
    status : str
        "matched" or "no_match"; "too_short", "not_enough_music" or "decode_error" if it could not be searched.
    reason : str
        Why it could not be searched; else "".
    matches : tuple of Match
        As in `MatchResult`.
    sha256, decoder : str
        Digest of the audio file (hex) and its decoder; "" if unknown.
    duration_seconds : float or None
        Length of the decoded audio; None if it was not decoded to the end.
    notes : tuple of str
        Sentences on anything odd about the audio, and on a wider search for its tempo.
    fingerprint_seconds, search_seconds, verify_seconds : float
        Time taken by decoding and fingerprinting, by neighbour search, and by hypotheses, alignment and decision.
    explanation : Explanation or None
        Why recordings were found or not; None if that was not asked, or the file could not be searched.
    streams : int
        Audio streams of the file; 0 if unknown.
    unsearched : tuple of int
        Numbers, from 1, of those that could not be searched.
    fault : Fault or None
        Unexpected failure; None if there was none.
    near : tuple of Match
        Matches beyond the limit of the search but within `SearchOptions.near_limit_per_1000h`: for the gate alone, no
        result states them.
    called : str
        As in `Item`.
    track_id : str
        The caller's own id of the track, or "".
    """

    path: Path
    searched: Searched
    status: str
    reason: str = ""
    matches: tuple[Match, ...] = ()
    sha256: str = ""
    decoder: str = ""
    duration_seconds: float | None = None
    notes: tuple[str, ...] = ()
    fingerprint_seconds: float = 0.0
    search_seconds: float = 0.0
    verify_seconds: float = 0.0
    explanation: Explanation | None = None
    streams: int = 0
    unsearched: tuple[int, ...] = ()
    fault: Fault | None = None
    near: tuple[Match, ...] = ()
    called: str = ""
    track_id: str = ""

    @property
    def name(self) -> str:
        """The path as it was named, or the file's own name in results."""
        return self.called or str(self.path)

    @property
    def failed(self) -> bool:
        """Whether the file could not be searched."""
        return self.status not in ("matched", "no_match")


@dataclass(frozen=True, slots=True)
class _Settings:
    options: SearchOptions
    traces: Path | None
    question: Question | None


@dataclass(frozen=True, slots=True)
class _Task:
    """One file for a worker, which opens the index itself."""

    path: Path
    index: Path
    token: CommitToken
    searched: Searched  # as the run started
    settings: _Settings


@dataclass(frozen=True, slots=True, eq=False)
class _OpenIndex:
    snapshot: Snapshot
    allowed: NDArray[np.bool_] | None
    searched: Searched


def scan_files(
    index: Path,
    items: Sequence[Item],
    *,
    options: SearchOptions = STANDARD,
    jobs: int | None = None,
    traces: Path | None = None,
    question: Question | None = None,
    reuse: Snapshot | None = None,
    begun: Callable[[Path], object] = lambda _: None,
) -> Generator[Scan, None, None]:
    """Search for every item and yield the results in order.

    Parameters
    ----------
    index : Path
        The index folder.
    items : sequence of Item
        The tracks.
    options : SearchOptions
        What to search, and how hard.
    jobs : int, optional
        Worker processes; by default as many as suit the number of files and the machine.
    traces : Path, optional
        Folder where the trace (`index.recheck.trace`) of each track in which something was found is kept, named by
        `index.recheck.trace.trace_name`; it is there before the scan is yielded.
    question : Question, optional
        Recordings to explain for each track.
    reuse : Snapshot, optional
        Of the same index, opened before: nothing is opened twice.
    begun : callable
        Called with the path of a file whenever the work on it begins.

    Raises
    ------
    CatalogueError
        If the index cannot be opened, was made with other parameters, or turns out to be damaged.
    StorageFullError, EvidenceError
        If a trace cannot be written.
    ParameterError
        If `jobs` is out of range, the layer unknown, or the filter unsuited to the index.
    UnknownRecordingError
        If the filter names a recording that the index has not.
    """
    n_jobs = jobs_for(len(items), jobs)
    snapshot = open_for(index, options, reuse=reuse)
    if n_jobs == 1:
        with closing(scan_each(snapshot, items, options=options, traces=traces, question=question, begun=begun)) as one:
            yield from one
        return
    held = Index(index, snapshot)
    with held.lease() as token:
        searched = what_is_searched(held.snapshot(), options)
        settings = _Settings(options, traces, question)
        tasks = ((item, _Task(item.path, index, token, searched, settings)) for item in items)
        work = in_order(
            _work,
            tasks,
            jobs=n_jobs,
            failed=_task_failed,
            begun=lambda task: begun(task.path),
            limit=lambda task: most_seconds(task.path),
        )
        with closing(work) as scans:
            yield from (_named(scan, item) for item, scan in scans if scan is not None)


def scan_each(
    snapshot: Snapshot,
    items: Iterable[Item],
    *,
    options: SearchOptions = STANDARD,
    traces: Path | None = None,
    question: Question | None = None,
    begun: Callable[[Path], object] = lambda _: None,
) -> Generator[Scan, None, None]:
    """Search for one item after the other by one worker process; the next is read when its scan is asked for.

    Arguments and errors as `scan_files`; the process lives until the generator is closed.
    """
    use_threads(1)
    opened = _open_index(snapshot, options)
    search = functools.partial(_search, index=opened, settings=_Settings(options, traces, question))
    failed = functools.partial(_failed, searched=opened.searched)
    paths = ((item, item.path) for item in items)
    with closing(in_order(search, paths, jobs=1, failed=failed, begun=begun, limit=most_seconds)) as scans:
        yield from (_named(scan, item) for item, scan in scans if scan is not None)


def open_for(index: Path, options: SearchOptions = STANDARD, *, reuse: Snapshot | None = None) -> Snapshot:
    """Open the index for a search; arguments and errors as `scan_files`."""
    return Snapshot.open(index, {options.layer: spec_of(options.layer)}, reuse=reuse)


def what_is_searched(snapshot: Snapshot, options: SearchOptions = STANDARD) -> Searched:
    """Return the index state and the settings that results state of a search in a snapshot.

    Raises
    ------
    ParameterError, UnknownRecordingError
        If the filter is unsuited to the index.
    """
    return _open_index(snapshot, options).searched


def _work(task: _Task) -> Scan:
    """Search for one file; runs in the workers."""
    index = _open_once(task.index, task.token, task.searched, task.settings.options)
    return _search(task.path, index=index, settings=task.settings)


@functools.lru_cache(maxsize=1)
def _open_once(index: Path, token: CommitToken, searched: Searched, options: SearchOptions) -> _OpenIndex:
    """Open the index once per worker and run; without a lease, it may have moved on since the run started."""
    snapshot = Index.open_at(index, token, {options.layer: spec_of(options.layer)}).snapshot()
    opened = _open_index(snapshot, options)
    return replace(opened, searched=searched) if token.lease else opened


def _open_index(snapshot: Snapshot, options: SearchOptions) -> _OpenIndex:
    layer = snapshot.layer(options.layer)
    allowed = options.allowed(snapshot)
    searched = Searched(
        snapshot.digest,
        str(layer.params["algorithm"]),
        layer.digest,
        len(snapshot.recordings),
        () if options.which is None else options.which.only.words,
        () if options.which is None else options.which.exclude.words,
        None if allowed is None else int(np.count_nonzero(allowed)),
        options.layer,
        options.scales,
        options.max_false_per_1000h,
        settings_digest(options, allowed),
    )
    return _OpenIndex(snapshot, allowed, searched)


def _search(path: Path, *, index: _OpenIndex, settings: _Settings) -> Scan:
    """Search for one file."""
    snapshot, allowed, searched = index.snapshot, index.allowed, index.searched
    started = time.perf_counter()
    results: dict[int, list[MatchResult]] = {}
    parts: list[TracedPart] = []
    question, explainer = settings.question, None
    if question is not None:
        from index.explain.explainer import Explainer  # as few searches need it

        explainer = Explainer(path, snapshot, question, allowed=allowed)
    search = WiderSearch(path, snapshot, options=settings.options, allowed=allowed)
    explanation_seconds = 0.0
    track = TrackStreams(path, scales=settings.options.scales)
    try:
        for query in track.parts():
            searched_query, examination, options = search.examine(query)
            results.setdefault(query.stream, []).append(examination.result)
            if settings.traces is not None:
                parts.append(traced_part(examination, snapshot, stream=query.stream))
            if explainer is not None:
                searched_at = time.perf_counter()
                explainer.add(searched_query, examination, options)
                explanation_seconds += time.perf_counter() - searched_at
    except AudioError as error:
        reason = Item(path).reason(error)
        return Scan(path, searched, error.status, reason, sha256=_digest_or_nothing(path))
    elapsed = time.perf_counter() - started - explanation_seconds
    result = in_streams({stream: in_sequence(several) for stream, several in results.items()})
    if track.unsearched and not result.matches:
        reason = f"nothing was found, and not all of it was searched: {notes_on_unsearched(track.notes)}"
        return Scan(path, searched, "decode_error", reason, sha256=track.sha256, streams=track.count)
    searched = replace(searched, scales=search.scales)
    if settings.traces is not None and result.matches:
        fmin_hz = float(snapshot.layer(settings.options.layer).params["fmin_hz"])
        digests = (track.sha256, searched.digest, searched.params_digest, searched.settings_digest)
        trace = Trace(*digests, fmin_hz, search.scales, tuple(parts))
        name = trace_name(track.sha256, searched.digest, searched.settings_digest)
        from index.recheck.trace_file import write_trace

        write_trace(settings.traces / name, trace)
    return Scan(
        path,
        searched,
        "matched" if result.matches else "no_match",
        matches=result.matches,
        sha256=track.sha256,
        decoder=track.decoder,
        duration_seconds=track.duration_seconds,
        notes=(*track.notes, *search.notes, *(() if result.matches else _brief(track.duration_seconds))),
        fingerprint_seconds=elapsed - result.search_seconds - result.verify_seconds,
        search_seconds=result.search_seconds,
        verify_seconds=result.verify_seconds,
        explanation=None if explainer is None else explainer.explanation(),
        streams=track.count,
        unsearched=track.unsearched,
        near=not_claimed(result.near, result.matches),
    )


def _brief(seconds: float) -> tuple[str, ...]:
    """Return the note on a track in which nothing was found and that is too short for this to say much."""
    if seconds >= _SURE_SECONDS:
        return ()
    return (f"short: {seconds:.1f} s; of reuse as short as this some is missed, and under 1 s most",)


def _named(scan: Scan, item: Item) -> Scan:
    return replace(scan, called=item.called, track_id=item.id) if item.called or item.id else scan


def _digest_or_nothing(path: Path) -> str:
    try:
        return known_audio_digest(path)
    except AudioError:
        return ""


def _task_failed(task: _Task, fault: Fault) -> Scan:
    return _failed(task.path, fault, searched=task.searched)


def _failed(path: Path, fault: Fault, *, searched: Searched) -> Scan:
    found = contained(lambda: _digest_or_nothing(path))
    digest = "" if isinstance(found, Fault) else found
    return Scan(path, searched, "decode_error", Item(path).reason(fault), sha256=digest, fault=fault)
