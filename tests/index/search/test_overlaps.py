"""Recordings of one index that hold the same audio: which pairs, where, how much, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from benchmarks.oddities import oddity
from fingerprint.errors import ParameterError, UnknownRecordingError
from fingerprint.extract import fingerprint_signal
from index.folder.index import Index, Recording
from index.search.overlaps import MIN_SECONDS, Overlap, Span, find_overlaps, longest_first, overlap_to_json
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.snapshot import Snapshot
from sourceprint.demo.synthesis import synthesize
from sourceprint.text.index_text import overlap_text, overlaps_table
from tests.command_line import RATE_HZ, music, run, write
from tests.landmark_sets import ALWAYS, NEVER

Samples = NDArray[np.float32]


def song(seed: int, seconds: float = 40.0) -> Samples:
    return synthesize(seed, seconds, sample_rate=RATE_HZ, album=seed // 2)


def part(y: Samples, start: float, end: float) -> Samples:
    return y[round(start * RATE_HZ) : round(end * RATE_HZ)]


def build(path: Path, sounds: dict[str, Samples], *, exact_limit: int = NEVER) -> Snapshot:
    index = Index.create(path, layer_specs())
    with index.writer(exact_limit=exact_limit) as writer:
        for name, y in sounds.items():
            fingerprint = fingerprint_signal(y)
            recording = Recording(name, duration_ms=round(1000 * fingerprint.duration_seconds))
            writer.add(recording, recording_landmarks(fingerprint))
    return index.snapshot()


def found_in(snapshot: Snapshot, *ids: str, min_seconds: float = MIN_SECONDS) -> dict[tuple[str, str], Overlap]:
    """Return the overlaps by pair; no pair may come twice."""
    overlaps = [o for found in find_overlaps(snapshot, ids or None, min_seconds=min_seconds) for o in found]
    by_pair = {(o.first, o.second): o for o in overlaps}
    assert len(by_pair) == len(overlaps)
    return by_pair


@pytest.fixture(scope="module", params=[NEVER, ALWAYS], ids=["exact", "compressed"])
def snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return twelve songs, and recordings made from them."""
    songs = {f"song{k:02d}": song(k) for k in range(12)}
    noise = np.random.default_rng(0).standard_normal(songs["song00"].size).astype(np.float32)
    guest = songs["song05"].copy()
    guest[15 * RATE_HZ : 25 * RATE_HZ] = part(songs["song03"], 20, 30)
    made = {
        "a-remaster": 0.5 * songs["song00"] + 0.005 * noise,
        "b-excerpt": part(songs["song01"], 12, 30),
        "c-guest": guest,
        "d-slower": soxr.resample(songs["song08"], 100, 104),
        "e-drone": oddity("drone", 0, 40.0, sample_rate=RATE_HZ),
        "f-loop": oddity("loop", 0, 40.0, sample_rate=RATE_HZ),
    }
    return build(tmp_path_factory.mktemp("overlaps") / "index", songs | made, exact_limit=request.param)


@pytest.mark.slow
def test_every_pair_with_audio_in_common_is_found_once_and_unrelated_music_never(snapshot: Snapshot) -> None:
    assert set(found_in(snapshot)) == {
        ("a-remaster", "song00"),
        ("b-excerpt", "song01"),
        ("c-guest", "song03"),
        ("c-guest", "song05"),
        ("d-slower", "song08"),
    }


@pytest.mark.slow
def test_kinds_say_how_much_of_which(snapshot: Snapshot) -> None:
    found = found_in(snapshot)
    assert found["a-remaster", "song00"].kind == "duplicate"
    assert found["b-excerpt", "song01"].kind == "contained"
    assert found["c-guest", "song03"].kind == "overlap"
    assert found["a-remaster", "song00"].share > 0.95
    assert found["b-excerpt", "song01"].share > 0.9
    assert found["c-guest", "song03"].share == pytest.approx(0.25, abs=0.03)


