"""Inputs, one by one: an audio file with its metadata, an input that cannot be used, a file that is no audio."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from fingerprint.errors import printable
from index.storage.tags import Ranges
from sourceprint.faults import Fault

__all__ = ["NOT_FETCHED", "Item", "OtherFile", "Refusal", "is_url"]

NOT_FETCHED = "is a URL, and nothing is fetched from the network; download it first, and name the file"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(text: str) -> bool:
    """Whether a text that should be a path is a URL, as no file has that name.

    Examples
    --------
    >>> is_url("https://host/a.mp3"), is_url("music/a.mp3")
    (True, False)
    """
    return bool(_URL.match(text)) and not os.path.lexists(text)


@dataclass(frozen=True, slots=True)
class Item:
    """One audio file with its metadata.

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
        Sorted; empty if none are given.
    excluded : tuple of (int, int)
        Ranges that never count, in milliseconds; empty if none are given.
    called : str
        Its name in results, where that is not its path: sound from standard input has none.
    """

    path: Path
    id: str = ""
    title: str = ""
    artists: tuple[str, ...] = ()
    isrc: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    excluded: Ranges = ()
    called: str = ""

    @property
    def name(self) -> str:
        """Its name in messages: one line, safe for a terminal."""
        return printable(self.called or self.path)

    def reason(self, error: Exception | Fault) -> str:
        """Return the message of an error about this file without its name, which the caller puts in front."""
        message = str(error)
        for name in (self.name, printable(self.path), printable(self.path.name)):
            if message.startswith((name + ": ", name + " ")):
                return message[len(name) :].removeprefix(":").strip()
        return message


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was named and cannot be used.

    Attributes
    ----------
    name : str
        Name of the input, fit for a message.
    reason : str
        Reason and remedy.
    path : Path or None
        The file or folder, where it was found in a folder.
    """

    name: str
    reason: str
    path: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class OtherFile:
    """Something in a folder that is surely no audio.

    Attributes
    ----------
    name : str
        Its path, fit for a message.
    kind : str
        Its type, as a noun in the singular: "text", "image".
    reason : str
        Its type, with remarks on this file.
    """

    name: str
    kind: str
    reason: str
