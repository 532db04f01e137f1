"""Recordings into the index: many files are fingerprinted, in parallel and in order, and finished work is kept safe.

`Addition.run` takes items (`sourceprint.inputs`) and yields one outcome per item, in order. Finished recordings are
committed when enough wait and every minute, so a run that is killed loses a minute's work at most, and the same command
continues it: `sourceprint.catalogue.recording_ids` recognises recordings of the index before anything is decoded. All
that was committed is compared with the whole index (`index.search.overlaps`): audio that is in it twice is reported,
unless the run is interrupted.
"""

import functools
import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fingerprint.composition import CompositionParams
from fingerprint.disk import refusals
from fingerprint.errors import (
    AudioError,
    CatalogueError,
    DecodeError,
    DuplicateRecordingError,
    IndexMissingError,
    ParameterError,
    printable,
)
from fingerprint.extract import recording_layers, recording_of
from index.folder.index import Index
from index.folder.windows import COMPOSITION, all_layer_specs, composition_columns, known_layers
from index.folder.writer import Writer
from index.search.overlaps import Overlap, find_overlaps, longest_first, overlap_to_json
from index.storage.layers import PreparedLayer, quantise, recording_landmarks
from index.storage.manifest import MANIFEST_NAME, layer_specs
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from index.storage.tags import ranges_text
from index.vectors.exact import use_threads
from sourceprint.catalogue.brevity import brevity_remarks
from sourceprint.catalogue.recording_ids import IdDesk, PlannedAddition, described_by
from sourceprint.faults import Fault, contained
from sourceprint.file_limits import most_seconds
from sourceprint.inputs import NamedInputs, other_files_json
from sourceprint.items import Item, OtherFile
from sourceprint.workers import in_order, jobs_for, uninterrupted

__all__ = ["Addition", "AdditionOutcome", "open_or_create"]

COMMIT_SECONDS = 60.0
MOST_OVERLAPS = 20  # named in a report; `sourceprint duplicates` names all


@dataclass(frozen=True, slots=True)
class AdditionOutcome:
    """Outcome of one item.

    Attributes
    ----------
    name : str
        Name of the item, fit for a message.
    kind : {"added", "replaced", "filled", "unchanged", "failed"}
        "filled": the index had this audio under this id, and has further layers of it now; "unchanged": it has all.
    recording_id : str
        Id in the index; "" where it never got one.
    duration_ms : int
        Length of the audio that was analysed, in milliseconds; 0 where none was.
    remarks : tuple of str
        Sentences for the user: why it failed, anything odd about the audio, whether it is too short to be found,
        who else has the same audio.
    status : str
        As in `fingerprint.errors.SourceprintError`; "" unless it failed because of its audio.
    """

    name: str
    kind: Literal["added", "replaced", "filled", "unchanged", "failed"]
    recording_id: str = ""
    duration_ms: int = 0
    remarks: tuple[str, ...] = ()
    status: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Described:
    """A file as a worker describes it: its audio and landmarks, or why there are none."""

    failure: str = ""
    status: str = ""
    name: str = ""
    sha256: str = ""
    duration_ms: int = 0
    decoder: str = ""
    notes: tuple[str, ...] = ()
    landmarks: dict[str, PreparedLayer] | None = None


