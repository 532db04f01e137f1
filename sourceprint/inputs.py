"""The audio files that a user names: files, folders, and lists of recordings.

Paths as given on the command line come in, one `Item` per audio file goes out, in a fixed order: arguments in the order
given, the content of a folder by name, the rows of a list from top to bottom. A fingerprint file (.spf) counts as an
audio file. Neither is opened here, but for the first bytes of files in folders.

- A *file* is taken with any name and content.
- A *folder* is searched with all folders in it; everything in it is accounted for (`sourceprint.folders.listing`).
- A *list* is a file that ends in .csv, .tsv or .xlsx, one recording or track per row, or a text with a path per line
  that is named with @ before it (`sourceprint.lists`). In a folder such files are no lists.
- `-` is sound from standard input, where the caller has put it into a file; a URL is refused, as nothing is fetched.

An unusable input (a folder without audio, an archive with audio in it, a row without a path) becomes a `Refusal`, and
the rest is taken; a wrong header or encoding of a list concerns the whole list and raises. A file in a folder that is
surely no audio is an `OtherFile`.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fingerprint.errors import ParameterError, printable
from sourceprint.folders.contents import HEAD_BYTES, content_of_head
from sourceprint.folders.listing import Folders
from sourceprint.folders.own_files import own_kind
from sourceprint.items import NOT_FETCHED, Item, OtherFile, Refusal, is_url
from sourceprint.lists import LIST_SUFFIXES, ListReading, present_rows, read_list, read_paths

__all__ = [
    "STANDARD_INPUT",
    "Item",
    "NamedInputs",
    "OtherFile",
    "Refusal",
    "appeared",
    "collect",
    "other_files_json",
    "other_files_text",
    "present",
]

_LIST_OF_PATHS = ("", ".lst", ".txt")  # endings of a text with a path per line

STANDARD_INPUT = "-"
"""Sign for standard input among paths."""


@dataclass(frozen=True, slots=True)
class NamedInputs:
    """Everything that was named.

    Attributes
    ----------
    items : tuple of Item
        To be used, in order.
    refusals : tuple of Refusal
    others : tuple of OtherFile
        Files in folders that are no audio.
    notes : tuple of str
        On how lists were read.
    """

    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]
    others: tuple[OtherFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items) + len(self.refusals)


def collect(
    paths: Sequence[str | os.PathLike[str]],
    *,
    lists: bool = True,
    fingerprints: bool = True,
    folders: Folders | None = None,
    piped: Item | None = None,
    reading: ListReading | None = None,
) -> NamedInputs:
    """Return the audio files that files, folders and lists name.

    Parameters
    ----------
    paths : sequence of str or path-like
        As given by the user; they need not exist: a missing file is an `Item` like any other, and fails when opened.
    lists : bool
        Whether lists are read as such; else they are taken for audio files.
    fingerprints : bool
        Whether fingerprint files in folders are taken, as audio files are.
    folders : Folders, optional
        By which to list folders, where they are listed again and again, or some are not to be entered.
    piped : Item, optional
        Sound from standard input, where that can be taken.
    reading : ListReading, optional
        How lists are read.

    Raises
    ------
    ParameterError
        If a list as a whole is wrong: its columns or its encoding.
    """
    folders = folders or Folders(fingerprints=fingerprints)
    items: list[Item] = []
    refusals: list[Refusal] = []
    others: list[OtherFile] = []
    notes: list[str] = []
    for path in [os.fspath(path) for path in paths]:
        if path == STANDARD_INPUT:
            if piped is None:
                refusals.append(Refusal(path, "standard input cannot be taken here; save it to a file, and name that"))
            elif piped in items:
                refusals.append(Refusal(path, "standard input can be read once only; name it once"))
            else:
                items.append(piped)
        elif not path:
            refusals.append(Refusal("''", "an empty path, as from a variable that is not set; name a file"))
        elif is_url(path):
            refusals.append(Refusal(printable(path), NOT_FETCHED))
        elif os.path.isdir(path):
            listed = folders.listed(Path(path))
            items += map(Item, listed.audio)
            refusals += listed.refusals
            others += listed.others
            if not listed.audio and not listed.refusals:
                without = f"a folder without audio{_instead(listed.others)}; name the files themselves"
                reason = own_kind(Path(path)) or without
                refusals.append(Refusal(printable(path), reason, Path(path)))
        elif lists and Path(path).suffix.lower() in LIST_SUFFIXES:
            try:
                rows = present_rows(read_list(Path(path), reading), reading)
            except ParameterError as error:
                if not isinstance(error.__cause__, OSError):
                    raise
                refusals.append(Refusal(printable(path), Item(Path(path)).reason(error)))
                continue
            items += rows.items
            refusals += rows.refusals
            notes += rows.notes
        elif lists and path.startswith("@") and not os.path.lexists(path):
            rows = present_rows(read_paths(Path(path[1:]), reading), reading)
            items += rows.items
            refusals += rows.refusals
        elif lists and _is_text(Path(path)):
            reason = f"a text, not audio; if it has a path per line, name it as {printable('@' + path)}"
            refusals.append(Refusal(printable(path), reason))
        elif lists and (kind := own_kind(Path(path))):
            refusals.append(Refusal(printable(path), kind))
        else:
            items.append(Item(Path(path)))
    return NamedInputs(tuple(items), tuple(refusals), tuple(others), tuple(notes))


def present(inputs: NamedInputs) -> NamedInputs:
    """Return inputs with a refusal for every file that is not there: a mistyped name has no result."""
    missing = [item for item in inputs.items if not os.path.lexists(item.path)]
    if not missing:
        return inputs
    refusals = [Refusal(item.name, "no such file; check the spelling and the folder") for item in missing]
    items = tuple(item for item in inputs.items if item not in missing)
    return replace(inputs, items=items, refusals=(*inputs.refusals, *refusals))


def appeared(paths: Sequence[str | os.PathLike[str]], before: NamedInputs, folders: Folders) -> tuple[Refusal, ...]:
    """Return refusals of audio that has come into folders since they were listed, by the same `folders`.

    Parameters
    ----------
    paths : sequence of str or path-like
        As given to `collect`.
    before : NamedInputs
        Result of the earlier `collect`.
    folders : Folders
        The same.
    """
    known = {item.path for item in before.items} | {refusal.path for refusal in before.refusals}
    reason = "came into the folder while the others were searched, and was not; try again"
    new: dict[Path, Refusal] = {}
    for path in map(Path, paths):
        if os.path.isdir(path):
            listed = folders.listed(path)
            there = (*listed.audio, *(refusal.path for refusal in listed.refusals if refusal.path is not None))
            new |= {one: Refusal(printable(one), reason, one) for one in there if one not in known}
    return tuple(new.values())


def other_files_text(others: Iterable[OtherFile]) -> str:
    """Return how many other files there are, by kind, the most frequent first; "" for none.

    Examples
    --------
    >>> other_files_text([OtherFile(name, "text", "text") for name in ("a", "b")] + [OtherFile("c", "image", "image")])
    '3 other files, not taken for audio: 2 text, 1 image'
    """
    kinds = Counter(other.kind for other in others)
    if not kinds:
        return ""
    files = "1 other file, not taken for audio" if kinds.total() == 1 else _MANY.format(kinds.total())
    by_number = sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))
    return f"{files}: {', '.join(f'{n} {kind}' for kind, n in by_number)}"


def other_files_json(others: Iterable[OtherFile]) -> list[dict[str, str]]:
    """Return other files as plain JSON types: name and reason of each, in order."""
    return [{"name": other.name, "reason": other.reason} for other in others]


def _is_text(path: Path) -> bool:
    """Return whether a file is named as a list of paths, and begins as a text does."""
    if path.suffix.lower() not in _LIST_OF_PATHS:
        return False
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return content_of_head(file.read(HEAD_BYTES)).what == "text"
    except (OSError, ValueError):  # opening it reports the error
        return False


_MANY = "{} other files, not taken for audio"


def _instead(others: Sequence[OtherFile]) -> str:
    said = other_files_text(others)
    return f" ({said})" if said else " (it is empty)"
