"""List a folder and the folders in it, in order of name: audio, other files, and refused files.

Every name is accounted for. One that ends as audio does is audio without a look at it, so that a folder of a hundred
thousand songs takes no longer than its names. Of any other file the first bytes decide
(`sourceprint.folders.contents`), of an archive its list of names, and where nothing else tells, a decoder: both in a
process of its own. A file that is no audio by all that may still have audio behind its head
(`sourceprint.folders.second_heads`). Hidden files are like others.

- *audio*: a file to be searched, whether or not it can be read.
- *other*: surely no audio: text, images, an archive without audio, a link to a folder that is listed already.
- *refused*: may be audio, and cannot be searched: an archive with audio in it, a picture with sound behind it, a file
  or folder that cannot be read, a link that leads nowhere or out of the folders that may be read, a pipe or device.

Links are followed; each folder is entered once, so links in a circle do no harm. Results are kept by file: in a second
listing, only changed files are opened.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fingerprint.audio.stream import holds_audio
from fingerprint.errors import printable
from fingerprint.spf_files import SUFFIX
from sourceprint.faults import Fault
from sourceprint.file_limits import most_seconds
from sourceprint.folders.archives import content_of_archive
from sourceprint.folders.contents import EMPTY, HEAD_BYTES, OPEN, Content, content_of_head
from sourceprint.folders.names import AUDIO_SUFFIXES, hints_at_audio
from sourceprint.folders.second_heads import MOST_SEARCHED_BYTES, second_head
from sourceprint.items import OtherFile, Refusal
from sourceprint.text.tables import grouped
from sourceprint.workers import in_order

__all__ = ["Folders", "Listed"]

_NOWHERE: Final = "this link leads nowhere; mend or remove it"
_OUTSIDE: Final = "a link that leads out of the folders that may be read; copy the file or folder itself"
_PIPE: Final = "a pipe, socket or device, not a file; save what it holds to a file"
_EDITORS_LOCK: Final = ".#"  # Emacs: a link that was never meant to lead anywhere
_MAY_HOLD_MARKS: Final = frozenset({"program"})  # of every format that it reads
_APPLE_DOUBLE: Final = "._"  # macOS: metadata of a file, under nearly the same name

_Signature = tuple[int, int, int, int]
_Task = tuple[Path, Content]  # a file, and its type by its first bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """Content of a folder, each in order of name: files to search, refused files, and files that are no audio."""

    audio: tuple[Path, ...]
    refusals: tuple[Refusal, ...]
    others: tuple[OtherFile, ...]


@dataclass(frozen=True, slots=True)
class _Unnamed:
    """A file whose name does not say that it is audio."""

    path: Path
    signature: _Signature
    is_empty: bool


class Folders:
    """Lists folders, and remembers the types of files that have not changed since.

    Parameters
    ----------
    fingerprints : bool
        Whether fingerprint files count as audio.
    without : iterable of Path
        Folders that are not entered; each is listed as another file.
    within : iterable of Path
        Folders that may be read: links that lead out of them are refused, neither opened nor entered. None: all may.
    """

    def __init__(self, *, fingerprints: bool = True, without: Iterable[Path] = (), within: Iterable[Path] = ()) -> None:
        self._suffixes = AUDIO_SUFFIXES | {SUFFIX} if fingerprints else AUDIO_SUFFIXES
        self._fingerprints = fingerprints
        self._without = _real(without)
        self._within = _real(within)
        self._known: dict[Path, dict[Path, tuple[_Signature, Content]]] = {}

    def listed(self, top: Path) -> Listed:
        """Return the content of a folder; files that have the name of audio are not opened."""
        found = list(self._walk(top))
        before = self._known.get(top, {})
        contents: dict[Path, tuple[_Signature, Content]] = {}
        unsettled = []
        for one in found:
            if isinstance(one, _Unnamed):
                known = before.get(one.path)
                content = _content(one) if known is None or known[0] != one.signature else known[1]
                contents[one.path] = (one.signature, content)
                if content.kind in ("archive", "open"):
                    unsettled.append(one)
        tasks = [(one.path, contents[one.path][1]) for one in unsettled]
        for one, content in zip(unsettled, _looked_into(tasks), strict=True):
            contents[one.path] = (one.signature, content)
        self._known[top] = contents
        audio: list[Path] = []
        refusals: list[Refusal] = []
        others: list[OtherFile] = []
        for one in found:
            settled = self._settled(one.path, contents[one.path][1]) if isinstance(one, _Unnamed) else one
            if isinstance(settled, Refusal):
                refusals.append(settled)
            elif isinstance(settled, OtherFile):
                others.append(settled)
            else:
                audio.append(settled)
        return Listed(tuple(audio), tuple(refusals), tuple(others))

    def _walk(self, top: Path) -> Iterator[Path | Refusal | OtherFile | _Unnamed]:
        """Yield all that is under `top`, by name; folders are told apart by number, as links may lead back."""
        entered: dict[tuple[int, int], str] = {}
        waiting = [os.fspath(top)]
        while waiting:
            name = waiting.pop()
            if self._within and os.path.islink(name) and not _is_in(name, self._within):
                yield Refusal(printable(name), _OUTSIDE, Path(name))
                continue
            try:
                status = os.stat(name)
            except OSError as error:
                yield self._lost(name, error)
                continue
            if stat.S_ISREG(status.st_mode):
                signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                yield (
                    Path(name) if self._is_named_as_audio(name) else _Unnamed(Path(name), signature, not status.st_size)
                )
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield Refusal(printable(name), _PIPE, Path(name))
                continue
            folder = (status.st_dev, status.st_ino)
            if folder in entered:
                reason = f"the same folder as {entered[folder]}, which is searched"
                yield OtherFile(printable(name), "link to a folder searched already", reason)
            elif _is_in(name, self._without):
                yield OtherFile(printable(name), "folder of the scan itself", "folder of the scan itself")
            else:
                entered[folder] = printable(name)
                yield from self._enter(name, waiting)

    def _enter(self, name: str, waiting: list[str]) -> Iterator[Refusal]:
        """Push a folder's entries on the stack `waiting`, the first by name last; yield a refusal if that fails."""
        try:
            waiting += [os.path.join(name, one) for one in sorted(os.listdir(name), reverse=True)]
        except OSError as error:
            reason = f"this folder cannot be read ({error.strerror}); change its permissions"
            yield Refusal(printable(name), reason, Path(name))

    def _is_named_as_audio(self, name: str) -> bool:
        last = os.path.basename(name)
        return os.path.splitext(last)[1].lower() in self._suffixes and not last.startswith(_APPLE_DOUBLE)

    def _lost(self, name: str, error: OSError) -> Path | Refusal | OtherFile:
        """Return the listing entry of a name that has no file."""
        if self._is_named_as_audio(name):
            return Path(name)  # it fails when it is opened, and says why
        if os.path.islink(name):
            if os.path.basename(name).startswith(_EDITORS_LOCK):
                return OtherFile(printable(name), "lock of an editor", "lock of an editor")
            return Refusal(printable(name), _NOWHERE, Path(name))
        return Refusal(printable(name), f"cannot be looked at ({error.strerror}); see to its permissions", Path(name))

    def _settled(self, path: Path, content: Content) -> Path | Refusal | OtherFile:
        """Return the listing entry of a file of this content."""
        if content.kind == "audio":
            return path
        if content.kind == "fingerprint" and self._fingerprints:
            reason = "a fingerprint file under another name; let its name end in .spf"
            return Refusal(printable(path), reason, path)
        if content.kind == "sound":
            return Refusal(printable(path), content.what, path)
        return OtherFile(printable(path), content.what, content.what)


