"""The audio files that a user names: files, folders, and lists of recordings.

Paths as given on the command line come in, one `Item` per audio file goes out, in a fixed order: arguments in the order
given, the content of a folder by name, the rows of a list from top to bottom. A fingerprint file (.spf) counts as an
audio file. Neither is opened here.

- A *file* is taken whatever its name.
- A *folder* is searched with all folders in it, for files whose name ends as audio files do (`AUDIO_SUFFIXES`) or
  in .spf; names that start with a dot are left out. Links are followed, each folder is entered once, so links in a
  circle do no harm. A link that leads nowhere is refused whatever its name: it may have stood for a folder.
- A *list* is a file that ends in .csv or .tsv, one recording per row:

      path            id       title           artist         isrc
      music/one.mp3   one-42   One for Tonight The Ones|Guest USRC17607839

  The first row names the columns, in any order; of these only `path` (or `file`) is needed, others are ignored. Paths
  are relative to the folder of the list. Several artists are separated by `|`. Two more columns may say what a
  recording is for and which parts of it never count, both with `|` between several: `tags`, and `exclude` with ranges
  of time as in `0:00-0:12.5|75-80.25` (see `index.storage.tags`). UTF-8, with or without a byte order mark. A .csv is
  read as RFC 4180 has it; the delimiter is the one of `,` `;` and tab that the header is made with. A .tsv has a tab
  between cells and no quoting, so that a title may start with a quotation mark.

What cannot be used (a folder without audio, a row without a path) becomes a `Refusal`, and the rest is taken; a wrong
header or encoding concerns the whole list and raises.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from fingerprint.disk import decoded, refusals
from fingerprint.errors import ParameterError, printable
from fingerprint.spf_files import SUFFIX
from index.storage.tags import Ranges, parse_ranges, parse_tags
from sourceprint.faults import Fault
from sourceprint.identifiers.isrc import validate

__all__ = ["AUDIO_SUFFIXES", "COLUMNS", "LIST_SUFFIXES", "Item", "NamedInputs", "Refusal", "collect", "read_list"]

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
LIST_SUFFIXES = frozenset({".csv", ".tsv"})

COLUMNS = {
    "path": "path",
    "file": "path",
    "id": "id",
    "title": "title",
    "artist": "artists",
    "isrc": "isrc",
    "tags": "tags",
    "exclude": "excluded",
}
_MAX_ID = 512


@dataclass(frozen=True, slots=True)
class Item:
    """One audio file, and what is said about it.

    Attributes
    ----------
    path : Path
        The file.
    id : str
        Id given for the recording; "" where it is to be derived from the name of the file.
    title : str
        Or "".
    artists : tuple of str
        In order of billing.
    isrc : str
        Compact, or "".
    source : str
        Where it was named, for messages: "list.csv, line 7", or "".
    tags : tuple of str
        Sorted; empty where nothing is said.
    excluded : tuple of (int, int)
        Ranges that never count, in milliseconds; empty where nothing is said.
    """

    path: Path
    id: str = ""
    title: str = ""
    artists: tuple[str, ...] = ()
    isrc: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    excluded: Ranges = ()

    @property
    def name(self) -> str:
        """What messages call it: one line, safe for a terminal."""
        return printable(self.path)

    def reason(self, error: Exception | Fault) -> str:
        """Return the message of an error about this file without its name, which whoever reports it puts in front."""
        message = str(error)
        for name in (self.name, printable(self.path.name)):
            if message.startswith((name + ": ", name + " ")):
                return message[len(name) :].removeprefix(":").strip()
        return message


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was named and cannot be used.

    Attributes
    ----------
    name : str
        What it is, fit for a message.
    reason : str
        Why, and what to do.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class NamedInputs:
    """Everything that was named: `items` to be used, in order, and `refusals`."""

    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]

    def __len__(self) -> int:
        return len(self.items) + len(self.refusals)


def collect(paths: Sequence[Path], *, lists: bool = True, fingerprints: bool = True) -> NamedInputs:
    """Return the audio files that files, folders and lists name.

    Parameters
    ----------
    paths : sequence of Path
        As given by the user; they need not exist: a missing file is an `Item` like any other, and fails when opened.
    lists : bool
        Whether .csv and .tsv files are read as lists of recordings; else they are taken for audio files.
    fingerprints : bool
        Whether fingerprint files in folders are taken, as audio files are.

    Raises
    ------
    ParameterError
        If a list as a whole cannot be read: its columns or its encoding are wrong.
    """
    items: list[Item] = []
    refusals: list[Refusal] = []
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
            listed, refused = read_list(path)
            items += listed
            refusals += refused
        else:
            items.append(Item(path))
    return NamedInputs(tuple(items), tuple(refusals))


def read_list(path: Path) -> tuple[list[Item], list[Refusal]]:
    """Read a list of recordings.

    Parameters
    ----------
    path : Path
        A file that ends in .csv or .tsv.

    Returns
    -------
    items : list of Item
        In the order of the rows.
    refusals : list of Refusal
        Rows that are wrong, and why.

    Raises
    ------
    ParameterError
        If the file cannot be read, is not UTF-8, has no column `path`, names a column twice, or is no CSV.
    """
    name = printable(path)
    lines = _lines(path, name)
    if not lines:
        raise ParameterError(f"{name}: an empty list; the first row must name the columns, {_wanted()}")
    rows = _rows(lines, name, tab_separated=path.suffix.lower() == ".tsv")
    _, header = next(rows, (1, []))
    columns = _columns(header, name)
    items: list[Item] = []
    refusals: list[Refusal] = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        source = f"{name}, line {line}"
        if len(cells) > len(header):
            refusals.append(
                Refusal(
                    source, f"has {len(cells)} cells, the header {len(header)}; quote values that hold the delimiter"
                )
            )
            continue
        values = {field: cells[at].strip() for field, at in columns.items() if at < len(cells)}
        try:
            items.append(_item(values, path.parent, source))
        except ParameterError as error:
            refusals.append(Refusal(source, str(error)))
    return items, refusals


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


def _lines(path: Path, name: str) -> list[str]:
    with refusals(name, ParameterError, "this list cannot be read"):
        data = path.read_bytes()
    text = decoded(data, name, ParameterError)
    return list(io.StringIO(text, newline="")) if text.strip() else []  # splitlines would also cut at U+2028 and others


def _rows(lines: list[str], name: str, *, tab_separated: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line on which each row starts, from 1, and its cells."""
    if tab_separated:
        yield from ((n, line.rstrip("\r\n").split("\t")) for n, line in enumerate(lines, 1))
        return
    delimiter = max(
        ",;\t", key=lambda c: (sum(cell.strip(' "').lower() in COLUMNS for cell in lines[0].split(c)), c == ",")
    )
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise ParameterError(
            f"{name}, line {start}: not CSV as RFC 4180 has it ({error}); put quotation marks round the whole "
            "cell, and double those inside it"
        ) from error


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Return where each field stands."""
    columns: dict[str, int] = {}
    for position, cell in enumerate(header):
        word = cell.strip().lower()
        field = COLUMNS.get(word)
        if field in columns and not (
            field == "path" and {word, header[columns[field]].strip().lower()} == {"path", "file"}
        ):
            raise ParameterError(f"{name}: two columns {word!r}; remove one")
        if field is not None and (field not in columns or word == "path"):
            columns[field] = position
    if "path" not in columns:
        found = ", ".join(printable(cell.strip()) for cell in header)
        raise ParameterError(
            f"{name}: no column path; the first row must name the columns, {_wanted()} (found: {found:.200})"
        )
    return columns


def _item(values: dict[str, str], folder: Path, source: str) -> Item:
    if not values.get("path"):
        raise ParameterError("the path is empty")
    recording_id = unicodedata.normalize("NFC", values.get("id", ""))
    if len(recording_id) > _MAX_ID:
        raise ParameterError(f"the id has {len(recording_id)} characters, at most {_MAX_ID} are possible")
    isrc = values.get("isrc", "")
    artists = tuple(artist.strip() for artist in values.get("artists", "").split("|") if artist.strip())
    return Item(
        folder / values["path"],
        recording_id,
        values.get("title", ""),
        artists,
        validate(isrc) if isrc else "",
        source,
        parse_tags(values.get("tags", "")),
        parse_ranges(values.get("excluded", "")),
    )


def _wanted() -> str:
    return "path (or file), and if known id, title, artist, isrc, tags, exclude"
