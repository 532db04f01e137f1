"""The process that is killed: changes an index, and announces its changes, commits and disk operations.

    python -m benchmarks.durability_child FOLDER SEED CHANGES PHASE NUMBER

It draws as many changes as asked for (`durability_index.draw_changes`) and carries them out. On standard output it says
`ready` before the first, `change` before each, and `commit` after each commit. Before each operation on the disk it
says the phase of the operation, after it `.`. At operation NUMBER of PHASE it kills itself; in the middle of a write.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.durability_disk import FileLayer, Operation
from benchmarks.durability_index import carry_out, contents_of, draw_changes
from index.folder.index import Index

__all__ = ["BETWEEN", "phase_of"]

BETWEEN: Final = "."
"""Said when an operation is over."""


def phase_of(operation: Operation) -> str:
    """Return the phase of a writer at an operation: one of five words.

    Examples
    --------
    >>> phase_of(Operation("write", "segments/000001/keys.npy"))
    'segment'
    >>> phase_of(Operation("rename", "manifest.json.tmp", "manifest.json")), phase_of(Operation("flush folder", "."))
    ('switch', 'switch')
    """
    if operation.kind in ("delete", "delete folder"):
        return "clean"
    if operation.kind == "rename" or operation.path == ".":
        return "switch"
    path = Path(operation.path)
    if path.parts[0] == "segments":
        return "lists" if path.name.startswith("list_") else "segment"
    return "manifest"


class _Telling(FileLayer):
    def __init__(self, folder: Path, phase: str, number: int) -> None:
        super().__init__(folder)
        self._phase = phase
        self._left = number

    def tell(self, word: str) -> None:
        self._real["write"](1, f"{word}\n".encode("ascii"))

    def around(self, operation: Operation, call: functools.partial[Any]) -> Any:
        phase = phase_of(operation)
        self.tell(phase)
        self._left -= phase == self._phase
        if phase == self._phase and self._left == 0:
            if operation.kind == "write":
                call.func(call.args[0], operation.data[: len(operation.data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        result = call()
        self.tell(BETWEEN)
        return result


def main(folder: Path, seed: int, n_changes: int, phase: str, number: int) -> None:
    """Change the index."""
    contents = contents_of(Index.open(folder).snapshot())
    changes = draw_changes(random.Random(seed), contents, n_changes)
    with _Telling(folder, phase, number) as disk:
        disk.tell("ready")
        carry_out(folder, changes, announce=lambda _: disk.tell("change"), confirm=lambda: disk.tell("commit"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
