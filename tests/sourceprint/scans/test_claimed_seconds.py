"""Seconds of a source that comes and goes: the scan, the gate, the money and the diff count the same ones."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sourceprint.gate.policy_toml import parse_policy
from sourceprint.gate.verdict import decide
from sourceprint.royalties.uses.attribution import TrackOrigin, attribute
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.scans.results import read_result
from tests.command_line import RATE_HZ, music, run, write
from tests.royalty_records import LICENSEE, a_policy, some_rights

ON_MS = 12_000
ORIGIN = TrackOrigin(LICENSEE, "2026-07-14", "generate", ("DE",))


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the result of 24 s in which two recordings take turns of 3 s, as `match --jsonl` prints it."""
    folder = tmp_path_factory.mktemp("turns")
    for seed in (1, 2):
        write(folder / "music" / f"asset-R{seed}.wav", music(seed, 30.0))
    assert run("add", folder / "music", "--quiet", index=folder / "index").exit_code == 0
    first, second = (music(seed, 30.0)[3 * RATE_HZ : 27 * RATE_HZ] for seed in (1, 2))
    is_first = np.mod(np.arange(first.size) / RATE_HZ, 6.0) < 3.0
    track = write(folder / "track.wav", np.where(is_first, first, second))
    printed = run("match", track, "--jsonl", "--quiet", index=folder / "index")
    assert printed.exit_code == 0, printed.stderr
    found: dict[str, Any] = json.loads(printed.stdout)
    return found


def test_each_is_claimed_for_half_of_the_track(row: dict[str, Any]) -> None:
    assert {match["recording_id"] for match in row["matches"]} == {"asset-R1", "asset-R2"}
    for match in row["matches"]:
        assert match["track_match_ms"] == pytest.approx(ON_MS, abs=700)
        assert match["track_match_percentage"] == pytest.approx(50.0, abs=3.0)
        assert len(match["passages"]) == 4
        spans = [(one["track_start_ms"], one["track_end_ms"]) for one in match["passages"]]
        assert match["track_match_ms"] == sum(high - low for low, high in spans)
        assert all(one["aligned_landmarks"] > 20 for one in match["passages"])
        assert len({one["p_false"] for one in match["passages"]}) == 1  # one finding


def test_no_second_is_claimed_for_both(row: dict[str, Any]) -> None:
    first, second = (
        [(one["track_start_ms"], one["track_end_ms"]) for one in match["passages"]] for match in row["matches"]
    )
    assert sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second) < 300


def test_money_is_for_the_seconds_in_which_each_is_heard(row: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text(json.dumps(row) + "\n")
    (result,) = ScanFile(tmp_path / "results.jsonl")
    uses = attribute(result, some_rights(), a_policy(), ORIGIN)
    attributed: dict[str, int] = {}
    for use in uses:
        attributed[use.index_id] = attributed.get(use.index_id, 0) + use.attributed_us
    assert set(attributed) == {"asset-R1", "asset-R2"}
    assert list(attributed.values()) == pytest.approx([1000 * ON_MS] * 2, abs=900_000)
    assert sum(attributed.values()) <= 24_000_000


@pytest.mark.parametrize(
    ("limit", "decision"),
    [
        ("min_seconds = 14", "pass"),
        ("min_seconds = 10", "block"),
        ("min_percent_of_file = 55", "pass"),
        ("min_percent_of_file = 45", "block"),
    ],
)
def test_limits_of_the_gate_see_the_same_seconds(row: dict[str, Any], limit: str, decision: str) -> None:
    text = f"""schema = "sourceprint/gate-policy/1"
name = "p"
otherwise = "pass"
[[rules]]
id = "much"
action = "block"
{limit}
"""
    verdict = decide(read_result(row), parse_policy(text.encode(), name="p.toml"), day=date(2026, 7, 1))
    assert {one.action for one in verdict.decisions} == {decision}
