"""Tags and excluded ranges: written, changed without the audio, kept through everything, and never matched."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import IndexDamagedError, ParameterError, StorageFullError, UnknownRecordingError
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.folder.repair import repair_index
from index.folder.verification import verify_index
from index.search.alignment import Aligner
from index.search.hypotheses import Hypothesis, Neighbours, QueryLandmarks, gather_votes
from index.search.match import STANDARD, match_track
from index.search.matches import MatchResult, in_sequence
from index.storage.layers import recording_landmarks
from index.storage.manifest import Manifest, layer_specs, read_manifest
from index.storage.recordings import (
    Recording,
    duration_from_json,
    recording_from_json,
    recording_to_json,
    tags_from_json,
)
from index.storage.tags import Ranges, normalised_ranges, normalised_tags, parse_ranges, ranges_text
from sourceprint.catalogue.annotations import change_exclusions, change_tags
from tests.command_line import RATE_HZ, music, run, write
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, fill, landmarks

SECONDS = 30.0

RANGES = st.lists(
    st.tuples(st.integers(0, 99_000), st.integers(1, 40_000)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4
)


def parsed_facts(recordings: Sequence[Recording]) -> dict[str, Any]:
    """Return the facts of `Index.info` that are about recordings, from all of them parsed."""
    excluded = [recording.excluded for recording in recordings if recording.excluded]
    tags = sorted(itertools.chain.from_iterable(recording.tags for recording in recordings))
    return {
        "recordings": len(recordings),
        "hours": round(sum(recording.duration_ms for recording in recordings) / 3_600_000, 6),
        "tags": {tag: len(list(same)) for tag, same in itertools.groupby(tags)},
        "excluded": {
            "recordings": len(excluded),
            "seconds": sum(end - start for ranges in excluded for start, end in ranges) / 1000,
        },
    }


def amendments(folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.glob("amendments-*"))]


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("", ()),
        ("75-80.25", ((75_000, 80_250),)),
        ("0:00-0:12.5 | 1:00:00-1:00:01.001", ((0, 12_500), (3_600_000, 3_601_001))),
        ("90:00-90:01", ((5_400_000, 5_401_000),)),
        ("3-5|1-2|2-4", ((1_000, 5_000),)),
    ],
)
def test_ranges_are_read(text: str, ranges: Ranges) -> None:
    assert parse_ranges(text) == ranges


@pytest.mark.parametrize(
    "text", ["5", "a-b", "5-", "-5", "1:5-2:00", "1-2-3", "1.2345-2", "1:00:5-2:00:00", "-1-2", "1e3-2e3"]
)
def test_an_invalid_range_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="must be START-END, each in seconds, m:ss or h:mm:ss"):
        parse_ranges(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5-5", "excluded range '5-5': must end after it starts"),
        ("1:60-2:00", "time '1:60': has 60 seconds, at most 59 are possible"),
        ("1:60:00-2:00:00", "time '1:60:00': has 60 minutes, at most 59 are possible"),
    ],
)
def test_a_range_that_cannot_be_says_why(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_ranges(text)


@given(RANGES)
def test_ranges_are_apart_in_order_cover_the_same_and_are_written_as_they_are_read(
    ranges: list[tuple[int, int]],
) -> None:
    made = normalised_ranges(ranges)
    covered = np.zeros(140_000, dtype=np.bool_)
    for start, end in ranges:
        covered[start:end] = True
    again = np.zeros(140_000, dtype=np.bool_)
    for start, end in made:
        assert start < end
        again[start:end] = True
    np.testing.assert_array_equal(covered, again)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(made))
    assert parse_ranges(ranges_text(made)) == made


def test_ranges_end_with_the_recording() -> None:
    assert normalised_ranges([(5, 20)], 10) == ((5, 10),)
    with pytest.raises(ParameterError, match=r"0:00.01-0:00.02: starts after the recording has ended, at 0:00.01"):
        normalised_ranges([(10, 20)], 10)


@pytest.mark.parametrize("tag", ["", "a|b", "a,b", "a\n", " a", "x" * 65])
def test_an_invalid_tag_is_refused(tag: str) -> None:
    with pytest.raises(ParameterError, match="must be 1 to 64 printable characters"):
        normalised_tags([tag])


def test_a_recording_keeps_its_facts_in_one_form_and_older_lines_have_none() -> None:
    recording = Recording("a", duration_ms=9_000, tags=("y", "x", "y"), excluded=((4, 9), (1, 5)))
    assert (recording.tags, recording.excluded) == (("x", "y"), ((1, 9),))
    fields = recording_to_json(recording)
    assert recording_from_json(json.dumps(fields).encode()) == recording
    del fields["tags"], fields["excluded"]
    assert recording_from_json(json.dumps(fields).encode()) == replace(recording, tags=(), excluded=())


# --- changes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_facts_given_later_are_as_if_given_at_once(tmp_path: Path, exact_limit: int) -> None:
    index = fill(tmp_path / "index", {"a": 40, "b": 30, "c": 20}, exact_limit=exact_limit)
    plain = index.digest
    with index.writer() as writer:
        writer.amend(replace(writer.recording("b"), tags=("sync",), excluded=((1_000, 2_000),)))
        assert writer.recording("b").tags == ("sync",)
    assert index.snapshot().by_id("b").excluded == ((1_000, 2_000),)
    assert index.verify() == []
    assert len(amendments(index.path)) == 1
    changed = index.digest
    assert changed != plain

    at_once = Index.create(tmp_path / "other", LAYERS)
    with at_once.writer(exact_limit=NEVER) as writer:
        for seed, (name, n) in enumerate({"a": 40, "b": 30, "c": 20}.items()):
            recording = Recording(name, duration_ms=100_000)
            if name == "b":
                recording = replace(recording, tags=("sync",), excluded=((1_000, 2_000),))
            writer.add(recording, {"recording": landmarks(n, seed)})
    if exact_limit == NEVER:
        assert changed == at_once.digest

    with index.writer(exact_limit=exact_limit) as writer:
        writer.compact()
    assert amendments(index.path) == []
    assert index.digest == changed
    assert index.snapshot().by_id("b").tags == ("sync",)
    with index.writer() as writer:
        writer.amend(replace(writer.recording("b"), tags=(), excluded=()))
    assert index.digest == plain


def test_taking_an_amendment_back_leaves_none(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 10, "b": 10})
    before = index.digest
    assert change_tags(index, ["a", "b", "a"], added=["x"]) == 2
    assert change_tags(index, ["a"], added=["x"]) == 0
    assert change_tags(index, ["a", "b"], removed=["x"]) == 2
    assert amendments(index.path) == []
    assert index.digest == before


def test_a_removed_recording_loses_its_amendment_and_leftovers_are_deleted(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 10 for i in range(8)})
    change_tags(index, ["r1", "r2"], added=["x"])
    (index.path / "amendments-000099.jsonl").write_bytes(b"{")
    assert index.verify() == []
    with index.writer() as writer:
        writer.remove("r1")
    entry = read_manifest(index.path).amendments
    assert entry is not None
    assert amendments(index.path) == [entry.name]
    assert [json.loads(line)["id"] for line in (index.path / entry.name).read_text().splitlines()] == ["r2"]
    assert index.info()["tags"] == {"x": 1}


def test_uncommitted_recordings_can_be_amended(tmp_path: Path) -> None:
    index, twin = Index.create(tmp_path / "a", LAYERS), Index.create(tmp_path / "b", LAYERS)
    with index.writer() as writer:
        writer.add(Recording("a"), {"recording": landmarks(5, 0)})
        writer.amend(Recording("a", tags=("x",)))
    with twin.writer() as writer:
        writer.add(Recording("a", tags=("x",)), {"recording": landmarks(5, 0)})
    assert index.digest == twin.digest
    assert amendments(index.path) == []


def test_only_the_given_fields_of_a_recording_are_amended(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 10})
    with index.writer() as writer:
        with pytest.raises(ParameterError, match="only title, artists, ISRC, tags and excluded ranges can be amended"):
            writer.amend(replace(writer.recording("a"), duration_ms=1))
        with pytest.raises(UnknownRecordingError, match="recording 'b' is not in the index"):
            writer.amend(Recording("b"))


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 10, "b": 10})
    before = (index.path / "manifest.json").read_bytes()
    for call, message in (
        (lambda: change_tags(index, ["a", "z"], added=["x"]), "recording 'z' is not in the index"),
        (lambda: change_tags(index, ["a"], removed=["x"]), "tag 'x': none of these recordings has it"),
        (lambda: change_tags(index, ["a"], added=["x"], removed=["x"]), "tag 'x': cannot be added and removed at once"),
        (lambda: change_exclusions(index, "a", ["100-101"]), "starts after the recording has ended, at 1:40"),
    ):
        with pytest.raises((ParameterError, UnknownRecordingError), match=message):
            call()
    assert (index.path / "manifest.json").read_bytes() == before


def test_a_full_disk_leaves_the_facts_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = fill(tmp_path / "index", {"a": 10})
    change_tags(index, ["a"], added=["x"])
    before = {path.name: path.read_bytes() for path in index.path.iterdir() if path.is_file()}

    def full(folder: Path, manifest: Manifest) -> None:
        raise StorageFullError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("index.folder.writer.write_manifest", full)
        with pytest.raises(StorageFullError):
            change_tags(index, ["a"], added=["y"])
    assert {path.name: path.read_bytes() for path in index.path.iterdir() if path.is_file()} == before
    change_tags(index, ["a"], added=["y"])
    assert index.snapshot().by_id("a").tags == ("x", "y")


def test_info_equals_that_of_all_parsed_recordings_with_any_text(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", {"duration_ms": LAYERS["recording"]})
    forged = '"duration_ms":9,"tags":["forged"],"excluded":[[0,9]]'
    with index.writer() as writer:
        for i, text in enumerate((forged, '\\"duration_ms":9}', "duration_ms", "")):
            recording = Recording(
                f"{text}{i}", title=text, artists=(text,), decoder=text, name=text, notes=(text,),
                duration_ms=100_000 + i, tags=("x", f"t{i % 2}"),
            )  # fmt: skip
            writer.add(recording, {"duration_ms": landmarks(5, i)})
    change_tags(index, ["3", "duration_ms2"], added=[forged.replace(",", ";")])
    change_exclusions(index, "3", ["0-10", "20-30.5"])
    change_exclusions(index, "duration_ms2", ["5-70"])
    recordings = index.snapshot().recordings
    facts = parsed_facts(recordings)
    assert (facts["recordings"], facts["excluded"]) == (4, {"recordings": 2, "seconds": 85.5})
    assert recordings.durations_ms.tolist() == [100_000, 100_001, 100_002, 100_003]
    assert index.info().items() >= facts.items()


def test_a_duration_is_read_from_lines_that_others_wrote_too() -> None:
    fields = recording_to_json(Recording("a", duration_ms=61_000))
    assert duration_from_json(json.dumps(fields, indent=1).encode()) == 61_000
    with pytest.raises(IndexDamagedError, match="the table of recordings is damaged"):
        duration_from_json(b'{"id":"a"}')


def test_a_line_may_lack_tags_or_ranges_and_not_have_others() -> None:
    assert tags_from_json(b'{"id":"a","tags":["x"]}') == ("a", ["x"], [])
    assert tags_from_json(b'{"excluded":[[0,5]],"id":"a"}') == ("a", [], [[0, 5]])
    for wrong in (
        b'"tags":["x",1]',
        b'"tags":["x"],"excluded":[[5,0]]',
        b'"excluded":[[0,1e9]]',
        b'"excluded":[[0,5,6]]',
    ):
        with pytest.raises(IndexDamagedError, match="the table of recordings is damaged"):
            tags_from_json(b'{"id":"a",' + wrong + b"}")
    whole = {**recording_to_json(Recording("a")), "tags": {}}  # empty, and no list
    with pytest.raises(IndexDamagedError, match="the table of recordings is damaged"):
        recording_from_json(json.dumps(whole).encode())


def test_a_reader_keeps_its_state(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 10})
    change_tags(index, ["a"], added=["x"])
    before = Index.open(index.path).snapshot()
    change_exclusions(index, "a", ["0-50"])
    assert before.by_id("a") == replace(index.snapshot().by_id("a"), excluded=())
    assert not before.layer("recording").has_exclusions
    assert index.snapshot().layer("recording").has_exclusions


STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 5)),
    st.tuples(st.sampled_from(["tag", "untag", "exclude"]), st.integers(0, 5)),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.sampled_from(["commit", "compact", "reopen"]), st.just(0)),
)


@pytest.mark.slow
@settings(max_examples=25)
@given(steps=st.lists(STEP, min_size=1, max_size=30))
def test_any_sequence_of_changes_ends_as_if_made_at_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("facts")
    index = Index.create(folder / "index", LAYERS)
    twin: dict[str, tuple[Recording, int]] = {}
    writer = index.writer(exact_limit=NEVER).__enter__()
    for number, (what, i) in enumerate(steps):
        name = f"r{i}"
        if what == "put":
            added = Recording(name, tags=("new",) if number % 3 == 0 else (), duration_ms=100_000 * number)
            twin[name] = added, number
            writer.add(twin[name][0], {"recording": landmarks(8, number)}, replace=True)
        elif what in ("tag", "untag", "exclude") and name in twin:
            recording, seed = twin[name]
            ranges = ((number * 1_000, number * 1_000 + 500),) if what == "exclude" else recording.excluded
            tags = {"tag": ("a", "b"), "untag": (), "exclude": recording.tags}[what]
            twin[name] = replace(recording, tags=tags, excluded=ranges), seed
            writer.amend(twin[name][0])
        elif what == "remove" and name in twin:
            writer.remove(name)
            del twin[name]
        elif what == "commit":
            writer.commit()
        elif what == "compact":
            writer.compact()
        elif what == "reopen":
            writer.__exit__(None, None, None)
            writer = index.writer(exact_limit=NEVER).__enter__()
    writer.__exit__(None, None, None)
    at_once = Index.create(folder / "twin", LAYERS)
    with at_once.writer(exact_limit=NEVER) as other:
        for recording, seed in twin.values():
            other.add(recording, {"recording": landmarks(8, seed)})
    snapshot = Index.open(folder / "index").snapshot()
    assert {recording.id: recording for recording in snapshot.recordings} == {k: r for k, (r, _) in twin.items()}
    assert snapshot.digest == at_once.digest
    assert index.info().items() >= parsed_facts(snapshot.recordings).items()
    assert verify_index(folder / "index") == []
    view = snapshot.layer("recording")
    for ordinal, recording in enumerate(snapshot.recordings):
        counted = view.counted_of(ordinal)
        ms = view.landmarks_of(ordinal)[0] / 4.096
        inside = np.zeros(ms.size, dtype=np.bool_)
        for start, end in recording.excluded:
            inside |= (ms >= start) & (ms < end)
        assert (counted is None) == (not recording.excluded)
        if counted is not None:
            np.testing.assert_array_equal(counted, np.flatnonzero(~inside))


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["altered", "cut", "deleted"])
def test_damage_to_amendments_is_named_and_repaired_and_lets_no_excluded_range_through(
    tmp_path: Path, how: str
) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 10 for i in range(8)})
    change_exclusions(index, "r1", ["1-2"])
    change_tags(index, ["r2"], added=["x"])
    (name,) = amendments(index.path)
    path = index.path / name
    data = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(data[:-5] if how == "cut" else data.replace(b"1000", b"1001"))
    with pytest.raises(IndexDamagedError, match=name):
        Index.open(index.path)
    (problem,) = verify_index(index.path)
    assert (problem.part, problem.recordings, problem.n_recordings) == (name, ("r1", "r2"), 2)
    assert repair_index(index.path) == [problem]
    left = Index.open(index.path)
    assert [recording.id for recording in left.snapshot().recordings] == ["r0", "r3", "r4", "r5", "r6", "r7"]
    assert left.verify() == []


def test_damage_to_the_exclusions_of_a_segment_is_named(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer() as writer:
        writer.add(Recording("a", excluded=((1_000, 2_000),)), {"recording": landmarks(10, 0)})
    (path,) = index.path.rglob("exclusions.npy")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(IndexDamagedError, match=r"exclusions\.npy"):
        Index.open(index.path)
    assert [problem.recordings for problem in repair_index(index.path)] == [()]  # the lines say the same
    assert Index.open(index.path).snapshot().exclusions().tolist() == [[0, 1_000, 2_000]]


# --- search -----------------------------------------------------------------------------------------------------------


def test_excluded_landmarks_do_not_vote(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 50, "b": 40})
    change_exclusions(index, "b", ["20-60"])
    view = index.snapshot().layer("recording")
    rows = np.arange(90).reshape(1, 45, 2)
    query = QueryLandmarks(np.arange(45.0), np.full(45, 9.0, np.float32), np.empty((1, 45, 64), np.float32), (1.0,))
    votes = gather_votes(Neighbours(query, view, rows, np.full(rows.shape, 0.9, np.float32)))
    of_b = votes.recording_seconds[votes.recordings == 1]
    seconds = landmarks(40, 1).times
    assert np.count_nonzero(votes.recordings == 0) == 50
    assert of_b.size == np.count_nonzero((seconds < 20) | (seconds >= 60)) < 40
    assert not np.any((of_b >= 20) & (of_b < 60))


def test_rows_of_an_alignment_count_all_landmarks_stored(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 50, "b": 600})
    given = landmarks(600, 1)
    query = QueryLandmarks(given.times, given.bins, given.vectors[None], (1.0,))
    hypothesis = Hypothesis(1, 1.0, 0.0, 0.0, 70.0, 1.0)
    whole = Aligner(query, index.snapshot().layer("recording")).align(hypothesis)
    change_exclusions(index, "b", ["20-60"])
    part = Aligner(query, index.snapshot().layer("recording")).align(hypothesis)
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(whole.rows, whole.landmarks)
    np.testing.assert_array_equal(part.rows, part.landmarks)
    assert part.rows.size > 100
    assert not np.any((given.times[part.rows] >= 20) & (given.times[part.rows] < 60))


@functools.cache
def described(seed: int, role: str) -> Fingerprint:
    """Return the fingerprint of some music, as reference or as query."""
    if role == "query":
        return fingerprint_signal(music(seed, SECONDS), role="track", scales=STANDARD.scales)
    return fingerprint_signal(music(seed, SECONDS))


def search(index: Index, seed: int) -> MatchResult:
    return in_sequence([match_track(described(seed, "query"), index.snapshot())])


def spans_ms(result: MatchResult, name: str) -> list[tuple[int, int]]:
    passages = [segment for match in result.matches if match.recording.id == name for segment in match.passages]
    return [(round(1000 * s.recording_start_seconds), round(1000 * s.recording_end_seconds)) for s in passages]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Return an index of three recordings of half a minute, s1 to s3."""
    index = Index.create(tmp_path_factory.mktemp("facts") / "index", layer_specs())
    with index.writer() as writer:
        for seed in (1, 2, 3):
            recording = Recording(f"s{seed}", duration_ms=round(1000 * SECONDS))
            writer.add(recording, recording_landmarks(described(seed, "reference")))
    return index


