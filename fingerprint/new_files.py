"""New files and folders: whole under their names, or not there at all; no link is followed on the way.

A file is written beside its place, under a name that nobody can foresee (`.NAME.16 hexadecimal digits.tmp`), and takes
the place in one step when it is on the disk. A working folder has such a name too; it is for its owner alone. Both stay
locked while they are written, so leftovers of a killed process are known by their name, their owner and the missing
lock, a folder also by a record in it that only its maker can have written. The next process that writes to the same
place removes those, and nothing else.

The place of an output may be empty or hold a regular file. A link is refused, to any target: following it would alter
a file that nobody named, replacing it would silently leave that file as it was. Outputs that cannot lose data are
written to directly: a character device such as /dev/null, and open files of this process such as /dev/stdout. Folders
that are links are used at their real place, except those inside a folder of ours (`own_folder`).
"""

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fingerprint.errors import OutputError, SourceprintError, printable

__all__ = [
    "expect_place",
    "is_device",
    "is_leftover",
    "new_file",
    "new_folder",
    "open_ours",
    "own_folder",
    "working_folder",
]

_DESCRIPTORS = re.compile(r"/(?:dev/(?:(?P<name>stdin|stdout|stderr)|fd/(?P<dev>\d+))|proc/self/fd/(?P<proc>\d+))")
_NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}
_IN_THE_MAKING = re.compile(r"\.(?P<label>.*)\.[0-9a-f]{16}\.tmp", re.DOTALL)
_LABEL_BYTES = 200  # of a name that is part of another, which may have 255
_RECORD = "lock"  # in a working folder: its name, and the lock
_CONTENT = "new"  # in a working folder: the new content
_NOT_OURS = "is a link or something else than it should be, so Sourceprint did not make it; remove it"

_swept: set[tuple[int, int]] = set()  # disk and number of folders that this process has looked through


def is_device(path: Path) -> bool:
    """Return whether a path is a character device or an open file of this process: writing to it loses nothing."""
    if _DESCRIPTORS.fullmatch(str(path)):
        return True
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_leftover(name: str) -> bool:
    """Return whether a name is one of a file in the making: all that a killed process leaves in a folder of outputs.

    Examples
    --------
    >>> is_leftover(".page.html.0123456789abcdef.tmp"), is_leftover("page.html")
    (True, False)
    """
    return _IN_THE_MAKING.fullmatch(name) is not None


def expect_place(path: Path) -> None:
    """Make sure that a file may take the place `path`: that nothing is there, a regular file, or a device.

    Raises
    ------
    OutputError
        If there is a link, a folder, a pipe, or anything else.
    """
    name = printable(path)
    if is_device(path):
        return
    if path.is_symlink():
        raise OutputError(
            f"{name}: is a link to {printable(os.readlink(path))}; output is never written through links: name the "
            "file itself, or remove the link"
        )
    if path.is_dir():
        raise OutputError(f"{name}: is a folder; name a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{name}: is a pipe, a socket or a disk, which a file cannot replace; name a file")


@contextmanager
def new_file(
    path: Path, *, mode: int = 0o644, replace: bool = True, busy: SourceprintError | None = None
) -> Iterator[int]:
    """Yield a descriptor to write to; at the end of the block the file is on the disk and has its name.

    Parameters
    ----------
    path : Path
        Its place; the folder must exist.
    mode : int
        Who may read it, from the first byte on.
    replace : bool
        Whether it may take the place of another file.
    busy : SourceprintError, optional
        If given, two processes may not write to this place at once, and this is raised in the second.

    Raises
    ------
    FileExistsError
        If there is a file already, and it may not be replaced.
    OutputError
        As `expect_place`.
    SourceprintError
        The one given as `busy`.
    OSError
        If the system refuses; `path` is as it was, and nothing is left beside it.
    """
    expect_place(path)
    if is_device(path):
        with _device(path) as descriptor:
            yield descriptor
        return
    temporary, descriptor = _made_file(path, mode)
    try:
        _sweep(path, temporary, busy)
        yield descriptor
        os.fsync(descriptor)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, a link never takes the place of another file
            temporary.unlink()
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    _sync(path.parent)


@contextmanager
def new_folder(target: Path, *, busy: SourceprintError | None = None) -> Iterator[Path]:
    """Yield an empty folder to be filled; at the end of the block it has the name `target`, or is deleted if it fails.

    Parameters
    ----------
    target : Path
        Its place: nothing, an empty folder or a link to one; folders above it are made.
    busy : SourceprintError, optional
        As of `new_file`.

    Raises
    ------
    SourceprintError
        The one given as `busy`.
    OSError
        If the system refuses, for one because there is something in `target`; nothing is left beside it.
    """
    target = Path(os.path.realpath(target))
    with working_folder(target, busy=busy) as place:
        yield place
        os.replace(place, target)
        _sync(target.parent)


