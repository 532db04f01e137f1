"""Compare the length that an uncompressed file's header claims with the bytes that follow it.

A recorder that loses power leaves the length of its last update in the header; a pipe leaves none. Both libraries
believe such a header and stop reading at the length it states. Here the stream is believed: bytes after the claimed
end are part of it, unless they read as chunks of the format, as tags, or as zeros. The input is a file from its first
byte on; the output is a `LengthClaim`, with the header fields to correct so that all of the stream is read.

Sources: Microsoft and IBM, "Multimedia Programming Interface 1.0" (WAV); EBU Tech 3306 (RF64); Apple, "AIFF-C" and
"Core Audio Format 1.0" (AIFF, CAF); Sony, "Wave64"; Sun's audio(7) (AU); RFC 9639 (FLAC); Microsoft, "Advanced Systems
Format" (ASF); RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from fingerprint.audio.windows import FileWindow

__all__ = ["CLAIMS", "LengthClaim"]

_ByteOrder = Literal["little", "big"]

_MAX_CHUNKS: Final = 64
_FIELD_MAX: Final = 2**32 - 1
# Lengths that programs write when they do not know any: FFmpeg into a pipe, sox, others.
_UNKNOWN: Final = frozenset({_FIELD_MAX, 0x7FFFF000, 0x80000000})
# Chunks that follow the sound: even if they are cut short, they are no sound. Samples may look like a name by chance.
_KNOWN: Final = frozenset(
    {
        b"list",
        b"id3 ",
        b"bext",
        b"ixml",
        b"axml",
        b"_pmx",
        b"cue ",
        b"smpl",
        b"inst",
        b"fact",
        b"junk",
        b"pad ",
        b"fllr",
    }
    | {b"cart", b"peak", b"umid", b"chna", b"acid", b"strc", b"afsp", b"name", b"auth", b"anno", b"(c) ", b"mark"}
    | {b"comt", b"appl", b"chan", b"info", b"uuid", b"pakt", b"free", b"kuki", b"midi", b"ovvw", b"regn", b"edct"}
)
_TAGS: Final = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")
_ZEROS_BYTES: Final = 65_536  # examined after the claimed end, to recognise padding

_WAV_PCM: Final = frozenset({1, 3, 6, 7, 0xFFFE})  # integers, floats, A-law, mu-law, extensible
_WAV_BLOCKS: Final = frozenset({2, 0x11, 0x31})  # MS ADPCM, IMA ADPCM, GSM: so many samples a block
_W64_FMT: Final = b"fmt \xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_W64_DATA: Final = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
# First bytes of the names of objects: data; simple index, index, media object index, timecode index.
_ASF_DATA: Final = bytes.fromhex("3626b275")
_ASF_INDEXES: Final = frozenset(bytes.fromhex(name) for name in ("90080033", "d329e2d6", "f803b1fe", "d03fb73c"))
_AU_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # encoding -> bytes of a sample


@dataclass(frozen=True, slots=True)
class LengthClaim:
    """Length that a header claims, and corrections to it.

    Attributes
    ----------
    seconds : float or None
        Length according to the header; None where it says none.
    cut : bool
        True where the header claims bytes that the file does not have.
    edits : dict of int to bytes
        Bytes of the header to be read as others, so that all of the stream is.
    beyond_field : bool
        True where the true length does not fit the field: only FFmpeg reads on then.
    """

    seconds: float | None = None
    cut: bool = False
    edits: dict[int, bytes] = field(default_factory=dict)
    beyond_field: bool = False


@dataclass(frozen=True, slots=True)
class _Grammar:
    """Chunk layout of a format: byte order, bytes of a name and of a length, if the length counts both, alignment."""

    order: _ByteOrder
    name_bytes: int = 4
    length_bytes: int = 4
    counts_head: bool = False
    alignment: int = 2

    def chunks(self, window: FileWindow, offset: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield (name, start of content, claimed length) of the chunks from `offset` on, 64 at most."""
        head_bytes = self.name_bytes + self.length_bytes
        for _ in range(_MAX_CHUNKS):
            head = _read_at(window, offset, head_bytes)
            if len(head) < head_bytes:
                return
            length = int.from_bytes(head[self.name_bytes :], self.order) - head_bytes * self.counts_head
            yield head[: self.name_bytes], offset + head_bytes, length
            if length < 0:
                return
            offset += head_bytes + length
            offset += -offset % self.alignment if self.alignment > 2 else length % self.alignment

    def reads_on(self, window: FileWindow, offset: int) -> bool:
        """Return True where chunks lead from `offset` to the end of the file, or one that is known begins."""
        end = offset
        for name, content, length in self.chunks(window, offset):
            if name[:4].lower() in _KNOWN:
                return True
            if not all(0x20 <= letter < 0x7F for letter in name[:4]) or length < 0:
                return False
            end = content + length
        return end > offset and -2 < window.size - end < self.name_bytes + self.length_bytes


