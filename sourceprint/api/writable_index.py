"""Changes of an open index: recordings added, corrected, tagged, removed; each call is a commit, or several.

One writer at a time, in any thread or process; a second one is refused.
"""

import os
from collections.abc import Sequence

from fingerprint.arguments import expect_words
from index.storage.recordings import Recording
from sourceprint.api.additions import AdditionReport, add_many, add_one
from sourceprint.api.audio import Audio
from sourceprint.api.changes import amend_listed, amend_one, exclude_ranges, tag_recordings
from sourceprint.api.open_index import OpenIndex
from sourceprint.api.tracks import Paths, named_paths
from sourceprint.catalogue.annotations import remove_recordings

__all__ = ["WritableIndex"]


class WritableIndex(OpenIndex):
    """An open index whose recordings can be changed."""

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

    def add_all(
        self, paths: Paths, *, jobs: int | None = 1, replace: bool = False, layers: Sequence[str] = ()
    ) -> AdditionReport:
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
        layers : sequence of str
            Layers that the index is to have from now on, besides those that it has: `("recording", "composition")`.
            Recordings that lack one get it.

        Returns
        -------
        AdditionReport
            Look at its `failures`.

        Raises
        ------
        ParameterError
            If a list as a whole is wrong, `jobs` is below 1, or there is no such layer.
        IndexLockedError, StorageFullError, CatalogueError
            If another writer is at work, the disk is full, or the index cannot be written.
        """
        self._open()
        return add_many(self.path, named_paths(paths), jobs=jobs, replacing=replace, layers=layers)

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
        expect_words(ids=ids)
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
            For columns that are ignored.
        """
        return amend_listed(self._folder(), sheet)
