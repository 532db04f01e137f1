"""Audio files into fingerprint files: many are made, in parallel and in order, and those that are there are kept.

`Description.run` takes items (`sourceprint.inputs`) and yields one outcome per item, in order. The file of `song.mp3`
is `song.spf` in the output folder; if that name belongs to other audio, `-` and the first 8 digits of the audio's
SHA-256 follow the stem, as with the ids of recordings (`sourceprint.catalogue.recording_ids`), so that a file gets the
same name however often the run is repeated. A file that is there, sound, and made of the same audio with the same
parameters, roles, layers and time scales stays as it is: a run that was killed is continued by the same command. Where
names must not be told, the digits of the digest take the place of the stem, and of the name that the file states.

A lock in the output folder lets one run at a time write to it.
"""

import fcntl
import functools
import os
import time
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fingerprint import disk
from fingerprint.composition import CompositionWindows
from fingerprint.disk import file_digest
from fingerprint.errors import (
    AudioError,
    DamagedFingerprintError,
    FingerprintFileError,
    OutputError,
    ParameterError,
    printable,
)
from fingerprint.extract import fingerprint_file, fingerprint_parts, is_fingerprint_file, layers_of_file
from fingerprint.landmarks import Fingerprint, Role
from fingerprint.new_files import open_ours
from fingerprint.params import Params
from fingerprint.spf_files import SUFFIX, read_contents, write_file
from fingerprint.spf_header import Contents
from index.folder.windows import COMPOSITION, known_layers
from sourceprint.audio_digests import known_audio_digest
from sourceprint.catalogue.brevity import brevity_remarks
from sourceprint.faults import Fault, contained
from sourceprint.file_limits import most_seconds
from sourceprint.inputs import NamedInputs, other_files_json
from sourceprint.items import Item, OtherFile
from sourceprint.workers import in_order, jobs_for

__all__ = ["BOTH", "Description", "PrecomputeOutcome"]

BOTH: frozenset[Role] = frozenset({"recording", "track"})

_LOCK_NAME = ".sourceprint-lock"
_MOST_STEM_BYTES = 200  # of the 255 that a file name may have
_ANONYMOUS_DIGITS = 16


@dataclass(frozen=True, slots=True)
class PrecomputeOutcome:
    """Outcome of one item.

    Attributes
    ----------
    name : str
        Name of the item, fit for a message.
    kind : {"made", "unchanged", "failed"}
        "unchanged": the fingerprint file was there already.
    target : Path or None
        The fingerprint file; None where there is none.
    n_bytes : int
        Its size; 0 where another item of the run has the same file.
    duration_ms : int
        Length of the audio that was analysed, in milliseconds; 0 where none was.
    remarks : tuple of str
        Sentences for the user: why it failed, anything odd about the audio, whether it is too short to be found,
        why its name is another.
    """

    name: str
    kind: Literal["made", "unchanged", "failed"]
    target: Path | None = None
    n_bytes: int = 0
    duration_ms: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    target: Path
    roles: frozenset[Role]
    scales: tuple[float, ...]
    with_composition: bool
    name: str | None  # of the audio, to be written instead of that of its file


