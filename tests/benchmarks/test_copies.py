"""Copies: the judgement of hand-made results, and one small catalogue that is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import copies
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text
from index.search.matches import Alternative, Match, MatchResult, Passage, Transformation
from index.storage.recordings import Recording

SAME = Transformation(0.0, 100.0, 100.0)


def match(recording_id: str, **beside: int) -> Match:
    """Return a match of ten seconds with 200 landmarks, and others beside it with as many as are said."""
    span = (0.0, 10.0, 10.0, 20.0, 1.0, SAME, 100.0)
    others = tuple(Alternative(Recording(name), True, *span, n, 1.0) for name, n in beside.items())
    passage = Passage(*span, 200, 1.0, 1e-9, 1e-6, 0.99, also_fits=tuple(beside), alternatives=others)
    return Match(Recording(recording_id), "recording", (passage,))


def judged(*matches: Match) -> dict[str, Any]:
    return copies._judged(MatchResult(matches, 400, 20, 30.0, 0.0, 0.0), {"a", "b", "c"})


def test_a_family_is_named_if_all_of_it_stands_beside_one_match() -> None:
    whole = judged(match("b", a=190, c=120))
    assert (whole["outcome"], whole["copies"], whole["copies_named"], whole["least_landmarks"]) == ("named", 2, 2, 0.6)
    part = judged(match("b", a=190))
    assert (part["outcome"], part["copies_named"]) == ("not named", 1)
    twice = judged(match("b", a=190, c=120), match("c"))
    assert (twice["outcome"], twice["matches"]) == ("residue", 2)
    stranger = judged(match("b", a=190, c=120, x=150), match("y"))
    assert (stranger["outcome"], stranger["strangers"]) == ("named", ["x", "y"])
    assert judged(match("y"))["outcome"] == judged()["outcome"] == "nothing found"


@pytest.mark.slow
def test_recordings_and_their_copies_are_searched_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "QUICK_RECORDINGS", 2)
    monkeypatch.setattr(copies, "RECORDING_SECONDS", 12.0)
    monkeypatch.setattr(copies, "TRACK_SECONDS", (2.0, 10.0))
    monkeypatch.setattr(copies, "_RATES_KBPS", (64,))
    monkeypatch.setattr(copies, "LAYOUTS", copies.LAYOUTS[1:])
    report = copies.measure(Job(SyntheticCorpus(seconds=16.0), tmp_path, jobs=1, quick=True))
    assert len(report["rows"]) == 4 * 2 * 2
    for row in report["rows"]:
        assert row["trials"] == row["named"] == (1 if row["kind"] == copies.MANY else 2), row
        assert row["copies_named"] == row["copies"] == row["trials"] * (4 if row["kind"] == copies.MANY else 1)
        assert (row["residue"], row["not_named"], row["strangers"]) == (0, 0, 0)
        assert 0.1 < row["least_landmarks"] < 1.2
    assert [figure.value for figure in copies.figures(report)] == [100.0, 0.0]
    assert "Copies named beside what is found" in as_text(copies.PART, report)
    assert copies.figures(report | {"rows": []}) == []
    assert np.isfinite([row["least_landmarks"] for row in report["rows"]]).all()
