"""Tell the type of a file by its first bytes, never by its name.

In come the first `HEAD_BYTES` of a file; out comes a `Content`: audio (or video, which may have sound), an archive,
something that holds sound and cannot be read, something that is surely no audio, or `OPEN`, where only a decoder can
tell: frames without a header have no mark that other files could not have by chance.

Text goes first: a letter may begin with the word that marks a format.
"""

import string
from dataclasses import dataclass
from typing import Final, Literal

from fingerprint.audio.containers import kind_of
from fingerprint.spf_files import MAGIC as FINGERPRINT_MAGIC

__all__ = ["EMPTY", "HEAD_BYTES", "OPEN", "Content", "content_of_head"]

HEAD_BYTES: Final = 4096

Class = Literal["audio", "archive", "sound", "other", "fingerprint", "open"]


@dataclass(frozen=True, slots=True)
class Content:
    """Type of a file.

    Attributes
    ----------
    kind : {"audio", "archive", "sound", "other", "fingerprint", "open"}
        "sound": holds sound that cannot be searched; "open": nobody knows.
    what : str
        Description: of an archive its format; of "sound" its type and the remedy; of others a noun.
    """

    kind: Class
    what: str = ""


OPEN: Final = Content("open", "unknown data")
EMPTY: Final = Content("other", "empty")

# Of these, a few bytes are all that tells them: a decoder has to say.
_WEAK: Final = frozenset({"ac3", "aac", "mp3", "mp2"})

