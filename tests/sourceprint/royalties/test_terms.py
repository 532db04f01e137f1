"""Terms: every rule is kept to the millisecond, and a breach is named with value and limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.licences import Amendment, Conditions, Licence, RateCard, Scope
from sourceprint.royalties.rights.records import MASTER, RecordingWork, RightsRecording
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.territories import EVERYWHERE, Territories
from sourceprint.royalties.uses.terms import LicenceTerms, ShareOutcome, longest_passage_ms
from sourceprint.royalties.uses.use import Use, UsePassage


def licence(licence_id: str = "LIC-1", **fields: Any) -> Licence:
    base = Licence(
        id=licence_id,
        licensor="P-LABEL",
        licensee="P-GEN",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        purposes=("generate",),
        territories=EVERYWHERE,
        scope=Scope(everything=True),
        conditions=Conditions(),
        rate_card=RateCard("EUR", ((MASTER, 600_000), ("MechanicalRight", 400_000)), royalty_millionths=100_000),
    )
    return replace(base, **fields)


def passages(*times: tuple[int, int]) -> tuple[UsePassage, ...]:
    return tuple(UsePassage(start, end, start, end, (), number) for number, (start, end) in enumerate(times))


def use(*times: tuple[int, int], **fields: Any) -> Use:
    counted = times or ((0, 10_000),)
    base = Use(
        id="U1",
        track_sha256="0" * 64,
        track_name="track.wav",
        track_ms=60_000,
        generated_on="2026-08-02",
        purpose="generate",
        licensee="P-GEN",
        layer="recording",
        index_id="asset-R1",
        recording_id="R1",
        work_ids=("W1",),
        passages=passages(*counted),
        matched_ms=sum(end - start for start, end in counted),
        attributed_us=1000 * sum(end - start for start, end in counted),
        aligned_landmarks=100,
        confidence=Decimal("0.999"),
        p_false=Decimal("0.000001"),
        state="claimed",
        state_rule="",
        territories=("DE",),
        candidates=(),
        policy_digest="",
        index_digest="",
        rights_revision=1,
    )
    return replace(base, **fields)


def rights(*licences: Licence, vocals: str = "no") -> Rights:
    recording = RightsRecording("R1", "One", label="Blue Label", vocals=vocals, tags=("catalogue-a", "vip"))
    return Rights.of(recordings=[recording], links=[RecordingWork("R1", "W1")], licences=licences)


def master(one_use: Use, on_file: Rights, territory: str = "DE", party_id: str = "P-1") -> ShareOutcome:
    """Return the outcome of a share of the master; of a composition alone, of a right in W1."""
    terms = LicenceTerms(on_file).of(one_use, territory)
    if one_use.layer == "composition":
        return terms.outcome("MechanicalRight", "W1", (party_id,))
    return terms.outcome(MASTER, one_use.recording_id, (party_id,))


def rule(one_use: Use, *licences: Licence, vocals: str = "no", territory: str = "DE") -> tuple[str, str]:
    """Return licence and rule of the only outcome; "" is licensed."""
    outcome = master(one_use, rights(*licences, vocals=vocals), territory)
    assert (outcome.outcome == "licensed") == (len(outcome.licence_ids) == 1 and outcome.rule == "")
    return " ".join(outcome.licence_ids), outcome.rule


def test_a_licence_that_keeps_all_rules_permits_in_every_territory() -> None:
    for territory in ("US", "DE", "Worldwide"):
        assert master(use(), rights(licence()), territory) == ShareOutcome("licensed", ("LIC-1",), "")


@pytest.mark.parametrize(
    "scope",
    [
        Scope(recordings=("R0", "R1")),
        Scope(tags=("vip",)),
        Scope(labels=("Blue Label",)),
        Scope(everything=True),
    ],
)
def test_each_way_to_name_a_recording_covers_it(scope: Scope) -> None:
    assert rule(use(), licence(scope=scope)) == ("LIC-1", "")


@pytest.mark.parametrize(
    "scope", [Scope(recordings=("R2",)), Scope(works=("W1",)), Scope(tags=("VIP",)), Scope(labels=("Blue",))]
)
def test_a_licence_for_something_else_is_no_licence(scope: Scope) -> None:
    assert master(use(), rights(licence(scope=scope))) == ShareOutcome("no_licence")


def test_a_licence_of_another_licensee_is_no_licence() -> None:
    assert master(use(), rights(licence(licensee="P-OTHER"))) == ShareOutcome("no_licence")


def test_a_use_of_the_composition_alone_is_covered_by_its_works_only() -> None:
    alone = use(layer="composition", recording_id="")
    assert rule(alone, licence(scope=Scope(works=("W1",)))) == ("LIC-1", "")
    assert rule(alone, licence(scope=Scope(recordings=("R1",), tags=("vip",), labels=("Blue Label",)))) == ("", "")


def test_a_recording_without_label_is_not_covered_by_a_licence_that_names_an_empty_one() -> None:
    nameless = Rights.of(recordings=[RightsRecording("R1", "One")], licences=[licence(scope=Scope(labels=("",)))])
    assert master(use(), nameless).outcome == "no_licence"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"valid_to": date(2026, 6, 30)}, "LIC-1: expired on 2026-06-30, generated 2026-08-02"),
        ({"valid_to": date(2026, 8, 1)}, "LIC-1: expired on 2026-08-01, generated 2026-08-02"),
        ({"valid_to": date(2026, 8, 2)}, ""),
        ({"valid_to": None}, ""),
        ({"valid_from": date(2026, 8, 2)}, ""),
        ({"valid_from": date(2026, 8, 3)}, "LIC-1: in force from 2026-08-03, generated 2026-08-02"),
        ({"purposes": ("reference-audio", "train")}, "LIC-1: permits reference-audio, train, made for generate"),
        ({"territories": Territories(("FR",))}, "LIC-1: holds in FR, used in DE"),
        (
            {"territories": Territories(("Worldwide",), ("DE",))},
            "LIC-1: holds in Worldwide less DE, used in DE",
        ),
    ],
)
def test_dates_purpose_and_territory_are_kept_to_the_day(fields: dict[str, Any], words: str) -> None:
    assert rule(use(), licence(**fields)) == ("LIC-1", words)


def test_worldwide_use_needs_a_licence_without_exclusions() -> None:
    excluding = licence(territories=Territories(("Worldwide",), ("US",)))
    assert rule(use(), excluding, territory="Worldwide")[1] == "LIC-1: holds in Worldwide less US, used in Worldwide"
    many = licence(territories=Territories(("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI") * 5))
    assert len(rule(use(), many, territory="US")[1]) < 130


@pytest.mark.parametrize(
    ("conditions", "times", "words"),
    [
        (Conditions(max_consecutive_ms=15_000), ((0, 15_000),), ""),
        (
            Conditions(max_consecutive_ms=15_000),
            ((0, 15_001),),
            "LIC-1: max_consecutive_seconds 15: 15.001 s of R1 in a row",
        ),
        (
            Conditions(max_consecutive_ms=15_000),
            ((0, 10_000), (10_050, 21_300)),
            "LIC-1: max_consecutive_seconds 15: 21.3 s of R1 in a row",
        ),
        (Conditions(max_consecutive_ms=15_000), ((0, 10_000), (10_051, 21_300)), ""),
        (Conditions(max_consecutive_ms=0), ((5, 6),), "LIC-1: max_consecutive_seconds 0: 0.001 s of R1 in a row"),
        (Conditions(max_total_ms=30_500), ((0, 20_000), (25_000, 35_500)), ""),
        (
            Conditions(max_total_ms=30_500),
            ((0, 20_000), (25_000, 35_501)),
            "LIC-1: max_total_seconds 30.5: 30.501 s of R1",
        ),
        (Conditions(max_share_of_track_millionths=500_000), ((0, 30_000),), ""),
        (
            Conditions(max_share_of_track_millionths=500_000),
            ((0, 30_001),),
            "LIC-1: max_share_of_track 50 %: 30.001 s of R1 in a track of 60 s",
        ),
    ],
)
def test_limits_of_time_are_kept_to_the_millisecond(
    conditions: Conditions, times: tuple[tuple[int, int], ...], words: str
) -> None:
    assert rule(use(*times), licence(conditions=conditions)) == ("LIC-1", words)


def test_a_microsecond_too_much_is_too_much() -> None:
    limited = licence(conditions=Conditions(max_total_ms=10_000))
    assert rule(use(attributed_us=10_000_000), limited)[1] == ""
    assert rule(use(attributed_us=10_000_001), limited)[1] == "LIC-1: max_total_seconds 10: 10.000001 s of R1"


@pytest.mark.parametrize(
    ("vocals", "words"),
    [
        ("no", ""),
        ("yes", "LIC-1: no_vocals: R1 has vocals"),
        ("", "LIC-1: no_vocals: whether R1 has vocals is not known"),
    ],
)
def test_a_recording_not_known_to_have_no_vocals_is_outside(vocals: str, words: str) -> None:
    assert rule(use(), licence(conditions=Conditions(no_vocals=True)), vocals=vocals) == ("LIC-1", words)


def test_a_use_of_the_composition_alone_has_no_vocals_but_an_unknown_recording_may() -> None:
    silent = licence(conditions=Conditions(no_vocals=True))
    assert rule(use(layer="composition", recording_id=""), silent)[1] == ""
    assert rule(use(recording_id=""), silent)[1] == "LIC-1: no_vocals: whether W1 has vocals is not known"


def test_several_that_permit_hold_the_share_and_all_are_named() -> None:
    blanket, direct = licence("LIC-2"), licence("LIC-1", valid_from=date(2026, 2, 1), scope=Scope(recordings=("R1",)))
    assert master(use(), rights(blanket, direct)) == ShareOutcome(
        "held", ("LIC-1", "LIC-2"), "LIC-1 and LIC-2 permit it, and no precedence says which of them pays"
    )


@pytest.mark.parametrize(("first", "second", "pays"), [(None, 0, "LIC-2"), (3, 2, "LIC-1"), (1, None, "LIC-1")])
def test_the_higher_precedence_pays_and_a_stated_one_goes_before_none(
    first: int | None, second: int | None, pays: str
) -> None:
    assert rule(use(), licence("LIC-1", precedence=first), licence("LIC-2", precedence=second)) == (pays, "")


def test_equal_precedence_holds_the_share() -> None:
    equal = [licence(f"LIC-{number}", precedence=2) for number in (1, 2)]
    assert master(use(), rights(*equal, licence("LIC-3", precedence=1))).licence_ids == ("LIC-1", "LIC-2")


def test_a_licence_covers_the_rights_of_its_rate_card_and_the_parties_of_its_scope() -> None:
    card = RateCard("EUR", ((MASTER, 1_000_000),), royalty_millionths=1)
    label = licence("LIC-L", scope=Scope(recordings=("R1",)), rate_card=card)
    works = RateCard("EUR", (("MechanicalRight", 500_000), ("PerformingRight", 500_000)), royalty_millionths=1)
    publisher = licence("LIC-P", scope=Scope(works=("W1",), parties=("P-PUB", "P-WRITER")), rate_card=works)
    terms = LicenceTerms(rights(label, publisher)).of(use(), "DE")
    assert terms.outcome(MASTER, "R1", ("P-LABEL",)) == ShareOutcome("licensed", ("LIC-L",))
    assert terms.outcome("MechanicalRight", "W1", ("P-WRITER",)) == ShareOutcome("licensed", ("LIC-P",))
    assert terms.outcome("MechanicalRight", "W1", ("P-OTHER",)) == ShareOutcome("no_licence")
    assert terms.outcome("MechanicalRight", "W1", ("",)) == ShareOutcome("no_licence")
    assert terms.outcome("PrintRight", "W1", ("P-PUB",)) == ShareOutcome("no_licence")
    assert terms.outcome("MechanicalRight", "W2", ("P-PUB",)) == ShareOutcome("no_licence")
    # Who claims too much together is held under the licence of any of them.
    assert terms.outcome("PerformingRight", "W1", ("P-OTHER", "P-PUB")) == ShareOutcome("licensed", ("LIC-P",))


def test_works_are_covered_through_the_recording_by_which_they_are_used() -> None:
    both = RateCard("EUR", ((MASTER, 500_000), ("MechanicalRight", 500_000)), royalty_millionths=1)
    on_file = rights(licence(scope=Scope(labels=("Blue Label",)), rate_card=both))
    assert LicenceTerms(on_file).of(use(), "DE").outcome("MechanicalRight", "W1", ("P-1",)).outcome == "licensed"
    alone = LicenceTerms(on_file).of(use(layer="composition", recording_id=""), "DE")
    assert alone.outcome("MechanicalRight", "W1", ("P-1",)) == ShareOutcome("no_licence")


def test_an_amendment_holds_for_tracks_generated_from_its_day_on() -> None:
    wider = licence(territories=Territories(("DE", "FR")))
    amended = replace(licence(territories=Territories(("DE",))), amendments=(Amendment(date(2026, 7, 1), wider),))
    assert rule(use(generated_on="2026-06-30"), amended, territory="FR") == ("LIC-1", "LIC-1: holds in DE, used in FR")
    assert rule(use(generated_on="2026-07-01"), amended, territory="FR") == ("LIC-1", "")


def test_repeated_questions_are_answered_the_same_for_other_conditions_and_days() -> None:
    short = licence("LIC-1", conditions=Conditions(max_total_ms=5_000))
    on_file = LicenceTerms(rights(short, licence("LIC-2", valid_to=date(2026, 8, 2), precedence=1)))
    uses = [use(id="U1"), use((0, 4_000), id="U2", generated_on="2026-08-03"), use(id="U3", generated_on="2026-08-03")]
    for _ in range(2):
        found = [on_file.of(one, "DE").outcome(MASTER, "R1", ("P-1",)) for one in uses]
        assert [(one.outcome, one.licence_ids) for one in found] == [
            ("licensed", ("LIC-2",)),
            ("licensed", ("LIC-1",)),
            ("outside_licence", ("LIC-1",)),
        ]


def test_a_use_that_breaks_a_condition_leaves_the_others_of_its_recording_as_they_are() -> None:
    terms = LicenceTerms(rights(licence(conditions=Conditions(max_total_ms=15_000))))
    uses = [use((0, 1000 * seconds), id=f"U{number}") for number, seconds in enumerate((10, 20, 12, 25, 20, 10))]
    said = [terms.of(one, "DE").outcome(MASTER, "R1", ("P-1",)) for one in uses]
    assert [one.outcome for one in said] == ["licensed", "outside_licence"] * 2 + ["outside_licence", "licensed"]
    assert [one.rule for one in said if one.rule] == [
        f"LIC-1: max_total_seconds 15: {seconds} s of R1" for seconds in (20, 25, 20)
    ]


def test_one_that_permits_wins_over_a_later_one_that_does_not() -> None:
    later = licence("LIC-2", valid_from=date(2026, 7, 1), conditions=Conditions(max_total_ms=1))
    assert rule(use(), licence("LIC-1"), later) == ("LIC-1", "")


def test_where_none_permits_the_one_that_comes_furthest_is_named() -> None:
    expired = licence("LIC-1", valid_to=date(2026, 6, 30))
    elsewhere = licence("LIC-2", territories=Territories(("US",)))
    short = licence("LIC-3", conditions=Conditions(max_total_ms=1000))
    assert rule(use(), expired, elsewhere, short)[0] == "LIC-3"
    assert rule(use(), expired, elsewhere)[0] == "LIC-2"
    assert rule(use(), expired, elsewhere, short, territory="US") == ("LIC-2", "")


def test_a_replaced_licence_ends_when_its_successor_begins() -> None:
    old = licence("LIC-1", valid_to=None)
    new = licence("LIC-2", valid_from=date(2026, 7, 1), replaces="LIC-1", conditions=Conditions(max_total_ms=1000))
    assert rule(use(), old, new) == ("LIC-2", "LIC-2: max_total_seconds 1: 10 s of R1")
    assert rule(use(generated_on="2026-06-30"), old, new) == ("LIC-1", "")
    elsewhere = replace(new, scope=Scope(recordings=("R9",)))
    assert rule(use(), old, elsewhere) == ("LIC-1", "LIC-1: replaced by LIC-2 from 2026-07-01, generated 2026-08-02")


def test_a_successor_that_begins_earlier_or_for_another_licensee_replaces_nothing() -> None:
    old = licence("LIC-1")
    assert rule(use(), old, licence("LIC-2", valid_from=date(2025, 7, 1), replaces="LIC-1"))[0] == "LIC-1 LIC-2"
    assert rule(use(), old, licence("LIC-2", licensee="P-OTHER", replaces="LIC-1"))[0] == "LIC-1"


def test_unknown_territories_and_days_are_refused() -> None:
    with pytest.raises(ParameterError, match="territory 'UK'"):
        master(use(), rights(licence()), "UK")
    with pytest.raises(ParameterError, match="generated_on of use U1 '2026-02-30': there is no such day"):
        master(use(generated_on="2026-02-30"), rights(licence()))


def test_a_use_without_spans_has_no_passage() -> None:
    assert longest_passage_ms(replace(use(), passages=())) == 0


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            licence,
            st.sampled_from(["LIC-1", "LIC-2", "LIC-3", "LIC-4"]),
            valid_from=st.dates(date(2026, 7, 1), date(2026, 9, 1)),
            valid_to=st.none(),
            replaces=st.sampled_from(["", "LIC-1", "LIC-2"]),
            territories=st.sampled_from([EVERYWHERE, Territories(("DE",)), Territories(("Worldwide",), ("DE",))]),
            conditions=st.sampled_from([Conditions(), Conditions(max_total_ms=1), Conditions(no_vocals=True)]),
        ),
        unique_by=lambda one: one.id,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_licences_and_territories_plays_no_part(licences: list[Licence], random: Any) -> None:
    expected = [master(use(), rights(*licences, vocals="yes"), territory) for territory in ("DE", "FR", "US")]
    random.shuffle(licences)
    shuffled = Rights(
        recordings=rights(vocals="yes").recordings, licences={one.id: one for one in licences}
    )  # not even sorted by id
    assert [master(use(), shuffled, territory) for territory in ("DE", "FR", "US")] == expected
