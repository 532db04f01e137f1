"""Files of some kilobytes that ask for hours, or for memory without end: each is refused in words, soon."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from fingerprint.audio import stream as streams
from fingerprint.audio.stream import open_audio
from fingerprint.audio.windows import FileWindow
from fingerprint.errors import DecodeError
from fingerprint.streams import TrackStreams
from tests.audio_files import wav_bytes, write_soundfile, write_streams

LIMIT = r"{}: \d+ bytes that decode to more than 0\.0 h of sound; at most 0 h, and 1 s for every 500 bytes, are read{}"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file of no bytes last 10 s, not a day."""
    monkeypatch.setattr(streams, "_LONGEST_SECONDS", 10.0)


def test_silence_without_end_is_refused(hasty: None, tmp_path: Path) -> None:
    bomb = write_soundfile(tmp_path / "bomb.flac", np.zeros(8000 * 120, np.float32), rate_hz=8000, container="FLAC")
    assert bomb.stat().st_size < 50_000
    with open_audio(bomb) as stream, pytest.raises(DecodeError, match=LIMIT.format("bomb.flac", "")):
        list(stream.blocks())
    with pytest.raises(DecodeError, match="no recording is like that; cut it into parts if it is one"):
        list(TrackStreams(bomb, scales=(1.0,)).parts())


def test_streams_share_the_length_limit_of_a_file(hasty: None, tmp_path: Path) -> None:
    quiet = np.zeros(11025 * 8, np.float32)
    alone = write_streams(tmp_path / "one.mkv", [quiet])
    with open_audio(alone, stream=1) as stream:
        assert sum(block.size for block in stream.blocks()) == 8 * 11025
    several = write_streams(tmp_path / "four.mkv", [quiet] * 4)
    with (
        open_audio(several, stream=2) as stream,
        pytest.raises(DecodeError, match=LIMIT.format("four.mkv", ", shared by its 4 audio streams")),
    ):
        list(stream.blocks())


def test_a_size_beyond_the_limit_of_ffmpeg_is_refused(tmp_path: Path) -> None:
    header = struct.pack(">4sI4s4sI", b"FORM", 16_000, b"16SV", b"VHDR", 20)
    sound = struct.pack(">IIIHBBI", 0, 0, 0, 8000, 1, 0, 1 << 16)
    (tmp_path / "x.16sv").write_bytes(header + sound + struct.pack(">4sI", b"ANNO", 0xFFFFFFE7) + bytes(16_000))
    with pytest.raises(DecodeError, match=r"x\.16sv: .*a size in its header is beyond 2 GiB"):
        open_audio(tmp_path / "x.16sv").close()


@pytest.mark.parametrize(
    ("rate_hz", "n_channels"), [(1, 1), (2**31 - 1, 1), (2**32 - 1, 1), (44100, 65_535), (44100, 0)]
)
def test_a_header_of_absurd_numbers_is_refused_before_anything_is_allocated(
    tmp_path: Path, rate_hz: int, n_channels: int
) -> None:
    data = bytearray(wav_bytes(np.zeros(4000, np.int16).tobytes()))
    at = data.index(b"fmt ") + 10
    data[at : at + 6] = struct.pack("<HI", n_channels, rate_hz)
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(DecodeError, match=r"x\.wav: "):
        open_audio(tmp_path / "x.wav")


def test_a_seek_to_nowhere_is_refused_without_an_exception() -> None:
    window = FileWindow(io.BytesIO(bytes(10)))
    assert window.seek(4) == 4
    for offset, whence in ((2**63 - 1, 1), (2**63, 0), (-1, 0), (-11, 2), (0, 3), (0, -1), (2**70, 2)):
        assert window.seek(offset, whence) == -1
        assert window.tell() == 4
    assert window.seek(2**63 - 1) == 2**63 - 1
    assert window.read(1) == b""
