"""A layer between the program and the disk: it sees every call that changes files below one folder, in order.

`FileLayer` takes the place of the calls of `os` that create, write, flush, rename and delete; its
subclasses decide on each call. `FaultyDisk` refuses one or all from a certain one on, `Recorder` notes them, and a
`PowerCut` works out, from these notes, the possible states of a disk that lost its power after any of them.
"""

from __future__ import annotations

import errno
import functools
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from unittest import mock

__all__ = ["FaultyDisk", "FileLayer", "Operation", "PowerCut", "Recorder", "Tree", "read_tree", "write_tree"]

Kind = Literal["create", "write", "flush", "flush folder", "rename", "make folder", "delete", "delete folder"]
Tree = dict[str, bytes | None]
"""Files by path with their content, folders with None."""

_BLOCK: Final = 512  # bytes that a disk writes whole or not at all
_NAME_CHANGES: Final[dict[str, Kind]] = {
    "replace": "rename",
    "rename": "rename",
    "mkdir": "make folder",
    "unlink": "delete",
    "remove": "delete",
    "rmdir": "delete folder",
}
_NEED_ROOM: Final = frozenset({"create", "write", "flush", "flush folder", "rename", "make folder"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that changes the disk.

    Attributes
    ----------
    kind : str
        Kind of change.
    path, target : str
        Path inside the folder, "." for the folder itself; for a rename, from where to where.
    data : bytes
        Bytes to write; always at the end of the file.
    """

    kind: Kind
    path: str
    target: str = ""
    data: bytes = b""


class FileLayer:
    """Context manager that lets every change below a folder pass through `around`.

    Parameters
    ----------
    folder : Path
        The folder; calls elsewhere are left alone.
    flush : bool
        Whether to wait for the disk when a file is flushed; without, a trial that ends no process is much faster.
    """

    def __init__(self, folder: Path, *, flush: bool = True) -> None:
        self._root = os.path.abspath(folder)
        self._flush = flush
        self._descriptors: dict[int, str] = {}
        self._real = {name: getattr(os, name) for name in ("open", "write", "fsync")}
        fakes: dict[str, Callable[..., Any]] = {"open": self._open, "write": self._write, "fsync": self._fsync}
        for name, kind in _NAME_CHANGES.items():
            fakes[name] = functools.partial(self._change_name, getattr(os, name), kind)
        self._patches = [mock.patch.object(os, name, fake) for name, fake in fakes.items()]

    def around(self, operation: Operation, call: functools.partial[Any]) -> Any:
        """Handle one operation and return the result of `call`; the base class skips flushes if `flush` is off."""
        return call() if self._flush or operation.kind not in ("flush", "flush folder") else None

    def __enter__(self) -> Self:
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for patch in reversed(self._patches):
            patch.stop()

    def _open(self, path: Any, flags: int, *rest: Any, **options: Any) -> int:
        inside = self._inside(path, options.get("dir_fd"))
        call = functools.partial(self._real["open"], path, flags, *rest, **options)
        if inside is not None and flags & os.O_CREAT and not os.path.lexists(os.path.join(self._root, inside)):
            descriptor: int = self.around(Operation("create", inside), call)
        else:
            descriptor = call()
        self._descriptors.pop(descriptor, None)
        if inside is not None:
            self._descriptors[descriptor] = inside
        return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        call = functools.partial(self._real["write"], descriptor, data)
        path = self._descriptors.get(descriptor)
        written: int = call() if path is None else self.around(Operation("write", path, data=bytes(data)), call)
        return written

    def _fsync(self, descriptor: int) -> None:
        call = functools.partial(self._real["fsync"], descriptor)
        path = self._descriptors.get(descriptor)
        if path is None:
            call()
        else:
            is_folder = os.path.isdir(os.path.join(self._root, path))
            self.around(Operation("flush folder" if is_folder else "flush", path), call)

    def _change_name(self, real: Callable[..., Any], kind: Kind, path: Any, *rest: Any, **options: Any) -> None:
        call = functools.partial(real, path, *rest, **options)
        inside = self._inside(path, options.get("dir_fd"))
        target = self._inside(rest[0], None) if kind == "rename" else ""
        if inside is None or target is None:
            call()
        else:
            self.around(Operation(kind, inside, target), call)

    def _inside(self, path: Any, folder_descriptor: int | None) -> str | None:
        """Return a path as seen from the folder, or None if it lies elsewhere."""
        name = os.fspath(path)
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if folder_descriptor is not None:
            if folder_descriptor not in self._descriptors:
                return None
            name = os.path.join(self._root, self._descriptors[folder_descriptor], name)
        inside = os.path.relpath(os.path.abspath(name), self._root)
        return None if inside == os.pardir or inside.startswith(os.pardir + os.sep) else inside


class FaultyDisk(FileLayer):
    """Refuses operations with an error; of a write that is refused, the first half reaches the disk.

    Parameters
    ----------
    folder : Path
        The folder.
    code : int
        The error. A device error meets every kind of operation; a full disk or quota those that need room.
    allowed : int or None
        Operations that pass before the first that is refused; None: all pass, and are counted.
    once : bool
        Refuse one alone, rather than all from there on.

    Attributes
    ----------
    calls, refused : int
        Operations that could have been refused, and those that were.
    """

    def __init__(self, folder: Path, code: int, *, allowed: int | None = None, once: bool = False) -> None:
        super().__init__(folder, flush=False)
        self.calls = self.refused = 0
        self.allowed = allowed
        self._code = code
        self._once = once

    def around(self, operation: Operation, call: functools.partial[Any]) -> Any:
        """Count the operation, and refuse it if its turn has come."""
        if self._code != errno.EIO and operation.kind not in _NEED_ROOM:
            return super().around(operation, call)
        self.calls += 1
        if self.allowed is None or self.calls <= self.allowed or (self._once and self.refused):
            return super().around(operation, call)
        self.refused += 1
        if operation.kind == "write":
            call.func(call.args[0], operation.data[: len(operation.data) // 2])
        raise OSError(self._code, os.strerror(self._code))


class Recorder(FileLayer):
    """Notes every operation that succeeded.

    Attributes
    ----------
    operations : list of Operation
        In order.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, flush=False)
        self.operations: list[Operation] = []

    def around(self, operation: Operation, call: functools.partial[Any]) -> Any:
        """Carry the operation out and note it."""
        result = super().around(operation, call)
        self.operations.append(operation)
        return result


@dataclass(slots=True, eq=False)
class _File:
    """Bytes of a file: flushed, and written since the flush."""

    flushed: bytes = b""
    written: bytes = b""

    def after_cut(self, chance: random.Random) -> bytes:
        """Return the bytes that may be found: those flushed, and of the rest nothing, a part, holes, or everything."""
        if not self.written:
            return self.flushed
        how = chance.randrange(5)
        if how == 0:
            return self.flushed
        if how == 1:
            return self.flushed + self.written[: chance.randrange(len(self.written))]
        if how == 2:
            return self.flushed + bytes(len(self.written))
        if how == 3:
            holes = bytearray(self.written)
            for start in range(0, len(holes), _BLOCK):
                if chance.random() < 0.5:
                    holes[start : start + _BLOCK] = bytes(len(holes[start : start + _BLOCK]))
            return self.flushed + bytes(holes)
        return self.flushed + self.written


_FOLDER: Final = _File()
_Entry = _File | None  # None: there is no such name


@dataclass(slots=True)
class PowerCut:
    """A disk on which operations are carried out, and the states in which a cut of its power may leave it.

    As the standard promises and no more: data are safe once their file was flushed, names once their folder was.
    Until then each change of names in a folder may have happened or not, in any order, but changes of one name only one
    after the other; a rename happens as a whole.

    Parameters
    ----------
    tree : dict
        Files that are safely on the disk at first.
    """

    tree: Tree
    _now: dict[str, _File] = field(init=False)
    _safe: dict[str, _File] = field(init=False)
    _open: dict[str, list[dict[str, _Entry]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._now = {path: _FOLDER if data is None else _File(data) for path, data in self.tree.items()}
        self._safe = dict(self._now)

    def apply(self, operation: Operation) -> None:
        """Carry out one operation.

        Raises
        ------
        ValueError
            For a rename from one folder to another, which is two changes and not provided for.
        """
        path = operation.path
        if operation.kind == "write":
            self._now[path].written += operation.data
        elif operation.kind == "flush":
            file = self._now[path]
            file.flushed, file.written = file.flushed + file.written, b""
        elif operation.kind == "flush folder":
            for names in self._open.pop(path, []):
                _rename(self._safe, names)
        elif operation.kind == "rename":
            if os.path.dirname(path) != os.path.dirname(operation.target):
                raise ValueError(f"rename of {path} to {operation.target}: from one folder to another")
            self._change({path: None, operation.target: self._now[path]})
        elif operation.kind in ("create", "make folder"):
            self._change({path: _File() if operation.kind == "create" else _FOLDER})
        else:
            self._change({path: None})

    def after_cut(self, chance: random.Random, share: float) -> Tree:
        """Return one state in which the disk may be found if the power goes now.

        Parameters
        ----------
        chance : Random
            Source of chance for the part that was written.
        share : float
            Of changes of names not yet flushed, how many reached the disk, from 0 to 1.
        """
        names = dict(self._safe)
        for changes in self._open.values():
            lost: set[str] = set()
            for change in changes:
                if lost & set(change) or chance.random() >= share:
                    lost |= set(change)
                else:
                    _rename(names, change)
        return {
            path: None if file is _FOLDER else file.after_cut(chance)
            for path, file in sorted(names.items())
            if all(names.get(str(parent)) is _FOLDER for parent in Path(path).parents if str(parent) != ".")
        }

    def _change(self, names: dict[str, _Entry]) -> None:
        _rename(self._now, names)
        folder = os.path.dirname(next(iter(names))) or "."
        self._open.setdefault(folder, []).append(names)


def _rename(all_names: dict[str, _File], names: Mapping[str, _Entry]) -> None:
    for path, file in names.items():
        if file is None:
            all_names.pop(path, None)
        else:
            all_names[path] = file


def read_tree(folder: Path) -> Tree:
    """Return everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def write_tree(tree: Tree, folder: Path) -> None:
    """Make a folder that holds this."""
    folder.mkdir()
    for name, data in sorted(tree.items()):
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)