def _real(folders: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(folder)) for folder in folders)


def _is_in(name: str, folders: Sequence[Path]) -> bool:
    """Return whether a name leads, after all links, into one of these folders, given without links."""
    real = Path(os.path.realpath(name))
    return any(real.is_relative_to(folder) for folder in folders)


def _content(file: _Unnamed) -> Content:
    """Return the type of a file by its first bytes; of kind "archive" or "open" where they alone do not tell."""
    if file.is_empty:
        return EMPTY
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            head = os.read(descriptor, HEAD_BYTES)
            content = content_of_head(head)
            if content.kind != "other" or content.what in _MAY_HOLD_MARKS:
                return content
            return _with_what_follows(content, head + os.read(descriptor, MOST_SEARCHED_BYTES - len(head)))
        finally:
            os.close(descriptor)
    except OSError as error:
        return _unread(error)


def _with_what_follows(content: Content, start: bytes) -> Content:
    """Return the type of a file that is no audio by its first bytes, after a search of the bytes behind them."""
    behind = second_head(start)
    if behind is None:
        return content
    where = f"the head of {behind.form} stands at byte {grouped(behind.offset)}"
    remedy = "take that out and give it as a file, or keep this one in another folder"
    return Content("sound", f"{content.what} by its first bytes, and {where}: it may hold audio; {remedy}")


def _looked_into(tasks: Sequence[_Task]) -> Iterator[Content]:
    """Yield the content of archives by their names, and of others by a decoder, in a process that a file may end."""
    if not tasks:
        return

    def failed(_: _Task, fault: Fault) -> Content:
        return Content("sound", f"looking into it failed: {fault}")

    with closing(in_order(_look_into, ((None, task) for task in tasks), jobs=1, failed=failed, limit=_limit)) as work:
        yield from (content for _, content in work if content is not None)


def _look_into(task: _Task) -> Content:
    """Return the type of one file; runs in the worker."""
    path, content = task
    try:
        if content.kind == "archive":
            content = content_of_archive(path, content.what)
        if content == OPEN:
            is_audio = holds_audio(path) or hints_at_audio(path.name)
            content = Content("audio") if is_audio else Content("other", OPEN.what)
        if content.kind != "other":
            return content
        with path.open("rb") as file:
            return _with_what_follows(content, file.read(MOST_SEARCHED_BYTES))
    except OSError as error:
        return _unread(error)


def _limit(task: _Task) -> float:
    return most_seconds(task[0])


def _unread(error: OSError) -> Content:
    """Return the content of a file that cannot be read: it may hold sound, so it is refused."""
    reason = f"cannot be read ({error.strerror}), so nobody knows whether it is audio; change its permissions"
    return Content("sound", reason)