class Addition:
    """One run of adding, or of replacing, recordings.

    Parameters
    ----------
    path : Path
        The index folder; when adding, an index is made there as soon as the first recording is ready.
    jobs : int, optional
        Worker processes; by default as many as suit the number of files and the machine.
    replacing : bool
        Whether ids must be in the index, and get other audio.
    layers : iterable of str
        Layers that the index is to have, besides those that it has. A recording that is in the index and lacks a layer
        gets it, in this run and in later ones; its other layers stay as they are.

    Attributes
    ----------
    n_committed : int
        Recordings of this run that are safely in the index.
    failures : list of AdditionOutcome
        Those that failed so far.
    overlaps : list of Overlap
        Recordings of this run that hold the same audio as others for a stretch, the longest `MOST_OVERLAPS`. Those made
        from the very same file are not among them: an outcome says so.
    n_overlaps : int
        How many there are in all.
    """

    def __init__(
        self, path: Path, *, jobs: int | None = None, replacing: bool = False, layers: Iterable[str] = ()
    ) -> None:
        self._layers = known_layers(layers)
        self.n_committed = 0
        self.failures: list[AdditionOutcome] = []
        self.overlaps: list[Overlap] = []
        self.n_overlaps = 0
        self._counts = dict.fromkeys(("added", "replaced", "filled", "unchanged"), 0)
        self._others: tuple[OtherFile, ...] = ()
        self._audio_ms = 0
        self._started_at = time.monotonic()
        self._path = path
        self._jobs = jobs
        self._replacing = replacing
        self._desk = IdDesk(None)
        self._index: Index | None = None
        self._writer: Writer | None = None
        self._uncompared: list[str] = []
        self._committed_at = 0.0

    def run(self, inputs: NamedInputs) -> Generator[AdditionOutcome, None, None]:
        """Add all items and yield the outcome of each: first the inputs already refused, then the items in order.

        When interrupted, or closed early, it commits the items yielded so far.

        Raises
        ------
        CatalogueError
            If the index cannot be opened or written; `n_committed` items are safe.
        ParameterError
            If `jobs` is below 1.
        """
        self._others = inputs.others
        for refusal in inputs.refusals:
            yield self._counted(AdditionOutcome(refusal.name, "failed", remarks=(refusal.reason,)))
        jobs = jobs_for(len(inputs.items), self._jobs)
        use_threads(jobs)  # here for the training of trees: workers have a thread each
        with ExitStack() as stack:
            if (index := self._existing()) is not None:
                writer = self._enter(stack, index)
                self._desk = IdDesk(writer.snapshot)  # taken under the lock: nobody else adds from here on
                self._layers |= frozenset(writer.snapshot.layers)
            try:
                describe = functools.partial(_describe, with_composition=COMPOSITION in self._layers)
                decisions = self._decisions(inputs.items)
                with closing(in_order(describe, decisions, jobs=jobs, failed=_failed, limit=most_seconds)) as work:
                    for (item, decision), described in work:
                        yield self._counted(self._settle(item, decision, described, stack))
                        self._compare()
            except (KeyboardInterrupt, GeneratorExit):
                self._commit()
                raise
            self._commit()
            self._compare()

    @property
    def has_begun(self) -> bool:
        """Whether anything is known yet about any item."""
        return bool(self.failures or any(self._counts.values()))

    def report(self) -> dict[str, Any]:
        """Return the outcomes of the run so far, and the index as it is now, as plain JSON types.

        Returns
        -------
        dict
            `added`, `replaced`, `filled`, `unchanged` (counts), `committed` (recordings that are safe), `failed` and
            `other_files` (in folders, that are no audio; name and reason of each), `overlaps` (as
            `index.search.overlaps.overlap_to_json`, the longest `MOST_OVERLAPS`), `overlaps_found` (how many in all),
            `audio_seconds` and `seconds` (audio analysed, time taken), `index` (as `Index.info`, or None).
        """
        try:
            index = (self._index or Index.open(self._path)).info()
        except CatalogueError:
            index = None
        return {
            **self._counts,
            "committed": self.n_committed,
            "failed": [{"name": outcome.name, "reason": " ".join(outcome.remarks)} for outcome in self.failures],
            "other_files": other_files_json(self._others),
            "overlaps": [overlap_to_json(overlap) for overlap in self.overlaps],
            "overlaps_found": self.n_overlaps,
            "audio_seconds": self._audio_ms / 1000,
            "seconds": round(time.monotonic() - self._started_at, 3),
            "index": index,
        }

    def _counted(self, outcome: AdditionOutcome) -> AdditionOutcome:
        if outcome.kind == "failed":
            self.failures.append(outcome)
        else:
            self._counts[outcome.kind] += 1
            self._audio_ms += outcome.duration_ms
        return outcome

    def _existing(self) -> Index | None:
        try:
            return Index.open(self._path, layer_specs())
        except IndexMissingError:
            if self._replacing:
                raise
            return None

    def _enter(self, stack: ExitStack, index: Index) -> Writer:
        self._index = index
        self._writer = writer = stack.enter_context(index.writer(on_commit=self._count))
        specs = all_layer_specs()
        writer.snapshot.require({name: specs[name] for name in writer.snapshot.layers if name in specs})
        for name in sorted(self._layers - set(writer.snapshot.layers)):
            writer.add_layer(name, specs[name])
        self._committed_at = time.monotonic()
        return writer

    def _count(self, ids: tuple[str, ...]) -> None:
        self.n_committed += len(ids)
        self._uncompared.extend(ids)
        self._committed_at = time.monotonic()

    def _commit(self) -> None:
        if self._writer is not None:
            with uninterrupted():
                self._writer.commit()

    def _compare(self) -> None:
        """Search the whole index for the audio of recordings committed since the last time."""
        ids, self._uncompared = self._uncompared, []
        if self._writer is None or not ids:
            return
        snapshot = self._writer.snapshot
        for found in find_overlaps(snapshot, ids):
            new = [overlap for overlap in found if not _same_file(snapshot, overlap)]
            self.n_overlaps += len(new)
            self.overlaps = longest_first([*self.overlaps, *new])[:MOST_OVERLAPS]

    def _decisions(self, items: Sequence[Item]) -> Iterator[tuple[tuple[Item, PlannedAddition], Path | None]]:
        for item in items:
            decide = self._desk.decide_replacement if self._replacing else self._desk.decide_new
            decision = contained(functools.partial(decide, item))
            if isinstance(decision, Fault):
                reason = item.reason(decision)
                decision = PlannedAddition("failed", remarks=(reason,), status=DecodeError.status)
            is_described = decision.kind in ("add", "replace") or self._is_to_fill(decision)
            yield (item, decision), item.path if is_described else None

    def _is_to_fill(self, decision: PlannedAddition) -> bool:
        """Whether a recording that is in the index lacks a layer."""
        if decision.kind != "unchanged" or COMPOSITION not in self._layers or self._writer is None:
            return False
        snapshot = self._writer.snapshot
        ordinal = snapshot.recordings.find(decision.recording_id)  # None where this run adds it
        if ordinal is None or snapshot.layer(COMPOSITION).count_of(ordinal):
            return False
        return snapshot.recordings[ordinal].duration_ms >= 1000 * CompositionParams().window_seconds

    def _settle(
        self, item: Item, decision: PlannedAddition, described: _Described | None, stack: ExitStack
    ) -> AdditionOutcome:
        name = decision.recording_id
        if described is None:
            kind: Literal["unchanged", "failed"] = "unchanged" if decision.kind == "unchanged" else "failed"
            return AdditionOutcome(item.name, kind, name, remarks=decision.remarks, status=decision.status)
        if described.landmarks is None:
            return AdditionOutcome(item.name, "failed", name, remarks=(described.failure,), status=described.status)
        if decision.kind == "unchanged" and self._writer is not None:
            return self._filled(item, decision, described.landmarks, described.duration_ms, self._writer)
        before = decision.before or Recording(name)
        still_there = tuple(pair for pair in before.excluded if not 0 < described.duration_ms <= pair[0])
        try:
            recording = described_by(
                item,
                Recording(
                    name,
                    before.title,
                    before.artists,
                    before.isrc,
                    item.called or described.name,
                    described.sha256,
                    described.duration_ms,
                    described.decoder,
                    described.notes,
                    before.tags,
                    still_there,
                ),
            )
        except ParameterError as error:
            return AdditionOutcome(item.name, "failed", name, remarks=(str(error),))
        with uninterrupted():
            writer = self._writer or self._enter(stack, open_or_create(self._path))
            try:
                writer.add(recording, described.landmarks, replace=self._replacing)
            except DuplicateRecordingError as error:  # another process made the index, and added this, after we looked
                return AdditionOutcome(item.name, "failed", name, remarks=(str(error),))
            if time.monotonic() - self._committed_at > COMMIT_SECONDS:
                writer.commit()
        brevity = brevity_remarks(recording.duration_ms, excluded=recording.excluded)
        remarks = (*decision.remarks, *described.notes, *brevity)
        if before.excluded and not item.excluded:
            remarks = (*remarks, f"still excluded: {ranges_text(recording.excluded) or 'nothing'}; see that it fits")
        if others := self._desk.note_added(recording):
            remarks = (*remarks, f"the same audio is in the index as {', '.join(map(printable, others))} too")
        return AdditionOutcome(
            item.name, "replaced" if self._replacing else "added", name, described.duration_ms, remarks
        )

    def _filled(
        self,
        item: Item,
        decision: PlannedAddition,
        landmarks: dict[str, PreparedLayer],
        duration_ms: int,
        writer: Writer,
    ) -> AdditionOutcome:
        """Give a recording of the index the layers that it lacks."""
        name = decision.recording_id
        with uninterrupted():
            try:
                writer.fill(name, landmarks)
            except ParameterError as error:
                return AdditionOutcome(item.name, "failed", name, remarks=(str(error),))
            if time.monotonic() - self._committed_at > COMMIT_SECONDS:
                writer.commit()
        return AdditionOutcome(item.name, "filled", name, duration_ms, decision.remarks)


