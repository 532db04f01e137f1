"""Sound behind the head of something else: a picture, a document or a text that goes on as audio.

A file that begins as a picture does is a picture, and may have a whole recording after it: one program shows the
picture, another plays the sound. In comes the start of a file that is no audio by its first bytes; out comes where a
head of audio stands in it. A head is more than its mark, so that compressed data has none by chance: 40 bits and more,
or eight frames of MPEG audio in a row.

It does not find sound without a head (PCM), sound that is compressed or encrypted, or sound that begins beyond
`MOST_SEARCHED_BYTES`.
"""

import re
from typing import Final, NamedTuple

__all__ = ["MOST_SEARCHED_BYTES", "SecondHead", "second_head"]

MOST_SEARCHED_BYTES: Final = 1 << 20
"""From the start of a file that are looked through."""


class SecondHead(NamedTuple):
    """A head of audio: the name of its format, and its offset in bytes."""

    form: str
    offset: int


def _head(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


# Name, a mark that is quickly found, where the head begins before it, and the head.
_HEADS: Final = (
    ("WAV", b"WAVE", 8, _head(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE")),
    ("AIFF", b"AIF", 8, _head(rb"FORM.{4}AIF[FC]")),
    ("AVI", b"AVI LIST", 8, _head(rb"RIFF.{4}AVI LIST")),
    ("FLAC", b"fLaC", 0, _head(rb"fLaC[\x00\x80]\x00\x00\x22")),
    ("Ogg", b"OggS", 0, _head(rb"OggS\x00\x02\x00{8}")),
    ("ID3", b"ID3", 0, _head(rb"ID3[\x02-\x04]\x00[\x00-\xf0][\x00-\x7f]{4}[A-Z][A-Z0-9]{2,3}\x00")),
    ("MP4", b"ftyp", 4, _head(rb"\x00\x00\x00[\x10-\x60]ftyp(?:M4[ABPV] |mp4[12]|iso[m2-9]|qt  |3g[p2].|dash|avc1)")),
    ("Matroska", b"\x1aE\xdf\xa3", 0, _head(rb"\x1aE\xdf\xa3.{0,40}?B\x82(?:\x84webm|\x88matroska)")),
)
_FRAME: Final = re.compile(rb"\xff[\xe2-\xff][\x10-\xeb]")
_FRAMES: Final = 8  # in a row, alike in version, layer and rate
_BITRATES_KBPS: Final = {
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # by version and layer bits; MPEG 2 and 2.5 have those of their layer III in both layers
_RATES_HZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def second_head(start: bytes) -> SecondHead | None:
    r"""Return the first head of audio behind the first byte of a file; None if there is none.

    Parameters
    ----------
    start : bytes
        Start of the file, of which `MOST_SEARCHED_BYTES` are searched.

    Examples
    --------
    >>> second_head(b"GIF89a" + bytes(100) + b"RIFF\x24\0\0\0WAVEfmt ")
    SecondHead(form='WAV', offset=106)
    >>> second_head(b"the marks are RIFF, fLaC and OggS") is None
    True
    """
    data = start[:MOST_SEARCHED_BYTES]
    frames = _first_frames(data)
    found = [] if frames is None else [SecondHead("MPEG audio", frames)]
    for form, mark, before, head in _HEADS:
        at = data.find(mark, 1 + before)
        while at >= 0 and not head.match(data, at - before):
            at = data.find(mark, at + 1)
        if at >= 0:
            found.append(SecondHead(form, at - before))
    return min(found, key=lambda one: one.offset, default=None)


def _first_frames(data: bytes) -> int | None:
    """Return where some frames of MPEG audio follow each other."""
    for found in _FRAME.finditer(data, 1):
        at = first = found.start()
        same = _kind(data, at)
        for n in range(_FRAMES):
            length = _frame_bytes(data[at : at + 4])
            if not length or _kind(data, at) != same:
                break
            at += length
            if n == _FRAMES - 1:
                return first
    return None


def _kind(data: bytes, at: int) -> tuple[int, int]:
    """Return the fields that frames of one stream share: version and layer, and the rate."""
    return data[at + 1] & 0xFE if len(data) > at + 2 else 0, data[at + 2] & 0x0C if len(data) > at + 2 else 0


def _frame_bytes(head: bytes) -> int:
    """Return the length of a frame of layer II or III; 0 if this is the head of none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer not in (1, 2) or bitrate in (0, 15) or rate == 3:
        return 0
    kbps = _BITRATES_KBPS[(3, layer) if version == 3 else (2, 1)][bitrate - 1]
    per_frame = 144 if version == 3 or layer == 2 else 72
    return per_frame * kbps * 1000 // _RATES_HZ[version][rate] + padding