_AUDIO: Final = (
    (0, b"ID3"),
    (0, b"FRM8"),
    (0, b"Creative Voice File"),
    (0, b"NIST_1A"),
    (0, b" paf"),
    (0, b"fap "),
    (0, b"MP+"),
    (0, b"MPCK"),
    (0, b"tBaK"),
    (0, b"ajkg"),
    (0, b"ea3\x03"),
    (0, b"EA3\x01"),
    (0, b".RMF"),
    (0, b".ra\xfd"),
    (0, b"DTSHDHDR"),
    (0, b"\x7f\xfe\x80\x01"),
    (0, b"\xfe\x7f\x01\x80"),
    (0, b"\x1f\xff\xe8\x00"),
    (0, b"\xff\x1f\x00\xe8"),
    (4, b"\xf8\x72\x6f\xba"),
    (4, b"\xf8\x72\x6f\xbb"),
    (0, b"nut/multimedia container\0"),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),  # MXF
)
_ARCHIVES: Final = (
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"PK\x07\x08", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"LZIP", "lzip"),
    (0, b"\x89LZO\0", "lzop"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"MSCF", "cab"),
    (0, b"\x60\xea", "arj"),
    (2, b"-lh", "lha"),
    (0, b"!<arch>\ndebian-binary", "Debian"),
    (0, b"070701", "cpio"),
    (0, b"070707", "cpio"),
    (0, b"xar!", "xar"),
    (0, b"hsqs", "squashfs"),
    (0, b"MSWIM\0", "wim"),
    (0, b"StuffIt", "StuffIt"),
    (0, b"SIT!", "StuffIt"),
)
_SOUND: Final = (
    (0, b"Extended Module: ", "a tracker module"),
    (0, b"IMPM", "a tracker module"),
    (44, b"SCRM", "a tracker module"),
    *((1080, mark, "a tracker module") for mark in (b"M.K.", b"M!K!", b"FLT4", b"4CHN", b"6CHN", b"8CHN")),
    (0, b"OFR ", "OptimFROG"),
    (0, b"TWIN", "TwinVQ"),
    (0, b"ADIF", "AAC with an ADIF header"),
    (0, b"#!SILK", "SILK"),
    (0, b"FSB5", "a bank of sounds"),
    (0, b"RSTM", "a stream of a game"),
    (0, b"BKHD", "a bank of sounds"),
    (0, b"\x57\x90\x75\x36", "an Audible book"),
)
_OTHER: Final = (
    (0, b"MThd", "MIDI"),
    (0, b"\x89PNG", "image"),
    (0, b"\xff\xd8\xff", "image"),
    (0, b"GIF8", "image"),
    (0, b"II*\0", "image"),
    (0, b"MM\0*", "image"),
    (0, b"\0\0\x01\0", "image"),
    (0, b"8BPS", "image"),
    (0, b"\xff\x0a", "image"),
    (0, b"\0\0\0\x0cJXL ", "image"),
    (0, b"\0\0\0\x0cjP  ", "image"),
    (0, b"qoif", "image"),
    (0, b"\x76\x2f\x31\x01", "image"),
    (0, b"gimp xcf", "image"),
    (0, b"DDS ", "image"),
    (0, b"%PDF", "document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),
    (0, b"\0\x01\0\0\0", "font"),
    (0, b"OTTO", "font"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"\x7fELF", "program"),
    (0, b"MZ", "program"),
    (0, b"\xcf\xfa\xed\xfe", "program"),
    (0, b"\xce\xfa\xed\xfe", "program"),
    (0, b"\xca\xfe\xba\xbe", "program"),
    (0, b"\0asm", "program"),
    (0, b"!<arch>\n", "program"),
    (1, b"\r\r\n", "program"),
    (0, b"SQLite format 3\0", "data"),
    (0, b"\x93NUMPY", "data"),
    (0, b"\x89HDF\r\n", "data"),
    (0, b"PAR1", "data"),
    (0, b"ARROW1", "data"),
    (0, b"Obj\x01", "data"),
    (0, b"GGUF", "data"),
    (8, b'{"', "data"),  # safetensors
    (0, b"PACK", "data"),
    (0, b"\xfftOc", "data"),
    (0, b"DIRC", "data"),
    (0, b"bplist00", "data"),
    *((0, b"\x80" + bytes([version]), "data") for version in (2, 3, 4, 5)),  # pickle
    (0, b"\0\0\0\x01Bud1", "data of the file manager"),
    (0, b"\0\x05\x16\x07", "data of the file manager"),
    (0, b"\0\x05\x16\0", "data of the file manager"),
    (0, b"L\0\0\0\x01\x14\x02\0", "data of the file manager"),
)
_IMAGE_BRANDS: Final = (
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"mif1",
    b"msf1",
    b"avif",
    b"avis",
    b"crx ",
)
_RIFF: Final = {
    b"WEBP": Content("other", "image"),
    b"ACON": Content("other", "image"),
    b"RMID": Content("other", "MIDI"),
}
_RIFF_SOUND: Final = {b"sfbk": "a bank of sounds", b"DLS ": "a bank of sounds", b"QLCM": "QCELP"}
_SQLITE_OF_AUDACITY: Final = (68, b"AUDY")
_TEXT: Final = frozenset(string.printable.encode()) | {0x08, 0x1B} | frozenset(range(0x80, 0x100))
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def content_of_head(head: bytes) -> Content:
    r"""Return the type of a file with these first bytes.

    Parameters
    ----------
    head : bytes
        Its first `HEAD_BYTES`; fewer where it has no more.

    Examples
    --------
    >>> content_of_head(b"RIFF\x24\0\0\0WAVEfmt ").kind
    'audio'
    >>> content_of_head(b"MAC addresses of the studio\n")
    Content(kind='other', what='text')
    """
    if not head:
        return EMPTY
    if head.startswith(FINGERPRINT_MAGIC):
        return Content("fingerprint", "fingerprint file")
    if _is_text(head):
        return Content("other", "text")
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] in _RIFF_SOUND:
        return _unreadable(_RIFF_SOUND[head[8:12]])
    if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS:
        return Content("other", "image")
    kind = kind_of(head)
    if kind and kind not in _WEAK:
        return Content("audio", kind)
    if any(head.startswith(magic, offset) for offset, magic in _AUDIO) or _is_transport_stream(head):
        return Content("audio")
    for offset, magic, name in _ARCHIVES:
        if head.startswith(magic, offset):
            return Content("archive", name)
    if _is_tar(head):
        return Content("archive", "tar")
    if head.startswith(_SQLITE_OF_AUDACITY[1], _SQLITE_OF_AUDACITY[0]) and head.startswith(b"SQLite"):
        return _unreadable("a project of Audacity")
    for offset, magic, name in _SOUND:
        if head.startswith(magic, offset):
            return _unreadable(name)
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return Content("other", "image")
    for offset, magic, name in _OTHER:
        if head.startswith(magic, offset):
            return Content("other", name)
    if len(head) >= 2 and head[0] & 0x8F == 0x08 and (head[0] << 8 | head[1]) % 31 == 0:
        return Content("archive", "zlib")
    return OPEN


def _unreadable(name: str) -> Content:
    return Content("sound", f"{name}: holds sound that cannot be read here; convert it to FLAC, and give that")


def _is_text(head: bytes) -> bool:
    if head.startswith(_UTF_16) and len(head) % 2 == 0:
        low = 0 if head[0] == 0xFF else 1
        controls = (head[at + low] for at in range(2, len(head), 2) if not head[at + 1 - low])
        return all(unit >= 0x20 or unit in (0x09, 0x0A, 0x0C, 0x0D) for unit in controls)
    return _TEXT.issuperset(head)


def _is_tar(head: bytes) -> bool:
    """Return whether a header of a tar begins the file: its checksum tells, as old ones have no mark."""
    try:
        return (
            int(head[148:156].strip(b"\0 "), 8) == sum(head[:148]) + 8 * 0x20 + sum(head[156:512]) and len(head) > 511
        )
    except ValueError:
        return False


def _is_transport_stream(head: bytes) -> bool:
    """Return whether packets of 188 bytes follow each other, or of 192 as on discs and of 204 as in broadcasts."""
    return any(
        len(head) > start + 3 * step and all(head[start + step * n] == 0x47 for n in range(4))
        for step in (188, 192, 204)
        for start in range(step)
    )
