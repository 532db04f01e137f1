"""Windows on files, as libraries read them: in pieces of any size, from anywhere, up to an error of the disk."""

from __future__ import annotations

import io

import numpy as np
import pytest

from fingerprint.audio.windows import FileWindow


class Disk(io.BytesIO):
    """A file of which no byte from `bad` on can be read."""

    bad = 1 << 40

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        if self.tell() + size > self.bad:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("largest", [8, 500, 100_000])
def test_pieces_of_any_size_and_place_are_those_of_the_file(largest: int) -> None:
    rng = np.random.default_rng(largest)
    content = rng.integers(0, 256, 120_000, dtype=np.uint8).tobytes()
    window = FileWindow(io.BytesIO(content), 1_000, 101_000, edits={70_000: b"edited"})
    expected = content[1_000:71_000] + b"edited" + content[71_006:101_000]
    at = 0
    for _ in range(2_000):
        if rng.random() < 0.1:
            at = window.seek(int(rng.integers(0, 100_001)))
        buffer = bytearray(b"\xff" * int(rng.integers(0, largest)))
        count = window.readinto(buffer)
        piece = expected[at : at + len(buffer)]
        assert (count, bytes(buffer[:count]), window.tell()) == (len(piece), piece, at + len(piece))
        at += count


def test_bytes_before_an_error_of_the_disk_are_read_and_the_error_is_kept() -> None:
    disk = Disk(bytes(range(250)) * 40)
    disk.bad = 5_000
    window = FileWindow(disk)
    buffer = bytearray(100)
    for _ in range(50):
        assert (window.readinto(buffer), window.error) == (100, "")
    assert (window.readinto(buffer), window.error) == (0, "Input/output error")
