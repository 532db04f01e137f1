"""Changes of recordings that need no audio: tags, excluded ranges, corrections, removal. Each call is one commit."""

import os
import warnings
from collections.abc import Sequence

from fingerprint.arguments import expect_flags, expect_texts, expect_words, path_of
from fingerprint.errors import ParameterError, printable
from index.folder.index import Index
from index.storage.recordings import Recording
from sourceprint.api.tracks import InputWarning, list_columns
from sourceprint.catalogue.annotations import change_exclusions, change_tags
from sourceprint.catalogue.brevity import brevity_remarks
from sourceprint.catalogue.corrections import correct, correction_of, read_corrections

__all__ = ["amend_listed", "amend_one", "exclude_ranges", "tag_recordings"]


def tag_recordings(index: Index, ids: Sequence[str], *, added: Sequence[str], removed: Sequence[str]) -> int:
    """Give recordings tags and take tags away; arguments and errors as `Catalogue.tag`."""
    expect_words(ids=ids, add=added, remove=removed)
    if not ids:
        raise ParameterError("ids: are missing; name the recordings to tag")
    if not added and not removed:
        raise ParameterError("nothing to change; give add=[...] or remove=[...]")
    return change_tags(index, ids, added=added, removed=removed)


def exclude_ranges(index: Index, recording_id: str, ranges: Sequence[str | Sequence[int]], *, clear: bool) -> Recording:
    """Exclude ranges of a recording; arguments and errors as `Catalogue.exclude`."""
    expect_texts(recording_id=recording_id)
    expect_flags(clear=clear)
    if not ranges and not clear:
        raise ParameterError("nothing to exclude; give ranges, such as '0:00-0:12.5', or clear=True")
    change_exclusions(index, recording_id, ranges, clear=clear)
    changed = index.snapshot().by_id(recording_id)
    for remark in brevity_remarks(changed.duration_ms, excluded=changed.excluded):
        warnings.warn(f"{printable(recording_id)}: {remark}", InputWarning, stacklevel=3)
    return changed


def amend_one(
    index: Index,
    recording_id: str,
    *,
    title: str | None,
    artists: str | Sequence[str] | None,
    isrc: str | None,
    new_id: str | None,
) -> Recording:
    """Correct one recording; arguments and errors as `Catalogue.amend`."""
    if title is None and artists is None and isrc is None and new_id is None:
        raise ParameterError("nothing to correct; give title, artists, isrc or id")
    expect_texts(recording_id=recording_id, title=title, isrc=isrc, id=new_id)
    names = (artists,) if isinstance(artists, str) else artists
    expect_words(artists=() if names is None else names)
    correct(index, [correction_of(recording_id, title=title, artists=names, isrc=isrc, new_id=new_id)])
    return index.snapshot().by_id(recording_id)


def amend_listed(index: Index, sheet: str | os.PathLike[str]) -> int:
    """Correct the recordings of a sheet; arguments and errors as `Catalogue.amend_all`."""
    corrections, notes = read_corrections(path_of("sheet", sheet), list_columns(index.path))
    for text in notes:
        warnings.warn(text, InputWarning, stacklevel=3)
    return correct(index, corrections)