@pytest.mark.slow
def test_ten_seconds_are_located_on_both_timelines(snapshot: Snapshot) -> None:
    overlap = found_in(snapshot)["c-guest", "song03"]
    assert overlap.seconds == pytest.approx(10.0, abs=1.0)
    span = max(overlap.spans, key=lambda span: span.score)
    assert (span.first_start_seconds, span.first_end_seconds) == pytest.approx((15, 25), abs=0.6)
    assert (span.second_start_seconds, span.second_end_seconds) == pytest.approx((20, 30), abs=0.6)
    assert (span.ratio, span.pitch_semitones) == pytest.approx((1.0, 0.0), abs=0.01)


@pytest.mark.slow
def test_another_speed_is_told_with_its_sign(snapshot: Snapshot) -> None:
    (span,) = found_in(snapshot)["d-slower", "song08"].spans
    assert span.ratio == pytest.approx(1 / 1.04, abs=0.002)
    assert span.pitch_semitones == pytest.approx(12 * np.log2(1.04), abs=0.1)


@pytest.mark.slow
def test_overlaps_of_an_id_do_not_depend_on_the_side_that_asks(snapshot: Snapshot) -> None:
    one, other = found_in(snapshot, "song03"), found_in(snapshot, "c-guest")
    pair = ("c-guest", "song03")
    assert set(one) == {pair}
    assert set(other) == {pair, ("c-guest", "song05")}
    assert one[pair].seconds == pytest.approx(other[pair].seconds, abs=0.5)
    assert found_in(snapshot, "song10", "song10") == {}


@pytest.mark.slow
def test_shorter_overlaps_are_left_out(snapshot: Snapshot) -> None:
    assert ("c-guest", "song03") not in found_in(snapshot, min_seconds=12.0)
    assert ("b-excerpt", "song01") in found_in(snapshot, min_seconds=12.0)


def test_all_pairs_of_three_copies_are_found_and_ties_are_in_the_order_of_ids(tmp_path: Path) -> None:
    y = song(1, 20.0)
    snapshot = build(tmp_path / "index", {"c": y, "a": y, "b": y, "else": song(30, 20.0)})
    found = [o for part in find_overlaps(snapshot) for o in part]
    assert [(o.first, o.second) for o in longest_first(found)] == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2.9, 0.0, -1.0, np.nan])
def test_too_short_a_minimum_is_refused(snapshot: Snapshot, seconds: float) -> None:
    with pytest.raises(ParameterError, match=r"min_seconds=.*: must be at least 3"):
        found_in(snapshot, min_seconds=seconds)


def test_removed_recordings_overlap_with_nothing(tmp_path: Path) -> None:
    y = song(1, 20.0)
    build(tmp_path / "index", {"a": y, "b": y})
    index = Index.open(tmp_path / "index")
    with index.writer() as writer:
        writer.remove("b")
    assert found_in(index.snapshot()) == {}
    with pytest.raises(UnknownRecordingError, match="'b' is not in the index"):
        found_in(index.snapshot(), "b")


