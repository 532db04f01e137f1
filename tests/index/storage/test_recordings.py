"""Recordings are looked up by short keys, in any segment; their digest does not know of the segments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fingerprint.digests import canonical_json
from index.folder.index import Index, Recording, Snapshot
from tests.landmark_sets import LAYERS, landmarks

AUDIO = {"a": "1" * 64, "b": "2" * 64, "c": "", "d": "1" * 64, "e": ""}


def stored(path: Path) -> Snapshot:
    """Return an index of five recordings in two segments, the second of them removed; a and d are of one file."""
    index = Index.create(path, LAYERS)
    for names in ("abc", "de"):
        with index.writer() as writer:
            for name in names:
                writer.add(Recording(name, sha256=AUDIO[name]), {"recording": landmarks(3, ord(name))})
    with index.writer() as writer:
        writer.remove("b")
    return index.snapshot()


def one_key(text: str) -> int:
    return 7 if text else 0


@pytest.mark.parametrize("key", [None, one_key], ids=["keys", "one key for all"])
def test_live_recordings_are_found_by_id_and_by_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Callable[[str], int] | None
) -> None:
    if key is not None:
        monkeypatch.setattr("index.storage.recordings.text_key", key)
        monkeypatch.setattr("index.storage.segment_writer.text_key", key)
    snapshot = stored(tmp_path / "index")
    table = snapshot.recordings
    assert len(snapshot.segments) == 2
    assert [table.find(name) for name in "abcdef"] == [0, None, 1, 2, 3, None]
    assert table.find_all(list("dxab")).tolist() == [2, -1, 0, -1]
    assert table.find_all([]).tolist() == []
    assert [table.find_audio(digit * 64) for digit in "123"] == [[0, 2], [], []]
    assert table.find_audio("") == []
    assert [recording.id for recording in snapshot.by_sha256("1" * 64)] == ["a", "d"]


def test_nothing_is_found_in_an_empty_index(tmp_path: Path) -> None:
    table = Index.create(tmp_path / "index", LAYERS).snapshot().recordings
    assert (table.find("a"), table.find_audio("1" * 64), table.find_all(["a"]).tolist()) == (None, [], [-1])


def test_digest_is_of_the_layers_and_of_sorted_contents(tmp_path: Path) -> None:
    snapshot = stored(tmp_path / "index")
    contents = sorted(row.tobytes() for row in snapshot._contents())
    assert len(contents) == 4
    layers = {"recording": [snapshot.layer("recording").digest, None]}
    naive = hashlib.sha256(canonical_json(layers) + b"".join(contents)).hexdigest()
    assert snapshot.digest == f"sha256:{naive}"
    empty = Index.create(tmp_path / "empty", LAYERS).snapshot()
    assert empty.digest == f"sha256:{hashlib.sha256(canonical_json(layers)).hexdigest()}"
