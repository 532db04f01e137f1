"""The pages of a short review queue are measured; a page that takes too long misses its target."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text, new_report
from benchmarks.parts import load_part
from benchmarks.review_queue import figures, measure


@pytest.mark.slow
def test_a_short_queue_is_measured(tmp_path: Path) -> None:
    report = measure(Job(SyntheticCorpus(), tmp_path, quick=True))
    assert [row["page"] for row in report["pages"]][:2] == ["first page after a start", "first page again"]
    assert len(report["pages"]) == 9
    assert all(0 < row["seconds"] <= row["most"] for row in report["pages"])
    assert "Pages of the review queue, 500 uses" in as_text(load_part("review_queue"), report)


def test_a_page_beyond_the_limit_misses_its_target(tmp_path: Path) -> None:
    report = new_report("review_queue", Job(SyntheticCorpus(), tmp_path)) | {"uses": 10_000}
    report["pages"] = [
        {"page": page, "n": 1, "seconds": seconds, "most": seconds}
        for page, seconds in (("first page after a start", 0.31), ("one use", 0.29))
    ]
    assert [one.met for one in figures(report)] == [False, True]
