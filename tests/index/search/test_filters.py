"""Filters: which recordings a search is about, and that the others are as if they were not there."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fingerprint.errors import ParameterError, UnknownRecordingError
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.search.filters import Filter
from index.search.match import STANDARD, match_track
from index.storage import recordings as recordings_module
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from sourceprint.catalogue.annotations import change_tags
from tests.command_line import catalogue as made_by_command
from tests.command_line import music, run
from tests.landmark_sets import ALWAYS, NEVER, fill, landmarks, naive_search

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Return an index of four recordings: a and b have the tag x, b and c the tag y."""
    made = fill(tmp_path_factory.mktemp("filters") / "index", dict.fromkeys(NAMES, 40))
    change_tags(made, ["a", "b"], added=["x"])
    change_tags(made, ["b", "c"], added=["y"])
    return made


def named(snapshot: Snapshot, only: Sequence[str], exclude: Sequence[str]) -> str:
    allowed = Filter.parse(only, exclude).allowed(snapshot)
    assert allowed is not None
    return "".join(snapshot.recordings[int(ordinal)].id for ordinal in np.flatnonzero(allowed))


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        (["id:c"], [], "c"),
        (["tag:x"], [], "ab"),
        (["tag:x", "tag:y"], [], "abc"),
        (["tag:x", "id:d"], [], "abd"),
        ([], ["tag:x"], "cd"),
        (["tag:x"], ["tag:y"], "a"),
        ([], ["id:a", "id:b", "id:a"], "cd"),
        (["tag:y"], ["id:b"], "c"),
    ],
)
def test_a_recording_is_searched_if_some_only_and_no_exclude_names_it(
    index: Index, only: list[str], exclude: list[str], expected: str
) -> None:
    assert named(index.snapshot(), only, exclude) == expected


def test_without_words_everything_is_searched(index: Index) -> None:
    assert Filter.parse([], []) == Filter()
    assert Filter().allowed(index.snapshot()) is None


@pytest.mark.parametrize("text", ["a\nc\n", "\ufeffa\r\nc\r\n", "# ours\n\n  c \n#d\na"])
def test_ids_are_read_from_a_file(index: Index, tmp_path: Path, text: str) -> None:
    (tmp_path / "ids.txt").write_text(text, encoding="utf-8", newline="")
    assert named(index.snapshot(), [f"@{tmp_path}/ids.txt"], []) == "ac"
    assert named(index.snapshot(), [], [f"@{tmp_path}/ids.txt"]) == "bd"


@pytest.mark.parametrize("word", ["a", "", "id:", "tag:", "tag", "label:x"])
def test_an_invalid_word_is_refused(word: str) -> None:
    with pytest.raises(ParameterError, match="must be id:ID, tag:TAG, or @FILE with one id per line"):
        Filter.parse([], [word])


def test_a_file_of_ids_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n\n")
    (tmp_path / "latin").write_bytes(b"a\n\xe4\n")
    for name, message in (
        ("missing", "cannot be read"),
        ("empty", "holds no id; write one per line"),
        ("latin", "not UTF-8 .byte 0xe4 at position 2."),
    ):
        with pytest.raises(ParameterError, match=message):
            Filter.parse([f"@{tmp_path}/{name}"], [])


def test_ids_that_are_not_there_are_named_five_at_most(index: Index) -> None:
    with pytest.raises(UnknownRecordingError, match=r"names z1, z2, z3, z4, z5 and 2 more: not in the index"):
        Filter.parse(["id:a", *(f"id:z{i}" for i in range(1, 8))], []).allowed(index.snapshot())
    with pytest.raises(UnknownRecordingError, match=r"names z: not in the index"):
        Filter.parse([], ["id:z"]).allowed(index.snapshot())


def test_a_filter_that_matches_nothing_is_an_error(index: Index) -> None:
    for only, exclude, message in (
        (["tag:z"], [], "filter tag:z: no recording of the index has this tag"),
        ([], ["tag:z"], "filter tag:z: no recording of the index has this tag"),
        (["tag:x", "tag:z"], [], "filter tag:z: no recording"),
        (["id:a"], ["tag:x"], "leaves no recording to be searched"),
    ):
        with pytest.raises(ParameterError, match=message):
            Filter.parse(only, exclude).allowed(index.snapshot())


def test_ids_are_found_by_key_and_only_their_lines_are_read(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = index.snapshot()
    read: list[bytes] = []
    parse = recordings_module.recording_from_json

    def noting(line: bytes) -> Recording:
        read.append(line)
        return parse(line)

    monkeypatch.setattr(recordings_module, "recording_from_json", noting)
    allowed = Filter.parse(["id:c", "id:a"], []).allowed(snapshot)
    assert allowed is not None
    assert allowed.tolist() == [True, False, True, False]
    assert len(read) == 2


def test_two_ids_with_one_key_are_told_apart(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recordings_module, "text_key", lambda text: 7)
    monkeypatch.setattr("index.storage.segment_writer.text_key", lambda text: 7)
    twin = fill(tmp_path / "index", dict.fromkeys(NAMES, 5))
    found = twin.snapshot().recordings.find_all(["c", "z", "a", "d"])
    assert found.tolist() == [2, -1, 0, 3]


# --- neighbours -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_neighbours_are_those_of_the_allowed(tmp_path: Path, exact_limit: int) -> None:
    counts = {f"r{i}": 50 for i in range(6)}
    view = fill(tmp_path / "index", counts, exact_limit=exact_limit).snapshot().layer("recording")
    allowed = np.array([i % 2 == 0 for i in range(6)])
    queries = landmarks(40, 99).vectors
    rows, similarity = view.search(queries, 2, nprobe=1000, allowed=allowed)
    assert allowed[view.recording_of(rows)].all()
    everything, cosines = view.search(queries, 300, nprobe=1000)
    for q in range(len(queries)):
        wanted = allowed[view.recording_of(everything[q])]
        np.testing.assert_array_equal(rows[q], everything[q][wanted][:2])
        np.testing.assert_allclose(similarity[q], cosines[q][wanted][:2], atol=1e-6)
    if exact_limit == NEVER:
        vectors = np.concatenate([landmarks(50, i).vectors for i in range(6)]).astype(np.float16).astype(np.float32)
        ours = np.flatnonzero(np.repeat(allowed, 50))
        np.testing.assert_array_equal(rows, naive_search(vectors[ours], ours, queries, 2)[0])


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_the_few_that_are_allowed_are_found_however_many_are_not(tmp_path: Path, exact_limit: int) -> None:
    counts = {"a": 400, "b": 5}
    view = fill(tmp_path / "index", counts, exact_limit=exact_limit).snapshot().layer("recording")
    rows, similarity = view.search(landmarks(30, 99).vectors, 8, nprobe=1000, allowed=np.array([False, True]))
    assert np.isneginf(similarity[rows < 0]).all()
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile([-1, -1, -1, *range(400, 405)], (30, 1)))


