"""Filters: which recordings of the catalogue a search is about.

In come the words of `--only` and `--exclude`, out goes one flag per recording of a snapshot. A word is

    id:ID       the recording with this id
    tag:TAG     all recordings with this tag
    @FILE       all whose id stands in this file: UTF-8, an id per line; empty lines and those that start with # are
                comments

A recording is searched if one of the `--only` words names it, or there is none, and no `--exclude` word does. A word
that names nothing is an error: a typing error in a filter must not open a gate.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fingerprint.disk import decoded, refusals
from fingerprint.errors import ParameterError, UnknownRecordingError, printable
from index.storage.snapshot import Snapshot
from index.storage.tags import normalised_tags

__all__ = ["Choice", "Filter"]

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """Recordings that some words name.

    Attributes
    ----------
    words : tuple of str
        As given.
    ids : tuple of str
        Ids that they name, each once.
    tags : tuple of str
        Tags that they name, sorted.
    """

    words: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> Self:
        """Read words, and the files that they name.

        Raises
        ------
        ParameterError
            If a word has another form, or a file cannot be read or names nothing.

        Examples
        --------
        >>> Choice.parse(["tag:sync", "id:one"])
        Choice(words=('tag:sync', 'id:one'), ids=('one',), tags=('sync',))
        """
        ids: dict[str, None] = {}
        tags: list[str] = []
        for word in words:
            kind, colon, value = word.partition(":")
            if word.startswith("@"):
                ids |= dict.fromkeys(_ids_in(Path(word[1:])))
            elif kind == "id" and colon and value:
                ids[unicodedata.normalize("NFC", value)] = None
            elif kind == "tag" and colon and value:
                tags.append(value)
            else:
                raise ParameterError(f"filter {word!r:.80}: must be id:ID, tag:TAG, or @FILE with one id per line")
        return cls(tuple(words), tuple(ids), normalised_tags(tags))

    def flags(self, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Return which recordings of a snapshot are named [shape=(n_recordings,)]; errors as `Filter.allowed`."""
        flags = np.zeros(len(snapshot.recordings), dtype=np.bool_)
        ordinals = snapshot.recordings.find_all(self.ids)
        unknown = [printable(recording_id) for recording_id, at in zip(self.ids, ordinals, strict=True) if at < 0]
        if unknown:
            others = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            names = ", ".join(unknown[:_MOST_NAMED])
            raise UnknownRecordingError(
                f"the filter names {names}{others}: not in the index; `sourceprint list` shows its ids"
            )
        flags[ordinals] = True
        if self.tags:
            known = snapshot.recordings.tags
            missing = set(self.tags).difference(*known)
            if missing:
                raise ParameterError(
                    f"filter tag:{min(missing)}: no recording of the index has this tag; `sourceprint list` shows "
                    "the tags"
                )
            flags |= np.fromiter((not set(self.tags).isdisjoint(tags) for tags in known), np.bool_, flags.size)
        return flags


@dataclass(frozen=True, slots=True)
class Filter:
    """The recordings that `only` names, or all if it has no words, without those that `exclude` names."""

    only: Choice = Choice()
    exclude: Choice = Choice()

    @classmethod
    def parse(cls, only: Sequence[str], exclude: Sequence[str]) -> Self:
        """Read the words of a filter; errors as `Choice.parse`."""
        return cls(Choice.parse(only), Choice.parse(exclude))

    def allowed(self, snapshot: Snapshot) -> NDArray[np.bool_] | None:
        """Return which recordings of a snapshot are searched [shape=(n_recordings,)], by ordinal; None if all are.

        Raises
        ------
        UnknownRecordingError
            If an id is not in the index; names some of them.
        ParameterError
            If no recording has a tag, or none is left to be searched.
        """
        if not self.only.words and not self.exclude.words:
            return None
        allowed = ~self.exclude.flags(snapshot)
        if self.only.words:
            allowed &= self.only.flags(snapshot)
        if not allowed.any():
            raise ParameterError("the filter leaves no recording to be searched; change only or exclude")
        return allowed


def _ids_in(path: Path) -> list[str]:
    name = printable(path)
    with refusals(path, ParameterError, "this list of ids cannot be read"):
        data = path.read_bytes()
    text = decoded(data, name, ParameterError)
    lines = [line.strip() for line in text.split("\n")]
    ids = [unicodedata.normalize("NFC", line) for line in lines if line and not line.startswith("#")]
    if not ids:
        raise ParameterError(f"{name}: holds no id; write one per line")
    return ids
