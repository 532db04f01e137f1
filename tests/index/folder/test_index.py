"""The index folder in normal use: added recordings are found, removed ones gone, and readers keep their snapshot."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint.errors import (
    CatalogueError,
    DuplicateRecordingError,
    IndexFormatError,
    IndexLockedError,
    IndexMissingError,
    ParameterError,
    UnknownRecordingError,
)
from index.folder.index import Index, LayerLandmarks, LayerSnapshot, LayerSpec, Recording, Snapshot
from index.vectors.ivf import sorted_codes
from index.vectors.quantiser import shipped_quantiser
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, SPEC, fill, landmarks, naive_search

COUNTS = {"a": 40, "b": 0, "c": 70, "d": 1, "e": 55}


def ids(snapshot: Snapshot) -> list[str]:
    return [recording.id for recording in snapshot.recordings]


def folder_bytes(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "manifest.json" in found
    return found


def live(view: LayerSnapshot) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of live recordings and the ordinal of each."""
    spans = [np.arange(view.first_row(i), view.first_row(i) + view.count_of(i)) for i in range(view.n_recordings)]
    return np.concatenate([np.empty(0, np.int64), *spans]), np.repeat(np.arange(view.n_recordings), view.counts())


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_added_recordings_are_found(tmp_path: Path, exact_limit: int) -> None:
    index = fill(tmp_path / "index", COUNTS, exact_limit=exact_limit)
    snapshot = index.snapshot()
    view = snapshot.layer("recording")
    assert view.kind == ("exact" if exact_limit == NEVER else "compressed")
    assert ids(snapshot) == list(COUNTS)
    assert (view.n_landmarks, view.n_rows, view.n_recordings) == (166, 166, 5)
    for seed, (name, n) in enumerate(COUNTS.items()):
        given_landmarks = landmarks(n, seed)
        ordinal = snapshot.ordinal(name)
        times, bins, codes = view.landmarks_of(ordinal)
        assert np.abs(times / 4096 - given_landmarks.times).max(initial=0) <= 0.5 / 4096
        assert np.abs(bins / 64 - given_landmarks.bins).max(initial=0) <= 0.5 / 64 + 1e-6
        np.testing.assert_array_equal(codes, np.packbits(given_landmarks.vectors > 0, axis=1))
        rows, similarity = view.search(given_landmarks.vectors, 2, nprobe=1000)
        assert (view.recording_of(rows[:, 0]) == ordinal).all()
        np.testing.assert_array_equal(rows[:, 0], view.first_row(ordinal) + np.arange(n))
        taken_times, taken_bins = view.take(rows[:, 0])
        np.testing.assert_array_equal(taken_times, times)
        np.testing.assert_array_equal(taken_bins, bins)
        assert (similarity[:, 0] > (0.999 if exact_limit == NEVER else 0.5)).all()


def test_landmarks_are_views_of_the_map_and_cannot_be_written(tmp_path: Path) -> None:
    view = fill(tmp_path / "index", COUNTS).snapshot().layer("recording")
    for array in view.landmarks_of(0):
        assert array.base is not None
        assert not array.flags.writeable


