"""Changes of recordings that need no audio: their tags, the parts that never count, and their removal.

The writer amends the recordings (`index.storage.amendments`). Each function is one commit, all or nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from fingerprint.errors import ParameterError
from index.folder.index import Index
from index.storage.tags import Ranges, normalised_ranges, normalised_tags, parse_ranges

__all__ = ["change_exclusions", "change_tags", "remove_recordings"]


def change_tags(index: Index, ids: Sequence[str], *, added: Sequence[str] = (), removed: Sequence[str] = ()) -> int:
    """Give recordings tags and take tags away; return how many were changed.

    Parameters
    ----------
    index : Index
        The index.
    ids : sequence of str
        Recordings.
    added, removed : sequence of str
        Tags; no tag may be in both.

    Raises
    ------
    UnknownRecordingError
        If a recording is not in the index.
    ParameterError
        If a tag is none (`index.storage.tags`), is to be added and removed, or is to be removed and no recording has
        it.
    IndexLockedError, StorageFullError
        As `Index.writer`, `Writer.commit`.
    """
    new, old = set(normalised_tags(added)), set(normalised_tags(removed))
    if new & old:
        raise ParameterError(f"tag {min(new & old)!r}: cannot be added and removed at once; give it to one of them")
    with index.writer() as writer:
        recordings = [writer.recording(recording_id) for recording_id in dict.fromkeys(ids)]
        unused = old.difference(*(recording.tags for recording in recordings))
        if unused:
            raise ParameterError(
                f"tag {min(unused)!r}: none of these recordings has it; `sourceprint list` shows their tags"
            )
        changed = [replace(recording, tags=tuple({*recording.tags, *new} - old)) for recording in recordings]
        for recording in changed:
            writer.amend(recording)
    return sum(before != after for before, after in zip(recordings, changed, strict=True))


def change_exclusions(
    index: Index, recording_id: str, ranges: Sequence[str | Sequence[int]], *, clear: bool = False
) -> Ranges:
    """Exclude ranges of a recording, beside those that are excluded already, and return all that are now.

    Parameters
    ----------
    index : Index
        The index.
    recording_id : str
        The recording.
    ranges : sequence of str or of (int, int)
        Texts that `index.storage.tags.parse_ranges` reads, or start and end in milliseconds.
    clear : bool
        Forget those that were excluded before.

    Raises
    ------
    UnknownRecordingError
        If the recording is not in the index.
    ParameterError
        If one is no range, or one that lies beyond the end of the recording.
    IndexLockedError, StorageFullError
        As `Index.writer`, `Writer.commit`.
    """
    given = [
        pair for one in ranges for pair in (parse_ranges(one) if isinstance(one, str) else normalised_ranges([one]))
    ]
    with index.writer() as writer:
        recording = writer.recording(recording_id)
        kept = () if clear else recording.excluded
        changed = replace(recording, excluded=(*kept, *given))
        writer.amend(changed)
    return changed.excluded


def remove_recordings(index: Index, ids: Sequence[str]) -> int:
    """Remove recordings, all that are named or none; return how many they are.

    Parameters
    ----------
    index : Index
        The index.
    ids : sequence of str
        Recordings; one that is named twice counts once.

    Raises
    ------
    UnknownRecordingError
        If a recording is not in the index.
    IndexLockedError, StorageFullError
        As `Index.writer`, `Writer.commit`.
    """
    wanted = dict.fromkeys(ids)
    with index.writer() as writer:
        for recording_id in wanted:
            writer.remove(recording_id)
    return len(wanted)
