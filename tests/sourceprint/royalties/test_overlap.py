"""Overlaps: a second counts once in each layer, the rules apply in their order, and the order of matches is nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.uses.claims import Claim, Owners, claims_of
from sourceprint.royalties.uses.overlap import Holding, resolve_overlaps
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.scans.results import ScanResult
from tests.royalty_records import a_match, a_part, a_passage, a_policy, a_scan_result, an_alternative, some_rights


def scanned(*matches: dict[str, Any]) -> ScanResult:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        path.write_text(json.dumps(a_scan_result("one.wav", *matches)) + "\n")
        (result,) = ScanFile(path)
        return result


def held(*matches: dict[str, Any], rights: Rights | None = None, **policy: Any) -> list[Holding]:
    rights = rights or some_rights()
    owners = Owners(rights)
    claims, _ = claims_of(scanned(*matches), rights, owners)
    return resolve_overlaps(claims, a_policy(**policy), owners)


def told(holdings: Iterable[Holding]) -> list[tuple[str, str, str, int, list[tuple[int, int]]]]:
    """Return layer, state, name, attributed ms and passages of each holding."""
    return [
        (h.layer, h.state, h.claimant.name, h.attributed_us // 1000, [(s.start_ms, s.end_ms) for s in h.passages])
        for h in holdings
    ]


WEAK, STRONG = {"aligned_landmarks": 20}, {"aligned_landmarks": 100}


def test_time_that_is_matched_twice_counts_once() -> None:
    holdings = held(a_match("R1", a_passage(0, 10_000), a_passage(5_000, 20_000, 90_000)))
    assert [(h.claimant.name, h.attributed_us) for h in holdings] == [("R1", 20_000_000)]
    assert {claim.number for claim in holdings[0].claims} == {0, 1}


def test_who_has_the_evidence_has_the_time_and_the_other_is_withdrawn_with_the_reason() -> None:
    holdings = held(
        a_match("R1", a_passage(0, 10_000, **STRONG)), a_match("R2", a_passage(2_000, 9_000, aligned_landmarks=14))
    )
    assert told(holdings) == [
        ("recording", "", "R1", 10_000, [(0, 2_000), (2_000, 9_000), (9_000, 10_000)]),
        ("recording", "withdrawn", "R2", 0, [(2_000, 9_000)]),
    ]
    assert [passage.contenders for passage in holdings[0].passages] == [(), ("R1", "R2"), ()]
    assert holdings[0].notes == {"overlap.decide_by evidence: before R2"}
    assert holdings[1].rule == "overlap: ranks behind R1"


def test_less_than_the_factor_leaves_it_unresolved() -> None:
    holdings = held(
        a_match("R1", a_passage(0, 10_000, aligned_landmarks=79)), a_match("R2", a_passage(0, 10_000, **WEAK))
    )
    assert told(holdings) == [("recording", "unresolved", "R1", 10_000, [(0, 10_000)])]
    assert holdings[0].rule == "overlap.otherwise unresolved: R1, R2"
    assert (holdings[0].claimant.recording_ids, holdings[0].claimant.work_ids) == (("R1", "R2"), ())


def test_exactly_the_factor_decides_and_equals_never_do() -> None:
    def winners(landmarks: int, factor: str) -> list[str]:
        matches = (
            a_match("R1", a_passage(0, 1000, aligned_landmarks=landmarks)),
            a_match("R2", a_passage(0, 1000, **WEAK)),
        )
        return [h.state for h in held(*matches, evidence_factor=Decimal(factor))]

    assert winners(80, "4") == ["", "withdrawn"]
    assert winners(20, "1") == ["unresolved"]
    assert winners(21, "1") == ["", "withdrawn"]


def test_a_split_gives_every_microsecond_to_somebody() -> None:
    rights = some_rights({"R1": ["W1"], "R2": ["W2"], "R3": ["W3"]})
    matches = [a_match(r, a_passage(0, 1)) for r in ("R3", "R1", "R2")]
    holdings = held(*matches, rights=rights, decide_by="split")
    assert [(h.claimant.name, h.attributed_us) for h in holdings] == [("R1", 334), ("R2", 333), ("R3", 333)]
    assert holdings[0].notes == {"overlap.decide_by split: R1, R2, R3"}


def test_recordings_of_the_same_owners_are_one_claim() -> None:
    rights = some_rights({"R1": ["W1"], "R2": ["W1"]}, owner_of={"R1": "P-A", "R2": "P-A"})
    matches = a_match("R1", a_passage(0, 9_000, **WEAK)), a_match("R2", a_passage(0, 9_000, aligned_landmarks=21))
    holdings = held(*matches, rights=rights)
    assert [(h.claimant.name, h.state, h.attributed_us) for h in holdings] == [
        ("R2", "", 9_000_000),
        ("R1", "withdrawn", 0),
    ]
    assert holdings[0].notes == {"overlap: same owners as R1"}


@pytest.mark.parametrize("fields", [{"vocals": "yes"}, {"tags": ("b",)}, {"label": "Red Label"}])
def test_recordings_that_a_licence_may_treat_differently_are_not_one(fields: dict[str, Any]) -> None:
    rights = some_rights(
        {"R1": ["W1"], "R2": ["W1"]}, owner_of={"R1": "P-A", "R2": "P-A"}, recording_fields={"R2": fields}
    )
    holdings = held(*(a_match(r, a_passage(0, 9_000)) for r in ("R1", "R2")), rights=rights)
    assert holdings[0].state == "unresolved"


def test_recordings_without_owners_on_file_are_not_one() -> None:
    rights = some_rights({"R1": ["W1"], "R2": ["W1"]}, owner_of={"R1": "", "R2": ""})
    holdings = held(*(a_match(r, a_passage(0, 9_000)) for r in ("R1", "R2")), rights=rights)
    assert holdings[0].state == "unresolved"


def test_one_work_is_certain_where_its_recordings_cannot_be_told_apart() -> None:
    rights = some_rights({"R1": ["W1"], "R2": ["W1"]})
    holdings = held(*(a_match(r, a_passage(0, 9_000)) for r in ("R1", "R2")), rights=rights)
    assert [(h.layer, h.state, h.claimant.work_ids, h.attributed_us) for h in holdings] == [
        ("recording", "unresolved", (), 9_000_000),
        ("composition", "", ("W1",), 9_000_000),
    ]
    assert holdings[0].passages == holdings[1].passages


def test_a_recording_that_fits_nearly_as_well_is_a_contender() -> None:
    match = a_match("R1", a_passage(0, 9_000, also_fits=["asset-R2"]))
    assert [h.rule for h in held(match)] == ["overlap.otherwise unresolved: R1, R2"]
    same = some_rights({"R1": ["W1"], "R2": ["W1"]}, owner_of={"R1": "P-A", "R2": "P-A"})
    assert [(h.claimant.name, h.state) for h in held(match, rights=same)] == [("R1", "")]
    other = a_match("R1", a_passage(0, 9_000, also_fits=["asset-R1"]))
    assert [(h.claimant.name, h.state) for h in held(other)] == [("R1", "")]


def beside(*alternatives: dict[str, Any]) -> dict[str, Any]:
    """Return a match of R1 for 9 s that other recordings fit as well."""
    also_fits = [one["recording_id"] for one in alternatives]
    return a_match("R1", a_passage(0, 9_000, also_fits=also_fits, alternatives=list(alternatives)))


def test_a_copy_of_a_part_is_a_contender_for_that_part_alone() -> None:
    holdings = held(beside(an_alternative("asset-R2", 0, 5_000)))
    assert told(holdings) == [
        ("recording", "", "R1", 4_000, [(5_000, 9_000)]),
        ("recording", "unresolved", "R1", 5_000, [(0, 5_000)]),
    ]
    assert holdings[1].rule == "overlap.otherwise unresolved: R1, R2"


def test_a_copy_whose_ends_are_as_good_as_those_of_the_passage_is_a_contender_for_all_of_it() -> None:
    holdings = held(beside(an_alternative("asset-R2", 400, 8_600, aligned_landmarks=20)))
    assert told(holdings) == [("recording", "unresolved", "R1", 9_000, [(0, 9_000)])]


def test_a_copy_is_found_in_the_rights_by_its_isrc() -> None:
    rights = some_rights(recording_fields={"R2": {"isrc": "QZAAA2600012"}})
    unknown = beside(an_alternative("copy", 0, 9_000))
    assert [h.rule for h in held(unknown, rights=rights)] == ["overlap.otherwise unresolved: R1, asset:copy"]
    known = beside(an_alternative("copy", 0, 9_000, isrc="QZAAA2600012"))
    assert [h.rule for h in held(known, rights=rights)] == ["overlap.otherwise unresolved: R1, R2"]


def test_a_copy_that_is_taken_from_the_recording_is_no_contender() -> None:
    taken = some_rights(parts=[a_part("R2", "R1", 50_000, 80_000)])
    assert told(held(beside(an_alternative("asset-R2", 0, 9_000)), rights=taken)) == [
        ("recording", "", "R1", 9_000, [(0, 9_000)])
    ]
    partly = some_rights(parts=[a_part("R2", "R1", 63_000, 80_000)])
    assert told(held(beside(an_alternative("asset-R2", 0, 9_000)), rights=partly)) == [
        ("recording", "", "R1", 6_000, [(3_000, 9_000)]),
        ("recording", "unresolved", "R1", 3_000, [(0, 3_000)]),
    ]


@pytest.mark.parametrize("owner", ["P-A", ""])
def test_twenty_copies_are_one_use_or_none_and_never_more_seconds(owner: str) -> None:
    names = [f"R{k}" for k in range(1, 22)]
    rights = some_rights({name: ["W1"] for name in names}, owner_of={name: owner or f"P-{name}" for name in names})
    (first, *rest) = held(beside(*(an_alternative(f"asset-{name}", 0, 9_000) for name in names[1:])), rights=rights)
    assert first.layer == "recording"
    assert first.attributed_us == 9_000_000
    assert (first.state, [other.layer for other in rest]) == (("", []) if owner else ("unresolved", ["composition"]))


def test_the_recording_outranks_the_composition_which_fills_the_rest() -> None:
    matches = (
        a_match("R1", a_passage(0, 5_000)),
        a_match("R2", a_passage(0, 9_000, **STRONG), layer="composition"),
        a_match("R1", a_passage(1_000, 2_000), layer="composition"),
    )
    assert told(held(*matches)) == [
        ("recording", "", "R1", 5_000, [(0, 5_000)]),
        ("composition", "", "R2", 4_000, [(5_000, 9_000)]),
        ("composition", "withdrawn", "R1", 0, [(1_000, 2_000)]),
    ]
    ignored = held(*matches, composition="ignore")
    assert [(h.layer, h.state) for h in ignored] == [
        ("recording", ""),
        ("composition", "withdrawn"),
        ("composition", "withdrawn"),
    ]


def test_a_passage_taken_from_another_recording_goes_to_that_one() -> None:
    rights = some_rights(parts=[a_part("R1", "R2", 12_000, 15_000)])
    holdings = held(a_match("R1", a_passage(0, 10_000, 10_000)), rights=rights)
    assert told(holdings) == [
        ("recording", "", "R1", 7_000, [(0, 2_000), (5_000, 10_000)]),
        ("recording", "", "R2", 3_000, [(2_000, 5_000)]),
    ]
    assert holdings[1].notes == {"rights: 12000-15000 ms of R1 is taken from R2"}
    assert (holdings[1].passages[0].recording_start_ms, holdings[1].passages[0].recording_end_ms) == (12_000, 15_000)


def test_a_part_and_its_origin_claim_the_same_time_together() -> None:
    rights = some_rights(parts=[a_part("R1", "R2", 0, 10_000)])
    matches = a_match("R1", a_passage(0, 10_000)), a_match("R2", a_passage(0, 10_000, 90_000))
    assert [(h.claimant.name, h.attributed_us) for h in held(*matches, rights=rights)] == [("R2", 10_000_000)]


def test_parts_of_parts_are_followed_where_they_are_the_whole() -> None:
    works = {"R1": ["W1"], "R2": ["W2"], "R3": ["W3"]}
    match = a_match("R1", a_passage(0, 10_000))
    chain = [a_part("R1", "R2", 0, 10_000), a_part("R2", "R3", 0, 200_000)]
    assert [h.claimant.name for h in held(match, rights=some_rights(works, parts=chain))] == ["R3"]
    (vague,) = held(match, rights=some_rights(works, parts=[chain[0], a_part("R2", "R3", 0, 100)]))
    assert vague.claimant.name == "R2"
    assert "which has parts of its own" in next(iter(vague.notes))


def test_a_circle_of_recordings_that_contain_each_other_pays_none_of_them() -> None:
    works = {"R1": ["W1"], "R2": ["W2"], "R3": ["W3"]}
    parts = [a_part("R1", "R2", 0, 10_000), a_part("R2", "R3", 0, 200_000), a_part("R3", "R2", 0, 200_000)]
    for recording in ("R1", "R2"):
        (holding,) = held(a_match(recording, a_passage(0, 10_000)), rights=some_rights(works, parts=parts))
        assert (holding.state, holding.claimant.recording_ids) == ("unresolved", ("R2", "R3"))
        assert "is taken from R2 or R3, which contain each other in a circle" in next(iter(holding.notes))
    same = some_rights(dict.fromkeys(works, ("W1",)), owner_of=dict.fromkeys(works, "P-A"), parts=parts)
    (holding,) = held(a_match("R1", a_passage(0, 10_000)), rights=same)  # whoever it is, the money is theirs
    assert (holding.state, holding.claimant.name) == ("", "R2")


def test_an_index_id_without_a_recording_on_file_is_unresolved_by_name() -> None:
    holdings = held(a_match("R9", a_passage(0, 9_000)))
    assert [(h.state, h.rule) for h in holdings] == [
        ("unresolved", "rights: no recording on file for index id asset-R9")
    ]


def test_an_index_id_is_found_by_isrc_where_it_is_not_on_file() -> None:
    rights = some_rights(recording_fields={"R1": {"index_id": "", "isrc": "USRC17607839"}})
    (holding,) = held(a_match("R1", a_passage(0, 9_000), isrc="USRC17607839"), rights=rights)
    assert (holding.claimant.name, holding.state) == ("R1", "")


def test_an_index_id_of_two_recordings_is_unresolved_and_names_them() -> None:
    rights = some_rights({"R1": ["W1"], "R2": ["W1"]}, recording_fields={"R2": {"index_id": "asset-R1"}})
    holdings = held(a_match("R1", a_passage(0, 9_000)), rights=rights)
    assert [(h.layer, h.state, h.claimant.recording_ids) for h in holdings] == [
        ("recording", "unresolved", ("R1", "R2")),
        ("composition", "", ("R1", "R2")),
    ]
    assert holdings[0].rule == "rights: index id asset-R1 may be any of R1, R2"


def test_a_place_in_the_recording_follows_the_line_of_the_match() -> None:
    segment = a_passage(1_000, 11_000, 50_000, recording_end_ms=55_000, **STRONG)
    holdings = held(a_match("R1", segment), a_match("R2", a_passage(2_000, 4_000, aligned_landmarks=1)))
    assert [(s.recording_start_ms, s.recording_end_ms) for s in holdings[0].passages] == [
        (50_000, 50_500),
        (50_500, 51_500),
        (51_500, 55_000),
    ]


WORKS = {"R1": ["W1"], "R2": ["W1"], "R3": ["W1"], "R4": ["W4"], "R5": ["W4", "W5"]}
RIGHTS = some_rights(WORKS, owner_of={"R1": "P-A", "R2": "P-A"}, parts=[a_part("R4", "R1", 5, 20)])

passages = st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(0, 30)).flatmap(
    lambda t: st.builds(
        lambda landmarks, also: a_passage(t[0], t[0] + t[1], t[2], aligned_landmarks=landmarks, also_fits=also),
        st.integers(0, 12),
        st.lists(st.sampled_from(["asset-R1", "asset-R3", "asset-R9"]), max_size=1),
    )
)
scans = st.lists(
    st.builds(
        lambda r, layer, found: a_match(r, *found, layer=layer),
        st.sampled_from([*WORKS, "R9"]),
        st.sampled_from(["recording", "recording", "composition"]),
        st.lists(passages, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=5,
)
policies = st.builds(
    a_policy,
    decide_by=st.sampled_from(["evidence", "split", "unresolved"]),
    otherwise=st.sampled_from(["split", "unresolved"]),
    composition=st.sampled_from(["fill", "ignore"]),
    evidence_factor=st.sampled_from([Decimal(1), Decimal("1.5"), Decimal(4)]),
)


def claims_in(matches: Sequence[dict[str, Any]]) -> list[Claim]:
    return claims_of(scanned(*matches), RIGHTS, Owners(RIGHTS))[0]


def millisecond_by_millisecond(claims: Sequence[Claim], policy: Policy) -> Counter[tuple[str, ...]]:
    """The obvious twin: asks the rules afresh for every millisecond; returns milliseconds by who has them."""
    owners = Owners(RIGHTS)
    found: Counter[tuple[str, ...]] = Counter()
    for time in range(min(c.start_ms for c in claims), max(c.end_ms for c in claims)):
        here = [c for c in claims if c.start_ms <= time < c.end_ms]
        pool = [c for c in here if c.layer == "recording"]
        if not pool:
            pool = here if policy.overlap.composition == "fill" else []
        if not pool:
            continue
        evidence: dict[object, Fraction] = {}
        names: dict[object, set[str]] = {}
        for c in pool:
            same = owners.key(c.claimant.key) if c.layer == "recording" and not c.claimant.problem else None
            key = c.claimant.key if same is None else same
            evidence[key] = max(evidence.get(key, Fraction(0)), c.evidence)
            names.setdefault(key, set()).add(c.claimant.key)
        best = max(evidence.values())
        left = {
            key
            for key, e in evidence.items()
            if policy.overlap.decide_by != "evidence"
            or e == best
            or e * Fraction(policy.overlap.evidence_factor) > best
        }
        asked = policy.overlap.otherwise if policy.overlap.decide_by == "evidence" else policy.overlap.decide_by
        outcome = "one" if len(left) == 1 else asked
        found[(pool[0].layer, outcome)] += 1
    return found


@given(matches=scans, policy=policies)
def test_every_layer_adds_up_to_the_union_of_its_passages(matches: list[dict[str, Any]], policy: Policy) -> None:
    claims = claims_in(matches)
    holdings = resolve_overlaps(claims, policy, Owners(RIGHTS))
    by_layer = {
        layer: {t for c in claims if c.layer == layer for t in range(c.start_ms, c.end_ms)}
        for layer in ("recording", "composition")
    }
    attributed = Counter[str]()
    beside = 0
    for holding in holdings:
        attributed[holding.layer] += holding.attributed_us
        if any("the recording is unresolved" in note for note in holding.notes):
            beside += holding.attributed_us
    rest = by_layer["composition"] - by_layer["recording"] if policy.overlap.composition == "fill" else set()
    assert attributed["recording"] == 1000 * len(by_layer["recording"])
    assert attributed["composition"] - beside == 1000 * len(rest)
    assert beside <= attributed["recording"]


@given(matches=scans, policy=policies)
def test_the_sweep_decides_as_its_obvious_twin_does(matches: list[dict[str, Any]], policy: Policy) -> None:
    claims = claims_in(matches)
    twin = millisecond_by_millisecond(claims, policy)
    holdings = resolve_overlaps(claims, policy, Owners(RIGHTS))
    contested = sum(h.attributed_us for h in holdings if h.rule.startswith("overlap.") and h.state == "unresolved")
    expected = sum(n for (_, outcome), n in twin.items() if outcome == "unresolved")
    assert contested == 1000 * expected
    assert sum(h.attributed_us for h in holdings if h.layer == "recording") == 1000 * sum(
        n for (layer, _), n in twin.items() if layer == "recording"
    )


@given(matches=scans, policy=policies, data=st.data())
def test_the_order_of_the_matches_makes_no_difference(
    matches: list[dict[str, Any]], policy: Policy, data: st.DataObject
) -> None:
    def shown(order: Sequence[dict[str, Any]]) -> list[object]:
        holdings = resolve_overlaps(claims_in(order), policy, Owners(RIGHTS))
        return [(h.layer, h.claimant, h.state, h.rule, h.notes, h.attributed_us, _joined(h)) for h in holdings]

    assert shown(matches) == shown(data.draw(st.permutations(matches)))


def _joined(holding: Holding) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return passages joined where only the number of the passage cuts them: two equal passages may change places."""
    joined: list[tuple[int, int, tuple[str, ...]]] = []
    for passage in holding.passages:
        start = passage.start_ms
        if joined and joined[-1][1:] == (start, passage.contenders):
            start = joined.pop()[0]
        joined.append((start, passage.end_ms, passage.contenders))
    return joined


@given(matches=scans, policy=policies)
def test_every_segment_ends_in_a_holding_and_spans_do_not_overlap(
    matches: list[dict[str, Any]], policy: Policy
) -> None:
    claims = claims_in(matches)
    holdings = resolve_overlaps(claims, policy, Owners(RIGHTS))
    assert {c.number for c in claims} == {c.number for h in holdings for c in h.claims}
    for holding in holdings:
        ends = [0, *(end for passage in holding.passages for end in (passage.start_ms, passage.end_ms))]
        assert ends == sorted(ends)