@contextmanager
def working_folder(beside: Path, *, busy: SourceprintError | None = None) -> Iterator[Path]:
    """Yield an empty folder that nobody else can reach, in that of `beside`; it is deleted after the block.

    Parameters
    ----------
    beside : Path
        The output made with it, which gives it a part of its name; folders above it are made.
    busy : SourceprintError, optional
        As of `new_file`.

    Raises
    ------
    SourceprintError, OSError
        As `new_folder`.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    holder = _in_the_making(beside)
    os.mkdir(holder, 0o700)
    opened: list[int] = []
    try:
        opened.append(os.open(holder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        opened.append(os.open(_RECORD, flags, 0o600, dir_fd=opened[0]))
        _is_locked(opened[1])
        os.write(opened[1], os.fsencode(holder.name))
        _sweep(beside, holder, busy)
        os.mkdir(holder / _CONTENT)
        yield holder / _CONTENT
    finally:
        with suppress(OSError):
            if opened:
                _empty(opened[0])
            os.rmdir(holder)
        for descriptor in opened:
            os.close(descriptor)


def open_ours(path: Path, flags: int) -> int:
    """Return a descriptor of a file that we keep in a folder, created when missing: a lock, a log.

    Raises
    ------
    OutputError
        If there is a link, which would let another file be altered, or no regular file.
    OSError
        If the system refuses.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise OutputError(f"{printable(path)}: {_NOT_OURS}") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OutputError(f"{printable(path)}: {_NOT_OURS}")
    return descriptor


def own_folder(path: Path) -> None:
    """Make sure of a folder inside one of ours, where files may be deleted; made when missing.

    Raises
    ------
    OutputError
        If it is a link, as the files would be somebody else's, or no folder.
    OSError
        If the system refuses.
    """
    if not os.path.lexists(path):
        path.mkdir(exist_ok=True)
    if path.is_symlink() or not path.is_dir():
        raise OutputError(f"{printable(path)}: {_NOT_OURS}")


def _label(path: Path) -> str:
    return os.fsencode(path.name)[:_LABEL_BYTES].decode("utf-8", "ignore")


def _in_the_making(path: Path) -> Path:
    return path.with_name(f".{_label(path)}.{secrets.token_hex(8)}.tmp")


def _made_file(path: Path, mode: int) -> tuple[Path, int]:
    while True:
        temporary = _in_the_making(path)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        _is_locked(descriptor)
        with suppress(FileNotFoundError):  # else taken for a leftover before it was locked
            if os.path.samestat(os.fstat(descriptor), os.lstat(temporary)):
                return temporary, descriptor
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool | None:
    """Lock a file and return True; False if another process has the lock, None where this file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sweep(path: Path, mine: Path, busy: SourceprintError | None) -> None:
    """Remove leftovers of killed processes in the folder of `path`; raise `busy` where a live one is making `path`.

    Without it, once for each folder and process: to list a large folder for every file in it would take longer than to
    write them.
    """
    folder = os.stat(path.parent)
    if (folder.st_dev, folder.st_ino) in _swept and busy is None:
        return
    _swept.add((folder.st_dev, folder.st_ino))
    for name in os.listdir(path.parent):
        found = _IN_THE_MAKING.fullmatch(name)
        if found and name != mine.name and _is_live(path.parent / name) and busy and found["label"] == _label(path):
            raise busy


def _is_live(place: Path) -> bool:
    """Return whether another process is making this; an abandoned file or folder of ours is removed."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # a link, or another's
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            return False
        if stat.S_ISREG(found.st_mode):
            is_free = _is_locked(descriptor)
            if is_free:
                place.unlink()
            return is_free is False
        return stat.S_ISDIR(found.st_mode) and _is_live_folder(place, descriptor)
    except OSError:
        return False  # it stays for the next
    finally:
        os.close(descriptor)


def _is_live_folder(place: Path, descriptor: int) -> bool:
    record = os.open(_RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    try:
        if os.read(record, 2 * _LABEL_BYTES) != os.fsencode(place.name):
            return False  # somebody gave this name to another folder of ours
        is_free = _is_locked(record)
        if is_free:
            _empty(descriptor)
            place.rmdir()
        return is_free is False
    finally:
        os.close(record)


def _empty(folder: int) -> None:
    """Delete the content of an open folder, even if the folder was renamed; follow no link."""
    for _, folders, files, descriptor in os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=folder):
        for name in files:
            os.unlink(name, dir_fd=descriptor)
        for name in folders:
            if stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=descriptor)
            else:
                os.rmdir(name, dir_fd=descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _device(path: Path) -> Iterator[int]:
    found = _DESCRIPTORS.fullmatch(str(path))
    if found is None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    else:
        named = found["name"]
        descriptor = os.dup(_NUMBERS[named] if named else int(found["dev"] or found["proc"]))
    try:
        yield descriptor
    finally:
        os.close(descriptor)
