"""The composition layer of an index: kept through every change; the recording layer stays as it is without."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fingerprint.composition import CompositionParams, CompositionWindows
from fingerprint.errors import IndexDamagedError, IndexFormatError, ParameterError, UnknownRecordingError
from index.composition import RecordedWork, search_works
from index.folder.index import Index, Recording
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.folder.windows import COMPOSITION, CompositionLayer, composition_columns, composition_spec
from index.storage.layers import PreparedLayer
from index.storage.manifest import RECORDING, LayerSpec
from index.storage.segment_rules import LayerColumn
from tests.landmark_sets import SPEC, landmarks

LAYERS = {RECORDING: SPEC, COMPOSITION: composition_spec()}
N_WINDOWS = 40
COLUMNS = ("times", "windows", "background_mean", "background_sd")


def windows(seed: int, n: int = N_WINDOWS) -> CompositionWindows:
    params, rng = CompositionParams(), np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 64))
    vectors = np.clip(np.rint(254 * vectors / np.linalg.norm(vectors, axis=1, keepdims=True)), -127, 127)
    vectors[n // 2 : n // 2 + 1] = 0  # a window without pitch
    return CompositionWindows(
        (np.arange(n) * params.step_seconds).astype(np.float32),
        vectors.astype(np.int8),
        rng.normal(0.2, 0.05, n).astype(np.float16),
        rng.uniform(0.02, 0.1, n).astype(np.float16),
        101.0,
        1.0,
        params.digest,
    )


def given(seed: int) -> dict[str, Any]:
    return {RECORDING: landmarks(60, seed), COMPOSITION: composition_columns(windows(seed))}


def made(path: Path, n: int = 4, *, both: bool = True, exact_limit: int = 10**9) -> Index:
    """Return an index of `rN`, seed N, in one segment each."""
    index = Index.create(path, LAYERS if both else {RECORDING: SPEC})
    with index.writer(exact_limit=exact_limit) as writer:
        for seed in range(n):
            added = given(seed) if both else {RECORDING: landmarks(60, seed)}
            writer.add(Recording(f"r{seed}", duration_ms=101_000), added)
            writer.commit()
    return index


def check(index: Index, seeds: dict[str, int]) -> None:
    """Make sure that each recording has the windows of its seed, to the byte, and no other is there."""
    assert index.verify() == []
    layer = CompositionLayer(Index.open(index.path).snapshot())
    found = {one.recording_id: one for one in layer}
    assert found.keys() == seeds.keys()
    assert layer.n_windows == N_WINDOWS * len(seeds)
    for name, seed in seeds.items():
        expected = windows(seed)
        for field in dataclasses.fields(CompositionWindows):
            assert np.array_equal(getattr(found[name].windows, field.name), getattr(expected, field.name)), field.name
        assert found[name].counted.all()


@pytest.mark.parametrize("exact_limit", [10**9, 100])
def test_windows_go_through_every_change_of_an_index(tmp_path: Path, exact_limit: int) -> None:
    # With 100, the recording layer is compressed, and the windows, of which there are more, stay as they are.
    index = made(tmp_path / "index", exact_limit=exact_limit)
    snapshot = Index.open(index.path).snapshot()
    assert snapshot.layer(COMPOSITION).kind == "kept"
    assert snapshot.layer(RECORDING).kind == ("exact" if exact_limit > 240 else "compressed")
    check(index, {f"r{seed}": seed for seed in range(4)})
    with index.writer(exact_limit=exact_limit) as writer:
        writer.remove("r2")
        writer.replace(Recording("r1", duration_ms=101_000), given(11))
        writer.commit()
        writer.rename("r3", "other")
    left = {"r0": 0, "r1": 11, "other": 3}
    check(index, left)
    with index.writer(exact_limit=exact_limit) as writer:
        writer.compact()
    check(index, left)
    export_index(index.path, tmp_path / "index.tar")
    assert import_index(tmp_path / "index.tar", tmp_path / "new").digest == index.digest
    check(Index.open(tmp_path / "new"), left)


@pytest.mark.parametrize("exact_limit", [10**9, 100])
def test_the_recording_layer_is_the_same_to_the_byte(tmp_path: Path, exact_limit: int) -> None:
    one = made(tmp_path / "one", both=False, exact_limit=exact_limit)
    both = made(tmp_path / "both", exact_limit=exact_limit)
    for index in (one, both):
        with index.writer(exact_limit=exact_limit) as writer:
            writer.compact()
    files = {path.name: path for path in one.path.glob("segments/*/recording/*.npy")}
    beside = {path.name: path for path in both.path.glob("segments/*/recording/*.npy")}
    assert files.keys() == beside.keys()
    assert len(files) == (6 if exact_limit > 240 else 9)
    for name, path in files.items():
        assert path.read_bytes() == beside[name].read_bytes(), name
    query = landmarks(60, 2).vectors
    found = [Index.open(index.path).snapshot().layer(RECORDING).search(query, 5) for index in (one, both)]
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def test_an_index_gets_the_layer_later_and_recordings_may_lack_it(tmp_path: Path) -> None:
    index = made(tmp_path / "index", both=False)
    with pytest.raises(IndexFormatError, match="has no layer 'composition'"):
        CompositionLayer(index.snapshot())
    with index.writer() as writer:
        writer.add_layer(COMPOSITION, composition_spec())
        writer.replace(Recording("r1", duration_ms=101_000), given(1))
    check(index, {"r1": 1})
    layer = CompositionLayer(Index.open(index.path).snapshot())
    lacking = next(n for n, one in enumerate(Index.open(index.path).snapshot().recordings) if one.id == "r0")
    assert layer.recording(lacking).windows.vectors.shape == (0, 64)


@pytest.mark.parametrize("exact_limit", [10**9, 100])
def test_a_recording_is_filled_and_all_that_it_has_stays(tmp_path: Path, exact_limit: int) -> None:
    index = made(tmp_path / "index", both=False, exact_limit=exact_limit)
    query = landmarks(60, 2).vectors
    with index.writer(exact_limit=exact_limit) as writer:
        writer.amend(dataclasses.replace(writer.recording("r2"), title="Two", tags=("sync",)))
        writer.commit()
        before = writer.snapshot
        writer.add_layer(COMPOSITION, composition_spec())
        for seed in (3, 2, 1, 0):
            writer.fill(f"r{seed}", given(seed))
        with pytest.raises(UnknownRecordingError, match="'r2'"):  # once more before the commit
            writer.fill("r2", given(2))
    check(index, {f"r{seed}": seed for seed in range(4)})
    after = Index.open(index.path).snapshot()
    assert sorted(after.recordings, key=str) == sorted(before.recordings, key=str)
    (rows, likeness), (rows_now, likeness_now) = (one.layer(RECORDING).search(query, 5) for one in (before, after))
    assert np.array_equal(likeness, likeness_now)
    ids = [one.id for one in before.recordings], [one.id for one in after.recordings]
    found = [ids[0][k] for k in before.layer(RECORDING).recording_of(rows.ravel())]
    assert found == [ids[1][k] for k in after.layer(RECORDING).recording_of(rows_now.ravel())]
    for seed in range(4):
        kept, now = (one.layer(RECORDING).columns_of(one.ordinal(f"r{seed}")) for one in (before, after))
        assert all(np.array_equal(kept[name], now[name]) for name in kept)


def test_other_audio_fills_nothing(tmp_path: Path) -> None:
    index = made(tmp_path / "index", both=False)
    with index.writer() as writer:
        writer.add_layer(COMPOSITION, composition_spec())
        with pytest.raises(
            ParameterError, match="'r1': its recording layer is not what this audio gives now; replace it"
        ):
            writer.fill("r1", given(2))
        with pytest.raises(ParameterError, match="'r1': its recording layer is not"):
            writer.fill("r1", {COMPOSITION: given(1)[COMPOSITION]})
        with pytest.raises(UnknownRecordingError, match="'r9'"):
            writer.fill("r9", given(9))
        assert writer.n_pending == 0
    check(index, {})
    assert len(Index.open(index.path).snapshot().recordings) == 4


@pytest.mark.parametrize("column", COLUMNS)
def test_a_flipped_bit_costs_one_recording(tmp_path: Path, column: str) -> None:
    index = made(tmp_path / "index")
    with index.writer() as writer:
        writer.compact()
    copy = Path(shutil.copytree(index.path, tmp_path / "copy"))
    (path,) = copy.rglob(f"composition/{column}.npy")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexDamagedError, match=column):
        Index.open(copy)
    (problem,) = repair_index(copy)
    assert (problem.path, problem.recordings) == (path, ("r3",))
    check(Index.open(copy), {"r0": 0, "r1": 1, "r2": 2})


@pytest.mark.parametrize("name", ["bounds", "checks"])
def test_files_that_follow_from_others_are_made_again(tmp_path: Path, name: str) -> None:
    index = made(tmp_path / "index", 2)
    with index.writer() as writer:
        writer.compact()
    (path,) = index.path.rglob(f"composition/{name}.npy")
    path.write_bytes(path.read_bytes()[:-1])
    assert [problem.recordings for problem in repair_index(index.path)] == [()]
    check(Index.open(index.path), {"r0": 0, "r1": 1})


def test_windows_that_touch_an_excluded_range_are_like_nothing(tmp_path: Path) -> None:
    index = made(tmp_path / "index", 2)
    with index.writer() as writer:
        recording = writer.recording("r1")
        writer.amend(dataclasses.replace(recording, excluded=((10_000, 12_000), (95_000, 101_000))))
    whole, cut = CompositionLayer(Index.open(index.path).snapshot())
    assert whole.counted.all()
    start, end = cut.windows.time, cut.windows.time + CompositionParams().window_seconds
    expected = (end <= 10.0) | (start >= 12.0)
    assert np.array_equal(cut.counted, expected)
    assert 0 < np.count_nonzero(~expected) < 12
    assert not cut.windows.vectors[~expected].any()
    assert np.array_equal(cut.windows.vectors[expected], windows(1).vectors[expected])


def test_a_search_of_stored_windows_is_that_of_the_windows(tmp_path: Path) -> None:
    layer = CompositionLayer(made(tmp_path / "index", 3).snapshot())
    track = [windows(1)]
    stored = search_works(track, [RecordedWork(one.recording_id, one.windows) for one in layer])
    assert stored == search_works(track, [RecordedWork(f"r{seed}", windows(seed)) for seed in range(3)])
    assert [match.recording_id for match in stored] == ["r1"]


def test_the_layer_has_no_neighbours_and_takes_no_landmarks(tmp_path: Path) -> None:
    index = made(tmp_path / "index", 1)
    with pytest.raises(ParameterError, match="layer 'composition': keeps no descriptors that have neighbours"):
        index.snapshot().layer(COMPOSITION).search(landmarks(3, 1).vectors, 1)
    with index.writer() as writer, pytest.raises(ParameterError, match="keeps no descriptors, so landmarks do not fit"):
        writer.add(Recording("x"), {COMPOSITION: landmarks(3, 1)})


@pytest.mark.parametrize("changes", [{"scale": 0.84}, {"params_digest": "sha256:0"}])
def test_windows_of_a_track_or_of_other_parameters_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"windows: made with parameters .* describe the recording again"):
        composition_columns(dataclasses.replace(windows(1), **changes))


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("windows", np.zeros((40, 63), np.int8), r"windows is int8 \(40, 63\), must be int8 \(40, 64\)"),
        ("windows", np.zeros((40, 64), np.int16), r"windows is int16 \(40, 64\), must be int8"),
        ("background_sd", np.zeros(39, np.float16), r"background_sd is float16 \(39,\), must be float16 \(40,\)"),
        ("times", np.full(40, 2**31, np.uint32), "landmarks lie up to 524288.0 s, in a recording of 101.0 s"),
        ("times", np.arange(40, dtype=np.uint32)[::-1], "landmarks are not in the order of time"),
    ],
)
def test_columns_of_another_form_are_refused(tmp_path: Path, column: str, values: Any, fault: str) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    layer = PreparedLayer({**composition_columns(windows(1)).columns, column: values})
    with index.writer() as writer, pytest.raises(ParameterError, match=fault):
        writer.add(Recording("x", duration_ms=101_000), {COMPOSITION: layer})


def test_windows_at_other_times_are_refused_by_the_reader(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index", LAYERS)
    columns = {**composition_columns(windows(1)).columns, "times": np.arange(40, dtype=np.uint32)}
    with index.writer() as writer:
        writer.add(Recording("x", duration_ms=101_000), {COMPOSITION: PreparedLayer(columns)})
    with pytest.raises(IndexDamagedError, match=r"windows of recording 'x' do not follow each other every 0\.743 s"):
        list(CompositionLayer(Index.open(index.path).snapshot()))


def test_an_index_of_other_parameters_is_refused(tmp_path: Path) -> None:
    params = {**CompositionParams().to_dict(), "energy_floor": 0.4}
    other = LayerSpec(params, 64, composition_spec().columns)
    index = Index.create(tmp_path / "index", {RECORDING: SPEC, COMPOSITION: other})
    with pytest.raises(IndexFormatError, match="layer 'composition' was made with parameters"):
        CompositionLayer(index.snapshot())


@pytest.mark.parametrize("left_out", ["codes", "vectors"])
def test_codes_and_vectors_come_together(left_out: str) -> None:
    columns = [
        LayerColumn("times", "<u4"), LayerColumn("codes", "|u1", (8,)), LayerColumn("vectors", "|i1", (64,)),
    ]  # fmt: skip
    with pytest.raises(ParameterError, match=f"layer lacks the column '{left_out}'"):
        LayerSpec({"algorithm": "x"}, 64, tuple(one for one in columns if one.name != left_out))