class Description:
    """One run of making fingerprint files.

    Parameters
    ----------
    folder : Path
        Where they go; made with the folders above it if it is missing.
    scales : tuple of float
        Time scales of the track parts.
    roles : frozenset of {"recording", "track"}
        Uses of the files.
    jobs : int, optional
        Worker processes; by default as many as suit the number of files and the machine.
    anonymous : bool
        Whether files, and the audio as they name it, are called by the first 16 digits of the SHA-256 of the audio file
        and not by its name.
    layers : iterable of str
        Layers of the recording, besides that of recordings.

    Attributes
    ----------
    failures : list of PrecomputeOutcome
        Those that failed so far.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scales: tuple[float, ...],
        roles: frozenset[Role] = BOTH,
        jobs: int | None = None,
        anonymous: bool = False,
        layers: Iterable[str] = (),
    ) -> None:
        self._with_composition = COMPOSITION in known_layers(layers)
        if self._with_composition and "recording" not in roles:
            raise ParameterError("layers: composition is a layer of recordings; give the role recording, or both")
        self.failures: list[PrecomputeOutcome] = []
        self._done: list[PrecomputeOutcome] = []
        self._others: tuple[OtherFile, ...] = ()
        self._started_at = time.monotonic()
        self._folder = folder
        self._scales = scales
        self._roles = roles
        self._jobs = jobs
        self._anonymous = anonymous
        # Audio, and files that are there, by name as file systems compare them that tell no capitals apart.
        self._given: dict[str, Path] = {}
        self._there: dict[str, Path] = {}

    def run(self, inputs: NamedInputs) -> Generator[PrecomputeOutcome, None, None]:
        """Make all files and yield the outcome of each: first the inputs already refused, then the items in order.

        Raises
        ------
        ParameterError
            If `jobs` is below 1, or the folder cannot be made or written to, or another run writes to it.
        StorageFullError
            If the disk is full; the files made before are complete.
        """
        self._others = inputs.others
        for refusal in inputs.refusals:
            yield self._counted(PrecomputeOutcome(refusal.name, "failed", remarks=(refusal.reason,)))
        jobs = jobs_for(len(inputs.items), self._jobs)
        with (
            _sole_use(self._folder),
            closing(in_order(_make, self._tasks(inputs.items), jobs=jobs, failed=_failed, limit=_limit)) as work,
        ):
            self._there = {_compared(name): self._folder / name for name in sorted(os.listdir(self._folder))}
            for settled, made in work:
                yield self._counted(self._joined(settled, made))

    @property
    def has_begun(self) -> bool:
        """Whether anything is known yet about any item."""
        return bool(self.failures or self._done)

    def report(self) -> dict[str, Any]:
        """Return the outcomes of the run so far, as plain JSON types.

        Returns
        -------
        dict
            `made`, `unchanged` (counts), `failed` and `other_files` (in folders, that are no audio; name and reason of
            each), `files` (audio, file and size of each, in order), `bytes` (all of those together), `audio_seconds`
            and `seconds` (audio analysed, time taken).
        """
        files = [
            {"audio": outcome.name, "file": str(outcome.target), "kind": outcome.kind, "bytes": outcome.n_bytes}
            for outcome in self._done
        ]
        return {
            "made": sum(outcome.kind == "made" for outcome in self._done),
            "unchanged": sum(outcome.kind == "unchanged" for outcome in self._done),
            "failed": [{"name": outcome.name, "reason": " ".join(outcome.remarks)} for outcome in self.failures],
            "other_files": other_files_json(self._others),
            "files": files,
            "bytes": sum(outcome.n_bytes for outcome in self._done),
            "audio_seconds": sum(outcome.duration_ms for outcome in self._done) / 1000,
            "seconds": round(time.monotonic() - self._started_at, 3),
        }

    def _counted(self, outcome: PrecomputeOutcome) -> PrecomputeOutcome:
        (self.failures if outcome.kind == "failed" else self._done).append(outcome)
        return outcome

    def _tasks(self, items: Sequence[Item]) -> Iterator[tuple[PrecomputeOutcome, _Task | None]]:
        """Yield the outcome of each item as far as it is known, and the remaining task."""
        for item in items:
            found = contained(functools.partial(self._target, item))
            if isinstance(found, Fault):
                yield PrecomputeOutcome(item.name, "failed", remarks=(item.reason(found),)), None
                continue
            target, is_given = found
            name = self._stem(item.path) if self._anonymous else None
            task = (
                None if is_given else _Task(item.path, target, self._roles, self._scales, self._with_composition, name)
            )
            yield PrecomputeOutcome(item.name, "unchanged", target, remarks=self._remarks(item, target)), task

    def _target(self, item: Item) -> tuple[Path, bool]:
        """Return the file to make for an item, and whether this run makes it of the same audio already."""
        if is_fingerprint_file(item.path):
            raise FingerprintFileError(f"{item.name}: a fingerprint file already; give the audio that it was made of")
        for candidate in self._candidates(item.path):
            key = _compared(candidate.name)
            target = self._there.setdefault(key, candidate)
            if key in self._given:
                if _same_audio(self._given[key], item.path):
                    return target, True
                continue
            there = _read_or_none(target)
            if there is None or there.sha256 == known_audio_digest(item.path):
                self._given[key] = item.path
                return target, False
        raise FingerprintFileError(
            f"{item.name}: the names of its fingerprint file belong to other audio; give another output folder"
        )

    def _candidates(self, path: Path) -> Iterator[Path]:
        stem = self._stem(path)
        yield self._folder / (stem + SUFFIX)
        yield self._folder / f"{stem}-{known_audio_digest(path)[:8]}{SUFFIX}"

    def _stem(self, path: Path) -> str:
        return known_audio_digest(path)[:_ANONYMOUS_DIGITS] if self._anonymous else _stem(path)

    def _remarks(self, item: Item, target: Path) -> tuple[str, ...]:
        wanted = self._stem(item.path) + SUFFIX
        if _compared(target.name) == _compared(wanted):
            return ()
        return (f"{printable(wanted)} belongs to other audio, so this is {printable(target.name)}",)

    def _joined(self, settled: PrecomputeOutcome, made: PrecomputeOutcome | None) -> PrecomputeOutcome:
        """Return a worker's outcome, joined to the earlier one."""
        if made is not None and made.kind != "failed":
            return replace(made, remarks=(*settled.remarks, *made.remarks))
        outcome = made or settled
        if outcome.kind == "unchanged" and all(done.target != outcome.target for done in self._done):
            return replace(outcome, kind="failed", target=None, remarks=("the same audio failed before in this run",))
        return outcome