def test_allowed_has_a_value_for_each_recording(index: Index) -> None:
    view = index.snapshot().layer("recording")
    with pytest.raises(ParameterError, match=r"allowed has shape \(3,\): must have one value for each recording"):
        view.search(landmarks(3, 99).vectors, 3, allowed=np.ones(3, dtype=np.bool_))


# --- the whole search -------------------------------------------------------------------------------------------------


@functools.cache
def reference(seed: int) -> Fingerprint:
    return fingerprint_signal(music(seed, 20.0))


@functools.cache
def query(seed: int) -> Fingerprint:
    return fingerprint_signal(music(seed, 20.0), role="track", scales=STANDARD.scales)


def indexed(path: Path, seeds: Sequence[int], *, exact_limit: int) -> Snapshot:
    """Return an index of music by seed, s11 and so on; s14 has the audio of s13."""
    index = Index.create(path, layer_specs())
    with index.writer(exact_limit=exact_limit) as writer:
        for seed in seeds:
            writer.add(Recording(f"s{seed}", duration_ms=20_000), recording_landmarks(reference(min(seed, 13))))
    return index.snapshot()


@pytest.mark.slow
@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_a_filtered_search_is_that_of_an_index_of_the_allowed_alone(tmp_path: Path, exact_limit: int) -> None:
    whole = indexed(tmp_path / "whole", [11, 12, 13, 14], exact_limit=exact_limit)
    for wanted in ([11, 13], [12], [13], [14]):
        alone = indexed(tmp_path / f"alone{wanted}", wanted, exact_limit=exact_limit)
        allowed = Filter.parse([f"id:s{seed}" for seed in wanted], []).allowed(whole)
        for seed in (11, 12, 13):
            here = match_track(query(seed), whole, allowed=allowed)
            there = match_track(query(seed), alone)
            ours = [match.recording.id for match in here.matches]
            assert ours == [match.recording.id for match in there.matches]
            assert set(ours) <= {f"s{k}" for k in wanted}
            for match, twin in zip(here.matches, there.matches, strict=True):
                assert match.track_seconds == pytest.approx(twin.track_seconds, abs=0.3)
                copy = {"s13": ("s14",), "s14": ("s13",)}.get(match.recording.id, ())  # named, filter or not
                assert all(passage.also_fits == copy for passage in match.passages)
                assert all(passage.also_fits == () for passage in twin.passages)
    assert [match.recording.id for match in match_track(query(13), whole).matches][:1] in (["s13"], ["s14"])


def test_the_command_searches_the_named_recordings_and_says_so(tmp_path: Path) -> None:
    index = made_by_command(tmp_path, (1, 2, 3))
    assert run("tag", "s1", "s2", "--add", "ours", "--quiet", index=index).exit_code == 0
    (tmp_path / "ids.txt").write_text("s2\ns3\n")
    track = tmp_path / "music" / "s1.wav"
    for words, found, searched in (
        (["--only", "tag:ours"], ["s1"], {"only": ["tag:ours"], "exclude": [], "recordings": 2}),
        (["--exclude", "id:s1"], [], {"only": [], "exclude": ["id:s1"], "recordings": 2}),
        (
            ["--only", f"@{tmp_path}/ids.txt", "--only", "tag:ours", "--exclude", "id:s3"],
            ["s1"],
            {"only": [f"@{tmp_path}/ids.txt", "tag:ours"], "exclude": ["id:s3"], "recordings": 2},
        ),
        ([], ["s1"], {"only": [], "exclude": [], "recordings": 3}),
    ):
        done = run("match", track, *words, "--jsonl", index=index)
        assert done.exit_code == 0, done.stderr
        result = json.loads(done.stdout)
        assert [match["recording_id"] for match in result["matches"]] == found
        assert ({name: result["searched"][name] for name in searched}, result["index"]["recordings"]) == (searched, 3)
    for words, message in (
        (["--only", "tag:theirs"], "filter tag:theirs: no recording of the index has this tag"),
        (["--only", "id:s9"], "the filter names s9: not in the index"),
        (["--exclude", "nobody"], "filter 'nobody': must be id:ID, tag:TAG, or @FILE"),
        (["--only", "@nowhere"], "nowhere: this list of ids cannot be read"),
    ):
        failed = run("match", track, *words, index=index)
        assert (failed.exit_code, failed.stdout) == (2, "")
        assert message in failed.stderr
