"""Attribution of a track: every passage ends in a use, with a state, its rule, and the outcome of the licences."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fingerprint.digests import exact_json
from sourceprint.royalties.rights.licences import Scope
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.uses.attribution import TrackOrigin, attribute, use_id
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.royalties.uses.shares import UseShares
from sourceprint.royalties.uses.use import Use, use_bytes, use_from_json, use_to_json
from sourceprint.scans.results import ScanResult
from tests.royalty_records import LICENSEE, a_licence, a_match, a_passage, a_policy, a_scan_result, some_rights

ORIGIN = TrackOrigin(LICENSEE, "2026-07-14", "generate", ("DE", "US"))


@pytest.fixture
def scanned(tmp_path: Path) -> Any:
    def scan(*matches: dict[str, Any]) -> ScanResult:
        path = tmp_path / "results.jsonl"
        path.write_text(json.dumps(a_scan_result("one.wav", *matches)) + "\n")
        (result,) = ScanFile(path)
        return result

    return scan


def uses_of(result: ScanResult, rights: Rights | None = None, **policy: Any) -> list[Use]:
    return attribute(result, rights or some_rights(), a_policy(**policy), ORIGIN)


def test_a_plain_match_is_a_claimed_use_with_all_that_is_known(scanned: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(1_000, 9_000, 50_000), a_passage(20_000, 25_000, p_false=1e-9))))
    assert (use.layer, use.index_id, use.recording_id, use.work_ids) == ("recording", "asset-R1", "R1", ("W1",))
    assert (use.matched_ms, use.attributed_us, use.aligned_landmarks) == (13_000, 13_000_000, 130)
    assert (str(use.confidence), str(use.p_false)) == ("0.999", "1E-12")
    assert (use.state, use.state_rule) == ("claimed", "thresholds.claim_confidence 0.99")
    assert (use.territories, use.candidates, use.outcomes) == (("DE", "US"), (), ())
    assert (use.generated_on, use.purpose, use.licensee) == ("2026-07-14", "generate", LICENSEE)
    assert use_from_json(use_to_json(use)) == use


@pytest.mark.parametrize("outcomes", [(), (("DE", "licensed", "L1", ""),)])
def test_the_bytes_of_a_use_are_its_canonical_json_for_any_texts(scanned: Any, outcomes: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(1_000, 9_000, 50_000, p_false=1e-9))))
    text = "".join(map(chr, [*range(0x300), 0x2028, 0xFB00, 0x1F600]))
    odd = replace(use, track_name=text, state_rule=text, territories=(text, "DE"), outcomes=outcomes)
    assert use_bytes(odd) == exact_json(use_to_json(odd))
    assert use_id(odd) == use_id(replace(odd, id="U1", state="review", state_rule="", rights_revision=7))


@pytest.mark.parametrize(
    ("confidence", "state", "rule"),
    [
        (0.99, "claimed", "thresholds.claim_confidence 0.99"),
        (0.989, "review", "thresholds.claim_confidence 0.99: confidence 0.989 is below it"),
        (0.9, "review", "thresholds.claim_confidence 0.99: confidence 0.9 is below it"),
        (0.899, "unresolved", "thresholds.review_confidence 0.9: confidence 0.899 is below it"),
    ],
)
def test_confidence_gives_the_state(scanned: Any, confidence: float, state: str, rule: str) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 9_000, confidence=confidence))))
    assert (use.state, use.state_rule) == (state, rule)


def test_too_short_is_unresolved_at_any_confidence(scanned: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 2_999))))
    assert (use.state, use.state_rule) == ("unresolved", "thresholds.min_seconds 3: 2.999 s")
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 3_000))))
    assert use.state == "claimed"


def test_an_excluded_segment_is_withdrawn_and_not_lost(scanned: Any) -> None:
    match = a_match("R1", a_passage(0, 9_000), a_passage(20_000, 30_000, excluded=True))
    claimed, withdrawn = uses_of(scanned(match))
    assert (claimed.state, claimed.attributed_us) == ("claimed", 9_000_000)
    assert (withdrawn.state, withdrawn.attributed_us, withdrawn.matched_ms) == ("withdrawn", 0, 10_000)
    assert withdrawn.state_rule == "scan: in a range of the recording that never counts"


def test_an_open_recording_has_no_id_and_holds_money_where_any_candidate_would(scanned: Any) -> None:
    licence = a_licence(scope=Scope(recordings=("R2",)), valid_to=date(2026, 12, 31))
    match = scanned(a_match("R1", a_passage(0, 9_000)), a_match("R2", a_passage(0, 9_000)))
    (use,) = uses_of(match, some_rights(licences=[licence]))
    assert (use.state, use.recording_id, use.work_ids) == ("unresolved", "", ())
    assert use.state_rule == "overlap.otherwise unresolved: R1, R2"
    assert use.candidates == ("R1", "R2")
    outcomes = {one.right: one.outcome.outcome for one in UseShares(some_rights(licences=[licence])).outcomes(use)}
    assert set(outcomes.values()) == {"licensed"}


def test_the_work_beside_an_open_recording_has_the_same_spans(scanned: Any) -> None:
    match = scanned(a_match("R1", a_passage(0, 9_000)), a_match("R2", a_passage(0, 9_000)))
    master, work = uses_of(match, some_rights({"R1": ["W1"], "R2": ["W1"]}))
    assert (master.layer, master.recording_id, master.state) == ("recording", "", "unresolved")
    assert (work.layer, work.recording_id, work.work_ids, work.state) == ("composition", "", ("W1",), "claimed")
    assert master.passages == work.passages
    assert "R1, R2 all perform W1" in work.state_rule


def test_a_composition_alone_uses_the_work_and_no_recording(scanned: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 9_000), layer="composition")))
    assert (use.layer, use.index_id, use.recording_id, use.work_ids) == ("composition", "asset-R1", "", ("W1",))


def test_a_composition_without_a_work_on_file_is_unresolved(scanned: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 9_000), layer="composition")), some_rights({"R1": []}))
    assert (use.state, use.state_rule) == ("unresolved", "rights: no work on file for R1")


def test_the_id_is_of_everything_but_the_state(scanned: Any) -> None:
    (use,) = uses_of(scanned(a_match("R1", a_passage(0, 9_000))))
    assert use.id == use_id(use) == use_id(use.in_state("disputed", "by letter"))
    assert len(use.id) == 25
    assert use_id(replace(use, attributed_us=1)) != use.id


def test_every_segment_ends_in_a_use(scanned: Any) -> None:
    result = scanned(
        a_match("R1", *[a_passage(n * 500, n * 500 + 4_000, n * 7) for n in range(20)]),
        a_match("R2", *[a_passage(n * 700, n * 700 + 2_000, aligned_landmarks=n) for n in range(20)]),
        a_match("R9", a_passage(50_000, 55_000)),
        a_match("R1", a_passage(0, 60_000), layer="composition"),
    )
    uses = uses_of(result)
    landmarks = sum(s.aligned_landmarks for match in result.matches for s in match.passages)
    assert sum(use.aligned_landmarks for use in uses) >= landmarks
    assert len({use.id for use in uses}) == len(uses)
    assert all(use.state and use.state_rule for use in uses)
    assert all(use.attributed_us <= 1000 * use.matched_ms for use in uses)
