"""Tracks at the edge of the tempos searched are searched again, with a note; others are searched once."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.recheck.recheck import recheck
from index.recheck.trace import trace_name
from index.recheck.trace_file import read_trace
from index.search.match import STANDARD, THOROUGH, SearchOptions, settings_digest
from index.search.matches import Match, MatchResult, Passage, Transformation
from index.search.wider import WidePrints, at_the_edge, covers
from index.storage.recordings import Recording
from sourceprint.demo.transformations import phase_vocoder, resample_speed
from sourceprint.inputs import Item
from sourceprint.scans.scan import Scan, scan_files
from tests.command_line import RATE_HZ, music, run, write

Samples = NDArray[np.float32]
SECONDS = 26.0


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of three songs."""
    folder = tmp_path_factory.mktemp("wider")
    for seed in range(1, 4):
        write(folder / "music" / f"s{seed}.wav", music(seed, SECONDS))
    assert run("add", folder / "music", "--quiet", index=folder / "index").exit_code == 0
    return folder / "index"


@functools.cache
def excerpt(seed: int) -> Samples:
    """Return 18 s of a song, from the fourth second on."""
    return music(seed, SECONDS)[4 * RATE_HZ : 22 * RATE_HZ]


def swept(y: Samples, first: float, last: float) -> Samples:
    """Return `y` played at a speed that goes evenly from `first` to `last`."""
    seconds = 2 * y.size / RATE_HZ / (first + last)
    t = np.arange(0.0, seconds, 1 / RATE_HZ)
    at = first * t + (last - first) / (2 * seconds) * t**2
    return np.interp(at * RATE_HZ, np.arange(y.size), y).astype(np.float32)


def with_reverb(y: Samples) -> Samples:
    """Return `y` with as much of a hall of 2.5 s."""
    n = round(2.5 * RATE_HZ)
    tail = np.random.default_rng(0).standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    size = y.size + n
    wet = np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(tail, size), size)[: y.size]
    mixed: Samples = (0.5 * y + 0.5 * wet * np.std(y) / np.std(wet)).astype(np.float32)
    return mixed


def scanned(index: Path, y: Samples, folder: Path, options: SearchOptions = STANDARD) -> Scan:
    """Return the scan of a track; its trace gives the same."""
    (folder / "traces").mkdir()
    (scan,) = scan_files(index, [Item(write(folder / "track.wav", y))], options=options, traces=folder / "traces")
    name = trace_name(scan.sha256, scan.searched.digest, scan.searched.settings_digest)
    trace = read_trace(folder / "traces" / name)
    assert recheck(trace).matches == scan.matches
    assert trace.scales == scan.searched.scales
    return scan


def passages(scan: Scan, name: str) -> tuple[Passage, ...]:
    assert [match.recording.id for match in scan.matches] == [name]
    return scan.matches[0].passages


def overlap_seconds(of_one: tuple[Passage, ...]) -> float:
    ends = sorted((one.track_start_seconds, one.track_end_seconds) for one in of_one)
    return max((a[1] - b[0] for a, b in itertools.pairwise(ends)), default=0.0)


# --- reports -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "ratio", "wet"), [(1, 1.5, False), (2, 1.5, False), (3, 0.7, True)], ids=["x1.5", "x1.5 of s2", "x0.7 wet"]
)
def test_a_speed_beyond_the_range_is_told_as_it_is(
    index: Path, tmp_path: Path, seed: int, ratio: float, wet: bool
) -> None:
    y = resample_speed(excerpt(seed), RATE_HZ, ratio)
    scan = scanned(index, with_reverb(y) if wet else y, tmp_path)
    found = passages(scan, f"s{seed}")
    assert overlap_seconds(found) <= 0
    assert scan.matches[0].track_seconds > (0.8 if wet else 0.85) * 18.0 / ratio
    for passage in found:
        assert passage.transformation.speed_percent == pytest.approx(100 * ratio, abs=0.5)
        assert (passage.transformation.pitch_cents, passage.transformation.tempo_percent) == (0.0, 100.0)
        assert passage.recording_start_seconds == pytest.approx(4 + ratio * passage.track_start_seconds, abs=0.2)
    assert scan.searched.scales == THOROUGH.scales
    assert scan.searched.settings_digest == settings_digest(STANDARD, None)
    (note,) = scan.notes
    assert note.startswith("a passage lies at the edge of the tempos searched: searched again")


@pytest.mark.slow
@pytest.mark.parametrize("tempo", [0.5, 2.0])
def test_half_and_double_tempo_are_one_passage_of_a_thorough_search(index: Path, tmp_path: Path, tempo: float) -> None:
    y = phase_vocoder(excerpt(2), RATE_HZ, tempo)[: 14 * RATE_HZ]
    scan = scanned(index, y, tmp_path, THOROUGH)
    (passage,) = passages(scan, "s2")
    assert passage.transformation.tempo_percent == pytest.approx(100 * tempo, abs=0.5)
    assert passage.transformation.speed_percent == 100.0
    assert passage.transformation.pitch_cents == pytest.approx(0.0, abs=20)
    assert scan.matches[0].track_seconds > 0.85 * y.size / RATE_HZ
    assert scan.notes == ()


