"""The folder of a report: made, gone on with after an interruption, or replaced; files of others in it are left alone.

    index.html        the overview; written last, so that a report without it is unfinished
    cover.html        about the report as a whole
    files/*.html      a page per matched file
    recordings/*.html a page per recording
    cases/*.zip       with signed cases: one per matched file
    assets/           style, script, pictures and excerpts; not there where everything is inside the pages
    SHA256SUMS        with signed cases: digests of all the other files, for `sha256sum -c`
    report.txt        says that the folder is a report, and may be replaced as one
    unfinished.jsonl  while it is being made: of what, and a line per page that is done

Every file is written in one step (`index.storage.durable`). The same command continues a report: its inputs have a
digest, and pages made of the same inputs are kept.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from fingerprint.errors import EvidenceError, printable
from fingerprint.new_files import is_leftover, open_ours, own_folder
from index.storage.durable import publish, refusals, sync_folder
from sourceprint.evidence.pages.addresses import CASES, COVER, FILES, INDEX, NAMED, RECORDINGS, SUMS
from sourceprint.evidence.pages.page import ASSETS, SCRIPT, STYLE, asset

__all__ = ["ReportFolder", "expect_room"]

_MARK = "report.txt"
_MARK_TEXT = """\
This folder is a report that Sourceprint made: open index.html.
The command that made it replaces what is in it when it is given --force.
"""
_UNFINISHED = "unfinished.jsonl"
_OLD_NAME = "[0-9a-f]{24}"  # as versions before named pages
_OURS = {
    FILES: re.compile(rf"({NAMED.pattern}|{_OLD_NAME})\.html"),
    RECORDINGS: re.compile(rf"{NAMED.pattern}\.html"),
    CASES: re.compile(rf"{NAMED.pattern}\.zip"),
    ASSETS: re.compile(rf"(({NAMED.pattern}|{_OLD_NAME})-\d+-(track|recording)\.(png|ogg)|page\.(css|js))"),
}


class ReportFolder:
    """A report that is being made, and locked as long as it is; a context manager.

    Attributes
    ----------
    path : Path
        The folder.
    done : dict
        Records of the pages that an earlier start had made, by address.
    digests : dict of str to str
        SHA-256 of every file written, by its address.
    """

    def __init__(self, path: Path, done: dict[str, dict[str, Any]], lock: int) -> None:
        self.path = path
        self.done = done
        self.digests: dict[str, str] = {}
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    @classmethod
    def begin(cls, path: Path, recipe: str, *, folders: tuple[str, ...], replace: bool) -> Self:
        """Return the folder of a report: a new one, or one that the same command had not finished.

        Parameters
        ----------
        path : Path
        recipe : str
            Digest of all that it is made of.
        folders : tuple of str
            Those that it has.
        replace : bool
            Whether a report that is there is begun anew.

        Raises
        ------
        EvidenceError
            If the folder holds something else, or another report and `replace` is false, or if another process is
            writing a report into it.
        OutputError
            If one of its folders is a link.
        StorageFullError, CatalogueError
            If the disk is full, or the system refuses.
        """
        lock = _locked(path)
        try:
            done = None if replace else _done(path, recipe)
            if done is None:
                cls._clear(path, folders, replace=replace)
            made = cls(path, done or {}, lock)
            # Anew, so that a line that was cut off does not spoil the next; `keep` appends to it.
            publish(path / _UNFINISHED, b"".join(map(_line, ({"recipe": recipe}, *made.done.values()))))
            with refusals(path):
                for folder in folders:
                    own_folder(path / folder)
            if ASSETS in folders:
                for name in (STYLE, SCRIPT):
                    publish(path / ASSETS / name, asset(name))
        except BaseException:
            os.close(lock)
            raise
        return made

    @staticmethod
    def _clear(path: Path, folders: tuple[str, ...], *, replace: bool) -> None:
        """Remove an earlier report from the folder, and mark the folder as that of a report."""
        expect_room(path, replace=replace)
        with refusals(path):
            for name in (INDEX, COVER, SUMS, _UNFINISHED):
                (path / name).unlink(missing_ok=True)
            sync_folder(path)
            for folder, pattern in _OURS.items():
                if os.path.lexists(path / folder):
                    own_folder(path / folder)
                    for old in (path / folder).iterdir():
                        if pattern.fullmatch(old.name):
                            old.unlink()
                    if folder not in folders and not any((path / folder).iterdir()):
                        (path / folder).rmdir()
        publish(path / _MARK, _MARK_TEXT.encode())

    def write(self, address: str, data: bytes) -> None:
        """Write a file in one step, and keep its digest."""
        publish(self.path / address, data)
        self.digests[address] = hashlib.sha256(data).hexdigest()

    def keep(self, page: Mapping[str, Any]) -> None:
        """Record the outcome of a page, with its `address`, so that it is not made again."""
        with refusals(self.path), open(open_ours(self.path / _UNFINISHED, os.O_WRONLY | os.O_APPEND), "ab") as file:
            file.write(_line(page))

    def finish(self, overview: bytes, *, with_sums: bool) -> None:
        """Write the overview, and the digests of everything if they are wanted: the report is whole."""
        if with_sums:
            digests = {**self.digests, INDEX: hashlib.sha256(overview).hexdigest()}
            if (self.path / ASSETS).is_dir():
                digests |= {f"{ASSETS}/{name}": hashlib.sha256(asset(name)).hexdigest() for name in (STYLE, SCRIPT)}
            lines = [f"{digest}  {address}\n" for address, digest in sorted(digests.items())]
            publish(self.path / SUMS, "".join(lines).encode("ascii"))
        publish(self.path / INDEX, overview)
        with refusals(self.path):
            (self.path / _UNFINISHED).unlink()
            sync_folder(self.path)


def expect_room(path: Path, *, replace: bool) -> None:
    """Make sure that a report could be written into a folder: it is new, empty, or holds a report to be replaced.

    Raises
    ------
    EvidenceError
        If it holds something else.
    CatalogueError
        If it cannot be read.
    """
    with refusals(path):
        content = {each.name for each in path.iterdir() if not is_leftover(each.name)} if path.is_dir() else set()
        if path.exists() and not path.is_dir():
            raise EvidenceError(f"{printable(path)}: is a file; name a folder for the report")
        if content and not (path / _MARK).is_file():
            raise EvidenceError(f"{printable(path)}: holds other files; name a new or empty folder for the report")
        if content - {_MARK} and not replace:
            unfinished = (path / _UNFINISHED).is_file()
            what = "an unfinished report of other results, or with other options" if unfinished else "a report already"
            raise EvidenceError(f"{printable(path)}: holds {what}; give --force to replace it, or another folder")


def _locked(path: Path) -> int:
    """Return a descriptor of the folder, made when missing, that no other process has locked."""
    if os.path.lexists(path):
        expect_room(path, replace=True)
    with refusals(path):
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise EvidenceError(
            f"{printable(path)}: another process is writing a report there; wait until it has finished, or name "
            "another folder"
        ) from error
    except OSError:
        pass  # a file system without locks
    return descriptor


def _done(path: Path, recipe: str) -> dict[str, dict[str, Any]] | None:
    """Return the pages that are made of an unfinished report of this recipe; None if there is none."""
    with refusals(path):
        if not (path / _MARK).is_file() or not (path / _UNFINISHED).is_file():
            return None
        lines = (path / _UNFINISHED).read_bytes().split(b"\n")[:-1]  # a line that was cut off is a page to be made
    try:
        first, *pages = [json.loads(line) for line in lines]
        if first != {"recipe": recipe}:
            return None
        return {
            page["address"]: page
            for page in pages
            if all(os.path.isfile(path / address) for address in page["digests"])
        }
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"
