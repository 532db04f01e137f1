"""Files of one session of a run: those that are named now, and audio that comes into their folders meanwhile.

Files in the folder of the run itself are never scanned.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sourceprint.folders.listing import Folders
from sourceprint.inputs import NamedInputs, appeared, collect
from sourceprint.items import Item, OtherFile, Refusal
from sourceprint.lists import ListReading
from sourceprint.scans.plan import Territory

__all__ = ["RunInputs", "run_inputs"]


@dataclass(frozen=True, slots=True, eq=False)
class RunInputs:
    """Files of one session.

    Attributes
    ----------
    items : list of Item
        Files to be scanned, in order.
    refusals : list of Refusal
        Named files and folders that cannot be used.
    others : tuple of OtherFile
        Files in folders that are no audio.
    notes : tuple of str
        On how lists were read.
    """

    items: list[Item]
    refusals: list[Refusal]
    others: tuple[OtherFile, ...]
    notes: tuple[str, ...]
    _paths: Sequence[str | os.PathLike[str]]
    _named: NamedInputs
    _folders: Folders

    def late(self) -> tuple[Refusal, ...]:
        """Return refusals of audio that has come into the folders since they were listed."""
        return appeared(self._paths, self._named, self._folders)


def run_inputs(paths: Sequence[str | os.PathLike[str]], *, run: Path, reading: ListReading | None = None) -> RunInputs:
    """Return the files that paths name, without those in the folder of the run.

    Parameters
    ----------
    paths : sequence of str or path-like
        Files, folders and lists, as `sourceprint.inputs.collect` takes them.
    run : Path
        The folder of the run.
    reading : ListReading, optional
        How lists are read.

    Raises
    ------
    ParameterError
        If a list as a whole is wrong.
    """
    folders = Folders(without=[run])
    named = collect(paths, folders=folders, reading=reading)
    items, refused = Territory([run]).outside(named.items, named=map(Path, paths))
    return RunInputs(items, [*named.refusals, *refused], named.others, named.notes, paths, named, folders)