def test_recordings_without_landmarks_overlap_with_nothing(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", layer_specs())
    with index.writer() as writer:
        writer.add(Recording("a"), {})
        writer.add(Recording("b"), {})
    assert [*find_overlaps(index.snapshot())] == [[], []]


SAMPLE = Overlap(
    "a", "b", "overlap", 12.3456, 0.25, (Span(0, 8, 10, 18, 1.0, 0.0, 200.0), Span(20, 24.3456, 5, 9, 0.98, 0.35, 90.0))
)


def test_an_overlap_in_json_has_plain_fields() -> None:
    fields = json.loads(json.dumps(overlap_to_json(SAMPLE)))
    assert (fields["first"], fields["second"], fields["kind"]) == ("a", "b", "overlap")
    assert (fields["seconds"], fields["share"]) == (12.346, 0.25)
    assert fields["spans"][1]["first_end_seconds"] == 24.346


def test_an_overlap_in_text_names_each_pair_once() -> None:
    assert overlaps_table([SAMPLE]).splitlines() == [
        "first  second  kind     common  share  in first       in second      tempo  pitch",
        "a      b       overlap  0:12.3  25%    0:00.0-0:08.0  0:10.0-0:18.0  +0.0%  +0.0",
        "                                       0:20.0-0:24.3  0:05.0-0:09.0  +2.0%  +0.3",
    ]
    assert overlap_text(SAMPLE) == (
        "a and b have 0:12.3 of audio in common: 0:00.0-0:08.0 of the one is 0:10.0-0:18.0 of the other, and more; "
        "a match cannot tell which of them was used there"
    )


# The commands.


def test_add_names_each_overlap_once(tmp_path: Path) -> None:
    whole = np.concatenate([music(1, 20.0), music(2, 20.0)])
    write(tmp_path / "m" / "whole.wav", whole)
    write(tmp_path / "m" / "copy.wav", whole)
    write(tmp_path / "half.wav", music(2, 20.0))
    first = run("add", tmp_path / "m", "--json", index=tmp_path / "i")
    assert json.loads(first.stdout)["overlaps"] == []  # the same file: said of the file
    assert "the same audio is in the index as" in first.stderr
    assert "of audio in common" not in first.stderr
    second = run("add", tmp_path / "half.wav", "--json", index=tmp_path / "i")
    report = json.loads(second.stdout)
    assert [(o["first"], o["second"], o["kind"]) for o in report["overlaps"]] == [
        ("copy", "half", "contained"),
        ("half", "whole", "contained"),
    ]
    assert report["overlaps_found"] == 2
    assert "Note: half and whole have 0:19." in second.stderr


def test_add_names_a_few_overlaps_and_counts_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sourceprint.catalogue.additions.MOST_OVERLAPS", 1)
    for name, gain in (("a", 0.5), ("b", 0.6), ("c", 0.7)):
        write(tmp_path / "m" / f"{name}.wav", gain * music(1, 20.0))
    result = run("add", tmp_path / "m", index=tmp_path / "i")
    assert result.exit_code == 0
    assert result.stderr.count("of audio in common") == 1
    assert "Note: 3 pairs have audio in common; see sourceprint duplicates" in result.stderr


def test_duplicates_prints_pairs_as_a_table_json_or_lines(tmp_path: Path) -> None:
    write(tmp_path / "m" / "a.wav", music(1, 20.0))
    write(tmp_path / "m" / "b.wav", 0.5 * music(1, 20.0))
    write(tmp_path / "m" / "c.wav", music(2, 20.0))
    run("add", tmp_path / "m", "--quiet", index=tmp_path / "i")
    table = run("duplicates", index=tmp_path / "i")
    assert (table.exit_code, table.stderr) == (0, "")
    header, line = table.stdout.splitlines()
    assert header.split()[:5] == ["first", "second", "kind", "common", "share"]
    assert line.split()[:3] == ["a", "b", "duplicate"]
    (pair,) = json.loads(run("duplicates", "b", "--json", index=tmp_path / "i").stdout)
    (line,) = run("duplicates", "--jsonl", index=tmp_path / "i").stdout.splitlines()
    assert json.loads(line)["kind"] == pair["kind"] == "duplicate"


def test_duplicates_without_any_says_so_and_is_no_failure(tmp_path: Path) -> None:
    write(tmp_path / "m" / "a.wav", music(1))
    write(tmp_path / "m" / "b.wav", music(2))
    run("add", tmp_path / "m", "--quiet", index=tmp_path / "i")
    result = run("duplicates", "--min-seconds", "5", index=tmp_path / "i")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Note: no two recordings have 5 s of audio in common\n"
    assert json.loads(run("duplicates", "--json", index=tmp_path / "i").stdout) == []
    unknown = run("duplicates", "z", index=tmp_path / "i")
    assert unknown.exit_code == 2
    assert "'z' is not in the index" in unknown.stderr
