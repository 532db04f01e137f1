"""The audio files that a user names: files, folders, and lists of recordings.

Paths as given on the command line come in, one `Item` per audio file goes out, in a fixed order: arguments in the order
given, the content of a folder by name, the rows of a list from top to bottom. A fingerprint file (.spf) counts as an
audio file. Neither is opened here.

- A *file* is taken whatever its name.
- A *folder* is searched with all folders in it, for files whose name ends as audio files do (`AUDIO_SUFFIXES`) or
  in .spf; names that start with a dot are left out. Links are followed, each folder is entered once, so links in a
  circle do no harm. A link that leads nowhere is refused whatever its name: it may have stood for a folder.
- A *list* is a file that ends in .csv, .tsv or .xlsx, one recording or track per row, or a text with a path per line
  that is named with @ before it (`sourceprint.lists`). In a folder such files are no lists.

What cannot be used (a folder without audio, a row without a path) becomes a `Refusal`, and the rest is taken; a wrong
header or encoding of a list concerns the whole list and raises.
"""

import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from fingerprint.errors import printable
from fingerprint.spf_files import SUFFIX
from sourceprint.items import Item, Refusal
from sourceprint.lists import LIST_SUFFIXES, ListReading, present_rows, read_list, read_paths

__all__ = ["AUDIO_SUFFIXES", "Item", "NamedInputs", "Refusal", "collect"]

AUDIO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *(
            "aac",
            "ac3",
            "aif",
            "aifc",
            "aiff",
            "amr",
            "ape",
            "au",
            "caf",
            "dts",
            "flac",
            "m4a",
            "m4b",
            "mka",
            "mp2",
            "mp3",
        ),
        *("mpc", "oga", "ogg", "opus", "snd", "tak", "tta", "w64", "wav", "weba", "wma", "wv"),
        *("3gp", "mkv", "mov", "mp4", "webm"),  # video, whose sound is taken
    )
)


@dataclass(frozen=True, slots=True)
class NamedInputs:
    """Everything that was named: `items` to be used, in order, `refusals`, and `notes` on how lists were read."""

    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items) + len(self.refusals)


def collect(
    paths: Sequence[Path], *, lists: bool = True, fingerprints: bool = True, reading: ListReading | None = None
) -> NamedInputs:
    """Return the audio files that files, folders and lists name.

    Parameters
    ----------
    paths : sequence of Path
        As given by the user; they need not exist: a missing file is an `Item` like any other, and fails when opened.
    lists : bool
        Whether lists are read as such; else they are taken for audio files.
    fingerprints : bool
        Whether fingerprint files in folders are taken, as audio files are.
    reading : ListReading, optional
        How lists are read.

    Raises
    ------
    ParameterError
        If a list as a whole cannot be read: its columns or its encoding are wrong.
    """
    items: list[Item] = []
    refusals: list[Refusal] = []
    notes: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            n_before = len(items) + len(refusals)
            for found in _walk(path, AUDIO_SUFFIXES | {SUFFIX} if fingerprints else AUDIO_SUFFIXES):
                if isinstance(found, Refusal):
                    refusals.append(found)
                else:
                    items.append(Item(found))
            if len(items) + len(refusals) == n_before:
                reason = "a folder without audio files, judging by their names; name the files themselves"
                refusals.append(Refusal(printable(path), reason))
        elif lists and path.suffix.lower() in LIST_SUFFIXES:
            listed = present_rows(read_list(path, reading))
            items += listed.items
            refusals += listed.refusals
            notes += listed.notes
        elif lists and str(path).startswith("@") and not os.path.lexists(path):
            listed = present_rows(read_paths(Path(str(path)[1:]), reading))
            items += listed.items
            refusals += listed.refusals
        else:
            items.append(Item(path))
    return NamedInputs(tuple(items), tuple(refusals), tuple(notes))


def _walk(top: Path, suffixes: Set[str]) -> Iterator[Path | Refusal]:
    """Yield the files under `top` that end so, by name; folders are told apart by number, as links may lead back."""
    entered: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if not os.path.isdir(path):
            if path.suffix.lower() in suffixes:
                yield path
            else:
                yield Refusal(printable(path), "this link leads nowhere; mend or remove it")
            continue
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            names = sorted((name for name in os.listdir(path) if not name.startswith(".")), reverse=True)
        except OSError as error:
            yield Refusal(printable(path), f"this folder cannot be read ({error.strerror}); change its permissions")
            continue
        children = [path / name for name in names]
        waiting += [child for child in children if child.suffix.lower() in suffixes or _leads_on(child)]


def _leads_on(path: Path) -> bool:
    """Return whether a name stands for a folder, or is a link that leads nowhere and may have stood for one."""
    return os.path.isdir(path) or (os.path.islink(path) and not os.path.exists(path))
