"""Recognise an audio file by its first bytes, and read the length that its header claims.

Decoding starts here. File names are not trusted (a text file may be called ``song.mp3``), nor are headers: a recording
cut short by a full disk still claims its whole length, and two mp3 files joined claim only the first. The input is an
open file, the output a `Container`: the kind of file, the decoder to try first, and the claimed length, to compare
with the samples decoded. Standard library only; no sample is decoded here.

The choice of decoder is measured (one core, times real time): libsndfile 1.2.2 reads mp3 at 1050-1150, FFmpeg at
720-950. But libsndfile stops for good at damage, and takes the length of an mp3 from its Xing header or from a guess:
of two files joined (320, then 64 kbit/s, 20 s) it returned 12 s and no error. So it gets an mp3 only when the Xing
header agrees with the size of the file. Ogg goes to FFmpeg: Vorbis 1100 against 650, Opus 416 against 162. So does
FLAC, which is as fast with either: FFmpeg reads beyond the length that the header states, and knows where damage lies.

Sources: RFC 3533 (Ogg), RFC 9639 (FLAC), ISO/IEC 11172-3 (mp3 frame header); for the Xing tag, files that LAME writes.
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from fingerprint.audio.lengths import CLAIMS
from fingerprint.audio.windows import FileWindow

__all__ = ["BARE_FRAMES", "SEQUENTIAL", "Container", "inspect_container", "kind_of"]

_HEAD_BYTES = 4096
_OGG_TAIL_BYTES = 65_536 + 282  # the longest page there can be
_OGG_FIRST = b"OggS\x00\x02"
_OGG_FIRST_PAGE = re.compile(rb"OggS\x00[\x02\x06]")  # first of its stream, and perhaps the last as well
_BLOCK_BYTES = 2**20
_OGG_LOST_BYTES = 64 * _BLOCK_BYTES  # without a page, however damaged: no Ogg goes on
_MP3_TAIL_BYTES = 4096  # ID3v1, Lyrics3 and APE tags end an mp3 that is otherwise exact

_MP3_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by MPEG version bits

# Bytes at an offset -> kind. libsndfile is to try mp3 and those of _LIBSNDFILE.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (4, b"wide", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"FLV", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"#!AMR", "amr"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wavpack"),
    (0, b"TTA1", "tta"),
    (0, b"DSD ", "dsf"),
    (0, b"\x0b\x77", "ac3"),
)
_LIBSNDFILE = frozenset({"wav", "aiff", "au", "w64", "caf"})
# Frame after frame to the end of the file, of which the header states the number.
SEQUENTIAL = frozenset({"tta", "ape"})
# Frame after frame to the end of the file, and nothing beside them but tags.
BARE_FRAMES = frozenset({"mp3", "mp2", "aac", "ac3"})
_NOT_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"MThd", "a MIDI file (notes, no sound)"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"#EXTM3U", "a playlist"),
)
_TEXT_BYTES = frozenset(string.printable.encode()) | frozenset(range(0x80, 0x100))


@dataclass(frozen=True, slots=True)
class Container:
    """Kind, claimed length and damage of a file, from its first bytes (in Ogg also from its last).

    Attributes
    ----------
    kind : str
        ``"wav"``, ``"mp3"``, ``"mp4"``, ...; ``""`` where the bytes are unknown: FFmpeg may know them all the same.
    libsndfile : bool
        True where libsndfile is to be tried before FFmpeg.
    claimed_seconds : float or None
        Length according to the header; None where it has none, or none that can be trusted.
    missing_end : str
        Sign that the end of the file is missing; ``""`` if there is none.
    whole : bool
        True where the header says how many bytes there are, and they are there.
    start : int
        Byte at which the file begins for a decoder: after a tag that does not belong there.
    edits : mapping of int to bytes
        Bytes from `start` on to be read as others, so that a decoder reads on to the end of the stream.
    no_count : mapping of int to bytes
        As `edits`, where frames go on after the number of them that the header states: it then states none.
    tag_bytes : int
        Length of the tags at the end of a file of the kinds of `SEQUENTIAL`; of those at both ends, of the kinds of
        `BARE_FRAMES`.
    links : tuple of int
        Where the parts of a chained Ogg file start: each is a file of its own.
    not_audio : str
        The file's true kind (``"a PDF document"``) if it is recognised and not audio; else ``""``.
    """

    kind: str
    libsndfile: bool = False
    claimed_seconds: float | None = None
    missing_end: str = ""
    whole: bool = False
    start: int = 0
    edits: Mapping[int, bytes] = field(default_factory=dict)
    no_count: Mapping[int, bytes] = field(default_factory=dict)
    tag_bytes: int = 0
    links: tuple[int, ...] = (0,)
    not_audio: str = ""


def inspect_container(file: BinaryIO) -> Container:
    """Return the kind of `file`, the decoder to try first and the length it claims; the file is left at its beginning.

    Parameters
    ----------
    file : BinaryIO
        Seekable, opened for reading.

    Returns
    -------
    Container

    Examples
    --------
    >>> import io
    >>> inspect_container(io.BytesIO(b"fLaC" + bytes(60))).kind
    'flac'
    >>> inspect_container(io.BytesIO(b"Dear Sir, please find enclosed")).not_audio
    'text'
    """
    size = file.seek(0, os.SEEK_END)
    start = _end_of_id3(file)
    head = _read_at(file, start, _HEAD_BYTES)
    kind = kind_of(head)
    if kind == "mp3":
        container = replace(_inspect_mp3(head, start, size - start), tag_bytes=start + _bytes_of_tags(file, size))
    elif kind == "ogg":
        ended = _ogg_has_ended(_read_at(file, max(0, size - _OGG_TAIL_BYTES), _OGG_TAIL_BYTES))
        container = Container(
            kind, missing_end="" if ended else "the mark at the end is missing", links=_ogg_links(file, size)
        )
    elif kind in CLAIMS:
        claim = CLAIMS[kind](FileWindow(file, start))
        container = Container(
            kind,
            kind in _LIBSNDFILE and not claim.beyond_field,
            claim.seconds,
            "the file is shorter than its header says" if claim.cut else "",
            kind != "flac" and not claim.cut,
            start,
            claim.edits,
        )
    elif kind in BARE_FRAMES:
        container = Container(kind, tag_bytes=start + _bytes_of_tags(file, size))
    elif kind:
        container = Container(kind, tag_bytes=_bytes_of_tags(file, size) if kind in SEQUENTIAL else 0)
    else:
        container = Container("", not_audio=_what_else(head))
    file.seek(0)
    return container


def kind_of(head: bytes) -> str:
    """Return the kind of audio, or of film, that begins with some bytes, 4096 or all that there are; "" for none."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12], "")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"FORM" and head[8:12] in (b"8SVX", b"16SV", b"MAUD"):
        return "iff"
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset):
            return kind
    if head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return "mpegts"
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        if head[1] & 0xF6 == 0xF0:
            return "aac"
        bitrate, rate = head[2] >> 4, head[2] >> 2 & 3  # 0 and 15, and 3, are not in use
        layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
        if layer and version != 1 and bitrate not in (0, 15) and rate != 3:
            return "mp3" if layer == 1 else "mp2"
    return ""


