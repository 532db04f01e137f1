"""Tracks in turns: they agree with their truth, and the summaries count excess and missing claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import turns_report
from benchmarks.data.corpus import SyntheticCorpus, TrackRow
from benchmarks.splicing import RATE_HZ
from benchmarks.turns import GAPS, MIXED, PATTERNS, TurnsPlan, draw_turns, render_turns
from fingerprint.errors import ParameterError

Samples = NDArray[np.float32]

ROWS = [TrackRow(f"r{i}", "", 30.0 + 20 * i, "a") for i in range(6)]
HZ = {"a": 500.0, "b": 900.0, "host": 2000.0}


class Tones(SyntheticCorpus):
    """Recordings of one steady tone each, and a stranger that is another."""

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        return (TrackRow("host", "", 40.0, "host"),)

    def load(self, file: str, *, sample_rate: int) -> Samples:
        return np.sin(2 * np.pi * HZ[file] * np.arange(40 * sample_rate) / sample_rate).astype(np.float32)


def level(y: Samples, hz: float, start: float, end: float) -> float:
    """Return the amplitude of a tone between two times."""
    part = y[round(start * RATE_HZ) : round(end * RATE_HZ)]
    return 2 * abs(complex(np.mean(part * np.exp(-2j * np.pi * hz * np.arange(len(part)) / RATE_HZ))))


def test_every_period_comes_with_every_gap_plain_and_transformed() -> None:
    plans = draw_turns(ROWS)
    for kind in GAPS:
        for pattern in PATTERNS:
            of_cell = [p for p in plans if (p.kind, (p.on_seconds, p.off_seconds)) == (kind, pattern)]
            assert [plan.transformation == "clean" for plan in of_cell] == [True, False]
    assert {plan.kind for plan in plans} == {*GAPS, *MIXED}
    assert all(bool(plan.other) == (plan.kind not in GAPS[:2]) and plan.file != plan.other for plan in plans)
    assert draw_turns(ROWS) == plans
    assert draw_turns(ROWS, seed=1) != plans
    assert len(draw_turns(ROWS, quick=True)) < 30


def test_too_little_music_is_refused() -> None:
    with pytest.raises(ParameterError, match="1 of 1 recordings last for more than 49 s: two are needed"):
        draw_turns([TrackRow("r", "", 60.0, "a")])


@pytest.mark.parametrize("kind", [*GAPS, *MIXED])
def test_a_track_agrees_with_its_truth(kind: str) -> None:
    off = 0.0 if kind in MIXED[:2] else 2.0
    plan = TurnsPlan(3, "a", "" if kind in GAPS[:2] else "b", kind, 3.0, off, "clean", 12.0)
    y, pieces = render_turns(plan, Tones())
    assert y.shape == (12 * RATE_HZ,)
    on = [(one.query_start, one.query_end) for one in pieces if one.file == "a"]
    assert sum(high - low for low, high in on) == pytest.approx(12.0 if not off else 7.2, abs=1.3)
    gaps = list(zip([0.0, *(high for _, high in on)], [*(low for low, _ in on), 12.0], strict=True))
    loud = 10 ** (-6 / 20) if kind == MIXED[1] else 1.0
    for low, high in on:
        if high - low > 0.5:
            assert level(y, 500.0, low + 0.1, high - 0.1) == pytest.approx(loud * 0.1 * np.sqrt(2), rel=0.05)
    for low, high in gaps:
        if high - low > 0.5:
            assert level(y, 500.0, low + 0.1, high - 0.1) < 1e-3
            others: tuple[float, ...] = () if kind == "silence" else (2000.0,) if kind == "other music" else (900.0,)
            for hz in (900.0, 2000.0):
                assert (level(y, hz, low + 0.1, high - 0.1) > 0.1) == (hz in others)


def a_row(kind: str, on: float, off: float, true: float, claimed: float) -> dict[str, Any]:
    row = {"number": 0, "kind": kind, "transformation": "clean", "on": on, "off": off}
    return {**row, "true": true, "claimed": claimed, "strangers": 0}


def test_the_report_counts_seconds_claimed_too_much_and_too_little(tmp_path: Path) -> None:
    recordings = [
        a_row("silence", 2.0, 2.0, 50.0, 54.0),
        a_row("silence", 2.0, 2.0, 50.0, 47.0),
        a_row("other music", 0.5, 0.5, 50.0, 0.0),  # not found
        a_row(MIXED[2], 40.0, 0.0, 100.0, 90.0),
        a_row(MIXED[2], 3.0, 3.0, 50.0, 50.0),
    ]
    report: dict[str, Any] = {
        "recordings": recordings,
        "rows": turns_report.rows(recordings),
        "settings": {"kinds": [*GAPS, *MIXED]},
    }
    known = {(row["by"], row["level"]): row for row in report["rows"]}
    everything = known["all", "all"]
    assert (everything["recordings"], everything["found"]) == (3, 2)
    assert (everything["beyond_mean"], everything["beyond_worst"]) == (2.0, 4.0)
    assert (everything["short_mean"], everything["short_worst"]) == (1.5, 3.0)
    assert known["period", "0.5 on, 0.5 off"]["beyond_mean"] is None
    assert known["mix", f"{MIXED[2]}: the one that goes on"]["short_mean"] == 10.0
    assert known["mix", f"{MIXED[2]}: the other"]["short_mean"] == 0.0
    assert [figure.value for figure in turns_report.figures(report)] == [2.0, 4.0, 1.5]
    assert turns_report.tables(report)[0].rows[0] == ["all", "3", "2", "2.0", "4.0", "1.5", "3.0"]
    assert [picture.name for picture in turns_report.pictures(report, tmp_path)] == ["turns.svg"]
    assert (tmp_path / "turns.svg").stat().st_size > 1000