def test_recordings_keep_their_facts(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    recording = Recording(
        "x\n\u00e9\udcff",
        "Title\t\u266b",
        ("A", "B"),
        "USRC17607839",
        "n\name.mp3",
        "0f" * 32,
        101_234,
        "soundfile",
        ("odd.",),
    )
    twin = Recording("other", sha256="0f" * 32)
    with index.writer() as writer:
        writer.add(recording, {"recording": landmarks(5, 0)})
        writer.add(twin, {})
    snapshot = index.snapshot()
    assert snapshot.by_id(recording.id) == recording
    assert recording.id in snapshot
    assert "y" not in snapshot
    assert snapshot.by_sha256("0f" * 32) == [recording, twin]
    assert snapshot.by_sha256("") == []
    assert list(snapshot.recordings[-2:]) == [recording, twin]
    with pytest.raises(UnknownRecordingError, match="recording 'y' is not in the index"):
        snapshot.by_id("y")
    with pytest.raises(IndexError, match="recording 2 of 2"):
        snapshot.recordings[2]


def test_an_empty_index_answers(tmp_path: Path) -> None:
    view = Index.create(tmp_path / "index", LAYERS).snapshot().layer("recording")
    rows, similarity = view.search(landmarks(3, 0).vectors, 4)
    assert (rows == -1).all()
    assert np.isneginf(similarity).all()
    assert (view.recording_of(rows) == -1).all()


def test_a_snapshot_does_not_change(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS, exact_limit=ALWAYS)
    before = index.snapshot()
    queries = landmarks(70, 2).vectors
    rows, similarity = before.layer("recording").search(queries, 4)
    digest = before.digest
    with index.writer() as writer:
        writer.remove("c")
        writer.add(Recording("f"), {"recording": landmarks(90, 9)})
        writer.compact()
    again, similarity_again = before.layer("recording").search(queries, 4)
    np.testing.assert_array_equal(rows, again)
    np.testing.assert_array_equal(similarity, similarity_again)
    assert ids(before) == list(COUNTS)
    assert before.layer("recording").landmarks_of(2)[0].size == 70
    after = index.snapshot()
    assert ids(after) == ["a", "b", "d", "e", "f"]
    assert (after.digest != digest, before.digest) == (True, digest)


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_removed_recordings_are_not_found(tmp_path: Path, exact_limit: int) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 50 for i in range(10)}, exact_limit=exact_limit)
    with index.writer() as writer:
        writer.remove("r3")
        assert "r3" not in writer
    snapshot = index.snapshot()
    view = snapshot.layer("recording")
    assert (view.n_landmarks, view.n_rows) == (450, 500)
    rows, _ = view.search(landmarks(50, 3).vectors, 4, nprobe=1000)
    assert (view.recording_of(rows) >= 0).all()
    assert (view.recording_of(np.arange(150, 200)) == -1).all()
    with index.writer() as writer, pytest.raises(UnknownRecordingError, match="'r3' is not in the index"):
        writer.remove("r3")


def test_a_segment_mostly_removed_is_rewritten(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 50 for i in range(10)})
    with index.writer() as writer:
        for i in range(4):
            writer.remove(f"r{i}")
    assert index.info()["removed"] == 0
    assert index.snapshot().layer("recording").n_rows == 300
    with index.writer() as writer:
        for i in range(4, 10):
            writer.remove(f"r{i}")
    assert (index.info()["segments"], index.info()["recordings"]) == (0, 0)


