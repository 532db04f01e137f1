"""Columns of a layer: what another kind of landmark needs fits in, and goes through every change of the index."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.folder.index import Index, LayerLandmarks, LayerSpec, Recording
from index.folder.repair import repair_index
from index.folder.transfer import export_index, import_index
from index.storage.segment_rules import LayerColumn, standard_columns
from tests.landmark_sets import SPEC, landmarks, unit_vectors

MELODY = LayerSpec(
    {"algorithm": "melody/1"},
    64,
    (
        LayerColumn("times", "<u4"),
        LayerColumn("codes", "|u1", (8,)),
        LayerColumn("vectors", "|i1", (64,)),
        LayerColumn("background", "<f2", (2,)),
    ),
)
"""Vectors without frequency, and two numbers per vector for their background."""
WEIGHED = LayerSpec(SPEC.params, 64, (*standard_columns(64), LayerColumn("weight", "|u1")))
"""Landmarks as ever, with one more number each."""
LAYERS = {"recording": WEIGHED, "composition": MELODY}


def melody(n: int, seed: int) -> LayerLandmarks:
    rng = np.random.default_rng(seed)
    background = rng.normal(0, 3, (n, 2)).astype(np.float16)
    times = np.sort(rng.uniform(0, 100, n))
    return LayerLandmarks(times, np.zeros(n, np.float32), unit_vectors(n, seed), {"background": background})


def weighed(n: int, seed: int) -> LayerLandmarks:
    one = landmarks(n, seed)
    return LayerLandmarks(one.times, one.bins, one.vectors, {"weight": np.arange(n) % 250})


def check(index: Index, ids: list[str], *, kind: str) -> None:
    """Make sure that everything of recordings `rN`, seed N, is there and is found."""
    assert index.verify() == []
    snapshot = Index.open(index.path, LAYERS).snapshot()
    assert [recording.id for recording in snapshot.recordings] == ids
    recording, composition = snapshot.layer("recording"), snapshot.layer("composition")
    assert recording.kind == kind
    for ordinal, name in enumerate(ids):
        seed = int(name[1:])
        kept, given = composition.columns_of(ordinal), melody(40, seed)
        assert list(kept) == ["times", "codes", "vectors", "background"]
        np.testing.assert_array_equal(kept["vectors"], np.rint(given.vectors * 127))
        np.testing.assert_array_equal(kept["background"], given.others["background"])
        np.testing.assert_array_equal(kept["codes"], np.packbits(kept["vectors"] > 0, axis=1))
        rows, similarity = composition.search(given.vectors, 1)
        np.testing.assert_array_equal(rows[:, 0], composition.first_row(ordinal) + np.arange(40))
        assert similarity.min() > 0.999
        assert not composition.landmarks_of(ordinal)[1].any()  # no frequency is frequency 0
        assert not composition.take(rows)[1].any()
        assert recording.columns_of(ordinal)["weight"].tolist() == [i % 250 for i in range(60)]
        rows, _ = recording.search(weighed(60, seed).vectors, 1, nprobe=256)
        assert np.mean(recording.recording_of(rows) == ordinal) > 0.95


@pytest.mark.parametrize("kind", ["exact", "compressed"])
def test_other_columns_go_through_every_change_of_an_index(tmp_path: Path, kind: str) -> None:
    limit = 10**9 if kind == "exact" else 300  # the other layer stays below it
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer(exact_limit=limit) as writer:
        for seed in range(6):
            given = {"recording": weighed(60, seed), "composition": melody(40, seed)}
            writer.add(Recording(f"r{seed}", duration_ms=101_000), given)
            writer.commit()
    check(index, [f"r{seed}" for seed in range(6)], kind=kind)
    with index.writer(exact_limit=limit) as writer:
        writer.remove("r2")
        writer.compact()
    left = ["r0", "r1", "r3", "r4", "r5"]
    check(index, left, kind=kind)
    export_index(tmp_path / "index", tmp_path / "index.tar")
    assert import_index(tmp_path / "index.tar", tmp_path / "new").digest == index.digest
    check(Index.open(tmp_path / "new"), left, kind=kind)
    copy = Path(shutil.copytree(tmp_path / "index", tmp_path / "copy"))
    path = next(copy.rglob("background.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (problem,) = repair_index(copy)
    assert (problem.path, problem.recordings) == (path, ("r5",))
    check(Index.open(copy), left[:-1], kind=kind)


def test_content_of_other_columns_is_part_of_the_digest(tmp_path: Path) -> None:
    digests = set()
    for number in range(3):
        index = Index.create(tmp_path / str(number), LAYERS)
        given = melody(40, 1)
        if number == 2:
            given.others["background"][7, 1] += np.float16(1)
        with index.writer() as writer:
            writer.add(Recording("one"), {"composition": given})
        digests.add(index.digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (MELODY.columns[1:], "layer lacks the column 'times'"),
        (MELODY.columns[:2], "layer lacks the column 'vectors'"),
        ((*MELODY.columns, LayerColumn("times", "<u4")), "has a column twice"),
        ((*MELODY.columns, LayerColumn("bins", "<u4")), "has the column 'bins' of '<u4'"),
        ((*MELODY.columns, LayerColumn("list_x", "<u4")), "has the column 'list_x'"),
        ((*MELODY.columns, LayerColumn("../x", "<u4")), "has the column '../x'"),
        ((*MELODY.columns, LayerColumn("x", "object")), "has the column 'x' of 'object'"),
        ((*MELODY.columns, LayerColumn("x", ">u4")), "has the column 'x' of '>u4'"),
        ((*MELODY.columns, LayerColumn("x", "<u4", (2, 2))), r"has the column 'x' of '<u4' \(2, 2\)"),
    ],
)
def test_columns_that_no_layer_can_have_are_refused(columns: tuple[LayerColumn, ...], fault: str) -> None:
    with pytest.raises(ParameterError, match=fault):
        LayerSpec({"algorithm": "x"}, 64, columns)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (None, r"weight is object \(\), must be numbers \(5,\)"),
        (np.zeros(4), r"weight is float64 \(4,\), must be numbers \(5,\)"),
        (np.array([0, 1, 2, 3, 256]), "weight has a value that uint8 cannot hold"),
        (np.array([0, 1, 2, 3, 0.5]), "weight has a value that uint8 cannot hold"),
        (np.array([0, 1, 2, 3, np.nan]), "weight has a value that uint8 cannot hold"),
    ],
)
def test_values_that_a_column_cannot_hold_are_refused(tmp_path: Path, values: Any, fault: str) -> None:
    one = landmarks(5, 1)
    others: dict[str, NDArray[Any]] = {} if values is None else {"weight": values}
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer() as writer, pytest.raises(ParameterError, match=fault):
        writer.add(Recording("one"), {"recording": LayerLandmarks(one.times, one.bins, one.vectors, others)})
