"""The comparison of scan results between versions: differences are named, fields that may differ are left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.same_results import main

OLD: dict[str, Any] = {
    "schema": "sourceprint/scan-result/1",
    "scan_id": "1",
    "query": {"name": "a.wav", "sha256": "00", "duration_ms": 5},
    "index": {"digest": "d", "tracks": 2},
    "searched": {"recordings": 2},
    "matches": [
        {
            "asset_id": "r",
            "asset_duration_ms": 9,
            "query_match_ms": 4,
            "segments": [{"query_end_ms": 4, "p_false": 0.5}],
        }
    ],
    "timing_ms": {"search": 1},
}
NEW: dict[str, Any] = {
    "schema": "sourceprint/scan-result/2",
    "scan_id": "2",
    "track": {"name": "b.wav", "sha256": "00", "duration_ms": 5},
    "index": {"digest": "d", "recordings": 2},
    "searched": {"recordings": 2},
    "matches": [
        {
            "recording_id": "r",
            "recording_duration_ms": 9,
            "track_match_ms": 4,
            "passages": [{"track_end_ms": 4, "p_false": 0.5}],
        }
    ],
    "timing_ms": {"search": 7},
}


def compared(tmp_path: Path, old: Any, new: Any) -> int:
    (tmp_path / "old").write_text(json.dumps(old) + "\n")
    (tmp_path / "new").write_text(json.dumps(new) + "\n")
    return main([str(tmp_path / "old"), str(tmp_path / "new")])


def test_both_versions_of_one_result_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(tmp_path, OLD, NEW) == 0
    assert capsys.readouterr().out == "1 and 1 results, 1 passages before, 0 values differ\n"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("track_end_ms", 5, "result[0].matches[0].segments[0].query_end_ms: 4 before, 5 after"),
        ("p_false", 1, "result[0].matches[0].segments[0].p_false: 0.5 before, 1 after"),
        ("excluded", True, "result[0].matches[0].segments[0].excluded: only after"),
    ],
)
def test_differences_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, value: object, line: str
) -> None:
    changed = json.loads(json.dumps(NEW))
    changed["matches"][0]["passages"][0][field] = value
    assert compared(tmp_path, OLD, changed) == 1
    assert capsys.readouterr().out.splitlines()[0] == line