def _what_else(head: bytes) -> str:
    for magic, name in _NOT_AUDIO:
        if head.startswith(magic):
            return name
    return "text" if head and _TEXT_BYTES.issuperset(head) else ""


def _read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _end_of_id3(file: BinaryIO) -> int:
    """Return where the ID3v2 tag, or several in a row, ends: 0 without any."""
    offset = 0
    while True:
        tag = _read_at(file, offset, 10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:10]) > 127:
            return offset
        length = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        offset += 10 + length + (10 if tag[5] & 0x10 else 0)


def _bytes_of_tags(file: BinaryIO, size: int) -> int:
    """Return how many bytes ID3v1 and APE tags take at the end of the file."""
    end = size
    if _read_at(file, max(0, end - 128), 3) == b"TAG":
        end -= 128
    footer = _read_at(file, max(0, end - 32), 32)
    if footer[:8] == b"APETAGEX":
        end -= int.from_bytes(footer[12:16], "little") + 32
    return size - max(0, end)


def _inspect_mp3(head: bytes, start: int, size: int) -> Container:
    """Trust the Xing header of an mp3 only as far as its byte count agrees with `size`, the bytes after the ID3 tag."""
    version = head[1] >> 3 & 3
    mono = head[3] >> 6 == 3
    rate_hz = _MP3_RATES_HZ[version][head[2] >> 2 & 3]
    samples_per_frame = 1152 if version == 3 else 576
    if head[36:40] == b"VBRI":  # of Fraunhofer's encoders; it states bytes, then frames
        samples = samples_per_frame * int.from_bytes(head[50:54], "big")
        joined = size - int.from_bytes(head[46:50], "big") > _MP3_TAIL_BYTES
        return Container("mp3", claimed_seconds=samples / rate_hz if samples and not joined else None)
    tag = 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))  # after the frame's side information
    flags = int.from_bytes(head[tag + 4 : tag + 8], "big")
    if head[tag : tag + 4] not in (b"Xing", b"Info") or not flags & 1:
        return Container("mp3")
    samples = samples_per_frame * int.from_bytes(head[tag + 8 : tag + 12], "big")
    if flags & 15 == 15:  # all optional fields are there; LAME then states its padding, and decoders drop that
        padding = int.from_bytes(head[tag + 141 : tag + 144], "big")
        samples -= (padding >> 12) + (padding & 0xFFF)
    if not flags & 2:  # no count of bytes: nothing tells whether a file was joined to its end
        return Container("mp3", claimed_seconds=samples / rate_hz if samples > 0 else None)
    extra = size - int.from_bytes(head[tag + 12 : tag + 16], "big")
    if extra > _MP3_TAIL_BYTES:
        return Container("mp3")  # something was joined to its end: the header speaks of the first part only
    no_count = {start + tag + 8: bytes(4)}
    if samples <= 0:
        return Container("mp3", edits=no_count)
    return Container("mp3", extra >= 0, samples / rate_hz, whole=extra >= 0, no_count=no_count)


def _ogg_has_ended(tail: bytes) -> bool:
    """Return True where `tail` ends with a whole page marked as the last of its stream."""
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    segments = tail[page + 26]
    length = 27 + segments + sum(tail[page + 27 : page + 27 + segments])
    return bool(tail[page + 5] & 4) and len(tail) >= page + length


def _ogg_links(file: BinaryIO, size: int) -> tuple[int, ...]:
    """Return where the links of a chain start: at first pages that do not follow another first page."""
    links = [0]
    end_of_first = 0  # of the first page seen last
    offset = last_page = 0
    while offset < size and offset - last_page <= _OGG_LOST_BYTES:
        block = _read_at(file, offset, _BLOCK_BYTES + len(_OGG_FIRST) - 1)
        if b"OggS" in block:
            last_page = offset
        for found in _OGG_FIRST_PAGE.finditer(block):
            page = offset + found.start()
            if page > end_of_first > 0:
                links.append(page)
            head = _read_at(file, page, 27)
            segments = _read_at(file, page + 27, head[26]) if len(head) == 27 else b""
            end_of_first = page + 27 + len(segments) + sum(segments)
        offset += _BLOCK_BYTES
    return tuple(links)