def _limit(task: _Task) -> float:
    return most_seconds(task.path)


def _make(task: _Task) -> PrecomputeOutcome:
    """Make one fingerprint file, unless it is there; runs in the workers."""
    item = Item(task.path)
    try:
        there = _read_or_none(task.target, whole=True)
        if there is not None and _is_wanted(there, task):
            return PrecomputeOutcome(item.name, "unchanged", task.target, task.target.stat().st_size)
        with _refusals(task.target):
            made = write_file(task.target, _parts(task))
            n_bytes = task.target.stat().st_size
    except AudioError as error:
        return PrecomputeOutcome(item.name, "failed", remarks=(item.reason(error),))
    duration_ms = round(made.duration_seconds * 1000)
    brevity = brevity_remarks(duration_ms) if "recording" in task.roles else ()
    return PrecomputeOutcome(item.name, "made", task.target, n_bytes, duration_ms, (*made.notes, *brevity))


def _failed(task: _Task, fault: Fault) -> PrecomputeOutcome:
    item = Item(task.path)
    return PrecomputeOutcome(item.name, "failed", remarks=(item.reason(fault),))


def _parts(task: _Task) -> Iterator[Fingerprint | CompositionWindows]:
    """Analyse the audio for each role, as `add` and `match` do."""
    for part in _analysed(task):
        if task.name is not None and isinstance(part, Fingerprint):
            yield replace(part, name=task.name)
        else:
            yield part


def _analysed(task: _Task) -> Iterator[Fingerprint | CompositionWindows]:
    if task.with_composition:
        yield from layers_of_file(task.path)
    elif "recording" in task.roles:
        yield fingerprint_file(task.path)
    if "track" in task.roles:
        yield from fingerprint_parts(task.path, scales=task.scales)


def _is_wanted(there: Contents, task: _Task) -> bool:
    """Whether a file holds the fingerprint that would be made; a composition layer may be there unasked."""
    scales = task.scales if "track" in task.roles else ()
    return (
        there.params_digest == Params().digest
        and there.roles == task.roles
        and there.track_scales == scales
        and (there.composition is not None) >= task.with_composition
        and there.sha256 == file_digest(task.path)
        and task.name in (None, there.name)
    )


def _read_or_none(target: Path, *, whole: bool = False) -> Contents | None:
    """Return the contents of a file; None if there is none, or a damaged one, which can be made again.

    Raises
    ------
    FingerprintFileError
        If there is something else, which must not be lost.
    """
    if not os.path.lexists(target):
        return None
    try:
        return read_contents(target, whole=whole)
    except DamagedFingerprintError:
        return None
    except AudioError as error:
        raise FingerprintFileError(
            f"{printable(target)} is in the way, and no fingerprint file that this version reads; move it elsewhere"
        ) from error


def _same_audio(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes; a file that cannot be read is like no other."""
    if one == other:
        return True
    try:
        return known_audio_digest(one) == known_audio_digest(other)
    except AudioError:
        return False


def _stem(path: Path) -> str:
    """Return the stem of an audio file, short enough that the names made with it are possible."""
    encoded = os.fsencode(path.stem)
    if len(encoded) <= _MOST_STEM_BYTES:
        return path.stem
    return encoded[:_MOST_STEM_BYTES].decode("utf-8", "ignore") or "audio"


def _compared(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


@contextmanager
def _sole_use(folder: Path) -> Iterator[None]:
    """Make the folder and hold its lock."""
    with _refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = open_ours(folder / _LOCK_NAME, os.O_RDWR)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ParameterError(
                f"{printable(folder)}: another run is writing fingerprint files here; wait until it has finished, or "
                "give another folder"
            ) from error
        yield
    finally:
        os.close(lock)


def _refusals(path: Path) -> AbstractContextManager[None]:
    """Refusals that end the run: they would hit the next file too."""
    safe, remedy = "the files made before are complete", "see to the permissions, or give another folder"
    return disk.refusals(path, OutputError, "cannot be written", safe=safe, remedy=remedy)
