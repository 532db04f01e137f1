"""Checks of the rights: every kind of mistake is found, named and nothing else; sums hold on every day, everywhere."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.checks import Records, check_rights, check_shares
from sourceprint.royalties.rights.findings import (
    KINDS,
    SEVERITIES,
    Finding,
    find_circles,
    finding_to_json,
    findings_text,
)
from sourceprint.royalties.rights.licences import Conditions, Licence, RateCard, Scope
from sourceprint.royalties.rights.records import (
    MASTER,
    WHOLE,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.share_sums import REST_OF_THE_WORLD, sums_of_shares
from sourceprint.royalties.territories import COUNTRIES, EVERYWHERE, Territories

GERMANY = Territories(("DE",))
WORLD_BUT_US = Territories(("Worldwide",), ("US",))
PARTIES = [Party("P1", "Anna"), Party("P2", "Bo"), Party("P3", "P3")]


def share(share_id: str, party_id: str = "P1", millionths: int = WHOLE, **fields: Any) -> Share:
    return Share(share_id, **{"subject_id": "R1", "right": MASTER, **fields}, party_id=party_id, millionths=millionths)


def licence(licence_id: str, **fields: Any) -> Licence:
    defaults: dict[str, Any] = {
        "licensor": "P1",
        "licensee": "P2",
        "scope": Scope(everything=True),
        "valid_from": date(2026, 1, 1),
        "valid_to": None,
        "purposes": ("generate",),
        "territories": EVERYWHERE,
        "conditions": Conditions(),
        "rate_card": RateCard("EUR", ((MASTER, WHOLE),), royalty_millionths=100_000),
    }
    return Licence(id=licence_id, **{**defaults, **fields})


def test_a_work_in_dispute_is_found() -> None:
    findings = list(check_rights(sound(works=[Work("W1", "One", iswc="T0345246801", disputed="yes")])))
    assert [(one.kind, one.severity, one.subject) for one in findings] == [("disputed", "warning", "work W1")]


def sound(**fields: Any) -> Records:
    """Return sound records, with some tables replaced by `fields`."""
    defaults: dict[str, Any] = {
        "parties": PARTIES,
        "recordings": [
            RightsRecording("R1", "One", isrc="USRC17607839", index_id="asset-1", label="Blue", tags=("a",))
        ],
        "works": [Work("W1", "One", iswc="T0345246801")],
        "links": [RecordingWork("R1", "W1")],
        "master_shares": [share("S1")],
        "work_shares": [share("S2", subject_id="W1", right="MechanicalRight")],
        "licences": [licence("L1", scope=Scope(recordings=("R1",), works=("W1",), tags=("a",), labels=("Blue",)))],
    }
    return Records(**{**defaults, **fields})


def found(**fields: Any) -> list[tuple[str, str, str]]:
    """Return kind, severity and sentence of each finding in otherwise sound records."""
    index_ids = fields.pop("index_ids", {"asset-1": "USRC17607839"})
    findings = list(check_rights(sound(**fields), index_ids=index_ids))
    assert all(finding.kind in KINDS and finding.severity in SEVERITIES and finding.remedy for finding in findings)
    return [(finding.kind, finding.severity, finding.sentence) for finding in findings]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found() == []
    assert list(findings_text([])) == ["no findings"]


def test_an_overclaim_names_right_territory_days_and_parties() -> None:
    shares = [
        share("S1", "P1", 600_000),
        share("S2", "P2", 500_000, valid_from=date(2026, 1, 1), valid_to=date(2026, 6, 30), territories=GERMANY),
        share("S3", "P3", 400_000),
    ]
    assert found(master_shares=shares) == [
        (
            "overclaim",
            "error",
            "Master of recording R1 in DE from 2026-01-01 to 2026-06-30: shares sum to 150 %: P1 (Anna) 60 %, P2 (Bo) "
            "50 %, P3 40 %",
        )
    ]


def test_an_overclaim_of_a_millionth_is_one() -> None:
    (finding,) = check_shares("work", [share("S1"), share("S2", "P2", 1)], {})
    assert finding.sentence.startswith("Master of work R1 worldwide: shares sum to 100.0001 %: P1 100 %, P2 0.0001 %")
    assert finding.remedy == "correct or end some of S1, S2; until then statements hold these amounts"


def test_shares_of_different_rights_or_days_or_territories_do_not_add_up() -> None:
    shares = [
        share("S1", valid_to=date(2025, 12, 31), territories=WORLD_BUT_US),
        share("S2", "P2", valid_from=date(2026, 1, 1), territories=WORLD_BUT_US),
        share("S3", "P3", territories=Territories(("US",))),
        share("S4", right="PrintRight"),
    ]
    assert found(master_shares=shares) == []


def test_shares_without_a_known_party_are_unclaimed() -> None:
    shares = [share("S1", "P1", 500_000), share("S2", "", 250_000)]
    assert found(master_shares=shares) == [
        (
            "unclaimed",
            "warning",
            "Master of recording R1 worldwide: 50 % is unclaimed: P1 (Anna) 50 %, not known 25 %",
        )
    ]


def test_where_and_when_nothing_is_on_file_any_more_is_noted_but_not_before() -> None:
    shares = [share("S1", valid_from=date(2020, 1, 1), valid_to=date(2025, 12, 31), territories=GERMANY)]
    assert found(master_shares=shares) == [
        (
            "unclaimed",
            "note",
            "Master of recording R1 in the rest of the world from 2020-01-01 on: nothing is on file",
        ),
        ("unclaimed", "note", "Master of recording R1 in DE from 2026-01-01 on: nothing is on file"),
    ]


def test_subjects_without_shares_and_recordings_without_works_are_found() -> None:
    kinds = found(
        recordings=[
            RightsRecording("R1", "One", index_id="asset-1", label="Blue", tags=("a",)),
            RightsRecording("R2", "Two"),
        ],
        works=[Work("W1", "One"), Work("W2", "Two")],
    )
    assert [(kind, severity) for kind, severity, _ in kinds] == [
        ("no_shares", "warning"),
        ("no_shares", "warning"),
        ("no_work", "warning"),
    ]
    assert [sentence.split(":")[0] for _, _, sentence in kinds] == [
        "recording R2 has no shares",
        "work W2 has no shares",
        "recording R2 performs no work on file",
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"links": [RecordingWork("R1", "W1"), RecordingWork("R1", "W9")]},
            "link of recording R1 to work W9 names work 'W9', which is not on file",
        ),
        (
            {"links": [RecordingWork("R1", "W1"), RecordingWork("R9", "W1")]},
            "link of recording R9 to work W1 names recording 'R9', which is not on file",
        ),
        (
            {"parts": [RecordingPart("R1", "R9", 0, 1000)]},
            "part of recording R1 at 0 ms names recording 'R9', which is not on file",
        ),
        (
            {"master_shares": [share("S1"), share("S9", subject_id="R9")]},
            "share S9 names recording 'R9', which is not on file",
        ),
        ({"master_shares": [share("S1", "P9")]}, "share S1 names party 'P9', which is not on file"),
        ({"licences": [licence("L1", licensee="P9")]}, "licence L1 names party 'P9', which is not on file"),
        ({"licences": [licence("L1", replaces="L0")]}, "licence L1 names licence 'L0', which is not on file"),
        (
            {"licences": [licence("L1", scope=Scope(recordings=("R1", "R9")))]},
            "licence L1 names recording 'R9', which is not on file",
        ),
        (
            {"licences": [licence("L1", scope=Scope(works=("W9",)))]},
            "licence L1 names work 'W9', which is not on file",
        ),
    ],
)
def test_every_dead_link_is_found(fields: dict[str, Any], sentence: str) -> None:
    assert found(**fields) == [("dead_link", "error", sentence)]


def test_tags_and_labels_that_no_recording_has_are_noted() -> None:
    assert found(licences=[licence("L1", scope=Scope(tags=("b",), labels=("blue",)))]) == [
        ("dead_link", "note", "licence L1 covers tag 'b', which no recording has"),
        ("dead_link", "note", "licence L1 covers label 'blue', which no recording has"),
    ]


def test_codes_and_index_ids_that_stand_twice_are_found() -> None:
    recordings = [
        RightsRecording(recording_id, "One", isrc="USRC17607839", index_id="asset-1", label="Blue", tags=("a",))
        for recording_id in ("R1", "R2")
    ]
    works = [Work("W1", "One", iswc="T0345246801"), Work("W2", "One", iswc="T0345246801")]
    kinds = found(
        recordings=recordings,
        works=works,
        links=[RecordingWork("R1", "W1"), RecordingWork("R2", "W2")],
        master_shares=[share("S1"), share("S3", subject_id="R2")],
        work_shares=[share("S2", subject_id="W1"), share("S4", subject_id="W2")],
    )
    assert kinds == [
        ("duplicate_isrc", "warning", "recordings R1 and R2 have the same ISRC USRC17607839"),
        (
            "duplicate_index_id",
            "error",
            "recordings R1 and R2 have the same id asset-1 in the index: its matches can be assigned to neither",
        ),
        ("duplicate_iswc", "warning", "works W1 and W2 have the same ISWC T-034.524.680-1"),
    ]


def test_circles_of_recordings_and_of_licences_are_found() -> None:
    kinds = found(
        parts=[RecordingPart("R1", "R1", 0, 1)],
        licences=[
            licence("L1", replaces="L3"),
            licence("L2", replaces="L1"),
            licence("L3", replaces="L2"),
            licence("L4", replaces="L3"),
        ],
    )
    assert kinds == [
        ("circle", "error", "recordings contain each other in a circle: R1 -> R1"),
        ("circle", "error", "licences replace each other in a circle: L1 -> L3 -> L2 -> L1"),
    ]


def test_shares_that_end_before_they_begin_are_found_and_hold_on_no_day() -> None:
    backwards = share("S1", valid_from=date(2026, 2, 1), valid_to=date(2026, 1, 1))
    assert found(master_shares=[backwards, share("S3", "P2")]) == [
        (
            "reversed_dates",
            "error",
            "share S1 of recording R1 begins on 2026-02-01 and ends on 2026-01-01: it holds on no day",
        )
    ]


def test_index_and_rights_are_compared_both_ways_by_id_and_by_isrc() -> None:
    assert found(index_ids={"other-id": "USRC17607839", "x": "USRC17607840", "y": ""}) == [
        ("not_in_index", "warning", "recording R1 has the id asset-1 in the index, but the index does not have it"),
        (
            "not_in_rights",
            "warning",
            "x is in the index, but no recording on file has its id or its ISRC: its matches are paid to nobody",
        ),
        (
            "not_in_rights",
            "warning",
            "y is in the index, but no recording on file has its id: its matches are paid to nobody",
        ),
    ]
    assert found(index_ids=None) == []


def test_shares_that_are_not_in_order_are_refused_rather_than_summed_up_wrongly() -> None:
    shares = [share("S1", millionths=500_000), share("S2", subject_id="R0"), share("S3", millionths=500_000)]
    with pytest.raises(ParameterError, match="shares of recording R1 do not follow each other"):
        found(master_shares=shares)


def test_findings_print_one_line_each_and_are_plain_json() -> None:
    finding = Finding("no_work", "warning", "recording R\n1", "recording R\n1 performs no work", "link it")
    assert list(findings_text([finding, finding])) == [
        r"warning: no_work: recording R\n1 performs no work; link it",
        r"warning: no_work: recording R\n1 performs no work; link it",
        "2 findings: 0 errors, 2 warnings, 0 notes",
    ]
    assert json.loads(json.dumps(finding_to_json(finding)))["subject"] == "recording R\n1"


def test_many_recordings_without_a_work_are_one_line_with_their_number() -> None:
    alike = [Finding("no_work", "warning", f"recording R{n}", f"R{n} performs no work", "link it") for n in range(500)]
    other = Finding("circle", "error", "recording R1", "a circle", "mend it")
    *shown, last, folded, total = findings_text([*alike, other])
    assert shown == [f"warning: no_work: R{n} performs no work; link it" for n in range(3)]
    assert folded == "warning: no_work: 497 more recordings without a work on file; --jsonl lists all of them"
    assert (last, total) == ("error: circle: a circle; mend it", "501 findings: 1 error, 500 warnings, 0 notes")


def test_many_parties_are_named_in_bounded_length() -> None:
    shares = [share(f"S{number:04d}", f"P{number}", 1000) for number in range(1200)]
    (finding,) = check_shares("work", shares, {})
    assert "and 1192 more" in finding.sentence
    assert len(finding.sentence) < 300


territories = st.sampled_from(
    [EVERYWHERE, GERMANY, WORLD_BUT_US, Territories(("DE", "US"), ("US",)), Territories(("FR", "US"))]
)
days = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 10))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, WHOLE), territories, days, days), max_size=6))
def test_sums_agree_with_asking_every_share_on_every_day_in_every_territory(terms: list[Any]) -> None:
    shares = [
        share(f"S{number}", millionths=millionths, territories=where, valid_from=start, valid_to=end)
        for number, (millionths, where, start, end) in enumerate(terms)
    ]
    holding = [one for one in shares if not (one.valid_from and one.valid_to and one.valid_to < one.valid_from)]
    starts = [one.valid_from or date.min for one in holding]
    sums = sums_of_shares(shares)
    for code in ("DE", "FR", "US", "JP"):
        for day in (date(2025, 12, 30) + timedelta(days=number) for number in range(16)):
            expected = {one.id for one in shares if one.holds(code, day)}
            here = [
                one
                for one in sums
                if (one.valid_from or date.min) <= day <= (one.valid_to or date.max)
                and (code in one.territories or not any(code in other.territories for other in sums))
                and (code in one.territories or one.territories[-1] in (REST_OF_THE_WORLD, "Worldwide"))
            ]
            if not holding or day < min(starts):
                assert not here
                assert not expected
            else:
                assert len(here) == 1, (code, day, here)
                assert {one.id for one in here[0].shares} == expected


def test_where_every_country_is_named_there_is_no_rest_of_the_world() -> None:
    (one,) = sums_of_shares([share("S1", territories=Territories(tuple(sorted(COUNTRIES))))])
    assert one.on_file == WHOLE
    assert one.where_and_when().endswith(f"and {len(COUNTRIES) - 12} more")


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 8).map(str), st.lists(st.integers(0, 8).map(str), max_size=3), max_size=9))
def test_without_the_circles_found_no_circle_is_left(edges: dict[str, list[str]]) -> None:
    circles = find_circles(edges)
    for circle in circles:
        for node, other in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert other in edges[node]
        assert len(set(circle)) == len(circle)
        assert circle[0] == min(circle)
    members = {node for circle in circles for node in circle}
    left = {node: {other for other in others if other not in members} for node, others in edges.items()}
    left = {node: others for node, others in left.items() if node not in members}
    while leaves := [node for node, others in left.items() if not others & set(left)]:
        for node in leaves:
            del left[node]
    assert not left


def test_a_chain_of_ten_thousand_recordings_is_no_circle_until_it_closes() -> None:
    chain = {str(number): [str(number + 1)] for number in range(10_000)}
    assert find_circles(chain) == []
    assert len(find_circles({**chain, "10000": ["0"]})[0]) == 10_001