def _claim(
    window: FileWindow, grammar: _Grammar | None, content: int, length: int, field_at: int, *, wide: bool = False
) -> LengthClaim:
    """Return the claim of `length` bytes from `content` on, without seconds; a `wide` field has 64 bits."""
    order: _ByteOrder = grammar.order if grammar else "big"
    field_bytes = 8 if wide else 4
    head_bytes = grammar.name_bytes + grammar.length_bytes if grammar and grammar.counts_head else 0
    end = content + length
    if length not in _UNKNOWN and 0 <= length < 2**63:
        if end >= window.size:
            return LengthClaim(cut=end > window.size)
        if any(_is_no_sound(window, grammar, at) for at in {end, end + length % 2}):
            return LengthClaim()
    true_length = window.size - content
    if not wide and true_length > _FIELD_MAX - 1:
        return LengthClaim(edits={field_at: bytes(4)}, beyond_field=True)
    return LengthClaim(edits={field_at: (true_length + head_bytes).to_bytes(field_bytes, order)})


def _is_no_sound(window: FileWindow, grammar: _Grammar | None, offset: int) -> bool:
    if offset >= window.size:
        return True
    rest = _read_at(window, offset, _ZEROS_BYTES)
    return rest.startswith(_TAGS) or not any(rest) or (grammar is not None and grammar.reads_on(window, offset))


def _wav(window: FileWindow) -> LengthClaim:
    magic = _read_at(window, 0, 4)
    grammar = _Grammar("big" if magic == b"RIFX" else "little")
    form, ds64_at = b"", 0
    for name, content, length in grammar.chunks(window, 12):
        if name == b"ds64" and magic in (b"RF64", b"BW64"):
            ds64_at = content
        elif name == b"fmt ":
            form = _read_at(window, content, 20)
        elif name == b"data":
            if ds64_at and length == _FIELD_MAX:
                length = int.from_bytes(_read_at(window, ds64_at + 8, 8), "little")
                claim = _claim(window, grammar, content, length, ds64_at + 8, wide=True)
            else:
                claim = _claim(window, grammar, content, length, content - 4)
            seconds = None if length in _UNKNOWN else _wav_seconds(form, length, grammar.order)
            return LengthClaim(seconds, claim.cut, claim.edits, claim.beyond_field)
    return LengthClaim()


def _wav_seconds(form: bytes, length: int, order: _ByteOrder) -> float | None:
    """Return the seconds of `length` bytes, by whole blocks: the header's bytes per second are only an average."""
    coding, rate_hz = int.from_bytes(form[:2], order), int.from_bytes(form[4:8], order)
    block_bytes = int.from_bytes(form[12:14], order)
    block_samples = 1 if coding in _WAV_PCM else 0
    if coding in _WAV_BLOCKS:
        block_samples = int.from_bytes(form[18:20], order)
    if not (rate_hz and block_bytes and block_samples):
        return None
    return length / block_bytes * block_samples / rate_hz


def _aiff(window: FileWindow) -> LengthClaim:
    grammar = _Grammar("big")
    seconds: float | None = None
    claim = LengthClaim()
    for name, content, length in grammar.chunks(window, 12):
        if name == b"COMM":
            common = _read_at(window, content, 18)
            exponent = int.from_bytes(common[8:10], "big") & 0x7FFF  # the rate is an 80-bit float
            rate_hz = int.from_bytes(common[10:18], "big") * 2.0 ** (min(exponent, 16383 + 64) - 16383 - 63)
            n_samples = int.from_bytes(common[2:6], "big")
            seconds = n_samples / rate_hz if rate_hz >= 1.0 and n_samples not in _UNKNOWN else None
        elif name == b"SSND":
            claim = _claim(window, grammar, content, length, content - 4)
            if claim.edits:
                break  # the bytes behind it are audio
    return LengthClaim(seconds, claim.cut, claim.edits, claim.beyond_field)


def _au(window: FileWindow) -> LengthClaim:
    content, length, encoding, rate_hz, n_channels = (
        int.from_bytes(_read_at(window, offset, 4), "big") for offset in range(4, 24, 4)
    )
    claim = _claim(window, None, content, length, 8)
    # Not the true length but that it is unknown: then both libraries read to the end, however long the file.
    edits = {8: b"\xff\xff\xff\xff"} if claim.edits else {}
    width = _AU_BYTES.get(encoding, 0) * n_channels * rate_hz
    return LengthClaim(length / width if width and length not in _UNKNOWN else None, claim.cut, edits)


