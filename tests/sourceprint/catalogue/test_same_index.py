"""An index made from Python is the one that `add` makes, to the digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerprint.extract import fingerprint_file
from index import Index, layer_specs, recording_landmarks
from tests.command_line import catalogue

pytestmark = pytest.mark.same_bytes


def test_an_index_made_from_python_has_the_digest_of_one_made_by_add(tmp_path: Path) -> None:
    added = Index.open(catalogue(tmp_path, (1, 2, 3))).snapshot()
    index = Index.create(tmp_path / "python", layer_specs())
    with index.writer() as writer:
        for recording in added.recordings:
            path = tmp_path / "music" / f"{recording.id}.wav"
            writer.add(recording, recording_landmarks(fingerprint_file(path)))
    assert len(added.recordings) == 3
    assert index.snapshot().digest == added.digest
