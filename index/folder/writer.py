"""The writer: the one process that changes the index.

Every change is a commit: new files are written and flushed, then the manifest switches. Acknowledged changes are on the
disk; uncommitted ones leave no trace. After a commit the writer keeps the index in shape, by further commits
(`index.folder.compaction`).
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from fingerprint.arguments import whole_number
from fingerprint.errors import CatalogueError, DuplicateRecordingError, ParameterError, UnknownRecordingError
from index.folder.compaction import layers_to_compress, live_landmarks, run_to_rewrite
from index.folder.hub_scores import LEAST_RECORDINGS, find_hubs
from index.storage.amendments import AMENDABLE, Amendments, amendments_path, of_live, with_changes, write_amendments
from index.storage.durable import make_parts
from index.storage.hubs import Hub, hubs_name, write_hubs
from index.storage.layers import LayerLandmarks, Prepared, PreparedLayer, prepare
from index.storage.locks import WriterLock, sweep
from index.storage.manifest import (
    FORMAT_VERSION,
    RECORDING,
    AmendmentsEntry,
    LayerEntry,
    LayerSpec,
    Manifest,
    SegmentEntry,
    read_manifest,
    refuse_blind,
    refuse_old,
    write_manifest,
)
from index.storage.recordings import Recording
from index.storage.segment_writer import MergeSource, merge_segments, write_segment
from index.storage.snapshot import Snapshot
from index.vectors.exact import EXACT_LIMIT

__all__ = ["COMMIT_LANDMARKS", "Writer"]

COMMIT_LANDMARKS = 200_000  # about 3 h of audio: half a minute of work at 350 times real time, 30 MB of memory
HUBS_GROWTH = 2  # hubs are looked for again when the catalogue has grown by this factor
COMMIT_RECORDINGS = 1_000  # the same for recordings with hardly any landmarks


class Writer:
    """Adds, amends and removes recordings; made by `Index.writer`, used as a context manager."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        on_commit: Callable[[tuple[str, ...]], None] | None = None,
        commit_landmarks: int = COMMIT_LANDMARKS,
        exact_limit: int = EXACT_LIMIT,
        converting: bool = False,
    ) -> None:
        self._converting = converting
        self._folder = snapshot.folder
        self._on_commit = on_commit
        self._commit_landmarks = whole_number("commit_landmarks", commit_landmarks, least=1)
        self._exact_limit = whole_number("exact_limit", exact_limit, least=0)
        self._lock = WriterLock(self._folder / "lock")
        self._before = snapshot
        self._current: Snapshot | None = None
        self._pending: dict[str, Prepared] = {}
        self._n_landmarks = 0  # pending, those of recordings replaced while pending included
        self._removed: dict[str, set[int]] = {}
        self._amended: dict[str, dict[int, Recording]] = {}
        self._renamed: dict[str, str] = {}  # by the id before
        self._filled: set[str] = set()  # recordings of the pending that only get further layers

    def __enter__(self) -> Self:
        self._require_writable(self._before)
        self._lock.__enter__()
        try:
            self._current = Snapshot.open(self._folder, reuse=self._before)  # others may have written meanwhile
            self._require_writable(self._current)
            make_parts(self._folder)
            self._clean()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._current is not None:
                self.commit()
        finally:
            self._current = None
            self._lock.__exit__(kind, error, trace)

    def _require_writable(self, snapshot: Snapshot) -> None:
        manifest = snapshot.manifest
        refuse_blind(self._folder, manifest, action="changed")
        if not (self._converting and all(layer.is_exact for layer in manifest.layers.values())):
            refuse_old(self._folder, manifest, action="changed")

    @property
    def snapshot(self) -> Snapshot:
        """The last commit, open.

        Raises
        ------
        CatalogueError
            If the writer is closed, or its last commit failed.
        """
        if self._current is None:
            raise CatalogueError(f"{self._folder}: this writer is closed, or its last commit failed; open a new one")
        return self._current

    @property
    def n_pending(self) -> int:
        """Recordings added and not yet committed."""
        return len(self._pending)

    def __contains__(self, recording_id: object) -> bool:
        return isinstance(recording_id, str) and (recording_id in self._pending or self._find(recording_id) is not None)

    def add(
        self, recording: Recording, landmarks: Mapping[str, LayerLandmarks | PreparedLayer], *, replace: bool = False
    ) -> None:
        """Add a recording; it is in the index after the next commit, which comes by itself when enough wait.

        Parameters
        ----------
        recording : Recording
            Its id must be new, unless `replace`.
        landmarks : mapping
            By layer; layers left out have none.
        replace : bool
            Take the place of a recording with the same id, if there is one.

        Raises
        ------
        DuplicateRecordingError
            If the id is in the index.
        ParameterError
            If the landmarks are unsound.
        StorageFullError
            If the disk is full; the index is as after the last commit.
        """
        current = self.snapshot
        if not replace and recording.id in self:
            raise DuplicateRecordingError(
                f"recording {recording.id!r} is in the index already; replace it, remove it first, or give another id"
            )
        prepared = prepare(recording, landmarks, current.manifest.layers)
        stored = self._find(recording.id)
        if stored is not None and (now := self.recording(recording.id).id) != recording.id:
            raise DuplicateRecordingError(
                f"recording {recording.id!r} was renamed to {now!r}; replace it under that id"
            )
        self._filled.discard(recording.id)
        self._await(prepared, stored)

    def fill(self, recording_id: str, landmarks: Mapping[str, LayerLandmarks | PreparedLayer]) -> None:
        """Give a recording the layers that it lacks, with the next commit; all that it has stays as it is.

        Parameters
        ----------
        recording_id : str
            In the index, and not changed since the last commit.
        landmarks : mapping
            Of all layers, those that the recording has as well: they show that it is the same audio.

        Raises
        ------
        UnknownRecordingError
            If the id is not in the index.
        ParameterError
            If the landmarks are unsound, or others than those that the recording has; nothing is changed.
        StorageFullError
            As `add`.
        """
        current, stored = self.snapshot, self._find(recording_id)
        if stored is None or recording_id in self._pending:
            raise self._unknown(recording_id)
        prepared = prepare(self.recording(recording_id), landmarks, current.manifest.layers)
        ordinal = current.ordinal(recording_id)
        for name in current.layers:
            kept = current.layer(name).columns_of(ordinal)
            given = prepared.layers[name].columns if name in prepared.layers else {}
            if any(column not in given or not np.array_equal(given[column], rows) for column, rows in kept.items()):
                raise ParameterError(
                    f"recording {recording_id!r}: its {name} layer is not what this audio gives now; replace it"
                )
        self._filled.add(prepared.recording.id)
        self._await(prepared, stored)

    def _await(self, prepared: Prepared, stored: tuple[str, int] | None) -> None:
        """Take a recording up into the next commit, in the place of one that is stored; commit where enough wait."""
        if stored is not None:
            self._mark_removed(*stored)
        self._pending.pop(prepared.recording.id, None)
        self._pending[prepared.recording.id] = prepared
        self._n_landmarks += prepared.n_landmarks
        if self._n_landmarks >= self._commit_landmarks or len(self._pending) >= COMMIT_RECORDINGS:
            self.commit()

    def replace(self, recording: Recording, landmarks: Mapping[str, LayerLandmarks | PreparedLayer]) -> None:
        """Replace a recording that is in the index by another with the same id; old or new, never both, never none.

        Raises
        ------
        UnknownRecordingError
            If the id is not in the index.
        ParameterError, StorageFullError
            As `add`.
        """
        if recording.id not in self:
            raise self._unknown(recording.id)
        self.add(recording, landmarks, replace=True)

    def remove(self, recording_id: str) -> None:
        """Remove a recording with the next commit.

        Raises
        ------
        UnknownRecordingError
            If it is not in the index.
        """
        stored = self._find(recording_id)
        if self._pending.pop(recording_id, None) is None and stored is None:
            raise self._unknown(recording_id)
        self._filled.discard(recording_id)
        if stored is not None:
            self._mark_removed(*stored)

    def recording(self, recording_id: str) -> Recording:
        """Return a recording as it will be after the next commit.

        Raises
        ------
        UnknownRecordingError
            If it is not in the index.
        """
        if recording_id in self._pending:
            return self._pending[recording_id].recording
        stored = self._find(recording_id)
        if stored is None:
            raise self._unknown(recording_id)
        segment, position = stored
        amended = self._amended.get(segment, {}).get(position)
        return amended or self.snapshot.recordings.by_location(self._part(segment), position)

    def amend(self, recording: Recording) -> None:
        """Change a recording's metadata with the next commit; its id and its landmarks stay as they are.

        That is its title, artists, ISRC, tags and excluded ranges.

        Raises
        ------
        UnknownRecordingError
            If it is not in the index.
        ParameterError
            If it differs in more than that.
        """
        before = self.recording(recording.id)
        said = {name: getattr(recording, name) for name in AMENDABLE}
        if replace(before, **said) != recording:
            raise ParameterError(
                f"recording {recording.id!r}: only title, artists, ISRC, tags and excluded ranges can be amended; "
                "replace changes the rest"
            )
        if recording.id in self._pending:
            self._pending[recording.id] = self._pending[recording.id].amended(recording)
        elif recording != before and (stored := self._find(recording.id)) is not None:
            segment, position = stored
            self._amended.setdefault(segment, {})[position] = recording

    def rename(self, recording_id: str, new_id: str) -> None:
        """Give a recording another id with the next commit; it is found by the one that it had as well.

        Raises
        ------
        UnknownRecordingError
            If it is not in the index.
        DuplicateRecordingError
            If another recording has the new id, or had it before.
        ParameterError
            If the new id is none, or the recording is not committed yet, or renamed already since the last commit.
        """
        recording = self.recording(recording_id)
        renamed = replace(recording, id=new_id)
        stored, other = self._find(recording_id), self._find(new_id)
        if stored is None or recording.id in self._renamed.values():
            raise ParameterError(
                f"recording {recording.id!r}: was added or renamed since the last commit; commit first"
            )
        if new_id in self._pending or new_id in self._renamed.values() or other not in (None, stored):
            raise DuplicateRecordingError(
                f"id {new_id!r}: another recording has or had it; give {recording.id!r} another"
            )
        if new_id != recording.id:
            self._amended.setdefault(stored[0], {})[stored[1]] = renamed
            self._renamed[recording.id] = new_id

    def add_layer(self, name: str, spec: LayerSpec) -> None:
        """Add a layer to the index at once; recordings have landmarks in it when they are added or replaced next.

        Raises
        ------
        ParameterError
            If the name is unsuitable or taken.
        StorageFullError
            If the disk is full.
        """
        manifest = self.snapshot.manifest
        if name in manifest.layers:
            raise ParameterError(f"layer {name!r} is in this index already; use it, or take another name")
        self._switch(manifest.successor(layers={**manifest.layers, name: LayerEntry.of(name, spec)}))

    def commit(self) -> tuple[str, ...]:
        """Make everything added, amended and removed so far permanent; return the ids of the recordings added.

        Raises
        ------
        StorageFullError
            If the disk is full; the index is as after the last commit, and pending changes stay pending.
        """
        current = self.snapshot
        if not self._pending and not any(self._removed.values()) and not self._amended:
            return ()
        manifest = current.manifest
        entries = [self._with_removed(entry) for entry in manifest.segments]
        entries = [entry for entry in entries if entry.n_live]
        ids = tuple(self._pending)
        next_name = manifest.next_name
        gone = self._gone()
        hubs, surviving = manifest.hubs, self._surviving_hubs(gone)
        with self._new_parts() as made:
            if hubs is not None and surviving.keys() != current.hubs.keys():
                path = made(self._folder / hubs_name(next_name))
                hubs = write_hubs(path, surviving, hubs.computed_at)
                next_name += 1
            if self._pending:
                folder = made(self._folder / "segments" / f"{next_name:06d}")
                entries.append(write_segment(folder, list(self._pending.values()), manifest.layers))
                next_name += 1
            tables = {segment.name: segment.table for segment in current.segments}
            amended = with_changes(current.amendments, self._amended, tables)
            changes, next_name = self._amendments(amended, entries, next_name, made)
            renamed = self._former_ids(gone)
            done = {"segments": tuple(entries), "next_name": next_name, "hubs": hubs, "renamed": renamed, **changes}
            self._switch(manifest.successor(**done))
        self._pending, self._n_landmarks, self._removed, self._amended, self._renamed = {}, 0, {}, {}, {}
        self._filled = set()
        if self._on_commit is not None:
            self._on_commit(ids)
        self._maintain()
        return ids

    def convert(self) -> None:
        """Make an index of format 2 one of the present format, if the writer was made for that; a commit of its own.

        Exact layers have the same files in both: only the manifest changes.
        """
        if self.snapshot.manifest.format_version != FORMAT_VERSION:
            self._switch(self.snapshot.manifest.successor(format_version=FORMAT_VERSION))

    def compact(self) -> None:
        """Commit, then rewrite the index as one segment without removed recordings.

        An index of format 2 becomes one of the present format first, if the writer was made for that.

        Raises
        ------
        StorageFullError
            If the disk is full: as much room again as the index has is needed meanwhile.
        """
        self.convert()
        self.commit()
        layers = layers_to_compress(self.snapshot, exact_limit=self._exact_limit, explicit=True)
        entries = self.snapshot.manifest.segments
        amended = self.snapshot.manifest.amendments is not None
        if layers or len(entries) > 1 or any(entry.removed for entry in entries) or amended:
            self._rewrite(range(len(entries)), layers)
        self._renew_hubs()

    def _maintain(self) -> None:
        layers = layers_to_compress(self.snapshot, exact_limit=self._exact_limit, explicit=False)
        if layers:
            self._rewrite(range(len(self.snapshot.segments)), layers)
        while (run := run_to_rewrite(self.snapshot)) is not None:
            self._rewrite(run, {})
        known = self.snapshot.manifest.hubs
        if known is None or live_landmarks(self.snapshot, RECORDING) >= HUBS_GROWTH * max(known.computed_at, 1):
            self._renew_hubs()

    def _renew_hubs(self) -> None:
        """Look for hubs again; a commit of its own, where that changes anything."""
        current = self.snapshot
        known = current.manifest.hubs
        if known is None and len(current.recordings) <= LEAST_RECORDINGS:
            return
        hubs, n_landmarks = find_hubs(current), live_landmarks(current, RECORDING)
        if known is not None and (hubs, n_landmarks) == (current.hubs, known.computed_at):
            return
        number = current.manifest.next_name
        with self._new_parts() as made:
            entry = write_hubs(made(self._folder / hubs_name(number)), hubs, n_landmarks)
            self._switch(current.manifest.successor(next_name=number + 1, hubs=entry))

    def _gone(self) -> set[str]:
        """Return the ids of stored recordings that the next commit removes or replaces."""
        if not any(self._removed.values()) or not (self.snapshot.hubs or self.snapshot.manifest.renamed):
            return set()
        recordings = self.snapshot.recordings
        places = ((self._part(name), at) for name, positions in self._removed.items() for at in positions)
        return {recordings.by_location(part, at).id for part, at in places} - self._filled

    def _surviving_hubs(self, gone: set[str]) -> Mapping[str, Hub]:
        """Return the hubs that the next commit does not remove or replace, by the ids that they have then."""
        return {self._renamed.get(name, name): hub for name, hub in self.snapshot.hubs.items() if name not in gone}

    def _former_ids(self, gone: set[str]) -> dict[str, str]:
        """Return the ids that recordings had before, after the next commit; without those of removed recordings."""
        lost = gone - self._pending.keys()
        before = {former: self._renamed.get(now, now) for former, now in self.snapshot.manifest.renamed.items()}
        every = {former: now for former, now in {**before, **self._renamed}.items() if now not in lost}
        return {former: now for former, now in every.items() if former not in self._renamed.values()}

    def _rewrite(self, run: range, changed: Mapping[str, LayerEntry]) -> None:
        """Join a run of neighbouring segments into one; where layers are `changed`, the run must be all there are."""
        current = self.snapshot
        manifest = current.manifest
        next_name = manifest.next_name
        layers = {**manifest.layers, **changed}
        sources = [
            MergeSource(current.segments[position], current.alive(position), current.amended(position))
            for position in run
        ]
        with self._new_parts() as made:
            joined = []
            if any(source.alive.any() for source in sources):
                folder = made(self._folder / "segments" / f"{next_name:06d}")
                joined.append(merge_segments(folder, sources, layers))
                next_name += 1
            segments = (*manifest.segments[: run.start], *joined, *manifest.segments[run.stop :])
            changes, next_name = self._amendments(current.amendments, segments, next_name, made)
            self._switch(manifest.successor(layers=layers, segments=segments, next_name=next_name, **changes))

    def _amendments(
        self, amendments: Amendments, segments: Sequence[SegmentEntry], number: int, made: Callable[[Path], Path]
    ) -> tuple[dict[str, AmendmentsEntry | None], int]:
        """Write the amendments of live recordings in these segments, if they differ from those of the manifest.

        Returns the changed fields of the manifest, and the next free number.
        """
        live = of_live(amendments, segments)
        if live == self.snapshot.amendments:
            return {}, number
        if not live:
            return {"amendments": None}, number
        return {"amendments": write_amendments(made(amendments_path(self._folder, number)), live)}, number + 1

    def _switch(self, manifest: Manifest) -> None:
        before = self.snapshot
        self._current = None  # if the next steps fail half-way, the state on disk is unknown to this writer
        try:
            write_manifest(self._folder, manifest)
        except CatalogueError:
            if read_manifest(self._folder) == before.manifest:
                self._current = before
            raise
        self._current = Snapshot.of(self._folder, manifest, reuse=before)
        self._clean()

    def _clean(self) -> None:
        """Delete segments just replaced, and leftovers of writers that were killed."""
        sweep(self._folder, self.snapshot.manifest)

    @contextmanager
    def _new_parts(self) -> Iterator[Callable[[Path], Path]]:
        """Record files made inside the block, and delete them if the block fails before the manifest names them."""
        made: list[Path] = []
        generation = self.snapshot.manifest.generation

        def note(path: Path) -> Path:
            _discard(path)  # left by an attempt before, if the disk refused to delete it
            made.append(path)
            return path

        try:
            yield note
        except BaseException:
            if read_manifest(self._folder).generation == generation:
                for path in made:
                    _discard(path)
            raise

    def _find(self, recording_id: str) -> tuple[str, int] | None:
        current = self.snapshot
        ordinal = current.recordings.find(recording_id)
        if ordinal is None:
            return None
        part, position = current.recordings.location(ordinal)
        name = current.segments[part].name
        return None if position in self._removed.get(name, ()) else (name, position)

    def _part(self, segment: str) -> int:
        return [entry.name for entry in self.snapshot.manifest.segments].index(segment)

    def _mark_removed(self, segment: str, position: int) -> None:
        self._removed.setdefault(segment, set()).add(position)

    def _with_removed(self, entry: SegmentEntry) -> SegmentEntry:
        return replace(entry, removed=tuple(sorted({*entry.removed, *self._removed.get(entry.name, ())})))

    def _unknown(self, recording_id: str) -> UnknownRecordingError:
        return UnknownRecordingError(
            f"recording {recording_id!r} is not in the index {self._folder}; `sourceprint list` shows its ids"
        )


def _discard(path: Path) -> None:
    """Delete a folder or a file as far as possible; leftovers are removed next time."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