@pytest.mark.slow
@settings(max_examples=12)
@given(
    ranges=st.lists(
        st.tuples(st.integers(0, 29_000), st.integers(1, 9_000)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        min_size=1,
        max_size=3,
    )
)
def test_no_reported_millisecond_is_excluded(catalogue: Index, ranges: list[tuple[int, int]]) -> None:
    change_exclusions(catalogue, "s2", [ranges_text((pair,)) for pair in ranges], clear=True)
    excluded = catalogue.snapshot().by_id("s2").excluded
    for start, end in spans_ms(search(catalogue, 2), "s2"):
        assert start < end
        assert all(end <= a or b <= start for a, b in excluded)


def test_audio_on_both_sides_is_found_on_the_same_line(catalogue: Index) -> None:
    change_exclusions(catalogue, "s1", [], clear=True)
    (whole,) = (match for match in search(catalogue, 1).matches if match.recording.id == "s1")
    change_exclusions(catalogue, "s1", ["10-11", "18-20"], clear=True)
    (match,) = (match for match in search(catalogue, 1).matches if match.recording.id == "s1")
    assert [round(s.recording_end_seconds, 3) for s in match.passages][:2] == [10.0, 18.0]
    assert [round(s.recording_start_seconds, 3) for s in match.passages][1:] == [11.0, 20.0]
    assert len({s.score for s in match.passages}) == 1
    assert match.passages[0].aligned_landmarks < whole.passages[0].aligned_landmarks
    for segment in match.passages:
        assert segment.track_start_seconds == pytest.approx(segment.recording_start_seconds, abs=0.05)
        assert segment.track_end_seconds == pytest.approx(segment.recording_end_seconds, abs=0.05)


def test_a_recording_that_is_excluded_whole_is_not_found(catalogue: Index) -> None:
    change_exclusions(catalogue, "s3", ["0-30"], clear=True)
    assert spans_ms(search(catalogue, 3), "s3") == []
    change_exclusions(catalogue, "s3", [], clear=True)
    assert spans_ms(search(catalogue, 3), "s3") != []


# --- commands ---------------------------------------------------------------------------------------------------------


def listed(index: Path) -> dict[str, tuple[list[str], list[list[int]]]]:
    recordings: Iterable[dict[str, object]] = json.loads(run("list", "--json", index=index).stdout)
    return {str(r["id"]): (r["tags"], r["excluded"]) for r in recordings}  # type: ignore[misc]


def test_facts_come_from_a_list_are_changed_by_commands_and_survive_replacing(tmp_path: Path) -> None:
    index = tmp_path / "index"
    for name, seed in (("a", 1), ("b", 2)):
        write(tmp_path / f"{name}.wav", music(seed))
    table = tmp_path / "list.csv"
    table.write_text("path,tags,exclude\na.wav,sync|label-7,0:02-0:03.5\nb.wav,,\n")
    assert run("add", table, "--quiet", index=index).exit_code == 0
    assert listed(index) == {"a": (["label-7", "sync"], [[2000, 3500]]), "b": ([], [])}

    done = run("tag", "a", "b", "--add", "eu", "--remove", "sync", index=index)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "2 recordings changed\n")
    done = run("exclude", "b", "1-2", "0:10-0:30", index=index)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "excluded now: 0:01-0:02|0:10-0:12\n")
    assert run("exclude", "b", index=index).stdout == "0:01-0:02\n0:10-0:12\n"
    assert "eu, label-7  0:02-0:03.5" in run("tag", "a", index=index).stdout
    information = run("info", index=index).stdout
    assert "eu (2), label-7 (1)" in information
    assert "0:04.5 of 2 recordings" in information

    write(tmp_path / "b.wav", music(3)[: 5 * RATE_HZ])
    again = run("replace", tmp_path / "b.wav", index=index)
    assert again.exit_code == 0
    assert "still excluded: 0:01-0:02; see that it fits" in again.stderr
    assert listed(index)["b"] == (["eu"], [[1000, 2000]])
    table.write_text("path,tags,exclude\nb.wav,us,\n")
    assert run("replace", table, "--quiet", index=index).exit_code == 0
    assert listed(index)["b"] == (["us"], [[1000, 2000]])

    done = run("exclude", "b", "--clear", "--quiet", index=index)
    assert (done.exit_code, done.stderr) == (0, "")
    assert listed(index)["b"] == (["us"], [])


def test_an_exclusion_beyond_the_audio_fails_and_so_does_a_wrong_tag(tmp_path: Path) -> None:
    index = tmp_path / "index"
    write(tmp_path / "a.wav", music(1))
    table = tmp_path / "list.csv"
    table.write_text("path,exclude\na.wav,1:00-2:00\n")
    failed = run("add", table, index=index)
    assert failed.exit_code == 3
    assert (
        "excluded range 1:00-2:00: starts after the recording has ended, at 0:12; give times within it" in failed.stderr
    )
    table.write_text("path,exclude\na.wav,0:10-2:00\n")
    assert run("add", table, "--quiet", index=index).exit_code == 0
    assert listed(index) == {"a": ([], [[10_000, 12_000]])}
    assert run("add", table, "--quiet", index=index).exit_code == 0
    for words, message in (
        (["tag", "a", "--add", "x|y"], "must be 1 to 64 printable characters"),
        (["tag", "z", "--add", "x"], "recording 'z' is not in the index"),
        (["exclude", "a", "5"], "must be START-END"),
        (["exclude", "z"], "recording 'z' is not in the index"),
    ):
        failed = run(*words, index=index)
        assert failed.exit_code == 2
        assert message in failed.stderr
