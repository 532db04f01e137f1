"""The export formats by name, with the kind of their output and words for help; light, as the command reads it.

A `text` is one file that may go to standard output, a `file` is one that needs a place, a `folder` is many files.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FOLDERS", "FORMATS", "TEXTS", "ExportKind", "place_help"]


@dataclass(frozen=True, slots=True)
class ExportKind:
    """One export format.

    Attributes
    ----------
    output : {"text", "file", "folder"}
    meaning : str
        For the help of `results`, in a few words.
    of_matches : bool
        Of a folder: whether it leaves out tracks without a match; else those that could not be searched.
    """

    output: Literal["text", "file", "folder"]
    meaning: str
    of_matches: bool = False


FORMATS: dict[str, ExportKind] = {
    "jsonl": ExportKind("text", "JSON Lines"),
    "csv": ExportKind("text", "a row per passage"),
    "parquet": ExportKind("file", "the same rows, typed"),
    "audacity": ExportKind("folder", "labels", of_matches=True),
    "jams": ExportKind("folder", "annotations"),
    "acrcloud": ExportKind("text", "ACRCloud-shaped JSON Lines"),
}

TEXTS = tuple(name for name, kind in FORMATS.items() if kind.output == "text")
FOLDERS = tuple(name for name, kind in FORMATS.items() if kind.output == "folder")


def place_help() -> str:
    """Return the help of the option that names the place."""
    needed = [name for name in FORMATS if name not in TEXTS]
    return (
        f"Output: a folder for {' and '.join(FOLDERS)}, else a file  [default: standard output, but for "
        f"{', '.join(needed)}]"
    )