def _w64(window: FileWindow) -> LengthClaim:
    grammar = _Grammar("little", name_bytes=16, length_bytes=8, counts_head=True, alignment=8)
    form = b""
    for name, content, length in grammar.chunks(window, 40):
        if name == _W64_FMT:
            form = _read_at(window, content, 20)
        elif name == _W64_DATA:
            claim = _claim(window, grammar, content, length, content - 8, wide=True)
            return LengthClaim(_wav_seconds(form, max(0, length), "little"), claim.cut, claim.edits)
    return LengthClaim()


def _iff(window: FileWindow) -> LengthClaim:
    grammar = _Grammar("big")
    for name, content, length in grammar.chunks(window, 12):
        if name == b"BODY":
            return _claim(window, grammar, content, length, content - 4)
    return LengthClaim()


def _dsf(window: FileWindow) -> LengthClaim:
    grammar = _Grammar("little", length_bytes=8, counts_head=True, alignment=1)
    for name, content, length in grammar.chunks(window, 0):
        if name == b"data":
            return _claim(window, grammar, content, length, content - 8, wide=True)
    return LengthClaim()


def _caf(window: FileWindow) -> LengthClaim:
    grammar = _Grammar("big", length_bytes=8, alignment=1)
    rate_hz, packet_bytes, packet_samples = 0.0, 0, 0
    for name, content, length in grammar.chunks(window, 8):
        if name == b"desc":
            packet_bytes, packet_samples = (
                int.from_bytes(_read_at(window, content + offset, 4), "big") for offset in (16, 20)
            )
            (rate_hz,) = struct.unpack(">d", _read_at(window, content, 8).rjust(8, b"\0"))
        elif name == b"data":
            claim = _claim(window, grammar, content, length, content - 8, wide=True)
            seconds = None
            if packet_bytes and rate_hz >= 1.0 and 4 <= length < 2**63:
                seconds = (length - 4) // packet_bytes * packet_samples / rate_hz
            return LengthClaim(seconds, claim.cut, claim.edits)
    return LengthClaim()


def _flac(window: FileWindow) -> LengthClaim:
    packed = int.from_bytes(_read_at(window, 18, 8), "big")  # rate 20 bits, channels 3, sample size 5, samples 36
    rate_hz, samples = packed >> 44, packed & (1 << 36) - 1
    return LengthClaim(samples / rate_hz if rate_hz and samples else None)


def _asf(window: FileWindow) -> LengthClaim:
    """Return an edit where the data object ends before packets do: nothing but an index follows it."""
    offset = 0
    for _ in range(_MAX_CHUNKS):
        head = _read_at(window, offset, 24)
        length = int.from_bytes(head[16:], "little")
        if len(head) < 24 or length < 24:
            break
        if head[:4] == _ASF_DATA:
            end = offset + length
            follows = _read_at(window, end, 4)
            # Of no length means unknown: as from a broadcast, all is read.
            lies = end < window.size and follows not in _ASF_INDEXES
            return LengthClaim(cut=end > window.size, edits={offset + 16: bytes(8)} if lies else {})
        offset += length
    return LengthClaim()


def _avi(window: FileWindow) -> LengthClaim:
    return LengthClaim(cut=8 + int.from_bytes(_read_at(window, 4, 4), "little") > window.size)


def _matroska(window: FileWindow) -> LengthClaim:
    """Return whether the segment, which is all but the head, is longer than the file."""
    offset = 4
    for _ in range(2):  # the length of the head; then, after four bytes of name, that of the segment
        head = _read_at(window, offset, 8)
        width = 9 - head[0].bit_length() if head and head[0] else 9
        if width > len(head):
            return LengthClaim()
        content = offset + width
        length = int.from_bytes(head[:width], "big") & (1 << 7 * width) - 1
        unknown = length == (1 << 7 * width) - 1
        offset = content + length + 4
    return LengthClaim(cut=not unknown and content + length > window.size)


def _read_at(window: FileWindow, offset: int, count: int) -> bytes:
    window.seek(offset)
    return window.read(count)


CLAIMS: Final[dict[str, Callable[[FileWindow], LengthClaim]]] = {
    "wav": _wav,
    "aiff": _aiff,
    "au": _au,
    "w64": _w64,
    "caf": _caf,
    "flac": _flac,
    "iff": _iff,
    "dsf": _dsf,
    "asf": _asf,
    "avi": _avi,
    "matroska": _matroska,
}