def test_a_slow_sweep_is_pieces_of_one_curve_that_do_not_overlap(index: Path, tmp_path: Path) -> None:
    y = swept(music(1, SECONDS), 0.9, 1.1)
    scan = scanned(index, y, tmp_path)
    found = passages(scan, "s1")
    assert overlap_seconds(found) <= 0
    assert scan.matches[0].track_seconds > 0.85 * SECONDS
    for passage in found:
        middle = (passage.track_start_seconds + passage.track_end_seconds) / 2
        at = (passage.recording_start_seconds + passage.recording_end_seconds) / 2
        assert at == pytest.approx(0.9 * middle + 0.1 / SECONDS * middle**2, abs=0.15)
        assert passage.ratio == pytest.approx(0.9 + 0.2 / SECONDS * middle, abs=0.03)
    assert (scan.searched.scales, scan.notes) == (STANDARD.scales, ())


def test_the_same_place_over_itself_at_another_time_keeps_its_overlap(index: Path, tmp_path: Path) -> None:
    y = excerpt(3).copy()
    y[3 * RATE_HZ :] += excerpt(3)[: -3 * RATE_HZ]
    found = passages(scanned(index, y, tmp_path), "s3")
    seconds = [one.track_end_seconds - one.track_start_seconds for one in found]
    lines = {round(one.recording_start_seconds - one.track_start_seconds) for one in found}
    assert lines == {4, 1}
    assert overlap_seconds(found) > 5.0
    assert sum(seconds) > 0.85 * (18.0 + 15.0)


def test_a_fingerprint_file_that_lacks_the_wider_scales_says_so(index: Path, tmp_path: Path) -> None:
    track = write(tmp_path / "fast.wav", resample_speed(excerpt(1), RATE_HZ, 1.5))
    assert run("fingerprint", track, "--role", "track", "--output", tmp_path / "prints", "--quiet").exit_code == 0
    (made,) = (tmp_path / "prints").rglob("*.spf")
    result = run("match", made, "--json", "--quiet", index=index)
    assert result.exit_code == 0, result.stderr
    (document,) = json.loads(result.stdout)
    assert document["searched"]["scales"] == list(STANDARD.scales)
    (note,) = document["track"]["notes"]
    assert "make the file again with `sourceprint fingerprint --thorough`" in note


# --- causes and counts -------------------------------------------------------------------------------


def result_of(*matches: Match) -> MatchResult:
    return MatchResult(matches, 100, 10, 30.0, 0.0, 0.0)


def match(name: str, seconds: float, ratio: float = 1.0, also_fits: tuple[str, ...] = ()) -> Match:
    change = Transformation.of_line(ratio, 0.0)
    times = (0.0, seconds, 0.0, ratio * seconds)
    passage = Passage(*times, ratio, change, 50.0, 30, 0.1, 1e-9, 1e-6, 0.99, also_fits)
    return Match(Recording(name, duration_ms=60_000), "recording", (passage,))


def test_only_lines_beyond_the_outermost_scales_call_for_a_wider_search() -> None:
    for ratio, edge in ((1.0, False), (0.8, False), (1.25, False), (0.76, True), (1.31, True)):
        assert at_the_edge(result_of(match("a", 9.0), match("b", 9.0, ratio)), STANDARD.scales) == edge
    assert not at_the_edge(result_of(), STANDARD.scales)
    assert not any(at_the_edge(result_of(match("a", 9.0, ratio)), THOROUGH.scales) for ratio in (0.5, 2.0))


def test_a_search_counts_that_covers_all_that_the_first_covered() -> None:
    first = result_of(match("a", 10.0), match("b", 5.0))
    assert covers(result_of(match("b", 6.0), match("a", 8.5), match("c", 3.0)), first)
    assert covers(result_of(match("c", 10.0, also_fits=("a", "b"))), first)
    assert not covers(result_of(match("a", 10.0)), first)
    assert not covers(result_of(match("a", 10.0), match("b", 3.0)), first)
    assert covers(result_of(), result_of())


def test_parts_are_described_again_in_order_of_time(tmp_path: Path) -> None:
    again = WidePrints(write(tmp_path / "a.wav", music(1, 3.0)))
    first = again.from_second(0.0)
    assert first is not None
    assert first.scales == THOROUGH.scales
    assert again.from_second(600.0) is None


def test_beyond_double_speed_nothing_wider_is_left_to_search(index: Path, tmp_path: Path) -> None:
    scan = scanned(index, resample_speed(excerpt(1), RATE_HZ, 2.2), tmp_path, THOROUGH)
    (note,) = scan.notes
    assert note.startswith("a passage lies at the edge of the tempos searched thoroughly")
