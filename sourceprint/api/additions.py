"""Recordings that a caller adds: one, which is there afterwards or raises, or many, with a report."""

import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unicodedata import normalize

from fingerprint.arguments import expect_flags, expect_texts, expect_words
from fingerprint.errors import DuplicateRecordingError, ParameterError, SourceprintError
from index.search.overlaps import Overlap
from index.storage.snapshot import Snapshot
from sourceprint.api.audio import Audio, audio_item, is_nameless
from sourceprint.api.tracks import AUDIO_ERRORS, InputWarning, list_reading
from sourceprint.catalogue.additions import Addition, AdditionOutcome
from sourceprint.identifiers.isrc import validate
from sourceprint.inputs import NamedInputs, collect
from sourceprint.items import Item
from sourceprint.processes import in_this_process

__all__ = ["AdditionReport", "add_many", "add_one"]

_KINDS = ("added", "replaced", "filled", "unchanged", "failed")


@dataclass(frozen=True, slots=True)
class AdditionReport:
    """Outcomes of many additions; made by `Catalogue.add_all`.

    Attributes
    ----------
    outcomes : tuple of AdditionOutcome
        One per file, in order: `name`, `kind` ("added", "replaced", "filled", "unchanged" or "failed"), `recording_id`,
        `duration_ms` and `remarks`.
    overlaps : tuple of Overlap
        Stretches of audio that new recordings have in common with others, the longest first, at most 20.
    """

    outcomes: tuple[AdditionOutcome, ...]
    overlaps: tuple[Overlap, ...]
    _report: dict[str, Any] = field(repr=False)

    @property
    def failures(self) -> tuple[AdditionOutcome, ...]:
        """Outcomes of files that could not be added; `remarks` say why."""
        return tuple(outcome for outcome in self.outcomes if outcome.kind == "failed")

    def __str__(self) -> str:
        """Return a line of counts, and a line for each file that could not be added."""
        kinds: Counter[str] = Counter(outcome.kind for outcome in self.outcomes)
        counts = ", ".join(f"{kinds[kind]} {kind}" for kind in _KINDS if kinds[kind]) or "no files"
        return "\n".join([counts, *(f"{one.name}: {' '.join(one.remarks)}" for one in self.failures)])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `add --json` prints, as plain JSON types."""
        return dict(self._report)


def add_one(
    index: Path,
    audio: Audio,
    snapshot: Snapshot,
    *,
    recording_id: str | None,
    title: str,
    artists: str | Sequence[str],
    isrc: str,
    tags: Sequence[str],
    sample_rate: int | None,
    name: str | None,
    replacing: bool,
) -> str:
    """Add one recording, in this process, and return its id; arguments and errors as `Catalogue.add`."""
    expect_texts(id=recording_id, title=title, isrc=isrc)
    expect_flags(replace=replacing)
    names = (artists,) if isinstance(artists, str) else artists
    expect_words(artists=names, tags=tags)
    if recording_id is None and not isrc and name is None and is_nameless(audio):
        raise ParameterError("id: is missing; audio without a file name needs one, such as id='A-1'")
    if recording_id is not None and not recording_id:
        raise ParameterError("id='': is empty; give 1 to 512 characters, or leave it out")
    with audio_item(audio, name=name, sample_rate=sample_rate) as given:
        item = Item(
            given.path,
            normalize("NFC", recording_id or ""),
            title or "",
            tuple(names),
            validate(isrc) if isrc else "",
            tags=tuple(tags),
            called=given.called,
        )
        if replacing and item.id:
            snapshot.by_id(item.id)
        with in_this_process():
            (outcome,) = Addition(index, jobs=1, replacing=replacing).run(NamedInputs((item,), ()))
    if outcome.kind == "failed":
        raise _refusal(outcome, snapshot)
    if outcome.kind == "unchanged":
        for remark in outcome.remarks:
            warnings.warn(remark, InputWarning, stacklevel=3)
    return outcome.recording_id


def add_many(
    index: Path, paths: Sequence[str], *, jobs: int | None, replacing: bool, layers: Sequence[str]
) -> AdditionReport:
    """Add files, folders and lists; arguments and errors as `Catalogue.add_all`."""
    expect_flags(replace=replacing)
    expect_words(layers=layers)
    inputs = collect(paths, reading=list_reading(index))
    addition = Addition(index, jobs=jobs, replacing=replacing, layers=layers)
    with closing(addition.run(inputs)) as outcomes:
        done = tuple(outcomes)
    return AdditionReport(done, tuple(addition.overlaps), addition.report())


def _refusal(outcome: AdditionOutcome, snapshot: Snapshot) -> SourceprintError:
    """Return the error that a failure amounts to."""
    message = f"{outcome.name}: {' '.join(outcome.remarks)}"
    if outcome.status:
        return AUDIO_ERRORS[outcome.status](message)
    return (DuplicateRecordingError if outcome.recording_id in snapshot else ParameterError)(message)
