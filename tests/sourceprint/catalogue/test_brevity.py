"""Recordings too short to be found in a programme get a note when added, described or cut by exclusions."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.storage.tags import Ranges
from sourceprint.catalogue.brevity import brevity_remarks
from tests.command_line import RATE_HZ, music, run, write


@pytest.mark.parametrize(
    ("duration_ms", "excluded", "says"),
    [
        (800, (), "only 0.8 s at a stretch counts"),
        (1_999, (), "only 1.99 s at a stretch counts"),
        (2_000, (), None),
        (10_000, ((1_500, 4_000), (5_000, 9_000)), "only 1.5 s at a stretch counts"),
        (10_000, ((1_500, 4_000),), None),
        (3_000, ((0, 3_000),), "only 0 s at a stretch counts"),
    ],
)
def test_the_longest_stretch_that_counts_decides(duration_ms: int, excluded: Ranges, says: str | None) -> None:
    remarks = brevity_remarks(duration_ms, excluded=excluded)
    assert (says is None) == (remarks == ())
    assert says is None or remarks[0].startswith(says)


def test_each_command_says_it(tmp_path: Path) -> None:
    jingle = write(tmp_path / "jingle.wav", music(5)[: round(1.2 * RATE_HZ)])
    song = write(tmp_path / "song.wav", music(6))
    index = tmp_path / "index"
    added = run("add", jingle, song, index=index)
    assert added.exit_code == 0
    note = "only 1.2 s at a stretch counts: in a programme it may not be found"
    assert [line for line in added.stderr.splitlines() if "stretch counts" in line and "jingle" in line]
    assert added.stderr.count("stretch counts") == 1
    assert note in added.stderr
    made = run("fingerprint", jingle, song, "--output", tmp_path / "prints")
    assert made.stderr.count(note) == 1
    assert note not in run("fingerprint", jingle, "--role", "track", "--output", tmp_path / "tracks").stderr
    excluded = run("exclude", "song", "0:01-0:12", index=index)
    assert excluded.exit_code == 0
    assert "Note: song: only 1 s at a stretch counts" in excluded.stderr
    assert "stretch" not in run("exclude", "song", "--clear", index=index).stderr
