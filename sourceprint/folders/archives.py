"""Tell whether an archive holds audio, by its list of names; nothing in it is unpacked to the disk.

In come the path of an archive and its format, out comes the `Content` of it: "other" where no name in it is that of
audio or of another archive, or says nothing; else "sound", and its description. A compressed file that is no archive is
classified by its first bytes after decompression. Formats whose names cannot be read here may hold audio, and are said
to.

No more than `MOST_LISTED_BYTES` of an archive are read, compressed or decompressed, so that neither a bomb, nor a hole
of terabytes, nor a compressed archive of gigabytes costs more than seconds: where that is not enough, its content is
unknown. The libraries' work on those bytes is not bounded, so callers do this in a process that can be ended.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from fingerprint.errors import printable
from sourceprint.faults import Fault, contained
from sourceprint.folders.contents import HEAD_BYTES, OPEN, Content, content_of_head
from sourceprint.folders.names import AUDIO_SUFFIXES, hints_at_audio

__all__ = ["MOST_LISTED_BYTES", "content_of_archive"]

MOST_LISTED_BYTES: Final = 32 * 2**20
"""Of an archive that are read, decompressed, to see the names in it."""

_MOST_ZIP_BYTES: Final = 8 * 2**20  # of the names of a zip, each of which takes a kilobyte of memory
_MOST_HEAD_BYTES: Final = 2 * 2**20  # that hold the first bytes of a compressed file: a block of bzip2 is 900 kB
_LEAST_READ_BYTES: Final = 256  # that a read counts for: zeros behind a stream of gzip are read one by one
_MOST_NAMES: Final = 100_000
_NESTED: Final = frozenset(
    {".7z", ".arj", ".cab", ".cpio", ".iso", ".lha", ".rar", ".tar", ".tbz2", ".tgz", ".txz", ".wim", ".zip"}
)
_LEAST_SOUND_BYTES: Final = 4096  # of a file that could hold a second of sound, however it is compressed
_USUAL: Final = frozenset(
    {"AUTHORS", "CHANGELOG", "CHANGES", "CONTRIBUTORS", "COPYING", "COPYRIGHT", "DOCKERFILE", "GEMFILE", "HISTORY"}
    | {
        "INSTALL",
        "LICENCE",
        "LICENSE",
        "MAKEFILE",
        "MANIFEST",
        "METADATA",
        "NEWS",
        "NOTICE",
        "README",
        "RECORD",
        "TODO",
    }
)
_COMPRESSED: Final = ("gzip", "bzip2", "xz", "zlib")
_GIT: Final = (b"blob ", b"tree ", b"commit ", b"tag ")


_Stream = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


class _TooMuchError(Exception):
    """More would have to be read than is worth it."""


class _Limited(io.RawIOBase):
    """A file of which only so many bytes can be read."""

    def __init__(self, file: BinaryIO | _Stream, most: int) -> None:
        super().__init__()
        self._file = file
        self._left = most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left + 1 if size is None or size < 0 else size
        content = self._file.read(min(wanted, self._left + 1))
        self._left -= max(len(content), _LEAST_READ_BYTES)
        if self._left < 0:
            raise _TooMuchError
        return content


def content_of_archive(path: Path, form: str) -> Content:
    """Return whether an archive holds audio.

    Parameters
    ----------
    path : Path
        A regular file.
    form : str
        As `sourceprint.folders.contents.content_of_head` names it.

    Returns
    -------
    Content
        "other", or "sound" with a sentence such as "a zip archive that holds audio (a.wav); unpack it, ...".

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    name = f"a {form} archive"
    if form == "zip":
        read: Callable[[BinaryIO], Content] = _of_zip
    elif form == "tar":
        read = _of_tar
    elif form in _COMPRESSED:
        name = f"a file compressed with {form}"
        read = {"gzip": _of_gzip, "bzip2": _of_bzip2, "xz": _of_xz, "zlib": _of_zlib}[form]
    else:
        return _sound(f"{name}, which may hold audio: its names cannot be read here")
    with path.open("rb") as file:
        found = contained(lambda: _unless_too_much(read, file, name))
    if not isinstance(found, Fault):
        return found
    if form == "zlib":  # two bytes told it, and other data may begin with them
        return OPEN
    return _sound(f"{name} that is damaged or cannot be read, and may hold audio")


