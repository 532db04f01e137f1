"""Times are those that a player shows: a gap in a file is silence, in its place, with a note."""

from __future__ import annotations

import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.audio.ffmpeg import FFmpeg
from fingerprint.audio.stream import decode, open_audio
from fingerprint.audio.timeline import MAX_GAP_SECONDS, Timeline
from fingerprint.audio.windows import FileWindow
from tests.audio_files import RATE_HZ, frequency_hz, read, tone, write_channels, write_soundfile, write_timed

A = tone(2, rate_hz=48000)
B = tone(1, rate_hz=48000, frequency_hz=880)


def spans_of_sound(y: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Return start and end of the sound, with no silence of a tenth of a second in it, in seconds."""
    loud = np.flatnonzero(np.abs(y) > 0.1)
    cuts = np.flatnonzero(np.diff(loud) > RATE_HZ // 10)
    starts, ends = [loud[0], *loud[cuts + 1]], [*loud[cuts], loud[-1]]
    return [(start / RATE_HZ, end / RATE_HZ) for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("container", "codec", "picture_seconds", "origin"),
    [
        ("ipod", "aac", 0.0, 0.0), ("mp4", "aac", 8.0, 0.0), ("matroska", "flac", 8.0, 0.0),
        ("webm", "libopus", 0.0, 0.0), ("flv", "libmp3lame", 0.0, 0.0), ("nut", "pcm_s16le", 8.0, 0.0),
        ("mpegts", "aac", 8.0, 0.0), ("mpeg", "mp2", 8.0, 0.0),
        # The clock of a broadcast has no zero: its first sound or picture is at 0.
        ("mpegts", "aac", 0.0, 3.0), ("mpeg", "mp2", 0.0, 3.0),
    ],
)  # fmt: skip
def test_late_start_and_hole(tmp_path: Path, container: str, codec: str, picture_seconds: float, origin: float) -> None:
    path = tmp_path / "a"
    write_timed(path, [(3.0, A), (7.0, B)], container=container, codec=codec, picture_seconds=picture_seconds)
    y, notes, _, seconds = read(path)
    (start, end), (second_start, second_end) = spans_of_sound(y)
    assert start == pytest.approx(3.0 - origin, abs=0.03)
    assert end == pytest.approx(5.0 - origin, abs=0.09)  # whole frames were written
    assert second_start == pytest.approx(7.0 - origin, abs=0.03)
    assert second_end == pytest.approx(8.0 - origin, abs=0.09)
    assert seconds == pytest.approx(8.0 - origin, abs=0.09)
    assert frequency_hz(y[round((start + 0.1) * RATE_HZ) : round((end - 0.1) * RATE_HZ)]) == pytest.approx(440, abs=1)
    assert frequency_hz(y[round((second_start + 0.1) * RATE_HZ) :]) == pytest.approx(880, abs=3)
    if not origin:
        assert re.fullmatch(r"starts at (2\.9|3\.0)\d s: the file holds no sound before", notes.pop(0))
    assert len(notes) == 1
    assert re.fullmatch(r"gap: the file holds no sound for [12]\.\d\d s, at \d\.\d\d-\d\.\d\d s", notes[0])


def test_edit_list_of_an_mp4(tmp_path: Path) -> None:
    # FFmpeg writes a late start as an edit of nothing, and the encoder's delay as one that starts behind it.
    path = write_timed(tmp_path / "a.m4a", [(5.0, A)], container="ipod", codec="aac")
    assert b"elst" in path.read_bytes()
    y, notes, _, _ = read(path)
    ((start, _),) = spans_of_sound(y)
    assert start == pytest.approx(5.0, abs=0.01)
    assert len(notes) == 1
    assert re.fullmatch(r"starts at (4\.9|5\.0)\d s: the file holds no sound before", notes[0])


def test_sound_that_is_seen_late_is_found(tmp_path: Path) -> None:
    # Beyond the part that FFmpeg reads to find the streams of a file.
    path = write_timed(tmp_path / "a.mpg", [(12.0, A)], container="mpeg", codec="mp2", picture_seconds=15.0)
    ((start, _),) = spans_of_sound(read(path)[0])
    assert start == pytest.approx(12.0, abs=0.03)


def test_long_gap_takes_no_memory(tmp_path: Path) -> None:
    y = tone(2, rate_hz=8000)
    path = write_timed(tmp_path / "a", [(0.0, y), (1200.0, y)], rate_hz=8000, container="nut", codec="pcm_s16le")
    heard = 0.0
    tracemalloc.start()
    with open_audio(path) as stream:
        for block in stream.blocks():
            heard += float(np.count_nonzero(np.abs(block) > 0.1)) / RATE_HZ
        assert stream.duration_seconds == pytest.approx(1202.0, abs=0.2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert heard == pytest.approx(4.0 * 0.87, abs=0.2)  # a sine of 0.5 is beyond 0.1 for 87 % of the time
    assert peak < 20e6


def test_hole_of_hours_is_closed(tmp_path: Path) -> None:
    path = write_timed(tmp_path / "a", [(0.0, A), (36_000.0, B)], container="matroska", codec="flac")
    y, notes, _, seconds = read(path)
    assert seconds == pytest.approx(3.0, abs=0.2)
    assert y.size == pytest.approx(seconds * RATE_HZ, abs=3)
    assert len(notes) == 2
    assert notes[0].startswith("length: header says 36000.9")
    assert re.fullmatch(
        r"clock: the times in the file step by \+35998\.\d\d s at 1\.\d\d s; too far for a gap, so what follows is "
        r"placed right behind",
        notes[1],
    )


def test_times_that_step_back_lose_no_sound(tmp_path: Path) -> None:
    first = write_timed(tmp_path / "1", [(0.0, A)], container="mpegts", codec="aac").read_bytes()
    second = write_timed(tmp_path / "2", [(0.0, B)], container="mpegts", codec="aac").read_bytes()
    (tmp_path / "joined").write_bytes(first + second)
    y, _, _, seconds = read(tmp_path / "joined")
    assert seconds == pytest.approx(3.0, abs=0.15)
    assert frequency_hz(y[: RATE_HZ * 3 // 2]) == pytest.approx(440, abs=1)
    assert frequency_hz(y[-RATE_HZ // 2 :]) == pytest.approx(880, abs=3)


def test_numbered_frames_tell_where_damage_lies(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = tone(8) + (0.02 * rng.standard_normal(8 * 44100)).astype(np.float32)
    for container in ("FLAC", "OGG"):
        path = write_soundfile(tmp_path / "a", y, container=container)
        whole, notes, _, _ = read(path)
        assert notes == []
        content = bytearray(path.read_bytes())
        hole = len(content) // 2
        content[hole : hole + 40] = rng.bytes(40)
        path.write_bytes(content)
        damaged, notes, _, seconds = read(path)
        assert seconds == 8.0
        (note,) = notes
        found = re.fullmatch(r"damaged: (\d\.\d\d) s could not be decoded, at (\d\.\d\d)-(\d\.\d\d) s", note)
        assert found is not None
        lost, start, end = map(float, found.groups())
        assert 0.0 < lost < 1.0
        assert 3.0 < start < end < 5.0
        # The rest is where it was.
        same = np.r_[0 : int((start - 0.1) * RATE_HZ), int((end + 0.1) * RATE_HZ) : whole.size - 200]
        np.testing.assert_allclose(damaged[same], whole[same], atol=1e-3)
        assert np.abs(damaged[int((start + 0.03) * RATE_HZ) : int((end - 0.03) * RATE_HZ)]).max() < 1e-3


def test_chain_of_ogg_files_is_read_to_its_end(tmp_path: Path) -> None:
    stereo = np.stack([tone(2), tone(2)], axis=1)
    links = [
        write_soundfile(tmp_path / "1", stereo, container="OGG"),
        write_soundfile(tmp_path / "2", tone(3, rate_hz=22050, frequency_hz=880), rate_hz=22050, container="OGG"),
        write_soundfile(
            tmp_path / "3", tone(2, rate_hz=48000, frequency_hz=660), rate_hz=48000, container="OGG", subtype="OPUS"
        ),
    ]
    contents = [link.read_bytes() for link in links]
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join(contents))
    y, notes, info, seconds = read(chain)
    assert notes == []
    assert seconds == pytest.approx(7.0, abs=0.02)
    assert info.channels == 2
    for start, end, hz in ((0, 2, 440), (2, 5, 880), (5, 7, 660)):
        part = y[round((start + 0.1) * RATE_HZ) : round((end - 0.1) * RATE_HZ)]
        assert frequency_hz(part) == pytest.approx(hz, abs=1)
    # A link that cannot be read is named, and the others are read.
    chain.write_bytes(contents[0] + contents[1][:200] + bytes(3000) + contents[2])
    y, notes, _, seconds = read(chain)
    assert seconds == pytest.approx(4.0, abs=0.02)
    assert frequency_hz(y[-RATE_HZ:]) == pytest.approx(660, abs=1)
    assert len(notes) == 1
    assert notes[0].startswith("damaged: ")


def test_times_made_up_from_a_header_make_no_gaps(tmp_path: Path) -> None:
    y = tone(0.2, rate_hz=48000)  # one packet a sample, which is slow
    path = write_channels(tmp_path / "a.caf", np.stack([y, y]), container="caf", codec="pcm_f64be", layout="stereo")
    content = path.read_bytes()
    packet = content.index(b"desc") + 12 + 20  # frames in a packet, of which FFmpeg makes the times
    path.write_bytes(content[:packet] + struct.pack(">I", 30) + content[packet + 4 :])
    with path.open("rb") as file:
        found = np.concatenate([samples for _, samples in FFmpeg(FileWindow(file)).chunks()], axis=1)
    assert found.shape[1] == y.size


def test_gaps_are_bounded_in_all() -> None:
    timeline = Timeline(0.0, rate_hz=44100)
    end = 0.0
    for number in range(10):  # one hour of nothing before each second of sound
        gap = timeline.gap_before(number * 3601.0 + 3600.0, at_seconds=end)
        end += gap + 1.0
    assert timeline.gaps.seconds <= MAX_GAP_SECONDS
    assert (timeline.gaps.count, timeline.jumps.count) == (4, 6)
    assert end == 4 * 3600.0 + 10.0
    # Silence at a high rate takes as long as any sound: a few bytes must not cost hours of it.
    assert Timeline(0.0, rate_hz=768_000).gap_before(800.0, at_seconds=0.0) == 800.0
    assert Timeline(0.0, rate_hz=768_000).gap_before(1000.0, at_seconds=0.0) == 0.0
    assert str(timeline.gaps) == "0.00-3600.00 s, 3601.00-7201.00 s, 7202.00-10802.00 s and 1 more"


def test_rounded_times_make_no_gaps() -> None:
    timeline = Timeline(0.0, rate_hz=44100)
    rng = np.random.default_rng(0)
    length = 1024 / 44100
    for number in range(20_000):  # a container of milliseconds, and a writer that is up to 40 ms late
        late = float(rng.uniform(0.0, 0.04))
        assert timeline.gap_before(round(number * length + late, 3), at_seconds=number * length) == 0.0
    assert timeline.gaps.count == timeline.jumps.count == 0


@pytest.mark.slow
@pytest.mark.corpus
def test_music_that_starts_late(corpus: Path, tmp_path: Path) -> None:
    y = decode(sorted((corpus / "music").glob("*.ogg"))[0], sample_rate=48000)[: 20 * 48000]
    plain, _, _, _ = read(write_timed(tmp_path / "plain", [(0.0, y)], container="mp4", codec="aac"))
    for container, codec in (("mp4", "aac"), ("matroska", "aac")):
        path = write_timed(tmp_path / "late", [(5.0, y)], container=container, codec=codec, picture_seconds=25.0)
        late, notes, _, _ = read(path)
        shifts = np.arange(-600, 600)
        likeness = [float(plain[22050:66150] @ late[77175 + shift : 121275 + shift]) for shift in shifts]
        # An mp4 lists edits in milliseconds; elsewhere the encoder's delay of 1024 samples is heard.
        assert abs(shifts[int(np.argmax(likeness))]) <= (12 if container == "mp4" else 260)
        assert notes[0].startswith(("starts at 4.9", "starts at 5.0"))