def open_or_create(path: Path) -> Index:
    """Open an index for adding, with the layers of this version; make it if there is none.

    Raises
    ------
    CatalogueError
        If there is something else, or an index that was made with other parameters, or it cannot be made.
    """
    specs = layer_specs()
    if os.path.exists(path / MANIFEST_NAME):
        return Index.open(path, specs)
    with refusals(path, CatalogueError, "no index can be made here", remedy="give another folder"):
        return Index.create(path, specs)


def _same_file(snapshot: Snapshot, overlap: Overlap) -> bool:
    one, other = (snapshot.by_id(name).sha256 for name in (overlap.first, overlap.second))
    return one == other != ""


def _describe(path: Path, *, with_composition: bool) -> _Described:
    """Return the fingerprint of a file for the index, or its failure; runs in the workers."""
    try:
        made, windows = recording_layers(path) if with_composition else (recording_of(path), None)
    except AudioError as error:
        return _Described(failure=Item(path).reason(error), status=error.status)
    audio = (made.name, made.sha256, round(made.duration_seconds * 1000), made.decoder, made.notes)
    specs = layer_specs()
    described = recording_landmarks(made).items()
    landmarks = {name: quantise(one, specs[name].columns, where=path.name) for name, one in described}
    if windows is not None:
        landmarks[COMPOSITION] = composition_columns(windows)
    return _Described("", "", *audio, landmarks)


def _failed(path: Path, fault: Fault) -> _Described:
    return _Described(failure=Item(path).reason(fault), status=DecodeError.status)
