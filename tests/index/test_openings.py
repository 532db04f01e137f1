"""How often the index is opened: a manifest is read where another process may have written, and nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from index.storage import manifest as manifests
from index.storage import segment as segments
from sourceprint.catalogue.additions import Addition
from sourceprint.inputs import Item, collect
from sourceprint.scans.scan import scan_files
from sourceprint.scans.session import Search
from tests.audio_files import write
from tests.landmark_sets import excerpt


class Counts:
    """What was read, by what it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.manifests = 0
        self.segments = 0
        read, opened = manifests.read_manifest_bytes, segments.Segment.__init__

        def counted_read(folder: Path) -> bytes:
            self.manifests += 1
            return read(folder)

        def counted_opening(segment: segments.Segment, *arguments: object, **options: object) -> None:
            self.segments += 1
            opened(segment, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(manifests, "read_manifest_bytes", counted_read)
        monkeypatch.setattr("index.storage.locks.read_manifest_bytes", counted_read)
        monkeypatch.setattr(segments.Segment, "__init__", counted_opening)