def test_replacing_is_one_step(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    with index.writer() as writer:
        writer.replace(Recording("c", "new"), {"recording": landmarks(33, 50)})
        with pytest.raises(UnknownRecordingError, match="'z' is not in the index"):
            writer.replace(Recording("z"), {})
        assert ids(index.snapshot()) == list(COUNTS)
    snapshot = index.snapshot()
    assert ids(snapshot) == ["a", "b", "d", "e", "c"]
    assert snapshot.by_id("c").title == "new"
    assert snapshot.layer("recording").count_of(snapshot.ordinal("c")) == 33


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    with index.writer() as writer:
        with pytest.raises(DuplicateRecordingError, match="recording 'a' is in the index already; replace it"):
            writer.add(Recording("a"), {})
        writer.add(Recording("new"), {"recording": landmarks(5, 1)})
        with pytest.raises(DuplicateRecordingError, match="'new'"):
            writer.add(Recording("new"), {})
        writer.add(Recording("new", "second"), {}, replace=True)
        assert writer.n_pending == 1
        writer.remove("new")
        assert writer.n_pending == 0
    assert ids(index.snapshot()) == list(COUNTS)


def test_an_interrupted_addition_adds_nothing(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    acknowledged: list[str] = []
    writer = index.writer(on_commit=acknowledged.extend, commit_landmarks=30)

    def interrupted() -> None:
        with writer:
            writer.add(Recording("kept"), {"recording": landmarks(30, 7)})
            writer.add(Recording("lost"), {"recording": landmarks(29, 8)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert acknowledged == ["kept"]
    assert ids(index.snapshot()) == [*COUNTS, "kept"]
    with pytest.raises(CatalogueError, match="this writer is closed"):
        writer.commit()


@pytest.mark.slow
def test_many_small_adds_leave_few_segments(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer(exact_limit=200) as writer:
        for i in range(40):
            writer.add(Recording(f"r{i}"), {"recording": landmarks(20, i)})
            writer.commit()
    info = index.info()
    assert info["segments"] < 4
    assert info["layers"]["recording"]["kind"] == "compressed"
    assert ids(index.snapshot()) == [f"r{i}" for i in range(40)]
    assert len(list((tmp_path / "index" / "segments").iterdir())) == info["segments"]


def test_compacting_gives_the_index_that_adding_would_have_given(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 60 for i in range(20)}, exact_limit=ALWAYS, commit_landmarks=300)
    with index.writer() as writer:
        for i in (0, 7, 8, 19):
            writer.remove(f"r{i}")
        writer.compact()
    assert (index.info()["segments"], index.info()["removed"]) == (1, 0)
    assert index.verify() == []
    (segment,) = (tmp_path / "index" / "segments").iterdir()
    layer = Snapshot.open(tmp_path / "index").manifest.layers["recording"]
    assert layer.quantiser is not None
    vectors = np.concatenate([landmarks(60, i).vectors for i in range(20) if i not in (0, 7, 8, 19)])
    halves = vectors.astype(np.float16)
    np.testing.assert_array_equal(np.load(segment / "recording" / "codes.npy"), np.packbits(halves > 0, axis=1))
    encoded = shipped_quantiser().encode(halves.astype(np.float32))
    for name, (shape, dtype, parts) in sorted_codes(*encoded, layer.quantiser.level).items():
        stored = np.load(segment / "recording" / name)
        assert (stored.shape, stored.dtype) == (shape, dtype)
        np.testing.assert_array_equal(stored, np.concatenate(list(parts)))


@pytest.mark.same_bytes
def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        index = fill(tmp_path / name, {f"r{i}": 60 for i in range(20)}, exact_limit=ALWAYS, commit_landmarks=300)
        with index.writer() as writer:
            writer.remove("r4")
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


@pytest.mark.same_bytes
def test_the_digest_follows_content_not_order_or_segments(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", COUNTS)
    two = Index.create(tmp_path / "two", LAYERS)
    with two.writer() as writer:
        for seed, (name, n) in reversed(list(enumerate(COUNTS.items()))):
            writer.add(Recording(name, duration_ms=100_000), {"recording": landmarks(n, seed)})
            writer.commit()
    assert one.digest == two.digest
    with two.writer() as writer:
        writer.replace(Recording("a", duration_ms=100_001), {"recording": landmarks(40, 0)})
    assert one.digest != two.digest


def test_layers_are_independent(tmp_path: Path) -> None:
    layers = {"recording": SPEC, "composition": LayerSpec({"algorithm": "chroma/1"}, 128)}
    index = Index.create(tmp_path / "index", layers)
    with index.writer(exact_limit=300) as writer:
        for i in range(8):
            both = {"recording": landmarks(60, i), "composition": landmarks(10, 100 + i, dimension=128)}
            writer.add(Recording(f"r{i}"), {"composition": both["composition"]} if i == 3 else both)
            writer.commit()
    snapshot = Index.open(tmp_path / "index", layers).snapshot()
    recording, composition = snapshot.layer("recording"), snapshot.layer("composition")
    assert (recording.kind, composition.kind) == ("compressed", "exact")
    assert (recording.n_landmarks, composition.n_landmarks) == (420, 80)
    assert recording.count_of(3) == 0
    for i in (0, 4, 7):
        for view, found in ((recording, landmarks(60, i)), (composition, landmarks(10, 100 + i, dimension=128))):
            rows, _ = view.search(found.vectors, 1, nprobe=1000)
            assert (view.recording_of(rows) == i).all()
    with pytest.raises(ParameterError, match="layer 'melody': this index has only recording, composition"):
        snapshot.layer("melody")
    with index.writer() as writer, pytest.raises(ParameterError, match="layer 'melody' is not in this index"):
        writer.add(Recording("x"), {"melody": landmarks(1, 1)})


def test_a_layer_can_be_added_later(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    extra = LayerSpec({"algorithm": "chroma/1"}, 128)
    with index.writer() as writer:
        writer.add_layer("composition", extra)
        writer.add(Recording("both"), {"recording": landmarks(9, 1), "composition": landmarks(9, 2, dimension=128)})
        with pytest.raises(ParameterError, match="layer 'composition' is in this index already"):
            writer.add_layer("composition", extra)
    view = Index.open(tmp_path / "index", {"composition": extra}).snapshot().layer("composition")
    assert (view.n_landmarks, view.n_recordings) == (9, 6)
    assert (view.recording_of(view.search(landmarks(9, 2, dimension=128).vectors, 1)[0]) == 5).all()


class Twin:
    """The index as a list: the right result of every sequence of changes."""

    def __init__(self) -> None:
        self.recordings: dict[str, int] = {}

    def arrays(self) -> tuple[NDArray[np.float32], list[tuple[str, int]]]:
        parts = [landmarks(8, seed).vectors.astype(np.float16).astype(np.float32) for seed in self.recordings.values()]
        names = [(name, i) for name in self.recordings for i in range(8)]
        return np.concatenate([np.empty((0, 64), np.float32), *parts]), names


STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 11)),
    st.tuples(st.just("put"), st.integers(0, 11)),
    st.tuples(st.just("remove"), st.integers(0, 11)),
    st.tuples(st.sampled_from(["commit", "compact", "reopen"]), st.just(0)),
)


@pytest.mark.slow
@pytest.mark.parametrize("exact_limit", [NEVER, 40])
@settings(max_examples=25)
@given(steps=st.lists(STEP, min_size=1, max_size=30))
def test_any_sequence_of_changes_equals_its_plain_twin(
    tmp_path_factory: pytest.TempPathFactory, exact_limit: int, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    index, twin = Index.create(folder / "index", LAYERS), Twin()
    writer = index.writer(exact_limit=exact_limit).__enter__()
    for number, (what, i) in enumerate(steps):
        name = f"r{i}"
        if what == "put":
            writer.add(Recording(name, str(number)), {"recording": landmarks(8, number)}, replace=True)
            twin.recordings.pop(name, None)
            twin.recordings[name] = number
        elif what == "remove" and name in twin.recordings:
            writer.remove(name)
            del twin.recordings[name]
        elif what == "commit":
            writer.commit()
        elif what == "compact":
            writer.compact()
        elif what == "reopen":
            writer.__exit__(None, None, None)
            writer = index.writer(exact_limit=exact_limit).__enter__()
    writer.__exit__(None, None, None)
    snapshot = Index.open(folder / "index").snapshot()
    assert sorted(ids(snapshot)) == sorted(twin.recordings)
    view = snapshot.layer("recording")
    vectors, names = twin.arrays()
    queries = np.concatenate([vectors, landmarks(4, 999).vectors])
    k = 4 if view.kind == "exact" else 1
    found, similarity = view.search(queries, k, nprobe=1000)
    expected, cosines = naive_search(vectors, np.arange(len(names)), queries, k)
    place = {(name, i): view.first_row(snapshot.ordinal(name)) + i for name, i in names}
    rows = np.array([place[name] for name in names] + [-1])
    if view.kind == "exact":
        np.testing.assert_array_equal(found, rows[expected])
        np.testing.assert_allclose(similarity, np.minimum(cosines, 1), atol=1e-5)
    else:
        np.testing.assert_array_equal(found[: len(names), 0], rows[expected][: len(names), 0])
    covered, _ = live(view)
    assert covered.size == len(names) == view.n_landmarks
    assert index.verify() == []
    shutil.rmtree(folder)


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    with index.writer() as writer:
        with pytest.raises(IndexLockedError, match=f"process {os.getpid()} is writing to this index; wait"):
            index.writer().__enter__()
        writer.add(Recording("f"), {})
        assert len(index.snapshot().recordings) == 5
    with index.writer():
        pass
    assert len(index.snapshot().recordings) == 6


def _write_often(folder: str) -> None:
    index = Index.open(folder)
    for i in range(8):
        with index.writer(exact_limit=NEVER) as writer:
            writer.add(Recording("x", str(i)), {"recording": landmarks(30, i % 7)}, replace=True)
            writer.compact()


@pytest.mark.slow
def test_readers_never_see_a_half_written_state(tmp_path: Path) -> None:
    fill(tmp_path / "index", {f"r{i}": 30 for i in range(5)}, exact_limit=ALWAYS)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_write_often, args=(str(tmp_path / "index"),))
    process.start()
    index = Index.open(tmp_path / "index")
    generations = set()
    while process.is_alive():
        snapshot = index.snapshot()
        view = snapshot.layer("recording")
        generations.add(snapshot.generation)
        assert view.n_landmarks in (150, 180)
        for ordinal in range(view.n_recordings):
            assert view.landmarks_of(ordinal)[0].size == 30
        rows, _ = view.search(landmarks(30, 2).vectors, 1, nprobe=1000)
        assert snapshot.recordings[int(view.recording_of(rows)[0, 0])].id in ("r2", "x")
    process.join()
    assert process.exitcode == 0
    assert len(generations) > 3


def test_opening_names_the_fault(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="no index here; add recordings to make one"):
        Index.open(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IndexMissingError, match="no index here"):
        Index.open(tmp_path / "empty")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.mp3").write_bytes(b"x")
    with pytest.raises(IndexFormatError, match="not a Sourceprint index"):
        Index.open(tmp_path / "music")
    with pytest.raises(IndexFormatError, match="not empty"):
        Index.create(tmp_path / "music", LAYERS)
    with pytest.raises(IndexFormatError, match="a file, not an index folder"):
        Index.open(tmp_path / "music" / "song.mp3")
    with pytest.raises(IndexFormatError, match="a file, not a folder"):
        Index.create(tmp_path / "music" / "song.mp3", LAYERS)
    (tmp_path / "music" / "manifest.json").write_text('{"name": "an app"}')
    with pytest.raises(IndexFormatError, match=r"manifest\.json is not the manifest of a Sourceprint index"):
        Index.open(tmp_path / "music")
    Index.create(tmp_path / "index", LAYERS)
    with pytest.raises(CatalogueError, match="holds an index already"):
        Index.create(tmp_path / "index", LAYERS)


def test_other_parameters_are_refused_and_both_named(tmp_path: Path) -> None:
    Index.create(tmp_path / "index", LAYERS)
    other = LayerSpec({"algorithm": "random/2"}, 64)
    with pytest.raises(IndexFormatError, match=f"{SPEC.digest}, this program uses {other.digest}; use the program"):
        Index.open(tmp_path / "index", {"recording": other})
    with pytest.raises(IndexFormatError, match="has no layer 'melody'"):
        Index.open(tmp_path / "index", {"melody": SPEC})


def test_another_format_version_is_refused_and_both_named(tmp_path: Path) -> None:
    from index.storage.manifest import _checksum

    Index.create(tmp_path / "index", LAYERS)
    path = tmp_path / "index" / "manifest.json"
    body = json.loads(path.read_text())
    body["format_version"] = 99
    body["checksum"] = _checksum(body)
    path.write_text(json.dumps(body))
    with pytest.raises(IndexFormatError, match="format version 99, this program reads versions 2 and 3"):
        Index.open(tmp_path / "index")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": np.array([2.0, 1.0, 3.0])}, "times must be ascending"),
        ({"times": np.array([-1.0, 1.0, 3.0])}, "times from -1.000"),
        ({"times": np.array([0.0, 1.0, 2e6])}, "must lie between 0 and 1048575 s"),
        ({"times": np.array([0.0, 1.0, np.nan])}, "times and bins must be finite"),
        ({"times": np.zeros(2)}, r"times \(2,\) and bins \(3,\) must have one value for each of 3 vectors"),
        ({"bins": np.array([0, 1, 1024], np.float32)}, "bins from 0.00 to 1024.00"),
        ({"vectors": np.zeros((3, 32), np.float32)}, r"shape \(3, 32\)"),
        ({"vectors": np.full((3, 64), 2.0, np.float32)}, "vector 0 has length 16.000, must be 1"),
    ],
)
def test_unsound_landmarks_are_refused(tmp_path: Path, change: dict[str, NDArray[np.float64]], message: str) -> None:
    good = landmarks(3, 0)
    arrays = {"times": good.times, "bins": good.bins, "vectors": good.vectors, **change}
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer() as writer, pytest.raises(ParameterError, match=message):
        writer.add(Recording("x"), {"recording": LayerLandmarks(**arrays)})  # type: ignore[arg-type]
    assert len(index.snapshot().recordings) == 0


def test_unsound_arguments_are_refused(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", COUNTS)
    view = index.snapshot().layer("recording")
    queries = landmarks(2, 0).vectors
    with pytest.raises(ParameterError, match="k=0"):
        view.search(queries, 0)
    with pytest.raises(ParameterError, match="nprobe=0"):
        view.search(queries, 1, nprobe=0)
    with pytest.raises(ParameterError, match="row 0 holds NaN"):
        view.search(np.full((1, 64), np.nan, np.float32), 1)
    with pytest.raises(ParameterError, match="ordinal=5: must lie between 0 and 4"):
        view.landmarks_of(5)
    with pytest.raises(ParameterError, match="rows from 0 to 166: must lie between -1 and 165"):
        view.recording_of(np.array([0, 166]))
    with pytest.raises(ParameterError, match="commit_landmarks=0"):
        index.writer(commit_landmarks=0)
    with pytest.raises(ParameterError, match="exact_limit=-1"):
        index.writer(exact_limit=-1)
    with pytest.raises(ParameterError, match="layer name 'a/b'"):
        Index.create(tmp_path / "other", {"a/b": SPEC})
    with pytest.raises(ParameterError, match="needs at least one"):
        Index.create(tmp_path / "other", {})
    with pytest.raises(ParameterError, match="dimension=48"):
        LayerSpec({}, 48)
    with pytest.raises(ParameterError, match="plain JSON types"):
        LayerSpec({"x": object()}, 64)
    with pytest.raises(ParameterError, match="recording id ''"):
        Recording("")
    with pytest.raises(ParameterError, match="must be 64 lower-case hex digits"):
        Recording("x", sha256="abc")
    with pytest.raises(ParameterError, match="duration_ms=-1"):
        Recording("x", duration_ms=-1)
    with pytest.raises(ParameterError, match="artists='Abba' must be a sequence of texts"):
        Recording("x", artists="Abba")  # type: ignore[arg-type]


def test_a_layer_is_compressed_although_a_segment_has_no_live_landmarks_in_it(tmp_path: Path) -> None:
    layers = {"recording": SPEC, "melody": LayerSpec({"algorithm": "notes/1"}, 64)}
    index = Index.create(tmp_path / "index", layers)
    with index.writer(exact_limit=500) as writer:
        writer.add(Recording("gone"), {"melody": landmarks(10, 1)})
        writer.add(Recording("kept"), {"recording": landmarks(90, 2)})
        writer.commit()
        writer.remove("gone")
        writer.add(Recording("new"), {"melody": landmarks(600, 3)})
    snapshot = index.snapshot()
    assert (snapshot.layer("melody").kind, snapshot.layer("recording").kind) == ("compressed", "exact")
    rows, _ = snapshot.layer("melody").search(landmarks(600, 3).vectors, 1, nprobe=64)
    assert (snapshot.layer("melody").recording_of(rows) == snapshot.ordinal("new")).all()


def test_info_adds_up(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {f"r{i}": 60 for i in range(20)}, exact_limit=ALWAYS)
    info = index.info()
    on_disk = sum(p.stat().st_size for p in (tmp_path / "index").rglob("*") if p.is_file() and p.name != "lock")
    assert info["bytes"]["total"] == on_disk == sum(v for k, v in info["bytes"].items() if k != "total")
    assert info["hours"] == pytest.approx(20 * 100 / 3600, abs=1e-6)
    assert info["digest"] == index.digest
    assert json.loads(json.dumps(info)) == info


@pytest.mark.slow
def test_a_compressed_index_stays_within_its_budget(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer() as writer:
        for i in range(20):
            writer.add(Recording(f"r{i}", duration_ms=180_000), {"recording": landmarks(3600, i)})
    info = index.info()
    assert info["layers"]["recording"]["kind"] == "compressed"
    assert info["hours"] == 1.0
    assert info["bytes_per_hour"] <= 2_400_000


def test_importing_store_and_search_loads_nothing_slow() -> None:
    slow = ("librosa", "matplotlib", "pyarrow", "sklearn", "scipy.signal", "scipy.stats", "sqlalchemy")
    names = "index.folder.index, index.explain.explainer, sourceprint.catalogue, sourceprint.scans.scan"
    code = f"import sys, {names}; print(sorted(set({slow!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