def _unless_too_much(read: Callable[[BinaryIO], Content], file: BinaryIO, name: str) -> Content:
    try:
        return read(file)
    except _TooMuchError:
        return _not_looked_into(name)


def _of_zip(file: BinaryIO) -> Content:
    with zipfile.ZipFile(_Limited(file, _MOST_ZIP_BYTES)) as archive:
        return _of_members("a zip archive", ((member.filename, member.file_size) for member in archive.infolist()))


def _of_tar(file: BinaryIO) -> Content:
    with tarfile.open(fileobj=_Limited(file, MOST_LISTED_BYTES), mode="r:") as archive:
        return _of_members("a tar archive", _members_of(archive))


def _of_gzip(file: BinaryIO) -> Content:
    return _of_compressed(file, lambda some: gzip.GzipFile(fileobj=some), "gzip")


def _of_bzip2(file: BinaryIO) -> Content:
    return _of_compressed(file, bz2.BZ2File, "bzip2")


def _of_xz(file: BinaryIO) -> Content:
    return _of_compressed(file, lzma.LZMAFile, "xz")


def _of_zlib(file: BinaryIO) -> Content:
    head = zlib.decompressobj().decompress(file.read(HEAD_BYTES), HEAD_BYTES)
    return Content("other", "data") if head.startswith(_GIT) else _of_head(head, "zlib")


def _of_compressed(file: BinaryIO, opened: Callable[[Any], _Stream], form: str) -> Content:
    """Return the content of a stream: by the names of a tar, or by the first bytes of a single file."""
    head = opened(_Limited(file, _MOST_HEAD_BYTES)).read(HEAD_BYTES)
    if content_of_head(head) != Content("archive", "tar"):
        return _of_head(head, form)
    name = f"a tar archive compressed with {form}"
    file.seek(0)
    stream = opened(_Limited(file, MOST_LISTED_BYTES))
    try:
        with tarfile.open(fileobj=_Limited(stream, MOST_LISTED_BYTES), mode="r|") as archive:
            return _of_members(name, _members_of(archive))
    except _TooMuchError:
        return _not_looked_into(name)


def _members_of(archive: tarfile.TarFile) -> Iterable[tuple[str, int]]:
    for member in archive:
        if not member.isdir():
            yield member.name, member.size


def _of_head(head: bytes, form: str) -> Content:
    found = content_of_head(head)
    if found.kind == "other":
        return Content("other", f"compressed {found.what}" if found.what == "text" else found.what)
    what = "audio" if found.kind == "audio" else "what may be audio"
    return _sound(f"{what}, compressed with {form}")


def _of_members(archive: str, members: Iterable[tuple[str, int]]) -> Content:
    """Return the content of an archive, by the names of its members and their sizes in bytes."""
    audio: list[str] = []
    nested = nameless = ""
    for number, (name, n_bytes) in enumerate(members):
        if number >= _MOST_NAMES:
            return _not_looked_into(archive)
        if _is_audio(name):
            audio.append(name)
        elif PurePosixPath(name).suffix.lower() in _NESTED or ".tar." in name:
            nested = nested or name
        elif n_bytes >= _LEAST_SOUND_BYTES and _tells_nothing(name):
            nameless = nameless or name
    if audio:
        more = f" and {len(audio) - 1} more" if len(audio) > 1 else ""
        return _sound(f"{archive} that holds audio ({printable(audio[0]):.80}{more})")
    if nested:
        return _sound(f"{archive} with an archive in it ({printable(nested):.80})")
    if nameless:
        return _sound(f"{archive} with a file whose name does not tell what it is ({printable(nameless):.80})")
    return Content("other", "archive without audio")


def _tells_nothing(name: str) -> bool:
    """Whether a name has no suffix, and is none of those that are usual without one."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "." not in last.rstrip(".") and last.upper().rstrip(".") not in _USUAL


def _is_audio(name: str) -> bool:
    last = PurePosixPath(name.replace("\\", "/")).name
    if last.startswith("._") or name.startswith("__MACOSX/"):  # the file manager of macOS puts these beside each file
        return False
    return PurePosixPath(last).suffix.lower() in AUDIO_SUFFIXES or hints_at_audio(last)


def _not_looked_into(name: str) -> Content:
    return _sound(f"{name} that is too long to be looked into, and may hold audio")


def _sound(what: str) -> Content:
    return Content("sound", f"{what}; unpack it, and give the folder")
